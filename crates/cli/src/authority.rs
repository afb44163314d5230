//! By what right a device is changed: what is asked of a person, or taken from where a script has put it. A standalone Crescendo
//! is administered with its PIN, or with its administration key; a card by the standard with its management key.

use clap::Args;
use device::{Administration, Authority, Device, KeyReference, ManagementKey, Pin, Rights, XauthKey};

use crate::{arguments::PinSource, failure::Failure, output::plain, pin, secret};

/// What many cards by the standard are delivered with.
const DEFAULT_MANAGEMENT_KEY: &str = "010203040506070801020304050607080102030405060708";

/// Where keys and PIN come from that no person is asked for.
#[derive(Args, Debug)]
pub(crate) struct AuthoritySource {
    #[command(flatten)]
    pub(crate) pin: PinSource,
    /// Take the management key (9B), in hexadecimal, from this environment variable; for cards that are no Crescendo
    #[arg(long, value_name = "VAR", group = "right")]
    management_key_env: Option<String>,
    /// Read the management key from this file descriptor, one line
    #[arg(long, value_name = "N", group = "right")]
    management_key_fd: Option<u32>,
    /// Use the management key that many cards are delivered with
    #[arg(long, group = "right")]
    default_management_key: bool,
    /// Take the administration key of a Crescendo (XAUTH key 1), in hexadecimal, from this environment variable
    #[arg(long, value_name = "VAR", group = "right")]
    xauth_key_env: Option<String>,
    /// Read the administration key of a Crescendo from this file descriptor, one line
    #[arg(long, value_name = "N", group = "right")]
    xauth_key_fd: Option<u32>,
}

/// What was given.
pub(crate) struct Held {
    right: Right,
    pin: Option<Pin>,
}

enum Right {
    Pin,
    Management(ManagementKey),
    Xauth(XauthKey),
}

/// What an action takes.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    /// The right to change the device.
    pub(crate) right: bool,
    /// The PIN, whatever right there is.
    pub(crate) pin: bool,
}

impl Needs {
    /// To use a key, and perhaps to change the device.
    pub(crate) fn of_key(key: KeyReference, right: bool) -> Self {
        Self { right, pin: key.needs_pin() }
    }
}

impl AuthoritySource {
    /// Gets what is needed, and nothing else.
    pub(crate) fn ask(&self, device: &mut Device, needs: Needs) -> Result<Held, Failure> {
        device.administration().takes(self.has_xauth_key(), self.has_management_key())?;
        if needs.right {
            // Before anything is asked for in vain.
            device.demand_contact()?;
        }
        let name = plain(device.name());
        let right = match (device.administration(), needs.right) {
            (_, false) => Right::Pin,
            (Administration::Pin, _) if self.has_xauth_key() => Right::Xauth(self.xauth_key()?),
            (Administration::Pin, _) => Right::Pin,
            (Administration::ManagementKey, _) => Right::Management(self.management_key(&name)?),
        };
        let is_pin = needs.right && matches!(right, Right::Pin);
        let pin = (needs.pin || is_pin).then(|| pin::entered(&self.pin, device, "PIN")).transpose()?;
        Ok(Held { right, pin })
    }

    pub(crate) fn has_management_key(&self) -> bool {
        self.management_key_env.is_some() || self.management_key_fd.is_some() || self.default_management_key
    }

    pub(crate) fn has_xauth_key(&self) -> bool {
        self.xauth_key_env.is_some() || self.xauth_key_fd.is_some()
    }

    pub(crate) fn xauth_key(&self) -> Result<XauthKey, Failure> {
        let text = secret::text(self.xauth_key_env.as_deref(), self.xauth_key_fd, "Administration key: ")?;
        Ok(XauthKey::from_hex(&text).map_err(device::Error::Card)?)
    }

    pub(crate) fn management_key(&self, name: &str) -> Result<ManagementKey, Failure> {
        let key = if self.default_management_key {
            ManagementKey::from_hex(DEFAULT_MANAGEMENT_KEY)
        } else {
            let question = format!("Management key (9B) of {name}, in hexadecimal: ");
            let (variable, descriptor) = (self.management_key_env.as_deref(), self.management_key_fd);
            ManagementKey::from_hex(&secret::text(variable, descriptor, &question)?)
        };
        Ok(key.map_err(device::Error::Card)?)
    }
}

impl Held {
    pub(crate) fn rights(&self) -> Rights<'_> {
        let authority = match (&self.right, &self.pin) {
            (Right::Management(key), _) => Some(Authority::ManagementKey(key)),
            (Right::Xauth(key), _) => Some(Authority::Xauth(key)),
            (Right::Pin, Some(pin)) => Some(Authority::Pin(pin)),
            (Right::Pin, None) => None,
        };
        Rights { authority, pin: self.pin.as_ref() }
    }

    pub(crate) fn pin(&self) -> Option<&Pin> {
        self.pin.as_ref()
    }
}
