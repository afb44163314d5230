//! Firmware over simulated keys: which one is meant, whose images are taken, and what is said.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use crescendo_device::firmware::{
    Allow, BadKey, Error, Firmware, FirmwareError, Flow, Keys, SignedImage, Step, Updated, trust,
};
use sim::key::{Draft, FirstStart, Profile, Quirk, SimKey, SimKeys, Stranger, TestKey, Version};
use sim::{SimClock, SimStore};

struct Lab {
    clock: SimClock,
    plugged: SimKeys,
    store: SimStore,
}

impl Lab {
    fn new() -> Self {
        let clock = SimClock::default();
        Self { plugged: SimKeys::new(&clock), clock, store: SimStore::default() }
    }

    fn plug(&self, profile: Profile) -> SimKey {
        let key = SimKey::new(&self.clock, profile);
        self.plugged.plug(&key);
        key
    }

    /// A program that has just been started.
    fn keys(&self) -> Keys {
        let clock = self.clock.clone();
        let pause = Box::new(move |time: Duration| clock.pass(time));
        Keys::new(
            Arc::new(self.plugged.clone()),
            Arc::new(self.store.clone()),
            Arc::new(self.clock.clone()),
            pause,
        )
    }

    fn update(&self, wanted: Option<&str>) -> Result<Updated, Error> {
        self.keys().update(image(), wanted, Allow::default(), &mut |_| Flow::Continue)
    }
}

const NEW: Version = Version::new(2, 0, 0, 0);

fn image() -> SignedImage {
    let keys = [("vendor.pem".to_owned(), TestKey::VENDOR.public_pem())];
    SignedImage::check(Draft::new(NEW).build(), &trust(&keys, &[], 1).unwrap()).unwrap()
}

/// The serial number, as a person would type it.
fn serial(n: u8) -> String {
    Profile::reference(n).serial.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn the_only_key_that_can_be_updated_is_meant() {
    let lab = Lab::new();
    let key = lab.plug(Profile::reference(1));
    let other = lab.plug(Profile::fido_only(2));
    lab.plugged.plug_stranger(&Stranger::in_update_mode());
    let updated = lab.update(None).unwrap();
    assert_eq!(
        (updated.before.to_string(), updated.version.to_string()),
        ("1.0.0+0".into(), "2.0.0+0".into())
    );
    assert!(key.running() == Some(NEW) && key.is_confirmed());
    assert_eq!(other.counts().vendor(), 0);
}

#[test]
fn of_several_one_has_to_be_named() {
    let lab = Lab::new();
    let (first, second) = (lab.plug(Profile::reference(1)), lab.plug(Profile::reference(2)));
    match lab.update(None) {
        Err(Error::Ambiguous(keys)) => assert_eq!(keys.len(), 2),
        other => panic!("{other:?}"),
    }
    match lab.update(Some("feed")) {
        Err(Error::NoSuchKey { keys, .. }) => assert_eq!(keys.len(), 2),
        other => panic!("{other:?}"),
    }
    lab.update(Some(&serial(2))).unwrap();
    assert_eq!((first.running(), second.running()), (Some(Version::new(1, 0, 0, 0)), Some(NEW)));
    assert!(matches!(lab.update(Some(&serial(1)[..8])), Err(Error::Ambiguous(_))), "both begin so");
    assert!(matches!(lab.update(Some("")), Err(Error::NoSuchKey { .. })));
}

#[test]
fn a_key_that_cannot_be_updated_is_shown_and_told() {
    let lab = Lab::new();
    assert!(matches!(lab.update(None), Err(Error::NoKey)));
    let key = lab.plug(Profile::fido_only(1));
    let list = lab.keys().list().unwrap();
    let Firmware::NotSupported { aaguid, .. } = &list[0].firmware else { panic!("{list:?}") };
    assert_eq!(aaguid.0, *b"crescendo-sim-01");
    let error = lab.update(None).unwrap_err();
    assert!(matches!(error, Error::NotSupported(_)));
    assert!(error.to_string().ends_with("is not supported by this program"), "{error}");
    assert_eq!(key.counts().vendor(), 0);
}

#[test]
fn a_key_that_may_not_be_opened_is_shown_with_the_reason() {
    let lab = Lab::new();
    lab.plug(Profile::reference(1)).set_quirks(&[Quirk::Denied]);
    assert!(
        matches!(&lab.keys().list().unwrap()[0].firmware, Firmware::Silent(why) if why.contains("may not open"))
    );
    assert!(matches!(lab.update(None), Err(Error::Silent(_))));
}

#[test]
fn another_program_finishes_what_the_first_could_not() {
    let lab = Lab::new();
    let key = lab.plug(Profile::reference(1));
    key.set_quirks(&[Quirk::Silent(0x66)]);
    lab.update(None).unwrap_err();
    assert!(!key.is_confirmed());
    key.behave();
    lab.keys().list().unwrap();
    assert!(key.is_confirmed());
}

#[test]
fn a_key_whose_new_firmware_fails_is_listed_and_can_be_updated_again() {
    let lab = Lab::new();
    let key = lab.plug(Profile::reference(1));
    key.set_first_start(FirstStart::FailsSelfTest);
    lab.update(None).unwrap_err();
    assert_eq!(lab.keys().list().unwrap().len(), 1);
    key.set_first_start(FirstStart::Runs);
    key.cut_power();
    lab.clock.pass(Duration::from_secs(1));
    lab.update(None).unwrap();
    assert!(key.is_confirmed());
}

#[test]
fn an_image_for_another_model_is_refused_before_the_button() {
    let lab = Lab::new();
    let key = lab.plug(Profile { model: "org.crescendo.other".into(), ..Profile::reference(1) });
    let mut steps = 0;
    let result = lab.keys().update(image(), None, Allow::default(), &mut |_: Step| {
        steps += 1;
        Flow::Continue
    });
    assert!(matches!(result, Err(Error::Firmware(FirmwareError::WrongModel { .. }))));
    assert_eq!((steps, key.counts().of(0x61)), (0, 0));
}

#[test]
fn a_trust_list_with_a_bad_file_is_none() {
    let good = ("good.pem".to_owned(), TestKey::VENDOR.public_pem());
    let bad = ("bad.pem".to_owned(), "nothing".to_owned());
    assert_eq!(trust(&[good.clone(), bad], &[], 1).unwrap_err(), ("bad.pem".to_owned(), BadKey::NotEd25519));
    let revoked = ("old.revoked".to_owned(), "# why\nxyz".to_owned());
    assert_eq!(
        trust(std::slice::from_ref(&good), &[revoked], 1).unwrap_err(),
        ("old.revoked".to_owned(), BadKey::Line(2))
    );
    assert_eq!(trust(&[good], &[], 2).unwrap().required(), 2);
    assert_eq!(trust(&[], &[], 1).unwrap().keys().count(), 0, "nobody is trusted unasked");
}
