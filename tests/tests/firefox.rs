//! Firefox on our module: a page that is shown to holders of a card only.

#![forbid(unsafe_code)]

use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::clients::firefox::{PIN_WINDOW, log_in, profile, start};
use crescendo_tests::{Desktop, Lab, Pages};

#[test]
#[ignore = "slow lane: needs Firefox, Xvfb"]
fn a_page_comes_after_the_pin_and_then_the_card_is_left_alone() {
    let lab = Lab::start(&[]);
    let (desktop, pages) = (Desktop::start(&lab, "firefox"), Pages::start(&lab));
    let profile = profile(&lab);
    let (apdus, _firefox) = lab.apdus(|| {
        let firefox = start(&lab, &desktop, profile, &pages.url("first"));
        log_in(&lab, &desktop, &pages, "first");
        firefox
    });
    assert_eq!(lab.tries(), 6);
    // Every certificate once, one PIN, and at most two signatures: browsers open two connections.
    println!("{apdus} APDUs");
    assert!(apdus <= 45, "{apdus} APDUs for one page");
    let idle = lab.apdus(|| sleep(Duration::from_secs(10))).0;
    assert_eq!(idle, 0);
}

#[test]
#[ignore = "slow lane: needs Firefox, Xvfb"]
fn a_card_that_comes_after_firefox_logs_in() {
    let mut lab = Lab::start(&["--absent"]);
    let (desktop, pages) = (Desktop::start(&lab, "firefox-late"), Pages::start(&lab));
    let _firefox = start(&lab, &desktop, profile(&lab), &pages.url("before"));
    pages.wait_for_refusal();
    desktop.wait_for(&lab, "Security Risk|Problem loading page");
    let _ = desktop.picture(&lab, "refused");
    lab.insert();
    desktop.visit(&lab, "Mozilla Firefox", &pages.url("after"), PIN_WINDOW);
    log_in(&lab, &desktop, &pages, "after");
    assert_eq!(lab.tries(), 6);
}
