//! The modules that are compared, each in a home of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crescendo_tests::{Files, Lab, Program};

/// After so long a card is shown again to who remembers it, so that no look at its objects falls due in a measurement.
const FRESH: Duration = Duration::from_secs(30);

/// What every contender is called, in the order of all tables.
pub(crate) const NAMES: [&str; 3] = ["Crescendo", "OpenSC", "OpenSC, file cache"];

/// A module with its settings.
pub(crate) struct Contender {
    /// For people.
    pub(crate) name: &'static str,
    /// The shared library.
    pub(crate) module: PathBuf,
    home: PathBuf,
    settings: Option<PathBuf>,
    remembers: bool,
    looked: Option<Instant>,
}

/// Ours alone.
pub(crate) fn ours(lab: &Lab) -> Contender {
    contender(lab, 0, "ours", &Files::get().module, None)
}

/// Ours, and OpenSC's without and with its file cache.
pub(crate) fn contenders(lab: &Lab) -> [Contender; 3] {
    let opensc = opensc(lab);
    let settings = |name: &str, caching: &str| {
        let folder = lab.path(name).join("files");
        let inner = format!("use_file_caching = {caching};\nfile_cache_dir = {};", folder.display());
        lab.file(&format!("{name}.conf"), format!("app default {{\nframework pkcs15 {{\n{inner}\n}}\n}}\n"))
    };
    [
        ours(lab),
        contender(lab, 1, "opensc", &opensc, Some(settings("opensc", "no"))),
        contender(lab, 2, "opensc-cache", &opensc, Some(settings("opensc-cache", "yes"))),
    ]
}

fn contender(lab: &Lab, index: usize, home: &str, module: &Path, settings: Option<PathBuf>) -> Contender {
    let home = lab.path(home);
    fs::create_dir_all(&home).expect("the lab's folder takes files");
    let (name, module) = (NAMES[index], module.to_owned());
    Contender { name, module, home, settings, remembers: index != 1, looked: None }
}

/// Where Debian's package has it.
fn opensc(lab: &Lab) -> PathBuf {
    let files = lab.program("dpkg").args(&["-L", "opensc-pkcs11"]).succeed();
    let module = files.out.lines().find(|file| file.ends_with("/opensc-pkcs11.so"));
    module.expect("opensc-pkcs11 has its module").into()
}

impl Contender {
    /// A program in this contender's home.
    pub(crate) fn program(&self, lab: &Lab, name: impl AsRef<std::ffi::OsStr>) -> Program {
        let homes = ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"];
        let program = homes.iter().fold(lab.program(name), |program, home| program.env(home, &self.home));
        match &self.settings {
            Some(settings) => program.env("OPENSC_CONF", settings),
            None => program,
        }
    }

    /// Forgets every card; a pairing code stays for the login session, which is the lab's.
    pub(crate) fn forget(&mut self) {
        fs::remove_dir_all(&self.home).expect("it was made");
        fs::create_dir_all(&self.home).expect("the lab's folder takes files");
        self.looked = None;
    }

    /// Has seen the whole card, or sees it now by `look`; not long ago, or it looks again.
    pub(crate) fn know(&mut self, look: impl FnOnce(&Self)) {
        if self.remembers && self.looked.is_none_or(|at| at.elapsed() > FRESH) {
            look(self);
            self.looked = Some(Instant::now());
        }
    }
}
