//! Why an action was not carried out.

use std::fmt;

use link::LinkError;
use piv::KeyReference;

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
    /// More than one device may be meant.
    Ambiguous {
        /// All of those.
        candidates: Vec<Candidate>,
    },
    /// The key has no certificate.
    NoCertificate(KeyReference),
    /// The card tells its pairing code over contact alone.
    ContactNeeded,
    /// The card neither has a pairing code nor asks for one.
    NoPairingCode,
    /// Over contactless the card takes neither PIN nor pairing code.
    NoVci,
    /// The card has no GUID, by which things are kept of a card.
    NoGuid,
    /// The pairing code could not be kept: why.
    NotKept(LinkError),
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
            Self::Ambiguous { candidates } => {
                write!(f, "{} devices may be meant", candidates.len())
            }
            Self::NoCertificate(key) => write!(f, "there is no certificate for key {key} on this device"),
            Self::ContactNeeded => f.write_str("the card tells its pairing code only in a contact reader"),
            Self::NoPairingCode => f.write_str("the card asks for no pairing code"),
            Self::NoVci => f.write_str(
                "the card has no virtual contact interface: on a contactless reader it takes neither PIN nor pairing code",
            ),
            Self::NoGuid => f.write_str("the card has no GUID, so nothing can be kept of it"),
            Self::NotKept(why) => write!(f, "the pairing code is not kept: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Link(error) | Self::NotKept(error) => Some(error),
            Self::Card(error) => Some(error),
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
