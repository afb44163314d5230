//! A certificate as a card may hold it.
#![no_main]

libfuzzer_sys::fuzz_target!(|der: &[u8]| {
    if let Ok(certificate) = piv::Certificate::parse(der) {
        let _ = certificate.common_name();
        let _ = certificate.key.raw_encrypt(&[1; 256]);
        let _ = certificate.key.verifies(&[1; 32], &[1; 64]);
    }
});
