//! A whole update, from a key as it is found to a key that runs the new firmware for good.

use std::time::Duration;

use fido::{Flow, HidError};

use crate::{Cause, Error, Failure, Key, Machine, Mode, Phase, State, VerifiedImage, phases};

/// What an update is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It looks for the key.
    Finding,
    /// The button of the key has to be pressed, within this time.
    PressButton {
        /// The time that is left.
        left: Duration,
    },
    /// The key is coming back in update mode.
    Detaching,
    /// So many bytes are in the key.
    Writing {
        /// Bytes in the key.
        written: usize,
        /// Bytes of the image.
        total: usize,
    },
    /// The key checks what was written. From here on an update is not stopped.
    Finishing,
    /// The key is coming back with its firmware.
    Attaching,
    /// The new firmware runs and is made the one to stay.
    Confirming,
}

/// Installs an image in the key that it was found fit for, and returns when that key runs it for good. `report` is told
/// what is being done; once it says [`Flow::Cancel`], the update is stopped where that leaves the key well: before
/// anything was written back to its firmware, during writing at the end of a block, after that not at all.
///
/// An update that an earlier run left anywhere is taken up where that ended.
///
/// # Errors
/// [`Error::Update`]; and as [`SignedImage::fit`](crate::SignedImage::fit), before the key is touched, where the key has
/// changed since.
pub fn install(
    machine: &Machine<'_>,
    image: &VerifiedImage,
    report: &mut dyn FnMut(Step) -> Flow,
) -> Result<(), Error> {
    let mut stopped = false;
    let report = &mut |step| {
        stopped |= report(step) == Flow::Cancel;
        if stopped { Flow::Cancel } else { Flow::Continue }
    };
    report(Step::Finding);
    let key = machine.find(image.serial())?;
    image.fits(key.info())?;
    let key = match key.info() {
        info if info.mode == Mode::Update => write_in_update_mode(machine, key, image, report)?,
        info if info.unconfirmed && info.version == image.version() => key,
        _ => detach_and_write(machine, key, image, report)?,
    };
    finish(machine, key, image, report)
}

/// Confirms what runs.
fn finish(
    machine: &Machine<'_>,
    mut key: Key<'_>,
    image: &VerifiedImage,
    report: &mut dyn FnMut(Step) -> Flow,
) -> Result<(), Error> {
    report(Step::Confirming);
    Ok(phases::confirm(&mut key, image, machine.store)?)
}

fn detach_and_write<'m>(
    machine: &Machine<'m>,
    mut key: Key<'_>,
    image: &VerifiedImage,
    report: &mut dyn FnMut(Step) -> Flow,
) -> Result<Key<'m>, Error> {
    let nonce = phases::nonce()?;
    let entered = phases::enter(&mut key, machine.clock, image, &nonce, report)?;
    // An open file would keep the name of the device from being given again.
    drop(key);
    let detached = machine.wait_detached(image.serial(), &nonce, report);
    let key = detached.map_err(|failed| entered.explains(failed))?;
    if image.fits(key.info()).is_err() {
        let failed = Failure { phase: Phase::Detach, cause: Cause::Changed, state: State::OldWaiting };
        return Err(back_to_firmware(key, failed).into());
    }
    write_and_reboot(machine, key, image, report)
}

/// A key that was found in update mode goes on where it is; where it wants an approval it does not have, it is asked
/// for one from the start.
fn write_in_update_mode<'m>(
    machine: &Machine<'m>,
    key: Key<'m>,
    image: &VerifiedImage,
    report: &mut dyn FnMut(Step) -> Flow,
) -> Result<Key<'m>, Error> {
    const NOT_APPROVED: HidError = HidError(0xF0);
    match write_and_reboot(machine, key, image, report) {
        Err(Error::Update(Failure {
            phase: Phase::Begin,
            cause: Cause::Key(fido::Error::Refused(NOT_APPROVED)),
            ..
        })) => {
            let key = machine.wait_attached(image.serial(), report)?;
            image.fits(key.info())?;
            detach_and_write(machine, key, image, report)
        }
        result => result,
    }
}

fn write_and_reboot<'m>(
    machine: &Machine<'m>,
    mut key: Key<'_>,
    image: &VerifiedImage,
    report: &mut dyn FnMut(Step) -> Flow,
) -> Result<Key<'m>, Error> {
    if let Err(failed) = phases::write(&mut key, image, machine.store, report) {
        return Err(back_to_firmware(key, failed).into());
    }
    phases::reboot(&mut key)?;
    drop(key);
    Ok(machine.wait_attached(image.serial(), report)?)
}

/// Where nothing can be gone on with, the key is not left in update mode: it starts what it ran before.
fn back_to_firmware(mut key: Key<'_>, mut failed: Failure) -> Failure {
    let useless = match (&failed.cause, failed.phase) {
        (Cause::Changed, _) | (Cause::Cancelled, Phase::Begin) => true,
        (Cause::Key(fido::Error::Refused(code)), phase) => {
            *code != HidError::CHANNEL_BUSY && phase != Phase::Write
        }
        _ => false,
    };
    if useless && phases::reboot(&mut key).is_ok() {
        failed.state = if key.detached { State::Old } else { State::SentBack };
    }
    failed
}
