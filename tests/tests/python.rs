//! Python's two PKCS#11 libraries on our module.

#![forbid(unsafe_code)]

use crescendo_tests::clients::python::{pykcs11_works, python_pkcs11_works};
use crescendo_tests::{Lab, PIN};

#[test]
fn python_pkcs11_lists_signs_and_decrypts() {
    let lab = Lab::start(&[]);
    python_pkcs11_works(&lab, PIN);
    assert_eq!(lab.tries(), 6);
}

#[test]
fn pykcs11_reads_every_attribute_of_every_object_and_signs() {
    pykcs11_works(&Lab::start(&[]), PIN);
}
