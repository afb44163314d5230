//! The examples in C that people are shown: built as strangers build them, and run at a terminal, in a lab. Under sanitizers:
//! no byte that may not be touched is, and all that was given is freed, in the library too; and plain, as they are.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::c::{SANITIZED, STRICT_C, compile, example};
use crescendo_tests::{CODE, Files, Lab, PIN, Program, Server, fixture};

const NEW: &str = "314159";
const WRONG: &str = "909090";

/// How a program is built, and what that is called.
const BUILDS: [(&str, &[&[&str]]); 2] =
    [("sanitized", &[STRICT_C, SANITIZED]), ("plain", &[STRICT_C, &["-O2"]])];
/// What a sanitizer finds has an exit status of its own.
const ASAN: &str = "detect_leaks=1:exitcode=99";

/// A card in a reader, and a program.
struct Scene {
    lab: Lab,
    program: PathBuf,
}

impl Scene {
    fn new(options: &[&str], name: &str, flags: &[&[&str]]) -> Self {
        let lab = Lab::start(options);
        let program = lab.path(name);
        compile(&[&example(&format!("{name}.c"))], flags, &program);
        Self { lab, program }
    }

    /// Nothing of this machine is in its way, and everything is logged that is.
    fn dress(&self, program: Program) -> Program {
        let policy = self.lab.file("policy.toml", "");
        program.env("ASAN_OPTIONS", ASAN).env("CRESCENDO_POLICY", policy).env("CRESCENDO_LOG", "debug")
    }

    /// The program, away from any terminal.
    fn run(&self, words: &[&str]) -> crescendo_tests::Done {
        self.dress(self.lab.program(&self.program)).args(words).run()
    }

    /// The program at a terminal, until it says `words`.
    fn at_terminal(&self, arguments: &str, words: &str) -> Terminal {
        let keys = self.lab.path("keys");
        if !keys.exists() {
            assert!(Command::new("mkfifo").arg(&keys).status().unwrap().success());
        }
        let inner = format!("{} {arguments}; echo ended with $?; stty -a", self.program.display());
        let script = self.lab.file("script.sh", inner);
        let shell = format!("exec script -qfec 'sh {}' /dev/null <>{}", script.display(), keys.display());
        let person = self.dress(self.lab.server("sh").arg("-c").arg(shell));
        Terminal { screen: person.serve(self.lab.path("screen"), words), keys }
    }

    fn crescendo(&self, words: &[&str]) -> Program {
        self.dress(self.lab.program(&Files::get().command))
            .args(words)
            .env("TEST_PIN", PIN)
            .env("TEST_NEW", NEW)
    }

    fn is_pin(&self, variable: &str) -> bool {
        self.crescendo(&["pin", "verify", "--pin-env", variable]).run().status == Some(0)
    }
}

/// A person at a terminal.
struct Terminal {
    screen: Server,
    keys: PathBuf,
}

impl Terminal {
    /// Types a line, and waits for what comes of it.
    #[track_caller]
    fn types(&self, line: &str, then: &str) -> &Self {
        let before = self.screen.log().len();
        fs::write(&self.keys, format!("{line}\n")).unwrap();
        for _ in 0..400 {
            if self.screen.log()[before..].contains(then) {
                return self;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("it never says {then:?} after that, but\n{}", self.screen.log());
    }

    /// The program has ended like this, nothing secret was to be seen, and the terminal is as it was.
    #[track_caller]
    fn ended(&self, status: i32) -> String {
        self.screen.wait_for(&format!("ended with {status}\r\n"));
        self.screen.wait_for("echoke");
        let log = self.screen.log();
        let is_set = |flag: &str| log.split_whitespace().any(|word| word.trim_end_matches(';') == flag);
        assert!(is_set("echo") && is_set("icanon") && is_set("isig"), "{log}");
        for secret in [PIN, NEW, WRONG] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
        log
    }
}

#[test]
fn the_list_has_every_device_with_its_certificates() {
    for (_, flags) in BUILDS {
        let mut scene = Scene::new(&["--profile", "key-v3"], "list", flags);
        let words = ["cert", "self-sign", "--key", "9A", "--subject", "CN=Soon", "--days", "5", "--yes"];
        let _ = scene.crescendo(&[&words[..], &["--pin-env", "TEST_PIN"]].concat()).succeed();
        let done = scene.run(&[]);
        assert_eq!(done.status, Some(0), "{done}");
        done.says("Crescendo C4000-KEY: a Crescendo, in Virtual PCD 00 00\n  ID: 47900503708900123456\n");
        done.says("  PIN: 6 tries left\n")
            .says("CN=Soon, P-256, until 20")
            .says(", EXPIRES WITHIN A MONTH\n");
        done.says("  9C (").says("Virtual PCD 00 01");
        assert_eq!((scene.lab.tries(), scene.lab.card("verified")), (6, "false".to_owned()));
        scene.lab.pull();
        let done = scene.run(&[]);
        assert_eq!(
            (done.status, done.count("Virtual PCD: no card, in Virtual PCD 00 0")),
            (Some(0), 2),
            "{done}"
        );
    }
}

#[test]
fn without_a_reader_service_each_example_says_so() {
    for (_, flags) in BUILDS {
        for name in ["list", "change_pin", "pairing", "certificates"] {
            let scene = Scene::new(&[], name, flags);
            let program = scene.dress(scene.lab.program(&scene.program));
            let done = program.env("PCSCLITE_CSOCK_NAME", "/nowhere").run();
            assert_eq!(done.status, Some(1), "{name}: {done}");
            assert!(done.err.contains("the reader service (pcscd) does not answer"), "{name}: {done}");
        }
    }
}

#[test]
fn the_pin_is_changed_at_a_terminal() {
    for (_, flags) in BUILDS {
        let scene = Scene::new(&["--profile", "key-v3"], "change_pin", flags);
        let person = scene.at_terminal("", "PIN of Crescendo C4000-KEY (6 tries left): ");
        person.types("12", "PIN of Crescendo C4000-KEY (6 tries left): ");
        // Corrected before Enter: two keys too many.
        person.types(&format!("{PIN}78\x7f\x7f"), "New PIN of Crescendo C4000-KEY: ");
        person.types("123", "Once more: ").types("123", "New PIN of Crescendo C4000-KEY: ");
        person.types(NEW, "Once more: ").types(NEW, "The PIN is changed.");
        let log = person.ended(0);
        assert!(log.contains("Tries left: 6\r\nA new PIN has 6 to 8 digits"), "{log}");
        assert!(log.contains("the new PIN is too short: it has 6 characters at least"), "{log}");
        assert_eq!(log.matches("It has 6 to 8 digits, not the old PIN.").count(), 2, "{log}");
        assert_eq!((scene.lab.tries(), scene.lab.card("verified")), (6, "false".to_owned()));
        assert!(scene.is_pin("TEST_NEW"), "the card has the new one");
    }
}

#[test]
fn a_wrong_pin_costs_one_try_and_the_example_says_how_many_are_left() {
    for (_, flags) in BUILDS {
        let scene = Scene::new(&["--profile", "key-v3"], "change_pin", flags);
        let person = scene.at_terminal("", "(6 tries left): ");
        person.types(WRONG, "New PIN of").types(NEW, "Once more: ").types(NEW, "Tries left: 5");
        let log = person.ended(1);
        assert!(log.contains("wrong PIN"), "{log}");
        assert_eq!(scene.lab.tries(), 5);
        assert!(scene.is_pin("TEST_PIN"));
    }
}

#[test]
fn whoever_cancels_changes_nothing() {
    for (_, flags) in BUILDS {
        let scene = Scene::new(&["--profile", "key-v3"], "change_pin", flags);
        let person = scene.at_terminal("", "(6 tries left): ");
        person.types("123\x03", "Cancelled: the PIN is the old one.").ended(1);
        drop(person);
        let person = scene.at_terminal("", "(6 tries left): ");
        person
            .types(PIN, "New PIN of")
            .types(NEW, "Once more: ")
            .types(WRONG, "The two are not the same.")
            .ended(1);
        assert_eq!(scene.lab.tries(), 6);
        assert!(scene.is_pin("TEST_PIN"));
    }
}

#[test]
fn no_secret_is_in_an_argument_a_log_or_a_file() {
    let scene = Scene::new(&["--profile", "key-v3"], "change_pin", BUILDS[0].1);
    let person = scene.at_terminal("", "(6 tries left): ");
    person.types(PIN, "New PIN of");
    let arguments = commands_of(&scene.program);
    assert!(!arguments.is_empty(), "the program runs");
    person.types(NEW, "Once more: ").types(NEW, "The PIN is changed.").ended(0);
    for place in [scene.lab.path("home"), scene.lab.path("screen"), scene.lab.runtime()] {
        for file in files(&place) {
            let content = fs::read(&file).unwrap();
            for secret in [PIN, NEW] {
                let is_there = content.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
                assert!(!is_there, "{secret} in {}", file.display());
            }
        }
    }
    for secret in [PIN, NEW] {
        assert!(!arguments.iter().any(|line| line.contains(secret)), "{arguments:?}");
    }
}

/// The arguments and the environment of every process of this program.
fn commands_of(program: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let folder = entry.ok()?.path();
        let text =
            |name: &str| Some(String::from_utf8_lossy(&fs::read(folder.join(name)).ok()?).into_owned());
        let arguments = text("cmdline")?;
        arguments.contains(program.to_str()?).then(|| Some(arguments + &text("environ")?))?
    });
    processes.collect()
}

fn files(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(place) else {
        return place.is_file().then(|| place.into()).into_iter().collect();
    };
    entries.flat_map(|entry| files(&entry.unwrap().path())).collect()
}

#[test]
fn the_pairing_code_is_retrieved_kept_and_used_without_contacts() {
    for (_, flags) in BUILDS {
        let mut scene = Scene::new(&["--profile", "piv-dual"], "pairing", flags);
        let person = scene.at_terminal("", "(5 tries left): ");
        let log = person.types(PIN, CODE).ended(0);
        assert!(log.contains("Interface: contact\r\nPairing code: needed, and not kept"), "{log}");
        assert!(log.contains("believed on contactless readers from now on"), "{log}");
        assert!(log.contains(&format!("Pairing code: {CODE}, kept until you log out")), "{log}");
        drop(person);
        scene.lab.to_contactless();
        scene.lab.card("zero");
        let person = scene.at_terminal("", "(5 tries left): ");
        let log = person.types(PIN, "The card is open, without contacts.").ended(0);
        assert!(log.contains("Pairing code: kept\r\nSecure messaging: CS2"), "{log}");
        for secret in [PIN, CODE] {
            assert!(!scene.lab.seen(secret.as_bytes()), "{secret} went through the air in clear");
        }
        assert_eq!((scene.lab.tries(), scene.lab.card("verified")), (5, "false".to_owned()));
    }
}

#[test]
fn a_card_that_nobody_has_paired_stays_closed_without_contacts() {
    for (_, flags) in BUILDS {
        let scene = Scene::new(&["--profile", "piv-dual", "--contactless"], "pairing", flags);
        let done = scene.run(&[]);
        assert_eq!(done.status, Some(1), "{done}");
        done.says("Put the card into a contact reader first");
        assert_eq!(scene.lab.tries(), 5);
    }
}

#[test]
fn certificates_are_listed_and_exported_as_they_are_on_the_card() {
    for (_, flags) in BUILDS {
        let scene = Scene::new(&["--profile", "key-v3"], "certificates", flags);
        let listed = scene.run(&[]);
        assert_eq!((listed.status, listed.count("9")), (Some(0), 4), "{listed}");
        let (file, der) = (scene.lab.path("9c.pem"), scene.lab.path("9c.der"));
        let path = file.to_str().unwrap();
        assert_eq!(scene.run(&["9C", path]).status, Some(0));
        let openssl = scene.lab.program("openssl").args(&["x509", "-outform", "DER", "-in", path, "-out"]);
        let _ = openssl.arg(&der).succeed();
        assert_eq!(fs::read(der).unwrap(), fs::read(fixture("9c.der")).unwrap());
        assert_eq!(scene.run(&["9A"]).status, Some(2));
        let none = scene.run(&["42", path]);
        assert!(none.status == Some(1) && none.err.contains("the key is none of the values"), "{none}");
        let nowhere = scene.run(&["9C", "/nowhere/9c.pem"]);
        assert!(
            nowhere.status == Some(1) && nowhere.err.contains("/nowhere/9c.pem: No such file"),
            "{nowhere}"
        );
        assert_eq!((scene.lab.tries(), scene.lab.card("verified")), (6, "false".to_owned()));
    }
}

#[test]
fn a_key_is_made_and_signs_its_own_certificate() {
    for (_, flags) in BUILDS {
        let scene = Scene::new(&["--profile", "key-v3"], "certificates", flags);
        let file = scene.lab.path("new.pem");
        let path = file.to_str().unwrap();
        let arguments = format!("9A {path} 'CN=Ada Lovelace,O=Example'");
        let person = scene.at_terminal(&arguments, "Go on? Type yes: ");
        person.types("no", "it was cancelled").ended(1);
        assert!(!file.exists());
        drop(person);
        let person = scene.at_terminal(&arguments, "Go on? Type yes: ");
        let log = person.types("yes", "(6 tries left): ").types(PIN, "ended with").ended(0);
        assert!(log.contains("! "), "what is lost is named: {log}");
        let said = scene.lab.program("openssl").args(&["x509", "-noout", "-subject", "-in", path]).succeed();
        said.says("Ada Lovelace");
        let _ =
            scene.lab.program("openssl").args(&["verify", "-check_ss_sig", "-CAfile", path, path]).succeed();
        assert_eq!((scene.lab.tries(), scene.lab.card("verified")), (6, "false".to_owned()));
    }
}
