//! The two sides of one key: a reader and a HID device that are the same thing are one device, and others are not.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crescendo_device::{Action, Device, Devices, Environment, Error, State, WhyNot, join};
use link::{Card, HidDevice, LinkError, Reader, Readers, Transaction};
use sim::{Personality, SimCard, SimClock, SimKey, SimKeys, SimReaders, SimStore, key::Stranger};

const KEY: &str = "HID Crescendo Key 00 00";
const OTHER: &str = "Some Reader 01 00";

/// Readers that are plugged in somewhere.
#[derive(Clone)]
struct Plugged {
    readers: SimReaders,
    channels: HashMap<&'static str, u32>,
}

impl Readers for Plugged {
    fn list(&self) -> Result<Vec<Reader>, LinkError> {
        self.readers.list()
    }

    fn connect(&self, name: &str) -> Result<Box<dyn Card>, LinkError> {
        let card = self.readers.connect(name)?;
        Ok(Box::new(PluggedCard { card, channel: self.channels.get(name).copied() }))
    }

    fn wait(&self, known: &[Reader], limit: Option<Duration>) -> Result<Vec<Reader>, LinkError> {
        self.readers.wait(known, limit)
    }

    fn cancel(&self) {
        self.readers.cancel();
    }
}

struct PluggedCard {
    card: Box<dyn Card>,
    channel: Option<u32>,
}

impl Card for PluggedCard {
    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn reader(&self) -> &str {
        self.card.reader()
    }

    fn insertion(&self) -> Option<&str> {
        self.card.insertion()
    }

    fn channel(&self) -> Option<u32> {
        self.channel
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
        self.card.begin()
    }

    fn alone(&mut self) -> Result<bool, LinkError> {
        self.card.alone()
    }
}

struct Desk {
    clock: SimClock,
    readers: SimReaders,
    keys: SimKeys,
    /// Of the HID device that was plugged in first.
    channel: u32,
}

impl Desk {
    /// A key as a card, a card of another make, and a key as a HID device.
    fn new() -> Self {
        let clock = SimClock::default();
        let keys = SimKeys::with(&clock, &SimKey::new(&clock, sim::key::Profile::reference(1)));
        let readers = SimReaders::with(KEY, &SimCard::new(Personality::key_v3()));
        readers.put(OTHER, &SimCard::new(Personality::piv()));
        let channel = link::HidDevices::list(&keys).unwrap()[0].channel.unwrap();
        Self { clock, readers, keys, channel }
    }

    fn devices(&self, channels: &[(&'static str, u32)]) -> Devices {
        let readers = Plugged { readers: self.readers.clone(), channels: channels.iter().copied().collect() };
        let environment = Environment::new(Arc::new(SimStore::default()), Arc::new(self.clock.clone()));
        Devices::new(Arc::new(readers), environment).with_keys(Arc::new(self.keys.clone()))
    }

    fn joined(&self, channels: &[(&'static str, u32)]) -> Vec<Device> {
        let mut list = self.devices(channels).list().unwrap();
        for device in &mut list {
            device.load();
        }
        join(list)
    }
}

#[test]
fn the_sides_of_one_key_are_one_device() {
    let desk = Desk::new();
    let list = desk.joined(&[(KEY, desk.channel), (OTHER, desk.channel + 1)]);
    assert_eq!(list.len(), 2);
    let key = &list[0];
    assert_eq!((key.reader(), key.name().as_str()), (KEY, "Crescendo C4000-KEY"));
    assert_eq!(key.id(), Some("47900503708900123456"), "what is printed on it");
    assert!(key.key_side().unwrap().is_updatable());
    assert_eq!(key.why_not(Action::UpdateFirmware), None);
    assert_eq!(list[1].why_not(Action::UpdateFirmware), Some(WhyNot::NoKeySide));
    assert!(list[1].key_side().is_none());
}

#[test]
fn without_a_place_or_with_one_that_is_shared_they_are_two() {
    let desk = Desk::new();
    for channels in [&[][..], &[(KEY, desk.channel + 1)], &[(KEY, desk.channel), (OTHER, desk.channel)]] {
        let list = desk.joined(channels);
        assert_eq!(list.len(), 3, "{channels:?}");
        assert!(matches!(list[2].state(), State::Key));
        assert!(!list[2].has_card_side() && list[2].atr().is_none());
        assert_eq!(list[2].name(), "org.crescendo.reference-key");
        assert_eq!(list[2].id().map(str::len), Some(32), "its serial number");
        assert_eq!(list[2].why_not(Action::Certificates), Some(WhyNot::NoCardSide));
    }
}

#[test]
fn a_key_appears_at_once_and_is_asked_nothing_before_it_is_loaded() {
    let desk = Desk::new();
    let stranger = Stranger::new(HidDevice {
        path: "/dev/hidraw9".into(),
        vendor: 1,
        product: 1,
        usage_page: 1,
        usage: 6,
        serial: None,
        channel: None,
    });
    desk.keys.plug_stranger(&stranger);
    let list = desk.devices(&[]).list().unwrap();
    assert_eq!(list.len(), 3, "a keyboard is no device of ours");
    assert_eq!((list[2].name().as_str(), list[2].id()), ("Security key", None));
    assert!(matches!(list[2].state(), State::Unread));
}

#[test]
fn one_device_finds_its_other_side_by_itself() {
    let desk = Desk::new();
    let mut key = desk.devices(&[(KEY, desk.channel)]).select(Some(KEY)).unwrap();
    assert!(key.key_side().is_none());
    let info = key.info().unwrap();
    assert!(key.key_side().unwrap().is_updatable());
    assert!(info.offers.contains(&(Action::UpdateFirmware, None)));
    assert!(info.offers.contains(&(Action::Personalize, Some(WhyNot::NotFactory))));
}

#[test]
fn a_key_without_a_card_side_is_refused_where_a_card_is_needed() {
    let desk = Desk::new();
    let path = link::HidDevices::list(&desk.keys).unwrap()[0].path.clone();
    let refused = desk.devices(&[]).select(Some(&path)).err();
    assert!(matches!(refused, Some(Error::NoCardSide { wanted }) if wanted == path));
}
