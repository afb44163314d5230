//! What is wrong with a machine, as C is told.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::ptr;

use crescendo::*;
use lab::{Lab, ok, read, text_if};
use link::Ran;

const MODULE: &str = "/usr/local/lib/pkcs11/libcrescendo_pkcs11.so";
const COMMAND: &str = "/usr/local/bin/crescendo";

/// What was found: id, verdict, what, remedy.
type Found = (String, crescendo_verdict, String, Option<String>);

struct Report {
    findings: Vec<Found>,
    problems: usize,
    warnings: usize,
    installed: Vec<(String, String)>,
}

impl Report {
    #[track_caller]
    fn of(&self, id: &str) -> &Found {
        let mut of = self.findings.iter().filter(|found| found.0 == id);
        of.next().unwrap_or_else(|| panic!("{id}: {:#?}", self.findings))
    }
}

fn examined(lab: &Lab, module: Option<&str>) -> Report {
    let (module, length) = text_if(module);
    let mut out = ptr::null();
    ok(unsafe { crescendo_doctor(lab.context(), module, length, &mut out) });
    let report = unsafe { &*out };
    let found =
        |it: &crescendo_finding| (read(it.id).unwrap(), it.verdict, read(it.what).unwrap(), read(it.remedy));
    let installed = |it: &crescendo_installed| (read(it.name).unwrap(), read(it.version).unwrap());
    let taken = Report {
        findings: lab::items(report.count, report.items).into_iter().map(found).collect(),
        problems: report.problems,
        warnings: report.warnings,
        installed: lab::items(report.installed_count, report.installed).into_iter().map(installed).collect(),
    };
    unsafe { crescendo_report_free(out) };
    taken
}

#[test]
fn a_report_has_findings_remedies_and_versions() {
    let lab = Lab::empty();
    let report = examined(&lab, None);
    let count = |verdict| report.findings.iter().filter(|found| found.1 == verdict).count();
    assert_eq!(report.problems, count(crescendo_verdict::Problem));
    assert_eq!(report.warnings, count(crescendo_verdict::Warning));
    let has_remedy = |found: &Found| found.3.is_some();
    let is_bad = |found: &Found| matches!(found.1, crescendo_verdict::Problem | crescendo_verdict::Warning);
    assert!(report.findings.iter().all(|found| is_bad(found) == has_remedy(found)));
    let (_, verdict, what, remedy) = report.of("module");
    assert_eq!((*verdict, remedy.as_deref()), (crescendo_verdict::Problem, Some("./dev install")));
    assert!(what.contains("not installed"), "{what}");
    assert_eq!(report.installed[0], ("crescendo".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
}

#[test]
fn a_module_is_tried_by_the_installed_command_and_by_nobody_else() {
    let lab = Lab::empty();
    lab.files.put(MODULE, "");
    let (_, verdict, what, _) = examined(&lab, None).of("module").clone();
    assert_eq!(verdict, crescendo_verdict::Skipped);
    assert!(what.contains("crescendo, which does that, is not installed"), "{what}");
    let loaded = "loaded\nCrescendo project\nPIV and Crescendo tokens\n0\n1\n2\n1\n";
    lab.files.program(COMMAND, Ran { status: Some(0), out: loaded.into(), ..Ran::default() });
    assert_eq!(examined(&lab, None).of("module").1, crescendo_verdict::Ok);
    lab.files.program(COMMAND, Ran { signal: Some(11), ..Ran::default() });
    let (_, verdict, what, _) = examined(&lab, None).of("module").clone();
    assert_eq!(verdict, crescendo_verdict::Problem);
    assert!(what.contains("crashes the program that loads it (signal 11)"), "{what}");
    // A command that does not know how.
    let ran = Ran { status: Some(2), err: "unrecognized subcommand".into(), ..Ran::default() };
    lab.files.program(COMMAND, ran);
    assert_eq!(examined(&lab, None).of("module").1, crescendo_verdict::Skipped);
    let (_, verdict, what, _) = examined(&lab, Some("/nowhere.so")).of("module").clone();
    assert_eq!((verdict, &what[..]), (crescendo_verdict::Problem, "there is no module /nowhere.so"));
}
