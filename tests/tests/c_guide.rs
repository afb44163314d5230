//! The programs of docs/c.md and of the README compile as strictly as ours, and do what is said there.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use crescendo_tests::c::{SANITIZED, STRICT_C, STRICT_CPP, compile};
use crescendo_tests::{Lab, PIN};

/// Each program of the pages, compiled into a folder: those without a `main` as a part of one that does nothing.
fn programs(folder: &Path) -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let pages = ["docs/c.md", "README.md"].map(|page| fs::read_to_string(root.join(page)).unwrap());
    let blocks = pages.iter().flat_map(|page| page.split("\n```").skip(1).step_by(2));
    let blocks = blocks.map(|block| block.split_once('\n').expect("a block has lines"));
    let blocks = blocks.filter(|(language, _)| ["c", "cpp"].contains(language));
    let compiled = blocks.enumerate().map(|(number, (language, text))| {
        let strict = if language == "c" { STRICT_C } else { STRICT_CPP };
        let program = folder.join(format!("program{number}"));
        let source = program.with_extension(language);
        if text.contains("int main") {
            fs::write(&source, text).unwrap();
            compile(&[&source], &[strict, SANITIZED], &program);
        } else {
            fs::write(&source, format!("{text}int main() {{}}\n")).unwrap();
            compile(&[&source], &[strict], &program);
        }
        (text.to_owned(), program)
    });
    compiled.collect()
}

#[test]
fn the_programs_of_the_guide_work() {
    let lab = Lab::start(&[]);
    let programs = programs(&lab.path(""));
    let with = |words: &str| {
        let found = programs.iter().filter(|(text, _)| text.contains(words) && text.contains("int main"));
        found.map(|(_, program)| program).collect::<Vec<_>>()
    };
    assert!(programs.len() > 5);
    // In C and in C++.
    assert_eq!(with("ID ").len(), 2);
    for program in with("ID ") {
        lab.program(program).succeed().says(": ID ");
    }
    assert_eq!(with("certificates_list").len(), 2);
    for program in with("certificates_list") {
        lab.program(program).succeed().says("9A: CN=");
    }
    for program in with("pin_change") {
        let done = lab.program(program).input("12\n654321\n271828\n").run();
        done.says("(6 tries left): ");
        assert_eq!(
            (done.status, &done.err[..], lab.tries()),
            (Some(1), "wrong PIN, 5 tries left\n", 5),
            "{done}"
        );
        let done = lab.program(program).input(format!("{PIN}\n1\n271828\n")).succeed();
        done.says("new PIN, 6 to 8 digits: ");
        assert_eq!(lab.tries(), 6);
    }
}
