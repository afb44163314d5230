//! Keys that break the protocol, and others that get in between. Each ends with a sentence that says what state the key is
//! in and what to do.

#![forbid(unsafe_code)]

mod lab;

use std::time::Duration;

use firmware::{Allow, Cause, Error, Failure, Flow, Machine, Phase, Serial, State, Step, install};
use lab::{Lab, image};
use link::{Clock, HidDevice, HidDevices, HidLink, LinkError};
use sim::key::{Mode, Profile, Quirk, SimKey, What};

#[track_caller]
fn ends_with(result: Result<(), Error>, phase: Phase, state: State, sentence: &str) -> Failure {
    let Err(Error::Update(failure)) = result else { panic!("{result:?}") };
    assert_eq!((failure.phase, failure.state), (phase, state), "{failure}");
    assert_eq!(failure.to_string(), sentence);
    failure
}

/// An update of a key that changes its ways once the button is asked for.
fn update_of_one_that_turns(lab: &Lab, turn: impl Fn(&SimKey)) -> Result<(), Error> {
    let mut turned = false;
    lab.update_telling(&image(20_000), &mut |step| {
        if matches!(step, Step::PressButton { .. }) && !turned {
            turn(&lab.key);
            turned = true;
        }
        Flow::Continue
    })
}

const ALONE: &str = "unplug every key but this one, and run the update again";

#[test]
fn another_serial_number_after_the_button() {
    let lab = Lab::new();
    let result = update_of_one_that_turns(&lab, |key| key.lie_in_info(|info| info.serial[0] ^= 1));
    ends_with(
        result,
        Phase::Detach,
        State::Old,
        &format!(
            "waiting for the key to come back in update mode: the key came back with another serial number; the key still \
             has its old firmware; {ALONE}"
        ),
    );
    assert_eq!(lab.key.counts().of(0x62), 0, "no BEGIN");
}

#[test]
fn another_nonce_after_the_button() {
    let lab = Lab::new();
    let result = update_of_one_that_turns(&lab, |key| key.lie_in_info(|info| info.nonce = [0; 16]));
    ends_with(
        result,
        Phase::Detach,
        State::Old,
        &format!(
            "waiting for the key to come back in update mode: a key came back with its serial number that is not the one \
             that left; the key still has its old firmware; {ALONE}"
        ),
    );
    assert_eq!(lab.key.counts().of(0x62), 0, "no BEGIN");
}

#[test]
fn the_same_serial_number_twice() {
    let lab = Lab::new();
    let image = lab.fit(&image(5000), Allow::default()).unwrap();
    let twin = lab.second(Profile::reference(1));
    let result = lab.install(&image, &mut |_| Flow::Continue);
    ends_with(
        result,
        Phase::Find,
        State::Untouched,
        &format!(
            "looking for the key: two keys claim to have the same serial number; nothing was changed; \
             {ALONE}"
        ),
    );
    assert_eq!(lab.key.counts().of(0x61) + twin.counts().of(0x61), 0, "no ENTER");
}

#[test]
fn a_twin_that_appears_in_update_mode() {
    let lab = Lab::new();
    let result = update_of_one_that_turns(&lab, |_| {
        drop(lab.second(Profile { serial: lab.serial.0, ..Profile::without_firmware(1) }));
    });
    let Err(Error::Update(failure)) = result else { panic!("{result:?}") };
    assert!(matches!(failure.cause, Cause::OtherNonce | Cause::Twice), "{failure}");
    assert_eq!((failure.phase, failure.remedy()), (Phase::Detach, ALONE));
}

#[test]
fn a_second_key_that_appears_at_the_same_moment_is_not_confused_with_it() {
    let lab = Lab::new();
    let mut other = None;
    let mut turn = |step| {
        if matches!(step, Step::PressButton { .. }) && other.is_none() {
            other = Some(lab.second(Profile::without_firmware(2)));
        }
        Flow::Continue
    };
    lab.update_telling(&image(5000), &mut turn).unwrap();
    lab.is_updated("");
    assert_eq!(other.unwrap().counts().of(0x62), 0, "no BEGIN");
}

#[test]
fn keepalives_without_end() {
    for (command, phase, state, words) in [
        (0x61, Phase::Enter, State::Old, "waiting for the button"),
        (0x62, Phase::Begin, State::OldWaiting, "showing the key the image"),
        (0x63, Phase::Write, State::OldWaiting, "writing"),
        (0x64, Phase::Finish, State::Starting, "having the key check what was written"),
        (0x65, Phase::Reboot, State::Stored, "restarting the key"),
        (0x66, Phase::Confirm, State::Trying, "confirming the new firmware"),
    ] {
        let lab = Lab::new();
        lab.key.set_quirks(&[Quirk::Keepalives(command)]);
        let before = lab.clock.now();
        let result = lab.update(&image(5000));
        let sentence = format!(
            "{words}: the key said it was busy and never came to an end; {state}; unplug it, plug it in again, and run the \
             update again"
        );
        ends_with(result, phase, state, &sentence);
        assert!(lab.clock.now() - before < Duration::from_secs(60), "{command:02X}");
        recovers(&lab);
    }
}

#[test]
fn no_answer_at_all() {
    for (command, phase, state) in [
        (0x61, Phase::Enter, State::Old),
        (0x62, Phase::Begin, State::OldWaiting),
        (0x63, Phase::Write, State::OldWaiting),
        (0x64, Phase::Finish, State::Starting),
        (0x65, Phase::Reboot, State::Stored),
        (0x66, Phase::Confirm, State::Trying),
    ] {
        let lab = Lab::new();
        lab.key.set_quirks(&[Quirk::Silent(command)]);
        let result = lab.update(&image(5000));
        let Err(Error::Update(failure)) = result else { panic!("{result:?}") };
        assert_eq!((failure.phase, failure.state), (phase, state), "{failure}");
        assert!(failure.to_string().contains("the key did not answer in time"), "{failure}");
        recovers(&lab);
    }
}

/// As the sentence says: unplug it, plug it in again, run the update again.
#[track_caller]
fn recovers(lab: &Lab) {
    lab.key.behave();
    lab.keys.unplug(&lab.key);
    lab.clock.pass(Duration::from_secs(1));
    lab.keys.plug(&lab.key);
    lab.clock.pass(Duration::from_secs(1));
    match lab.update(&image(5000)) {
        Ok(()) | Err(Error::SameVersion(_)) => lab.is_updated(""),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_refusal_of_every_command_has_its_sentence() {
    let codes = [
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x2D, 0x2F, 0x7F, 0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7,
        0xF8,
    ];
    for (command, phase) in [
        (0x61, Phase::Enter),
        (0x62, Phase::Begin),
        (0x63, Phase::Write),
        (0x64, Phase::Finish),
        (0x65, Phase::Reboot),
        (0x66, Phase::Confirm),
    ] {
        for code in codes {
            let lab = Lab::new();
            lab.key.set_quirks(&[Quirk::Refuses(command, code)]);
            let Err(Error::Update(failure)) = lab.update(&image(5000)) else {
                panic!("{command:02X} {code:02X}")
            };
            assert_eq!(failure.phase, phase);
            let sentence = failure.to_string();
            assert!(sentence.contains(&format!("the key said {code:02X}")), "{sentence}");
            if matches!(command, 0x62 | 0x64) && code != 0x06 {
                // Nothing can be gone on with: the key is not left in update mode.
                assert_eq!(failure.state, State::Old, "{sentence}");
                lab.clock.pass(Duration::from_secs(1));
                lab.is_old();
            }
            recovers(&lab);
        }
    }
}

#[test]
fn an_info_that_lies() {
    let lies: [fn(&mut sim::key::Info); 6] = [
        |info| info.protocol = 2,
        |info| info.mode = 1,
        |info| info.model = vec![b'a'; 300],
        |info| info.model = b"\x1b[2J".to_vec(),
        |info| info.block = 0,
        |info| info.block = 0xFFFF,
    ];
    for lie in lies {
        let lab = Lab::new();
        let image = lab.fit(&image(5000), Allow::default()).unwrap();
        lab.key.lie_in_info(lie);
        let result = lab.install(&image, &mut |_| Flow::Continue);
        let Err(Error::Update(failure)) = result else { panic!("{result:?}") };
        assert_eq!((failure.phase, failure.state), (Phase::Find, State::Untouched));
        assert!(failure.to_string().contains("cannot be read: INFO"), "{failure}");
        assert_eq!(lab.key.counts().of(0x61), 0, "no ENTER");
    }
}

#[test]
fn a_key_that_is_another_in_update_mode() {
    let lab = Lab::new();
    let result = update_of_one_that_turns(&lab, |key| {
        key.lie_in_info(|info| info.model = b"org.crescendo.other".to_vec());
    });
    ends_with(
        result,
        Phase::Detach,
        State::Old,
        "waiting for the key to come back in update mode: the image does not fit what the key says of itself in update mode; \
         the key still has its old firmware; have the key looked at by whoever made it",
    );
    assert_eq!(lab.key.counts().of(0x62), 0, "no BEGIN");
    lab.clock.pass(Duration::from_secs(1));
    lab.is_old();
}

#[test]
fn a_key_that_claims_to_run_what_it_does_not() {
    let lab = Lab::new();
    let old = sim::key::Version::new(1, 0, 0, 0);
    lab.key.lie_in_info(move |info| info.version = old);
    let failure = lab.update(&image(5000)).unwrap_err().to_string();
    assert!(failure.contains("the key runs 1.0.0+0 although 2.0.0+0 was installed"), "{failure}");
}

#[test]
fn a_wrong_place_to_go_on() {
    for (command, phase) in [(0x62, Phase::Begin), (0x63, Phase::Write)] {
        for answer in [&[][..], &[0, 0, 0], &[0xFF; 4], &[0, 0, 0x4E, 0x21], &[0, 0, 0x4E, 0x20, 0]] {
            let lab = Lab::new();
            lab.key.distort(move |distorted, bytes| {
                if distorted == command {
                    *bytes = answer.to_vec();
                }
            });
            let result = lab.update(&image(20_000));
            let Err(Error::Update(failure)) = result else { panic!("{answer:?} {result:?}") };
            assert_eq!((failure.phase, failure.state), (phase, State::OldWaiting), "{failure}");
            recovers(&lab);
        }
    }
}

#[test]
fn gone_for_good_after_the_button() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::NeverBack]);
    let before = lab.clock.now();
    let result = lab.update(&image(5000));
    ends_with(
        result,
        Phase::Detach,
        State::Old,
        "waiting for the key to come back in update mode: the key is not there; the key still has its old firmware; unplug it, \
         plug it in again, and run the update again",
    );
    let took = lab.clock.now() - before;
    assert!(took > Duration::from_secs(10) && took < Duration::from_secs(13), "{took:?}");
}

#[test]
fn gone_for_good_after_the_update() {
    let lab = Lab::new();
    let result = lab.update_telling(&image(5000), &mut |step| {
        if step == Step::Finishing {
            lab.key.set_quirks(&[Quirk::NeverBack]);
        }
        Flow::Continue
    });
    ends_with(
        result,
        Phase::Attach,
        State::Starting,
        "waiting for the key to come back with its firmware: the key is not there; the key has its old firmware or the new one, \
         both of them whole; unplug it, plug it in again, and run the update again",
    );
    recovers(&lab);
}

#[test]
fn gone_while_writing() {
    let lab = Lab::new();
    let result = lab.update_telling(&image(20_000), &mut |step| {
        if step == (Step::Writing { written: 8192, total: 20_000 }) {
            lab.key.add_fault(1, What::Unplug);
        }
        Flow::Continue
    });
    let Err(Error::Update(failure)) = result else { panic!("{result:?}") };
    assert_eq!((failure.phase, failure.state), (Phase::Write, State::Old), "{failure}");
    assert_eq!(failure.remedy(), "plug it in again and run the update again");
    recovers(&lab);
}

#[test]
fn a_key_that_comes_back_late_but_in_time() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::BackAfter(Duration::from_secs(9))]);
    lab.update(&image(5000)).unwrap();
    lab.is_updated("");
}

#[test]
fn a_key_that_comes_back_in_the_wrong_mode() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::BackIn(Mode::Normal)]);
    let result = lab.update(&image(5000));
    let Err(Error::Update(failure)) = result else { panic!("{result:?}") };
    assert_eq!((failure.phase, failure.state), (Phase::Detach, State::Old), "{failure}");
    recovers(&lab);
}

#[test]
fn a_key_that_may_not_be_opened_says_so() {
    let lab = Lab::new();
    let image = lab.fit(&image(5000), Allow::default()).unwrap();
    lab.key.set_quirks(&[Quirk::Denied]);
    let result = lab.install(&image, &mut |_| Flow::Continue);
    let Err(Error::Update(failure)) = result else { panic!("{result:?}") };
    assert_eq!((failure.phase, failure.state), (Phase::Find, State::Untouched), "{failure}");
    assert!(
        failure.to_string().contains(
            "this user may not open the key; nothing was changed; have udev or an administrator grant it"
        ),
        "{failure}"
    );
}

#[test]
fn a_key_that_babbles_ends_too() {
    let lab = Lab::new();
    let image = lab.fit(&image(5000), Allow::default()).unwrap();
    lab.key.set_quirks(&[Quirk::Babbles]);
    let result = lab.install(&image, &mut |_| Flow::Continue);
    assert!(matches!(result, Err(Error::Update(Failure { phase: Phase::Find, .. }))), "{result:?}");
}

/// Lists devices that cannot be had, and none that can.
struct Broken;

impl HidDevices for Broken {
    fn list(&self) -> Result<Vec<HidDevice>, LinkError> {
        Err(LinkError::Timeout)
    }

    fn open(&self, _: &str) -> Result<Box<dyn HidLink>, LinkError> {
        Err(LinkError::Removed)
    }
}

#[test]
fn a_machine_whose_devices_cannot_be_listed() {
    let lab = Lab::new();
    let image = lab.fit(&image(5000), Allow::default()).unwrap();
    assert_eq!(image.serial(), Serial(lab.serial.0));
    let result = lab.on(|machine| {
        let broken = Machine { devices: &Broken, ..*machine };
        assert!(matches!(broken.keys(), Err(Error::Devices(_))));
        install(&broken, &image, &mut |_| Flow::Continue)
    });
    assert!(result.unwrap_err().to_string().contains("cannot be listed"));
}
