//! Python's two PKCS#11 libraries on our module.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crescendo_tests::{Done, Files, Lab, PIN, Scheme, accepts, certificate};

fn strangers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("strangers/python")
}

/// Runs one of the scripts in `strangers/python`, in a Python that is kept below the target folder. That one is made with
/// the environment of whoever runs the tests: it knows where packages come from.
fn run(lab: &Lab, script: &str) -> Done {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let made = Command::new(strangers().join("venv.sh")).arg(&python).status().unwrap();
    assert!(made.success(), "no virtual environment");
    let script = lab.program(python.join("bin/python")).arg(strangers().join(script));
    let script = script.arg(&Files::get().module).arg(PIN).arg(data(lab)).arg(lab.path(""));
    script.succeed()
}

fn data(lab: &Lab) -> PathBuf {
    lab.file("data", "what is to be signed")
}

fn holds(lab: &Lab, file: &str, fixture: &str, scheme: Scheme) {
    let signature = fs::read(lab.path(file)).unwrap();
    assert!(accepts(lab, fixture, scheme, &data(lab), &signature), "{file}");
}

#[test]
fn python_pkcs11_lists_signs_and_decrypts() {
    let lab = Lab::start(&[]);
    let secret = lab.file("plain", "geheim");
    let encrypt = lab.program("openssl").args(&["pkeyutl", "-encrypt", "-certin", "-inkey"]);
    let encrypt = encrypt.arg(certificate(&lab, "9d")).arg("-in").arg(secret).arg("-out");
    let _ = encrypt.arg(lab.path("secret")).succeed();
    let done = run(&lab, "with_python_pkcs11.py");
    for (id, kind) in [("01", "RSA"), ("02", "EC"), ("03", "RSA"), ("04", "EC")] {
        done.says(&format!("certificate {id} "));
        done.says(&format!("public {id} {kind}")).says(&format!("private {id} {kind} "));
    }
    done.says("decrypted geheim");
    let digest = lab.program("openssl").args(&["dgst", "-sha256", "-r"]).arg(data(&lab)).succeed();
    done.says(&format!("digest {}", digest.out.split(' ').next().unwrap()));
    holds(&lab, "pkcs1", "9a", Scheme::Pkcs1);
    holds(&lab, "pss", "9a", Scheme::Pss);
    holds(&lab, "ecdsa", "9e", Scheme::EcdsaRaw);
    holds(&lab, "ecdsa-own-pin", "9c", Scheme::EcdsaRaw);
    assert_eq!(lab.tries(), 6);
}

/// It asks every object for some hundred attributes one by one, those of other kinds of objects among them.
#[test]
fn pykcs11_reads_every_attribute_of_every_object_and_signs() {
    let lab = Lab::start(&[]);
    let done = run(&lab, "with_pykcs11.py");
    done.says("token Crescendo Test Holder").says("mechanisms CKM_RSA_PKCS ");
    let (before, after) = done.out.split_once("logged in").unwrap();
    for id in 1..=4 {
        for (class, seen) in [("CERTIFICATE", before), ("PUBLIC_KEY", before), ("PRIVATE_KEY", after)] {
            let object = format!("object CKO_{class} {id:02} ");
            assert_eq!(seen.matches(&object).count(), 1, "{object}: {done}");
        }
    }
    // 9E's, which needs no PIN.
    assert_eq!(before.matches("object CKO_PRIVATE_KEY").count(), 1, "{done}");
    holds(&lab, "pkcs1", "9a", Scheme::Pkcs1);
    holds(&lab, "ecdsa", "9e", Scheme::EcdsaRaw);
}
