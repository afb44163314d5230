//! `crescendo doctor`: what is wrong with this machine, its readers, cards and keys, and what to do about it.

use std::{env, path::Path, path::PathBuf};

use clap::Args;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use device::{
    Cache, Devices,
    doctor::{Doctor, Finding, Loaded, Report, Trial, Verdict},
    firmware::update_ids,
};
use serde::Serialize;

use crate::{
    failure::{FAILED, Failure},
    firmware,
    output::{Output, plain, table},
};

#[derive(Args, Debug)]
pub(crate) struct Examine {
    /// The PKCS#11 module to look at, if it is not the one that is installed
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct TryModule {
    file: PathBuf,
}

#[derive(Serialize)]
struct Shown {
    problems: usize,
    warnings: usize,
    findings: Vec<Item>,
    versions: Vec<Version>,
}

#[derive(Serialize)]
struct Item {
    id: &'static str,
    verdict: &'static str,
    what: String,
    remedy: Option<String>,
}

#[derive(Serialize)]
struct Version {
    name: String,
    version: String,
}

pub(crate) fn run(
    output: &Output,
    devices: &Devices,
    cache: &Cache,
    examine: Examine,
) -> Result<(), Failure> {
    let doctor = Doctor {
        system: &*host::system(),
        devices,
        hid: &*host::hid_devices(),
        // What is wrong with the ids that are configured is a finding, and no warning beside it.
        keys: &firmware::keys_known_by(update_ids(&*host::system()).0),
        cache,
        cache_folder: host::store_folder(),
        command: Some(env::current_exe().unwrap_or_else(|_| "crescendo".into())),
        module: examine.module,
    };
    let report = doctor.examine();
    let has_problem = report.has_problem();
    let shown = shown(report);
    output.show(&shown, || text(&shown))?;
    if has_problem { Err(Failure::Told(FAILED)) } else { Ok(()) }
}

/// Loads a module as an application does, and prints what came of it. In a process of its own, which the module may end.
pub(crate) fn try_module(output: &Output, module: &TryModule) -> Result<(), Failure> {
    let trial = load(&module.file).map_or_else(|error| Trial::Failed(error.to_string()), Trial::Loaded);
    output.bytes(trial.to_string().as_bytes())
}

fn load(module: &Path) -> Result<Loaded, cryptoki::error::Error> {
    let library = Pkcs11::new(module)?;
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let info = library.get_library_info()?;
    let loaded = Loaded {
        manufacturer: info.manufacturer_id().to_owned(),
        description: info.library_description().to_owned(),
        version: (info.library_version().major(), info.library_version().minor()),
        slots: library.get_all_slots()?.len(),
        tokens: library.get_slots_with_token()?.len(),
    };
    library.finalize()?;
    Ok(loaded)
}

fn shown(report: Report) -> Shown {
    let item = |finding: Finding| Item {
        id: finding.id,
        verdict: word(finding.verdict),
        what: finding.what,
        remedy: finding.remedy,
    };
    Shown {
        problems: report.count(Verdict::Problem),
        warnings: report.count(Verdict::Warning),
        findings: report.findings.into_iter().map(item).collect(),
        versions: report.versions.into_iter().map(|(name, version)| Version { name, version }).collect(),
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Skipped => "skipped",
        Verdict::Warning => "warning",
        Verdict::Problem => "problem",
    }
}

/// A sign of its own beside the word, so that nothing hangs on colour.
fn sign(verdict: &str) -> &'static str {
    match verdict {
        "ok" => "●",
        "warning" => "!",
        "problem" => "✗",
        _ => "○",
    }
}

fn text(shown: &Shown) -> String {
    let findings: String = shown.findings.iter().map(finding).collect();
    let versions: Vec<_> =
        shown.versions.iter().map(|it| vec![plain(&it.name), plain(&it.version)]).collect();
    format!("{findings}\n{}\n{}", table(&versions), sum(shown))
}

fn finding(item: &Item) -> String {
    let line =
        format!("{} {:<7}  {:<12}  {}\n", sign(item.verdict), item.verdict, item.id, plain(&item.what));
    let remedies = item.remedy.iter().flat_map(|remedy| remedy.lines());
    line + &remedies.map(|remedy| format!("{:26}→ {}\n", "", plain(remedy))).collect::<String>()
}

fn sum(shown: &Shown) -> String {
    let of = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        number => format!("{number} {word}s"),
    };
    match (shown.problems, shown.warnings) {
        (0, 0) => "Nothing is wrong.\n".to_owned(),
        (problems, warnings) => format!("{}, {}.\n", of(problems, "problem"), of(warnings, "warning")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json;

    fn some() -> Shown {
        shown(Report {
            findings: vec![
                Finding {
                    id: "pcscd",
                    verdict: Verdict::Problem,
                    what: "it does not run\x1b".to_owned(),
                    remedy: Some("sudo pcscd".to_owned()),
                },
                Finding { id: "cache", verdict: Verdict::Ok, what: "kept".to_owned(), remedy: None },
            ],
            versions: vec![("pcscd".to_owned(), "1.9.9".to_owned())],
        })
    }

    #[test]
    fn a_finding_has_a_sign_a_word_and_below_it_what_to_do() {
        let expected = "\
✗ problem  pcscd         it does not run\u{FFFD}
                          → sudo pcscd
● ok       cache         kept

pcscd  1.9.9

1 problem, 0 warnings.
";
        assert_eq!(text(&some()), expected);
    }

    #[test]
    fn nothing_wrong_is_said_in_words() {
        let shown = Shown { problems: 0, warnings: 0, findings: vec![], versions: vec![] };
        assert!(text(&shown).ends_with("Nothing is wrong.\n"));
    }

    #[test]
    fn json_of_a_report() {
        let object: serde_json::Value = serde_json::from_str(&json(&some()).unwrap()).unwrap();
        let expected = serde_json::json!({
            "schema": 1, "problems": 1, "warnings": 0,
            "findings": [
                {"id": "pcscd", "verdict": "problem", "what": "it does not run\u{1b}", "remedy": "sudo pcscd"},
                {"id": "cache", "verdict": "ok", "what": "kept", "remedy": null},
            ],
            "versions": [{"name": "pcscd", "version": "1.9.9"}],
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn what_is_no_module_says_why() {
        assert!(load(Path::new("/nowhere.so")).unwrap_err().to_string().contains("/nowhere.so"));
    }
}
