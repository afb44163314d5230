//! The header, and the page made of it, are what the crate says. `CRESCENDO_BLESS=1` writes them.

#![forbid(unsafe_code)]

mod languages;
mod layout;
mod made;
mod page;
mod sections;

use std::{env, fs, path::PathBuf};

use sections::{is_known, sources};

/// A file of the tree.
fn root(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// Compares a file of the tree with what it has to be, or makes it that.
#[track_caller]
fn compare(name: &str, made: &str) {
    let path = root(name);
    if env::var_os("CRESCENDO_BLESS").is_some_and(|it| it == "1") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    let line = differs.unwrap_or(kept.lines().count().min(made.lines().count()));
    assert!(
        kept == made,
        "{name} is not what the crate says, from line {} on; CRESCENDO_BLESS=1 writes it:\n  has  {:?}\n  made {:?}",
        line + 1,
        kept.lines().nth(line),
        made.lines().nth(line)
    );
}

#[test]
fn the_header_is_as_the_crate_has_it() {
    compare("include/crescendo.h", &made::header());
}

#[test]
fn the_page_is_as_the_header_has_it() {
    compare("docs/c-api.md", &page::page(&made::header()));
}

#[test]
fn every_file_has_its_section() {
    for (file, _) in sources() {
        assert!(is_known(&file), "src/{file}.rs has no place in SECTIONS of tests/header/sections.rs");
    }
}
