//! Both headers in both languages, as strictly as a compiler takes it.

use std::{fs, process::Command};

use crate::{made, root};

const C: &[&str] = &["gcc", "-xc", "-std=c99", "-Wstrict-prototypes", "-Wc++-compat"];
const CPP: &[&str] = &["g++", "-xc++", "-std=c++17", "-Wnon-virtual-dtor", "-Wold-style-cast"];
const STRICT: &[&str] = &[
    "-Wall",
    "-Wextra",
    "-Werror",
    "-pedantic",
    "-Wconversion",
    "-Wsign-conversion",
    "-Wshadow",
    "-Wundef",
    "-fsyntax-only",
];

#[track_caller]
fn compiles(language: &[&str], options: &[&str], text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    fs::write(&source, text).unwrap();
    fs::write(folder.path().join("crescendo.h"), made::header()).unwrap();
    fs::copy(root("include/crescendo.hpp"), folder.path().join("crescendo.hpp")).unwrap();
    let mut compiler = Command::new(language[0]);
    compiler.args(&language[1..]).args(STRICT).args(options).arg("-I").arg(folder.path()).arg(source);
    let done = compiler.output().expect("gcc and g++ are installed");
    assert!(done.status.success(), "{compiler:?}\n{}", String::from_utf8_lossy(&done.stderr));
}

const USE: &str = "
int main(void)
{
    crescendo_callbacks callbacks = {sizeof callbacks, 0, 0, 0, 0, 0};
    crescendo_status status = CRESCENDO_STATUS_OK;
    const crescendo_text none = {0, 0};
    return callbacks.size == CRESCENDO_TERMINATED || sizeof status != 4 || none.length != 0;
}
";

#[test]
fn the_header_in_c() {
    compiles(C, &[], &format!("#include <crescendo.h>\n#include <crescendo.h>{USE}"));
    compiles(C, &["-std=c11"], "#include <crescendo.h>\nextern int nothing_else;\n");
    compiles(C, &["-std=gnu2x"], "#include <crescendo.h>\nextern int nothing_else;\n");
}

#[test]
fn the_header_in_cpp() {
    compiles(CPP, &["-Wno-old-style-cast"], &format!("#include <crescendo.h>\n#include <crescendo.h>{USE}"));
    let within = "extern \"C\" {\n#include <crescendo.h>\n}\nstruct crescendo_text;\n";
    for standard in ["-std=c++11", "-std=c++17", "-std=c++20"] {
        compiles(CPP, &[standard], within);
    }
}

#[test]
fn the_wrapper_with_exceptions_and_without() {
    let text = "#include <crescendo.hpp>\n#include <crescendo.hpp>\n";
    for options in [&[][..], &["-DCRESCENDO_EXCEPTIONS"], &["-fno-exceptions", "-fno-rtti"], &["-std=c++20"]]
    {
        compiles(CPP, options, text);
    }
}

#[test]
fn the_wrapper_has_every_function() {
    let header = made::header();
    let wrapper = fs::read_to_string(root("include/crescendo.hpp")).unwrap();
    let mut words: Vec<&str> = wrapper.split(|end: char| !end.is_alphanumeric() && end != '_').collect();
    words.sort_unstable();
    let functions: Vec<&str> = header.split("\n\n").filter(|block| made::is_function(block)).collect();
    assert!(functions.len() > 50);
    for function in functions {
        let name = made::declares(function).unwrap();
        assert!(words.binary_search(&name).is_ok(), "crescendo.hpp does without {name}");
    }
}
