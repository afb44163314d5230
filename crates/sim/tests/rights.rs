//! Who may write on a Crescendo, and how it is unlocked and recycled: sessions of command reference 8.4, and what its
//! parts 8.2, 8.3 and 8.5 say beside them.

mod common;

use common::{SELECT_ACA, SELECT_PIV, bytes, hex, object, replay, say};
use crescendo_sim::fixture::Algorithm;
use crescendo_sim::{AdministrationKey, Form, Personality, SimCard};

const AES_KEY: &str = "000102030405060708090A0B0C0D0E0F";
const PUT_AES: &str = "00D801001500081110000102030405060708090A0B0C0D0E0F00";
/// The key pair of RFC 6979 A.2.5.
const RFC_6979: &str = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721";
const NEW_PIN: &str = "002C020008323436383130FFFF";

fn with_aes_key() -> SimCard {
    let xauth = AdministrationKey::Key(bytes(AES_KEY));
    SimCard::new(Personality { xauth, pin: "123456".into(), ..Personality::blank_key_v3() })
}

fn challenge_of(card: &SimCard, hex: &str) {
    card.set_challenge(&bytes(hex));
}

/// Proves the AES key.
fn authenticate(card: &SimCard) {
    say(card, SELECT_ACA);
    challenge_of(card, "00112233445566778899AABBCCDDEEFF");
    say(card, "0084000100");
    assert_eq!(say(card, "008200011069C4E0D86A7B0430D8CDB78070B4C55A"), "9000");
}

#[test]
fn t2_change_pin() {
    let card = SimCard::new(Personality::blank_key_v3());
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 00560200013100
         < 310506080000A59000
         > 0024010010313131313131FFFF313233343536FFFF
         < 63C5
         > 0024010010303030303030FFFF3132333435FFFFFF
         < 6A80
         > 0024010010303030303030FFFF313233343536FFFF
         < 9000
         > 0020000008313233343536FFFF
         < 9000",
    );
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, common::VERIFY_123456), "9000", "it is one PIN");
}

#[test]
fn t3_aes_key_and_a_key_under_the_administrators_right() {
    let card = SimCard::new(Personality { pin: "123456".into(), ..Personality::blank_key_v3() });
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 0020000008313233343536FFFF
         < 9000
         > 00D801001500081110000102030405060708090A0B0C0D0E0F00
         < 9000",
    );
    card.power_on();
    challenge_of(&card, "00112233445566778899AABBCCDDEEFF");
    assert!(card.set_next_key(Algorithm::P256, &bytes(RFC_6979)));
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 0084000100
         < 00112233445566778899AABBCCDDEEFF9000
         > 008200011069C4E0D86A7B0430D8CDB78070B4C55A
         < 9000
         > 008200011069C4E0D86A7B0430D8CDB78070B4C55A
         < 6985
         > 00A404000BA00000030800001000010000
         < 61114F0600001000010079074F05A0000003089000
         > 0047009A05AC0380011100
         < 7F494386410460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D44622999000",
    );
    assert_eq!(card.keys(), [0x9A]);
}

#[test]
fn t3b_the_key_of_delivery() {
    let card = SimCard::new(Personality::blank_key_v3());
    challenge_of(&card, "0123456789ABCDEF");
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 0084000100
         < 0123456789ABCDEF9000
         > 0082000108617B3A0CE8F07100
         < 9000",
    );
    assert_eq!((card.card_rights(), card.administration_key()), ((false, true), Some(true)));
}

#[test]
fn t4_unblock_by_challenge_and_response() {
    let card = with_aes_key();
    say(&card, SELECT_ACA);
    for left in (1..6).rev() {
        assert_eq!(say(&card, "0020000008393939393939FFFF"), format!("63C{left}"));
    }
    challenge_of(&card, "A1B2C3D4E5F60718293A4B5C6D7E8F90");
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 0020000008393939393939FFFF
         < 63C0
         > 0020000008313233343536FFFF
         < 6983
         > 0084000100
         < A1B2C3D4E5F60718293A4B5C6D7E8F909000
         > 0082000110A4FE2B6B7E82D87C1EA2E3F7FE9BF932
         < 9000
         > 002C020008323436383130FFFF
         < 9000
         > 0020000008323436383130FFFF
         < 9000",
    );
    assert_eq!(card.tries().pin, 6);
}

#[test]
fn t4b_unlock_without_authentication_costs_a_try() {
    let card = with_aes_key();
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 002C020008323436383130FFFF
         < 63C9",
    );
    for left in (0..9).rev() {
        assert_eq!(say(&card, NEW_PIN), format!("63C{left}"));
    }
    authenticate(&card);
    assert_eq!((say(&card, NEW_PIN).as_str(), card.unlock_tries()), ("6983", Some(0)));
}

#[test]
fn a_right_unlock_restores_its_tries_and_a_bad_pin_changes_nothing() {
    let card = with_aes_key();
    say(&card, SELECT_ACA);
    assert_eq!(say(&card, NEW_PIN), "63C9");
    card.block_pin();
    authenticate(&card);
    assert_eq!(say(&card, "002C0200083234363831FFFFFF"), "6A80");
    assert_eq!((card.tries().pin, card.unlock_tries()), (0, Some(9)));
    assert_eq!(say(&card, NEW_PIN), "9000");
    assert_eq!((card.tries().pin, card.unlock_tries()), (6, Some(10)));
    assert_eq!(say(&card, "00200000"), "63C6", "a new PIN is not a verified one");
}

/// GET RESPONSE and the last answer of PROPERTIES are left out as 8.4 leaves them out.
#[test]
fn t5_reset_card_and_a_new_administration_key() {
    let card = with_aes_key();
    card.install(0x9A, crescendo_sim::fixture::named("9a-p-256").unwrap()).unwrap();
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 00380000
         < 6982
         > 0020000008313233343536FFFF
         < 9000
         > 00380000
         < 9000
         > 00D801001500081110000102030405060708090A0B0C0D0E0F00
         < 6982
         > 0020000008303030303030FFFF
         < 9000
         > 00D801001500081110000102030405060708090A0B0C0D0E0F00
         < 9000
         > 00A404000BA00000030800001000010000
         < 61114F0600001000010079074F05A0000003089000
         > 8056000000
         < 0106210400000102510A48019A43050720000000510A48019C43050720000000510A48019D43050720000000510A48019E43050720000000510A48018243050720000000510A48018343050720000000510A48018443050720000000510A48018543050720000000510A48018643050720000000510A48018743050720000000510A48018843050720000000510A48018943050720000000510A48018A43050720000000510A48018B43050720000000510A48018C43050720000000510A48018D43050720000000510A48018E43050720000000510A48018F43050720000000510A48019043050720000000510A48019143050720000000510A4801924305076128",
    );
    assert_eq!(card.keys(), []);
}

#[test]
fn reset_card_leaves_no_administration_key_and_nothing_else() {
    for personality in [Personality::key_v3(), Personality::c2300(), Personality::c2300_key()] {
        let dialect_2300 = personality.profile != crescendo_sim::Profile::KeyV3;
        let card = SimCard::new(personality);
        say(&card, SELECT_ACA);
        say(&card, "0020000008313233343536FFFF");
        assert_eq!(say(&card, "8038000000"), "9000", "class 80 is taken too");
        assert_eq!(card.administration_key(), None);
        assert_eq!(card.card_rights(), (false, false));
        assert_eq!(say(&card, "0084000100").len(), 20, "8 bytes where there is no key");
        assert_eq!(say(&card, "00820001080000000000000000"), "6A88");
        let default = if dialect_2300 { "3030303030303030" } else { "303030303030FFFF" };
        assert_eq!(say(&card, &format!("0020000008{default}")), "9000");
        say(&card, SELECT_PIV);
        assert_eq!((card.keys(), hex(&object(&card, 0x5FC102).0)), (vec![], "5300".into()));
    }
}

#[test]
fn a_blocked_pin_keeps_reset_card_closed_but_for_xauth() {
    let card = with_aes_key();
    say(&card, SELECT_ACA);
    card.block_pin();
    assert_eq!(say(&card, "0020000008313233343536FFFF"), "6983");
    assert_eq!(say(&card, "00380000"), "6982");
    authenticate(&card);
    assert_eq!(say(&card, "00380000"), "9000");
}

#[test]
fn the_right_of_the_applet_is_the_cards_and_the_pin_of_piv_is_not() {
    let card = with_aes_key();
    say(&card, SELECT_ACA);
    say(&card, "0020000008313233343536FFFF");
    for select in [SELECT_PIV, common::SELECT_CARD_MANAGER, SELECT_ACA] {
        say(&card, select);
        assert_eq!(card.card_rights(), (true, false), "{select}");
    }
    card.reset();
    assert_eq!(card.card_rights(), (false, false));

    say(&card, SELECT_PIV);
    say(&card, common::VERIFY_123456);
    say(&card, SELECT_ACA);
    assert_eq!(say(&card, "00200000"), "63C6");
    assert!(!card.verified());
}

#[test]
fn each_door_loses_its_own_login_to_a_wrong_pin() {
    let card = with_aes_key();
    say(&card, SELECT_ACA);
    say(&card, "0020000008313233343536FFFF");
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, "0020008008393939393939FFFF"), "63C5");
    assert_eq!(card.card_rights(), (true, false), "the applet's login is another one");
    say(&card, SELECT_ACA);
    assert_eq!(say(&card, "0020000008393939393939FFFF"), "63C4", "and the counter is the same");
    assert_eq!(card.card_rights(), (false, false));
}

#[test]
fn order_of_refusals_in_the_applet() {
    let card = with_aes_key();
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 0082000208000000000000000 0
         < 6A86
         > 00820001080000000000000000
         < 6985
         > 002600000106
         < 6A86
         > 00260800060106080000A5
         < 6982
         > 00D80100040008 0000
         < 6982
         > 0020000006313233343536
         < 6700
         > 0024010008313233343536FFFF
         < 6700
         > 00200080083030303030303030
         < 6D00
         > 00200001083030303030303030
         < 6A86
         > 004E0000
         < 6D00",
    );
    challenge_of(&card, "00112233445566778899AABBCCDDEEFF");
    replay(
        &card,
        "> 0084000000
         < 00112233445566778899AABBCCDDEEFF9000
         > 00820001080000000000000000
         < 6700
         > 008200011069C4E0D86A7B0430D8CDB78070B4C55A
         < 6985
         > 00560100013100
         < 6A86",
    );
    challenge_of(&card, "00112233445566778899AABBCCDDEEFF");
    replay(
        &card,
        "> 0084000100
         < 00112233445566778899AABBCCDDEEFF9000
         > 008200011000000000000000000000000000000000
         < 6300",
    );
    challenge_of(&card, "00112233445566778899AABBCCDDEEFF");
    say(&card, "0084000100");
    say(&card, SELECT_ACA);
    assert_eq!(say(&card, "008200011069C4E0D86A7B0430D8CDB78070B4C55A"), "6985", "SELECT ends a challenge");
}

#[test]
fn pin_properties_can_be_set() {
    let card = SimCard::new(Personality::c2300());
    say(&card, SELECT_ACA);
    say(&card, "0020000008313233343536FFFF");
    for (properties, answer) in [
        ("01060800 00A5", "9000"),
        ("01050800 00", "6A80"),
        ("01030800 00A5", "6A80"),
        ("01080600 00A5", "6A80"),
        ("01040900 00A5", "6A80"),
        ("02040800 00A5", "6A80"),
    ] {
        let len = bytes(properties).len();
        assert_eq!(say(&card, &format!("00260800{len:02X}{properties}")), answer, "{properties}");
    }
    assert_eq!(say(&card, "00560200013100"), "310506080000A59000");
    assert_eq!(say(&card, "0024010010313233343536FFFF31323334FFFFFFFF"), "6A80", "four are too few now");
    assert_eq!(say(&card, "0026080006010408000000"), "9000");
    assert_eq!(say(&card, "0024010010313233343536FFFF61623334FFFFFFFF"), "9000", "and letters will do");
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, "002400801061623334FFFFFFFF6162FFFFFFFFFFFF"), "6A80", "here too");
    assert_eq!(say(&card, "002400801061623334FFFFFFFF616263646566FFFF"), "9000");
}

#[test]
fn the_administration_key_is_replaced_and_removed() {
    let card = with_aes_key();
    say(&card, SELECT_ACA);
    say(&card, "0020000008313233343536FFFF");
    let triple_des = format!("00D801001D00031918{}00", "01".repeat(24));
    for (apdu, answer, challenge) in [
        (triple_des.as_str(), "9000", 20),
        ("00D80100150008111000", "6A80", 20),
        ("00D801001500081110000102030405060708090A0B0C0D0E0F01", "6A80", 20),
        (PUT_AES, "9000", 36),
        ("00D8010004000300 00", "9000", 20),
        ("00D8020004000300 00", "6A86", 20),
    ] {
        let status = say(&card, apdu);
        assert!(status == answer || status == "6700" && answer == "6A80", "{apdu}: {status}");
        assert_eq!(say(&card, "0084000100").len(), challenge, "{apdu}");
    }
    assert_eq!(card.administration_key(), None);
}

#[test]
fn the_form_decides_on_the_kind_of_the_first_key() {
    for (personality, form, bytes) in [
        (Personality::key_v3(), Form::Standard, 8),
        (Personality::key_v3(), Form::Fips, 16),
        (Personality::c2300(), Form::Standard, 16),
        (Personality::c2300(), Form::Fips, 16),
        (Personality::c2300(), Form::Iclass, 8),
        (Personality::c2300_key(), Form::Standard, 16),
    ] {
        let card = SimCard::new(Personality { form, ..personality });
        say(&card, SELECT_ACA);
        assert_eq!(say(&card, "0084000100").len(), 2 * bytes + 4, "{form:?}");
        say(&card, "0020000008313233343536FFFF");
        let triple_des = say(&card, &format!("00D801001D00031918{}00", "01".repeat(24)));
        assert_eq!(triple_des, if form == Form::Fips { "6A80" } else { "9000" });
    }
}

#[test]
fn a_managed_token_says_6982_after_a_right_pin() {
    let card = SimCard::new(Personality { managed: true, ..Personality::key_v3() });
    replay(
        &card,
        "> 00A4040007A000000079100000
         < 6F138407A0000000791000A50801061004000001029000
         > 0020000008313233343536FFFF
         < 9000
         > 00380000
         < 6982
         > 00260800060106080000A5
         < 6982
         > 00D80100040003 0000
         < 6982
         > 00A404000BA00000030800001000010000
         < 61114F0600001000010079074F05A0000003089000
         > 0020008008313233343536FFFF
         < 9000
         > 0047009A05AC0380011100
         < 6982
         > 00DB3FFF075C035FC1055300
         < 6982
         > 80D8119A03000000
         < 6982
         > 0024008010313233343536FFFF363534333231FFFF
         < 9000",
    );
}

/// What stands in the command reference is not marked; what does not is.
#[test]
fn choices_of_ours_are_marked_in_the_log() {
    let marked = |card: &SimCard, apdu: &str| {
        say(card, apdu);
        card.log().last().unwrap().ends_with("[SIM]")
    };
    let new = with_aes_key();
    let old = SimCard::new(Personality::c2300());
    for (apdu, on_new, on_old) in [
        (SELECT_ACA, true, false),
        ("00560200013100", true, false),
        ("00200000", true, true),
        ("0020000008313233343536FFFF", true, false),
        ("002C020008323436383130FFFF", true, true),
        ("0084000100", false, false),
        ("00D80100040003 0000", true, false),
        ("0084000100", true, true),
        ("00380000", false, false),
    ] {
        assert_eq!((marked(&new, apdu), marked(&old, apdu)), (on_new, on_old), "{apdu}");
    }
}
