//! Chromium on our module: a page that is shown to holders of a card only.

#![forbid(unsafe_code)]

use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::clients::chromium::{DATABASE, PIN_WINDOW, log_in, start};
use crescendo_tests::{Desktop, Lab, Pages, nss_database};

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
    assert_eq!(lab.tries(), 6);
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
    assert_eq!(lab.tries(), 6);
}
