//! Updates that go well, and those that a person stops.

#![forbid(unsafe_code)]

mod lab;

use std::time::Duration;

use firmware::{Allow, Cause, Error, Failure, Flow, Machine, Phase, State, Step, install};
use lab::{Lab, NEW, OLD, image};
use link::{Clock, HidDevice, HidDevices, HidLink, LinkError};
use sim::key::{Button, Draft, FirstStart, Led, Mode, Profile, Quirk, SimKey, SimKeys, Stranger, Version};

/// What a person would do at the first step that fits.
fn stopping_at(fits: impl Fn(Step) -> bool) -> impl FnMut(Step) -> Flow {
    move |step| if fits(step) { Flow::Cancel } else { Flow::Continue }
}

#[track_caller]
fn failure(result: Result<(), Error>) -> Failure {
    match result {
        Err(Error::Update(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_cancelled(result: Result<(), Error>, phase: Phase, state: State) {
    let failure = failure(result);
    assert!(matches!(failure.cause, Cause::Cancelled), "{failure}");
    assert_eq!((failure.phase, failure.state), (phase, state), "{failure}");
}

#[test]
fn an_update_from_end_to_end() {
    let lab = Lab::new();
    let mut steps = Vec::new();
    lab.update_telling(&image(20_000), &mut |step| {
        steps.push(step);
        Flow::Continue
    })
    .unwrap();
    lab.is_updated("");
    steps.dedup_by_key(|step| std::mem::discriminant(step));
    use Step::{Attaching, Confirming, Detaching, Finding, Finishing};
    let order: Vec<_> = steps.iter().filter(|step| !matches!(step, Step::PressButton { .. })).collect();
    let writing = Step::Writing { written: 0, total: 20_000 };
    assert_eq!(order, [&Finding, &Detaching, &writing, &Finishing, &Attaching, &Confirming]);
}

#[test]
fn the_button_is_asked_for_with_a_countdown() {
    let lab = Lab::new();
    lab.key.set_button(Button::PressAfter(50));
    let mut left = Vec::new();
    lab.update_telling(&image(5000), &mut |step| {
        if let Step::PressButton { left: time } = step {
            left.push(time);
            // The LED says so while the key asks.
            assert!(left.len() == 1 || lab.key.led() == Led::UpdatePresence);
        }
        Flow::Continue
    })
    .unwrap();
    assert_eq!(left[0], Duration::from_secs(30));
    assert!(left.is_sorted_by(|a, b| a >= b) && left.len() > 50, "{left:?}");
    let last = left.last().unwrap().as_millis();
    assert!((24_000..=25_000).contains(&last), "5 of 30 seconds have passed: {last}");
}

#[test]
fn progress_ends_at_the_whole_and_never_goes_back() {
    let lab = Lab::new();
    let mut progress = Vec::new();
    lab.update_telling(&image(20_000), &mut |step| {
        if let Step::Writing { written, total } = step {
            assert_eq!(total, 20_000);
            progress.push(written);
        }
        Flow::Continue
    })
    .unwrap();
    assert_eq!(progress, [0, 4096, 8192, 12_288, 16_384, 20_000]);
}

#[test]
fn while_the_key_checks_the_image_that_is_told_again_and_again() {
    let lab = Lab::with(Profile { hashing: Duration::from_secs(3), ..Profile::reference(1) });
    let mut told = Vec::new();
    lab.update_telling(&image(5000), &mut |step| {
        if step == Step::Finishing {
            told.push(lab.clock.now());
        }
        Flow::Continue
    })
    .unwrap();
    assert!(told.windows(2).all(|pair| pair[1] - pair[0] <= Duration::from_millis(500)), "{told:?}");
    assert!(told.len() >= 6, "{told:?}");
}

#[test]
fn a_button_nobody_presses_leaves_the_old_firmware() {
    let lab = Lab::new();
    lab.key.set_button(Button::Never);
    let failed = failure(lab.update(&image(5000)));
    assert_eq!((failed.phase, failed.state), (Phase::Enter, State::Old));
    assert_eq!(
        failed.to_string(),
        "waiting for the button: the key said 2F, the button was not pressed in time; the key still has its old firmware; \
         run the update again and press the button while it asks for it"
    );
    lab.is_old();
    lab.key.set_button(Button::PressAfter(1));
    lab.update(&image(5000)).unwrap();
    lab.is_updated("");
}

#[test]
fn a_refusal_at_the_key_leaves_the_old_firmware() {
    let lab = Lab::new();
    lab.key.set_button(Button::RefuseAfter(3));
    let failed = failure(lab.update(&image(5000)));
    assert_eq!((failed.phase, failed.state), (Phase::Enter, State::Old));
    assert!(failed.to_string().contains("2D, cancelled"), "{failed}");
    lab.is_old();
}

#[test]
fn low_power_says_what_to_do() {
    let lab = Lab::new();
    lab.key.set_low_power(true);
    let failed = failure(lab.update(&image(5000)));
    assert!(failed.to_string().contains("F8, too little power"), "{failed}");
    assert!(failed.remedy().contains("another port"));
    lab.is_old();
}

#[test]
fn stopped_at_the_button_the_key_goes_on_as_before() {
    for presses in [0, 5] {
        let lab = Lab::new();
        lab.key.set_button(Button::Never);
        let mut asked = 0;
        let result = lab.update_telling(&image(5000), &mut |step| {
            asked += u32::from(matches!(step, Step::PressButton { .. }));
            if asked > presses { Flow::Cancel } else { Flow::Continue }
        });
        is_cancelled(result, Phase::Enter, State::Old);
        assert_eq!(lab.key.led(), Led::Ready, "nobody is asked any more");
        lab.is_old();
    }
}

#[test]
fn stopped_before_anything_was_written_the_key_goes_back() {
    for step in [Step::Detaching, Step::Writing { written: 0, total: 5000 }] {
        let lab = Lab::new();
        let result = lab.update_telling(&image(5000), &mut stopping_at(|at| at == step));
        is_cancelled(result, Phase::Begin, State::Old);
        lab.clock.pass(Duration::from_secs(1));
        lab.is_old();
        assert_eq!(lab.key.partial(), None);
        assert_eq!(lab.key.counts().of(0x63), 0, "no WRITE");
    }
}

#[test]
fn stopped_while_writing_it_ends_with_a_block_and_goes_on_there() {
    let lab = Lab::new();
    let at = Step::Writing { written: 8192, total: 20_000 };
    let result = lab.update_telling(&image(20_000), &mut stopping_at(|step| step == at));
    is_cancelled(result, Phase::Write, State::OldWaiting);
    assert_eq!((lab.key.mode(), lab.key.partial()), (Some(Mode::Update), Some(8192)));
    lab.key.zero();
    let mut first = None;
    lab.update_telling(&image(20_000), &mut |step| {
        if let Step::Writing { written, .. } = step {
            first.get_or_insert(written);
        }
        assert!(!matches!(step, Step::PressButton { .. }), "the button was pressed already");
        Flow::Continue
    })
    .unwrap();
    assert_eq!((first, lab.key.counts().of(0x63)), (Some(8192), 3));
    lab.is_updated("");
}

#[test]
fn stopped_after_the_last_block_it_goes_on() {
    let whole = Step::Writing { written: 5000, total: 5000 };
    for step in [whole, Step::Finishing, Step::Attaching, Step::Confirming] {
        let lab = Lab::new();
        lab.update_telling(&image(5000), &mut stopping_at(|at| at == step)).unwrap();
        lab.is_updated(&format!("{step:?}"));
    }
}

#[test]
fn nothing_is_sent_to_who_has_not_announced() {
    let lab = Lab::new();
    let fido = lab.second(Profile::fido_only(2));
    let stranger = Stranger::in_update_mode();
    lab.keys.plug_stranger(&stranger);
    lab.update(&image(5000)).unwrap();
    lab.is_updated("");
    assert_eq!(fido.counts().vendor(), 0, "a FIDO key is sent INIT and authenticatorGetInfo");
    assert_eq!(stranger.reports(), 0, "another's device with the usage of update mode is sent nothing");
    let seen = lab.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen.iter().filter(|found| found.firmware().is_some()).count(), 1);
}

#[test]
fn of_two_keys_the_right_one_is_updated() {
    let lab = Lab::new();
    let other = lab.second(Profile::reference(2));
    lab.update(&image(5000)).unwrap();
    lab.is_updated("");
    assert_eq!(other.running(), Some(OLD));
    assert_eq!(other.counts().of(0x61), 0, "no ENTER");
}

#[test]
fn a_second_key_in_update_mode_is_left_alone() {
    let lab = Lab::new();
    let other = lab.second(Profile::without_firmware(2));
    lab.update(&image(5000)).unwrap();
    lab.is_updated("");
    assert_eq!((other.mode(), other.counts().of(0x62)), (Some(Mode::Update), 0));
}

#[test]
fn a_key_without_firmware_needs_no_button() {
    let lab = Lab::with(Profile::without_firmware(1));
    lab.key.set_button(Button::Never);
    lab.update(&image(5000)).unwrap();
    lab.is_updated("");
}

#[test]
fn a_key_in_update_mode_with_another_file_is_asked_from_the_start() {
    let lab = Lab::new();
    let at = Step::Writing { written: 4096, total: 20_000 };
    let result = lab.update_telling(&image(20_000), &mut stopping_at(|step| step == at));
    is_cancelled(result, Phase::Write, State::OldWaiting);
    let mut pressed = false;
    lab.update_telling(&image(9000), &mut |step| {
        pressed |= matches!(step, Step::PressButton { .. });
        Flow::Continue
    })
    .unwrap();
    assert!(pressed, "the button approves one file");
    lab.is_updated("");
}

#[test]
fn an_approval_that_ran_out_is_asked_for_again() {
    let lab = Lab::new();
    let at = Step::Writing { written: 4096, total: 20_000 };
    let result = lab.update_telling(&image(20_000), &mut stopping_at(|step| step == at));
    is_cancelled(result, Phase::Write, State::OldWaiting);
    lab.clock.pass(Duration::from_secs(11 * 60));
    lab.key.set_button(Button::Never);
    let failed = failure(lab.update(&image(20_000)));
    assert_eq!((failed.phase, failed.state), (Phase::Enter, State::Old), "{failed}");
    lab.key.set_button(Button::PressAfter(1));
    lab.update(&image(20_000)).unwrap();
    lab.is_updated("");
}

#[test]
fn found_in_update_mode_and_stopped_it_is_sent_back() {
    let lab = Lab::new();
    lab.key.hold_button_at_power_up();
    lab.key.cut_power();
    lab.clock.pass(Duration::from_secs(1));
    assert_eq!(lab.key.mode(), Some(Mode::Update));
    let result = lab.update_telling(&image(5000), &mut stopping_at(|_| true));
    let failed = failure(result);
    assert!(matches!(failed.cause, Cause::Cancelled), "{failed}");
    assert!(matches!(failed.state, State::Old | State::SentBack), "{failed}");
    lab.clock.pass(Duration::from_secs(1));
    lab.is_old();
}

#[test]
fn an_image_that_waits_for_confirmation_is_confirmed() {
    let lab = Lab::new();
    let file = image(5000);
    lab.key.set_quirks(&[Quirk::Silent(0x66)]);
    let failed = failure(lab.update(&file));
    assert_eq!((failed.phase, failed.state), (Phase::Confirm, State::Trying));
    assert_eq!((lab.key.running(), lab.key.is_confirmed()), (Some(NEW), false));
    lab.key.behave();
    lab.key.zero();
    lab.update(&file).unwrap();
    lab.is_updated("");
    assert_eq!((lab.key.counts().of(0x61), lab.key.counts().of(0x66)), (0, 1));
}

#[test]
fn a_run_that_died_before_confirm_is_finished_at_the_next_sight() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::Silent(0x66)]);
    let _ = failure(lab.update(&image(5000)));
    lab.key.behave();
    let confirmed = lab.on(|machine| machine.confirm_remembered().unwrap());
    assert_eq!(confirmed.iter().map(|info| info.serial).collect::<Vec<_>>(), [lab.serial]);
    lab.is_updated("");
    lab.key.zero();
    assert!(lab.on(|machine| machine.confirm_remembered().unwrap()).is_empty());
    assert_eq!(lab.key.counts().reports(), 0, "nothing is remembered, and nobody is asked");
}

#[test]
fn what_went_back_by_itself_is_not_confirmed() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::Silent(0x66)]);
    let _ = failure(lab.update(&image(5000)));
    lab.key.behave();
    lab.key.cut_power();
    lab.clock.pass(Duration::from_secs(1));
    assert!(lab.on(|machine| machine.confirm_remembered().unwrap()).is_empty());
    lab.is_old();
    assert_eq!(lab.key.counts().of(0x66), 1, "the one that was not answered");
}

/// Somebody else's image of another version must not be made the one to stay.
#[test]
fn what_was_not_installed_here_is_not_confirmed() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::Silent(0x66)]);
    let _ = failure(lab.update(&image(5000)));
    lab.key.behave();
    lab.store.clear();
    assert!(lab.on(|machine| machine.confirm_remembered().unwrap()).is_empty());
    assert!(!lab.key.is_confirmed());
}

#[test]
fn what_another_program_installed_meanwhile_is_not_confirmed_here() {
    let lab = Lab::new();
    lab.key.set_quirks(&[Quirk::Silent(0x66)]);
    let _ = failure(lab.update(&image(5000)));
    lab.key.cut_power();
    lab.clock.pass(Duration::from_secs(1));
    let other = lab.seen_by_another();
    let _ = failure(other.update(&Draft::new(Version::new(3, 0, 0, 0)).build()));
    lab.key.behave();
    assert_eq!(lab.key.running(), Some(Version::new(3, 0, 0, 0)));
    assert!(lab.on(|machine| machine.confirm_remembered().unwrap()).is_empty());
    assert!(!lab.key.is_confirmed());
    assert_eq!(other.on(|machine| machine.confirm_remembered().unwrap()).len(), 1);
}

/// The system gives names again: the same one may be another key the next time.
#[test]
fn a_name_that_was_another_key_s_is_looked_at_again() {
    let lab = Lab::new();
    let image = lab.fit(&image(5000), Allow::default()).unwrap();
    lab.key.set_quirks(&[Quirk::BackAfter(Duration::from_secs(3))]);
    let other = SimKey::new(&lab.clock, Profile::reference(2));
    let mut looks = 0;
    lab.on(|machine| {
        let one_name = OneName(lab.keys.clone());
        let machine = Machine { devices: &one_name, ..*machine };
        install(&machine, &image, &mut |step| {
            if step == Step::Attaching {
                looks += 1;
                match looks {
                    1 => lab.keys.plug(&other),
                    2 => lab.keys.unplug(&other),
                    _ => {}
                }
            }
            Flow::Continue
        })
    })
    .unwrap();
    assert!(other.counts().of(0x60) > 0, "it was asked who it is");
    lab.is_updated("");
}

/// Gives every device the same name, as if there were one hidraw node.
struct OneName(SimKeys);

impl HidDevices for OneName {
    fn list(&self) -> Result<Vec<HidDevice>, LinkError> {
        let named = |device| HidDevice { path: "/dev/hidraw0".into(), serial: None, channel: None, ..device };
        Ok(self.0.list()?.into_iter().map(named).collect())
    }

    fn open(&self, _: &str) -> Result<Box<dyn HidLink>, LinkError> {
        let there = self.0.list()?.pop().ok_or(LinkError::Removed)?;
        self.0.open(&there.path)
    }
}

#[test]
fn firmware_that_does_not_start_is_told() {
    let lab = Lab::new();
    lab.key.set_first_start(FirstStart::Crashes);
    let failed = failure(lab.update(&image(5000)));
    assert!(matches!(failed.cause, Cause::OtherVersion { .. }), "{failed}");
    assert_eq!(
        failed.to_string(),
        "confirming the new firmware: the key runs 1.0.0+0 although 2.0.0+0 was installed; the key still has its old \
         firmware; tell whoever made the image, and do not install it again"
    );
    lab.is_old();
}

#[test]
fn firmware_that_fails_its_own_test_is_told() {
    let lab = Lab::new();
    lab.key.set_first_start(FirstStart::FailsSelfTest);
    let failed = failure(lab.update(&image(5000)));
    assert_eq!((failed.phase, failed.state), (Phase::Confirm, State::Trying), "{failed}");
    lab.key.cut_power();
    lab.clock.pass(Duration::from_secs(1));
    lab.is_old();
}

#[test]
fn the_counter_rises_with_confirm_and_not_before() {
    let lab = Lab::new();
    let file = Draft::new(NEW).counter(5).build();
    lab.update_telling(&file, &mut |step| {
        assert!(lab.key.counter() == 1, "{step:?}");
        Flow::Continue
    })
    .unwrap();
    assert_eq!(lab.key.counter(), 5);
    let older = Draft::new(Version::new(1, 5, 0, 0)).counter(4).build();
    let allow = Allow { same: false, older: true };
    assert!(matches!(lab.fit(&older, allow), Err(Error::Counter { image: 4, key: 5 })));
    let allowed = Draft::new(Version::new(1, 5, 0, 0)).counter(5).build();
    let allowed = lab.fit(&allowed, allow).unwrap();
    lab.install(&allowed, &mut |_| Flow::Continue).unwrap();
    assert_eq!(lab.key.running(), Some(Version::new(1, 5, 0, 0)));
}

#[test]
fn the_same_version_once_more() {
    let lab = Lab::new();
    let file = image(5000);
    lab.update(&file).unwrap();
    assert!(matches!(lab.update(&file), Err(Error::SameVersion(_))));
    let again = lab.fit(&file, Allow { same: true, older: false }).unwrap();
    lab.key.zero();
    lab.install(&again, &mut |_| Flow::Continue).unwrap();
    assert_eq!(lab.key.counts().of(0x64), 1, "FINISH");
    lab.is_updated("");
}

#[test]
fn a_key_that_changed_since_it_was_looked_at_is_not_touched() {
    let lab = Lab::new();
    let image = lab.fit(&image(5000), Allow::default()).unwrap();
    let newer = Draft::new(Version::new(3, 0, 0, 0)).counter(9).build();
    lab.update(&newer).unwrap();
    lab.key.zero();
    let result = lab.install(&image, &mut |_| Flow::Continue);
    assert!(matches!(result, Err(Error::Counter { .. })), "{result:?}");
    assert_eq!(lab.key.counts().of(0x61), 0, "no ENTER");
}
