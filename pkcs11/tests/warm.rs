//! A program that starts when another one has used the card before: APDU by APDU, on a contact card with short APDUs.

mod common;

use std::time::Duration;

use common::{Bench, PIN, plain};
use cryptoki_sys::*;
use link::Store;
use sim::Personality;

/// The commands the card got since it was zeroed, by their names and parameters.
fn commands(bench: &Bench, work: impl FnOnce()) -> Vec<String> {
    let before = bench.card.log().len();
    work();
    let log = bench.card.log();
    let sent = log[before..].iter().filter_map(|line| line.split_once("> ")?.1.split(' ').next());
    sent.map(str::to_owned).collect()
}

fn list(bench: &Bench) -> usize {
    let session = bench.open();
    bench.provider.token_info(0).unwrap();
    let objects = bench.find(session, &[]);
    let objects: Vec<_> = objects
        .into_iter()
        .filter(|object| bench.attribute(session, *object, CKA_CLASS) != CKO_DATA.to_ne_bytes())
        .collect();
    for object in &objects {
        let _ = bench.provider.object(session, *object).unwrap().attribute(CKA_VALUE);
    }
    bench.provider.close_session(session).unwrap();
    objects.len()
}

/// As programs list: certificates, then keys, with all values.
fn list_keys(bench: &Bench) -> usize {
    let session = bench.open();
    bench.provider.token_info(0).unwrap();
    let mut shown = 0;
    for class in [CKO_CERTIFICATE, CKO_PUBLIC_KEY] {
        for object in bench.find(session, &[(CKA_CLASS, &class.to_ne_bytes())]) {
            let _ = bench.provider.object(session, object).unwrap().attribute(CKA_VALUE);
            shown += 1;
        }
    }
    bench.provider.close_session(session).unwrap();
    shown
}

fn reinsert(bench: &Bench) {
    bench.card.pull();
    bench.card.insert();
}

#[test]
fn a_listing_of_four_certificates_with_all_heads_due_is_eight() {
    let bench = Bench::new(Personality::piv());
    assert_eq!(list_keys(&bench), 8);
    reinsert(&bench);
    let other = bench.another();
    bench.apdus();
    assert_eq!((list_keys(&other), bench.apdus()), (8, 8));
    let third = bench.another();
    assert_eq!((list_keys(&third), bench.apdus()), (8, 4), "and four if someone looked within a minute");
}

#[test]
fn fifteen_and_twenty_four_certificates_looked_at_a_moment_ago_are_four() {
    for retired in [11, 20] {
        let bench = Bench::new(Personality { retired, ..Personality::piv() });
        list_keys(&bench);
        bench.clock.pass(Duration::from_secs(59));
        bench.apdus();
        let shown = list_keys(&bench.another());
        assert_eq!((shown, bench.apdus()), (2 * (4 + usize::from(retired)), 4));
    }
}

/// SELECT, the head of the CHUID, and the blocks of what is there; and at most three more.
#[test]
fn a_cold_listing_is_at_most_three_above_what_is_there() {
    for personality in [Personality::piv(), Personality::key_v3()] {
        let bench = Bench::new(personality);
        let blocks =
            |tag| bench.card.object(tag).map_or(0, |object: Vec<u8>| object.len().div_ceil(256) as u64);
        let there: u64 =
            [0x5F_C105, 0x5F_C10A, 0x5F_C10B, 0x5F_C101, 0x5F_C10C].into_iter().map(blocks).sum();
        bench.apdus();
        list_keys(&bench);
        let cold = bench.apdus();
        assert!(cold <= 2 + there + 3, "{cold}, of which {there} are blocks");
    }
}

#[test]
fn a_cold_listing_with_extended_apdus_is_at_most_nine() {
    let bench = Bench::new(Personality { extended: true, ..Personality::piv() });
    bench.apdus();
    list_keys(&bench);
    let cold = bench.apdus();
    assert!(cold <= 9, "{cold}");
}

#[test]
fn token_info_login_and_one_rsa_signature_send_what_they_must() {
    let bench = Bench::new(Personality::piv());
    list(&bench);
    let other = bench.another();
    let sent = commands(&other, || {
        other.provider.token_info(0).unwrap();
        let session = other.login();
        let key = other.object(session, CKO_PRIVATE_KEY, 1);
        other.sign(session, &plain(CKM_SHA256_RSA_PKCS), key, b"text").unwrap();
    });
    let headers: Vec<_> = sent.iter().map(|apdu| &apdu[..8]).collect();
    let expected = [
        "00A40400", // SELECT
        "00CB3FFF", // the head of the CHUID
        "00CB3FFF", // Key History
        "00200080", // the PIN state
        "00A40400", // SELECT
        "00200080", // VERIFY
        "1087079A", // GENERAL AUTHENTICATE, chained
        "0087079A", "00C00000", // the rest of the answer
        "00CB3FFF", // the head of the certificate
    ];
    assert_eq!(headers, expected);
}

#[test]
fn a_public_key_is_used_once_this_process_has_seen_its_certificate() {
    let bench = Bench::new(Personality::piv());
    list(&bench);
    let other = bench.another();
    let session = other.open();
    let key = other.object(session, CKO_PUBLIC_KEY, 1);
    let verify = || other.provider.verify_init(session, Some(&plain(CKM_SHA256_RSA_PKCS)), key).unwrap();
    other.apdus();
    verify();
    assert_eq!(other.apdus(), 1, "its head");
    other.provider.verify_init(session, None, key).unwrap();
    verify();
    assert_eq!(other.apdus(), 0);
}

#[test]
fn a_cleared_cache_is_read_again_by_those_who_hold_the_token_and_handles_stay() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let before = bench.find(session, &[]);
    bench.clock.pass(Duration::from_millis(300));
    bench.store.entries().iter().for_each(|entry| bench.store.remove(&entry.key));
    bench.apdus();
    assert_eq!(bench.find(session, &[]), before, "the card is the same");
    assert!(bench.apdus() > 25);
    assert_eq!(bench.find(session, &[]), before);
    assert_eq!(bench.apdus(), 0);
}

#[test]
fn the_pin_is_never_stored() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.find(session, &[]);
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), key, b"text").unwrap();
    for entry in bench.store.entries() {
        let content = bench.store.load(&entry.key).unwrap();
        assert!(!content.windows(PIN.len()).any(|bytes| bytes == PIN));
    }
}
