//! Programs in C and C++ that use `libcrescendo`: compiled against `include/`, and linked with the library under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::{Files, root};

/// What a program in C has to be clean under.
pub const STRICT_C: &[&str] = &["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"];
/// What a program in C++ has to be clean under.
pub const STRICT_CPP: &[&str] = &["-std=c++17", "-Wall", "-Wextra", "-Werror", "-pedantic"];
/// Ends a program at the first byte that it may not touch, and at its end if anything was not freed.
pub const SANITIZED: &[&str] =
    &["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];

/// Which library a program is linked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked<'a> {
    /// The shared one, which it finds when it runs, wherever it is.
    Shared,
    /// The archive, a copy of which is in the program.
    Static,
    /// This one, once; when it runs it finds the shared one.
    Once(&'a Path),
    /// None: it opens the library itself.
    Later,
}

/// Where `crescendo.h` and `crescendo.hpp` are.
#[must_use]
pub fn include() -> PathBuf {
    root().join("include")
}

/// The examples that people are shown: `list.c` and the others.
#[must_use]
pub fn example(name: &str) -> PathBuf {
    root().join("ffi/examples").join(name)
}

/// Compiles a program, with the flags of groups like [`STRICT_C`] and [`SANITIZED`], as C++ if one of its sources is, and links
/// it with the shared library. `program` is where it goes; it runs as it is, in a lab too.
///
/// # Panics
/// When the compiler says anything, with what it says.
#[track_caller]
pub fn compile(sources: &[&Path], flags: &[&[&str]], program: &Path) {
    if let Err(said) = try_compile(sources, flags, Linked::Shared, program) {
        panic!("{said}");
    }
}

/// The same, with either library.
///
/// # Errors
/// What the compiler says.
pub fn try_compile(
    sources: &[&Path],
    flags: &[&[&str]],
    linked: Linked<'_>,
    program: &Path,
) -> Result<(), String> {
    let library = &Files::get().library;
    let is_c = sources.iter().all(|source| source.extension().is_some_and(|extension| extension == "c"));
    let mut compiler = Command::new(if is_c { "gcc" } else { "g++" });
    compiler.env("LC_ALL", "C").args(flags.concat()).arg("-I").arg(include()).args(sources);
    compiler.arg("-o").arg(program);
    let folder = library.parent().expect("the library is in a folder");
    let rpath = format!("-Wl,-rpath,{}", folder.display());
    match linked {
        Linked::Shared => {
            compiler.arg(library).arg(rpath);
        }
        Linked::Once(other) => {
            compiler.arg(other).arg(rpath);
        }
        Linked::Later => {}
        Linked::Static => {
            let told =
                fs::read_to_string(library.with_file_name("pkgconfig/crescendo.pc")).expect("it is there");
            let beside = told.lines().find_map(|line| line.strip_prefix("Libs.private:"));
            compiler.arg(library.with_extension("a")).args(beside.expect("it is told").split_whitespace());
        }
    }
    let done = compiler.output().expect("gcc and g++ are installed");
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() && said.is_empty() {
        Ok(())
    } else {
        Err(format!("{compiler:?}\nended with {:?}\n{said}", done.status.code()))
    }
}
