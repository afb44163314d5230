//! Writing, by whose right, and in which order of errors.

mod common;

use common::{Bench, PIN, plain, writing::*};
use crescendo_pkcs11::{Function, Input, Settings};
use cryptoki_sys::*;
use sim::{Personality, SimCard, fixture};

#[test]
fn errors_come_in_order_and_nothing_is_sent_for_them() {
    let bench = Bench::new(Personality::piv());
    let reading = bench.provider.open_session(0, CKF_SERIAL_SESSION).unwrap();
    let session = bench.open();
    bench.provider.token_info(0).unwrap();
    bench.apdus();
    let made = |session, id| code(Function::GenerateKeyPair, make(&bench, session, id));
    assert_eq!(made(77, 1), CKR_SESSION_HANDLE_INVALID);
    assert_eq!(made(reading, 0x3A), CKR_ATTRIBUTE_VALUE_INVALID, "no key has that number");
    assert_eq!(made(reading, 1), CKR_SESSION_READ_ONLY);
    assert_eq!(made(session, 1), CKR_USER_NOT_LOGGED_IN);
    let given = plain(CKM_RSA_PKCS);
    let wrong = bench.provider.generate_key_pair(session, Some(&given), &template(&[]), &template(&[]));
    assert_eq!(code(Function::GenerateKeyPair, wrong), CKR_MECHANISM_INVALID);

    let der = fixture::named("9a").unwrap().certificate;
    let put = |session, id: &[u8], der: &[u8]| code(Function::CreateObject, store(&bench, session, id, der));
    assert_eq!(put(reading, &[1], &der[1..]), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(put(reading, &[1], der), CKR_SESSION_READ_ONLY);
    assert_eq!(put(session, &[1], der), CKR_USER_NOT_LOGGED_IN);
    let create = |attributes: Attributes<'_>| {
        code(Function::CreateObject, bench.provider.create_object(session, &template(attributes)))
    };
    assert_eq!(create(&[]), CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(create(&[(CKA_CLASS, &CKO_DATA.to_ne_bytes())]), CKR_ATTRIBUTE_VALUE_INVALID);
    let class = CKO_CERTIFICATE.to_ne_bytes();
    assert_eq!(create(&[(CKA_CLASS, &class), (CKA_TOKEN, &[CK_TRUE])]), CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(create(&[(CKA_CLASS, &class), (CKA_VALUE, der)]), CKR_TEMPLATE_INCONSISTENT);
    let class = CKO_PRIVATE_KEY.to_ne_bytes();
    assert_eq!(create(&[(CKA_CLASS, &class), (CKA_TOKEN, &[CK_TRUE])]), CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(bench.apdus(), 0);

    let certificate = bench.object(session, CKO_CERTIFICATE, 1);
    assert_eq!(destroy(&bench, reading, certificate), CKR_SESSION_READ_ONLY);
    assert_eq!(destroy(&bench, session, certificate), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(destroy(&bench, session, bench.object(session, CKO_PUBLIC_KEY, 1)), CKR_ACTION_PROHIBITED);
    assert_eq!(destroy(&bench, session, 4711), CKR_OBJECT_HANDLE_INVALID);
    let changed = bench.provider.set_attribute_value(session, certificate, &template(&[(CKA_ID, &[9])]));
    assert_eq!(code(Function::SetAttributeValue, changed), CKR_ACTION_PROHIBITED);
    assert!(stored(&bench.card).is_some());
}

/// The user of a card by the standard may use its keys, and that is all: the appropriate user is another one.
#[test]
fn a_user_alone_writes_on_a_crescendo_and_nowhere_else() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.apdus();
    assert_eq!(code(Function::GenerateKeyPair, make(&bench, session, 1)), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(bench.apdus(), 0);
    for personality in [Personality::key_v3(), Personality::c2300()] {
        let bench = Bench::new(personality);
        let session = bench.login();
        make(&bench, session, 1).unwrap();
        assert!(bench.card.verified(), "the login is as it was");
    }
}

#[test]
fn a_managed_token_is_write_protected() {
    let bench = Bench::new(Personality::key_v3());
    bench.card.set_managed(true);
    let session = bench.login();
    assert_eq!(code(Function::GenerateKeyPair, make(&bench, session, 1)), CKR_TOKEN_WRITE_PROTECTED);
    assert_eq!(count(&bench, session, CKO_CERTIFICATE, 1), 1, "and nothing has changed");
    assert!(stored(&bench.card).is_some());
}

#[test]
fn the_officer_brings_an_administration_key() {
    let mut key_v3 = Personality::key_v3();
    key_v3.xauth = sim::AdministrationKey::Factory;
    for (personality, key, wrong) in [
        (Personality::piv(), KEY, OTHER_KEY),
        (Personality::piv_extended(), KEY, OTHER_KEY),
        (key_v3, FACTORY, KEY),
    ] {
        let bench = Bench::new(personality);
        let session = bench.open();
        assert_eq!(login(&bench, session, CKU_SO, wrong), CKR_PIN_INCORRECT);
        bench.apdus();
        assert_eq!(login(&bench, session, CKU_SO, wrong), CKR_PIN_INCORRECT);
        assert_eq!(bench.apdus(), 0, "what the card has just refused is not sent again");
        for nonsense in [&key[1..], &key[..16], b"g2345678901234567890123456789012"] {
            assert_eq!(login(&bench, session, CKU_SO, nonsense), CKR_PIN_INCORRECT);
        }
        assert_eq!(bench.apdus(), 0);
        assert_eq!(login(&bench, session, CKU_SO, key), CKR_OK);
        assert_eq!(bench.provider.session_info(session).unwrap().state, CKS_RW_SO_FUNCTIONS);
        let [_, private] = make(&bench, session, 1).unwrap();
        assert_eq!(bench.object(session, CKO_PRIVATE_KEY, 1), private, "the officer sees what there is");
        let used = bench.provider.sign_init(session, Some(&plain(CKM_ECDSA)), private);
        assert_eq!(code(Function::SignInit, used), CKR_USER_NOT_LOGGED_IN, "and uses nothing");
        bench.provider.logout(session).unwrap();
        assert_eq!(code(Function::GenerateKeyPair, make(&bench, session, 1)), CKR_USER_NOT_LOGGED_IN);
        assert_eq!(count(&bench, session, CKO_PRIVATE_KEY, 1), 0);
        assert_eq!(login(&bench, session, CKU_USER, PIN), CKR_OK);
        let signature = bench.sign(session, &plain(CKM_ECDSA), private, &[7; 32]).unwrap();
        assert!(bench.verify_p256(session, 1, &[7; 32], &signature));
        assert!(bench.card.tries().puk.is_none_or(|tries| tries == 3));
    }
}

/// The key opens everything, for as long as one command takes: the card is reset after it, and the login is made again.
#[test]
fn the_administration_key_of_a_crescendo_goes_behind_the_pin_too() {
    let mut personality = Personality::key_v3();
    personality.xauth = sim::AdministrationKey::Key(vec![7; 16]);
    let bench = Bench::new(personality);
    let session = bench.open();
    let entered = [PIN, b":", b"07".repeat(16).as_slice()].concat();
    assert_eq!(login(&bench, session, CKU_USER, &entered), CKR_OK);
    let [_, private] = make(&bench, session, 1).unwrap();
    let signature = bench.sign(session, &plain(CKM_ECDSA), private, &[7; 32]).unwrap();
    assert!(bench.verify_p256(session, 1, &[7; 32], &signature));
    assert!(!bench.card.card_rights().1, "the right of the key is over");
}

#[test]
fn the_administration_key_of_a_crescendo_lifts_a_blocked_pin() {
    let mut personality = Personality::c2300();
    personality.xauth = sim::AdministrationKey::Key(vec![7; 16]);
    let bench = Bench::new(personality);
    bench.card.block_pin();
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_USER, PIN), CKR_PIN_LOCKED);
    assert_eq!(login(&bench, session, CKU_SO, &b"07".repeat(16)), CKR_OK);
    let set = |bench: &Bench, session| {
        let pin = Input::borrowed(b"654321");
        code(Function::InitPIN, bench.provider.init_pin(session, &pin))
    };
    assert_eq!(set(&bench, session), CKR_OK);
    bench.provider.logout(session).unwrap();
    assert_eq!(login(&bench, session, CKU_USER, b"654321"), CKR_OK);
    // Of the newer family nobody has published it, and the management key of other cards sets no PIN.
    for (personality, key) in [(Personality::key_v3(), FACTORY), (Personality::piv(), KEY)] {
        let mut personality = personality;
        personality.xauth = sim::AdministrationKey::Factory;
        let bench = Bench::new(personality);
        let session = bench.open();
        assert_eq!(login(&bench, session, CKU_SO, key), CKR_OK);
        assert_eq!(set(&bench, session), CKR_FUNCTION_NOT_SUPPORTED);
    }
}

#[test]
fn without_a_kept_pin_a_user_writes_nothing() {
    let settings = Settings { remember_pin: false, ..Settings::default() };
    let bench = Bench::with_settings(SimCard::new(Personality::key_v3()), settings);
    let session = bench.login();
    assert_eq!(code(Function::GenerateKeyPair, make(&bench, session, 1)), CKR_USER_NOT_LOGGED_IN);
    assert!(stored(&bench.card).is_some());
}

/// Somebody guesses in between: the PIN of the login is not sent into a counter that has moved.
#[test]
fn a_kept_pin_is_not_sent_where_someone_guesses() {
    let bench = Bench::new(Personality::key_v3());
    let session = bench.login();
    let full = bench.card.tries().pin;
    bench.card.reset();
    let other = bench.another();
    assert_eq!(login(&other, other.open(), CKU_USER, b"999999"), CKR_PIN_INCORRECT);
    assert_eq!(code(Function::GenerateKeyPair, make(&bench, session, 1)), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(bench.card.tries().pin, full - 1);
}

/// A PUK sets PINs, and nothing else.
#[test]
fn an_officer_with_a_puk_writes_nothing() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_OK);
    assert_eq!(code(Function::GenerateKeyPair, make(&bench, session, 1)), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(destroy(&bench, session, bench.object(session, CKO_CERTIFICATE, 1)), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn a_wrong_key_behind_the_pin_costs_no_try() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let entered = |pin: &[u8], key: &[u8]| login(&bench, session, CKU_USER, &[pin, b":", key].concat());
    assert_eq!(entered(PIN, OTHER_KEY), CKR_PIN_INCORRECT);
    assert_eq!(entered(b"654321", OTHER_KEY), CKR_PIN_INCORRECT);
    assert_eq!(bench.card.tries().pin, 3);
    assert_eq!(bench.provider.session_info(session).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(entered(b"654321", KEY), CKR_PIN_INCORRECT);
    assert_eq!(bench.card.tries().pin, 2, "the PIN was wrong here");
    assert_eq!(code(Function::GenerateKeyPair, make(&bench, session, 1)), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(entered(PIN, KEY), CKR_OK);
    make(&bench, session, 1).unwrap();
    bench.provider.logout(session).unwrap();
    assert_eq!(login(&bench, session, CKU_USER, PIN), CKR_OK);
    assert_eq!(code(Function::GenerateKeyPair, make(&bench, session, 1)), CKR_USER_NOT_LOGGED_IN);
}
