//! The content of 5FC122.
#![no_main]

use piv::channel::ContentSigner;

libfuzzer_sys::fuzz_target!(|content: &[u8]| {
    if let Ok(signer) = ContentSigner::parse(content) {
        assert!(!signer.certificate().is_empty());
    }
});
