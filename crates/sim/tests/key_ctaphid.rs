//! CTAPHID and GetInfo of a simulated key (CTAP 2.1, parts 6.4 and 11.2).

mod terminal;

use std::time::Duration;

use ciborium::Value;
use crescendo_sim::key::{ANNOUNCEMENT, Button, Led, Profile};
use link::Clock;
use proptest::prelude::*;
use terminal::*;

const INVALID_CMD: No = No::Error(0x01);
const INVALID_LEN: No = No::Error(0x03);
const INVALID_SEQ: No = No::Error(0x04);
const MSG_TIMEOUT: No = No::Error(0x05);
const CHANNEL_BUSY: No = No::Error(0x06);
const INVALID_CHANNEL: No = No::Error(0x0B);

fn open() -> (Lab, Terminal) {
    let lab = Lab::new();
    let terminal = lab.open().unwrap();
    (lab, terminal)
}

#[test]
fn init_opens_a_channel_each_time() {
    let (lab, mut terminal) = open();
    let second = lab.open().unwrap();
    assert_ne!(terminal.channel, second.channel);
    assert_eq!(terminal.capabilities, 0x01 | 0x04 | 0x08, "WINK, CBOR, no U2F");
    // On a channel of its own it answers with the same one.
    let own = terminal.channel;
    let answer = terminal.call(INIT, b"abcdefgh").unwrap();
    assert_eq!(answer[..12], [&b"abcdefgh"[..], &own.to_be_bytes()].concat());
    assert_eq!(terminal.call(INIT, b"short"), Err(INVALID_LEN));
}

#[test]
fn everyone_who_has_it_open_sees_every_report() {
    let (lab, mut terminal) = open();
    let mut other = lab.open().unwrap();
    terminal.call(PING, b"hello").unwrap();
    let mut report = [0; 64];
    // INIT of the second one is the last thing it has read; then there is the foreign PING.
    assert!(other.link.read(&mut report, Duration::ZERO).unwrap());
    assert_eq!(report[..5], [&terminal.channel.to_be_bytes()[..], &[0x80 | PING]].concat());
}

#[test]
fn messages_of_every_length_come_back() {
    let (_lab, mut terminal) = open();
    for len in [0, 1, 56, 57, 58, 115, 116, 117, 1000, 7608, 7609] {
        let data: Vec<u8> = (0..len).map(|n| n as u8).collect();
        // A kernel keeps 64 reports for a reader; longer answers need one who reads while they come.
        assert_eq!(terminal.call(PING, &data), Ok(data), "{len}");
    }
    let mut too_long = reports(terminal.channel, PING, &[])[0];
    too_long[5..7].copy_from_slice(&7610u16.to_be_bytes());
    terminal.write(&too_long).unwrap();
    assert_eq!(terminal.receive(PING), Err(INVALID_LEN));
}

#[test]
fn a_channel_that_is_none_is_refused() {
    let (_lab, mut terminal) = open();
    let own = terminal.channel;
    for channel in [0, own + 1, BROADCAST] {
        terminal.channel = channel;
        assert_eq!(terminal.call(PING, b"x"), Err(INVALID_CHANNEL), "{channel:08X}");
    }
    terminal.channel = own + 1;
    assert_eq!(terminal.call(INIT, b"12345678"), Err(INVALID_CHANNEL));
}

#[test]
fn a_channel_does_not_outlive_the_power() {
    let (lab, terminal) = open();
    let old = terminal.channel;
    lab.key.cut_power();
    lab.away();
    let mut terminal = lab.open().unwrap();
    assert_ne!(terminal.channel, old);
    terminal.channel = old;
    assert_eq!(terminal.call(PING, b"x"), Err(INVALID_CHANNEL));
}

#[test]
fn reports_out_of_sequence_end_a_message() {
    let (_lab, mut terminal) = open();
    let [first, second, third] = reports(terminal.channel, PING, &[1; 150])[..] else { panic!("three") };
    terminal.write(&first).unwrap();
    terminal.write(&third).unwrap();
    assert_eq!(terminal.receive(PING), Err(INVALID_SEQ));
    // The rest is stray now, and strays are ignored.
    terminal.write(&second).unwrap();
    assert_eq!(terminal.receive(PING), Err(No::Silence));
    // A new message before the old one is complete.
    terminal.write(&first).unwrap();
    terminal.write(&first).unwrap();
    assert_eq!(terminal.receive(PING), Err(INVALID_SEQ));
    // INIT in the midst starts over.
    terminal.write(&first).unwrap();
    terminal.call(INIT, b"12345678").unwrap();
    assert_eq!(terminal.call(PING, b"again"), Ok(b"again".to_vec()));
}

#[test]
fn half_a_message_times_out() {
    let (lab, mut terminal) = open();
    let before = lab.clock.now();
    terminal.write(&reports(terminal.channel, PING, &[1; 100])[0]).unwrap();
    assert_eq!(terminal.receive(PING), Err(MSG_TIMEOUT));
    assert!((500..510).contains(&(lab.clock.now() - before).as_millis()));
    assert_eq!(terminal.call(PING, b"x"), Ok(b"x".to_vec()));
}

#[test]
fn a_second_channel_has_to_wait() {
    let (lab, mut terminal) = open();
    let mut other = lab.open().unwrap();
    let [first, second] = reports(terminal.channel, PING, &[1; 100])[..] else { panic!("two") };
    terminal.write(&first).unwrap();
    assert_eq!(other.call(PING, b"x"), Err(CHANNEL_BUSY));
    // INIT is for everyone at any time.
    assert!(lab.open().is_ok());
    terminal.write(&second).unwrap();
    assert_eq!(terminal.receive(PING), Ok(vec![1; 100]));
    assert_eq!(other.call(PING, b"x"), Ok(b"x".to_vec()));
}

#[test]
fn what_it_does_not_know_it_says() {
    let (_lab, mut terminal) = open();
    for command in [0x02, 0x03, 0x04, 0x20, 0x40, 0x5F, 0x68, 0x7F] {
        assert_eq!(terminal.call(command, b""), Err(INVALID_CMD), "{command:02X}");
    }
    assert_eq!(terminal.call(CBOR, b""), Err(INVALID_LEN));
    assert_eq!(terminal.call(CBOR, b"\x07"), Ok(vec![0x01]), "CTAP2 has a status of its own");
}

#[test]
fn wink_winks() {
    let (lab, mut terminal) = open();
    assert_eq!(terminal.call(WINK, b""), Ok(vec![]));
    assert_eq!(terminal.call(WINK, b"x"), Err(INVALID_LEN));
    assert_eq!(lab.key.winks(), 1);
}

fn get_info(terminal: &mut Terminal) -> Vec<(Value, Value)> {
    let answer = terminal.call(CBOR, &[0x04]).unwrap();
    assert_eq!(answer[0], 0);
    let value: Value = ciborium::from_reader(&answer[1..]).unwrap();
    let mut again = Vec::new();
    ciborium::into_writer(&value, &mut again).unwrap();
    assert_eq!(again, answer[1..], "shortest lengths, and nothing behind");
    let map = value.into_map().unwrap();
    let keys: Vec<i128> = map.iter().map(|(key, _)| key.as_integer().unwrap().into()).collect();
    assert!(keys.is_sorted());
    map
}

fn member(map: &[(Value, Value)], key: u8) -> Option<&Value> {
    map.iter().find(|(found, _)| *found == Value::from(key)).map(|(_, value)| value)
}

#[test]
fn get_info_announces_the_update_protocol() {
    let (_lab, mut terminal) = open();
    let info = get_info(&mut terminal);
    let versions = member(&info, 0x01).unwrap().as_array().unwrap();
    assert!(versions.contains(&Value::from("FIDO_2_1")));
    assert_eq!(member(&info, 0x03).unwrap().as_bytes().unwrap().len(), 16);
    assert_eq!(member(&info, 0x0E), Some(&Value::from(0x0100_0000)));
    assert_eq!(member(&info, 0x15), Some(&Value::Array(vec![Value::from(ANNOUNCEMENT)])));
}

#[test]
fn a_key_that_does_not_announce_knows_no_vendor_command() {
    let lab = Lab::with(Profile::fido_only(1));
    let mut terminal = lab.open().unwrap();
    assert_eq!(member(&get_info(&mut terminal), 0x15), None);
    assert_eq!(lab.key.counts().vendor(), 0);
    for command in INFO..=ABORT {
        assert_eq!(terminal.call(command, b""), Err(INVALID_CMD));
    }
    assert_eq!(lab.key.counts().vendor(), 8);
}

#[test]
fn the_led_tells_a_fido_press_from_one_for_an_update() {
    let (lab, mut terminal) = open();
    lab.key.set_button(Button::Never);
    assert_eq!(lab.key.led(), Led::Ready);
    let [selection] = reports(terminal.channel, CBOR, &[0x0B])[..] else { panic!("one") };
    terminal.write(&selection).unwrap();
    assert_eq!(lab.key.led(), Led::FidoPresence);
    let mut other = lab.open().unwrap();
    let file = new_firmware(8192);
    assert_eq!(other.enter(&file, 30), Err(CHANNEL_BUSY), "one presence request at a time");
    lab.key.press();
    assert_eq!(terminal.receive(CBOR), Ok(vec![0x00]));
    assert_eq!(lab.key.led(), Led::Ready);

    terminal.send(ENTER, &enter(&file, 30)).unwrap();
    assert_eq!(lab.key.led(), Led::UpdatePresence);
    assert_eq!(other.call(CBOR, &[0x0B]), Err(CHANNEL_BUSY));
    lab.key.press();
    assert_eq!(terminal.receive(ENTER), Ok(vec![]));
    lab.away();
    assert_eq!(lab.key.led(), Led::Off);
    let mut terminal = lab.open().unwrap();
    assert_eq!(lab.key.led(), Led::UpdateMode);
    terminal.begin(&file).unwrap();
    assert_eq!(lab.key.led(), Led::Updating);
}

#[test]
fn update_mode_speaks_ctaphid_without_fido() {
    let lab = Lab::with(Profile::without_firmware(1));
    let mut terminal = lab.open().unwrap();
    assert_eq!(terminal.capabilities, 0x08);
    assert_eq!(terminal.call(PING, &[3; 300]), Ok(vec![3; 300]));
    assert_eq!(terminal.call(CBOR, &[0x04]), Err(INVALID_CMD));
    assert_eq!(terminal.call(WINK, b""), Err(INVALID_CMD));
}

/// Reports that look enough like CTAPHID to get past the first checks.
fn report(channel: u32) -> impl Strategy<Value = [u8; 64]> {
    let channels = prop_oneof![4 => Just(channel), 1 => Just(BROADCAST), 1 => Just(0), 1 => any::<u32>()];
    let commands = [PING, INIT, WINK, CBOR, CANCEL, INFO, ENTER, BEGIN, WRITE, FINISH, CONFIRM, ABORT];
    let starts = proptest::sample::select(commands.to_vec()).prop_map(|command| command | 0x80);
    let kinds = prop_oneof![starts, 0u8..3, any::<u8>()];
    let lengths = prop_oneof![Just(8u16), Just(49), 0u16..200, any::<u16>()];
    let noise = proptest::collection::vec(any::<u8>(), 57);
    (channels, kinds, lengths, noise).prop_map(|(channel, kind, length, noise)| {
        let bytes = [&channel.to_be_bytes()[..], &[kind], &length.to_be_bytes(), &noise].concat();
        bytes.try_into().unwrap()
    })
}

proptest! {
    #[test]
    fn whatever_arrives_the_key_answers_afterwards(noise in proptest::collection::vec(report(1 << 16 | 1), 1..60)) {
        let (lab, mut terminal) = open();
        prop_assert_eq!(terminal.channel, 1 << 16 | 1);
        for report in noise {
            terminal.write(&report).unwrap();
        }
        // An ENTER among it may have been pressed for: then it is in update mode.
        lab.pass(2);
        let mut terminal = lab.open().unwrap();
        lab.pass(60);
        prop_assert_eq!(terminal.call(PING, b"alive"), Ok(b"alive".to_vec()));
    }
}
