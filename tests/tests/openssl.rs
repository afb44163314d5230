//! OpenSSL on our module, through libp11's engine: S/MIME mail.

#![forbid(unsafe_code)]

use crescendo_tests::clients::openssl::{decrypts, openssl, sign, url, verifies};
use crescendo_tests::{Lab, PIN};

/// 9A's certificate is for logging in, so the purpose is not looked at.
#[test]
fn a_mail_signed_with_rsa_verifies() {
    let lab = Lab::start(&[]);
    sign(&lab, "9a", "01", PIN);
    verifies(&lab, "any");
}

#[test]
fn a_mail_signed_with_p_256_and_a_pin_of_its_own_verifies() {
    let lab = Lab::start(&[]);
    sign(&lab, "9c", "02", PIN);
    verifies(&lab, "smimesign");
    assert_eq!(lab.tries(), 6);
}

#[test]
fn an_encrypted_mail_can_be_read() {
    decrypts(&Lab::start(&[]), PIN);
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let data = lab.file("data", "data");
    let wrong = url("01", "654321");
    let sign =
        openssl(&lab).args(&["dgst", "-engine", "pkcs11", "-keyform", "engine", "-sha256", "-sign", &wrong]);
    let done = sign.arg("-out").arg(lab.path("signature")).arg(data).run();
    assert_ne!(done.status, Some(0), "{done}");
    assert_eq!(lab.tries(), 5, "{done}");
}
