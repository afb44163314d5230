//! APDU counts (architecture part 7): what a call costs is part of what it does.

mod common;

use std::time::Duration;

use common::{Bench, Buffer, PIN, plain};
use crescendo_pkcs11::{Error, Input};
use cryptoki_sys::*;
use sim::Personality;

#[test]
fn nothing_is_sent_before_something_is_asked() {
    let bench = Bench::new(Personality::key_v3());
    assert_eq!(bench.provider.slot_list(true), [0]);
    bench.provider.slot_info(0).unwrap();
    bench.provider.mechanism_list(0).unwrap();
    let session = bench.open();
    bench.provider.session_info(session).unwrap();
    assert_eq!(bench.find(session, &[(CKA_CLASS, &CKO_PROFILE.to_ne_bytes())]).len(), 3);
    for class in [CKO_TRUST, CKO_SECRET_KEY, CKO_VENDOR_DEFINED | 0x4E53_4353] {
        assert!(bench.find(session, &[(CKA_CLASS, &class.to_ne_bytes())]).is_empty());
    }
    assert_eq!(bench.apdus(), 0);
}

#[test]
fn token_info_asks_once() {
    let bench = Bench::new(Personality::piv());
    bench.provider.token_info(0).unwrap();
    assert!(bench.apdus() > 0);
    bench.provider.token_info(0).unwrap();
    assert_eq!(bench.apdus(), 0);
    bench.card.pull();
    bench.card.insert();
    bench.provider.token_info(0).unwrap();
    assert_eq!(bench.apdus(), 4, "SELECT, CHUID, Key History, VERIFY: the rest is remembered");
}

#[test]
fn a_login_is_two() {
    let bench = Bench::new(Personality::piv());
    bench.provider.token_info(0).unwrap();
    let session = bench.open();
    bench.apdus();
    bench.provider.login(session, CKU_USER, &Input::borrowed(PIN)).unwrap();
    assert_eq!(bench.apdus(), 2);
}

#[test]
fn searches_are_free_once_everything_is_known() {
    let bench = Bench::new(Personality { retired: 3, ..Personality::piv() });
    let session = bench.login();
    let all = bench.find(session, &[]);
    assert_eq!(all.len(), 3 + 4 * 7 + 4, "profiles; of each key four; CHUID and three more containers");
    bench.apdus();
    for object in all {
        bench.attribute(session, object, CKA_LABEL);
    }
    assert_eq!(bench.find(session, &[]).len(), 35);
    assert_eq!(bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())]).len(), 7);
    bench.provider.token_info(0).unwrap();
    assert_eq!(bench.apdus(), 0);
    bench.clock.pass(Duration::from_secs(61));
    bench.find(session, &[]);
    assert!(bench.apdus() > 0, "heads are due again after a minute");
    bench.find(session, &[]);
    assert_eq!(bench.apdus(), 0);
}

#[test]
fn a_search_reads_only_what_it_can_match() {
    let bench = Bench::new(Personality { retired: 20, ..Personality::piv() });
    let session = bench.open();
    bench.provider.token_info(0).unwrap();
    bench.apdus();
    bench.object(session, CKO_CERTIFICATE, 4);
    let one = bench.apdus();
    bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())]);
    assert!(one < 12 && bench.apdus() > 10 * one.min(10), "{one}");
}

#[test]
fn signatures_cost_what_they_must() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.find(session, &[]);
    let (rsa, card) = (bench.object(session, CKO_PRIVATE_KEY, 1), bench.object(session, CKO_PRIVATE_KEY, 4));
    bench.apdus();
    bench.sign(session, &plain(CKM_ECDSA), card, &[7; 32]).unwrap();
    let first = bench.apdus();
    bench.sign(session, &plain(CKM_ECDSA), card, &[7; 32]).unwrap();
    let second = bench.apdus();
    bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), rsa, b"text").unwrap();
    bench.apdus();
    bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), rsa, b"text").unwrap();
    // They were read in full in this process just now, so their heads are not due.
    assert_eq!((first, second, bench.apdus()), (1, 1, 3));
}

#[test]
fn the_first_listing_looks_so_the_signature_need_not() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.find(session, &[]);
    // The card comes back: a new token, and what is stored of it.
    bench.card.pull();
    bench.card.insert();
    assert_eq!(bench.provider.slot_list(true), [0]);
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.apdus();
    bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), key, b"text").unwrap();
    assert_eq!(bench.apdus(), 3);
}

#[test]
fn a_length_query_costs_and_ends_nothing() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.apdus();
    bench.provider.sign_init(session, Some(&plain(CKM_SHA256_RSA_PKCS)), key).unwrap();
    let mut query = Buffer::query();
    bench.provider.sign(session, &Input::borrowed(b"text"), &mut query).unwrap();
    assert_eq!(query.needed, 256);
    let small = bench.provider.sign(session, &Input::borrowed(b"text"), &mut Buffer::of(255));
    assert!(matches!(small, Err(Error::BufferTooSmall)));
    assert_eq!(bench.apdus(), 0);
    let mut out = Buffer::of(256);
    bench.provider.sign(session, &Input::borrowed(b"text"), &mut out).unwrap();
    assert_eq!(out.taken.len(), 256);
    let over = bench.provider.sign(session, &Input::borrowed(b"text"), &mut out);
    assert!(matches!(over, Err(Error::OperationMissing)));
}

#[test]
fn the_signature_key_costs_a_pin_each_time() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.find(session, &[]);
    let key = bench.object(session, CKO_PRIVATE_KEY, 2);
    for _ in 0..2 {
        bench.apdus();
        bench.provider.sign_init(session, Some(&plain(CKM_ECDSA)), key).unwrap();
        bench.provider.login(session, CKU_CONTEXT_SPECIFIC, &Input::borrowed(PIN)).unwrap();
        assert_eq!(bench.apdus(), 2);
        let mut query = Buffer::query();
        bench.provider.sign(session, &Input::borrowed(&[7; 32]), &mut query).unwrap();
        let mut out = Buffer::of(64);
        bench.provider.sign(session, &Input::borrowed(&[7; 32]), &mut out).unwrap();
        assert_eq!(bench.apdus(), 1);
        assert!(bench.verify_p256(session, 2, &[7; 32], &out.taken));
    }
}
