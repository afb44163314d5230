//! A dual-interface card on a contactless reader: everything as over contact, through the virtual contact interface; and
//! nothing secret in the clear, whatever happens.

mod lab;

use std::{sync::Arc, time::Duration};

use lab::{Lab, pin, sign};
use link::{Card, LinkError, PairingCodes, Readers, Store, Transaction, Transmit};
use piv::{ChannelError, Error, KeyReference, MessagingPolicy, PairingCode, PinState, Token};
use sim::{Fault, Faults, Interface, Part, SecureMessaging, Signer, Suite, Vci, What, fixture};

const AUTHENTICATION: KeyReference = KeyReference::PIV_AUTHENTICATION;
const SIGNATURE: KeyReference = KeyReference::DIGITAL_SIGNATURE;
const CARD: KeyReference = KeyReference::CARD_AUTHENTICATION;
const BLOCK: [u8; 256] = [1; 256];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn code() -> PairingCode {
    PairingCode::new(b"27182818").unwrap()
}

/// The cards that everything must work with.
fn cards() -> impl Iterator<Item = Lab> {
    let suites = [Suite::Cs2, Suite::Cs7].into_iter();
    let signers = [Signer::Direct, Signer::Intermediate];
    suites
        .flat_map(move |suite| signers.map(|signer| (suite, signer)))
        .flat_map(|(suite, signer)| [Vci::PairingCode, Vci::Open].map(|vci| (suite, signer, vci)))
        .map(|(suite, signer, vci)| {
            Lab::contactless(|settings| {
                *settings = SecureMessaging { suite: Some(suite), signer, vci, ..settings.clone() };
            })
        })
}

fn list(token: &mut Token) -> usize {
    token.state().unwrap();
    token.find_retired().unwrap();
    token.look().unwrap();
    token.read_certificates(&token.keys()).unwrap();
    let keys = token.keys();
    keys.into_iter().filter(|key| token.certificate(*key).unwrap().is_some()).count()
}

/// Neither PIN nor code went over the air as they are.
fn assert_discreet(lab: &Lab) {
    for secret in [&b"123456"[..], b"27182818"] {
        assert!(!lab.card.has_seen(secret), "in clear: {}", String::from_utf8_lossy(secret));
    }
}

#[test]
fn everything_works_as_over_contact() {
    for lab in cards() {
        let mut token = lab.token();
        if lab.card.secure_messaging().vci == Vci::PairingCode {
            assert_eq!(list(&mut token), 1, "9E alone, until the card has its code");
            assert!(token.needs_pairing_code());
            token.pair(&code()).unwrap();
        }
        assert_eq!(list(&mut token), 4);
        assert!(token.has_vci() && !token.needs_pairing_code());
        token.login(&pin("123456")).unwrap();
        assert_eq!(sign(&mut token, AUTHENTICATION, &BLOCK, None).unwrap().len(), 256);
        assert_eq!(sign(&mut token, CARD, &[7; 32], None).unwrap().len(), 64);
        token.consent(&pin("123456")).unwrap();
        assert_eq!(sign(&mut token, SIGNATURE, &[7; 32], None).unwrap().len(), 64);
        token.change_pin(&pin("123456"), &pin("654321")).unwrap();
        token.logout().unwrap();
        assert!(matches!(sign(&mut token, AUTHENTICATION, &BLOCK, None), Err(Error::NotLoggedIn)));
        assert_discreet(&lab);
    }
}

#[test]
fn one_establishment_and_then_what_contact_costs() {
    for lab in cards().map(Lab::knowing_the_code) {
        let mut token = lab.token();
        list(&mut token);
        token.login(&pin("123456")).unwrap();
        sign(&mut token, CARD, &[7; 32], None).unwrap();
        assert_eq!(lab.apdus(|| sign(&mut token, CARD, &[7; 32], None).unwrap()).0, 1, "one exchange");
        assert_eq!(lab.apdus(|| list(&mut token)).0, 0);
        lab.clock.pass(Duration::from_secs(3600));
        assert_eq!(lab.apdus(|| list(&mut token)).0, 0, "no looks: the card has proved who it is");
        assert_eq!(lab.card.counts().establishments, 0, "since it was zeroed");
    }
}

#[test]
fn a_card_that_was_read_over_contact_is_not_read_again() {
    let lab = Lab::contactless(|_| ()).knowing_the_code();
    lab.card.set_interface(Interface::Contact);
    let mut token = lab.token();
    assert_eq!(list(&mut token), 4);
    let label = token.state().unwrap().label.clone();
    lab.card.set_interface(Interface::Contactless);
    let mut token = lab.token();
    let (apdus, certificates) = lab.apdus(|| list(&mut token));
    assert_eq!((certificates, token.state().unwrap().label.clone()), (4, label.clone()));
    assert!(apdus < 25, "{apdus}: no certificate but the signer's");
    lab.clock.pass(DAY);
    let mut token = lab.token();
    let (apdus, _) = lab.apdus(|| list(&mut token));
    assert!(apdus > 30, "{apdus}: a day later, once in an insertion, each is read whole");
    assert_eq!(lab.apdus(|| list(&mut token)).0, 0);
    // And what was read here is good for contact, where it is looked at.
    lab.card.set_interface(Interface::Contact);
    let mut token = lab.token();
    assert_eq!(lab.apdus(|| list(&mut token)).0, 8);
}

#[test]
fn the_label_stays_the_same_from_before_the_code_to_after_it() {
    let lab = Lab::contactless(|_| ());
    lab.card.set_interface(Interface::Contact);
    let known = lab.token().state().unwrap().label.clone();
    assert!(known.is_some());
    lab.card.set_interface(Interface::Contactless);
    let mut token = lab.token();
    assert_eq!(token.state().unwrap().label, known, "the card has proved to be the one it was");
    token.pair(&code()).unwrap();
    assert_eq!(token.state().unwrap().label, known);
}

#[test]
fn without_a_code_a_pin_costs_nothing_and_says_what_to_do() {
    let lab = Lab::contactless(|_| ());
    let mut token = lab.token();
    assert!(matches!(token.login(&pin("123456")), Err(Error::PairingCodeNeeded)));
    assert!(Error::PairingCodeNeeded.to_string().contains("crescendo pairing"));
    assert!(sign(&mut token, AUTHENTICATION, &BLOCK, None).is_err());
    assert!(sign(&mut token, CARD, &[7; 32], None).is_ok(), "9E wants none");
    assert_eq!(lab.card.tries().pin, 5);
    assert_discreet(&lab);
}

#[test]
fn a_wrong_code_is_told_and_a_wrong_pin_keeps_the_code() {
    let lab = Lab::contactless(|_| ());
    let mut token = lab.token();
    let wrong = PairingCode::new(b"00000000").unwrap();
    assert!(matches!(token.pair(&wrong), Err(Error::WrongPairingCode)));
    assert_eq!(lab.card.tries().pin, 5);
    token.pair(&code()).unwrap();
    assert!(matches!(token.login(&pin("999999")), Err(Error::WrongPin { .. })));
    assert_eq!(lab.card.tries().pin, 4);
    token.login(&pin("123456")).unwrap();
    // Another program of the same login session asks nobody.
    let mut other = lab.token();
    other.login(&pin("123456")).unwrap();
    assert!(!other.needs_pairing_code());
}

#[test]
fn a_kept_code_that_is_wrong_by_now_is_forgotten() {
    let lab = Lab::contactless(|settings| settings.pairing_code = "11111111".into()).knowing_the_code();
    let mut token = lab.token();
    token.state().unwrap();
    assert!(token.needs_pairing_code());
    lab.card.zero();
    let mut other = lab.token();
    other.state().unwrap();
    let sent = lab.card.wire().iter().filter(|apdu| apdu.command.starts_with(&[0x0C, 0x20, 0, 0x98])).count();
    assert_eq!(sent, 0, "not tried again by the next program");
}

#[test]
fn after_a_logout_the_code_is_known_where_there_is_a_place_for_it() {
    let lab = Lab::contactless(|_| ());
    let mut token = lab.token();
    token.pair(&code()).unwrap();
    token.login(&pin("123456")).unwrap();
    token.logout().unwrap();
    token.login(&pin("123456")).unwrap();
    let guid = lab.store.entries().into_iter().find(|entry| entry.key.len() == 32).unwrap().key;
    assert!(lab.codes.remove(&guid));
    token.logout().unwrap();
    assert!(matches!(token.login(&pin("123456")), Err(Error::PairingCodeNeeded)));
}

#[test]
fn cards_that_nobody_vouches_for_get_nothing() {
    let refused = [Signer::Expired, Signer::NoUsage, Signer::NoCa, Signer::OtherRoot, Signer::OtherCard];
    for suite in [Suite::Cs2, Suite::Cs7] {
        for signer in refused {
            let lab = Lab::contactless(|settings| {
                *settings = SecureMessaging { suite: Some(suite), signer, ..settings.clone() };
            })
            .trusting(&[fixture::vci_anchor(), fixture::vci_issuer_without_ca()])
            .knowing_the_code();
            demand_closed(&lab, &format!("{suite:?} {signer:?}"));
        }
    }
    let untrusting = Lab::contactless(|_| ()).trusting(&[]).knowing_the_code();
    demand_closed(&untrusting, "no anchors");
}

/// Nothing but the public certificate of 9E, and a reason.
fn demand_closed(lab: &Lab, what: &str) {
    lab.card.zero();
    let mut token = lab.token();
    assert_eq!(list(&mut token), 1, "{what}");
    assert!(matches!(token.login(&pin("123456")), Err(Error::Channel(_))), "{what}");
    assert!(matches!(token.pair(&code()), Err(Error::Channel(_))), "{what}");
    assert!(matches!(sign(&mut token, CARD, &[7; 32], None), Err(Error::Channel(_))), "{what}: 9E");
    let opened = lab.card.wire().iter().any(|apdu| apdu.command.starts_with(&[0x0C, 0x20]));
    assert!(!opened, "{what}: neither PIN nor code, even in secure messaging");
    assert!(!lab.card.has_seen(&[0x87, 0x11, 0x9E]), "{what}");
    assert_eq!(lab.card.tries().pin, 5);
    assert_discreet(lab);
}

#[test]
fn first_use_is_believed_where_somebody_wants_it_and_the_next_card_is_not() {
    let policy = MessagingPolicy { first_use: true, ..MessagingPolicy::default() };
    let lab = Lab { policy: Arc::new(policy), ..Lab::contactless(|_| ()).knowing_the_code() };
    lab.token().login(&pin("123456")).unwrap();
    assert_eq!(lab.signers.entries().len(), 1);
    let other = lab.card.secure_messaging();
    lab.card.set_secure_messaging(SecureMessaging { suite: Some(Suite::Cs7), ..other });
    lab.card.pull();
    lab.card.insert();
    demand_closed(&lab, "another key under the same identity");
}

#[test]
fn a_card_that_was_learnt_over_contact_is_believed() {
    let lab = Lab::contactless(|_| ()).trusting(&[]);
    lab.card.set_interface(Interface::Contact);
    let mut token = lab.user();
    assert_eq!(token.retrieve_pairing_code().unwrap().digits(), b"27182818");
    assert!(token.learn_signer().unwrap());
    assert!(sign(&mut token, AUTHENTICATION, &BLOCK, None).is_ok(), "and the card is as it was");
    lab.card.set_interface(Interface::Contactless);
    let mut token = lab.token();
    token.pair(&code()).unwrap();
    token.login(&pin("123456")).unwrap();
    assert!(token.retrieve_pairing_code().is_err(), "over contact alone");
    // A record that cannot be read is one to refuse.
    let record = lab.signers.entries().remove(0).key;
    lab.signers.update(&record, &mut |old| old.map(|old| old[1..].to_vec()));
    demand_closed(&lab, "a damaged record");
}

#[test]
fn a_code_is_told_only_to_whoever_has_entered_the_pin() {
    let lab = Lab::contactless(|_| ());
    lab.card.set_interface(Interface::Contact);
    assert!(matches!(lab.token().retrieve_pairing_code(), Err(Error::NotLoggedIn)));
}

#[test]
fn a_card_without_secure_messaging_is_plain_contactless() {
    for change in [|s: &mut SecureMessaging| s.suite = None, |s: &mut SecureMessaging| s.vci = Vci::None] {
        let lab = Lab::contactless(change).knowing_the_code();
        let mut token = lab.token();
        assert_eq!(list(&mut token), 1);
        assert!(matches!(token.login(&pin("123456")), Err(Error::Unsupported(_))));
        assert!(sign(&mut token, CARD, &[7; 32], None).is_ok());
        assert_eq!(lab.card.counts().establishments, 0);
        assert_discreet(&lab);
    }
}

#[test]
fn the_last_tries_are_for_contact_and_that_is_said() {
    let lab = Lab::contactless(|settings| settings.contact_tries = 3).knowing_the_code();
    let mut token = lab.token();
    for wrong in ["111111", "222222"] {
        assert!(token.login(&pin(wrong)).is_err());
    }
    assert!(matches!(token.login(&pin("333333")), Err(Error::ContactOnly)));
    assert_eq!(token.state().unwrap().pin, PinState::ContactOnly);
    assert_eq!(lab.card.tries().pin, 3);
    lab.card.set_interface(Interface::Contact);
    lab.token().login(&pin("123456")).unwrap();
}

#[test]
fn a_session_that_is_lost_comes_back_by_itself() {
    for lab in cards().map(Lab::knowing_the_code) {
        let mut token = lab.user();
        for _ in 0..3 {
            lab.card.lose_session();
            assert!(sign(&mut token, AUTHENTICATION, &BLOCK, None).is_ok());
            lab.card.reset();
            assert!(sign(&mut token, AUTHENTICATION, &BLOCK, None).is_ok());
        }
        assert_eq!(lab.card.tries().pin, 5);
        assert_discreet(&lab);
    }
}

#[test]
fn two_programs_that_end_each_others_sessions_sign_a_hundred_times_each() {
    let lab = Lab::contactless(|_| ()).knowing_the_code();
    let (mut one, mut other) = (lab.user(), lab.user());
    for _ in 0..100 {
        sign(&mut one, CARD, &[7; 32], None).unwrap();
        sign(&mut other, CARD, &[8; 32], None).unwrap();
    }
    sign(&mut one, AUTHENTICATION, &BLOCK, None).unwrap();
    sign(&mut other, AUTHENTICATION, &BLOCK, None).unwrap();
    assert_eq!(lab.card.tries().pin, 5);
}

#[test]
fn another_card_in_the_middle_of_an_insertion_is_not_spoken_to() {
    let lab = Lab::contactless(|_| ()).knowing_the_code();
    let mut token = lab.user();
    let other = lab.card.secure_messaging();
    lab.card.set_secure_messaging(SecureMessaging { suite: Some(Suite::Cs7), ..other });
    let verifies = lab.card.counts().verifies;
    assert!(matches!(sign(&mut token, AUTHENTICATION, &BLOCK, None), Err(Error::Channel(_))));
    assert_eq!(lab.card.counts().verifies, verifies, "no PIN for another key");
}

#[test]
fn meddling_with_any_exchange_is_noticed_and_gives_nothing_away() {
    let parts = [Part::Data, Part::Mac, Part::Status, Part::Cryptogram, Part::Cvc, Part::Nonce];
    let kinds =
        parts.map(What::Tamper).into_iter().chain([What::Replay, What::PlainAnswer, What::LoseSession]);
    let length = {
        let lab = Lab::contactless(|_| ()).knowing_the_code();
        journey(&mut lab.token()).unwrap();
        u32::try_from(lab.card.counts().apdus).unwrap()
    };
    for what in kinds {
        for at in (1..=length).step_by(if length > 60 { 3 } else { 1 }) {
            let lab = Lab::contactless(|_| ()).knowing_the_code();
            lab.card.set_faults(Faults(vec![Fault { at, what: what.clone() }]));
            let told = format!("{what:?} before APDU {at}");
            match journey(&mut lab.token()) {
                Ok(()) => {}
                Err(Error::Channel(_) | Error::Unsupported(_) | Error::NotLoggedIn | Error::NotFound) => {}
                Err(Error::Malformed(_) | Error::Refused { .. } | Error::PairingCodeNeeded) => {}
                Err(error) => panic!("{told}: {error:?}"),
            }
            assert_eq!(lab.card.tries().pin, 5, "{told} cost a try");
            assert_discreet(&lab);
            lab.card.set_faults(Faults::none());
            // Tampering waits for an answer that has the part, and may have waited until now.
            let again = journey(&mut lab.token()).or_else(|_| journey(&mut lab.token()));
            again.unwrap_or_else(|error| panic!("{told}, then {error:?}"));
        }
    }
}

fn journey(token: &mut Token) -> Result<(), Error> {
    token.state()?;
    token.read_certificates(&token.keys())?;
    token.login(&pin("123456"))?;
    sign(token, AUTHENTICATION, &BLOCK, None)?;
    sign(token, CARD, &[7; 32], None)?;
    token.logout()
}

#[test]
fn over_contact_secure_messaging_is_for_those_who_want_it() {
    let lab = Lab::contactless(|_| ());
    lab.card.set_interface(Interface::Contact);
    lab.user();
    assert_eq!(lab.card.counts().establishments, 0);
    let policy = MessagingPolicy { always: true, ..MessagingPolicy::default() };
    let lab = Lab { policy: Arc::new(policy), ..lab };
    lab.card.zero();
    let mut token = lab.user();
    sign(&mut token, AUTHENTICATION, &BLOCK, None).unwrap();
    assert_eq!(lab.card.counts().establishments, 1);
    assert_discreet(&lab);
}

#[test]
fn a_laboratory_may_call_a_contactless_reader_contact() {
    let policy = MessagingPolicy { contactless_is_contact: true, ..MessagingPolicy::default() };
    let lab = Lab { policy: Arc::new(policy), ..Lab::key_v3() };
    let mut token = lab.contactless_token();
    token.login(&pin("123456")).unwrap();
    assert!(token.is_contact() && lab.card.has_seen(b"123456"));
}

#[test]
fn who_alters_the_policy_on_the_air_does_not_choose_the_pin() {
    let lab = Lab::contactless(|_| ()).knowing_the_code();
    let card = Altered(lab.readers.connect(lab::READER).unwrap());
    let mut token = Token::open(Box::new(card), &lab.environment());
    token.login(&pin("123456")).unwrap();
    assert_eq!(lab.card.tries().pin, 5);
}

/// A reader with somebody between it and the card, who makes of the policy in plain that the global PIN comes first.
struct Altered(Box<dyn Card>);

impl Card for Altered {
    fn atr(&self) -> &[u8] {
        self.0.atr()
    }

    fn reader(&self) -> &str {
        self.0.reader()
    }

    fn insertion(&self) -> Option<&str> {
        self.0.insertion()
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
        let Transaction { link, was_reset } = self.0.begin()?;
        Ok(Transaction { link: Box::new(Between(link)), was_reset })
    }

    fn alone(&mut self) -> Result<bool, LinkError> {
        self.0.alone()
    }
}

struct Between<'c>(Box<dyn Transmit + 'c>);

impl Transmit for Between<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
        let mut answer = self.0.transmit(apdu)?;
        if let Some(at) = answer.windows(3).position(|bytes| bytes == [0x5F, 0x2F, 2]) {
            answer[at + 3] |= 0x20;
            answer[at + 4] = 0x20;
        }
        Ok(answer)
    }
}

#[test]
fn an_error_names_its_cause() {
    let lab = Lab::contactless(|settings| settings.signer = Signer::Expired);
    let error = lab.token().login(&pin("123456")).unwrap_err();
    assert!(matches!(error, Error::Channel(ChannelError::NotBelieved(_))), "{error}");
}

/// When somebody meddles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Establishment,
    List,
    Login,
    Sign,
}

type Step = fn(&mut Token) -> Result<(), Error>;

impl Phase {
    /// Everything up to this phase, undisturbed; then the phase with the fault before its first APDU.
    fn meddled(self, lab: &Lab, what: &What) -> Result<(), Error> {
        let mut token = lab.token();
        let steps: [(Self, Step); 4] = [
            (Self::Establishment, |token| token.state().map(drop)),
            (Self::List, |token| token.read_certificates(&token.keys())),
            (Self::Login, |token| token.login(&pin("123456"))),
            (Self::Sign, |token| sign(token, AUTHENTICATION, &BLOCK, None).map(drop)),
        ];
        for (phase, step) in steps {
            if phase == self {
                // What only a key establishment shows is changed in the next one.
                if matches!(what, What::Tamper(Part::Cryptogram | Part::Cvc | Part::Nonce)) {
                    lab.card.lose_session();
                }
                lab.card.zero();
                lab.card.set_faults(Faults(vec![Fault { at: 1, what: what.clone() }]));
                step(&mut token)?;
                // A fault that waits for an answer with such a part finds it here, and so does what was left out.
                sign(&mut token, CARD, &[7; 32], None)?;
                token.login(&pin("123456"))?;
                return sign(&mut token, AUTHENTICATION, &BLOCK, None).map(drop);
            }
            step(&mut token)?;
        }
        Ok(())
    }
}

#[test]
fn every_kind_of_meddling_is_refused_in_every_phase_with_its_cause() {
    let parts = [Part::Data, Part::Mac, Part::Status, Part::Cryptogram, Part::Cvc, Part::Nonce];
    let kinds = parts.map(What::Tamper).into_iter().chain([What::PlainAnswer, What::Replay]);
    for what in kinds {
        for phase in [Phase::Establishment, Phase::List, Phase::Login, Phase::Sign] {
            let lab = Lab::contactless(|_| ()).knowing_the_code();
            let told = format!("{what:?} at {phase:?}");
            match phase.meddled(&lab, &what) {
                Err(error @ Error::Channel(_)) => assert!(error.to_string().len() > 20, "{told}: {error}"),
                // An old answer to SELECT or GET DATA in plain is the right one.
                Ok(()) if what == What::Replay => {}
                // An outer 63C5 ends a session, as another program's establishment does; it is begun again, once.
                Ok(()) if what == What::PlainAnswer && phase == Phase::Login => {}
                other => panic!("{told}: {other:?}"),
            }
            assert_eq!(lab.card.tries().pin, 5, "{told}");
            assert_discreet(&lab);
        }
    }
}
