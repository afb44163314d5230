//! Results: structures that C reads as they are. The library makes them and frees them, texts and lists in them included, so
//! that members can be added at their end.

use std::{
    mem::offset_of,
    ptr::{self, NonNull},
};

use crate::{crescendo_text, failure::Failure};

/// A structure that C reads.
///
/// # Safety
/// `MARK` is told of no other type; what its pointers lead to is null, static, or kept in the [`Keep`] it was made with.
pub(crate) unsafe trait Answer: Sized {
    /// What stands before it.
    const MARK: u64;
}

/// What the pointers in a result lead to. It does not move while the result is there.
#[derive(Default)]
pub(crate) struct Keep {
    texts: Vec<Vec<u8>>,
    /// Vectors, whose content stays where it is when they are moved.
    items: Vec<Box<dyn std::any::Any>>,
}

impl Keep {
    /// A text, with a NUL after it.
    pub(crate) fn text(&mut self, text: &str) -> crescendo_text {
        let bytes: Vec<u8> = text.bytes().chain([0]).collect();
        let kept = crescendo_text { data: bytes.as_ptr().cast(), length: text.len() };
        self.texts.push(bytes);
        kept
    }

    /// A text that may be absent.
    pub(crate) fn text_if(&mut self, text: Option<&str>) -> crescendo_text {
        text.map_or(crescendo_text::NONE, |text| self.text(text))
    }

    /// Bytes, and how many.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> (*const u8, usize) {
        let kept: Vec<u8> = bytes.iter().copied().chain([0]).collect();
        let pointer = kept.as_ptr();
        self.texts.push(kept);
        (pointer, bytes.len())
    }

    /// A list of structures, as pointers to each: structures may grow, and pointers do not. Null where there are none.
    pub(crate) fn list<T: 'static>(&mut self, items: Vec<T>) -> *const *const T {
        if items.is_empty() {
            return ptr::null();
        }
        let pointers: Vec<*const T> = items.iter().map(ptr::from_ref).collect();
        let list = pointers.as_ptr();
        self.items.push(Box::new(items));
        self.items.push(Box::new(pointers));
        list
    }

    /// Values that cannot grow, one after the other. Null where there are none.
    pub(crate) fn array<T: 'static>(&mut self, values: Vec<T>) -> *const T {
        if values.is_empty() {
            return ptr::null();
        }
        let array = values.as_ptr();
        self.items.push(Box::new(values));
        array
    }
}

#[repr(C)]
struct Slot<T> {
    keep: Keep,
    mark: u64,
    answer: T,
}

/// Demands a place for a result, before anything is done for it.
///
/// # Errors
/// [`Failure::Null`].
pub(crate) fn demand<T>(out: *mut T) -> Result<(), Failure> {
    if out.is_null() { Err(Failure::Null("the place for the result")) } else { Ok(()) }
}

/// Gives C a result.
///
/// # Errors
/// [`Failure::Null`].
///
/// # Safety
/// `out` is null, or can be written to.
pub(crate) unsafe fn give<T: Answer>(
    out: *mut *const T,
    make: impl FnOnce(&mut Keep) -> T,
) -> Result<(), Failure> {
    let out = NonNull::new(out).ok_or(Failure::Null("the place for the result"))?;
    let mut keep = Keep::default();
    let answer = make(&mut keep);
    let slot = Box::into_raw(Box::new(Slot { keep, mark: T::MARK, answer }));
    // SAFETY: the slot is there; the place is the caller's.
    unsafe { out.write(ptr::addr_of!((*slot).answer)) };
    Ok(())
}

/// Takes a result back. Null is none.
///
/// # Safety
/// `answer` is null, or was given and not taken back yet.
pub(crate) unsafe fn free<T: Answer>(answer: *const T) {
    if answer.is_null() {
        return;
    }
    // SAFETY: it was given, so that it is a part of a slot.
    let slot = unsafe { answer.byte_sub(offset_of!(Slot<T>, answer)) }.cast::<Slot<T>>().cast_mut();
    // SAFETY: as above.
    if !slot.is_aligned() || unsafe { ptr::addr_of!((*slot).mark).read() } != T::MARK {
        return;
    }
    // SAFETY: it was made by `give`, and is taken back once. Volatile, so that a second time is likely to be noticed.
    unsafe {
        ptr::addr_of_mut!((*slot).mark).write_volatile(0);
        drop(Box::from_raw(slot));
    }
}
