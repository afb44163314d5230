//! Chromium on our module: a page that is shown to holders of a card only.

#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::{Desktop, Lab, Pages, Server, nss_database};
use serde_json::json;

const PIN_WINDOW: &str = "Unlock Security Device";

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

/// Where Chromium looks for it.
const DATABASE: &str = "home/.pki/nssdb";

fn start(lab: &Lab, desktop: &Desktop, url: &str) -> Server {
    let chromium = desktop.program(lab, "sh").args(&["-c", START, "-"]).arg(policy(lab)).args(QUIET);
    let chromium = chromium.arg(format!("--user-data-dir={}", lab.path("chromium").display()));
    chromium.arg(url).serve(lab.path("chromium.log"), "")
}

/// The folder of a policy that chooses the holder's certificate for our pages.
fn policy(lab: &Lab) -> PathBuf {
    let names =
        json!({ "ISSUER": { "CN": "Crescendo Lab CA" }, "SUBJECT": { "CN": "Crescendo Test Holder" } });
    let choice = json!({ "pattern": "https://127.0.0.1:*", "filter": names });
    let policy = json!({ "AutoSelectCertificateForUrls": [choice.to_string()] });
    let folder = lab.path("policy/policies/managed");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("lab.json"), policy.to_string()).unwrap();
    lab.path("policy")
}

/// The PIN is asked for, and the page comes.
fn log_in(lab: &Lab, desktop: &Desktop, pages: &Pages, page: &str) {
    desktop.give_pin(lab, PIN_WINDOW);
    desktop.wait_for(lab, &format!("/{page} for Crescendo Test Holder"));
    let _ = desktop.picture(lab, "page");
    assert!(pages.shown(page, "Crescendo Test Holder"));
    assert!(!desktop.shows(lab, PIN_WINDOW), "one page, one PIN");
    assert_eq!(lab.tries(), 6);
}

#[test]
#[ignore = "slow lane: needs Chromium, Xvfb"]
fn a_page_comes_after_the_pin_and_then_the_card_is_left_alone() {
    let lab = Lab::start(&[]);
    let (desktop, pages) = (Desktop::start(&lab, "chromium"), Pages::start(&lab));
    let _ = nss_database(&lab, DATABASE);
    let (apdus, _chromium) = lab.apdus(|| {
        let chromium = start(&lab, &desktop, &pages.url("first"));
        log_in(&lab, &desktop, &pages, "first");
        chromium
    });
    // Every certificate once, one PIN, and at most two signatures: browsers open two connections.
    println!("{apdus} APDUs");
    assert!(apdus <= 45, "{apdus} APDUs for one page");
    let idle = lab.apdus(|| sleep(Duration::from_secs(10))).0;
    assert_eq!(idle, 0);
}

/// Chromium remembers that it had no certificate for a server, so the second page is another server's.
#[test]
#[ignore = "slow lane: needs Chromium, Xvfb"]
fn a_card_that_comes_after_chromium_logs_in() {
    let mut lab = Lab::start(&["--absent"]);
    let (desktop, pages) = (Desktop::start(&lab, "chromium-late"), Pages::start(&lab));
    let _ = nss_database(&lab, DATABASE);
    let refused = Pages::start(&lab);
    let _chromium = start(&lab, &desktop, &refused.url("before"));
    refused.wait_for_refusal();
    desktop.wait_for(&lab, "^127.0.0.1 - Chromium");
    let _ = desktop.picture(&lab, "refused");
    lab.insert();
    desktop.visit(&lab, "Chromium", &pages.url("after"), PIN_WINDOW);
    log_in(&lab, &desktop, &pages, "after");
}
