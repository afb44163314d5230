//! Programs that know nothing of contactless: what they see of a dual-interface card on such a reader, before and after its
//! pairing code.

mod common;

use common::{Bench, PIN, plain};
use crescendo_pkcs11::{Error, Function, Input, rv};
use cryptoki_sys::*;
use sim::{SecureMessaging, Signer, Suite, Vci};

const CODE_AND_PIN: &[u8] = b"27182818:123456";

fn login(bench: &Bench, session: CK_SESSION_HANDLE, text: &[u8]) -> CK_RV {
    let result = bench.provider.login(session, CKU_USER, &Input::borrowed(text));
    result.map_or_else(|error| rv(Function::Login, &error), |()| CKR_OK)
}

fn flags(bench: &Bench) -> CK_FLAGS {
    bench.provider.token_info(0).unwrap().flags
}

fn count(bench: &Bench, session: CK_SESSION_HANDLE, class: CK_OBJECT_CLASS) -> usize {
    bench.find(session, &[(CKA_CLASS, &class.to_ne_bytes())]).len()
}

/// What every program does with a card, from the code on.
fn works(bench: &Bench, session: CK_SESSION_HANDLE) {
    assert_eq!(count(bench, session, CKO_CERTIFICATE), 4);
    assert_eq!(count(bench, session, CKO_PRIVATE_KEY), 4);
    let (rsa, card) = (bench.object(session, CKO_PRIVATE_KEY, 1), bench.object(session, CKO_PRIVATE_KEY, 4));
    bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), rsa, b"text").unwrap();
    let signature = bench.sign(session, &plain(CKM_ECDSA), card, &[7; 32]).unwrap();
    assert!(bench.verify_p256(session, 4, &[7; 32], &signature));
    bench.apdus();
    bench.sign(session, &plain(CKM_ECDSA), card, &[7; 32]).unwrap();
    assert_eq!(bench.apdus(), 1);
    let key = bench.object(session, CKO_PRIVATE_KEY, 2);
    bench.provider.sign_init(session, Some(&plain(CKM_ECDSA)), key).unwrap();
    bench.provider.login(session, CKU_CONTEXT_SPECIFIC, &Input::borrowed(PIN)).unwrap();
    let mut out = common::Buffer::of(64);
    bench.provider.sign(session, &Input::borrowed(&[7; 32]), &mut out).unwrap();
    assert!(bench.verify_p256(session, 2, &[7; 32], &out.taken));
}

#[test]
fn the_code_goes_before_the_pin_once_and_then_any_program_needs_the_pin_alone() {
    for suite in [Suite::Cs2, Suite::Cs7] {
        let bench = Bench::contactless(|settings| settings.suite = Some(suite));
        let before = bench.provider.token_info(0).unwrap();
        assert_eq!((before.ulMinPinLen, before.ulMaxPinLen), (6, 17));
        let session = bench.open();
        assert_eq!(count(&bench, session, CKO_CERTIFICATE), 1, "9E");
        assert_eq!(login(&bench, session, CODE_AND_PIN), CKR_OK);
        works(&bench, session);
        let after = bench.provider.token_info(0).unwrap();
        assert_eq!((after.ulMaxPinLen, after.label), (8, before.label), "the label does not change");

        let other = bench.another();
        let session = other.open();
        assert_eq!(count(&other, session, CKO_CERTIFICATE), 4);
        assert_eq!(login(&other, session, PIN), CKR_OK);
        works(&other, session);
        assert!(!bench.card.has_seen(PIN) && !bench.card.has_seen(b"27182818"));
    }
}

#[test]
fn a_card_that_wants_no_code_is_a_card_like_any_other() {
    let bench = Bench::contactless(|settings| settings.vci = Vci::Open);
    let session = bench.open();
    assert_eq!(bench.provider.token_info(0).unwrap().ulMaxPinLen, 8);
    assert_eq!(login(&bench, session, PIN), CKR_OK);
    works(&bench, session);
}

#[test]
fn each_mistake_has_its_answer_and_costs_what_it_must() {
    let bench = Bench::contactless(|_| ());
    let session = bench.open();
    assert_eq!(login(&bench, session, PIN), CKR_FUNCTION_FAILED, "a plain PIN, and no code is known");
    assert_eq!(login(&bench, session, b"00000000:123456"), CKR_PIN_INCORRECT, "a wrong code");
    for malformed in [&b"2718281:123456"[..], b"271828189:123456", b"2718281a:123456", b":123456"] {
        bench.apdus();
        assert_eq!(login(&bench, session, malformed), CKR_PIN_INCORRECT);
        assert_eq!(bench.apdus(), 0, "not sent");
    }
    assert_eq!(bench.card.tries().pin, 5, "none of that touches the PIN");
    assert_eq!(login(&bench, session, b"27182818:999999"), CKR_PIN_INCORRECT);
    assert_eq!(bench.card.tries().pin, 4);
    assert_eq!(login(&bench, session, PIN), CKR_OK, "the code was kept");
}

#[test]
fn over_contact_a_code_before_the_pin_does_no_harm() {
    let bench = Bench::new(sim::Personality::piv_dual());
    let session = bench.open();
    assert_eq!(login(&bench, session, CODE_AND_PIN), CKR_OK);
    assert!(!bench.card.has_seen(b"27182818"));
}

#[test]
fn plain_contactless_has_no_login() {
    let bench = Bench::contactless(|settings| settings.vci = Vci::None);
    assert_eq!(flags(&bench) & CKF_LOGIN_REQUIRED, 0);
    let session = bench.open();
    assert_eq!(count(&bench, session, CKO_CERTIFICATE), 1);
    assert_eq!(login(&bench, session, PIN), CKR_FUNCTION_NOT_SUPPORTED);
    let key = bench.object(session, CKO_PRIVATE_KEY, 4);
    bench.sign(session, &plain(CKM_ECDSA), key, &[7; 32]).unwrap();
    assert!(!bench.card.has_seen(PIN));
}

#[test]
fn a_card_that_is_not_believed_shows_one_certificate_and_does_nothing() {
    let bench = Bench::contactless(|settings| settings.signer = Signer::OtherRoot);
    assert_ne!(flags(&bench) & CKF_LOGIN_REQUIRED, 0, "so that somebody is told");
    let session = bench.open();
    assert_eq!(count(&bench, session, CKO_CERTIFICATE), 1);
    assert_eq!(login(&bench, session, CODE_AND_PIN), CKR_DEVICE_ERROR);
    assert_eq!(login(&bench, session, PIN), CKR_DEVICE_ERROR);
    let key = bench.object(session, CKO_PRIVATE_KEY, 4);
    let refused = bench.sign(session, &plain(CKM_ECDSA), key, &[7; 32]);
    assert!(matches!(refused, Err(Error::Card(piv::Error::Channel(_)))), "9E neither");
    assert_eq!(bench.card.tries().pin, 5);
    assert!(!bench.card.has_seen(PIN) && !bench.card.has_seen(b"27182818"));
}

#[test]
fn tries_that_are_left_for_contact_do_not_show_as_locked() {
    let bench = Bench::contactless(|settings| {
        *settings = SecureMessaging { contact_tries: 4, vci: Vci::Open, ..settings.clone() };
    });
    let session = bench.open();
    assert_eq!(login(&bench, session, b"111111"), CKR_PIN_INCORRECT);
    assert_eq!(login(&bench, session, b"222222"), CKR_PIN_LOCKED);
    assert_eq!(bench.card.tries().pin, 4);
    let flags = flags(&bench);
    assert_eq!(flags & CKF_USER_PIN_LOCKED, 0);
    assert_ne!(flags & CKF_USER_PIN_COUNT_LOW, 0);
}

#[test]
fn a_lost_session_is_nothing_a_program_hears_of() {
    let bench = Bench::contactless(|_| ());
    let session = bench.open();
    assert_eq!(login(&bench, session, CODE_AND_PIN), CKR_OK);
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    for _ in 0..3 {
        bench.card.lose_session();
        bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), key, b"text").unwrap();
    }
    assert_eq!(bench.card.tries().pin, 5);
}

#[test]
fn two_programs_sign_a_hundred_times_each_and_neither_hears_of_the_other() {
    let bench = Bench::contactless(|_| ());
    let session = bench.open();
    assert_eq!(login(&bench, session, CODE_AND_PIN), CKR_OK);
    let other = bench.another();
    let others = other.open();
    assert_eq!(login(&other, others, PIN), CKR_OK);
    let keys = (bench.object(session, CKO_PRIVATE_KEY, 4), other.object(others, CKO_PRIVATE_KEY, 4));
    for _ in 0..100 {
        bench.sign(session, &plain(CKM_ECDSA), keys.0, &[7; 32]).unwrap();
        other.sign(others, &plain(CKM_ECDSA), keys.1, &[8; 32]).unwrap();
    }
    assert_eq!(bench.card.tries().pin, 5);
}
