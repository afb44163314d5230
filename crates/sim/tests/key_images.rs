//! Which images a simulated key takes (update protocol, part 1). Each broken one breaks one rule, and is signed.

mod terminal;

use crescendo_sim::key::{Draft, Profile, TestKey};
use terminal::*;

const BAD_SIGNATURE: No = No::Error(0xF1);
const WRONG_MODEL: No = No::Error(0xF2);
const COUNTER_TOO_LOW: No = No::Error(0xF3);
const TOO_LARGE: No = No::Error(0xF4);
const BOOTLOADER_TOO_OLD: No = No::Error(0xF5);
const VERIFY_FAILED: No = No::Error(0xF7);

fn draft() -> Draft {
    Draft::new(NEW).counter(2).payload(600)
}

fn begin_with(profile: Profile, file: &[u8]) -> Result<u32, No> {
    let lab = Lab::with(profile);
    let outcome = lab.update_mode(file).unwrap().begin(file);
    // Whatever was refused, the old firmware is still there.
    lab.key.cut_power();
    lab.away();
    assert_eq!(lab.open().unwrap().info().unwrap().version, OLD.to_wire());
    outcome
}

fn begin_of(draft: &Draft) -> Result<u32, No> {
    begin_with(Profile::reference(1), &draft.build())
}

/// Made by imgtool 2.5.0 with the key, payload and options of this draft: SHA-256 of its output.
#[test]
fn a_draft_is_what_imgtool_makes_byte_for_byte() {
    let version = crescendo_sim::key::Version::new(3, 1, 4, 7);
    let file = Draft::new(version).counter(12).build();
    let made_by_imgtool = "85f731a5c9a4cf718eebc4f284f483a5476bdd9453098ff1471084de772464bb";
    let hex = digest(&file).map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(hex, made_by_imgtool);
}

#[test]
fn a_right_image_is_taken() {
    assert_eq!(begin_of(&draft()), Ok(0));
    assert_eq!(begin_of(&draft().header_size(32)), Ok(0));
    assert_eq!(begin_of(&draft().unprotected(0x00FF, b"whatever")), Ok(0), "unknown TLVs are ignored there");
    assert_eq!(begin_of(&draft().without(0xA1).without(0xA2)), Ok(0));
    assert_eq!(begin_of(&draft().hardware(&[3, 2, 1])), Ok(0));
    assert_eq!(begin_of(&draft().counter(1)), Ok(0), "the same counter");
}

#[test]
fn a_signature_by_someone_else_is_none() {
    assert_eq!(begin_of(&draft().signed_by(&[])), Err(BAD_SIGNATURE));
    assert_eq!(begin_of(&draft().signed_by(&[TestKey::STRANGER])), Err(BAD_SIGNATURE));
    assert_eq!(begin_of(&draft().signed_by(&[TestKey::STRANGER, TestKey::VENDOR])), Ok(0));
    let forged = draft().signed_by(&[TestKey::STRANGER]).value(0x01, &TestKey::VENDOR.hash());
    assert_eq!(begin_of(&forged), Err(BAD_SIGNATURE));
    // Over other bytes: the digest was changed after signing.
    assert_eq!(begin_of(&draft().value(0x10, &[7; 32])), Err(BAD_SIGNATURE));
}

#[test]
fn two_signatures_are_those_of_two_keys() {
    let trusted = vec![TestKey::VENDOR.public(), TestKey::SECOND.public()];
    let strict = Profile {
        trusted,
        signatures: 2,
        firmware: draft().signed_by(&[TestKey::SECOND, TestKey::VENDOR]).build(),
        ..Profile::reference(1)
    };
    let begin_of = |signers: &[TestKey]| {
        let lab = Lab::with(strict.clone());
        let file = draft().signed_by(signers).build();
        lab.update_mode(&file).unwrap().begin(&file)
    };
    assert_eq!(begin_of(&[TestKey::VENDOR]), Err(BAD_SIGNATURE));
    assert_eq!(begin_of(&[TestKey::VENDOR, TestKey::VENDOR]), Err(BAD_SIGNATURE));
    assert_eq!(begin_of(&[TestKey::VENDOR, TestKey::SECOND]), Ok(0));
}

#[test]
fn a_weak_key_signs_nothing() {
    // The neutral element as public key and as R, with S = 0: the equation of Ed25519 holds over any message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let spki = [&b"\x30\x2A\x30\x05\x06\x03\x2B\x65\x70\x03\x21\x00"[..], &neutral].concat();
    let forged = draft().value(0x01, &digest(&spki)).value(0x24, &[neutral, [0; 32]].concat());
    let lab = Lab::with(Profile { trusted: vec![neutral], ..Profile::without_firmware(1) });
    assert_eq!(lab.open().unwrap().begin(&forged.build()), Err(BAD_SIGNATURE));
}

#[test]
fn an_image_for_something_else_is_refused() {
    assert_eq!(begin_of(&draft().model("org.crescendo.other-key")), Err(WRONG_MODEL));
    assert_eq!(begin_of(&draft().hardware(&[2, 3])), Err(WRONG_MODEL));
    assert_eq!(begin_of(&draft().counter(0)), Err(COUNTER_TOO_LOW));
    assert_eq!(begin_of(&draft().bootloader(1, 0, 1)), Err(BOOTLOADER_TOO_OLD));
    assert_eq!(begin_of(&draft().bootloader(0, 9, 999)), Ok(0));
    let small = Profile { slot_size: 16 * 1024, ..Profile::reference(1) };
    assert_eq!(begin_with(small.clone(), &draft().file_size(16 * 1024).build()), Ok(0));
    assert_eq!(begin_with(small, &draft().file_size(16 * 1024 + 1).build()), Err(TOO_LARGE));
}

#[test]
fn an_image_that_breaks_the_format_is_refused() {
    let broken = [
        ("magic", draft().magic(0x96F3_B83C)),
        ("encrypted with AES-128", draft().flags(4)),
        ("encrypted with AES-256", draft().flags(8)),
        ("image size too small", draft().image_size(599)),
        ("protected size", draft().protected_size(12)),
        ("no protected area", draft().protected_size(0)),
        ("magic of the protected area", draft().area_magics(0x6907, 0x6907)),
        ("magic of the unprotected area", draft().area_magics(0x6908, 0x6908)),
        ("unknown protected TLV", draft().protected(0x00FF, b"")),
        ("no digest", draft().without(0x10)),
        ("two digests", draft().twice(0x10)),
        ("short digest", draft().value(0x10, &[0; 31])),
        ("no counter", draft().without(0x50)),
        ("two counters", draft().twice(0x50)),
        ("short counter", draft().value(0x50, &[2, 0])),
        ("no model", draft().without(0xA0)),
        ("two models", draft().twice(0xA0)),
        ("two minimum bootloaders", draft().twice(0xA1)),
        ("short minimum bootloader", draft().value(0xA1, &[1, 0, 0])),
        ("two lists of hardware revisions", draft().twice(0xA2)),
        ("short key hash", draft().value(0x01, &[0; 31])),
        ("signature without key hash", draft().without(0x01)),
        ("short signature", draft().value(0x24, &[0; 63])),
        ("a length past the end", draft().length(0x24, 65)),
        ("a length of 65535", draft().length(0xA0, 0xFFFF)),
        ("trailing bytes", draft().trailing(&[0])),
    ];
    for (what, draft) in broken {
        assert_eq!(begin_of(&draft), Err(BAD_SIGNATURE), "{what}");
    }
}

#[test]
fn what_is_stored_is_checked_and_not_what_was_announced() {
    let lab = Lab::new();
    let file = draft().spoil(0x200 + 17).build();
    // BEGIN sees nothing of the payload; FINISH does.
    assert_eq!(lab.transfer(&file).err(), Some(VERIFY_FAILED));
    assert_eq!(lab.key.partial(), None, "the slot is marked empty");

    // The right file is announced, another one is written.
    let lab = Lab::new();
    let (right, wrong) = (draft().build(), draft().counter(3).build());
    let mut terminal = lab.update_mode(&right).unwrap();
    assert_eq!(terminal.begin(&right), Ok(0));
    terminal.write_from(&wrong, 0, 4096).unwrap();
    assert_eq!(terminal.call(FINISH, &[]), Err(VERIFY_FAILED));
    assert_eq!(lab.reboot(terminal).unwrap().info().unwrap().version, OLD.to_wire());
}

#[test]
fn no_bytes_at_all_make_a_key_panic() {
    let lab = Lab::with(Profile::without_firmware(1));
    let file = draft().build();
    let request = begin(&file);
    for len in 0..request.len() {
        let outcome = lab.open().unwrap().call(BEGIN, &request[..len]);
        assert!(matches!(outcome, Err(No::Error(0x03 | 0xF1))), "{len}: {outcome:?}");
    }
    for at in 36..request.len() {
        let mut request = request.clone();
        request[at] ^= 0x80;
        let _ = lab.open().unwrap().call(BEGIN, &request);
        lab.pass(10);
    }
}
