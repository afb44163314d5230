//! Bytes that may be an image, a trust list, or what a key says of itself: never a panic, never an image nobody signed.
#![no_main]

#[path = "../shared/image.rs"]
mod image;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    image::read(bytes);
});
