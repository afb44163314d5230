//! The shipped library for C: what it asks of a machine, what it leaves in a process, and what a child may do with it.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crescendo_tests::abi::current;
use crescendo_tests::c::{Linked, SANITIZED, STRICT_C, include, try_compile};
use crescendo_tests::{Files, Lab, PIN, Program};

fn tool(name: &str, options: &[&str], file: &Path) -> String {
    let output = Command::new(name).args(options).arg(file).output().expect(name);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The values of a field in the dynamic section.
fn dynamic(field: &str) -> Vec<String> {
    let headers = tool("objdump", &["-p"], &Files::get().library);
    let found = headers.lines().filter_map(|line| line.trim().strip_prefix(field));
    found.map(|value| value.trim().to_owned()).collect()
}

/// No libcrypto, and nothing of a desktop.
#[test]
fn it_needs_four_libraries_and_has_the_number_of_its_interface_in_its_name() {
    for library in dynamic("NEEDED") {
        let known = ["libc.so", "libm.so", "libgcc_s.so", "libpcsclite.so", "ld-linux"];
        assert!(known.iter().any(|known| library.starts_with(known)), "{library}");
    }
    let library = &Files::get().library;
    let soname = format!("libcrescendo.so.{}", current(&include().join("crescendo.h")).unwrap().version);
    assert_eq!(dynamic("SONAME"), [&soname[..]]);
    assert_eq!(fs::read_link(library).unwrap(), Path::new(&soname));
    let file = fs::read_link(library.with_file_name(&soname)).unwrap();
    assert_eq!(file, Path::new(&format!("{soname}.{}", env!("CARGO_PKG_VERSION"))));
}

/// A program may hold other archives made of Rust, with the same standard library in them.
#[test]
fn the_archive_offers_the_same_functions_and_nothing_else() {
    let listed = tool("nm", &["--defined-only", "--extern-only"], &Files::get().library.with_extension("a"));
    let mut names: Vec<_> = listed.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    names.sort_unstable();
    let header = current(&include().join("crescendo.h")).unwrap();
    assert_eq!(names, header.functions.keys().collect::<Vec<_>>());
}

#[test]
fn a_program_may_have_it_inside() {
    let lab = Lab::start(&[]);
    let source = lab.file(
        "inside.c",
        "#include <crescendo.h>\n#include <stdio.h>\n\nint main(void)\n{\n\
         \x20   crescendo_context *context = NULL;\n    const crescendo_devices *devices = NULL;\n\
         \x20   crescendo_status status = crescendo_context_new(&context);\n\
         \x20   if (status == CRESCENDO_STATUS_OK)\n\
         \x20       status = crescendo_devices_list(context, true, &devices);\n\
         \x20   printf(\"%d, %s\\n\", (int)status, devices != NULL ? devices->items[0]->name.data : \"nothing\");\n\
         \x20   crescendo_devices_free(devices);\n    crescendo_context_free(context);\n    return 0;\n}\n",
    );
    let program = lab.path("inside");
    try_compile(&[&source], &[STRICT_C, SANITIZED], Linked::Static, &program).unwrap();
    lab.program(&program).succeed().says("0, Crescendo");
    assert!(!tool("objdump", &["-p"], &program).contains("libcrescendo"));
}

/// No thread of it is left, nor a page.
#[test]
fn it_may_be_unloaded_at_any_time() {
    let lab = Lab::start(&[]);
    // A debug build keeps the handles that were freed, to know them again.
    unloaded(lab.program(opened_by("library_unload", &lab)).env("ASAN_OPTIONS", "detect_leaks=0"), &[]);
    assert_eq!(lab.tries(), 6);
}

#[test]
#[ignore = "slow lane: a debug build keeps the handles that were freed"]
fn once_unloaded_it_has_given_everything_back() {
    let lab = Lab::start(&[]);
    // Once a thread had to wait for another, parking_lot keeps its table of those who wait, a kilobyte, which it never frees.
    unloaded(lab.program(opened_by("library_unload", &lab)), &["one"]);
}

fn unloaded(program: Program, more: &[&str]) {
    let done = program.arg(&Files::get().library).arg(PIN).args(more).succeed();
    done.says("after 10 rounds: mapped 0, threads 1\n").says("in the first thread: threads 1\n");
}

#[test]
fn a_child_has_a_context_of_its_own() {
    let lab = Lab::start(&[]);
    let program = lab.program(opened_by("library_fork", &lab)).arg(&Files::get().library).arg(PIN);
    program.succeed().says("the child was served\nthe parent is served\n");
    assert_eq!(lab.tries(), 6);
}

/// A program of strangers/ that opens the library.
fn opened_by(name: &str, lab: &Lab) -> PathBuf {
    let source = format!("{}/strangers/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let program = lab.path(name);
    let flags: &[&[&str]] = &[&["-std=gnu99", "-Wall", "-Wextra", "-Werror"], SANITIZED];
    try_compile(&[Path::new(&source)], flags, Linked::Later, &program).unwrap();
    program
}
