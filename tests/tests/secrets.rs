//! What is left of a PIN, a pairing code and the keys of a session when a program has logged out: nothing in its memory,
//! nothing in its log, and on no disk.

#![forbid(unsafe_code)]

mod puppet;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crescendo_tests::{CODE, CODE_AND_PIN, Done, Lab, PIN};
use puppet::{all_went_well, puppet};

/// The PIN as it goes to the card.
const PADDED: &[u8] = b"123456\xFF\xFF";
/// The names of the session keys, in the order in which the card tells them.
const KEYS: [&str; 4] = ["SK_CFRM", "SK_MAC", "SK_ENC", "SK_RMAC"];

/// A program that has logged in, worked, logged out and ended.
struct Played {
    done: Done,
    /// Everything that should be nowhere, with its name.
    secrets: Vec<(&'static str, Vec<u8>)>,
}

impl Played {
    /// The program logs in with this text. It looks through its memory as long as it is logged in, after C_Logout, and after
    /// C_Finalize; and it logs everything there is to log.
    fn with(lab: &Lab, text: &str) -> Self {
        let path = |name: &str| lab.path(name).display().to_string();
        let (working, told) = (path("working"), path("told"));
        for name in ["working", "told"] {
            // Another program may have been here before.
            let _ = fs::remove_file(lab.path(name));
        }
        let words = format!(
            "load init slots info open text:{} login find rsa ecdsa consent mark:{working} await:{told} \
             secrets:{told} say:before scan logout say:after scan close finalize say:finally scan",
            masked(text.as_bytes())
        );
        let program = puppet(lab)(&words).env("CRESCENDO_LOG", "trace");
        let program = thread::spawn(|| program.run());
        while !lab.path("working").exists() {
            assert!(!program.is_finished(), "{}", program.join().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
        let keys = lab.card("session-keys");
        let mut secrets = vec![("PIN", PIN.into()), ("padded", PADDED.into()), ("code", CODE.into())];
        secrets.extend(KEYS.into_iter().zip(keys.split_whitespace().map(bytes)));
        let lines = secrets.iter().map(|(name, secret)| format!("{name} {}\n", masked(secret)));
        let whole = lab.file("told.new", lines.collect::<String>());
        fs::rename(whole, lab.path("told")).unwrap();
        Self { done: program.join().unwrap(), secrets }
    }

    /// What it found in its memory between two of the words it said.
    fn found(&self, from: &str, to: &str) -> Vec<&str> {
        let said = self.done.out.split_once(&format!("{from}\n"));
        let (part, _) = said.and_then(|(_, rest)| rest.split_once(&format!("{to}\n"))).expect("it said so");
        assert!(part.contains("scanned "), "{part}");
        part.lines().filter(|line| line.starts_with("found ")).collect()
    }

    /// These were in its memory as long as they were needed: so what it looks for can be found. Nothing was afterwards.
    #[track_caller]
    fn forgot(&self, held: &[&str]) -> &Self {
        all_went_well(&self.done);
        let before = self.found("before", "after");
        for name in held {
            let found = before.iter().any(|line| line.starts_with(&format!("found {name} at ")));
            assert!(found, "{name} is nowhere in {before:#?}");
        }
        assert_eq!(self.found("after", "finally"), [""; 0], "after C_Logout");
        assert_eq!(self.found("finally", "end"), [""; 0], "after C_Finalize");
        self
    }

    /// The finest log says what was done, and none of what is secret, in no notation.
    fn told_nobody(&self) -> &Self {
        let log = &self.done.err;
        assert!(log.contains(" DEBUG piv::exchange: "), "{log}");
        for (name, secret) in &self.secrets {
            let list = format!("{secret:?}");
            let text = String::from_utf8_lossy(secret);
            for form in [hex(secret), hex(secret).to_uppercase(), list[1..list.len() - 1].into(), text.into()]
            {
                assert!(!log.contains(&form), "{name} as {form}: {log}");
            }
        }
        self
    }

    /// No file has any of it, but for the pairing code in its place.
    fn wrote_nothing(&self, lab: &Lab) {
        let mut files = files(&lab.path("home"));
        assert!(!files.is_empty(), "the cache is kept");
        files.extend(self::files(&lab.runtime()));
        for file in files {
            let content = fs::read(&file).unwrap();
            for (name, secret) in &self.secrets {
                let kept = *name == "code" && file.parent() == Some(&lab.runtime().join("crescendo/pairing"));
                let found = content.windows(secret.len()).any(|bytes| bytes == secret);
                assert_eq!(found, kept, "{name} in {}", file.display());
            }
        }
    }
}

/// With each byte masked, as the puppet takes it: whoever looks for something must not have it.
fn masked(secret: &[u8]) -> String {
    hex(&secret.iter().map(|byte| byte ^ 0x5A).collect::<Vec<_>>())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Every file in a folder and in its folders.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

fn over_contactless(suite: &str) {
    let lab = Lab::start(&["--profile", "piv-dual", "--contactless", "--suite", suite]);
    let held = ["PIN", "padded", "SK_MAC", "SK_ENC", "SK_RMAC"];
    let played = Played::with(&lab, CODE_AND_PIN);
    played.forgot(&held).forgot(&["code"]).told_nobody().wrote_nothing(&lab);
    // From where that program has put it, the code is read when it is needed, and never remembered.
    Played::with(&lab, PIN).forgot(&held).told_nobody().wrote_nothing(&lab);
}

fn over_contacts() {
    let lab = Lab::start(&["--profile", "piv-dual"]);
    Played::with(&lab, PIN).forgot(&["PIN", "padded"]).told_nobody().wrote_nothing(&lab);
}

#[test]
fn nothing_is_left_over_contacts() {
    over_contacts();
}

#[test]
fn nothing_is_left_with_cs2() {
    over_contactless("cs2");
}

#[test]
fn nothing_is_left_with_cs7() {
    over_contactless("cs7");
}

/// An optimiser moves things about in its own way.
#[test]
#[ignore = "slow lane: the module as it ships"]
fn nothing_is_left_by_the_module_as_it_ships() {
    over_contacts();
    over_contactless("cs2");
    over_contactless("cs7");
}
