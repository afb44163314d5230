//! What can go wrong between a program and an authenticator, in one enum that can be acted on.

use std::{fmt, io};

use link::LinkError;

/// An error of the key side. Each prints as one clause a person can act on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The way to the key failed; most often the key was pulled out.
    Link(io::Error),
    /// This user may not open the key.
    Denied,
    /// The way to the card failed.
    Card(LinkError),
    /// The card has no FIDO application, or refused with this status word.
    Status(u16),
    /// No answer and no sign of life in time.
    Silent,
    /// The key kept saying that it is busy, longer than anything it was asked to do can take.
    Endless,
    /// The key answered a command with a CTAPHID ERROR.
    Refused(HidError),
    /// The authenticator answered a CTAP2 command with this status (CTAP 2.1, section 8.2).
    Ctap(u8),
    /// What came back cannot be what the standard says.
    Malformed(&'static str),
    /// The key speaks U2F alone.
    NoCtap2,
}

impl Error {
    /// Whether the device is gone, or its interface is.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        match self {
            Self::Link(_) => true,
            Self::Card(error) => matches!(error, LinkError::NoCard | LinkError::Removed),
            _ => false,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Link(error)
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        Self::Card(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => write!(f, "the connection to the key broke ({error})"),
            Self::Denied => f.write_str("this user may not open the key"),
            Self::Card(error) => error.fmt(f),
            Self::Status(status) => write!(f, "the card has no FIDO application to answer ({status:04X})"),
            Self::Silent => f.write_str("the key did not answer in time"),
            Self::Endless => f.write_str("the key said it was busy and never came to an end"),
            Self::Refused(code) => write!(f, "the key said {code}"),
            Self::Ctap(status) => write!(f, "the authenticator answered with CTAP status {status:02X}"),
            Self::Malformed(what) => write!(f, "the key's answer cannot be read: {what}"),
            Self::NoCtap2 => f.write_str("the key speaks U2F alone"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Link(error) => Some(error),
            Self::Card(error) => Some(error),
            _ => None,
        }
    }
}

/// The byte of a CTAPHID ERROR (CTAP 2.1, section 11.2.9.1.6); vendors have their own from F0 upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HidError(pub u8);

impl HidError {
    /// Another channel is being served; try again later.
    pub const CHANNEL_BUSY: Self = Self(0x06);
    /// The command is not known.
    pub const INVALID_CMD: Self = Self(0x01);
    /// A part of the message is missing.
    pub const INVALID_SEQ: Self = Self(0x04);
    /// The rest of the message did not come in time.
    pub const MSG_TIMEOUT: Self = Self(0x05);
    /// CANCEL came while a person was waited for.
    pub const KEEPALIVE_CANCEL: Self = Self(0x2D);
    /// Nobody pressed the button in time.
    pub const USER_ACTION_TIMEOUT: Self = Self(0x2F);
}

/// As in `06, another program is using it`.
impl fmt::Display for HidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.0 {
            0x01 => "command not known",
            0x02 => "parameter not valid",
            0x03 => "length not valid",
            0x04 => "sequence not valid",
            0x05 => "message came too slowly",
            0x06 => "another program is using it",
            0x0A => "locked by another program",
            0x0B => "channel not valid",
            0x2D => "cancelled",
            0x2F => "the button was not pressed in time",
            _ => return write!(f, "{:02X}", self.0),
        };
        write!(f, "{:02X}, {words}", self.0)
    }
}
