//! The directions in which our crates may know each other (architecture: part 2), compared with `cargo metadata`.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Who may use whom in what is shipped. A crate that is not here is not there yet, or may not be.
const SHIPPED: &[(&str, &[&str])] = &[
    ("link", &[]),
    ("piv", &["link"]),
    ("fido", &["link"]),
    ("host", &["link"]),
    ("sim", &["link"]),
    ("firmware", &["fido", "link"]),
    ("device", &["piv", "fido", "firmware", "link"]),
    ("pkcs11", &["piv", "host", "link"]),
    ("ffi", &["device", "host", "link"]),
    ("cli", &["device", "host", "link"]),
    ("fwupd", &["firmware", "fido", "link"]),
];

/// Who may use the virtual card, in tests alone.
const MAY_TEST_WITH_SIM: &[&str] = &["piv", "fido", "firmware", "device", "pkcs11", "ffi"];

/// Black-box tests may use everything.
const TESTS: &str = "tests";

#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    /// `normal`, `build` or `dev`.
    kind: String,
}

#[test]
fn crates_know_only_whom_they_may() {
    let allowed: BTreeMap<_, _> = SHIPPED.iter().copied().collect();
    for edge in edges() {
        let Edge { from, to, kind } = &edge;
        if from == TESTS {
            continue;
        }
        let others = allowed.get(&from[..]).unwrap_or_else(|| panic!("{from} is not in the list of crates"));
        let known = others.contains(&&to[..]);
        let for_tests = kind == "dev" && to == "sim" && MAY_TEST_WITH_SIM.contains(&&from[..]);
        assert!(known || for_tests, "{from} may not use {to} ({kind})");
        assert!(kind != "build", "{from} uses {to} in a build script");
    }
}

#[test]
fn nothing_shipped_can_reach_the_virtual_card() {
    let edges = edges();
    for (start, _) in SHIPPED.iter().filter(|(name, _)| *name != "sim") {
        let mut reached = BTreeSet::from([*start]);
        while let Some(edge) = edges.iter().find(|edge| {
            edge.kind != "dev" && reached.contains(&&edge.from[..]) && !reached.contains(&&edge.to[..])
        }) {
            reached.insert(&edge.to);
        }
        assert!(!reached.contains("sim"), "{start} reaches sim");
        assert!(!reached.contains(TESTS), "{start} reaches the tests");
    }
}

/// What is declared, not what is resolved: an edge behind a feature or a target counts too.
fn edges() -> Vec<Edge> {
    let packages = packages();
    let members: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let mut edges = Vec::new();
    for package in &packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            if members.contains(to) {
                let kind = dependency["kind"].as_str().unwrap_or("normal").into();
                edges.push(Edge { from: short(package["name"].as_str().unwrap()), to: short(to), kind });
            }
        }
    }
    assert!(edges.iter().any(|edge| edge.from == "piv" && edge.to == "link"), "cargo metadata was misread");
    edges
}

fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn short(name: &str) -> String {
    name.strip_prefix("crescendo-").unwrap_or_else(|| panic!("{name} is not named as the house names")).into()
}
