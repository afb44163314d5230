//! What can go wrong between a program and a card, in one enum that can be acted on.

use std::fmt;

use link::LinkError;

use crate::{ChannelError, KeyReference, StatusWord};

/// An error of the card side. Each prints as one sentence a person can act on.
#[derive(Debug)]
pub enum Error {
    /// The way to the card failed.
    Link(LinkError),
    /// The card has no PIV application.
    NotPiv,
    /// The card answered with a status word that ends the operation.
    Refused {
        /// What was being done, in words of SP 800-73.
        during: &'static str,
        /// The answer.
        status: StatusWord,
    },
    /// The PIN or PUK is wrong; so many tries are left. 0: now blocked.
    WrongPin {
        /// Tries left on the card.
        retries: u8,
    },
    /// No tries are left; nothing was compared.
    Blocked,
    /// Over contactless this PIN cannot be tried any more; over contact there may be tries left.
    ContactOnly,
    /// The operation needs a PIN, and there is none in hand that may be sent.
    NotLoggedIn,
    /// The card has no such object, key or PIN.
    NotFound,
    /// The PIN is not 6 to 8 digits; it was not sent.
    PinFormat,
    /// What the card answered cannot be what the standard says.
    Malformed(&'static str),
    /// The certificate that was shown and the key on the card do not fit together: a result was thrown away.
    KeyChanged(KeyReference),
    /// The card waits for its pairing code; no PIN was sent.
    PairingCodeNeeded,
    /// The card does not accept this pairing code; no PIN was sent.
    WrongPairingCode,
    /// A pairing code is exactly eight digits; nothing was sent.
    PairingCodeFormat,
    /// Secure messaging failed; the channel, if there was one, has ended.
    Channel(ChannelError),
    /// The input cannot be given to this key.
    Input(&'static str),
    /// This token or this build does not do that.
    Unsupported(&'static str),
}

impl Error {
    pub(crate) fn refused(during: &'static str, status: StatusWord) -> Self {
        Self::Refused { during, status }
    }

    /// Whether the card is gone, so that everything known of it has to be dropped.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        matches!(self, Self::Link(LinkError::NoCard | LinkError::Removed))
    }

    /// Whether the way to the card failed, plain or in secure messaging: nothing more can be said in this transaction.
    #[must_use]
    pub fn is_transport(&self) -> bool {
        matches!(self, Self::Link(_) | Self::Channel(_))
    }

    pub(crate) fn status(&self) -> Option<StatusWord> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => error.fmt(f),
            Self::NotPiv => f.write_str("the card has no PIV application"),
            Self::Refused { during, status } => write!(f, "{during}: {status}"),
            Self::WrongPin { retries: 0 } => f.write_str("wrong PIN, and it is now blocked"),
            Self::WrongPin { retries: 1 } => f.write_str("wrong PIN, one try left"),
            Self::WrongPin { retries } => write!(f, "wrong PIN, {retries} tries left"),
            Self::Blocked => {
                f.write_str("the PIN is blocked; unblock it with the PUK or through the help desk")
            }
            Self::ContactOnly => f.write_str(
                "over contactless this PIN cannot be tried any more; put the card into a contact reader, where it may \
                 have tries left",
            ),
            Self::NotLoggedIn => f.write_str("the PIN has to be entered first"),
            Self::NotFound => f.write_str("not on this card"),
            Self::PinFormat => f.write_str("a PIN has 6 to 8 digits; it was not sent to the card"),
            Self::Malformed(what) => write!(f, "the card's {what} cannot be read"),
            Self::KeyChanged(key) => {
                write!(f, "the key {key} is not the one its certificate showed; look at the token again")
            }
            Self::PairingCodeNeeded => f.write_str(
                "the card waits for its pairing code: put it into a contact reader and run \"crescendo pairing \
                 retrieve --cache\", or run \"crescendo pairing set\", or enter the code, a colon and the PIN",
            ),
            Self::WrongPairingCode => {
                f.write_str("wrong pairing code; the PIN was not sent and has lost no try")
            }
            Self::PairingCodeFormat => f.write_str("a pairing code has eight digits; nothing was sent"),
            Self::Channel(why) => why.fmt(f),
            Self::Input(what) => f.write_str(what),
            Self::Unsupported(what) => write!(f, "{what} is not supported"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Link(error) => Some(error),
            Self::Channel(why) => Some(why),
            _ => None,
        }
    }
}
