//! Handles: what C holds as a pointer to something it cannot look into. Each begins with a mark that says what it is, so that
//! one of another kind is refused; in a debug build also one that was freed, the memory of which is never given back.

use std::{
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::Arc,
};

use crate::failure::Failure;

/// A type of handle, as C knows it.
///
/// # Safety
/// `MARK` is told of no other type.
pub(crate) unsafe trait Handle: Sized {
    /// What its memory begins with.
    const MARK: u64;
    /// What it is, in a message.
    const NAME: &'static str;
    /// What is behind it.
    type Value: Send + Sync;
}

#[repr(C)]
struct Slot<T> {
    mark: u64,
    value: ManuallyDrop<Arc<T>>,
}

/// What is left where a handle was.
const FREED: u64 = 0x6465_6572_6621_2121;

/// Gives C a new handle.
///
/// # Errors
/// [`Failure::Null`]; the value is dropped.
///
/// # Safety
/// `out` is null, or can be written to.
pub(crate) unsafe fn give<H: Handle>(value: H::Value, out: *mut *mut H) -> Result<(), Failure> {
    if out.is_null() {
        return Err(Failure::Null("the place for the result"));
    }
    let slot = Box::new(Slot { mark: H::MARK, value: ManuallyDrop::new(Arc::new(value)) });
    // SAFETY: the caller's, and it is not null.
    unsafe { out.write(Box::into_raw(slot).cast()) };
    Ok(())
}

/// What is behind a handle. It stays there until the call is over, even if another thread frees the handle meanwhile.
///
/// # Errors
/// [`Failure::Null`], [`Failure::Handle`].
///
/// # Safety
/// `handle` is null, or points to a handle of any kind that was not freed; in a debug build it may have been.
pub(crate) unsafe fn value<H: Handle>(handle: *const H) -> Result<Arc<H::Value>, Failure> {
    let slot = handle.cast::<Slot<H::Value>>();
    if slot.is_null() {
        return Err(Failure::Null(H::NAME));
    }
    // SAFETY: whatever handle it is, it begins with a mark.
    if !slot.is_aligned() || unsafe { ptr::addr_of!((*slot).mark).read() } != H::MARK {
        return Err(Failure::Handle(H::NAME));
    }
    // SAFETY: the mark says that it is of this type.
    Ok(unsafe { Arc::clone(&(*slot).value) })
}

/// Takes a handle back. Null is none; one of another kind is left alone, and so is one that was freed, in a debug build.
///
/// # Safety
/// As [`value`], and nobody uses it from now on.
pub(crate) unsafe fn free<H: Handle>(handle: *mut H) {
    let slot = handle.cast::<Slot<H::Value>>();
    // SAFETY: the caller's.
    if slot.is_null() || !slot.is_aligned() || unsafe { ptr::addr_of!((*slot).mark).read() } != H::MARK {
        return;
    }
    // SAFETY: it was made by `give`, and this is the last time that it is looked at.
    let mut slot = unsafe { Box::from_raw(slot) };
    // Volatile: or the compiler sees that nobody may read it any more.
    // SAFETY: it is a place of our own.
    unsafe { ptr::addr_of_mut!(slot.mark).write_volatile(FREED) };
    // A device ends its login: a fault in there is not to cross to C.
    // SAFETY: the slot is gone for everybody else.
    let _ = catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut slot.value) }));
    bury(slot);
}

/// Keeps the memory of a handle, so that it is recognised if it is used once more.
#[cfg(debug_assertions)]
fn bury<T>(slot: Box<Slot<T>>) {
    use std::sync::atomic::{AtomicPtr, Ordering};
    // What begins here is a chain of them, and so no leak to those who look for some.
    static GRAVES: AtomicPtr<Grave> = AtomicPtr::new(ptr::null_mut());
    struct Grave {
        _slot: *mut u64,
        _next: *mut Grave,
    }
    let grave = Box::into_raw(Box::new(Grave { _slot: Box::into_raw(slot).cast(), _next: ptr::null_mut() }));
    let mut next = GRAVES.load(Ordering::Relaxed);
    loop {
        // SAFETY: nobody else knows it yet.
        unsafe { (*grave)._next = next };
        match GRAVES.compare_exchange_weak(next, grave, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(other) => next = other,
        }
    }
}

#[cfg(not(debug_assertions))]
fn bury<T>(_: Box<Slot<T>>) {}
