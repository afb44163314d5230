//! Another program changes the card: what is shown is noticed to be old, and nothing is returned that does not fit it.

mod lab;

use std::time::Duration;

use lab::{Lab, pin, sign};
use piv::{Error, KeyReference};
use sim::{Fault, Faults, Replacement, What};

const AUTHENTICATION: KeyReference = KeyReference::PIV_AUTHENTICATION;
const CARD: KeyReference = KeyReference::CARD_AUTHENTICATION;
const BLOCK: [u8; 256] = [1; 256];

#[test]
fn a_renewed_certificate_is_shown_within_a_minute() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    let old = token.certificate(CARD).unwrap().unwrap();
    lab.card.replace(0x9E, Replacement::SameKey).unwrap();
    assert!(!token.look().unwrap(), "looked a moment ago");
    lab.clock.pass(Duration::from_secs(60));
    assert!(token.look().unwrap());
    let new = token.certificate(CARD).unwrap().unwrap();
    assert_ne!(old.serial, new.serial);
    assert_eq!(old.key, new.key);
}

#[test]
fn a_renewed_certificate_does_not_stop_the_key() {
    let lab = Lab::key_v3();
    lab.token().certificate(CARD).unwrap();
    lab.card.replace(0x9E, Replacement::SameKey).unwrap();
    let mut token = lab.token();
    assert!(sign(&mut token, CARD, &[7; 32], None).is_ok());
}

#[test]
fn a_signature_of_another_key_is_never_returned() {
    for replacement in [Replacement::NewKey, Replacement::SameSerial] {
        let lab = Lab::key_v3();
        let mut token = lab.user();
        let old = token.certificate(AUTHENTICATION).unwrap().unwrap();
        lab.card.replace(0x9A, replacement).unwrap();
        assert!(matches!(sign(&mut token, AUTHENTICATION, &BLOCK, None), Err(Error::KeyChanged(_))));
        let new = token.certificate(AUTHENTICATION).unwrap().unwrap();
        assert_ne!(old.key, new.key);
        assert!(sign(&mut token, AUTHENTICATION, &BLOCK, None).is_ok());
    }
}

#[test]
fn a_key_of_another_kind_is_found_out_when_it_refuses() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    let old = token.certificate(AUTHENTICATION).unwrap().unwrap();
    lab.card.install(0x9A, sim::fixture::named("9a-p-256").unwrap()).unwrap();
    let refused = sign(&mut token, AUTHENTICATION, &BLOCK, None);
    assert!(matches!(refused, Err(Error::KeyChanged(_))), "{refused:?}");
    assert_ne!(token.certificate(AUTHENTICATION).unwrap().unwrap().key, old.key);
    assert!(sign(&mut token, AUTHENTICATION, &[7; 32], None).is_ok());
}

#[test]
fn a_key_that_was_shown_before_is_not_used_for_another() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    let old = token.certificate(CARD).unwrap().unwrap();
    lab.card.replace(0x9E, Replacement::NewKey).unwrap();
    lab.clock.pass(Duration::from_secs(60));
    token.look().unwrap();
    let (_, result) = lab.apdus(|| token.sign(CARD, &old.key, &[7; 32], None));
    assert!(matches!(result, Err(Error::KeyChanged(_))));
}

#[test]
fn a_certificate_that_is_refused_once_is_asked_again_and_one_refused_twice_hides_no_other() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    token.state().unwrap();
    let failing =
        |count: u32| Faults((2..2 + count).map(|at| Fault { at, what: What::Status(0x6F00) }).collect());
    lab.card.set_faults(failing(1));
    token.read_certificates(&token.keys()).unwrap();
    assert!(token.certificate(KeyReference::DIGITAL_SIGNATURE).unwrap().is_some());

    let mut token = lab.token();
    lab.store.clear();
    token.state().unwrap();
    lab.card.set_faults(failing(2));
    token.read_certificates(&token.keys()).unwrap();
    let (apdus, refused) = lab.apdus(|| token.certificate(KeyReference::DIGITAL_SIGNATURE));
    assert!(matches!(refused, Err(Error::Refused { .. })));
    assert_eq!(apdus, 0, "not asked over and over");
    assert!(token.certificate(KeyReference::CARD_AUTHENTICATION).unwrap().is_some());
    lab.clock.pass(Duration::from_secs(60));
    assert!(token.certificate(KeyReference::DIGITAL_SIGNATURE).unwrap().is_some());
}

#[test]
fn another_card_with_the_same_identity_gets_no_pin_and_no_trust() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    token.certificate(CARD).unwrap();
    lab.card.pull();
    lab.card.replace(0x9E, Replacement::NewKey).unwrap();
    lab.card.insert();
    assert!(sign(&mut token, CARD, &[7; 32], None).unwrap_err().is_removal(), "the old connection is over");
    let mut token = lab.token();
    token.state().unwrap();
    assert!(!token.logged_in());
    assert!(token.look().unwrap(), "the head differs from what was stored");
}

/// Each reset meets the try that made good the one before.
#[test]
fn resets_over_and_over_do_not_show() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    let apdus = lab.apdus(|| sign(&mut token, CARD, &[7; 32], None).unwrap()).0;
    for at in 1..=u32::try_from(apdus).unwrap() {
        lab.card.zero();
        let again = (0..4).map(|nth| Fault { at: at + nth, what: What::Reset });
        lab.card.set_faults(Faults(again.collect()));
        sign(&mut token, CARD, &[7; 32], None).unwrap_or_else(|error| panic!("APDU {at}: {error}"));
        assert_eq!(lab.card.tries().pin, 6);
    }
}

#[test]
fn faults_before_every_apdu_give_an_error_or_the_right_answer() {
    let kinds = [
        What::Pull,
        What::LoseAnswer,
        What::Reset,
        What::Garbage,
        What::Truncated,
        What::Oversized,
        What::Status(0x6F00),
        What::ForeignSelect(vec![0xA0, 0, 0, 0, 0x79, 0x10, 0]),
    ];
    let lab = Lab::key_v3();
    journey(&mut lab.token()).unwrap();
    let length = u32::try_from(lab.card.counts().apdus).unwrap();
    for what in kinds {
        for at in 1..=length {
            let lab = Lab::key_v3();
            lab.card.set_faults(Faults(vec![Fault { at, what: what.clone() }]));
            let result = journey(&mut lab.token());
            assert_eq!(lab.card.tries().pin, 6, "{what:?} before APDU {at} cost a try: {result:?}");
            lab.card.insert();
            journey(&mut lab.token())
                .unwrap_or_else(|error| panic!("{what:?} before APDU {at}: then {error}"));
        }
    }
}

/// State, certificates, login, two signatures; every signature is verified inside.
fn journey(token: &mut piv::Token) -> Result<(), Error> {
    token.state()?;
    token.read_certificates(&token.keys())?;
    token.login(&pin("123456"))?;
    sign(token, AUTHENTICATION, &BLOCK, None)?;
    sign(token, CARD, &[7; 32], None)?;
    token.logout()
}
