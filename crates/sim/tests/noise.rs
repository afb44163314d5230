//! Whatever arrives, the card answers; and only well-formed tries cost a try.

mod common;

use common::terminal::Terminal;
use common::{SELECT_ACA, SELECT_CARD_MANAGER, SELECT_PIV, VERIFY_123456, bytes, say, send, tlv};
use crescendo_sim::{Interface, Personality, SimCard, Suite};
use proptest::prelude::*;

/// Bytes that look enough like commands to get past the first checks.
fn apdu() -> impl Strategy<Value = Vec<u8>> {
    let cla = prop_oneof![Just(0x00), Just(0x10), Just(0x80), Just(0x90), any::<u8>()];
    let known = [
        0x20, 0x24, 0x26, 0x2C, 0x47, 0x56, 0x82, 0x84, 0x87, 0x88, 0xA4, 0xC0, 0xCA, 0xCB, 0xD8, 0xDB, 0xF6,
        0xF7, 0xFA, 0xFE, 0xFF,
    ];
    let ins = prop_oneof![proptest::sample::select(known.to_vec()), any::<u8>()];
    let p1 = prop_oneof![Just(0x00), Just(0xFF), Just(0x3F), Just(0x07), Just(0x11), any::<u8>()];
    let p2 = prop_oneof![Just(0x80), Just(0x81), Just(0x9A), Just(0x9D), Just(0x9E), Just(0xFF), any::<u8>()];
    let data = proptest::collection::vec(any::<u8>(), 0..40);
    (cla, ins, p1, p2, data, any::<bool>()).prop_map(|(cla, ins, p1, p2, data, honest)| {
        let len = if honest && !data.is_empty() { vec![data.len() as u8] } else { vec![] };
        [vec![cla, ins, p1, p2], len, data].concat()
    })
}

/// VERIFY with a PIN, CHANGE REFERENCE DATA, RESET RETRY COUNTER: commands that compare a secret.
fn compares(apdu: &[u8]) -> bool {
    matches!(apdu, [_, 0x20 | 0x24 | 0x2C, _, _, _, ..])
}

proptest! {
    #[test]
    fn any_bytes_are_answered(apdus in proptest::collection::vec(prop_oneof![apdu(), proptest::collection::vec(any::<u8>(), 0..300)], 1..20)) {
        let global = Personality { global_pin: Some("654321".into()), extended: true, ..Personality::piv() };
        for (personality, aid) in
            [(Personality::blank_key_v3(), SELECT_PIV), (global, SELECT_PIV), (Personality::key_v3(), SELECT_ACA), (Personality::key_v3(), SELECT_CARD_MANAGER), (Personality::piv_dual(), SELECT_PIV), (Personality::c2300(), SELECT_ACA), (Personality::piv_extended(), SELECT_PIV)]
        {
            let card = SimCard::new(personality);
            say(&card, aid);
            for apdu in &apdus {
                let before = (card.tries(), card.global_tries());
                prop_assert!(card.transmit(apdu).len() >= 2);
                prop_assert!(compares(apdu) || (card.tries(), card.global_tries()) == before, "{apdu:02X?}");
            }
        }
    }

    #[test]
    fn whoever_may_write_gets_an_answer_too(apdus in proptest::collection::vec(apdu(), 1..20), slot in 0..3) {
        let oath = format!("00A4040007A00000007923{slot:02X}");
        for (personality, select) in
            [(Personality::key_v3(), SELECT_PIV), (Personality::c2300(), SELECT_ACA), (Personality::c2300_key(), oath.as_str())]
        {
            let card = SimCard::new(personality);
            say(&card, SELECT_ACA);
            prop_assert_eq!(say(&card, "0020000008313233343536FFFF"), "9000");
            say(&card, select);
            for apdu in &apdus {
                prop_assert!(card.transmit(apdu).len() >= 2);
            }
        }
    }

    #[test]
    fn any_key_is_brought_or_refused(kind in any::<u8>(), p1 in prop_oneof![Just(0x80), Just(0x87), Just(0x07), Just(0x03), Just(0x11)], value in proptest::collection::vec(any::<u8>(), 0..140)) {
        for personality in [Personality::key_v3(), Personality::c2300()] {
            let card = SimCard::new(personality);
            say(&card, SELECT_PIV);
            say(&card, VERIFY_123456);
            let before = card.keys();
            let kind = if kind < 0x40 { 0xA3 } else if kind < 0x80 { 0xA4 } else { kind };
            let inner = &tlv(0, &value)[1..];
            let data = [&[0x00, kind], &tlv(0, inner)[1..], &[0x00]].concat();
            for _ in 0..5 {
                let (_, status) = send(&card, [0x80, 0xD8, p1, 0x9A], &data);
                prop_assert!(matches!(status, 0x9000 | 0x6A80 | 0x6985), "{status:04X}");
            }
            prop_assert!(value.is_empty() || card.keys() == before);
        }
    }

    #[test]
    fn any_objects_under_a_right_mac_are_answered(
        ins in proptest::sample::select(vec![0x20, 0x24, 0x87, 0xCB, 0x2C]),
        p2 in prop_oneof![Just(0x04), Just(0x80), Just(0x98), Just(0x9A), Just(0xFF)],
        objects in proptest::collection::vec(any::<u8>(), 0..60),
        inside in any::<bool>(),
    ) {
        let card = SimCard::new(Personality::piv_dual());
        card.set_interface(Interface::Contactless);
        let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
        prop_assert_eq!(terminal.verify(0x98, b"27182818"), Ok(0x9000));
        let head = [ins, 0, p2];
        let data = if inside { terminal.seal(head, &objects, true) } else { terminal.sign(head, &objects) };
        let (answer, status) = terminal.transmit(head, &data);
        prop_assert!(!answer.is_empty() || status != 0x9000);
        prop_assert_eq!(card.has_session(), status == 0x9000);
        prop_assert!(card.tries().pin == 5 || (inside && objects.len() == 16), "no PIN is 60 random bytes");
        prop_assert!(!card.verified());
    }

    #[test]
    fn any_protected_bytes_are_answered_and_cost_nothing(
        cla in proptest::sample::select(vec![0x04, 0x08, 0x0C, 0x0D, 0x1C, 0x8C]),
        data in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let card = SimCard::new(Personality::piv_dual());
        Terminal::open(&card, Suite::Cs2).unwrap();
        prop_assert!(card.transmit(&[&[cla, 0x20, 0x00, 0x80], &data[..]].concat()).len() >= 2);
        prop_assert_eq!(card.tries().pin, 5);
    }

    #[test]
    fn only_eight_bytes_with_p1_00_cost_a_try(p1 in any::<u8>(), data in proptest::collection::vec(any::<u8>(), 0..12)) {
        let card = SimCard::new(Personality::blank_key_v3());
        say(&card, SELECT_PIV);
        card.transmit(&[&[0x00, 0x20, p1, 0x80, data.len() as u8], &data[..]].concat());
        prop_assert!(card.tries().pin == 6 || (p1 == 0 && data.len() == 8));
    }

    #[test]
    fn any_template_is_answered(key in prop_oneof![Just(0x9A), Just(0x9C), Just(0x9D), Just(0x9E)], template in proptest::collection::vec(any::<u8>(), 1..200)) {
        let card = SimCard::new(Personality::key_v3());
        say(&card, SELECT_PIV);
        say(&card, VERIFY_123456);
        let algorithm = if key == 0x9A || key == 0x9D { 7 } else { 0x11 };
        let apdu = [&[0x00, 0x87, algorithm, key, template.len() as u8], &template[..]].concat();
        prop_assert_eq!(card.transmit(&apdu), bytes("6A80"));
    }
}
