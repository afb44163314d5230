//! What a person does about PINs and PUKs, over simulated readers: authenticating, changing, unblocking in every way there
//! is, looking up the PUK; and what is left when the card goes away in the middle.

use std::{cell::RefCell, sync::Arc};

use crescendo_device::{
    Authority, CardError, Challenged, Device, Devices, Environment, Error, LocalPolicy, MessagingPolicy, Pin,
    PinPolicy, PinState, Puk, PukCode, PukState, Refusal, XauthKey,
    helpdesk::{self, MasterKey},
};
use link::Readers;
use piv::Token;
use sim::{
    AdministrationKey, Fault, Faults, Personality, SimCard, SimClock, SimCodes, SimReaders, SimStore, What,
};

const READER: &str = "Some Reader 00 00";
const MASTER: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";

struct Desk {
    card: SimCard,
    readers: SimReaders,
}

impl Desk {
    fn new(personality: Personality) -> Self {
        let card = SimCard::new(personality);
        let readers = SimReaders::with(READER, &card);
        Self { card, readers }
    }

    /// A Crescendo that a help desk administers: with the key that its device ID gives.
    fn administered(personality: Personality) -> Self {
        let id = Self::new(personality.clone()).id();
        let key = MasterKey::from_hex(MASTER).ok().unwrap().key(&id, 16).ok().unwrap();
        let desk = Self::new(personality);
        desk.install(&key);
        desk
    }

    fn environment() -> Environment {
        Environment {
            store: Arc::new(SimStore::default()),
            signers: Arc::new(SimStore::default()),
            codes: Arc::new(SimCodes::default()),
            clock: Arc::new(SimClock::default()),
            messaging: Arc::new(MessagingPolicy::default()),
        }
    }

    fn device(&self) -> Device {
        let devices = Devices::new(Arc::new(self.readers.clone()), Self::environment());
        devices.select(Some(READER)).unwrap()
    }

    fn id(&self) -> String {
        let mut device = self.device();
        device.load();
        device.id().unwrap().to_owned()
    }

    fn token(&self) -> Token {
        Token::open(self.readers.connect(READER).unwrap(), &Self::environment())
    }

    /// Replaces the administration key, as personalizing does.
    fn install(&self, key: &XauthKey) {
        let work = |piv: &mut piv::Piv<'_>| {
            let mut aca = piv::crescendo::Aca::select(piv)?;
            aca.verify(&pin("123456"))?;
            aca.put_key(Some(key), true)
        };
        self.token().administer(&Authority::Pin(&pin("123456")), work).unwrap();
    }

    /// Keeps a PUK on the card, as personalizing does.
    fn keep(&self, puk: &[u8]) {
        let work = |piv: &mut piv::Piv<'_>| piv.keep_puk(Some(puk)).map(drop);
        self.token().administer(&Authority::Pin(&pin("123456")), work).unwrap();
    }
}

fn pin(text: &str) -> Pin {
    Pin::new(text.as_bytes()).unwrap()
}

fn cards() -> [Personality; 3] {
    [Personality::key_v3(), Personality::c2300(), Personality::piv()]
}

#[test]
fn authenticating_opens_a_device_until_it_ends() {
    for personality in cards() {
        let desk = Desk::new(personality);
        let mut device = desk.device();
        assert!(matches!(device.lock().unwrap(), PinState::Tries(_)));
        device.authenticate(&pin("123456")).unwrap();
        assert_eq!(device.lock().unwrap(), PinState::Verified);
        device.end_authentication().unwrap();
        assert!(!desk.card.verified() && matches!(device.lock().unwrap(), PinState::Tries(_)));
        device.verify_pin(&pin("123456")).unwrap();
        assert!(!desk.card.verified(), "looking is not opening");
        assert!(matches!(device.verify_pin(&pin("999999")), Err(Error::Card(CardError::WrongPin { .. }))));
    }
}

#[test]
fn letting_go_ends_what_was_authenticated() {
    for (others, reloads) in [(false, false), (false, true), (true, false)] {
        let desk = Desk::new(Personality::key_v3());
        let mut device = desk.device();
        device.authenticate(&pin("123456")).unwrap();
        assert_eq!(device.seen_pin(), Some(PinState::Verified));
        desk.card.set_others(others);
        if reloads {
            device.reload();
        } else {
            device.let_go();
        }
        assert_eq!(desk.card.verified(), others);
    }
}

#[test]
fn looking_at_the_pairing_and_auditing_end_no_authentication() {
    let desk = Desk::new(Personality::key_v3());
    let mut device = desk.device();
    device.authenticate(&pin("123456")).unwrap();
    device.pairing().unwrap();
    assert!(matches!(device.audit(), Err(Error::Card(CardError::InUse))));
    assert!(desk.card.verified());
    device.end_authentication().unwrap();
    assert!(!desk.card.verified());
    device.audit().unwrap();
}

#[test]
fn nobody_is_asked_in_vain() {
    let desk = Desk::new(Personality::piv_extended());
    let mut device = desk.device();
    assert_eq!((device.tries().unwrap(), device.puk_tries(true).unwrap()), (Some(3), Some(3)));
    device.authenticate(&pin("123456")).unwrap();
    assert_eq!(device.tries().unwrap(), None);
    desk.card.block_pin();
    desk.card.block_puk();
    let mut device = desk.device();
    assert!(matches!(device.tries(), Err(Error::Card(CardError::Blocked))));
    assert!(matches!(device.puk_tries(false), Err(Error::PukBlocked)));
    let mut none = Desk::new(Personality::c2300()).device();
    assert_eq!(none.puk_tries(false).unwrap(), None);
    assert!(matches!(none.puk_tries(true), Err(Error::NoPuk)));
}

#[test]
fn verifying_leaves_the_login_of_another_program() {
    let desk = Desk::new(Personality::key_v3());
    let mut other = desk.token();
    other.login(&pin("123456")).unwrap();
    desk.card.set_others(true);
    desk.device().verify_pin(&pin("123456")).unwrap();
    assert!(desk.card.verified());
}

#[test]
fn the_status_tells_every_way_out() {
    let status = |personality| Desk::new(personality).device().pin_status().unwrap();
    let key = status(Personality::key_v3());
    assert_eq!(key.state, PinState::Tries(6));
    assert_eq!(key.policy, Some(PinPolicy { min: 6, max: 8, digits: true }));
    assert_eq!((key.ways.puk, key.ways.challenge), (PukState::Absent, Challenged::Unconfirmed));
    let card = status(Personality::c2300());
    assert_eq!(card.policy.map(|policy| policy.min), Some(4));
    assert_eq!((card.ways.puk, card.ways.challenge), (PukState::Absent, Challenged::Yes));
    let piv = status(Personality::piv());
    assert_eq!(piv.ways.challenge, Challenged::No);
    assert!(matches!(piv.ways.puk, PukState::Tries(_) | PukState::Untold));
}

#[test]
fn a_bad_new_pin_is_refused_before_anything_is_sent() {
    for personality in cards() {
        let desk = Desk::new(personality);
        let mut device = desk.device();
        let strict = LocalPolicy::parse("[pin]\nmin = 6\ntrivial = \"refuse\"").unwrap();
        let rules = device.pin_rules(&strict).unwrap();
        let old = pin("123456");
        desk.card.zero();
        let refused = |text: &str| rules.admit(text.as_bytes(), Some(&old)).err();
        assert_eq!(refused("12345"), Some(Refusal::TooShort(6)));
        assert_eq!(refused("123456789"), Some(Refusal::TooLong(8)));
        assert_eq!(refused("12a456"), Some(Refusal::NotDigits));
        assert_eq!(refused("123456"), Some(Refusal::Same));
        assert_eq!(refused("212121"), Some(Refusal::Trivial));
        assert_eq!(desk.card.counts().apdus, 0);
        let new = rules.admit(b"271828", Some(&old)).unwrap();
        device.change_pin(&old, &new).unwrap();
        assert!(!desk.card.verified(), "left locked");
        device.verify_pin(&new).unwrap();
    }
}

#[test]
fn a_change_that_was_cut_says_that_nobody_knows() {
    for (at, what) in [(1, What::Pull), (20, What::Pull)] {
        let desk = Desk::new(Personality::c2300());
        let mut device = desk.device();
        device.lock().unwrap();
        desk.card.set_faults(Faults(vec![Fault { at, what }]));
        let result = device.change_pin(&pin("123456"), &pin("654321"));
        if desk.card.is_present() {
            result.unwrap();
        } else {
            assert!(matches!(&result, Err(Error::Card(why)) if why.is_removal()), "{result:?}");
        }
    }
    let cut = |what: What| {
        let mut told = None;
        for at in 1..8 {
            let desk = Desk::new(Personality::c2300());
            let mut device = desk.device();
            device.lock().unwrap();
            desk.card.set_faults(Faults(vec![Fault { at, what: what.clone() }]));
            if let Err(Error::Uncertain(_)) = device.change_pin(&pin("123456"), &pin("654321")) {
                desk.card.insert();
                told = Some(device.verify_pin(&pin("654321")).is_ok());
            }
        }
        told
    };
    assert_eq!(cut(What::Pull), Some(false), "cut before: the old one stands");
    assert_eq!(cut(What::LoseAnswer), Some(true), "cut after: the new one does");
}

#[test]
fn the_help_desk_unblocks_by_telephone() {
    for personality in [Personality::c2300(), Personality::key_v3()] {
        let desk = Desk::administered(personality);
        desk.card.block_pin();
        let mut device = desk.device();
        device.load();
        let id = device.id().unwrap().to_owned();
        device.permit_unconfirmed(true);
        let heard = RefCell::new(String::new());
        let telephone = |challenge: &crescendo_device::Challenge| {
            *heard.borrow_mut() = helpdesk::spoken(challenge.bytes()).to_string();
            let asked = helpdesk::challenge(&heard.borrow()).unwrap();
            let answer = MasterKey::from_hex(MASTER).ok()?.response(&id, &asked).ok()?;
            helpdesk::response(&helpdesk::spoken(answer.bytes()).to_lowercase()).ok()
        };
        device.unblock_with_answer(&pin("271828"), telephone).unwrap();
        assert_eq!(heard.borrow().len(), 39, "eight groups of four");
        assert_eq!(desk.card.card_rights(), (false, false));
        device.verify_pin(&pin("271828")).unwrap();
    }
}

#[test]
fn a_call_that_is_given_up_or_answered_wrong_changes_nothing() {
    let desk = Desk::administered(Personality::c2300());
    desk.card.block_pin();
    let mut device = desk.device();
    assert!(matches!(device.unblock_with_answer(&pin("271828"), |_| None), Err(Error::GivenUp)));
    let other = |challenge: &crescendo_device::Challenge| {
        MasterKey::from_hex(MASTER).ok()?.response("00000000000000000000", challenge).ok()
    };
    let wrong = device.unblock_with_answer(&pin("271828"), other);
    assert!(matches!(wrong, Err(Error::Card(CardError::WrongKey))), "{wrong:?}");
    assert_eq!((device.lock().unwrap(), desk.card.unlock_tries()), (PinState::Blocked, Some(10)));
}

#[test]
fn a_code_stands_for_the_administration_key() {
    for personality in [Personality::c2300(), Personality::key_v3()] {
        let code = PukCode::generate().unwrap();
        let desk = Desk::new(personality);
        desk.install(&code.key(16).ok().unwrap());
        desk.keep(code.text().as_bytes());
        let mut device = desk.device();
        let shown = device.puk(&pin("123456")).unwrap();
        assert_eq!(*shown, *code.text());
        desk.card.block_pin();
        assert!(
            matches!(device.puk(&pin("123456")), Err(Error::Card(CardError::Blocked))),
            "never when locked"
        );
        device.permit_unconfirmed(true);
        let wrong = Puk::Code(PukCode::generate().unwrap());
        let refused = device.unblock_with_puk(&wrong, &pin("271828"));
        assert!(matches!(refused, Err(Error::Card(CardError::WrongKey))), "{refused:?}");
        device.unblock_with_puk(&Puk::parse(&shown.to_lowercase()).ok().unwrap(), &pin("271828")).unwrap();
        assert_eq!(*device.puk(&pin("271828")).unwrap(), *shown);
    }
}

#[test]
fn a_puk_is_shown_until_it_is_hidden_and_stays_valid() {
    let desk = Desk::new(Personality::c2300());
    desk.card.set_object(0x5F_C109, Some(b"\x53\x05\x01\x03Zoe".to_vec()));
    desk.keep(b"12345678");
    let mut device = desk.device();
    assert_eq!(*device.puk(&pin("123456")).unwrap(), "12345678");
    assert!(!desk.card.verified());
    device.hide_puk(&pin("123456")).unwrap();
    assert!(matches!(device.puk(&pin("123456")), Err(Error::NoPukKept)));
    assert!(matches!(device.hide_puk(&pin("123456")), Err(Error::NoPukKept)));
    assert_eq!(desk.card.object(0x5F_C109).as_deref(), Some(&b"\x53\x05\x01\x03Zoe"[..]), "the rest stays");
    assert!(matches!(device.puk(&pin("999999")), Err(Error::Card(CardError::WrongPin { .. }))));
}

#[test]
fn a_managed_device_hides_nothing_and_a_standard_card_wants_its_key() {
    let desk = Desk::new(Personality::c2300());
    desk.keep(b"12345678");
    desk.card.set_managed(true);
    let managed = desk.device().hide_puk(&pin("123456"));
    assert!(matches!(managed, Err(Error::Card(CardError::Managed))), "{managed:?}");
    let standard = Desk::new(Personality::piv());
    standard.card.set_object(0x5F_C109, Some(b"\x53\x0A\x88\x0812345678".to_vec()));
    assert_eq!(*standard.device().puk(&pin("123456")).unwrap(), "12345678");
    let refused = standard.device().hide_puk(&pin("123456"));
    assert!(matches!(refused, Err(Error::Card(CardError::ManagementKeyNeeded))), "{refused:?}");
}

#[test]
fn a_puk_of_the_card_itself() {
    let desk = Desk::new(Personality::piv());
    desk.card.block_pin();
    let mut device = desk.device();
    let puk = |text: &str| Puk::parse(text).ok().unwrap();
    let wrong = device.unblock_with_puk(&puk("87654321"), &pin("271828"));
    assert!(matches!(wrong, Err(Error::WrongPuk { retries: 2.. })), "{wrong:?}");
    device.unblock_with_puk(&puk("12345678"), &pin("271828")).unwrap();
    device.verify_pin(&pin("271828")).unwrap();
    device.change_puk(&pin("12345678"), &pin("87654321")).unwrap();
    desk.card.block_puk();
    let blocked = device.unblock_with_puk(&puk("87654321"), &pin("271828"));
    assert!(matches!(blocked, Err(Error::PukBlocked)), "{blocked:?}");
    let none = Desk::new(Personality { puk: None, ..Personality::piv() });
    let none = none.device().unblock_with_puk(&puk("12345678"), &pin("271828"));
    assert!(matches!(none, Err(Error::NoPuk)), "{none:?}");
    let keyless = Desk::new(Personality { xauth: AdministrationKey::Absent, ..Personality::c2300() });
    let key = XauthKey::new(&[0; 24]).ok().unwrap();
    let none = keyless.device().unblock_with_key(&key, &pin("271828"));
    assert!(matches!(none, Err(Error::Card(CardError::NoAdministrationKey))), "{none:?}");
}
