//! The PUK, and a global PIN beside the PIV PIN (SP 800-73 part 1, 3.3.2; part 2, 3.2.1 to 3.2.3).

mod common;

use common::{SELECT_CARD_MANAGER, SELECT_PIV, VERIFY_123456, authenticate, object, replay, say, send};
use crescendo_sim::{Personality, SimCard, Tries};

const VERIFY_GLOBAL: &str = "0020000008363534333231FFFF";

fn selected(personality: Personality) -> SimCard {
    let card = SimCard::new(personality);
    say(&card, SELECT_PIV);
    card
}

fn global(policy: Option<[u8; 2]>) -> Personality {
    Personality { policy, global_pin: Some("654321".into()), ..Personality::piv() }
}

#[test]
fn puk_of_a_plain_card() {
    let card = SimCard::new(Personality::piv());
    card.block_pin();
    replay(
        &card,
        "> 00200080
         < 6983
         > 002C00801039393939393939393131313131 31FFFF
         < 63C2
         > 002C0080103132333435363738313131313131FFFF
         < 9000
         > 00200080
         < 63C3
         > 0020008008313131313131FFFF
         < 9000
         > 002400811031323334353637383837363534333231
         < 9000
         > 002C0080103132333435363738313131313131FFFF
         < 63C2
         > 002C0080103837363534333231323232323232FFFF
         < 9000",
    );
    assert_eq!(card.tries(), Tries { pin: 3, puk: Some(3) });
}

#[test]
fn puk_of_a_key_v3_where_it_has_one() {
    let none = selected(Personality::key_v3());
    assert_eq!(say(&none, "002C0080103132333435363738313131313131FFFF"), "6A88");
    assert_eq!(say(&none, "002400811031323334353637383837363534333231"), "6A88");

    let card = selected(Personality { puk: Some("12345678".into()), ..Personality::key_v3() });
    card.block_pin();
    replay(
        &card,
        "> 00200081
         < 63CA
         > 002C0080103939393939393939313131313131FFFF
         < 63C9
         > 002C008008313233343536373 8
         < 6700
         > 002C00801031323334353637383131313131FFFFFF
         < 6A80
         > 00200080
         < 6983
         > 002C0080103132333435363738313131313131FFFF
         < 9000
         > 00200080
         < 63C6
         > 002400811031323334353637383837363534333231
         < 9000
         > 00200081
         < 63CA",
    );
    assert!(!card.verified(), "a new PIN is not a verified one");
}

#[test]
fn a_blocked_puk_stays_blocked() {
    for personality in
        [Personality::piv(), Personality { puk: Some("12345678".into()), ..Personality::key_v3() }]
    {
        let card = selected(personality);
        card.block_puk();
        assert_eq!(say(&card, "002C0080103132333435363738313131313131FFFF"), "6983");
        assert_eq!(say(&card, "002400811031323334353637383837363534333231"), "6983");
        assert_eq!(say(&card, VERIFY_123456), "9000");
    }
}

#[test]
fn the_policy_is_what_discovery_says() {
    let cards = [
        (Personality::piv(), "4000"),
        (global(None), "6010"),
        (global(Some([0x60, 0x20])), "6020"),
        (Personality { policy: Some([0x58, 0x00]), ..Personality::key_v3() }, "5800"),
    ];
    for (personality, policy) in cards {
        let (discovery, status) = send(&selected(personality), [0, 0xCB, 0x3F, 0xFF], &[0x5C, 1, 0x7E]);
        let expected = format!("7E124F0BA0000003080000100001005F2F02{policy}");
        assert_eq!((common::hex(&discovery), status), (expected, 0x9000));
    }
}

#[test]
fn a_global_pin_has_its_own_value_and_tries() {
    let card = selected(global(None));
    replay(
        &card,
        "> 00200000
         < 63C5
         > 0020000008313233343536FFFF
         < 63C4
         > 002000000831323334FFFFFFFF
         < 6A80
         > 00200080
         < 63C3
         > 0020000008363534333231FFFF
         < 9000
         > 00200000
         < 9000
         > 00200080
         < 63C3
         > 0020FF00
         < 9000
         > 00200000
         < 63C5
         > 002C0000103132333435363738313131313131FFFF
         < 6A88",
    );
    card.block_global_pin();
    assert_eq!(say(&card, VERIFY_GLOBAL), "6983");
    assert_eq!((card.global_tries(), card.tries().pin), (Some(0), 3));
}

#[test]
fn either_pin_meets_the_access_rules() {
    for verify in [VERIFY_123456, VERIFY_GLOBAL] {
        let card = selected(global(Some([0x60, 0x20])));
        assert_eq!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]), Err(0x6982));
        assert_eq!(object(&card, 0x5FC109).1, 0x6982);
        assert_eq!(say(&card, verify), "9000");
        assert!(authenticate(&card, 0x11, 0x9C, 0x81, &[1; 32]).is_ok(), "the very last command");
        assert_eq!(authenticate(&card, 0x11, 0x9C, 0x81, &[1; 32]), Err(0x6982));
        assert!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]).is_ok());
        assert_eq!(object(&card, 0x5FC109).1, 0x9000);
    }
}

#[test]
fn one_wrong_pin_leaves_the_other_verified() {
    let card = selected(global(None));
    say(&card, VERIFY_GLOBAL);
    assert_eq!(say(&card, "0020008008393939393939FFFF"), "63C2");
    assert!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]).is_ok());
    assert_eq!(say(&card, "0020000008393939393939FFFF"), "63C4");
    assert_eq!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]), Err(0x6982));
}

#[test]
fn a_global_pin_outlives_other_applications_and_no_reset() {
    let card = selected(global(None));
    say(&card, VERIFY_GLOBAL);
    say(&card, VERIFY_123456);
    say(&card, SELECT_CARD_MANAGER);
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, "00200080"), "63C3");
    assert_eq!(say(&card, "00200000"), "9000");
    assert!(authenticate(&card, 0x07, 0x9A, 0x81, &[1; 256]).is_ok());
    card.reset();
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, "00200000"), "63C5");
}

#[test]
fn a_global_pin_is_changed_with_its_old_value() {
    let card = selected(global(None));
    replay(
        &card,
        "> 0024000010313233343536FFFF313131313131FFFF
         < 63C4
         > 0024000010363534333231FFFF313131313131FFFF
         < 9000
         > 00200000
         < 9000
         > 0020000008363534333231FFFF
         < 63C4
         > 0020000008313131313131FFFF
         < 9000
         > 0020008008313233343536FFFF
         < 9000",
    );
}

#[test]
fn without_the_bit_of_the_policy_there_is_no_global_pin() {
    let hidden = global(Some([0x40, 0x00]));
    let promised = Personality { policy: Some([0x60, 0x10]), ..Personality::piv() };
    for personality in [Personality::piv(), hidden, promised] {
        let card = selected(personality);
        assert_eq!(card.global_tries(), None);
        for apdu in ["00200000", VERIFY_GLOBAL, "0024000010363534333231FFFF313131313131FFFF"] {
            assert_eq!(say(&card, apdu), "6A88");
        }
    }
}

#[test]
fn a_global_pin_of_a_key_v3_is_a_choice_of_ours() {
    let card = selected(Personality { global_pin: Some("654321".into()), ..Personality::key_v3() });
    for (apdu, marked) in [("00200080", false), ("00200000", true), (VERIFY_GLOBAL, true)] {
        say(&card, apdu);
        assert_eq!(card.log().last().unwrap().ends_with("[SIM]"), marked, "{apdu}");
    }
}

#[test]
fn pins_that_were_sent_are_counted() {
    let card = selected(global(None));
    for apdu in ["00200080", VERIFY_123456, VERIFY_GLOBAL, "0020008008393939393939FFFF", "0020FF80"] {
        say(&card, apdu);
    }
    assert_eq!(card.counts().verifies, 3);
    card.zero();
    assert_eq!(card.counts().verifies, 0);
}
