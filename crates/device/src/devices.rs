//! Which devices are there, and which one is meant.

use std::{mem, sync::Arc};

use link::{HidDevices, Readers};
use piv::Environment;

use crate::{Candidate, Device, Error, KeySide, State, device::Seams};

/// The devices of a machine.
pub struct Devices {
    seams: Seams,
}

impl Devices {
    /// The devices these readers lead to.
    #[must_use]
    pub fn new(readers: Arc<dyn Readers>, environment: Environment) -> Self {
        Self { seams: Seams { readers, keys: None, environment } }
    }

    /// And the key sides of security keys, among these HID devices.
    #[must_use]
    pub fn with_keys(mut self, keys: Arc<dyn HidDevices>) -> Self {
        self.seams.keys = Some(keys);
        self
    }

    /// Every reader with what is in it, empty ones too, and every security key. Nothing is asked of any: what a device is
    /// called is known at once, and [`Device::load`] tells the rest, one device at a time or all at once. After that
    /// [`join`](crate::join) makes one of the two sides of a key.
    ///
    /// # Errors
    /// [`Error::Link`] when the readers could not be asked. None at all is an empty list.
    pub fn list(&self) -> Result<Vec<Device>, Error> {
        let mut devices = self.cards()?;
        devices.extend(self.keys());
        Ok(devices)
    }

    /// Every security key, as a device of its own.
    #[must_use]
    pub fn keys(&self) -> Vec<Device> {
        let keys = self.seams.keys.as_ref().map(|keys| KeySide::list(&**keys)).unwrap_or_default();
        keys.into_iter().map(|key| Device::of_key(self.seams.clone(), key)).collect()
    }

    /// Every reader with what is in it, empty ones too.
    ///
    /// # Errors
    /// As [`Devices::list`].
    pub fn cards(&self) -> Result<Vec<Device>, Error> {
        let readers = self.seams.readers.list().map_err(Error::Link)?;
        Ok(readers.into_iter().map(|reader| Device::new(self.seams.clone(), reader)).collect())
    }

    /// The device with a card side that goes by this ID, name or reader, whole or in part; without a name, the only one there is. A
    /// device named by its reader or its own name is found without disturbing any other.
    ///
    /// # Errors
    /// [`Error::Ambiguous`] when several fit, [`Error::NoSuchDevice`], [`Error::Empty`], [`Error::NoCard`] or
    /// [`Error::NoReader`] when none does, [`Error::Link`].
    pub fn select(&self, wanted: Option<&str>) -> Result<Device, Error> {
        let devices = self.cards()?;
        match wanted {
            Some(wanted) if self.keys().iter().any(|key| is_key(key, wanted)) => {
                Err(Error::NoCardSide { wanted: wanted.to_owned() })
            }
            _ if devices.is_empty() => Err(Error::NoReader),
            Some(wanted) => named(devices, wanted),
            None => only(devices),
        }
    }
}

fn named(mut devices: Vec<Device>, wanted: &str) -> Result<Device, Error> {
    if let Some(device) = pick(&mut devices, |device| same(device.reader(), wanted))? {
        return occupied(device);
    }
    devices.retain(|device| device.atr().is_some());
    if let Some(device) = pick(&mut devices, |device| same(&device.name(), wanted))? {
        return Ok(device);
    }
    devices.iter_mut().for_each(load);
    let known = |device: &Device, fits: fn(&str, &str) -> bool| {
        [device.id(), device.serial(), device.label()].into_iter().flatten().any(|text| fits(text, wanted))
    };
    if let Some(device) = pick(&mut devices, |device| known(device, same))? {
        return Ok(device);
    }
    let in_part = |device: &Device| {
        known(device, contains) || contains(device.reader(), wanted) || contains(&device.name(), wanted)
    };
    let device = pick(&mut devices, in_part)?;
    device.ok_or_else(|| Error::NoSuchDevice {
        wanted: wanted.to_owned(),
        candidates: candidates(&mut devices),
    })
}

/// Whether a security key is meant, by where the system has it or by its USB serial number: as a device without a card side.
fn is_key(device: &Device, wanted: &str) -> bool {
    let usb = device.key_side().and_then(|key| key.device.serial.as_deref());
    device.reader() == wanted || usb.is_some_and(|serial| same(serial, wanted))
}

/// Of several cards, the only one with the PIV application.
fn only(mut devices: Vec<Device>) -> Result<Device, Error> {
    devices.retain(|device| device.atr().is_some());
    if devices.len() > 1 {
        devices.iter_mut().for_each(load);
        if let Some(device) = pick(&mut devices, |device| !matches!(device.state(), State::NotPiv))? {
            return Ok(device);
        }
        return Err(Error::Ambiguous { candidates: candidates(&mut devices) });
    }
    devices.pop().ok_or(Error::NoCard)
}

fn occupied(device: Device) -> Result<Device, Error> {
    if device.atr().is_some() { Ok(device) } else { Err(Error::Empty { reader: device.reader().to_owned() }) }
}

/// Takes the one device that fits out of the list, if there is one.
fn pick(devices: &mut Vec<Device>, fits: impl Fn(&Device) -> bool) -> Result<Option<Device>, Error> {
    let (mut fitting, rest): (Vec<_>, Vec<_>) = mem::take(devices).into_iter().partition(fits);
    if fitting.len() > 1 {
        return Err(Error::Ambiguous { candidates: candidates(&mut fitting) });
    }
    *devices = rest;
    Ok(fitting.pop())
}

/// What a person is shown to choose from; the device ID often tells them apart.
fn candidates(devices: &mut [Device]) -> Vec<Candidate> {
    devices.iter_mut().for_each(load);
    devices.iter().map(Device::candidate).collect()
}

fn load(device: &mut Device) {
    device.load();
}

fn same(text: &str, wanted: &str) -> bool {
    text.to_lowercase() == wanted.to_lowercase()
}

fn contains(text: &str, wanted: &str) -> bool {
    !wanted.is_empty() && text.to_lowercase().contains(&wanted.to_lowercase())
}
