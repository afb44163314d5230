//! One-time passwords of a simulated key: codes as the RFCs have them, the button, and what needs a person's permission.

use std::{cell::Cell, sync::Arc};

use crescendo_device::{CardError, Device, Devices, Environment, Error, OtpKind, OtpRequest, PinState, Seed};
use piv::Pin;
use sim::{Personality, SimCard, SimClock, SimReaders, SimStore};

/// The secret of RFC 4226, appendix D.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const READER: &str = "Reader 00 00";

fn desk(personality: Personality) -> (SimCard, Device) {
    let card = SimCard::new(personality);
    let readers = SimReaders::with(READER, &card);
    let environment = Environment::new(Arc::new(SimStore::default()), Arc::new(SimClock::default()));
    let device = Devices::new(Arc::new(readers), environment).select(None).unwrap();
    (card, device)
}

fn pin() -> Pin {
    Pin::new(b"123456").ok().unwrap()
}

fn seed(text: &str) -> Seed {
    Seed::parse(text).unwrap_or_else(|why| panic!("{}", why.0))
}

/// A code, for a person who presses the button when it blinks.
fn code(card: &SimCard, device: &mut Device, slot: u8, request: &OtpRequest<'_>) -> Result<String, Error> {
    let presses = Cell::new(0);
    let code = device.otp_code(slot, request, false, || {
        presses.set(presses.get() + 1);
        card.press() && presses.get() < 5
    });
    code.map(|code| code.to_string())
}

#[test]
fn codes_by_a_counter() {
    let (card, mut device) = desk(Personality::c2300_key());
    device.configure_otp(1, &pin(), &seed(SECRET), false).unwrap();
    assert_eq!(card.card_rights(), (false, false), "nothing is left open");
    for expected in ["755224", "287082", "359152"] {
        assert_eq!(code(&card, &mut device, 1, &OtpRequest::Hotp).unwrap(), expected);
    }
    let slots = device.otp_slots().unwrap().unwrap();
    assert_eq!(slots.len(), 3);
    assert_eq!((slots[0].kind, slots[0].digits), (Some(OtpKind::Hotp), Some(6)));
    assert_eq!(slots[1].kind, None, "nothing is configured");
}

#[test]
fn codes_by_the_time_take_permission_to_be_configured_and_the_pin_to_be_had() {
    let (card, mut device) = desk(Personality::c2300_key());
    let seed = seed(&format!("otpauth://totp/a?secret={SECRET}"));
    let refused = device.configure_otp(2, &pin(), &seed, false);
    assert!(matches!(refused, Err(Error::Card(CardError::Unconfirmed(_)))));
    device.configure_otp(2, &pin(), &seed, true).unwrap();
    let pin = pin();
    let request = OtpRequest::Totp(1_585_752_066, &pin);
    assert_eq!(code(&card, &mut device, 2, &request).unwrap(), "340909", "as the vendor prints it");
    assert_eq!(device.otp_slots().unwrap().unwrap()[1].kind, Some(OtpKind::Totp));
}

#[test]
fn a_wrong_pin_is_sent_once_and_a_button_is_not_waited_for_forever() {
    let (card, mut device) = desk(Personality::c2300_key());
    let wrong = Pin::new(b"000000").ok().unwrap();
    for _ in 0..2 {
        let refused = device.configure_otp(1, &wrong, &seed(SECRET), false);
        assert!(matches!(refused, Err(Error::Card(CardError::WrongPin { retries: 5 }))));
    }
    assert_eq!(card.tries().pin, 5, "one try");
    device.configure_otp(1, &pin(), &seed(SECRET), false).unwrap();
    let polls = Cell::new(0);
    let given_up = device.otp_code(1, &OtpRequest::Hotp, false, || {
        polls.set(polls.get() + 1);
        polls.get() < 3
    });
    assert!(matches!(given_up, Err(Error::Card(CardError::NoButton))));
    assert_eq!(polls.get(), 3);
}

#[test]
fn an_empty_slot_and_a_deleted_secret_have_no_code() {
    let (card, mut device) = desk(Personality::c2300_key());
    let none = |error| matches!(error, Err(Error::EmptySlot(1)));
    assert!(none(code(&card, &mut device, 1, &OtpRequest::Hotp)));
    device.configure_otp(1, &pin(), &seed(SECRET), false).unwrap();
    device.delete_otp(1, &pin(), false).unwrap();
    assert!(none(code(&card, &mut device, 1, &OtpRequest::Hotp)));
}

#[test]
fn keys_of_which_nothing_is_known_are_only_selected() {
    let (card, mut device) = desk(Personality { oath: true, ..Personality::key_v3() });
    assert_eq!(device.otp_slots().unwrap().unwrap().len(), 3);
    card.zero();
    let unconfirmed = |error| matches!(error, Err(Error::Card(CardError::Unconfirmed(_))));
    assert!(unconfirmed(device.configure_otp(1, &pin(), &seed(SECRET), false)));
    assert!(unconfirmed(device.delete_otp(1, &pin(), false)));
    assert!(unconfirmed(device.otp_code(1, &OtpRequest::Hotp, false, || true).map(drop)));
    let oath = card.wire().iter().any(|apdu| apdu.command.first() == Some(&0x80));
    assert!(!oath, "nothing but SELECT");
    device.configure_otp(1, &pin(), &seed(SECRET), true).unwrap();
}

#[test]
fn cards_have_none() {
    let (_, mut device) = desk(Personality::c2300());
    assert!(device.otp_slots().unwrap().unwrap().is_empty());
    let (_, mut device) = desk(Personality::piv());
    assert!(device.otp_slots().unwrap().unwrap().is_empty());
}

#[test]
fn whoever_authenticated_stays_so_over_a_code() {
    let (card, mut device) = desk(Personality::c2300_key());
    device.configure_otp(1, &pin(), &seed(SECRET), false).unwrap();
    device.authenticate(&pin()).unwrap();
    assert_eq!(code(&card, &mut device, 1, &OtpRequest::Hotp).unwrap(), "755224");
    assert_eq!(device.lock().unwrap(), PinState::Verified);
    assert!(device.otp_slots().unwrap().is_some());
    assert_eq!((device.lock().unwrap(), card.tries().pin), (PinState::Verified, 6));
    let wrong = Pin::new(b"654321").ok().unwrap();
    let refused = device.delete_otp(1, &wrong, false);
    assert!(matches!(refused, Err(Error::Card(CardError::WrongPin { retries: 5 }))), "{refused:?}");
    assert_eq!(
        (device.lock().unwrap(), card.tries().pin),
        (PinState::Tries(5), 5),
        "nothing was sent after it"
    );
}

#[test]
fn another_program_that_is_logged_in_is_not_disturbed() {
    let (card, mut device) = desk(Personality::c2300_key());
    device.configure_otp(1, &pin(), &seed(SECRET), false).unwrap();
    device.authenticate(&pin()).unwrap();
    card.set_others(true);
    assert!(device.otp_slots().unwrap().is_none());
    let refused = code(&card, &mut device, 1, &OtpRequest::Hotp);
    assert!(matches!(refused, Err(Error::Card(CardError::InUse))), "{refused:?}");
    assert!(card.verified());
    card.set_others(false);
    assert_eq!(code(&card, &mut device, 1, &OtpRequest::Hotp).unwrap(), "755224");
}

#[test]
fn no_try_is_spent_where_there_are_no_codes() {
    let (card, mut device) = desk(Personality::key_v3());
    let wrong = Pin::new(b"654321").ok().unwrap();
    for refused in [
        device.configure_otp(1, &wrong, &seed(SECRET), true),
        device.delete_otp(1, &wrong, true),
        device.otp_code(1, &OtpRequest::Totp(0, &wrong), true, || false).map(drop),
    ] {
        assert!(matches!(refused, Err(Error::Card(CardError::Unsupported(_)))), "{refused:?}");
    }
    assert_eq!(card.tries().pin, 6);
}
