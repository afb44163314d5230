//! The cache between processes and runs: each new `Token` stands for a process of its own, over the same store.

mod lab;

use std::time::Duration;

use lab::{Lab, sign};
use link::Store;
use piv::{Error, KeyReference, ObjectId, Token};
use sim::{Personality, Replacement, SimCard};

const AUTHENTICATION: KeyReference = KeyReference::PIV_AUTHENTICATION;
const CARD: KeyReference = KeyReference::CARD_AUTHENTICATION;
const MINUTE: Duration = Duration::from_secs(60);

/// A listing: state, looks that are due, certificates.
fn list(token: &mut Token) {
    token.state().unwrap();
    token.find_retired().unwrap();
    token.look().unwrap();
    token.read_certificates(&token.keys()).unwrap();
}

fn listing(lab: &Lab) -> u64 {
    lab.apdus(|| list(&mut lab.token())).0
}

fn serial(token: &mut Token, key: KeyReference) -> Vec<u8> {
    list(token);
    token.certificate(key).unwrap().unwrap().serial.clone()
}

#[test]
fn a_warm_listing_is_eight_with_all_heads_due_and_four_within_a_minute() {
    let lab = Lab::key_v3();
    listing(&lab);
    assert_eq!(listing(&lab), 4, "another process has just read it all");
    lab.reinsert();
    assert_eq!(listing(&lab), 8, "a new insertion: SELECT, CHUID, Key History, VERIFY, and four heads");
    lab.clock.pass(MINUTE - Duration::from_secs(1));
    assert_eq!(listing(&lab), 4);
    lab.clock.pass(Duration::from_secs(1));
    assert_eq!(listing(&lab), 8, "the last look of any process is a minute old");
    assert_eq!(listing(&lab), 4);
}

#[test]
fn twenty_four_certificates_are_four_apdus_too() {
    let lab = Lab::new(Personality { retired: 20, ..Personality::piv() });
    listing(&lab);
    assert_eq!(listing(&lab), 4);
    lab.reinsert();
    assert_eq!(listing(&lab), 4 + 24);
}

#[test]
fn a_cold_listing_is_what_is_there_and_little_more() {
    let lab = Lab::new(Personality::piv());
    let blocks: u64 = ["5FC105", "5FC10A", "5FC10B", "5FC101", "5FC10C"]
        .into_iter()
        .map(|tag| lab.card.object(u32::from_str_radix(tag, 16).unwrap()).map_or(0, |object| object.len()))
        .map(|length| length.div_ceil(256) as u64)
        .sum();
    let cold = listing(&lab);
    assert!(cold <= 2 + blocks + 3, "{cold} for {blocks} blocks");
}

#[test]
fn what_another_process_saw_counts_for_a_listing_and_not_for_the_use_of_a_key() {
    let lab = Lab::key_v3();
    listing(&lab);
    let mut token = lab.token();
    list(&mut token);
    assert_eq!(lab.apdus(|| token.see(CARD).unwrap()), (1, false), "before a public key is used");
    assert_eq!(lab.apdus(|| token.see(CARD).unwrap()), (0, false));
    let mut token = lab.token();
    list(&mut token);
    assert_eq!(lab.apdus(|| sign(&mut token, CARD, &[7; 32], None).unwrap()).0, 2, "the key, and its head");
}

#[test]
fn a_change_seen_by_one_process_is_shown_by_the_other_at_its_next_look() {
    let lab = Lab::key_v3();
    let mut slow = lab.token();
    let old = serial(&mut slow, CARD);
    lab.card.replace(0x9E, Replacement::SameKey).unwrap();
    lab.clock.pass(MINUTE);
    let new = serial(&mut lab.token(), CARD);
    assert_ne!(old, new);
    let (apdus, shown) = lab.apdus(|| serial(&mut slow, CARD));
    assert_eq!((apdus, shown), (0, new), "the other one has looked a moment ago");
}

#[test]
fn a_change_is_shown_after_a_minute_and_after_an_insertion() {
    for replacement in [Replacement::SameKey, Replacement::NewKey] {
        for insertion in [false, true] {
            let lab = Lab::key_v3();
            let old = serial(&mut lab.token(), AUTHENTICATION);
            if lab.card.replace(0x9A, replacement).is_err() {
                continue;
            }
            if insertion {
                lab.reinsert()
            } else {
                lab.clock.pass(MINUTE)
            }
            assert_ne!(serial(&mut lab.token(), AUTHENTICATION), old);
        }
    }
}

#[test]
fn a_new_retired_key_is_shown_after_a_minute() {
    let lab = Lab::new(Personality { retired: 1, ..Personality::piv() });
    let mut token = lab.token();
    list(&mut token);
    assert_eq!(token.keys().len(), 5);
    lab.card.set_object(0x5F_C10C, Some(b"\x53\x0A\xC1\x01\x02\xC2\x01\x00\xF3\x00\xFE\x00".to_vec()));
    lab.clock.pass(MINUTE);
    list(&mut token);
    assert_eq!(token.keys().len(), 6);
}

#[test]
fn two_cards_of_one_identity_swap_without_being_read_again() {
    let lab = Lab::key_v3();
    let twin = SimCard::new(Personality::key_v3());
    twin.replace(0x9E, Replacement::NewKey).unwrap();
    let first = serial(&mut lab.token(), CARD);
    lab.readers.put(lab::READER, &twin);
    let second = serial(&mut lab.token(), CARD);
    assert_ne!(first, second);
    for _ in 0..2 {
        lab.readers.put(lab::READER, &lab.card);
        let (apdus, shown) = lab.apdus(|| serial(&mut lab.token(), CARD));
        // The head that differs costs a SELECT, a second look, and the object that no look is spent on.
        assert!(apdus <= 8 + 3 && shown == first, "{apdus}");
        lab.readers.put(lab::READER, &twin);
        assert_eq!(serial(&mut lab.token(), CARD), second);
    }
}

#[test]
fn clearing_is_immediate_for_those_who_hold_the_token() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    list(&mut token);
    let key = lab.store.entries().into_iter().find(|entry| !entry.key.starts_with("seat")).unwrap().key;
    lab.store.remove(&key);
    let (apdus, ()) = lab.apdus(|| list(&mut token));
    assert!(apdus > 20, "read again: {apdus}");
    assert!(lab.store.load(&key).is_some(), "and kept again");
}

#[test]
fn nothing_is_put_back_that_was_cleared_meanwhile() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    list(&mut token);
    lab.store.clear();
    // Not by a call that begins with the state: this one has everything it needs.
    token.confirm().unwrap();
    assert!(lab.store.entries().is_empty());
}

#[test]
fn what_was_read_over_contact_is_not_served_over_plain_contactless() {
    let lab = Lab::key_v3();
    listing(&lab);
    let mut token = lab.contactless_token();
    let (apdus, found) = lab.apdus(|| token.certificate(CARD).unwrap());
    assert!(apdus > 8 && found.is_some(), "read in full: {apdus}");
    assert_eq!(token.state().unwrap().label, None);
    // Nor the other way round.
    let before = lab.store.entries().len();
    lab.contactless_token().certificate(CARD).unwrap();
    assert_eq!(lab.store.entries().len(), before);
    let contact = lab.store.entries().into_iter().filter(|entry| !entry.key.contains("contactless"));
    contact.for_each(|entry| lab.store.put(&entry.key, Vec::new()));
    assert!(listing(&lab) > 20);
}

#[test]
fn whatever_became_of_what_was_stored_the_card_is_shown_as_it_is() {
    let lab = Lab::key_v3();
    let shown = serial(&mut lab.token(), AUTHENTICATION);
    let keys: Vec<String> = lab.store.entries().into_iter().map(|entry| entry.key).collect();
    for key in keys {
        let whole = lab.store.load(&key).unwrap();
        let ends = (0..whole.len()).step_by(1 + whole.len() / 60);
        let flips = (0..whole.len()).step_by(1 + whole.len() / 60);
        let cut = ends.map(|end| whole[..end].to_vec());
        let flipped = flips.map(|at| {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x10;
            flipped
        });
        for damaged in cut.chain(flipped) {
            lab.store.put(&key, damaged);
            assert_eq!(serial(&mut lab.token(), AUTHENTICATION), shown);
        }
    }
}

#[test]
fn no_cut_and_no_flipped_byte_of_a_whole_file_is_believed() {
    let lab = Lab::key_v3();
    listing(&lab);
    let entries = lab.store.entries();
    let key = &entries.iter().find(|entry| !entry.key.starts_with("seat")).unwrap().key;
    let mut content = lab.store.load(key).unwrap();
    assert!(piv::TokenCache::from_bytes(&content).is_some() && content.len() > 6000);
    for at in 0..content.len() {
        assert!(piv::TokenCache::from_bytes(&content[..at]).is_none());
        content[at] ^= 0x40;
        assert!(piv::TokenCache::from_bytes(&content).is_none());
        content[at] ^= 0x40;
    }
}

#[test]
fn the_file_of_another_card_tells_nothing_that_is_not_looked_at() {
    let lab = Lab::key_v3();
    let mut other = SimCard::new(Personality::key_v3());
    other.replace(0x9A, Replacement::NewKey).unwrap();
    listing(&lab);
    let entries = lab.store.entries();
    let key = &entries.iter().find(|entry| !entry.key.starts_with("seat")).unwrap().key;
    let foreign = lab.store.load(key).unwrap();
    let strange = Lab { card: std::mem::replace(&mut other, lab.card.clone()), ..Lab::key_v3() };
    strange.readers.put(lab::READER, &strange.card);
    strange.store.put(key, foreign);
    let mut token = strange.token();
    let shown = serial(&mut token, AUTHENTICATION);
    assert_ne!(shown, serial(&mut lab.token(), AUTHENTICATION));
    assert!(token.look().is_ok_and(|changed| !changed));
}

#[test]
fn a_card_without_a_guid_has_no_file() {
    let lab = Lab::new(Personality { no_chuid: true, ..Personality::piv() });
    listing(&lab);
    assert!(lab.store.entries().iter().all(|entry| entry.key.starts_with("seat")));
}

#[test]
fn nothing_that_needs_a_pin_is_stored() {
    let lab = Lab::new(Personality::piv());
    let mut token = lab.user();
    list(&mut token);
    for tag in [0x5F_C103, 0x5F_C108, 0x5F_C109, 0x5F_C121, 0x5F_C123] {
        let before = lab.store.entries();
        let read = token.object(ObjectId::from_tag(tag));
        assert!(read.is_ok() || matches!(read, Err(Error::Refused { .. } | Error::NotLoggedIn)));
        assert_eq!(lab.store.entries(), before);
    }
}
