//! Another program changes the card: what is shown is noticed to be old, and nothing is returned that does not fit it.

mod lab;

use std::time::Duration;

use lab::{Lab, pin};
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
    assert!(token.sign(CARD, &[7; 32], None).is_ok());
}

#[test]
fn a_signature_of_another_key_is_never_returned() {
    for replacement in [Replacement::NewKey, Replacement::SameSerial] {
        let lab = Lab::key_v3();
        let mut token = lab.user();
        let old = token.certificate(AUTHENTICATION).unwrap().unwrap();
        lab.card.replace(0x9A, replacement).unwrap();
        assert!(matches!(token.sign(AUTHENTICATION, &BLOCK, None), Err(Error::KeyChanged(_))));
        let new = token.certificate(AUTHENTICATION).unwrap().unwrap();
        assert_ne!(old.key, new.key);
        assert!(token.sign(AUTHENTICATION, &BLOCK, None).is_ok());
    }
}

#[test]
fn another_card_with_the_same_identity_gets_no_pin_and_no_trust() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    token.certificate(CARD).unwrap();
    lab.card.pull();
    lab.card.replace(0x9E, Replacement::NewKey).unwrap();
    lab.card.insert();
    assert!(token.sign(CARD, &[7; 32], None).unwrap_err().is_removal(), "the old connection is over");
    let mut token = lab.token();
    token.state().unwrap();
    assert!(!token.logged_in());
    assert!(token.look().unwrap(), "the head differs from what was stored");
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
    token.sign(AUTHENTICATION, &BLOCK, None)?;
    token.sign(CARD, &[7; 32], None)?;
    token.logout()
}
