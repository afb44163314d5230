//! The HID devices of a machine without one: `link::HidDevices` over simulated keys and strangers. Reading waits by
//! the simulated clock: it moves to the next thing that happens, or to the limit. Writing a report and a look at
//! the devices take their time on it too, so that no loop of a client goes on without time passing.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use link::{Clock, HidDevice, HidDevices, HidLink, LinkError};

use super::SimKey;
use super::chip::Bus;
use super::fault::Quirk;
use super::wire::WIRE;
use crate::bell::locked;
use crate::local::SimClock;

/// One look at the devices.
const LOOK: Duration = Duration::from_millis(100);
/// Nobody waits longer; a clock has an end.
const LONGEST: Duration = Duration::from_secs(86_400);

/// The HID devices a test plugs and unplugs. Clones are the same devices.
#[derive(Clone)]
pub struct SimKeys(Arc<Inner>);

struct Inner {
    clock: SimClock,
    bus: Arc<Bus>,
    devices: Mutex<Vec<Device>>,
}

enum Device {
    Key(SimKey),
    Stranger(Stranger),
}

/// A HID device of somebody else. It takes every report, counts it, and never answers.
#[derive(Clone)]
pub struct Stranger(Arc<(HidDevice, AtomicU64)>);

impl Stranger {
    /// A device as the system will list it.
    pub fn new(device: HidDevice) -> Self {
        Self(Arc::new((device, AtomicU64::new(0))))
    }

    /// Another vendor's device whose usage is that of a key in update mode: no report may ever be sent to it.
    pub fn in_update_mode() -> Self {
        Self::new(HidDevice {
            path: "/dev/hidraw-stranger".into(),
            vendor: 0x1D50,
            product: 0x0002,
            usage_page: 0xFFC0,
            usage: 0x01,
            serial: None,
            channel: None,
        })
    }

    /// How many reports were sent to it.
    pub fn reports(&self) -> u64 {
        self.0.1.load(Ordering::SeqCst)
    }
}

impl SimKeys {
    /// A machine without devices, whose clock this is.
    pub fn new(clock: &SimClock) -> Self {
        let inner = Inner { clock: clock.clone(), bus: Arc::default(), devices: Mutex::default() };
        Self(Arc::new(inner))
    }

    /// A machine with this key plugged in.
    pub fn with(clock: &SimClock, key: &SimKey) -> Self {
        let keys = Self::new(clock);
        keys.plug(key);
        keys
    }

    /// Plugs a key in: it gets power, starts, and is there at once. One that has power stays as it is.
    pub fn plug(&self, key: &SimKey) {
        key.plug(&self.0.bus);
        let mut devices = locked(&self.0.devices);
        let known = |device: &Device| matches!(device, Device::Key(other) if other.is(key));
        if !devices.iter().any(known) {
            devices.push(Device::Key(key.clone()));
        }
    }

    /// Pulls a key out.
    pub fn unplug(&self, key: &SimKey) {
        key.with(super::Chip::unplug);
    }

    /// Plugs a stranger in.
    pub fn plug_stranger(&self, stranger: &Stranger) {
        locked(&self.0.devices).push(Device::Stranger(stranger.clone()));
    }

    fn find(&self, path: &str) -> Option<Result<Box<dyn HidLink>, LinkError>> {
        locked(&self.0.devices).iter().find_map(|device| device.open(path, &self.0.clock))
    }
}

impl Device {
    fn listed(&self) -> Option<HidDevice> {
        match self {
            Self::Key(key) => key.with(|chip| chip.device()),
            Self::Stranger(stranger) => Some(stranger.0.0.clone()),
        }
    }

    fn open(&self, path: &str, clock: &SimClock) -> Option<Result<Box<dyn HidLink>, LinkError>> {
        if self.listed()?.path != path {
            return None;
        }
        Some(match self {
            Self::Stranger(stranger) => {
                Ok(Box::new(StrangerLink { stranger: stranger.clone(), clock: clock.clone() }))
            }
            Self::Key(key) if key.with(|chip| chip.manners.quirks.contains(&Quirk::Denied)) => {
                Err(LinkError::Other(Box::new(io::Error::from(io::ErrorKind::PermissionDenied))))
            }
            Self::Key(key) => {
                let listener = key.with(|chip| chip.listen(path))?;
                Ok(Box::new(KeyLink { key: key.clone(), listener, clock: clock.clone() }))
            }
        })
    }
}

impl HidDevices for SimKeys {
    fn list(&self) -> Result<Vec<HidDevice>, LinkError> {
        self.0.clock.pass(LOOK);
        Ok(locked(&self.0.devices).iter().filter_map(Device::listed).collect())
    }

    fn open(&self, path: &str) -> Result<Box<dyn HidLink>, LinkError> {
        self.find(path).unwrap_or(Err(LinkError::Removed))
    }
}

/// A key that someone has open.
struct KeyLink {
    key: SimKey,
    listener: u64,
    clock: SimClock,
}

impl HidLink for KeyLink {
    fn write(&mut self, report: &[u8; 64]) -> io::Result<()> {
        self.clock.pass(WIRE);
        self.key.with(|chip| chip.write(self.listener, report))
    }

    fn read(&mut self, report: &mut [u8; 64], limit: Duration) -> io::Result<bool> {
        let deadline = self.clock.now() + limit.clamp(WIRE, LONGEST);
        loop {
            let (arrived, next) = self.key.with(|chip| (chip.read(self.listener), chip.next()));
            if let Some(arrived) = arrived? {
                *report = arrived;
                return Ok(true);
            }
            if self.clock.now() >= deadline {
                return Ok(false);
            }
            self.clock.reach(next.map_or(deadline, |next| next.min(deadline)));
        }
    }
}

impl Drop for KeyLink {
    fn drop(&mut self) {
        self.key.with(|chip| chip.wire.close(self.listener));
    }
}

struct StrangerLink {
    stranger: Stranger,
    clock: SimClock,
}

impl HidLink for StrangerLink {
    fn write(&mut self, _report: &[u8; 64]) -> io::Result<()> {
        self.clock.pass(WIRE);
        self.stranger.0.1.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn read(&mut self, _report: &mut [u8; 64], limit: Duration) -> io::Result<bool> {
        self.clock.pass(limit.clamp(WIRE, LONGEST));
        Ok(false)
    }
}
