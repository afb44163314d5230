//! One device that was opened.

use std::{cell::RefCell, ffi::c_char, sync::Arc};

use device::{Device, PinRules};
use parking_lot::{Mutex, ReentrantMutex};

use crate::{
    call::enter,
    callbacks,
    context::Machine,
    crescendo_context, crescendo_status,
    failure::Failure,
    handle::{self, Handle},
    result, text,
};

/// One device. Opened with crescendo_device_open, freed with crescendo_device_free. Any thread may use it; calls for the same
/// device wait for each other.
pub struct crescendo_device {
    _private: (),
}

// SAFETY: a mark of its own.
unsafe impl Handle for crescendo_device {
    const MARK: u64 = 0x6372_6573_6400_0001;
    const NAME: &'static str = "crescendo_device";
    type Value = Opened;
}

/// What is behind a device handle.
pub(crate) struct Opened {
    device: ReentrantMutex<RefCell<Device>>,
    pub(crate) machine: Arc<Machine>,
    /// What is wanted of the new PIN that a person is being asked for.
    wanted: Mutex<Option<PinRules>>,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // In a callback its card may be held.
        if callbacks::outside().is_ok() {
            self.device.get_mut().get_mut().let_go();
        }
    }
}

impl Opened {
    /// Works with the device, once no other thread does.
    ///
    /// # Errors
    /// [`Failure::Reentered`] in a callback; else those of `work`.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Device) -> Result<T, Failure>) -> Result<T, Failure> {
        callbacks::outside()?;
        let held = self.device.lock();
        let mut device = held.try_borrow_mut().map_err(|_| Failure::Reentered)?;
        work(&mut device)
    }

    /// Asks a person for a new PIN as these rules want it; meanwhile everybody may know them.
    pub(crate) fn asking_for<T>(&self, rules: PinRules, ask: impl FnOnce() -> T) -> T {
        *self.wanted.lock() = Some(rules);
        let answer = ask();
        *self.wanted.lock() = None;
        answer
    }

    /// What is wanted of the new PIN that a person is being asked for. Waits for nobody.
    pub(crate) fn wanted(&self) -> Option<PinRules> {
        *self.wanted.lock()
    }
}

/// Opens the device with a card side that goes by `name`: its ID, name, label or reader, whole or in part. NULL: the only one
/// there is. A device named by its reader or its own name is found without disturbing any other. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_open(
    context: *const crescendo_context,
    name: *const c_char,
    name_length: usize,
    device: *mut *mut crescendo_device,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (machine, name) =
            unsafe { (handle::value(context)?, text::text(name, name_length, "the name")?) };
        result::demand(device)?;
        callbacks::outside()?;
        let found = machine.devices.select(name)?;
        let opened =
            Opened { device: ReentrantMutex::new(RefCell::new(found)), machine, wanted: Mutex::new(None) };
        // SAFETY: the header's conventions.
        unsafe { handle::give(opened, device) }
    })
}

/// Lets go of the connection to the card. What was authenticated here is over, as by crescendo_device_end_authentication; logins of
/// other programs stay, and those by other handles. The next call connects again. A program that keeps a device open without using
/// it does this, so that others can end their login. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_let_go(device: *const crescendo_device) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        unsafe { handle::value(device) }?.with(|device| {
            device.let_go();
            Ok(())
        })
    })
}

/// Lets commands be sent that write and of which nobody has published that this device takes them; without this they are
/// refused with CRESCENDO_STATUS_NOT_CONFIRMED. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_permit_unconfirmed(
    device: *const crescendo_device,
    permit: bool,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        unsafe { handle::value(device) }?.with(|device| {
            device.permit_unconfirmed(permit);
            Ok(())
        })
    })
}

/// Frees a device, and lets go of it first. NULL is none. No other thread uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_free(device: *mut crescendo_device) {
    // SAFETY: the header's conventions.
    unsafe { handle::free(device) }
}
