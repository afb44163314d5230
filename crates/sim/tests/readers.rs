//! Readers in one process: events, removal, resets, waiting, and faults at a given APDU.

mod common;

use std::time::{Duration, Instant};

use common::{SELECT_PIV, VERIFY_123456, bytes};
use crescendo_sim::{Fault, Faults, Personality, SimCard, SimReaders, What};
use link::{LinkError, Readers};

const NAME: &str = "Virtual Reader 0";

fn setup() -> (SimReaders, SimCard) {
    let card = SimCard::new(Personality::key_v3());
    (SimReaders::with(NAME, &card), card)
}

fn events(readers: &SimReaders) -> u32 {
    readers.list().unwrap()[0].events
}

#[test]
fn every_insertion_and_removal_is_one_event() {
    let card = SimCard::new(Personality::key_v3());
    let readers = SimReaders::new();
    assert!(readers.list().unwrap().is_empty());
    readers.plug(NAME);
    assert_eq!((events(&readers), readers.list().unwrap()[0].atr.clone()), (0, None));
    readers.put(NAME, &card);
    assert_eq!(events(&readers), 1);
    card.pull();
    assert_eq!(events(&readers), 2);
    card.pull();
    assert_eq!(events(&readers), 2);
    readers.insert(NAME);
    assert_eq!(events(&readers), 3);
    assert_eq!(readers.list().unwrap()[0].atr.as_deref(), Some(card.atr()));
    // Another card instead: the first goes, the second comes.
    readers.put(NAME, &SimCard::new(Personality::piv()));
    assert_eq!(events(&readers), 5);
    assert!(!card.is_present());
}

#[test]
fn a_card_is_in_one_reader_only() {
    let (readers, card) = setup();
    let before = events(&readers);
    readers.put("Virtual Reader 1", &card);
    let [one, two] = &readers.list().unwrap()[..] else { panic!("two readers") };
    assert_eq!((one.events, one.atr.is_none()), (before + 1, true));
    assert_eq!((two.events, two.atr.is_some()), (1, true));
}

#[test]
fn an_old_connection_stays_removed() {
    let (readers, card) = setup();
    let mut connection = readers.connect(NAME).unwrap();
    connection.begin().unwrap();
    card.pull();
    assert!(matches!(connection.begin(), Err(LinkError::Removed)));
    card.insert();
    assert!(matches!(connection.begin(), Err(LinkError::Removed)));
    assert!(matches!(connection.alone(), Err(LinkError::Removed)));
    readers.connect(NAME).unwrap().begin().unwrap();
}

#[test]
fn unplugging_the_reader_removes_the_card() {
    let (readers, _card) = setup();
    let mut connection = readers.connect(NAME).unwrap();
    readers.unplug(NAME);
    assert!(readers.list().unwrap().is_empty());
    assert!(matches!(connection.begin(), Err(LinkError::Removed)));
    assert!(matches!(readers.connect(NAME), Err(LinkError::NoCard)));
}

#[test]
fn a_reset_by_another_program_is_told_once() {
    let (readers, card) = setup();
    let mut connection = readers.connect(NAME).unwrap();
    assert!(!connection.begin().unwrap().was_reset);
    card.reset();
    assert!(connection.begin().unwrap().was_reset);
    assert!(!connection.begin().unwrap().was_reset);
}

#[test]
fn a_reset_within_a_transaction_ends_it() {
    let (readers, card) = setup();
    let mut connection = readers.connect(NAME).unwrap();
    let mut transaction = connection.begin().unwrap();
    transaction.link.transmit(&bytes(SELECT_PIV)).unwrap();
    card.set_faults(Faults::at(1, What::Reset));
    for _ in 0..2 {
        assert!(matches!(transaction.link.transmit(&bytes(VERIFY_123456)), Err(LinkError::Reset)));
    }
    drop(transaction);
    assert!(connection.begin().unwrap().was_reset);
}

#[test]
fn every_fault_at_every_apdu() {
    let session = [SELECT_PIV, VERIFY_123456, "00CB3FFF055C035FC10200"];
    let aca = bytes("A0000000791000");
    for at in 1..=session.len() {
        for what in [
            What::Pull,
            What::LoseAnswer,
            What::Reset,
            What::ForeignSelect(aca.clone()),
            What::Garbage,
            What::Truncated,
            What::Oversized,
            What::Status(0x6F00),
        ] {
            let (readers, card) = setup();
            let mut connection = readers.connect(NAME).unwrap();
            let mut transaction = connection.begin().unwrap();
            card.set_faults(Faults::at(at as u32, what.clone()));
            let answers = session.map(|apdu| transaction.link.transmit(&bytes(apdu)));
            assert!(answers[..at - 1].iter().all(Result::is_ok), "{what:?} at {at}");
            let hit = &answers[at - 1];
            match what {
                What::Pull | What::LoseAnswer => assert!(matches!(hit, Err(LinkError::Removed))),
                What::Reset => assert!(matches!(hit, Err(LinkError::Reset))),
                What::Status(_) => assert_eq!(hit.as_ref().unwrap(), &[0x6F, 0x00]),
                What::Oversized => assert!(hit.as_ref().unwrap().len() > 4096),
                What::ForeignSelect(_) if at > 1 => assert_eq!(hit.as_ref().unwrap(), &[0x6D, 0x00]),
                _ => assert!(hit.as_ref().unwrap().len() >= 2),
            }
        }
    }
}

#[test]
fn a_lost_answer_has_had_its_effect() {
    let (_, card) = setup();
    card.transmit(&bytes(SELECT_PIV));
    card.set_faults(Faults(vec![Fault { at: 1, what: What::LoseAnswer }]));
    assert!(card.transmit(&bytes("0020008008393939393939FFFF")).is_empty());
    assert_eq!(card.tries().pin, 5);
    card.insert();
    card.transmit(&bytes(SELECT_PIV));
    card.set_faults(Faults::at(1, What::Pull));
    assert!(card.transmit(&bytes("0020008008393939393939FFFF")).is_empty());
    assert_eq!(card.tries().pin, 5);
}

#[test]
fn busy_as_often_as_asked_and_alone_unless_told() {
    let (readers, card) = setup();
    card.set_busy(2);
    for _ in 0..2 {
        assert!(matches!(readers.connect(NAME), Err(LinkError::Busy)));
    }
    let mut connection = readers.connect(NAME).unwrap();
    assert!(connection.alone().unwrap());
    card.set_others(true);
    assert!(!connection.alone().unwrap());
}

#[test]
fn no_service() {
    let (readers, _card) = setup();
    let mut connection = readers.connect(NAME).unwrap();
    readers.stop();
    assert!(matches!(readers.list(), Err(LinkError::NoService)));
    assert!(matches!(readers.connect(NAME), Err(LinkError::NoService)));
    assert!(matches!(connection.begin(), Err(LinkError::NoService)));
    readers.start();
    connection.begin().unwrap();
}

#[test]
fn waiting_ends_with_a_change_a_limit_or_a_cancel() {
    let (readers, card) = setup();
    let known = readers.list().unwrap();
    assert_eq!(readers.wait(&known, Some(Duration::from_millis(20))).unwrap(), known);

    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(30));
            card.pull();
        });
        assert_ne!(readers.wait(&known, None).unwrap(), known);
    });
    let known = readers.list().unwrap();
    std::thread::scope(|scope| {
        let waiting = [(); 2].map(|()| scope.spawn(|| readers.wait(&known, None)));
        // A cancel ends the waits in progress and none that begin later, so it is repeated until both are over.
        while !waiting.iter().all(|waiting| waiting.is_finished()) {
            readers.cancel();
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_fault_that_pulls_wakes_who_waits() {
    let (readers, card) = setup();
    let known = readers.list().unwrap();
    card.set_faults(Faults::at(1, What::Pull));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| readers.wait(&known, Some(Duration::from_secs(10))).unwrap());
        std::thread::sleep(Duration::from_millis(30));
        card.transmit(&bytes(SELECT_PIV));
        assert_eq!(waiting.join().unwrap()[0].atr, None);
    });
}

#[test]
fn a_transaction_keeps_others_out() {
    let (readers, card) = setup();
    let (mut one, mut two) = (readers.connect(NAME).unwrap(), readers.connect(NAME).unwrap());
    let held = one.begin().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || two.begin().map(|_| ()));
        std::thread::sleep(Duration::from_millis(30));
        assert!(!waiting.is_finished());
        drop(held);
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(card.counts().apdus, 0);
}

#[test]
fn counts_are_of_apdus_and_bytes_both_ways() {
    let (_, card) = setup();
    let answer = card.transmit(&bytes(SELECT_PIV));
    assert_eq!((card.counts().apdus, card.counts().bytes), (1, 17 + answer.len() as u64));
    card.zero();
    assert_eq!(card.counts().apdus, 0);
}

#[test]
fn two_tokens_differ_in_nothing_but_what_was_asked() {
    let one = SimCard::new(Personality::key_v3());
    let two = SimCard::new(Personality { guid: [7; 16], ..Personality::key_v3() });
    assert_ne!(one.object(0x5FC102), two.object(0x5FC102));
    assert_eq!(one.object(0x5FC105), two.object(0x5FC105));
}
