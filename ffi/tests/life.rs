//! The two ends of a device's life with its owner, as C has them: recycling and personalizing.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::{mem, ptr, slice};

use crescendo::{crescendo_question_kind as Kind, crescendo_status as Status, *};
use lab::{Lab, Opened, PIN, Person, fails, ok, read, taken_text, text};
use sim::{AdministrationKey, Personality};

const MASTER: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
const MANAGEMENT: &str = "010203040506070801020304050607080102030405060708";
const NEW: &str = "271828";

fn delivered() -> [Personality; 4] {
    [Personality::key_v3(), Personality::c2300(), Personality::piv(), Personality::piv_extended()]
        .map(Personality::as_delivered)
}

/// A device to which may be written what nobody has published.
fn permitted(lab: &Lab) -> Opened {
    let device = lab.device();
    ok(unsafe { crescendo_device_permit_unconfirmed(device.get(), true) });
    device
}

/// What personalizing gave.
#[derive(Debug)]
struct Made {
    puk: Option<String>,
    management: Option<String>,
    kept: bool,
    replaced: bool,
}

fn personalize(
    device: &Opened,
    options: *const crescendo_personalize_options,
    person: &Person<'_>,
) -> Result<Made, Status> {
    let (callbacks, mut told) = (person.callbacks(), ptr::null());
    let (mut puk, mut management) = (ptr::null_mut(), ptr::null_mut());
    let status = unsafe {
        crescendo_personalize(device.get(), options, &callbacks, &mut puk, &mut management, &mut told)
    };
    if status != Status::Ok {
        assert!(puk.is_null() && management.is_null() && told.is_null());
        return Err(status);
    }
    let (kept, replaced) = unsafe { ((*told).puk_kept, (*told).factory_key_replaced) };
    unsafe { crescendo_personalized_free(told) };
    let secret = |buffer: *mut crescendo_buffer| (!buffer.is_null()).then(|| taken_text(buffer));
    Ok(Made { puk: secret(puk), management: secret(management), kept, replaced })
}

fn options() -> crescendo_personalize_options {
    let size = size_of::<crescendo_personalize_options>();
    crescendo_personalize_options { size, ..unsafe { mem::zeroed() } }
}

fn verify(device: &Opened, pin: &str) -> Status {
    let (pin, length) = text(pin);
    unsafe { crescendo_pin_verify(device.get(), pin, length, ptr::null()) }
}

#[test]
fn a_device_in_factory_state_becomes_somebodys() {
    for personality in delivered() {
        let (lab, card) = Lab::new(personality.clone());
        let device = permitted(&lab);
        let person = Person::saying(&["1", NEW]);
        let made = personalize(&device, ptr::null(), &person).unwrap();
        assert_eq!(person.kinds(), [Kind::NewPin; 2]);
        let asked = person.asked();
        assert!(asked[0].problem.is_none() && asked[0].max == 8 && asked[1].problem.is_some());
        ok(verify(&device, NEW));
        let is_standard = card.administration_key().is_none();
        let puk = made.puk.unwrap();
        assert_eq!((puk.len(), made.kept), (if is_standard { 8 } else { 19 }, true));
        let has_way = personality.profile == Personality::piv_extended().profile;
        assert_eq!((made.replaced, made.management.is_some()), (!is_standard || has_way, has_way));
        assert_eq!(personalize(&device, ptr::null(), &person).unwrap_err(), Status::NotOffered);
    }
}

#[test]
fn a_new_pin_has_to_be_as_device_and_owner_want_it() {
    let (lab, card) = Lab::new(Personality::key_v3().as_delivered());
    let device = permitted(&lab);
    lab.files.put("/etc/crescendo/policy.toml", "[pin]\ntrivial = \"refuse\"");
    card.zero();
    for refused in ["1", "123456", "000000", "12345a"] {
        let (new_pin, new_pin_length) = text(refused);
        let given = crescendo_personalize_options { new_pin, new_pin_length, ..options() };
        let person = Person::saying(&[]);
        assert_eq!(personalize(&device, &given, &person).unwrap_err(), Status::PinRejected, "{refused}");
        assert!(person.asked().is_empty());
    }
    lab.files.close("/etc/crescendo/policy.toml");
    assert_eq!(personalize(&device, ptr::null(), &Person::saying(&[NEW])).unwrap_err(), Status::Policy);
    assert_eq!(card.counts().verifies, 0);
}

#[test]
fn rules_for_pins_are_set_on_a_crescendo() {
    let (lab, _) = Lab::new(Personality::c2300().as_delivered());
    let device = permitted(&lab);
    let given = crescendo_personalize_options { min: 7, max: 8, characters: 2, ..options() };
    let person = Person::saying(&["271828", "27 1828", "s3cr3t!"]);
    personalize(&device, &given, &person).unwrap();
    let asked = person.asked();
    assert_eq!((asked.len(), asked[0].min, asked[0].max, asked[0].digits), (3, 7, 8, false));
    ok(verify(&device, "s3cr3t!"));

    let (lab, card) = Lab::new(Personality::piv().as_delivered());
    let device = lab.device();
    card.zero();
    assert_eq!(personalize(&device, &given, &person).unwrap_err(), Status::Unsupported);
    let narrow = crescendo_personalize_options { min: 8, max: 6, ..options() };
    assert_eq!(personalize(&device, &narrow, &person).unwrap_err(), Status::Policy);
    assert_eq!((person.asked().len(), card.counts().verifies), (3, 0));
}

#[test]
fn a_help_desk_has_the_key_in_place_of_a_puk() {
    let (master_key, master_key_length) = text(MASTER);
    let (new_pin, new_pin_length) = text(NEW);
    let given =
        crescendo_personalize_options { master_key, master_key_length, new_pin, new_pin_length, ..options() };
    let person = Person::saying(&[]);
    let (lab, card) = Lab::new(Personality::key_v3().as_delivered());
    let made = personalize(&permitted(&lab), &given, &person).unwrap();
    assert!(made.puk.is_none() && made.management.is_none() && !made.kept && made.replaced);
    assert_eq!(card.administration_key(), Some(false));

    let (lab, _) = Lab::new(Personality::piv().as_delivered());
    assert_eq!(personalize(&permitted(&lab), &given, &person).unwrap_err(), Status::Unsupported);
    let (management_key, management_key_length) = text(MANAGEMENT);
    let given = crescendo_personalize_options { management_key, management_key_length, ..options() };
    let (lab, _) = Lab::new(Personality::key_v3().as_delivered());
    assert_eq!(personalize(&permitted(&lab), &given, &person).unwrap_err(), Status::Unsupported);
    let short = crescendo_personalize_options { master_key, master_key_length: 10, ..options() };
    assert_eq!(personalize(&permitted(&lab), &short, &person).unwrap_err(), Status::KeyFormat);
    assert!(!lab::last().message.contains(&MASTER[..10]));
}

#[test]
fn another_pin_than_that_of_delivery_costs_one_try_and_is_given() {
    for personality in delivered() {
        let (lab, card) = Lab::new(Personality { pin: "998877".into(), ..personality });
        let (device, full) = (permitted(&lab), card.tries().pin);
        let (new_pin, new_pin_length) = text(NEW);
        let given = crescendo_personalize_options { new_pin, new_pin_length, ..options() };
        let person = Person::saying(&[]);
        assert_eq!(personalize(&device, &given, &person).unwrap_err(), Status::NotFactoryPin);
        assert_eq!((lab::last().tries, card.tries().pin), (i32::from(full) - 1, full - 1));
        let (current_pin, current_pin_length) = text("998877");
        let given = crescendo_personalize_options { current_pin, current_pin_length, ..given };
        personalize(&device, &given, &person).unwrap();
        ok(verify(&device, NEW));
    }
}

#[test]
fn what_is_only_inferred_takes_permission() {
    let (lab, card) = Lab::new(Personality::blank_key_v3());
    let (device, person) = (lab.device(), Person::saying(&[NEW]));
    card.zero();
    assert_eq!(personalize(&device, ptr::null(), &person).unwrap_err(), Status::NotConfirmed);
    assert!(card.counts().verifies == 0 && person.asked().is_empty());
}

fn no_rights() -> crescendo_rights {
    crescendo_rights { size: size_of::<crescendo_rights>(), ..unsafe { mem::zeroed() } }
}

fn recycle(
    device: &Opened,
    rights: *const crescendo_rights,
    person: &Person<'_>,
) -> Result<(crescendo_recycling, crescendo_passkeys), Status> {
    let (callbacks, mut told) = (person.callbacks(), ptr::null());
    let status = unsafe { crescendo_recycle(device.get(), rights, false, &callbacks, &mut told) };
    if status != Status::Ok {
        assert!(told.is_null());
        return Err(status);
    }
    let done = unsafe { ((*told).way, (*told).passkeys) };
    unsafe { crescendo_recycled_free(told) };
    Ok(done)
}

/// The way, and the lines.
fn preview(device: &Opened, keys: bool) -> Result<(crescendo_recycling, Vec<String>), Status> {
    let mut plan = ptr::null();
    match unsafe { crescendo_recycle_preview(device.get(), keys, &mut plan) } {
        Status::Ok => {}
        status => return Err(status),
    }
    let (way, lines) = unsafe { ((*plan).way, slice::from_raw_parts((*plan).lines, (*plan).line_count)) };
    let lines = lines.iter().map(|&line| read(line).unwrap()).collect();
    unsafe { crescendo_recycle_plan_free(plan) };
    Ok((way, lines))
}

#[test]
fn what_is_lost_is_named_before_anything_is_asked_for_or_sent() {
    use crescendo_passkeys::{Cleared, Kept, None as Nothing, Untold};
    use crescendo_recycling::{Extended, Objects, ResetCard};
    for (personality, way, answer) in [
        (Personality::key_v3(), ResetCard, PIN),
        (Personality::c2300(), ResetCard, PIN),
        (Personality::piv(), Objects, MANAGEMENT),
        (Personality::piv_extended(), Extended, PIN),
    ] {
        let has_fido = personality.fido;
        let (lab, card) = Lab::new(personality);
        let device = lab.device();
        card.zero();
        let (planned, lines) = preview(&device, false).unwrap();
        assert_eq!(planned, way);
        assert!(lines.len() > 3 && lines.iter().any(|line| line.contains("CN=")), "{lines:?}");

        let mut told = ptr::null();
        let nobody = unsafe { crescendo_recycle(device.get(), ptr::null(), false, ptr::null(), &mut told) };
        fails(nobody, Status::NoCallback);
        let person = Person::saying(&[answer]);
        assert_eq!(recycle(&device, ptr::null(), &person), Err(Status::Cancelled));
        assert_eq!(person.lines(), lines);
        assert!(person.asked().is_empty() && card.counts().verifies == 0);
        assert!(card.keys().contains(&0x9A));

        let person = Person::saying(&[answer]).consenting();
        let (done, passkeys) = recycle(&device, ptr::null(), &person).unwrap();
        assert_eq!((done, person.lines().len()), (way, lines.len()));
        let expected = if has_fido { [Kept, Cleared, Untold].as_slice() } else { &[Nothing] };
        assert!(expected.contains(&passkeys), "{passkeys:?}");
        assert_eq!(preview(&device, false).unwrap_err(), Status::NotOffered, "it is in factory state");
    }
}

#[test]
fn a_wrong_pin_costs_one_try_and_changes_nothing() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let (device, full) = (lab.device(), card.tries().pin);
    let person = Person::saying(&[lab::WRONG]).consenting();
    assert_eq!(recycle(&device, ptr::null(), &person), Err(Status::WrongPin));
    assert_eq!((lab::last().tries, card.tries().pin), (i32::from(full) - 1, full - 1));
    assert!(!lab::last().message.contains(lab::WRONG) && card.keys().contains(&0x9A));
    let (pin, pin_length) = text(PIN);
    recycle(&device, &crescendo_rights { pin, pin_length, ..no_rights() }, &person).unwrap();
}

#[test]
fn a_blocked_one_is_recycled_by_its_key_or_its_puk() {
    for personality in [Personality::key_v3(), Personality::c2300()] {
        let xauth = AdministrationKey::Key(vec![7; 16]);
        let (lab, card) = Lab::new(Personality { xauth, ..personality.clone() });
        card.block_pin();
        let (device, person) = (lab.device(), Person::saying(&["0708", &"07".repeat(16)]).consenting());
        card.zero();
        assert_eq!(preview(&device, false).unwrap_err(), Status::CannotRecycle);
        assert_eq!(recycle(&device, ptr::null(), &person), Err(Status::CannotRecycle));
        assert!(person.lines().is_empty() && person.asked().is_empty() && !card.has_seen(&[0x00, 0x38]));
        assert!(preview(&device, true).is_ok());
        let right = crescendo_right::AdministrationKey as i32;
        recycle(&device, &crescendo_rights { right, ..no_rights() }, &person).unwrap();
        assert_eq!(person.kinds(), [Kind::AdministrationKey; 2]);
        assert!(person.asked()[1].problem.is_some());

        let (lab, card) = Lab::new(personality.as_delivered());
        let device = permitted(&lab);
        let made = personalize(&device, ptr::null(), &Person::saying(&[NEW])).unwrap();
        card.block_pin();
        let person = Person::saying(&["12345678", made.puk.as_ref().unwrap()]).consenting();
        let right = crescendo_right::Puk as i32;
        recycle(&device, &crescendo_rights { right, ..no_rights() }, &person).unwrap();
        assert_eq!(person.kinds(), [Kind::Puk; 2]);
        assert!(person.asked()[1].problem.is_some());
    }
    let (lab, _) = Lab::new(Personality::piv());
    let right = crescendo_right::Puk as i32;
    let person = Person::saying(&[]).consenting();
    let refused = recycle(&lab.device(), &crescendo_rights { right, ..no_rights() }, &person);
    assert!(refused == Err(Status::Unsupported) && person.lines().is_empty());
}

#[test]
fn without_a_place_for_what_it_gives_nothing_is_done() {
    let (lab, card) = Lab::new(Personality::key_v3().as_delivered());
    let (device, person) = (permitted(&lab), Person::saying(&[NEW]).consenting());
    let callbacks = person.callbacks();
    card.zero();
    let (mut puk, mut management, mut told) = (ptr::null_mut(), ptr::null_mut(), ptr::null());
    let mut call = |missing: u8| unsafe {
        let (none, options) = (ptr::null_mut(), ptr::null());
        let puk = if missing == 0 { none } else { &raw mut puk };
        let management = if missing == 1 { none } else { &raw mut management };
        let told = if missing == 2 { ptr::null_mut() } else { &raw mut told };
        crescendo_personalize(device.get(), options, &callbacks, puk, management, told)
    };
    for missing in 0..3 {
        fails(call(missing), Status::NullPointer);
    }
    let nowhere = ptr::null_mut();
    let refused = unsafe { crescendo_recycle(device.get(), ptr::null(), true, &callbacks, nowhere) };
    fails(refused, Status::NullPointer);
    let small = crescendo_personalize_options { size: 8, ..options() };
    assert_eq!(personalize(&device, &small, &person).unwrap_err(), Status::InvalidSize);
    for wrong in [
        crescendo_personalize_options { min: 3, ..options() },
        crescendo_personalize_options { max: 300, ..options() },
        crescendo_personalize_options { characters: 3, ..options() },
    ] {
        assert_eq!(personalize(&device, &wrong, &person).unwrap_err(), Status::InvalidValue);
    }
    assert!(card.counts().verifies == 0 && person.asked().is_empty());
}
