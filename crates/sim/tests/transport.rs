//! Chains, answers in parts, short Le and extended APDUs.

mod common;

use common::{SELECT_PIV, VERIFY_123456, bytes, hex, object, say, tlv};
use crescendo_sim::fixture::Algorithm;
use crescendo_sim::{Personality, Profile, SimCard};

const GET_CHUID: &str = "00CB3FFF055C035FC102";

fn selected(personality: Personality) -> SimCard {
    let card = SimCard::new(personality);
    say(&card, SELECT_PIV);
    card
}

#[test]
fn a_short_le_answers_a_prefix_and_gives_up_the_rest() {
    let card = selected(Personality::key_v3());
    let (whole, _) = object(&card, 0x5FC102);
    let head = say(&card, &format!("{GET_CHUID}50"));
    assert_eq!(head, hex(&whole[..0x50]) + "9000");
    assert_eq!(say(&card, "00C0000000"), "6985");
}

#[test]
fn le_00_answers_256_bytes_and_says_how_many_are_left() {
    let card = selected(Personality::key_v3());
    let (whole, _) = object(&card, 0x5FC102);
    let first = say(&card, &format!("{GET_CHUID}00"));
    assert_eq!(first.len(), 2 * 258);
    assert!(first.ends_with("6100"));
    let mut got = bytes(&first);
    loop {
        let left = whole.len() - (got.len() - 2);
        let status = got.split_off(got.len() - 2);
        if status == [0x90, 0x00] {
            break;
        }
        assert_eq!(status, [0x61, u8::try_from(left).unwrap_or(0)]);
        got.extend(card.transmit(&[0, 0xC0, 0, 0, status[1]]));
    }
    assert_eq!(got, whole);
}

#[test]
fn the_rest_dies_with_the_next_command() {
    let card = selected(Personality::key_v3());
    say(&card, &format!("{GET_CHUID}00"));
    say(&card, "00200080");
    assert_eq!(say(&card, "00C0000000"), "6985");
}

#[test]
fn an_interrupted_chain_leaves_no_effect() {
    let card = selected(Personality::key_v3());
    let template = tlv(0x7C, &[vec![0x82, 0], tlv(0x81, &[7; 32])].concat());
    let (one, two) = template.split_at(10);
    let begin = [&[0x10, 0x87, 0x11, 0x9E, 10], one].concat();
    let end = [&[0x00, 0x87, 0x11, 0x9E, two.len() as u8], two, &[0]].concat();

    assert_eq!(card.transmit(&begin), [0x90, 0x00]);
    assert!(card.transmit(&end).ends_with(&[0x90, 0x00]));

    card.transmit(&begin);
    assert_eq!(say(&card, "00200080"), "63C6");
    assert_eq!(card.transmit(&end), [0x6A, 0x80]);

    card.transmit(&begin);
    let whole = [&[0x00, 0x87, 0x11, 0x9E, template.len() as u8], &template[..], &[0]].concat();
    assert_eq!(card.transmit(&[0x00, 0x87, 0x11, 0x9A, 0]), [0x6A, 0x86]);
    assert!(card.transmit(&whole).ends_with(&[0x90, 0x00]));
}

#[test]
fn a_plain_card_chains_only_what_the_standard_chains() {
    let card = selected(Personality::piv());
    assert_eq!(say(&card, "10CB3FFF055C035FC102"), "6884");
    assert_eq!(say(&card, "1087119E017C"), "9000");
}

#[test]
fn extended_apdus_only_where_they_are_announced() {
    let extended = "00CB3FFF0000055C035FC1020000";
    let short = selected(Personality::key_v3());
    assert_eq!(say(&short, extended), "6700");

    for profile in [Personality::key_v3(), Personality::piv()] {
        let card = SimCard::new(Personality { extended: true, ..profile });
        assert!(say(&card, SELECT_PIV).contains("7F6608020203F802027FFF"));
        let (whole, _) = object(&card, 0x5FC102);
        assert_eq!(say(&card, extended), hex(&whole) + "9000");
        say(&card, VERIFY_123456);
        let template = tlv(0x7C, &[vec![0x82, 0], tlv(0x81, &[1; 256])].concat());
        let signed = card
            .transmit(&[&[0, 0x87, 7, 0x9A, 0, 1, template.len() as u8], &template[..], &[1, 0x10]].concat());
        assert_eq!(signed.len(), 4 + 4 + 256 + 2);
    }
}

#[test]
fn the_largest_objects_and_keys_in_one_extended_apdu_each() {
    for (profile, byte) in [(Personality::key_v3(), 0x04), (Personality::piv(), 0x16)] {
        let keys = [(0x9A, Some(Algorithm::Rsa4096))].into();
        let card = SimCard::new(Personality { extended: true, keys, ..profile });
        say(&card, SELECT_PIV);
        for (tag, least) in [(0x5FC102, 1500), (0x5FC105, 1856)] {
            let (in_parts, _) = object(&card, tag);
            assert!(in_parts.len() > least);
            card.zero();
            assert_eq!(say(&card, &format!("00CB3FFF0000055C03{tag:06X}0000")), hex(&in_parts) + "9000");
            assert_eq!(card.counts().apdus, 1);
            assert!(say(&card, &format!("00CB3FFF0000055C03{tag:06X}")).ends_with("6100"), "no Le, no end");
        }
        say(&card, VERIFY_123456);
        let template = tlv(0x7C, &[vec![0x82, 0], tlv(0x81, &[1; 512])].concat());
        let len = (template.len() as u16).to_be_bytes();
        let signed =
            card.transmit(&[&[0, 0x87, byte, 0x9A, 0, len[0], len[1]], &template[..], &[0, 0]].concat());
        assert_eq!(signed.len(), 4 + 4 + 512 + 2);
        assert!(signed.ends_with(&[0x90, 0x00]));
    }
}

#[test]
fn no_command_is_longer_than_was_announced() {
    let card = selected(Personality { extended: true, ..Personality::piv() });
    let verify = |data: usize| {
        let len = (data as u16).to_be_bytes();
        hex(&card.transmit(&[&[0, 0x20, 0, 0x80, 0, len[0], len[1]], &vec![7; data][..]].concat()))
    };
    assert_eq!(verify(0x03F8 - 7), "6A80");
    assert_eq!(verify(0x03F8 - 6), "6700");
}

#[test]
fn bytes_that_are_no_command() {
    let card = selected(Personality::key_v3());
    for (apdu, answer) in [
        ("", "6700"),
        ("0020", "6700"),
        ("0020008009313233343536FFFF", "6700"),
        ("00FD0000", "6D00"),
        ("0CCB3FFF055C035FC102", "6882"),
        ("01CB3FFF055C035FC102", "6881"),
        ("A0CB3FFF055C035FC102", "6E00"),
        ("00CB3FFE055C035FC102", "6A86"),
        ("00CB3FFF055D035FC102", "6A80"),
        ("00CB3FFF0B5C095FC1025FC1025FC102", "6A80"),
    ] {
        assert_eq!(say(&card, apdu), answer, "{apdu}");
    }
}

#[test]
fn every_name_of_piv_selects_it() {
    for profile in [Profile::KeyV3, Profile::Piv] {
        let card = SimCard::new(Personality { profile, ..Personality::key_v3() });
        for aid in ["A000000308", "A00000030800001000", "A000000308000010000100"] {
            let answer = say(&card, &format!("00A40400{:02X}{aid}00", aid.len() / 2));
            assert!(answer.starts_with("61") && answer.ends_with("9000"), "{aid}: {answer}");
        }
        assert_eq!(say(&card, "00A4040003A0000000"), "6A82");
    }
}
