//! Security keys and their firmware as C has them.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::{cell::RefCell, ffi::c_char, mem, ptr, slice, time::Duration};

use crescendo::*;
use lab::{Lab, Person, Told, fails, items, last, ok, read, text, text_if};
use link::Clock;
use sim::{
    SimKey,
    key::{Button, Draft, FirstStart, Mode, Profile, Quirk, Stranger, TestKey, Version},
};

const OLD: Version = Version::new(1, 0, 0, 0);
const NEW: Version = Version::new(2, 0, 0, 0);

/// A machine that trusts the vendor, and these keys.
fn lab(profiles: impl IntoIterator<Item = Profile>) -> (Lab, Vec<SimKey>) {
    let lab = Lab::empty();
    lab.files.put("/etc/crescendo/firmware-keys.d/vendor.pem", TestKey::VENDOR.public_pem());
    let plugged = profiles.into_iter().map(|profile| {
        let key = SimKey::new(&lab.clock, profile);
        lab.keys.plug(&key);
        key
    });
    let plugged = plugged.collect();
    (lab, plugged)
}

fn one_key() -> (Lab, SimKey) {
    let (lab, mut keys) = lab([Profile::reference(1)]);
    (lab, keys.remove(0))
}

/// An image that is freed at the end.
struct Image(*mut crescendo_image);

impl Drop for Image {
    fn drop(&mut self) {
        unsafe { crescendo_image_free(self.0) };
    }
}

fn open(lab: &Lab, file: &[u8], trusted: Option<&str>) -> Result<Image, crescendo_status> {
    let mut image = ptr::null_mut();
    let (folder, length) = text_if(trusted);
    let (bytes, size) = (file.as_ptr(), file.len());
    match unsafe { crescendo_image_open(lab.context(), bytes, size, folder, length, &mut image) } {
        crescendo_status::Ok => Ok(Image(image)),
        status => Err(status),
    }
}

#[track_caller]
fn image(lab: &Lab, draft: &Draft) -> Image {
    open(lab, &draft.build(), None).unwrap_or_else(|_| panic!("{:?}", last()))
}

fn new_image(lab: &Lab) -> Image {
    image(lab, &Draft::new(NEW).file_size(20_000))
}

/// What came of an update.
#[derive(Debug, PartialEq, Eq)]
struct Updated {
    serial: String,
    before: String,
    version: String,
}

/// Updates the key of this name.
fn update(
    lab: &Lab,
    image: &Image,
    name: Option<&str>,
    options: Option<crescendo_update_options>,
    person: Option<&Person<'_>>,
) -> Result<Updated, crescendo_status> {
    let (name, length) = text_if(name);
    let callbacks = person.map(Person::callbacks);
    let callbacks = callbacks.as_ref().map_or(ptr::null(), ptr::from_ref);
    let options = options.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mut out = ptr::null();
    match unsafe { crescendo_update(lab.context(), image.0, name, length, options, callbacks, &mut out) } {
        crescendo_status::Ok => Ok(taken(out)),
        status => {
            assert!(out.is_null(), "nothing is written");
            Err(status)
        }
    }
}

fn taken(out: *const crescendo_updated) -> Updated {
    let updated = unsafe { &*out };
    let text = |text| read(text).unwrap();
    let taken = Updated {
        serial: text(updated.serial),
        before: text(updated.before),
        version: text(updated.version),
    };
    assert_eq!(text(updated.model), sim::key::MODEL);
    unsafe { crescendo_updated_free(out) };
    taken
}

fn watching<'a>(watch: impl FnMut(&Told) -> bool + 'a) -> Person<'a> {
    Person::saying(&[]).watching(watch)
}

fn allowing(reinstall: bool, allow_older: bool) -> Option<crescendo_update_options> {
    Some(crescendo_update_options {
        size: mem::size_of::<crescendo_update_options>(),
        reinstall: reinstall.into(),
        allow_older: allow_older.into(),
    })
}

fn serial(n: u8) -> String {
    Profile::reference(n).serial.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn refused(result: Result<Updated, crescendo_status>, expected: crescendo_status) -> lab::Last {
    fails(result.unwrap_err(), expected)
}

#[test]
fn each_key_is_listed_with_what_it_says() {
    let (lab, keys) = lab([Profile::reference(1), Profile::fido_only(2), Profile::reference(3)]);
    keys[2].set_quirks(&[Quirk::Denied]);
    lab.keys.plug_stranger(&Stranger::in_update_mode());
    let mut out = ptr::null();
    ok(unsafe { crescendo_security_keys_list(lab.context(), &mut out) });
    let listed = items(unsafe { (*out).count }, unsafe { (*out).items });
    assert_eq!(listed.len(), 3, "what is no key of ours is left out");
    let paths: Vec<_> = keys.iter().map(|key| key.device().unwrap().path).collect();
    assert_eq!(listed.iter().map(|key| read(key.path).unwrap()).collect::<Vec<_>>(), paths);
    let [first, fido, denied] = listed[..] else { panic!() };
    assert_eq!((first.vendor, first.product, first.updatable), (0x1209, 1, true));
    let texts = [first.serial, first.model, first.version, first.bootloader].map(read).map(Option::unwrap);
    assert_eq!(texts, [&serial(1), sim::key::MODEL, "1.0.0+0", "1.0.0"]);
    assert_eq!((first.mode, first.counter, first.hardware), (crescendo_key_mode::Normal, 1, 1));
    assert!(!first.interrupted && !first.unconfirmed && read(first.aaguid).is_none());
    assert!(!fido.updatable && fido.mode == crescendo_key_mode::Unknown && read(fido.serial).is_none());
    assert_eq!(read(fido.aaguid).unwrap(), "63726573-6365-6e64-6f2d-73696d2d3031");
    let versions = unsafe { slice::from_raw_parts(fido.fido, fido.fido_count) };
    assert!(versions.iter().any(|&version| read(version).unwrap() == "FIDO_2_0"));
    assert!(read(denied.problem).unwrap().contains("may not open"));
    unsafe { crescendo_security_keys_free(out) };
}

#[test]
fn a_list_finishes_what_another_program_left_unconfirmed() {
    let (lab, key) = one_key();
    key.set_quirks(&[Quirk::Silent(0x66)]);
    refused(update(&lab, &new_image(&lab), None, None, None), crescendo_status::UpdateFailed);
    assert!(!key.is_confirmed());
    key.behave();
    let mut out = ptr::null();
    ok(unsafe { crescendo_security_keys_list(lab.context(), &mut out) });
    assert!(key.is_confirmed());
    unsafe { crescendo_security_keys_free(out) };
}

#[test]
fn an_image_tells_what_it_is() {
    let lab = lab([]).0;
    let image = image(&lab, &Draft::new(NEW).counter(7).hardware(&[1, 2]).bootloader(1, 2, 3));
    let mut out = ptr::null();
    ok(unsafe { crescendo_image_describe(image.0, &mut out) });
    let told = unsafe { &*out };
    assert_eq!(read(told.model).as_deref(), Some(sim::key::MODEL));
    assert_eq!((read(told.version).as_deref(), told.counter), (Some("2.0.0+0"), 7));
    assert_eq!(read(told.bootloader).as_deref(), Some("1.2.3"));
    assert_eq!(unsafe { slice::from_raw_parts(told.hardware, told.hardware_count) }, [1, 2]);
    let signers = unsafe { slice::from_raw_parts(told.signers, told.signer_count) };
    let hash: String = TestKey::VENDOR.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signers.iter().map(|&signer| read(signer).unwrap()).collect::<Vec<_>>(), [hash]);
    assert!(told.size > 512);
    unsafe { crescendo_image_description_free(out) };
}

#[test]
fn an_image_is_opened_only_if_those_who_are_trusted_have_signed_it() {
    let lab = lab([]).0;
    lab.files.put("/home/anna/keys/second.pem", TestKey::SECOND.public_pem());
    let second = Draft::new(NEW).signed_by(&[TestKey::SECOND]).build();
    assert_eq!(open(&lab, &second, None).err(), Some(crescendo_status::ImageSignature));
    assert!(open(&lab, &second, Some("/home/anna/keys")).is_ok());
    assert_eq!(open(&lab, &second, Some("/nowhere")).err(), Some(crescendo_status::ImageSignature));
    let spoilt = Draft::new(NEW).spoil(600).build();
    for bad in [&b"no image"[..], &spoilt, &[]] {
        assert_eq!(open(&lab, bad, None).err(), Some(crescendo_status::ImageMalformed));
    }
    lab.files.put("/etc/crescendo/firmware-keys.d/bad.pem", "nothing");
    assert_eq!(open(&lab, &Draft::new(NEW).build(), None).err(), Some(crescendo_status::Trust));
    assert!(last().message.contains("/etc/crescendo/firmware-keys.d/bad.pem"), "{:?}", last());
    lab.files.close("/etc/crescendo/firmware-keys.d/bad.pem");
    assert_eq!(open(&lab, &Draft::new(NEW).build(), None).err(), Some(crescendo_status::File));
    let mut image = ptr::null_mut();
    let none: *const c_char = ptr::null();
    let zeros = [0; 16];
    let bytes = zeros.as_ptr();
    let endless = CRESCENDO_TERMINATED;
    let status = unsafe { crescendo_image_open(lab.context(), bytes, endless, none, 0, &mut image) };
    fails(status, crescendo_status::InvalidLength);
}

#[test]
fn an_update_is_told_from_end_to_end() {
    let (lab, key) = one_key();
    key.set_button(Button::PressAfter(50));
    let at = RefCell::new(Vec::new());
    let person = watching(|_| {
        at.borrow_mut().push(lab.clock.now());
        true
    });
    let updated = update(&lab, &new_image(&lab), None, None, Some(&person)).unwrap();
    let expected = Updated { serial: serial(1), before: "1.0.0+0".into(), version: "2.0.0+0".into() };
    assert_eq!(updated, expected);
    assert!(key.running() == Some(NEW) && key.is_confirmed());

    let told = person.told();
    let mut steps: Vec<_> = told.iter().map(|told| told.step).collect();
    steps.dedup();
    use crescendo_step::{Attaching, Confirming, Detaching, Finding, Finishing, PressButton, Writing};
    assert_eq!(steps, [Finding, PressButton, Detaching, Writing, Finishing, Attaching, Confirming]);
    assert!(told.is_sorted_by_key(|told| told.percent), "it never becomes less");
    assert_eq!((told[0].percent, told.last().unwrap().percent), (0, 99));
    let left = |told: &&Told| told.step == PressButton;
    let left: Vec<_> = told.iter().filter(left).map(|told| told.left_ms).collect();
    assert!(left[0] == 30_000 && left.is_sorted_by(|a, b| a >= b), "{left:?}");
    let written: Vec<_> =
        told.iter().filter(|told| told.step == Writing).map(|told| (told.done, told.total)).collect();
    assert_eq!((written[0], *written.last().unwrap()), ((0, 20_000), (20_000, 20_000)));
    let slow = at.borrow().windows(2).any(|pair| pair[1] - pair[0] > Duration::from_millis(500));
    assert!(!slow, "at least twice a second: {:?}", at.borrow());
}

#[test]
fn an_image_can_be_installed_in_many_keys_and_nobody_has_to_look_on() {
    let (lab, keys) = lab([Profile::reference(1), Profile::reference(2)]);
    let image = new_image(&lab);
    let twice = refused(update(&lab, &image, None, None, None), crescendo_status::Ambiguous);
    assert_eq!(twice.candidates, [sim::key::MODEL, sim::key::MODEL]);
    let other = refused(update(&lab, &image, Some("feed"), None, None), crescendo_status::NoSuchDevice);
    assert_eq!(other.candidates.len(), 2);
    for (n, key) in (1..).zip(&keys) {
        assert_eq!(update(&lab, &image, Some(&serial(n)), None, None).unwrap().serial, serial(n));
        assert!(key.running() == Some(NEW) && key.is_confirmed());
    }
    let path = keys[0].device().unwrap().path;
    let (name, length) = text(&path);
    let (context, options) = (lab.context(), allowing(true, false).unwrap());
    let nobody = ptr::null_mut();
    ok(unsafe { crescendo_update(context, image.0, name, length, &options, ptr::null(), nobody) });
}

#[test]
fn a_button_that_nobody_presses_says_what_to_do() {
    let (lab, key) = one_key();
    key.set_button(Button::Never);
    let failed = refused(update(&lab, &new_image(&lab), None, None, None), crescendo_status::NoButton);
    assert!(failed.message.contains("the key still has its old firmware"), "{failed:?}");
    assert!(failed.message.contains("press the button while it asks for it"), "{failed:?}");
    assert_eq!((key.running(), key.is_confirmed()), (Some(OLD), true));
    key.set_button(Button::RefuseAfter(2));
    refused(update(&lab, &new_image(&lab), None, None, None), crescendo_status::UpdateFailed);
}

#[test]
fn cancelled_while_writing_the_key_is_well_and_the_next_run_goes_on() {
    let (lab, key) = one_key();
    let image = new_image(&lab);
    let person = watching(|told| told.done < 8192);
    let stopped = refused(update(&lab, &image, None, None, Some(&person)), crescendo_status::Cancelled);
    assert!(stopped.message.contains("run the update again to finish"), "{stopped:?}");
    assert_eq!((key.mode(), key.partial()), (Some(Mode::Update), Some(8192)));
    let person = watching(|_| true);
    update(&lab, &image, None, None, Some(&person)).unwrap();
    assert!(person.told().iter().all(|told| told.step != crescendo_step::PressButton));
    let written = person.told().into_iter().find(|told| told.step == crescendo_step::Writing);
    assert_eq!(written.unwrap().done, 8192);
    assert!(key.running() == Some(NEW) && key.is_confirmed());
}

#[test]
fn cancelled_before_writing_nothing_has_changed_and_cancelled_after_it_all_has() {
    use crescendo_step::{Attaching, Confirming, Detaching, Finding, Finishing, PressButton};
    for step in [Finding, PressButton, Detaching] {
        let (lab, key) = one_key();
        let person = watching(|told| told.step != step);
        refused(update(&lab, &new_image(&lab), None, None, Some(&person)), crescendo_status::Cancelled);
        lab.clock.pass(Duration::from_secs(1));
        assert_eq!((key.running(), key.is_confirmed(), key.partial()), (Some(OLD), true, None), "{step:?}");
    }
    for step in [Finishing, Attaching, Confirming] {
        let (lab, key) = one_key();
        let person = watching(|told| told.step != step);
        update(&lab, &new_image(&lab), None, None, Some(&person)).unwrap();
        assert!(key.is_confirmed(), "{step:?}");
    }
}

#[test]
fn a_cancel_ends_it_and_what_cannot_be_ended_is_told_all_the_same() {
    let (lab, key) = one_key();
    let mut cancel = ptr::null_mut();
    ok(unsafe { crescendo_cancel_new(&mut cancel) });
    let late = watching(|told| {
        if told.step == crescendo_step::Finishing {
            ok(unsafe { crescendo_cancel_now(cancel) });
        }
        true
    });
    let late = late.with_cancel(cancel);
    update(&lab, &new_image(&lab), None, None, Some(&late)).unwrap();
    assert_eq!(late.told().last().unwrap().step, crescendo_step::Confirming);
    key.zero();
    let person = watching(|_| panic!("nothing is done")).with_cancel(cancel);
    let again = update(&lab, &new_image(&lab), None, allowing(true, false), Some(&person));
    refused(again, crescendo_status::Cancelled);
    assert_eq!(key.counts().vendor(), 0, "it is cancelled before it begins");
    unsafe { crescendo_cancel_free(cancel) };
}

#[test]
fn an_image_that_does_not_fit_is_refused_before_the_button() {
    let (lab, key) = one_key();
    for (draft, expected) in [
        (Draft::new(NEW).model("org.crescendo.other"), crescendo_status::WrongModel),
        (Draft::new(NEW).hardware(&[9]), crescendo_status::WrongModel),
        (Draft::new(NEW).bootloader(9, 0, 0), crescendo_status::OldBootloader),
        (Draft::new(NEW).counter(0), crescendo_status::TooOld),
        (Draft::new(NEW).payload(0x8_0000), crescendo_status::ImageTooLarge),
        (Draft::new(OLD), crescendo_status::SameVersion),
        (Draft::new(Version::new(0, 9, 0, 0)), crescendo_status::OlderVersion),
    ] {
        refused(update(&lab, &image(&lab, &draft), None, None, None), expected);
    }
    assert_eq!(key.counts().of(0x61), 0, "nobody was asked for the button");
    let same = image(&lab, &Draft::new(OLD));
    update(&lab, &same, None, allowing(true, false), None).unwrap();
    let older = image(&lab, &Draft::new(Version::new(0, 9, 0, 0)).counter(1));
    assert_eq!(update(&lab, &older, None, allowing(false, true), None).unwrap().version, "0.9.0+0");
    let odd = Some(crescendo_update_options { size: 3, ..allowing(false, false).unwrap() });
    refused(update(&lab, &same, None, odd, None), crescendo_status::InvalidSize);
}

#[test]
fn what_cannot_be_updated_says_why() {
    let (lab, _) = lab([]);
    let image = new_image(&lab);
    refused(update(&lab, &image, None, None, None), crescendo_status::NoSecurityKey);
    let fido = SimKey::new(&lab.clock, Profile::fido_only(1));
    lab.keys.plug(&fido);
    refused(update(&lab, &image, None, None, None), crescendo_status::NotUpdatable);
    assert_eq!(fido.counts().vendor(), 0);
    fido.set_quirks(&[Quirk::Denied]);
    refused(update(&lab, &image, None, None, None), crescendo_status::Silent);
}

#[test]
fn firmware_that_fails_its_self_test_is_told_and_can_be_replaced() {
    let (lab, key) = one_key();
    let image = new_image(&lab);
    key.set_first_start(FirstStart::FailsSelfTest);
    refused(update(&lab, &image, None, None, None), crescendo_status::UpdateFailed);
    key.set_first_start(FirstStart::Runs);
    key.cut_power();
    lab.clock.pass(Duration::from_secs(1));
    update(&lab, &image, None, None, None).unwrap();
    assert!(key.is_confirmed());
}
