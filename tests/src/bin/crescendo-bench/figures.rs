//! What else a report tells: the costs of calls that send nothing, the size of things, and what pcscd itself costs.

use std::fs;
use std::path::PathBuf;

use crescendo_tests::{Files, Lab};

use crate::bar::{Bar, at_most};
use crate::measure::ROUNDS;

/// A search among 24 certificates, attributes, threads, memory, the file: each beside its bar.
pub(crate) fn figures() -> Vec<Bar> {
    let lab = Lab::start(&["--retired", "20"]);
    let program = compiled(&lab, "figures", &["-O2"], &["-lpthread"]);
    let module = &Files::get().module;
    let told = lab.program(program).arg(module).succeed().out;
    let figure = |name: &str| -> f64 {
        let value = told.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_else(|| panic!("no {name}: {told}"))
    };
    let bytes = fs::metadata(module).expect("the module is there").len();
    vec![
        at_most("FindObjectsInit, FindObjects(10), Final", figure("search_ns"), 2000.0, "ns"),
        at_most("GetAttributeValue of 3 attributes", figure("attributes_ns"), 500.0, "ns"),
        at_most("CPU time per search, 8 threads to 1", figure("threads_ratio"), 1.5, "times"),
        at_most("VmRSS after all certificates were read", figure("resident_kb"), 8192.0, "kB"),
        #[expect(clippy::cast_precision_loss, reason = "a file of some megabytes")]
        at_most("size of the module, stripped", bytes as f64 / 1024.0, 4096.0, "kB"),
    ]
}

/// The libraries that the module needs.
pub(crate) fn needed() -> Vec<String> {
    let lab = Lab::start(&["--absent"]);
    let headers = lab.program("objdump").arg("-p").arg(&Files::get().module).succeed().out;
    headers.lines().filter_map(|line| Some(line.trim().strip_prefix("NEEDED")?.trim().into())).collect()
}

/// Milliseconds that pcscd takes to be reached and to tell its readers and cards; the median.
pub(crate) fn pcscd() -> f64 {
    let lab = Lab::start(&[]);
    let flags = lab.program("pkg-config").args(&["--cflags", "--libs", "libpcsclite"]).succeed().out;
    let program = compiled(&lab, "pcscd", &[], &flags.split_whitespace().collect::<Vec<_>>());
    let once = || -> f64 {
        let done = lab.program(&program).succeed();
        done.out.trim().parse().unwrap_or_else(|_| panic!("{done}"))
    };
    let mut times: Vec<_> = (0..ROUNDS).map(|_| once()).collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// One of the C programs in strangers/.
fn compiled(lab: &Lab, name: &str, before: &[&str], after: &[&str]) -> PathBuf {
    let source = format!("{}/strangers/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let program = lab.path(name);
    let gcc = lab.program("gcc").args(before).arg("-o").arg(&program).arg(source);
    let _ = gcc.args(after).succeed();
    program
}
