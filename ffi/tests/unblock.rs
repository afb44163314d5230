//! Blocked PINs as C lifts them, and the PUK: with the PUK, the administration key, the help desk at the telephone.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::ptr;

use crescendo::{crescendo_question_kind as Kind, crescendo_status as Status, *};
use lab::{Lab, Opened, PIN, Person, WRONG, fails, ok, taken_text, text, text_if};
use sim::{AdministrationKey, Personality, SimCard, administration_key};

const NEW: &str = "271828";
const PUK: &str = "12345678";
const MASTER: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
const AES: &str = "2B7E151628AED2A6ABF7158809CF4F3C";

type Unblock = unsafe extern "C" fn(
    *const crescendo_device,
    *const std::ffi::c_char,
    usize,
    *const std::ffi::c_char,
    usize,
    *const crescendo_callbacks,
) -> Status;

fn call(
    function: Unblock,
    device: &Opened,
    one: Option<&str>,
    new: Option<&str>,
    person: &Person<'_>,
) -> Status {
    let ((one, one_length), (new, new_length)) = (text_if(one), text_if(new));
    unsafe { function(device.get(), one, one_length, new, new_length, &person.callbacks()) }
}

fn with_puk(device: &Opened, puk: Option<&str>, new: Option<&str>, person: &Person<'_>) -> Status {
    call(crescendo_pin_unblock_with_puk, device, puk, new, person)
}

fn with_key(device: &Opened, key: Option<&str>, new: Option<&str>, person: &Person<'_>) -> Status {
    call(crescendo_pin_unblock_with_key, device, key, new, person)
}

fn change_puk(device: &Opened, old: Option<&str>, new: Option<&str>, person: &Person<'_>) -> Status {
    call(crescendo_puk_change, device, old, new, person)
}

fn with_help_desk(device: &Opened, new: Option<&str>, person: &Person<'_>) -> Status {
    let (new, length) = text_if(new);
    unsafe { crescendo_pin_unblock_with_help_desk(device.get(), new, length, &person.callbacks()) }
}

fn is_pin(device: &Opened, pin: &str) -> bool {
    let (pin, length) = text(pin);
    unsafe { crescendo_pin_verify(device.get(), pin, length, ptr::null()) == Status::Ok }
}

fn show(device: &Opened, pin: &str) -> Result<String, Status> {
    let (pin, length) = text(pin);
    let mut puk = ptr::null_mut();
    let status = unsafe { crescendo_puk_show(device.get(), pin, length, ptr::null(), &mut puk) };
    if status == Status::Ok { Ok(taken_text(puk)) } else { Err(status) }
}

fn hide(device: &Opened, pin: Option<&str>, yes: bool, person: &Person<'_>) -> Status {
    let (pin, length) = text_if(pin);
    unsafe { crescendo_puk_hide(device.get(), pin, length, yes, &person.callbacks()) }
}

/// What the help desk says, who is told these.
fn response(master: &str, id: &str, challenge: &str) -> Result<String, Status> {
    let ((master, master_length), (id, id_length), (challenge, challenge_length)) =
        (text(master), text(id), text(challenge));
    let mut response = ptr::null_mut();
    let status = unsafe {
        crescendo_help_desk_response(
            master,
            master_length,
            id,
            id_length,
            challenge,
            challenge_length,
            &mut response,
        )
    };
    if status == Status::Ok { Ok(taken_text(response)) } else { Err(status) }
}

fn response_with_key(key: &str, challenge: &str) -> Result<String, Status> {
    let ((key, key_length), (challenge, challenge_length)) = (text(key), text(challenge));
    let mut response = ptr::null_mut();
    let status = unsafe {
        crescendo_help_desk_response_with_key(key, key_length, challenge, challenge_length, &mut response)
    };
    if status == Status::Ok { Ok(taken_text(response)) } else { Err(status) }
}

fn nobody() -> Person<'static> {
    Person::saying(&[])
}

fn blocked(personality: Personality) -> (Lab, SimCard, Opened) {
    let (lab, card) = Lab::new(personality);
    card.block_pin();
    let device = lab.device();
    (lab, card, device)
}

/// Two Crescendos with a key of their own: the second takes such commands only if that is permitted.
fn administered() -> [Personality; 2] {
    let key = || administration_key(AES).unwrap();
    [
        Personality { xauth: key(), ..Personality::c2300() },
        Personality { xauth: key(), ..Personality::key_v3() },
    ]
}

fn permit(device: &Opened) {
    ok(unsafe { crescendo_device_permit_unconfirmed(device.get(), true) });
}

#[test]
fn a_puk_of_the_card_sets_a_new_pin() {
    let (_lab, card, device) = blocked(Personality::piv_extended());
    let wrong = fails(with_puk(&device, Some("87654321"), Some(NEW), &nobody()), Status::WrongPuk);
    assert_eq!((wrong.tries, card.tries().puk), (2, Some(2)), "{wrong:?}");
    assert!(!wrong.message.contains("8765"), "{wrong:?}");
    fails(with_puk(&device, Some("1234"), Some(NEW), &nobody()), Status::PukFormat);
    fails(with_puk(&device, Some(PUK), Some("1"), &nobody()), Status::PinRejected);
    assert_eq!(card.tries().puk, Some(2));
    let person = Person::saying(&["1", PUK, "12", NEW]);
    ok(with_puk(&device, None, None, &person));
    assert_eq!(person.kinds(), [Kind::Puk, Kind::Puk, Kind::NewPin, Kind::NewPin]);
    let asked = person.asked();
    assert_eq!(asked[0].tries, 2);
    assert!(asked[1].problem.is_some() && asked[3].problem.is_some() && asked[2].rules.is_some());
    assert!(is_pin(&device, NEW));
}

#[test]
fn a_puk_that_is_gone_asks_nobody() {
    let (_lab, card, device) = blocked(Personality::piv_extended());
    card.block_puk();
    let person = Person::saying(&[PUK, NEW]);
    let gone = fails(with_puk(&device, None, None, &person), Status::PukBlocked);
    assert_eq!((gone.tries, person.asked().len()), (0, 0));
    let (_lab, _, none) = blocked(Personality::c2300());
    fails(with_puk(&none, Some(PUK), Some(NEW), &nobody()), Status::NoPuk);
    fails(change_puk(&none, None, None, &person), Status::NoPuk);
    assert!(person.asked().is_empty());
}

#[test]
fn the_puk_is_changed() {
    let (lab, card) = Lab::new(Personality::piv());
    let device = lab.device();
    let person = Person::saying(&[PUK, "1234567", "1234567a", "87654321"]);
    ok(change_puk(&device, None, None, &person));
    assert_eq!(person.kinds(), [Kind::Puk, Kind::NewPuk, Kind::NewPuk, Kind::NewPuk]);
    let asked = person.asked();
    assert!((asked[1].min, asked[1].max, asked[1].digits) == (8, 8, true) && asked[3].problem.is_some());
    fails(change_puk(&device, None, Some("1"), &nobody()), Status::PukFormat);
    fails(change_puk(&device, Some("87654321"), None, &nobody()), Status::Cancelled);
    card.block_pin();
    ok(with_puk(&device, Some("87654321"), Some(NEW), &nobody()));
    let (lab, _) = Lab::new(Personality::c2300());
    fails(change_puk(&lab.device(), Some(PUK), Some("87654321"), &nobody()), Status::NoPuk);
}

#[test]
fn the_administration_key_sets_a_new_pin() {
    for personality in administered() {
        let (_lab, card, device) = blocked(personality);
        permit(&device);
        let zero = "00".repeat(16);
        let wrong = fails(with_key(&device, Some(&zero), Some(NEW), &nobody()), Status::WrongKey);
        assert!(!wrong.message.contains(&zero), "{wrong:?}");
        for bad in ["", "00", "2B7E151628AED2A6ABF7158809CF4F3"] {
            let refused = fails(with_key(&device, Some(bad), Some(NEW), &nobody()), Status::KeyFormat);
            assert!(bad.len() < 3 || !refused.message.contains(bad), "{refused:?}");
        }
        fails(with_key(&device, Some(&"00".repeat(24)), Some(NEW), &nobody()), Status::KeyKind);
        let person = Person::saying(&["no key", AES, NEW]);
        ok(with_key(&device, None, None, &person));
        assert_eq!(person.kinds(), [Kind::AdministrationKey, Kind::AdministrationKey, Kind::NewPin]);
        assert_eq!(card.card_rights(), (false, false), "reset afterwards");
        assert!(is_pin(&device, NEW));
    }
}

#[test]
fn what_nobody_has_published_is_not_sent_unasked() {
    let [_, key_v3] = administered();
    let (_lab, card, device) = blocked(key_v3);
    card.zero();
    fails(with_key(&device, Some(AES), Some(NEW), &nobody()), Status::NotConfirmed);
    let person = Person::saying(&[""]);
    fails(with_help_desk(&device, Some(NEW), &person), Status::NotConfirmed);
    assert!(person.asked().is_empty() && card.tries().pin == 0);
    let (_lab, _, keyless) =
        blocked(Personality { xauth: AdministrationKey::Absent, ..Personality::c2300() });
    fails(with_key(&keyless, Some(&"00".repeat(24)), Some(NEW), &nobody()), Status::NoAdministrationKey);
}

#[test]
fn the_help_desk_unblocks_by_telephone() {
    for personality in administered() {
        let (_lab, card, device) = blocked(personality);
        let id = device.id();
        permit(&device);
        let person = Person::new(|asked| match asked.kind {
            Kind::NewPin => Some(NEW.to_owned()),
            _ if asked.problem.is_none() => Some("0011 2233".to_owned()),
            _ => response_with_key(AES, asked.challenge.as_ref().unwrap()).ok(),
        });
        ok(with_help_desk(&device, None, &person));
        assert_eq!(person.kinds(), [Kind::NewPin, Kind::Response, Kind::Response]);
        let asked = &person.asked()[2];
        assert_eq!(asked.device_id.as_deref(), Some(&id[..]));
        assert_eq!(asked.challenge.as_ref().map(String::len), Some(39), "eight groups of four");
        assert!(asked.problem.as_ref().unwrap().contains("32 digits"), "{asked:?}");
        assert_eq!(person.asked()[1].challenge, asked.challenge, "the challenge stays");
        assert_eq!(card.card_rights(), (false, false));
        assert!(is_pin(&device, NEW));
    }
}

#[test]
fn a_call_that_is_given_up_or_answered_wrong_changes_nothing() {
    let [c2300, _] = administered();
    let (_lab, card, device) = blocked(c2300);
    fails(with_help_desk(&device, Some(NEW), &nobody()), Status::Cancelled);
    let person = Person::new(|asked| response_with_key(&"00".repeat(16), asked.challenge.as_ref()?).ok());
    fails(with_help_desk(&device, Some(NEW), &person), Status::WrongKey);
    assert_eq!((card.tries().pin, card.unlock_tries()), (0, Some(10)));
    let (new, length) = text(NEW);
    card.zero();
    let unasked = unsafe { crescendo_pin_unblock_with_help_desk(device.get(), new, length, ptr::null()) };
    fails(unasked, Status::NoCallback);
    assert_eq!(card.counts().apdus, 0);
    let inside = device.get();
    let nosy = Person::new(|_| {
        fails(unsafe { crescendo_device_end_authentication(inside) }, Status::Reentered);
        None
    });
    fails(with_help_desk(&device, Some(NEW), &nosy), Status::Cancelled);
}

/// HKDF-SHA-256 of the master key, salt "crescendo-xauth-v1", info = device ID, 16 bytes: made by another implementation.
const DERIVED: (&str, &str) = ("47900503708900230001", "96B29C25460AB29D3A2E8F72D5525FD6");

#[test]
fn a_help_desk_answers_for_each_of_its_devices() {
    let (id, key) = DERIVED;
    let challenge = "A1B2 C3D4 E5F6 0718 293A 4B5C 6D7E 8F90";
    let (_l, _c) = Lab::new(Personality::c2300());
    let spoken = response(MASTER, id, challenge).unwrap();
    assert_eq!((spoken.len(), &spoken), (39, &response_with_key(key, challenge).unwrap()));
    assert_eq!(response(&MASTER.to_lowercase(), id, &challenge.replace(' ', "")).unwrap(), spoken);
    assert_eq!(response("00", id, challenge), Err(Status::KeyFormat));
    assert_eq!(response(MASTER, "1", challenge), Err(Status::DeviceIdFormat));
    assert_eq!(response(MASTER, id, "A1B2"), Err(Status::ChallengeFormat));
    assert_eq!(response_with_key("00", challenge), Err(Status::KeyFormat));
    assert_eq!(response_with_key(key, "A1B2 C3D4 E5F6 0718"), Err(Status::KeyKind));
    let key = administration_key(key).unwrap();
    let (_lab, _, device) = blocked(Personality { xauth: key, ..Personality::c2300() });
    assert_eq!(device.id(), id);
    let telephone =
        |asked: &lab::Asked| response(MASTER, asked.device_id.as_ref()?, asked.challenge.as_ref()?).ok();
    ok(with_help_desk(&device, Some(NEW), &Person::new(telephone)));
}

#[test]
fn a_puk_is_shown_until_it_is_hidden() {
    for personality in [Personality::c2300(), Personality::key_v3()] {
        let (lab, card) = Lab::new(personality);
        card.set_object(0x5F_C109, Some(b"\x53\x0A\x88\x0812345678".to_vec()));
        let (device, tries) = (lab.device(), card.tries().pin);
        assert_eq!(show(&device, PIN).as_deref(), Ok(PUK));
        assert!(!card.verified());
        assert_eq!(show(&device, "12"), Err(Status::PinFormat));
        assert_eq!(show(&device, WRONG), Err(Status::WrongPin));
        assert_eq!(card.tries().pin, tries - 1);
        let unconfirmed = Person::saying(&[PIN]);
        fails(hide(&device, None, false, &unconfirmed), Status::Cancelled);
        let name = device.name();
        assert!(unconfirmed.lines()[0].starts_with(&format!("{name} will never show its PUK again")));
        assert!(unconfirmed.asked().is_empty() && show(&device, PIN).is_ok());
        let (pin, length) = text(PIN);
        let unasked = unsafe { crescendo_puk_hide(device.get(), pin, length, false, ptr::null()) };
        fails(unasked, Status::NoCallback);
        ok(hide(&device, None, false, &Person::saying(&[PIN]).consenting()));
        assert_eq!(show(&device, PIN), Err(Status::NoPukKept));
        fails(hide(&device, Some(PIN), true, &nobody()), Status::NoPukKept);
        card.block_pin();
        assert_eq!(show(&device, PIN), Err(Status::PinBlocked), "never when locked");
    }
}

#[test]
fn without_a_place_for_the_puk_no_try_is_spent() {
    let (lab, card) = Lab::new(Personality::c2300());
    let device = lab.device();
    let (wrong, length) = text(WRONG);
    card.zero();
    let nowhere = unsafe { crescendo_puk_show(device.get(), wrong, length, ptr::null(), ptr::null_mut()) };
    fails(nowhere, Status::NullPointer);
    assert_eq!(card.counts().verifies, 0);
}

#[test]
fn on_a_contactless_reader_nothing_of_this_is_done() {
    let (lab, card) = Lab::new(Personality::piv_dual());
    card.set_interface(sim::Interface::Contactless);
    let device = lab.device();
    let person = Person::saying(&[PUK, NEW]);
    fails(with_puk(&device, None, None, &person), Status::ContactNeeded);
    fails(with_key(&device, None, None, &person), Status::ContactNeeded);
    fails(with_help_desk(&device, None, &person), Status::ContactNeeded);
    fails(change_puk(&device, None, None, &person), Status::ContactNeeded);
    assert!(person.asked().is_empty());
}
