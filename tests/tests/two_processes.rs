//! Two programs, one card: neither disturbs the other, whatever it does and however it ends.

#![forbid(unsafe_code)]

mod puppet;

use std::fs;
use std::thread;

use crescendo_tests::{CODE, Lab, PIN, Program, fixture};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::pkcs8::DecodePrivateKey;
use puppet::{all_went_well, compiled, puppet, refused};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha2::{Digest, Sha256};

#[test]
fn two_programs_sign_at_once() {
    let lab = Lab::start(&[]);
    sign_at_once(&lab, 500, 20);
    assert_eq!(lab.tries(), 6);
}

/// There is one session of secure messaging on a card: whoever begins one ends the other's.
#[test]
fn two_programs_sign_at_once_with_cs2() {
    sign_at_once_over_contactless("cs2");
}

#[test]
#[ignore = "slow lane: 12 seconds"]
fn two_programs_sign_at_once_with_cs7() {
    sign_at_once_over_contactless("cs7");
}

fn sign_at_once_over_contactless(suite: &str) {
    let lab = Lab::start(&["--profile", "piv-dual", "--contactless", "--suite", suite]);
    lab.enter_code();
    let tries = lab.tries();
    let _ = lab.card("zero");
    sign_at_once(&lab, 50, 1);
    let establishments = lab.count("establishments");
    println!("{establishments} key establishments for 200 signatures");
    assert!(establishments >= 50, "they hardly met: {establishments} key establishments");
    assert_eq!(lab.tries(), tries);
    assert!(!lab.seen(PIN.as_bytes()) && !lab.seen(CODE.as_bytes()));
}

/// So many signatures with each key, by each program. After every `step` one waits for the other, so that both are always at
/// it.
fn sign_at_once(lab: &Lab, rounds: usize, step: usize) {
    let puppet = puppet(lab);
    let signer = |mine: &str, other: &str| {
        let into = lab.path(mine).display().to_string();
        let mut words = format!("load init slots info open login into:{into}");
        for turn in 0..rounds / step {
            let other = lab.path(&format!("{other}.{turn}")).display().to_string();
            words += &format!(" mark:{into}.{turn} await:{other} both:{step}");
        }
        puppet(&format!("{words} close finalize"))
    };
    for done in at_once([signer("one", "two"), signer("two", "one")]) {
        all_went_well(&done);
    }
    for name in ["one", "two"] {
        let signed = fs::read_to_string(lab.path(name)).unwrap();
        assert_eq!(verified(&signed), 2 * rounds);
    }
}

/// However a program ends: with words, without, or in the middle of something. The other keeps no PIN, so that nothing
/// but its login on the card lets it sign.
#[test]
fn one_leaves_and_the_other_stays_logged_in() {
    let lab = Lab::start(&[]);
    let puppet = puppet(&lab);
    for (round, end) in
        ["close finalize", "finalize", "", "_exit", "unload", "close unload"].iter().enumerate()
    {
        let path = |name: &str| lab.path(&format!("{name}.{round}")).display().to_string();
        let (here, gone) = (path("here"), path("gone"));
        let stays = format!("load init slots open login mark:{here} await:{gone} rsa ecdsa finalize");
        let leaves = format!("await:{here} load init slots open login rsa {end}");
        let staying = puppet(&stays).env("CRESCENDO_PIN_CACHE", "off");
        let staying = thread::spawn(|| staying.run());
        let left = puppet(&leaves).run();
        assert_eq!((left.status, refused(&left)), (Some(0), vec![]), "{left}");
        assert_eq!(lab.card("verified"), "true", "after {end:?}");
        let _ = lab.file(&format!("gone.{round}"), "");
        all_went_well(&staying.join().unwrap());
        assert_eq!(lab.card("verified"), "false", "the last one logs out");
    }
}

/// A program that has closed its sessions may stay for days: it must not keep the login of another one alive.
#[test]
fn the_last_one_to_leave_logs_out_though_the_other_still_runs() {
    let lab = Lab::start(&[]);
    let puppet = puppet(&lab);
    let path = |name: &str| lab.path(name).display().to_string();
    let (one, two, left, end) = (path("one"), path("two"), path("left"), path("end"));
    let first =
        format!("load init slots open login rsa mark:{one} await:{two} close mark:{left} await:{end}");
    let first = puppet(&format!("{first} open login rsa finalize"));
    let second = format!("await:{one} load init slots open login rsa mark:{two} await:{left} close finalize");
    let first = thread::spawn(|| first.run());
    all_went_well(&puppet(&second).run());
    assert_eq!(lab.card("verified"), "false");
    let _ = lab.file("end", "");
    all_went_well(&first.join().unwrap());
}

/// A logout is meant for everybody. Whoever keeps its PIN logs in again by itself.
#[test]
fn a_logout_of_the_other_is_made_good() {
    let lab = Lab::start(&[]);
    let puppet = puppet(&lab);
    for (pin_cache, expected) in [("on", vec![]), ("off", vec!["rsa 0x101"])] {
        let path = |name: &str| lab.path(&format!("{name}.{pin_cache}")).display().to_string();
        let (here, gone) = (path("here"), path("gone"));
        let stays = format!("load init slots open login mark:{here} await:{gone} rsa finalize");
        let staying = puppet(&stays).env("CRESCENDO_PIN_CACHE", pin_cache);
        let staying = thread::spawn(|| staying.run());
        all_went_well(&puppet(&format!("await:{here} load init slots open login logout finalize")).run());
        assert_eq!(lab.card("verified"), "false");
        let _ = lab.file(&format!("gone.{pin_cache}"), "");
        let stayed = staying.join().unwrap();
        assert_eq!(refused(&stayed), expected, "{stayed}");
    }
    assert_eq!(lab.tries(), 6);
}

/// pcscd resets a card whose holder dies in a transaction; what the survivor signs is right all the same.
#[test]
fn one_is_killed_and_the_other_signs_on() {
    let lab = Lab::start(&[]);
    let puppet = puppet(&lab);
    let into = lab.path("survivor").display().to_string();
    let words = format!("load init slots open login into:{into} both:400 finalize");
    let survivor = puppet(&words).env("CRESCENDO_LOG", "debug");
    let survivor = thread::spawn(|| survivor.run());
    let mut killed = 0;
    for milliseconds in (20..200).step_by(15) {
        let done = puppet(&format!("load init slots open login die:{milliseconds} both:1000")).run();
        killed += u32::from(!done.out.ends_with("end\n"));
        assert_eq!(refused(&done), [""; 0], "{done}");
    }
    all_went_well(&survivor.join().unwrap());
    assert_eq!(killed, 12, "nobody finishes 1000 rounds that fast");
    assert_eq!(verified(&fs::read_to_string(lab.path("survivor")).unwrap()), 800);
    assert_eq!(lab.tries(), 6);
}

/// pcscd lets go of a card before it resets it, so that the reset may come in the middle of our transaction. It must not
/// show, and we must not hold the card for ever after.
#[test]
fn one_resets_the_card_again_and_again() {
    let lab = Lab::start(&[]);
    let (puppet, reset) = (puppet(&lab), compiled(&lab, "reset", &["-I/usr/include/PCSC", "-lpcsclite"]));
    let path = |name: &str| lab.path(name).display().to_string();
    let (signed, done, end) = (path("signed"), path("done"), path("end"));
    let words = format!("into:{signed} both:150 mark:{done} await:{end} rsa finalize");
    let signer = puppet(&format!("load init slots open login {words}")).env("CRESCENDO_LOG", "debug");
    let signer = thread::spawn(|| signer.run());
    lab.program(reset).arg("60").succeed().says("done");
    all_went_well(&puppet(&format!("await:{done} load init slots open login rsa finalize")).run());
    let _ = lab.file("end", "");
    all_went_well(&signer.join().unwrap());
    assert_eq!(verified(&fs::read_to_string(signed).unwrap()), 300 + 1);
    assert_eq!(lab.tries(), 6);
}

fn at_once(programs: [Program; 2]) -> [crescendo_tests::Done; 2] {
    programs.map(|program| thread::spawn(|| program.run())).map(|running| running.join().unwrap())
}

/// How many signatures there are. Every one fits.
fn verified(signed: &str) -> usize {
    let key = |name| fs::read(fixture(name)).unwrap();
    let rsa = RsaPrivateKey::from_pkcs8_der(&key("9a.key")).unwrap().to_public_key();
    let ecc = p256::SecretKey::from_pkcs8_der(&key("9e.key")).unwrap().public_key();
    let ecc = p256::ecdsa::VerifyingKey::from(ecc);
    for line in signed.lines() {
        let (data, signature) = line.split_once(' ').unwrap();
        let (data, signature) = (bytes(data), bytes(signature));
        let fits = match p256::ecdsa::Signature::from_slice(&signature) {
            Ok(signature) => ecc.verify_prehash(&data, &signature).is_ok(),
            Err(_) => rsa.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&data), &signature).is_ok(),
        };
        assert!(fits, "{line}");
    }
    signed.lines().count()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}
