//! What C programs do to a library without a word: fork, unload it, live on while pcscd does not.

#![forbid(unsafe_code)]

mod puppet;

use std::thread;
use std::time::Duration;

use crescendo_tests::Lab;
use puppet::{all_went_well, puppet, refused};

/// A program's calls, in the order of most programs.
const CALLS: [&str; 11] =
    ["init", "slots", "info", "open", "find", "login", "rsa", "ecdsa", "consent", "logout", "close"];
/// What a program does that starts from nothing.
const AFRESH: &str = "slots info open find login rsa ecdsa consent logout close";

/// The parent keeps no PIN: only its login on the card lets it sign afterwards.
#[test]
fn a_child_leaves_its_parents_login_alone() {
    let lab = Lab::start(&[]);
    let puppet = puppet(&lab);
    let children = [
        ("_exit", vec![]),
        // The C library unloads it, as it would at any end of a program.
        ("", vec![]),
        ("unload", vec![]),
        ("rsa close finalize", vec!["rsa 0x190", "close 0x190", "finalize 0x190"]),
        ("init slots open login rsa", vec![]),
        ("init slots open login rsa consent close finalize", vec![]),
        ("init slots open login rsa finalize unload load init slots finalize", vec![]),
    ];
    for (child, expected) in children {
        let words = format!("load init slots open login rsa fork {child} parent rsa ecdsa consent rsa");
        let done = puppet(&format!("{words} close finalize")).env("CRESCENDO_PIN_CACHE", "off").run();
        done.says("child 0\n");
        assert_eq!((done.status, refused(&done)), (Some(0), expected), "{child:?}: {done}");
        assert_eq!(lab.card("verified"), "false", "after {child:?}");
    }
    assert_eq!(lab.tries(), 6);
}

/// After any number of calls, with C_Finalize and without; and what is loaded then knows nothing of it.
#[test]
fn the_library_may_be_unloaded_at_any_time() {
    let lab = Lab::start(&[]);
    let puppet = puppet(&lab);
    for count in 0..=CALLS.len() {
        let calls = CALLS[..count].join(" ");
        let ends = if count == 0 { vec!["unload"] } else { vec!["unload", "finalize unload"] };
        for end in ends {
            all_went_well(&puppet(&format!("load {calls} {end} load init {AFRESH} finalize")).run());
            all_went_well(&puppet(&format!("load {calls} {end}")).run());
        }
    }
    assert_eq!(lab.tries(), 6);
}

/// What a thread keeps of the library must not be needed when the thread ends.
#[test]
fn a_thread_may_outlive_the_library() {
    let lab = Lab::start(&[]);
    let puppet = puppet(&lab);
    all_went_well(&puppet("load init slots thread finalize unload join").run());
    all_went_well(&puppet("load init slots thread unload join").run());
    all_went_well(&puppet(&format!("load init {AFRESH} thread {AFRESH} finalize unload join")).run());
}

/// By these a call may say that its card, or pcscd, went away: CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED,
/// CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT.
const GONE: [&str; 4] = ["0x30", "0x32", "0xb3", "0xe0"];

/// Before each call in turn, in one process that initialised the library once. The calls after it may be refused; a
/// program that begins again finds everything.
#[test]
fn pcscd_may_be_restarted_before_any_call() {
    let mut lab = Lab::start(&[]);
    let calls = &CALLS[1..];
    let mut words = String::from("load init");
    for at in 0..calls.len() {
        let [here, go] = ["here", "go"].map(|name| lab.path(&format!("{name}.{at}")).display().to_string());
        let (before, after) = (calls[..at].join(" "), calls[at..].join(" "));
        words += &format!(" {before} mark:{here} await:{go} say:restarted {after} say:again {AFRESH}");
    }
    let program = puppet(&lab)(&format!("{words} finalize"));
    let running = thread::spawn(|| program.run());
    for at in 0..calls.len() {
        while !lab.path(&format!("here.{at}")).exists() {
            assert!(!running.is_finished(), "the program ended before call {at}");
            thread::sleep(Duration::from_millis(5));
        }
        lab.restart_pcscd();
        let _ = lab.file(&format!("go.{at}"), "");
    }
    let done = running.join().unwrap();
    let mut restarted = false;
    for line in done.out.lines() {
        match line.split_once(' ') {
            Some((_, code)) => assert!(code == "0" || restarted && GONE.contains(&code), "{line}: {done}"),
            None => restarted = line == "restarted",
        }
    }
    assert!(done.out.ends_with("finalize 0\nend\n"), "{done}");
    assert_eq!(lab.tries(), 6);
}
