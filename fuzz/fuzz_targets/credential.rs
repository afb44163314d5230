//! A file with certificates and keys, as people bring it: anything is read or refused.
#![no_main]

use device::Credential;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Credential::read(bytes, None);
    let _ = Credential::read(bytes, Some("passphrase"));
});
