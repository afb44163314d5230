//! What can go wrong between a program and a card, in one enum that can be acted on.

use std::fmt;

use link::LinkError;

use crate::{Algorithm, ChannelError, KeyReference, StatusWord};

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
    /// The PIN is none: 6 to 8 digits, or what the card takes; it was not sent.
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
    /// Nobody has published that the token takes this command, which writes; it was not sent.
    Unconfirmed(&'static str),
    /// What was given is no such key: how one looks. Nothing was sent.
    KeyFormat(&'static str),
    /// The key in the card is of another kind than the one given (3DES, AES).
    KeyKind,
    /// The card does not accept this management or administration key, or this answer to its challenge.
    WrongKey,
    /// The card has no administration key.
    NoAdministrationKey,
    /// The challenge that was answered is no longer the card's.
    ChallengeLost,
    /// UNLOCK PIN was refused, and so many tries of it are left.
    UnlockLost {
        /// Tries left on the card.
        tries: u8,
    },
    /// UNLOCK PIN has no tries left.
    UnlockSpent,
    /// The right PIN or key gives no right to this: a management system keeps it to itself.
    Managed,
    /// The PIN gives no right to this: the card wants its management key (9B).
    ManagementKeyNeeded,
    /// Somebody is logged in, and would be logged out by this.
    InUse,
    /// Nobody pressed the button of the key.
    NoButton,
    /// The card has no room for it.
    NoRoom,
    /// The card has no such kind of key in this place.
    NoSuchKind(KeyReference, Algorithm),
    /// What was written is not what is read back.
    NotAsWritten,
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
            Self::PinFormat => {
                f.write_str("this can be no PIN of that card, by its length or its characters; it was not sent")
            }
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
            Self::Unconfirmed(what) => write!(
                f,
                "nobody has published that this token takes {what}, and it writes; it was not sent"
            ),
            Self::KeyFormat(how) => write!(f, "{how}; nothing was sent"),
            Self::KeyKind => f.write_str("the card's key is of another kind (3DES or AES, or of another length)"),
            Self::WrongKey => f.write_str("the card does not accept this key, or the answer made with it"),
            Self::NoAdministrationKey => f.write_str(
                "the card has no administration key, so no help desk can unblock it; whoever knows the PIN can install one",
            ),
            Self::ChallengeLost => {
                f.write_str("the challenge is no longer valid, because the card was used or reset; begin again")
            }
            Self::UnlockLost { tries } => write!(f, "the card refuses to be unblocked; {tries} tries of that are left"),
            Self::UnlockSpent => f.write_str(
                "the card cannot be unblocked any more: the tries of that are used up, for good",
            ),
            Self::Managed => f.write_str(
                "the device is managed: it keeps this to its credential management system, which is where to do it",
            ),
            Self::ManagementKeyNeeded => {
                f.write_str("the PIN gives no right to change this card: it wants its management key (9B)")
            }
            Self::InUse => f.write_str(
                "another program is logged in at the device, and this would log it out; close that program, or run \
                 \"crescendo cache forget-pins\"",
            ),
            Self::NoButton => f.write_str("the button of the key was not pressed in time"),
            Self::NoRoom => f.write_str("the card has no room for it"),
            Self::NoSuchKind(key, algorithm) => {
                write!(f, "this card has no {algorithm} keys in {key}; choose another kind of key")
            }
            Self::NotAsWritten => {
                f.write_str("the card shows something else than was just written; look at it again")
            }
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
