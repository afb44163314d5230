//! The databases of NSS, where Firefox, Thunderbird, Chromium and the NSS tools have their modules: `pkcs11.txt`, blocks of
//! `name=value` lines. And the policies that add a module to all profiles of Firefox or Thunderbird.

use std::path::{Path, PathBuf};

use link::System;

use super::{
    Finding,
    p11_kit::{OURS, Registration, is_opensc},
    paths::{home, is_there, quoted, text},
};

/// Where databases are below the home of a user. With a star: one in each folder in there.
const PLACES: [&str; 8] = [
    ".pki/nssdb",
    ".mozilla/firefox/*",
    ".thunderbird/*",
    "snap/firefox/common/.mozilla/firefox/*",
    "snap/thunderbird/common/.thunderbird/*",
    "snap/chromium/current/.pki/nssdb",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    ".var/app/org.mozilla.Thunderbird/.thunderbird/*",
];

const POLICIES: [&str; 6] = [
    "/etc/firefox/policies/policies.json",
    "/etc/firefox-esr/policies/policies.json",
    "/usr/lib/firefox/distribution/policies.json",
    "/usr/lib/firefox-esr/distribution/policies.json",
    "/etc/thunderbird/policies/policies.json",
    "/usr/lib/thunderbird/distribution/policies.json",
];

struct Database {
    folder: PathBuf,
    modules: Vec<Module>,
}

struct Module {
    name: String,
    library: PathBuf,
}

/// A policy file that adds the module.
struct Policy {
    program: &'static str,
    finding: Finding,
}

impl Policy {
    fn holds_for(&self, database: &Database) -> bool {
        self.finding.remedy.is_none() && database.folder.to_string_lossy().contains(self.program)
    }
}

pub(super) fn examine(
    system: &dyn System,
    registrations: &[Registration],
    module: Option<&Path>,
) -> Vec<Finding> {
    let policies = policies(system);
    let through_p11_kit = registrations.iter().any(|known| known.is_ours() && known.enabled);
    let databases = databases(system);
    if databases.is_empty() && policies.is_empty() {
        return vec![Finding::skipped("nss", "no profile of Firefox, Thunderbird or Chromium in this home")];
    }
    let judge = |database: &Database| {
        let by_policy = policies.iter().any(|policy| policy.holds_for(database));
        judged(system, database, module, through_p11_kit, by_policy)
    };
    let judged: Vec<_> = databases.iter().filter_map(judge).collect();
    policies.into_iter().map(|policy| policy.finding).chain(judged).collect()
}

fn databases(system: &dyn System) -> Vec<Database> {
    let Some(home) = home(system) else { return Vec::new() };
    let folders = PLACES.iter().flat_map(|place| match place.strip_suffix("/*") {
        None => vec![home.join(place)],
        Some(place) => {
            let profiles = system.names(&home.join(place)).unwrap_or_default();
            profiles.into_iter().map(|profile| home.join(place).join(profile)).collect()
        }
    });
    folders.filter_map(|folder| database(system, folder)).collect()
}

fn database(system: &dyn System, folder: PathBuf) -> Option<Database> {
    let text = text(system, folder.join("pkcs11.txt"))?;
    let blocks = text.split("\n\n").map(|block| {
        let value = |key: &str| block.lines().find_map(|line| line.trim().strip_prefix(key));
        (value("name=").unwrap_or_default().to_owned(), value("library=").unwrap_or_default().into())
    });
    let modules = blocks.map(|(name, library)| Module { name, library });
    Some(Database { folder, modules: modules.filter(|module| module.library != Path::new("")).collect() })
}

/// A sandboxed program's are for the sandbox check; a database that is as it should be says so in one line.
fn judged(
    system: &dyn System,
    database: &Database,
    module: Option<&Path>,
    through_p11_kit: bool,
    by_policy: bool,
) -> Option<Finding> {
    let Database { folder, modules } = database;
    let at = folder.display();
    let named = |is: fn(&Path) -> bool| modules.iter().filter(move |module| is(&module.library));
    let ours: Vec<_> = named(is_ours).collect();
    let proxy = named(is_proxy).next().filter(|_| through_p11_kit);
    if is_sandboxed(folder) {
        return None;
    }
    if let Some(gone) = ours.iter().find(|known| !is_there(system, &known.library)) {
        let what = format!("{at} loads {}, which is not there", gone.library.display());
        let add = module.map(|module| format!("\n{}", add(folder, module))).unwrap_or_default();
        return Some(Finding::problem("nss", what, delete(folder, &gone.name) + &add));
    }
    let ways = ours.len() + usize::from(proxy.is_some()) + usize::from(by_policy && !ours.is_empty());
    let superfluous = ours.get(1).or(ours.first().filter(|_| ways > 1));
    if let Some(twice) = superfluous {
        let what = format!("{at} has the module in more than one way: each token shows as often");
        return Some(Finding::warning("nss", what, delete(folder, &twice.name)));
    }
    if let Some(opensc) = named(is_opensc).next().filter(|_| ways > 0) {
        let what = format!("{at} has OpenSC's module too: each PIV token shows twice");
        let remedy = format!("{}, and if you need OpenSC for no other card", delete(folder, &opensc.name));
        return Some(Finding::warning("opensc", what, remedy));
    }
    if ways > 0 || by_policy {
        return Some(Finding::ok("nss", format!("{at} has the module")));
    }
    let what = format!("{at} does not have the module: its program does not see the tokens");
    module.map(|module| Finding::warning("nss", what, add(folder, module)))
}

fn policies(system: &dyn System) -> Vec<Policy> {
    let set = POLICIES.iter().filter_map(|file| {
        let text = text(system, file)?;
        let module = text.split('"').find(|word| word.ends_with(OURS))?.to_owned();
        Some((file, module))
    });
    let judged = |(file, module): (&&str, String)| {
        let program = if file.contains("firefox") { "firefox" } else { "thunderbird" };
        let finding = if is_there(system, &module) {
            Finding::ok("nss", format!("{file} adds the module to every profile"))
        } else {
            let what = format!("{file} adds {module}, which is not there");
            Finding::problem("nss", what, format!("sudo editor {file}  # or: ./dev install"))
        };
        Policy { program, finding }
    };
    set.map(judged).collect()
}

/// modutil asks whether the program is closed: that is for a person to see to.
fn add(folder: &Path, module: &Path) -> String {
    format!(
        "modutil -force -dbdir {} -add Crescendo -libfile {}  # with the program closed",
        quoted(database_name(folder)),
        quoted(module)
    )
}

fn delete(folder: &Path, name: &str) -> String {
    format!(
        "modutil -force -dbdir {} -delete {}  # with the program closed",
        quoted(database_name(folder)),
        quoted(name)
    )
}

fn database_name(folder: &Path) -> String {
    format!("sql:{}", folder.display())
}

fn is_ours(library: &Path) -> bool {
    library.file_name().is_some_and(|name| name == OURS)
}

fn is_proxy(library: &Path) -> bool {
    library.file_name().is_some_and(|name| name == "p11-kit-proxy.so")
}

fn is_sandboxed(folder: &Path) -> bool {
    let mut parts = folder.components();
    parts.any(|part| part.as_os_str() == "snap" || part.as_os_str() == ".var")
}
