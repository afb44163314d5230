//! The PUK: shown to whoever knows the PIN, or never again (D6), and changed.

use std::ffi::c_char;

use device::Puk;

use crate::{
    call::enter,
    callbacks::{self, Asking, Question},
    crescendo_buffer, crescendo_callbacks, crescendo_device, crescendo_question_kind, crescendo_status,
    handle, result, secret, text,
};

/// The PUK that is kept on the device, for whoever knows the PIN: 8 digits, or four groups of four characters with hyphens. `pin`
/// NULL: the callback `ask` is called. One wrong PIN costs one try, and what can be no PIN costs none. The device is locked
/// afterwards, unless it was not before. CRESCENDO_STATUS_NO_PUK_KEPT: there is none to be shown, as where a management system has
/// it. The buffer is freed with crescendo_buffer_free, which wipes it. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_puk_show(
    device: *const crescendo_device,
    pin: *const c_char,
    pin_length: usize,
    callbacks: *const crescendo_callbacks,
    puk: *mut *mut crescendo_buffer,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) = unsafe {
            (handle::value(device)?, text::secret(pin, pin_length, "the PIN")?, Asking::of(callbacks)?)
        };
        result::demand(puk)?;
        let kept = opened.with(|device| {
            device.may_show_puk()?;
            let pin = callbacks::kept_pin(&asking, device, given)?;
            Ok(device.puk(&pin)?)
        })?;
        // SAFETY: the header's conventions.
        unsafe { secret::give(kept.as_bytes(), puk) }
    })
}

/// Has the device never show its PUK again: it is no longer kept there. It stays valid, for whoever has written it down. `yes`: a
/// person has said that this is meant; else the callback `confirm` asks. `pin` NULL: the callback `ask` is called, after that; a
/// wrong PIN costs one try. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_puk_hide(
    device: *const crescendo_device,
    pin: *const c_char,
    pin_length: usize,
    yes: bool,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) = unsafe {
            (handle::value(device)?, text::secret(pin, pin_length, "the PIN")?, Asking::of(callbacks)?)
        };
        opened.with(|device| {
            asking.go_on()?;
            device.may_show_puk()?;
            asking.confirm(yes, &[device.lost_by_hiding()])?;
            let pin = callbacks::kept_pin(&asking, device, given)?;
            Ok(device.hide_puk(&pin)?)
        })
    })
}

/// Changes the PUK of a card that has one: the new one has 8 digits. Each that is NULL is asked for with the callback `ask`: first
/// the old one, with its tries. One wrong PUK costs one try, which do not come back but with the right one; what can be no PUK
/// costs none. In contact readers only; that a Crescendo takes it is not known: crescendo_device_permit_unconfirmed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_puk_change(
    device: *const crescendo_device,
    old_puk: *const c_char,
    old_puk_length: usize,
    new_puk: *const c_char,
    new_puk_length: usize,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, old, new, asking) = unsafe {
            (
                handle::value(device)?,
                text::secret(old_puk, old_puk_length, "the old PUK")?,
                text::secret(new_puk, new_puk_length, "the new PUK")?,
                Asking::of(callbacks)?,
            )
        };
        opened.with(|device| {
            asking.go_on()?;
            device.demand_contact()?;
            if let Some(new) = &new {
                Puk::new_of_card(new)?;
            }
            let (tries, name) = (device.puk_tries(true)?, device.name());
            let question = Question { tries, ..Question::new(crescendo_question_kind::Puk, &name) };
            let old = asking.entered(old, question, Puk::of_card)?;
            let shape = Some(Puk::NEW);
            let question = Question { shape, ..Question::new(crescendo_question_kind::NewPuk, &name) };
            let new = asking.entered(new, question, Puk::new_of_card)?;
            Ok(device.change_puk(&old, &new)?)
        })
    })
}
