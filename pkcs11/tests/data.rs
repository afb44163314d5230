//! The containers of the card as data objects, and certificates that nobody can read.

mod common;

use std::time::Duration;

use common::Bench;
use cryptoki_sys::*;
use sim::{Personality, SimCard};

const DATA: [u8; 8] = CKO_DATA.to_ne_bytes();
const CERTIFICATE: [u8; 8] = CKO_CERTIFICATE.to_ne_bytes();

fn labels(bench: &Bench, session: CK_SESSION_HANDLE, template: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Vec<String> {
    let found = bench.find(session, template);
    let label = |object: &CK_OBJECT_HANDLE| bench.attribute(session, *object, CKA_LABEL);
    found.iter().map(|object| String::from_utf8(label(object)).unwrap()).collect()
}

#[test]
fn containers_are_there_as_opensc_shows_them() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    assert_eq!(
        labels(&bench, session, &[(CKA_CLASS, &DATA)]),
        [
            "X.509 Certificate for PIV Authentication",
            "X.509 Certificate for Digital Signature",
            "X.509 Certificate for Key Management",
            "X.509 Certificate for Card Authentication",
            "Discovery Object",
            "Card Holder Unique Identifier",
            "Card Capability Container",
            "Key History Object",
        ]
    );
    let identifier = b"\x06\x0A\x60\x86\x48\x01\x65\x03\x07\x02\x30\x00";
    let found = bench.find(session, &[(CKA_CLASS, &DATA), (CKA_OBJECT_ID, identifier)]);
    let [chuid] = found[..] else { panic!("{found:?}") };
    assert_eq!(bench.find(session, &[(CKA_OBJECT_ID, &identifier[2..])]), [chuid], "as pkcs11-tool asks");
    let get = |kind| bench.attribute(session, chuid, kind);
    assert_eq!(get(CKA_VALUE), bench.card.object(0x5F_C102).unwrap());
    assert_eq!(get(CKA_OBJECT_ID), identifier[2..]);
    assert_eq!(get(CKA_APPLICATION), b"Card Holder Unique Identifier");
    assert_eq!((get(CKA_TOKEN), get(CKA_PRIVATE)), (vec![CK_TRUE], vec![CK_FALSE]));
    let certificate = bench.find(session, &[(CKA_LABEL, b"X.509 Certificate for PIV Authentication")]);
    let value = bench.attribute(session, certificate[0], CKA_VALUE);
    assert_eq!(value, bench.card.object(0x5F_C105).unwrap());
}

#[test]
fn containers_are_probed_once_and_only_for_those_who_ask() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.find(session, &[(CKA_CLASS, &CERTIFICATE)]);
    bench.find(session, &[(CKA_CLASS, &CKO_PRIVATE_KEY.to_ne_bytes())]);
    bench.apdus();
    let one = [(CKA_CLASS, &DATA[..]), (CKA_LABEL, b"Card Capability Container")];
    assert_eq!(labels(&bench, session, &one).len(), 1);
    assert_eq!(bench.apdus(), 2, "SELECT, GET DATA");
    assert_eq!(labels(&bench, session, &[(CKA_CLASS, &DATA)]).len(), 8);
    assert!(bench.apdus() > 4);
    for _ in 0..3 {
        bench.find(session, &[(CKA_CLASS, &DATA)]);
        bench.find(session, &[]);
    }
    assert_eq!(bench.apdus(), 0, "the absent ones are not asked for again either");
    bench.card.refuse_object(0x5F_C102, Some(0x6982));
    bench.clock.pass(Duration::from_secs(61));
    assert_eq!(labels(&bench, session, &[(CKA_CLASS, &DATA)]).len(), 7, "what is refused hides nothing else");
    bench.apdus();
    bench.find(session, &[(CKA_CLASS, &DATA)]);
    assert_eq!(bench.apdus(), 0);
}

#[test]
fn what_needs_a_pin_is_never_asked_for() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.find(session, &[(CKA_CLASS, &DATA)]);
    bench.find(session, &[]);
    assert!(bench.card.log().iter().any(|line| line.to_uppercase().contains("5FC102")));
    for tag in ["5FC103", "5FC108", "5FC109", "5FC121", "5FC123"] {
        assert!(!bench.card.log().iter().any(|line| line.to_uppercase().contains(tag)), "{tag}");
    }
}

#[test]
fn data_that_changes_gets_a_new_object() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let before = bench.find(session, &[(CKA_CLASS, &DATA)]);
    bench.card.set_object(0x5F_C107, Some(vec![0x53, 0x03, 0xF5, 0x01, 0x11]));
    bench.clock.pass(Duration::from_secs(61));
    let after = bench.find(session, &[(CKA_CLASS, &DATA)]);
    let kept = before.iter().filter(|handle| after.contains(handle)).count();
    assert_eq!((kept, after.len()), (before.len() - 1, before.len()));
    let changed = bench.find(session, &[(CKA_LABEL, b"Card Capability Container")])[0];
    assert_eq!(bench.attribute(session, changed, CKA_VALUE), [0x53, 0x03, 0xF5, 0x01, 0x11]);
}

#[test]
fn a_certificate_that_cannot_be_read_is_seen_to_be_there() {
    let unreadable = "X.509 Certificate for Digital Signature (unreadable)";
    for damage in [
        (|card: &SimCard| card.spoil(0x9C).unwrap()) as fn(&SimCard),
        |card| card.refuse_object(0x5F_C10A, Some(0x6982)),
        |card| card.set_object(0x5F_C10A, Some(vec![0x53, 0x04, 0x70, 0x02, 0x30, 0x00])),
    ] {
        let bench = Bench::new(Personality::piv());
        damage(&bench.card);
        let session = bench.login();
        assert_eq!(bench.find(session, &[(CKA_CLASS, &CERTIFICATE)]).len(), 3);
        for template in [&[][..], &[(CKA_CLASS, &DATA[..])], &[(CKA_LABEL, unreadable.as_bytes())]] {
            let labels = labels(&bench, session, template);
            assert_eq!(labels.iter().filter(|label| *label == unreadable).count(), 1);
        }
        let plain = unreadable.strip_suffix(" (unreadable)").unwrap();
        assert!(bench.find(session, &[(CKA_LABEL, plain.as_bytes())]).is_empty());
        bench.apdus();
        bench.find(session, &[]);
        assert_eq!(bench.apdus(), 0);
    }
}

#[test]
fn a_certificate_readable_again_is_a_certificate_again() {
    let bench = Bench::new(Personality::piv());
    let good = bench.card.object(0x5F_C10A);
    bench.card.spoil(0x9C).unwrap();
    let session = bench.open();
    assert_eq!(bench.find(session, &[(CKA_CLASS, &CERTIFICATE)]).len(), 3);
    bench.card.set_object(0x5F_C10A, good);
    bench.clock.pass(Duration::from_secs(61));
    assert_eq!(bench.find(session, &[(CKA_CLASS, &CERTIFICATE)]).len(), 4);
    assert!(labels(&bench, session, &[]).iter().all(|label| !label.contains("unreadable")));
}

#[test]
fn retired_keys_without_key_history_are_found_once() {
    for personality in [
        Personality { retired: 3, no_key_history: true, ..Personality::piv() },
        Personality { retired: 3, no_key_history: true, ..Personality::key_v3() },
    ] {
        let bench = Bench::new(personality);
        let session = bench.login();
        let one = bench.find(session, &[(CKA_CLASS, &CERTIFICATE), (CKA_ID, &[1])]);
        assert_eq!(one.len(), 1);
        let before = bench.card.counts().apdus;
        assert_eq!(bench.find(session, &[(CKA_CLASS, &CERTIFICATE)]).len(), 7);
        assert!(bench.card.counts().apdus > before);
        assert_eq!(bench.find(session, &[(CKA_CLASS, &CKO_PRIVATE_KEY.to_ne_bytes())]).len(), 7);
        bench.find(session, &[]);
        bench.apdus();
        bench.find(session, &[]);
        bench.find(session, &[(CKA_ID, &[0x19])]);
        assert_eq!(bench.apdus(), 0);
    }
}
