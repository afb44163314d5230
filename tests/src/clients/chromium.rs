//! Chromium with our module: a page that is shown to holders of a card only.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use super::TOKEN;
use crate::{Desktop, Lab, PIN, Pages, Server, nss_database};

/// The page comes after the PIN.
///
/// # Panics
/// When it does not.
pub fn works(lab: &Lab, pin: &str) {
    assert_eq!(pin, PIN, "the certificate is found before the PIN is asked for");
    let (desktop, pages) = (Desktop::start(lab, "interfaces-chromium"), Pages::start(lab));
    let _ = nss_database(lab, DATABASE);
    let _chromium = start(lab, &desktop, &pages.url("first"));
    log_in(lab, &desktop, &pages, "first");
}

/// What the window is called that asks for the PIN.
pub const PIN_WINDOW: &str = "Unlock Security Device";

/// The policy is put where Chromium looks, but for this Chromium alone. Only root has to do without the sandbox.
const START: &str = r#"mount --bind "$1" /etc/chromium && shift && exec chromium --no-sandbox "$@""#;

const QUIET: &[&str] = &[
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--password-store=basic",
];

/// Where Chromium looks for its modules.
pub const DATABASE: &str = "home/.pki/nssdb";

/// Chromium, on its way to a page.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn start(lab: &Lab, desktop: &Desktop, url: &str) -> Server {
    let chromium = desktop.program(lab, "sh").args(&["-c", START, "-"]).arg(policy(lab)).args(QUIET);
    let chromium = chromium.arg(format!("--user-data-dir={}", lab.path("chromium").display()));
    chromium.arg(url).serve(lab.path("chromium.log"), "")
}

/// The folder of a policy that chooses the holder's certificate for our pages.
fn policy(lab: &Lab) -> PathBuf {
    let names = json!({ "ISSUER": { "CN": "Crescendo Lab CA" }, "SUBJECT": { "CN": TOKEN } });
    let choice = json!({ "pattern": "https://127.0.0.1:*", "filter": names });
    let policy = json!({ "AutoSelectCertificateForUrls": [choice.to_string()] });
    let folder = lab.path("policy/policies/managed");
    fs::create_dir_all(&folder).expect("the lab's folder takes files");
    fs::write(folder.join("lab.json"), policy.to_string()).expect("the lab's folder takes files");
    lab.path("policy")
}

/// The PIN is asked for, and the page comes.
///
/// # Panics
/// When it does not.
pub fn log_in(lab: &Lab, desktop: &Desktop, pages: &Pages, page: &str) {
    desktop.give_pin(lab, PIN_WINDOW);
    desktop.wait_for(lab, &format!("/{page} for Crescendo Test Holder"));
    let _ = desktop.picture(lab, "page");
    assert!(pages.shown(page, TOKEN));
    assert!(!desktop.shows(lab, PIN_WINDOW), "one page, one PIN");
}
