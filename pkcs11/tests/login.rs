//! Logins, PINs, and what hides behind them.

mod common;

use common::{Bench, PIN, plain};
use crescendo_pkcs11::{Error, Function, Input, rv};
use cryptoki_sys::*;
use sim::Personality;

fn login(bench: &Bench, session: CK_SESSION_HANDLE, pin: &[u8]) -> CK_RV {
    match bench.provider.login(session, CKU_USER, &Input::borrowed(pin)) {
        Ok(()) => CKR_OK,
        Err(error) => rv(Function::Login, &error),
    }
}

#[test]
fn a_wrong_pin_costs_one_try_however_often_it_is_sent() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    for _ in 0..5 {
        assert_eq!(login(&bench, session, b"999999"), CKR_PIN_INCORRECT);
    }
    assert_eq!(bench.card.tries().pin, 2);
    assert_eq!(bench.provider.token_info(0).unwrap().flags & CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_COUNT_LOW);
    assert_eq!(login(&bench, session, b"888888"), CKR_PIN_INCORRECT);
    assert_eq!(bench.provider.token_info(0).unwrap().flags & CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_FINAL_TRY);
    assert_eq!(login(&bench, session, b"777777"), CKR_PIN_LOCKED);
    assert_eq!(login(&bench, session, PIN), CKR_PIN_LOCKED);
    assert_eq!(bench.provider.token_info(0).unwrap().flags & CKF_USER_PIN_LOCKED, CKF_USER_PIN_LOCKED);
}

#[test]
fn what_is_no_pin_is_not_sent() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    for pin in [&b""[..], b"12345", b"123456789", b"12345a"] {
        assert_eq!(login(&bench, session, pin), CKR_PIN_INCORRECT);
    }
    let none = bench.provider.login(session, CKU_USER, &Input::missing());
    assert!(matches!(none, Err(Error::ArgumentsBad)));
    assert_eq!((bench.card.tries().pin, bench.apdus()), (3, 0));
}

#[test]
fn one_login_is_every_session_s() {
    let bench = Bench::new(Personality::piv());
    let (one, two) = (bench.open(), bench.open());
    assert_eq!(bench.provider.session_info(one).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(login(&bench, one, PIN), CKR_OK);
    assert_eq!(bench.provider.session_info(two).unwrap().state, CKS_RW_USER_FUNCTIONS);
    assert_eq!(login(&bench, two, PIN), CKR_USER_ALREADY_LOGGED_IN);
    bench.provider.logout(two).unwrap();
    assert!(!bench.card.verified());
    assert!(matches!(bench.provider.logout(one), Err(Error::NotLoggedIn)));
    assert_eq!(bench.provider.session_info(one).unwrap().state, CKS_RW_PUBLIC_SESSION);
}

#[test]
fn the_last_session_takes_the_login_with_it() {
    let bench = Bench::new(Personality::piv());
    let (one, two) = (bench.login(), bench.open());
    bench.provider.close_session(one).unwrap();
    assert!(bench.card.verified());
    bench.provider.close_session(two).unwrap();
    assert!(!bench.card.verified());
    assert!(matches!(bench.provider.session_info(two), Err(Error::SessionInvalid)));
    let again = bench.open();
    assert_eq!(bench.provider.session_info(again).unwrap().state, CKS_RW_PUBLIC_SESSION);
}

#[test]
fn another_program_keeps_its_login() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.card.set_others(true);
    bench.provider.close_session(session).unwrap();
    assert!(bench.card.verified());
}

#[test]
fn private_keys_are_hidden_before_login_but_for_9e() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let private = CKO_PRIVATE_KEY.to_ne_bytes();
    assert_eq!(bench.find(session, &[(CKA_CLASS, &private)]).len(), 1);
    let card = bench.object(session, CKO_PRIVATE_KEY, 4);
    assert_eq!(bench.attribute(session, card, CKA_PRIVATE), [CK_FALSE]);
    bench.sign(session, &plain(CKM_ECDSA), card, &[7; 32]).unwrap();
    assert_eq!(login(&bench, session, PIN), CKR_OK);
    assert_eq!(bench.find(session, &[(CKA_CLASS, &private)]).len(), 4);
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.provider.logout(session).unwrap();
    assert!(matches!(bench.provider.object(session, key), Err(Error::ObjectInvalid)));
    let signed = bench.sign(session, &plain(CKM_RSA_PKCS), key, b"text");
    assert!(matches!(signed, Err(Error::NotLoggedIn)));
}

#[test]
fn a_context_login_needs_an_operation_that_asks_for_it() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let context = |pin| bench.provider.login(session, CKU_CONTEXT_SPECIFIC, &Input::borrowed(pin));
    assert!(matches!(context(PIN), Err(Error::OperationMissing)));
    let auth = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.provider.sign_init(session, Some(&plain(CKM_RSA_PKCS)), auth).unwrap();
    assert!(matches!(context(PIN), Err(Error::OperationMissing)));
    bench.provider.sign_init(session, None, 0).unwrap();
    let key = bench.object(session, CKO_PRIVATE_KEY, 2);
    assert_eq!(bench.attribute(session, key, CKA_ALWAYS_AUTHENTICATE), [CK_TRUE]);
    bench.provider.sign_init(session, Some(&plain(CKM_ECDSA)), key).unwrap();
    let wrong = context(b"999999").unwrap_err();
    assert_eq!(rv(Function::Login, &wrong), CKR_PIN_INCORRECT);
    context(PIN).unwrap();
}

#[test]
fn without_a_context_login_the_signature_key_is_refused() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 2);
    bench.find(session, &[]);
    let signed = bench.sign(session, &plain(CKM_ECDSA), key, &[7; 32]);
    assert_eq!(rv(Function::Sign, &signed.unwrap_err()), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(bench.provider.session_info(session).unwrap().state, CKS_RW_USER_FUNCTIONS);
}

/// OpenSSH's agent begins with the signature key, cannot ask for its PIN, and never ends what it began.
#[test]
fn a_signature_that_waits_for_its_pin_does_not_stand_in_the_way_of_others() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let (asking, other) =
        (bench.object(session, CKO_PRIVATE_KEY, 2), bench.object(session, CKO_PRIVATE_KEY, 1));
    bench.provider.sign_init(session, Some(&plain(CKM_ECDSA)), asking).unwrap();
    bench.provider.sign_init(session, Some(&plain(CKM_RSA_PKCS)), other).unwrap();
    let again = bench.provider.sign_init(session, Some(&plain(CKM_RSA_PKCS)), other);
    assert!(matches!(again, Err(Error::OperationActive)), "one that waits for nothing stays");
}

#[test]
fn a_login_right_before_is_a_fresh_pin_for_the_signature_key() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    bench.find(session, &[]);
    bench.apdus();
    assert_eq!(login(&bench, session, PIN), CKR_OK);
    let key = bench.object(session, CKO_PRIVATE_KEY, 2);
    let signature = bench.sign(session, &plain(CKM_ECDSA), key, &[7; 32]).unwrap();
    assert!(bench.verify_p256(session, 2, &[7; 32], &signature));
    assert_eq!(bench.apdus(), 3);
}

#[test]
fn the_pin_can_be_changed() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let set = |session, old: &[u8], new: &[u8]| {
        let set = bench.provider.set_pin(session, &Input::borrowed(old), &Input::borrowed(new));
        set.map_or_else(|error| rv(Function::SetPIN, &error), |()| CKR_OK)
    };
    assert_eq!(set(session, PIN, b"12345"), CKR_PIN_LEN_RANGE);
    assert_eq!(set(session, PIN, b"12345a"), CKR_PIN_INVALID);
    assert_eq!(set(session, b"999999", b"654321"), CKR_PIN_INCORRECT);
    assert_eq!(set(session, PIN, b"654321"), CKR_OK);
    assert_eq!(login(&bench, session, b"654321"), CKR_OK);
    let read_only = bench.provider.open_session(0, CKF_SERIAL_SESSION).unwrap();
    assert_eq!(set(read_only, b"654321", PIN), CKR_SESSION_READ_ONLY);
}

#[test]
fn there_is_one_user_and_it_has_no_name() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let named =
        |user, name| bench.provider.login_named(session, user, &Input::borrowed(PIN), &Input::borrowed(name));
    assert!(matches!(named(CKU_USER, b"alice"), Err(Error::ArgumentsBad)));
    assert!(matches!(named(7, b""), Err(Error::UserType)));
    assert!(named(CKU_USER, b"").is_ok());
}
