//! Security keys: who may open them, whose firmware is trusted, what is left to finish.

use crescendo_device::doctor::Verdict;
use crescendo_device::firmware::{Allow, Flow, Keys, SignedImage, trust};
use sim::key::{Draft, Profile, Quirk, SimKey, Stranger, TestKey, Version};
use std::sync::Arc;
use std::time::Duration;

use crate::machine::Machine;

const TRUSTED: &str = "/etc/crescendo/firmware-keys.d";

/// A machine with a key at /dev/hidraw0.
fn with_key() -> (Machine, SimKey) {
    let machine = Machine::well();
    let key = SimKey::new(&machine.clock, Profile::reference(1));
    machine.plugged.plug(&key);
    let path = key.device().unwrap().path;
    machine.device(&path, 0, "E:ID_SECURITY_TOKEN=1\nG:uaccess\nQ:uaccess\n");
    (machine, key)
}

fn path(key: &SimKey) -> String {
    key.device().unwrap().path
}

#[test]
fn a_key_that_can_be_opened() {
    let (machine, _) = with_key();
    machine.finds("key-access", Verdict::Ok, "mode 0600, uaccess", "");
    machine.finds("firmware", Verdict::Ok, "runs 1.0.0+0, security counter", "");
}

#[test]
fn one_that_udev_has_not_opened_names_the_rule() {
    let (machine, key) = with_key();
    key.set_quirks(&[Quirk::Denied]);
    machine.device(&path(&key), 0, "");
    machine.close(&path(&key));
    machine.finds("key-access", Verdict::Problem, "no uaccess", "udevadm trigger");
    assert!(machine.findings("firmware").is_empty(), "what is told once is enough");
    machine.remove("/usr/lib/udev");
    machine.remove("/usr/local/lib/udev");
    machine.finds("key-access", Verdict::Problem, "may not open", "60-fido-id.rules");
    machine.finds("udev-rule", Verdict::Warning, "not installed", "./dev install");
}

#[test]
fn one_that_is_open_to_somebody_else_s_seat() {
    let (machine, key) = with_key();
    key.set_quirks(&[Quirk::Denied]);
    machine.close(&path(&key));
    machine.finds(
        "key-access",
        Verdict::Problem,
        "whoever sits at the machine",
        "sudo crescendo firmware info",
    );
}

#[test]
fn root_is_told_what_others_would_not_be_let_into() {
    let (machine, key) = with_key();
    machine.user(0);
    machine.finds("key-access", Verdict::Ok, "can be opened", "");
    machine.device(&path(&key), 0, "");
    machine.finds("key-access", Verdict::Warning, "open to root alone", "udevadm trigger");
}

#[test]
fn a_device_that_may_be_a_key_is_named_and_sent_nothing() {
    let machine = Machine::well();
    let stranger = Stranger::in_update_mode();
    machine.plugged.plug_stranger(&stranger);
    machine.finds("key-access", Verdict::Skipped, "echo 1d50:0002 | sudo tee -a", "");
    assert_eq!(stranger.reports(), 0);
}

#[test]
fn usb_ids_that_are_configured() {
    let machine = Machine::well();
    machine.finds("update-ids", Verdict::Ok, "known by 1209:0002", "");
    machine.file("/etc/crescendo/update-mode-ids", "ABCD:0001\n1209\n# x\n12345:1\n");
    machine.finds(
        "update-ids",
        Verdict::Warning,
        "lines 2, 4 not understood; keys in update mode are known by",
        "1209:0002",
    );
    assert!(machine.finding("update-ids").what.ends_with("1209:0002, abcd:0001"));
    machine.close("/etc/crescendo/update-mode-ids");
    machine.finds("update-ids", Verdict::Warning, "cannot be read", "chmod 644");
}

#[test]
fn whose_firmware_is_trusted() {
    let machine = Machine::well();
    machine.finds("trust", Verdict::Warning, "as it is shipped", "install -D -m 644");
    let pem = format!("{TRUSTED}/vendor.pem");
    machine.file(&pem, TestKey::VENDOR.public_pem());
    machine.finds("trust", Verdict::Ok, "if 1 of 1 keys", "");
    machine.file(format!("{TRUSTED}/required-signatures"), "2");
    machine.finds("trust", Verdict::Warning, "2 different keys have to sign", "");
    machine.file(format!("{TRUSTED}/bad.revoked"), "x");
    machine.finds("trust", Verdict::Problem, "line 1 is not a key hash", "mv /etc/crescendo");
    machine.remove(&format!("{TRUSTED}/bad.revoked"));
    machine.close(&pem);
    machine.finds("trust", Verdict::Problem, "cannot be read", "chmod a+rX");
}

#[test]
fn a_list_that_others_can_write_is_a_problem() {
    let machine = Machine::well();
    machine.open_file(&format!("{TRUSTED}/vendor.pem"), &TestKey::VENDOR.public_pem());
    machine.finds("trust", Verdict::Problem, "others can decide", "chmod go-w");
}

/// An update that ends where the key does not take its confirmation.
fn update(machine: &Machine, key: &SimKey, silent: u8) {
    let clock = machine.clock.clone();
    let pause = Box::new(move |time: Duration| clock.pass(time));
    let keys = Keys::new(
        Arc::new(machine.plugged.clone()),
        Arc::new(machine.store.clone()),
        Arc::new(machine.clock.clone()),
        pause,
    );
    let trusted = [("vendor.pem".to_owned(), TestKey::VENDOR.public_pem())];
    let image = Draft::new(Version::new(2, 0, 0, 0)).build();
    let image = SignedImage::check(image, &trust(&trusted, &[], 1).unwrap()).unwrap();
    key.set_quirks(&[Quirk::Silent(silent)]);
    keys.update(image, None, Allow::default(), &mut |_| Flow::Continue).unwrap_err();
    key.behave();
    machine.device(&path(key), 0, "G:uaccess\n");
}

#[test]
fn an_update_that_was_left_unconfirmed_is_finished() {
    let (machine, key) = with_key();
    update(&machine, &key, 0x66);
    assert!(!key.is_confirmed());
    let findings = machine.findings("firmware");
    assert!(findings[0].what.contains("2.0.0+0 was finished just now"), "{findings:#?}");
    assert!(key.is_confirmed());
}

#[test]
fn one_that_nobody_remembers_is_told() {
    let (machine, key) = with_key();
    update(&machine, &key, 0x66);
    machine.store.clear();
    machine.finds(
        "firmware",
        Verdict::Warning,
        "runs 2.0.0+0 on trial",
        "crescendo firmware update --device",
    );
    assert!(!key.is_confirmed());
}

#[test]
fn a_key_left_in_update_mode_is_told() {
    let (machine, key) = with_key();
    update(&machine, &key, 0x63);
    let finding = machine.findings("firmware").pop().unwrap();
    assert_eq!(finding.verdict, Verdict::Warning, "{finding:?}");
    assert!(finding.remedy.unwrap().starts_with("crescendo firmware update --device"));
}
