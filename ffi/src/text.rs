//! Texts and bytes that go in and out.

use std::{ffi::c_char, ptr, slice, str};

use zeroize::Zeroizing;

use crate::failure::Failure;

/// A text that the library gives: UTF-8, `length` bytes, and a NUL after them that does not count. Where there is none, `data` is
/// NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct crescendo_text {
    /// The first byte, or NULL.
    pub data: *const c_char,
    /// How many bytes, without the NUL.
    pub length: usize,
}

/// In place of a length: the text ends with a NUL.
pub const CRESCENDO_TERMINATED: usize = usize::MAX;

/// Nothing that is given to the library is longer than this, in bytes.
const LONGEST: usize = 64 * 1024 * 1024;

impl crescendo_text {
    pub(crate) const NONE: Self = Self { data: ptr::null(), length: 0 };
}

/// Bytes that C gave. Null with no length is none, and so is null with [`CRESCENDO_TERMINATED`].
///
/// # Safety
/// `data` is null, or leads to so many bytes, or to bytes that end with a NUL, for as long as the result is used.
pub(crate) unsafe fn bytes<'a>(
    data: *const c_char,
    length: usize,
    what: &'static str,
) -> Result<Option<&'a [u8]>, Failure> {
    if data.is_null() {
        return if matches!(length, 0 | CRESCENDO_TERMINATED) { Ok(None) } else { Err(Failure::Null(what)) };
    }
    let length = match length {
        // SAFETY: the caller's.
        CRESCENDO_TERMINATED => unsafe { std::ffi::CStr::from_ptr(data) }.count_bytes(),
        length => length,
    };
    if length > LONGEST {
        return Err(Failure::Length(what));
    }
    // SAFETY: the caller's.
    Ok(Some(unsafe { slice::from_raw_parts(data.cast(), length) }))
}

/// The content of a file, which has to be there. There are zeros in some, so each ends where its length says.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn file<'a>(
    data: *const u8,
    length: usize,
    what: &'static str,
) -> Result<&'a [u8], Failure> {
    if length == CRESCENDO_TERMINATED {
        return Err(Failure::Length(what));
    }
    // SAFETY: the caller's.
    unsafe { bytes(data.cast(), length, what) }?.ok_or(Failure::Null(what))
}

/// A text that C gave, or none.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(
    data: *const c_char,
    length: usize,
    what: &'static str,
) -> Result<Option<&'a str>, Failure> {
    // SAFETY: the caller's.
    let bytes = unsafe { bytes(data, length, what) }?;
    bytes.map(|bytes| str::from_utf8(bytes).map_err(|_| Failure::Utf8(what))).transpose()
}

/// A text that has to be there.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn some_text<'a>(
    data: *const c_char,
    length: usize,
    what: &'static str,
) -> Result<&'a str, Failure> {
    // SAFETY: the caller's.
    unsafe { text(data, length, what) }?.ok_or(Failure::Null(what))
}

/// A secret that C gave, or none: then the callback is asked for it. A copy, which is wiped.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn secret(
    data: *const c_char,
    length: usize,
    what: &'static str,
) -> Result<Option<Secret>, Failure> {
    // SAFETY: the caller's.
    let text = unsafe { text(data, length, what) }?;
    Ok(text.map(|text| Zeroizing::new(text.to_owned())))
}

/// What a person entered. Wiped when dropped.
pub(crate) type Secret = Zeroizing<String>;
