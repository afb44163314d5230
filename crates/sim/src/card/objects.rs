//! What is on a card when a person gets it: containers of SP 800-73 part 1, and keys.

use std::collections::BTreeMap;

use super::chuid::chuid;
use super::key::Key;
use super::personality::{Personality, Profile};
use crate::fixture::{self, Fixture};
use crate::tlv::tlv;

pub(super) const CHUID: u32 = 0x5FC102;
pub(super) const CCC: u32 = 0x5FC107;
pub(super) const PRINTED_INFORMATION: u32 = 0x5FC109;
pub(super) const KEY_HISTORY: u32 = 0x5FC10C;
pub(super) const DISCOVERY: u32 = 0x7E;

/// The key references of keys with certificates, in the order PROPERTIES names them.
pub(super) const KEY_REFERENCES: [u8; 24] = [
    0x9A, 0x9C, 0x9D, 0x9E, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x8D, 0x8E,
    0x8F, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95,
];

/// Answers to GET DATA, by tag.
pub(super) type Objects = BTreeMap<u32, Vec<u8>>;

/// The container of the certificate that belongs to a key.
pub(super) fn certificate_tag(key: u8) -> Option<u32> {
    Some(match key {
        0x9A => 0x5FC105,
        0x9C => 0x5FC10A,
        0x9D => 0x5FC10B,
        0x9E => 0x5FC101,
        0x82..=0x95 => 0x5FC10D + u32::from(key - 0x82),
        _ => return None,
    })
}

/// A certificate container: plain DER, CertInfo 00.
pub(super) fn certificate(fixture: &Fixture) -> Vec<u8> {
    container(&[tlv(0x70, fixture.certificate), tlv(0x71, &[0])].concat())
}

/// The keys a card is issued with.
pub(super) fn issued(personality: &Personality) -> Vec<(u8, &'static Fixture)> {
    if personality.blank {
        return Vec::new();
    }
    let four = [(0x9A, "9a"), (0x9C, "9c"), (0x9D, "9d"), (0x9E, "9e")];
    let four = four.into_iter().filter_map(|(key, name)| Some((key, fixture::named(name)?)));
    let retired = (1..=personality.retired.min(20)).filter_map(|n| Some((0x81 + n, fixture::retired(n)?)));
    four.chain(retired).collect()
}

pub(super) fn keys(personality: &Personality) -> BTreeMap<u8, Key> {
    issued(personality).into_iter().map(|(reference, fixture)| (reference, Key::new(fixture))).collect()
}

pub(super) fn objects(personality: &Personality) -> Objects {
    let mut objects = match personality.profile {
        Profile::KeyV3 => allocated(),
        Profile::Piv => Objects::from([(DISCOVERY, discovery())]),
    };
    if !personality.blank {
        objects.insert(CHUID, tlv(0x53, &chuid(&personality.guid)));
        objects.insert(CCC, container(&capabilities()));
        objects.insert(KEY_HISTORY, container(&key_history(personality.retired.min(20))));
        objects.insert(PRINTED_INFORMATION, container(&printed_information()));
    }
    for (key, fixture) in issued(personality) {
        objects.extend(certificate_tag(key).map(|tag| (tag, certificate(fixture))));
    }
    objects
}

/// The containers a Key V3 has from the start, empty (crescendo.md 8.3).
fn allocated() -> Objects {
    let certificates = KEY_REFERENCES.into_iter().filter_map(certificate_tag);
    let tags = [CHUID, CCC, PRINTED_INFORMATION, KEY_HISTORY].into_iter().chain(certificates);
    tags.map(|tag| (tag, tlv(0x53, &[]))).collect()
}

fn container(content: &[u8]) -> Vec<u8> {
    tlv(0x53, &[content, &[0xFE, 0]].concat())
}

/// Everything may be empty but the data model number, 10.
fn capabilities() -> Vec<u8> {
    let empty = |tag| tlv(tag, &[]);
    let before = (0xF0..=0xF4).flat_map(empty);
    let after = [0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD].into_iter().flat_map(empty);
    before.chain(tlv(0xF5, &[0x10])).chain(after).collect()
}

/// All retired certificates are on the card, so there is no URL.
fn key_history(retired: u8) -> Vec<u8> {
    [tlv(0xC1, &[retired]), tlv(0xC2, &[0])].concat()
}

fn printed_information() -> Vec<u8> {
    [
        tlv(0x01, b"Crescendo Test Holder"),
        tlv(0x02, b"Tester"),
        tlv(0x04, b"2045DEC31"),
        tlv(0x05, b"0000000001"),
        tlv(0x06, b"999900000000001"),
    ]
    .concat()
}

/// PIV PIN only, neither global PIN nor VCI.
fn discovery() -> Vec<u8> {
    let policy = tlv(0x5F2F, &[0x40, 0x00]);
    tlv(0x7E, &[tlv(0x4F, super::piv::AID), policy].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn capability_container_of_a_real_card() {
        let real = "531BF000F100F200F300F400F50110F600F700FA00FB00FC00FD00FE00";
        assert_eq!(hex::encode(&container(&capabilities())), real);
    }

    #[test]
    fn key_history_and_discovery() {
        assert_eq!(hex::encode(&container(&key_history(0))), "5308C10100C20100FE00");
        assert_eq!(hex::encode(&discovery()), "7E124F0BA0000003080000100001005F2F024000");
    }

    #[test]
    fn retired_keys_are_all_different() {
        let twenty = Personality { retired: 20, ..Personality::key_v3() };
        let mut seen: Vec<_> = issued(&twenty).into_iter().map(|(_, fixture)| fixture.key).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 24);
    }
}
