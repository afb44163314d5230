//! The phases one by one, as fwupd drives them: whoever does so finds the key again by its place.

#![forbid(unsafe_code)]

mod lab;

use std::time::Duration;

use fido::Channel;
use firmware::{Allow, Cause, Flow, Key, Kind, Met, Mode, Phase, Serial, State, UPDATE_MODE_IDS, phases};
use lab::{Lab, image};
use link::HidDevices;
use sim::key::Profile;

/// The one key that is there.
fn met(lab: &Lab) -> Key<'_> {
    lab.clock.pass(Duration::from_secs(1));
    let device = lab.keys.list().unwrap().remove(0);
    let kind = Kind::of(&device, UPDATE_MODE_IDS);
    let channel = Channel::open_by(lab.keys.open(&device.path).unwrap(), &lab.clock, *b"not rand").unwrap();
    match Key::meet_over(channel, kind).unwrap() {
        Met::Key(key) => key,
        Met::Other(other) => panic!("{other:?}"),
    }
}

/// In update mode, with this nonce.
fn entered(lab: &Lab, file: &[u8], nonce: &[u8; 16]) {
    let image = lab.fit(file, Allow::default()).unwrap();
    phases::enter(&mut met(lab), &lab.clock, &image, nonce, &mut |_| Flow::Continue).unwrap();
}

#[test]
fn from_end_to_end() {
    let lab = Lab::new();
    let file = image(20_000);
    let image = lab.fit(&file, Allow::default()).unwrap();
    entered(&lab, &file, &[7; 16]);
    let mut key = met(&lab);
    phases::recognize(&mut key, &image, Some(&[7; 16])).unwrap();
    phases::write(&mut key, &image, &lab.store, &mut |_| Flow::Continue).unwrap();
    assert!(!phases::confirm_remembered(&mut key, &lab.store).unwrap(), "it has yet to start");
    phases::reboot(&mut key).unwrap();
    drop(key);
    assert!(phases::confirm_remembered(&mut met(&lab), &lab.store).unwrap());
    lab.is_updated("");
    assert!(!phases::confirm_remembered(&mut met(&lab), &lab.store).unwrap(), "settled");
}

#[test]
fn another_key_in_its_place_is_not_taken_for_it() {
    let lab = Lab::new();
    let file = image(20_000);
    let ours = lab.fit(&file, Allow::default()).unwrap();
    entered(&lab, &file, &[7; 16]);
    let failure = phases::recognize(&mut met(&lab), &ours, Some(&[8; 16])).unwrap_err();
    assert!(matches!((failure.phase, failure.cause), (Phase::Detach, Cause::OtherNonce)));
    let other = Lab::with(Profile::reference(2));
    entered(&other, &file, &[7; 16]);
    let failure = phases::recognize(&mut met(&other), &ours, Some(&[7; 16])).unwrap_err();
    assert!(matches!((failure.phase, failure.cause), (Phase::Detach, Cause::OtherSerial)));
    assert_ne!(Serial(Profile::reference(2).serial), lab.serial);
}

#[test]
fn a_key_that_is_found_in_update_mode_is_taken_without_a_nonce() {
    let lab = Lab::new();
    let file = image(20_000);
    let image = lab.fit(&file, Allow::default()).unwrap();
    entered(&lab, &file, &[7; 16]);
    let mut key = met(&lab);
    assert_eq!(key.info().mode, Mode::Update);
    phases::recognize(&mut key, &image, None).unwrap();
    phases::write(&mut key, &image, &lab.store, &mut |_| Flow::Continue).unwrap();
}

#[test]
fn a_key_that_cannot_take_the_image_in_update_mode_is_told_apart() {
    let lab = Lab::new();
    let file = image(20_000);
    let fits = lab.fit(&file, Allow::default()).unwrap();
    entered(&lab, &file, &[7; 16]);
    lab.key.lie_in_info(|info| info.model = b"org.example.other".to_vec());
    let failure = phases::recognize(&mut met(&lab), &fits, Some(&[7; 16])).unwrap_err();
    assert!(matches!((failure.cause, failure.state), (Cause::Changed, State::OldWaiting)));
}
