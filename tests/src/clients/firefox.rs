//! Firefox with our module: a page that is shown to holders of a card only.

use std::path::PathBuf;

use super::TOKEN;
use crate::{Desktop, Lab, PIN, Pages, Server, mozilla_profile};

/// The page comes after the PIN.
///
/// # Panics
/// When it does not.
pub fn works(lab: &Lab, pin: &str) {
    assert_eq!(pin, PIN, "the certificate is found before the PIN is asked for");
    let (desktop, pages) = (Desktop::start(lab, "interfaces-firefox"), Pages::start(lab));
    let _firefox = start(lab, &desktop, profile(lab), &pages.url("first"));
    log_in(lab, &desktop, &pages, "first");
}

/// What the window is called that asks for the PIN.
pub const PIN_WINDOW: &str = "Password Required";

/// A profile with our module in it.
#[must_use]
pub fn profile(lab: &Lab) -> PathBuf {
    mozilla_profile(lab, "firefox", &[("security.default_personal_cert", "\"Select Automatically\"")])
}

/// Firefox, on its way to a page.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn start(lab: &Lab, desktop: &Desktop, profile: PathBuf, url: &str) -> Server {
    let firefox = desktop.program(lab, "firefox-esr").args(&["--no-remote", "--profile"]);
    firefox.arg(profile).arg(url).serve(lab.path("firefox.log"), "")
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
