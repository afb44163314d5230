//! The PIN (SP 800-73-5 part 2, 3.2): authenticating with it, and changing it (D3, D4, D16).

use std::ffi::c_char;

use device::{Device, LocalPolicy, Pin, PinPolicy, PinRules};

use crate::{
    call::enter,
    callbacks::{self, Asking, Question},
    context::Machine,
    crescendo_callbacks, crescendo_device, crescendo_question_kind, crescendo_status,
    device_handle::Opened,
    failure::Failure,
    handle,
    text::{self, Secret},
};

/// Enters the PIN once, for what this program does next with the device: a call that takes a PIN and is given none takes this one,
/// but for those that use a key, find out or change the PIN. It is forgotten by crescendo_device_end_authentication, when the device
/// lets go or is freed, when a PIN is refused, the card is removed, or 15 minutes pass without use; on the card it stays entered
/// until one of the first three. `pin` NULL: the callback `ask` is called. One wrong PIN costs one try, and what can be no PIN costs
/// none. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_authenticate(
    device: *const crescendo_device,
    pin: *const c_char,
    pin_length: usize,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) = unsafe {
            (handle::value(device)?, text::secret(pin, pin_length, "the PIN")?, Asking::of(callbacks)?)
        };
        opened.with(|device| {
            let pin = callbacks::pin(&asking, device, given)?;
            Ok(device.authenticate(&pin)?)
        })
    })
}

/// Ends what crescendo_device_authenticate began, here, and on the card unless another program is connected to it, or this one with
/// another handle. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_end_authentication(
    device: *const crescendo_device,
) -> crescendo_status {
    // SAFETY: the header's conventions.
    enter(|| unsafe { handle::value(device) }?.with(|device| Ok(device.end_authentication()?)))
}

/// Forgets PINs: the one that was entered here, those that other programs of this user keep for the device, and on the card that
/// one was entered, whichever program did. The next use of its keys needs the PIN again, everywhere. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_forget_pins(device: *const crescendo_device) -> crescendo_status {
    // SAFETY: the header's conventions.
    enter(|| unsafe { handle::value(device) }?.with(|device| Ok(device.forget_pins()?)))
}

/// Finds out whether this is the PIN: CRESCENDO_STATUS_OK or CRESCENDO_STATUS_WRONG_PIN. One wrong PIN costs one try, and what can
/// be no PIN costs none. The device is locked afterwards, unless it was not before. `pin` NULL: the callback `ask` is called. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pin_verify(
    device: *const crescendo_device,
    pin: *const c_char,
    pin_length: usize,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) = unsafe {
            (handle::value(device)?, text::secret(pin, pin_length, "the PIN")?, Asking::of(callbacks)?)
        };
        opened.with(|device| {
            let pin = callbacks::pin(&asking, device, given)?;
            Ok(device.verify_pin(&pin)?)
        })
    })
}

/// Checks whether a new PIN is as the device and the owner of this machine (/etc/crescendo/policy.toml) want it, as while somebody
/// types it: CRESCENDO_STATUS_OK, or CRESCENDO_STATUS_PIN_REJECTED, and the message of crescendo_last_error() tells what is wrong
/// with it. Neither PIN is sent, and no try is spent. `old_pin` may be NULL: then nobody finds out whether it is the same.
///
/// While the callback `ask` asks for a new PIN of this device, this may be called in it, and in any other thread: it does not wait
/// for the call that asks, and checks by the rules of that. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pin_check(
    device: *const crescendo_device,
    new_pin: *const c_char,
    new_pin_length: usize,
    old_pin: *const c_char,
    old_pin_length: usize,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, new, old) = unsafe {
            (
                handle::value(device)?,
                text::secret(new_pin, new_pin_length, "the new PIN")?,
                text::secret(old_pin, old_pin_length, "the old PIN")?,
            )
        };
        let new = new.ok_or(Failure::Null("the new PIN"))?;
        let rules = match opened.wanted() {
            Some(rules) => rules,
            None => opened.with(|device| rules(device, &opened.machine))?,
        };
        // What can be no PIN is no old one either; and the rules may have been others when it was set.
        let old = old.and_then(|old| PinPolicy::LOOSEST.pin(old.as_bytes()).ok());
        rules.admit(new.as_bytes(), old.as_ref())?;
        Ok(())
    })
}

/// Changes the PIN. Each that is NULL is asked for with the callback `ask`: first the old one, then the new one, with what is
/// wanted of it (`min`, `max`, `digits`, `rules`); one that is not like that is asked for again, with the `problem`. A new PIN that
/// was given and is not like that: CRESCENDO_STATUS_PIN_REJECTED, and nothing is sent. One wrong old PIN costs one try, and what can
/// be no PIN costs none.
///
/// The device is locked afterwards, unless it was not before. CRESCENDO_STATUS_UNCERTAIN: the card was lost before it answered, and
/// has the old PIN or the new one: crescendo_pin_verify finds out. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_pin_change(
    device: *const crescendo_device,
    old_pin: *const c_char,
    old_pin_length: usize,
    new_pin: *const c_char,
    new_pin_length: usize,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, old, new, asking) = unsafe {
            (
                handle::value(device)?,
                text::secret(old_pin, old_pin_length, "the old PIN")?,
                text::secret(new_pin, new_pin_length, "the new PIN")?,
                Asking::of(callbacks)?,
            )
        };
        opened.with(|device| {
            let rules = rules(device, &opened.machine)?;
            let new = New::of(new, rules)?;
            let old = callbacks::pin(&asking, device, old)?;
            let new = new.entered(&asking, &opened, &device.name(), Some(&old))?;
            Ok(device.change_pin(&old, &new)?)
        })
    })
}

/// What a new PIN has to look like, as the device and the owner of the machine want it.
///
/// # Errors
/// [`Failure::Policy`]: without it no PIN is set; of the device.
pub(crate) fn rules(device: &mut Device, machine: &Machine) -> Result<PinRules, Failure> {
    let local = LocalPolicy::read(&*machine.system)?;
    Ok(device.pin_rules(&local)?)
}

/// A new PIN that was given, or is still to be asked for.
pub(crate) struct New {
    given: Option<Secret>,
    rules: PinRules,
}

impl New {
    /// What was given is held against the rules before anybody is asked for anything.
    ///
    /// # Errors
    /// [`Failure::Device`] with the reason.
    pub(crate) fn of(given: Option<Secret>, rules: PinRules) -> Result<Self, Failure> {
        if let Some(given) = &given {
            rules.admit(given.as_bytes(), None)?;
        }
        Ok(Self { given, rules })
    }

    /// What was given, or what a person enters, who is told what it has to look like, until it does. `old`: the one that it
    /// replaces, where that is known.
    ///
    /// # Errors
    /// [`Failure::Device`] for one that was given; as [`Asking::ask`].
    pub(crate) fn entered(
        self,
        asking: &Asking,
        opened: &Opened,
        device: &str,
        old: Option<&Pin>,
    ) -> Result<Pin, Failure> {
        let Self { given, rules } = self;
        if let Some(given) = given {
            return Ok(rules.admit(given.as_bytes(), old)?);
        }
        let mut question = Question {
            shape: Some(rules.shape),
            rules: Some(rules.to_string()),
            ..Question::new(crescendo_question_kind::NewPin, device)
        };
        loop {
            let text = opened.asking_for(rules, || asking.ask(&question))?;
            match rules.admit(text.as_bytes(), old) {
                Ok(pin) => return Ok(pin),
                Err(why) => question.problem = Some(why.to_string()),
            }
        }
    }
}
