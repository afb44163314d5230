//! OpenSC's pkcs11-tool.

use std::fs;
use std::path::{Path, PathBuf};

use super::data;
use crate::judge::{Scheme, accepts, certificate};
use crate::{Files, Lab, PIN, Program};

/// It lists, signs with three keys, the second of which asks for a PIN of its own, and decrypts.
///
/// # Panics
/// When anything is not as it should be.
pub fn works(lab: &Lab, pin: &str) {
    lists_private_keys(lab, pin);
    let cases: [(&str, Scheme, &[&str]); 3] = [
        ("9a", Scheme::Pkcs1, &["-m", "SHA256-RSA-PKCS", "--id", "01"]),
        ("9c", Scheme::Ecdsa, &["-m", "ECDSA-SHA256", "--id", "02", "--signature-format", "openssl"]),
        ("9e", Scheme::Ecdsa, &["-m", "ECDSA-SHA256", "--id", "04", "--signature-format", "openssl"]),
    ];
    for (name, scheme, options) in cases {
        assert!(accepts(lab, name, scheme, &data(lab), &sign(lab, options, &data(lab))), "{name}");
    }
    decrypts(lab, &["-m", "RSA-PKCS"], &["rsa_padding_mode:pkcs1"], &data(lab));
}

/// The tool with our module.
#[must_use]
pub fn tool(lab: &Lab) -> Program {
    lab.program("pkcs11-tool").arg("--module").arg(&Files::get().module)
}

/// The same with the PIN.
#[must_use]
pub fn logged_in(lab: &Lab) -> Program {
    tool(lab).args(&["--login", "--pin", PIN])
}

/// Four private keys, one of which asks each time.
///
/// # Panics
/// When it lists anything else.
pub fn lists_private_keys(lab: &Lab, pin: &str) {
    let objects = tool(lab).args(&["--login", "--pin", pin, "-O"]).succeed();
    assert_eq!(objects.count("Private Key Object; RSA"), 2, "{objects}");
    assert_eq!(objects.count("Private Key Object; EC"), 2, "{objects}");
    objects.says("Access:     always authenticate, sensitive");
    assert_eq!(objects.count("  Access:     sensitive"), 3, "{objects}");
}

/// A signature over a file.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn sign(lab: &Lab, options: &[&str], input: &Path) -> Vec<u8> {
    let out = lab.path("signature");
    let tool = logged_in(lab).arg("-s").args(options);
    let _ = tool.arg("-i").arg(input).arg("-o").arg(&out).succeed();
    fs::read(out).expect("the tool wrote it")
}

/// Has openssl encrypt a file to 9D, and the tool decrypt it.
///
/// # Panics
/// When something else comes back.
pub fn decrypts(lab: &Lab, options: &[&str], padding: &[&str], input: &Path) {
    let (encrypted, decrypted) = (lab.path("encrypted"), lab.path("decrypted"));
    let openssl = lab.program("openssl").args(&["pkeyutl", "-encrypt", "-certin", "-inkey"]);
    let openssl = openssl.arg(certificate(lab, "9d")).arg("-in").arg(input).arg("-out").arg(&encrypted);
    let openssl = padding.iter().fold(openssl, |openssl, option| openssl.args(&["-pkeyopt", option]));
    let _ = openssl.succeed();
    let tool = logged_in(lab).arg("--decrypt").args(options).args(&["--id", "03", "-i"]).arg(encrypted);
    let _ = tool.arg("-o").arg(&decrypted).succeed();
    let read = |path: &PathBuf| fs::read(path).expect("it was written");
    assert_eq!(read(&decrypted), read(&input.to_owned()), "{options:?}");
}
