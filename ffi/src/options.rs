//! Structures that a program fills in: each begins with its own size, so that it can grow.

use std::mem;

use crate::failure::Failure;

/// What a program has filled in; `None`: it gave nothing.
///
/// # Errors
/// [`Failure::Size`]
///
/// # Safety
/// `options` is null, or leads to a `size`; and to a whole structure, if it says that it has that size.
pub(crate) unsafe fn read<T: Copy>(options: *const T, what: &'static str) -> Result<Option<T>, Failure> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's: the size is the first of it.
    if unsafe { options.cast::<usize>().read_unaligned() } != mem::size_of::<T>() {
        return Err(Failure::Size(what));
    }
    // SAFETY: the caller's, and it has the size.
    Ok(Some(unsafe { options.read_unaligned() }))
}
