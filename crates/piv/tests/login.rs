//! Who is logged in, when a PIN may be sent again, and what a wrong one costs.

mod lab;

use std::time::Duration;

use lab::{Lab, pin, sign};
use piv::{Error, KeyReference, PinState};
use sim::Personality;

const AUTHENTICATION: KeyReference = KeyReference::PIV_AUTHENTICATION;
const SIGNATURE: KeyReference = KeyReference::DIGITAL_SIGNATURE;
const BLOCK: [u8; 256] = [1; 256];
const OTHER_APPLICATION: [u8; 7] = [0xA0, 0, 0, 0, 0x79, 0x10, 0];

#[test]
fn a_wrong_pin_costs_one_try_however_often_it_is_sent() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    for _ in 0..5 {
        assert!(matches!(token.login(&pin("999999")), Err(Error::WrongPin { retries: 5 })));
    }
    assert_eq!(lab.card.tries().pin, 5);
    assert_eq!(token.state().unwrap().pin, PinState::Tries(5));
    token.login(&pin("123456")).unwrap();
    assert_eq!(lab.card.tries().pin, 6);
}

#[test]
fn a_refused_pin_may_be_tried_again_after_a_while_and_another_at_once() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    assert!(token.login(&pin("999999")).is_err());
    assert!(matches!(token.login(&pin("888888")), Err(Error::WrongPin { retries: 4 })));
    lab.clock.pass(Duration::from_secs(30));
    assert!(matches!(token.login(&pin("888888")), Err(Error::WrongPin { retries: 3 })));
}

#[test]
fn a_blocked_pin_is_told() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    lab.card.block_pin();
    assert!(matches!(token.login(&pin("123456")), Err(Error::Blocked)));
    assert_eq!(token.state().unwrap().pin, PinState::Blocked);
}

#[test]
fn no_pin_no_operation_and_no_apdu() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    token.certificate(AUTHENTICATION).unwrap();
    let (apdus, result) = lab.apdus(|| sign(&mut token, AUTHENTICATION, &BLOCK, None));
    assert!(matches!(result, Err(Error::NotLoggedIn)));
    assert_eq!(apdus, 0);
}

#[test]
fn a_login_that_another_program_ended_is_renewed() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    lab.card.reset();
    assert_eq!(sign(&mut token, AUTHENTICATION, &BLOCK, None).unwrap().len(), 256);
    lab.card.foreign_select(&OTHER_APPLICATION);
    assert_eq!(sign(&mut token, AUTHENTICATION, &BLOCK, None).unwrap().len(), 256);
    assert!(token.logged_in());
    assert_eq!(lab.card.tries().pin, 6);
}

#[test]
fn a_pin_is_not_sent_again_when_someone_lost_a_try() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    lab.card.reset();
    let mut other = lab.token();
    assert!(other.login(&pin("999999")).is_err());
    assert!(matches!(sign(&mut token, AUTHENTICATION, &BLOCK, None), Err(Error::NotLoggedIn)));
    assert!(!token.logged_in());
    assert_eq!(lab.card.tries().pin, 5);
}

#[test]
fn a_pin_is_forgotten_after_fifteen_idle_minutes() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    lab.clock.pass(Duration::from_secs(15 * 60));
    assert!(sign(&mut token, AUTHENTICATION, &BLOCK, None).is_ok(), "the card still knows");
    lab.card.reset();
    assert!(matches!(sign(&mut token, AUTHENTICATION, &BLOCK, None), Err(Error::NotLoggedIn)));
}

#[test]
fn a_key_that_always_asks() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    token.certificate(SIGNATURE).unwrap();
    token.consent(&pin("123456")).unwrap();
    assert!(sign(&mut token, SIGNATURE, &[7; 32], None).is_ok());
    assert!(
        matches!(sign(&mut token, SIGNATURE, &[7; 32], None), Err(Error::NotLoggedIn)),
        "once for each PIN"
    );
    token.consent(&pin("123456")).unwrap();
    lab.card.foreign_select(&OTHER_APPLICATION);
    assert!(
        sign(&mut token, SIGNATURE, &[7; 32], Some(&pin("123456"))).is_ok(),
        "the PIN in hand is sent again"
    );
}

#[test]
fn a_fresh_login_is_consent_enough() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    token.certificate(SIGNATURE).unwrap();
    token.login(&pin("123456")).unwrap();
    assert!(sign(&mut token, SIGNATURE, &[7; 32], None).is_ok());
}

#[test]
fn logout_clears_the_card() {
    for no_clear in [false, true] {
        let lab = Lab::new(Personality { no_clear, ..Personality::key_v3() });
        let mut token = lab.user();
        assert!(lab.card.verified());
        token.logout().unwrap();
        assert!(!lab.card.verified() && !token.logged_in());
        assert_eq!(lab.apdus(|| token.logout().unwrap()).0, 0, "nothing to end");
    }
}

#[test]
fn leaving_spares_other_programs() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    lab.card.set_others(true);
    token.leave().unwrap();
    assert!(lab.card.verified() && !token.logged_in());
    let mut token = lab.user();
    lab.card.set_others(false);
    token.leave().unwrap();
    assert!(!lab.card.verified());
}

#[test]
fn a_pin_is_changed_and_unblocked() {
    let lab = Lab::new(Personality::piv());
    let mut token = lab.user();
    assert!(matches!(token.change_pin(&pin("999999"), &pin("654321")), Err(Error::WrongPin { retries: 2 })));
    token.change_pin(&pin("123456"), &pin("654321")).unwrap();
    token.login(&pin("654321")).unwrap();
    lab.card.block_pin();
    token.unblock_pin(&piv::Pin::puk(b"12345678").unwrap(), &pin("111111")).unwrap();
    token.login(&pin("111111")).unwrap();
}

#[test]
fn whoever_says_so_makes_every_program_forget_its_pin() {
    let lab = Lab::key_v3();
    let mut one = lab.user();
    let mut other = lab.token();
    other.forget_pins().unwrap();
    assert!(!lab.card.verified() && other.state().unwrap().pin != PinState::Verified);
    let verifies = lab.card.counts().verifies;
    let refused = sign(&mut one, AUTHENTICATION, &BLOCK, None);
    assert!(matches!(refused, Err(Error::NotLoggedIn)), "the other program's PIN is forgotten too");
    assert_eq!(lab.card.counts().verifies, verifies);
    one.login(&pin("123456")).unwrap();
    lab.card.reset();
    assert!(sign(&mut one, AUTHENTICATION, &BLOCK, None).is_ok());
}
