//! strangers/puppet.c: a C program that does with the module what its arguments say.

use std::path::PathBuf;

use crescendo_tests::{Done, Files, Lab, Program};

/// Compiles it, for this lab. Each call of the result is a process of its own.
pub(crate) fn puppet(lab: &Lab) -> impl Fn(&str) -> Program {
    let program = compiled(lab, "puppet", &["-ldl", "-lpthread"]);
    move |words| {
        let words: Vec<_> = words.split_whitespace().collect();
        lab.program(&program).arg(&Files::get().module).args(&words)
    }
}

/// One of the C programs in strangers/.
pub(crate) fn compiled(lab: &Lab, name: &str, options: &[&str]) -> PathBuf {
    let source = format!("{}/strangers/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let program = lab.path(name);
    // Bound at once, as Debian's programs are: a function that is looked up when it is first called leaves a copy of all
    // registers on the stack.
    let gcc = lab.program("gcc").args(&["-Wall", "-Werror", "-Wl,-z,now", "-o"]).arg(&program).arg(source);
    let _ = gcc.args(options).succeed();
    program
}

/// What was not answered with CKR_OK.
pub(crate) fn refused(done: &Done) -> Vec<&str> {
    let codes = done.out.lines().filter(|line| line.contains(" 0x") && !line.starts_with("child "));
    codes.filter(|line| !line.ends_with(" 0") && !line.ends_with(" 0x0")).collect()
}

/// It got to its end, and everything was answered with CKR_OK.
#[track_caller]
pub(crate) fn all_went_well(done: &Done) {
    assert!(done.status == Some(0) && done.out.ends_with("end\n"), "{done}");
    assert_eq!(refused(done), [""; 0], "{done}");
}
