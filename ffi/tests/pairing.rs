//! The pairing code as C has it: told over contact, given over contactless, forgotten; and what is said of it.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::ptr;

use crescendo::{crescendo_question_kind as Kind, crescendo_status as Status, *};
use device::MessagingPolicy;
use lab::{Lab, Opened, PIN, Person, READER, WRONG, fails, ok, read, taken_text, text_if};
use sim::{Interface, Personality, SimCard, Vci, fixture};

const CODE: &str = "27182818";

fn status<T>(device: &Opened, read: impl Fn(&crescendo_pairing_info) -> T) -> T {
    let mut status = ptr::null();
    ok(unsafe { crescendo_pairing_status(device.get(), &mut status) });
    let seen = read(unsafe { &*status });
    unsafe { crescendo_pairing_info_free(status) };
    seen
}

fn reached(device: &Opened) -> (crescendo_interface, crescendo_pairing_next) {
    status(device, |it| (it.interface, it.next))
}

struct Told {
    code: Option<String>,
    has_code: bool,
    kept: bool,
    signer: crescendo_signer,
    problem: Option<String>,
}

fn retrieve(device: &Opened, pin: Option<&str>, keep: bool, person: &Person<'_>) -> Result<Told, Status> {
    let (pin, length) = text_if(pin);
    let (mut code, mut told) = (ptr::null_mut(), ptr::null());
    let callbacks = person.callbacks();
    let status = unsafe {
        crescendo_pairing_retrieve(device.get(), pin, length, keep, &callbacks, &mut code, &mut told)
    };
    if status != Status::Ok {
        assert!(code.is_null() && told.is_null(), "written only on success");
        return Err(status);
    }
    let seen = unsafe { &*told };
    let result = Told {
        code: (!code.is_null()).then(|| taken_text(code)),
        has_code: seen.has_code,
        kept: seen.kept,
        signer: seen.signer,
        problem: read(seen.problem),
    };
    unsafe { crescendo_retrieved_free(told) };
    Ok(result)
}

fn set(device: &Opened, code: Option<&str>, person: &Person<'_>) -> Result<bool, Status> {
    let (code, length) = text_if(code);
    let mut checked = false;
    let callbacks = person.callbacks();
    let status = unsafe { crescendo_pairing_set(device.get(), code, length, &callbacks, &mut checked) };
    if status == Status::Ok { Ok(checked) } else { Err(status) }
}

fn forget(device: &Opened, signer: bool) -> (bool, bool) {
    let (mut code, mut known) = (true, true);
    ok(unsafe { crescendo_pairing_forget(device.get(), signer, &mut code, &mut known) });
    (code, known)
}

fn nobody() -> Person<'static> {
    Person::saying(&[])
}

/// A card on a contactless reader, in front of a machine that trusts its issuer.
fn contactless() -> (Lab, SimCard) {
    let anchors = [("anchor".to_owned(), fixture::vci_anchor().to_owned())];
    let lab = Lab::with_messaging(MessagingPolicy::with_anchors(&anchors));
    let card = lab.insert(READER, Personality::piv_dual());
    card.set_interface(Interface::Contactless);
    (lab, card)
}

#[test]
fn retrieved_over_contact_the_card_works_contactless() {
    let (lab, card) = Lab::new(Personality::piv_dual());
    let device = lab.device();
    assert_eq!(reached(&device), (crescendo_interface::Contact, crescendo_pairing_next::Retrieve));
    let person = Person::saying(&["12", PIN]);
    let told = retrieve(&device, None, false, &person).unwrap();
    assert_eq!((person.kinds(), told.code.as_deref()), (vec![Kind::Pin; 2], Some(CODE)));
    assert_eq!((told.has_code, told.kept, told.signer), (true, false, crescendo_signer::Learnt));
    assert!(!card.verified() && told.problem.is_none());
    assert!(!status(&device, |it| it.kept));
    assert!(retrieve(&device, Some(PIN), true, &nobody()).unwrap().kept);
    assert_eq!(reached(&device), (crescendo_interface::Contact, crescendo_pairing_next::Nothing));
    drop(device);

    card.set_interface(Interface::Contactless);
    let device = lab.device();
    assert_eq!(reached(&device).1, crescendo_pairing_next::Nothing);
    let (pin, length) = lab::text(PIN);
    ok(unsafe { crescendo_device_authenticate(device.get(), pin, length, ptr::null()) });
    assert!(card.verified());
}

#[test]
fn nobody_has_to_see_the_code() {
    let (lab, _) = Lab::new(Personality::piv_dual());
    let device = lab.device();
    let (pin, length) = lab::text(PIN);
    let nowhere = (ptr::null_mut(), ptr::null_mut());
    ok(unsafe {
        crescendo_pairing_retrieve(device.get(), pin, length, true, ptr::null(), nowhere.0, nowhere.1)
    });
    assert!(status(&device, |it| it.kept));
}

#[test]
fn a_wrong_pin_tells_nothing_and_costs_one_try() {
    let (lab, card) = Lab::new(Personality::piv_dual());
    let device = lab.device();
    assert_eq!(retrieve(&device, Some("1"), true, &nobody()).err(), Some(Status::PinFormat));
    assert_eq!(
        (retrieve(&device, Some(WRONG), true, &nobody()).err(), lab::last().tries),
        (Some(Status::WrongPin), 4)
    );
    assert_eq!(retrieve(&device, None, true, &nobody()).err(), Some(Status::Cancelled));
    assert!(card.tries().pin == 4 && !status(&device, |it| it.kept || it.learnt));
}

#[test]
fn cards_without_a_code_are_told_apart() {
    let with = |vci, suite: bool| {
        let mut personality = Personality::piv_dual();
        personality.secure_messaging.vci = vci;
        if !suite {
            personality.secure_messaging.suite = None;
        }
        Lab::new(personality).0
    };
    let open = with(Vci::Open, true);
    let told = retrieve(&open.device(), Some(PIN), true, &nobody()).unwrap();
    assert!(told.code.is_none() && !told.has_code && !told.kept && told.signer == crescendo_signer::Learnt);
    assert_eq!(set(&open.device(), Some(CODE), &nobody()), Err(Status::NoPairingCode));
    let plain = with(Vci::None, false);
    assert_eq!(retrieve(&plain.device(), Some(PIN), true, &nobody()).err(), Some(Status::NoPairingCode));
    assert_eq!(reached(&plain.device()).1, crescendo_pairing_next::StayWithContact);
    assert!(status(&plain.device(), |it| it.suite.data.is_null() && !it.vci && !it.wants_code));
}

#[test]
fn contactless_it_is_not_retrieved_and_no_pin_is_asked_for() {
    let (lab, card) = contactless();
    let person = Person::saying(&[PIN]);
    assert_eq!(retrieve(&lab.device(), None, true, &person).err(), Some(Status::ContactNeeded));
    assert!(person.asked().is_empty() && card.tries().pin == 5);
}

#[test]
fn a_code_that_was_entered_is_checked_by_the_card() {
    let (lab, card) = contactless();
    let device = lab.device();
    assert_eq!(reached(&device), (crescendo_interface::Unpaired, crescendo_pairing_next::GiveCode));
    assert_eq!(set(&device, Some("00000000"), &nobody()), Err(Status::WrongCode));
    assert_eq!(set(&device, Some("2718281"), &nobody()), Err(Status::CodeFormat));
    assert_eq!(set(&device, None, &nobody()), Err(Status::Cancelled));
    let person = Person::saying(&["2718 2818", CODE]);
    assert_eq!(set(&device, None, &person), Ok(true));
    let asked = person.asked();
    assert_eq!(person.kinds(), [Kind::PairingCode; 2]);
    assert!((asked[0].min, asked[0].max, asked[0].digits) == (8, 8, true) && asked[1].problem.is_some());
    assert!(status(&device, |it| it.kept && it.anchors && it.contactless && it.vci));
    assert!(!card.has_seen(PIN.as_bytes()) && card.tries().pin == 5);
    let suite = status(&device, |it| read(it.suite));
    assert_eq!(suite.as_deref(), Some("CS2 (P-256, SHA-256, AES-128)"));
}

#[test]
fn in_a_contact_reader_a_code_is_kept_unchecked_and_forgotten_again() {
    let (lab, _) = Lab::new(Personality::piv_dual());
    let device = lab.device();
    assert_eq!(forget(&device, true), (false, false), "nothing was known");
    assert_eq!(set(&device, Some(CODE), &nobody()), Ok(false));
    retrieve(&device, Some(PIN), false, &nobody()).unwrap();
    assert!(status(&device, |it| it.kept && it.learnt));
    assert_eq!(forget(&device, false), (true, false));
    assert!(status(&device, |it| !it.kept && it.learnt));
    assert_eq!(forget(&device, true), (false, true));
    assert!(status(&device, |it| !it.learnt));
}

#[test]
fn a_card_that_nobody_vouches_for_is_told_why() {
    let (lab, card) = Lab::new(Personality::piv_dual());
    card.set_interface(Interface::Contactless);
    let device = lab.device();
    assert_eq!(reached(&device), (crescendo_interface::Closed, crescendo_pairing_next::Vouch));
    assert!(status(&device, |it| read(it.problem)).unwrap().contains("nobody vouches for it"));
    assert_eq!(set(&device, Some(CODE), &nobody()), Err(Status::NotBelieved));
    assert!(!card.has_seen(CODE.as_bytes()));
}

#[test]
fn looking_ends_no_authentication() {
    let (lab, card) = Lab::new(Personality::piv_dual());
    let device = lab.device();
    let (pin, length) = lab::text(PIN);
    ok(unsafe { crescendo_device_authenticate(device.get(), pin, length, ptr::null()) });
    status(&device, |_| ());
    forget(&device, true);
    set(&device, Some(CODE), &nobody()).unwrap();
    assert!(card.verified());
    ok(unsafe { crescendo_device_end_authentication(device.get()) });
    assert!(!card.verified(), "and it can be ended");
}

#[test]
fn a_code_is_nowhere_in_a_message() {
    let (lab, _) = contactless();
    let device = lab.device();
    for code in ["00000000", "2718281", "314159265"] {
        set(&device, Some(code), &nobody()).unwrap_err();
        assert!(!lab::last().message.contains(code), "{:?}", lab::last());
    }
    let (mut checked, callbacks) = (ptr::null_mut(), nobody().callbacks());
    let (code, length) = lab::text(CODE);
    fails(
        unsafe { crescendo_pairing_set(device.get(), code, length, &callbacks, checked) },
        Status::NullPointer,
    );
    checked = &mut false;
    assert!(!status(&device, |it| it.kept) && !checked.is_null());
}
