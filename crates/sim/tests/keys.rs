//! What the keys do, checked with the public keys of the certificates; and who may use them when.

mod common;

use common::{SELECT_PIV, VERIFY_123456, authenticate, object, say, value};
use crescendo_sim::fixture::{self, Algorithm};
use crescendo_sim::{Personality, Replacement, SimCard};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Pkcs1v15Encrypt, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

fn logged_in(personality: Personality) -> SimCard {
    let card = SimCard::new(personality);
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, VERIFY_123456), "9000");
    card
}

/// The public key of a certificate on the card, DER.
fn public_key(card: &SimCard, tag: u32) -> Vec<u8> {
    let (container, status) = object(card, tag);
    assert_eq!(status, 0x9000);
    let content = value(0x53, &container);
    let len = usize::from(u16::from_be_bytes([content[2], content[3]]));
    assert_eq!(content[4 + len..], [0x71, 1, 0, 0xFE, 0]);
    let certificate = Certificate::from_der(&content[4..4 + len]).unwrap();
    certificate.tbs_certificate.subject_public_key_info.to_der().unwrap()
}

/// EMSA-PKCS1-v1_5 over SHA-256.
fn padded(hash: &[u8], len: usize) -> Vec<u8> {
    let info = [&common::bytes("3031300D060960864801650304020105000420"), hash].concat();
    [&[0, 1], &vec![0xFF; len - 3 - info.len()][..], &[0], &info[..]].concat()
}

fn rsa_signature_verifies(card: &SimCard, algorithm: u8, key: u8, tag: u32) {
    let public = RsaPublicKey::from_public_key_der(&public_key(card, tag)).unwrap();
    let hash = Sha256::digest("message");
    let signature = authenticate(card, algorithm, key, 0x81, &padded(&hash, public.size())).unwrap();
    public.verify(Pkcs1v15Sign::new::<Sha256>(), &hash, &signature).unwrap();
}

#[test]
fn rsa_2048_with_9a() {
    for personality in [Personality::key_v3(), Personality::piv()] {
        rsa_signature_verifies(&logged_in(personality), 0x07, 0x9A, 0x5FC105);
    }
}

#[test]
fn rsa_3072_and_4096_by_dialect() {
    for (personality, byte, other) in [(Personality::key_v3(), 0x04, 0x16), (Personality::piv(), 0x16, 0x04)]
    {
        let card = logged_in(personality);
        card.install(0x9A, fixture::named("rsa-3072").unwrap()).unwrap();
        rsa_signature_verifies(&card, 0x05, 0x9A, 0x5FC105);
        card.install(0x9A, fixture::named("rsa-4096").unwrap()).unwrap();
        rsa_signature_verifies(&card, byte, 0x9A, 0x5FC105);
        assert_eq!(authenticate(&card, other, 0x9A, 0x81, &[1; 512]), Err(0x6A86));
    }
}

#[test]
fn p256_with_9e_needs_no_pin() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    let hash = Sha256::digest("message");
    let signature = authenticate(&card, 0x11, 0x9E, 0x81, &hash).unwrap();
    let key = p256::ecdsa::VerifyingKey::from_public_key_der(&public_key(&card, 0x5FC101)).unwrap();
    key.verify_prehash(&hash, &p256::ecdsa::Signature::from_der(&signature).unwrap()).unwrap();
}

#[test]
fn p384_signs_and_agrees() {
    let card = logged_in(Personality::key_v3());
    card.install(0x9A, fixture::named("p-384").unwrap()).unwrap();
    let hash = Sha384::digest("message");
    let signature = authenticate(&card, 0x14, 0x9A, 0x81, &hash).unwrap();
    let key = p384::ecdsa::VerifyingKey::from_public_key_der(&public_key(&card, 0x5FC105)).unwrap();
    key.verify_prehash(&hash, &p384::ecdsa::Signature::from_der(&signature).unwrap()).unwrap();

    card.install(0x9D, fixture::named("p-384-agree").unwrap()).unwrap();
    let host = p384::SecretKey::from_slice(&[7; 48]).unwrap();
    let point = host.public_key().to_sec1_bytes();
    let other = p384::PublicKey::from_public_key_der(&public_key(&card, 0x5FC10B)).unwrap();
    let shared = p384::ecdh::diffie_hellman(host.to_nonzero_scalar(), other.as_affine());
    assert_eq!(authenticate(&card, 0x14, 0x9D, 0x85, &point).unwrap(), shared.raw_secret_bytes().to_vec());
}

#[test]
fn nine_c_wants_verify_as_the_very_last_command() {
    let card = logged_in(Personality::key_v3());
    let hash = Sha256::digest("message");
    let sign = || authenticate(&card, 0x11, 0x9C, 0x81, &hash);
    let signature = sign().unwrap();
    let key = p256::ecdsa::VerifyingKey::from_public_key_der(&public_key(&card, 0x5FC10A)).unwrap();
    key.verify_prehash(&hash, &p256::ecdsa::Signature::from_der(&signature).unwrap()).unwrap();
    assert_eq!(sign(), Err(0x6982));

    for between in
        ["00200080", SELECT_PIV, "00CB3FFF055C035FC10250", "00C0000000", "00", "1047009A01AC", "1087119A017C"]
    {
        assert_eq!(say(&card, VERIFY_123456), "9000");
        say(&card, between);
        assert_eq!(sign(), Err(0x6982), "{between}");
        assert!(card.verified());
    }
    say(&card, VERIFY_123456);
    assert!(sign().is_ok());
}

#[test]
fn a_chained_command_counts_as_one_for_9c() {
    let card = SimCard::new(Personality::key_v3());
    card.install(0x9C, fixture::named("rsa-3072").unwrap()).unwrap();
    say(&card, SELECT_PIV);
    say(&card, VERIFY_123456);
    rsa_signature_verifies_without_reading(&card);
}

fn rsa_signature_verifies_without_reading(card: &SimCard) {
    let signature = authenticate(card, 0x05, 0x9C, 0x81, &padded(&Sha256::digest("message"), 384)).unwrap();
    assert_eq!(signature.len(), 384);
}

#[test]
fn nine_d_and_retired_keys_decrypt_and_agree_and_nothing_else() {
    let card = logged_in(Personality { retired: 2, ..Personality::key_v3() });
    let mut random = rand_core::OsRng;
    for (key, tag) in [(0x9D, 0x5FC10B), (0x82, 0x5FC10D)] {
        let public = RsaPublicKey::from_public_key_der(&public_key(&card, tag)).unwrap();
        let sealed = public.encrypt(&mut random, Pkcs1v15Encrypt, b"secret").unwrap();
        let raw = authenticate(&card, 0x07, key, 0x81, &sealed).unwrap();
        assert_eq!(raw.len(), 256);
        assert!(raw.starts_with(&[0, 2]) && raw.ends_with(b"\0secret"));
    }

    let host = p256::SecretKey::from_slice(&[7; 32]).unwrap();
    let point = host.public_key().to_sec1_bytes();
    let card_key = p256::PublicKey::from_public_key_der(&public_key(&card, 0x5FC10E)).unwrap();
    let shared = p256::ecdh::diffie_hellman(host.to_nonzero_scalar(), card_key.as_affine());
    assert_eq!(authenticate(&card, 0x11, 0x83, 0x85, &point).unwrap(), shared.raw_secret_bytes().to_vec());

    assert_eq!(
        authenticate(&card, 0x11, 0x83, 0x81, &[1; 32]),
        Err(0x6A80),
        "no signature with a retired key"
    );
    assert_eq!(authenticate(&card, 0x11, 0x9E, 0x85, &point), Err(0x6A80), "no ECDH with 9E");
    assert_eq!(authenticate(&card, 0x11, 0x83, 0x85, &[4; 65]), Err(0x6A80), "not on the curve");
}

#[test]
fn refusals() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    assert_eq!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]), Err(0x6982));
    assert_eq!(authenticate(&card, 0x11, 0x9A, 0x81, &[1; 32]), Err(0x6A86));
    assert_eq!(authenticate(&card, 0x07, 0x82, 0x81, &[1; 256]), Err(0x6A88));
    say(&card, VERIFY_123456);
    assert_eq!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 255]), Err(0x6A80));
    assert_eq!(
        authenticate(&card, 0x07, 0x9A, 0x81, &[0xFF; 256]),
        Err(0x6A80),
        "not smaller than the modulus"
    );
    assert_eq!(
        authenticate(&card, 0x11, 0x9E, 0x81, &[1; 20]),
        Err(0x6A80),
        "a Key V3 wants the whole length"
    );
    assert_eq!(authenticate(&card, 0x11, 0x9E, 0x81, &[1; 33]), Err(0x6A80));
    let plain = SimCard::new(Personality::piv());
    assert!(authenticate(&plain, 0x11, 0x9E, 0x81, &[1; 20]).is_ok());
    assert_eq!(authenticate(&plain, 0x07, 0x82, 0x81, &[1; 256]), Err(0x6A86));
}

#[test]
fn replacements_are_what_they_say() {
    let card = logged_in(Personality::key_v3());
    for (key, tag) in [(0x9A, 0x5FC105), (0x9C, 0x5FC10A), (0x9D, 0x5FC10B), (0x9E, 0x5FC101)] {
        let (before, issued) = (public_key(&card, tag), object(&card, tag));
        card.replace(key, Replacement::SameKey).unwrap();
        assert_eq!(public_key(&card, tag), before);
        assert_ne!(object(&card, tag), issued);
        card.replace(key, Replacement::NewKey).unwrap();
        assert_ne!(public_key(&card, tag), before);
        card.restore();
        assert_eq!(object(&card, tag), issued);
    }
    assert!(card.replace(0x9C, Replacement::SameSerial).is_err());
    card.replace(0x9A, Replacement::SameSerial).unwrap();
    rsa_signature_verifies(&card, 0x07, 0x9A, 0x5FC105);

    let [one, two] = ["9a", "9a-same-serial"].map(|name| {
        Certificate::from_der(fixture::named(name).unwrap().certificate).unwrap().tbs_certificate
    });
    assert_eq!((&one.serial_number, &one.subject), (&two.serial_number, &two.subject));
    assert_ne!(one.subject_public_key_info, two.subject_public_key_info);
}

#[test]
fn every_fixture_is_a_key_with_its_own_certificate_from_the_lab() {
    let authority = Certificate::from_der(fixture::CA_CERTIFICATE).unwrap().tbs_certificate;
    let authority_key =
        RsaPublicKey::from_public_key_der(&authority.subject_public_key_info.to_der().unwrap()).unwrap();
    for fixture in fixture::ALL {
        let certificate = Certificate::from_der(fixture.certificate).unwrap();
        assert_eq!(certificate.tbs_certificate.issuer, authority.subject, "{}", fixture.name);
        let signed = Sha256::digest(certificate.tbs_certificate.to_der().unwrap());
        let signature = certificate.signature.raw_bytes();
        authority_key.verify(Pkcs1v15Sign::new::<Sha256>(), &signed, signature).unwrap();

        let in_certificate = certificate.tbs_certificate.subject_public_key_info.subject_public_key;
        assert_eq!(in_certificate.raw_bytes(), public_half(fixture), "{}", fixture.name);
    }
}

/// The public half of a private key, as a certificate holds it.
fn public_half(fixture: &fixture::Fixture) -> Vec<u8> {
    use rsa::pkcs1::EncodeRsaPublicKey;
    match fixture.algorithm {
        Algorithm::P256 => {
            p256::SecretKey::from_pkcs8_der(fixture.key).unwrap().public_key().to_sec1_bytes().to_vec()
        }
        Algorithm::P384 => {
            p384::SecretKey::from_pkcs8_der(fixture.key).unwrap().public_key().to_sec1_bytes().to_vec()
        }
        _ => {
            let key = rsa::RsaPrivateKey::from_pkcs8_der(fixture.key).unwrap();
            key.to_public_key().to_pkcs1_der().unwrap().into_vec()
        }
    }
}

#[test]
fn a_raw_result_keeps_its_leading_zeros() {
    // 1 to any power is 1: 255 zeros and a one.
    let card = logged_in(Personality::key_v3());
    let one = [vec![0; 255], vec![1]].concat();
    assert_eq!(authenticate(&card, 0x07, 0x9A, 0x81, &one).unwrap(), one);
    assert_eq!(BigUint::from_bytes_be(&one), BigUint::from(1u8));
}
