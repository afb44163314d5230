use std::{io, time::Duration};

use crate::LinkError;

/// Reports to and from one HID device, 64 bytes each, without a report id. Real: hidraw, or fwupd's device class.
pub trait HidLink: Send {
    /// Sends one output report.
    ///
    /// # Errors
    /// Of the system; [`io::ErrorKind::NotConnected`] or [`io::ErrorKind::BrokenPipe`] once the device is gone.
    fn write(&mut self, report: &[u8; 64]) -> io::Result<()>;

    /// Waits for one input report. `false`: none came within the limit, and `report` is as it was.
    ///
    /// # Errors
    /// As [`HidLink::write`].
    fn read(&mut self, report: &mut [u8; 64], limit: Duration) -> io::Result<bool>;
}

/// The HID devices of this machine.
pub trait HidDevices: Send + Sync {
    /// The devices as they are now. None is opened.
    ///
    /// # Errors
    /// [`LinkError::Other`], in the words of the system. No device at all is an empty list.
    fn list(&self) -> Result<Vec<HidDevice>, LinkError>;

    /// Opens a device by its [`HidDevice::path`].
    ///
    /// # Errors
    /// [`LinkError::Removed`] when it is gone, [`LinkError::Other`] for one this user may not open.
    fn open(&self, path: &str) -> Result<Box<dyn HidLink>, LinkError>;
}

/// One HID interface, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HidDevice {
    /// Where the system has it; another one after each replug.
    pub path: String,
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id.
    pub product: u16,
    /// Usage page of the first collection: 0xF1D0 for FIDO.
    pub usage_page: u16,
    /// Usage of the first collection.
    pub usage: u16,
    /// USB serial number, if the device has one.
    pub serial: Option<String>,
    /// Bus number (upper byte) and device address (lower byte), to join it with a reader of the same device.
    pub channel: Option<u32>,
}
