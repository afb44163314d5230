//! `crescendo doctor` and the udev rule on a real kernel: tests/guest/doctor.sh asks it at each step, and here its answers
//! are judged.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use crescendo_tests::{Guest, Root, Run};
use serde_json::Value;

#[test]
#[ignore = "slow lane: boots a guest"]
fn the_udev_rule_opens_keys_and_the_doctor_says_whom_they_are_open_to() {
    let rule = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging").join("70-crescendo.rules");
    let guest = Guest::new(Root::Host, "doctor.sh").give("70-crescendo.rules", fs::read(rule).unwrap());
    let run = guest.run(&[]).succeed();

    let unknown = findings(&run, "unknown.json");
    has(
        &unknown,
        "driver",
        "problem",
        "Virtual Crescendo Key (1209:0001) is a card reader",
        "/etc/libccid_Info.plist",
    );
    assert!(!unknown.iter().any(|finding| finding["id"] == "reader"), "{unknown:#?}");

    let bare = findings(&run, "bare.json");
    has(&bare, "driver", "ok", "1209:0001", "");
    has(&bare, "reader", "ok", "Virtual Crescendo Key", "");
    has(&bare, "key-access", "ok", "the FIDO key", "");
    has(&bare, "firmware", "ok", "00112233445566778899aabbccddeeff, runs", "");
    has(&bare, "udev-rule", "warning", "not installed", "./dev install");
    let trigger = "udevadm control --reload && sudo udevadm trigger --subsystem-match=hidraw";
    has(&bare, "key-access", "problem", "may not open the key in update mode", trigger);
    has(&bare, "fwupd", "problem", "sees no USB device", "crescendo firmware update");

    let ruled = findings(&run, "ruled.json");
    has(&ruled, "udev-rule", "ok", "/usr/local/lib/udev/rules.d/70-crescendo.rules", "");
    has(&ruled, "key-access", "ok", "the key in update mode", "");
    has(
        &ruled,
        "firmware",
        "warning",
        "ffeeddccbbaa99887766554433221100, is in update mode",
        "firmware update",
    );
    let elsewhere = findings(&run, "elsewhere.json");
    has(&elsewhere, "key-access", "problem", "the FIDO key at", "log in at the machine");
    has(&elsewhere, "key-access", "problem", "the key in update mode at", "log in at the machine");

    let forgotten = findings(&run, "forgotten.json");
    has(&forgotten, "key-access", "problem", "may not open the key in update mode", "");
    let added = findings(&run, "added.json");
    has(&added, "key-access", "ok", "the key in update mode", "");
    has(&added, "update-ids", "warning", "line 3 not understood", "editor");
}

fn findings(run: &Run, file: &str) -> Vec<Value> {
    let mut report: Value = serde_json::from_str(&run.text(file)).unwrap();
    serde_json::from_value(report["findings"].take()).unwrap()
}

#[track_caller]
fn has(findings: &[Value], id: &str, verdict: &str, what: &str, remedy: &str) {
    let fits = |finding: &&Value| {
        let says = |field: &str, words: &str| finding[field].as_str().unwrap_or_default().contains(words);
        finding["id"] == id && finding["verdict"] == verdict && says("what", what) && says("remedy", remedy)
    };
    assert_eq!(findings.iter().filter(fits).count(), 1, "{id} {verdict} {what} {remedy}: {findings:#?}");
}
