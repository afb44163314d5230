//! The cache between processes, with the shipped files: what the command shows of it, and what is left when it is
//! cleared.

#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crescendo_tests::{Client, Files, Lab, PIN, Program, alone};
use serde_json::Value;

const GUID: &str = "C4000C4E-5CE4-4D01-8A11-000000000001";

fn crescendo(lab: &Lab) -> Program {
    lab.program(&Files::get().command)
}

fn json(lab: &Lab, words: &[&str]) -> Value {
    let done = crescendo(lab).args(words).arg("--json").run();
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"))
}

/// How many APDUs a listing of the certificates takes.
fn listing(lab: &Lab) -> u32 {
    lab.apdus(|| crescendo(lab).args(&["cert", "list"]).succeed().says("9A").says("9E").says("9D").count("x"))
        .0
}

#[test]
fn what_one_process_has_read_the_next_one_knows() {
    let lab = Lab::start(&[]);
    let first = listing(&lab);
    let second = listing(&lab);
    assert!(second <= 8 && second * 3 < first, "{first} APDUs, then {second}");
}

#[test]
fn what_is_kept_is_private_and_holds_no_pin() {
    let lab = Lab::start(&[]);
    let _ = lab
        .program("pkcs11-tool")
        .arg("--module")
        .arg(&Files::get().module)
        .args(&["--login", "--pin", PIN, "--list-objects"])
        .succeed();
    let folder = lab.path("home/cache/crescendo");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut files = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let content = fs::read(&path).unwrap();
        assert!(!content.windows(PIN.len()).any(|part| part == PIN.as_bytes()), "{}", path.display());
        files += 1;
    }
    assert!(files >= 2);
}

#[test]
fn what_is_kept_is_listed() {
    let lab = Lab::start(&[]);
    assert_eq!(json(&lab, &["cache", "list"])["cache"], serde_json::json!([]));
    crescendo(&lab).args(&["cache", "list"]).succeed().says("Nothing is kept.");
    listing(&lab);
    let (apdus, kept) = lab.apdus(|| json(&lab, &["cache", "list"])["cache"][0].clone());
    assert_eq!(apdus, 0);
    assert_eq!(kept["guid"], GUID);
    assert_eq!(kept["label"], "Crescendo Test Holder");
    assert!(kept["size"].as_u64() > Some(3000) && kept["idle"].as_u64() < Some(60), "{kept}");
    crescendo(&lab).args(&["cache", "list"]).succeed().says(GUID).says("within two hours");
}

#[test]
fn clearing_makes_the_next_process_read_again() {
    let lab = Lab::start(&[]);
    let first = listing(&lab);
    for clear in
        [&["cache", "clear"][..], &["cache", "clear", "--all"], &["cache", "clear", "--device", GUID]]
    {
        crescendo(&lab).args(clear).succeed().says(GUID).says("cleared");
        assert_eq!(json(&lab, &["cache", "list"])["cache"], serde_json::json!([]), "{clear:?}");
        let again = listing(&lab);
        assert!(again + 1 >= first, "{again} APDUs, {first} at first");
    }
}

#[test]
fn what_is_kept_of_a_card_that_is_gone_is_cleared_without_it() {
    let mut lab = Lab::start(&[]);
    listing(&lab);
    lab.pull();
    let nobody = json(&lab, &["cache", "clear"]);
    assert_eq!((&nobody["error"]["code"], &nobody["error"]["exit"]), (&"no-card".into(), &3.into()));
    let cleared = json(&lab, &["cache", "clear", "--device", "8A11000000000001"]);
    assert_eq!(cleared["cleared"][0]["guid"], GUID);
    let nothing = crescendo(&lab).args(&["cache", "clear", "--device", GUID]).run();
    assert_eq!(nothing.status, Some(3), "{nothing}");
    crescendo(&lab).args(&["cache", "clear", "--all"]).succeed().says("Nothing was kept.");
}

#[test]
fn without_a_cache_each_process_reads_by_itself() {
    let lab = Lab::start(&[]);
    let list =
        || lab.apdus(|| crescendo(&lab).args(&["cert", "list"]).env("CRESCENDO_CACHE", "off").succeed()).0;
    assert_eq!(list(), list());
    assert!(!lab.path("home/cache/crescendo").exists());
}

#[test]
fn pins_are_forgotten_on_the_card() {
    alone("pins_are_forgotten_on_the_card", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        assert_eq!(lab.card("verified"), "true");
        crescendo(&lab).args(&["cache", "forget-pins"]).succeed().says("logged out");
        assert_eq!(lab.card("verified"), "false");
        assert_eq!(json(&lab, &["cache", "forget-pins"])["pins"], "forgotten");
        assert_eq!(lab.tries(), 6);
        drop(session);
    });
}
