//! By what right a device is changed: what is asked of a person for it, beside what was given already. A standalone Crescendo
//! is administered with its PIN, or with its administration key; a card by the standard with its management key.

use piv::{Authority, ManagementKey, Pin, PinState, XauthKey};

use crate::{Administration, Device, Error, KeyReference, PukCode, RecycleRight, Recycling, Rights};

/// What an action takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The right to change the device.
    pub right: bool,
    /// The PIN, whatever right there is.
    pub pin: bool,
}

/// What somebody means to use, whether it was given or has to be asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InHand {
    /// An administration key (XAUTH).
    pub xauth: bool,
    /// A PUK, or another secret that stands for an administration key.
    pub puk: bool,
    /// A management key (9B).
    pub management: bool,
}

/// The right that a device takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Its PIN.
    Pin,
    /// Its administration key (XAUTH).
    Xauth,
    /// The PUK of 16 characters, which stands for that key.
    Code,
    /// Its management key (9B).
    Management,
    /// None.
    Nothing,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The right to change the device.
    pub proof: Proof,
    /// The PIN, be it the right or not.
    pub pin: bool,
}

/// What was given for it, or entered.
#[derive(Default)]
pub struct Held {
    /// The administration key.
    pub xauth: Option<XauthKey>,
    /// The management key.
    pub management: Option<ManagementKey>,
    /// The PIN.
    pub pin: Option<Pin>,
}

impl Held {
    /// The right that this gives: where there is no key, the PIN is it.
    #[must_use]
    pub fn rights(&self) -> Rights<'_> {
        let pin = self.pin.as_ref();
        let authority = match (&self.management, &self.xauth) {
            (Some(key), _) => Some(Authority::ManagementKey(key)),
            (None, Some(key)) => Some(Authority::Xauth(key)),
            (None, None) => pin.map(Authority::Pin),
        };
        Rights { authority, pin }
    }
}

/// What proves the right to recycle a device, as it was given or entered.
pub enum Recycler {
    /// The PIN.
    Pin(Pin),
    /// The administration key.
    Xauth(XauthKey),
    /// The PUK that stands for it.
    Code(PukCode),
    /// The management key.
    Management(ManagementKey),
    /// None.
    Nothing,
}

impl Recycler {
    /// The right that this gives.
    #[must_use]
    pub fn right(&self) -> RecycleRight<'_> {
        match self {
            Self::Pin(pin) => RecycleRight::Pin(pin),
            Self::Xauth(key) => RecycleRight::Xauth(key),
            Self::Code(code) => RecycleRight::Code(code),
            Self::Management(key) => RecycleRight::Management(key),
            Self::Nothing => RecycleRight::Nothing,
        }
    }
}

impl Needs {
    /// To use a key, and perhaps to change the device.
    #[must_use]
    pub fn of_key(key: KeyReference, right: bool) -> Self {
        Self { right, pin: key.needs_pin() }
    }
}

impl Device {
    /// What it takes to bring a certificate for this key, or the private key too: on a Crescendo keys come with the PIN alone.
    #[must_use]
    pub fn needs_to_import(&self, key: KeyReference, private: bool) -> Needs {
        Needs { right: true, pin: key.needs_pin() || (private && self.is_crescendo()) }
    }

    /// What it takes to delete a certificate, or its key too.
    #[must_use]
    pub fn needs_to_delete(&self, with_key: bool) -> Needs {
        Needs { right: true, pin: with_key && self.is_crescendo() }
    }

    /// What is asked for: what is needed, and nothing else. Before anything is asked for in vain, it is made sure that the device
    /// can be changed where it is.
    ///
    /// # Errors
    /// Of [`Administration::takes`], so that no key that was given is left unused in silence; [`Error::ContactNeeded`].
    pub fn demand(&mut self, needs: Needs, hand: InHand) -> Result<Demand, Error> {
        let administration = self.administration();
        administration.takes(hand.xauth, hand.management)?;
        if hand.puk {
            return Err(piv::Error::Unsupported("changing keys and certificates with a PUK").into());
        }
        if needs.right {
            self.demand_contact()?;
        }
        let proof = match (administration, needs.right) {
            (_, false) => Proof::Nothing,
            (Administration::Pin, true) if hand.xauth => Proof::Xauth,
            (Administration::Pin, true) => Proof::Pin,
            (Administration::ManagementKey, true) => Proof::Management,
        };
        Ok(Demand { proof, pin: needs.pin || proof == Proof::Pin })
    }

    /// What proves the right to recycle it in this way.
    ///
    /// # Errors
    /// As [`Device::demand`].
    pub fn demand_to_recycle(&mut self, way: Recycling, hand: InHand) -> Result<Proof, Error> {
        self.administration().takes(hand.xauth || hand.puk, hand.management)?;
        let is_blocked = matches!(self.lock()?, PinState::Blocked | PinState::Tries(0));
        Ok(match way {
            Recycling::ResetCard if hand.xauth => Proof::Xauth,
            Recycling::ResetCard if hand.puk => Proof::Code,
            Recycling::Objects => Proof::Management,
            Recycling::Extended if hand.management => Proof::Management,
            Recycling::Extended if is_blocked => Proof::Nothing,
            Recycling::ResetCard | Recycling::Extended => Proof::Pin,
        })
    }
}
