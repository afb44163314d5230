//! One-time passwords as C has them: slots, codes with the button, and new secrets.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::{cell::Cell, mem, ptr, thread, time::Duration};

use crescendo::{crescendo_question_kind as Kind, crescendo_status as Status, *};
use lab::{Lab, Opened, PIN, Person, fails, items, ok, read, taken_text, text, text_if};
use sim::{Personality, SimCard};

/// The secret of RFC 4226, appendix D.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn configure(
    device: &Opened,
    slot: u8,
    seed: &str,
    pin: Option<&str>,
    callbacks: *const crescendo_callbacks,
) -> Status {
    let ((seed, seed_length), (pin, pin_length)) = (text(seed), text_if(pin));
    let device = device.get();
    unsafe { crescendo_otp_configure(device, slot, seed, seed_length, pin, pin_length, false, callbacks) }
}

/// A key with the secret in slot 1.
fn configured() -> (Lab, SimCard, Opened) {
    let (lab, card) = Lab::new(Personality::c2300_key());
    let device = lab.device();
    let person = Person::saying(&[]).consenting();
    ok(configure(&device, 1, SECRET, Some(PIN), &person.callbacks()));
    assert_eq!(card.card_rights(), (false, false), "nothing is left open");
    (lab, card, device)
}

fn code(
    device: &Opened,
    slot: u8,
    options: *const crescendo_otp_options,
    person: &Person<'_>,
) -> Result<String, Status> {
    let (callbacks, mut code) = (person.callbacks(), ptr::null_mut());
    match unsafe { crescendo_otp_code(device.get(), slot, options, &callbacks, &mut code) } {
        Status::Ok => Ok(taken_text(code)),
        status => {
            assert!(code.is_null());
            Err(status)
        }
    }
}

/// What the slots are configured for.
fn kinds(device: &Opened) -> Vec<crescendo_otp_kind> {
    let mut list = ptr::null();
    ok(unsafe { crescendo_otp_list(device.get(), &mut list) });
    let slots = unsafe { items((*list).count, (*list).items) };
    for (place, slot) in slots.iter().enumerate() {
        assert_eq!(usize::from(slot.slot), place + 1);
        assert_eq!(slot.digits, if slot.kind == crescendo_otp_kind::Unknown { 0 } else { 6 });
        assert_eq!(slot.period, if slot.kind == crescendo_otp_kind::Totp { 30 } else { 0 });
        assert!(read(slot.version).is_some());
    }
    let kinds = slots.iter().map(|slot| slot.kind).collect();
    unsafe { crescendo_otp_slots_free(list) };
    kinds
}

#[test]
fn codes_come_when_the_button_is_pressed() {
    let (_lab, card, device) = configured();
    assert_eq!(kinds(&device)[..2], [crescendo_otp_kind::Hotp, crescendo_otp_kind::Unknown]);
    for expected in ["755224", "287082"] {
        let polls = Cell::new(0);
        let person = Person::saying(&[]).watching(|_| {
            polls.set(polls.get() + 1);
            polls.get() < 3 || card.press()
        });
        assert_eq!(code(&device, 1, ptr::null(), &person).as_deref(), Ok(expected));
        let told = person.told();
        assert!(told.iter().all(|told| told.step == crescendo_step::PressButton && told.percent == -1));
        let left: Vec<_> = told.iter().map(|told| told.left_ms).collect();
        assert_eq!(left, [30_000, 29_750, 29_500], "at least twice a second");
    }
}

#[test]
fn codes_by_the_time_want_the_pin_and_permission_to_be_configured() {
    let (lab, card) = Lab::new(Personality::c2300_key());
    let device = lab.device();
    let (seed, person) = (format!("otpauth://totp/a?secret={SECRET}"), Person::saying(&[]).consenting());
    fails(configure(&device, 2, &seed, Some(PIN), &person.callbacks()), Status::NotConfirmed);
    ok(unsafe { crescendo_device_permit_unconfirmed(device.get(), true) });
    ok(configure(&device, 2, &seed, Some(PIN), &person.callbacks()));
    fails(configure(&device, 1, &seed, Some(PIN), &person.callbacks()), Status::SeedFormat);

    let size = size_of::<crescendo_otp_options>();
    let options = crescendo_otp_options { size, time: 1_585_752_066, ..unsafe { mem::zeroed() } };
    let person = Person::saying(&[PIN]).watching(|_| card.press());
    assert_eq!(code(&device, 2, &options, &person).as_deref(), Ok("340909"), "as the vendor prints it");
    assert_eq!(person.kinds(), [Kind::Pin]);
    let full = card.tries().pin;
    assert_eq!(code(&device, 2, &options, &Person::saying(&[lab::WRONG])), Err(Status::WrongPin));
    assert_eq!((lab::last().tries, card.tries().pin), (i32::from(full) - 1, full - 1));
    assert!(!lab::last().message.contains(lab::WRONG));
}

#[test]
fn waiting_for_the_button_is_cancelled_by_the_callback() {
    let (_lab, card, device) = configured();
    let person = Person::saying(&[]).watching(|told| told.left_ms > 29_500);
    assert_eq!(code(&device, 1, ptr::null(), &person), Err(Status::Cancelled));
    assert_eq!(person.told().len(), 3);
    let person = Person::saying(&[]).watching(|_| card.press());
    assert_eq!(code(&device, 1, ptr::null(), &person).as_deref(), Ok("755224"), "no code was lost");
}

#[test]
fn waiting_for_the_button_is_cancelled_from_another_thread() {
    let (_lab, _card, device) = configured();
    let mut cancel = ptr::null_mut();
    ok(unsafe { crescendo_cancel_new(&mut cancel) });
    let person = Person::saying(&[]).with_cancel(cancel);
    let handle = cancel as usize;
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(300));
            ok(unsafe { crescendo_cancel_now(handle as *const crescendo_cancel) });
        });
        assert_eq!(code(&device, 1, ptr::null(), &person), Err(Status::Cancelled));
    });
    assert!((1..=3).contains(&person.told().len()));
    unsafe { crescendo_cancel_free(cancel) };
}

#[test]
fn a_callback_that_calls_for_the_same_device_is_told_so() {
    let (_lab, card, device) = configured();
    let person = Person::saying(&[]).watching(|_| {
        let mut list = ptr::null();
        fails(unsafe { crescendo_otp_list(device.get(), &mut list) }, Status::Reentered);
        card.press()
    });
    assert_eq!(code(&device, 1, ptr::null(), &person).as_deref(), Ok("755224"));
}

#[test]
fn a_secret_is_neither_replaced_nor_deleted_without_a_word() {
    let (_lab, card, device) = configured();
    card.zero();
    let delete = |callbacks: *const crescendo_callbacks| {
        let (pin, length) = text(PIN);
        unsafe { crescendo_otp_delete(device.get(), 1, pin, length, false, callbacks) }
    };
    fails(configure(&device, 1, SECRET, Some(PIN), ptr::null()), Status::NoCallback);
    fails(delete(ptr::null()), Status::NoCallback);
    let person = Person::saying(&[]);
    fails(configure(&device, 1, SECRET, None, &person.callbacks()), Status::Cancelled);
    fails(delete(&person.callbacks()), Status::Cancelled);
    let lines = person.lines();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.contains("slot 1")), "{lines:?}");
    assert!(person.asked().is_empty() && card.counts().verifies == 0);
    assert_eq!(kinds(&device)[0], crescendo_otp_kind::Hotp);
    ok(delete(&Person::saying(&[]).consenting().callbacks()));
    assert_eq!(code(&device, 1, ptr::null(), &person), Err(Status::EmptySlot));
}

#[test]
fn who_authenticated_stays_so_and_another_program_is_not_logged_out() {
    let (_lab, card, device) = configured();
    let (pin, length) = text(PIN);
    ok(unsafe { crescendo_device_authenticate(device.get(), pin, length, ptr::null()) });
    card.set_others(true);
    let mut list = ptr::null();
    fails(unsafe { crescendo_otp_list(device.get(), &mut list) }, Status::InUse);
    assert_eq!(code(&device, 1, ptr::null(), &Person::saying(&[])), Err(Status::InUse));
    assert!(card.verified());
    card.set_others(false);
    let person = Person::saying(&[]).watching(|_| card.press());
    assert_eq!(code(&device, 1, ptr::null(), &person).as_deref(), Ok("755224"));
    assert!(card.verified());
}

#[test]
fn cards_have_no_slots_and_what_is_unknown_is_not_written() {
    for personality in [Personality::c2300(), Personality::piv()] {
        let (lab, _) = Lab::new(personality);
        assert!(kinds(&lab.device()).is_empty());
    }
    let (lab, card) = Lab::new(Personality { oath: true, ..Personality::key_v3() });
    let (device, person) = (lab.device(), Person::saying(&[]).consenting());
    card.zero();
    fails(configure(&device, 1, SECRET, Some(PIN), &person.callbacks()), Status::NotConfirmed);
    assert_eq!(code(&device, 1, ptr::null(), &person), Err(Status::NotConfirmed));
    assert!(!card.has_seen(&[0x80, 0xD8]));
    ok(unsafe { crescendo_device_permit_unconfirmed(device.get(), true) });
    ok(configure(&device, 1, SECRET, Some(PIN), &person.callbacks()));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let (lab, card) = Lab::new(Personality::c2300_key());
    let (device, person) = (lab.device(), Person::saying(&[]).consenting());
    card.zero();
    for slot in [0, 4, 255] {
        fails(configure(&device, slot, SECRET, Some(PIN), &person.callbacks()), Status::InvalidValue);
        assert_eq!(code(&device, slot, ptr::null(), &person), Err(Status::InvalidValue));
    }
    let last = fails(configure(&device, 1, "MZXW1", Some(PIN), &person.callbacks()), Status::SeedFormat);
    assert!(!last.message.contains("MZXW"));
    let options = crescendo_otp_options { size: 4, ..unsafe { mem::zeroed() } };
    assert_eq!(code(&device, 1, &options, &person), Err(Status::InvalidSize));
    let size = size_of::<crescendo_otp_options>();
    let options = crescendo_otp_options { size, kind: 7, ..options };
    assert_eq!(code(&device, 1, &options, &person), Err(Status::InvalidValue));
    let nowhere = unsafe { crescendo_otp_code(device.get(), 1, ptr::null(), ptr::null(), ptr::null_mut()) };
    fails(nowhere, Status::NullPointer);
    let (pin, length) = text(PIN);
    let none = ptr::null();
    let refused =
        unsafe { crescendo_otp_configure(device.get(), 1, none, 0, pin, length, true, ptr::null()) };
    fails(refused, Status::NullPointer);
    assert!(card.counts().verifies == 0 && person.lines().is_empty());
}
