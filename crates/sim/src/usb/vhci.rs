//! The virtual host controller of this machine's kernel, `vhci-hcd` (Linux, Documentation/usb/usbip_protocol and
//! `drivers/usb/usbip/vhci_sysfs.c`): a socket pair, one end for the kernel, is a cable. Needs root.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where the kernel has its first one.
const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";
/// USB_SPEED_FULL.
const FULL_SPEED: u32 = 2;
/// Of a port in `status`: nothing is at it.
const FREE: &str = "004";
/// Bus and device number at the side of a device that was exported; the kernel hands it back and does no more with it.
const DEVICE: u32 = 0x0001_0001;
/// How long a port takes at most until the kernel has noticed that nothing is at it any more.
const CLEARING: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(5);

/// One port of the controller: the one that was asked for, or the first free one, which it stays.
pub struct Port {
    controller: PathBuf,
    number: Option<u32>,
}

impl Port {
    /// A port by its number, or any.
    pub fn new(number: Option<u32>) -> Self {
        Self { controller: CONTROLLER.into(), number }
    }

    /// Its number, once something was attached.
    pub fn number(&self) -> Option<u32> {
        self.number
    }

    /// Attaches a device to the port, which may just have been left; returns the device's end of the cable.
    ///
    /// # Errors
    /// Without the kernel's module, without permission, or when no port is free.
    pub fn attach(&mut self) -> io::Result<UnixStream> {
        let deadline = Instant::now() + CLEARING;
        loop {
            for port in self.free()? {
                let (device, kernel) = UnixStream::pair()?;
                let line = format!("{port} {} {DEVICE} {FULL_SPEED}", kernel.as_raw_fd());
                match std::fs::write(self.controller.join("attach"), line) {
                    Ok(()) => {
                        self.number = Some(port);
                        return Ok(device);
                    }
                    // Someone else was quicker.
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
                    Err(error) => return Err(error),
                }
            }
            if Instant::now() > deadline {
                return Err(io::Error::other("no port of vhci_hcd.0 is free"));
            }
            std::thread::sleep(TICK);
        }
    }

    /// The free ports among those that will do.
    fn free(&self) -> io::Result<Vec<u32>> {
        let path = self.controller.join("status");
        let status = std::fs::read_to_string(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}: is vhci-hcd loaded?", path.display()))
        })?;
        Ok(free(&status)
            .into_iter()
            .filter(|port| self.number.is_none_or(|wanted| wanted == *port))
            .collect())
    }
}

/// The free ports for devices of full and high speed: hub, port, state and what else there is, a line each.
fn free(status: &str) -> Vec<u32> {
    let port = |line: &str| {
        let mut words = line.split_whitespace();
        let (hub, port, state) = (words.next()?, words.next()?, words.next()?);
        (hub == "hs" && state == FREE).then(|| port.parse().ok()).flatten()
    };
    status.lines().filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_those_of_the_slow_hub_with_nothing_at_them() {
        let status = "hub port sta spd dev      sockfd local_busid\n\
            hs  0000 006 002 00010001 000003 1-1\n\
            hs  0001 004 000 00000000 000000 0-0\n\
            hs  0002 004 000 00000000 000000 0-0\n\
            ss  0008 004 000 00000000 000000 0-0\n";
        assert_eq!(free(status), [1, 2]);
        assert_eq!(free(""), Vec::<u32>::new());
    }

    #[test]
    fn without_the_module_it_says_so() {
        let mut port = Port { controller: "/nonexistent".into(), number: None };
        assert!(port.attach().unwrap_err().to_string().contains("is vhci-hcd loaded?"));
    }
}
