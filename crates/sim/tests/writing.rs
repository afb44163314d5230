//! PUT DATA, GENERATE and INJECT on a Crescendo; PUT DATA and GENERATE with the management key on other cards.

mod common;

use aes::Aes192;
use aes::cipher::{Block, BlockDecrypt, BlockEncrypt, KeyInit};
use common::{
    SELECT_ACA, SELECT_PIV, VERIFY_123456, authenticate, bytes, hex, object, replay, say, send, tlv,
};
use crescendo_sim::fixture::{self, Algorithm};
use crescendo_sim::{Faults, ManagementKey, Personality, SimCard, What};
use des::TdesEde3;
use rsa::RsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};

fn selected(personality: Personality) -> SimCard {
    let card = SimCard::new(personality);
    say(&card, SELECT_PIV);
    card
}

/// With the PIN verified, which is all it takes on a Crescendo.
fn opened(personality: Personality) -> SimCard {
    let card = selected(personality);
    say(&card, VERIFY_123456);
    card
}

fn put(card: &SimCard, tag: u32, content: &[u8]) -> u16 {
    let data = [&[0x5C, 3], &tag.to_be_bytes()[1..], &tlv(0x53, content)].concat();
    send(card, [0, 0xDB, 0x3F, 0xFF], &data).1
}

fn generate(card: &SimCard, key: u8, algorithm: u8) -> (Vec<u8>, u16) {
    send(card, [0, 0x47, 0, key], &[0xAC, 3, 0x80, 1, algorithm])
}

#[test]
fn t6_list_device_and_read_its_serial_number() {
    let card = SimCard::new(Personality { ic_serial: 0x0012_3456, ..Personality::c2300().as_delivered() });
    assert_eq!(hex(card.atr()), "3BD596FF8191FE1FC34332333030CC");
    replay(
        &card,
        "> 00A4040007A000000151000000
         < 6F108408A000000151000000A5049F6501FF9000
         > 80CA9F7F00
         < 9F7F2A4790050347000000000050120012345670890000000000000000000000000000000000000000000000009000
         > 00A404000000
         < 6F108408A000000151000000A5049F6501FF9000
         > 80CA00FE02DF2500
         < FE15DF251200000000000000000000000000000000F3789000
         > 00A404000BA00000030800001000010000
         < 61374F0BA00000030800001000010079074F05A000000308501F48494420476C6F62616C2041637469764944204170706C657420332E302E339000
         > 00CB3FFF055C03FFFF7F00
         < 5381B9010521030003063901153A07A00000007910003B00500C47035FC1022601034202680B500C47035FC1092601014202F800500C47035FC10C26010142020A00511547035FC10526010148019A43040720000042027507511547035FC10A26010148019C43040720000042027507511547035FC10B26010148019D43040720000042027507511547035FC10D26010148018243040720000042027507511547035FC10E260101480183430407200000420275074505D6888380009000
         > 8056000000
         < 6D00
         > 00CB3FFF055C035FC10500
         < 53009000
         > 00CB3FFF055C035FC10100
         < 6A82",
    );
}

#[test]
fn t7_generate_and_sign() {
    let card = SimCard::new(Personality::blank_key_v3());
    let scalar = bytes("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    assert!(card.set_next_key(Algorithm::P256, &scalar));
    replay(
        &card,
        "> 00A404000BA00000030800001000010000
         < 61114F0600001000010079074F05A0000003089000
         > 0047009A05AC0380011100
         < 6982
         > 0020008008303030303030FFFF
         < 9000
         > 0047009A05AC0380011100
         < 7F494386410460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D44622999000
         > 0087119A267C2482008120AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF00
         < 7C4A82483046022100EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716022100F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA89000
         > 0087039B047C02800000
         < 6D00",
    );
}

#[test]
fn t9_a_compressed_certificate_in_two_blocks() {
    let card = opened(Personality::key_v3());
    let stream: Vec<u8> = [&[0x1F, 0x8B, 0x08][..], &[7; 386]].concat();
    let content = [&[0x70, 0x82, 0x01, 0x85][..], &stream, &[0x71, 1, 1, 0xFE, 0]].concat();
    let data = [&bytes("5C035FC1055382018E")[..], &content].concat();
    assert_eq!((content.len(), data.len()), (0x18E, 0xFF + 0x98));
    let block = |cla: u8, part: &[u8]| [&[cla, 0xDB, 0x3F, 0xFF, part.len() as u8], part].concat();
    assert_eq!(hex(&card.transmit(&block(0x10, &data[..0xFF]))), "9000");
    let last = [block(0x00, &data[0xFF..]), vec![0x00]].concat();
    assert_eq!(hex(&card.transmit(&last)), "9000");
    let first = say(&card, "00CB3FFF055C035FC10500");
    assert!(first.starts_with("5382018E70820185") && first.ends_with("6192") && first.len() == 516);
    assert!(say(&card, "00C0000092").ends_with("710101FE009000"));
}

#[test]
fn half_a_write_is_none() {
    let card = opened(Personality::key_v3());
    let before = card.object(0x5FC105);
    say(&card, "10DB3FFF095C035FC105530470");
    assert_eq!(card.object(0x5FC105), before);
    card.power_on();
    say(&card, SELECT_PIV);
    say(&card, VERIFY_123456);
    assert_eq!(say(&card, "00DB3FFF03000000"), "6A80", "what came before power was lost is forgotten");
    assert_eq!(card.object(0x5FC105), before);
}

#[test]
fn refusals_of_put_data_in_their_order() {
    for (personality, certificate) in [(Personality::key_v3(), 3072), (Personality::c2300(), 1905)] {
        let card = selected(personality);
        assert_eq!(put(&card, 0x5FC10A, &[]), 0x6982);
        say(&card, VERIFY_123456);
        assert_eq!(put(&card, 0x5FC106, &[]), 0x6A82);
        assert_eq!(say(&card, "00DB3FFE075C035FC1055300"), "6A86");
        assert_eq!(put(&card, 0x5FC10A, &vec![7; certificate + 1]), 0x6A84);
        assert_eq!(put(&card, 0x5FC10A, &vec![7; certificate]), 0x9000);
        assert_eq!(put(&card, 0x5FC10A, &[]), 0x9000);
        assert_eq!(object(&card, 0x5FC10A), (vec![0x53, 0], 0x9000), "emptied, and still there");
        assert_eq!(put(&card, 0x5FC10C, &bytes("C10101C20100FE00")), 0x9000);
        assert_eq!(put(&card, 0x5FC10C, &bytes("C10101C20100F30100FE00")), 0x6A84);
    }
}

/// The card pulled before GENERATE reaches it, and after: the old key is there or the new one, and either works.
#[test]
fn a_card_pulled_while_it_makes_a_key_can_be_read_again() {
    for (what, made) in [(What::Pull, false), (What::LoseAnswer, true)] {
        let card = opened(Personality::key_v3());
        let before = authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]);
        card.set_faults(Faults::at(1, what));
        assert!(card.transmit(&bytes("0047009A05AC0380011100")).is_empty());
        card.insert();
        say(&card, SELECT_PIV);
        assert_eq!(authenticate(&card, 0x11, 0x9A, 0x81, &[1; 32]), Err(if made { 0x6982 } else { 0x6A86 }));
        say(&card, VERIFY_123456);
        assert_eq!(authenticate(&card, 0x11, 0x9A, 0x81, &[1; 32]).is_ok(), made);
        assert_eq!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]) == before, !made);
    }
}

#[test]
fn what_is_written_outlives_power_and_the_login_does_not() {
    let card = opened(Personality::key_v3());
    assert_eq!(put(&card, 0x5FC109, b"\x01\x01A\xFE\x00"), 0x9000);
    let (public, _) = generate(&card, 0x83, 0x11);
    card.power_off();
    card.power_on();
    say(&card, SELECT_PIV);
    assert_eq!(put(&card, 0x5FC109, &[]), 0x6982);
    say(&card, VERIFY_123456);
    assert_eq!(hex(&object(&card, 0x5FC109).0), "53050101 41FE00".replace(' ', ""));
    let point = p256::PublicKey::from_sec1_bytes(&public[5..]).unwrap();
    let host = p256::SecretKey::from_slice(&[7; 32]).unwrap();
    let shared = p256::ecdh::diffie_hellman(host.to_nonzero_scalar(), point.as_affine());
    let agreed = authenticate(&card, 0x11, 0x83, 0x85, &host.public_key().to_sec1_bytes());
    assert_eq!(agreed.unwrap(), shared.raw_secret_bytes().to_vec());
}

#[test]
fn each_family_makes_its_kinds_of_key_in_its_places() {
    for (personality, made, refused, nowhere) in [
        (Personality::key_v3(), &[0x04, 0x05, 0x07, 0x11, 0x14][..], &[0x06, 0x16][..], 0x96),
        (Personality::c2300(), &[0x07, 0x11, 0x14], &[0x04, 0x05, 0x16], 0x9E),
        (Personality::c2300_key(), &[0x07, 0x11, 0x14], &[0x04, 0x05, 0x16], 0x9B),
    ] {
        let card = opened(personality);
        let certificate = card.object(0x5FC105);
        for algorithm in made {
            let (public, status) = generate(&card, 0x9A, *algorithm);
            assert_eq!((status, &public[..2]), (0x9000, &[0x7F, 0x49][..]), "{algorithm:02X}");
        }
        for algorithm in refused {
            assert_eq!(generate(&card, 0x9A, *algorithm).1, 0x6A80, "{algorithm:02X}");
        }
        assert_eq!(generate(&card, nowhere, 0x11).1, 0x6A88);
        assert_eq!(send(&card, [0, 0x47, 0, 0x9A], &bytes("AC0880010781030100 01")).1, 0x9000);
        assert_eq!(send(&card, [0, 0x47, 0, 0x9A], &bytes("AC06800111AA0102")).1, 0x6A80, "no policies");
        assert_eq!(card.object(0x5FC105), certificate, "certificates stay as they are");
    }
}

#[test]
fn rsa_keys_are_others_each_time_and_the_log_says_where_they_are_from() {
    let card = opened(Personality::key_v3());
    let first = generate(&card, 0x9A, 0x07).0;
    let second = generate(&card, 0x9A, 0x07).0;
    assert!(first != second && first.len() == second.len());
    let log = card.log();
    let notes = log.iter().filter(|line| line.contains("# [SIM] an RSA key is not made")).count();
    assert_eq!(notes, 2);
    assert!(log.iter().any(|line| line.contains("< 7F49") && line.ends_with("[SIM]")));
}

#[test]
fn properties_tell_made_keys_from_brought_ones() {
    let card = opened(Personality::c2300());
    generate(&card, 0x9A, 0x14);
    let properties = hex(&send(&card, [0, 0xCB, 0x3F, 0xFF], &bytes("5C03FFFF7F")).0);
    assert!(properties.contains("48019A430414060101"), "{properties}");
    assert!(properties.contains("48019C430411048181") && properties.contains("480182430407200000"));
}

/// `00 kind n+1 n value 00`.
fn part(kind: u8, value: &[u8]) -> Vec<u8> {
    let inner = &tlv(0, value)[1..];
    [&[0x00, kind], &tlv(0, inner)[1..], &[0x00]].concat()
}

fn parts(key: &RsaPrivateKey) -> [Vec<u8>; 5] {
    let [p, q] = [&key.primes()[0], &key.primes()[1]];
    let mut key = key.clone();
    key.precompute().unwrap();
    let coefficient = key.crt_coefficient().unwrap();
    [p, q, key.dp().unwrap(), key.dq().unwrap(), &coefficient].map(|part| {
        let half = key.size() / 2;
        let bytes = part.to_bytes_be();
        [vec![0; half - bytes.len()], bytes].concat()
    })
}

fn rsa(name: &str) -> RsaPrivateKey {
    RsaPrivateKey::from_pkcs8_der(fixture::named(name).unwrap().key).unwrap()
}

/// One private operation on what was brought.
fn raises(card: &SimCard, byte: u8, key: &RsaPrivateKey) {
    let block = [vec![0, 1], vec![0xFF; key.size() - 2]].concat();
    let raised = authenticate(card, byte, 0x9A, 0x81, &block).unwrap();
    let back = rsa::hazmat::rsa_encrypt(key, &rsa::BigUint::from_bytes_be(&raised)).unwrap();
    assert_eq!(back, rsa::BigUint::from_bytes_be(&block));
}

#[test]
fn an_rsa_key_is_brought_to_a_2300_in_five_parts() {
    let card = opened(Personality::c2300().as_delivered());
    say(&card, "00200080083030303030303030");
    let key = rsa("9a-new-key");
    let parts = parts(&key);
    for (at, value) in parts.iter().enumerate() {
        let data = part(0xA3, value);
        assert_eq!((data.len(), &data[..6]), (0x87, &[0x00, 0xA3, 0x81, 0x82, 0x81, 0x80][..]));
        let p1 = if at < 4 { 0x80 } else { 0x00 };
        assert_eq!(send(&card, [0x80, 0xD8, p1, 0x9A], &data).1, 0x9000);
    }
    raises(&card, 0x07, &key);
    let properties = hex(&send(&card, [0, 0xCB, 0x3F, 0xFF], &bytes("5C03FFFF7F")).0);
    assert!(properties.contains("48019A430407208181"));
    assert_eq!(say(&card, "80D8009A0300A300"), "9000");
    assert_eq!(card.keys(), []);

    assert_eq!(send(&card, [0x80, 0xD8, 0x00, 0x9A], &part(0xA3, &parts[0])).1, 0x6985, "one is not all");
    send(&card, [0x80, 0xD8, 0x80, 0x9A], &part(0xA3, &parts[0]));
    say(&card, "00200080");
    assert_eq!(send(&card, [0x80, 0xD8, 0x80, 0x9A], &part(0xA3, &parts[1])).1, 0x9000, "begun anew");
    assert_eq!(card.keys(), []);
}

#[test]
fn an_rsa_key_is_brought_to_a_key_v3_by_names_of_its_parts() {
    let card = opened(Personality::blank_key_v3());
    say(&card, "0020008008303030303030FFFF");
    for (name, byte) in [("9a-new-key", 0x07), ("rsa-4096", 0x04)] {
        let key = rsa(name);
        let [p, q, dp, dq, coefficient] = parts(&key);
        for (kind, value) in (0xA4..).zip([&p, &q, &coefficient, &dp, &dq]) {
            let p1 = if kind < 0xA8 { 0x80 | byte } else { byte };
            assert_eq!(send(&card, [0x80, 0xD8, p1, 0x9A], &part(kind, value)).1, 0x9000, "{kind:02X}");
        }
        raises(&card, byte, &key);
    }
    assert_eq!(say(&card, "80D8049A03000000"), "9000");
    assert_eq!(card.keys(), []);
    let [p, q, ..] = parts(&rsa("9a-new-key"));
    assert_eq!(send(&card, [0x80, 0xD8, 0x87, 0x9A], &part(0xA5, &p)).1, 0x6985);
    send(&card, [0x80, 0xD8, 0x87, 0x9A], &part(0xA4, &p));
    assert_eq!(send(&card, [0x80, 0xD8, 0x87, 0x9C], &part(0xA5, &q)).1, 0x6985, "another key");
}

#[test]
fn keys_on_curves_are_brought_whole() {
    let key = fixture::named("9a-p-256").unwrap();
    let card = opened(Personality::c2300());
    assert_eq!(send(&card, [0x80, 0xD8, 0x03, 0x9A], &part(0xB1, key.key)).1, 0x9000);
    assert!(authenticate(&card, 0x11, 0x9A, 0x81, &[1; 32]).is_ok());
    assert_eq!(say(&card, "80D8039A0300B100"), "9000");

    let card = opened(Personality::key_v3());
    assert_eq!(send(&card, [0x80, 0xD8, 0x11, 0x9A], &part(0x00, key.key)).1, 0x9000);
    assert!(authenticate(&card, 0x11, 0x9A, 0x81, &[1; 32]).is_ok());
    assert_eq!(send(&card, [0x80, 0xD8, 0x14, 0x9A], &part(0x00, key.key)).1, 0x6A80, "of another curve");
    assert_eq!(send(&card, [0x80, 0xD8, 0x11, 0x96], &part(0x00, key.key)).1, 0x6A88);
}

#[test]
fn xauth_writes_and_makes_keys_but_brings_none() {
    let card = selected(Personality::c2300());
    say(&card, SELECT_ACA);
    card.set_challenge(&bytes("00112233445566778899AABBCCDDEEFF"));
    say(&card, "0084000100");
    assert_eq!(say(&card, "0082000110C8A331FF8EDD3DB175E1545DBEFB760B"), "9000");
    say(&card, SELECT_PIV);
    assert_eq!(generate(&card, 0x9A, 0x11).1, 0x9000);
    assert_eq!(put(&card, 0x5FC105, &[]), 0x9000);
    assert_eq!(say(&card, "80D8039A0300B100"), "6982");
}

/// One block under the key of delivery, back and forth.
fn usual<C: KeyInit + BlockEncrypt + BlockDecrypt>(input: &[u8], encrypt: bool) -> Vec<u8> {
    let key = bytes("010203040506070801020304050607080102030405060708");
    let cipher = C::new_from_slice(&key).unwrap();
    let mut block = Block::<C>::default();
    block.copy_from_slice(input);
    if encrypt {
        cipher.encrypt_block(&mut block)
    } else {
        cipher.decrypt_block(&mut block)
    }
    block.to_vec()
}

/// Mutual authentication, as far as the card goes along.
fn prove<C: KeyInit + BlockEncrypt + BlockDecrypt>(card: &SimCard, algorithm: u8) -> u16 {
    let head = [0, 0x87, algorithm, 0x9B];
    let (answer, status) = send(card, head, &bytes("7C028000"));
    if status != 0x9000 {
        return status;
    }
    let witness = usual::<C>(&answer[4..], false);
    let challenge = vec![0x5A; witness.len()];
    let data = [tlv(0x80, &witness), tlv(0x81, &challenge), vec![0x82, 0]].concat();
    let (answer, status) = send(card, head, &tlv(0x7C, &data));
    if status == 0x9000 {
        assert_eq!(answer[4..], usual::<C>(&challenge, true));
    }
    status
}

fn usual_key(card: &SimCard, algorithm: u8) -> u16 {
    if algorithm == 0x03 { prove::<TdesEde3>(card, 0x03) } else { prove::<Aes192>(card, algorithm) }
}

#[test]
fn the_management_key_opens_a_plain_card_and_the_pin_does_not() {
    for (personality, algorithm) in [(Personality::piv(), 0x03), (Personality::piv_extended(), 0x0A)] {
        let card = opened(personality);
        assert_eq!([generate(&card, 0x9A, 0x11).1, put(&card, 0x5FC105, &[])], [0x6982; 2]);
        assert_eq!(usual_key(&card, algorithm), 0x9000);
        assert_eq!(generate(&card, 0x9A, 0x11).1, 0x9000);
        assert_eq!(put(&card, 0x5FC105, b"\x70\x01A\x71\x01\x00\xFE\x00"), 0x9000);
        assert_eq!(put(&card, 0x5FC105, &[]), 0x9000);
        assert_eq!(object(&card, 0x5FC105).1, 0x6A82, "an empty container is none");
        say(&card, SELECT_PIV);
        assert!(card.managed_by_key(), "selected again, it is still open");
        say(&card, common::SELECT_CARD_MANAGER);
        assert!(!card.managed_by_key());
    }
}

#[test]
fn what_a_plain_card_refuses_of_its_management_key() {
    let card = selected(Personality::piv());
    assert_eq!(usual_key(&card, 0x0A), 0x6A86, "another algorithm");
    let other = ManagementKey { algorithm: 0x03, key: vec![0; 24] };
    let strange = selected(Personality { management: other, ..Personality::piv() });
    assert_eq!(usual_key(&strange, 0x03), 0x6982);
    assert!(!strange.managed_by_key());
    for (template, status) in
        [("7C0A82080000000000000000", "6982"), ("7C028200", "6982"), ("7C0285 00", "6A80"), ("7C", "6A80")]
    {
        let len = bytes(template).len();
        assert_eq!(say(&card, &format!("0087039B{len:02X}{template}")), status, "{template}");
    }
    assert_eq!(say(&card, "0087009B047C028100").len(), 28, "00 is another name for 03");
}

#[test]
fn external_authentication_works_once_for_each_challenge() {
    let card = selected(Personality::piv());
    let (answer, _) = send(&card, [0, 0x87, 0x03, 0x9B], &bytes("7C028100"));
    let response = tlv(0x7C, &tlv(0x82, &usual::<TdesEde3>(&answer[4..], true)));
    assert_eq!(send(&card, [0, 0x87, 0x03, 0x9B], &response).1, 0x9000);
    assert!(card.managed_by_key());
    assert_eq!(send(&card, [0, 0x87, 0x03, 0x9B], &response).1, 0x6982);
}

#[test]
fn what_a_plain_card_makes_and_keeps() {
    let card = selected(Personality::piv());
    usual_key(&card, 0x03);
    for (key, algorithm, status) in
        [(0x9A, 0x05, 0x9000), (0x82, 0x11, 0x6A86), (0x9A, 0x16, 0x6A80), (0x9B, 0x11, 0x6A86)]
    {
        assert_eq!(generate(&card, key, algorithm).1, status, "{key:02X} {algorithm:02X}");
    }
    assert_eq!(put(&card, 0x5FFF00, &[]), 0x6A82);
    assert_eq!(put(&card, 0x5FC106, b"\xBA\x00\xBB\x00\xFE\x00"), 0x9000);
    let discovery = "7E124F0BA0000003080000100001005F2F024000";
    assert_eq!(say(&card, &format!("00DB3FFF14{discovery}")), "9000");
    assert_eq!(say(&card, "00DB3FFF077F610302010000"), "6A80");
    assert_eq!(say(&card, "00DB3FFF067F6103020100"), "9000");
    assert_eq!(say(&card, "00CB3FFF045C027F6100"), "7F61030201009000");
}
