//! The two sides of one key: a reader and a HID device that are the same thing are one device, and others are not.

use std::{collections::HashMap, sync::Arc, time::Duration};

use crescendo_device::{
    Action, Device, Devices, Environment, Error, State, WhyNot,
    firmware::{self, Allow, FirmwareError, Flow, Keys, SignedImage, Step, Updated, trust},
    join,
};
use link::{Card, Clock, HidDevice, LinkError, Reader, Readers, Transaction};
use sim::{
    Personality, SimCard, SimClock, SimKey, SimKeys, SimReaders, SimStore,
    key::{Draft, Profile, Stranger, TestKey, Version},
};

const KEY: &str = "HID Crescendo Key 00 00";
const OTHER: &str = "Some Reader 01 00";

/// Readers that are plugged in somewhere.
#[derive(Clone)]
struct Plugged {
    readers: SimReaders,
    channels: HashMap<&'static str, u32>,
    /// The reader [`KEY`] is in this one.
    inside: Option<SimKey>,
}

impl Readers for Plugged {
    fn list(&self) -> Result<Vec<Reader>, LinkError> {
        self.readers.list()
    }

    fn connect(&self, name: &str) -> Result<Box<dyn Card>, LinkError> {
        let card = self.readers.connect(name)?;
        let inside = self.inside.as_ref().filter(|_| name == KEY).and_then(SimKey::device);
        let channel = inside.map_or_else(|| self.channels.get(name).copied(), |device| device.channel);
        Ok(Box::new(PluggedCard { card, channel }))
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
    key: SimKey,
    /// Of the HID device that was plugged in first.
    channel: u32,
}

impl Desk {
    /// A key as a card, a card of another make, and a key as a HID device.
    fn new() -> Self {
        let clock = SimClock::default();
        let key = SimKey::new(&clock, Profile::reference(1));
        let keys = SimKeys::with(&clock, &key);
        let readers = SimReaders::with(KEY, &SimCard::new(Personality::key_v3()));
        readers.put(OTHER, &SimCard::new(Personality::piv()));
        let channel = link::HidDevices::list(&keys).unwrap()[0].channel.unwrap();
        Self { clock, readers, keys, key, channel }
    }

    fn devices(&self, channels: &[(&'static str, u32)]) -> Devices {
        let channels = channels.iter().copied().collect();
        self.devices_in(Plugged { readers: self.readers.clone(), channels, inside: None })
    }

    fn devices_in(&self, readers: Plugged) -> Devices {
        let environment = Environment::new(Arc::new(SimStore::default()), Arc::new(self.clock.clone()));
        Devices::new(Arc::new(readers), environment).with_keys(Arc::new(self.keys.clone()))
    }

    /// The card that is in the key, wherever that is on the bus.
    fn card_in_key(&self) -> Device {
        let inside = Some(self.key.clone());
        let readers = Plugged { readers: self.readers.clone(), channels: HashMap::new(), inside };
        self.devices_in(readers).select(Some(KEY)).unwrap()
    }

    /// The keys, where this happens whenever something is waited for.
    fn security_keys(&self, meanwhile: impl Fn() + 'static) -> Keys {
        let clock = self.clock.clone();
        let pause = move |time: Duration| {
            clock.pass(time);
            meanwhile();
        };
        let (store, clock) = (SimStore::default(), self.clock.clone());
        Keys::new(Arc::new(self.keys.clone()), Arc::new(store), Arc::new(clock), Box::new(pause))
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

fn image(model: &str) -> SignedImage {
    let keys = [("vendor.pem".to_owned(), TestKey::VENDOR.public_pem())];
    let draft = Draft::new(Version::new(2, 0, 0, 0)).model(model);
    SignedImage::check(draft.build(), &trust(&keys, &[], 1).unwrap()).unwrap()
}

fn updated(device: &mut Device, keys: &Keys) -> Result<Updated, firmware::Error> {
    device.update_firmware(keys, image(sim::key::MODEL), Allow::default(), &mut |_| Flow::Continue)
}

#[test]
fn the_key_side_of_a_device_is_updated_and_no_other_key() {
    let desk = Desk::new();
    let other = SimKey::new(&desk.clock, Profile::reference(2));
    desk.keys.plug(&other);
    let mut device = desk.card_in_key();
    let done = updated(&mut device, &desk.security_keys(|| {})).unwrap();
    assert_eq!(done.serial.0, Profile::reference(1).serial);
    let (new, old) = (Version::new(2, 0, 0, 0), Version::new(1, 0, 0, 0));
    assert_eq!((desk.key.running(), other.running()), (Some(new), Some(old)));
    assert!(matches!(device.state(), State::Recognised));
    let side = device.key_side().unwrap();
    assert_eq!(
        side.device.channel,
        desk.key.device().unwrap().channel,
        "it has another place on the bus now"
    );
    assert!(
        matches!(&side.firmware, Some(firmware::Firmware::Updatable(info)) if info.version == done.version)
    );
    assert!(matches!(
        updated(&mut device, &desk.security_keys(|| {})),
        Err(firmware::Error::Firmware(FirmwareError::SameVersion(_)))
    ));
}

#[test]
fn after_an_update_the_card_is_waited_for() {
    let desk = Desk::new();
    let mut device = desk.card_in_key();
    let (clock, readers, begun) = (desk.clock.clone(), desk.readers.clone(), desk.clock.now());
    let keys = desk.security_keys(move || {
        if clock.now() > begun + Duration::from_secs(5) {
            readers.insert(KEY);
        }
    });
    let mut steps = Vec::new();
    let done = device.update_firmware(&keys, image(sim::key::MODEL), Allow::default(), &mut |step| {
        if step == Step::Detaching {
            desk.readers.pull(KEY);
        }
        steps.push(step);
        Flow::Continue
    });
    done.unwrap();
    assert!(matches!(device.state(), State::Recognised), "{:?}", device.state());
    assert_eq!(steps.last(), Some(&Step::Attaching), "it is told that something is waited for");
    assert!(device.key_side().is_some());
}

#[test]
fn a_card_that_does_not_come_back_is_given_up() {
    let desk = Desk::new();
    let mut device = desk.card_in_key();
    let begun = desk.clock.now();
    let done = device.update_firmware(
        &desk.security_keys(|| {}),
        image(sim::key::MODEL),
        Allow::default(),
        &mut |step| {
            if step == Step::Detaching {
                desk.readers.pull(KEY);
            }
            Flow::Continue
        },
    );
    assert!(done.is_ok() && desk.key.is_confirmed());
    assert!(!device.is_piv(), "{:?}", device.state());
    assert!(desk.clock.now() - begun < Duration::from_secs(15));
}

#[test]
fn a_device_without_a_key_side_of_its_own_has_no_key_updated() {
    let desk = Desk::new();
    let mut device = desk.devices(&[]).select(Some(KEY)).unwrap();
    let error = updated(&mut device, &desk.security_keys(|| {})).unwrap_err();
    assert!(matches!(error, firmware::Error::NoKeySide), "{error}");
    assert_eq!(desk.key.counts().of(0x61), 0);
    desk.key.set_quirks(&[sim::key::Quirk::Denied]);
    let mut device = desk.card_in_key();
    assert!(matches!(updated(&mut device, &desk.security_keys(|| {})), Err(firmware::Error::Silent(_))));
}

#[test]
fn an_image_for_another_model_leaves_the_device_as_it_was() {
    let desk = Desk::new();
    let mut device = desk.card_in_key();
    let other = image("org.crescendo.other");
    let refused = device.update_firmware(&desk.security_keys(|| {}), other, Allow::default(), &mut |_| {
        panic!("nothing is done")
    });
    assert!(matches!(refused, Err(firmware::Error::Firmware(FirmwareError::WrongModel { .. }))));
    assert!(matches!(device.state(), State::Recognised) && device.key_side().is_some());
    assert_eq!(desk.key.counts().of(0x61), 0);
}
