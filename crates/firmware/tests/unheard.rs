//! The link breaks while a key waits for its button. Whether the button was pressed, nobody has heard: it shows by what comes
//! back.

#![forbid(unsafe_code)]

mod lab;

use std::time::Duration;

use firmware::{Allow, Cause, Error, Failure, Flow, Key, Kind, Met, Phase, State, Step, phases};
use lab::{Lab, image};
use link::{Clock, HidDevices};
use sim::key::{Button, What};

/// An update in which something goes wrong at the report that follows the n-th KEEPALIVE of ENTER. The button is pressed
/// after the third.
fn update_with(lab: &Lab, keepalives: usize, what: &What) -> Result<(), Error> {
    let mut asked = 0;
    lab.update_telling(&image(5000), &mut |step| {
        if matches!(step, Step::PressButton { .. }) {
            if asked == keepalives {
                lab.key.add_fault(1, what.clone());
            }
            asked += 1;
        }
        Flow::Continue
    })
}

#[track_caller]
fn pulled(lab: &Lab, result: Result<(), Error>) {
    let Err(Error::Update(failure)) = result else { panic!("{result:?}") };
    assert_eq!((failure.phase, failure.state), (Phase::Enter, State::Old), "{failure}");
    assert_eq!(
        failure.to_string(),
        "waiting for the button: the connection to the key broke (not connected); the key still has its old firmware; plug it \
         in again and run the update again"
    );
    assert_eq!(lab.key.counts().of(0x62), 0, "no BEGIN");
}

/// As on a machine with much to do: the system has taken the device away before the answer was read.
#[test]
fn an_answer_that_is_lost_with_the_link_is_found_out_by_the_nonce() {
    for what in [What::Hangup, What::Lost, What::Error] {
        let lab = Lab::new();
        update_with(&lab, 3, &what).unwrap_or_else(|error| panic!("{what:?}: {error}"));
        lab.is_updated(&format!("{what:?}"));
        assert_eq!(lab.key.counts().of(0x61), 1, "the button is asked for once");
    }
}

#[test]
fn a_key_that_is_pulled_out_while_it_waits_is_waited_for_and_then_told_as_pulled() {
    for what in [What::Unplug, What::PowerCut] {
        let lab = Lab::new();
        let before = lab.clock.now();
        pulled(&lab, update_with(&lab, 2, &what));
        let took = lab.clock.now() - before;
        assert!(took > Duration::from_secs(10) && took < Duration::from_secs(13), "{took:?}");
        lab.keys.plug(&lab.key);
        lab.clock.pass(Duration::from_secs(1));
        lab.is_old();
        lab.update(&image(5000)).unwrap();
    }
}

#[test]
fn nobody_waits_for_a_key_that_has_not_asked_for_its_button() {
    let lab = Lab::new();
    let before = lab.clock.now();
    pulled(&lab, update_with(&lab, 0, &What::Unplug));
    assert!(lab.clock.now() - before < Duration::from_secs(2));
}

#[test]
fn one_that_comes_back_with_another_nonce_is_not_taken() {
    let lab = Lab::new();
    lab.key.set_button(Button::Never);
    let mut turned = false;
    let result = lab.update_telling(&image(5000), &mut |step| {
        if matches!(step, Step::PressButton { left } if left < Duration::from_secs(29)) && !turned {
            turned = true;
            lab.key.hold_button_at_power_up();
            lab.key.add_fault(1, What::PowerCut);
        }
        Flow::Continue
    });
    let Err(Error::Update(Failure { phase, cause, .. })) = result else { panic!("{result:?}") };
    assert!(phase == Phase::Detach && matches!(cause, Cause::OtherNonce), "{cause}");
    assert_eq!(lab.key.counts().of(0x62), 0, "no BEGIN");
}

/// For whoever finds it by its place: it was pulled out, and plugged in again there.
#[test]
fn one_that_is_back_with_its_firmware_is_not_taken_for_another() {
    let lab = Lab::new();
    let image = lab.fit(&image(5000), Allow::default()).unwrap();
    let link = lab.keys.open(&lab.key.device().unwrap().path).unwrap();
    let Met::Key(mut key) = Key::meet(link, &lab.clock, Kind::Fido).unwrap() else {
        panic!("it has announced it")
    };
    for nonce in [None, Some(&[7; 16])] {
        let failure = phases::recognize(&mut key, &image, nonce).unwrap_err();
        assert!(failure.phase == Phase::Detach && matches!(failure.cause, Cause::Gone), "{failure}");
        assert_eq!(failure.state, State::Old);
    }
}
