//! `crescendo pin`, `puk` and `helpdesk` with the shipped files: D3 to D6 on a Key V3, a Crescendo 2300 and a plain PIV card,
//! by prompts and by scripts; what each costs, and that no secret is left where others look.

#![forbid(unsafe_code)]

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::{Done, Files, Lab, PIN, Program};
use serde_json::Value;

const NEW: &str = "271828";
const AES: &str = "000102030405060708090A0B0C0D0E0F";
const TRIPLE_DES: &str = "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123";
const MASTER: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";

const PROFILES: [&str; 3] = ["key-v3", "c2300", "piv"];

struct Scene(Lab);

impl Scene {
    fn new(profile: &str) -> Self {
        Self::with(profile, &[])
    }

    fn with(profile: &str, options: &[&str]) -> Self {
        Self(Lab::start(&[&["--profile", profile], options].concat()))
    }

    /// The command, with every secret of these tests in variables, and away from any policy of this machine.
    fn crescendo(&self, words: &[&str]) -> Program {
        let policy = self.0.file("policy.toml", "");
        let program = self.0.program(&Files::get().command).args(words).env("CRESCENDO_POLICY", policy);
        let secrets = [("OLD", PIN), ("NEW", NEW), ("PUK", "12345678"), ("XAUTH", AES), ("MASTER", MASTER)];
        secrets.into_iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    fn json(&self, words: &[&str]) -> Value {
        json(&self.crescendo(words).arg("--json").run())
    }

    fn change(&self, old: &str, new: &str) -> Value {
        let words = ["pin", "change", "--pin-env", "OLD", "--new-pin-env", "NEW", "--json"];
        json(&self.crescendo(&words).env("OLD", old).env("NEW", new).run())
    }

    fn is_pin(&self, pin: &str) -> bool {
        let done = self.crescendo(&["pin", "verify", "--pin-env", "OLD", "--json"]).env("OLD", pin).run();
        json(&done)["pin"] == "right"
    }

    /// How often pcscd has noticed that the card was gone.
    fn removals(&self) -> usize {
        fs::read_to_string(self.0.path("pcscd.log")).unwrap().matches("Card Removed").count()
    }

    fn status(&self) -> Value {
        self.json(&["pin", "status"])["pin"].clone()
    }
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"))
}

fn code(answer: &Value) -> (&str, u64) {
    let error = &answer["error"];
    assert!(error.is_object(), "{answer}");
    (error["code"].as_str().unwrap(), error["exit"].as_u64().unwrap())
}

#[test]
fn a_pin_is_verified_and_the_device_is_locked_again() {
    for profile in PROFILES {
        let scene = Scene::new(profile);
        let tries = scene.0.tries();
        assert!(scene.is_pin(PIN), "{profile}");
        assert_eq!(scene.0.card("verified"), "false");
        assert!(!scene.is_pin("999999"));
        assert_eq!(scene.0.tries(), tries - 1);
        assert!(!scene.is_pin("12345x"), "no PIN at all, and not sent");
        assert_eq!(scene.0.tries(), tries - 1);
        assert!(scene.is_pin(PIN));
        assert_eq!(scene.0.tries(), tries, "the right one restores them");
    }
}

#[test]
fn the_status_shows_policy_and_tries_and_spends_none() {
    for (profile, min, challenge) in [("key-v3", 6, "unconfirmed"), ("c2300", 4, "yes"), ("piv", 6, "no")] {
        let scene = Scene::new(profile);
        let tries = scene.0.tries();
        let status = scene.status();
        assert_eq!((&status["state"], &status["tries"]), (&"not-verified".into(), &tries.into()), "{status}");
        assert_eq!((&status["policy"]["min"], &status["policy"]["max"]), (&min.into(), &8.into()));
        assert_eq!((&status["challenge"], &status["next"]), (&challenge.into(), &"nothing".into()));
        let _ = scene.crescendo(&["pin", "status"]).succeed().says("8 digits, not the old PIN");
        assert_eq!(scene.0.tries(), tries);
    }
}

#[test]
fn a_pin_is_changed() {
    for profile in PROFILES {
        let scene = Scene::new(profile);
        assert_eq!(scene.change(PIN, NEW)["pin"], "changed");
        assert_eq!(scene.0.card("verified"), "false", "and the device is locked");
        assert!(scene.is_pin(NEW) && !scene.is_pin(PIN));
    }
}

#[test]
fn bad_new_pins_are_refused_before_anything_is_sent() {
    for profile in PROFILES {
        let scene = Scene::new(profile);
        let tries = scene.0.tries();
        let policy = scene.0.file("strict.toml", "[pin]\nmin = 6\ntrivial = \"refuse\"\n");
        let words = ["pin", "change", "--pin-env", "OLD", "--new-pin-env", "NEW", "--json"];
        scene.0.card("zero");
        for bad in ["12345", "123456789", "12345a", PIN, "111111", "654321", "454545", "12345678"] {
            let done = scene.crescendo(&words).env("NEW", bad).env("CRESCENDO_POLICY", &policy).run();
            assert_eq!(code(&json(&done)), ("pin-rejected", 2), "{bad}");
            assert!(!done.out.contains(bad), "{bad} is not repeated: {done}");
        }
        assert!(!scene.0.seen(&[0x00, 0x24]), "no CHANGE of any kind");
        assert_eq!(scene.0.tries(), tries);
        let broken = scene.0.file("broken.toml", "[pin]\ntrivial = maybe\n");
        let done = scene.crescendo(&words).env("CRESCENDO_POLICY", broken).run();
        assert_eq!(code(&json(&done)), ("policy", 1));
    }
}

#[test]
fn a_wrong_old_pin_costs_one_try_and_a_blocked_one_says_what_next() {
    for (profile, next) in
        [("key-v3", "unblock-unconfirmed"), ("c2300", "unblock-help-desk"), ("piv", "unblock-puk")]
    {
        let scene = Scene::new(profile);
        let tries = scene.0.tries();
        assert_eq!(code(&scene.change("999999", NEW)), ("wrong-pin", 1));
        assert_eq!(scene.0.tries(), tries - 1);
        scene.0.card("block-pin");
        assert_eq!(code(&scene.change(PIN, NEW)), ("pin-blocked", 1));
        let status = scene.status();
        assert_eq!((&status["state"], &status["next"]), (&"blocked".into(), &next.into()), "{status}");
        let _ = scene.crescendo(&["pin", "status"]).succeed().says("! blocked").says("pin unblock");
    }
    let lost = Scene::new("piv");
    lost.0.card("block-pin");
    lost.0.card("block-puk");
    let status = lost.status();
    assert!(status["next"] == "lost" || status["puk"]["state"] == "untold", "{status}");
}

#[test]
fn a_puk_unblocks_a_plain_card() {
    let scene = Scene::new("piv");
    scene.0.card("block-pin");
    let words = ["pin", "unblock", "--puk-env", "PUK", "--new-pin-env", "NEW", "--json"];
    let unblock = |puk: &str| json(&scene.crescendo(&words).env("PUK", puk).run());
    assert_eq!(code(&unblock("87654321")), ("wrong-puk", 1));
    assert_eq!(code(&unblock("1234")), ("puk-format", 2));
    assert_eq!(code(&unblock("0123-4567-89AB-CDE")), ("puk-format", 2));
    assert_eq!(code(&unblock("0123-4567-89AB-CDEF")), ("unsupported", 1), "that kind is for a Crescendo");
    assert_eq!(unblock("12345678")["pin"], "unblocked");
    assert!(scene.is_pin(NEW));
    let change = ["puk", "change", "--puk-env", "PUK", "--new-puk-env", "NEW_PUK", "--json"];
    let done = scene.crescendo(&change).env("NEW_PUK", "87654321").run();
    assert_eq!(json(&done)["puk"], "changed");
    scene.0.card("block-pin");
    assert_eq!(code(&unblock("12345678")), ("wrong-puk", 1));
    assert_eq!(unblock("87654321")["pin"], "unblocked");
    scene.0.card("block-puk");
    assert_eq!(code(&unblock("87654321")), ("puk-blocked", 1));
}

#[test]
fn a_crescendo_with_a_puk_of_its_own_is_sent_it_by_permission() {
    let scene = Scene::with("key-v3", &["--puk", "12345678"]);
    scene.0.card("block-pin");
    let words = ["pin", "unblock", "--puk-env", "PUK", "--new-pin-env", "NEW"];
    assert_eq!(code(&scene.json(&words)), ("not-confirmed", 1));
    assert_eq!(scene.json(&[&words[..], &["--unconfirmed"]].concat())["pin"], "unblocked");
    assert!(scene.is_pin(NEW));
    let without = Scene::new("c2300");
    assert_eq!(code(&without.json(&words)), ("no-puk", 3));
}

#[test]
fn the_administration_key_unblocks_a_crescendo() {
    for (profile, key) in [("c2300", AES), ("c2300", TRIPLE_DES), ("key-v3", AES), ("key-v3", TRIPLE_DES)] {
        let scene = Scene::with(profile, &["--xauth", key]);
        scene.0.card("block-pin");
        let words = ["pin", "unblock", "--xauth-key-env", "XAUTH", "--new-pin-env", "NEW", "--unconfirmed"];
        let unblock = |key: &str| json(&scene.crescendo(&words).env("XAUTH", key).arg("--json").run());
        assert_eq!(code(&unblock(&"07".repeat(key.len() / 2))), ("wrong-key", 1));
        let other = if key == AES { TRIPLE_DES } else { AES };
        assert_eq!(code(&unblock(other)), ("wrong-key-kind", 1));
        assert_eq!(code(&unblock("0011")), ("key-format", 2));
        assert_eq!(unblock(key)["pin"], "unblocked", "{profile}");
        let rights = "pin=false xauth=false management=false administration-key=own";
        assert_eq!(scene.0.card("rights"), rights, "the card was reset");
        assert!(scene.is_pin(NEW));
    }
    let piv = Scene::new("piv");
    let words = ["pin", "unblock", "--xauth-key-env", "XAUTH", "--new-pin-env", "NEW"];
    assert_eq!(code(&piv.json(&words)), ("unsupported", 1));
}

/// Both sides of a telephone call: the user's command shows a challenge, the help desk's makes the response of it.
#[test]
fn the_help_desk_unblocks_a_crescendo_by_challenge_and_response() {
    for (profile, bytes) in [("c2300", 16), ("key-v3", 8)] {
        let id = Scene::new(profile).json(&["pin", "status"])["device"]["id"].as_str().unwrap().to_owned();
        let key = key_of(&id, bytes);
        let scene = Scene::with(profile, &["--xauth", &key]);
        scene.0.card("block-pin");
        let line = scene.0.path("line");
        assert!(Command::new("mkfifo").arg(&line).status().unwrap().success());
        let command = Files::get().command.display();
        let script = format!(
            "exec {command} pin unblock --help-desk --response-fd 7 --new-pin-env NEW --unconfirmed --json 7<>{}",
            line.display()
        );
        let user = scene.0.server("sh").arg("-c").arg(script).env("NEW", NEW);
        let user = user.serve(scene.0.path("screen"), "challenge");
        let told: Value = serde_json::from_str(user.log().lines().next().unwrap()).unwrap();
        assert_eq!(told["device"]["id"], id.as_str());
        let challenge = told["challenge"].as_str().unwrap();
        assert_eq!(challenge.len(), bytes * 5 / 2 - 1, "in groups of four: {challenge}");
        let response = response(&scene, &id, challenge);
        fs::write(&line, format!("{response}\n")).unwrap();
        user.wait_for("unblocked");
        assert!(scene.is_pin(NEW), "{profile}");
    }
}

/// The key that the help desk's master gives a device, by way of two responses of the command: the simulated card has to
/// have it before there is anything to unblock.
fn key_of(id: &str, block: usize) -> String {
    use hkdf::Hkdf;
    let length = if block == 8 { 24 } else { 16 };
    let master: Vec<u8> = (0..32).collect();
    let mut key = vec![0; length];
    Hkdf::<sha2::Sha256>::new(Some(b"crescendo-xauth-v1"), &master).expand(id.as_bytes(), &mut key).unwrap();
    if block == 8 {
        key.iter_mut()
            .for_each(|byte| *byte = *byte & 0xFE | u8::from((*byte >> 1).count_ones().is_multiple_of(2)));
    }
    key.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn response(scene: &Scene, id: &str, challenge: &str) -> String {
    let words =
        ["helpdesk", "response", "--device-id", id, "--challenge", challenge, "--master-key-env", "MASTER"];
    let done = scene.crescendo(&words).succeed();
    assert!(done.err.contains("opens all of the administration"), "{done}");
    let made = scene.json(&words);
    assert_eq!((&made["response"], &made["device_id"]), (&done.out.trim().into(), &id.into()));
    done.out.trim().to_owned()
}

/// A code of 16 characters stands for the administration key: with the salt of its own, and no device ID.
#[test]
fn a_puk_of_sixteen_characters_unblocks_a_crescendo() {
    use hkdf::Hkdf;
    let mut key = [0; 16];
    let code = [0x08, 0x86, 0x42, 0x98, 0xE8, 0x4A, 0xA6, 0xE5, 0xDA, 0x17];
    Hkdf::<sha2::Sha256>::new(Some(b"crescendo-puk-v1"), &code).expand(b"xauth", &mut key).unwrap();
    let key: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
    let scene = Scene::with("c2300", &["--xauth", &key]);
    scene.0.card("block-pin");
    let words = ["pin", "unblock", "--puk-env", "PUK", "--new-pin-env", "NEW", "--json"];
    let unblock = |puk: &str| json(&scene.crescendo(&words).env("PUK", puk).run());
    assert_eq!(self::code(&unblock("0000-0000-0000-0000")), ("wrong-key", 1));
    assert_eq!(unblock(&crockford(&code))["pin"], "unblocked");
    assert!(scene.is_pin(NEW));
}

/// As the code is shown, written here from its definition alone.
fn crockford(bytes: &[u8; 10]) -> String {
    let number = bytes.iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    let digit = |place: u32| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(number >> (5 * place) & 31) as usize];
    (0..16).rev().map(|place| char::from(digit(place)).to_ascii_lowercase()).collect()
}

const CHANGE: &[&str] = &["pin", "change", "--pin-env", "OLD", "--new-pin-env", "NEW"];
const UNBLOCK: &[&str] = &["pin", "unblock", "--new-pin-env", "NEW", "--unconfirmed"];

#[test]
fn a_change_pulled_anywhere_leaves_one_of_the_two_pins_and_every_try() {
    pulled_anywhere("c2300", &[], CHANGE, |scene, _| {
        let (old, new) = (scene.is_pin(PIN), scene.is_pin(NEW));
        assert!(old != new, "the one or the other");
        if new {
            assert_eq!(scene.change(NEW, PIN)["pin"], "changed");
        }
        assert!(scene.is_pin(PIN));
    });
}

#[test]
fn an_unblocking_by_puk_pulled_anywhere_is_done_by_the_next() {
    pulled_anywhere("piv", &[], &[UNBLOCK, &["--puk-env", "PUK"]].concat(), unblocked_by_the_next);
}

#[test]
fn an_unblocking_by_key_pulled_anywhere_is_done_by_the_next() {
    let words = [UNBLOCK, &["--xauth-key-env", "XAUTH"]].concat();
    pulled_anywhere("key-v3", &["--xauth", AES], &words, unblocked_by_the_next);
}

fn unblocked_by_the_next(scene: &Scene, words: &[&str]) {
    assert_eq!(scene.json(words)["pin"], "unblocked");
    assert!(scene.is_pin(NEW));
}

/// Pulls the device at every APDU of a command, before it sees it and after; then `recovers` does what the message says. Of
/// every card and every way the same is done in process: crates/piv/tests/pins.rs.
fn pulled_anywhere(profile: &str, options: &[&str], words: &[&str], recovers: impl Fn(&Scene, &[&str])) {
    let mut scene = Scene::with(profile, options);
    let full = scene.0.card("tries");
    for kind in ["pull", "lose-answer"] {
        for at in 1.. {
            if words != CHANGE {
                scene.0.card("block-pin");
            }
            let removals = scene.removals();
            scene.0.card(&format!("fault {at} {kind}"));
            let done = scene.json(words);
            let was_cut = scene.0.card("present") == "false";
            scene.0.card("fault none");
            if was_cut {
                while scene.removals() == removals {
                    sleep(Duration::from_millis(20));
                }
                scene.0.insert();
            }
            let told = done["error"]["code"].as_str().unwrap_or("done");
            let expected: &[&str] =
                if was_cut { &["uncertain", "removed", "no-card", "failed", "done"] } else { &["done"] };
            assert!(expected.contains(&told), "{kind} {at}: {done}");
            recovers(&scene, words);
            assert_eq!(scene.0.card("tries"), full, "{kind} {at}");
            if !was_cut {
                break;
            }
        }
    }
}

#[test]
fn a_call_that_fails_changes_nothing_and_costs_no_try_of_unblocking() {
    let scene = Scene::with("c2300", &["--xauth", AES]);
    scene.0.card("block-pin");
    scene.0.card("zero");
    let command = Files::get().command.display().to_string();
    let unblock = |line: &str| {
        let script = format!(
            "printf '{line}\\n' | {command} pin unblock --help-desk --response-fd 0 --new-pin-env NEW --json"
        );
        let done = scene.0.program("sh").arg("-c").arg(script).env("NEW", NEW).run();
        let last = done.out.lines().last().unwrap_or_else(|| panic!("{done}")).to_owned();
        serde_json::from_str::<Value>(&last).unwrap()
    };
    assert_eq!(code(&unblock("0011 2233 4455 6677 8899 AABB CCDD EEFF")), ("wrong-key", 1));
    assert_eq!(code(&unblock("0011")), ("given-up", 1));
    assert!(!scene.0.seen(&[0x00, 0x2C]), "UNLOCK without a proof would cost one of its tries");
    let key_v3 = Scene::new("key-v3");
    let words = ["pin", "unblock", "--help-desk", "--response-fd", "0", "--new-pin-env", "NEW"];
    assert_eq!(code(&key_v3.json(&words)), ("not-confirmed", 1), "and nobody has telephoned in vain");
}

#[test]
fn a_response_is_made_of_what_was_heard_or_not_at_all() {
    let scene = Scene::new("piv");
    let make = |id: &str, challenge: &str, key: &[&str]| {
        scene.json(&[&["helpdesk", "response", "--device-id", id, "--challenge", challenge], key].concat())
    };
    let (id, master) = ("47900503708900123456", &["--master-key-env", "MASTER"][..]);
    assert_eq!(code(&make(id, "0011", master)), ("challenge-format", 2));
    assert_eq!(code(&make("?", "0011223344556677", master)), ("device-id-format", 2));
    assert_eq!(code(&make(id, "0011223344556677", &["--master-key-env", "PUK"])), ("key-format", 2));
    let one = ["--xauth-key-env", "XAUTH"];
    let response = make(id, "00112233445566778899AABBCCDDEEFF", &one);
    assert_eq!(response["response"], "69C4 E0D8 6A7B 0430 D8CD B780 70B4 C55A");
    assert_eq!(code(&make(id, "0011223344556677", &one)), ("wrong-key-kind", 1));
}

#[test]
fn the_puk_is_shown_to_whoever_knows_the_pin_until_it_is_hidden() {
    for (profile, hides) in [("key-v3", true), ("c2300", true), ("piv", false)] {
        let scene = Scene::new(profile);
        let show = ["puk", "show", "--pin-env", "OLD"];
        assert_eq!(code(&scene.json(&show)), ("no-puk-kept", 3), "{profile}");
        scene.0.card("object 5FC109 530A88083132333435363738");
        let done = scene.crescendo(&show).succeed();
        assert_eq!(done.out, "12345678\n", "the PUK alone is on standard output");
        assert_eq!(scene.json(&show)["puk"], "12345678");
        assert_eq!(scene.0.card("verified"), "false");
        let hide = ["puk", "hide", "--pin-env", "OLD"];
        let alone = scene.0.program("setsid").arg("--wait").arg(&Files::get().command).args(&hide);
        let asked = json(&alone.env("OLD", PIN).arg("--json").run());
        assert_eq!(code(&asked), ("unconfirmed", 2), "a script says --yes");
        let hidden = scene.json(&[&hide[..], &["--yes"]].concat());
        if hides {
            assert_eq!(hidden["puk"], "hidden", "{hidden}");
            assert_eq!(code(&scene.json(&show)), ("no-puk-kept", 3));
        } else {
            assert_eq!(
                code(&hidden),
                ("management-key-needed", 1),
                "the standard's cards are written by others"
            );
        }
        scene.0.card("block-pin");
        assert_eq!(code(&scene.json(&show)), ("pin-blocked", 1), "never when locked");
    }
}

#[test]
fn at_a_terminal_everything_is_masked_and_the_policy_comes_first() {
    let scene = Scene::new("c2300");
    let keys = scene.0.path("keys");
    assert!(Command::new("mkfifo").arg(&keys).status().unwrap().success());
    let command = Files::get().command.display();
    let script = format!("exec script -qfec '{command} pin change' /dev/null <>{}", keys.display());
    let person = scene.0.server("sh").arg("-c").arg(script);
    let person = person.serve(scene.0.path("screen"), "tries left): ");
    fs::write(&keys, format!("{PIN}\n")).unwrap();
    person.wait_for("4 to 8 digits, not the old PIN");
    person.wait_for("New PIN: ");
    fs::write(&keys, format!("{PIN}\n")).unwrap();
    person.wait_for("the new PIN is the old one");
    fs::write(&keys, format!("{NEW}\n")).unwrap();
    person.wait_for("once more: ");
    fs::write(&keys, "271829\n").unwrap();
    person.wait_for("two different ones");
    fs::write(&keys, format!("{NEW}\n")).unwrap();
    fs::write(&keys, format!("{NEW}\n")).unwrap();
    person.wait_for("The PIN is changed.");
    let log = person.log();
    assert!(log.contains("******") && !log.contains(PIN) && !log.contains(NEW), "{log}");
    assert!(scene.is_pin(NEW));
}

#[test]
fn no_secret_is_in_the_log_at_its_finest_or_on_the_command_line() {
    let scene = Scene::with("c2300", &["--xauth", AES]);
    let words = ["pin", "change", "--pin-env", "OLD", "--new-pin-env", "NEW"];
    let done = scene.crescendo(&words).env("CRESCENDO_LOG", "trace").succeed();
    scene.0.card("block-pin");
    let words = ["pin", "unblock", "--xauth-key-env", "XAUTH", "--new-pin-env", "OLD"];
    let unblocked = scene.crescendo(&words).env("CRESCENDO_LOG", "trace").succeed();
    for text in [done.err, done.out, unblocked.err, unblocked.out] {
        for secret in [PIN, NEW, AES, "323731383238", "69C4E0D8"] {
            assert!(!text.to_uppercase().contains(secret), "{secret} in {text}");
        }
    }
    for words in [
        &["pin", "verify", "123456"][..],
        &["pin", "change", "--pin", "123456"],
        &["pin", "change", "--new-pin", "123456"],
        &["pin", "unblock", "--puk", "12345678"],
        &["pin", "unblock", "--xauth-key", AES],
        &["pin", "unblock", "--help-desk", "--puk-env", "PUK"],
        &["helpdesk", "response", "--master-key", MASTER],
    ] {
        assert_eq!(code(&scene.json(words)), ("usage", 2), "{words:?}");
    }
}
