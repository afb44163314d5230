//! Power cuts, unplugging and killed hosts at every report of an update of 64 KiB, and random histories: a simulated key
//! always runs firmware or waits for some, and the next run completes.

mod terminal;

use crescendo_sim::key::{Button, FirstStart, Mode, Profile, Version, What};
use proptest::prelude::*;
use terminal::*;

const SIZE: usize = 64 * 1024;

/// How many reports an undisturbed update takes.
fn reports_of_an_update(file: &[u8]) -> u64 {
    let lab = Lab::new();
    lab.install(file, NEW).unwrap();
    lab.key.counts().reports()
}

/// One update with this going wrong at this report, and a second one after it.
fn survives(file: &[u8], at: u64, what: &What) {
    let lab = Lab::new();
    lab.key.add_fault(at, what.clone());
    let first = lab.install(file, NEW);
    lab.keys.plug(&lab.key);
    while lab.key.mode().is_none() {
        lab.pass(1);
    }
    lab.assert_alive();
    if let Some(running) = lab.key.running() {
        assert!(running == OLD || running == NEW, "{at}: {running}");
    }
    assert!(lab.key.good().is_some(), "{at}: the firmware marked good can be started");
    let raised = lab.key.counter() == 2;
    assert_eq!(raised, lab.key.good() == Some(NEW), "{at}: the counter goes with the confirmation");
    lab.key.behave();
    lab.install(file, NEW).unwrap_or_else(|no| panic!("{what:?} at {at}: {first:?}, then {no:?}"));
    assert_eq!((lab.key.good(), lab.key.counter(), lab.key.is_confirmed()), (Some(NEW), 2, true), "{at}");
}

fn survives_everywhere(what: &What) {
    let file = new_firmware(SIZE);
    let reports = reports_of_an_update(&file);
    assert!(reports > 1170, "{reports}: the whole procedure");
    (1..=reports + 1).for_each(|at| survives(&file, at, what));
}

#[test]
fn power_may_go_at_every_report() {
    survives_everywhere(&What::PowerCut);
}

#[test]
fn power_may_go_while_flash_changes_at_every_report() {
    survives_everywhere(&What::TornFlash);
}

#[test]
fn it_may_be_pulled_at_every_report() {
    survives_everywhere(&What::Unplug);
}

#[test]
fn the_host_may_be_killed_at_every_report() {
    survives_everywhere(&What::Hangup);
}

#[test]
fn a_report_may_be_lost_or_noise() {
    let file = new_firmware(9000);
    let reports = reports_of_an_update(&file);
    for at in 1..=reports {
        // Noise may read as anything to this small host, which then stops; the key must not care.
        for what in [What::Lost, What::Garbage] {
            let lab = Lab::new();
            lab.key.add_fault(at, what);
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| lab.install(&file, NEW)));
            lab.key.behave();
            lab.key.cut_power();
            lab.install(&file, NEW).unwrap();
            assert_eq!(lab.key.good(), Some(NEW), "{at}");
        }
    }
}

#[test]
fn a_resumed_update_does_not_start_from_nothing() {
    let file = new_firmware(SIZE);
    let lab = Lab::new();
    lab.key.add_fault(600, What::PowerCut);
    assert_eq!(lab.install(&file, NEW), Err(No::Link));
    let written = lab.key.counts().of(WRITE);
    lab.install(&file, NEW).unwrap();
    // One block was under way when the power went.
    assert_eq!(lab.key.counts().of(WRITE), 16 + 1, "{written} before the cut");
}

#[test]
fn a_foreign_report_in_between_is_for_someone_else() {
    let file = new_firmware(9000);
    let foreign = reports(0x0007_0001, KEEPALIVE, &[1])[0];
    for at in 1..=reports_of_an_update(&file) {
        let lab = Lab::new();
        lab.key.add_fault(at, What::Insert(Box::new(foreign)));
        lab.install(&file, NEW).unwrap();
    }
}

/// What may happen to a key, in any order.
#[derive(Clone, Debug)]
enum Step {
    Open,
    Info,
    Enter(usize),
    Press,
    Begin(usize),
    Write(usize),
    WriteAll(usize),
    Finish,
    Reboot(u8),
    Confirm(usize),
    Abort,
    Fault(u64, What),
    Cut,
    Held,
    Replug,
    Pass(u64),
    Button(Button),
    First(FirstStart),
    Wear,
    Install(usize),
}

const VERSIONS: [Version; 3] = [OLD, NEW, Version::new(2, 0, 0, 0)];

/// The firmware it has, a newer one, a newer one of a higher counter, and one that nobody signed.
fn files() -> [Vec<u8>; 4] {
    use crescendo_sim::key::Draft;
    let draft = |n: usize, counter| Draft::new(VERSIONS[n]).counter(counter).payload(5000);
    [draft(0, 1).build(), draft(1, 1).build(), draft(2, 2).build(), draft(1, 9).signed_by(&[]).build()]
}

fn step() -> impl Strategy<Value = Step> {
    let whats = [What::PowerCut, What::TornFlash, What::Unplug, What::Hangup, What::Lost, What::Error];
    let what = proptest::sample::select(whats.to_vec());
    let button = prop_oneof![(0u32..4).prop_map(Button::PressAfter), Just(Button::Never)];
    let first =
        proptest::sample::select(vec![FirstStart::Runs, FirstStart::FailsSelfTest, FirstStart::Crashes]);
    prop_oneof![
        3 => Just(Step::Open),
        1 => Just(Step::Info),
        2 => (0usize..4).prop_map(Step::Enter),
        1 => Just(Step::Press),
        3 => (0usize..4).prop_map(Step::Begin),
        2 => (0usize..4).prop_map(Step::Write),
        3 => (0usize..4).prop_map(Step::WriteAll),
        3 => Just(Step::Finish),
        2 => (0u8..2).prop_map(Step::Reboot),
        2 => (0usize..3).prop_map(Step::Confirm),
        1 => Just(Step::Abort),
        3 => (1u64..40, what).prop_map(|(at, what)| Step::Fault(at, what)),
        2 => Just(Step::Cut),
        1 => Just(Step::Held),
        1 => Just(Step::Replug),
        1 => (0u64..700).prop_map(Step::Pass),
        1 => button.prop_map(Step::Button),
        1 => first.prop_map(Step::First),
        1 => Just(Step::Wear),
        2 => (0usize..3).prop_map(Step::Install),
    ]
}

/// A host that has no idea what it does.
struct Wild {
    lab: Lab,
    files: [Vec<u8>; 4],
    terminal: Option<Terminal>,
}

impl Wild {
    fn take(&mut self, step: Step) {
        match step {
            Step::Open => self.terminal = self.lab.open().ok(),
            Step::Cut => self.lab.key.cut_power(),
            Step::Held => self.lab.key.hold_button_at_power_up(),
            Step::Replug => {
                self.lab.keys.unplug(&self.lab.key);
                self.lab.keys.plug(&self.lab.key);
            }
            Step::Pass(seconds) => self.lab.pass(seconds),
            Step::Button(button) => self.lab.key.set_button(button),
            Step::First(first) => self.lab.key.set_first_start(first),
            Step::Wear => self.lab.key.wear_firmware(),
            Step::Press => self.lab.key.press(),
            Step::Fault(at, what) => self.lab.key.add_fault(at, what),
            Step::Install(n) => drop(self.lab.transfer(&self.files[n])),
            step => {
                if let Some(terminal) = &mut self.terminal {
                    let _ = Self::say(terminal, &self.files, step);
                }
            }
        }
    }

    fn say(terminal: &mut Terminal, files: &[Vec<u8>; 4], step: Step) -> Result<(), No> {
        match step {
            Step::Info => terminal.info().map(|_| ()),
            Step::Enter(n) => terminal.enter(&files[n], 5).map(|_| ()),
            Step::Begin(n) => terminal.begin(&files[n]).map(|_| ()),
            Step::Write(n) => terminal.write_block(0, &files[n][..2500]).map(|_| ()),
            Step::WriteAll(n) => {
                let offset = terminal.begin(&files[n])?;
                terminal.write_from(&files[n], offset, 4096)
            }
            Step::Finish => terminal.call(FINISH, &[]).map(|_| ()),
            Step::Reboot(target) => terminal.call(REBOOT, &[target]).map(|_| ()),
            Step::Confirm(n) => terminal.call(CONFIRM, &VERSIONS[n].to_wire()).map(|_| ()),
            _ => terminal.call(ABORT, &[]).map(|_| ()),
        }
    }

    /// Plugged in and with power, it runs firmware that somebody signed, or waits for some.
    fn check(&self, counter: u32) {
        let key = &self.lab.key;
        self.lab.keys.plug(key);
        assert!(key.counter() >= counter, "the security counter never falls");
        match key.running() {
            Some(version) => assert!(VERSIONS.contains(&version)),
            None => assert_ne!(key.mode(), Some(Mode::Normal)),
        }
    }

    /// Whatever it went through, a plain update completes.
    fn recovers(&self) {
        let key = &self.lab.key;
        key.behave();
        key.set_first_start(FirstStart::Runs);
        key.set_button(Button::PressAfter(2));
        self.lab.keys.unplug(key);
        self.lab.keys.plug(key);
        self.lab.pass(11);
        self.lab.assert_alive();
        let last = crescendo_sim::key::Draft::new(Version::new(3, 0, 0, 0)).counter(3).build();
        self.lab.install(&last, Version::new(3, 0, 0, 0)).unwrap();
        assert_eq!((key.good(), key.counter()), (Some(Version::new(3, 0, 0, 0)), 3));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_key_survives_every_history(empty in any::<bool>(), steps in proptest::collection::vec(step(), 1..60)) {
        let profile = if empty { Profile::without_firmware(1) } else { Profile::reference(1) };
        let mut wild = Wild { lab: Lab::with(profile), files: files(), terminal: None };
        let mut counter = 0;
        for step in steps {
            // This host trusts the answers of an honest key; of a faulty one it may give up in a panic.
            let taken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wild.take(step)));
            if taken.is_err() {
                wild.terminal = None;
            }
            wild.check(counter);
            counter = wild.lab.key.counter();
        }
        wild.recovers();
    }
}
