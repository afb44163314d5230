//! The example that updates a key through the C++ header: where there is no key, here; with keys, a kernel and a person at the
//! machine, in a guest (tests/guest/c_update.sh).

#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crescendo_tests::{
    Files, Guest, Root,
    c::{SANITIZED, STRICT_CPP, compile, example},
};
use tempfile::TempDir;

const SERIAL: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";

/// The program, an image for it, and the keys that are trusted.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("strangers/device_update.cpp");
        for (source, program) in [(example("update.cpp"), "update"), (other, "device_update")] {
            compile(&[&source], &[STRICT_CPP, SANITIZED], &lab.path(program));
        }
        let sim = |words: &[&str]| Command::new(&Files::get().sim).args(words).output().unwrap().stdout;
        fs::write(lab.path("vendor.pem"), sim(&["firmware-key"])).unwrap();
        fs::create_dir(lab.path("trusted")).unwrap();
        fs::write(lab.path("trusted/vendor.pem"), sim(&["firmware-key", "--public"])).unwrap();
        fs::write(lab.path("payload"), [7; 5000]).unwrap();
        let words =
            "--key vendor.pem --model org.crescendo.reference-key --version 2.0.0 --counter 2 --hardware 1";
        let signed = lab.run(&Files::get().command, &format!("firmware sign {words} payload new.img"));
        assert!(signed.status.success(), "{}", said(&signed));
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, program: &Path, words: &str) -> Output {
        let mut command = Command::new(program);
        command
            .current_dir(self.0.path())
            .env("LC_ALL", "C")
            .env("CRESCENDO_FIRMWARE_KEYS", self.path("trusted"));
        // What a sanitizer finds has a status of its own.
        command.env("ASAN_OPTIONS", "exitcode=99:detect_leaks=1");
        command.args(words.split_whitespace()).output().unwrap()
    }

    /// The program, called like this, ends with this status and says that.
    #[track_caller]
    fn ends(&self, words: &str, status: i32, says: &str) {
        let done = self.run(&self.path("update"), words);
        assert_eq!(done.status.code(), Some(status), "{words}: {}", said(&done));
        assert!(said(&done).contains(says), "{words}: {}", said(&done));
    }
}

fn said(done: &Output) -> String {
    String::from_utf8_lossy(&[&done.stdout[..], &done.stderr].concat()).into_owned()
}

/// Nothing is asked of a key that somebody may have here: no key goes by that name.
#[test]
fn without_a_key_a_program_in_cpp_says_so() {
    let lab = Lab::new();
    let is_bare = fs::read_dir("/sys/class/hidraw").map_or(true, |mut devices| devices.next().is_none());
    let says =
        if is_bare { "update: no security key is connected" } else { "update: there is no key nobody's" };
    lab.ends("new.img nobody's", 1, says);
    lab.ends("new.img nobody's", 1, "image: org.crescendo.reference-key 2.0.0+0");
    lab.ends("", 2, "usage: update");
    lab.ends("nowhere.img", 1, "nowhere.img cannot be read");
    lab.ends("payload nobody's", 1, "update: this is not a firmware image");
    fs::remove_file(lab.path("trusted/vendor.pem")).unwrap();
    lab.ends("new.img nobody's", 1, "signed by a key that is not trusted here");
}

/// One boot for all of it.
#[test]
#[ignore = "slow lane: boots a guest"]
fn programs_in_cpp_update_keys_through_hidraw() {
    let lab = Lab::new();
    let rule = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("packaging").join("70-crescendo.rules");
    let mut guest = Guest::new(Root::Host, "c_update.sh").give("70-crescendo.rules", fs::read(rule).unwrap());
    for program in ["update", "device_update"] {
        guest = guest.give(program, fs::read(lab.path(program)).unwrap());
    }
    let run = guest.run(&[]).succeed();

    assert!(run.text("none").contains("update: no security key is connected"));
    let updated = run.text("updated");
    assert!(updated.contains("press the button of the key: 30 s left"), "{updated}");
    assert!(
        updated.contains(&format!("serial {SERIAL}: firmware 2.0.0+0 runs, before it 1.0.0+0")),
        "{updated}"
    );
    let shares: Vec<u32> =
        updated.split(['\r', '\n']).filter_map(|line| line.split_once(" %")?.0.parse().ok()).collect();
    assert!(shares.len() > 5 && shares.is_sorted() && shares.last() == Some(&99), "{shares:?}");
    assert!(run.text("early").contains("the key still has its old firmware"), "{}", run.text("early"));
    assert!(run.text("stopped").contains("run the update again to finish"), "{}", run.text("stopped"));
    let resumed = run.text("resumed");
    assert!(!resumed.contains("press the button") && resumed.contains("in update mode"), "{resumed}");
    assert!(resumed.contains("firmware 2.1.0+0 runs"), "{resumed}");
    let ambiguous = run.text("ambiguous");
    for serial in [SERIAL, OTHER] {
        assert!(
            ambiguous.contains(&format!("  org.crescendo.reference-key {serial} at /dev/hidraw")),
            "{ambiguous}"
        );
    }
    let device = run.text("device");
    assert!(device.starts_with("before: state 3, firmware 2.1.0+0\n"), "{device}");
    assert!(device.contains("after: state 3, firmware 2.2.0+0, id "), "{device}");
    assert!(device.ends_with("authenticated\n"), "{device}");
}
