//! What is on a card when a person gets it: the containers of SP 800-73 part 1, and the keys.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::chuid::chuid;
use super::cvc::Credentials;
use super::history::key_history;
use super::issue::{Stored, issued};
use super::key::Key;
use super::messaging::Vci;
use super::personality::Personality;
use super::piv::credentials;
use super::profile::{Dialect, Profile};
use crate::fault;
use crate::tlv::tlv;

pub(super) const CHUID: u32 = 0x5FC102;
pub(super) const CCC: u32 = 0x5FC107;
pub(super) const PRINTED_INFORMATION: u32 = 0x5FC109;
pub(super) const KEY_HISTORY: u32 = 0x5FC10C;
pub(super) const SIGNER: u32 = 0x5FC122;
pub(super) const PAIRING_CODE: u32 = 0x5FC123;
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

/// A certificate container: plain DER with CertInfo 00, or gzip with 01.
pub(super) fn certificate(der: &[u8], compressed: bool) -> Vec<u8> {
    let content = if compressed { gzip(der) } else { der.to_vec() };
    with_info(&content, compressed)
}

/// A certificate container with no certificate in it, though it says so.
pub(super) fn garbage(compressed: bool) -> Vec<u8> {
    with_info(&fault::noise(300), compressed)
}

fn with_info(content: &[u8], compressed: bool) -> Vec<u8> {
    container(&info(content, compressed))
}

fn info(content: &[u8], compressed: bool) -> Vec<u8> {
    [tlv(0x70, content), tlv(0x71, &[u8::from(compressed)])].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    const MEMORY: &str = "writing to memory does not fail";
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect(MEMORY);
    encoder.finish().expect(MEMORY)
}

pub(super) fn keys(personality: &Personality) -> BTreeMap<u8, Key> {
    issued(personality).into_iter().map(|(reference, key)| (reference, Key::new(key.fixture))).collect()
}

pub(super) fn objects(personality: &Personality) -> Objects {
    let mut objects = allocated(personality.profile);
    objects.extend(of_messaging(personality));
    if !personality.blank {
        objects.insert(CHUID, tlv(0x53, &chuid(&personality.guid)));
        // The one 2300 that was measured has no such container.
        if personality.profile.dialect() != Some(Dialect::C2300) {
            objects.insert(CCC, container(&capabilities()));
        }
        objects.extend(key_history(personality).map(|content| (KEY_HISTORY, container(&content))));
        objects.insert(PRINTED_INFORMATION, container(&printed_information()));
    }
    for (reference, key) in issued(personality) {
        let answer = match key.certificate {
            Stored::Whole => certificate(key.fixture.certificate, personality.compressed),
            Stored::Garbage => garbage(personality.compressed),
            Stored::Elsewhere => continue,
        };
        objects.extend(certificate_tag(reference).map(|tag| (tag, answer)));
    }
    let absent = [(personality.no_chuid, CHUID), (personality.no_key_history, KEY_HISTORY)];
    objects.retain(|tag, _| !absent.contains(&(true, *tag)));
    objects
}

/// What there is of the containers that go with the interfaces of a card.
pub(super) fn of_messaging(personality: &Personality) -> Objects {
    let policy = personality.pin_policy();
    let mut objects: Objects = policy.map(|policy| (DISCOVERY, discovery(policy))).into_iter().collect();
    if let Some(credentials) = credentials(personality) {
        objects.insert(SIGNER, signer(credentials, personality.compressed));
        if personality.vci() == Vci::PairingCode {
            let code = personality.secure_messaging.pairing_code.as_bytes();
            objects.insert(PAIRING_CODE, container(&tlv(0x99, code)));
        }
    }
    objects
}

/// The Secure Messaging Certificate Signer; an Intermediate CVC comes after the certificate.
pub(super) fn signer(credentials: Credentials, compressed: bool) -> Vec<u8> {
    let content = if compressed { gzip(&credentials.signer) } else { credentials.signer };
    container(&[info(&content, compressed), credentials.intermediate.unwrap_or_default()].concat())
}

/// The containers a Crescendo has from the start, empty (command reference 4.2 and 8.3).
fn allocated(profile: Profile) -> Objects {
    let general: &[u32] = match profile.dialect() {
        None => return Objects::new(),
        Some(Dialect::C2300) => &[CHUID, PRINTED_INFORMATION, KEY_HISTORY],
        Some(Dialect::C4000) => &[CHUID, CCC, PRINTED_INFORMATION, KEY_HISTORY],
    };
    let certificates = profile.key_references().iter().filter_map(|key| certificate_tag(*key));
    general.iter().copied().chain(certificates).map(|tag| (tag, tlv(0x53, &[]))).collect()
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

/// The PIN usage policy, in the one object that has no 53 around it.
fn discovery(policy: [u8; 2]) -> Vec<u8> {
    tlv(0x7E, &[tlv(0x4F, super::piv::AID), tlv(0x5F2F, &policy)].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::hex;

    #[test]
    fn capability_container_of_a_real_card() {
        let real = "531BF000F100F200F300F400F50110F600F700FA00FB00FC00FD00FE00";
        assert_eq!(hex::encode(&container(&capabilities())), real);
    }

    #[test]
    fn key_history_and_discovery() {
        let none = key_history(&Personality::piv()).unwrap();
        assert_eq!(hex::encode(&container(&none)), "5308C10100C20100FE00");
        assert_eq!(hex::encode(&discovery([0x40, 0])), "7E124F0BA0000003080000100001005F2F024000");
    }

    #[test]
    fn a_compressed_certificate_is_shorter_and_begins_as_gzip_does() {
        let der = fixture::named("rsa-4096").unwrap().certificate;
        let (plain, compressed) = (certificate(der, false), certificate(der, true));
        assert!(compressed.len() < plain.len());
        assert_eq!(compressed[8..11], [0x1F, 0x8B, 0x08]);
        assert!(compressed.ends_with(&[0x71, 1, 1, 0xFE, 0]));
    }
}
