//! Cards and readers that come and go.

mod common;

use std::{sync::Arc, time::Duration};

use common::{Bench, READER, plain};
use crescendo_pkcs11::{Error, Function, rv};
use cryptoki_sys::*;
use sim::{Faults, Personality, Replacement, SimCard, What};

fn code<T>(function: Function, result: Result<T, Error>) -> CK_RV {
    result.map_or_else(|error| rv(function, &error), |_| CKR_OK)
}

#[test]
fn a_pulled_card_ends_its_sessions() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.provider.sign_init(session, Some(&plain(CKM_RSA_PKCS)), key).unwrap();
    bench.card.pull();
    let mut out = common::Buffer::of(256);
    let signed = bench.provider.sign(session, &crescendo_pkcs11::Input::borrowed(b"text"), &mut out);
    assert_eq!(code(Function::Sign, signed), CKR_DEVICE_REMOVED);
    assert_eq!(
        code(Function::GetSessionInfo, bench.provider.session_info(session)),
        CKR_SESSION_HANDLE_INVALID
    );
    assert_eq!(code(Function::GetTokenInfo, bench.provider.token_info(0)), CKR_TOKEN_NOT_PRESENT);
    assert_eq!(
        code(Function::OpenSession, bench.provider.open_session(0, CKF_SERIAL_SESSION)),
        CKR_TOKEN_NOT_PRESENT
    );
    assert_eq!((bench.provider.slot_list(true).len(), bench.provider.slot_list(false).len()), (0, 2));
    bench.card.insert();
    assert_eq!(bench.provider.slot_list(true), [0]);
    let again = bench.open();
    assert_ne!(again, session);
    assert_eq!(bench.provider.session_info(again).unwrap().state, CKS_RW_PUBLIC_SESSION);
}

#[test]
fn a_card_pulled_and_put_back_between_calls_is_a_new_one() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.card.pull();
    bench.card.insert();
    assert_eq!(bench.provider.slot_info(0).unwrap().flags & CKF_TOKEN_PRESENT, CKF_TOKEN_PRESENT);
    assert_eq!(code(Function::Logout, bench.provider.logout(session)), CKR_SESSION_HANDLE_INVALID);
}

#[test]
fn a_card_pulled_under_an_apdu() {
    for at in 1..4 {
        let bench = Bench::new(Personality::piv());
        let session = bench.login();
        let key = bench.object(session, CKO_PRIVATE_KEY, 1);
        bench.card.set_faults(Faults::at(at, What::Pull));
        let signed = bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), key, b"text");
        assert_eq!(code(Function::Sign, signed), CKR_DEVICE_REMOVED);
        assert_eq!(
            code(Function::GetSessionInfo, bench.provider.session_info(session)),
            CKR_SESSION_HANDLE_INVALID
        );
    }
}

#[test]
fn searches_look_at_the_readers_four_times_a_second() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.find(session, &[]);
    bench.card.pull();
    assert_eq!(bench.find(session, &[]).len(), 23, "the last look is from just now");
    bench.clock.pass(Duration::from_millis(250));
    let found = bench.provider.find_objects_init(session, &[].into_iter().collect());
    assert_eq!(code(Function::FindObjectsInit, found), CKR_DEVICE_REMOVED);
}

#[test]
fn slots_keep_their_ids() {
    let bench = Bench::new(Personality::piv());
    bench.readers.plug("Another");
    assert_eq!(bench.provider.slot_list(false), [0, 1, 2]);
    bench.readers.unplug(READER);
    assert_eq!(bench.provider.slot_list(false), [1, 2]);
    assert_eq!(bench.provider.slot_info(0).unwrap().flags & CKF_TOKEN_PRESENT, 0);
    bench.readers.put(READER, &SimCard::new(Personality::piv()));
    assert_eq!(bench.provider.slot_list(true), [0]);
    assert!(matches!(bench.provider.slot_info(3), Err(Error::SlotInvalid)));
}

#[test]
fn the_spare_slot_takes_the_next_reader() {
    let bench = Bench::new(Personality::piv());
    let listed_once = bench.provider.slot_list(false);
    assert_eq!(listed_once, [0, 1]);
    let description = |slot| bench.provider.slot_info(slot).unwrap().slotDescription;
    assert!(description(1).starts_with(b"Crescendo: next reader  "));
    assert_eq!(code(Function::GetTokenInfo, bench.provider.token_info(1)), CKR_TOKEN_NOT_PRESENT);
    let opened = bench.provider.open_session(1, CKF_SERIAL_SESSION);
    assert_eq!(code(Function::OpenSession, opened), CKR_TOKEN_NOT_PRESENT);
    bench.readers.plug("Another");
    bench.readers.put("Another", &SimCard::new(Personality::key_v3()));
    assert_eq!(bench.provider.wait_for_slot_event(false).ok(), Some(1));
    assert!(description(1).starts_with(b"Another  "));
    let session = bench.provider.open_session(1, CKF_SERIAL_SESSION).unwrap();
    assert_eq!(bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())]).len(), 4);
    assert_eq!(
        (bench.provider.slot_list(false), bench.provider.slot_list(true)),
        (vec![0, 1, 2], vec![0, 1])
    );
}

#[test]
fn a_program_that_starts_before_any_reader() {
    let bench = Bench::new(Personality::piv());
    bench.readers.unplug(READER);
    assert_eq!((bench.provider.slot_list(false), bench.provider.slot_list(true)), (vec![0], vec![]));
    bench.readers.stop();
    assert_eq!(bench.provider.slot_list(false), [0]);
    bench.readers.start();
    bench.readers.put(READER, &bench.card);
    bench.login();
    assert_eq!(bench.provider.slot_list(false), [0, 1]);
}

#[test]
fn the_service_may_stop_and_start() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.readers.stop();
    let signed = bench.sign(session, &plain(CKM_RSA_PKCS), key, b"text");
    assert_eq!(code(Function::Sign, signed), CKR_DEVICE_ERROR);
    assert_eq!(bench.provider.slot_list(true), []);
    assert_eq!(bench.provider.slot_list(false), [0, 1]);
    assert_eq!(code(Function::GetTokenInfo, bench.provider.token_info(0)), CKR_DEVICE_ERROR);
    bench.readers.start();
    assert_eq!(bench.provider.slot_list(true), [0]);
    bench.login();
    assert_eq!(
        code(Function::GetSessionInfo, bench.provider.session_info(session)),
        CKR_SESSION_HANDLE_INVALID
    );
}

#[test]
fn events_are_told_once() {
    let bench = Bench::new(Personality::piv());
    let event = || bench.provider.wait_for_slot_event(false).ok();
    assert_eq!(event(), None, "what was there at first is no event");
    bench.card.pull();
    assert_eq!((event(), event()), (Some(0), None));
    bench.readers.plug("Another");
    bench.card.insert();
    assert_eq!((event(), event(), event()), (Some(0), Some(1), None));
}

#[test]
fn waiting_ends_with_an_event_or_with_the_library() {
    let bench = Bench::new(Personality::piv());
    assert_eq!(bench.provider.slot_list(true), [0]);
    let wait = || {
        let provider = Arc::clone(&bench.provider);
        std::thread::spawn(move || provider.wait_for_slot_event(true))
    };
    let waiting = wait();
    std::thread::sleep(Duration::from_millis(20));
    bench.card.pull();
    assert_eq!(waiting.join().unwrap().unwrap(), 0);
    let waiting = wait();
    bench.provider.finalize();
    assert!(matches!(waiting.join().unwrap(), Err(Error::NotInitialized)));
}

#[test]
fn finalize_logs_out() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    bench.provider.finalize();
    assert!(!bench.card.verified());
    assert!(matches!(bench.provider.session_info(session), Err(Error::SessionInvalid)));
}

#[test]
fn handles_live_as_long_as_what_they_stand_for() {
    let bench = Bench::new(Personality { retired: 2, ..Personality::piv() });
    let session = bench.login();
    let before = bench.find(session, &[]);
    bench.card.replace(0x9A, Replacement::NewKey).unwrap();
    bench.clock.pass(Duration::from_secs(61));
    let after = bench.find(session, &[]);
    let kept: Vec<_> = before.iter().filter(|handle| after.contains(handle)).collect();
    let gone: Vec<_> = before.iter().filter(|handle| !after.contains(handle)).collect();
    assert_eq!((kept.len(), gone.len(), after.len()), (before.len() - 4, 4, before.len()));
    assert!(matches!(bench.provider.object(session, *gone[0]), Err(Error::ObjectInvalid)));
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.sign(session, &plain(CKM_RSA_PKCS), key, b"text").unwrap();
}

#[test]
fn a_key_that_changed_behind_our_back_signs_nothing() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.card.replace(0x9A, Replacement::SameSerial).unwrap();
    let signed = bench.sign(session, &plain(CKM_RSA_PKCS), key, b"text");
    assert_eq!(code(Function::Sign, signed), CKR_DEVICE_ERROR);
    assert!(matches!(bench.provider.object(session, key), Err(Error::ObjectInvalid)));
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    bench.sign(session, &plain(CKM_RSA_PKCS), key, b"text").unwrap();
}

#[test]
fn another_program_in_between_is_not_noticed() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    for disturb in [(|card: &SimCard| card.reset()) as fn(&SimCard), |card| {
        drop(card.foreign_select(&[0xA0, 0, 0, 1, 0x51, 0, 0]))
    }] {
        bench.sign(session, &plain(CKM_RSA_PKCS), key, b"text").unwrap();
        disturb(&bench.card);
        bench.sign(session, &plain(CKM_RSA_PKCS), key, b"text").unwrap();
    }
}
