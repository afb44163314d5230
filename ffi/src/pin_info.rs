//! How a PIN stands, what a new one has to look like, and what lifts a blocked one (D3 to D5).

use device::{Challenged, PinReference, PinRules, PinStatus, PukState};

use crate::{
    call::enter,
    callbacks, crescendo_device, crescendo_pin_state, crescendo_status, crescendo_text,
    devices::pin_state,
    handle, pin,
    result::{self, Answer, Keep},
};

/// Which PIN a card asks for (SP 800-73-5 part 1, 3.3.2).
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_pin_reference {
    /// That of the PIV application (80).
    Application = 1,
    /// That of all of the card's applications (00).
    Global = 2,
}

/// What a device tells of its PUK.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_puk_state {
    /// It does not tell; there may be one.
    Untold = 0,
    /// There is one, and tries of it are left.
    There = 1,
    /// It is blocked, for good.
    Blocked = 2,
    /// It has none of its own; a code of 16 characters may stand for it.
    Absent = 3,
}

/// Whether a help desk can unblock a device by challenge and response.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_help_desk {
    /// It cannot.
    No = 1,
    /// It can, if the device has an administration key: that is found out when it is tried.
    Yes = 2,
    /// Perhaps: nobody has published that. crescendo_device_permit_unconfirmed lets it be tried.
    Unconfirmed = 3,
}

/// What is known of a PIN, and what a person can do about it.
#[repr(C)]
pub struct crescendo_pin_info {
    /// How it stands, asked now.
    pub state: crescendo_pin_state,
    /// How many tries are left; -1 where that is not known, as after it was entered.
    pub tries: i32,
    /// Which PIN that is.
    pub reference: crescendo_pin_reference,
    /// The fewest characters of a new PIN.
    pub min: u32,
    /// The most characters of it.
    pub max: u32,
    /// Digits alone are taken.
    pub digits: bool,
    /// A run (123456) or a repetition (111111, 121212) is not taken.
    pub refuse_trivial: bool,
    /// The old PIN is not taken.
    pub refuse_old: bool,
    /// The device has told its part of that; else it is as the standard has it, as while the PIN is entered.
    pub told: bool,
    /// The same in words, as in "6 to 8 digits, not the old PIN".
    pub rules: crescendo_text,
    /// How the PUK stands.
    pub puk: crescendo_puk_state,
    /// How many tries of it are left; -1 where that is not known.
    pub puk_tries: i32,
    /// Whether a help desk can unblock it.
    pub help_desk: crescendo_help_desk,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_pin_info {
    const MARK: u64 = 0x6372_6573_7210_0001;
}

/// Tells how the PIN stands, what a new one has to look like (as the device and the owner of this machine want it), and what
/// lifts a blocked one. Asked now; no try of anything is spent. The result is freed with crescendo_pin_info_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pin_status(
    device: *const crescendo_device,
    status: *mut *const crescendo_pin_info,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(status)?;
        let (told, rules) =
            opened.with(|device| Ok((device.pin_status()?, pin::rules(device, &opened.machine)?)))?;
        // SAFETY: the header's conventions.
        unsafe { result::give(status, |keep| info(&told, &rules, keep)) }
    })
}

/// Frees it. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pin_info_free(status: *const crescendo_pin_info) {
    // SAFETY: the header's conventions.
    unsafe { result::free(status) }
}

fn info(told: &PinStatus, rules: &PinRules, keep: &mut Keep) -> crescendo_pin_info {
    let (puk, puk_tries) = match told.ways.puk {
        PukState::Tries(tries) => (crescendo_puk_state::There, i32::from(tries)),
        PukState::Blocked => (crescendo_puk_state::Blocked, 0),
        PukState::Untold => (crescendo_puk_state::Untold, -1),
        PukState::Absent => (crescendo_puk_state::Absent, -1),
    };
    crescendo_pin_info {
        state: pin_state(told.state),
        tries: callbacks::tries(told.state).map_or(-1, i32::from),
        reference: if told.reference == PinReference::Global {
            crescendo_pin_reference::Global
        } else {
            crescendo_pin_reference::Application
        },
        min: rules.shape.min.into(),
        max: rules.shape.max.into(),
        digits: rules.shape.digits,
        refuse_trivial: rules.refuse_trivial,
        refuse_old: !rules.allow_reuse,
        told: rules.told,
        rules: keep.text(&rules.to_string()),
        puk,
        puk_tries,
        help_desk: match told.ways.challenge {
            Challenged::No => crescendo_help_desk::No,
            Challenged::Yes => crescendo_help_desk::Yes,
            Challenged::Unconfirmed => crescendo_help_desk::Unconfirmed,
        },
    }
}
