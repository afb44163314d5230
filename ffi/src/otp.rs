//! One-time passwords of a key (D14): its slots, codes, and new secrets. The press of the button is asked for with `tell`.

use std::{cell::Cell, ffi::c_char, thread, time::SystemTime};

use device::{
    BUTTON_POLL, BUTTON_TIME, CardError, Device, Error, OtpKind, OtpRequest, OtpSlot, Seed, lost_with_otp,
    otp_time,
};

use crate::{
    call::enter,
    callbacks::{self, Asking, waiting},
    crescendo_buffer, crescendo_callbacks, crescendo_device, crescendo_status, crescendo_step,
    crescendo_text,
    failure::Failure,
    handle, options,
    result::{self, Answer, Keep},
    secret,
    text::{self, Secret},
};

/// How one-time passwords come about.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_otp_kind {
    /// The slot does not tell, or nothing is configured in it.
    Unknown = 0,
    /// By a counter, which each code moves on (HOTP, RFC 4226).
    Hotp = 1,
    /// By the time (TOTP, RFC 6238).
    Totp = 2,
}

/// A slot for one-time passwords. No secret is ever told.
#[repr(C)]
pub struct crescendo_otp_slot {
    /// Its number, from 1.
    pub slot: u8,
    /// How its codes come about.
    pub kind: crescendo_otp_kind,
    /// How many digits they have; 0 where it does not tell.
    pub digits: u32,
    /// For how many seconds a code by the time is good; 0 where it does not tell.
    pub period: u32,
    /// The version of what computes them, as in "3.0.3.2".
    pub version: crescendo_text,
}

/// The slots of a device.
#[repr(C)]
pub struct crescendo_otp_slots {
    /// How many: 0 where a device has no one-time passwords.
    pub count: usize,
    /// Each of them; NULL if there are none.
    pub items: *const *const crescendo_otp_slot,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_otp_slots {
    const MARK: u64 = 0x6372_6573_7220_0010;
}

/// How a code is asked for. All zero but the size is the usual.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct crescendo_otp_options {
    /// sizeof(crescendo_otp_options)
    pub size: usize,
    /// One of crescendo_otp_kind; 0: as the slot says.
    pub kind: i32,
    /// The time that the code is for, in seconds since 1970; 0: now.
    pub time: u32,
    /// The PIN, which codes by the time want; NULL: it is asked for.
    pub pin: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub pin_length: usize,
}

/// Lists the slots of a key for one-time passwords. CRESCENDO_STATUS_IN_USE: somebody is logged in, and would be logged out by
/// asking; what crescendo_device_authenticate began here is no hindrance while no other program is connected to the device. The
/// result is freed with crescendo_otp_slots_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_otp_list(
    device: *const crescendo_device,
    slots: *mut *const crescendo_otp_slots,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(slots)?;
        let found = opened.with(|device| Ok(device.otp_slots()?.ok_or(CardError::InUse)?))?;
        // SAFETY: the header's conventions.
        unsafe {
            result::give(slots, |keep| {
                let items: Vec<_> = found.iter().map(|slot| item(slot, keep)).collect();
                crescendo_otp_slots { count: items.len(), items: keep.list(items) }
            })
        }
    })
}

/// Frees a list. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_otp_slots_free(slots: *const crescendo_otp_slots) {
    // SAFETY: the header's conventions.
    unsafe { result::free(slots) }
}

/// Gets a code from a slot (1, 2 or 3), as text: a code by the counter moves it on. `options` may be NULL. Where the key wants its
/// button pressed, `tell` is called with CRESCENDO_STEP_PRESS_BUTTON and the time that is left, four times a second, for 30
/// seconds: then it is CRESCENDO_STATUS_NO_BUTTON. A wrong PIN costs one try. The code is freed with crescendo_buffer_free. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_otp_code(
    device: *const crescendo_device,
    slot: u8,
    options: *const crescendo_otp_options,
    callbacks: *const crescendo_callbacks,
    code: *mut *mut crescendo_buffer,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, wanted, asking) =
            unsafe { (handle::value(device)?, Wanted::of(options)?, Asking::of(callbacks)?) };
        result::demand(code)?;
        let slot = number(slot)?;
        let got = opened.with(|device| wanted.code(device, slot, &asking))?;
        // SAFETY: the header's conventions.
        unsafe { secret::give(got.as_bytes(), code) }
    })
}

/// Configures a slot (1, 2 or 3; slot 1 counts), and puts a secret there in place of the one it has. `seed` is a whole otpauth URI
/// ("otpauth://totp/NAME?secret=...&digits=6&algorithm=SHA1&period=30"), or a secret for a counter in base32. What is lost is
/// confirmed with `confirm`, unless `yes`; with CRESCENDO_STATUS_NO_CALLBACK nothing was done. `pin` NULL: it is asked for; a
/// wrong one costs one try. Other values than a counter, SHA-1 and six digits, and keys of the 4000 family, are
/// CRESCENDO_STATUS_NOT_CONFIRMED until crescendo_device_permit_unconfirmed. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_otp_configure(
    device: *const crescendo_device,
    slot: u8,
    seed: *const c_char,
    seed_length: usize,
    pin: *const c_char,
    pin_length: usize,
    yes: bool,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, seed, pin, asking) = unsafe {
            (
                handle::value(device)?,
                text::secret(seed, seed_length, "the seed")?.ok_or(Failure::Null("the seed"))?,
                text::secret(pin, pin_length, "the PIN")?,
                Asking::of(callbacks)?,
            )
        };
        let slot = number(slot)?;
        let seed = Seed::parse(&seed)?.for_slot(slot)?;
        opened.with(|device| {
            device.may_configure_otp(Some(&seed))?;
            asking.confirm(yes, &[lost_with_otp(&device.name(), slot, true)])?;
            let pin = callbacks::kept_pin(&asking, device, pin)?;
            asking.go_on()?;
            Ok(device.configure_otp(slot, &pin, &seed, device.permits_unconfirmed())?)
        })
    })
}

/// Takes the secret out of a slot (1, 2 or 3). What is lost is confirmed with `confirm`, unless `yes`; with
/// CRESCENDO_STATUS_NO_CALLBACK nothing was done. `pin` NULL: it is asked for; a wrong one costs one try. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_otp_delete(
    device: *const crescendo_device,
    slot: u8,
    pin: *const c_char,
    pin_length: usize,
    yes: bool,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, pin, asking) = unsafe {
            (handle::value(device)?, text::secret(pin, pin_length, "the PIN")?, Asking::of(callbacks)?)
        };
        let slot = number(slot)?;
        opened.with(|device| {
            device.may_configure_otp(None)?;
            asking.confirm(yes, &[lost_with_otp(&device.name(), slot, false)])?;
            let pin = callbacks::kept_pin(&asking, device, pin)?;
            asking.go_on()?;
            Ok(device.delete_otp(slot, &pin, device.permits_unconfirmed())?)
        })
    })
}

/// What was asked for, as values.
struct Wanted {
    /// `None`: as the slot says.
    kind: Option<OtpKind>,
    /// `None`: now.
    time: Option<u32>,
    pin: Option<Secret>,
}

impl Wanted {
    /// # Safety
    /// `options` is null, or as the header wants it.
    unsafe fn of(options: *const crescendo_otp_options) -> Result<Self, Failure> {
        // SAFETY: the caller's.
        let Some(given) = (unsafe { options::read(options, "crescendo_otp_options") })? else {
            return Ok(Self { kind: None, time: None, pin: None });
        };
        let kind = match given.kind {
            0 => None,
            1 => Some(OtpKind::Hotp),
            2 => Some(OtpKind::Totp),
            _ => return Err(Failure::Value("the kind of code")),
        };
        // SAFETY: the caller's.
        let pin = unsafe { text::secret(given.pin, given.pin_length, "the PIN") }?;
        Ok(Self { kind, time: Some(given.time).filter(|&time| time != 0), pin })
    }

    fn code(self, device: &mut Device, slot: u8, asking: &Asking) -> Result<Secret, Failure> {
        let kind = match self.kind {
            Some(kind) => kind,
            None => device.otp_kind(slot)?,
        };
        let pin = match kind {
            OtpKind::Hotp => None,
            OtpKind::Totp => Some(callbacks::kept_pin(asking, device, self.pin)?),
        };
        let request = match &pin {
            None => OtpRequest::Hotp,
            Some(pin) => OtpRequest::Totp(self.time.map_or_else(|| otp_time(SystemTime::now()), Ok)?, pin),
        };
        asking.go_on()?;
        let is_cancelled = Cell::new(false);
        let (unconfirmed, button) = (device.permits_unconfirmed(), button(asking, &is_cancelled));
        device.otp_code(slot, &request, unconfirmed, button).map_err(|error| match error {
            Error::Card(CardError::NoButton) if is_cancelled.get() => Failure::Cancelled,
            error => error.into(),
        })
    }
}

/// Waits for the button, and tells how long it will: until it is cancelled, or the time is up.
fn button(asking: &Asking, is_cancelled: &Cell<bool>) -> impl FnMut() -> bool {
    let mut left = BUTTON_TIME;
    move || {
        if !asking.tell(&waiting(crescendo_step::PressButton, left)) {
            is_cancelled.set(true);
            return false;
        }
        thread::sleep(BUTTON_POLL);
        left = left.saturating_sub(BUTTON_POLL);
        !left.is_zero()
    }
}

fn number(slot: u8) -> Result<u8, Failure> {
    if (1..=3).contains(&slot) { Ok(slot) } else { Err(Failure::Value("the slot")) }
}

fn item(slot: &OtpSlot, keep: &mut Keep) -> crescendo_otp_slot {
    crescendo_otp_slot {
        slot: slot.number,
        kind: match slot.kind {
            None => crescendo_otp_kind::Unknown,
            Some(OtpKind::Hotp) => crescendo_otp_kind::Hotp,
            Some(OtpKind::Totp) => crescendo_otp_kind::Totp,
        },
        digits: slot.digits.map_or(0, u32::from),
        period: slot.period.map_or(0, u32::from),
        version: keep.text_if(slot.version.as_deref()),
    }
}
