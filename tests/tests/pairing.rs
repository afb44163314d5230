//! `crescendo pairing` with the shipped files: from a contact reader to a contactless one, and what is left of it.

#![forbid(unsafe_code)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::{Desktop, Done, Files, Lab, PIN, Program};
use serde_json::Value;
use tempfile::TempDir;

const CODE: &str = "27182818";
const NOTHING: &str = "";

/// A dual-interface card in a contact reader, and somebody who is logged in to the machine.
struct Scene {
    lab: Lab,
    /// In memory, as the system makes it.
    runtime: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(options: &[&str]) -> Self {
        let lab = Lab::start(&[&["--profile", "piv-dual"], options].concat());
        let runtime = TempDir::new_in("/dev/shm").unwrap();
        fs::set_permissions(runtime.path(), Permissions::from_mode(0o700)).unwrap();
        Self { lab, runtime }
    }

    /// A program of this person, in whose environment no test and no user has set anything else.
    fn dress(&self, program: Program) -> Program {
        let unset = ["CRESCENDO_VCI_ANCHORS", "CRESCENDO_VCI_TRUST", "CRESCENDO_INTERFACE", "CRESCENDO_VCI"];
        let program = unset.iter().fold(program, |program, name| program.env(name, NOTHING));
        program.env("XDG_RUNTIME_DIR", self.runtime.path()).env("XDG_STATE_HOME", self.lab.path("home/state"))
    }

    fn crescendo(&self, words: &[&str]) -> Program {
        let program = self.dress(self.lab.program(&Files::get().command)).args(&["pairing"]).args(words);
        program.env("DISPLAY", NOTHING).env("WAYLAND_DISPLAY", NOTHING).env("TEST_PIN", PIN)
    }

    fn retrieve(&self, words: &[&str]) -> Done {
        self.crescendo(&["retrieve", "--pin-env", "TEST_PIN"]).args(words).run()
    }

    fn json(&self, words: &[&str]) -> Value {
        json(&self.crescendo(words).arg("--json").run())
    }

    fn status(&self) -> Value {
        let status = self.json(&["status"]);
        assert!(status["pairing"].is_object(), "{status}");
        status["pairing"].clone()
    }

    /// Lays the card on a contactless reader, or puts it into a contact reader; pcscd has noticed.
    fn put(&self, interface: &str) {
        let _ = self.lab.card(interface);
        let is_contactless = interface == "contactless";
        for _ in 0..200 {
            let devices = json(&self.lab.program(&Files::get().command).args(&["devices", "--json"]).run());
            let mut atrs =
                devices["devices"].as_array().unwrap().iter().filter_map(|device| device["atr"].as_str());
            if atrs.next().is_some_and(|atr| (atr.get(4..8) == Some("8001")) == is_contactless) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("pcscd does not see the card on {interface}");
    }

    fn tool(&self) -> Program {
        self.dress(self.lab.program("pkcs11-tool")).arg("--module").arg(&Files::get().module)
    }

    /// The file of the one code that is kept.
    fn codes(&self) -> Vec<PathBuf> {
        let Ok(files) = fs::read_dir(self.runtime.path().join("crescendo/pairing")) else {
            return Vec::new();
        };
        files.map(|file| file.unwrap().path()).collect()
    }
}

fn json(done: &Done) -> Value {
    assert_eq!(done.err, "", "{done}");
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"))
}

fn code(failure: &Value) -> (&str, u64) {
    (failure["error"]["code"].as_str().unwrap(), failure["error"]["exit"].as_u64().unwrap())
}

#[test]
fn the_code_is_told_over_contact_and_is_all_there_is_on_standard_output() {
    let scene = Scene::new();
    let done = scene.retrieve(&[]);
    assert_eq!((done.status, &done.out[..]), (Some(0), "27182818\n"), "{done}");
    assert!(done.err.contains("believed from now on"), "{done}");
    assert_eq!(scene.lab.card("verified"), "false", "logged out again");
    assert!(scene.codes().is_empty(), "kept when a person asks for it");
    let told = json(&scene.retrieve(&["--json"]));
    assert_eq!((&told["code"], &told["signer"]), (&CODE.into(), &"learnt".into()));
    assert_eq!((&told["cached"], &told["copied"]), (&false.into(), &false.into()));
}

#[test]
fn pins_come_from_a_variable_or_a_descriptor_and_never_from_the_command_line() {
    let scene = Scene::new();
    let command = Files::get().command.display().to_string();
    let shell = |script: &str| scene.dress(scene.lab.program("sh").arg("-c").arg(script));
    let from_pipe = shell(&format!("printf '{PIN}\\n' | {command} pairing retrieve --pin-fd 0"));
    assert_eq!(from_pipe.succeed().out, "27182818\n");
    let pin = scene.lab.file("pin", PIN);
    let from_file = shell(&format!("{command} pairing retrieve --pin-fd 7 7<{}", pin.display()));
    assert_eq!(from_file.succeed().out, "27182818\n");
    for (words, expected) in [
        (&["retrieve", "--pin-env", "NO_SUCH_VARIABLE"][..], ("no-secret", 2)),
        (&["retrieve", "--pin-fd", "99"], ("no-secret", 2)),
        (&["retrieve", PIN], ("usage", 2)),
        (&["retrieve"], ("no-terminal", 2)),
    ] {
        let without_terminal =
            scene.dress(scene.lab.program("setsid").arg("--wait").arg(&Files::get().command));
        let done = without_terminal.arg("pairing").args(words).arg("--json").run();
        assert_eq!(code(&json(&done)), expected, "{done}");
    }
    assert_eq!(scene.lab.tries(), 5);
}

#[test]
fn at_a_terminal_the_pin_shows_as_asterisks_after_the_tries() {
    let scene = Scene::new();
    let keys = scene.lab.path("keys");
    assert!(Command::new("mkfifo").arg(&keys).status().unwrap().success());
    let command = Files::get().command.display();
    let script = format!("exec script -qfec '{command} pairing retrieve' /dev/null <>{}", keys.display());
    let person = scene.dress(scene.lab.server("sh").arg("-c").arg(script));
    let person = person.serve(scene.lab.path("screen"), "(5 tries left): ");
    fs::write(&keys, format!("{PIN}\n")).unwrap();
    person.wait_for(CODE);
    assert!(person.log().contains("******") && !person.log().contains(PIN), "{}", person.log());
}

#[test]
fn ctrl_c_leaves_the_terminal_as_it_was() {
    let scene = Scene::new();
    let keys = scene.lab.path("keys");
    assert!(Command::new("mkfifo").arg(&keys).status().unwrap().success());
    let command = Files::get().command.display();
    let inner = format!("trap : INT; {command} pairing retrieve; echo left with $?; stty -a");
    let script = format!("exec script -qfec \"{inner}\" /dev/null <>{}", keys.display());
    let person = scene.dress(scene.lab.server("sh").arg("-c").arg(script.replace("$?", "\\$?")));
    let person = person.serve(scene.lab.path("screen"), "tries left): ");
    fs::write(&keys, "123\x03").unwrap();
    person.wait_for("left with 130");
    person.wait_for("echoke");
    let log = person.log();
    let is_set = |flag: &str| log.split_whitespace().any(|word| word.trim_end_matches(';') == flag);
    assert!(is_set("echo") && is_set("icanon") && is_set("isig"), "{log}");
    assert_eq!(scene.lab.tries(), 5);
}

#[test]
fn a_wrong_pin_costs_a_try_and_a_pin_that_is_none_costs_nothing() {
    let scene = Scene::new();
    let retrieve = |pin: &str| {
        let done =
            scene.crescendo(&["retrieve", "--pin-env", "TEST_PIN", "--json"]).env("TEST_PIN", pin).run();
        let failure = json(&done);
        (code(&failure).0.to_owned(), done.status)
    };
    assert_eq!(retrieve("999999"), ("wrong-pin".to_owned(), Some(1)));
    assert_eq!(retrieve("12345"), ("pin-format".to_owned(), Some(2)));
    assert_eq!(scene.lab.tries(), 4);
    let _ = scene.lab.card("block-pin");
    assert_eq!(retrieve(PIN), ("pin-blocked".to_owned(), Some(1)));
}

#[test]
fn kept_for_the_session_it_opens_the_card_on_a_contactless_reader() {
    let scene = Scene::new();
    scene.retrieve(&["--cache"]).says("kept until you log out of this machine");
    let [file] = &scene.codes()[..] else { panic!("one code is kept: {:?}", scene.codes()) };
    assert_eq!(fs::read(file).unwrap(), CODE.as_bytes());
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let log = || fs::read_to_string(scene.lab.path("card.log")).unwrap().to_uppercase();
    let before = log().len();
    scene.put("contactless");
    let status = scene.status();
    assert_eq!((&status["interface"], &status["next"]), (&"unpaired".into(), &"nothing".into()), "{status}");
    let objects = scene.tool().args(&["--login", "--pin", PIN, "-O"]).succeed();
    assert_eq!(objects.count("Certificate Object"), 4, "{objects}");
    let data = scene.lab.file("data", "what is to be signed");
    let sign =
        scene.tool().args(&["--login", "--pin", PIN, "-s", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i"]);
    let _ = sign.arg(data).arg("-o").arg(scene.lab.path("signature")).succeed();
    let heard = log()[before..].replace(' ', "");
    assert!(heard.contains("0C200080"), "the PIN went in secure messaging: {heard}");
    let hex = |secret: &str| -> String { secret.bytes().map(|byte| format!("{byte:02X}")).collect() };
    assert!(
        log()[..before].replace(' ', "").contains(&hex(PIN)),
        "what goes over contact is seen in this log"
    );
    for secret in [PIN, CODE] {
        let digits = hex(secret);
        assert!(!heard.contains(&digits), "{secret} went through the air in clear");
    }
    assert_eq!(scene.lab.tries(), 5);
}

#[test]
fn anchors_vouch_for_a_card_that_was_never_in_a_contact_reader() {
    let scene = Scene::with(&["--contactless"]);
    let refused = scene.json(&["set", CODE]);
    assert_eq!(code(&refused), ("not-believed", 1));
    let anchor = scene.lab.program(&Files::get().sim).arg("anchor").succeed().bytes;
    let (folder, junk) =
        (scene.lab.path("anchors"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("issuer.pem"), anchor).unwrap();
    fs::write(folder.join("broken.pem"), junk).unwrap();
    let set = |code: &str| scene.crescendo(&["set", code]).env("CRESCENDO_VCI_ANCHORS", &folder);
    let wrong = set("00000000").run();
    assert_eq!(wrong.status, Some(1));
    assert!(wrong.err.contains("wrong pairing code"), "{wrong}");
    let right = set(CODE).succeed();
    right.says("The card accepts the pairing code");
    assert!(right.err.contains("broken.pem are not used: certificate 1"), "{right}");
    let objects =
        scene.tool().env("CRESCENDO_VCI_ANCHORS", &folder).args(&["--login", "--pin", PIN, "-O"]).succeed();
    assert_eq!(objects.count("Certificate Object"), 4, "{objects}");
    assert_eq!(scene.lab.tries(), 5);
}

#[test]
fn first_use_is_believed_only_where_somebody_has_decided_so() {
    let scene = Scene::with(&["--contactless"]);
    let set = || scene.crescendo(&["set", "-"]).input(format!("{CODE}\n"));
    let refused = set().run();
    assert!(refused.status == Some(1) && refused.err.contains("nobody vouches for it"), "{refused}");
    let done = set().env("CRESCENDO_VCI_TRUST", "first-use").succeed();
    assert!(done.err.contains("believed at first use"), "{done}");
    assert_eq!(scene.status()["learnt"], true, "and is known from then on");
}

#[test]
fn codes_are_eight_digits() {
    let scene = Scene::new();
    for wrong in ["1234567", "123456789", "1234567x", ""] {
        assert_eq!(code(&scene.json(&["set", wrong])), ("code-format", 2), "{wrong}");
    }
    assert_eq!(scene.json(&["set", CODE])["checked"], false, "the card is in a contact reader");
}

#[test]
fn forgotten_when_a_person_says_so_and_not_with_the_cache() {
    let scene = Scene::new();
    let _ = scene.retrieve(&["--cache"]);
    let cleared =
        scene.dress(scene.lab.program(&Files::get().command)).args(&["cache", "clear", "--all"]).succeed();
    cleared.says("cleared");
    let known = scene.status();
    assert_eq!(
        (&known["kept"], &known["learnt"], &known["next"]),
        (&true.into(), &true.into(), &"nothing".into())
    );
    let forgotten = scene.json(&["forget"]);
    assert_eq!(forgotten["forgotten"], serde_json::json!({"code": true, "signer": false}));
    assert!(scene.codes().is_empty());
    scene
        .crescendo(&["forget", "--signer"])
        .succeed()
        .says("No pairing code was kept.")
        .says("forgotten too");
    assert_eq!(scene.status()["learnt"], false);
    scene
        .crescendo(&["status"])
        .succeed()
        .says("needed without contacts, and not kept")
        .says("pairing retrieve --cache");
}

#[test]
fn contactless_nothing_is_retrieved_and_the_pin_is_not_asked_for() {
    let scene = Scene::with(&["--contactless"]);
    let failure = json(&scene.retrieve(&["--json"]));
    assert_eq!(code(&failure), ("contact-needed", 1));
    assert_eq!(scene.lab.tries(), 5);
}

#[test]
fn without_a_place_in_memory_no_code_is_kept_and_it_says_why() {
    let scene = Scene::new();
    let on_disk = scene.crescendo(&["set", CODE, "--json"]).env("XDG_RUNTIME_DIR", "/proc/self/fd").run();
    let failure = json(&on_disk);
    assert_eq!(code(&failure), ("not-kept", 1));
    assert!(
        failure["error"]["message"].as_str().unwrap().ends_with("/proc/self/fd is not in memory (tmpfs)"),
        "{failure}"
    );
}

#[test]
fn without_a_desktop_there_is_no_clipboard_and_no_pin_is_spent_on_it() {
    let scene = Scene::new();
    let (apdus, done) = scene.lab.apdus(|| scene.retrieve(&["--copy"]));
    assert!(done.status == Some(1) && done.err.contains("nor DISPLAY is set"), "{done}");
    assert!(!done.out.contains(CODE) && !done.err.contains(CODE) && !done.out.contains('\x1b'), "{done}");
    assert!(apdus < 30, "{apdus}");
    assert_eq!(scene.lab.card("verified"), "false");
}

#[test]
#[ignore = "slow lane: needs a screen"]
fn in_the_clipboard_until_ctrl_c() {
    let scene = Scene::new();
    let desktop = Desktop::start(&scene.lab, "pairing");
    let display = desktop.program(&scene.lab, "sh").args(&["-c", "echo $DISPLAY"]).run().out;
    let paste = |target: &str| {
        let xclip =
            desktop.program(&scene.lab, "xclip").args(&["-o", "-selection", "clipboard", "-t", target]);
        xclip.run().out
    };
    let command = Files::get().command.display();
    let script = format!(
        "echo $$ >{}; exec {command} pairing retrieve --copy --pin-env TEST_PIN",
        scene.lab.path("pid").display()
    );
    let copying = scene.dress(scene.lab.server("sh").arg("-c").arg(script)).env("TEST_PIN", PIN);
    let copying = copying.env("DISPLAY", display.trim()).env("WAYLAND_DISPLAY", NOTHING);
    let copying = copying.serve(scene.lab.path("copying"), "in the clipboard");
    assert_eq!(paste("UTF8_STRING"), CODE);
    assert_eq!(paste("x-kde-passwordManagerHint"), "secret", "marked as sensitive");
    let pid = fs::read_to_string(scene.lab.path("pid")).unwrap();
    assert!(Command::new("kill").args(["-INT", pid.trim()]).status().unwrap().success());
    copying.wait_for("The clipboard is cleared.");
    assert_eq!(paste("UTF8_STRING"), "");
    assert!(!copying.log().contains(CODE), "{}", copying.log());
}
