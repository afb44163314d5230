//! The files under test, as they are shipped.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where the files are that a person would install. Built on first use, unless `./dev test` did so already.
#[derive(Debug)]
pub struct Files {
    /// `libcrescendo_pkcs11.so`, or what CRESCENDO_TEST_MODULE names: another module, to try a test itself.
    pub module: PathBuf,
    /// The virtual card.
    pub sim: PathBuf,
    /// The command `crescendo`.
    pub command: PathBuf,
    /// The plugin of fwupd.
    pub plugin: PathBuf,
    /// `libcrescendo.so`, the C interface. Beside it are what it links to, and the archive.
    pub library: PathBuf,
}

impl Files {
    /// The files, the same ones for every test of a process.
    ///
    /// # Panics
    /// When they cannot be built.
    pub fn get() -> &'static Self {
        static FILES: OnceLock<Files> = OnceLock::new();
        FILES.get_or_init(|| {
            let folder = env::var_os("CRESCENDO_TEST_FILES").map_or_else(build, PathBuf::from);
            let module = env::var_os("CRESCENDO_TEST_MODULE").map(PathBuf::from);
            Self {
                module: module.unwrap_or_else(|| folder.join("libcrescendo_pkcs11.so")),
                sim: folder.join("crescendo-sim"),
                command: folder.join("crescendo"),
                plugin: folder.join("libfu_plugin_crescendo.so"),
                library: folder.join("lib/libcrescendo.so"),
            }
        })
    }
}

/// A key, a certificate or a CA file of the virtual cards.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    root().join("crates/sim/fixtures").join(name)
}

/// Cargo itself knows what is out of date. The name of its folder follows from where this test lies.
fn build() -> PathBuf {
    let packages = ["crescendo-pkcs11", "crescendo-sim", "crescendo-cli", "crescendo-fwupd"];
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(["build", "--quiet"]);
    let built = cargo.args(packages.iter().flat_map(|package| ["-p", package])).status().expect("cargo runs");
    assert!(built.success(), "cargo build of {packages:?} failed");
    let built =
        Command::new(root().join("packaging/library.sh")).status().expect("packaging/library.sh runs");
    assert!(built.success(), "packaging/library.sh failed");
    let test = env::current_exe().expect("a test has a name");
    let folder = test.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    folder.expect("tests lie in the target folder").with_file_name("debug")
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace")
}

/// The folder of everything cargo makes: it has the folder that tests lie in.
pub(crate) fn target() -> PathBuf {
    let test = env::current_exe().expect("a test has a name");
    let folder = test.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    folder.and_then(|folder| folder.parent()).expect("tests lie in the target folder").to_owned()
}
