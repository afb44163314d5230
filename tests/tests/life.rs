//! `crescendo recycle`, `personalize` and `audit` with the shipped files: D9, D10 and D17 on a Key V3, a Crescendo 2300 and
//! plain PIV cards; what is said before, what is left after, and the device pulled at every APDU.

#![forbid(unsafe_code)]

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::{Done, Files, Lab, PIN, Program};
use serde_json::Value;

const NEW: &str = "271828";
const AES: &str = "000102030405060708090A0B0C0D0E0F";
const MASTER: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";

const PROFILES: [&str; 4] = ["key-v3", "c2300", "piv", "piv-extended"];
const PERSONALIZE: [&str; 4] = ["personalize", "--new-pin-env", "NEW", "--unconfirmed"];

struct Scene(Lab);

impl Scene {
    fn with(profile: &str, options: &[&str]) -> Self {
        Self(Lab::start(&[&["--profile", profile], options].concat()))
    }

    /// The command, with every secret of these tests in variables, and away from any policy of this machine.
    fn crescendo(&self, words: &[&str]) -> Program {
        let policy = self.0.file("policy.toml", "");
        let program = self.0.program(&Files::get().command).args(words).env("CRESCENDO_POLICY", policy);
        let secrets = [("OLD", PIN), ("NEW", NEW), ("XAUTH", AES), ("MASTER", MASTER)];
        secrets.into_iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    fn json(&self, words: &[&str]) -> Value {
        json(&self.crescendo(words).arg("--json").run())
    }

    fn is_pin(&self, pin: &str) -> bool {
        let done = self.crescendo(&["pin", "verify", "--pin-env", "OLD", "--json"]).env("OLD", pin).run();
        json(&done)["pin"] == "right"
    }

    fn removals(&self) -> usize {
        fs::read_to_string(self.0.path("pcscd.log")).unwrap().matches("Card Removed").count()
    }

    /// How the actions stand: why not.
    fn why_not(&self, action: &str) -> Option<String> {
        let info = self.json(&["info"]);
        let actions = info["device"]["actions"].as_array().unwrap_or_else(|| panic!("{info}"));
        let item = actions.iter().find(|item| item["action"] == action).unwrap();
        item["reason"].as_str().map(str::to_owned)
    }

    /// The words that recycle a card of this profile with this PIN in OLD.
    fn recycle(&self, profile: &str, pin: &str) -> Value {
        json(&self.crescendo(&recycle(profile)).env("OLD", pin).arg("--json").run())
    }
}

fn recycle(profile: &str) -> Vec<&'static str> {
    match profile {
        "piv" => vec!["recycle", "--default-management-key", "--yes"],
        _ => vec!["recycle", "--pin-env", "OLD", "--yes"],
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
fn a_device_in_factory_state_is_personalized_and_its_puk_unblocks_it() {
    for profile in PROFILES {
        let scene = Scene::with(profile, &["--blank"]);
        assert_eq!(scene.why_not("personalize"), None, "{profile}");
        let full = scene.0.card("tries");
        let made = scene.json(&PERSONALIZE);
        let item = &made["personalized"];
        let puk = item["puk"].as_str().unwrap_or_else(|| panic!("{profile}: {made}")).to_owned();
        assert_eq!(puk.len(), if profile.starts_with("piv") { 8 } else { 19 });
        assert_eq!(
            (&item["kept"], &item["factory_key_replaced"]),
            (&true.into(), &(profile != "piv").into())
        );
        assert_eq!(item["management_key"].is_string(), profile == "piv-extended");
        assert!(made["device"]["id"].is_string() && scene.is_pin(NEW));
        assert_eq!(scene.0.card("verified"), "false", "and the device is locked");
        assert_eq!(scene.0.card("tries"), full);
        let show = ["puk", "show", "--pin-env", "NEW"];
        assert_eq!(scene.json(&show)["puk"], puk.as_str());
        assert_eq!(code(&scene.json(&PERSONALIZE)), ("not-factory", 1));
        scene.0.card("block-pin");
        let unblock =
            ["pin", "unblock", "--puk-env", "PUK", "--new-pin-env", "OLD", "--unconfirmed", "--json"];
        assert_eq!(json(&scene.crescendo(&unblock).env("PUK", &puk).run())["pin"], "unblocked");
        assert!(scene.is_pin(PIN));
    }
}

#[test]
fn what_is_only_inferred_is_not_sent_to_a_key_v3_without_permission() {
    let scene = Scene::with("key-v3", &["--blank"]);
    scene.0.card("zero");
    assert_eq!(code(&scene.json(&PERSONALIZE[..3])), ("not-confirmed", 1));
    assert!(!scene.0.seen(&[0x00, 0xD8]) && scene.0.count("verifies") == 0);
}

#[test]
fn bad_new_pins_and_impossible_rules_are_refused_before_anything_is_sent() {
    let scene = Scene::with("c2300", &["--blank"]);
    scene.0.card("zero");
    for bad in ["123", "123456789", "12345a", "00000000"] {
        let done = scene.crescendo(&PERSONALIZE).env("NEW", bad).arg("--json").run();
        assert_eq!(code(&json(&done)), ("pin-rejected", 2), "{bad}");
    }
    let rules = |words: &[&str]| scene.json(&[&PERSONALIZE[..], words].concat());
    assert_eq!(code(&rules(&["--min", "8", "--max", "6"])), ("policy", 1));
    assert_eq!(code(&rules(&["--min", "7"])), ("pin-rejected", 2));
    assert_eq!(code(&rules(&["--min", "9"])), ("usage", 2));
    assert_eq!(scene.0.count("verifies"), 0);
    assert!(!scene.0.seen(&[0x00, 0x24]) && !scene.0.seen(&[0x00, 0x26]));
    let made = rules(&["--min", "6", "--max", "6"]);
    assert!(made["personalized"]["puk"].is_string(), "{made}");
    let status = scene.json(&["pin", "status"]);
    assert_eq!((&status["pin"]["policy"]["min"], &status["pin"]["policy"]["max"]), (&6.into(), &6.into()));
}

#[test]
fn another_pin_than_that_of_delivery_costs_one_try_and_is_taken_from_its_owner() {
    let scene = Scene::with("c2300", &["--blank", "--pin", "998877"]);
    let full = scene.0.tries();
    let refused = scene.json(&PERSONALIZE);
    assert_eq!(code(&refused), ("not-factory-pin", 1), "{refused}");
    assert!(refused["error"]["hint"].as_str().unwrap().contains("--pin-env"));
    assert_eq!(scene.0.tries(), full - 1);
    let words = [&PERSONALIZE[..], &["--pin-env", "OLD", "--json"]].concat();
    let made = json(&scene.crescendo(&words).env("OLD", "998877").run());
    assert!(made["personalized"]["kept"] == true && scene.is_pin(NEW), "{made}");
    assert_eq!(scene.0.tries(), full);
}

/// Made by the one command, answered by the other: the help desk's key is that of the device's ID.
#[test]
fn a_help_desk_has_the_key_of_what_was_personalized_for_it() {
    for profile in ["key-v3", "c2300"] {
        let scene = Scene::with(profile, &["--blank"]);
        let made = scene.json(&[&PERSONALIZE[..], &["--xauth-master-env", "MASTER"]].concat());
        assert_eq!(made["personalized"]["administration_key"], "help-desk", "{made}");
        assert!(made["personalized"]["puk"].is_null());
        let id = made["device"]["id"].as_str().unwrap();
        assert_eq!(id.len(), 20);
        scene.0.card("block-pin");
        let line = scene.0.path("line");
        assert!(Command::new("mkfifo").arg(&line).status().unwrap().success());
        let command = Files::get().command.display();
        let script = format!(
            "exec {command} pin unblock --help-desk --response-fd 7 --new-pin-env OLD --unconfirmed --json 7<>{}",
            line.display()
        );
        let user = scene.0.server("sh").arg("-c").arg(script).env("OLD", PIN);
        let user = user.serve(scene.0.path("screen"), "challenge");
        let told: Value = serde_json::from_str(user.log().lines().next().unwrap()).unwrap();
        let challenge = told["challenge"].as_str().unwrap();
        let words = [
            "helpdesk",
            "response",
            "--device-id",
            id,
            "--challenge",
            challenge,
            "--master-key-env",
            "MASTER",
        ];
        let response = scene.json(&words)["response"].as_str().unwrap().to_owned();
        fs::write(&line, format!("{response}\n")).unwrap();
        user.wait_for("unblocked");
        assert!(scene.is_pin(PIN), "{profile}");
    }
}

#[test]
fn recycling_names_what_is_lost_and_is_confirmed() {
    for (profile, way) in
        [("key-v3", "reset-card"), ("c2300", "reset-card"), ("piv", "objects"), ("piv-extended", "extended")]
    {
        let scene = Scene::with(profile, &[]);
        scene.0.card("zero");
        let words = recycle(profile);
        let asked = &words[..words.len() - 1];
        let alone = scene.0.program("setsid").arg("--wait").arg(&Files::get().command).args(asked);
        let refused = json(&alone.env("OLD", PIN).arg("--json").run());
        assert_eq!(code(&refused), ("unconfirmed", 2), "a script says --yes");
        let told = refused["error"]["message"].as_str().unwrap();
        assert!(told.contains("certificate of 9A (CN="), "{told}");
        assert_eq!(scene.0.count("verifies"), 0);
        let done = scene.recycle(profile, PIN);
        assert_eq!(done["recycled"]["way"], way, "{done}");
        assert!(done["recycled"]["lost"].as_array().unwrap().len() > 3);
        assert_eq!(scene.json(&["cert", "list"])["certificates"].as_array().unwrap().len(), 0);
        assert_eq!(scene.why_not("recycle").as_deref(), Some("factory"));
        assert_eq!(code(&scene.recycle(profile, PIN)), ("factory", 1));
        let passkeys = if profile == "key-v3" || profile == "c2300" { "untold" } else { "none" };
        assert_eq!(done["recycled"]["passkeys"], passkeys);
        assert_eq!(scene.json(&PERSONALIZE)["personalized"]["kept"], true, "{profile}");
    }
}

#[test]
fn what_became_of_passkeys_is_looked_at_afterwards() {
    for (profile, passkeys) in [("key-v3", "cleared"), ("c2300", "kept")] {
        let scene = Scene::with(profile, &[]);
        scene.0.card("fido-pin on");
        let done = scene.recycle(profile, PIN);
        assert_eq!(done["recycled"]["passkeys"], passkeys, "{done}");
    }
}

#[test]
fn a_blocked_one_is_recycled_with_its_puk_or_key_and_else_refused_before_anything_is_sent() {
    for profile in ["key-v3", "c2300"] {
        let scene = Scene::with(profile, &["--blank"]);
        let puk = scene.json(&PERSONALIZE)["personalized"]["puk"].as_str().unwrap().to_owned();
        scene.0.card("block-pin");
        scene.0.card("zero");
        assert_eq!(code(&scene.recycle(profile, NEW)), ("cannot-recycle", 1));
        assert!(!scene.0.seen(&[0x00, 0x38]) && scene.0.count("verifies") == 0);
        let words = ["recycle", "--puk-env", "PUK", "--yes", "--json"];
        let with = |puk: &str| json(&scene.crescendo(&words).env("PUK", puk).run());
        assert_eq!(code(&with("0000-0000-0000-0000")), ("wrong-key", 1));
        assert_eq!(code(&with("12345678")), ("puk-format", 2));
        assert_eq!(with(&puk)["recycled"]["way"], "reset-card");

        let scene = Scene::with(profile, &["--xauth", AES]);
        scene.0.card("block-pin");
        let done = scene.json(&["recycle", "--xauth-key-env", "XAUTH", "--yes"]);
        assert_eq!(done["recycled"]["way"], "reset-card", "{done}");
        let rights = "pin=false xauth=false management=false administration-key=absent";
        assert_eq!(scene.0.card("rights").replace("none", "absent"), rights);
    }
}

#[test]
fn a_managed_device_is_left_to_its_system() {
    for profile in ["key-v3", "c2300"] {
        let scene = Scene::with(profile, &["--managed"]);
        assert_eq!(code(&scene.recycle(profile, PIN)), ("managed", 1));
        assert_eq!(scene.why_not("recycle").as_deref(), Some("managed"));
        scene.0.card("zero");
        assert_eq!(code(&scene.recycle(profile, PIN)), ("managed", 1), "and from now on nothing is sent");
        assert_eq!(scene.0.count("verifies"), 0);
    }
}

#[test]
fn the_audit_finds_the_keys_of_delivery() {
    for (profile, options, key, exit) in [
        ("key-v3", &[][..], "factory", 8),
        ("c2300", &[], "factory", 8),
        ("piv", &[], "factory", 8),
        ("key-v3", &["--xauth", AES], "own", 0),
        ("c2300", &["--xauth", "none"], "absent", 0),
        ("piv", &["--management-key", "aes-128:000102030405060708090A0B0C0D0E0F"], "own", 0),
    ] {
        let scene = Scene::with(profile, options);
        let full = scene.0.card("tries");
        scene.0.card("zero");
        let done = scene.crescendo(&["audit", "--yes", "--json"]).run();
        assert_eq!(done.status, Some(exit), "{done}");
        let audit = json(&done);
        assert_eq!(audit["audit"][0]["key"], key, "{audit}");
        assert_eq!(audit["found"], u64::from(exit == 8));
        assert_eq!((scene.0.card("tries"), scene.0.count("verifies")), (full, 0), "no PIN is tried");
        let told = scene.crescendo(&["audit", "--yes"]).run();
        assert_eq!(told.out.starts_with('!'), exit == 8, "{told}");
    }
    let scene = Scene::with("c2300", &[]);
    let alone = scene.0.program("setsid").arg("--wait").arg(&Files::get().command).args(&["audit", "--json"]);
    let asked = json(&alone.run());
    assert_eq!(code(&asked), ("unconfirmed", 2), "it says beforehand what it does: {asked}");
    assert!(!scene.0.seen(&[0x00, 0x82, 0x00, 0x01]));
}

#[test]
fn personalized_and_recycled_in_turn_a_2300_pulled_anywhere_recovers() {
    pulled_anywhere("c2300");
}

#[test]
fn personalized_and_recycled_in_turn_a_key_v3_pulled_anywhere_recovers() {
    pulled_anywhere("key-v3");
}

#[test]
fn personalized_and_recycled_in_turn_a_plain_card_pulled_anywhere_recovers() {
    pulled_anywhere("piv");
}

/// Pulls the device at APDUs all through both commands, before it sees them and after, and does what the message says: the
/// same once more. At every one of them, and of every card, the same is done in process: crates/device/tests/life.rs.
fn pulled_anywhere(profile: &str) {
    let mut scene = Scene::with(profile, &["--blank"]);
    let full = scene.0.card("tries");
    let kinds = ["pull", "lose-answer"].into_iter().cycle();
    for (at, kind) in (2..).step_by(5).zip(kinds) {
        let was_cut = cut(&mut scene, &PERSONALIZE, &format!("{at} {kind}"), "not-factory");
        assert_eq!(scene.0.card("tries"), full, "{kind} {at}");
        assert!(scene.is_pin(NEW), "{kind} {at}");
        let puk = scene.json(&["puk", "show", "--pin-env", "NEW"]);
        assert!(puk["puk"].is_string(), "{kind} {at}: {puk}");
        let words: Vec<_> =
            recycle(profile).into_iter().map(|word| if word == "OLD" { "NEW" } else { word }).collect();
        let is_over = !cut(&mut scene, &words, &format!("{at} {kind}"), "factory") && !was_cut;
        if is_over {
            break;
        }
        if profile == "piv" {
            // Its PIN and PUK stay as they are, and are not those of delivery.
            scene = Scene::with(profile, &["--blank"]);
        }
    }
}

/// Runs the command with a fault; if the device was cut off, once more without. Whether it was.
fn cut(scene: &mut Scene, words: &[&str], fault: &str, done: &str) -> bool {
    let removals = scene.removals();
    scene.0.card(&format!("fault {fault}"));
    let first = scene.json(words);
    let was_cut = scene.0.card("present") == "false";
    scene.0.card("fault none");
    if !was_cut {
        assert!(first["error"].is_null(), "{fault}: {first}");
        return false;
    }
    while scene.removals() == removals {
        sleep(Duration::from_millis(20));
    }
    scene.0.insert();
    let again = scene.json(words);
    assert!(again["error"].is_null() || again["error"]["code"] == done, "{fault}: {first} {again}");
    true
}

#[test]
fn at_a_terminal_the_new_pin_is_masked_and_the_puk_is_shown_once() {
    let scene = Scene::with("c2300", &["--blank"]);
    let keys = scene.0.path("keys");
    assert!(Command::new("mkfifo").arg(&keys).status().unwrap().success());
    let command = Files::get().command.display();
    let script = format!("exec script -qfec '{command} personalize' /dev/null <>{}", keys.display());
    let person = scene.0.server("sh").arg("-c").arg(script);
    let person = person.serve(scene.0.path("screen"), "New PIN: ");
    let log = person.log();
    assert!(log.contains("4 to 8 digits") && log.contains("that is for good"), "{log}");
    fs::write(&keys, format!("{NEW}\n")).unwrap();
    person.wait_for("once more: ");
    fs::write(&keys, format!("{NEW}\n")).unwrap();
    person.wait_for("Write it down");
    let log = person.log();
    assert!(log.contains("PUK: ") && !log.contains(NEW), "{log}");
    assert!(scene.is_pin(NEW));
}

#[test]
fn no_secret_is_in_the_log_at_its_finest_or_on_the_command_line() {
    for profile in ["c2300", "piv-extended"] {
        let scene = Scene::with(profile, &["--blank"]);
        let done = scene.crescendo(&PERSONALIZE).env("CRESCENDO_LOG", "trace").arg("--json").run();
        let puk = json(&done)["personalized"]["puk"].as_str().unwrap().to_owned();
        let recycled =
            scene.crescendo(&recycle(profile)).env("OLD", NEW).env("CRESCENDO_LOG", "trace").succeed();
        let hex: String = puk.bytes().map(|byte| format!("{byte:02X}")).collect();
        for text in [done.err, recycled.err, recycled.out] {
            for secret in [NEW, "323731383238", &puk, &hex] {
                assert!(!text.to_uppercase().contains(secret), "{secret} in {text}");
            }
        }
        for words in
            [&["personalize", NEW][..], &["personalize", "--new-pin", NEW], &["recycle", "--pin", PIN]]
        {
            assert_eq!(code(&scene.json(words)), ("usage", 2), "{words:?}");
        }
    }
}
