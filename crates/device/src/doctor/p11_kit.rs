//! Registration with p11-kit (pkcs11.conf(5)): programs that use it find the modules named in small files.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use link::System;

use super::{
    Finding,
    paths::{first_there, home, is_there, libraries, quoted, text},
};

/// The name of our module's file, whatever the folder.
pub(super) const OURS: &str = "libcrescendo_pkcs11.so";

/// Where an administrator registers modules; a file here overrides the one of the same name that a package brought.
const ADMINISTRATOR: &str = "/etc/pkcs11/modules";
const PACKAGES: &str = "/usr/share/p11-kit/modules";

/// A module that p11-kit loads, or would if it could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registration {
    /// The file that says so, where it was first found.
    pub(super) file: PathBuf,
    /// The module, as far as it could be found.
    pub(super) module: PathBuf,
    /// It is loaded by some program.
    pub(super) enabled: bool,
}

impl Registration {
    pub(super) fn is_ours(&self) -> bool {
        self.module.file_name().is_some_and(|name| name == OURS)
    }

    pub(super) fn is_opensc(&self) -> bool {
        is_opensc(&self.module)
    }
}

pub(super) fn is_opensc(module: &Path) -> bool {
    module.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains("opensc-pkcs11"))
}

/// What is registered, by the names of the files. Fields of a file override those of files of the same name that are read
/// later.
pub(super) fn registrations(system: &dyn System) -> Vec<Registration> {
    let mut merged: BTreeMap<String, (PathBuf, BTreeMap<String, String>)> = BTreeMap::new();
    for folder in folders(system) {
        for name in system.names(&folder).unwrap_or_default() {
            let file = folder.join(&name);
            let Some(text) = text(system, &file).filter(|_| name.ends_with(".module")) else { continue };
            let (_, fields) = merged.entry(name).or_insert((file, BTreeMap::new()));
            for (key, value) in pairs(&text) {
                fields.entry(key).or_insert(value);
            }
        }
    }
    merged.into_values().filter_map(|(file, fields)| registration(system, file, &fields)).collect()
}

/// The user's own come first; root has none.
fn folders(system: &dyn System) -> Vec<PathBuf> {
    let own = home(system).filter(|_| system.user() != 0).map(|home| home.join(".config/pkcs11/modules"));
    own.into_iter().chain([ADMINISTRATOR, PACKAGES].map(PathBuf::from)).collect()
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    })
}

fn registration(
    system: &dyn System,
    file: PathBuf,
    fields: &BTreeMap<String, String>,
) -> Option<Registration> {
    let module = fields.get("module").filter(|module| !module.is_empty())?;
    let enabled = fields.get("enable-in").is_none_or(|programs| !programs.is_empty());
    Some(Registration { file, module: located(system, Path::new(module)), enabled })
}

/// A name without a folder is one in the folder of modules.
fn located(system: &dyn System, module: &Path) -> PathBuf {
    let places = libraries(system).into_iter().map(|folder| folder.join("pkcs11").join(module));
    if module.is_absolute() {
        module.to_owned()
    } else {
        first_there(system, places).unwrap_or_else(|| module.to_owned())
    }
}

fn is_installed(system: &dyn System) -> bool {
    libraries(system).iter().any(|folder| is_there(system, folder.join("libp11-kit.so.0")))
}

pub(super) fn examine(
    system: &dyn System,
    registrations: &[Registration],
    module: Option<&Path>,
) -> Vec<Finding> {
    if !is_installed(system) {
        return vec![Finding::skipped("p11-kit", "p11-kit is not installed: nothing to register with")];
    }
    let ours: Vec<_> = registrations.iter().filter(|known| known.is_ours() && known.enabled).collect();
    let (there, missing): (Vec<_>, Vec<_>) =
        ours.into_iter().partition(|known| is_there(system, &known.module));
    let mut findings: Vec<_> = missing.into_iter().map(|known| dangling(known, module)).collect();
    findings.push(match (&there[..], module) {
        ([], None) => Finding::skipped("p11-kit", "the module is not installed: nothing to register"),
        ([], Some(module)) => not_registered(module),
        ([one], _) => Finding::ok("p11-kit", format!("registered with p11-kit, by {}", one.file.display())),
        ([_, others @ ..], _) => twice(others),
    });
    findings.extend(beside_opensc(system, registrations, !there.is_empty()));
    findings
}

fn dangling(known: &Registration, module: Option<&Path>) -> Finding {
    let (file, gone) = (known.file.display(), known.module.display());
    let remedy = match module {
        Some(module) => register(module, &known.file),
        None => format!("sudo rm {}", quoted(&known.file)),
    };
    Finding::problem("p11-kit", format!("{file} registers {gone}, which is not there"), remedy)
}

fn not_registered(module: &Path) -> Finding {
    let remedy = register(module, &Path::new(ADMINISTRATOR).join("crescendo.module"));
    let what = "not registered with p11-kit: GnuTLS and what else uses it do not see the tokens";
    Finding::warning("p11-kit", what, remedy)
}

fn register(module: &Path, file: &Path) -> String {
    let folder = file.parent().unwrap_or(Path::new("/"));
    format!(
        "sudo mkdir -p {}; echo 'module: {}' | sudo tee {}",
        quoted(folder),
        module.display(),
        quoted(file)
    )
}

fn twice(others: &[&Registration]) -> Finding {
    let files: Vec<_> = others.iter().map(|known| quoted(&known.file)).collect();
    let what = "registered with p11-kit more than once: programs show each token as often";
    Finding::warning("p11-kit", what, format!("sudo rm {}", files.join(" ")))
}

/// Two modules for one card: every token comes twice, and each side's SELECT ends what the other one had begun.
fn beside_opensc(
    system: &dyn System,
    registrations: &[Registration],
    ours_is_there: bool,
) -> Option<Finding> {
    let is_loaded = |known: &&Registration| known.enabled && is_there(system, &known.module);
    let opensc = registrations.iter().filter(is_loaded).find(|known| known.is_opensc())?;
    if !ours_is_there {
        return None;
    }
    let file = Path::new(ADMINISTRATOR).join(opensc.file.file_name()?);
    let remedy = format!(
        "sudo mkdir -p {ADMINISTRATOR}; echo 'enable-in:' | sudo tee {}  # if you need OpenSC for no other card",
        quoted(file)
    );
    let what = format!(
        "OpenSC is registered with p11-kit too, by {}: programs show each PIV token twice",
        opensc.file.display()
    );
    Some(Finding::warning("opensc", what, remedy))
}
