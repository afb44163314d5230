//! Several devices at once, and devices that do not do what the protocol says (update protocol, part 2).

mod terminal;

use std::io;
use std::time::Duration;

use crescendo_sim::key::{Mode, Profile, Quirk, Stranger, What};
use crescendo_sim::{SimClock, SimKey, SimKeys};
use link::{Clock, HidDevices, LinkError};
use terminal::*;

fn two() -> (SimClock, SimKeys, SimKey, SimKey) {
    let clock = SimClock::default();
    let (one, two) = (SimKey::new(&clock, Profile::reference(1)), SimKey::new(&clock, Profile::reference(2)));
    let keys = SimKeys::with(&clock, &one);
    keys.plug(&two);
    (clock, keys, one, two)
}

#[test]
fn two_keys_are_updated_side_by_side() {
    let (clock, keys, one, two) = two();
    let file = new_firmware(20_000);
    let labs = [one, two].map(|key| Lab { clock: clock.clone(), keys: keys.clone(), key });
    let listed = keys.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert_ne!((&listed[0].path, &listed[0].serial), (&listed[1].path, &listed[1].serial));
    assert_ne!(listed[0].channel, listed[1].channel);
    let mut terminals = labs.each_ref().map(|lab| lab.update_mode(&file).unwrap());
    for (terminal, last) in terminals.iter_mut().zip([1, 2]) {
        assert_eq!(terminal.info().unwrap().serial[15], last);
        terminal.begin(&file).unwrap();
    }
    for (at, block) in (0u32..).step_by(4096).zip(file.chunks(4096)) {
        for terminal in &mut terminals {
            terminal.write_block(at, block).unwrap();
        }
    }
    for (terminal, lab) in terminals.iter_mut().zip(&labs) {
        assert_eq!(terminal.call(FINISH, &[]), Ok(vec![]));
        lab.install(&file, NEW).unwrap();
        assert_eq!(lab.key.good(), Some(NEW));
    }
}

#[test]
fn a_key_that_is_pulled_takes_its_links_along() {
    let (clock, keys, one, two) = two();
    let lab = Lab { clock, keys: keys.clone(), key: one.clone() };
    let mut terminal = lab.open().unwrap();
    let path = one.device().unwrap().path;
    keys.unplug(&one);
    assert_eq!(keys.list().unwrap(), [two.device().unwrap()]);
    assert!(matches!(keys.open(&path), Err(LinkError::Removed)));
    assert_eq!(terminal.call(PING, b""), Err(No::Link));
    keys.plug(&one);
    assert_ne!(one.device().unwrap().path, path);
    assert_eq!(terminal.call(PING, b""), Err(No::Link), "an old link stays dead");
    assert_eq!(keys.list().unwrap().len(), 2);
}

#[test]
fn a_stranger_counts_what_is_sent_to_it() {
    let (_clock, keys, _one, _two) = two();
    let stranger = Stranger::in_update_mode();
    keys.plug_stranger(&stranger);
    let listed = keys.list().unwrap();
    let device = listed.iter().find(|device| device.usage_page == 0xFFC0).unwrap();
    assert_eq!(stranger.reports(), 0, "being listed is no report");
    let mut link = keys.open(&device.path).unwrap();
    link.write(&[0; 64]).unwrap();
    assert_eq!(stranger.reports(), 1);
    assert!(!link.read(&mut [0; 64], Duration::from_secs(1)).unwrap());
}

#[test]
fn the_same_serial_twice_can_be_had() {
    let clock = SimClock::default();
    let keys = SimKeys::new(&clock);
    for _ in 0..2 {
        keys.plug(&SimKey::new(&clock, Profile::reference(1)));
    }
    let listed = keys.list().unwrap();
    assert_eq!(listed[0].serial, listed[1].serial);
    assert_ne!(listed[0].path, listed[1].path);
}

#[test]
fn reading_and_looking_take_time_on_the_clock() {
    let lab = Lab::new();
    let mut terminal = lab.open().unwrap();
    let before = lab.clock.now();
    assert!(!terminal.link.read(&mut [0; 64], Duration::from_secs(3600)).unwrap());
    assert_eq!(lab.clock.now() - before, Duration::from_secs(3600));
    let before = lab.clock.now();
    assert!(!terminal.link.read(&mut [0; 64], Duration::ZERO).unwrap());
    assert!(lab.clock.now() > before, "or a host that polls would wait for ever");
    let before = lab.clock.now();
    lab.keys.list().unwrap();
    assert!(lab.clock.now() > before);
}

#[test]
fn info_can_lie_in_one_mode() {
    let lab = Lab::new();
    lab.key.lie_in_info(|info| {
        if info.mode == 1 {
            info.serial[0] ^= 1;
            info.nonce = [0xEE; 16];
            info.block = 0;
        }
    });
    let file = new_firmware(8000);
    let honest = lab.open().unwrap().info().unwrap();
    let lying = lab.update_mode(&file).unwrap().info().unwrap();
    assert_ne!(honest.serial, lying.serial);
    assert_eq!((honest.block, lying.block, lying.nonce), (4096, 0, [0xEE; 16]));
    lab.key.behave();
    assert_eq!(lab.open().unwrap().info().unwrap().serial, honest.serial);
}

#[test]
fn any_answer_can_be_distorted() {
    let lab = Lab::new();
    let mut terminal = lab.open().unwrap();
    lab.key.distort(|command, data| {
        if command == INFO {
            data.truncate(5)
        }
    });
    assert_eq!(terminal.call(INFO, &[]).unwrap().len(), 5);
    assert_eq!(terminal.call(PING, b"untouched"), Ok(b"untouched".to_vec()));
}

#[test]
fn keepalives_without_end_end_with_the_patience_of_the_host() {
    let lab = Lab::new();
    let mut terminal = lab.open().unwrap();
    lab.key.set_quirks(&[Quirk::Keepalives(INFO)]);
    terminal.send(INFO, &[]).unwrap();
    let before = lab.clock.now();
    for _ in 0..600 {
        let report = terminal.report().unwrap();
        assert_eq!((report[4], report[7]), (0x80 | KEEPALIVE, 1));
    }
    assert_eq!((lab.clock.now() - before).as_secs(), 60);
    // The way out is INIT on the same channel.
    lab.key.behave();
    terminal.call(INIT, b"12345678").unwrap();
    assert!(terminal.info().is_ok());
}

#[test]
fn silence_lateness_and_refusals_are_quirks() {
    let lab = Lab::new();
    let mut terminal = lab.open().unwrap();
    lab.key.set_quirks(&[Quirk::Silent(INFO)]);
    assert_eq!(terminal.call(INFO, &[]), Err(No::Silence));
    lab.key.set_quirks(&[Quirk::Late(INFO, Duration::from_secs(3))]);
    assert_eq!(terminal.call(INFO, &[]), Err(No::Silence));
    assert!(terminal.receive(INFO).is_ok(), "a second later");
    lab.key.set_quirks(&[Quirk::Refuses(INFO, 0xF9)]);
    assert_eq!(terminal.call(INFO, &[]), Err(No::Error(0xF9)));
    lab.key.set_quirks(&[Quirk::Silent(INIT)]);
    assert_eq!(lab.open().err(), Some(No::Silence));
}

#[test]
fn some_never_come_back_and_some_come_back_wrong() {
    let file = new_firmware(8000);
    let enters = |quirk: Quirk| {
        let lab = Lab::new();
        lab.key.set_quirks(&[quirk]);
        lab.open().unwrap().enter(&file, 30).unwrap();
        lab.away();
        lab
    };
    let lab = enters(Quirk::NeverBack);
    lab.pass(3600);
    assert!(lab.keys.list().unwrap().is_empty());
    lab.keys.unplug(&lab.key);
    lab.keys.plug(&lab.key);
    assert_eq!(lab.key.mode(), Some(Mode::Normal), "a person can plug it in again");

    let lab = enters(Quirk::BackAfter(Duration::from_secs(12)));
    lab.pass(11);
    assert_eq!(lab.key.mode(), None);
    lab.pass(1);
    assert_eq!(lab.key.mode(), Some(Mode::Update));

    let lab = enters(Quirk::BackIn(Mode::Normal));
    lab.pass(1);
    assert_eq!(lab.key.mode(), Some(Mode::Normal));
}

#[test]
fn a_babbling_key_never_makes_sense() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::Babbles]);
    let mut link = lab.keys.open(&lab.key.device().unwrap().path).unwrap();
    let before = lab.clock.now();
    link.write(&reports(BROADCAST, INIT, b"12345678")[0]).unwrap();
    let mut last = [0; 64];
    for _ in 0..1000 {
        let mut report = [0; 64];
        assert!(link.read(&mut report, Duration::from_secs(1)).unwrap());
        assert_ne!(report, last);
        last = report;
    }
    let passed = (lab.clock.now() - before).as_millis();
    assert!((990..1010).contains(&passed), "time passes all the same: {passed} ms");
}

#[test]
fn a_key_may_be_denied_to_this_user() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::Denied]);
    let path = lab.keys.list().unwrap()[0].path.clone();
    let Err(LinkError::Other(error)) = lab.keys.open(&path) else { panic!("denied") };
    let error = error.downcast::<io::Error>().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
}

#[test]
fn faults_strike_once_at_their_report() {
    let lab = Lab::new();
    let mut terminal = lab.open().unwrap();
    // A PING of two reports, and two of the answer.
    lab.key.add_fault(2, What::Lost);
    assert_eq!(terminal.call(PING, &[1; 100]), Err(No::Error(0x05)));
    lab.key.add_fault(4, What::Lost);
    assert_eq!(terminal.call(PING, &[1; 100]), Err(No::Silence));
    lab.key.add_fault(1, What::Error);
    assert_eq!(terminal.call(PING, &[]), Err(No::Link));
    lab.key.add_fault(2, What::Error);
    assert_eq!(terminal.call(PING, &[]), Err(No::Link));
    assert_eq!(terminal.call(PING, b"x"), Ok(b"x".to_vec()));
    lab.key.add_fault(1, What::Hangup);
    assert_eq!(terminal.call(PING, b"x"), Err(No::Link));
    assert_eq!(terminal.call(PING, b"x"), Err(No::Link));
    assert_eq!(lab.key.mode(), Some(Mode::Normal), "the key keeps its power");
}

#[test]
fn the_system_keeps_64_reports_for_who_does_not_read() {
    let lab = Lab::new();
    let mut terminal = lab.open().unwrap();
    terminal.send(PING, &[1; 7609]).unwrap();
    lab.pass(1);
    let arrived = (0..).take_while(|_| terminal.report().is_ok()).count();
    assert_eq!(arrived, 64, "of 129");
}

#[test]
fn reports_are_counted_both_ways() {
    let lab = Lab::new();
    let mut terminal = lab.open().unwrap();
    lab.key.zero();
    terminal.call(PING, &[1; 100]).unwrap();
    let counts = lab.key.counts();
    assert_eq!((counts.to_key, counts.from_key, counts.reports(), counts.of(PING)), (2, 2, 4, 1));
    // Nobody polls a device that nobody has open.
    terminal.send(PING, &[1; 10]).unwrap();
    drop(terminal);
    lab.pass(1);
    assert_eq!(lab.key.counts().from_key, 2);
}
