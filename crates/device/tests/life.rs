//! The two ends of a device's life with its owner, over simulated readers: personalizing, recycling, and the audit for keys of
//! delivery; with the card pulled at every APDU of either.

use std::sync::Arc;

use crescendo_device::{
    AdministrationKey, CardError, Device, Devices, Environment, Error, LocalPolicy, ManagementKey,
    MessagingPolicy, Passkeys, Pin, PinPolicy, Plan, Puk, RecycleRight, Recycling, State, WhyNot, XauthKey,
    helpdesk::MasterKey,
};
use link::Readers;
use piv::{KeyReference, Token};
use sim::{
    AdministrationKey as SimKey, Faults, Personality, SimCard, SimClock, SimCodes, SimReaders, SimStore, What,
};

const READER: &str = "Some Reader 00 00";
const MASTER: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
const MANAGEMENT: &str = "010203040506070801020304050607080102030405060708";

struct Desk {
    card: SimCard,
    readers: SimReaders,
    store: Arc<SimStore>,
}

impl Desk {
    fn new(personality: Personality) -> Self {
        let card = SimCard::new(personality);
        let readers = SimReaders::with(READER, &card);
        Self { card, readers, store: Arc::default() }
    }

    fn environment(&self) -> Environment {
        Environment {
            store: self.store.clone(),
            signers: Arc::new(SimStore::default()),
            codes: Arc::new(SimCodes::default()),
            clock: Arc::new(SimClock::default()),
            messaging: Arc::new(MessagingPolicy::default()),
        }
    }

    /// As a program that was started anew.
    fn device(&self) -> Device {
        let devices = Devices::new(Arc::new(self.readers.clone()), self.environment());
        let mut device = devices.select(Some(READER)).unwrap();
        device.permit_unconfirmed(true);
        device
    }

    fn token(&self) -> Token {
        Token::open(self.readers.connect(READER).unwrap(), &self.environment())
    }

    fn mend(&self) {
        self.card.set_faults(Faults::none());
        if !self.card.is_present() {
            self.card.insert();
        }
    }
}

fn pin(text: &str) -> Pin {
    PinPolicy::LOOSEST.pin(text.as_bytes()).unwrap()
}

fn management() -> ManagementKey {
    ManagementKey::from_hex(MANAGEMENT).ok().unwrap()
}

fn plan(new: &Pin) -> Plan<'_> {
    Plan { current: None, new, policy: None, master: None, management: None }
}

fn delivered() -> [Personality; 4] {
    [Personality::key_v3(), Personality::c2300(), Personality::piv(), Personality::piv_extended()]
        .map(Personality::as_delivered)
}

/// What is right of a device that was personalized with this PIN, whatever happened on the way.
fn is_personal(desk: &Desk, new: &Pin) {
    let mut device = desk.device();
    device.load();
    assert!(device.id().is_some());
    device.verify_pin(new).unwrap();
    let full = SimCard::new(Personality::piv()).tries().puk;
    let tries = desk.card.tries();
    if device.is_crescendo() {
        assert_eq!((tries.pin, desk.card.unlock_tries()), (6, Some(10)));
        assert_eq!(desk.card.administration_key(), Some(false));
    } else {
        assert_eq!((tries.pin, tries.puk), (3, full));
    }
    let puk = device.puk(new).unwrap();
    desk.card.block_pin();
    device.unblock_with_puk(&Puk::parse(&puk).ok().unwrap(), &pin("31415926")).unwrap();
    device.verify_pin(&pin("31415926")).unwrap();
    assert_eq!(desk.card.card_rights(), (false, false));
}

#[test]
fn a_device_in_factory_state_becomes_somebodys() {
    for personality in delivered() {
        let desk = Desk::new(personality);
        let new = pin("271828");
        let mut device = desk.device();
        device.personalizing().unwrap();
        let made = device.personalize(&plan(&new)).unwrap();
        assert!(made.kept);
        assert!(!matches!(device.state(), State::Factory) && device.id().is_some());
        let puk = made.puk.unwrap();
        assert_eq!(puk.len(), if device.is_crescendo() { 19 } else { 8 });
        assert_eq!(*device.puk(&new).unwrap(), *puk);
        assert!(matches!(device.personalize(&plan(&new)), Err(Error::NotOffered(WhyNot::NotFactory))));
        is_personal(&desk, &new);
    }
}

#[test]
fn the_factory_management_key_is_replaced_where_the_card_has_a_way() {
    let new = pin("271828");
    for (personality, replaced) in [(Personality::piv_extended(), true), (Personality::piv(), false)] {
        let desk = Desk::new(personality.as_delivered());
        let mut device = desk.device();
        let made = device.personalize(&plan(&new)).unwrap();
        assert_eq!((made.replaced, made.management.is_some()), (replaced, replaced));
        let found = device.audit().unwrap();
        assert_eq!(found == AdministrationKey::Own, replaced);
        if let Some(key) = made.management {
            let key = ManagementKey::from_hex(&key).ok().unwrap();
            device.recycle(Recycling::Objects, &RecycleRight::Management(&key)).unwrap();
        }
    }
}

#[test]
fn a_help_desk_has_the_key_in_place_of_a_puk() {
    let master = MasterKey::from_hex(MASTER).ok().unwrap();
    for personality in [Personality::key_v3(), Personality::c2300()] {
        let desk = Desk::new(personality.as_delivered());
        let new = pin("271828");
        let mut device = desk.device();
        let made = device.personalize(&Plan { master: Some(&master), ..plan(&new) }).unwrap();
        assert!(made.puk.is_none() && !made.kept);
        assert!(matches!(device.puk(&new), Err(Error::NoPukKept)));
        let id = device.id().unwrap().to_owned();
        assert!(id.starts_with("4790"), "the printed number: {id}");
        desk.card.block_pin();
        let key = master.key(&id, 16).ok().unwrap();
        device.permit_unconfirmed(true);
        device.unblock_with_key(&key, &pin("314159")).unwrap();
        device.verify_pin(&pin("314159")).unwrap();
    }
}

#[test]
fn rules_for_the_pin_are_set_whichever_pin_they_would_not_admit() {
    for (min, max, digits, new) in
        [(4, 5, true, "3141"), (7, 8, true, "2718281"), (6, 8, false, "s3cr3t"), (8, 8, true, "27182818")]
    {
        for personality in [Personality::key_v3(), Personality::c2300()] {
            let desk = Desk::new(personality.as_delivered());
            let policy = PinPolicy { min, max, digits };
            let mut device = desk.device();
            let rules = device.personal_rules(Some(policy), &LocalPolicy::default()).unwrap();
            let new = rules.admit(new.as_bytes(), None).unwrap();
            device.personalize(&Plan { policy: Some(policy), ..plan(&new) }).unwrap();
            assert_eq!(device.pin_status().unwrap().policy, Some(policy));
            device.verify_pin(&new).unwrap();
        }
    }
    let desk = Desk::new(Personality::piv().as_delivered());
    let refused = desk.device().personal_rules(Some(PinPolicy::STANDARD), &LocalPolicy::default());
    assert!(matches!(refused, Err(Error::Card(CardError::Unsupported(_)))));
}

#[test]
fn what_is_only_inferred_takes_permission_before_anything_is_sent() {
    let desk = Desk::new(Personality::blank_key_v3());
    let mut device = desk.device();
    device.permit_unconfirmed(false);
    let refused = device.personal_rules(None, &LocalPolicy::default());
    assert!(matches!(refused, Err(Error::Card(CardError::Unconfirmed("PUT XAUTH KEY")))));
    desk.card.zero();
    let new = pin("271828");
    let refused = device.personalize(&plan(&new));
    assert!(matches!(refused, Err(Error::Card(CardError::Unconfirmed(_)))));
    assert_eq!(desk.card.counts().verifies, 0);
    assert!(!desk.card.has_seen(&[0x00, 0x82, 0x00, 0x01]));
}

#[test]
fn a_pin_that_is_not_the_one_of_delivery_costs_one_try_and_is_asked_for() {
    for personality in delivered() {
        let desk = Desk::new(Personality { pin: "998877".into(), ..personality });
        let full = desk.card.tries().pin;
        let new = pin("271828");
        let mut device = desk.device();
        let refused = device.personalize(&plan(&new));
        assert!(
            matches!(refused, Err(Error::NotFactoryPin { retries }) if retries == full - 1),
            "{:?}",
            refused.err()
        );
        assert!(desk.card.administration_key().unwrap_or(true), "nothing was changed");
        device.personalize(&Plan { current: Some(&pin("998877")), ..plan(&new) }).unwrap();
        is_personal(&desk, &new);
    }
}

#[test]
fn personalizing_pulled_anywhere_is_finished_by_doing_it_again() {
    for personality in delivered() {
        for what in [What::Pull, What::LoseAnswer] {
            let mut cuts = 0;
            for at in 1.. {
                let desk = Desk::new(personality.clone());
                let new = pin("271828");
                desk.card.set_faults(Faults::at(at, what.clone()));
                let first = desk_device(&desk).and_then(|mut device| device.personalize(&plan(&new)));
                if desk.card.is_present() {
                    first.unwrap();
                    break;
                }
                cuts += 1;
                desk.mend();
                match desk.device().personalize(&plan(&new)) {
                    Ok(_) => {}
                    Err(Error::NotOffered(WhyNot::NotFactory)) => {
                        assert!(matches!(first, Err(Error::Unfinished(..)) | Ok(_)), "{what:?} {at}");
                    }
                    Err(error) => panic!("{what:?} {at}: {error}"),
                }
                is_personal(&desk, &new);
            }
            assert!(cuts > 12, "{cuts}");
        }
    }
}

#[test]
fn personalizing_pulled_twice_is_finished_by_the_third_time() {
    let again = |desk: &Desk, at| {
        desk.card.set_faults(Faults::at(at, What::LoseAnswer));
        let new = pin("271828");
        let done = desk_device(desk).and_then(|mut device| device.personalize(&plan(&new)));
        let was_cut = !desk.card.is_present();
        desk.mend();
        (was_cut, done)
    };
    for first in (8..40).step_by(4) {
        for second in (9..40).step_by(2) {
            let desk = Desk::new(Personality::key_v3().as_delivered());
            let _ = again(&desk, first);
            let _ = again(&desk, second);
            match again(&desk, u32::MAX).1 {
                Ok(_) | Err(Error::NotOffered(WhyNot::NotFactory)) => {}
                Err(error) => panic!("{first}, {second}: {error}"),
            }
            is_personal(&desk, &pin("271828"));
        }
    }
}

#[test]
fn a_card_that_cannot_be_reset_is_not_blocked_for_it() {
    let desk = Desk::new(Personality::piv_extended());
    let full = desk.card.tries();
    let mut device = desk.device();
    let way = device.recycling(false).unwrap();
    desk.card.zero();
    // SELECT, GET VERSION, VERIFY, then the question whether it knows RESET.
    desk.card.set_faults(Faults::at(4, What::Status(0x6D00)));
    let refused = device.recycle(way, &RecycleRight::Pin(&pin("123456")));
    assert!(matches!(refused, Err(Error::Card(CardError::Unsupported(_)))), "{refused:?}");
    assert_eq!((desk.card.tries(), desk.card.counts().verifies), (full, 1));
}

/// Another program resets the card: what was under way is told to have failed, nothing is sent twice, and doing it again works.
#[test]
fn personalizing_reset_anywhere_is_finished_by_doing_it_again() {
    for personality in delivered() {
        for at in 1..50 {
            let desk = Desk::new(personality.clone());
            let new = pin("271828");
            desk.card.set_faults(Faults::at(at, What::Reset));
            let first = desk_device(&desk).and_then(|mut device| device.personalize(&plan(&new)));
            desk.mend();
            if let Err(error) = first {
                match desk.device().personalize(&plan(&new)) {
                    Ok(_) | Err(Error::NotOffered(WhyNot::NotFactory)) => {}
                    Err(again) => panic!("{at}: {error}, then {again}"),
                }
            }
            is_personal(&desk, &new);
        }
    }
}

#[test]
fn a_managed_one_keeps_its_pin_and_says_so() {
    for personality in [Personality::key_v3(), Personality::c2300()] {
        let desk = Desk::new(Personality { managed: true, ..personality.as_delivered() });
        let mut device = desk.device();
        let factory = device.personalizing().unwrap();
        let refused = device.personalize(&plan(&pin("271828")));
        assert!(matches!(refused, Err(Error::Card(CardError::Managed))), "{:?}", refused.err());
        device.verify_pin(&factory).unwrap();
        assert_eq!(desk.card.administration_key(), Some(true));
    }
}

/// A device over a card that may be pulled while it is looked at.
fn desk_device(desk: &Desk) -> Result<Device, Error> {
    let devices = Devices::new(Arc::new(desk.readers.clone()), desk.environment());
    let mut device = devices.select(Some(READER))?;
    device.permit_unconfirmed(true);
    Ok(device)
}

fn way_and_right(desk: &Desk, device: &mut Device) -> Result<(), Error> {
    let way = device.recycling(false)?;
    let (entered, key) = (pin("123456"), management());
    let blocked = desk.card.tries().pin == 0;
    let right = match way {
        Recycling::Objects => RecycleRight::Management(&key),
        Recycling::Extended if blocked => RecycleRight::Nothing,
        _ => RecycleRight::Pin(&entered),
    };
    device.recycle(way, &right)
}

#[test]
fn recycling_pulled_anywhere_is_finished_by_doing_it_again_or_was_done() {
    for personality in
        [Personality::key_v3(), Personality::c2300(), Personality::piv(), Personality::piv_extended()]
    {
        for what in [What::Pull, What::LoseAnswer] {
            let mut cuts = 0;
            for at in 1.. {
                let desk = Desk::new(personality.clone());
                let full = desk.card.tries();
                desk.card.set_faults(Faults::at(at, what.clone()));
                let first = desk_device(&desk).and_then(|mut device| way_and_right(&desk, &mut device));
                if desk.card.is_present() {
                    first.unwrap();
                    break;
                }
                cuts += 1;
                desk.mend();
                match way_and_right(&desk, &mut desk.device()) {
                    Ok(()) | Err(Error::NotOffered(WhyNot::Factory)) => {}
                    Err(error) => panic!("{:?} {what:?} {at}: {error}", personality.profile),
                }
                assert_eq!(desk.card.tries(), full, "{:?} {what:?} {at}", personality.profile);
                is_factory(&desk);
            }
            assert!(cuts > 8, "{cuts}");
        }
    }
}

fn is_factory(desk: &Desk) {
    let mut device = desk.device();
    device.personalizing().unwrap();
    assert!(device.certificates(std::time::SystemTime::now()).unwrap().is_empty());
    let new = pin("271828");
    device.personalize(&plan(&new)).unwrap();
    is_personal(desk, &new);
}

#[test]
fn recycling_tells_what_is_lost_and_leaves_nothing() {
    for (personality, way, keys) in [
        (Personality::key_v3(), Recycling::ResetCard, 4),
        (Personality::c2300(), Recycling::ResetCard, 3),
        (Personality::piv(), Recycling::Objects, 4),
        (Personality::piv_extended(), Recycling::Extended, 4),
    ] {
        let desk = Desk::new(personality);
        let mut device = desk.device();
        assert_eq!(device.recycling(false).unwrap(), way);
        let contents = device.what_is_lost().unwrap();
        assert_eq!(contents.certificates.len(), keys, "{contents:?}");
        assert!(contents.certificates.iter().all(|(_, subject)| subject.contains("CN=")), "{contents:?}");
        assert_eq!(contents.fido == Passkeys::None, way != Recycling::ResetCard);
        way_and_right(&desk, &mut device).unwrap();
        assert!(device.certificates(std::time::SystemTime::now()).unwrap().is_empty());
        is_factory(&desk);
    }
}

#[test]
fn a_crescendo_is_recycled_by_its_key_and_by_its_puk_where_the_pin_is_blocked() {
    for personality in [Personality::key_v3(), Personality::c2300()] {
        let key = [7; 16];
        let desk = Desk::new(Personality { xauth: SimKey::Key(key.to_vec()), ..personality.clone() });
        desk.card.block_pin();
        let mut device = desk.device();
        desk.card.zero();
        assert!(matches!(device.recycling(false), Err(Error::CannotRecycle)));
        assert!(!desk.card.has_seen(&[0x00, 0x38]) && desk.card.counts().verifies == 0);
        let way = device.recycling(true).unwrap();
        let wrong = XauthKey::new(&[8; 16]).ok().unwrap();
        let refused = device.recycle(way, &RecycleRight::Xauth(&wrong));
        assert!(matches!(refused, Err(Error::Card(CardError::WrongKey))));
        device.recycle(way, &RecycleRight::Xauth(&XauthKey::new(&key).ok().unwrap())).unwrap();
        assert_eq!(desk.card.administration_key(), None, "it is gone, and not the one of delivery");
        is_factory(&desk);

        let desk = Desk::new(personality.as_delivered());
        let new = pin("271828");
        let puk = desk.device().personalize(&plan(&new)).unwrap().puk.unwrap();
        desk.card.block_pin();
        let Ok(Puk::Code(code)) = Puk::parse(&puk) else { panic!("a code") };
        let mut device = desk.device();
        let way = device.recycling(true).unwrap();
        device.recycle(way, &RecycleRight::Code(&code)).unwrap();
        is_factory(&desk);
    }
}

#[test]
fn a_managed_one_says_so_and_is_left_alone() {
    for personality in [Personality::key_v3(), Personality::c2300()] {
        let desk = Desk::new(Personality { managed: true, ..personality });
        let mut device = desk.device();
        let way = device.recycling(false).unwrap();
        let refused = device.recycle(way, &RecycleRight::Pin(&pin("123456")));
        assert!(matches!(refused, Err(Error::Card(CardError::Managed))), "{refused:?}");
        let again = desk.device().recycling(false);
        assert!(matches!(again, Err(Error::NotOffered(WhyNot::Managed))), "{again:?}");
    }
}

#[test]
fn a_wrong_pin_costs_one_try_and_nothing_else() {
    for personality in [Personality::key_v3(), Personality::c2300(), Personality::piv_extended()] {
        let desk = Desk::new(personality);
        let full = desk.card.tries().pin;
        let mut device = desk.device();
        let way = device.recycling(false).unwrap();
        let refused = device.recycle(way, &RecycleRight::Pin(&pin("999999")));
        assert!(matches!(refused, Err(Error::Card(CardError::WrongPin { retries })) if retries == full - 1));
        assert_eq!(desk.card.tries().pin, full - 1);
        assert!(!device.certificates(std::time::SystemTime::now()).unwrap().is_empty());
    }
}

#[test]
fn no_other_process_shows_what_is_gone() {
    for personality in
        [Personality::key_v3(), Personality::c2300(), Personality::piv(), Personality::piv_extended()]
    {
        let desk = Desk::new(personality);
        let key = KeyReference::PIV_AUTHENTICATION;
        let mut other = desk.token();
        assert!(other.certificate(key).unwrap().is_some());
        way_and_right(&desk, &mut desk.device()).unwrap();
        let _ = other.look();
        let stale = other.see(key).and_then(|_| other.certificate(key));
        assert!(!matches!(stale, Ok(Some(_))), "a program that runs on");
        assert!(desk.token().certificate(key).unwrap().is_none(), "one that is started");
        let new = pin("271828");
        desk.device().personalize(&plan(&new)).unwrap();
        assert!(desk.token().certificate(key).unwrap().is_none());
        assert!(desk.token().state().unwrap().identity.is_some());
    }
}

#[test]
fn the_audit_finds_keys_of_delivery_and_sends_no_pin() {
    let own = |personality: Personality| Personality { xauth: SimKey::Key(vec![7; 16]), ..personality };
    let absent = |personality: Personality| Personality { xauth: SimKey::Absent, ..personality };
    let other = sim::ManagementKey { algorithm: 0x08, key: vec![7; 16] };
    for (personality, found) in [
        (Personality::key_v3(), AdministrationKey::Factory),
        (Personality::c2300(), AdministrationKey::Factory),
        (Personality::blank_key_v3(), AdministrationKey::Factory),
        (own(Personality::key_v3()), AdministrationKey::Own),
        (own(Personality::c2300()), AdministrationKey::Own),
        (absent(Personality::c2300()), AdministrationKey::Absent),
        (Personality::piv(), AdministrationKey::Factory),
        (Personality::piv_extended(), AdministrationKey::Factory),
        (Personality { management: other, ..Personality::piv() }, AdministrationKey::Own),
    ] {
        let desk = Desk::new(personality);
        let full = desk.card.tries();
        assert_eq!(desk.device().audit().unwrap(), found);
        assert_eq!((desk.card.tries(), desk.card.counts().verifies), (full, 0));
        assert_eq!(desk.card.card_rights(), (false, false), "the card was reset");
        let mut user = desk.token();
        let is_blank = desk.card.object(0x5F_C102).is_none_or(|answer| answer.len() < 4);
        if !is_blank {
            user.login(&pin("123456")).unwrap();
            let refused = desk.device().audit();
            assert!(matches!(refused, Err(Error::Card(CardError::InUse))), "{refused:?}");
            assert!(desk.card.verified(), "nobody was logged out");
        }
    }
}
