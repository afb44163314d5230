//! The device ID, and what is remembered of a card: the number printed on it, and that it is managed.

use std::sync::Arc;

use crescendo_device::{Action, Cache, CardError, Device, Devices, Environment, Error, RecycleRight, WhyNot};
use piv::Pin;
use sim::{Interface, Personality, SimCard, SimClock, SimReaders, SimStore};

const READER: &str = "Reader 00 00";
const PRINTED: &str = "47900503708900123456";
const GUID: &str = "C4000C4E5CE44D018A11000000000001";

struct Desk {
    card: SimCard,
    readers: SimReaders,
    store: SimStore,
}

impl Desk {
    fn new(personality: Personality) -> Self {
        let card = SimCard::new(personality);
        let readers = SimReaders::with(READER, &card);
        Self { card, readers, store: SimStore::default() }
    }

    fn device(&self) -> Device {
        let environment = Environment::new(Arc::new(self.store.clone()), Arc::new(SimClock::default()));
        let devices = Devices::new(Arc::new(self.readers.clone()), environment);
        devices.select(None).unwrap()
    }

    fn id(&self) -> String {
        let mut device = self.device();
        device.load();
        device.id().unwrap().to_owned()
    }

    /// As another program does.
    fn log_in(&self) -> Device {
        let mut other = self.device();
        other.authenticate(&Pin::new(b"123456").ok().unwrap()).unwrap();
        other
    }
}

#[test]
fn what_is_printed_is_asked_for_once_and_remembered() {
    let desk = Desk::new(Personality::key_v3());
    assert_eq!(desk.id(), PRINTED);
    desk.card.zero();
    assert_eq!(desk.id(), PRINTED);
    let selected: Vec<_> = desk.card.wire().iter().map(|apdu| apdu.command.to_vec()).collect();
    let manager = [0x00, 0xA4, 0x04, 0x00, 0x07, 0xA0, 0x00, 0x00, 0x01, 0x51];
    assert!(!selected.iter().any(|apdu| apdu.starts_with(&manager)), "not asked again");
}

#[test]
fn nobody_is_logged_out_for_it() {
    let desk = Desk::new(Personality::key_v3());
    let other = desk.log_in();
    desk.store.clear();
    assert_eq!(desk.id(), GUID, "until it can be asked");
    assert!(desk.card.verified());
    drop(other);
    desk.card.power_on();
    assert_eq!(desk.id(), PRINTED);
    let other = desk.log_in();
    assert_eq!(desk.id(), PRINTED, "remembered");
    assert!(desk.card.verified());
    drop(other);
}

#[test]
fn a_number_that_is_not_printed_is_the_chips() {
    let desk = Desk::new(Personality { hex_cplc: true, ..Personality::key_v3() });
    assert_eq!(desk.id(), "4790D321708900123456");
}

#[test]
fn what_is_remembered_of_a_guid_is_not_told_of_whoever_says_it_over_the_air() {
    let desk = Desk::new(Personality::key_v3());
    assert_eq!(desk.id(), PRINTED);
    desk.card.set_interface(Interface::Contactless);
    assert_eq!(desk.id(), GUID);
}

#[test]
fn clearing_the_cache_forgets_it_and_reloading_reads_all_again() {
    let desk = Desk::new(Personality::key_v3());
    let mut device = desk.device();
    device.load();
    assert_eq!((device.id(), device.label()), (Some(PRINTED), Some("Crescendo Test Holder")));
    let cache = Cache::new(Arc::new(desk.store.clone()));
    desk.card.set_object(0x5F_C105, None);
    assert!(cache.clear(device.guid().unwrap().unwrap()));
    device.reload();
    assert_eq!((device.id(), device.label()), (Some(PRINTED), None), "the label it had is gone");
}

#[test]
fn that_a_device_is_managed_is_remembered_once_a_right_pin_was_refused() {
    let desk = Desk::new(Personality { managed: true, oath: true, ..Personality::c2300_key() });
    let mut device = desk.device();
    device.load();
    assert_eq!(device.why_not(Action::Recycle), None, "nobody knows yet");
    let pin = Pin::new(b"123456").ok().unwrap();
    assert!(matches!(device.delete_otp(1, &pin, true), Err(Error::Card(CardError::Managed))));
    assert_eq!(device.why_not(Action::Recycle), Some(WhyNot::Managed));
    let mut again = desk.device();
    again.load();
    assert_eq!(again.why_not(Action::ChangeCertificates), Some(WhyNot::Managed), "by another process, too");
}

#[test]
fn what_a_crescendo_tells_beside_piv() {
    let desk = Desk::new(Personality::key_v3());
    let overview = desk.device().info().unwrap().overview.unwrap();
    let found: Vec<_> = overview
        .applications
        .iter()
        .filter(|application| application.found)
        .map(|application| (application.name.as_str(), application.version.as_deref()))
        .collect();
    let expected = [
        ("PIV", Some("4.0.0.1.2")),
        ("access control (ACA)", Some("4.0.0.1.2")),
        ("card manager", None),
        ("FIDO", None),
    ];
    assert_eq!(found, expected);
    let policy = overview.pin_policy.unwrap();
    assert_eq!((policy.min, policy.max, policy.digits), (6, 8, true));
    assert!(overview.free_memory.is_some_and(|free| free > 0) && overview.properties.is_some());
    assert!(!desk.card.verified());
    assert_eq!(desk.card.tries().pin, 6);

    let other = desk.log_in();
    assert!(desk.device().info().unwrap().overview.is_none(), "somebody is logged in");
    assert!(desk.card.verified());
    drop(other);
}

#[test]
fn a_card_of_another_make_is_sent_nothing_but_select() {
    let desk = Desk::new(Personality::piv());
    assert!(desk.device().info().unwrap().overview.is_none());
    let mut device = desk.device();
    device.load();
    desk.card.zero();
    let overview = device.look_around().unwrap().unwrap();
    assert!(overview.applications[0].found && overview.pin_policy.is_none());
    let strange = |apdu: &[u8]| !matches!(apdu, [0x00, 0xA4, ..] | [0x00, 0x20, 0x00, 0x80]);
    let sent: Vec<_> = desk.card.wire().iter().map(|apdu| apdu.command.to_vec()).collect();
    assert!(!sent.iter().any(|apdu| strange(apdu)), "{sent:02X?}");
}

/// What a person agreed to was about the card that was there, and so was the PIN.
#[test]
fn a_device_does_not_become_another_card() {
    let desk = Desk::new(Personality::key_v3());
    let other = SimCard::new(Personality { guid: [0x33; 16], ..Personality::key_v3() });
    let mut device = desk.device();
    let way = device.recycling(false).unwrap();
    assert_eq!(device.what_is_lost().unwrap().certificates.len(), 4);
    desk.readers.put(READER, &other);
    other.zero();
    let pin = Pin::new(b"654321").ok().unwrap();
    let right = RecycleRight::Pin(&pin);
    for _ in 0..2 {
        let gone = device.recycle(way, &right);
        assert!(matches!(&gone, Err(Error::Card(error)) if error.is_removal()), "{gone:?}");
        let gone = device.verify_pin(&pin);
        assert!(matches!(&gone, Err(Error::Card(error)) if error.is_removal()), "{gone:?}");
        assert!(device.recycling(false).is_err());
    }
    assert_eq!((other.counts().verifies, other.tries().pin), (0, 6));

    desk.readers.put(READER, &desk.card);
    assert!(device.recycling(false).is_ok(), "it is the one again");
    desk.readers.put(READER, &other);
    device.reload();
    assert!(matches!(device.verify_pin(&pin), Err(Error::Card(CardError::WrongPin { retries: 5 }))));
}
