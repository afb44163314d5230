//! The command `crescendo`, as a person and as a script use it.

#![forbid(unsafe_code)]

use std::fs;

use crescendo_tests::{Files, Lab, Program, fixture};
use serde_json::Value;

fn crescendo(lab: &Lab) -> Program {
    lab.program(&Files::get().command)
}

fn json(lab: &Lab, words: &[&str]) -> Value {
    let done = crescendo(lab).args(words).arg("--json").succeed();
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"))
}

#[test]
fn devices_names_the_card_and_its_reader() {
    let lab = Lab::start(&[]);
    crescendo(&lab).arg("devices").succeed().says("Virtual PCD 00 00");
    let devices = json(&lab, &["devices"]);
    assert!(devices.to_string().contains("Virtual PCD 00 00"), "{devices}");
}

#[test]
fn devices_without_a_card_is_no_error() {
    let lab = Lab::start(&["--absent"]);
    let devices = json(&lab, &["devices"]);
    assert!(!devices.to_string().contains("Crescendo Key"), "{devices}");
    assert_eq!(crescendo(&lab).arg("devices").run().status, Some(0));
}

#[test]
fn info_shows_the_tries_and_does_not_spend_one() {
    let lab = Lab::start(&[]);
    crescendo(&lab).arg("info").succeed().says("6");
    let info = json(&lab, &["info"]);
    assert!(info.is_object() || info.is_array(), "{info}");
    assert_eq!(lab.tries(), 6);
}

#[test]
fn cert_list_shows_four_certificates() {
    let lab = Lab::start(&[]);
    let list = crescendo(&lab).args(&["cert", "list"]).succeed();
    for key in ["9A", "9C", "9D", "9E"] {
        list.says(key);
    }
    list.says("Crescendo Test Holder");
    let list = json(&lab, &["cert", "list"]).to_string();
    for serial in ["A1", "C1", "D1", "E1"] {
        let serial = format!("5A0190000000000000000000000000{serial}");
        assert!(list.to_uppercase().replace(':', "").contains(&serial), "{serial}: {list}");
    }
}

#[test]
fn cert_export_gives_the_certificate_itself() {
    let lab = Lab::start(&[]);
    let exported =
        lab.file("exported", crescendo(&lab).args(&["cert", "export", "--key", "9A"]).succeed().bytes);
    let der = lab.program("openssl").args(&["x509", "-outform", "DER", "-in"]).arg(exported).succeed();
    assert_eq!(der.bytes, fs::read(fixture("9a.der")).unwrap());
}

#[test]
fn cert_export_of_nothing_fails_with_a_sentence() {
    let lab = Lab::start(&[]);
    let export = crescendo(&lab).args(&["cert", "export", "--key", "82"]).run();
    assert!(export.status != Some(0) && !export.err.trim().is_empty(), "{export}");
    assert!(!export.err.contains("panicked"), "{export}");
}
