//! The HID devices of this machine, through hidraw.

use std::{
    ffi::CString,
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

use hidapi::{DeviceInfo, HidApi, HidError};
use link::{HidDevice, HidLink, LinkError};
use rustix::io::Errno;

pub(crate) struct HidrawDevices;

impl link::HidDevices for HidrawDevices {
    fn list(&self) -> Result<Vec<HidDevice>, LinkError> {
        let api = HidApi::new().map_err(other)?;
        Ok(api.device_list().map(device).collect())
    }

    fn open(&self, path: &str) -> Result<Box<dyn HidLink>, LinkError> {
        let name = CString::new(path).map_err(|error| LinkError::Other(error.into()))?;
        let api = HidApi::new().map_err(other)?;
        match api.open_path(&name) {
            Ok(device) => Ok(Box::new(Hidraw(device))),
            Err(error) => Err(why_not(path, error)),
        }
    }
}

fn device(info: &DeviceInfo) -> HidDevice {
    let path = info.path().to_string_lossy().into_owned();
    HidDevice {
        vendor: info.vendor_id(),
        product: info.product_id(),
        usage_page: info.usage_page(),
        usage: info.usage(),
        serial: info.serial_number().filter(|serial| !serial.is_empty()).map(str::to_owned),
        channel: Path::new(&path).file_name().and_then(|node| channel(Path::new("/sys"), node.to_str()?)),
        path,
    }
}

/// Bus and address of the USB device that a hidraw node belongs to; none for a device that is not on USB.
fn channel(sys: &Path, node: &str) -> Option<u32> {
    let interface = fs::canonicalize(sys.join("class/hidraw").join(node)).ok()?;
    let number = |folder: &Path, file: &str| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok();
    let (bus, address): (u32, u32) = interface
        .ancestors()
        .find_map(|folder| Some((number(folder, "busnum")?, number(folder, "devnum")?)))?;
    Some(bus << 8 | address)
}

/// hidapi tells in words alone why it did not open a device.
fn why_not(path: &str, error: HidError) -> LinkError {
    match fs::File::options().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => LinkError::Removed,
        Err(error) => LinkError::Other(error.into()),
        Ok(_) => other(error),
    }
}

fn other(error: HidError) -> LinkError {
    LinkError::Other(Box::new(error))
}

struct Hidraw(hidapi::HidDevice);

impl HidLink for Hidraw {
    fn write(&mut self, report: &[u8; 64]) -> io::Result<()> {
        // hidraw wants the report id first, which is 0 for a device that has none.
        let mut numbered = [0; 65];
        numbered[1..].copy_from_slice(report);
        self.0.write(&numbered).map(drop).map_err(broken)
    }

    fn read(&mut self, report: &mut [u8; 64], limit: Duration) -> io::Result<bool> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now()).as_millis();
            // A whole millisecond more, so that nobody waits in vain for the last part of one.
            let left = i32::try_from(left + 1).unwrap_or(i32::MAX);
            match self.0.read_timeout(report, left).map_err(broken) {
                // A signal, which is for somebody else.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => return Ok(false),
                result => return result.map(|_| true),
            }
        }
    }
}

/// The kernel has several words for a device that was pulled out: which one depends on what was under way.
fn broken(error: HidError) -> io::Error {
    let gone = |error: &io::Error| {
        let errno = Errno::from_io_error(error);
        matches!(errno, Some(Errno::IO | Errno::NODEV | Errno::NXIO | Errno::SHUTDOWN))
    };
    match error {
        HidError::IoError { error } if gone(&error) => {
            io::Error::new(io::ErrorKind::NotConnected, "it is gone")
        }
        HidError::IoError { error } => error,
        // Among those: the device is gone.
        error => io::Error::new(io::ErrorKind::NotConnected, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_opens_nothing_and_no_device_is_an_empty_list() {
        let devices = link::HidDevices::list(&HidrawDevices).unwrap();
        let nodes = fs::read_dir("/sys/class/hidraw").map_or(0, Iterator::count);
        assert!(devices.len() >= nodes, "{devices:?}");
    }

    #[test]
    fn a_device_that_is_gone_is_told_from_one_that_is_none() {
        let open = |path| link::HidDevices::open(&HidrawDevices, path).err();
        assert!(matches!(open("/dev/hidraw-none"), Some(LinkError::Removed)));
        assert!(matches!(open("/dev/null"), Some(LinkError::Other(_))));
    }

    #[test]
    fn what_the_kernel_says_of_a_device_that_was_pulled_out_is_one_thing() {
        let seen = [Errno::IO, Errno::NODEV, Errno::SHUTDOWN, Errno::NXIO].map(|errno| errno.raw_os_error());
        for errno in seen {
            let error = broken(HidError::IoError { error: io::Error::from_raw_os_error(errno) });
            assert_eq!(
                (error.kind(), &error.to_string()[..]),
                (io::ErrorKind::NotConnected, "it is gone"),
                "{errno}"
            );
        }
        let interrupted = io::Error::from_raw_os_error(Errno::INTR.raw_os_error());
        assert_eq!(broken(HidError::IoError { error: interrupted }).kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn bus_and_address_are_those_of_the_device_above_the_interface() {
        let sys = std::env::temp_dir().join(format!("crescendo-host-{}", std::process::id()));
        let device = sys.join("devices/usb1/1-2");
        let interface = device.join("1-2:1.0/0003:1209:0001.0001/hidraw/hidraw7");
        fs::create_dir_all(&interface).unwrap();
        fs::create_dir_all(sys.join("class/hidraw")).unwrap();
        fs::write(device.join("busnum"), "1\n").unwrap();
        fs::write(device.join("devnum"), "19\n").unwrap();
        std::os::unix::fs::symlink(&interface, sys.join("class/hidraw/hidraw7")).unwrap();
        assert_eq!(channel(&sys, "hidraw7"), Some(0x0113));
        assert_eq!(channel(&sys, "hidraw8"), None);
        fs::remove_dir_all(&sys).unwrap();
    }
}
