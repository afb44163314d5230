//! Bytes that are handed out and wiped when they are freed: secrets, and files.

use std::ffi::c_char;

use zeroize::Zeroizing;

use crate::{
    call::enter,
    crescendo_status,
    failure::Failure,
    handle::{self, Handle},
};

/// Bytes that the library gives: a PUK, a pairing code, a certificate. They are wiped when they are freed with
/// crescendo_buffer_free.
pub struct crescendo_buffer {
    _private: (),
}

// SAFETY: a mark of its own.
unsafe impl Handle for crescendo_buffer {
    const MARK: u64 = 0x6372_6573_6200_0001;
    const NAME: &'static str = "crescendo_buffer";
    type Value = Zeroizing<Vec<u8>>;
}

/// Gives C bytes, with a NUL after them.
///
/// # Safety
/// As [`handle::give`].
pub(crate) unsafe fn give(bytes: &[u8], out: *mut *mut crescendo_buffer) -> Result<(), Failure> {
    // One allocation: what grows leaves copies behind.
    let mut kept = Zeroizing::new(Vec::with_capacity(bytes.len() + 1));
    kept.extend_from_slice(bytes);
    kept.push(0);
    // SAFETY: the caller's.
    unsafe { handle::give(kept, out) }
}

/// The bytes in a buffer, and how many; a NUL follows them that does not count, so that a text can be used as one. They are
/// there until the buffer is freed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_buffer_bytes(
    buffer: *const crescendo_buffer,
    bytes: *mut *const c_char,
    length: *mut usize,
) -> crescendo_status {
    enter(|| {
        if bytes.is_null() || length.is_null() {
            return Err(Failure::Null("the place for the result"));
        }
        // SAFETY: the header's conventions; the bytes outlive this borrow, because the handle keeps them.
        unsafe {
            let kept = handle::value(buffer)?;
            bytes.write(kept.as_ptr().cast());
            length.write(kept.len() - 1);
        }
        Ok(())
    })
}

/// Wipes and frees a buffer. NULL is none. No other thread uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_buffer_free(buffer: *mut crescendo_buffer) {
    // SAFETY: the header's conventions.
    unsafe { handle::free(buffer) }
}
