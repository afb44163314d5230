//! The key side of a device: a USB security key as FIDO knows it, and in update mode as the bootloader does. It is joined
//! with the card side by where both are plugged in: bus and address of one USB device.

use std::sync::Arc;

use firmware::{Answer, Kind, Met, UPDATE_MODE_IDS};
use link::{Clock, HidDevice, HidDevices};

use crate::{Device, firmware::Firmware};

/// A HID interface of a key, and what the key said through it.
#[derive(Clone, Debug)]
pub struct KeySide {
    /// Where it is.
    pub device: HidDevice,
    /// What it says of its firmware; `None` until it was asked.
    pub firmware: Option<Firmware>,
}

impl KeySide {
    /// The keys among these HID devices. None is asked for anything; what is no key is left out.
    pub(crate) fn list(devices: &dyn HidDevices) -> Vec<Self> {
        // Without HID devices there are still cards.
        let all = devices.list().unwrap_or_default();
        let is_key = |device: &HidDevice| Kind::of(device, UPDATE_MODE_IDS) != Kind::Foreign;
        all.into_iter().filter(is_key).map(|device| Self { device, firmware: None }).collect()
    }

    /// Asks the key what it is; once.
    pub(crate) fn load(&mut self, devices: &dyn HidDevices, clock: &dyn Clock) {
        if self.firmware.is_none() {
            self.firmware = Some(ask(&self.device, devices, clock));
        }
    }

    /// What a person calls it: its model, if it says so or is known by its AAGUID.
    pub(crate) fn name(&self) -> String {
        match &self.firmware {
            Some(Firmware::Updatable(info)) => info.model.clone(),
            Some(Firmware::NotSupported { aaguid, .. }) => {
                make(&aaguid.to_string()).unwrap_or("Security key").to_owned()
            }
            Some(Firmware::Silent(_)) | None => "Security key".to_owned(),
        }
    }

    /// Whether it speaks the update protocol, as far as it was asked.
    #[must_use]
    pub fn is_updatable(&self) -> bool {
        matches!(self.firmware, Some(Firmware::Updatable(_)))
    }

    /// The serial number it says it has, or its USB device does.
    pub(crate) fn id(&self) -> Option<String> {
        match &self.firmware {
            Some(Firmware::Updatable(info)) => Some(info.serial.to_string().to_uppercase()),
            _ => self.device.serial.clone(),
        }
    }
}

fn ask(device: &HidDevice, devices: &dyn HidDevices, clock: &dyn Clock) -> Firmware {
    let link = match devices.open(&device.path) {
        Ok(link) => link,
        Err(error) => return Firmware::Silent(error.to_string()),
    };
    let answer = match firmware::Key::meet(link, clock, Kind::of(device, UPDATE_MODE_IDS)) {
        Ok(Met::Key(key)) => Answer::Firmware(key.info().clone()),
        Ok(Met::Other(info)) => Answer::Fido(info),
        Err(error) => return Firmware::Silent(error.to_string()),
    };
    match answer {
        Answer::Firmware(info) => Firmware::Updatable(info),
        Answer::Fido(info) => info.into(),
    }
}

/// Puts the two sides of one key together: a key side and the only reader at the same place become one device. Readers tell
/// their place once they were loaded; what tells none, or shares it with another reader, stays as it is.
#[must_use]
pub fn join(devices: Vec<Device>) -> Vec<Device> {
    let (mut cards, keys): (Vec<_>, Vec<_>) = devices.into_iter().partition(Device::has_card_side);
    let mut alone = Vec::new();
    for mut key in keys {
        let place = key.channel();
        let mut there = cards.iter_mut().filter(|card| place.is_some() && card.channel() == place);
        match (there.next(), there.next(), key.take_key_side()) {
            (Some(card), None, Some(side)) => card.set_key_side(side),
            (_, _, Some(side)) => {
                key.set_key_side(side);
                alone.push(key);
            }
            (_, _, None) => {}
        }
    }
    cards.extend(alone);
    cards
}

/// The key side of a reader at this place, if there is one and no second.
pub(crate) fn at(place: Option<u32>, devices: &Arc<dyn HidDevices>) -> Option<KeySide> {
    let mut there = KeySide::list(&**devices).into_iter().filter(|key| key.device.channel == place);
    match (place, there.next(), there.next()) {
        (Some(_), Some(key), None) => Some(key),
        _ => None,
    }
}

/// What is sold under an AAGUID: by public tables of FIDO metadata.
fn make(aaguid: &str) -> Option<&'static str> {
    Some(match aaguid {
        "692db549-7ae5-44d5-a1e5-dd20a493b723" => "Crescendo Key",
        "2d3bec26-15ee-4f5d-88b2-53622490270b" => "Crescendo Key V2",
        "7991798a-a7f3-487f-98c0-3faf7a458a04" | "87c13177-85d6-40ac-8c61-fe7ab3de9dfb" => "Crescendo Key V3",
        "2a55aee6-27cb-42c0-bc6e-04efe999e88a"
        | "0b8b05a4-ebd4-4b0b-8f5f-33d7b6e606ab"
        | "aa79f476-ea00-417e-9628-1e8365123922" => "Crescendo 4000",
        "aeb6569c-f8fb-4950-ac60-24ca2bbe2e52" => "Crescendo C2300",
        "c80dbd9a-533f-4a17-b941-1a2f1c7cedff" => "Crescendo C3000",
        "54d9fee8-e621-4291-8b18-7157b99c5bec" => "Crescendo Enabled",
        _ => return None,
    })
}
