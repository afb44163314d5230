//! What went wrong last in a thread.

use std::{cell::RefCell, ptr};

use device::Candidate;

use crate::{crescendo_status, crescendo_text, failure::Failure, result::Keep};

/// What went wrong in the last call of this thread.
#[repr(C)]
pub struct crescendo_error {
    /// What that call returned.
    pub status: crescendo_status,
    /// How many tries of the PIN, PUK or key are left after it; -1 where that is not what went wrong, or not known.
    pub tries: i32,
    /// One sentence that a person can act on.
    pub message: crescendo_text,
    /// The devices that may be meant: of CRESCENDO_STATUS_AMBIGUOUS and CRESCENDO_STATUS_NO_SUCH_DEVICE.
    pub candidates: *const *const crescendo_candidate,
    /// How many.
    pub candidate_count: usize,
}

/// A device that may be meant.
#[repr(C)]
pub struct crescendo_candidate {
    /// Its name.
    pub name: crescendo_text,
    /// Its device ID, if it is known.
    pub id: crescendo_text,
    /// The reader it is in.
    pub reader: crescendo_text,
}

struct Last {
    error: crescendo_error,
    _keep: Keep,
}

const NOTHING: crescendo_error = crescendo_error {
    status: crescendo_status::Ok,
    tries: -1,
    message: crescendo_text::NONE,
    candidates: ptr::null(),
    candidate_count: 0,
};

thread_local! {
    static LAST: RefCell<Option<Box<Last>>> = const { RefCell::new(None) };
}

pub(crate) fn clear() {
    // While the thread ends there may be nothing left to be cleared.
    let _ = LAST.try_with(|last| last.borrow_mut().take());
}

/// Keeps what went wrong, for this thread to ask for.
pub(crate) fn keep(failure: &Failure) -> crescendo_status {
    let status = failure.status();
    let mut keep = Keep::default();
    let candidates = failure.candidates().iter().map(|it| candidate(it, &mut keep)).collect::<Vec<_>>();
    let error = crescendo_error {
        status,
        tries: failure.tries().map_or(-1, i32::from),
        message: keep.text(&failure.to_string()),
        candidate_count: candidates.len(),
        candidates: keep.list(candidates),
    };
    let _ = LAST.try_with(|last| *last.borrow_mut() = Some(Box::new(Last { error, _keep: keep })));
    status
}

fn candidate(candidate: &Candidate, keep: &mut Keep) -> crescendo_candidate {
    crescendo_candidate {
        name: keep.text(&candidate.name),
        id: keep.text_if(candidate.id.as_deref()),
        reader: keep.text(&candidate.reader),
    }
}

/// What went wrong in the last call of this thread that returned a status: never NULL; after a call that succeeded its status is
/// CRESCENDO_STATUS_OK and it has no message. It belongs to the library, and is there until the next call of this thread. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn crescendo_last_error() -> *const crescendo_error {
    struct Nothing(crescendo_error);
    // SAFETY: its pointers are null.
    unsafe impl Sync for Nothing {}
    static NONE: Nothing = Nothing(NOTHING);
    let of =
        |last: &RefCell<Option<Box<Last>>>| last.borrow().as_ref().map(|last| ptr::from_ref(&last.error));
    LAST.try_with(of).ok().flatten().unwrap_or(&NONE.0)
}
