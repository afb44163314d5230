//! The shipped file itself: what it asks of a machine, and what it offers.

#![forbid(unsafe_code)]

use std::process::Command;

use crescendo_tests::Files;

fn tool(name: &str, options: &[&str]) -> String {
    let output = Command::new(name).args(options).arg(&Files::get().module).output().expect(name);
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Self-contained, so that it can be taken into a sandbox; and no libcrypto, which the host program has its own of.
#[test]
fn it_needs_four_libraries_and_no_libcrypto() {
    let headers = tool("objdump", &["-p"]);
    let needed = headers.lines().filter_map(|line| line.trim().strip_prefix("NEEDED")).map(str::trim);
    for library in needed {
        let known = ["libc.so", "libm.so", "libgcc_s.so", "libpcsclite.so", "ld-linux"];
        assert!(known.iter().any(|known| library.starts_with(known)), "{library}");
    }
}

#[test]
fn it_exports_three_functions() {
    let symbols = tool("nm", &["--dynamic", "--defined-only"]);
    let mut names: Vec<_> = symbols.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    names.sort_unstable();
    assert_eq!(names, ["C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList"]);
}
