//! What the other files leave open of the rows D1 to D17, on a Key V3, a Crescendo 2300 and a plain PIV card: the row through the
//! shipped command; or, where a device has no such thing, that the command says so, with its reason and its exit code, and
//! spends nothing. Each test begins with its row.

#![forbid(unsafe_code)]

mod scene;

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::{Client, Files, PIN, Server, alone};
use scene::Scene;
use serde_json::{Value, json};

const PROFILES: [&str; 3] = ["key-v3", "c2300", "piv"];

#[test]
fn d1_a_token_that_is_no_piv_card_is_shown_as_one() {
    let scene = Scene::new("piv");
    for at in 1..=4 {
        scene.0.card(&format!("fault {at} status 6A82"));
    }
    let _ = scene.crescendo(&["devices"]).succeed().says("unknown token, no PIV card");
    scene.0.card("fault none");
    let _ = scene.crescendo(&["devices"]).succeed().says("unknown PIV card");
}

#[test]
fn d2_a_device_goes_by_its_id_serial_name_label_and_reader() {
    for profile in PROFILES {
        let mut scene = Scene::new(profile);
        let device = scene.device();
        let reader = device["reader"].as_str().unwrap();
        for by in ["id", "serial", "name", "label", "reader"] {
            let wanted = device[by].as_str().unwrap_or_else(|| panic!("{by}: {device}"));
            assert_eq!(scene.json(&["info", "--device", wanted])["device"]["reader"], reader, "{wanted}");
        }
        let error = scene.refuses(&["info", "--device", "nobody"], "no-such-device", 3);
        assert_eq!(error["candidates"][0]["reader"], reader, "{error}");
        scene.0.pull();
        let _ = scene.crescendo(&["devices"]).succeed().says("reader empty");
        for words in [&["info"][..], &["info", "--device", reader]] {
            scene.refuses(words, "no-card", 3);
        }
    }
}

/// A second card in the other reader of the lab's pcscd.
fn beside(scene: &Scene, profile: &str) -> Server {
    let settings = fs::read_to_string(scene.0.path("conf/vpcd")).unwrap();
    let port =
        settings.rsplit("0x").next().and_then(|port| u16::from_str_radix(port.trim(), 16).ok()).unwrap();
    let words = ["vpcd", "--profile", profile, "--port", &(port + 1).to_string(), "--log"];
    let other = scene.0.server(&Files::get().sim).args(&words).arg(scene.0.path("other.log"));
    let other = other.serve(scene.0.path("other"), "");
    for _ in 0..200 {
        let devices = scene.json(&["devices"]);
        if devices["devices"].as_array().unwrap().iter().all(|device| device["id"].is_string()) {
            return other;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("the second card is never seen");
}

#[test]
fn d2_of_two_devices_one_has_to_be_named_and_the_other_is_left_alone() {
    let scene = Scene::new("key-v3");
    let _other = beside(&scene, "piv");
    scene.0.card("zero");
    for words in
        [&["info"][..], &["pin", "verify", "--pin-env", "P"], &["recycle", "--pin-env", "P", "--yes"]]
    {
        let error = scene.refuses(words, "ambiguous", 4);
        assert_eq!(error["candidates"].as_array().map(Vec::len), Some(2), "{error}");
    }
    assert_eq!(scene.0.count("verifies"), 0);
    let heard = || fs::read_to_string(scene.0.path("other.log")).unwrap();
    let before = heard();
    let named = scene.json(&["pin", "verify", "--pin-env", "P", "--device", "Crescendo C4000-KEY"]);
    assert_eq!((&named["pin"], scene.0.count("verifies")), (&"right".into(), 1), "{named}");
    assert_eq!(heard(), before, "no other is disturbed");
    let id = "8007300051494D028A11000000000002";
    assert_eq!(scene.json(&["info", "--device", id])["device"]["id"], id);
}

/// A Key V3 is in console.rs.
#[test]
fn d3_in_the_live_view_a_pin_holds_until_the_view_is_left() {
    for profile in ["c2300", "piv"] {
        let scene = Scene::new(profile);
        let keys = scene.0.path("keys");
        assert!(Command::new("mkfifo").arg(&keys).status().unwrap().success());
        let command = Files::get().command.display();
        let inner = format!("stty rows 40 cols 120; {command} devices --watch");
        let script = format!("exec script -qfec '{inner}' /dev/null <>{}", keys.display());
        let person = scene.0.server("sh").arg("-c").arg(script).env("TERM", "xterm");
        let person = person.serve(scene.0.path("screen"), "locked (closed)");
        let press = |text: &str| fs::write(&keys, text).unwrap();
        press("a");
        person.wait_for("tries left): ");
        press(&format!("{PIN}\n"));
        person.wait_for("Authenticated.");
        press("\n");
        person.wait_for("authenticated (open)");
        assert_eq!(scene.0.card("verified"), "true", "{profile}");
        press("q");
        person.wait_for("\x1b[?1049l");
        let is_locked = |_| {
            sleep(Duration::from_millis(50));
            scene.0.card("verified") == "false"
        };
        assert!((0..100).any(is_locked), "{profile}: whoever leaves the view is logged out");
    }
}

#[test]
fn d5_a_plain_card_has_no_help_desk() {
    let scene = Scene::new("piv");
    scene.0.card("block-pin");
    let tries = scene.0.card("tries");
    let words =
        ["pin", "unblock", "--help-desk", "--response-fd", "0", "--new-pin-env", "NEW", "--unconfirmed"];
    scene.refuses(&words, "unsupported", 1);
    scene.is_untouched(&tries);
}

#[test]
fn d5_a_crescendo_2300_with_a_puk_of_its_own_is_sent_it_by_permission() {
    let scene = Scene::with("c2300", &["--puk", "12345678"]);
    scene.0.card("block-pin");
    let words = ["pin", "unblock", "--puk-env", "PUK", "--new-pin-env", "NEW"];
    scene.refuses(&words, "not-confirmed", 1);
    assert_eq!(scene.json(&[&words[..], &["--unconfirmed"]].concat())["pin"], "unblocked");
    assert_eq!(scene.json(&["pin", "verify", "--pin-env", "NEW"])["pin"], "right");
}

#[test]
fn d6_a_puk_is_changed_where_there_is_one_and_that_is_known() {
    let change = ["puk", "change", "--puk-env", "PUK", "--new-puk-env", "NEW_PUK"];
    for profile in ["key-v3", "c2300"] {
        let without = Scene::new(profile);
        let tries = without.0.card("tries");
        without.refuses(&change, "no-puk", 3);
        without.is_untouched(&tries);
        let scene = Scene::with(profile, &["--puk", "12345678"]);
        scene.refuses(&change, "not-confirmed", 1);
        assert_eq!(scene.json(&[&change[..], &["--unconfirmed"]].concat())["puk"], "changed");
    }
}

#[test]
fn d7_a_card_without_vci_says_that_it_has_no_pairing_code() {
    for profile in PROFILES {
        let scene = Scene::new(profile);
        let tries = scene.0.card("tries");
        let status = scene.json(&["pairing", "status"])["pairing"].clone();
        assert_eq!((&status["vci"], &status["wants_code"]), (&false.into(), &false.into()), "{status}");
        assert_eq!(status["next"], "stay-with-contact");
        let _ = scene.crescendo(&["pairing", "status"]).succeed().says("not offered").says("not needed");
        let retrieve = ["pairing", "retrieve", "--pin-env", "P"];
        scene.refuses(&retrieve, "no-code", 3);
        scene.refuses(&[&retrieve[..], &["--cache"]].concat(), "no-code", 3);
        scene.refuses(&["pairing", "set", "27182818"], "no-code", 3);
        let forgotten = scene.json(&["pairing", "forget"]);
        assert_eq!(forgotten["forgotten"], json!({"code": false, "signer": false}));
        assert_eq!(scene.why_not("pairing-code").as_deref(), Some("no-pairing-code"));
        scene.is_untouched(&tries);
    }
}

#[test]
fn d8_what_is_kept_is_listed_and_cleared_and_read_again() {
    for profile in PROFILES {
        let scene = Scene::new(profile);
        let listing = || scene.0.apdus(|| scene.crescendo(&["cert", "list"]).succeed().says("9A").status).0;
        let (first, second) = (listing(), listing());
        assert!(second < first, "{profile}: {first} APDUs, then {second}");
        let guid = &scene.json(&["info"])["device"]["guid"];
        assert_eq!(scene.json(&["cache", "list"])["cache"][0]["guid"], *guid);
        assert_eq!(scene.json(&["cache", "clear"])["cleared"][0]["guid"], *guid);
        assert_eq!(scene.json(&["cache", "list"])["cache"], json!([]));
        let again = listing();
        assert!(again > second, "{profile}: {second} APDUs, {again} after it was cleared");
    }
}

#[test]
fn d10_a_plain_card_takes_no_rules_for_pins() {
    let scene = Scene::with("piv", &["--blank"]);
    let tries = scene.0.card("tries");
    scene.0.card("zero");
    scene.refuses(&["personalize", "--min", "6", "--new-pin-env", "NEW", "--unconfirmed"], "unsupported", 1);
    assert_eq!((scene.0.count("verifies"), scene.0.seen(&[0x00, 0x24])), (0, false));
    scene.is_untouched(&tries);
}

/// Here no key speaks the update protocol; that one is updated is seen in guest_update.rs, on a real kernel.
#[test]
fn d11_a_card_has_no_firmware_to_update() {
    for profile in PROFILES {
        let scene = Scene::new(profile);
        let image = signed_image(&scene);
        let device = scene.device();
        let id = device["id"].as_str().unwrap();
        let (apdus, _) =
            scene.0.apdus(|| scene.refuses(&["firmware", "update", "--device", id, &image], "no-key", 3));
        assert_eq!(apdus, 0);
        assert_eq!(scene.why_not("update-firmware").as_deref(), Some("no-key-side"));
        let info = ["firmware", "info", "--device", id];
        if profile == "piv" {
            scene.refuses(&info, "no-such-key", 3);
        } else {
            assert_eq!(scene.json(&info)["cards"][0]["id"], id);
            let _ = scene.crescendo(&info).succeed().says("Firmware update not supported by this program");
        }
    }
}

/// An image that this machine trusts.
fn signed_image(scene: &Scene) -> String {
    let path = |name: &str| scene.0.path(name).display().to_string();
    fs::create_dir(path("trusted")).unwrap();
    let openssl = |words: &[&str]| scene.0.program("openssl").args(words).succeed().status;
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", &path("vendor.pem")]);
    openssl(&["pkey", "-in", &path("vendor.pem"), "-pubout", "-out", &path("trusted/vendor.pem")]);
    let payload = scene.0.file("payload", [7; 4096]);
    let words = ["--model", "a.b", "--version", "1.0.0+0", "--counter", "1", "--hardware", "1", "--key"];
    let sign = scene.crescendo(&[&["firmware", "sign"], &words[..], &[&path("vendor.pem")]].concat());
    let _ = sign.arg(payload).arg(path("image")).succeed();
    path("image")
}

#[test]
fn d12_that_a_device_is_managed_is_known_after_a_right_pin_and_then_told_beforehand() {
    for profile in ["key-v3", "c2300"] {
        let scene = Scene::with(profile, &["--managed"]);
        let tries = scene.0.card("tries");
        for action in ["recycle", "show-puk", "change-certificates"] {
            assert_eq!(scene.why_not(action), None, "{profile}: not known yet");
        }
        scene.refuses(&["cert", "delete", "--key", "9A", "--yes", "--pin-env", "P"], "managed", 1);
        for action in ["recycle", "show-puk", "change-certificates"] {
            assert_eq!(scene.why_not(action).as_deref(), Some("managed"), "{profile}: {action}");
        }
        assert_eq!(scene.why_not("change-pin"), None);
        scene.is_untouched(&tries);
    }
}

#[test]
fn d12_a_right_that_a_device_does_not_take_is_refused_and_not_passed_over() {
    let management = ["--management-key-env", "XAUTH"];
    for (profile, options, words) in [
        (
            "piv",
            &["--blank", "--no-chuid"][..],
            &["personalize", "--new-pin-env", "NEW", "--xauth-master-env", "XAUTH"][..],
        ),
        ("c2300", &["--blank"], &[&["personalize", "--new-pin-env", "NEW"][..], &management].concat()),
        (
            "c2300",
            &[],
            &["cert", "delete", "--key", "9A", "--yes", "--default-management-key", "--pin-env", "P"],
        ),
        ("key-v3", &[], &[&["recycle", "--yes", "--pin-env", "P"][..], &management].concat()),
        ("piv", &[], &["cert", "delete", "--key", "9A", "--yes", "--xauth-key-env", "XAUTH"]),
        ("piv", &[], &["recycle", "--yes", "--xauth-key-env", "XAUTH"]),
        ("piv", &[], &["recycle", "--yes", "--puk-env", "PUK"]),
    ] {
        let scene = Scene::with(profile, options);
        let (tries, keys) = (scene.0.card("tries"), scene.0.card("keys"));
        let error = scene.refuses(words, "unsupported", 1);
        assert!(error["message"].as_str().unwrap().starts_with("administration with a"), "{error}");
        assert_eq!(scene.0.card("keys"), keys, "{words:?}");
        scene.is_untouched(&tries);
    }
}

#[test]
fn d13_a_plain_card_gives_up_a_certificate_and_no_key() {
    let scene = Scene::new("piv");
    let delete = ["cert", "delete", "--yes", "--default-management-key", "--key"];
    let _ = scene.crescendo(&[&delete[..], &["9C"]].concat()).succeed().says("Certificate deleted from 9C");
    scene.refuses(&[&delete[..], &["9C"]].concat(), "no-certificate", 3);
    scene.refuses(&[&delete[..], &["9A", "--with-key"]].concat(), "unsupported", 1);
    let _ = scene.crescendo(&["cert", "export", "--key", "9A"]).succeed().says("BEGIN CERTIFICATE");
    assert_eq!(scene.0.card("keys"), "9A 9C 9D 9E");
}

#[test]
fn d13_a_crescendo_2300_makes_a_key_by_its_administration_key() {
    let scene = Scene::new("c2300");
    let words =
        ["cert", "self-sign", "--key", "9A", "--subject", "CN=Ada Lovelace", "--algorithm", "p256", "--yes"];
    let done = scene.crescendo(&words).args(&["--xauth-key-env", "XAUTH", "--pin-env", "P"]).succeed();
    done.says("a certificate that it signed itself");
    let listed = scene.json(&["cert", "list"])["certificates"][0].clone();
    assert_eq!((&listed["key"], &listed["subject"]), (&"9A".into(), &"CN=Ada Lovelace".into()));
    assert!(!scene.0.card("rights").contains("true"), "{}", scene.0.card("rights"));
}

#[test]
fn d14_a_key_v3_makes_one_time_passwords_by_permission() {
    let scene = Scene::with("key-v3", &["--oath"]);
    let tries = scene.0.card("tries");
    let configure = ["otp", "configure", "--slot", "1", "--yes", "--pin-env", "P", "--secret-env", "S"];
    let delete = ["otp", "delete", "--slot", "1", "--yes", "--pin-env", "P"];
    scene.0.card("zero");
    for words in [&configure[..], &delete, &["otp", "code"]] {
        scene.refuses(words, "not-confirmed", 1);
    }
    assert!(!scene.0.seen(&[0x80, 0xD8]) && !scene.0.seen(&[0x80, 0x88]));
    let permitted = |words: &[&str]| scene.json(&[words, &["--unconfirmed"]].concat());
    assert_eq!(permitted(&configure)["secret"], "written");
    let code = scene.0.server(&Files::get().command).args(&["otp", "code", "--unconfirmed"]);
    let code = code.serve(scene.0.path("code"), "Press the button of the key");
    assert_eq!(scene.0.card("press"), "true");
    code.wait_for("755224");
    assert_eq!(permitted(&delete)["secret"], "deleted");
    scene.is_untouched(&tries);
}

#[test]
fn d14_a_device_without_one_time_passwords_says_so() {
    for profile in PROFILES {
        let scene = Scene::new(profile);
        let tries = scene.0.card("tries");
        assert_eq!(scene.json(&["otp", "list"])["otp"]["slots"], json!([]));
        let _ = scene.crescendo(&["otp", "list"]).succeed().says("no one-time passwords");
        let pin = ["--unconfirmed", "--pin-env", "P"];
        for words in [
            &["otp", "code"][..],
            &["otp", "code", "--kind", "totp", "--slot", "2"],
            &["otp", "configure", "--slot", "1", "--yes", "--secret-env", "S"],
            &["otp", "delete", "--slot", "1", "--yes"],
        ] {
            scene.refuses(&[words, &pin].concat(), "unsupported", 1);
            scene.is_untouched(&tries);
        }
    }
}

#[test]
fn d15_the_doctor_tells_each_kind_of_card_and_what_to_do_about_a_blocked_one() {
    for (profile, what) in [("c2300", "Crescendo C2300, ATR 3B"), ("piv", "Virtual PCD, ATR 3B")] {
        let scene = Scene::new(profile);
        let found = || {
            let report = scene.json(&["doctor"]);
            let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{report}")).clone();
            let is_it = |finding: &Value| finding["what"].as_str().unwrap().starts_with("Virtual PCD 00 00");
            findings.into_iter().find(|finding| finding["id"] == "reader" && is_it(finding)).unwrap()
        };
        scene.0.card("zero");
        let told = found();
        let text = told["what"].as_str().unwrap();
        let applications = if profile == "piv" { ": PIV, no FIDO" } else { ": PIV, FIDO" };
        assert!(text.contains(what) && text.ends_with(applications), "{told}");
        assert_eq!((&told["verdict"], scene.0.count("verifies")), (&"ok".into(), 0));
        scene.0.card("block-pin");
        let told = found();
        assert_eq!(told["verdict"], "problem");
        assert!(told["remedy"].as_str().unwrap().starts_with("crescendo pin unblock --device"), "{told}");
    }
}

#[test]
fn d16_a_pin_is_forgotten_on_a_crescendo_2300() {
    forgotten("d16_a_pin_is_forgotten_on_a_crescendo_2300", "c2300");
}

#[test]
fn d16_a_pin_is_forgotten_on_a_plain_card() {
    forgotten("d16_a_pin_is_forgotten_on_a_plain_card", "piv");
}

/// Another program has logged in, and stays; its next use of a key needs the PIN.
fn forgotten(name: &str, profile: &str) {
    alone(name, &["--profile", profile], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        assert_eq!(lab.card("verified"), "true");
        let command = || lab.program(&Files::get().command).args(&["cache", "forget-pins"]);
        let _ = command().succeed().says("logged out");
        assert_eq!(lab.card("verified"), "false");
        let key = crescendo_tests::key(&session, 1);
        lab.card("zero");
        let signed = session.sign(&cryptoki::mechanism::Mechanism::Sha256RsaPkcs, key, b"data");
        assert!(signed.is_err() && lab.count("verifies") == 0, "{signed:?}");
    });
}
