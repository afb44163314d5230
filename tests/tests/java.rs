//! Java's keytool and jarsigner on our module.

#![forbid(unsafe_code)]

use crescendo_tests::clients::java::{lists, openssl_verifies, sign, signs, tool, verified};
use crescendo_tests::{Lab, PIN};

#[test]
fn keytool_lists_every_key_under_a_name_of_its_own() {
    let lab = Lab::start(&[]);
    lists(&lab, PIN);
    assert_eq!(lab.tries(), 6);
}

#[test]
fn a_jar_signed_with_rsa_verifies() {
    signs(&Lab::start(&[]));
}

#[test]
fn a_jar_signed_with_p_256_verifies() {
    let lab = Lab::start(&[]);
    sign(&lab, "Certificate for Card Authentication", None).says("jar signed.");
    verified(&lab).says("Signature algorithm: SHA256withECDSA, 256-bit key").says("CN=Crescendo Test Card");
    openssl_verifies(&lab, "EC");
}

/// R10: Java logs in, reads every certificate, and never gives the PIN again. It is told so, and no try is lost.
#[test]
fn a_key_that_wants_its_pin_each_time_is_refused() {
    let lab = Lab::start(&[]);
    let signed = sign(&lab, "Certificate for Digital Signature", None);
    assert_eq!(signed.status, Some(1), "{signed}");
    signed.says("unable to sign jar").says("CKR_USER_NOT_LOGGED_IN");
    assert_eq!(lab.tries(), 6);
}

/// Unless its owner lets the PIN of the login count for this key, too.
#[test]
fn a_key_that_wants_its_pin_each_time_can_be_allowed() {
    let lab = Lab::start(&[]);
    sign(&lab, "Certificate for Digital Signature", Some("9C")).says("jar signed.");
    verified(&lab).says("Signature algorithm: SHA256withECDSA, 256-bit key").says("CN=Crescendo Test Holder");
    openssl_verifies(&lab, "EC");
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let listed = tool(&lab, "keytool", "654321").arg("-list").run();
    assert_ne!(listed.status, Some(0), "{listed}");
    assert_eq!(lab.tries(), 5, "{listed}");
}
