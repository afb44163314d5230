//! fwupd and the plugin update a key that was recorded (fwupd-plugin/data/recordings): the whole update, and each way in
//! which it may not happen. The recording is of a key with firmware 2.0.0 and security counter 2, which was given 3.0.0.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use crescendo_tests::{Done, Fwupd, MODEL, data};
use serde_json::Value;

/// As in guest_fwupd.rs, which records.
const SIZE: u32 = 9_000;

/// What fwupd logs before it has a plugin do the phase.
const DETACH: &str = "detach -> FuCrescendoDevice";
const WRITE: &str = "update -> FuCrescendoDevice";

fn recording() -> PathBuf {
    data("recordings/update.zip")
}

/// FwupdError
const INVALID_FILE: u32 = 7;
const VERSION_NEWER: u32 = 1;
const NOT_FOUND: u32 = 8;
const NOTHING_TO_DO: u32 = 9;
const NOT_SUPPORTED: u32 = 10;
const SIGNATURE_INVALID: u32 = 11;
const NEEDS_USER_ACTION: u32 = 16;

#[track_caller]
fn refused(done: &Done, code: u32, words: &str) {
    assert_ne!(done.status, Some(0), "{done}");
    let said: Value = serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"));
    let message = said["Error"]["Message"].as_str().unwrap_or_default();
    assert!(message.contains(words), "it does not say {words:?} but {message:?}");
    assert_eq!(said["Error"]["Code"], code, "{message}");
}

#[track_caller]
fn untouched(done: &Done) {
    assert!(!done.err.contains(DETACH), "{done}");
}

#[test]
fn an_update() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 3, SIZE));
    let done = fwupd.replay(&recording(), &cabinet);
    assert_eq!(done.status, Some(0), "{done}");
    let end = done.err.split("cleanup -> FuCrescendoDevice").nth(1).unwrap_or_default();
    assert!(end.contains("3.0.0.0"), "{done}");
    assert!(!done.err.contains("FuPluginCrescendo") && !done.err.contains("cannot change"), "{done}");
    assert!(!fwupd.path("state/lib/fwupd/crescendo").exists(), "a replayed key leaves nothing behind");
}

#[test]
fn the_image_of_a_stranger() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 3, SIZE));
    fs::remove_file(fwupd.path("trusted/vendor.pem")).unwrap();
    let done = fwupd.replay(&recording(), &cabinet);
    refused(&done, SIGNATURE_INVALID, "signed by a key that is not trusted here");
    untouched(&done);
}

#[test]
fn an_image_that_was_changed_after_it_was_signed() {
    let fwupd = Fwupd::new();
    let good = fwupd.image(MODEL, "3.0.0", 3, SIZE);
    let mut bytes = fs::read(&good).unwrap();
    bytes[1000] ^= 1;
    let done = fwupd.replay(&recording(), &other_content(&fwupd, &good, &bytes));
    refused(&done, INVALID_FILE, "the image is damaged");
    untouched(&done);
}

#[test]
fn the_image_of_another_model() {
    let fwupd = Fwupd::new();
    let good = fwupd.image(MODEL, "3.0.0", 3, SIZE);
    let other = fs::read(fwupd.image("org.crescendo.other-key", "3.0.0", 3, SIZE)).unwrap();
    let done = fwupd.replay(&recording(), &other_content(&fwupd, &good, &other));
    refused(&done, NOT_SUPPORTED, "org.crescendo.other-key");
    untouched(&done);
}

#[test]
fn a_cabinet_for_another_model_is_for_no_device() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image("org.crescendo.other-key", "3.0.0", 3, SIZE));
    let done = fwupd.replay(&recording(), &cabinet);
    refused(&done, NOT_FOUND, "No supported devices");
    untouched(&done);
}

#[test]
fn a_security_counter_that_is_too_low() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 1, SIZE));
    let done = fwupd.replay(&recording(), &cabinet);
    refused(&done, VERSION_NEWER, "security counter");
    untouched(&done);
}

#[test]
fn an_older_version() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "1.9.0", 3, SIZE));
    let done = fwupd.replay(&recording(), &cabinet);
    refused(&done, VERSION_NEWER, "older");
    untouched(&done);
}

#[test]
fn nobody_presses_the_button() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 3, SIZE));
    let recording = edited(&fwupd, "detach", &|reports| {
        let answer = reports.iter_mut().find(|report| report[4..7] == [0x80 | 0x61, 0, 0]);
        // An ERROR of one byte: user action timeout.
        answer.expect("ENTER was answered")[4..8].copy_from_slice(&[0x80 | 0x3F, 0, 1, 0x2F]);
    });
    let done = fwupd.replay(&recording, &cabinet);
    refused(&done, NEEDS_USER_ACTION, "press the button");
    assert!(done.err.contains(DETACH) && !done.err.contains(WRITE), "{done}");
}

#[test]
fn another_key_on_the_port() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 3, SIZE));
    for part in [SERIAL, NONCE] {
        let recording = edited(&fwupd, "install", &|reports| {
            let messages = reports.iter_mut().filter_map(|report| {
                let place = report.windows(part.len()).position(|bytes| bytes == part)?;
                Some(&mut report[place])
            });
            assert_ne!(messages.map(|byte| *byte ^= 0x80).count(), 0, "INFO has it");
        });
        let done = fwupd.replay(&recording, &cabinet);
        refused(&done, NOT_FOUND, "not the one that");
        assert!(done.err.contains(WRITE) && !done.err.contains("install phase now reload"), "{done}");
    }
}

#[test]
fn a_fido_key_that_has_not_announced_the_protocol() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 3, SIZE));
    let recording = edited(&fwupd, "setup", &|reports| {
        let bytes = reports.iter_mut().flat_map(|report| {
            let place = report.windows(4).position(|bytes| bytes == &ANNOUNCEMENT.to_be_bytes()[..4]);
            place.map(|place| &mut report[place])
        });
        assert_eq!(bytes.map(|byte| *byte ^= 0x80).count(), 1, "GetInfo has it");
    });
    let done = fwupd.replay(&recording, &cabinet);
    refused(&done, NOTHING_TO_DO, "No detected devices");
    assert!(done.err.contains("this FIDO key has not announced the update protocol"), "{done}");
    untouched(&done);
}

/// After a crash: the button has approved the image, and the key waits for the rest of it.
#[test]
fn a_key_that_is_found_in_update_mode_goes_on_without_the_button() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 3, SIZE));
    let phases = [SEEN, WRITTEN, ("attach", "attach", Part::All), ("reload", "reload", Part::All)];
    let done = fwupd.replay(&arranged(&fwupd, &phases, &|_| {}), &cabinet);
    assert_eq!(done.status, Some(0), "{done}");
    assert!(!done.err.contains("request.press-unlock"), "{done}");
}

#[test]
fn a_key_that_is_found_in_update_mode_and_has_no_approval_is_asked_from_the_start() {
    let fwupd = Fwupd::new();
    let cabinet = fwupd.cabinet(&fwupd.image(MODEL, "3.0.0", 3, SIZE));
    let phases = [
        SEEN,
        WRITTEN,
        ("attach", "attach", Part::All),
        ("reload", "setup", Part::All),
        // fwupd has looked at what comes last before, and takes this for another key.
        ("detach-1", "detach", Part::WithSetup),
        ("install-1", "install", Part::All),
        ("attach-1", "attach", Part::All),
        ("reload-1", "reload", Part::All),
    ];
    let refuse = |reports: &mut Vec<Vec<u8>>| {
        let answer = reports.iter_mut().find(|report| report[4..7] == [0x80 | 0x62, 0, 4]);
        // An ERROR of one byte: not approved.
        answer.expect("BEGIN was answered")[4..8].copy_from_slice(&[0x80 | 0x3F, 0, 1, 0xF0]);
    };
    let done = fwupd.replay(&arranged(&fwupd, &phases, &refuse), &cabinet);
    assert_eq!(done.status, Some(0), "{done}");
    assert!(done.err.contains("request.press-unlock"), "{done}");
    let end = done.err.split("cleanup -> FuCrescendoDevice").nth(1).unwrap_or_default();
    assert!(end.contains("3.0.0.0"), "{done}");
}

/// Where a recorded phase is to be played, which one it is, and how much of it: what was said when the key appeared, what
/// was said then, all, or all after what was said when the key first appeared.
type Phase<'p> = (&'p str, &'p str, Part);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Setup,
    Rest,
    All,
    WithSetup,
}

/// A key that is in update mode from the start.
const SEEN: Phase<'_> = ("setup", "install", Part::Setup);
const WRITTEN: Phase<'_> = ("install", "install", Part::Rest);

const ANNOUNCEMENT: u64 = 0x9C4D_1E7A_52B8_F063;
/// Of the serial number that guest/fwupd.sh gives the first key: what is in the second report of INFO.
const SERIAL: &[u8] = &[0x67, 0x89, 0xAB, 0xCD, 0xEF];
/// Of the nonce that the plugin gives a key while it is recorded.
const NONCE: &[u8] = b", replay";

/// A cabinet that promises one image and has another: as the one who signs cabinets could make it.
fn other_content(fwupd: &Fwupd, promised: &Path, content: &[u8]) -> PathBuf {
    let metainfo = fwupd.cabinet(promised).with_extension("metainfo.xml");
    let metainfo = fs::read_to_string(metainfo).unwrap();
    let without_checksum: Vec<_> = metainfo.lines().filter(|line| !line.contains("<checksum")).collect();
    fs::write(fwupd.path("firmware.metainfo.xml"), without_checksum.join("\n")).unwrap();
    fs::write(fwupd.path("firmware.bin"), content).unwrap();
    let build = ["build-cabinet", "other.cab", "firmware.bin", "firmware.metainfo.xml"];
    let _ = fwupd.program("fwupdtool").args(&build).succeed();
    fwupd.path("other.cab")
}

/// The recording with other answers of the key in one phase.
fn edited(fwupd: &Fwupd, phase: &str, edit: &dyn Fn(&mut Vec<Vec<u8>>)) -> PathBuf {
    let folder = taken_apart(fwupd);
    edit_answers(&folder.join(format!("{phase}.json")), edit);
    put_together(fwupd, &folder)
}

/// Another recording, made of phases of the one there is, with other answers in `install`.
fn arranged(fwupd: &Fwupd, phases: &[Phase<'_>], edit: &dyn Fn(&mut Vec<Vec<u8>>)) -> PathBuf {
    let (from, to) = (taken_apart(fwupd), fwupd.path("arranged"));
    fs::create_dir_all(&to).unwrap();
    for (name, recorded, part) in phases {
        let file = to.join(format!("{name}.json"));
        fs::copy(from.join(format!("{recorded}.json")), &file).unwrap();
        cut(&file, *part, &from);
        if *name == "install" {
            edit_answers(&file, edit);
        }
    }
    put_together(fwupd, &to)
}

/// A conversation begins with a look at the report descriptor, in probe and setup and at the head of each phase.
fn cut(file: &Path, part: Part, recording: &Path) {
    let read = |file: &Path| -> Value { serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap() };
    let mut content = read(file);
    let events = content["UsbDevices"][0]["Events"].as_array_mut().unwrap();
    let last = events.iter().rposition(|event| event["Id"] == DESCRIPTOR);
    match part {
        Part::Setup => events.truncate(last.unwrap()),
        Part::Rest => drop(events.drain(..last.unwrap())),
        Part::All => {}
        Part::WithSetup => {
            let mut setup = read(&recording.join("setup.json"));
            let before = setup["UsbDevices"][0]["Events"].as_array_mut().unwrap();
            *events = before.drain(..).chain(events.drain(..)).collect();
        }
    }
    fs::write(file, content.to_string()).unwrap();
}

const DESCRIPTOR: &str = "ReadAttr:Attr=device/report_descriptor";

fn taken_apart(fwupd: &Fwupd) -> PathBuf {
    let folder = fwupd.path("recording");
    let _ = fs::remove_dir_all(&folder);
    let _ = fwupd.program("python3").args(&["-m", "zipfile", "-e"]).arg(recording()).arg(&folder).succeed();
    folder
}

fn put_together(fwupd: &Fwupd, folder: &Path) -> PathBuf {
    let made = fwupd.path("edited.zip");
    let program = fwupd.program("python3").args(&["-m", "zipfile", "-c"]).arg(&made);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let _ = files.fold(program, |program, file| program.arg(file)).succeed();
    made
}

fn edit_answers(file: &Path, edit: &dyn Fn(&mut Vec<Vec<u8>>)) {
    let mut content: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let devices = content["UsbDevices"].as_array_mut().unwrap();
    let events = devices.iter_mut().flat_map(|device| device["Events"].as_array_mut().unwrap());
    let mut answers: Vec<_> = events.filter_map(|event| event.get_mut("Data")).collect();
    answers.retain(|data| data.as_str().and_then(bytes).is_some_and(|bytes| bytes.len() == 64));
    let mut reports: Vec<_> = answers.iter().map(|data| bytes(data.as_str().unwrap()).unwrap()).collect();
    edit(&mut reports);
    for (data, report) in answers.iter_mut().zip(reports) {
        **data = base64(&report).into();
    }
    fs::write(file, content.to_string()).unwrap();
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn bytes(base64: &str) -> Option<Vec<u8>> {
    let digit = |letter: u8| DIGITS.iter().position(|known| *known == letter).map(|digit| digit as u32);
    let mut bytes = Vec::new();
    for group in base64.as_bytes().chunks(4) {
        let letters: Vec<_> = group.iter().copied().filter(|letter| *letter != b'=').collect();
        let digits: Option<Vec<u32>> = letters.iter().map(|letter| digit(*letter)).collect();
        let number = digits?.iter().fold(0, |number, digit| number << 6 | digit) << (6 * (4 - letters.len()));
        bytes.extend(&number.to_be_bytes()[1..][..letters.len().saturating_sub(1)]);
    }
    Some(bytes)
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        padded[1..=group.len()].copy_from_slice(group);
        let number = u32::from_be_bytes(padded);
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { digit as char } else { '=' });
        }
    }
    text
}

#[test]
fn base64_goes_both_ways() {
    for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
        assert_eq!(base64(plain.as_bytes()), text);
        assert_eq!(bytes(text).unwrap(), plain.as_bytes());
    }
    assert_eq!(bytes("not base64!"), None);
}
