//! Ending what waits, from another thread.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    call::enter,
    crescendo_status,
    handle::{self, Handle},
};

/// Ends the operations that were given it in their callbacks. Made with crescendo_cancel_new, freed with crescendo_cancel_free.
pub struct crescendo_cancel {
    _private: (),
}

// SAFETY: a mark of its own.
unsafe impl Handle for crescendo_cancel {
    const MARK: u64 = 0x6372_6573_6300_0001;
    const NAME: &'static str = "crescendo_cancel";
    type Value = AtomicBool;
}

/// Makes one. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_cancel_new(cancel: *mut *mut crescendo_cancel) -> crescendo_status {
    // SAFETY: the header's conventions.
    enter(|| unsafe { handle::give(AtomicBool::new(false), cancel) })
}

/// Ends every operation that was given it, now or later: each as soon as that leaves the device well, with
/// CRESCENDO_STATUS_CANCELLED. A card is never left in the middle of a command. Any thread, also while an operation runs in
/// another one; not from a signal handler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_cancel_now(cancel: *const crescendo_cancel) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        unsafe { handle::value(cancel)? }.store(true, Ordering::SeqCst);
        Ok(())
    })
}

/// Frees it. NULL is none. No operation uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_cancel_free(cancel: *mut crescendo_cancel) {
    // SAFETY: the header's conventions.
    unsafe { handle::free(cancel) }
}
