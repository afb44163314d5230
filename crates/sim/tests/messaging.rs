//! Secure messaging as a terminal sees it (SP 800-73 part 2, 4).

mod common;

use common::terminal::{Broken, Terminal};
use common::{SELECT_ACA, SELECT_PIV, authenticate, bytes, object, say, tlv};
use crescendo_sim::{Interface, Personality, SecureMessaging, SimCard, Suite, Vci};

const CODE: &[u8] = b"27182818";
const PIN: &[u8] = b"123456\xFF\xFF";
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

#[test]
fn a_session_does_what_a_contact_reader_does() {
    for suite in SUITES {
        let card = contactless(suite);
        let mut terminal = Terminal::open(&card, suite).unwrap();
        assert_eq!(terminal.verify(0x98, CODE), Ok(0x9000));
        assert_eq!(terminal.verify(0x80, b""), Ok(0x63C5));
        assert_eq!(terminal.verify(0x80, PIN), Ok(0x9000));
        let (certificate, status) = terminal.object("5FC105").unwrap();
        assert_eq!((Some(certificate), status), (card.object(0x5FC105), 0x9000));

        let block = [&[0x00, 0x01], &[0xFF; 253][..], &[0]].concat();
        let (signature, status) = terminal.authenticate(0x07, 0x9A, 0x81, &block).unwrap();
        assert_eq!((signature.len(), status), (0x108, 0x9000));
        let (signature, status) = terminal.authenticate(0x11, 0x9C, 0x81, &[7; 32]).unwrap();
        assert_eq!((signature, status), (vec![], 0x6982), "another command came between PIN and 9C");
        assert_eq!(terminal.verify(0x80, PIN), Ok(0x9000));
        let (signature, status) = terminal.authenticate(0x11, 0x9C, 0x81, &[7; 32]).unwrap();
        assert!(signature.len() > 70 && status == 0x9000);
        assert_eq!(terminal.object("5FC121"), Ok((vec![], 0x6A82)));
        let change = [PIN, b"654321\xFF\xFF"].concat();
        assert_eq!(terminal.send([0x24, 0, 0x80], &change, false), Ok((vec![], 0x9000)));
        assert_eq!(terminal.verify(0x80, b"654321\xFF\xFF"), Ok(0x9000));
        assert_eq!(card.counts().establishments, 1);
        assert_eq!(card.counts().verifies, 3, "the pairing code is no PIN, and an empty VERIFY has none");
    }
}

#[test]
fn nothing_secret_goes_in_clear() {
    let card = contactless(Suite::Cs7);
    let mut terminal = Terminal::open(&card, Suite::Cs7).unwrap();
    terminal.verify(0x98, CODE).unwrap();
    terminal.verify(0x80, PIN).unwrap();
    terminal.object("5FC105").unwrap();
    let certificate = card.object(0x5FC105).unwrap();
    for secret in [CODE, &PIN[..6], &certificate[40..56]] {
        assert!(!card.has_seen(secret));
    }
    let wire = card.wire();
    assert!(wire.iter().all(|apdu| apdu.answer.len() >= 2));
    assert_eq!(wire.len() as u64, card.counts().apdus);
    assert_eq!(wire[0].command, bytes(SELECT_PIV));
    assert!(wire.iter().any(|apdu| apdu.command.starts_with(&[0x0C, 0x20, 0x00, 0x80])));

    let plain = SimCard::new(Personality::piv_dual());
    say(&plain, SELECT_PIV);
    say(&plain, common::VERIFY_123456);
    assert!(plain.has_seen(b"123456"));
    plain.zero();
    assert!(plain.wire().is_empty() && !plain.has_seen(b"123456"));
}

#[test]
fn every_session_has_its_own_nonce() {
    let card = contactless(Suite::Cs2);
    say(&card, SELECT_PIV);
    let nonces = [1, 1, 2].map(|seed| Terminal::agree(&card, Suite::Cs2, seed).unwrap().1.nonce);
    assert!(nonces[0] != nonces[1] && nonces[1] != nonces[2]);
    assert_eq!(card.counts().establishments, 3);
}

#[test]
fn a_new_session_asks_for_the_pairing_code_again_and_keeps_the_pin() {
    let card = contactless(Suite::Cs2);
    let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
    terminal.verify(0x98, CODE).unwrap();
    terminal.verify(0x80, PIN).unwrap();
    let (mut other, _) = Terminal::agree(&card, Suite::Cs2, 8).unwrap();
    assert!(!card.is_paired());
    assert_eq!(other.object("5FC105").unwrap().1, 0x6982);
    assert_eq!(terminal.verify(0x98, CODE), Err(Broken::Status(0x6988)), "under the old keys");
    let (mut other, _) = Terminal::agree(&card, Suite::Cs2, 9).unwrap();
    assert_eq!(other.verify(0x98, CODE), Ok(0x9000));
    assert_eq!(other.verify(0x80, b""), Ok(0x9000));
}

#[test]
fn plain_commands_between_protected_ones() {
    for strict in [false, true] {
        let after: [fn(&SimCard); 5] = [
            |card| assert_eq!(object(card, 0x5FC102).1, 0x9000),
            |card| assert!(authenticate(card, 0x11, 0x9E, 0x81, &[1; 32]).is_ok()),
            |card| assert_eq!(object(card, 0x5FC105).1, 0x6982),
            |card| assert!(say(card, SELECT_PIV).ends_with("9000")),
            |card| assert_eq!(say(card, "00DA000000"), "6D00"),
        ];
        for plain in after {
            let card = with(|settings| settings.strict_plain = strict);
            let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
            terminal.verify(0x98, CODE).unwrap();
            plain(&card);
            let expected = if strict { Err(Broken::Status(0x6982)) } else { Ok(0x9000) };
            assert_eq!(terminal.verify(0x98, b""), expected);
        }
    }
}

#[test]
fn get_response_is_part_of_the_answer_even_where_plain_commands_are_not_welcome() {
    let card = with(|settings| settings.strict_plain = true);
    let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
    terminal.verify(0x98, CODE).unwrap();
    for _ in 0..2 {
        assert_eq!(terminal.object("5FC10A").unwrap().1, 0x9000);
    }
}

#[test]
fn what_ends_a_session() {
    let ends: [fn(&SimCard); 6] = [
        |card| card.reset(),
        |card| card.power_on(),
        |card| {
            card.pull();
            card.insert();
        },
        |card| {
            card.foreign_select(&bytes("A000000151000000"));
        },
        |card| card.lose_session(),
        |card| {
            card.set_interface(Interface::Contact);
            card.set_interface(Interface::Contactless);
        },
    ];
    for end in ends {
        let card = contactless(Suite::Cs2);
        let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
        terminal.verify(0x98, CODE).unwrap();
        assert!(card.is_paired());
        end(&card);
        assert!(!card.has_session() && !card.is_paired());
        say(&card, SELECT_PIV);
        assert_eq!(terminal.verify(0x98, CODE), Err(Broken::Status(0x6982)));
    }
    let card = contactless(Suite::Cs2);
    let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
    assert_eq!(say(&card, SELECT_ACA), "6A82", "a SELECT that fails leaves everything");
    assert_eq!(terminal.verify(0x98, CODE), Ok(0x9000));
}

#[test]
fn a_chain_is_protected_as_a_whole_or_not_at_all() {
    let card = contactless(Suite::Cs2);
    let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
    terminal.verify(0x98, CODE).unwrap();
    terminal.verify(0x80, PIN).unwrap();
    // A chain given up leaves no trace: the counter is the same for the next one.
    assert_eq!(say(&card, "1C87079A020102"), "9000");
    assert_eq!(terminal.verify(0x80, b""), Ok(0x9000));
    let head = [0x87, 0x07, 0x9A];
    let template = tlv(0x7C, &[vec![0x82, 0], tlv(0x81, &[&[0, 1], &[0xFF; 254][..]].concat())].concat());
    let sealed = terminal.seal(head, &template, true);
    let (first, rest) = sealed.split_at(255);
    let block = |cla: u8, data: &[u8]| [&[cla, 0x87, 0x07, 0x9A, data.len() as u8], data].concat();
    assert_eq!(card.transmit(&block(0x10, first)), [0x90, 0x00]);
    assert_ne!(card.transmit(&[block(0x0C, rest), vec![0]].concat())[..2], [0x87, 0x82]);
    assert!(!card.has_session());
}

#[test]
fn extended_apdus_carry_a_protected_command_whole() {
    let card = SimCard::new(Personality { extended: true, ..Personality::piv_dual() });
    let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
    terminal.verify(0x80, PIN).unwrap();
    let head = [0x87, 0x07, 0x9A];
    let template = tlv(0x7C, &[vec![0x82, 0], tlv(0x81, &[&[0, 1], &[0xFF; 254][..]].concat())].concat());
    let sealed = terminal.seal(head, &template, true);
    let length = (sealed.len() as u16).to_be_bytes();
    let mut answer = card.transmit(&[&[0x0C, 0x87, 0x07, 0x9A, 0], &length[..], &sealed, &[0, 0]].concat());
    let status = answer.split_off(answer.len() - 2);
    assert_eq!(status, [0x90, 0x00]);
    assert_eq!(terminal.open_answer((answer, 0x9000)).unwrap().1, 0x9000);
}

#[test]
fn a_card_says_which_suite_it_has() {
    for (suite, announced) in
        [(Some(Suite::Cs2), "AC06800127060100"), (Some(Suite::Cs7), "AC0680012E060100"), (None, "")]
    {
        let card = with(|settings| settings.suite = suite);
        let template = say(&card, SELECT_PIV);
        assert!(template.ends_with(&format!("{announced}9000")));
        assert_eq!(template.contains("AC06"), suite.is_some());
        assert_eq!(object(&card, 0x5FC122).1 == 0x9000, suite.is_some());
    }
    for (vci, policy) in [(Vci::PairingCode, "4800"), (Vci::Open, "4C00"), (Vci::None, "4000")] {
        let card = with(|settings| settings.vci = vci);
        assert_eq!(
            common::hex(&card.object(0x7E).unwrap()),
            format!("7E124F0BA0000003080000100001005F2F02{policy}")
        );
        assert_eq!(card.object(0x5FC123).is_some(), vci == Vci::PairingCode);
    }
    let global = Personality { global_pin: Some("654321".into()), ..Personality::piv_dual() };
    assert!(SimCard::new(global).object(0x7E).unwrap().ends_with(&[0x68, 0x10]));
}

#[test]
fn settings_change_while_a_session_is_up() {
    let card = contactless(Suite::Cs2);
    let mut terminal = Terminal::open(&card, Suite::Cs2).unwrap();
    assert_eq!(terminal.object("5FC105").unwrap().1, 0x6982);
    card.set_secure_messaging(SecureMessaging { vci: Vci::Open, ..card.secure_messaging() });
    assert_eq!(terminal.object("5FC105").unwrap().1, 0x9000);
    assert_eq!(terminal.verify(0x98, CODE), Ok(0x6A88), "there is no pairing code any more");
    card.set_secure_messaging(SecureMessaging { suite: Some(Suite::Cs7), ..card.secure_messaging() });
    assert_eq!(terminal.verify(0x98, CODE), Err(Broken::Status(0x6982)));
    let mut terminal = Terminal::open(&card, Suite::Cs7).unwrap();
    assert_eq!(terminal.object("5FC105").unwrap().1, 0x9000);
}
