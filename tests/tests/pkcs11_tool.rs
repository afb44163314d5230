//! OpenSC's pkcs11-tool on our module.

#![forbid(unsafe_code)]

use std::fs;
use std::path::PathBuf;

use crescendo_tests::{Files, Lab, PIN, Program, Scheme, accepts, certificate};

fn tool(lab: &Lab) -> Program {
    lab.program("pkcs11-tool").arg("--module").arg(&Files::get().module)
}

#[test]
fn it_lists_the_token() {
    let lab = Lab::start(&[]);
    let slots = tool(&lab).arg("-L").succeed();
    slots.says("token label        : Crescendo Test Holder").says("PIN initialized");
    assert_eq!(slots.count("  token label"), 1, "{slots}");
}

#[test]
fn it_lists_four_certificates_with_their_labels_and_ids() {
    let lab = Lab::start(&[]);
    let objects = tool(&lab).arg("-O").succeed();
    assert_eq!(objects.count("Certificate Object; type = X.509 cert"), 4, "{objects}");
    assert_eq!(objects.count("Public Key Object; RSA 2048 bits"), 2, "{objects}");
    assert_eq!(objects.count("Public Key Object; EC"), 2, "{objects}");
    for id in 1..=4 {
        assert!(objects.count(&format!("  ID:         {id:02}")) >= 2, "{objects}");
    }
    let labels: Vec<&str> = objects.out.lines().filter(|line| line.starts_with("  label:")).collect();
    assert!(labels.len() >= 8 && labels.iter().all(|label| label.len() > 14), "{objects}");
}

#[test]
fn it_lists_private_keys_after_login() {
    let lab = Lab::start(&[]);
    let objects = tool(&lab).args(&["--login", "--pin", PIN, "-O"]).succeed();
    assert_eq!(objects.count("Private Key Object; RSA"), 2, "{objects}");
    assert_eq!(objects.count("Private Key Object; EC"), 2, "{objects}");
    objects.says("Access:     always authenticate, sensitive");
    assert_eq!(objects.count("  Access:     sensitive"), 3, "{objects}");
}

/// The tool ends with 0 even when something failed: only its words tell.
#[test]
fn its_own_test_finds_nothing() {
    let lab = Lab::start(&[]);
    let test = tool(&lab).args(&["--login", "--pin", PIN, "--test"]).succeed();
    test.says("No errors");
    for line in test.out.lines().chain(test.err.lines()) {
        assert!(!line.contains("ERR:") && !line.contains("CKR_"), "{line:?} in {test}");
    }
    for mechanism in ["SHA256-RSA-PKCS: OK", "RSA-PKCS: OK", "RSA-X-509: OK"] {
        test.says(mechanism);
    }
    assert_eq!(lab.tries(), 6);
}

#[test]
fn its_fork_test_passes() {
    let lab = Lab::start(&[]);
    let fork = tool(&lab).args(&["--login", "--pin", PIN, "--test-fork"]).succeed();
    for line in fork.out.lines().chain(fork.err.lines()) {
        assert!(!line.contains("CKR_") || line.contains("CKR_OK"), "{line:?} in {fork}");
    }
}

#[test]
fn rsa_signatures_hold() {
    let lab = Lab::start(&[]);
    let signature = sign(&lab, &["-m", "SHA256-RSA-PKCS", "--id", "01"], &data(&lab));
    assert!(accepts(&lab, "9a", Scheme::Pkcs1, &data(&lab), &signature));
    let pss = ["-m", "RSA-PKCS-PSS", "--hash-algorithm", "SHA256", "--id", "01"];
    let signature = sign(&lab, &pss, &hash(&lab));
    assert!(accepts(&lab, "9a", Scheme::Pss, &data(&lab), &signature));
    let signature = sign(&lab, &["-m", "SHA256-RSA-PKCS-PSS", "--id", "01"], &data(&lab));
    assert!(accepts(&lab, "9a", Scheme::Pss, &data(&lab), &signature));
}

#[test]
fn ecdsa_signatures_hold_with_a_pin_for_each() {
    let lab = Lab::start(&[]);
    let options = ["-m", "ECDSA", "--id", "02", "--signature-format", "openssl"];
    let signature = sign(&lab, &options, &hash(&lab));
    assert!(accepts(&lab, "9c", Scheme::Ecdsa, &data(&lab), &signature));
    let options = ["-m", "ECDSA-SHA256", "--id", "02", "--signature-format", "openssl"];
    let signature = sign(&lab, &options, &data(&lab));
    assert!(accepts(&lab, "9c", Scheme::Ecdsa, &data(&lab), &signature));
}

#[test]
fn ecdsa_signatures_of_the_card_authentication_key_hold() {
    let lab = Lab::start(&[]);
    let options = ["-m", "ECDSA", "--id", "04", "--signature-format", "openssl"];
    let signature = sign(&lab, &options, &hash(&lab));
    assert!(accepts(&lab, "9e", Scheme::Ecdsa, &data(&lab), &signature));
}

#[test]
fn rsa_decryption_gives_back_what_was_encrypted() {
    let lab = Lab::start(&[]);
    let (encrypted, decrypted) = (lab.path("encrypted"), lab.path("decrypted"));
    let openssl = lab.program("openssl").args(&["pkeyutl", "-encrypt", "-certin", "-inkey"]);
    let openssl = openssl.arg(certificate(&lab, "9d")).arg("-in").arg(data(&lab)).arg("-out");
    let _ = openssl.arg(&encrypted).succeed();
    let tool = tool(&lab).args(&["--login", "--pin", PIN, "--decrypt", "-m", "RSA-PKCS", "--id", "03", "-i"]);
    let _ = tool.arg(encrypted).arg("-o").arg(&decrypted).succeed();
    assert_eq!(fs::read(decrypted).unwrap(), fs::read(data(&lab)).unwrap());
}

#[test]
fn a_wrong_pin_costs_one_try_and_is_told() {
    let lab = Lab::start(&[]);
    let login = tool(&lab).args(&["--login", "--pin", "654321", "-O"]).run();
    assert_ne!(login.status, Some(0), "{login}");
    assert!(login.err.contains("CKR_PIN_INCORRECT"), "{login}");
    assert_eq!(lab.tries(), 5);
}

fn sign(lab: &Lab, options: &[&str], input: &PathBuf) -> Vec<u8> {
    let out = lab.path("signature");
    let tool = tool(lab).args(&["--login", "--pin", PIN, "-s"]).args(options);
    let _ = tool.arg("-i").arg(input).arg("-o").arg(&out).succeed();
    fs::read(out).unwrap()
}

fn data(lab: &Lab) -> PathBuf {
    lab.file("data", "what is to be signed")
}

fn hash(lab: &Lab) -> PathBuf {
    let hash = lab.program("openssl").args(&["dgst", "-sha256", "-binary"]).arg(data(lab)).succeed();
    lab.file("hash", hash.bytes)
}
