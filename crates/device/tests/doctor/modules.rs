//! The PKCS#11 module, and where programs find it.

use std::io::ErrorKind;

use crescendo_device::doctor::{Loaded, Trial, Verdict, installed_command};
use link::Ran;

use crate::machine::{LIBRARIES, MODULE, Machine};

const OPENSC: &str = "/usr/share/p11-kit/modules/opensc-pkcs11.module";

#[test]
fn a_trial_says_the_same_in_text() {
    let loaded = Loaded {
        manufacturer: "A\nB".into(),
        description: "d".into(),
        version: (2, 40),
        slots: 3,
        tokens: 1,
    };
    let read: Trial = Trial::Loaded(loaded.clone()).to_string().parse().unwrap();
    assert_eq!(read, Trial::Loaded(Loaded { manufacturer: "A B".into(), ..loaded }));
    let failed = Trial::Failed("no such file".into());
    assert_eq!(failed.to_string().parse(), Ok(failed));
    for other in ["", "loaded", "loaded\na\nb\nc\n1\n1\n1\n", "failed\na\nb"] {
        assert_eq!(other.parse::<Trial>(), Err(()), "{other}");
    }
}

#[test]
fn a_module_is_tried_where_it_can_do_no_harm() {
    let machine = Machine::well();
    machine.finds("module", Verdict::Ok, "slots: 2, with a token: 1", "");
    assert!(machine.has_run(&format!("/usr/local/bin/crescendo try-module {MODULE}")));
    machine.runs("try-module", Ok(Ran { signal: Some(11), ..Ran::default() }));
    machine.finds(
        "module",
        Verdict::Problem,
        "crashes the program that loads it (signal 11)",
        "./dev install",
    );
    machine.runs("try-module", Err(ErrorKind::TimedOut));
    machine.finds("module", Verdict::Problem, "does not come back", "systemctl restart pcscd");
    machine.says("try-module", "failed\nlibpcsclite.so.1: cannot open\n");
    machine.finds("module", Verdict::Problem, "libpcsclite.so.1: cannot open", "ldd /usr/local/lib");
    machine.says("try-module", "loaded\nOpenSC Project\nOpenSC smartcard framework\n0\n23\n1\n1\n");
    machine.finds("module", Verdict::Warning, "OpenSC smartcard framework", "./dev install");
    machine.says("try-module", "loaded\nCrescendo project\nPIV\n9\n9\n1\n1\n");
    machine.finds("module", Verdict::Warning, "this program is of version", "./dev install");
    machine.says("try-module", "something else");
    assert_eq!(machine.finding("module").verdict, Verdict::Skipped);
}

#[test]
fn without_the_command_a_module_is_not_tried() {
    let machine = Machine::well();
    machine.no_command();
    machine.finds("module", Verdict::Skipped, "the command crescendo, which does that, is not installed", "");
    assert!(!machine.has_run("try-module"));
}

#[test]
fn another_program_finds_the_command_as_a_person_does() {
    let machine = Machine::well();
    assert_eq!(installed_command(&machine), None);
    machine.program("/usr/bin/crescendo");
    assert_eq!(installed_command(&machine), Some("/usr/bin/crescendo".into()));
    machine.program("/usr/local/bin/crescendo");
    assert_eq!(installed_command(&machine), Some("/usr/local/bin/crescendo".into()));
    machine.set("PATH", "bin::/home/anna/bin:/opt/bin:/usr/bin");
    for unfit in ["bin/crescendo", "crescendo"] {
        machine.program(unfit);
    }
    machine.file("/home/anna/bin/crescendo", "not to be run");
    machine.program("/opt/bin/crescendo");
    assert_eq!(installed_command(&machine), Some("/opt/bin/crescendo".into()));
    machine.set("PATH", "");
    assert_eq!(installed_command(&machine), Some("/usr/local/bin/crescendo".into()));
}

#[test]
fn no_module_and_two_of_them() {
    let machine = Machine::well();
    let second = format!("{LIBRARIES}/pkcs11/libcrescendo_pkcs11.so");
    machine.file(&second, "");
    let twice = machine.findings("module");
    assert_eq!(twice[1].verdict, Verdict::Warning);
    assert!(
        twice[1].what.contains("twice") && twice[1].remedy.as_ref().unwrap().contains(&second),
        "{twice:?}"
    );
    machine.link(&second, MODULE);
    assert_eq!(machine.findings("module").len(), 1, "a link to it is no second one");
    let machine = Machine::well();
    machine.remove("/usr/local/lib/pkcs11");
    machine.remove("/etc/pkcs11");
    machine.finds("module", Verdict::Problem, "not installed", "./dev install");
    machine.module("/nowhere.so");
    machine.finds("module", Verdict::Problem, "no module /nowhere.so", "");
}

#[test]
fn registration_with_p11_kit() {
    let machine = Machine::well();
    machine.finds("p11-kit", Verdict::Ok, "/etc/pkcs11/modules/crescendo.module", "");
    machine.remove("/etc/pkcs11");
    machine.finds(
        "p11-kit",
        Verdict::Warning,
        "not registered",
        "sudo tee /etc/pkcs11/modules/crescendo.module",
    );
    machine.file("/home/anna/.config/pkcs11/modules/c.module", format!("# mine\n module : {MODULE}"));
    machine.finds("p11-kit", Verdict::Ok, "/home/anna/.config", "");
    machine.user(0);
    machine.finds("p11-kit", Verdict::Warning, "not registered", "tee");
    assert!(!machine.finding("p11-kit").remedy.unwrap().contains("sudo"), "root needs no leave");
    machine.remove("/usr/lib/x86_64-linux-gnu/libp11-kit.so.0");
    machine.finds("p11-kit", Verdict::Skipped, "not installed", "");
}

#[test]
fn a_registration_that_leads_nowhere_and_two_of_them() {
    let machine = Machine::well();
    let other = "/usr/share/p11-kit/modules/old.module";
    machine.file(other, "module: /opt/libcrescendo_pkcs11.so\n");
    let findings = machine.findings("p11-kit");
    assert_eq!(findings[0].verdict, Verdict::Problem, "{findings:#?}");
    assert!(findings[0].what.contains("/opt/libcrescendo_pkcs11.so, which is not there"));
    assert_eq!(findings[1].verdict, Verdict::Ok);
    machine.file(other, "module: libcrescendo_pkcs11.so\n");
    machine.file(format!("{LIBRARIES}/pkcs11/libcrescendo_pkcs11.so"), "");
    machine.finds("p11-kit", Verdict::Warning, "more than once", &format!("rm {other}"));
}

#[test]
fn opensc_beside_us_shows_tokens_twice_until_it_is_kept_out() {
    let machine = Machine::well();
    machine.file(OPENSC, "module: opensc-pkcs11.so\n");
    assert!(machine.findings("opensc").is_empty(), "a module that is not there is not loaded");
    machine.file(format!("{LIBRARIES}/pkcs11/opensc-pkcs11.so"), "");
    let remedy = "echo 'enable-in:' | sudo tee /etc/pkcs11/modules/opensc-pkcs11.module";
    machine.finds("opensc", Verdict::Warning, "twice", remedy);
    machine.file("/etc/pkcs11/modules/opensc-pkcs11.module", "enable-in:\n");
    assert!(machine.findings("opensc").is_empty());
}

const PROFILE: &str = "/home/anna/.mozilla/firefox/a b.default/pkcs11.txt";

fn nss(machine: &Machine, file: &str, modules: &[(&str, &str)]) {
    let block = |(name, library): &(&str, &str)| format!("library={library}\nname={name}\nNSS=trust\n\n");
    let own =
        "library=\nname=NSS Internal PKCS #11 Module\nparameters=configdir='sql:x'\nNSS=Flags=internal\n\n";
    machine.file(file, own.to_owned() + &modules.iter().map(block).collect::<String>());
}

#[test]
fn profiles_of_firefox() {
    let machine = Machine::well();
    assert_eq!(machine.finding("nss").verdict, Verdict::Skipped);
    nss(&machine, PROFILE, &[]);
    let add =
        format!("-dbdir 'sql:/home/anna/.mozilla/firefox/a b.default' -add Crescendo -libfile {MODULE}");
    machine.finds("nss", Verdict::Warning, "does not have the module", &add);
    nss(&machine, PROFILE, &[("Crescendo", MODULE)]);
    machine.finds("nss", Verdict::Ok, "has the module", "");
    nss(&machine, PROFILE, &[("Old", "/opt/libcrescendo_pkcs11.so")]);
    machine.finds("nss", Verdict::Problem, "/opt/libcrescendo_pkcs11.so, which is not there", "-delete Old");
    nss(&machine, PROFILE, &[("p11", "/usr/lib/p11-kit-proxy.so")]);
    machine.finds("nss", Verdict::Ok, "has the module", "");
    nss(&machine, PROFILE, &[("Crescendo", MODULE), ("p11", "/usr/lib/p11-kit-proxy.so")]);
    machine.finds("nss", Verdict::Warning, "more than one way", "-delete Crescendo");
    nss(&machine, PROFILE, &[("Crescendo", MODULE), ("OpenSC", "/usr/lib/opensc-pkcs11.so")]);
    machine.finds("opensc", Verdict::Warning, "shows twice", "-delete OpenSC");
}

#[test]
fn a_policy_adds_it_to_all_profiles_of_its_program() {
    let machine = Machine::well();
    let policy = format!("{{\"policies\":{{\"SecurityDevices\":{{\"Add\":{{\"C\":\"{MODULE}\"}}}}}}}}");
    machine.file("/etc/firefox/policies/policies.json", &policy);
    nss(&machine, PROFILE, &[]);
    assert!(machine.findings("nss").iter().all(|finding| finding.verdict == Verdict::Ok));
    nss(&machine, "/home/anna/.pki/nssdb/pkcs11.txt", &[]);
    let last = machine.findings("nss").into_iter().find(|finding| finding.what.contains(".pki")).unwrap();
    assert_eq!(last.verdict, Verdict::Warning, "of Chromium a policy of Firefox says nothing");
    machine.file("/etc/firefox/policies/policies.json", policy.replace("/usr/local", "/opt"));
    assert_eq!(machine.findings("nss")[0].verdict, Verdict::Problem);
}

#[test]
fn browsers_in_sandboxes_are_told_with_the_way_in() {
    let machine = Machine::well();
    assert!(machine.findings("sandbox").is_empty());
    machine.file("/snap/firefox/current/x", "");
    machine.finds("sandbox", Verdict::Warning, "snap", "snap connect firefox:pcscd");
    let machine = Machine::well();
    machine.file("/home/anna/.local/share/flatpak/app/org.mozilla.firefox/x", "");
    machine.finds("sandbox", Verdict::Warning, "Flatpak", &format!("--provider {MODULE}"));
}
