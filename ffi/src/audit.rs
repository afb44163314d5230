//! Looking for devices with the administration key of delivery (D17).

use device::AdministrationKey;

use crate::{call::enter, crescendo_device, crescendo_status, handle, result};

/// Which administration key a device has.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_administration_key {
    /// That of delivery, which everybody knows: whoever holds the device can administer it.
    Factory = 1,
    /// One of its own.
    Own = 2,
    /// None.
    Absent = 3,
}

/// Finds out whether the device has the administration key of delivery, by trying that, once: `key` becomes one of
/// crescendo_administration_key. A Crescendo is asked by its administration key (EXTERNAL AUTHENTICATE), other PIV cards by their
/// management key (9B); no counter of wrong keys is documented for either, and a person is asked before this is done to their
/// device. Nothing is changed, no PIN is sent, and the device is reset afterwards. CRESCENDO_STATUS_IN_USE: somebody is logged in
/// there, perhaps this program, and would be logged out; nothing was tried. In contact readers only. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_audit(
    device: *const crescendo_device,
    key: *mut i32,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(key)?;
        let found = match opened.with(|device| Ok(device.audit()?))? {
            AdministrationKey::Factory => crescendo_administration_key::Factory,
            AdministrationKey::Own => crescendo_administration_key::Own,
            AdministrationKey::Absent => crescendo_administration_key::Absent,
        };
        // SAFETY: the header's conventions, and it is not null.
        unsafe { key.write(found as i32) };
        Ok(())
    })
}
