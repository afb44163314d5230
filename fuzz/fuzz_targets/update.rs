//! A key that answers anything: an update may end in any error, but never panic, and always end.
#![no_main]

#[path = "../shared/update.rs"]
mod update;

libfuzzer_sys::fuzz_target!(|script: &[u8]| update::run(script));
