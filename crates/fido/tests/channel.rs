//! A channel over a key that answers from a list.

#![forbid(unsafe_code)]

mod common;

use std::time::Duration;

use common::{ID, Key, frame, initialised};
use fido::{Channel, Error, Flow, HidError, Info, Keepalive, Patience};
use link::Clock;

const INFO: u8 = 0x60;

fn ask(key: &Key, message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut channel = initialised(key);
    channel.transact(INFO, message, Patience::default(), &mut |_| Flow::Continue)
}

#[test]
fn init_asks_for_a_channel_and_passes_over_answers_to_others() {
    let key = Key::new();
    key.foreign_init_first();
    assert_eq!(ask(&key.answering(&[frame(ID, INFO, b"yes")]), b"").unwrap(), b"yes");
    let sent = key.sent();
    assert_eq!(sent[0][..7], [0xFF, 0xFF, 0xFF, 0xFF, 0x86, 0, 8]);
    assert_eq!(sent[1][..7], [ID[0], ID[1], ID[2], ID[3], 0xE0, 0, 0]);
}

#[test]
fn a_reserved_channel_or_a_short_answer_to_init_is_refused() {
    for wrong in [[0; 4], [0xFF; 4]] {
        let key = Key::new();
        key.gives_channel(wrong);
        let clock = key.clock();
        assert!(matches!(Channel::open(key.link(), &clock), Err(Error::Malformed(_))), "{wrong:?}");
    }
}

#[test]
fn no_answer_is_silence_after_two_seconds() {
    let key = Key::new();
    let before = key.now();
    assert!(matches!(ask(&key, b""), Err(Error::Silent)));
    assert_eq!(key.now() - before, Duration::from_secs(2));
}

#[test]
fn reports_of_other_channels_and_late_answers_are_passed_over() {
    let key = Key::new();
    let other = frame([9, 9, 9, 9], INFO, b"no");
    let late = frame(ID, 0x63, b"late");
    let mut stray = frame(ID, INFO, b"stray");
    stray[4] = 0x05;
    let answer = frame(ID, INFO, b"yes");
    assert_eq!(ask(&key.answering(&[other, late, stray, answer]), b"").unwrap(), b"yes");
}

#[test]
fn an_endless_stream_for_others_is_silence() {
    let key = Key::new();
    let answers = vec![frame([9, 9, 9, 9], INFO, b"no"); 300];
    assert!(matches!(
        ask(&key.answering_every(Duration::from_millis(10), &answers), b""),
        Err(Error::Silent)
    ));
}

/// As a recording is that is played on and on, or a key that means ill.
#[test]
fn an_endless_stream_of_late_answers_is_silence() {
    let key = Key::new();
    let answers = vec![frame(ID, 0x63, b"late"); 300];
    let key = key.answering_every(Duration::from_millis(10), &answers);
    let before = key.now();
    assert!(matches!(ask(&key, b""), Err(Error::Silent)));
    let took = key.now() - before;
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn what_a_key_refuses_is_told_by_its_code() {
    let key = Key::new();
    let answer = ask(&key.answering(&[frame(ID, 0x3F, &[0xF6])]), b"");
    assert!(matches!(answer, Err(Error::Refused(HidError(0xF6)))));
    assert!(matches!(ask(&Key::new().answering(&[frame(ID, 0x3F, &[])]), b""), Err(Error::Malformed(_))));
}

#[test]
fn keepalives_extend_the_wait_and_are_told() {
    let key = Key::new();
    let (processing, presence) = (frame(ID, 0x3B, &[1]), frame(ID, 0x3B, &[2]));
    let mut answers = vec![processing; 3];
    answers.extend([presence; 2]);
    answers.push(frame(ID, INFO, b"yes"));
    let key = key.answering_every(Duration::from_millis(1900), &answers);
    let mut told = Vec::new();
    let mut channel = initialised(&key);
    let answer = channel.transact(INFO, b"", Patience::default(), &mut |status| {
        told.push(status);
        Flow::Continue
    });
    assert_eq!(answer.unwrap(), b"yes");
    use Keepalive::{Processing, UserPresence};
    assert_eq!(told, [Processing, Processing, Processing, UserPresence, UserPresence]);
}

#[test]
fn endless_keepalives_end_with_a_cancel() {
    let key = Key::new();
    let before = key.now();
    let answers = vec![frame(ID, 0x3B, &[2]); 1000];
    let key = key.answering_every(Duration::from_millis(100), &answers);
    assert!(matches!(ask(&key, b""), Err(Error::Endless)));
    assert!(key.now() - before <= Duration::from_millis(30_100));
    assert_eq!(key.sent().last().unwrap()[4], 0x91, "CANCEL");
}

#[test]
fn a_cancel_is_sent_once_and_its_answer_returned() {
    let key = Key::new();
    let presence = frame(ID, 0x3B, &[2]);
    let key = key.answering(&[presence, presence, presence, frame(ID, 0x3F, &[0x2D])]);
    let mut channel = initialised(&key);
    let answer = channel.transact(INFO, b"", Patience::default(), &mut |_| Flow::Cancel);
    assert!(matches!(answer, Err(Error::Refused(HidError::KEEPALIVE_CANCEL))));
    assert_eq!(key.sent().iter().filter(|report| report[4] == 0x91).count(), 1);
}

#[test]
fn a_busy_key_is_asked_again_for_a_while() {
    let busy = frame(ID, 0x3F, &[0x06]);
    let key = Key::new().answering_each(&[&[busy], &[busy], &[frame(ID, INFO, b"yes")]]);
    assert_eq!(ask(&key, b"").unwrap(), b"yes");
    let key = Key::new();
    let before = key.now();
    let key = key.answering_each(&[&[busy][..]; 100]);
    assert!(matches!(ask(&key, b""), Err(Error::Refused(HidError::CHANNEL_BUSY))));
    let took = key.now() - before;
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(3), "{took:?}");
}

/// As it happens on a machine that is too busy to send its reports in time.
#[test]
fn a_message_that_did_not_arrive_whole_is_sent_again_twice() {
    for code in [0x04, 0x05] {
        let lost = frame(ID, 0x3F, &[code]);
        let key = Key::new().answering_each(&[&[lost], &[lost], &[frame(ID, INFO, b"yes")]]);
        assert_eq!(ask(&key, &[7; 100]).unwrap(), b"yes");
        assert_eq!(key.sent().len(), 1 + 3 * 2);
        let key = Key::new().answering_each(&[&[lost][..]; 100]);
        assert!(matches!(ask(&key, &[7; 100]), Err(Error::Refused(HidError(refused))) if refused == code));
        assert_eq!(key.sent().len(), 1 + 3 * 2);
    }
}

#[test]
fn long_messages_in_both_directions() {
    let key = Key::new();
    let long: Vec<u8> = (0..7609_u32).map(|n| n as u8).collect();
    let reports = common::frames(ID, INFO, &long);
    let key = key.answering(&reports);
    assert_eq!(ask(&key, &long).unwrap(), long);
    assert_eq!(key.sent().len(), 1 + 129);
    assert!(matches!(ask(&Key::new(), &[0; 7610]), Err(Error::Malformed(_))));
}

#[test]
fn a_part_that_is_missing_is_noticed() {
    let mut reports = common::frames(ID, INFO, &[7; 300]);
    reports.remove(2);
    assert!(matches!(ask(&Key::new().answering(&reports), b""), Err(Error::Malformed(_))));
}

#[test]
fn a_key_that_is_pulled_out_is_a_removal() {
    let key = Key::new();
    let mut channel = initialised(&key);
    key.pull();
    let answer = channel.transact(INFO, b"", Patience::default(), &mut |_| Flow::Continue);
    assert!(answer.unwrap_err().is_removal());
}

#[test]
fn an_authenticator_tells_of_itself() {
    let info = b"\x00\xA1\x03\x500123456789abcdef";
    let key = Key::new().answering(&[frame(ID, 0x10, info)]);
    assert_eq!(Info::of_key(&mut initialised(&key)).unwrap().aaguid.0, *b"0123456789abcdef");
    assert_eq!(key.sent()[1][4..8], [0x90, 0, 1, 0x04]);
    let refused = Key::new().answering(&[frame(ID, 0x10, &[0x01])]);
    assert!(matches!(Info::of_key(&mut initialised(&refused)), Err(Error::Ctap(1))));
}

#[test]
fn a_key_that_speaks_u2f_alone_is_not_asked() {
    let key = Key::new();
    key.without_ctap2();
    assert!(matches!(Info::of_key(&mut initialised(&key)), Err(Error::NoCtap2)));
    assert_eq!(key.sent().len(), 1);
}
