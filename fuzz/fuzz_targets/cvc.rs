//! A card verifiable certificate; there is one byte string for each.
#![no_main]

use piv::channel::Cvc;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(cvc) = Cvc::parse(bytes) {
        assert_eq!(cvc.encoded(), bytes);
        assert_eq!(cvc.point().len(), 1 + 2 * cvc.suite().curve().field_length());
    }
});
