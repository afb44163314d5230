//! What cards in readers say of their FIDO firmware, and that nobody is logged out by the question.

#![forbid(unsafe_code)]

use std::sync::Arc;

use crescendo_device::firmware::{Card, Firmware, cards};
use crescendo_device::{Devices, Environment, Error};
use link::{LinkError, Readers};
use sim::{Faults, Interface, Personality, SimCard, SimClock, SimReaders, SimStore, What};

const KEY: &str = "HID Crescendo Key 00 00";
const PLAIN: &str = "Some Reader 01 00";
const SELECT_PIV: &[u8] = b"\x00\xA4\x04\x00\x0B\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00\x00";
const VERIFY: &[u8] = b"\x00\x20\x00\x80\x08123456\xFF\xFF";
const SELECT_FIDO: &[u8] = b"\x00\xA4\x04\x00\x08\xA0\x00\x00\x06";

fn devices(readers: &SimReaders) -> Devices {
    let environment = Environment::new(Arc::new(SimStore::default()), Arc::new(SimClock::default()));
    Devices::new(Arc::new(readers.clone()), environment)
}

fn listed(readers: &SimReaders) -> Vec<Card> {
    cards(&devices(readers), None).unwrap()
}

/// Another program logs in, and stays.
fn log_in(readers: &SimReaders, reader: &str) -> Box<dyn link::Card> {
    let mut other = readers.connect(reader).unwrap();
    let mut transaction = other.begin().unwrap();
    transaction.link.transmit(SELECT_PIV).unwrap();
    assert_eq!(transaction.link.transmit(VERIFY).unwrap(), [0x90, 0x00]);
    drop(transaction);
    other
}

fn why(card: &Card) -> &str {
    let Firmware::Silent(why) = &card.firmware else { panic!("{card:?}") };
    why
}

fn was_asked(card: &SimCard) -> bool {
    card.wire().iter().any(|one| one.command.starts_with(SELECT_FIDO))
}

#[test]
fn a_card_with_fido_is_listed_and_one_without_is_not() {
    let key = SimCard::new(Personality::key_v3());
    let readers = SimReaders::with(KEY, &key);
    readers.put(PLAIN, &SimCard::new(Personality::piv()));
    readers.plug("Empty 02 00");
    let list = listed(&readers);
    let [Card { name, id, reader, firmware }] = &list[..] else { panic!("{list:?}") };
    assert_eq!((name.as_str(), reader.as_str()), ("Crescendo C4000-KEY", KEY));
    assert_eq!(id.as_deref(), Some("47900503708900123456"));
    let Firmware::NotSupported { aaguid, version, fido } = firmware else { panic!("{firmware:?}") };
    assert_eq!(aaguid.to_string(), "7991798a-a7f3-487f-98c0-3faf7a458a04");
    assert_eq!((*version, fido.len()), (Some(0x0004_0100), 2));
}

#[test]
fn four_apdus_more_than_telling_what_the_device_is() {
    let key = SimCard::new(Personality::key_v3());
    let readers = SimReaders::with(KEY, &key);
    devices(&readers).list().unwrap()[0].load();
    let load = key.counts().apdus;
    key.zero();
    listed(&readers);
    assert_eq!(key.counts().apdus, load + 4);
}

#[test]
fn whoever_is_logged_in_stays_so() {
    let key = SimCard::new(Personality::key_v3());
    let readers = SimReaders::with(KEY, &key);
    let other = log_in(&readers, KEY);
    let list = listed(&readers);
    assert!(why(&list[0]).contains("somebody is logged in and would be"), "{list:?}");
    assert!(key.verified() && !was_asked(&key));
    drop(other);
    key.reset();
    assert!(matches!(listed(&readers)[0].firmware, Firmware::NotSupported { .. }));
}

/// The login comes when the device has been looked at and before the FIDO application is asked.
#[test]
fn a_login_at_the_last_moment_is_noticed_too() {
    let key = SimCard::new(Personality::key_v3());
    let readers = SimReaders::with(KEY, &key);
    devices(&readers).list().unwrap()[0].load();
    let load = u32::try_from(key.counts().apdus).unwrap();
    for answer in [0x9000, 0x6A81] {
        key.zero();
        key.set_faults(Faults::at(load + 2, What::Status(answer)));
        let list = listed(&readers);
        assert!(why(&list[0]).starts_with("it was not asked, because "), "{list:?}");
        assert!(!was_asked(&key));
    }
}

/// Over contactless VERIFY is for secure messaging alone.
#[test]
fn a_card_that_does_not_tell_who_is_logged_in_is_not_asked() {
    for personality in [Personality::key_v3(), Personality { fido: true, ..Personality::piv_dual() }] {
        let card = SimCard::new(personality);
        let readers = SimReaders::new();
        readers.plug_for(PLAIN, Interface::Contactless);
        readers.put(PLAIN, &card);
        let list = listed(&readers);
        assert!(why(&list[0]).contains("does not tell whether somebody is logged in"), "{list:?}");
        assert!(!was_asked(&card));
    }
}

#[test]
fn what_is_named_is_found_and_nothing_else_is_asked() {
    let (key, plain) =
        (SimCard::new(Personality::key_v3()), SimCard::new(Personality { fido: true, ..Personality::piv() }));
    let readers = SimReaders::with(KEY, &key);
    readers.put(PLAIN, &plain);
    for wanted in ["some reader", "8a11000000000002", "000002"] {
        let list = cards(&devices(&readers), Some(wanted)).unwrap();
        let found: Vec<_> = list.iter().map(|card| card.reader.as_str()).collect();
        assert_eq!(found, [PLAIN], "{wanted}");
    }
    assert!(!was_asked(&key) && was_asked(&plain));
    assert!(cards(&devices(&readers), Some("nobody")).unwrap().is_empty());
}

#[test]
fn what_goes_wrong_is_told_and_the_others_are_listed_all_the_same() {
    let (key, plain) =
        (SimCard::new(Personality::key_v3()), SimCard::new(Personality { fido: true, ..Personality::piv() }));
    let readers = SimReaders::with(KEY, &key);
    readers.put(PLAIN, &plain);
    key.set_get_info(Some(vec![0x00, 0xA0]));
    let list = listed(&readers);
    assert!(why(&list[0]).contains("cannot be read"), "{list:?}");
    assert!(matches!(list[1].firmware, Firmware::NotSupported { .. }));
    key.set_get_info(Some(vec![0x7F]));
    assert!(why(&listed(&readers)[0]).contains("CTAP status 7F"));
    key.set_busy(100);
    assert_eq!(listed(&readers).len(), 2);
}

#[test]
fn without_a_reader_service_there_are_no_cards() {
    let readers = SimReaders::new();
    assert!(listed(&readers).is_empty());
    readers.stop();
    assert!(listed(&readers).is_empty());
    assert!(matches!(devices(&readers).list(), Err(Error::Link(LinkError::NoService))));
}
