//! Reports to and from a device through fwupd's own functions, so that its emulation records and replays them.

use std::{io, ptr, time::Duration};

use link::HidLink;

use super::{
    object::taken,
    table::{Pointer, table},
};
use crate::problem::TIMED_OUT;

/// Keeps its device, so that it may be kept itself from one phase to the next.
pub(super) struct Reports(Pointer);

// SAFETY: fwupd calls its plugins from one thread alone, and GObject counts references for many.
unsafe impl Send for Reports {}

impl Reports {
    /// # Safety
    /// `device` is a FuHidrawDevice.
    pub(super) unsafe fn of(device: Pointer) -> Self {
        // SAFETY: as the caller says; it is let go of in `drop`.
        Self(unsafe { (table().g_object_ref)(device) })
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        // SAFETY: it has been held since `of`.
        unsafe { (table().g_object_unref)(self.0) }
    }
}

impl HidLink for Reports {
    fn write(&mut self, report: &[u8; 64]) -> io::Result<()> {
        // hidraw wants the report id first, which is 0 for a device that has none.
        let mut numbered = [0; 65];
        numbered[1..].copy_from_slice(report);
        let mut error = ptr::null_mut();
        // SAFETY: the device is held, the buffer is as long as said, and 0 is no flag.
        let done = unsafe {
            (table().fu_hidraw_device_set_report)(self.0, numbered.as_ptr(), numbered.len(), 0, &mut error)
        };
        // SAFETY: where it failed it has set the error.
        if done != 0 { Ok(()) } else { Err(io::Error::other(unsafe { taken(error) }.message)) }
    }

    fn read(&mut self, report: &mut [u8; 64], limit: Duration) -> io::Result<bool> {
        /// One read is one report.
        const SINGLE_SHOT: u32 = 1 << 0;
        // A whole millisecond more, so that nobody waits in vain for the last part of one.
        let limit = u32::try_from(limit.as_millis() + 1).unwrap_or(u32::MAX).min(i32::MAX as u32);
        let (mut buffer, mut length, mut error) = ([0; 64], 0, ptr::null_mut());
        // SAFETY: the device is held, the buffer is as long as said.
        let done = unsafe {
            let read = table().fu_udev_device_read;
            read(self.0, buffer.as_mut_ptr(), buffer.len(), &mut length, limit, SINGLE_SHOT, &mut error)
        };
        if done != 0 {
            if length != buffer.len() {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a report that is too short"));
            }
            *report = buffer;
            return Ok(true);
        }
        // SAFETY: where it failed it has set the error.
        let problem = unsafe { taken(error) };
        if problem.code == TIMED_OUT { Ok(false) } else { Err(io::Error::other(problem.message)) }
    }
}
