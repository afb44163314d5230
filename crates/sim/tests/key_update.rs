//! An update of a simulated key from its first report to its last (update protocol, parts 2 to 4).

mod terminal;

use crescendo_sim::key::{Mode, Profile};
use terminal::*;

#[test]
fn an_update_goes_from_the_button_to_the_confirmation() {
    let lab = Lab::new();
    let file = new_firmware(64 * 1024);
    let before = lab.key.device().unwrap();
    assert_eq!((before.vendor, before.product, before.usage_page, before.usage), (0x1209, 0x0001, 0xF1D0, 1));

    let mut terminal = lab.open().unwrap();
    let info = terminal.info().unwrap();
    assert_eq!((info.protocol, info.mode, info.flags, info.counter), (1, 0, 0, 1));
    assert_eq!((info.version, info.block, info.nonce), (OLD.to_wire(), 4096, [0; 16]));
    assert_eq!(terminal.enter(&file, 30), Ok(vec![]));
    assert_eq!(terminal.keepalives, [2, 2, 2]);
    lab.away();

    let mut terminal = lab.open().unwrap();
    let during = lab.key.device().unwrap();
    assert_eq!((during.vendor, during.product, during.usage_page, during.usage), (0x1209, 0x0002, 0xFFC0, 1));
    assert_ne!((&during.path, during.channel), (&before.path, before.channel));
    let update = terminal.info().unwrap();
    assert_eq!((update.mode, update.nonce, update.serial), (1, NONCE, info.serial));
    assert_eq!(terminal.begin(&file), Ok(0));
    terminal.write_from(&file, 0, 4096).unwrap();
    assert_eq!(terminal.call(FINISH, &[]), Ok(vec![]));
    assert_eq!(terminal.keepalives, [1, 1]);

    let mut terminal = lab.reboot(terminal).unwrap();
    let info = terminal.info().unwrap();
    assert_eq!((info.mode, info.version, info.flags, info.counter), (0, NEW.to_wire(), 2, 1));
    assert_eq!(terminal.call(CONFIRM, &NEW.to_wire()), Ok(vec![]));
    let info = terminal.info().unwrap();
    assert_eq!((info.version, info.flags, info.counter), (NEW.to_wire(), 0, 2));
    assert_eq!((lab.key.good(), lab.key.counter(), lab.key.is_confirmed()), (Some(NEW), 2, true));
}

#[test]
fn the_reports_of_an_update_are_counted() {
    let lab = Lab::new();
    let file = new_firmware(64 * 1024);
    lab.install(&file, NEW).unwrap();
    let needed = file.len().div_ceil(59) as f64;
    let efficiency = needed / lab.key.counts().update as f64;
    assert!((0.92..1.0).contains(&efficiency), "{efficiency}");
    assert_eq!(lab.key.counts().of(WRITE), 16);
}

#[test]
fn a_key_without_firmware_takes_the_first_file_without_a_press() {
    let lab = Lab::with(Profile::without_firmware(1));
    assert_eq!(lab.key.mode(), Some(Mode::Update));
    lab.install(&new_firmware(16 * 1024), NEW).unwrap();
    assert_eq!((lab.key.good(), lab.key.counts().of(ENTER)), (Some(NEW), 0));
}
