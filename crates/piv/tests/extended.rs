//! Extended APDUs: found out once for each kind of card in a reader, used where they save something, never where a refusal
//! would cost.

mod lab;

use lab::{Lab, sign};
use link::Store;
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

/// A program that logs in and out has found out what card and reader take.
fn after_a_logout(lab: Lab) -> Lab {
    lab.user().logout().unwrap();
    lab
}

#[test]
fn a_cold_listing_of_four_certificates_is_nine() {
    let lab = Lab::new(announced());
    assert_eq!(cold_listing(&lab), 9);
    let lab = after_a_logout(Lab::new(silent()));
    lab.store.entries().iter().filter(|entry| !entry.key.starts_with("seat")).for_each(|entry| {
        lab.store.put(&entry.key, Vec::new());
    });
    assert_eq!(cold_listing(&lab), 9, "a card that does not say so, once that is known");
}

#[test]
fn a_signature_with_rsa_2048_is_one() {
    for lab in [Lab::new(announced()), after_a_logout(Lab::new(silent()))] {
        let mut token = lab.user();
        sign(&mut token, AUTHENTICATION, &[1; 256], None).unwrap();
        assert_eq!(lab.apdus(|| sign(&mut token, AUTHENTICATION, &[2; 256], None).unwrap()).0, 1);
    }
}

#[test]
fn a_card_that_takes_none_is_asked_once_and_never_again() {
    let lab = Lab::new(Personality::piv());
    lab.readers.carry(65_544);
    let mut token = lab.user();
    assert_eq!(lab.apdus(|| token.logout().unwrap()).0, 3, "SELECT, VERIFY, and the probe");
    let mut token = lab.user();
    assert_eq!(lab.apdus(|| token.logout().unwrap()).0, 2);
    sign(&mut lab.user(), AUTHENTICATION, &[1; 256], None).unwrap();
    let mut token = lab.user();
    sign(&mut token, AUTHENTICATION, &[1; 256], None).unwrap();
    assert_eq!(lab.apdus(|| sign(&mut token, AUTHENTICATION, &[2; 256], None).unwrap()).0, 3);
}

#[test]
fn a_reader_that_carries_none_is_not_tried() {
    for longest in [261, 271] {
        let lab = Lab::new(silent());
        lab.readers.carry(longest);
        let mut token = lab.user();
        assert_eq!(lab.apdus(|| token.logout().unwrap()).0, 2, "a Crescendo Key's own frame is 271 bytes");
    }
}

#[test]
fn a_belief_that_is_wrong_by_now_is_corrected() {
    let lab = after_a_logout(Lab::new(silent()));
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
