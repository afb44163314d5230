//! What a simulated card in a reader tells of its FIDO application, and what becomes of everything that can go wrong.

#![forbid(unsafe_code)]

use ciborium::Value;
use fido::{Error, Info};
use link::{Card, LinkError, Readers};
use sim::{Faults, Interface, Personality, SimCard, SimReaders, What};

const READER: &str = "Reader 00 00";
const SELECT_PIV: &[u8] = b"\x00\xA4\x04\x00\x0B\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00\x00";
const VERIFY: &[u8] = b"\x00\x20\x00\x80\x08123456\xFF\xFF";

fn card() -> SimCard {
    SimCard::new(Personality::key_v3())
}

fn connect(card: &SimCard) -> Box<dyn Card> {
    let connection = SimReaders::with(READER, card).connect(READER).unwrap();
    card.zero();
    connection
}

fn ask(card: &SimCard) -> Result<Info, Error> {
    let mut connection = connect(card);
    let mut transaction = connection.begin().unwrap();
    Info::of_card(&mut *transaction.link)
}

/// A good answer of so many bytes or a few more, with a vendor command for every nine.
fn answer(len: usize) -> (Vec<u8>, Vec<u64>) {
    let commands: Vec<u64> = (0..len as u64 / 9).map(|n| u64::MAX - n).collect();
    let list = commands.iter().copied().map(Value::from).collect();
    let members =
        vec![(3.into(), Value::Bytes(b"0123456789abcdef".to_vec())), (0x15.into(), Value::Array(list))];
    let mut bytes = vec![0x00];
    ciborium::into_writer(&Value::Map(members), &mut bytes).unwrap();
    (bytes, commands)
}

#[test]
fn a_card_is_asked_with_two_apdus_over_either_interface() {
    for interface in [Interface::Contact, Interface::Contactless] {
        for extended in [false, true] {
            let card = SimCard::new(Personality { extended, ..Personality::key_v3() });
            card.set_interface(interface);
            let info = ask(&card).unwrap();
            assert_eq!(info.aaguid.to_string(), "7991798a-a7f3-487f-98c0-3faf7a458a04");
            assert_eq!(info.versions, ["FIDO_2_0", "FIDO_2_1"]);
            assert_eq!(info.firmware_version, Some(0x0004_0100));
            assert!(info.vendor_prototype_config_commands.is_empty());
            assert_eq!(card.counts().apdus, 2);
        }
    }
}

#[test]
fn a_long_answer_takes_one_apdu_more_for_every_256_bytes() {
    for (len, apdus) in [(200, 2), (300, 3), (700, 4), (2000, 9), (7600, 31)] {
        let card = card();
        let (bytes, commands) = answer(len);
        card.set_get_info(Some(bytes.clone()));
        let info = ask(&card).unwrap();
        assert_eq!(info.vendor_prototype_config_commands, commands, "{len}");
        assert_eq!(card.counts().apdus, apdus, "{} bytes", bytes.len());
        assert!(
            card.wire().iter().all(|one| one.command.len() <= 14 && one.answer.len() <= 258),
            "short APDUs"
        );
    }
}

/// No answer of CTAP is that long: 128 continuation packets of CTAPHID carry no more than 7609 bytes.
#[test]
fn an_answer_that_is_too_long_is_not_fetched_to_its_end() {
    let card = card();
    card.set_get_info(Some(answer(20_000).0));
    assert!(matches!(ask(&card), Err(Error::Malformed(_))));
    assert_eq!(card.counts().apdus, 34);
}

#[test]
fn a_card_without_fido_is_asked_once_and_keeps_its_login() {
    for personality in
        [Personality { fido: false, ..Personality::key_v3() }, Personality::piv(), Personality::piv_dual()]
    {
        let card = SimCard::new(personality);
        let mut connection = connect(&card);
        let mut transaction = connection.begin().unwrap();
        transaction.link.transmit(SELECT_PIV).unwrap();
        assert_eq!(transaction.link.transmit(VERIFY).unwrap(), [0x90, 0x00]);
        card.zero();
        assert!(matches!(Info::of_card(&mut *transaction.link), Err(Error::Status(0x6A82))));
        assert_eq!((card.counts().apdus, card.verified()), (1, true));
    }
}

/// Why nobody may ask a card at which somebody is logged in.
#[test]
fn to_be_asked_costs_a_card_the_login_of_piv() {
    let card = card();
    let mut connection = connect(&card);
    let mut transaction = connection.begin().unwrap();
    transaction.link.transmit(SELECT_PIV).unwrap();
    transaction.link.transmit(VERIFY).unwrap();
    assert!(card.verified());
    Info::of_card(&mut *transaction.link).unwrap();
    assert!(!card.verified());
}

#[test]
fn what_is_no_answer_is_refused_and_nothing_more_is_asked() {
    let (good, _) = answer(200);
    let wrong = [
        vec![],
        vec![0x00],
        vec![0x00, 0xA0],
        b"\x00\xA1\x03\x41\x00".to_vec(),
        b"\x00FIDO_2_0".to_vec(),
        good[..good.len() - 1].to_vec(),
        [&good[..], &[0x00]].concat(),
        vec![0x00; 300],
        [&[0x00][..], &[0x81; 3000]].concat(),
    ];
    for answer in wrong {
        let card = card();
        card.set_get_info(Some(answer.clone()));
        assert!(matches!(ask(&card), Err(Error::Malformed(_))), "{answer:02X?}");
        assert_eq!(card.counts().apdus, 2 + answer.len().saturating_sub(1) as u64 / 256);
    }
    let card = card();
    card.set_get_info(Some(vec![0x30]));
    assert!(matches!(ask(&card), Err(Error::Ctap(0x30))));
}

/// A card with a chained answer: SELECT, the message, two GET RESPONSE.
fn disturbed(at: u32, what: &What) -> (Result<Info, Error>, SimCard) {
    let card = card();
    card.set_get_info(Some(answer(700).0));
    let mut connection = connect(&card);
    card.set_faults(Faults::at(at, what.clone()));
    let mut transaction = connection.begin().unwrap();
    (Info::of_card(&mut *transaction.link), card)
}

#[test]
fn garbage_in_the_place_of_any_answer_ends_it() {
    for at in 1..=4 {
        for what in [
            What::Garbage,
            What::Truncated,
            What::Oversized,
            What::Status(0x6F00),
            What::Status(0x6100),
            What::Status(0x6CFF),
        ] {
            let (result, card) = disturbed(at, &what);
            // What SELECT answers is not looked at, and a part without content changes nothing.
            let harmless = match what {
                What::Truncated | What::Oversized => at == 1,
                What::Status(0x6100) => at > 2,
                _ => false,
            };
            assert_eq!(result.is_ok(), harmless, "{what:?} at {at}");
            assert!(card.counts().apdus <= 5, "{what:?} at {at}: {}", card.counts().apdus);
        }
    }
}

#[test]
fn a_card_that_goes_is_gone_and_one_that_was_reset_says_so() {
    for at in 1..=4 {
        for what in [What::Pull, What::LoseAnswer] {
            let (result, _) = disturbed(at, &what);
            assert!(result.as_ref().is_err_and(Error::is_removal), "{what:?} at {at}: {result:?}");
        }
        let (result, _) = disturbed(at, &What::Reset);
        assert!(matches!(result, Err(Error::Card(LinkError::Reset))), "at {at}: {result:?}");
    }
}

#[test]
fn another_application_in_between_answers_nothing_that_is_taken_for_fido() {
    for at in 2..=4 {
        let (result, _) = disturbed(at, &What::ForeignSelect(SELECT_PIV[5..16].to_vec()));
        assert!(matches!(result, Err(Error::Status(0x6D00 | 0x6985))), "at {at}: {result:?}");
    }
}
