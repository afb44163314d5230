//! Setting a new PIN where it is blocked or forgotten (D5): with the PUK, the administration key, or the help desk.

use std::{cell::RefCell, ffi::c_char};

use device::{Challenge, Cryptogram, Device, Error, PinRules, Puk, XauthKey, helpdesk};

use crate::{
    call::enter,
    callbacks::{Asking, Question},
    crescendo_callbacks, crescendo_device, crescendo_question_kind, crescendo_status,
    device_handle::Opened,
    failure::Failure,
    handle,
    pin::{self, New},
    text,
};

/// Sets a new PIN with the PUK: that of the card (8 digits), or the code of 16 characters that stands for the administration key
/// of a Crescendo. All tries of the PIN are there again. Each that is NULL is asked for with the callback `ask`: first the PUK, with
/// its tries, then the new PIN, as by crescendo_pin_change. One wrong PUK of a card costs one try, which do not come back but with
/// the right one: CRESCENDO_STATUS_WRONG_PUK; what can be no PUK costs none. A wrong code is CRESCENDO_STATUS_WRONG_KEY.
///
/// In contact readers only. What a Crescendo may not be known to take is sent only with crescendo_device_permit_unconfirmed.
/// CRESCENDO_STATUS_UNCERTAIN: as by crescendo_pin_change. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pin_unblock_with_puk(
    device: *const crescendo_device,
    puk: *const c_char,
    puk_length: usize,
    new_pin: *const c_char,
    new_pin_length: usize,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, puk, new, asking) = unsafe {
            (
                handle::value(device)?,
                text::secret(puk, puk_length, "the PUK")?,
                text::secret(new_pin, new_pin_length, "the new PIN")?,
                Asking::of(callbacks)?,
            )
        };
        opened.with(|device| {
            let new = New::of(new, rules(&asking, device, &opened)?)?;
            let (tries, name) = (device.puk_tries(false)?, device.name());
            let question = Question { tries, ..Question::new(crescendo_question_kind::Puk, &name) };
            let puk = asking.entered(puk, question, Puk::parse)?;
            let new = new.entered(&asking, &opened, &name, None)?;
            Ok(device.unblock_with_puk(&puk, &new)?)
        })
    })
}

/// Sets a new PIN with the administration key (XAUTH) of a Crescendo: 32 hexadecimal digits (AES), or 48 (3DES). Each that is NULL is
/// asked for with the callback `ask`: first the key, then the new PIN. CRESCENDO_STATUS_WRONG_KEY: nothing was changed. Else as
/// crescendo_pin_unblock_with_puk. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pin_unblock_with_key(
    device: *const crescendo_device,
    administration_key: *const c_char,
    administration_key_length: usize,
    new_pin: *const c_char,
    new_pin_length: usize,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, key, new, asking) = unsafe {
            (
                handle::value(device)?,
                text::secret(administration_key, administration_key_length, "the administration key")?,
                text::secret(new_pin, new_pin_length, "the new PIN")?,
                Asking::of(callbacks)?,
            )
        };
        opened.with(|device| {
            let new = New::of(new, rules(&asking, device, &opened)?)?;
            let name = device.name();
            let question = Question::new(crescendo_question_kind::AdministrationKey, &name);
            let key = asking.entered(key, question, |text| Ok(XauthKey::from_hex(text)?))?;
            let new = new.entered(&asking, &opened, &name, None)?;
            Ok(device.unblock_with_key(&key, &new)?)
        })
    })
}

/// Sets a new PIN with the help desk that administers a Crescendo. The new PIN comes first, given or asked for. Then the callback
/// `ask` is called with CRESCENDO_QUESTION_KIND_RESPONSE: a person reads `device_id` and `challenge` to the help desk, and enters
/// what it answers (crescendo_help_desk_response). What can be no response is asked for again, with the `problem`.
///
/// The card is held until then, for as long as a telephone call takes, and no other program reaches it: after any other command
/// the challenge is worth nothing. A callback that cancels leaves everything as it was. A wrong response is
/// CRESCENDO_STATUS_WRONG_KEY. Else as crescendo_pin_unblock_with_key. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pin_unblock_with_help_desk(
    device: *const crescendo_device,
    new_pin: *const c_char,
    new_pin_length: usize,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, new, asking) = unsafe {
            (
                handle::value(device)?,
                text::secret(new_pin, new_pin_length, "the new PIN")?,
                Asking::of(callbacks)?,
            )
        };
        if !asking.can_ask() {
            return Err(Failure::NoCallback("the response"));
        }
        opened.with(|device| {
            let new = New::of(new, rules(&asking, device, &opened)?)?;
            let (name, id) = (device.name(), device.id().map(str::to_owned));
            let new = new.entered(&asking, &opened, &name, None)?;
            let failed = RefCell::new(None);
            let unblocked = device.unblock_with_answer(&new, |challenge| {
                let answer = response(&asking, &name, id.as_deref(), challenge);
                answer.map_err(|failure| *failed.borrow_mut() = Some(failure)).ok()
            });
            match (unblocked, failed.into_inner()) {
                (Err(Error::GivenUp), Some(failure)) => Err(failure),
                (result, _) => Ok(result?),
            }
        })
    })
}

/// What a new PIN has to look like, where one can be set without the old one.
fn rules(asking: &Asking, device: &mut Device, opened: &Opened) -> Result<PinRules, Failure> {
    asking.go_on()?;
    device.demand_contact()?;
    pin::rules(device, &opened.machine)
}

/// What the help desk answers, once it is as long as the challenge.
fn response(
    asking: &Asking,
    name: &str,
    device_id: Option<&str>,
    challenge: &Challenge,
) -> Result<Cryptogram, Failure> {
    let spoken = helpdesk::spoken(challenge.bytes());
    let question = Question {
        challenge: Some(&spoken),
        device_id,
        ..Question::new(crescendo_question_kind::Response, name)
    };
    asking.entered(None, question, |text| helpdesk::response_to(challenge, text))
}
