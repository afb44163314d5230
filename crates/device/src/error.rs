//! Why an action was not carried out.

use std::fmt;

use link::LinkError;
use piv::KeyReference;

use crate::{Refusal, WhyNot};

/// An error of an action on devices. Each prints as one sentence a person can act on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The readers could not be asked.
    Link(LinkError),
    /// The card failed, or refused.
    Card(piv::Error),
    /// There is no reader at all.
    NoReader,
    /// There are readers, and no card in any.
    NoCard,
    /// There is no card in the reader that was named.
    Empty {
        /// That reader.
        reader: String,
    },
    /// No device goes by that ID or name.
    NoSuchDevice {
        /// What was asked for.
        wanted: String,
        /// What is there.
        candidates: Vec<Candidate>,
    },
    /// It is a security key without a card side.
    NoCardSide {
        /// What was asked for.
        wanted: String,
    },
    /// A slot for one-time passwords has no secret, or one for the other kind of code.
    EmptySlot(u8),
    /// More than one device may be meant.
    Ambiguous {
        /// All of those.
        candidates: Vec<Candidate>,
    },
    /// The key has no certificate.
    NoCertificate(KeyReference),
    /// There is no key in that place.
    NoKey(KeyReference),
    /// The card lets this key decrypt or agree on secrets, and sign nothing, not even for itself.
    SignsNothing(KeyReference),
    /// The certificate belongs to another key than the one there.
    NotItsCertificate(KeyReference),
    /// The card does that over contact alone, as telling its pairing code.
    ContactNeeded,
    /// The card neither has a pairing code nor asks for one.
    NoPairingCode,
    /// Over contactless the card takes neither PIN nor pairing code.
    NoVci,
    /// The card has no GUID, by which things are kept of a card.
    NoGuid,
    /// The pairing code could not be kept: why.
    NotKept(LinkError),
    /// The new PIN was refused here, and nothing was sent.
    PinRejected(Refusal),
    /// The card does not take the new PIN.
    PinRefused,
    /// No PIN can be as both the device and the owner of the machine want it.
    PolicyConflict,
    /// The card was lost before it answered: nobody knows whether the new PIN is set.
    Uncertain(piv::Error),
    /// The PUK is wrong; so many tries are left. 0: now blocked.
    WrongPuk {
        /// Tries left on the card.
        retries: u8,
    },
    /// No tries of the PUK are left.
    PukBlocked,
    /// The card has no PUK.
    NoPuk,
    /// No PUK is kept on the device to be looked up.
    NoPukKept,
    /// What was entered is no PUK; nothing was sent.
    PukFormat,
    /// What was entered is no challenge or response.
    ChallengeFormat,
    /// What was entered is no response to this challenge.
    ResponseFormat {
        /// How many hexadecimal digits one has.
        digits: usize,
    },
    /// What was given is no master key.
    MasterFormat,
    /// What was given is no device ID.
    DeviceId,
    /// Nobody has answered the challenge, and nothing has happened.
    GivenUp,
    /// The system gives no randomness.
    NoRandom,
    /// That cannot be done with this device.
    NotOffered(WhyNot),
    /// Its PIN is blocked, and nobody has a key of it.
    CannotRecycle,
    /// The PIN is not the one of delivery; so many tries are left.
    NotFactoryPin {
        /// Tries left on the card.
        retries: u8,
    },
    /// The card was lost on the way: what was being done to it is done again.
    Unfinished(&'static str, piv::Error),
    /// A new key was made, and this happened before it had its certificate.
    Uncertified(Box<Error>),
}

/// A device that may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its device ID, if it has one and could be read.
    pub id: Option<String>,
    /// The reader it is in.
    pub reader: String,
}

impl Error {
    /// The same, after a key was made.
    #[must_use]
    pub fn after_making(self, made: bool) -> Self {
        if made { Self::Uncertified(Box::new(self)) } else { self }
    }
}

impl From<piv::Error> for Error {
    fn from(error: piv::Error) -> Self {
        Self::Card(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::Card(error) => error.fmt(f),
            Self::NoReader => f.write_str("no reader and no key is connected"),
            Self::NoCard => f.write_str("no card is in any reader"),
            Self::Empty { reader } => write!(f, "no card is in the reader {reader}, or none that answers"),
            Self::NoSuchDevice { wanted, .. } => write!(f, "there is no device {wanted}"),
            Self::NoCardSide { wanted } => {
                write!(f, "{wanted} is a security key without a card: it has no PIV keys, certificates or PIN")
            }
            Self::EmptySlot(slot) => {
                write!(f, "there is no secret for such codes in slot {slot} of this device")
            }
            Self::Ambiguous { candidates } => {
                write!(f, "{} devices may be meant", candidates.len())
            }
            Self::NoCertificate(key) => write!(f, "there is no certificate for key {key} on this device"),
            Self::NoKey(key) => write!(f, "there is no key in {key} on this device"),
            Self::SignsNothing(key) => write!(
                f,
                "the card lets the key {key} sign nothing, so it cannot sign for itself; make an RSA key there, or import a \
                 key with its certificate"
            ),
            Self::NotItsCertificate(key) => {
                write!(f, "this certificate belongs to another key than {key} of this device; nothing was written")
            }
            Self::ContactNeeded => f.write_str("the card does that only in a contact reader"),
            Self::NoPairingCode => f.write_str("the card asks for no pairing code"),
            Self::NoVci => f.write_str(
                "the card has no virtual contact interface: on a contactless reader it takes neither PIN nor pairing code",
            ),
            Self::NoGuid => f.write_str("the card has no GUID, so nothing can be kept of it"),
            Self::NotKept(why) => write!(f, "the pairing code is not kept: {why}"),
            Self::PinRejected(why) => write!(f, "{why}; nothing was sent to the device"),
            Self::PinRefused => f.write_str("the device does not take this new PIN; the old state stands"),
            Self::PolicyConflict => f.write_str(
                "no PIN can be as both the device and /etc/crescendo/policy.toml want it; nothing was sent",
            ),
            Self::Uncertain(why) => {
                write!(f, "the device was lost before it answered, so the new PIN may be set or not: {why}")
            }
            Self::WrongPuk { retries: 0 } => f.write_str("wrong PUK, and it is now blocked, for good"),
            Self::WrongPuk { retries: 1 } => f.write_str("wrong PUK, one try left; without one it is blocked for good"),
            Self::WrongPuk { retries } => write!(f, "wrong PUK, {retries} tries left"),
            Self::PukBlocked => f.write_str("the PUK is blocked, for good"),
            Self::NoPuk => f.write_str("the device has no PUK"),
            Self::NoPukKept => f.write_str("no PUK is kept on this device to be shown"),
            Self::PukFormat => f.write_str(
                "a PUK has 8 digits, or 16 letters and digits without I, L, O and U; nothing was sent",
            ),
            Self::ChallengeFormat => {
                f.write_str("challenges and responses have 16 or 32 hexadecimal digits; nothing was sent")
            }
            Self::ResponseFormat { digits } => {
                write!(f, "the response has {digits} digits, each of them 0 to 9 or A to F; nothing was sent")
            }
            Self::MasterFormat => f.write_str("a master key has 32 to 128 hexadecimal digits"),
            Self::DeviceId => f.write_str("a device ID has 8 to 64 letters and digits"),
            Self::GivenUp => f.write_str("the challenge was not answered; nothing has happened"),
            Self::NoRandom => f.write_str("the system gives no randomness"),
            Self::NotOffered(why) => why.fmt(f),
            Self::CannotRecycle => f.write_str(
                "the device cannot be recycled: its PIN is blocked, and neither its PUK nor its administration key was given; \
                 nothing was sent",
            ),
            Self::NotFactoryPin { retries } => write!(
                f,
                "the PIN of this device is not the one it is delivered with ({retries} tries left); nothing was changed"
            ),
            Self::Uncertified(why) => write!(f, "the new key is on the card, but has no certificate: {why}"),
            Self::Unfinished(what, why) => {
                write!(f, "the device was lost while it was being {what}, and is perhaps half done: {why}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Link(error) | Self::NotKept(error) => Some(error),
            Self::Card(error) | Self::Uncertain(error) | Self::Unfinished(_, error) => Some(error),
            Self::Uncertified(error) => Some(&**error),
            _ => None,
        }
    }
}

/// As in `Crescendo C4000-KEY, ID 83F3B77E0EE96A25, in HID Crescendo Key 00 00`.
impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(id) = &self.id {
            write!(f, ", ID {id}")?;
        }
        write!(f, ", in {}", self.reader)
    }
}
