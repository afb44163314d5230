//! Everything a card must refuse in secure messaging, and that the session is over then (SP 800-73 part 2, 4).

mod common;

use common::terminal::{Broken, Terminal, ask, byte, padded, request};
use common::{SELECT_PIV, say, send, tlv};
use crescendo_sim::{Interface, Personality, SecureMessaging, SimCard, Suite};

const CODE: &[u8] = b"27182818";
const VERIFY_CODE: [u8; 3] = [0x20, 0, 0x98];
const READ: [u8; 3] = [0xCB, 0x3F, 0xFF];
const SUITES: [Suite; 2] = [Suite::Cs2, Suite::Cs7];

fn with(change: impl FnOnce(&mut SecureMessaging)) -> SimCard {
    let mut personality = Personality::piv_dual();
    change(&mut personality.secure_messaging);
    let card = SimCard::new(personality);
    card.set_interface(Interface::Contactless);
    card
}

fn contactless(suite: Suite) -> SimCard {
    with(|settings| settings.suite = Some(suite))
}

/// What a card answers to one protected command that a test made wrong, and that its session is over then.
fn refused(wrong: impl FnOnce(&mut Terminal<'_>) -> ([u8; 3], Vec<u8>)) -> u16 {
    let card = contactless(Suite::Cs2);
    let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
    assert_eq!(terminal.verify(0x98, CODE), Ok(0x9000));
    let (head, data) = wrong(&mut terminal);
    let (answer, status) = terminal.transmit(head, &data);
    assert!(answer.is_empty());
    assert!(!card.has_session() && !card.is_paired());
    assert_eq!(terminal.verify(0x98, CODE), Err(Broken::Status(0x6982)));
    status
}

#[test]
fn before_there_are_keys() {
    let card = contactless(Suite::Cs2);
    say(&card, SELECT_PIV);
    assert_eq!(say(&card, "0C2000980A8E08000000000000000000"), "6982");
    let none = with(|settings| settings.suite = None);
    say(&none, SELECT_PIV);
    assert_eq!(say(&none, "0C2000980A8E08000000000000000000"), "6882");
    assert_eq!(say(&none, "1C87079A0187"), "9000");
    assert_eq!(say(&none, "0C87079A018700"), "6882");
    assert_eq!(ask(&none, Suite::Cs2, &request(Suite::Cs2, 0, 1)).1, 0x6A86);
}

#[test]
fn missing_objects() {
    let get_data = tlv(0x5C, &[0x7E]);
    assert_eq!(refused(|_| (VERIFY_CODE, tlv(0x87, &[1; 17]))), 0x6987, "no MAC");
    assert_eq!(refused(|_| (VERIFY_CODE, vec![0x97, 1, 0])), 0x6987, "no MAC");
    assert_eq!(refused(|terminal| (READ, terminal.seal(READ, b"", true))), 0x6987, "no data");
    assert_eq!(refused(|terminal| (READ, terminal.seal(READ, &get_data, false))), 0x6987, "no Le");
    let change = [0x24, 0, 0x80];
    assert_eq!(refused(|terminal| (change, terminal.seal(change, b"", false))), 0x6987, "no data");
}

#[test]
fn wrong_objects_under_a_right_mac() {
    let object =
        |terminal: &mut Terminal<'_>, object: Vec<u8>| (VERIFY_CODE, terminal.sign(VERIFY_CODE, &object));
    let cryptogram = |terminal: &Terminal<'_>, text: &[u8]| terminal.encrypt(text);
    assert_eq!(
        refused(|terminal| {
            let text = cryptogram(terminal, &padded(CODE));
            object(terminal, tlv(0x87, &[vec![2], text].concat()))
        }),
        0x6988,
        "no 01 in front"
    );
    assert_eq!(refused(|terminal| object(terminal, tlv(0x87, &[]))), 0x6988, "nothing at all");
    assert_eq!(refused(|terminal| object(terminal, tlv(0x87, &[1]))), 0x6988, "no block");
    assert_eq!(refused(|terminal| object(terminal, tlv(0x87, &[1; 16]))), 0x6988, "not whole blocks");
    for padding in [[0x31; 16], [0; 16], [[0x80; 1], [0x01; 1]].concat().repeat(8).try_into().unwrap()] {
        assert_eq!(
            refused(|terminal| {
                let text = cryptogram(terminal, &padding);
                object(terminal, tlv(0x87, &[vec![1], text].concat()))
            }),
            0x6988,
            "padding {padding:02X?}"
        );
    }
    assert_eq!(refused(|terminal| object(terminal, tlv(0x97, &[1]))), 0x6988, "another Le");
    assert_eq!(refused(|terminal| object(terminal, tlv(0x85, &[1]))), 0x6988, "an unknown object");
    assert_eq!(
        refused(|terminal| {
            let text = tlv(0x87, &[vec![1], cryptogram(terminal, &padded(CODE))].concat());
            object(terminal, [vec![0x97, 1, 0], text].concat())
        }),
        0x6988,
        "another order"
    );
}

#[test]
fn wrong_macs() {
    let sealed = |terminal: &mut Terminal<'_>| terminal.seal(VERIFY_CODE, CODE, false);
    for at in [2, 3, 18, 21, 28] {
        let status = refused(|terminal| {
            let mut data = sealed(terminal);
            data[at] ^= 1;
            (VERIFY_CODE, data)
        });
        assert_eq!(status, 0x6988, "byte {at}");
    }
    for length in [4, 7, 16] {
        let status = refused(|terminal| {
            let data = sealed(terminal);
            let mac = [&data[21..], &[0; 8]].concat();
            (VERIFY_CODE, [&data[..19], &tlv(0x8E, &mac[..length])].concat())
        });
        assert_eq!(status, 0x6988, "{length} bytes");
    }
    assert_eq!(refused(|terminal| ([0x20, 0, 0x80], sealed(terminal))), 0x6988, "another header");
    assert_eq!(refused(|terminal| (VERIFY_CODE, [sealed(terminal), vec![0x97, 1, 0]].concat())), 0x6988);
    assert_eq!(refused(|_| (VERIFY_CODE, vec![0x8E, 9, 0])), 0x6988, "objects that do not come out even");
}

#[test]
fn commands_refused_before_anyone_looks_inside() {
    for (apdu, status) in [
        ("0C2000980301", "6700"),
        ("1CCB3FFF0187", "6884"),
        ("0D2000980187", "6882"),
        ("0420009801 87", "6882"),
    ] {
        let card = contactless(Suite::Cs2);
        Terminal::open(&card, Suite::Cs2).unwrap();
        assert_eq!(say(&card, apdu), status);
        assert!(!card.has_session(), "{apdu}");
    }
}

#[test]
fn a_command_sent_again() {
    let status = refused(|terminal| {
        let data = terminal.seal(VERIFY_CODE, CODE, false);
        let answer = terminal.transmit(VERIFY_CODE, &data);
        assert_eq!(terminal.open_answer(answer), Ok((vec![], 0x9000)));
        (VERIFY_CODE, data)
    });
    assert_eq!(status, 0x6988);
}

#[test]
fn commands_that_are_never_protected() {
    let establishment = [0x87, 0x27, 0x04];
    assert_eq!(
        refused(|terminal| (establishment, terminal.seal(establishment, &request(Suite::Cs2, 0, 1), true))),
        0x6982
    );
    for ins in [0x2C, 0x47, 0xDB, 0xA4, 0xF7] {
        let head = [ins, 0, 0x80];
        assert_eq!(
            refused(|terminal| (head, terminal.seal(head, b"1234567812345678", false))),
            0x6882,
            "{ins:02X}"
        );
    }
}

#[test]
fn key_establishments_that_are_refused() {
    for suite in SUITES {
        let card = contactless(suite);
        say(&card, SELECT_PIV);
        let good = request(suite, 0, 1);
        let point = good.len() - 3;
        let mut off_curve = good.clone();
        off_curve[point] ^= 1;
        let mut compressed = good.clone();
        compressed[13] = 0x02;
        let without_response = tlv(0x7C, &good[2..good.len() - 2]);
        let longer =
            tlv(0x7C, &[tlv(0x81, &[&good[4..good.len() - 2], &[0]].concat()), vec![0x82, 0]].concat());
        let other_suite = request(if suite == Suite::Cs2 { Suite::Cs7 } else { Suite::Cs2 }, 0, 1);
        for wrong in [off_curve, compressed, without_response, longer, other_suite, vec![0x7C, 0]] {
            let terminal = Terminal::open(&card, suite).unwrap();
            assert_eq!(ask(&card, suite, &wrong), (vec![], 0x6A80));
            assert!(!card.has_session(), "the old session is over all the same");
            drop(terminal);
        }
        for control in [0x10, 0xF0, 0x80] {
            assert_eq!(ask(&card, suite, &request(suite, control, 1)).1, 0x6A80, "{control:02X}");
        }
        for control in [0x01, 0x0F] {
            assert_eq!(ask(&card, suite, &request(suite, control, 1)).1, 0x9000, "{control:02X}");
        }
        for other in [0x11, 0x14, 0x27, 0x2E].into_iter().filter(|other| *other != byte(suite)) {
            assert_eq!(send(&card, [0, 0x87, other, 0x04], &good).1, 0x6A86, "{other:02X}");
        }
    }
}
