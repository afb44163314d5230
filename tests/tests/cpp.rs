//! `crescendo.hpp`, in programs that use the shared library with a card: under sanitizers, with exceptions and without.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use crescendo_tests::Lab;
use crescendo_tests::c::{Linked, SANITIZED, STRICT_CPP, compile, include, try_compile};

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

/// Of two functions of one name a program has the one that the linker met first: each file is the first once.
#[test]
fn files_with_exceptions_and_without_are_in_one_program() {
    let lab = Lab::start(&[]);
    let object = |name: &str, flags: &[&str]| {
        let object = lab.path(name).with_extension("o");
        let done = try_compile(&[&source(name)], &[STRICT_CPP, &["-c"], flags], Linked::Later, &object);
        done.unwrap_or_else(|said| panic!("{said}"));
        object
    };
    let (with, without) = (object("mixed.cpp", &[]), object("without.cpp", &["-fno-exceptions"]));
    for (name, sources) in [("with-first", [&with, &without]), ("without-first", [&without, &with])] {
        let program = lab.path(name);
        compile(&sources.map(PathBuf::as_path), &[], &program);
        let done = lab.program(program).run();
        assert_eq!((done.status, &done.out[..]), (Some(0), "end\n"), "{name}: {done}");
    }
}

#[test]
fn a_failed_call_that_is_used_all_the_same_ends_the_program() {
    let lab = Lab::start(&[]);
    let program = program(&lab, "failed", &["failed.cpp"], &["-O2"]);
    for (how, said) in [("*", "aborted\n"), ("->", "aborted\n"), ("looked", "end\n")] {
        assert_eq!(lab.program(&program).arg(how).succeed().out, said, "{how}");
    }
}

/// Each of these files compiles where what it uses has a name: nothing else in it is refused.
#[test]
fn what_points_into_a_temporary_does_not_compile() {
    let lab = Lab::start(&[]);
    let program = lab.path("refused");
    for name in ["list.cpp", "bytes.cpp", "option.cpp"] {
        let source = source("refused").join(name);
        for kind in [&[][..], &["-DCRESCENDO_EXCEPTIONS"]] {
            compile(&[&source], &[STRICT_CPP, kind, &["-DNAMED"]], &program);
            let done = try_compile(&[&source], &[STRICT_CPP, kind], Linked::Shared, &program);
            let said = done.expect_err(name);
            assert!(said.contains("use of deleted function"), "{said}");
        }
    }
}

#[test]
fn the_example_at_the_top_of_the_header_compiles() {
    let lab = Lab::start(&[]);
    let header = fs::read_to_string(include().join("crescendo.hpp")).expect("it is there");
    let top = header.lines().take_while(|line| line.starts_with("//"));
    let example: Vec<_> = top.filter_map(|line| line.strip_prefix("//     ")).collect();
    assert!(example.len() > 5);
    let text = format!(
        "#include <crescendo.hpp>\n#include <iostream>\n\
         static int fail(const std::string &why) {{ return std::cerr << why << '\\n', 1; }}\n\
         int main()\n{{\n{}\n}}\n",
        example.join("\n")
    );
    let source = lab.file("example.cpp", text);
    compile(&[&source], &[STRICT_CPP], &lab.path("example"));
    let done = lab.program(lab.path("example")).succeed();
    assert!(!done.out.is_empty(), "{done}");
}
