//! A person's profile of a program that stands on NSS: the browsers and Thunderbird.

use std::fs;
use std::path::PathBuf;

use crate::files::Files;
use crate::judge::ca;
use crate::lab::Lab;

/// What no test wants from a program of the Mozilla house: first-run pages, and talk with the outside.
const QUIET: &[(&str, &str)] = &[
    ("app.normandy.enabled", "false"),
    ("app.update.enabled", "false"),
    ("browser.aboutwelcome.enabled", "false"),
    ("browser.shell.checkDefaultBrowser", "false"),
    ("browser.startup.homepage_override.mstone", "\"ignore\""),
    ("datareporting.policy.dataSubmissionEnabled", "false"),
    ("extensions.getAddons.cache.enabled", "false"),
    ("network.captive-portal-service.enabled", "false"),
    ("network.connectivity-service.enabled", "false"),
    ("services.settings.server", "\"\""),
];

/// Makes an NSS database in this folder of the lab, with our module in it and the CA of the cards.
///
/// # Panics
/// When NSS's own tools cannot.
#[must_use]
pub fn nss_database(lab: &Lab, folder: &str) -> PathBuf {
    let path = lab.path(folder);
    fs::create_dir_all(&path).expect("the lab's folder takes files");
    let database = format!("sql:{}", path.display());
    let certutil = || lab.program("certutil").args(&["-d", &database]);
    let _ = certutil().args(&["-N", "--empty-password"]).succeed();
    let _ = certutil().args(&["-A", "-n", "Lab CA", "-t", "CT,C,", "-i"]).arg(ca()).succeed();
    let modutil = lab.program("modutil").args(&["-force", "-dbdir", &database, "-add", "Crescendo"]);
    let _ = modutil.arg("-libfile").arg(&Files::get().module).succeed();
    path
}

/// The same as a profile of Firefox or Thunderbird, with these preferences.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn mozilla_profile(lab: &Lab, folder: &str, preferences: &[(&str, &str)]) -> PathBuf {
    let path = nss_database(lab, folder);
    let lines = QUIET.iter().chain(preferences);
    let lines: String = lines.map(|(name, value)| format!("user_pref(\"{name}\", {value});\n")).collect();
    fs::write(path.join("user.js"), lines).expect("the lab's folder takes files");
    path
}
