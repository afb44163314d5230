//! What is kept of devices, over simulated readers: listed, found, cleared; and PINs forgotten.

use std::sync::Arc;

use crescendo_device::{Cache, Device, Devices, Error, Kept, PinState};
use link::{Readers, Store};
use piv::{Environment, Pin, Token};
use sim::{Personality, SimCard, SimClock, SimReaders, SimStore};

const KEY: &str = "HID Crescendo Key 00 00";
const PLAIN: &str = "Some Reader 01 00";

struct Desk {
    readers: SimReaders,
    store: SimStore,
    card: SimCard,
}

impl Desk {
    /// A Key V3 and a card of another make, both read before.
    fn new() -> Self {
        let (card, plain) = (SimCard::new(Personality::key_v3()), SimCard::new(Personality::piv()));
        let readers = SimReaders::with(KEY, &card);
        readers.put(PLAIN, &plain);
        let desk = Self { readers, store: SimStore::default(), card };
        for mut device in desk.devices().list().unwrap() {
            device.info().unwrap();
        }
        desk
    }

    fn devices(&self) -> Devices {
        Devices::new(Arc::new(self.readers.clone()), self.environment())
    }

    fn environment(&self) -> Environment {
        Environment::new(Arc::new(self.store.clone()), Arc::new(SimClock::default()))
    }

    fn device(&self) -> Device {
        self.devices().select(Some(KEY)).unwrap()
    }

    fn cache(&self) -> Cache {
        Cache::new(Arc::new(self.store.clone()))
    }

    fn uuids(&self) -> Vec<String> {
        let mut uuids: Vec<_> = self.cache().list().iter().map(Kept::uuid).collect();
        uuids.sort();
        uuids
    }
}

#[test]
fn each_card_is_listed_once() {
    let desk = Desk::new();
    desk.store.update("C4000C4E5CE44D018A11000000000001-contactless", &mut |_| Some(vec![0; 100]));
    let list = desk.cache().list();
    assert_eq!(list.len(), 2, "{list:?}");
    let guid = desk.device().guid().unwrap().unwrap();
    let kept = list.iter().find(|kept| kept.guid == guid).unwrap();
    assert!(kept.size > 1000, "{kept:?}");
    let mut device = desk.device();
    device.load();
    assert_eq!(kept.label.as_deref(), device.label());
    assert_eq!(desk.uuids()[1], "C4000C4E-5CE4-4D01-8A11-000000000001");
}

#[test]
fn cards_are_found_by_guid_device_id_and_label() {
    let desk = Desk::new();
    let (cache, guid) = (desk.cache(), desk.device().guid().unwrap());
    let found = |wanted: &str| cache.find(wanted).unwrap().map(|kept| kept.guid);
    assert_eq!(found("c4000c4e-5ce4-4d01-8a11-000000000001"), guid);
    assert_eq!(found("C4000C4E5CE44D018A11000000000001"), guid);
    assert_eq!(found("8A11000000000001"), guid, "the device ID");
    assert_eq!(found("00000001"), guid);
    for other in ["0000001", "", KEY, "8A11000000000009"] {
        assert_eq!(found(other), None, "{other}");
    }
    let label = cache.list()[0].label.clone().unwrap();
    match cache.find("8A110000") {
        Err(Error::Ambiguous { candidates }) => assert_eq!(
            candidates.iter().map(ToString::to_string).max().unwrap(),
            format!("{label}, ID C4000C4E-5CE4-4D01-8A11-000000000001, in the cache")
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn clearing_one_leaves_the_other() {
    let desk = Desk::new();
    let guid = desk.device().guid().unwrap().unwrap();
    let generation = desk.store.generation();
    assert!(desk.cache().clear(guid));
    assert_ne!(desk.store.generation(), generation, "everybody is told");
    assert_eq!(desk.uuids().len(), 1);
    assert_eq!(desk.cache().find("8A11000000000001").unwrap(), None);
    let mentions = desk
        .store
        .entries()
        .iter()
        .any(|entry| desk.store.load(&entry.key).unwrap().windows(16).any(|part| part == guid));
    assert!(!mentions);
    let generation = desk.store.generation();
    assert!(desk.cache().clear(guid));
    assert_ne!(desk.store.generation(), generation, "who has it in memory is told all the same");
}

#[test]
fn what_is_cleared_by_name_needs_no_card() {
    let desk = Desk::new();
    let (cache, devices) = (desk.cache(), desk.devices());
    let cleared = |wanted: Option<&str>| {
        let (kept, is_gone) = cache.clear_named(&devices, wanted)?;
        assert!(is_gone);
        Ok::<_, Error>(kept.iter().map(Kept::uuid).collect::<Vec<_>>())
    };
    desk.card.zero();
    assert_eq!(cleared(Some("8A11000000000001")).unwrap(), ["C4000C4E-5CE4-4D01-8A11-000000000001"]);
    assert_eq!(desk.card.counts().apdus, 0);
    assert_eq!(cleared(Some(PLAIN)).unwrap().len(), 1, "by its reader");
    assert!(matches!(cleared(None), Err(Error::Ambiguous { .. })));
    assert!(matches!(cleared(Some("nothing like it")), Err(Error::NoSuchDevice { .. })));
}

#[test]
fn clearing_all_leaves_nothing() {
    let desk = Desk::new();
    assert!(desk.store.entries().len() > 2, "readers are remembered too");
    assert!(desk.cache().clear_all());
    assert!(desk.store.entries().is_empty() && desk.cache().list().is_empty());
}

#[test]
fn what_is_cleared_is_read_again_by_who_has_it_open() {
    let desk = Desk::new();
    let mut device = desk.device();
    let read = |device: &mut Device| {
        desk.card.zero();
        let list = device.certificates(std::time::SystemTime::now()).unwrap();
        assert_eq!(list.len(), 4);
        desk.card.counts().apdus
    };
    read(&mut device);
    let known = read(&mut device);
    assert!(desk.cache().clear_all());
    let cleared = read(&mut device);
    assert!(cleared > known + 4, "{cleared} APDUs, {known} before");
}

#[test]
fn clearing_sends_nothing() {
    let desk = Desk::new();
    let cache = desk.cache();
    desk.card.zero();
    let kept = cache.find("8A11000000000001").unwrap().unwrap();
    assert!(cache.clear(kept.guid) && cache.clear_all());
    assert_eq!(desk.card.counts().apdus, 0);
}

#[test]
fn pins_are_forgotten_by_the_card() {
    let desk = Desk::new();
    let card = desk.readers.connect(KEY).unwrap();
    let mut other = Token::open(card, &desk.environment());
    other.login(&Pin::new(b"123456").unwrap()).unwrap();
    assert!(desk.card.verified());
    desk.device().forget_pins().unwrap();
    assert!(!desk.card.verified());
    assert!(matches!(desk.device().info().unwrap().pin, PinState::Tries(_)));
}
