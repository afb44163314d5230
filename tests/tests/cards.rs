//! Cards of other kinds: larger keys, compressed certificates, extended length, odd or missing objects. pkcs11-tool asks,
//! openssl judges.

#![forbid(unsafe_code)]

use std::fs;

use crescendo_tests::{Files, Lab, PIN, Program, Scheme, accepts};

fn tool(lab: &Lab) -> Program {
    lab.program("pkcs11-tool").arg("--module").arg(&Files::get().module)
}

/// Signs with the key of this id, and asks openssl whether the signature is one of the fixture's key.
fn signs(options: &[&str], id: &str, fixture: &str, scheme: Scheme) {
    let lab = Lab::start(options);
    let data = lab.file("data", "what is to be signed");
    let out = lab.path("signature");
    let mechanism: &[&str] = match scheme {
        Scheme::Pkcs1 => &["-m", "SHA256-RSA-PKCS"],
        Scheme::Pss => &["-m", "SHA256-RSA-PKCS-PSS"],
        _ => &["-m", "ECDSA-SHA256", "--signature-format", "openssl"],
    };
    let tool = tool(&lab).args(&["--login", "--pin", PIN, "-s", "--id", id]).args(mechanism);
    let _ = tool.arg("-i").arg(&data).arg("-o").arg(&out).succeed();
    assert!(accepts(&lab, fixture, scheme, &data, &fs::read(out).unwrap()), "{options:?}");
}

#[test]
fn rsa_4096_of_a_crescendo() {
    signs(&["--key", "9E=rsa-4096"], "04", "9e-rsa-4096", Scheme::Pkcs1);
}

#[test]
fn rsa_4096_of_a_plain_card() {
    signs(&["--profile", "piv", "--key", "9C=rsa-4096"], "02", "9c-rsa-4096", Scheme::Pss);
}

#[test]
fn rsa_3072() {
    signs(&["--key", "9C=rsa-3072"], "02", "9c-rsa-3072", Scheme::Pss);
}

#[test]
fn p_384() {
    signs(&["--key", "9C=p-384"], "02", "9c-p-384", Scheme::Ecdsa);
    signs(&["--profile", "piv", "--key", "9E=p-384"], "04", "9e-p-384", Scheme::Ecdsa);
}

#[test]
fn compressed_certificates() {
    signs(&["--compressed"], "01", "9a", Scheme::Pkcs1);
}

#[test]
fn a_card_that_takes_extended_length() {
    signs(&["--extended"], "01", "9a", Scheme::Pkcs1);
}

#[test]
fn a_global_pin_that_comes_first() {
    let lab = Lab::start(&["--profile", "piv", "--global-pin", "654321", "--policy", "6020"]);
    let _ = tool(&lab).args(&["--login", "--pin", "654321", "-O"]).succeed();
    assert_eq!(
        tool(&lab).args(&["--login", "--pin", PIN, "-O"]).run().status,
        Some(1),
        "not the PIN asked for"
    );
    assert_eq!(lab.tries(), 3, "the PIN of the application was never tried");
}

#[test]
fn no_chuid() {
    let lab = Lab::start(&["--no-chuid"]);
    tool(&lab).arg("-L").succeed().says("token label        : Crescendo Test Holder");
    assert_eq!(tool(&lab).arg("-O").succeed().count("Certificate Object"), 4);
}

#[test]
fn retired_keys_are_found_with_and_without_a_key_history() {
    for options in [
        &["--retired", "20"][..],
        &["--retired", "20", "--no-key-history"],
        &["--retired", "20", "--no-key-history", "--props", "wrapped"],
        &["--profile", "piv", "--retired", "20", "--no-key-history"],
    ] {
        let lab = Lab::start(options);
        assert_eq!(tool(&lab).arg("-O").succeed().count("Certificate Object"), 24, "{options:?}");
    }
}

#[test]
fn a_key_history_that_claims_too_much() {
    let lab = Lab::start(&["--retired", "2", "--key-history", "5"]);
    assert_eq!(tool(&lab).arg("-O").succeed().count("Certificate Object"), 6);
}

#[test]
fn one_certificate_that_cannot_be_read_hides_no_other() {
    for options in [&["--garbage", "9C"][..], &["--refuse", "5FC10A=6F00"]] {
        let lab = Lab::start(options);
        let objects = tool(&lab).arg("-O").succeed();
        assert_eq!(objects.count("Certificate Object"), 3, "{objects}");
        objects.says("(unreadable)");
    }
}
