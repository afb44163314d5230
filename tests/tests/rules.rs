//! Every rule of rules.md names tests, and they exist.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

#[test]
fn every_rule_names_tests_that_exist() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(here.join("rules.md")).unwrap();
    let mut source = String::new();
    for folder in [here.join("tests"), here.join("../pkcs11/src"), here.join("../pkcs11/tests")] {
        read_all(&folder, &mut source);
    }
    for row in rules.lines().filter(|line| line.starts_with("| R")) {
        let names: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty() || row.contains("not now"), "{row}");
        for name in names {
            assert!(source.contains(&format!("fn {name}()")), "no test {name}: {row}");
        }
    }
}

fn read_all(folder: &Path, source: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, source);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            source.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}
