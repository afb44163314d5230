//! By what right a device is changed: what is asked of a person, or taken from where a script has put it. A standalone Crescendo
//! is administered with its PIN, or with its administration key; a card by the standard with its management key.

use clap::Args;
use device::{Device, Held, InHand, ManagementKey, Needs, Proof, XauthKey};

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

impl AuthoritySource {
    /// Gets what is needed, and nothing else.
    pub(crate) fn ask(&self, device: &mut Device, needs: Needs) -> Result<Held, Failure> {
        let demand = device.demand(needs, self.in_hand())?;
        let mut held = Held::default();
        match demand.proof {
            Proof::Xauth => held.xauth = Some(self.xauth_key()?),
            Proof::Management => held.management = Some(self.management_key(&plain(device.name()))?),
            Proof::Pin | Proof::Code | Proof::Nothing => {}
        }
        if demand.pin {
            held.pin = Some(pin::entered(&self.pin, device, "PIN")?);
        }
        Ok(held)
    }

    pub(crate) fn in_hand(&self) -> InHand {
        InHand { xauth: self.has_xauth_key(), management: self.has_management_key(), puk: false }
    }

    fn has_management_key(&self) -> bool {
        self.management_key_env.is_some() || self.management_key_fd.is_some() || self.default_management_key
    }

    fn has_xauth_key(&self) -> bool {
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
