//! Cards that are not as usual: other kinds of key, compressed, missing, unreadable and wrong containers.

mod common;

use std::io::Read;

use common::{SELECT_PIV, VERIFY_123456, authenticate, object, say, value};
use crescendo_sim::fixture::{self, Algorithm};
use crescendo_sim::{Personality, SimCard};
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, hazmat};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

const KINDS: [Algorithm; 5] =
    [Algorithm::Rsa2048, Algorithm::Rsa3072, Algorithm::Rsa4096, Algorithm::P256, Algorithm::P384];
const FOUR: [(u8, u32); 4] = [(0x9A, 0x5FC105), (0x9C, 0x5FC10A), (0x9D, 0x5FC10B), (0x9E, 0x5FC101)];

fn selected(personality: Personality) -> SimCard {
    let card = SimCard::new(personality);
    say(&card, SELECT_PIV);
    card
}

/// What is in 70, and CertInfo.
fn container(card: &SimCard, tag: u32) -> (Vec<u8>, u8) {
    let (answer, status) = object(card, tag);
    assert_eq!(status, 0x9000, "{tag:06X}");
    let content = value(0x53, &answer);
    let len = usize::from(u16::from_be_bytes([content[2], content[3]]));
    assert_eq!((content[0], content[1]), (0x70, 0x82));
    let [0x71, 1, info, 0xFE, 0] = content[4 + len..] else { panic!("{:02X?}", &content[4 + len..]) };
    (content[4..4 + len].to_vec(), info)
}

fn public_key(certificate: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(certificate).unwrap();
    certificate.tbs_certificate.subject_public_key_info.to_der().unwrap()
}

/// One private operation, checked against the public key of the certificate.
fn works(card: &SimCard, byte: u8, key: u8, algorithm: Algorithm, certificate: &[u8]) {
    let public = public_key(certificate);
    let agrees = matches!(key, 0x9D | 0x82..=0x95);
    match algorithm {
        Algorithm::P256 if agrees => {
            let host = p256::SecretKey::from_slice(&[7; 32]).unwrap();
            let other = p256::PublicKey::from_public_key_der(&public).unwrap();
            let shared = p256::ecdh::diffie_hellman(host.to_nonzero_scalar(), other.as_affine());
            let point = host.public_key().to_sec1_bytes();
            assert_eq!(
                authenticate(card, byte, key, 0x85, &point).unwrap(),
                shared.raw_secret_bytes().to_vec()
            );
        }
        Algorithm::P384 if agrees => {
            let host = p384::SecretKey::from_slice(&[7; 48]).unwrap();
            let other = p384::PublicKey::from_public_key_der(&public).unwrap();
            let shared = p384::ecdh::diffie_hellman(host.to_nonzero_scalar(), other.as_affine());
            let point = host.public_key().to_sec1_bytes();
            assert_eq!(
                authenticate(card, byte, key, 0x85, &point).unwrap(),
                shared.raw_secret_bytes().to_vec()
            );
        }
        Algorithm::P256 => {
            use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
            let signature =
                Signature::from_der(&authenticate(card, byte, key, 0x81, &[1; 32]).unwrap()).unwrap();
            VerifyingKey::from_public_key_der(&public).unwrap().verify_prehash(&[1; 32], &signature).unwrap();
        }
        Algorithm::P384 => {
            use p384::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
            let signature =
                Signature::from_der(&authenticate(card, byte, key, 0x81, &[1; 48]).unwrap()).unwrap();
            VerifyingKey::from_public_key_der(&public).unwrap().verify_prehash(&[1; 48], &signature).unwrap();
        }
        _ => {
            let public = RsaPublicKey::from_public_key_der(&public).unwrap();
            let block = [vec![0, 1], vec![0xFF; public.size() - 2]].concat();
            let raised = BigUint::from_bytes_be(&authenticate(card, byte, key, 0x81, &block).unwrap());
            assert_eq!(hazmat::rsa_encrypt(&public, &raised).unwrap(), BigUint::from_bytes_be(&block));
        }
    }
}

fn byte(algorithm: Algorithm, rsa_4096: u8) -> u8 {
    match algorithm {
        Algorithm::Rsa2048 => 0x07,
        Algorithm::Rsa3072 => 0x05,
        Algorithm::Rsa4096 => rsa_4096,
        Algorithm::P256 => 0x11,
        Algorithm::P384 => 0x14,
    }
}

#[test]
fn every_key_reference_takes_every_kind() {
    for (profile, rsa_4096) in [(Personality::key_v3(), 0x04), (Personality::piv(), 0x16)] {
        for kind in KINDS {
            let references = [0x82, 0x83, 0x9A, 0x9C, 0x9D, 0x9E];
            let keys = references.map(|key| (key, Some(kind))).into();
            let card = selected(Personality { keys, retired: 2, ..profile.clone() });
            for (key, tag) in FOUR.into_iter().chain([(0x82, 0x5FC10D), (0x83, 0x5FC10E)]) {
                let (certificate, info) = container(&card, tag);
                assert_eq!(info, 0);
                assert_eq!(say(&card, VERIFY_123456), "9000");
                works(&card, byte(kind, rsa_4096), key, kind, &certificate);
            }
        }
    }
}

#[test]
fn certificates_longer_than_1856_bytes_are_whole() {
    let keys = [(0x9A, Some(Algorithm::Rsa4096))].into();
    let card = selected(Personality { keys, ..Personality::key_v3() });
    let (certificate, _) = container(&card, 0x5FC105);
    assert!(certificate.len() > 1856);
    assert_eq!(certificate, fixture::named("rsa-4096").unwrap().certificate);
}

#[test]
fn compressed_certificates_are_the_same_ones() {
    for profile in [Personality::key_v3(), Personality::piv()] {
        let plain = selected(Personality { retired: 2, ..profile.clone() });
        let card = selected(Personality { retired: 2, compressed: true, ..profile });
        card.install(0x83, fixture::named("rsa-4096").unwrap()).unwrap();
        plain.install(0x83, fixture::named("rsa-4096").unwrap()).unwrap();
        for (_, tag) in FOUR.into_iter().chain([(0x82, 0x5FC10D), (0x83, 0x5FC10E)]) {
            let (stream, info) = container(&card, tag);
            let (certificate, _) = container(&plain, tag);
            assert_eq!((info, &stream[..3]), (1, &[0x1F, 0x8B, 0x08][..]));
            assert!(stream.len() < certificate.len());
            let mut inflated = Vec::new();
            flate2::read::GzDecoder::new(&stream[..]).read_to_end(&mut inflated).unwrap();
            assert_eq!(inflated, certificate);
        }
    }
}

#[test]
fn a_slot_without_a_certificate_is_empty_on_one_card_and_absent_on_the_other() {
    let keys = [(0x9D, None)].into();
    let key_v3 = selected(Personality { retired: 2, keys, ..Personality::key_v3() });
    for tag in (0x5FC10F..=0x5FC120).chain([0x5FC10B]) {
        assert_eq!(object(&key_v3, tag), (vec![0x53, 0], 0x9000), "{tag:06X}");
    }
    assert_eq!(object(&key_v3, 0x5FC106).1, 0x6A82, "no such container");
    assert_eq!(authenticate(&key_v3, 0x07, 0x9D, 0x81, &[1; 256]), Err(0x6A88));

    let keys = [(0x9D, None)].into();
    let plain = selected(Personality { retired: 2, keys, ..Personality::piv() });
    for tag in (0x5FC10F..=0x5FC120).chain([0x5FC10B]) {
        assert_eq!(object(&plain, tag).1, 0x6A82, "{tag:06X}");
    }
}

#[test]
fn no_chuid_and_no_key_history() {
    for profile in [Personality::key_v3(), Personality::piv(), Personality::blank_key_v3()] {
        let card = selected(Personality { no_chuid: true, no_key_history: true, ..profile });
        assert_eq!(object(&card, 0x5FC102).1, 0x6A82);
        assert_eq!(object(&card, 0x5FC10C).1, 0x6A82);
        assert_eq!(object(&card, 0x5FC107).1, 0x9000, "the rest is there");
    }
}

#[test]
fn a_key_history_that_is_wrong() {
    let card = selected(Personality { retired: 2, key_history: Some(7), ..Personality::piv() });
    assert_eq!(common::hex(&object(&card, 0x5FC10C).0), "5308C10107C20100FE00");
    assert_eq!(object(&card, 0x5FC10F).1, 0x6A82);
}

#[test]
fn keys_whose_certificates_are_elsewhere() {
    let personality = Personality { retired: 1, off_card: 2, ..Personality::piv() };
    let card = selected(personality.clone());
    let history = object(&card, 0x5FC10C).0;
    assert_eq!(history[..10], [0x53, 0x67, 0xC1, 1, 1, 0xC2, 1, 2, 0xF3, 0x5D]);
    assert_eq!(object(&card, 0x5FC120).1, 0x6A82);
    say(&card, VERIFY_123456);
    // The file holds 94 and 95, an RSA and a P-256 key; the last certificate is that of 95.
    let file = personality.off_card_file();
    let last = fixture::retired(20).unwrap();
    assert!(file.ends_with(last.certificate));
    works(&card, 0x11, 0x95, Algorithm::P256, last.certificate);
}

#[test]
fn unreadable_certificates_and_refused_containers() {
    let personality =
        Personality { garbage: [0x9C].into(), refused: [(0x5FC10B, 0x6F00)].into(), ..Personality::key_v3() };
    let card = selected(personality);
    for _ in 0..3 {
        assert_eq!(object(&card, 0x5FC10B), (vec![], 0x6F00));
        assert!(Certificate::from_der(&container(&card, 0x5FC10A).0).is_err());
    }
    say(&card, VERIFY_123456);
    assert!(authenticate(&card, 0x11, 0x9C, 0x81, &[1; 32]).is_ok(), "the key is there");

    card.spoil(0x9A).unwrap();
    card.refuse_object(0x5FC101, Some(0x6581));
    card.refuse_object(0x5FC10B, None);
    assert!(Certificate::from_der(&container(&card, 0x5FC105).0).is_err());
    assert_eq!(object(&card, 0x5FC101).1, 0x6581);
    assert_eq!(object(&card, 0x5FC10B).1, 0x9000);
    assert!(card.spoil(0x9B).is_err());

    card.restore();
    assert!(Certificate::from_der(&container(&card, 0x5FC105).0).is_ok());
    assert_eq!([object(&card, 0x5FC101).1, object(&card, 0x5FC10B).1], [0x9000, 0x6F00]);
}
