//! fwupd with our plugin, in a folder of a test's own: what it reads and writes is there. And the one who publishes
//! firmware: images, cabinets, a remote.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::files::{Files, root};
use crate::program::{Done, Program};

/// The model of the virtual keys.
pub const MODEL: &str = "org.crescendo.reference-key";

/// A folder with the plugin, its quirks, a trust list, and the keys of a publisher that the virtual keys trust.
#[derive(Debug)]
pub struct Fwupd {
    folder: TempDir,
}

impl Fwupd {
    /// # Panics
    /// When a folder, or the publisher's keys, cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let fwupd = Self { folder: tempfile::tempdir().expect("a folder") };
        for folder in ["plugins", "quirks", "trusted", "state/lib/fwupd", "cache"] {
            fs::create_dir_all(fwupd.path(folder)).expect("the folder takes folders");
        }
        fwupd.install("plugins/libfu_plugin_crescendo.so");
        fs::copy(data("crescendo.quirk"), fwupd.path("quirks/crescendo.quirk")).expect("the quirk file");
        let sim = &Files::get().sim;
        let firmware_key = |words: &[&str]| fwupd.program(sim).arg("firmware-key").args(words).succeed().out;
        fs::write(fwupd.path("vendor.pem"), firmware_key(&[])).expect("the folder takes files");
        fs::write(fwupd.path("trusted/vendor.pem"), firmware_key(&["--public"])).expect("the same");
        fwupd
    }

    /// Something in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts the plugin there under this name.
    ///
    /// # Panics
    /// When it has not been built.
    pub fn install(&self, name: &str) {
        fs::copy(&Files::get().plugin, self.path(name)).expect("the plugin has been built");
    }

    /// A program in the folder, for which fwupd is what is there.
    #[must_use]
    pub fn program(&self, name: impl AsRef<std::ffi::OsStr>) -> Program {
        let prefix = ["env".to_owned(), format!("--chdir={}", self.folder.path().display())];
        Program::new(&prefix, &[], name)
            .env("FWUPD_LIBDIR_PKG", self.path("plugins"))
            .env("FWUPD_DATADIR_QUIRKS", self.path("quirks"))
            .env("FWUPD_LOCALSTATEDIR", self.path("state"))
            .env("FWUPD_LOCKDIR", self.folder.path())
            .env("CACHE_DIRECTORY", self.path("cache"))
            .env("CRESCENDO_FIRMWARE_KEYS", self.path("trusted"))
            .env("CRESCENDO", &Files::get().command)
    }

    /// An image of so many bytes, the same ones each time, signed by the publisher.
    ///
    /// # Panics
    /// When the command refuses.
    #[must_use]
    pub fn image(&self, model: &str, version: &str, counter: u32, size: u32) -> PathBuf {
        let image = self.path(&format!("{model}-{version}-{counter}.img"));
        let payload: Vec<u8> = (0..size).map(|place| (place * 7 + place / 251) as u8).collect();
        fs::write(self.path("payload"), payload).expect("the folder takes files");
        let words = ["firmware", "sign", "--force", "--key", "vendor.pem", "--hardware", "1"];
        let counter = counter.to_string();
        let program = self.program(&Files::get().command).args(&words).args(&["--model", model]);
        let _ = program.args(&["--version", version, "--counter", &counter, "payload"]).arg(&image).succeed();
        image
    }

    /// A cabinet of an image.
    ///
    /// # Panics
    /// When make-cabinet does.
    #[must_use]
    pub fn cabinet(&self, image: &Path) -> PathBuf {
        let cabinet = image.with_extension("cab");
        let words = [
            "--key",
            "trusted/vendor.pem",
            "--certificate",
            "publisher.pem",
            "--private-key",
            "publisher.key",
        ];
        self.publisher();
        let program = self.program(data("make-cabinet")).args(&words).args(&["--date", "2026-01-01"]);
        let _ = program.arg(image).arg(&cabinet).succeed();
        cabinet
    }

    /// A remote: a folder of this name with this cabinet, as it is to be served at this address.
    ///
    /// # Panics
    /// When make-remote does.
    #[must_use]
    pub fn remote(&self, name: &str, url: &str, cabinet: &Path) -> PathBuf {
        let words = [
            "--certificate",
            "publisher.pem",
            "--private-key",
            "publisher.key",
            "--key",
            "trusted/vendor.pem",
        ];
        let program = self.program(data("make-remote")).args(&["--name", name, "--url", url]).args(&words);
        let _ = program.arg(name).arg(cabinet).succeed();
        self.path(name)
    }

    /// The certificate that fwupd is to trust.
    fn publisher(&self) {
        if !self.path("publisher.pem").exists() {
            let words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
            let names = [
                "-subj",
                "/O=Publisher",
                "-addext",
                "keyUsage=digitalSignature",
                "-days",
                "3650",
                "-keyout",
                "publisher.key",
                "-out",
                "publisher.pem",
            ];
            let _ = self.program("openssl").args(&words).args(&names).succeed();
        }
    }

    /// `fwupdtool emulation-load RECORDING CABINET`: updates a key that was recorded. What goes wrong is on standard output
    /// in JSON, everything else in the log on standard error.
    #[must_use]
    pub fn replay(&self, recording: &Path, cabinet: &Path) -> Done {
        let tool = self.program("fwupdtool").args(&[
            "emulation-load",
            "-v",
            "-v",
            "--json",
            "--plugins",
            "crescendo",
        ]);
        tool.arg(recording).arg(cabinet).run()
    }
}

impl Default for Fwupd {
    fn default() -> Self {
        Self::new()
    }
}

/// A file that is shipped with the plugin.
#[must_use]
pub fn data(name: &str) -> PathBuf {
    root().join("fwupd-plugin/data").join(name)
}
