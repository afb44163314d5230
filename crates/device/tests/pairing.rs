//! The pairing code over simulated readers: told over contact, given over contactless, forgotten; and what is said of it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use crescendo_device::{
    CardError, Device, Devices, Environment, Error, Interface, MessagingPolicy, Next, Pairing, PairingCode,
    Pin, PinState, Signer, Suite,
};
use link::{LinkError, PairingCodes, Readers, Store};
use piv::Token;
use sim::{
    Interface as Side, Personality, SecureMessaging, SimCard, SimClock, SimCodes, SimReaders, SimStore, Vci,
    fixture,
};

const READER: &str = "Some Reader 00 00";
const CODE: &[u8; 8] = b"27182818";

struct Desk {
    card: SimCard,
    readers: SimReaders,
    signers: SimStore,
    codes: Arc<Codes>,
    policy: Arc<MessagingPolicy>,
}

/// Codes of a login session that may have no place, and what was asked of them.
#[derive(Default)]
struct Codes {
    kept: SimCodes,
    has_no_place: AtomicBool,
    saved: Mutex<Vec<String>>,
}

impl PairingCodes for Codes {
    fn load(&self, card: &str, take: &mut dyn FnMut(&[u8; 8])) {
        self.kept.load(card, take);
    }

    fn save(&self, card: &str, code: &[u8; 8]) -> Result<(), LinkError> {
        if self.has_no_place.load(Ordering::SeqCst) {
            return Err(LinkError::Other("no place".into()));
        }
        self.saved.lock().unwrap().push(card.to_owned());
        self.kept.save(card, code)
    }

    fn remove(&self, card: &str) -> bool {
        self.kept.remove(card)
    }
}

impl Desk {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut SecureMessaging)) -> Self {
        let mut personality = Personality::piv_dual();
        change(&mut personality.secure_messaging);
        let card = SimCard::new(personality);
        let readers = SimReaders::with(READER, &card);
        let policy = Arc::default();
        Self { card, readers, signers: SimStore::default(), codes: Arc::default(), policy }
    }

    fn trusting(self, pem: &str) -> Self {
        let policy = MessagingPolicy::with_anchors(&[("anchor".to_owned(), pem.to_owned())]);
        Self { policy: Arc::new(policy), ..self }
    }

    fn contactless(self) -> Self {
        self.card.set_interface(Side::Contactless);
        self
    }

    fn environment(&self) -> Environment {
        Environment {
            store: Arc::new(SimStore::default()),
            signers: Arc::new(self.signers.clone()),
            codes: self.codes.clone(),
            clock: Arc::new(SimClock::default()),
            messaging: self.policy.clone(),
        }
    }

    fn device(&self) -> Device {
        Devices::new(Arc::new(self.readers.clone()), self.environment()).select(None).unwrap()
    }

    fn pairing(&self) -> Pairing {
        self.device().pairing().unwrap()
    }

    fn kept(&self) -> Option<[u8; 8]> {
        let guid: String = Personality::piv_dual().guid.iter().map(|byte| format!("{byte:02X}")).collect();
        let mut found = None;
        self.codes.load(&guid, &mut |code| found = Some(*code));
        found
    }

    fn is_discreet(&self) -> bool {
        !self.card.has_seen(b"123456") && !self.card.has_seen(CODE)
    }
}

fn pin() -> Pin {
    Pin::new(b"123456").unwrap()
}

fn code() -> PairingCode {
    PairingCode::new(CODE).unwrap()
}

#[test]
fn retrieved_over_contact_and_the_card_works_contactless() {
    let desk = Desk::new();
    let mut device = desk.device();
    assert_eq!(device.pin_state().unwrap(), PinState::Tries(5));
    let retrieved = device.retrieve_pairing_code(&pin()).unwrap();
    assert!(matches!(retrieved.signer, Signer::Learnt));
    assert!(!desk.card.verified(), "logged out again");
    let code = retrieved.code.unwrap();
    assert_eq!(code.digits(), CODE);
    assert_eq!(desk.kept(), None, "kept when a person asks for it");
    device.keep_pairing_code(&code).unwrap();
    assert_eq!(desk.kept().as_ref(), Some(CODE));

    let desk = desk.contactless();
    let card = desk.readers.connect(READER).unwrap();
    let mut token = Token::open(card, &desk.environment());
    token.login(&pin()).unwrap();
    assert!(token.has_vci());
}

#[test]
fn a_wrong_pin_tells_nothing() {
    let desk = Desk::new();
    let wrong = Pin::new(b"999999").unwrap();
    let result = desk.device().retrieve_pairing_code(&wrong);
    assert!(matches!(result, Err(Error::Card(CardError::WrongPin { retries: 4 }))));
    assert!(desk.signers.entries().is_empty());
}

#[test]
fn a_login_of_another_program_stays() {
    let desk = Desk::new();
    let mut other = Token::open(desk.readers.connect(READER).unwrap(), &desk.environment());
    other.login(&pin()).unwrap();
    desk.card.set_others(true);
    desk.device().retrieve_pairing_code(&pin()).unwrap();
    assert!(desk.card.verified());
}

#[test]
fn a_program_that_only_looks_does_not_inherit_the_login() {
    let desk = Desk::new();
    let mut other = Token::open(desk.readers.connect(READER).unwrap(), &desk.environment());
    other.state().unwrap();
    desk.card.set_others(true);
    desk.device().retrieve_pairing_code(&pin()).unwrap();
    assert!(!desk.card.verified());
}

#[test]
fn contactless_it_is_not_retrieved_and_no_pin_is_sent() {
    let desk = Desk::new().trusting(fixture::vci_anchor()).contactless();
    assert!(matches!(desk.device().demand_contact(), Err(Error::ContactNeeded)));
    let result = desk.device().retrieve_pairing_code(&pin());
    assert!(matches!(result, Err(Error::ContactNeeded)));
    assert_eq!((desk.card.tries().pin, desk.card.counts().verifies), (5, 0));
}

#[test]
fn a_card_without_a_code_is_learnt_all_the_same() {
    let desk = Desk::with(|settings| settings.vci = Vci::Open);
    let retrieved = desk.device().retrieve_pairing_code(&pin()).unwrap();
    assert!(retrieved.code.is_none() && matches!(retrieved.signer, Signer::Learnt));
    let desk = desk.contactless();
    assert_eq!(desk.pairing().interface, Interface::Vci);

    let plain = Desk::with(|settings| (settings.vci, settings.suite) = (Vci::None, None));
    assert!(matches!(plain.device().retrieve_pairing_code(&pin()), Err(Error::NoPairingCode)));
}

#[test]
fn a_code_that_was_entered_is_checked_by_the_card() {
    let desk = Desk::new().trusting(fixture::vci_anchor()).contactless();
    let wrong = PairingCode::new(b"00000000").unwrap();
    let set = |code: &PairingCode| desk.device().set_pairing_code(code);
    assert!(matches!(set(&wrong), Err(Error::Card(CardError::WrongPairingCode))));
    assert_eq!(desk.kept(), None);
    assert!(set(&code()).unwrap());
    assert_eq!(desk.kept().as_ref(), Some(CODE));
    desk.card.zero();
    assert!(matches!(set(&wrong), Err(Error::Card(CardError::WrongPairingCode))), "though another is kept");
    assert_eq!(desk.card.counts().establishments, 1);
    assert_eq!(desk.kept().as_ref(), Some(CODE), "which stays");
    assert!(desk.is_discreet() && desk.card.tries().pin == 5);
}

#[test]
fn in_a_contact_reader_a_code_is_kept_unchecked() {
    let desk = Desk::new();
    assert!(!desk.device().set_pairing_code(&code()).unwrap());
    assert_eq!(desk.kept().as_ref(), Some(CODE));
    assert_eq!(desk.card.counts().verifies, 0);
}

#[test]
fn a_card_that_nobody_vouches_for_gets_no_code_and_it_is_said_why() {
    let desk = Desk::new().contactless();
    let error = desk.device().set_pairing_code(&code()).unwrap_err();
    assert!(matches!(error, Error::Card(CardError::Channel(_))));
    assert!(error.to_string().contains("nobody vouches for it"), "{error}");
    assert!(desk.is_discreet() && desk.kept().is_none());
}

#[test]
fn cards_that_take_no_code_are_told_apart() {
    let set = |desk: Desk| desk.device().set_pairing_code(&code()).unwrap_err();
    let none = || Desk::with(|settings| settings.vci = Vci::None);
    let open = || Desk::with(|settings| settings.vci = Vci::Open).trusting(fixture::vci_anchor());
    assert!(matches!(set(none().contactless()), Error::NoVci));
    assert!(matches!(set(none()), Error::NoPairingCode));
    assert!(matches!(set(open().contactless()), Error::NoPairingCode));
    assert!(matches!(set(open()), Error::NoPairingCode));
}

#[test]
fn without_a_place_for_codes_it_says_so() {
    let desk = Desk::new();
    desk.codes.has_no_place.store(true, Ordering::SeqCst);
    let error = desk.device().set_pairing_code(&code()).unwrap_err();
    assert_eq!(error.to_string(), "the pairing code is not kept: no place");
    assert!(desk.codes.saved.lock().unwrap().is_empty());
}

#[test]
fn forgotten_with_or_without_the_signer() {
    let desk = Desk::new();
    let forget = |signer| {
        let forgotten = desk.device().forget_pairing_code(signer).unwrap();
        (forgotten.code, forgotten.signer)
    };
    assert_eq!(forget(true), (false, false), "nothing was known");
    desk.device().retrieve_pairing_code(&pin()).unwrap();
    desk.device().keep_pairing_code(&code()).unwrap();
    assert_eq!(forget(false), (true, false));
    assert!(desk.pairing().learnt && !desk.pairing().kept);
    assert_eq!(forget(true), (false, true));
    assert!(!desk.pairing().learnt);
}

#[test]
fn what_is_known_and_what_to_do_next() {
    let desk = Desk::new();
    let first = desk.pairing();
    let expected = Pairing {
        interface: Interface::Contact,
        problem: None,
        contactless: false,
        vci: true,
        suite: Some(Suite::Cs2),
        wants_code: true,
        kept: false,
        learnt: false,
        anchors: false,
        first_use: false,
    };
    assert_eq!((&first, first.next()), (&expected, Next::Retrieve));
    desk.device().retrieve_pairing_code(&pin()).unwrap();
    let learnt = Pairing { learnt: true, ..expected.clone() };
    assert_eq!(
        (desk.pairing(), desk.pairing().next()),
        (learnt.clone(), Next::Retrieve),
        "the code is not kept"
    );

    let desk = desk.contactless();
    let waiting = Pairing { interface: Interface::Unpaired, contactless: true, ..learnt };
    assert_eq!((desk.pairing(), desk.pairing().next()), (waiting.clone(), Next::GiveCode));
    desk.device().set_pairing_code(&code()).unwrap();
    let ready = Pairing { kept: true, ..waiting };
    assert_eq!((desk.pairing(), desk.pairing().next()), (ready.clone(), Next::Nothing));

    desk.signers.clear();
    let shown = desk.pairing();
    assert!(shown.problem.as_ref().is_some_and(|why| why.contains("nobody vouches")), "{:?}", shown.problem);
    let problem = shown.problem.clone();
    let closed = Pairing { interface: Interface::Closed, problem, learnt: false, ..ready };
    assert_eq!((&shown, shown.next()), (&closed, Next::Vouch));
    desk.card.set_interface(Side::Contact);
    assert_eq!(desk.pairing().next(), Next::Retrieve, "to be learnt again");
}

#[test]
fn cards_for_contact_readers_are_told_apart() {
    let desk = Desk::with(|settings| settings.vci = Vci::None);
    assert_eq!(desk.pairing().next(), Next::StayWithContact);
    let desk = desk.contactless();
    let pairing = desk.pairing();
    assert_eq!((pairing.interface, pairing.next()), (Interface::Plain, Next::StayWithContact));
    let none = Desk::with(|settings| settings.suite = None);
    assert_eq!(none.pairing().suite, None);
}

#[test]
fn asking_for_the_state_sends_no_secret() {
    let desk = Desk::new().trusting(fixture::vci_anchor()).contactless();
    desk.device().set_pairing_code(&code()).unwrap();
    desk.card.zero();
    assert!(desk.pairing().anchors);
    desk.device().forget_pairing_code(false).unwrap();
    let verifies =
        desk.card.wire().iter().filter(|apdu| apdu.command.starts_with(&[0x0C, 0x20, 0, 0x98])).count();
    assert_eq!(verifies, 0);
}
