//! The PIN as C has it: entered, verified, changed, checked while it is typed.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::{ptr, thread};

use crescendo::{crescendo_question_kind as Kind, crescendo_status as Status, *};
use lab::{Lab, Opened, PIN, Person, WRONG, fails, last, ok, read, text_if};
use sim::{Personality, SimCard};

const NEW: &str = "271828";

fn authenticate(device: &Opened, pin: Option<&str>, person: &Person<'_>) -> Status {
    let (pin, length) = text_if(pin);
    unsafe { crescendo_device_authenticate(device.get(), pin, length, &person.callbacks()) }
}

fn verify(device: &Opened, pin: &str) -> Status {
    let (pin, length) = lab::text(pin);
    unsafe { crescendo_pin_verify(device.get(), pin, length, ptr::null()) }
}

fn change(device: &Opened, old: Option<&str>, new: Option<&str>, person: &Person<'_>) -> Status {
    let ((old, old_length), (new, new_length)) = (text_if(old), text_if(new));
    let callbacks = person.callbacks();
    unsafe { crescendo_pin_change(device.get(), old, old_length, new, new_length, &callbacks) }
}

fn check(device: *const crescendo_device, new: &str, old: Option<&str>) -> Status {
    let ((new, new_length), (old, old_length)) = (lab::text(new), text_if(old));
    unsafe { crescendo_pin_check(device, new, new_length, old, old_length) }
}

fn status<T>(device: &Opened, read: impl Fn(&crescendo_pin_info) -> T) -> T {
    let mut status = ptr::null();
    ok(unsafe { crescendo_pin_status(device.get(), &mut status) });
    let seen = read(unsafe { &*status });
    unsafe { crescendo_pin_info_free(status) };
    seen
}

fn nobody() -> Person<'static> {
    Person::saying(&[])
}

fn cards() -> [Personality; 3] {
    [Personality::key_v3(), Personality::c2300(), Personality::piv()]
}

/// No VERIFY and no CHANGE with a PIN in it.
fn is_untouched(card: &SimCard, tries: u8) -> bool {
    card.tries().pin == tries && card.counts().verifies == 0 && !card.has_seen(&[0x00, 0x24])
}

#[test]
fn authenticated_until_it_ends() {
    for personality in cards() {
        let (lab, card) = Lab::new(personality);
        let device = lab.device();
        ok(authenticate(&device, Some(PIN), &nobody()));
        assert!(card.verified());
        assert_eq!(status(&device, |it| (it.state, it.tries)), (crescendo_pin_state::Verified, -1));
        ok(unsafe { crescendo_device_end_authentication(device.get()) });
        assert!(!card.verified());
        assert_eq!(status(&device, |it| it.state), crescendo_pin_state::Locked);
        ok(authenticate(&device, Some(PIN), &nobody()));
        ok(unsafe { crescendo_device_forget_pins(device.get()) });
        assert!(!card.verified());
    }
}

#[test]
fn the_summary_shows_it_at_once() {
    let (lab, _) = Lab::new(Personality::key_v3());
    let device = lab.device();
    let seen = || device.summary(|it| (it.pin, it.tries));
    assert_eq!(seen(), (crescendo_pin_state::Locked, 6));
    fails(verify(&device, WRONG), Status::WrongPin);
    assert_eq!(seen(), (crescendo_pin_state::Locked, 5));
    ok(authenticate(&device, Some(PIN), &nobody()));
    assert_eq!(seen(), (crescendo_pin_state::Verified, -1));
    ok(unsafe { crescendo_device_end_authentication(device.get()) });
    assert_eq!(seen(), (crescendo_pin_state::Locked, 6));
}

#[test]
fn nothing_stays_open_that_nobody_knows_of() {
    let free = |device: Opened| drop(device);
    let let_go = |device: Opened| ok(unsafe { crescendo_device_let_go(device.get()) });
    let reload = |device: Opened| {
        let mut summary = ptr::null();
        ok(unsafe { crescendo_device_summary(device.get(), true, &mut summary) });
        unsafe { crescendo_summary_free(summary) };
    };
    for end in [&free as &dyn Fn(Opened), &let_go, &reload] {
        for others in [false, true] {
            let (lab, card) = Lab::new(Personality::c2300());
            let device = lab.device();
            ok(authenticate(&device, Some(PIN), &nobody()));
            card.set_others(others);
            end(device);
            assert_eq!(card.verified(), others, "another program may be using it");
        }
    }
}

#[test]
fn it_holds_for_what_is_done_next() {
    let (pin, length) = lab::text(PIN);
    let verify = |device: &Opened| verify(device, PIN);
    let show = |device: &Opened| unsafe {
        let mut puk = ptr::null_mut();
        let status = crescendo_puk_show(device.get(), pin, length, ptr::null(), &mut puk);
        crescendo_buffer_free(puk);
        status
    };
    let change = |device: &Opened| change(device, Some(PIN), Some(NEW), &nobody());
    let (nowhere, nothing) = (ptr::null_mut(), ptr::null_mut());
    let retrieve = |device: &Opened| unsafe {
        crescendo_pairing_retrieve(device.get(), pin, length, false, ptr::null(), nowhere, nothing)
    };
    let status = |device: &Opened| {
        status(device, |_| ());
        Status::Ok
    };
    let works: [&dyn Fn(&Opened) -> Status; 5] = [&verify, &show, &change, &retrieve, &status];
    for work in works {
        for before in [false, true] {
            let (lab, card) = Lab::new(Personality::piv_dual());
            card.set_object(0x5F_C109, Some(b"\x53\x0A\x88\x0812345678".to_vec()));
            let device = lab.device();
            if before {
                ok(authenticate(&device, Some(PIN), &nobody()));
            }
            ok(work(&device));
            assert_eq!(card.verified(), before);
            ok(unsafe { crescendo_device_end_authentication(device.get()) });
            assert!(!card.verified());
        }
    }
}

#[test]
fn one_wrong_pin_costs_one_try_and_the_error_tells_how_many_are_left() {
    for personality in cards() {
        let (lab, card) = Lab::new(personality);
        let (device, tries) = (lab.device(), card.tries().pin);
        ok(verify(&device, PIN));
        assert!(!card.verified(), "looking is not opening");
        let wrong = fails(verify(&device, WRONG), Status::WrongPin);
        assert_eq!((wrong.tries, card.tries().pin), (i32::from(tries) - 1, tries - 1));
        assert!(!wrong.message.contains(WRONG), "{wrong:?}");
        fails(verify(&device, WRONG), Status::WrongPin);
        assert_eq!(card.tries().pin, tries - 1, "the same one is not sent twice");
    }
}

#[test]
fn what_can_be_no_pin_costs_none_and_a_person_is_asked_again() {
    for personality in cards() {
        let (lab, card) = Lab::new(personality);
        let (device, tries) = (lab.device(), card.tries().pin);
        for bad in ["", "12", "123456789", "12345\u{e4}"] {
            let refused = fails(authenticate(&device, Some(bad), &nobody()), Status::PinFormat);
            assert!(bad.is_empty() || !refused.message.contains(bad), "{refused:?}");
        }
        let person = Person::saying(&["12", "", PIN]);
        ok(authenticate(&device, None, &person));
        let asked = person.asked();
        assert_eq!(person.kinds(), [Kind::Pin; 3]);
        assert_eq!(asked[0].tries, i32::from(tries));
        assert_eq!(asked[0].device.as_deref(), Some(&device.name()[..]));
        assert!(asked[0].problem.is_none() && asked[1].problem.is_some() && asked[0].max == 8);
        assert_eq!((card.tries().pin, card.counts().verifies), (tries, 1));
    }
}

#[test]
fn nobody_is_asked_for_a_blocked_pin() {
    for personality in cards() {
        let (lab, card) = Lab::new(personality);
        let device = lab.device();
        card.block_pin();
        let person = Person::saying(&[PIN]);
        let blocked = fails(authenticate(&device, None, &person), Status::PinBlocked);
        assert_eq!((blocked.tries, person.asked().len()), (0, 0));
        fails(change(&device, None, None, &person), Status::PinBlocked);
        assert!(person.asked().is_empty());
    }
}

#[test]
fn a_callback_cancels_and_nothing_was_sent() {
    let (lab, card) = Lab::new(Personality::c2300());
    let (device, tries) = (lab.device(), card.tries().pin);
    card.zero();
    fails(authenticate(&device, None, &nobody()), Status::Cancelled);
    fails(change(&device, None, None, &nobody()), Status::Cancelled);
    fails(change(&device, None, None, &Person::saying(&[PIN])), Status::Cancelled);
    fails(change(&device, Some(PIN), None, &Person::saying(&["1", "2"])), Status::Cancelled);
    let none = unsafe { crescendo_device_authenticate(device.get(), ptr::null(), 0, ptr::null()) };
    fails(none, Status::NoCallback);
    assert!(is_untouched(&card, tries));
}

#[test]
fn what_was_cancelled_before_is_not_begun() {
    let (lab, card) = Lab::new(Personality::c2300());
    let (device, tries) = (lab.device(), card.tries().pin);
    let mut cancel = ptr::null_mut();
    ok(unsafe { crescendo_cancel_new(&mut cancel) });
    ok(unsafe { crescendo_cancel_now(cancel) });
    let person = Person::saying(&[PIN]).with_cancel(cancel);
    card.zero();
    fails(authenticate(&device, Some(PIN), &person), Status::Cancelled);
    fails(change(&device, Some(PIN), Some(NEW), &person), Status::Cancelled);
    assert!(is_untouched(&card, tries) && person.asked().is_empty());
    unsafe { crescendo_cancel_free(cancel) };
}

#[test]
fn a_callback_does_not_get_into_its_own_device() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let device = lab.device();
    let inside = device.get();
    let person = Person::new(|_| {
        let (pin, length) = lab::text(PIN);
        let mut status = ptr::null();
        unsafe {
            fails(crescendo_pin_verify(inside, pin, length, ptr::null()), Status::Reentered);
            fails(crescendo_pin_status(inside, &mut status), Status::Reentered);
            fails(crescendo_device_end_authentication(inside), Status::Reentered);
        }
        Some(PIN.to_owned())
    });
    ok(authenticate(&device, None, &person));
    assert!(card.verified() && card.counts().verifies == 1);
}

#[test]
fn the_pin_is_changed_by_what_is_given_or_asked() {
    for personality in cards() {
        let (lab, card) = Lab::new(personality);
        let device = lab.device();
        ok(change(&device, Some(PIN), Some(NEW), &nobody()));
        assert!(!card.verified(), "left locked");
        let person = Person::saying(&[NEW, PIN]);
        ok(change(&device, None, None, &person));
        assert_eq!(person.kinds(), [Kind::Pin, Kind::NewPin]);
        ok(verify(&device, PIN));
    }
}

#[test]
fn a_rejected_new_pin_is_asked_for_again_and_the_rules_are_shown_first() {
    let (lab, card) = Lab::new(Personality::key_v3());
    lab.files.put("/etc/crescendo/policy.toml", "[pin]\nmin = 6\nmax = 7\ntrivial = \"refuse\"\n");
    let device = lab.device();
    let person = Person::saying(&[PIN, "123", "12345a", PIN, "111111", NEW]);
    ok(change(&device, None, None, &person));
    let asked = &person.asked()[1..];
    assert!(asked.iter().all(|it| (it.kind, it.min, it.max, it.digits) == (Kind::NewPin, 6, 7, true)));
    let rules = "6 to 7 digits, not the old PIN, no run like 123456 and no repetition like 121212";
    assert!(asked.iter().all(|it| it.rules.as_deref() == Some(rules)), "{asked:?}");
    let problems: Vec<_> = asked.iter().map(|it| it.problem.clone().unwrap_or_default()).collect();
    let reasons = ["", "too short", "no digit", "the old one", "easy to guess"];
    assert!(problems.iter().zip(reasons).all(|(problem, reason)| problem.contains(reason)), "{problems:?}");
    assert!(problems[0].is_empty() && !card.has_seen(b"111111"));
    ok(verify(&device, NEW));
}

#[test]
fn a_given_one_that_is_rejected_asks_nobody_and_sends_nothing() {
    for personality in cards() {
        let (lab, card) = Lab::new(personality);
        let (device, tries) = (lab.device(), card.tries().pin);
        let person = Person::saying(&[PIN]);
        card.zero();
        for bad in ["", "1", "123456789", "12 456"] {
            let rejected = fails(change(&device, None, Some(bad), &person), Status::PinRejected);
            assert!(bad.len() < 2 || !rejected.message.contains(bad), "{rejected:?}");
        }
        assert!(person.asked().is_empty(), "not for the old one either");
        let same = fails(change(&device, Some(PIN), Some(PIN), &person), Status::PinRejected);
        assert!(same.message.contains("the old one"), "{same:?}");
        assert!(is_untouched(&card, tries));
    }
}

#[test]
fn without_a_policy_that_can_be_read_no_pin_is_set() {
    let file = "/etc/crescendo/policy.toml";
    let broken = |lab: &Lab| lab.files.put(file, "[pin]\ntrivial = maybe");
    let binary = |lab: &Lab| lab.files.put(file, [0xFF, 0xFE]);
    let closed = |lab: &Lab| lab.files.close(file);
    let missing = |lab: &Lab| lab.files.set("CRESCENDO_POLICY", "/nowhere/at/all");
    for spoil in [&broken as &dyn Fn(&Lab), &binary, &closed, &missing] {
        let (lab, card) = Lab::new(Personality::c2300());
        let (device, tries) = (lab.device(), card.tries().pin);
        spoil(&lab);
        card.zero();
        let refused = fails(change(&device, Some(PIN), Some(NEW), &nobody()), Status::Policy);
        assert!(refused.message.contains("the policy /"), "{refused:?}");
        fails(check(device.get(), NEW, None), Status::Policy);
        assert!(is_untouched(&card, tries));
    }
    let (lab, _) = Lab::new(Personality::c2300());
    lab.files.put(file, "[pin]\nmin = 8");
    lab.files.put("/lab/policy.toml", "[pin]\nmin = 5");
    let device = lab.device();
    fails(check(device.get(), NEW, None), Status::PinRejected);
    lab.files.set("CRESCENDO_POLICY", "/lab/policy.toml");
    ok(check(device.get(), NEW, None));
    fails(check(device.get(), "1234", None), Status::PinRejected);
    lab.files.put("/lab/policy.toml", "[pin]\nmax = 3");
    fails(check(device.get(), NEW, None), Status::Policy);
}

#[test]
fn a_new_pin_is_checked_while_it_is_typed() {
    let (lab, card) = Lab::new(Personality::key_v3());
    lab.files.put("/etc/crescendo/policy.toml", "[pin]\ntrivial = \"refuse\"\n");
    let (device, tries) = (lab.device(), card.tries().pin);
    card.zero();
    for (typed, reason) in [("2", "too short"), ("27182a", "no digit"), ("111111", "guess")] {
        let rejected = fails(check(device.get(), typed, None), Status::PinRejected);
        assert!(rejected.message.contains(reason), "{rejected:?}");
    }
    ok(check(device.get(), NEW, None));
    fails(check(device.get(), NEW, Some(NEW)), Status::PinRejected);
    ok(check(device.get(), NEW, Some("")));
    fails(unsafe { crescendo_pin_check(device.get(), ptr::null(), 0, ptr::null(), 0) }, Status::NullPointer);
    assert!(is_untouched(&card, tries) && !card.has_seen(NEW.as_bytes()));

    // Cards with other rules have PINs that the standard does not.
    let (lab, _) = Lab::new(Personality::c2300());
    let device = lab.device();
    fails(check(device.get(), "2718", Some("2718")), Status::PinRejected);
    ok(check(device.get(), "2718", Some("2719")));
}

#[test]
fn it_is_checked_in_the_callback_that_asks_and_in_other_threads() {
    let (lab, _) = Lab::new(Personality::key_v3());
    let device = lab.device();
    let inside = device.get();
    let person = Person::new(|asked| {
        if asked.kind == Kind::Pin {
            fails(check(inside, NEW, None), Status::Reentered);
            return Some(PIN.to_owned());
        }
        fails(check(inside, "1", None), Status::PinRejected);
        ok(check(inside, NEW, None));
        let elsewhere = inside as usize;
        // Where the callback waits for that thread, it must not wait for the call.
        thread::spawn(move || ok(check(elsewhere as *const crescendo_device, NEW, None))).join().unwrap();
        Some(NEW.to_owned())
    });
    ok(change(&device, None, None, &person));
    ok(verify(&device, NEW));
}

#[test]
fn in_a_callback_nothing_is_called_that_may_wait_for_the_card() {
    let (lab, _) = Lab::new(Personality::key_v3());
    lab.insert("Another 00 00", Personality::piv());
    let (device, other) = (lab.open(Some(lab::READER)), lab.open(Some("Another 00 00")));
    let person = Person::new(|_| {
        let (mut list, mut opened, mut summary) = (ptr::null(), ptr::null_mut(), ptr::null());
        unsafe {
            fails(crescendo_devices_list(lab.context(), true, &mut list), Status::Reentered);
            fails(crescendo_device_open(lab.context(), ptr::null(), 0, &mut opened), Status::Reentered);
            fails(crescendo_device_summary(other.get(), false, &mut summary), Status::Reentered);
            // Readers can be listed: no card is asked for anything.
            ok(crescendo_devices_list(lab.context(), false, &mut list));
            crescendo_devices_free(list);
        }
        Some(PIN.to_owned())
    });
    ok(authenticate(&device, None, &person));
    assert_eq!(other.summary(|summary| summary.state), crescendo_state::OtherPiv);
}

#[test]
fn who_has_authenticated_is_asked_again_for_what_uses_a_key_or_is_about_the_pin() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let device = lab.device();
    ok(authenticate(&device, Some(PIN), &Person::saying(&[])));
    let tries = card.tries().pin;
    let mut buffer = ptr::null_mut();
    unsafe {
        // The right PIN, and nothing is kept there.
        let shown = crescendo_puk_show(device.get(), ptr::null(), 0, ptr::null(), &mut buffer);
        fails(shown, Status::NoPukKept);
        ok(crescendo_key_generate(device.get(), 0x9A, 1, ptr::null(), true, ptr::null(), &mut buffer));
        crescendo_buffer_free(buffer);
    }
    let (verified, (new, length)) =
        (unsafe { crescendo_pin_verify(device.get(), ptr::null(), 0, ptr::null()) }, text_if(Some(NEW)));
    fails(verified, Status::NoCallback);
    let changed = unsafe { crescendo_pin_change(device.get(), ptr::null(), 0, new, length, ptr::null()) };
    fails(changed, Status::NoCallback);
    ok(unsafe { crescendo_device_end_authentication(device.get()) });
    let shown = unsafe { crescendo_puk_show(device.get(), ptr::null(), 0, ptr::null(), &mut buffer) };
    fails(shown, Status::NoCallback);
    assert_eq!(card.tries().pin, tries);
}

#[test]
fn the_status_tells_rules_tries_and_ways_out() {
    let seen = |personality: Personality| {
        let (lab, _) = Lab::new(personality);
        status(&lab.device(), |it| {
            let rules = read(it.rules).unwrap();
            (
                (it.state, it.tries, it.reference, it.min, it.max, it.digits, it.told),
                rules,
                (it.puk, it.help_desk),
            )
        })
    };
    let (key, rules, ways) = seen(Personality::key_v3());
    assert_eq!(key, (crescendo_pin_state::Locked, 6, crescendo_pin_reference::Application, 6, 8, true, true));
    assert_eq!(rules, "6 to 8 digits, not the old PIN");
    assert_eq!(ways, (crescendo_puk_state::Absent, crescendo_help_desk::Unconfirmed));
    let (card, _, ways) = seen(Personality::c2300());
    assert_eq!((card.3, ways), (4, (crescendo_puk_state::Absent, crescendo_help_desk::Yes)));
    let (_, _, ways) = seen(Personality::piv());
    assert_eq!(ways, (crescendo_puk_state::Untold, crescendo_help_desk::No));
    let (global, ..) = seen(Personality {
        global_pin: Some("654321".into()),
        policy: Some([0x60, 0x20]),
        ..Personality::piv()
    });
    assert_eq!(global.2, crescendo_pin_reference::Global);
    let (lab, card) = Lab::new(Personality::piv_extended());
    assert_eq!(status(&lab.device(), |it| (it.puk, it.puk_tries)), (crescendo_puk_state::There, 3));
    card.block_pin();
    card.block_puk();
    let blocked = status(&lab.device(), |it| (it.state, it.tries, it.puk, it.puk_tries));
    assert_eq!(blocked, (crescendo_pin_state::Blocked, 0, crescendo_puk_state::Blocked, 0));
    assert_eq!(last().status, Status::Ok);
}
