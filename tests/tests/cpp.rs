//! `crescendo.hpp`, in programs that use the shared library with a card: under sanitizers, with exceptions and without.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use crescendo_tests::Lab;
use crescendo_tests::c::{SANITIZED, STRICT_CPP, compile};

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cpp").join(name)
}

fn program(lab: &Lab, name: &str, sources: &[&str], flags: &[&str]) -> PathBuf {
    let program = lab.path(name);
    let sources: Vec<_> = sources.iter().map(|name| source(name)).collect();
    let sources: Vec<_> = sources.iter().map(PathBuf::as_path).collect();
    compile(&sources, &[STRICT_CPP, &["-Wconversion", "-Wshadow"], flags], &program);
    program
}

/// Two files of one program, one of which wants exceptions.
#[test]
fn calls_give_what_they_make_or_why_they_did_not() {
    let lab = Lab::start(&[]);
    let program = program(&lab, "both", &["returning.cpp", "throwing.cpp"], SANITIZED);
    let done = lab.program(program).succeed();
    assert_eq!((&done.out[..], &done.err[..]), ("end\n", ""), "{done}");
    // A right PIN came after each wrong one.
    assert_eq!(lab.tries(), 6);
}

#[test]
fn members_take_and_give_what_functions_do() {
    let lab = Lab::start(&["--profile", "key-v3"]);
    let policy = lab.file("policy.toml", "[pin]\ntrivial = \"refuse\"\n");
    let program = program(&lab, "members", &["members.cpp"], SANITIZED);
    let done = lab.program(program).env("CRESCENDO_POLICY", policy).succeed();
    assert_eq!((&done.out[..], &done.err[..]), ("end\n", ""), "{done}");
}

#[test]
fn a_program_without_exceptions_ends_at_a_value_that_is_not_there() {
    let lab = Lab::start(&[]);
    let program = program(&lab, "bare", &["bare.cpp"], &["-fno-exceptions", "-fno-rtti", "-O2"]);
    let done = lab.program(program).run();
    done.says("end\n");
    // By a signal.
    assert_eq!(done.status, None, "{done}");
}
