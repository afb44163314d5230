//! What `cargo build` makes has the soname of what is shipped, the number of the binary interface in it.

use std::fs;

fn main() {
    println!("cargo:rerun-if-changed=src/version.rs");
    let source = fs::read_to_string("src/version.rs").expect("src/version.rs is there");
    let number =
        source.split_once("CRESCENDO_ABI_VERSION: u32 = ").and_then(|(_, rest)| rest.split(';').next());
    let number = number.expect("src/version.rs has the number");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcrescendo.so.{number}");
}
