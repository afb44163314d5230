//! What a device tells of itself, and the update of its own key side, as C has them.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::{ptr, sync::Arc};

use crescendo::*;
use device::Environment;
use lab::{Lab, PIN, Person, fails, items, ok, read, text, text_if};
use link::{Card, LinkError, Reader, Readers, Transaction};
use sim::{
    Personality, SimCard, SimClock, SimKey, SimKeys, SimReaders, SimStore,
    key::{Draft, Profile, TestKey, Version},
};

/// What is told of the only device.
fn told<T>(lab: &Lab, look: impl FnOnce(&crescendo_info) -> T) -> T {
    let device = lab.device();
    let mut out = ptr::null();
    ok(unsafe { crescendo_device_info(device.get(), &mut out) });
    let looked = look(unsafe { &*out });
    unsafe { crescendo_info_free(out) };
    looked
}

#[test]
fn a_crescendo_tells_of_its_keys_and_applications() {
    let (lab, _) = Lab::new(Personality::key_v3());
    told(&lab, |info| {
        let texts = [info.name, info.id, info.family, info.reader].map(read).map(Option::unwrap);
        assert_eq!(texts, ["Crescendo C4000-KEY", "47900503708900123456", "C4000-KEY", lab::READER]);
        assert_eq!(read(info.serial).unwrap().len(), 16);
        assert_eq!(read(info.guid).unwrap().len(), 36);
        let expiry = read(info.expiry).unwrap();
        assert!(expiry.len() == 10 && expiry.as_bytes()[4] == b'-', "{expiry}");
        assert!(!info.contactless && !info.global_pin && info.atr_length > 8);
        assert!(info.pin == crescendo_pin_state::Locked && info.tries > 0);
        let keys = items(info.key_count, info.keys);
        assert_eq!((keys[0].reference, read(keys[0].key).as_deref()), (0x9A, Some("9A")));
        assert_eq!(read(keys[0].purpose).as_deref(), Some("PIV authentication"));
        assert!(read(keys[0].algorithm).is_some() && read(keys[0].problem).is_none());
        let applications = items(info.application_count, info.applications);
        let names: Vec<_> = applications.iter().map(|it| read(it.name).unwrap()).collect();
        assert!(info.asked && names.contains(&"PIV".to_owned()), "{names:?}");
        assert!(info.pin_min >= 4 && info.pin_max >= info.pin_min);
    });
}

#[test]
fn what_a_card_cannot_tell_is_not_told() {
    let (lab, _) = Lab::new(Personality::piv());
    told(&lab, |info| {
        assert!(read(info.family).is_none() && !info.asked);
        assert_eq!((info.application_count, info.free_memory, info.pin_min), (0, -1, 0));
        assert!(!info.vci);
    });
    let (lab, _) = Lab::new(Personality::piv_dual());
    assert!(told(&lab, |info| info.vci));
}

#[test]
fn a_login_is_left_alone() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let device = lab.device();
    let (pin, length) = text(PIN);
    ok(unsafe { crescendo_device_authenticate(device.get(), pin, length, ptr::null()) });
    let mut out = ptr::null();
    ok(unsafe { crescendo_device_info(device.get(), &mut out) });
    let info = unsafe { &*out };
    assert!(card.verified() && !info.asked && info.pin == crescendo_pin_state::Verified && info.tries == -1);
    unsafe { crescendo_info_free(out) };
}

#[test]
fn without_a_card_there_is_nothing_to_tell() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let device = lab.device();
    card.pull();
    let mut out = ptr::null();
    let status = unsafe { crescendo_device_info(device.get(), &mut out) };
    assert!(status != crescendo_status::Ok && out.is_null(), "{status:?}");
}

/// Readers that are the card side of one key.
struct InKey(SimReaders, SimKey);

struct CardInKey(Box<dyn Card>, SimKey);

impl Readers for InKey {
    fn list(&self) -> Result<Vec<Reader>, LinkError> {
        self.0.list()
    }

    fn connect(&self, name: &str) -> Result<Box<dyn Card>, LinkError> {
        Ok(Box::new(CardInKey(self.0.connect(name)?, self.1.clone())))
    }

    fn wait(&self, known: &[Reader], limit: Option<std::time::Duration>) -> Result<Vec<Reader>, LinkError> {
        self.0.wait(known, limit)
    }

    fn cancel(&self) {
        self.0.cancel();
    }
}

impl Card for CardInKey {
    fn atr(&self) -> &[u8] {
        self.0.atr()
    }

    fn reader(&self) -> &str {
        self.0.reader()
    }

    fn insertion(&self) -> Option<&str> {
        self.0.insertion()
    }

    fn channel(&self) -> Option<u32> {
        self.1.device()?.channel
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
        self.0.begin()
    }

    fn alone(&mut self) -> Result<bool, LinkError> {
        self.0.alone()
    }
}

/// A context over a key that is a card too, and another key.
struct Desk {
    key: SimKey,
    other: SimKey,
    context: *mut crescendo_context,
    image: *mut crescendo_image,
}

impl Desk {
    fn new() -> Self {
        let clock = SimClock::default();
        let (key, other) =
            (SimKey::new(&clock, Profile::reference(1)), SimKey::new(&clock, Profile::reference(2)));
        let keys = SimKeys::with(&clock, &key);
        keys.plug(&other);
        let card = SimCard::new(Personality::key_v3());
        let readers = InKey(SimReaders::with(lab::READER, &card), key.clone());
        let files = lab::Files::default();
        files.put("/etc/crescendo/firmware-keys.d/vendor.pem", TestKey::VENDOR.public_pem());
        let environment = Environment::new(Arc::new(SimStore::default()), Arc::new(clock.clone()));
        let machine = Machine::over(Arc::new(readers), Arc::new(keys), Arc::new(files), environment)
            .pausing(move |time| clock.pass(time));
        let (mut context, mut image) = (ptr::null_mut(), ptr::null_mut());
        ok(unsafe { context_over(machine, &mut context) });
        let file = Draft::new(Version::new(2, 0, 0, 0)).build();
        let (bytes, length, (none, no)) = (file.as_ptr(), file.len(), text_if(None));
        ok(unsafe { crescendo_image_open(context, bytes, length, none, no, &mut image) });
        Self { key, other, context, image }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        unsafe {
            crescendo_image_free(self.image);
            crescendo_context_free(self.context);
        }
    }
}

#[test]
fn the_key_side_of_a_device_is_updated_and_the_device_is_read_anew() {
    let desk = Desk::new();
    let (name, length) = text(lab::READER);
    let mut device = ptr::null_mut();
    ok(unsafe { crescendo_device_open(desk.context, name, length, &mut device) });
    let reentered = std::cell::Cell::new(None);
    let person = Person::saying(&[]).watching(|_| {
        let mut out = ptr::null();
        reentered.set(Some(unsafe { crescendo_device_summary(device, false, &mut out) }));
        true
    });
    let (callbacks, mut out) = (person.callbacks(), ptr::null());
    ok(unsafe { crescendo_device_update(device, desk.image, ptr::null(), &callbacks, &mut out) });
    assert_eq!(read(unsafe { (*out).version }).as_deref(), Some("2.0.0+0"));
    unsafe { crescendo_updated_free(out) };
    assert_eq!(reentered.get(), Some(crescendo_status::Reentered));
    let (new, old) = (Version::new(2, 0, 0, 0), Version::new(1, 0, 0, 0));
    assert_eq!((desk.key.running(), desk.other.running()), (Some(new), Some(old)));

    let mut summary = ptr::null();
    ok(unsafe { crescendo_device_summary(device, false, &mut summary) });
    let (state, key) = unsafe { ((*summary).state, &*(*summary).key) };
    assert_eq!((state, read(key.firmware).as_deref()), (crescendo_state::Recognised, Some("2.0.0+0")));
    unsafe { crescendo_summary_free(summary) };

    let again =
        unsafe { crescendo_device_update(device, desk.image, ptr::null(), ptr::null(), ptr::null_mut()) };
    fails(again, crescendo_status::SameVersion);
    unsafe { crescendo_device_free(device) };
}

#[test]
fn a_card_that_is_no_key_has_none_to_update() {
    let desk = Desk::new();
    let (lab, _) = Lab::new(Personality::key_v3());
    let device = lab.device();
    let status = unsafe {
        crescendo_device_update(device.get(), desk.image, ptr::null(), ptr::null(), ptr::null_mut())
    };
    let last = fails(status, crescendo_status::NotOffered);
    assert!(last.message.contains("no USB key that belongs to it"), "{last:?}");
}
