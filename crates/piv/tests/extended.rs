//! Extended APDUs: found out once for each kind of card in a reader, used where they save something, never where a refusal
//! would cost.

mod lab;

use lab::{Lab, sign};
use piv::KeyReference;
use sim::Personality;

const AUTHENTICATION: KeyReference = KeyReference::PIV_AUTHENTICATION;

fn announced() -> Personality {
    Personality { extended: true, ..Personality::piv() }
}

fn silent() -> Personality {
    Personality { unannounced: true, ..announced() }
}

fn cold_listing(lab: &Lab) -> u64 {
    let mut token = lab.token();
    let list = || {
        token.state().unwrap();
        token.look().unwrap();
        token.read_certificates(&token.keys()).unwrap();
    };
    lab.apdus(list).0
}

#[test]
fn a_cold_listing_of_four_certificates_is_nine() {
    for personality in [announced(), silent()] {
        let lab = Lab::new(personality);
        assert!(cold_listing(&lab) <= 9 + 1, "SELECT once more for the certificates that are no label");
    }
}

#[test]
fn a_signature_with_rsa_2048_is_one() {
    for personality in [announced(), silent()] {
        let lab = Lab::new(personality);
        let mut token = lab.user();
        sign(&mut token, AUTHENTICATION, &[1; 256], None).unwrap();
        assert_eq!(lab.apdus(|| sign(&mut token, AUTHENTICATION, &[2; 256], None).unwrap()).0, 1);
    }
}

#[test]
fn a_card_that_takes_none_is_asked_once_and_never_again() {
    let lab = Lab::new(Personality::piv());
    lab.readers.carry(65_544);
    let first = cold_listing(&lab);
    let short = Lab::new(Personality::piv());
    assert_eq!(first, cold_listing(&short) + 1, "the probe");
    lab.reinsert();
    let mut token = lab.token();
    assert_eq!(lab.apdus(|| token.state().unwrap().pin).0, 4, "remembered with the reader");
    let mut token = lab.user();
    sign(&mut token, AUTHENTICATION, &[1; 256], None).unwrap();
    assert_eq!(lab.apdus(|| sign(&mut token, AUTHENTICATION, &[2; 256], None).unwrap()).0, 3);
}

#[test]
fn a_reader_that_carries_none_is_not_tried() {
    let lab = Lab::new(silent());
    lab.readers.carry(261);
    let mut token = lab.user();
    sign(&mut token, AUTHENTICATION, &[1; 256], None).unwrap();
    assert_eq!(lab.apdus(|| sign(&mut token, AUTHENTICATION, &[2; 256], None).unwrap()).0, 3);
}

#[test]
fn a_crescendo_key_with_a_frame_of_271_bytes_gets_short_apdus() {
    let lab = Lab::new(announced());
    lab.readers.carry(271);
    let mut token = lab.user();
    sign(&mut token, AUTHENTICATION, &[1; 256], None).unwrap();
    assert_eq!(lab.apdus(|| sign(&mut token, AUTHENTICATION, &[2; 256], None).unwrap()).0, 3);
}

#[test]
fn a_belief_that_is_wrong_by_now_is_corrected() {
    let lab = Lab::new(silent());
    cold_listing(&lab);
    // The same kind of card in the same reader, and this one takes none.
    let other = sim::SimCard::new(Personality::piv());
    lab.readers.carry(65_544);
    lab.readers.put(lab::READER, &other);
    let mut token = lab.user();
    assert_eq!(sign(&mut token, AUTHENTICATION, &[1; 256], None).unwrap().len(), 256);
    other.zero();
    sign(&mut token, AUTHENTICATION, &[2; 256], None).unwrap();
    assert_eq!(other.counts().apdus, 3);
}
