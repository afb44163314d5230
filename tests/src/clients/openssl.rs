//! OpenSSL with our module, through libp11's engine: S/MIME mail.

use std::fs;

use super::TOKEN_URI;
use crate::judge::{ca, certificate};
use crate::{Lab, PIN, Program};

/// It signs two mails, the second with a key that asks for a PIN of its own, and reads one.
///
/// # Panics
/// When anything is not as it should be.
pub fn works(lab: &Lab, pin: &str) {
    sign(lab, "9a", "01", pin);
    verifies(lab, "any");
    sign(lab, "9c", "02", PIN);
    verifies(lab, "smimesign");
    decrypts(lab, PIN);
}

/// What is sent.
pub const MAIL: &str = "To: you@crescendo.example\r\n\r\nSigned with the card.\r\n";

/// With no terminal to ask on, the engine reads the PIN of a key that wants its own from standard input.
#[must_use]
pub fn openssl(lab: &Lab) -> Program {
    lab.program("setsid").args(&["-w", "openssl"]).input(format!("{PIN}\n"))
}

/// A private key, and the PIN, as the engine has them.
#[must_use]
pub fn url(id: &str, pin: &str) -> String {
    format!("{TOKEN_URI};id=%{id};type=private;pin-value={pin}")
}

/// Signs a mail with the key of a fixture.
///
/// # Panics
/// When it fails.
pub fn sign(lab: &Lab, name: &str, id: &str, pin: &str) {
    let mail = lab.file("mail", MAIL);
    let sign =
        openssl(lab).args(&["cms", "-sign", "-engine", "pkcs11", "-keyform", "engine", "-md", "sha256"]);
    let sign =
        sign.arg("-signer").arg(certificate(lab, name)).args(&["-inkey", &url(id, pin), "-in"]).arg(mail);
    let _ = sign.arg("-out").arg(lab.path("signed")).succeed();
}

/// Has openssl check the mail, for a purpose of the certificate.
///
/// # Panics
/// When it does not verify.
pub fn verifies(lab: &Lab, purpose: &str) {
    let verify = lab.program("openssl").args(&["cms", "-verify", "-purpose", purpose, "-in"]);
    let verify = verify.arg(lab.path("signed")).arg("-CAfile").arg(ca()).arg("-out").arg(lab.path("read"));
    let _ = verify.succeed();
    assert_eq!(fs::read_to_string(lab.path("read")).expect("openssl wrote it"), MAIL);
}

/// Reads a mail that was encrypted.
///
/// # Panics
/// When something else comes back.
pub fn decrypts(lab: &Lab, pin: &str) {
    let (mail, encrypted, read) = (lab.file("mail", MAIL), lab.path("encrypted"), lab.path("read"));
    let encrypt = lab.program("openssl").args(&["cms", "-encrypt", "-aes-256-cbc", "-in"]).arg(mail);
    let _ = encrypt.arg("-out").arg(&encrypted).arg(certificate(lab, "9d")).succeed();
    let decrypt =
        openssl(lab).args(&["cms", "-decrypt", "-engine", "pkcs11", "-keyform", "engine", "-inkey"]);
    let decrypt = decrypt.arg(url("03", pin)).arg("-recip").arg(certificate(lab, "9d")).arg("-in");
    let _ = decrypt.arg(encrypted).arg("-out").arg(&read).succeed();
    assert_eq!(fs::read_to_string(read).expect("openssl wrote it"), MAIL);
}
