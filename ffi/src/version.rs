//! Which library this is.

use std::ffi::c_char;

/// The version of the binary interface that this header describes. It is a part of the library's soname.
pub const CRESCENDO_ABI_VERSION: u32 = 1;

/// The version of the binary interface that the library has which is running: equal to CRESCENDO_ABI_VERSION, or the program
/// runs with another library than it was built for. Never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn crescendo_abi_version() -> u32 {
    CRESCENDO_ABI_VERSION
}

/// The version of the library as a text, as in "0.1.0". It is static: not to be freed. Never fails; any thread.
#[unsafe(no_mangle)]
pub extern "C" fn crescendo_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
