//! OpenSSL on our module, through libp11's engine: S/MIME mail.

#![forbid(unsafe_code)]

use std::fs;

use crescendo_tests::{Done, Lab, PIN, Program, ca, certificate};

const MAIL: &str = "To: you@crescendo.example\r\n\r\nSigned with the card.\r\n";

/// With no terminal to ask on, the engine reads the PIN of a key that wants its own from standard input.
fn openssl(lab: &Lab) -> Program {
    lab.program("setsid").args(&["-w", "openssl"]).input(format!("{PIN}\n"))
}

fn url(id: &str) -> String {
    format!("pkcs11:token=Crescendo%20Test%20Holder;id=%{id};type=private;pin-value={PIN}")
}

fn sign(lab: &Lab, name: &str, id: &str) -> Program {
    let mail = lab.file("mail", MAIL);
    let sign =
        openssl(lab).args(&["cms", "-sign", "-engine", "pkcs11", "-keyform", "engine", "-md", "sha256"]);
    let sign = sign.arg("-signer").arg(certificate(lab, name)).args(&["-inkey", &url(id), "-in"]).arg(mail);
    sign.arg("-out").arg(lab.path("signed"))
}

fn verify(lab: &Lab, purpose: &str) -> Done {
    let verify = lab.program("openssl").args(&["cms", "-verify", "-purpose", purpose, "-in"]);
    verify.arg(lab.path("signed")).arg("-CAfile").arg(ca()).arg("-out").arg(lab.path("read")).succeed()
}

/// 9A's certificate is for logging in, so the purpose is not looked at.
#[test]
fn a_mail_signed_with_rsa_verifies() {
    let lab = Lab::start(&[]);
    let _ = sign(&lab, "9a", "01").succeed();
    let _ = verify(&lab, "any");
    assert_eq!(fs::read_to_string(lab.path("read")).unwrap(), MAIL);
}

#[test]
fn a_mail_signed_with_p_256_and_a_pin_of_its_own_verifies() {
    let lab = Lab::start(&[]);
    let _ = sign(&lab, "9c", "02").succeed();
    let _ = verify(&lab, "smimesign");
    assert_eq!(fs::read_to_string(lab.path("read")).unwrap(), MAIL);
    assert_eq!(lab.tries(), 6);
}

#[test]
fn an_encrypted_mail_can_be_read() {
    let lab = Lab::start(&[]);
    let (mail, encrypted, read) = (lab.file("mail", MAIL), lab.path("encrypted"), lab.path("read"));
    let encrypt = lab.program("openssl").args(&["cms", "-encrypt", "-aes-256-cbc", "-in"]).arg(mail);
    let _ = encrypt.arg("-out").arg(&encrypted).arg(certificate(&lab, "9d")).succeed();
    let decrypt =
        openssl(&lab).args(&["cms", "-decrypt", "-engine", "pkcs11", "-keyform", "engine", "-inkey"]);
    let decrypt = decrypt.arg(url("03")).arg("-recip").arg(certificate(&lab, "9d")).arg("-in").arg(encrypted);
    let _ = decrypt.arg("-out").arg(&read).succeed();
    assert_eq!(fs::read_to_string(read).unwrap(), MAIL);
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let data = lab.file("data", "data");
    let wrong = url("01").replace(PIN, "654321");
    let sign =
        openssl(&lab).args(&["dgst", "-engine", "pkcs11", "-keyform", "engine", "-sha256", "-sign", &wrong]);
    let done = sign.arg("-out").arg(lab.path("signature")).arg(data).run();
    assert_ne!(done.status, Some(0), "{done}");
    assert_eq!(lab.tries(), 5, "{done}");
}
