//! What a Key V3 answers, byte by byte: sessions of command reference 8.4 that need no writing, and its PIN rules.

mod common;

use common::{SELECT_ACA, SELECT_PIV, VERIFY_123456, object, replay, say, send};
use crescendo_sim::{Personality, SimCard, Tries};

/// GET RESPONSE asks for 28 here: 8.4 prints 20, which are fewer bytes than 6128 offers and than it shows.
#[test]
fn t1_list_device() {
    let card = SimCard::new(Personality::blank_key_v3());
    assert_eq!(common::hex(card.atr()), "3BD996FF8191FE1FC343343030302D4B4559BF");
    replay(
        &card,
        "> 00A4040007A000000151000000
         < 6F108408A000000151000000A5049F6501FF9000
         > 80CA9F7F00
         < 9F7F2A4790050347000000000050120012345670890000000000000000000000000000000000000000000000009000
         > 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 00560200013100
         < 310506080000A59000
         > 00A404000BA00000030800001000010000
         < 61114F0600001000010079074F05A0000003089000
         > 00200080
         < 63C6
         > 8056000000
         < 0106210400000102510A48019A43050720000000510A48019C43050720000000510A48019D43050720000000510A48019E43050720000000510A48018243050720000000510A48018343050720000000510A48018443050720000000510A48018543050720000000510A48018643050720000000510A48018743050720000000510A48018843050720000000510A48018943050720000000510A48018A43050720000000510A48018B43050720000000510A48018C43050720000000510A48018D43050720000000510A48018E43050720000000510A48018F43050720000000510A48019043050720000000510A48019143050720000000510A4801924305076128
         > 00C0000028
         < 20000000510A48019343050720000000510A48019443050720000000510A480195430507200000009000
         > 00CB3FFF055C035FC10200
         < 53009000
         > 00CB3FFF055C035FC10500
         < 53009000",
    );
}

#[test]
fn t7_without_login_and_without_9b() {
    replay(
        &SimCard::new(Personality::blank_key_v3()),
        "> 00A404000BA00000030800001000010000
         < 61114F0600001000010079074F05A0000003089000
         > 0047009A05AC0380011100
         < 6982
         > 0020008008303030303030FFFF
         < 9000
         > 0087039B047C02800000
         < 6D00",
    );
}

#[test]
fn six_wrong_pins_block() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    for left in (0..6).rev() {
        assert_eq!(say(&card, "0020008008393939393939FFFF"), format!("63C{left}"));
        assert_eq!(card.tries(), Tries { pin: left, puk: None });
    }
    assert_eq!(say(&card, "0020008008393939393939FFFF"), "6983");
    assert_eq!(say(&card, VERIFY_123456), "6983");
    assert_eq!(say(&card, "00200080"), "6983");
}

#[test]
fn a_right_pin_restores_the_tries_and_a_wrong_one_logs_out() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, "0020008008393939393939FFFF"), "63C5");
    assert_eq!(say(&card, VERIFY_123456), "9000");
    assert_eq!((card.tries().pin, card.verified()), (6, true));
    assert_eq!(say(&card, "00200080"), "9000");
    assert_eq!(say(&card, "0020008008393939393939FFFF"), "63C5");
    assert_eq!(say(&card, "00200080"), "63C5");
}

#[test]
fn lengths_and_references_of_verify() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    for (apdu, answer) in [
        ("0020008006313233343536", "6700"),
        ("00200081", "6A88"),
        ("00200000", "6A88"),
        ("0020018008313233343536FFFF", "6A86"),
        ("0020FF8008313233343536FFFF", "6A80"),
    ] {
        assert_eq!(say(&card, apdu), answer, "{apdu}");
    }
    assert_eq!(card.tries().pin, 6);
}

#[test]
fn p1_ff_clears_the_login() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    say(&card, VERIFY_123456);
    assert_eq!(say(&card, "0020FF80"), "9000");
    assert_eq!(say(&card, "00200080"), "63C6");

    let old = SimCard::new(Personality { no_clear: true, ..Personality::key_v3() });
    say(&old, SELECT_PIV);
    assert_eq!(say(&old, "0020FF80"), "6A86");
}

#[test]
fn selecting_piv_again_keeps_the_login_and_another_application_ends_it() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    say(&card, VERIFY_123456);
    assert_eq!(say(&card, "00A4040005A000000308"), "61114F0600001000010079074F05A0000003089000");
    assert!(card.verified());
    assert_eq!(say(&card, "00A4040005A00000052700"), "6A82");
    assert!(card.verified());
    say(&card, SELECT_ACA);
    assert!(!card.verified());
    assert_eq!(say(&card, "00200080"), "6D00");
}

#[test]
fn power_and_foreign_resets_end_login_and_selection() {
    let card = SimCard::new(Personality::key_v3());
    for end in [SimCard::power_on, SimCard::reset] {
        say(&card, SELECT_PIV);
        say(&card, VERIFY_123456);
        end(&card);
        assert!(!card.verified());
        assert_eq!(say(&card, "00200080"), "6D00");
    }
}

#[test]
fn change_reference_data() {
    let card = SimCard::new(Personality::key_v3());
    say(&card, SELECT_PIV);
    replay(
        &card,
        "> 0024008010393939393939FFFF363534333231FFFF
         < 63C5
         > 0024008010313233343536FFFF3635343332FFFFFF
         < 6A80
         > 0024008008313233343536FFFF
         < 6700
         > 0024008010313233343536FFFF363534333231FFFF
         < 9000
         > 0020008008363534333231FFFF
         < 9000",
    );
}

#[test]
fn a_plain_card_does_not_count_what_is_no_pin() {
    let card = SimCard::new(Personality::piv());
    for malformed in ["00200080083132333435FFFFFF", "0020008008313233343536FF37", "0020008004FFFFFFFF"] {
        assert_eq!(say(&card, malformed), "6A80");
    }
    assert_eq!(card.tries().pin, 3);
}

#[test]
fn printed_information_wants_the_pin() {
    for personality in [Personality::key_v3(), Personality::piv()] {
        let card = SimCard::new(personality);
        say(&card, SELECT_PIV);
        assert_eq!(object(&card, 0x5FC109).1, 0x6982);
        say(&card, VERIFY_123456);
        let (printed, status) = object(&card, 0x5FC109);
        assert_eq!(status, 0x9000);
        assert_eq!(&printed[4..25], b"Crescendo Test Holder");
    }
}

#[test]
fn what_is_on_a_personalised_card() {
    for (personality, discovery) in [(Personality::key_v3(), 0x6A82), (Personality::piv(), 0x9000)] {
        let guid = personality.guid;
        let card = SimCard::new(Personality { retired: 20, ..personality });
        say(&card, SELECT_PIV);
        let (chuid, _) = object(&card, 0x5FC102);
        assert_eq!(chuid[31..49], [&[0x34, 16], &guid[..]].concat());
        assert!((1500..2000).contains(&chuid.len()));
        assert_eq!(common::hex(&object(&card, 0x5FC10C).0), "5308C10114C20100FE00");
        assert_eq!(send(&card, [0, 0xCB, 0x3F, 0xFF], &[0x5C, 1, 0x7E]).1, discovery);
        assert_eq!(send(&card, [0, 0xCB, 0x3F, 0xFF], &[0x5C, 2, 0x7F, 0x61]).1, 0x6A82);
        assert_eq!(object(&card, 0x5FC10F).1, 0x9000);
        for tag in [0x5FC105, 0x5FC10A, 0x5FC10B, 0x5FC101, 0x5FC10D, 0x5FC120] {
            let (certificate, _) = object(&card, tag);
            assert!((1300..1750).contains(&certificate.len()), "{tag:06X}: {}", certificate.len());
        }
    }
}

#[test]
fn choices_of_ours_are_marked_in_the_log_of_a_key_v3_alone() {
    let marked = |personality| {
        let card = SimCard::new(personality);
        for apdu in [SELECT_PIV, "00200081", "00CB3FFF035C017F00", SELECT_ACA] {
            say(&card, apdu);
        }
        let log = card.log();
        log.iter().filter(|line| line.contains("< ")).map(|line| line.ends_with("[SIM]")).collect::<Vec<_>>()
    };
    assert_eq!(marked(Personality::key_v3()), [false, true, true, true]);
    assert_eq!(marked(Personality::piv()), [false; 4]);
}
