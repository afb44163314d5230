//! `crescendo doctor`: what it finds, and that what it says to do helps. Each test has a machine of its own: a lab, and a
//! mount namespace in which /etc is a copy.

#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crescendo_tests::{Client, Done, Files, Lab, PIN, Program, alone};
use serde_json::Value;

/// Runs a script where changes below /etc are nobody else's. `$1` is the lab's folder, `$2` the command.
const APART: &str = "set -e; mount --make-rprivate /; [ -d \"$1/etc\" ] || cp -a /etc \"$1/etc\"; \
                     mount --bind \"$1/etc\" /etc; [ -d \"$1/fwupd\" ] && mount --bind \"$1/fwupd\" \"$4\"; ";

fn apart(lab: &Lab, script: &str) -> Program {
    let program = lab.program("unshare").args(&["--mount", "bash", "-c"]).arg(format!("{APART}{script}"));
    let program = program.arg("-").arg(lab.path("")).arg(&Files::get().command).arg(&Files::get().module);
    program.arg(fwupd_folder())
}

fn fwupd_folder() -> PathBuf {
    let libraries = fs::read_dir("/usr/lib/x86_64-linux-gnu").unwrap().map(|entry| entry.unwrap().path());
    let mut folders = libraries.filter(|path| path.join("libfwupdplugin.so").exists());
    folders.next().unwrap_or_else(|| "/nowhere".into())
}

/// What `crescendo doctor --json` with these words says.
fn doctor(lab: &Lab, words: &str) -> Value {
    report(&apart(lab, &format!("exec \"$2\" doctor --json {words}")).run())
}

fn report(done: &Done) -> Value {
    let report: Value = serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {done}"));
    let problems = report["problems"].as_u64().unwrap_or_else(|| panic!("{done}"));
    assert_eq!(done.status, Some(i32::from(problems > 0)), "{done}");
    assert!(done.err.is_empty(), "{done}");
    report
}

fn findings<'r>(report: &'r Value, id: &str) -> Vec<&'r Value> {
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["id"] == id).collect()
}

/// The only finding of a kind has this verdict and says this; its remedy.
#[track_caller]
fn finds(report: &Value, id: &str, verdict: &str, words: &str) -> String {
    let [finding] = findings(report, id)[..] else { panic!("{id}: {report:#}") };
    assert_eq!(finding["verdict"], verdict, "{finding:#}");
    assert!(finding["what"].as_str().unwrap().contains(words), "{finding:#}");
    finding["remedy"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_card_is_told_with_its_applications_and_no_try_is_spent() {
    let lab = Lab::start(&[]);
    let (apdus, report) = lab.apdus(|| doctor(&lab, &format!("--module {}", Files::get().module.display())));
    // Five of them for the number that is printed on it, which is asked once for each card.
    assert!(apdus <= 21, "{apdus} APDUs for a card never seen before");
    finds(&report, "pcscd", "ok", "answers");
    let what = findings(&report, "reader")[0]["what"].as_str().unwrap();
    assert!(
        what.starts_with("Virtual PCD 00 00: Crescendo C4000-KEY, ATR 3B") && what.ends_with(": PIV, FIDO"),
        "{what}"
    );
    finds(&report, "module", "ok", "with a token: 1");
    assert!(
        report["versions"].as_array().unwrap().iter().any(|version| version["name"] == "pcscd"),
        "{report:#}"
    );
    assert_eq!((lab.count("verifies"), lab.tries()), (0, 6));
    assert!(!report.to_string().contains(PIN));
}

#[test]
fn whoever_is_logged_in_stays_logged_in() {
    alone("whoever_is_logged_in_stays_logged_in", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        lab.card("zero");
        let report = doctor(&lab, "");
        let what = findings(&report, "reader")[0]["what"].as_str().unwrap();
        assert!(what.ends_with(": PIV, FIDO not asked for"), "{what}");
        assert_eq!(lab.count("verifies"), 0);
        // The card signs without another VERIFY: its login has stayed.
        let key = crescendo_tests::key(&session, 1);
        session.sign(&cryptoki::mechanism::Mechanism::Sha256RsaPkcs, key, b"data").unwrap();
        assert_eq!(lab.count("verifies"), 0);
    });
}

#[test]
fn text_has_a_word_and_a_remedy_for_each_thing() {
    let lab = Lab::start(&["--absent"]);
    let done =
        lab.program(&Files::get().command).arg("doctor").env("PCSCLITE_CSOCK_NAME", "/nonexistent").run();
    assert_eq!(done.status, Some(1), "{done}");
    done.says("✗ problem  pcscd").says("→ unset PCSCLITE_CSOCK_NAME").says("problem");
    for line in done.out.lines().take_while(|line| !line.is_empty()) {
        let words = ["● ok ", "! warning ", "✗ problem ", "○ skipped ", "   "];
        assert!(words.iter().any(|word| line.starts_with(word)), "{line}");
    }
}

#[test]
fn a_reader_service_that_has_ended_is_told_from_one_that_is_not_there() {
    let lab = Lab::start(&["--absent"]);
    let socket = lab.path("dead");
    drop(UnixListener::bind(&socket).unwrap());
    let run = |socket: &Path| {
        let program = lab.program(&Files::get().command).args(&["doctor", "--json"]);
        report(&program.env("PCSCLITE_CSOCK_NAME", socket).run())
    };
    finds(&run(&socket), "pcscd", "problem", "refused");
    finds(&run(Path::new("/nonexistent")), "pcscd", "problem", "No such file");
}

#[test]
fn modules_that_are_foreign_broken_or_deadly() {
    let lab = Lab::start(&[]);
    let try_it = |module: &Path| doctor(&lab, &format!("--module {}", module.display()));
    let opensc = lab.program("dpkg").args(&["-L", "opensc-pkcs11"]).succeed().out;
    let opensc = opensc.lines().find(|file| file.ends_with("/opensc-pkcs11.so")).unwrap();
    finds(&try_it(Path::new(opensc)), "module", "warning", "OpenSC");
    finds(&try_it(&lab.file("text.so", "no module")), "module", "problem", "does not load");
    finds(&try_it(&lab.path("none.so")), "module", "problem", "there is no module");
    let source =
        lab.file("deadly.c", "__attribute__((constructor)) void begin(void) { *(volatile int *)0 = 0; }");
    let deadly = lab.path("deadly.so");
    let _ = lab.program("gcc").args(&["-shared", "-fPIC", "-o"]).arg(&deadly).arg(source).succeed();
    finds(&try_it(&deadly), "module", "problem", "signal 11");
    let empty = lab.path("empty.so");
    let source = lab.file("empty.c", "int nothing;");
    let _ = lab.program("gcc").args(&["-shared", "-fPIC", "-o"]).arg(&empty).arg(source).succeed();
    finds(&try_it(&empty), "module", "problem", "C_GetFunctionList");
}

#[test]
fn what_it_says_about_p11_kit_helps() {
    let lab = Lab::start(&[]);
    let module = format!("--module {}", Files::get().module.display());
    let modules = || apart(&lab, "p11-kit list-modules | grep -v '^ '").succeed().out;
    let register = finds(&doctor(&lab, &module), "p11-kit", "warning", "not registered");
    let _ = apart(&lab, &register).succeed();
    assert!(modules().contains("libcrescendo_pkcs11.so"));
    let report = doctor(&lab, "");
    finds(&report, "p11-kit", "ok", "/etc/pkcs11/modules/crescendo.module");
    finds(&report, "module", "ok", "with a token: 1");
    let keep_out = finds(&report, "opensc", "warning", "twice");
    assert!(modules().contains("opensc"));
    let _ = apart(&lab, &keep_out).succeed();
    assert!(!modules().contains("opensc"), "{}", modules());
    assert!(findings(&doctor(&lab, ""), "opensc").is_empty());
}

#[test]
fn what_it_says_about_databases_of_nss_helps() {
    let lab = Lab::start(&[]);
    let module = format!("--module {}", Files::get().module.display());
    finds(&doctor(&lab, &module), "nss", "skipped", "no profile");
    let folder = lab.path("home/.mozilla/firefox/a profile");
    fs::create_dir_all(&folder).unwrap();
    let database = format!("sql:{}", folder.display());
    let _ = lab.program("certutil").args(&["-N", "--empty-password", "-d", &database]).succeed();
    let add = finds(&doctor(&lab, &module), "nss", "warning", "does not have the module");
    let _ = apart(&lab, &add).succeed();
    finds(&doctor(&lab, &module), "nss", "ok", "a profile has the module");
    let delete = add.replace("-add Crescendo", "-delete Crescendo #");
    let _ = apart(&lab, &delete).succeed();
    let gone = lab.path("libcrescendo_pkcs11.so");
    fs::copy(&Files::get().module, &gone).unwrap();
    let again = add.replace(&Files::get().module.display().to_string(), &gone.display().to_string());
    let _ = apart(&lab, &again.replace("-add Crescendo", "-add Gone")).succeed();
    fs::remove_file(&gone).unwrap();
    let mend = finds(&doctor(&lab, &module), "nss", "problem", "which is not there");
    let _ = apart(&lab, &mend).succeed();
    finds(&doctor(&lab, &module), "nss", "ok", "a profile has the module");
}

#[test]
fn whose_firmware_is_trusted_and_which_ids_are_known() {
    let lab = Lab::start(&["--absent"]);
    let report = doctor(&lab, "");
    finds(&report, "trust", "warning", "nobody's firmware is trusted");
    finds(&report, "update-ids", "ok", "1209:0002");
    let _ = apart(
        &lab,
        "mkdir -p /etc/crescendo/firmware-keys.d; cd /etc/crescendo; echo 1209:3 >update-mode-ids",
    )
    .succeed();
    let key = "openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out PUBLIC-KEY.pem; ";
    let add = finds(&report, "trust", "warning", "nobody");
    let _ = apart(&lab, &format!("cd \"$1\"; {key}{add}")).succeed();
    let report = doctor(&lab, "");
    finds(&report, "trust", "ok", "1 of 1 keys");
    finds(&report, "update-ids", "warning", "line 1 not understood");
    let _ = apart(&lab, "chmod o+w /etc/crescendo/firmware-keys.d").succeed();
    finds(&doctor(&lab, ""), "trust", "problem", "others can decide");
    // A warning of the other commands names the line, too.
    apart(&lab, "\"$2\" firmware info 2>&1").succeed().says("line 1 of the USB ids of update mode");
}

/// A copy of fwupd's folder, which it takes for its own, with these in it besides.
fn with_plugin(lab: &Lab, files: &[(&str, &[u8])]) {
    let folder = lab.path("fwupd");
    let _ = fs::remove_dir_all(&folder);
    let _ = lab.program("cp").arg("-a").arg(fwupd_folder()).arg(&folder).succeed();
    files.iter().for_each(|(name, content)| fs::write(folder.join(name), content).unwrap());
}

#[test]
fn the_plugin_is_loaded_by_fwupd_itself() {
    let lab = Lab::start(&["--absent"]);
    finds(&doctor(&lab, ""), "fwupd-plugin", "warning", "not installed");
    let plugin = fs::read(&Files::get().plugin).unwrap();
    let name = "libfu_plugin_crescendo.so";
    with_plugin(&lab, &[(name, &plugin)]);
    let report = doctor(&lab, "");
    finds(&report, "fwupd-plugin", "ok", "loads the plugin");
    assert_eq!(findings(&report, "fwupd-quirk")[0]["verdict"], "problem");
    with_plugin(&lab, &[(name, b"crescendo-fwupd knows fwupd 2.0.20;")]);
    finds(&doctor(&lab, ""), "fwupd-plugin", "problem", "does not load the plugin");
    with_plugin(&lab, &[(name, b"crescendo-fwupd knows fwupd 1.0.0;")]);
    finds(&doctor(&lab, ""), "fwupd-plugin", "problem", "it knows 1.0.0 alone");
    with_plugin(&lab, &[(name, &plugin), ("libfu_plugin_crescendo_2.so", &plugin)]);
    finds(&doctor(&lab, ""), "fwupd-plugin", "problem", "more than once");
}

#[test]
fn an_ordinary_user_gets_a_report_too() {
    let lab = Lab::start(&["--absent"]);
    let done = apart(
        &lab,
        "chmod 755 \"$1\"; exec setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent \
                            \"$2\" doctor --json",
    );
    let report = report(&done.run());
    finds(&report, "cache", "warning", "nothing is kept");
    let remedies: Vec<_> =
        report["findings"].as_array().unwrap().iter().filter_map(|it| it["remedy"].as_str()).collect();
    assert!(remedies.iter().any(|remedy| remedy.contains("sudo ")), "{remedies:?}");
}

#[test]
fn the_udev_rule_that_is_shipped_opens_what_is_built_in() {
    let rule = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/70-crescendo.rules");
    let rule = fs::read_to_string(rule).unwrap();
    let lab = Lab::start(&["--absent"]);
    let report = doctor(&lab, "");
    let [ids] = findings(&report, "update-ids")[..] else { panic!("{report:#}") };
    let ids = ids["what"].as_str().unwrap().rsplit(' ').next().unwrap();
    let (vendor, product) = ids.split_once(':').unwrap();
    let words =
        format!("ATTRS{{idVendor}}==\"{vendor}\", ATTRS{{idProduct}}==\"{product}\", TAG+=\"uaccess\"");
    assert!(rule.contains(&words), "{words}: {rule}");
}
