//! The PKCS#11 module: is it there, and does it load as an application loads it? It is tried in a process of its own, so
//! that one that crashes is a finding.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use super::{
    Doctor, Finding,
    p11_kit::{OURS, registrations},
    paths::{first_there, is_there, libraries, quoted},
};

/// How our module calls itself (CK_INFO).
const MANUFACTURER: &str = "Crescendo project";

/// A reader that does not answer may hold up PC/SC for some seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of a module that was loaded: dlopen, C_GetFunctionList, C_Initialize, C_GetInfo, C_GetSlotList, C_Finalize.
/// Printed in lines, to be read by [`Doctor`] in another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It works.
    Loaded(Loaded),
    /// It does not, for this reason.
    Failed(String),
}

/// What a module says once it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// CK_INFO.manufacturerID.
    pub manufacturer: String,
    /// CK_INFO.libraryDescription.
    pub description: String,
    /// CK_INFO.libraryVersion: major and minor.
    pub version: (u8, u8),
    /// How many slots it has.
    pub slots: usize,
    /// How many of those have a token.
    pub tokens: usize,
}

impl Doctor<'_> {
    /// The module that is meant, else the one that is registered, else one beside the command or in a usual place.
    pub(super) fn find_module(&self) -> Option<PathBuf> {
        self.module.clone().or_else(|| first_there(self.system, self.places()))
    }

    fn places(&self) -> Vec<PathBuf> {
        let system = self.system;
        let registered = registrations(system).into_iter().filter(|known| known.is_ours() && known.enabled);
        let mut places: Vec<_> = registered.map(|known| known.module).collect();
        let command = self.command.as_ref().and_then(|command| system.real(command).ok());
        if let Some(folder) = command.as_deref().and_then(Path::parent) {
            places.extend([folder.with_file_name("lib").join("pkcs11").join(OURS), folder.join(OURS)]);
        }
        places.push(Path::new("/usr/local/lib/pkcs11").join(OURS));
        places.extend(libraries(system).into_iter().map(|folder| folder.join("pkcs11").join(OURS)));
        places
    }

    pub(super) fn examine_module(&self, module: Option<&PathBuf>) -> Vec<Finding> {
        let Some(module) = module else {
            let what = "the PKCS#11 module is not installed: no program but this one can use the tokens";
            return vec![Finding::problem("module", what, "./dev install")];
        };
        if !is_there(self.system, module) {
            let what = format!("there is no module {}", module.display());
            return vec![Finding::problem("module", what, "./dev install")];
        }
        let mut findings = vec![self.try_module(module)];
        findings.extend(self.installed_twice(module));
        findings
    }

    fn try_module(&self, module: &Path) -> Finding {
        let name = module.display();
        let path = module.to_string_lossy();
        let Some(command) = &self.command else {
            let what =
                format!("{name} was not tried: the command crescendo, which does that, is not installed");
            return Finding::skipped("module", what);
        };
        let ran = match self.system.run(command, &["try-module", &path], PATIENCE) {
            Ok(ran) => ran,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let what = format!("{name} does not come back from loading and C_Initialize");
                return Finding::problem("module", what, "sudo systemctl restart pcscd; crescendo doctor");
            }
            Err(error) => {
                return Finding::skipped("module", format!("{name} could not be tried: {error}"));
            }
        };
        match (ran.signal, ran.out.parse()) {
            (Some(signal), _) => {
                let what = format!("{name} crashes the program that loads it (signal {signal})");
                Finding::problem("module", what, "./dev install")
            }
            (None, Ok(Trial::Loaded(loaded))) => judged(module, &loaded),
            (None, Ok(Trial::Failed(why))) => {
                let remedy = format!("./dev install; ldd {}", quoted(module));
                Finding::problem("module", format!("{name} does not load: {why}"), remedy)
            }
            (None, Err(())) => {
                Finding::skipped("module", format!("{name} could not be tried: {}", ran.err.trim()))
            }
        }
    }

    /// Programs may have different ones loaded.
    fn installed_twice(&self, module: &Path) -> Option<Finding> {
        let real = |path: &PathBuf| self.system.real(path).ok();
        let this = real(&module.to_owned())?;
        if self.module.is_some() {
            return None;
        }
        let other = self.places().iter().filter_map(real).find(|path| *path != this)?;
        let what = format!("the module is installed twice: {} and {}", this.display(), other.display());
        Some(Finding::warning("module", what, format!("sudo rm {}", quoted(other))))
    }
}

fn judged(module: &Path, loaded: &Loaded) -> Finding {
    let Loaded { manufacturer, description, version: (major, minor), slots, tokens } = loaded;
    let name = module.display();
    if manufacturer != MANUFACTURER {
        let what = format!("{name} loads, and is not this project's: {description}, {manufacturer}");
        return Finding::warning("module", what, "./dev install");
    }
    let what = format!(
        "{name} (version {major}.{minor}) loads as in an application (slots: {slots}, with a token: {tokens})"
    );
    let own = env!("CARGO_PKG_VERSION");
    if own.starts_with(&format!("{major}.{minor}.")) {
        Finding::ok("module", what)
    } else {
        Finding::warning("module", format!("{what}; this program is of version {own}"), "./dev install")
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a foreign module says has no say over lines.
        let line = |text: &str| text.replace(char::is_control, " ");
        match self {
            Self::Loaded(Loaded { manufacturer, description, version: (major, minor), slots, tokens }) => {
                writeln!(f, "loaded\n{}\n{}", line(manufacturer), line(description))?;
                writeln!(f, "{major}\n{minor}\n{slots}\n{tokens}")
            }
            Self::Failed(why) => writeln!(f, "failed\n{}", line(why)),
        }
    }
}

impl FromStr for Trial {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let lines: Vec<_> = text.lines().collect();
        match lines[..] {
            ["failed", why] => Ok(Self::Failed(why.to_owned())),
            ["loaded", manufacturer, description, major, minor, slots, tokens] => Ok(Self::Loaded(Loaded {
                manufacturer: manufacturer.to_owned(),
                description: description.to_owned(),
                version: (number(major)?, number(minor)?),
                slots: number(slots)?,
                tokens: number(tokens)?,
            })),
            _ => Err(()),
        }
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, ()> {
    text.parse().map_err(|_| ())
}
