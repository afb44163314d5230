//! What was remembered of a card; what is read is written back the same.
#![no_main]

use piv::channel::LearntSigner;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(learnt) = LearntSigner::from_bytes(bytes) {
        assert_eq!(learnt.to_bytes(), bytes);
    }
});
