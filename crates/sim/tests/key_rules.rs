//! The rules of the update protocol, part 3, one by one: who may do what when, and the code for each refusal.

mod terminal;

use std::time::Duration;

use crescendo_sim::key::{Button, FirstStart, Mode, Profile};
use link::Clock;
use terminal::*;

const INVALID_CMD: No = No::Error(0x01);
const INVALID_PAR: No = No::Error(0x02);
const INVALID_LEN: No = No::Error(0x03);
const BUSY: No = No::Error(0x06);
const CANCELLED: No = No::Error(0x2D);
const TIMED_OUT: No = No::Error(0x2F);
const NOT_APPROVED: No = No::Error(0xF0);
const OUT_OF_ORDER: No = No::Error(0xF6);
const VERIFY_FAILED: No = No::Error(0xF7);
const LOW_POWER: No = No::Error(0xF8);

fn open() -> (Lab, Terminal, Vec<u8>) {
    let lab = Lab::new();
    let terminal = lab.open().unwrap();
    (lab, terminal, new_firmware(20_000))
}

/// A key in update mode, with this file approved.
fn update_mode() -> (Lab, Terminal, Vec<u8>) {
    let (lab, _, file) = open();
    let terminal = lab.update_mode(&file).unwrap();
    (lab, terminal, file)
}

#[test]
fn each_command_has_its_mode() {
    let (lab, mut terminal, file) = open();
    for command in [BEGIN, WRITE, FINISH, REBOOT, ABORT] {
        assert_eq!(terminal.call(command, b""), Err(INVALID_CMD), "{command:02X} in normal mode");
    }
    let mut terminal = lab.update_mode(&file).unwrap();
    for command in [ENTER, CONFIRM] {
        assert_eq!(terminal.call(command, b""), Err(INVALID_CMD), "{command:02X} in update mode");
    }
}

#[test]
fn enter_needs_its_49_bytes_and_a_timeout_in_bounds() {
    let (_lab, mut terminal, file) = open();
    let request = enter(&file, 30);
    assert_eq!(terminal.call(ENTER, &request[..48]), Err(INVALID_LEN));
    assert_eq!(terminal.call(ENTER, &[&request[..], &[0]].concat()), Err(INVALID_LEN));
    assert_eq!(terminal.enter(&file, 4), Err(INVALID_PAR));
    assert_eq!(terminal.enter(&file, 61), Err(INVALID_PAR));
    assert_eq!(terminal.enter(&file, 60), Ok(vec![]));
}

#[test]
fn nobody_presses_the_button() {
    let (lab, mut terminal, file) = open();
    lab.key.set_button(Button::Never);
    let before = lab.clock.now();
    assert_eq!(terminal.enter(&file, 5), Err(TIMED_OUT));
    let took = (lab.clock.now() - before).as_millis();
    assert!((5000..5020).contains(&took), "{took} ms");
    assert_eq!((terminal.keepalives.len(), terminal.keepalives[0]), (49, 2));
    assert_eq!((lab.key.mode(), lab.key.approved()), (Some(Mode::Normal), None));
}

#[test]
fn the_person_refuses_or_the_host_cancels() {
    let (lab, mut terminal, file) = open();
    lab.key.set_button(Button::RefuseAfter(2));
    assert_eq!(terminal.enter(&file, 30), Err(CANCELLED));
    lab.key.set_button(Button::Never);
    terminal.send(ENTER, &enter(&file, 30)).unwrap();
    // CANCEL of another channel is not for this request.
    let mut other = lab.open().unwrap();
    other.send(CANCEL, b"").unwrap();
    assert_eq!(other.call(PING, b""), Err(BUSY));
    terminal.send(CANCEL, b"").unwrap();
    assert_eq!(terminal.receive(ENTER), Err(CANCELLED));
    // With nothing to cancel it is not answered.
    terminal.send(CANCEL, b"").unwrap();
    assert_eq!(terminal.receive(CANCEL), Err(No::Silence));
    assert_eq!((lab.key.mode(), lab.key.approved()), (Some(Mode::Normal), None));
}

#[test]
fn init_in_the_midst_takes_the_request_back() {
    let (lab, mut terminal, file) = open();
    lab.key.set_button(Button::Never);
    terminal.send(ENTER, &enter(&file, 30)).unwrap();
    terminal.call(INIT, b"12345678").unwrap();
    lab.key.press();
    assert_eq!(terminal.call(PING, b"x"), Ok(b"x".to_vec()));
    assert_eq!(lab.key.approved(), None);
}

#[test]
fn low_power_is_told_before_the_button() {
    let (lab, mut terminal, file) = open();
    lab.key.set_low_power(true);
    assert_eq!(terminal.enter(&file, 30), Err(LOW_POWER));
    assert_eq!(terminal.keepalives, []);
}

#[test]
fn the_key_is_back_within_500_ms() {
    let (lab, mut terminal, file) = open();
    terminal.enter(&file, 30).unwrap();
    let answered = lab.clock.now();
    lab.away();
    while lab.key.mode().is_none() {
        lab.clock.pass(Duration::from_millis(1));
    }
    assert!(lab.clock.now() - answered <= Duration::from_millis(500));
    assert_eq!(lab.key.mode(), Some(Mode::Update));
    // The old link is dead for good.
    assert_eq!(terminal.call(PING, b""), Err(No::Link));
}

#[test]
fn the_press_approves_one_file() {
    let (_lab, mut terminal, file) = update_mode();
    assert_eq!(terminal.begin(&new_firmware(20_001)), Err(NOT_APPROVED));
    assert_eq!(terminal.begin(&file), Ok(0));
}

#[test]
fn the_approval_lasts_ten_minutes() {
    let (lab, mut terminal, file) = update_mode();
    let approved = lab.clock.now();
    while lab.clock.now() - approved < Duration::from_secs(595) {
        lab.pass(1);
    }
    assert_eq!(terminal.begin(&file), Ok(0));
    terminal.write_from(&file, 0, 4096).unwrap();
    lab.pass(10);
    assert_eq!(terminal.begin(&file), Err(NOT_APPROVED), "resuming needs it too");
    assert_eq!(lab.key.approved(), None);
}

#[test]
fn the_approval_is_over_with_the_third_power_cycle() {
    let (lab, _, file) = update_mode();
    for cycle in 1..=3 {
        lab.key.hold_button_at_power_up();
        lab.key.cut_power();
        let mut terminal = lab.open().unwrap();
        assert_eq!(lab.key.mode(), Some(Mode::Update));
        let expected = if cycle < 3 { Ok(0) } else { Err(NOT_APPROVED) };
        assert_eq!(terminal.begin(&file), expected, "{cycle}");
    }
}

#[test]
fn staying_in_update_mode_is_no_power_cycle() {
    let (lab, mut terminal, file) = update_mode();
    for _ in 0..5 {
        assert_eq!(terminal.call(REBOOT, &[1]), Ok(vec![]));
        lab.away();
        terminal = lab.open().unwrap();
        assert_eq!((lab.key.mode(), terminal.info().unwrap().nonce), (Some(Mode::Update), NONCE));
    }
    assert_eq!(terminal.begin(&file), Ok(0));
}

#[test]
fn reboot_takes_two_targets() {
    let (lab, mut terminal, _) = update_mode();
    assert_eq!(terminal.call(REBOOT, &[2]), Err(INVALID_PAR));
    assert_eq!(terminal.call(REBOOT, &[]), Err(INVALID_LEN));
    assert_eq!(lab.reboot(terminal).unwrap().info().unwrap().version, OLD.to_wire());
}

#[test]
fn writes_come_in_order_and_in_blocks() {
    let (lab, mut terminal, file) = update_mode();
    assert_eq!(terminal.write_block(0, &file[..10]), Err(OUT_OF_ORDER), "before BEGIN");
    terminal.begin(&file).unwrap();
    assert_eq!(terminal.write_block(1, &file[1..10]), Err(OUT_OF_ORDER));
    assert_eq!(terminal.write_block(0, &[]), Err(INVALID_LEN));
    assert_eq!(terminal.write_block(0, &file[..4097]), Err(INVALID_LEN));
    assert_eq!(lab.key.partial(), Some(0), "nothing written");
    assert_eq!(terminal.write_block(0, &file[..4096]), Ok(4096));
    assert_eq!(terminal.write_block(0, &file[..4096]), Err(OUT_OF_ORDER), "again");
    assert_eq!(terminal.write_block(4096, &file[4096..4097]), Ok(4097), "one byte is a block");
    terminal.write_from(&file, 4097, 4096).unwrap();
    assert_eq!(terminal.write_block(20_000, &[0]), Err(OUT_OF_ORDER), "past the end");
    assert_eq!(terminal.write_block(u32::MAX, &[0]), Err(OUT_OF_ORDER));
    assert_eq!(terminal.call(FINISH, &[]), Ok(vec![]));
}

#[test]
fn a_block_may_be_as_long_as_info_says() {
    let lab = Lab::with(Profile { block: 7168, ..Profile::reference(1) });
    lab.install(&new_firmware(40_000), NEW).unwrap();
    assert_eq!(lab.key.counts().of(WRITE), 6);
    let lab = Lab::with(Profile { block: 256, ..Profile::reference(1) });
    lab.install(&new_firmware(4096), NEW).unwrap();
    assert_eq!(lab.key.counts().of(WRITE), 16);
}

#[test]
fn begin_goes_on_where_the_same_file_stopped() {
    let (lab, mut terminal, file) = update_mode();
    terminal.begin(&file).unwrap();
    terminal.write_from(&file[..8192], 0, 4096).unwrap();
    assert_eq!(terminal.begin(&file), Ok(8192));
    // Power is lost: the old firmware runs, and tells of the update.
    lab.key.cut_power();
    let mut terminal = lab.open().unwrap();
    let info = terminal.info().unwrap();
    assert_eq!((info.mode, info.version, info.flags, info.nonce), (0, OLD.to_wire(), 1, [0; 16]));
    let mut terminal = lab.update_mode(&file).unwrap();
    assert_eq!(terminal.begin(&file), Ok(8192));
    terminal.write_from(&file, 8192, 4096).unwrap();
    assert_eq!(terminal.call(FINISH, &[]), Ok(vec![]));
    // Nobody restarted it yet; another run finds everything there.
    assert_eq!(terminal.begin(&file), Ok(20_000));
    assert_eq!(terminal.call(FINISH, &[]), Ok(vec![]));
    assert_eq!(lab.reboot(terminal).unwrap().info().unwrap().version, NEW.to_wire());
}

#[test]
fn another_file_starts_afresh() {
    let (lab, mut terminal, file) = update_mode();
    terminal.begin(&file).unwrap();
    terminal.write_block(0, &file[..4096]).unwrap();
    lab.key.cut_power();
    lab.away();
    let other = new_firmware(30_000);
    assert_eq!(lab.update_mode(&other).unwrap().begin(&other), Ok(0));
    lab.key.cut_power();
    lab.away();
    assert_eq!(lab.update_mode(&file).unwrap().begin(&file), Ok(0));
}

#[test]
fn abort_forgets_the_file_and_frees_the_channel() {
    let (lab, mut terminal, file) = update_mode();
    terminal.begin(&file).unwrap();
    terminal.write_block(0, &file[..4096]).unwrap();
    let mut other = lab.open().unwrap();
    assert_eq!(other.call(ABORT, &[]), Err(BUSY));
    assert_eq!(terminal.call(ABORT, &[]), Ok(vec![]));
    assert_eq!((lab.key.partial(), terminal.info().unwrap().flags), (None, 0));
    assert_eq!(other.begin(&file), Ok(0));
    assert_eq!(lab.reboot(other).unwrap().info().unwrap().version, OLD.to_wire());
}

#[test]
fn an_update_belongs_to_one_channel_until_ten_seconds_of_silence() {
    let (lab, mut terminal, file) = update_mode();
    terminal.begin(&file).unwrap();
    lab.pass(8);
    terminal.write_block(0, &file[..4096]).unwrap();
    lab.pass(8);
    let mut other = lab.open().unwrap();
    assert_eq!(other.begin(&file), Err(BUSY));
    for command in [WRITE, FINISH, REBOOT, ABORT] {
        assert_eq!(other.call(command, &[0]), Err(BUSY), "{command:02X}");
    }
    assert_eq!(other.info().unwrap().flags, 1, "INFO is for everyone");
    lab.pass(2);
    assert_eq!(other.write_block(4096, &file[4096..8192]), Err(OUT_OF_ORDER), "without a BEGIN of its own");
    assert_eq!(other.begin(&file), Ok(4096));
    assert_eq!(terminal.write_block(4096, &file[4096..8192]), Err(BUSY), "now the other way round");
}

#[test]
fn finish_before_the_end_marks_the_slot_empty() {
    let (lab, mut terminal, file) = update_mode();
    assert_eq!(terminal.call(FINISH, &[]), Err(OUT_OF_ORDER), "before BEGIN");
    terminal.begin(&file).unwrap();
    terminal.write_from(&file[..19_999], 0, 4096).unwrap();
    assert_eq!(terminal.call(FINISH, &[]), Err(VERIFY_FAILED));
    assert_eq!(lab.key.partial(), None);
    assert_eq!(terminal.begin(&file), Ok(0));
}

#[test]
fn without_confirmation_the_old_firmware_comes_back() {
    let (lab, _, file) = open();
    let mut terminal = lab.reboot(lab.transfer(&file).unwrap()).unwrap();
    let info = terminal.info().unwrap();
    assert_eq!((info.version, info.flags, info.counter), (NEW.to_wire(), 2, 1));
    assert_eq!((lab.key.good(), lab.key.is_confirmed()), (Some(OLD), false));
    lab.key.cut_power();
    let info = lab.open().unwrap().info().unwrap();
    assert_eq!((info.version, info.flags, info.counter), (OLD.to_wire(), 0, 1));
    lab.install(&file, NEW).unwrap();
}

#[test]
fn entering_update_mode_ends_a_trial_too() {
    let (lab, _, file) = open();
    let mut terminal = lab.reboot(lab.transfer(&file).unwrap()).unwrap();
    terminal.enter(&file, 30).unwrap();
    lab.away();
    let mut terminal = lab.open().unwrap();
    assert_eq!(terminal.info().unwrap().version, OLD.to_wire());
    assert_eq!(lab.reboot(terminal).unwrap().info().unwrap().version, OLD.to_wire());
}

#[test]
fn confirm_names_the_version_that_runs() {
    let (lab, _, file) = open();
    let mut terminal = lab.reboot(lab.transfer(&file).unwrap()).unwrap();
    assert_eq!(terminal.call(CONFIRM, &OLD.to_wire()), Err(INVALID_PAR));
    assert_eq!(terminal.call(CONFIRM, &NEW.to_wire()[..7]), Err(INVALID_LEN));
    assert_eq!((lab.key.counter(), lab.key.is_confirmed()), (1, false));
    assert_eq!(terminal.call(CONFIRM, &NEW.to_wire()), Ok(vec![]));
    assert_eq!((lab.key.counter(), lab.key.is_confirmed()), (2, true));
    assert_eq!(terminal.call(CONFIRM, &NEW.to_wire()), Ok(vec![]), "said twice");
    // Only now is the old image too old.
    let old = Profile::reference(1).firmware;
    assert_eq!(lab.update_mode(&old).unwrap().begin(&old), Err(No::Error(0xF3)));
}

#[test]
fn a_self_test_that_fails_confirms_nothing() {
    let (lab, _, file) = open();
    lab.key.set_first_start(FirstStart::FailsSelfTest);
    let mut terminal = lab.reboot(lab.transfer(&file).unwrap()).unwrap();
    assert_eq!(terminal.call(CONFIRM, &NEW.to_wire()), Err(No::Error(0x7F)));
    lab.key.cut_power();
    assert_eq!(lab.open().unwrap().info().unwrap().version, OLD.to_wire());
}

#[test]
fn firmware_that_crashes_is_never_seen() {
    let (lab, _, file) = open();
    lab.key.set_first_start(FirstStart::Crashes);
    let mut terminal = lab.reboot(lab.transfer(&file).unwrap()).unwrap();
    let info = terminal.info().unwrap();
    assert_eq!((info.version, info.flags, info.counter), (OLD.to_wire(), 0, 1));
}

#[test]
fn a_key_whose_firmware_rots_comes_up_in_update_mode() {
    let (lab, _, file) = open();
    lab.key.wear_firmware();
    assert_eq!(lab.key.mode(), Some(Mode::Normal), "it runs until the next start");
    lab.key.cut_power();
    let info = lab.open().unwrap().info().unwrap();
    assert_eq!((info.mode, info.version), (1, [0; 8]));
    lab.install(&file, NEW).unwrap();
    assert_eq!(lab.key.counts().of(ENTER), 0, "no approval is needed");
}
