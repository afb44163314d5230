//! Python's two PKCS#11 libraries with our module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::data;
use crate::files::target;
use crate::judge::{Scheme, accepts, certificate};
use crate::{Done, Files, Lab, PIN};

fn strangers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("strangers/python")
}

/// Runs one of the scripts in `strangers/python`, in a Python that is kept below the target folder. That one is made with
/// the environment of whoever runs the tests: it knows where packages come from.
fn run(lab: &Lab, script: &str, pin: &str) -> Done {
    let python = target().join("tmp/python");
    let made = Command::new(strangers().join("venv.sh")).arg(&python).status().expect("the script runs");
    assert!(made.success(), "no virtual environment");
    let script = lab.program(python.join("bin/python")).arg(strangers().join(script));
    let script = script.arg(&Files::get().module).arg(pin).arg(data(lab)).arg(lab.path(""));
    script.succeed()
}

fn holds(lab: &Lab, file: &str, fixture: &str, scheme: Scheme) {
    let signature = fs::read(lab.path(file)).expect("it was written");
    assert!(accepts(lab, fixture, scheme, &data(lab), &signature), "{file}");
}

/// python-pkcs11 lists, signs with every kind of key, and decrypts.
///
/// # Panics
/// When anything is not as it should be.
pub fn python_pkcs11_works(lab: &Lab, pin: &str) {
    let secret = lab.file("plain", "geheim");
    let encrypt = lab.program("openssl").args(&["pkeyutl", "-encrypt", "-certin", "-inkey"]);
    let encrypt = encrypt.arg(certificate(lab, "9d")).arg("-in").arg(secret).arg("-out");
    let _ = encrypt.arg(lab.path("secret")).succeed();
    let done = run(lab, "with_python_pkcs11.py", pin);
    for (id, kind) in [("01", "RSA"), ("02", "EC"), ("03", "RSA"), ("04", "EC")] {
        done.says(&format!("certificate {id} "));
        done.says(&format!("public {id} {kind}")).says(&format!("private {id} {kind} "));
    }
    done.says("decrypted geheim");
    let digest = lab.program("openssl").args(&["dgst", "-sha256", "-r"]).arg(data(lab)).succeed();
    done.says(&format!("digest {}", digest.out.split(' ').next().expect("it says so")));
    holds(lab, "pkcs1", "9a", Scheme::Pkcs1);
    holds(lab, "pss", "9a", Scheme::Pss);
    holds(lab, "ecdsa", "9e", Scheme::EcdsaRaw);
    holds(lab, "ecdsa-own-pin", "9c", Scheme::EcdsaRaw);
}

/// PyKCS11 signs, and asks every object for some hundred attributes one by one, those of other kinds of objects among them.
/// What is shown before the login is shown again after it. Before its code is known a card shows what belongs to 9E.
///
/// # Panics
/// When anything is not as it should be.
pub fn pykcs11_works(lab: &Lab, pin: &str) {
    let done = run(lab, "with_pykcs11.py", pin);
    done.says("mechanisms CKM_RSA_PKCS ");
    let (before, after) = done.out.split_once("logged in").expect("it says so");
    let hidden = if pin == PIN { 0 } else { 3 };
    for id in 1..=4 {
        for (class, needs_pin) in [("CERTIFICATE", false), ("PUBLIC_KEY", false), ("PRIVATE_KEY", true)] {
            let object = format!("object CKO_{class} {id:02} ");
            let early = id == 4 || !needs_pin && id > hidden;
            assert_eq!(before.matches(&object).count(), usize::from(early), "{object}: {done}");
            assert_eq!(after.matches(&object).count(), 1, "{object}: {done}");
        }
    }
    holds(lab, "pkcs1", "9a", Scheme::Pkcs1);
    holds(lab, "ecdsa", "9e", Scheme::EcdsaRaw);
}
