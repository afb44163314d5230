//! A program that holds a login and calls nothing is left alone: no thread, no timer, no poll of ours.

#![forbid(unsafe_code)]

use std::path::Path;

use crescendo_tests::{Lab, calls_while_idle};

#[test]
#[ignore = "slow lane: 20 seconds"]
fn nobody_calls_and_nothing_happens() {
    let lab = Lab::start(&[]);
    let calls = calls_while_idle(&lab, Path::new(env!("CARGO_BIN_EXE_crescendo-bench")));
    assert!(calls.is_empty(), "{calls:#?}");
}
