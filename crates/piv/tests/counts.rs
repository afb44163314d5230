//! APDUs per operation, on a contact card with short APDUs: the table of promises.

mod lab;

use lab::{Lab, pin, sign};
use piv::{KeyReference, PinState};

const AUTHENTICATION: KeyReference = KeyReference::PIV_AUTHENTICATION;
const SIGNATURE: KeyReference = KeyReference::DIGITAL_SIGNATURE;
const CARD: KeyReference = KeyReference::CARD_AUTHENTICATION;

#[test]
fn nothing_is_sent_to_open() {
    let lab = Lab::key_v3();
    assert_eq!(lab.apdus(|| lab.token()).0, 0);
}

#[test]
fn state_of_an_unknown_card_and_again() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    let (apdus, state) = lab.apdus(|| token.state().unwrap().clone());
    // SELECT, CHUID head, Key History, Discovery, empty VERIFY, and 9A's certificate for the label.
    let size = token.certificate(AUTHENTICATION).unwrap().unwrap().der.len() as u64;
    assert_eq!(apdus, 5 + (size + 13).div_ceil(256));
    assert_eq!(state.label.as_deref(), Some("Crescendo Test Holder"));
    assert_eq!(state.pin, PinState::Tries(6));
    assert_eq!(lab.apdus(|| token.state().unwrap().clone()), (0, state));
}

#[test]
fn state_of_a_card_seen_before_costs_four() {
    let lab = Lab::key_v3();
    lab.token().state().unwrap();
    lab.card.pull();
    lab.card.insert();
    let mut token = lab.token();
    assert_eq!(lab.apdus(|| token.state().unwrap().label.clone()), (4, Some("Crescendo Test Holder".into())));
}

#[test]
fn warm_listing_costs_one_look_for_each_certificate() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    token.state().unwrap();
    token.read_certificates(&token.keys()).unwrap();
    assert_eq!(lab.apdus(|| token.look().unwrap()), (0, false), "just read");

    lab.reinsert();
    let mut token = lab.token();
    token.state().unwrap();
    assert_eq!(lab.apdus(|| token.look().unwrap()), (4, false));
    assert_eq!(lab.apdus(|| token.read_certificates(&token.keys()).unwrap()), (0, ()));
    assert_eq!(lab.apdus(|| token.look().unwrap()), (0, false));
}

#[test]
fn login_costs_two() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    token.state().unwrap();
    assert_eq!(lab.apdus(|| token.login(&pin("123456")).unwrap()).0, 2);
}

#[test]
fn the_first_signature_of_a_process_looks_at_the_certificate() {
    let lab = Lab::key_v3();
    lab.token().certificate(CARD).unwrap();
    let mut token = lab.token();
    token.state().unwrap();
    assert_eq!(lab.apdus(|| sign(&mut token, CARD, &[7; 32], None).unwrap().len()), (2, 64));
    assert_eq!(lab.apdus(|| sign(&mut token, CARD, &[7; 32], None).unwrap().len()), (1, 64));
}

#[test]
fn rsa_2048_costs_three() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    assert_eq!(lab.apdus(|| sign(&mut token, AUTHENTICATION, &[1; 256], None).unwrap().len()), (3, 256));
}

#[test]
fn a_key_that_always_asks_costs_two_more() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    token.certificate(SIGNATURE).unwrap();
    assert_eq!(lab.apdus(|| token.consent(&pin("123456")).unwrap()).0, 2);
    assert_eq!(lab.apdus(|| sign(&mut token, SIGNATURE, &[7; 32], None).unwrap()).0, 1);
}

#[test]
fn key_agreement_selects_and_looks() {
    let lab = Lab::new(sim::Personality { retired: 2, ..sim::Personality::key_v3() });
    let retired = KeyReference::retired(2).unwrap();
    let mut token = lab.user();
    let certificate = token.certificate(retired).unwrap().unwrap();
    let public = &certificate.key;
    let piv::PublicKey::Ecc { point, .. } = public else { panic!("P-256 was expected") };
    assert_eq!(
        lab.apdus(|| token.agree(retired, public, point).unwrap().len()),
        (2, 32),
        "SELECT, the key; just read"
    );
    lab.clock.pass(std::time::Duration::from_secs(10));
    assert_eq!(lab.apdus(|| token.agree(retired, public, point).unwrap().len()), (3, 32), "and a look");
}

#[test]
fn all_certificates_are_read_in_one_transaction() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    token.state().unwrap();
    let keys = token.keys();
    let (apdus, ()) = lab.apdus(|| token.read_certificates(&keys).unwrap());
    let blocks: u64 = keys[1..]
        .iter()
        .map(|key| (token.certificate(*key).unwrap().unwrap().der.len() as u64 + 13).div_ceil(256))
        .sum();
    assert_eq!(apdus, 1 + blocks);
}
