//! A PIV card with the instructions that many tokens have beside the standard's.

mod common;

use common::{SELECT_PIV, VERIFY_123456, authenticate, bytes, hex, object, say, send, tlv};
use crescendo_sim::{ManagementKey, Personality, SimCard, Tries, fixture};
use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PrivateKeyParts;

/// 24 bytes for 3DES that encrypt as DES does: any value proves itself with one block.
const AES_128: &str = "000102030405060708090A0B0C0D0E0F";

fn selected() -> SimCard {
    let management = ManagementKey { algorithm: 0x08, key: bytes(AES_128) };
    let card = SimCard::new(Personality { management, ..Personality::piv_extended() });
    say(&card, SELECT_PIV);
    card
}

/// With the management key proven.
fn opened() -> SimCard {
    let card = selected();
    prove(&card);
    card
}

fn prove(card: &SimCard) {
    use aes::cipher::{Block, BlockEncrypt, KeyInit};
    let (answer, _) = send(card, [0, 0x87, 0x08, 0x9B], &bytes("7C028100"));
    let mut block = Block::<aes::Aes128>::default();
    block.copy_from_slice(&answer[4..]);
    aes::Aes128::new_from_slice(&bytes(AES_128)).unwrap().encrypt_block(&mut block);
    let response = tlv(0x7C, &tlv(0x82, &block));
    assert_eq!(send(card, [0, 0x87, 0x08, 0x9B], &response).1, 0x9000);
}

#[test]
fn version_and_serial_number() {
    let card = selected();
    assert_eq!(say(&card, "00FD000000"), "0507019000");
    assert_eq!(say(&card, "00F8000000"), "007000019000");
    assert_eq!(say(&card, "00F9 9A00"), "6D00", "no attestation");
    for personality in [Personality::piv(), Personality::key_v3(), Personality::c2300()] {
        let other = SimCard::new(personality);
        say(&other, SELECT_PIV);
        for ins in ["F6", "F7", "F8", "F9", "FA", "FB", "FD", "FE", "FF"] {
            assert_eq!(say(&other, &format!("00{ins}000000")), "6D00", "{ins}");
        }
    }
}

#[test]
fn metadata_of_keys_and_secrets() {
    let card = opened();
    for (reference, answer) in
        [("80", "0101FF05010106020303"), ("81", "0101FF05010106020303"), ("9B", "01010802020001050101")]
    {
        assert_eq!(say(&card, &format!("00F700{reference}00")), format!("{answer}9000"));
    }
    say(&card, "0020008008393939393939FFFF");
    assert_eq!(say(&card, "00F7008000"), "0101FF050101060203029000");
    assert!(say(&card, "00F7009C00").starts_with("0101110202030103010204438641"));
    assert_eq!(send(&card, [0, 0x47, 0, 0x82], &bytes("AC09800114AA0101AB0102")).1, 0x9000);
    assert!(say(&card, "00F7008200").starts_with("010114020201020301010463"));
    assert_eq!(say(&card, "00F7008300"), "6A88");
}

#[test]
fn keys_are_imported_moved_and_deleted() {
    let card = opened();
    let scalar = [7; 32];
    let data = [tlv(0x06, &scalar), bytes("AA0101")].concat();
    assert_eq!(send(&card, [0, 0xFE, 0x11, 0x83], &data).1, 0x9000);
    let agreed = authenticate(&card, 0x11, 0x83, 0x85, &p256_point());
    assert!(agreed.is_ok(), "this key never asks for the PIN");
    assert_eq!(say(&card, "00F68483"), "9000");
    assert_eq!(card.keys(), [0x84, 0x9A, 0x9C, 0x9D, 0x9E]);
    for (apdu, status) in [
        ("00F6FF84", "9000"),
        ("00F6FF84", "6A88"),
        ("00F6969A", "6A86"),
        ("00FE110003AA0101", "6A86"),
        ("00FE119A03AA0101", "6A80"),
        ("00FEE09A03AA0101", "6A80"),
    ] {
        assert_eq!(say(&card, apdu), status, "{apdu}");
    }
    let key = RsaPrivateKey::from_pkcs8_der(fixture::named("9a-new-key").unwrap().key).unwrap();
    let mut key = key.clone();
    key.precompute().unwrap();
    let coefficient = key.crt_coefficient().unwrap();
    let parts = [&key.primes()[0], &key.primes()[1], key.dp().unwrap(), key.dq().unwrap(), &coefficient];
    let data: Vec<u8> = (1..).zip(parts).flat_map(|(tag, part)| tlv(tag, &part.to_bytes_be())).collect();
    assert_eq!(send(&card, [0, 0xFE, 0x07, 0x9A], &data).1, 0x9000);
    assert_eq!(send(&card, [0, 0xFE, 0x05, 0x9A], &data).1, 0x6A80, "of another length");
    say(&card, VERIFY_123456);
    assert!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]).is_ok());
}

fn p256_point() -> Vec<u8> {
    p256::SecretKey::from_slice(&[9; 32]).unwrap().public_key().to_sec1_bytes().to_vec()
}

#[test]
fn the_management_key_is_replaced() {
    let card = opened();
    for (data, status) in [
        (format!("089B11{AES_128}00"), "6A80"),
        (format!("079B10{AES_128}"), "6A80"),
        (format!("089A10{AES_128}"), "6A80"),
        ("0A9B18010203040506070801020304050607080102030405060708".into(), "9000"),
    ] {
        let len = bytes(&data).len();
        assert_eq!(say(&card, &format!("00FFFFFF{len:02X}{data}")), status, "{data}");
    }
    assert_eq!(say(&card, "00F7009B00"), "01010A020200010501009000");
    assert_eq!(say(&card, "0087089B047C028100"), "6A86");
}

#[test]
fn tries_are_set_with_the_management_key_and_the_pin() {
    let card = selected();
    say(&card, VERIFY_123456);
    assert_eq!(say(&card, "00FA0507"), "6982");
    prove(&card);
    assert_eq!(say(&card, "00FA0007"), "6A80");
    assert_eq!(say(&card, "00FA0507"), "9000");
    assert_eq!(card.tries(), Tries { pin: 5, puk: Some(7) });
    assert_eq!(say(&card, "00FA0507"), "6982", "and nobody is logged in");
}

#[test]
fn a_reset_wants_pin_and_puk_blocked() {
    let card = opened();
    assert_eq!(say(&card, "00FB0000"), "6985");
    card.block_pin();
    assert_eq!(say(&card, "00FB0000"), "6985");
    for left in (0..3).rev() {
        let wrong = "002C0080103939393939393939393939393939FFFF";
        assert_eq!(say(&card, wrong), format!("63C{left}"));
    }
    assert_eq!(say(&card, "00FB0000"), "9000");
    assert_eq!((card.keys(), object(&card, 0x5FC102).1), (vec![], 0x6A82));
    assert_eq!(card.tries(), Tries { pin: 3, puk: Some(3) });
    assert_eq!(say(&card, VERIFY_123456), "9000");
    assert_eq!(say(&card, "00F7009B00"), "010108020200010501019000");
    assert!(!card.managed_by_key());
}

#[test]
fn pin_and_puk_are_of_any_characters() {
    let card = selected();
    for (apdu, status) in [
        ("002400801031323334353 6FFFF6162636465 66FFFF", "9000"),
        ("0020008008616263646566FFFF", "9000"),
        ("00240081103132333435363738616263646566FFFF", "9000"),
        ("002C008010616263646566FFFF313233343536FFFF", "9000"),
        ("002400801031323334353 6FFFF61FFFFFFFFFFFFFF", "6A80"),
    ] {
        assert_eq!(say(&card, apdu), status, "{apdu}");
    }
    assert_eq!(hex(card.atr()), "3B878131FE4553696D506C7573E1");
}
