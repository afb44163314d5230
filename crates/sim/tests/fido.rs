//! The FIDO application of a card: SELECT, CTAP2 in APDUs of every form, and what it does to PIV.

mod common;

use ciborium::Value;
use common::{SELECT_ACA, SELECT_PIV, VERIFY_123456, bytes, hex, say, send};
use crescendo_sim::{Interface, Personality, SimCard};

const SELECT_FIDO: &str = "00A4040008A0000006472F000100";
const GET_INFO: &str = "80100000010400";
/// `FIDO_2_0`
const VERSION: &str = "4649444F5F325F309000";

fn selected(personality: Personality) -> SimCard {
    let card = SimCard::new(personality);
    assert_eq!(say(&card, SELECT_FIDO), VERSION);
    card
}

fn with_fido(personality: Personality) -> Personality {
    Personality { fido: true, ..personality }
}

#[test]
fn it_tells_what_it_is_over_contact_and_contactless() {
    for (personality, aaguid) in [
        (Personality::key_v3(), *b"\x79\x91\x79\x8A\xA7\xF3\x48\x7F\x98\xC0\x3F\xAF\x7A\x45\x8A\x04"),
        (Personality::blank_key_v3(), *b"\x79\x91\x79\x8A\xA7\xF3\x48\x7F\x98\xC0\x3F\xAF\x7A\x45\x8A\x04"),
        (with_fido(Personality::piv_dual()), *b"crescendo-sim-02"),
    ] {
        for interface in [Interface::Contact, Interface::Contactless] {
            let card = SimCard::new(personality.clone());
            card.set_interface(interface);
            assert_eq!(say(&card, SELECT_FIDO), VERSION);
            let answer = bytes(&say(&card, GET_INFO));
            let [0x00, map @ .., 0x90, 0x00] = &answer[..] else { panic!("{answer:02X?}") };
            let Value::Map(map) = ciborium::from_reader(map).unwrap() else { panic!("no map") };
            let keys: Vec<_> = map.iter().filter_map(|(key, _)| key.as_integer()).collect();
            assert_eq!(keys, [1, 3, 4, 5, 14].map(Into::into), "no vendor commands");
            assert_eq!(map[1].1, Value::Bytes(aaguid.to_vec()));
            assert_eq!(map[4].1, Value::from(0x0004_0100));
        }
    }
}

#[test]
fn a_card_without_it_does_not_know_it() {
    for personality in
        [Personality { fido: false, ..Personality::key_v3() }, Personality::piv(), Personality::piv_dual()]
    {
        let card = SimCard::new(personality);
        say(&card, SELECT_PIV);
        say(&card, VERIFY_123456);
        assert_eq!(say(&card, SELECT_FIDO), "6A82");
        assert!(card.verified(), "PIV is still selected");
    }
    assert_eq!(say(&SimCard::new(Personality::key_v3()), GET_INFO), "6D00", "it is not selected");
}

#[test]
fn selecting_it_costs_the_login_of_piv() {
    for personality in [Personality::key_v3(), with_fido(Personality::piv())] {
        let card = SimCard::new(personality);
        say(&card, SELECT_PIV);
        assert_eq!(say(&card, VERIFY_123456), "9000");
        assert_eq!(say(&card, SELECT_FIDO), VERSION);
        assert!(!card.verified());
        assert_eq!(say(&card, "00200080"), "6D00", "VERIFY is PIV's");
        say(&card, SELECT_PIV);
        assert!(say(&card, "00200080").starts_with("63C"));
        assert!(matches!(&say(&card, GET_INFO)[..], "6D00" | "6E00"), "and a message is FIDO's");
    }
}

#[test]
fn a_reset_deselects_it() {
    let card = selected(Personality::key_v3());
    card.reset();
    assert_eq!(say(&card, GET_INFO), "6D00");
}

#[test]
fn long_answers_come_in_parts_or_in_one_extended_apdu() {
    let long: Vec<u8> = (0..600).map(|n| n as u8).collect();
    let card = selected(with_fido(Personality { extended: true, ..Personality::piv() }));
    card.set_get_info(Some(long.clone()));
    let first = say(&card, GET_INFO);
    assert_eq!(first, hex(&long[..256]) + "6100");
    assert_eq!(say(&card, "00C0000000"), hex(&long[256..512]) + "6158");
    assert_eq!(say(&card, "00C0000058"), hex(&long[512..]) + "9000");
    assert_eq!(say(&card, "801000000000010400 00"), hex(&long) + "9000");
    card.set_get_info(None);
    assert!(say(&card, GET_INFO).ends_with("9000"));

    let short = selected(Personality::key_v3());
    assert_eq!(say(&short, "80100000000001040000"), "6700", "a Crescendo Key takes short APDUs alone");
}

#[test]
fn long_messages_are_chained() {
    for personality in [Personality::key_v3(), with_fido(Personality::piv())] {
        let card = selected(personality);
        let usual = bytes(&say(&card, GET_INFO));
        let message = [&[0x04][..], &[0; 599]].concat();
        card.zero();
        let (answer, status) = send(&card, [0x80, 0x10, 0, 0], &message);
        assert_eq!(([&answer[..], &status.to_be_bytes()].concat(), card.counts().apdus), (usual, 3));
        assert_eq!(say(&card, "9010000001FF"), "9000");
        assert_eq!(say(&card, SELECT_FIDO), VERSION, "a chain given up leaves nothing behind");
        assert!(say(&card, GET_INFO).starts_with("00A5"));
    }
}

#[test]
fn what_it_does_not_know_it_refuses() {
    let card = selected(Personality::key_v3());
    for (apdu, answer) in [
        ("80100000010100", "019000"),
        ("8010000002070000", "019000"),
        ("8010000001FF00", "019000"),
        ("8010000000", "6700"),
        ("80100100010400", "6A86"),
        ("80100001010400", "6A86"),
        ("80110000", "6D00"),
        ("0003000000", "6D00"),
        ("00CB3FFF055C035FC10200", "6D00"),
        ("84100000010400", "6882"),
        ("81100000010400", "6881"),
    ] {
        assert_eq!(say(&card, apdu), answer, "{apdu}");
    }
    assert!(say(&card, "80108000010400").ends_with("9000"), "from a client that knows NFCCTAP_GETRESPONSE");
    let marked = card.log().iter().filter(|line| line.contains("[SIM]")).count();
    assert_eq!(marked, 13, "every answer is a choice of ours");
}

#[test]
fn a_reset_is_for_the_first_ten_seconds() {
    let card = selected(Personality::c2300());
    card.set_fido_pin(true);
    card.let_time_pass();
    assert_eq!(say(&card, "80100000010700"), "309000");
    assert!(card.has_fido_pin());
    card.power_on();
    say(&card, SELECT_FIDO);
    assert_eq!(say(&card, "80100000010700"), "009000");
    assert!(!card.has_fido_pin());
}

#[test]
fn reset_card_clears_it_on_a_key_v3_and_leaves_it_on_a_2300() {
    let survivor = Personality { fido_survives: true, ..Personality::key_v3() };
    for (personality, left) in
        [(Personality::key_v3(), false), (survivor, true), (Personality::c2300(), true)]
    {
        let card = SimCard::new(personality);
        card.set_fido_pin(true);
        say(&card, SELECT_ACA);
        say(&card, "0020000008313233343536FFFF");
        assert_eq!(say(&card, "00380000"), "9000");
        assert_eq!(card.has_fido_pin(), left);
    }
}

#[test]
fn the_applications_follow_each_other() {
    let card = selected(Personality::key_v3());
    assert!(say(&card, SELECT_ACA).ends_with("9000"));
    assert_eq!(say(&card, GET_INFO), "6D00");
    assert_eq!(say(&card, SELECT_FIDO), VERSION);
    assert!(say(&card, GET_INFO).ends_with("9000"));
    assert_eq!(hex(&card.foreign_select(b"\xA0\x00\x00\x06\x47\x2F\x00\x01")), VERSION);
}
