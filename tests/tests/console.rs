//! The command's view of devices: what they are, what can be done with them, watching them, the report, one-time passwords,
//! and what the shell and man(1) are told.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;
use std::process::Command;

use crescendo_tests::{Files, Lab, PIN, Program, Server};
use serde_json::Value;

/// What each personality is called, its device ID, and whether it is a Crescendo.
const PROFILES: [(&str, &str, &str, bool); 3] = [
    ("key-v3", "Crescendo C4000-KEY", "47900503708900123456", true),
    ("c2300", "Crescendo C2300", "47900503708900230001", true),
    ("piv", "Virtual PCD", "8007300051494D028A11000000000002", false),
];

/// The secret of RFC 4226, appendix D.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn lab(profile: &str) -> Lab {
    Lab::start(&["--profile", profile])
}

fn crescendo(lab: &Lab) -> Program {
    lab.program(&Files::get().command)
}

fn json(lab: &Lab, words: &[&str]) -> Value {
    let done = crescendo(lab).args(words).arg("--json").run();
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"))
}

/// A person at a terminal: the keys come from a pipe, which stays open.
struct Person {
    screen: Server,
    keys: std::path::PathBuf,
}

impl Person {
    fn at(lab: &Lab, words: &str) -> Self {
        Self::with(lab, "", words)
    }

    fn with(lab: &Lab, setting: &str, words: &str) -> Self {
        let keys = lab.path("keys");
        let made = Command::new("mkfifo").arg(&keys).status().unwrap();
        assert!(made.success());
        let command = Files::get().command.display();
        let inner = format!("stty rows 40 cols 120; {setting}{command} {words}");
        let script = format!("exec script -qfec '{inner}' /dev/null <>{}", keys.display());
        let screen = lab.server("sh").arg("-c").arg(script).env("TERM", "xterm");
        Self { screen: screen.serve(lab.path("screen"), ""), keys }
    }

    fn press(&self, keys: &str) {
        fs::write(&self.keys, keys).unwrap();
    }
}

#[test]
fn every_kind_of_device_has_its_state_name_and_id() {
    for (profile, name, expected, is_crescendo) in PROFILES {
        let lab = lab(profile);
        let device = &json(&lab, &["devices"])["devices"][0];
        let state = if is_crescendo { "recognised" } else { "other-piv" };
        assert_eq!(
            (device["state"].as_str(), device["name"].as_str()),
            (Some(state), Some(name)),
            "{profile}"
        );
        let id = device["id"].as_str().unwrap();
        assert_eq!(id, expected, "{profile}");
        let named = json(&lab, &["info", "--device", id]);
        assert_eq!(named["device"]["id"].as_str(), Some(id), "found by it");
    }
}

#[test]
fn a_device_as_delivered_and_an_empty_reader_are_states_of_their_own() {
    for profile in ["key-v3", "c2300"] {
        let mut lab = Lab::start(&["--profile", profile, "--blank"]);
        crescendo(&lab).arg("devices").succeed().says("◇").says("factory state, to be personalized");
        let actions = &json(&lab, &["info"])["device"]["actions"];
        let why = |action: &str| reason(actions, action);
        assert_eq!((why("personalize"), why("recycle")), (None, Some("factory".to_owned())));
        lab.pull();
        crescendo(&lab).arg("devices").succeed().says("○").says("reader empty").says("Insert a card");
    }
}

#[test]
fn only_what_can_work_is_offered_and_the_rest_has_a_reason() {
    for (profile, _, _, is_crescendo) in PROFILES {
        let lab = lab(profile);
        crescendo(&lab).arg("info").succeed().says("Can do").says("Cannot");
        let actions = &json(&lab, &["info"])["device"]["actions"];
        let why = |action: &str| reason(actions, action);
        assert_eq!((why("authenticate"), why("change-pin"), why("certificates")), (None, None, None));
        assert_eq!(why("personalize").as_deref(), Some("not-factory"));
        assert_eq!(why("update-firmware").as_deref(), Some("no-key-side"));
        let of_crescendo = (!is_crescendo).then(|| "no-crescendo".to_owned());
        assert_eq!((why("recycle"), why("show-puk")), (None, None));
        let otp = if profile == "c2300" { Some("no-key".to_owned()) } else { of_crescendo };
        assert_eq!(why("one-time-passwords"), otp);
        lab.card("block-pin");
        let actions = &json(&lab, &["info"])["device"]["actions"];
        assert_eq!(reason(actions, "authenticate").as_deref(), Some("pin-blocked"));
        assert_eq!(reason(actions, "unblock"), None);
    }
}

fn reason(actions: &Value, action: &str) -> Option<String> {
    let item = actions.as_array().unwrap().iter().find(|item| item["action"] == action).unwrap();
    assert_eq!(item["offered"].as_bool(), Some(item["reason"].is_null()));
    item["reason"].as_str().map(str::to_owned)
}

#[test]
fn info_tells_versions_policy_and_room_of_a_crescendo() {
    for (profile, version, policy) in
        [("key-v3", "4.0.0.1.2", "6 to 8 digits"), ("c2300", "3.0.3.6", "4 to 8 digits")]
    {
        let lab = lab(profile);
        let info = crescendo(&lab).arg("info").succeed();
        info.says("4790050370890").says(version).says(policy).says("Free memory");
        assert_eq!(lab.tries(), 6);
        assert_eq!(lab.card("verified"), "false");
    }
    let lab = lab("piv");
    assert!(json(&lab, &["info"])["device"]["beside"].is_null());
}

#[test]
fn lines_of_a_watch_come_when_something_changes_and_nothing_is_asked_in_between() {
    for (profile, name, ..) in PROFILES {
        let mut lab = lab(profile);
        let watch = lab.server(&Files::get().command).args(&["devices", "--watch", "--plain"]);
        let watch = watch.serve(lab.path("watch"), name);
        watch.wait_for("locked (closed)");
        let before = watch.log();
        let (apdus, ()) = lab.apdus(|| std::thread::sleep(std::time::Duration::from_secs(5)));
        assert_eq!((apdus, watch.log()), (0, before), "{profile}");
        lab.pull();
        watch.wait_for("Empty reader: reader empty");
        lab.insert();
        watch.wait_for("reader empty, in Virtual PCD 00 00\n");
        let again = format!("reader empty, in Virtual PCD 00 00\n{name}: ");
        watch.wait_for(&again);
    }
}

#[test]
fn a_watch_for_programs_is_an_object_on_a_line() {
    let lab = lab("key-v3");
    let watch = lab.server(&Files::get().command).args(&["devices", "--watch", "--json"]);
    let watch = watch.serve(lab.path("watch"), "}\n");
    let log = watch.log();
    let object: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    let device = &object["devices"][0];
    assert_eq!((&object["schema"], &device["lock"]["is"]), (&1.into(), &"locked".into()));
    assert_eq!(device["certificates"][0]["key"], "9A");
}

#[test]
fn tiles_on_a_terminal_and_single_keys_do_what_the_subcommands_do() {
    let lab = lab("key-v3");
    let person = Person::at(&lab, "devices --watch");
    let screen = &person.screen;
    screen.wait_for("Crescendo C4000-KEY");
    screen.wait_for("6 tries left");
    person.press("i");
    screen.wait_for("it has no pairing code");
    person.press("t");
    screen.wait_for("crescendo cert list --device");
    screen.wait_for("Press Enter");
    person.press("\n");
    screen.wait_for("Crescendo C4000-KEY");
    person.press("a");
    screen.wait_for("PIN of Crescendo C4000-KEY (6 tries left): ");
    person.press(&format!("{PIN}\n"));
    screen.wait_for("Authenticated.");
    let log = screen.log();
    let entry = log.split("tries left): ").last().unwrap();
    assert!(entry.contains("******") && !entry.contains(PIN), "it is masked: {entry}");
    person.press("\n");
    screen.wait_for("authenticated (open)");
    assert_eq!(lab.card("verified"), "true");
    person.press("q");
    screen.wait_for("\x1b[?1049l");
    for _ in 0..100 {
        if lab.card("verified") == "false" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("whoever leaves the view is logged out");
}

#[test]
fn colour_is_left_out_where_it_is_not_wanted() {
    for (setting, is_coloured) in [("NO_COLOR= ", true), ("NO_COLOR=1 ", false)] {
        let lab = lab("key-v3");
        let person = Person::with(&lab, setting, "devices --watch");
        // Without colour blanks are not drawn anew, so only a word is one piece.
        person.screen.wait_for("locked");
        let log = person.screen.log();
        assert_eq!(log.contains("\x1b[38;5;1;49m"), is_coloured, "{log:?}");
        person.press("q");
        person.screen.wait_for("\x1b[?1049l");
    }
}

#[test]
fn the_report_names_nobody_unless_asked_and_is_saved_only_when_meant() {
    for (profile, name, id, is_crescendo) in PROFILES {
        let lab = lab(profile);
        let (tries, report) = (lab.tries(), crescendo(&lab).arg("report").succeed());
        report.says(name).says("crescendo").says("Kernel").says("PIV").says("found");
        let private = [id, "8A110000000000", "Crescendo Test Holder", PIN];
        for text in private {
            assert!(!report.out.contains(text), "{text}: {report}");
        }
        assert_eq!((lab.tries(), lab.card("verified")), (tries, "false".to_owned()));
        if is_crescendo {
            report.says("access control (ACA)").says("PIV properties");
            crescendo(&lab).args(&["report", "--with-serials"]).succeed().says(id);
        }
        let file = lab.path("report.txt");
        let unasked = crescendo(&lab).args(&["report", "--output"]).arg(&file).run();
        assert_eq!((unasked.status, file.exists()), (Some(2), false), "{unasked}");
        unasked.says(name);
        let _ = crescendo(&lab).args(&["report", "--yes", "--output"]).arg(&file).succeed();
        let saved = fs::read_to_string(&file).unwrap();
        assert!(saved.contains(name) && !saved.contains("Test Holder"), "{saved}");
    }
}

#[test]
fn the_report_comes_without_a_reader_service() {
    let mut lab = lab("key-v3");
    lab.pull();
    let none = crescendo(&lab).arg("report").env("PCSCLITE_CSOCK_NAME", "/nowhere").succeed();
    none.says("The readers cannot be asked");
    let report = json(&lab, &["report"]);
    assert_eq!(report["report"]["devices"][0]["state"], "empty");
}

#[test]
fn one_time_passwords_from_the_secret_to_the_code() {
    let lab = lab("c2300-key");
    crescendo(&lab).args(&["otp", "list"]).succeed().says("not configured");
    let configure =
        crescendo(&lab).args(&["otp", "configure", "--slot", "1", "--pin-env", "P", "--secret-env", "S"]);
    let unasked = configure.env("P", PIN).env("S", SECRET).run();
    assert_eq!(unasked.status, Some(2), "{unasked}");
    assert!(unasked.err.contains("lost for good") && unasked.err.contains("--yes"), "{unasked}");
    let configure = ["otp", "configure", "--slot", "1", "--yes", "--pin-env", "P", "--secret-env", "S"];
    let logged = crescendo(&lab).args(&configure).env("P", PIN).env("S", SECRET);
    let done = logged.env("CRESCENDO_LOG", "trace").succeed();
    for secret in [SECRET, PIN, "3132333435363738", "12345678901234567890"] {
        assert!(!done.out.contains(secret) && !done.err.contains(secret), "{secret}: {done}");
    }
    let code = lab.server(&Files::get().command).args(&["otp", "code"]);
    let code = code.serve(lab.path("code"), "Press the button of the key");
    assert_eq!(lab.card("press"), "true");
    code.wait_for("755224");
    crescendo(&lab).args(&["otp", "list"]).succeed().says("counter (HOTP)");

    let uri = format!("otpauth://totp/ACME:ada?secret={SECRET}&issuer=ACME");
    let totp = ["otp", "configure", "--slot", "2", "--yes", "--pin-env", "P", "--secret-env", "S"];
    let refused = crescendo(&lab).args(&totp).env("P", PIN).env("S", &uri).run();
    assert_eq!(refused.status, Some(1), "{refused}");
    assert!(refused.err.contains("--unconfirmed"), "{refused}");
    let _ = crescendo(&lab).args(&totp).arg("--unconfirmed").env("P", PIN).env("S", &uri).succeed();
    let list = json(&lab, &["otp", "list"]);
    assert_eq!(
        (&list["otp"]["slots"][1]["kind"], &list["otp"]["slots"][1]["period"]),
        (&"totp".into(), &30.into())
    );
    let code = lab.server(&Files::get().command).args(&["otp", "code", "--slot", "2", "--pin-env", "P"]);
    let code = code.env("P", PIN).serve(lab.path("totp"), "Press the button of the key");
    assert_eq!(lab.card("press"), "true");
    code.wait_for("\n");

    let delete = ["otp", "delete", "--slot", "1", "--yes", "--pin-env", "P"];
    crescendo(&lab).args(&delete).env("P", PIN).succeed().says("no secret any more");
    let none = crescendo(&lab).args(&["otp", "code", "--kind", "hotp"]).run();
    assert!(none.status == Some(3) && none.err.contains("no secret"), "{none}");
    assert_eq!((lab.tries(), lab.card("rights").contains("true")), (6, false), "nothing is left open");
}

#[test]
fn one_time_passwords_where_there_are_none_or_nothing_is_known() {
    for profile in ["c2300", "piv"] {
        let lab = lab(profile);
        crescendo(&lab).args(&["otp", "list"]).succeed().says("no one-time passwords");
        let code = crescendo(&lab).args(&["otp", "code"]).run();
        assert_eq!(code.status, Some(1), "{code}");
    }
    let lab = Lab::start(&["--profile", "key-v3", "--oath"]);
    crescendo(&lab).args(&["otp", "list"]).succeed().says("SLOT");
    let code = crescendo(&lab).args(&["otp", "code"]).run();
    assert!(code.status == Some(1) && code.err.contains("nobody has published"), "{code}");
}

#[test]
fn what_is_no_secret_is_refused_before_anything_is_sent() {
    let lab = lab("c2300-key");
    let configure = ["otp", "configure", "--slot", "2", "--yes", "--pin-env", "P", "--secret-env", "S"];
    let refused = crescendo(&lab).args(&configure).env("P", PIN).env("S", "MZXW6YQ1").run();
    assert_eq!(refused.status, Some(2), "{refused}");
    assert!(!refused.err.contains("MZXW6"), "{refused}");
    assert_eq!(lab.tries(), 6);
}

#[test]
fn a_pairing_status_names_the_cipher_suite() {
    let lab = lab("piv-dual");
    crescendo(&lab).args(&["pairing", "status"]).succeed().says("CS2 (P-256, SHA-256, AES-128)");
    let lab = Lab::start(&["--profile", "piv"]);
    assert!(json(&lab, &["pairing", "status"])["pairing"]["suite"].is_null());
}

#[test]
fn shells_complete_and_man_has_pages() {
    let home = tempfile::tempdir().unwrap();
    let command = |words: &[&str]| {
        let done = Command::new(&Files::get().command).args(words).output().unwrap();
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = command(&["completions", shell]);
        assert!(script.contains("pairing") && script.contains("retrieve"), "{shell}");
    }
    let script = home.path().join("crescendo.bash");
    fs::write(&script, command(&["completions", "bash"])).unwrap();
    assert!(Command::new("bash").arg("-n").arg(&script).status().unwrap().success());
    let pages = home.path().join("man");
    let listed = command(&["man", pages.to_str().unwrap()]);
    for page in ["crescendo.1", "crescendo-pairing-retrieve.1", "crescendo-otp-code.1", "crescendo-report.1"]
    {
        assert!(listed.lines().any(|line| line == page), "{page}: {listed}");
        let text = fs::read_to_string(Path::new(&pages).join(page)).unwrap();
        assert!(text.contains(".SH") && text.contains("crescendo"), "{page}");
    }
}
