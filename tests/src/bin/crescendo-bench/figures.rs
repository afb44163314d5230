//! What else a report tells: the costs of calls that send nothing and of secure messaging, the size of things, and what
//! pcscd itself costs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crescendo_tests::{Files, Lab};

use crate::bar::{Bar, at_most};
use crate::measure::ROUNDS;

/// A search among 24 certificates, attributes, threads, memory, the file: each beside its bar.
pub(crate) fn figures() -> Vec<Bar> {
    let lab = Lab::start(&["--retired", "20"]);
    let program = compiled(&lab, "figures", &["-O2"], &["-lpthread"]);
    let module = &Files::get().module;
    let told: Vec<_> = (0..ROUNDS).map(|_| lab.program(&program).arg(module).succeed().out).collect();
    let figure = |name| median(told.iter().map(|told| number_after(name, told)).collect());
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

/// What secure messaging costs the host, beside its bars. `program` is the compiled test channel_cost of the crate piv: it
/// works with the standard's own steps, so no reader and no card is in its times.
pub(crate) fn channel_cost(program: &Path) -> Vec<Bar> {
    let output = Command::new(program).args(["--ignored", "--nocapture"]).output();
    let told = output.unwrap_or_else(|error| panic!("{}: {error}", program.display())).stdout;
    let told = String::from_utf8(told).expect("it writes text");
    let bars = |(suite, curve)| {
        let figure = |name: &str| number_after(&format!("{suite} {name}"), &told);
        let [establishment, verification] =
            ["establishment_us", "verification_us"].map(|name| figure(name) / 1000.0);
        let text = format!(
            "{suite}: an establishment with the check of the certificate, {establishment:.2} ms, to one ECDSA verification on \
             {curve}, {verification:.2} ms"
        );
        [
            at_most(text, figure("establishment_ratio"), 4.0, "times"),
            at_most(format!("{suite}: one protected exchange"), figure("exchange_us"), 30.0, "µs"),
            at_most(format!("{suite}: the longest of a session"), figure("longest_exchange_us"), 30.0, "µs"),
        ]
    };
    [("CS2", "P-256"), ("CS7", "P-384")].into_iter().flat_map(bars).collect()
}

/// What the verification of a firmware image takes, beside its bar. `program` is the compiled test `costs` of the crate
/// firmware.
pub(crate) fn firmware_cost(program: &Path) -> Bar {
    let output = Command::new(program).args(["--ignored", "--nocapture"]).output();
    let told = output.unwrap_or_else(|error| panic!("{}: {error}", program.display())).stdout;
    let told = String::from_utf8(told).expect("it writes text");
    let text = "verification of a firmware image of 500,000 bytes";
    at_most(text, number_after("verification_us", &told) / 1000.0, 10.0, "ms")
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
    median((0..ROUNDS).map(|_| once()).collect())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// The number in the line that begins so.
fn number_after(name: &str, told: &str) -> f64 {
    let value = told.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name}: {told}"))
}

/// One of the C programs in strangers/.
fn compiled(lab: &Lab, name: &str, before: &[&str], after: &[&str]) -> PathBuf {
    let source = format!("{}/strangers/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let program = lab.path(name);
    let gcc = lab.program("gcc").args(before).arg("-o").arg(&program).arg(source);
    let _ = gcc.args(after).succeed();
    program
}
