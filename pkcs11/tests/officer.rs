//! The security officer: a login with the PUK, which the card sees only when it is used.

mod common;

use common::{Bench, PIN};
use crescendo_pkcs11::{Error, Function, Input, rv};
use cryptoki_sys::*;
use sim::Personality;

const PUK: &[u8] = b"12345678";

fn code(function: Function, result: Result<(), Error>) -> CK_RV {
    result.map_or_else(|error| rv(function, &error), |()| CKR_OK)
}

fn login(bench: &Bench, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &[u8]) -> CK_RV {
    code(Function::Login, bench.provider.login(session, user, &Input::borrowed(pin)))
}

fn init_pin(bench: &Bench, session: CK_SESSION_HANDLE, new: &[u8]) -> CK_RV {
    code(Function::InitPIN, bench.provider.init_pin(session, &Input::borrowed(new)))
}

fn set_pin(bench: &Bench, session: CK_SESSION_HANDLE, old: &[u8], new: &[u8]) -> CK_RV {
    code(Function::SetPIN, bench.provider.set_pin(session, &Input::borrowed(old), &Input::borrowed(new)))
}

fn so_flags(bench: &Bench) -> CK_FLAGS {
    let all = CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED;
    bench.provider.token_info(0).unwrap().flags & all
}

#[test]
fn a_blocked_pin_is_set_anew() {
    let bench = Bench::new(Personality::piv());
    bench.card.block_pin();
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_USER, PIN), CKR_PIN_LOCKED);
    bench.apdus();
    assert_eq!(init_pin(&bench, session, b"654321"), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_OK);
    assert_eq!(bench.apdus(), 0, "asking would cost a try");
    assert_eq!(bench.provider.session_info(session).unwrap().state, CKS_RW_SO_FUNCTIONS);
    assert_eq!(init_pin(&bench, session, b"12345"), CKR_PIN_LEN_RANGE);
    assert_eq!(init_pin(&bench, session, b"12345a"), CKR_PIN_INVALID);
    assert_eq!(bench.apdus(), 0);
    assert_eq!(init_pin(&bench, session, b"654321"), CKR_OK);
    assert_eq!(bench.apdus(), 3, "SELECT, RESET RETRY COUNTER, VERIFY without a PIN for the flags");
    assert_eq!(bench.provider.token_info(0).unwrap().flags & CKF_USER_PIN_LOCKED, 0);
    bench.provider.logout(session).unwrap();
    assert_eq!(bench.provider.session_info(session).unwrap().state, CKS_RW_PUBLIC_SESSION);
    assert_eq!(login(&bench, session, CKU_USER, b"654321"), CKR_OK);
}

#[test]
fn a_wrong_puk_costs_one_try_and_is_forgotten() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    // One and the same is not sent twice within half a minute.
    for (wrong, left, flags) in [
        (b"99999999", 2, CKF_SO_PIN_COUNT_LOW),
        (b"88888888", 1, CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY),
        (b"77777777", 0, CKF_SO_PIN_LOCKED),
    ] {
        assert_eq!(login(&bench, session, CKU_SO, wrong), CKR_OK);
        let expected = if left == 0 { CKR_PIN_LOCKED } else { CKR_PIN_INCORRECT };
        assert_eq!(init_pin(&bench, session, b"654321"), expected);
        assert_eq!(init_pin(&bench, session, b"654321"), CKR_USER_NOT_LOGGED_IN);
        assert_eq!((bench.card.tries().puk, so_flags(&bench)), (Some(left), flags));
        if left > 0 {
            assert_eq!(login(&bench, session, CKU_SO, wrong), CKR_OK);
            bench.apdus();
            assert_eq!(init_pin(&bench, session, b"654321"), CKR_PIN_INCORRECT);
            assert_eq!((bench.apdus(), bench.card.tries().puk), (0, Some(left)));
        }
    }
    assert_eq!(bench.card.tries().pin, 3);
}

#[test]
fn the_puk_can_be_changed() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_OK);
    assert_eq!(set_pin(&bench, session, b"99999999", b"87654321"), CKR_PIN_INCORRECT);
    assert_eq!(so_flags(&bench), CKF_SO_PIN_COUNT_LOW);
    assert_eq!(set_pin(&bench, session, PUK, b"8765"), CKR_PIN_LEN_RANGE);
    assert_eq!(set_pin(&bench, session, PUK, b"87654321"), CKR_OK);
    assert_eq!(so_flags(&bench), 0);
    assert_eq!(init_pin(&bench, session, b"654321"), CKR_OK, "the new PUK is kept");
}

#[test]
fn user_and_officer_exclude_each_other() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let reading = bench.provider.open_session(0, CKF_SERIAL_SESSION).unwrap();
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_SESSION_READ_ONLY_EXISTS);
    bench.provider.close_session(reading).unwrap();
    assert_eq!(login(&bench, session, CKU_SO, b"1"), CKR_PIN_INCORRECT);
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_OK);
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_USER_ALREADY_LOGGED_IN);
    assert_eq!(login(&bench, session, CKU_USER, PIN), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    let reading = bench.provider.open_session(0, CKF_SERIAL_SESSION).map(drop);
    assert_eq!(code(Function::OpenSession, reading), CKR_SESSION_READ_WRITE_SO_EXISTS);
    let other = bench.open();
    assert_eq!(bench.provider.session_info(other).unwrap().state, CKS_RW_SO_FUNCTIONS);
    assert_eq!(bench.find(session, &[(CKA_CLASS, &CKO_PRIVATE_KEY.to_ne_bytes())]).len(), 1);
    bench.provider.logout(other).unwrap();
    assert_eq!(login(&bench, session, CKU_USER, PIN), CKR_OK);
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
}

#[test]
fn the_puk_goes_with_the_last_session_and_with_the_card() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_OK);
    bench.provider.close_session(session).unwrap();
    let session = bench.open();
    assert_eq!(init_pin(&bench, session, b"654321"), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_OK);
    bench.card.pull();
    bench.card.insert();
    assert_eq!(bench.provider.slot_list(true), [0]);
    let session = bench.open();
    assert_eq!(init_pin(&bench, session, b"654321"), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(bench.provider.session_info(session).unwrap().state, CKS_RW_PUBLIC_SESSION);
}

#[test]
fn a_card_without_a_puk_says_so() {
    let bench = Bench::new(Personality::key_v3());
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_SO, PUK), CKR_OK);
    assert_eq!(init_pin(&bench, session, b"654321"), CKR_FUNCTION_NOT_SUPPORTED);
}
