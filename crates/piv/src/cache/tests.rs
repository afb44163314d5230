use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

const OBJECT: ObjectId = ObjectId::CERTIFICATE_PIV_AUTHENTICATION;
const STAY: &str = "boot 1, reader A, event 3";

/// The start of a real certificate object, with a serial number of `length` bytes of `fill`.
fn object(length: u8, fill: u8) -> Vec<u8> {
    let mut bytes = vec![0x53, 0x82, 6, 0, 0x70, 0x82, 5, 0xF7, 0x30, 0x82, 5, 0xF3, 0x30, 0x82, 4, 0xDB];
    bytes.extend([0xA0, 3, 2, 1, 2, 2, length]);
    bytes.extend(vec![fill; length.into()]);
    bytes.resize(1540, 0);
    bytes
}

fn content(fill: u8) -> Content {
    Some(object(9, fill).into())
}

fn holding(answer: Option<Vec<u8>>) -> TokenCache {
    let mut cache = TokenCache::default();
    cache.keep(OBJECT, answer.map(Arc::from));
    cache
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a store gives back.
fn stored(cache: &TokenCache) -> TokenCache {
    TokenCache::from_bytes(&cache.merged(None).to_bytes()).unwrap()
}

#[test]
fn a_look_covers_the_serial_number() {
    assert_eq!(holding(Some(object(8, 1))).look_length(OBJECT), 48);
    assert_eq!(holding(Some(object(20, 1))).look_length(OBJECT), 48);
    assert_eq!(holding(Some(object(7, 1))).look_length(OBJECT), 0, "short serial numbers repeat");
    assert_eq!(holding(Some(vec![0x53, 4, 0x70, 2, 0x1F, 0x8B])).look_length(OBJECT), 0);
}

#[test]
fn a_head_agrees_or_does_not() {
    let mut cache = holding(Some(object(20, 1)));
    let mut head = object(20, 1)[..48].to_vec();
    assert_eq!(cache.settle(OBJECT, 48, Some(&head)), Settled::Same);
    assert_eq!(cache.settle(OBJECT, 48, Some(&object(20, 1)[..256])), Settled::Same, "a card may send more");
    assert_eq!(cache.settle(OBJECT, 48, Some(&head[..47])), Settled::Unknown);
    assert_eq!(cache.settle(OBJECT, 48, None), Settled::Unknown);
    head[30] ^= 1;
    assert_eq!(cache.settle(OBJECT, 48, Some(&head)), Settled::Unknown);
    assert_eq!(holding(None).settle(OBJECT, 48, None), Settled::Same);
    assert_eq!(holding(None).settle(OBJECT, 48, Some(&head)), Settled::Unknown);
}

#[test]
fn two_cards_of_one_identity_do_not_mix() {
    let mut cache = holding(Some(object(9, 1)));
    cache.keep(OBJECT, content(2));
    assert_eq!(cache.get(OBJECT), Some(content(2)));
    assert_eq!(cache.settle(OBJECT, 48, Some(&object(9, 1)[..48])), Settled::Other);
    assert_eq!(cache.get(OBJECT), Some(content(1)), "the first card is back");
    cache.keep(OBJECT, content(3));
    assert_eq!(
        cache.settle(OBJECT, 48, Some(&object(9, 2)[..48])),
        Settled::Unknown,
        "two are kept, the last ones"
    );
}

#[test]
fn a_short_head_does_not_tell_a_short_serial_number() {
    let mut cache = holding(Some(object(7, 1)));
    cache.keep(OBJECT, content(2));
    assert_eq!(cache.settle(OBJECT, 48, Some(&object(7, 1)[..48])), Settled::Unknown);
    assert_eq!(cache.settle(OBJECT, 0, Some(&object(7, 1)[..256])), Settled::Other);
}

#[test]
fn what_is_doubted_is_unknown_until_it_is_read_again() {
    let mut cache = holding(Some(object(9, 1)));
    cache.doubt(OBJECT);
    assert_eq!(cache.get(OBJECT), None);
    assert_eq!(cache.settle(OBJECT, 48, Some(&object(9, 1)[..48])), Settled::Unknown);
    cache.keep(OBJECT, content(1));
    assert_eq!(cache.get(OBJECT), Some(content(1)));
}

#[test]
fn what_needs_a_pin_is_not_kept() {
    for tag in [0x5F_C103, 0x5F_C108, 0x5F_C109, 0x5F_C121, 0x5F_C123] {
        let mut cache = TokenCache::default();
        cache.keep(ObjectId::from_tag(tag), Some(Arc::from([1u8, 2].as_slice())));
        assert_eq!(cache, TokenCache::default());
    }
}

#[test]
fn a_look_of_another_process_counts_in_the_same_stay_for_the_same_content() {
    let mut other = holding(Some(object(9, 1)));
    other.note_look(STAY, OBJECT, at(100));
    let other = stored(&other);
    let seen = |changed| vec![Learnt { object: OBJECT, at: at(100), changed }];
    let never = |_| None;
    assert_eq!(holding(Some(object(9, 1))).learn(&other, STAY, never), seen(false));
    assert_eq!(holding(Some(object(9, 1))).learn(&other, STAY, |_| Some(at(100))), []);
    assert_eq!(holding(Some(object(9, 1))).learn(&other, "another stay", never), []);
    let mut behind = holding(Some(object(9, 2)));
    assert_eq!(behind.learn(&other, STAY, never), seen(true));
    assert_eq!(behind.get(OBJECT), Some(content(1)), "what the other one saw");
}

#[test]
fn only_what_this_process_did_changes_what_is_stored() {
    let mut old = holding(Some(object(9, 1)));
    old.keep(ObjectId::KEY_HISTORY, None);
    let old = stored(&old);

    let mut new = old.clone();
    new.keep(OBJECT, content(2));
    let merged = new.merged(Some(old.clone()));
    assert_eq!(merged.get(OBJECT), Some(content(2)));
    assert_eq!(merged.get(ObjectId::KEY_HISTORY), Some(None));

    let mut reader = old.clone();
    reader.note_look(STAY, ObjectId::KEY_HISTORY, at(7));
    let merged = reader.merged(Some(stored(&merged)));
    assert_eq!(merged.get(OBJECT), Some(content(2)), "read by another process meanwhile");
    assert_eq!(merged.stays.len(), 1);

    let mut writer = old.clone();
    writer.forget(OBJECT);
    assert_eq!(writer.merged(Some(stored(&merged))).get(OBJECT), None, "we changed it");
}

#[test]
fn the_last_look_of_a_stay_wins_and_old_stays_go() {
    let mut first = holding(Some(object(9, 1)));
    first.note_look(STAY, OBJECT, at(50));
    let mut second = holding(Some(object(9, 1)));
    second.note_look(STAY, OBJECT, at(60));
    for merged in [first.merged(Some(second.clone())), second.merged(Some(first.clone()))] {
        assert_eq!(TokenCache::default().learn(&merged, STAY, |_| None)[0].at, at(60));
    }
    (0..9).for_each(|stay| first.note_look(&stay.to_string(), OBJECT, at(stay)));
    assert_eq!(first.stays.len(), STAYS);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut cache = holding(Some(object(9, 1)[..60].to_vec()));
    cache.keep(OBJECT, content(2).map(|content| content[..50].into()));
    cache.keep(ObjectId::KEY_HISTORY, None);
    cache.set_label("Crescendo Test Holder".into());
    cache.note_look(STAY, OBJECT, at(12));
    let cache = cache.merged(None);
    let bytes = cache.to_bytes();
    assert_eq!(TokenCache::from_bytes(&bytes), Some(cache));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(TokenCache::from_bytes(&damaged), None);
    }
    for length in 0..bytes.len() {
        assert_eq!(TokenCache::from_bytes(&bytes[..length]), None);
    }
}

proptest! {
    #[test]
    fn any_body_with_a_right_checksum_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = [&b"crescnd\x03"[..], &body].concat();
        bytes.extend(Sha256::digest(&bytes));
        let _ = TokenCache::from_bytes(&bytes);
    }
}
