//! The corpora of the fuzz targets, replayed. What a fuzzer once found stays found.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/shared/image.rs"]
mod image;
#[path = "../../../fuzz/shared/update.rs"]
mod update;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    let files: Vec<_> = files.collect();
    assert!(files.len() > 10, "a corpus of {} files", files.len());
    files
}

#[test]
fn the_corpus_of_images() {
    let images = corpus("image").iter().filter(|bytes| image::read(bytes)).count();
    assert!(images > 0, "the corpus has signed images in it");
}

#[test]
fn the_corpus_of_updates() {
    corpus("update").iter().for_each(|script| update::run(script));
}
