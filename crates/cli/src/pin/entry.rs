//! PINs as they are entered: an existing one by what the device may have, a new one by what is wanted of it. Nothing that
//! cannot be one is sent, and so none of it costs a try.

use device::{Device, Error, Pin, PinRules};

use super::arguments::NewPin;
use crate::{arguments::PinSource, failure::Failure, output::plain, secret};

/// An existing PIN, from where it was said, or from a person who is told how many tries there are.
pub(crate) fn entered(source: &PinSource, device: &mut Device, what: &str) -> Result<Pin, Failure> {
    let question = format!("{what} of {}: ", about(device)?);
    let shape = device.entry()?;
    let text = secret::text(source.pin_env.as_deref(), source.pin_fd, &question)?;
    shape.pin(text.as_bytes()).map_err(|error| Error::Card(error).into())
}

/// The device and the tries of its PIN.
///
/// # Errors
/// A blocked PIN is told before anybody is asked for it.
fn about(device: &mut Device) -> Result<String, Failure> {
    let tries = device.tries()?;
    Ok(format!("{}{}", plain(device.name()), self::tries(tries)))
}

/// So many tries, in words; nothing where that is not known.
pub(crate) fn tries(tries: Option<u8>) -> String {
    match tries {
        None => String::new(),
        Some(1) => " (the last try)".to_owned(),
        Some(tries) => format!(" ({tries} tries left)"),
    }
}

/// A new PIN, from where it was said, or from a person: who is told what it has to look like, enters it twice, and again
/// until it is right.
pub(crate) fn new_pin(source: &NewPin, rules: &PinRules, old: Option<&Pin>) -> Result<Pin, Failure> {
    let NewPin { new_pin_env, new_pin_fd } = source;
    if new_pin_env.is_some() || new_pin_fd.is_some() {
        let text = secret::text(new_pin_env.as_deref(), *new_pin_fd, "")?;
        return rules.admit(text.as_bytes(), old).map_err(|why| Error::PinRejected(why).into());
    }
    let untold =
        if rules.told { "" } else { " (by the standard: the device does not tell while it is in use)" };
    eprintln!("The new PIN: {rules}{untold}.");
    loop {
        let text = secret::text(None, None, "New PIN: ")?;
        match rules.admit(text.as_bytes(), old) {
            Err(why) => eprintln!("No: {why}."),
            Ok(pin) if *secret::text(None, None, "New PIN once more: ")? == *text => return Ok(pin),
            Ok(_) => eprintln!("No: these were two different ones."),
        }
    }
}
