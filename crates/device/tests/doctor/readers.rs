//! The reader service, readers, cards and the cache.

use std::io::ErrorKind;

use crescendo_device::doctor::Verdict;
use link::Readers;
use sim::{Personality, SimCard};

use crate::machine::{Machine, SOCKET};

const KEY: &str = "HID Crescendo Key 00 00";
const SELECT_PIV: &[u8] = b"\x00\xA4\x04\x00\x0B\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00\x00";
const VERIFY: &[u8] = b"\x00\x20\x00\x80\x08123456\xFF\xFF";
const WRONG_PIN: &[u8] = b"\x00\x20\x00\x80\x08999999\xFF\xFF";
const STATUS: &[u8] = b"\x00\x20\x00\x80";

fn with(personality: Personality) -> (Machine, SimCard) {
    let (machine, card) = (Machine::well(), SimCard::new(personality));
    machine.readers.put(KEY, &card);
    (machine, card)
}

#[test]
fn a_key_is_told_by_its_reader_its_atr_and_its_applications() {
    let (machine, card) = with(Personality::key_v3());
    let what = machine.finding("reader").what;
    let atr: String = card.atr().iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(what, format!("{KEY}: Crescendo C4000-KEY, ATR {atr}: PIV, FIDO"));
    let (machine, _) = with(Personality::piv());
    machine.finds("reader", Verdict::Ok, "PIV, no FIDO", "");
}

#[test]
fn nobody_is_logged_out_and_no_try_is_spent() {
    let (machine, card) = with(Personality::key_v3());
    let mut other = machine.readers.connect(KEY).unwrap();
    let mut transaction = other.begin().unwrap();
    transaction.link.transmit(SELECT_PIV).unwrap();
    assert_eq!(transaction.link.transmit(VERIFY).unwrap(), [0x90, 0x00]);
    drop(transaction);
    machine.finds("reader", Verdict::Ok, "PIV, FIDO not asked for", "");
    let status = other.begin().unwrap().link.transmit(STATUS).unwrap();
    assert_eq!(status, [0x90, 0x00], "the login is still there");
    // What the other program sent has the PIN in it; what the doctor sent has none.
    let with_data = card.wire().iter().filter(|one| one.command[1] == 0x20 && one.command.len() > 5).count();
    assert_eq!(with_data, 1);
}

#[test]
fn a_card_in_factory_state_and_one_without_piv() {
    let (machine, _) = with(Personality::blank_key_v3());
    machine.finds("reader", Verdict::Warning, "in factory state", "crescendo personalize");
    let machine = Machine::well();
    machine.readers.plug(KEY);
    machine.finds("reader", Verdict::Ok, "no card", "");
}

#[test]
fn a_blocked_pin_is_a_problem_and_the_last_try_a_warning() {
    let (machine, card) = with(Personality::key_v3());
    let mut other = machine.readers.connect(KEY).unwrap();
    let mut transaction = other.begin().unwrap();
    transaction.link.transmit(SELECT_PIV).unwrap();
    while transaction.link.transmit(WRONG_PIN).unwrap() != [0x63, 0xC1] {}
    drop(transaction);
    machine.finds("reader", Verdict::Warning, "one try left", "be sure");
    card.block_pin();
    machine.finds("reader", Verdict::Problem, "its PIN is blocked", "PUK");
}

#[test]
fn a_service_that_does_not_run_is_started() {
    let machine = Machine::well();
    machine.readers.stop();
    machine.finds("pcscd", Verdict::Problem, "does not run", "sudo pcscd");
    machine.file("/run/systemd/system/x", "");
    machine.finds("pcscd", Verdict::Problem, "does not run", "systemctl enable --now pcscd.socket");
    machine.socket(SOCKET, Some(ErrorKind::ConnectionRefused));
    machine.finds("pcscd", Verdict::Problem, "has ended", "systemctl restart pcscd.socket");
    machine.socket(SOCKET, Some(ErrorKind::PermissionDenied));
    machine.finds("pcscd", Verdict::Problem, "may not reach", "systemctl restart pcscd.socket");
    machine.socket(SOCKET, None);
    machine.finds("pcscd", Verdict::Problem, "does not answer as", "journalctl");
    machine.remove(SOCKET);
    machine.remove("/usr/sbin/pcscd");
    machine.socket(SOCKET, Some(ErrorKind::NotFound));
    machine.finds("pcscd", Verdict::Problem, "not installed", "apt install pcscd");
}

#[test]
fn a_variable_that_leads_astray_is_named() {
    let machine = Machine::well();
    machine.readers.stop();
    machine.set("PCSCLITE_CSOCK_NAME", "/tmp/gone");
    machine.finds("pcscd", Verdict::Problem, "leads to /tmp/gone", "unset PCSCLITE_CSOCK_NAME");
}

#[test]
fn who_polkit_refuses_is_told_why_and_gets_the_rule() {
    let machine = Machine::well();
    machine.refuse_readers();
    machine.set("SSH_CONNECTION", "10.0.0.1 2 10.0.0.2 22");
    machine.finds("pcscd", Verdict::Problem, "over ssh", "/etc/polkit-1/rules.d");
    let rule = machine.finding("pcscd").remedy.unwrap();
    assert!(rule.contains("org.debian.pcsc-lite.") && rule.contains("subject.user == \"anna\""), "{rule}");

    let machine = Machine::well();
    machine.refuse_readers();
    machine.finds("pcscd", Verdict::Problem, "no login session", "polkit.addRule");
    machine.set("XDG_SESSION_ID", "c1");
    machine.file("/run/systemd/sessions/c1", "UID=1000\nACTIVE=0\nREMOTE=0\n");
    machine.finds("pcscd", Verdict::Problem, "not the one on the screen", "polkit.addRule");
}

#[test]
fn without_a_driver_no_usb_reader_is_seen() {
    let machine = Machine::well();
    machine.finds("reader", Verdict::Warning, "no reader and no key", "plug in");
    machine.remove("/usr/lib/pcsc");
    machine.finds("reader", Verdict::Problem, "driver", "apt install libccid");
}

#[test]
fn a_cache_that_is_not_kept_says_why() {
    let machine = Machine::well();
    machine.finds("cache", Verdict::Ok, "/home/anna/.cache/crescendo: 0 cards", "");
    machine.cache_folder(None);
    machine.finds(
        "cache",
        Verdict::Warning,
        "not this user's alone",
        "chmod 700 /home/anna/.cache/crescendo",
    );
    machine.set("CRESCENDO_CACHE", "off");
    machine.finds("cache", Verdict::Warning, "CRESCENDO_CACHE=off", "unset CRESCENDO_CACHE");
}
