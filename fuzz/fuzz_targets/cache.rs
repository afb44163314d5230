//! A stored cache; what is read is written back the same.
#![no_main]

use piv::TokenCache;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(cache) = TokenCache::from_bytes(bytes) {
        assert_eq!(TokenCache::from_bytes(&cache.to_bytes()), Some(cache));
    }
});
