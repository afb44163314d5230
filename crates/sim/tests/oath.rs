//! The OATH applications of a Crescendo Key: the sample session of command reference 8.4, and what its 8.3 says beside it.

mod common;

use common::{SELECT_ACA, bytes, hex, replay, say};
use crescendo_sim::{Personality, SimCard};

const SELECT_SLOT: [&str; 3] =
    ["00A4040007A0000000792300", "00A4040007A0000000792301", "00A4040007A0000000792302"];
const KEY: &str = "3132333435363738393031323334353637383930";
const HOTP: &str = "8088000000";

/// As they are delivered; the PIN of the sample sessions.
fn delivered() -> SimCard {
    SimCard::new(Personality::c2300_key().as_delivered())
}

fn opened(card: &SimCard, slot: usize) {
    say(card, SELECT_ACA);
    assert_eq!(say(card, "00200000083030303030303030"), "9000");
    assert!(say(card, SELECT_SLOT[slot]).ends_with("9000"));
}

/// A configuration of this mode, hash and number of digits, with a step of 30 s.
fn configuration(mode: u8, hash: u8, digits: u8, name: &str) -> String {
    let value = format!("{:016}{mode:02X}{hash:02X}{digits:02X}00101E{:022}{}", 0, 0, hex(name.as_bytes()));
    put(0x05, &value)
}

fn put(p1: u8, value: &str) -> String {
    let len = value.len() / 2;
    format!("80D8{p1:02X}00{:02X}0000{:02X}{len:02X}{value}00", len + 5, len + 1)
}

fn pressed(card: &SimCard, apdu: &str) -> String {
    assert_eq!(say(card, apdu), "6985");
    assert!(card.press());
    say(card, apdu)
}

#[test]
fn t8_totp_with_the_button() {
    let card = delivered();
    opened(&card, 1);
    assert_eq!(say(&card, &configuration(1, 0, 6, "")), "9000");
    assert_eq!(say(&card, &put(0x04, KEY)), "9000");
    card.power_on();
    replay(
        &card,
        "> 00A4040007A0000000791000
         < 6F128407A0000000791000A507010510030003069000
         > 00200000083030303030303030
         < 9000
         > 00A4040007A0000000792301
         < 6F2F8407A0000000792301A52401052303000302260201014A170000000000000000000000000600101E000000000000069000
         > 80881100045E84A802
         < 6985",
    );
    assert_eq!(say(&card, "80881100045E84A802"), "6985", "until it is pressed");
    assert!(card.press());
    assert_eq!(say(&card, "80881100045E84A802"), "3409099000");
    assert_eq!(say(&card, "80881100045E84A802"), "6985", "each code wants its own press");
}

#[test]
fn the_sample_of_hid_makes_the_codes_of_rfc_4226() {
    let card = delivered();
    opened(&card, 0);
    for apdu in [
        "80D805002700002322000000000000000000000600100000000000000000000000004F41544820484F545000",
        "80D804001900001514313233343536373839303132333435363738393000",
    ] {
        assert_eq!(say(&card, apdu), "9000");
    }
    card.power_on();
    say(&card, SELECT_SLOT[0]);
    for code in ["755224", "287082", "359152"] {
        assert_eq!(pressed(&card, HOTP), format!("{code}9000"), "without a PIN");
    }
    card.power_on();
    say(&card, SELECT_SLOT[0]);
    assert_eq!(pressed(&card, HOTP), "9694299000", "the counter outlives power");
}

#[test]
fn refusals_in_their_order() {
    let card = delivered();
    say(&card, SELECT_SLOT[1]);
    assert_eq!(say(&card, &put(0x04, KEY)), "6982");
    assert_eq!(say(&card, "80881100045E84A802"), "6982");
    assert_eq!(say(&card, HOTP), "6A88", "nothing is in it");
    opened(&card, 1);
    assert_eq!(say(&card, "80881100045E84A802"), "6A88");
    say(&card, &configuration(1, 0, 6, ""));
    assert_eq!(say(&card, "80881100045E84A802"), "6A88", "a configuration is no key");
    say(&card, &put(0x04, KEY));
    assert_eq!(say(&card, HOTP), "6A88", "this one counts time");
    assert_eq!(pressed(&card, "808811000 35E84A8"), "6700");
    assert_eq!(say(&card, "80880100"), "6A86");
    assert_eq!(say(&card, "00200000"), "6D00");
}

#[test]
fn a_configuration_takes_the_key_away() {
    let card = delivered();
    opened(&card, 2);
    say(&card, &configuration(0, 0, 6, "name"));
    say(&card, &put(0x04, KEY));
    assert_eq!(pressed(&card, HOTP), "7552249000");
    say(&card, &configuration(0, 0, 8, "name"));
    assert_eq!(say(&card, HOTP), "6A88");
    say(&card, &put(0x04, KEY));
    assert_eq!(pressed(&card, HOTP), "847552249000", "eight digits, and the counter begins anew");
    assert_eq!(say(&card, "80D80400040000 0000"), "9000");
    assert_eq!(say(&card, HOTP), "6A88");
    say(&card, &put(0x04, KEY));
    assert_eq!(say(&card, "80D80500040000 0000"), "9000");
    assert_eq!(say(&card, HOTP), "6A88", "removed with its configuration");
}

#[test]
fn what_is_no_configuration() {
    let card = delivered();
    opened(&card, 1);
    for bad in [
        configuration(3, 0, 6, ""),
        configuration(0, 3, 6, ""),
        configuration(0, 0, 7, ""),
        put(0x05, "00"),
        put(0x04, &"00".repeat(120)).replace("80D80400", "80D80500"),
        "80D804000500001514AA00".into(),
    ] {
        let status = say(&card, &bad);
        assert!(status == "6A80" || status == "6700", "{bad}: {status}");
    }
    assert_eq!(say(&card, &configuration(1, 1, 8, "")), "9000");
    opened(&card, 0);
    assert_eq!(say(&card, &configuration(1, 0, 6, "")), "6A80", "the first slot is for HOTP");
}

/// RFC 6287, C.1, with the request that command reference 2.4 (24) gives.
#[test]
fn ocra_of_the_manuals_sample() {
    let card = delivered();
    opened(&card, 1);
    assert_eq!(say(&card, &configuration(2, 0, 6, "OCRA-1:HOTP-SHA1-6:QN08")), "9000");
    say(&card, &put(0x04, KEY));
    let request = format!("80872200887C8185820081818 02A62B1C0{}00", "00".repeat(124));
    assert_eq!(say(&card, &request), "7C0582036089939000");
    assert!(card.log().last().unwrap().ends_with("[SIM]"));
}

#[test]
fn which_tokens_have_it() {
    let with = Personality { oath: true, ..Personality::key_v3() };
    for (personality, slots) in [
        (Personality::c2300_key(), true),
        (with, true),
        (Personality::key_v3(), false),
        (Personality { oath: true, ..Personality::c2300() }, false),
        (Personality { oath: true, ..Personality::piv() }, false),
    ] {
        let card = SimCard::new(personality);
        for select in SELECT_SLOT {
            assert_eq!(say(&card, select).ends_with("9000"), slots);
        }
        assert_eq!(say(&card, "00A4040007A0000000792303"), "6A82");
    }
}

#[test]
fn reset_card_empties_the_slots_and_a_managed_key_keeps_them() {
    let card = delivered();
    opened(&card, 0);
    say(&card, &configuration(0, 0, 6, ""));
    say(&card, &put(0x04, KEY));
    say(&card, SELECT_ACA);
    assert_eq!(say(&card, "00380000"), "9000");
    say(&card, SELECT_SLOT[0]);
    assert_eq!(say(&card, HOTP), "6A88");
    card.set_managed(true);
    opened(&card, 0);
    assert_eq!(say(&card, &put(0x04, KEY)), "6982");
    assert!(!card.press(), "nobody waits");
    assert_eq!(bytes(KEY).len(), 20);
}
