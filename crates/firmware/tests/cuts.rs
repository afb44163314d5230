//! Whatever goes wrong at whichever report of an update: the key starts old or new firmware, and a second run completes.

#![forbid(unsafe_code)]

mod lab;

use std::time::Duration;

use firmware::{Allow, Error, Flow, State};
use lab::{Lab, NEW, OLD, image};
use proptest::prelude::*;
use sim::key::{Button, Draft, Mode, Profile, Version, What};

/// For what a key and a host must survive at every report.
const SIZE: usize = 64 * 1024;

/// For the rest: every kind of report, and several blocks.
const SMALL: usize = 12 * 1024;

fn quick() -> Profile {
    // Little to hash at each start: the test is over sooner.
    Profile { firmware: Draft::new(OLD).payload(512).build(), slot_size: 0x1_0000, ..Profile::reference(1) }
}

/// Reports of an update on a channel of its own in which nothing goes wrong.
fn reports(file: &[u8]) -> u64 {
    let lab = Lab::with(quick());
    lab.update(file).unwrap();
    lab.key.counts().reports()
}

/// At every report `what` happens; then the key has its power, and a second run is made.
fn at_every_report(what: &What, size: usize) {
    let file = image(size);
    let (mut failed, reports) = (0, reports(&file));
    assert!(reports > size as u64 / 59);
    for at in 1..=reports {
        let lab = Lab::with(quick());
        lab.key.add_fault(at, what.clone());
        let first = lab.update(&file);
        failed += u32::from(first.is_err());
        lab.key.behave();
        lab.keys.plug(&lab.key);
        lab.clock.pass(Duration::from_secs(1));
        let (good, fresh) = (lab.key.good(), lab.key.has_fresh_image());
        assert!(matches!(good, Some(OLD | NEW)), "{what:?} at {at}: neither old nor new: {good:?} {fresh}");
        is_true(&first, &lab, &format!("{what:?} at {at}"));
        match lab.update(&file) {
            // The first run was over, and only its end was not heard of.
            Ok(()) | Err(Error::SameVersion(_)) => {}
            Err(error) => panic!("{what:?} at {at}: {error}"),
        }
        lab.is_updated(&format!("{what:?} at {at}"));
    }
    assert!(failed > 0, "{what:?} does no harm");
}

/// What the message says of the key is so.
#[track_caller]
fn is_true(result: &Result<(), Error>, lab: &Lab, how: &str) {
    let Err(Error::Update(failure)) = result else { return };
    let (mode, running, trying) = (lab.key.mode(), lab.key.running(), lab.key.has_fresh_image());
    match failure.state {
        State::Old => assert_eq!(lab.key.good(), Some(OLD), "{how}: {failure}"),
        State::OldWaiting | State::UpdateMode => assert!(
            mode == Some(Mode::Update) || running == Some(OLD),
            "{how}: {mode:?} {running:?}: {failure}"
        ),
        State::Stored => assert!(trying || running == Some(NEW), "{how}: {failure}"),
        State::Trying => assert!(running.is_some(), "{how}: {failure}"),
        State::Starting | State::SentBack | State::Untouched => {}
    }
}

#[test]
fn power_is_cut() {
    at_every_report(&What::PowerCut, SIZE);
}

#[test]
fn power_is_cut_while_the_flash_changes() {
    at_every_report(&What::TornFlash, SIZE);
}

#[test]
fn the_key_is_pulled_out() {
    at_every_report(&What::Unplug, SIZE);
}

#[test]
fn the_host_program_is_killed() {
    at_every_report(&What::Hangup, SIZE);
}

/// The next one begins before the key has given up the message that was cut off, and before it has let go of the channel.
#[test]
fn the_host_program_is_killed_from_begin_on_and_run_again_at_once() {
    let file = image(SMALL);
    for profile in [quick(), quick().for_a_slow_host()] {
        for at in 1..=reports(&file) {
            let lab = Lab::with(profile.clone());
            lab.key.add_fault(at, What::Hangup);
            let _ = lab.update(&file);
            if lab.key.counts().of(0x62) == 0 {
                continue;
            }
            match lab.update(&file) {
                Ok(()) | Err(Error::SameVersion(_)) => lab.is_updated(&format!("at {at}")),
                Err(error) => panic!("at {at}: {error}: {:?}", lab.seen()),
            }
        }
    }
}

#[test]
fn a_report_is_lost() {
    at_every_report(&What::Lost, SMALL);
}

#[test]
fn the_system_fails() {
    at_every_report(&What::Error, SMALL);
}

#[test]
fn noise_comes_in_between() {
    at_every_report(&What::Garbage, SMALL);
}

/// What a host, a person or the world does.
#[derive(Clone, Debug)]
enum Action {
    /// An update to this version, with something going wrong at a report.
    Update(u8, u64, What),
    /// An update to this version that is stopped at its n-th step.
    Stopped(u8, usize),
    /// An update while nobody presses the button.
    Unattended(u8),
    /// A new host program looks for what is left to confirm.
    Confirm,
    Cut,
    CutWithButtonHeld,
    Replug,
    Seconds(u64),
}

fn action() -> impl Strategy<Value = Action> {
    use What::{Error, Garbage, Hangup, Lost, PowerCut, TornFlash, Unplug};
    let what = prop::sample::select(vec![PowerCut, TornFlash, Unplug, Error, Hangup, Lost, Garbage]);
    prop_oneof![
        6 => (1u8..4, 1u64..400, what).prop_map(|(version, at, what)| Action::Update(version, at, what)),
        2 => (1u8..4, 0usize..20).prop_map(|(version, step)| Action::Stopped(version, step)),
        1 => (1u8..4).prop_map(Action::Unattended),
        1 => Just(Action::Confirm),
        1 => Just(Action::Cut),
        1 => Just(Action::CutWithButtonHeld),
        1 => Just(Action::Replug),
        1 => (0u64..700).prop_map(Action::Seconds),
    ]
}

fn file(version: u8) -> Vec<u8> {
    Draft::new(Version::new(version, 0, 0, 0)).counter(version.into()).file_size(SMALL).build()
}

/// Whether this comes out well is not asked.
fn act(lab: &Lab, action: &Action) {
    let allow = Allow { same: true, older: true };
    let update = |version: u8, report: &mut dyn FnMut() -> Flow| {
        let fit = lab.fit(&file(version), allow);
        let _ = fit.and_then(|image| lab.install(&image, &mut |_| report()));
    };
    match *action {
        Action::Update(version, at, ref what) => {
            lab.key.add_fault(at, what.clone());
            update(version, &mut || Flow::Continue);
        }
        Action::Stopped(version, step) => {
            let mut steps = 0;
            update(version, &mut || {
                steps += 1;
                if steps > step { Flow::Cancel } else { Flow::Continue }
            });
        }
        Action::Unattended(version) => {
            lab.key.set_button(Button::Never);
            update(version, &mut || Flow::Continue);
            lab.key.set_button(Button::PressAfter(1));
        }
        Action::Confirm => drop(lab.on(|machine| machine.confirm_remembered())),
        Action::Cut => lab.key.cut_power(),
        Action::CutWithButtonHeld => {
            lab.key.hold_button_at_power_up();
            lab.key.cut_power();
        }
        Action::Replug => {
            lab.keys.unplug(&lab.key);
            lab.clock.pass(Duration::from_secs(1));
        }
        Action::Seconds(seconds) => lab.clock.pass(Duration::from_secs(seconds)),
    }
    lab.keys.plug(&lab.key);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_a_key_starts_or_can_be_recovered(actions in proptest::collection::vec(action(), 1..12), firmware in any::<bool>()) {
        let lab = Lab::with(if firmware { quick() } else { Profile { firmware: Vec::new(), ..quick() } });
        for action in &actions {
            let (had, counter) = (lab.key.good(), lab.key.counter());
            act(&lab, action);
            lab.clock.pass(Duration::from_secs(1));
            prop_assert!(lab.key.good().is_some() || had.is_none(), "a key that had firmware has lost it");
            prop_assert!(lab.key.running().is_some() || lab.key.mode() == Some(Mode::Update));
            prop_assert!(lab.key.counter() >= counter);
        }
        lab.key.behave();
        let last = Draft::new(Version::new(9, 0, 0, 0)).counter(9).file_size(SMALL).build();
        let result = lab.update(&last);
        prop_assert!(result.is_ok(), "{}", result.unwrap_err());
        prop_assert_eq!((lab.key.running(), lab.key.is_confirmed()), (Some(Version::new(9, 0, 0, 0)), true));
    }
}
