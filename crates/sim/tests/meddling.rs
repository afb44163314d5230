//! What goes wrong in and around secure messaging, at the command a test names.

mod common;

use common::terminal::{Broken, Introduction, Terminal};
use common::{SELECT_PIV, say};
use crescendo_sim::{Fault, Faults, Interface, Part, Personality, SimCard, Suite, What, control};

const CODE: &[u8] = b"27182818";
const SUITES: [Suite; 2] = [Suite::Cs2, Suite::Cs7];

fn contactless(suite: Suite) -> SimCard {
    let mut personality = Personality::piv_dual();
    personality.secure_messaging.suite = Some(suite);
    let card = SimCard::new(personality);
    card.set_interface(Interface::Contactless);
    say(&card, SELECT_PIV);
    card
}

/// How a terminal fares that reads three objects, with a fault at every APDU in turn.
fn at_every_apdu(what: &What) -> Vec<Result<(), Broken>> {
    let run = |at: u32| {
        let card = contactless(Suite::Cs2);
        let mut terminal = Terminal::agree(&card, Suite::Cs2, 7).unwrap().0;
        card.set_faults(Faults::at(at, what.clone()));
        terminal.verify(0x98, CODE)?;
        for tag in ["7E", "5FC107", "7E"] {
            terminal.object(tag)?;
        }
        Ok(())
    };
    (1..=5).map(run).collect()
}

#[test]
fn every_fault_is_seen_at_its_apdu_by_who_checks() {
    let lost = Err(Broken::Status(0x6982));
    for (what, seen) in [
        (What::LoseSession, [lost; 4]),
        (What::PlainAnswer, [Err(Broken::Plain); 4]),
        (What::Tamper(Part::Mac), [Err(Broken::Mac); 4]),
        (What::Tamper(Part::Status), [Err(Broken::Mac); 4]),
        (What::Tamper(Part::Data), [Err(Broken::Mac); 4]),
    ] {
        let fared = at_every_apdu(&what);
        assert_eq!(fared[..4], seen, "{what:?}");
        assert_eq!(fared[4], Ok(()), "{what:?} after the last APDU");
    }
    // The first VERIFY and the first GET DATA have nothing before them that could be replayed.
    let replayed = at_every_apdu(&What::Replay);
    assert_eq!(replayed, [Ok(()), Ok(()), Err(Broken::Mac), Err(Broken::Mac), Ok(())]);
}

#[test]
fn a_lost_session_is_lost_for_good() {
    let card = contactless(Suite::Cs7);
    let mut terminal = Terminal::agree(&card, Suite::Cs7, 7).unwrap().0;
    card.set_faults(Faults::at(2, What::LoseSession));
    assert_eq!(terminal.verify(0x98, CODE), Ok(0x9000));
    assert_eq!(terminal.object("5FC105"), Err(Broken::Status(0x6982)));
    assert!(!card.has_session());
    let mut terminal = Terminal::agree(&card, Suite::Cs7, 8).unwrap().0;
    assert_eq!(terminal.object("5FC105").unwrap().1, 0x6982, "the pairing code is asked for again");
    assert_eq!(card.counts().establishments, 2);
}

#[test]
fn a_key_establishment_tampered_with() {
    for suite in SUITES {
        for part in [Part::Nonce, Part::Cryptogram] {
            let card = contactless(suite);
            card.set_faults(Faults::at(1, What::Tamper(part)));
            let failed = Terminal::agree(&card, suite, 7).err();
            assert_eq!(failed, Some(Broken::Cryptogram), "{part:?}");
            assert!(Terminal::agree(&card, suite, 7).is_ok(), "once");
        }
        let card = contactless(suite);
        let good = Terminal::agree(&card, suite, 7).unwrap().1.cvc;
        card.set_faults(Faults::at(1, What::Tamper(Part::Cvc)));
        // The cryptogram fits: only the signature of the certificate gives it away.
        let (_, Introduction { cvc, .. }) = Terminal::agree(&card, suite, 7).unwrap();
        assert_eq!(cvc.len(), good.len());
        let different: Vec<usize> = (0..cvc.len()).filter(|at| cvc[*at] != good[*at]).collect();
        assert_eq!(different, [cvc.len() - 1]);
    }
}

#[test]
fn a_key_establishment_replayed() {
    let card = contactless(Suite::Cs2);
    Terminal::agree(&card, Suite::Cs2, 7).unwrap();
    card.set_faults(Faults(vec![Fault { at: 1, what: What::Replay }, Fault { at: 2, what: What::Replay }]));
    assert_eq!(Terminal::agree(&card, Suite::Cs2, 8).err(), Some(Broken::Cryptogram));
    // To the same request the old answer still fits. The card knows nothing of it, but has the same keys.
    let (mut same, _) = Terminal::agree(&card, Suite::Cs2, 7).unwrap();
    assert_eq!(same.verify(0x98, CODE), Ok(0x9000));
    assert_eq!(card.counts().establishments, 1);
}

#[test]
fn a_plain_answer_says_what_it_would_have_said() {
    let card = contactless(Suite::Cs2);
    let mut terminal = Terminal::agree(&card, Suite::Cs2, 7).unwrap().0;
    card.set_faults(Faults::at(1, What::PlainAnswer));
    let sealed = terminal.seal([0xCB, 0x3F, 0xFF], &[0x5C, 1, 0x7E], true);
    let (answer, status) = terminal.transmit([0xCB, 0x3F, 0xFF], &sealed);
    assert_eq!((Some(answer), status), (card.object(0x7E), 0x9000));
    assert!(card.has_session(), "someone else took the protection off");
    let mut terminal = Terminal::agree(&card, Suite::Cs2, 7).unwrap().0;
    card.set_faults(Faults::at(1, What::PlainAnswer));
    assert_eq!(terminal.verify(0x98, b"00000000"), Err(Broken::Status(0x6300)));
    assert!(card.has_session());
}

#[test]
fn tampering_waits_for_an_answer_that_has_the_part() {
    let card = contactless(Suite::Cs2);
    card.set_faults(Faults::at(1, What::Tamper(Part::Data)));
    say(&card, SELECT_PIV);
    let mut terminal = Terminal::agree(&card, Suite::Cs2, 7).unwrap().0;
    assert_eq!(terminal.verify(0x98, CODE), Ok(0x9000), "no data in it");
    assert_eq!(terminal.object("7E"), Err(Broken::Mac));
}

#[test]
fn the_same_by_lines_of_text() {
    let card = contactless(Suite::Cs2);
    let says = |line: &str| control::command(&card, line);
    assert_eq!(says("session"), "ok none");
    let mut terminal = Terminal::agree(&card, Suite::Cs2, 7).unwrap().0;
    assert_eq!(says("session"), "ok established");
    terminal.verify(0x98, CODE).unwrap();
    assert_eq!(says("session"), "ok paired");
    assert_eq!(says("fault 1 tamper mac"), "ok");
    assert_eq!(terminal.object("7E"), Err(Broken::Mac));
    assert_eq!(says("fault 1 tamper it"), "error no part it: data, mac, status, cryptogram, cvc or nonce");
    assert_eq!(says("lose-session"), "ok");
    assert_eq!(says("session"), "ok none");
    assert_eq!([says("seen 3237313832383138"), says("seen 00A40400")], ["ok false", "ok true"]);

    for line in [
        "suite cs7",
        "vci open",
        "signer intermediate",
        "pairing-code 00000005",
        "contact-tries 2",
        "strict-plain on",
    ] {
        assert_eq!(says(line), "ok", "{line}");
    }
    assert_eq!(says("object 7E"), "ok 7E124F0BA0000003080000100001005F2F024C00");
    let mut terminal = Terminal::open(&card, Suite::Cs7).unwrap();
    assert_eq!(terminal.object("5FC105").unwrap().1, 0x9000);
    say(&card, SELECT_PIV);
    assert_eq!(says("session"), "ok none", "strict");
    for line in ["suite cs3", "vci on", "signer me", "pairing-code 5", "contact-tries many", "strict-plain"] {
        assert!(says(line).starts_with("error "), "{line}");
    }
    assert_eq!(says("suite none"), "ok");
    assert_eq!(says("object 5FC122"), "ok none");
    assert_eq!(says("contact"), "ok");
    assert_eq!(card.interface(), Interface::Contact);
    assert_eq!(says("contactless"), "ok");
    assert_eq!(card.interface(), Interface::Contactless);
}
