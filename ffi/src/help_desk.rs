//! The help desk's side of unblocking a Crescendo. It works without any device; who calls, and whether the device is theirs, is
//! for people to find out.

use std::ffi::c_char;

use device::{Challenge, XauthKey, helpdesk};

use crate::{
    call::enter,
    crescendo_buffer, crescendo_status,
    failure::Failure,
    result, secret,
    text::{self, Secret},
};

/// The response to the challenge of a device, as a person reads it out: it opens all administration of that device, once. From the
/// master key of the help desk (32 to 128 hexadecimal digits), from which the administration keys of its devices are derived; the
/// device ID; and the challenge: 16 or 32 hexadecimal digits, in groups or not. Nothing is sent to any device, and
/// nothing is recorded. CRESCENDO_STATUS_KEY_FORMAT, CRESCENDO_STATUS_DEVICE_ID_FORMAT, CRESCENDO_STATUS_CHALLENGE_FORMAT: one of
/// them can be none. The buffer is freed with crescendo_buffer_free, which wipes it. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_help_desk_response(
    master_key: *const c_char,
    master_key_length: usize,
    device_id: *const c_char,
    device_id_length: usize,
    challenge: *const c_char,
    challenge_length: usize,
    response: *mut *mut crescendo_buffer,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (master, id, challenge) = unsafe {
            (
                text::secret(master_key, master_key_length, "the master key")?,
                text::some_text(device_id, device_id_length, "the device ID")?,
                text::secret(challenge, challenge_length, "the challenge")?,
            )
        };
        result::demand(response)?;
        let master = master.ok_or(Failure::Null("the master key"))?;
        let master = helpdesk::MasterKey::from_hex(&master)?;
        let answer = master.response(id, &said(challenge)?)?;
        // SAFETY: the header's conventions.
        unsafe { secret::give(helpdesk::spoken(answer.bytes()).as_bytes(), response) }
    })
}

/// The same from the administration key of this one device (32 or 48 hexadecimal digits), where there is no master key. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_help_desk_response_with_key(
    administration_key: *const c_char,
    administration_key_length: usize,
    challenge: *const c_char,
    challenge_length: usize,
    response: *mut *mut crescendo_buffer,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (key, challenge) = unsafe {
            (
                text::secret(administration_key, administration_key_length, "the administration key")?,
                text::secret(challenge, challenge_length, "the challenge")?,
            )
        };
        result::demand(response)?;
        let key = key.ok_or(Failure::Null("the administration key"))?;
        let answer = XauthKey::from_hex(&key)?.answer(&said(challenge)?)?;
        // SAFETY: the header's conventions.
        unsafe { secret::give(helpdesk::spoken(answer.bytes()).as_bytes(), response) }
    })
}

fn said(challenge: Option<Secret>) -> Result<Challenge, Failure> {
    Ok(helpdesk::challenge(&challenge.ok_or(Failure::Null("the challenge"))?)?)
}
