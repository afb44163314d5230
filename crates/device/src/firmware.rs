//! Firmware of keys: which keys are there, whose images are trusted, and the update of the one that is meant.

mod card;
mod side;
mod trusted;

use std::{fmt, sync::Arc, time::Duration};

use link::{Clock, HidDevice, HidDevices, Store};

use crate::{Candidate, WhyNot};

pub use fido::Aaguid;
pub use firmware::{
    Allow, BadKey, BootloaderVersion, Cause, Description, Error as FirmwareError, Failure, Flow, Info,
    KeyHash, Mode, NoVersion, Phase, PrivateKey, Serial, Signature, SignedImage, State, Step, Trust,
    UpdateIds, UsbId, Version, sign,
};
use firmware::{Answer, Found, Machine};

pub(crate) use card::card;
pub use card::{Card, cards};
pub(crate) use trusted::UPDATE_IDS;
pub use trusted::{TrustError, TrustFiles, update_ids};

/// The keys of a machine, and their firmware.
pub struct Keys {
    devices: Arc<dyn HidDevices>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    pause: Box<dyn Fn(Duration)>,
    update_ids: Vec<UsbId>,
}

/// One key, as it was when it was looked at.
#[derive(Clone, Debug)]
pub struct Key {
    /// Where it is.
    pub device: HidDevice,
    /// What it says of its firmware.
    pub firmware: Firmware,
}

/// What a key says of its firmware.
#[derive(Clone, Debug)]
pub enum Firmware {
    /// It speaks the update protocol.
    Updatable(Info),
    /// It is a FIDO key that does not.
    NotSupported {
        /// Its make and model.
        aaguid: Aaguid,
        /// The version of its firmware, in a numbering of the vendor's.
        version: Option<u64>,
        /// The versions of FIDO it speaks.
        fido: Vec<String>,
    },
    /// It did not say anything, for this reason.
    Silent(String),
}

/// Why a key was not updated.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The image, or the update of the key.
    Firmware(FirmwareError),
    /// No key is connected, or none that answers.
    NoKey,
    /// There are keys, and none goes by that number or name.
    NoSuchKey {
        /// What was asked for.
        wanted: String,
        /// What is there.
        keys: Vec<Key>,
    },
    /// More than one key may be meant.
    Ambiguous(Vec<Key>),
    /// The key does not speak the update protocol.
    NotSupported(Box<Key>),
    /// The key that is meant did not answer.
    Silent(Box<Key>),
    /// Of the device that is meant no key side is known.
    NoKeySide,
}

impl From<FirmwareError> for Error {
    fn from(error: FirmwareError) -> Self {
        Self::Firmware(error)
    }
}

impl Keys {
    /// The keys among these HID devices. `pause` lets time pass while a key is waited for.
    #[must_use]
    pub fn new(
        devices: Arc<dyn HidDevices>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        pause: Box<dyn Fn(Duration)>,
    ) -> Self {
        Self { devices, store, clock, pause, update_ids: UpdateIds::default().ids }
    }

    /// The same, where keys in update mode are known by these USB ids.
    #[must_use]
    pub fn known_by(self, update_ids: UpdateIds) -> Self {
        Self { update_ids: update_ids.ids, ..self }
    }

    /// Confirms what runs on every key on which another run left that undone; those keys as they were.
    ///
    /// # Errors
    /// [`Error::Firmware`] when the devices could not be listed.
    pub fn finish(&self) -> Result<Vec<Info>, Error> {
        Ok(self.machine().confirm_remembered()?)
    }

    /// Every FIDO key and every key in update mode. An update that another run left unconfirmed is confirmed first.
    ///
    /// # Errors
    /// [`Error::Firmware`] when the devices could not be listed.
    pub fn list(&self) -> Result<Vec<Key>, Error> {
        self.finish()?;
        Ok(self.machine().keys()?.into_iter().map(key).collect())
    }

    /// The key that goes by this serial number, whole or in part, or by this model or path; without a name, the only one
    /// that can be updated.
    ///
    /// # Errors
    /// [`Error::Ambiguous`], [`Error::NoKey`], [`Error::NoSuchKey`], [`Error::NotSupported`], [`Error::Silent`],
    /// [`Error::Firmware`].
    pub fn select(&self, wanted: Option<&str>) -> Result<(Key, Info), Error> {
        let keys = self.list()?;
        let mut fitting: Vec<_> = match wanted {
            Some(wanted) => keys.iter().filter(|key| key.goes_by(wanted)).cloned().collect(),
            None if keys.iter().any(|key| key.info().is_some()) => {
                keys.iter().filter(|key| key.info().is_some()).cloned().collect()
            }
            None => keys.clone(),
        };
        let one = if fitting.len() == 1 { fitting.pop() } else { None };
        match (one, wanted) {
            (Some(key), _) => key.updatable(),
            (None, _) if !fitting.is_empty() => Err(Error::Ambiguous(fitting)),
            (None, Some(wanted)) if !keys.is_empty() => {
                Err(Error::NoSuchKey { wanted: wanted.to_owned(), keys })
            }
            _ => Err(Error::NoKey),
        }
    }

    /// Installs an image in the key that is meant; that key as it is afterwards. Before the key is touched the image is
    /// held against what the key says of itself. As [`firmware::install()`] for `report`.
    ///
    /// # Errors
    /// As [`Keys::select`]; [`Error::Firmware`] with what is wrong with the image or went wrong with the key.
    pub fn update(
        &self,
        image: SignedImage,
        wanted: Option<&str>,
        allow: Allow,
        report: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<Updated, Error> {
        let (_, before) = self.select(wanted)?;
        let version = image.version();
        let image = image.fit(&before, allow)?;
        firmware::install(&self.machine(), &image, report)?;
        Ok(Updated { serial: before.serial, model: before.model, before: before.version, version })
    }

    fn machine(&self) -> Machine<'_> {
        Machine {
            devices: &*self.devices,
            clock: &*self.clock,
            store: &*self.store,
            pause: &*self.pause,
            update_ids: &self.update_ids,
        }
    }
}

/// A key that was updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// Its serial number.
    pub serial: Serial,
    /// Its model.
    pub model: String,
    /// The version it had; of a key without firmware, 0.
    pub before: Version,
    /// The version it has.
    pub version: Version,
}

fn key(found: Found) -> Key {
    let firmware = match found.answer {
        Ok(Answer::Firmware(info)) => Firmware::Updatable(info),
        Ok(Answer::Fido(info)) => info.into(),
        Err(error) => Firmware::Silent(error.to_string()),
    };
    Key { device: found.device, firmware }
}

/// Of an authenticator that does not speak the update protocol.
impl From<fido::Info> for Firmware {
    fn from(info: fido::Info) -> Self {
        Self::NotSupported { aaguid: info.aaguid, version: info.firmware_version, fido: info.versions }
    }
}

impl Key {
    /// What it says of its firmware, if it can be updated.
    #[must_use]
    pub fn info(&self) -> Option<&Info> {
        match &self.firmware {
            Firmware::Updatable(info) => Some(info),
            _ => None,
        }
    }

    /// The same with what it says of its firmware, if it can be updated.
    fn updatable(self) -> Result<(Self, Info), Error> {
        match self.firmware.clone() {
            Firmware::Updatable(info) => Ok((self, info)),
            Firmware::NotSupported { .. } => Err(Error::NotSupported(self.into())),
            Firmware::Silent(_) => Err(Error::Silent(self.into())),
        }
    }

    /// As a person is shown it to choose from.
    #[must_use]
    pub fn candidate(&self) -> Candidate {
        let name = self.info().map_or_else(|| "FIDO key".to_owned(), |info| info.model.clone());
        let id = self.info().map(|info| info.serial.to_string());
        Candidate { name, id, reader: self.device.path.clone() }
    }

    /// Whether a person may mean it by this: a part of its serial number or of its USB serial number; its model; its path.
    #[must_use]
    pub fn goes_by(&self, wanted: &str) -> bool {
        let wanted = wanted.to_lowercase();
        let serial = self.info().map(|info| info.serial.to_string());
        let model = self.info().map(|info| info.model.to_lowercase());
        let usb = self.device.serial.as_ref().map(|serial| serial.to_lowercase());
        let in_part =
            [serial, usb].into_iter().flatten().any(|name| !wanted.is_empty() && name.contains(&wanted));
        in_part || model.as_ref() == Some(&wanted) || self.device.path.to_lowercase() == wanted
    }
}

/// Makes a trust list of files' contents: public keys in PEM, and lists of revoked ones. `required` keys have to sign.
///
/// # Errors
/// The name of the first file that is not what it should be, with the reason: a list that is not whole is none.
pub fn trust(
    keys: &[(String, String)],
    revoked: &[(String, String)],
    required: usize,
) -> Result<Trust, (String, BadKey)> {
    let mut trust = Trust::requiring(required);
    for (name, pem) in keys {
        trust.add(pem).map_err(|error| (name.clone(), error))?;
    }
    for (name, list) in revoked {
        trust.revoke(list).map_err(|error| (name.clone(), error))?;
    }
    Ok(trust)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firmware(error) => error.fmt(f),
            Self::NoKey => f.write_str("no security key is connected"),
            Self::NoSuchKey { wanted, .. } => write!(f, "there is no key {wanted}"),
            Self::Ambiguous(keys) => write!(f, "{} keys may be meant", keys.len()),
            Self::NotSupported(key) => write!(f, "firmware update of {key} is not supported by this program"),
            Self::Silent(key) => match &key.firmware {
                Firmware::Silent(why) => write!(f, "{key} did not say what it is: {why}"),
                _ => write!(f, "{key} did not say what it is"),
            },
            Self::NoKeySide => WhyNot::NoKeySide.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Firmware(error) => Some(error),
            _ => None,
        }
    }
}

/// As in `org.crescendo.reference-key 2.0.0+0, serial c552…01` or `the FIDO key at /dev/hidraw3`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(Info { model, version, serial, .. }) => write!(f, "{model} {version}, serial {serial}"),
            None => write!(f, "the FIDO key at {}", self.device.path),
        }
    }
}
