//! What a Key V3 tells of itself without a login: PROPERTIES in both wordings, CPLC, PIN policy, free memory.

mod common;

use common::{SELECT_ACA, SELECT_CARD_MANAGER, SELECT_PIV, hex, say, send};
use crescendo_sim::fixture::Algorithm;
use crescendo_sim::{Personality, Properties, SimCard};

const FREE_MEMORY: &str = "80CA00FE02DF2500";

fn properties(personality: Personality) -> Vec<u8> {
    let card = SimCard::new(personality);
    say(&card, SELECT_PIV);
    let mut whole = Vec::new();
    let mut answer = card.transmit(&[0x80, 0x56, 0, 0, 0]);
    loop {
        let status = answer.split_off(answer.len() - 2);
        whole.extend(answer);
        if status[0] != 0x61 {
            assert_eq!(status, [0x90, 0x00]);
            return whole;
        }
        answer = card.transmit(&[0, 0xC0, 0, 0, status[1]]);
    }
}

/// The objects of a template whose lengths are short or of one byte more.
fn children(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let [tag, rest @ ..] = bytes {
        let (len, head) = match rest[0] {
            0x81 => (usize::from(rest[1]), 2),
            0x82 => (usize::from(rest[1]) << 8 | usize::from(rest[2]), 3),
            len => (usize::from(len), 1),
        };
        found.push((*tag, &rest[head..head + len]));
        bytes = &rest[head + len..];
    }
    found
}

/// Key references and their parameters.
fn keys(body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let blocks = children(body).into_iter().filter(|(tag, _)| *tag == 0x51);
    blocks
        .map(|(_, block)| {
            let fields = children(block);
            (fields[0].1[0], fields[1].1.to_vec())
        })
        .collect()
}

fn mixed(properties: Properties) -> Personality {
    let keys = [
        (0x9A, Some(Algorithm::Rsa4096)),
        (0x9C, Some(Algorithm::Rsa3072)),
        (0x9D, Some(Algorithm::P384)),
        (0x9E, None),
    ];
    Personality { properties, keys: keys.into(), retired: 1, off_card: 1, ..Personality::key_v3() }
}

#[test]
fn properties_tell_the_keys_there_are() {
    let bare = properties(mixed(Properties::Bare));
    assert!(bare.starts_with(b"\x01\x06\x21\x04\x00\x00\x01\x02\x51\x0A"));
    let keys = keys(&bare);
    assert_eq!(keys.len(), 24);
    for (reference, parameters) in [
        (0x9A, "0440818100"),
        (0x9C, "0530818100"),
        (0x9D, "1406818100"),
        (0x9E, "0720000000"),
        (0x82, "0720818100"),
        (0x83, "0720000000"),
        (0x95, "1104818100"),
    ] {
        let (_, found) = keys.iter().find(|(key, _)| *key == reference).unwrap();
        assert_eq!(hex(found), parameters, "{reference:02X}");
    }
}

#[test]
fn both_wordings_tell_the_same_keys() {
    let wrapped = properties(mixed(Properties::Wrapped));
    let outer = children(&wrapped);
    assert_eq!((outer.len(), outer[0].0), (1, 0x53));
    assert_eq!(keys(outer[0].1), keys(&properties(mixed(Properties::Bare))));

    let tags: Vec<u8> = children(outer[0].1).into_iter().map(|(tag, _)| tag).collect();
    assert_eq!(tags[..5], [0x01, 0x40, 0x50, 0x50, 0x50]);
    let (_, counts) = children(outer[0].1)[1];
    assert_eq!(counts, [3, 24]);
    let (_, chuid) = children(outer[0].1)[2];
    assert_eq!(hex(chuid), "47035FC1024202680B4D0C510A48019B43050802818100");
}

#[test]
fn the_other_dialects_form_of_properties() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, "00CB3FFF055C03FFFF7F00"), "6A82");
    assert_eq!(say(&card, "8056010000"), "6A86");
    let plain = SimCard::new(Personality::piv());
    assert_eq!(say(&plain, "8056000000"), "6E00");
}

#[test]
fn serial_number_of_the_chip() {
    let card = SimCard::new(Personality { ic_serial: 0x0089_ABCD, hex_cplc: true, ..Personality::key_v3() });
    assert_eq!(say(&card, "80CA9F7F00"), "6D00", "nothing is selected");
    say(&card, SELECT_CARD_MANAGER);
    let cplc = say(&card, "80CA9F7F00");
    assert!(cplc.starts_with("9F7F2A4790D3214700000000005012") && cplc.ends_with("9000"));
    assert_eq!(cplc[30..42], *"0089ABCD7089");
    assert_eq!(say(&card, "80CA006600"), "6A88");
    assert!(card.log().last().unwrap().ends_with("[SIM]"));

    let plain = SimCard::new(Personality::piv());
    say(&plain, SELECT_CARD_MANAGER);
    assert_eq!(say(&plain, "80CA9F7F00"), "6D00");
}

#[test]
fn free_memory_counts_keys_and_certificates() {
    for (personality, free) in [(Personality::blank_key_v3(), 62_328), (Personality::key_v3(), 54_328)] {
        let card = SimCard::new(personality);
        say(&card, "00A40400");
        let answer = say(&card, FREE_MEMORY);
        assert!(
            answer.starts_with("FE15DF25120000") && answer.ends_with(&format!("{free:08X}9000")),
            "{answer}"
        );
    }
}

#[test]
fn pin_policy_without_a_login() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_ACA);
    for (apdu, answer) in [
        ("00560200013100", "310506080000A59000"),
        ("005602000131", "310506080000A59000"),
        ("00560100013100", "6A86"),
        ("00560200013200", "6A80"),
        ("8056000000", "6D00"),
    ] {
        assert_eq!(say(&card, apdu), answer, "{apdu}");
    }
    say(&card, SELECT_PIV);
    assert_eq!(send(&card, [0x00, 0x56, 0x02, 0x00], &[0x31]).1, 0x6D00);
}
