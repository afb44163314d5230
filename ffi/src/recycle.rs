//! Recycling (D9): a device goes back to how it was delivered. What is lost is named before anything is asked for.

use device::{PasskeysAfter, Recycling};

use crate::{
    call::enter,
    callbacks::Asking,
    crescendo_callbacks, crescendo_device, crescendo_rights, crescendo_status, crescendo_text, handle,
    result::{self, Answer},
    rights::Given,
};

/// How a device goes back.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_recycling {
    /// RESET CARD of a Crescendo: everything goes, its administration key too.
    ResetCard = 1,
    /// The reset of the common vendor extensions: everything goes.
    Extended = 2,
    /// Its data objects are emptied; keys, PIN, PUK and management key stay, because the standard knows no way.
    Objects = 3,
}

/// What became of the passkeys (FIDO) of a device, as far as their PIN shows it.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_passkeys {
    /// It has no FIDO.
    None = 1,
    /// They are still there.
    Kept = 2,
    /// They are gone.
    Cleared = 3,
    /// It does not tell.
    Untold = 4,
}

/// What recycling would do.
#[repr(C)]
pub struct crescendo_recycle_plan {
    /// In which way it would be done.
    pub way: crescendo_recycling,
    /// What is lost, a sentence each, one after the other.
    pub lines: *const crescendo_text,
    /// How many.
    pub line_count: usize,
}

/// What recycling has done. The device is personalized next.
#[repr(C)]
pub struct crescendo_recycled {
    /// In which way it was done.
    pub way: crescendo_recycling,
    /// What became of its passkeys.
    pub passkeys: crescendo_passkeys,
}

// SAFETY: marks of their own; their pointers come from the `Keep`.
unsafe impl Answer for crescendo_recycle_plan {
    const MARK: u64 = 0x6372_6573_7220_0020;
}

// SAFETY: a mark of its own; it has no pointers.
unsafe impl Answer for crescendo_recycled {
    const MARK: u64 = 0x6372_6573_7220_0021;
}

/// Tells how the device would be recycled, and what would be lost. Nothing is asked for, and nothing is written. `keys`: its
/// administration key, or a PUK of 16 characters, is at hand; without one, a Crescendo the PIN of which is blocked is
/// CRESCENDO_STATUS_CANNOT_RECYCLE. CRESCENDO_STATUS_NOT_OFFERED tells why it cannot be recycled otherwise. The result is freed
/// with crescendo_recycle_plan_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_recycle_preview(
    device: *const crescendo_device,
    keys: bool,
    plan: *mut *const crescendo_recycle_plan,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(plan)?;
        let (way, lines) = opened.with(|device| {
            let way = device.recycling(keys)?;
            Ok((way, device.what_is_lost()?.sentences(&device.title(), way)))
        })?;
        // SAFETY: the header's conventions.
        unsafe {
            result::give(plan, |keep| {
                let lines: Vec<_> = lines.iter().map(|line| keep.text(line)).collect();
                let line_count = lines.len();
                crescendo_recycle_plan { way: self::way(way), lines: keep.array(lines), line_count }
            })
        }
    })
}

/// Frees what was told. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_recycle_plan_free(plan: *const crescendo_recycle_plan) {
    // SAFETY: the header's conventions.
    unsafe { result::free(plan) }
}

/// Brings a device back to how it was delivered, as far as it knows a way. What is lost is confirmed with `confirm`, unless
/// `yes`; with CRESCENDO_STATUS_NO_CALLBACK nothing was done. A Crescendo takes its PIN; if that is blocked or forgotten, its
/// administration key or its PUK of 16 characters (`right` CRESCENDO_RIGHT_PUK asks for it). A wrong PIN costs one try, and
/// nothing is changed then. CRESCENDO_STATUS_UNFINISHED: the device was lost on the way, and the same is done once more. The
/// result is freed with crescendo_recycled_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_recycle(
    device: *const crescendo_device,
    rights: *const crescendo_rights,
    yes: bool,
    callbacks: *const crescendo_callbacks,
    recycled: *mut *const crescendo_recycled,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) =
            unsafe { (handle::value(device)?, Given::of(rights)?, Asking::of(callbacks)?) };
        result::demand(recycled)?;
        let done = opened.with(|device| {
            let hand = given.in_hand();
            let way = device.recycling(hand.puk || hand.xauth)?;
            let proof = device.demand_to_recycle(way, hand)?;
            let contents = device.what_is_lost()?;
            asking.confirm(yes, &contents.sentences(&device.title(), way))?;
            let proven = given.prove(&asking, device, proof)?;
            asking.go_on()?;
            device.recycle(way, &proven.right())?;
            let passkeys = passkeys(contents.fido.became(device.passkeys()));
            Ok(crescendo_recycled { way: self::way(way), passkeys })
        })?;
        // SAFETY: the header's conventions.
        unsafe { result::give(recycled, |_| done) }
    })
}

/// Frees what was told. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_recycled_free(recycled: *const crescendo_recycled) {
    // SAFETY: the header's conventions.
    unsafe { result::free(recycled) }
}

fn way(way: Recycling) -> crescendo_recycling {
    match way {
        Recycling::ResetCard => crescendo_recycling::ResetCard,
        Recycling::Extended => crescendo_recycling::Extended,
        Recycling::Objects => crescendo_recycling::Objects,
    }
}

fn passkeys(after: PasskeysAfter) -> crescendo_passkeys {
    match after {
        PasskeysAfter::None => crescendo_passkeys::None,
        PasskeysAfter::Kept => crescendo_passkeys::Kept,
        PasskeysAfter::Cleared => crescendo_passkeys::Cleared,
        PasskeysAfter::Untold => crescendo_passkeys::Untold,
    }
}
