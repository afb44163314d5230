//! What is kept of devices between uses, listed and cleared (D8).

use std::ffi::c_char;

use device::Kept;

use crate::{
    call::enter,
    crescendo_context, crescendo_device, crescendo_status, crescendo_text,
    failure::Failure,
    handle,
    result::{self, Answer, Keep},
    text,
};

/// What is kept of one card: public content alone.
#[repr(C)]
pub struct crescendo_cache_entry {
    /// The card UUID, as in "C4000C4E-5CE4-4D01-8A11-000000000001".
    pub guid: crescendo_text,
    /// Whose it is, as its first certificate tells.
    pub label: crescendo_text,
    /// How much is kept, in bytes.
    pub bytes: u64,
    /// How many seconds ago it was last used, give or take an hour; -1 where that is not known.
    pub idle: i64,
}

/// All that is kept, the card that was used last first.
#[repr(C)]
pub struct crescendo_cache_entries {
    /// Of how many cards.
    pub count: usize,
    /// Each of them; NULL if there are none.
    pub items: *const *const crescendo_cache_entry,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_cache_entries {
    const MARK: u64 = 0x6372_6573_7210_0004;
}

/// Lists what is kept of cards between uses. No card is asked for anything. The result is freed with
/// crescendo_cache_entries_free, which clears nothing. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_cache_list(
    context: *const crescendo_context,
    entries: *mut *const crescendo_cache_entries,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let machine = unsafe { handle::value(context)? };
        result::demand(entries)?;
        let kept = machine.cache.list();
        // SAFETY: the header's conventions.
        unsafe {
            result::give(entries, |keep| {
                let items: Vec<_> = kept.iter().map(|kept| entry(kept, keep)).collect();
                crescendo_cache_entries { count: items.len(), items: keep.list(items) }
            })
        }
    })
}

/// Drops all that is kept of one card, for every program of this user: each reads again what it needs. `name` is the card UUID or
/// the device ID, whole or in part, or the label; a card that is not here can be named like that, and none is asked for anything
/// then. Else it is the name of a device, as for crescendo_device_open; NULL: the only one. `found` tells whether anything was
/// kept. CRESCENDO_STATUS_AMBIGUOUS: crescendo_last_error() lists what may be meant. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_cache_clear(
    context: *const crescendo_context,
    name: *const c_char,
    name_length: usize,
    found: *mut bool,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (machine, name) =
            unsafe { (handle::value(context)?, text::text(name, name_length, "the name")?) };
        result::demand(found)?;
        let (kept, is_gone) = machine.cache.clear_named(&machine.devices, name)?;
        gone(is_gone)?;
        // SAFETY: the header's conventions, and it is not null.
        unsafe { found.write(!kept.is_empty()) };
        Ok(())
    })
}

/// Drops all that is kept of all cards, for every program of this user. What keeps cards believed on contactless readers, and
/// pairing codes, are something else: crescendo_pairing_forget. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_cache_clear_all(context: *const crescendo_context) -> crescendo_status {
    // SAFETY: the header's conventions.
    enter(|| gone(unsafe { handle::value(context) }?.cache.clear_all()))
}

/// Drops all that is kept of this device, for every program of this user, and reads the device once more. What was entered with
/// crescendo_device_authenticate is over. PINs that other programs keep are something else: crescendo_device_forget_pins. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_clear_cache(device: *const crescendo_device) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        opened.with(|device| {
            // Of a card without a GUID nothing is ever kept.
            if let Some(guid) = device.guid()? {
                gone(opened.machine.cache.clear(guid))?;
            }
            device.reload();
            Ok(())
        })
    })
}

/// Frees a list. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_cache_entries_free(entries: *const crescendo_cache_entries) {
    // SAFETY: the header's conventions.
    unsafe { result::free(entries) }
}

fn gone(is_gone: bool) -> Result<(), Failure> {
    if is_gone { Ok(()) } else { Err(Failure::NotCleared) }
}

fn entry(kept: &Kept, keep: &mut Keep) -> crescendo_cache_entry {
    let idle = kept.idle.and_then(|idle| i64::try_from(idle.as_secs()).ok());
    crescendo_cache_entry {
        guid: keep.text(&kept.uuid()),
        label: keep.text_if(kept.label.as_deref()),
        bytes: kept.size,
        idle: idle.unwrap_or(-1),
    }
}
