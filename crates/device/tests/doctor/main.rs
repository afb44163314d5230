//! The doctor over made-up machines: each finding is provoked, and says what to do.

#![forbid(unsafe_code)]

mod driver;
mod fwupd;
mod keys;
mod machine;
mod modules;
mod readers;

use crescendo_device::doctor::Verdict;

use machine::Machine;

#[test]
fn a_machine_with_nothing_wrong_has_no_problem() {
    let report = Machine::well().report();
    assert!(!report.has_problem(), "{report:#?}");
    let warned: Vec<_> = report.findings.iter().filter(|it| it.verdict == Verdict::Warning).collect();
    let ids: Vec<_> = warned.iter().map(|finding| finding.id).collect();
    // No reader is connected, and nobody's firmware is trusted: as it is shipped.
    assert_eq!(ids, ["reader", "trust"], "{report:#?}");
}

#[test]
fn each_warning_and_each_problem_says_what_to_do() {
    let machine = Machine::well();
    for path in ["/usr/local", "/etc/pkcs11", "/usr/lib/pcsc"] {
        machine.remove(path);
    }
    machine.file("/etc/crescendo/update-mode-ids", "x");
    machine.cache_folder(None);
    machine.readers.stop();
    let report = machine.report();
    assert!(report.count(Verdict::Problem) >= 2 && report.count(Verdict::Warning) >= 4, "{report:#?}");
    for finding in report.findings {
        let needs = matches!(finding.verdict, Verdict::Warning | Verdict::Problem);
        assert_eq!(finding.remedy.is_some_and(|remedy| !remedy.is_empty()), needs, "{}", finding.what);
    }
}

#[test]
fn versions_of_what_is_installed() {
    let machine = Machine::well();
    machine.file("/etc/os-release", "NAME=\"D\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    machine.file("/proc/sys/kernel/osrelease", "6.1.0\n");
    machine
        .says("dpkg-query", "installed pcscd 1.9.9-2\nconfig-files fwupd 2.0.20\nnot-installed firefox \n");
    let versions = machine.report().versions;
    let expected = [
        ("crescendo", env!("CARGO_PKG_VERSION")),
        ("system", "Debian GNU/Linux 12 (bookworm)"),
        ("kernel", "6.1.0"),
        ("pcscd", "1.9.9-2"),
    ];
    assert_eq!(versions, expected.map(|(name, version)| (name.to_owned(), version.to_owned())));
}
