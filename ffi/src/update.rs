//! The update of a key's firmware (F1 to F4, F6).

use std::ffi::c_char;

use device::firmware::{Allow, Flow, Step, Updated};

use crate::{
    call::enter,
    callbacks::{self, Asking, waiting},
    crescendo_callbacks, crescendo_context, crescendo_device, crescendo_image, crescendo_progress,
    crescendo_status, crescendo_step, crescendo_text,
    failure::Failure,
    handle, options,
    result::{self, Answer, Keep},
    text,
};

/// What an update may do beyond installing a newer version.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct crescendo_update_options {
    /// sizeof(crescendo_update_options)
    pub size: usize,
    /// 1: the version that the key has already is installed once more.
    pub reinstall: u8,
    /// 1: an older version is installed, where the key's security counter lets it.
    pub allow_older: u8,
}

/// A key that was updated.
#[repr(C)]
pub struct crescendo_updated {
    /// Its serial number: 32 hexadecimal digits.
    pub serial: crescendo_text,
    /// Its model.
    pub model: crescendo_text,
    /// The version that it had; "0.0.0+0" of a key without firmware.
    pub before: crescendo_text,
    /// The version that it has.
    pub version: crescendo_text,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_updated {
    const MARK: u64 = 0x6372_6573_7230_0003;
}

/// Installs an image in a key, and returns once the key runs it for good. The key is the one that goes by `name`: its serial
/// number, whole or in part, its model or its path; NULL: the only one that can be updated. `options` may be NULL: then only a
/// newer version is installed. The image is held against the key before that is touched: CRESCENDO_STATUS_WRONG_MODEL,
/// CRESCENDO_STATUS_TOO_OLD, CRESCENDO_STATUS_SAME_VERSION and the like.
///
/// `callbacks` are told each step: CRESCENDO_STEP_PRESS_BUTTON, several times a second, with the time that is left for a person to
/// press the button of the key, 30 seconds at first; then bytes and percent. Cancelled, with the callback or crescendo_cancel_now,
/// it ends where that leaves the key well: before anything is written the key goes back to its firmware; while writing it stops
/// at the end of a block, and the next run goes on there, without the button; from CRESCENDO_STEP_FINISHING on it is not cancelled
/// any more, and succeeds. It may also end anywhere by itself, the program or the power included: the same call finishes it then.
///
/// CRESCENDO_STATUS_NO_BUTTON, CRESCENDO_STATUS_UPDATE_FAILED and CRESCENDO_STATUS_CANCELLED: the message of crescendo_last_error() tells in what state the key
/// is and what to do next. The result, which may be NULL if nobody wants it, is freed with crescendo_updated_free. Any thread;
/// other keys can be updated in other threads meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_update(
    context: *const crescendo_context,
    image: *const crescendo_image,
    name: *const c_char,
    name_length: usize,
    options: *const crescendo_update_options,
    callbacks: *const crescendo_callbacks,
    updated: *mut *const crescendo_updated,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (machine, image, name, allow, asking) = unsafe {
            (
                handle::value(context)?,
                handle::value(image)?,
                text::text(name, name_length, "the name")?,
                allowed(options)?,
                Asking::of(callbacks)?,
            )
        };
        callbacks::outside()?;
        asking.go_on()?;
        let keys = machine.security_keys();
        let done = keys.update((*image).clone(), name, allow, &mut reporter(&asking))?;
        // SAFETY: the header's conventions.
        unsafe { give(&done, updated) }
    })
}

/// The same for a device that was opened: its own key side is updated, and no other key. Afterwards the device is read anew, and
/// after an update it is waited for, up to 10 seconds, until its card is back; a PIN that was entered is forgotten.
/// CRESCENDO_STATUS_NOT_OFFERED, if no key is known to be a part of it: a key tells its place on the bus through its reader, and
/// not every reader does. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_update(
    device: *const crescendo_device,
    image: *const crescendo_image,
    options: *const crescendo_update_options,
    callbacks: *const crescendo_callbacks,
    updated: *mut *const crescendo_updated,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, image, allow, asking) = unsafe {
            (handle::value(device)?, handle::value(image)?, allowed(options)?, Asking::of(callbacks)?)
        };
        asking.go_on()?;
        callbacks::outside()?;
        let keys = opened.machine.security_keys();
        let done = opened.with(|device| {
            Ok(device.update_firmware(&keys, (*image).clone(), allow, &mut reporter(&asking))?)
        })?;
        // SAFETY: the header's conventions.
        unsafe { give(&done, updated) }
    })
}

/// Frees what came of an update. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_updated_free(updated: *const crescendo_updated) {
    // SAFETY: the header's conventions.
    unsafe { result::free(updated) }
}

/// # Safety
/// `options` is null, or as the header wants it.
unsafe fn allowed(options: *const crescendo_update_options) -> Result<Allow, Failure> {
    // SAFETY: the caller's.
    let given = unsafe { options::read(options, "crescendo_update_options") }?;
    let allow =
        |given: crescendo_update_options| Allow { same: given.reinstall != 0, older: given.allow_older != 0 };
    Ok(given.map_or_else(Allow::default, allow))
}

/// Without a place for it, nobody wants to know.
///
/// # Safety
/// `out` is null, or can be written to.
unsafe fn give(done: &Updated, out: *mut *const crescendo_updated) -> Result<(), Failure> {
    if out.is_null() {
        return Ok(());
    }
    // SAFETY: the caller's.
    unsafe { result::give(out, |keep| updated(done, keep)) }
}

fn updated(done: &Updated, keep: &mut Keep) -> crescendo_updated {
    crescendo_updated {
        serial: keep.text(&done.serial.to_string()),
        model: keep.text(&done.model),
        before: keep.text(&done.before.to_string()),
        version: keep.text(&done.version.to_string()),
    }
}

/// Tells the steps of an update, and hears whether it is to be cancelled. What is done never becomes less.
fn reporter(asking: &Asking) -> impl FnMut(Step) -> Flow + '_ {
    let mut done = 0;
    move |step| {
        let told = progress(step, done);
        done = told.percent;
        if asking.tell(&told) { Flow::Continue } else { Flow::Cancel }
    }
}

/// A step as it is told, where so many percent were done before it.
fn progress(step: Step, before: i32) -> crescendo_progress {
    let (step, percent, told) = match step {
        Step::Finding => (crescendo_step::Finding, 0, None),
        Step::PressButton { left } => {
            return crescendo_progress { percent: before, ..waiting(crescendo_step::PressButton, left) };
        }
        Step::Detaching => (crescendo_step::Detaching, 2, None),
        Step::Writing { written, total } => {
            (crescendo_step::Writing, share(written, total), Some((written as u64, total as u64)))
        }
        Step::Finishing => (crescendo_step::Finishing, 92, None),
        Step::Attaching => (crescendo_step::Attaching, 95, None),
        Step::Confirming => (crescendo_step::Confirming, 99, None),
    };
    let (done, total) = told.unwrap_or_default();
    crescendo_progress { step, percent: percent.max(before), done, total, left_ms: 0 }
}

/// Writing is most of it: from 2 to 92 percent.
fn share(written: usize, total: usize) -> i32 {
    let parts = (written.min(total) * 90).checked_div(total).unwrap_or(90);
    2 + i32::try_from(parts).unwrap_or(90)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_whole_operation_is_a_hundred_percent() {
        let steps = [
            (Step::Finding, 0),
            (Step::PressButton { left: Duration::from_millis(29_900) }, 0),
            (Step::Detaching, 2),
            (Step::Writing { written: 0, total: 1000 }, 2),
            (Step::Writing { written: 500, total: 1000 }, 47),
            (Step::Writing { written: 1000, total: 1000 }, 92),
            (Step::Finishing, 92),
            (Step::Attaching, 95),
            (Step::Confirming, 99),
            (Step::Attaching, 99),
        ];
        let mut before = 0;
        for (step, expected) in steps {
            before = progress(step, before).percent;
            assert_eq!(before, expected, "{step:?}");
        }
        let button = progress(Step::PressButton { left: Duration::from_millis(29_900) }, 0);
        assert_eq!((button.left_ms, button.total), (29_900, 0));
        assert_eq!(share(1, 0), 92);
    }
}
