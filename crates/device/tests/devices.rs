//! Devices over simulated readers: what is listed, what is found by which name, and what is shown.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crescendo_device::{
    Candidate, CardError, Device, Devices, Error, Format, KeyReference, Mark, PinState, State,
};
use piv::Environment;
use sim::{Personality, SimCard, SimClock, SimReaders, SimStore};

const KEY: &str = "HID Crescendo Key 00 00";
const PLAIN: &str = "Some Reader 01 00";

fn devices(readers: &SimReaders) -> Devices {
    Devices::new(
        Arc::new(readers.clone()),
        Environment::new(Arc::new(SimStore::default()), Arc::new(SimClock::default())),
    )
}

/// A Key V3 and a card of another make.
fn two() -> (SimReaders, SimCard, SimCard) {
    let (key, plain) = (SimCard::new(Personality::key_v3()), SimCard::new(Personality::piv()));
    let readers = SimReaders::with(KEY, &key);
    readers.put(PLAIN, &plain);
    (readers, key, plain)
}

fn one(personality: Personality) -> (SimReaders, SimCard, Device) {
    let card = SimCard::new(personality);
    let readers = SimReaders::with(KEY, &card);
    let device = devices(&readers).select(None).unwrap();
    (readers, card, device)
}

#[test]
fn each_appears_at_once_and_its_content_follows() {
    let (readers, key, plain) = two();
    readers.plug("Empty 02 00");
    let mut list = devices(&readers).list().unwrap();
    let names: Vec<_> = list.iter().map(Device::name).collect();
    assert_eq!(names, ["Crescendo C4000-KEY", "Some Reader", "Empty"]);
    assert!(matches!(list[0].state(), State::Unread));
    assert_eq!(list[0].id(), None);
    assert_eq!(key.counts().apdus + plain.counts().apdus, 0);

    assert!(matches!(list[0].load(), State::Recognised));
    assert!(matches!(list[1].load(), State::OtherPiv));
    assert!(matches!(list[2].load(), State::Empty));
    assert_eq!(list[0].id(), Some("47900503708900123456"), "as it is printed");
    assert_eq!(
        list[1].id(),
        Some("8007300051494D028A11000000000002"),
        "nothing is printed on it that it would tell"
    );
    assert_eq!(list[1].serial(), Some("8A11000000000002"));
    assert_eq!(list[2].id(), None);

    let before = key.counts();
    list[0].load();
    assert_eq!(key.counts(), before, "read once");
}

#[test]
fn a_crescendo_as_delivered_is_in_factory_state() {
    let (_, _, mut device) = one(Personality::blank_key_v3());
    assert!(matches!(device.load(), State::Factory));
    assert_eq!(device.id(), Some("47900503708900123456"));
    let info = device.info().unwrap();
    assert_eq!((info.serial, info.guid, info.keys.len()), (None, None, 0));
    assert!(device.certificates(SystemTime::now()).unwrap().is_empty());
}

#[test]
fn a_card_that_goes_is_unreadable_and_then_read_again() {
    let (readers, card, _) = two();
    let mut device = devices(&readers).select(Some(KEY)).unwrap();
    card.pull();
    assert!(matches!(device.load(), State::Unreadable(error) if error.is_removal()));
    card.insert();
    assert!(matches!(device.load(), State::Recognised));
    card.pull();
    card.insert();
    let certificates = |device: &mut Device| device.certificates(SystemTime::now());
    assert!(matches!(certificates(&mut device), Err(Error::Card(error)) if error.is_removal()));
    assert_eq!(certificates(&mut device).unwrap().len(), 4);
}

#[test]
fn found_by_id_name_label_and_reader() {
    let (readers, ..) = two();
    let devices = devices(&readers);
    let reader = |wanted: &str| devices.select(Some(wanted)).map(|device| device.reader().to_owned());
    let label = {
        let mut device = devices.select(Some(PLAIN)).unwrap();
        device.load();
        device.label().map(str::to_owned)
    };
    assert_eq!(reader(KEY).unwrap(), KEY);
    assert_eq!(reader("crescendo c4000-key").unwrap(), KEY);
    assert_eq!(reader("8a11000000000002").unwrap(), PLAIN);
    assert_eq!(reader("some reader").unwrap(), PLAIN);
    assert_eq!(reader("Key").unwrap(), KEY, "in part");
    assert_eq!(reader("0000002").unwrap(), PLAIN, "in part");
    assert!(label.is_some());
}

#[test]
fn what_is_named_is_found_without_disturbing_others() {
    let (readers, key, plain) = two();
    devices(&readers).select(Some(PLAIN)).unwrap().load();
    devices(&readers).select(Some("Some Reader")).unwrap();
    assert_eq!(key.counts().apdus, 0);
    plain.zero();
    devices(&readers).select(Some("Crescendo C4000-KEY")).unwrap().load();
    assert_eq!(plain.counts().apdus, 0);
}

#[test]
fn what_is_ambiguous_lists_the_candidates() {
    let (readers, ..) = two();
    let candidate = |name: &str, reader: &str, id: &str| Candidate {
        name: name.into(),
        id: Some(id.into()),
        reader: reader.into(),
    };
    let expected = [
        candidate("Crescendo C4000-KEY", KEY, "47900503708900123456"),
        candidate("Some Reader", PLAIN, "8007300051494D028A11000000000002"),
    ];
    for wanted in [None, Some("8A11")] {
        match devices(&readers).select(wanted) {
            Err(Error::Ambiguous { candidates }) => assert_eq!(candidates, expected),
            other => panic!("{:?}", other.map(|device| device.reader().to_owned())),
        }
    }
    match devices(&readers).select(Some("nobody")) {
        Err(Error::NoSuchDevice { wanted, candidates }) => {
            assert_eq!((wanted.as_str(), candidates.len()), ("nobody", 2));
        }
        other => panic!("{:?}", other.map(|device| device.reader().to_owned())),
    }
}

#[test]
fn nothing_to_select() {
    let readers = SimReaders::new();
    assert!(matches!(devices(&readers).select(None), Err(Error::NoReader)));
    readers.plug(KEY);
    assert!(matches!(devices(&readers).select(None), Err(Error::NoCard)));
    assert!(matches!(devices(&readers).select(Some(KEY)), Err(Error::Empty { reader }) if reader == KEY));
    assert!(matches!(devices(&readers).select(Some("x")), Err(Error::NoSuchDevice { .. })));
    readers.stop();
    assert!(matches!(devices(&readers).list(), Err(Error::Link(link::LinkError::NoService))));
}

#[test]
fn info_spends_no_try_and_does_not_log_in() {
    let (_, card, mut device) = one(Personality { retired: 2, ..Personality::key_v3() });
    let tries = card.tries();
    let info = device.info().unwrap();
    assert_eq!((card.tries(), card.verified()), (tries, false));
    assert_eq!(info.pin, PinState::Tries(tries.pin));
    assert_eq!(info.family.as_deref(), Some("C4000-KEY"));
    assert_eq!(info.guid.unwrap()[..4], [0xC4, 0x00, 0x0C, 0x4E]);
    assert!(info.expiry.is_some());
    let keys: Vec<_> = info.keys.iter().map(|key| key.reference.to_string()).collect();
    assert_eq!(keys, ["9A", "9C", "9D", "9E", "82", "83"]);
    assert!(info.keys.iter().all(|key| key.algorithm.is_ok()));
}

#[test]
fn a_blocked_pin_is_told() {
    let (_, card, mut device) = one(Personality::key_v3());
    card.block_pin();
    assert_eq!(device.info().unwrap().pin, PinState::Blocked);
}

#[test]
fn certificates_with_marks() {
    let (_, _, mut device) = one(Personality::key_v3());
    let end = {
        let entries = device.certificates(SystemTime::now()).unwrap();
        assert_eq!(entries.len(), 4);
        let first = entries[0].certificate.as_ref().unwrap();
        assert_eq!(entries[0].key, KeyReference::PIV_AUTHENTICATION);
        assert!(first.subject.contains("CN="), "{}", first.subject);
        assert!(!first.issuer.is_empty() && !first.serial.is_empty());
        assert!(matches!(first.algorithm.as_str(), "RSA-2048" | "P-256"));
        first.validity.not_after.to_system_time()
    };
    let mut mark = |now| device.certificates(now).unwrap()[0].certificate.as_ref().unwrap().mark;
    assert_eq!(mark(end - Duration::from_secs(31 * 86400)), None);
    assert_eq!(mark(end - Duration::from_secs(86400)), Some(Mark::ExpiresWithinMonth));
    assert_eq!(mark(end + Duration::from_secs(1)), Some(Mark::Expired));
    assert_eq!(mark(SystemTime::UNIX_EPOCH), Some(Mark::NotYetValid));
}

#[test]
fn a_certificate_that_cannot_be_read_hides_no_other() {
    let (_, card, mut device) = one(Personality::key_v3());
    card.set_object(0x5F_C10A, Some(vec![0x53, 0x06, 0x70, 0x02, 0x30, 0x00, 0xFE, 0x00]));
    let entries = device.certificates(SystemTime::now()).unwrap();
    assert_eq!(entries.len(), 4);
    assert!(matches!(entries[1].certificate, Err(CardError::Malformed(_))));
    assert!(entries[2].certificate.is_ok());
}

#[test]
fn export() {
    let (_, card, mut device) = one(Personality::key_v3());
    let der = device.export(KeyReference::PIV_AUTHENTICATION, Format::Der).unwrap();
    let stored = card.object(0x5F_C105).unwrap();
    assert!(stored.windows(der.len()).any(|part| part == der));
    let pem =
        String::from_utf8(device.export(KeyReference::PIV_AUTHENTICATION, Format::Pem).unwrap()).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && pem.ends_with("-----END CERTIFICATE-----\n"));
    let retired = KeyReference::retired(1).unwrap();
    assert!(matches!(device.export(retired, Format::Pem), Err(Error::NoCertificate(key)) if key == retired));
}
