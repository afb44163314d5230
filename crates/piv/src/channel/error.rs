//! Why there is no secure channel, or no longer one.

use std::fmt;

use crate::{Error, StatusWord};

/// What ended secure messaging, or kept it from starting. The static words say which object or check it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// The card answered a protected command with this outer status word: it has no keys any more. 6882, 6982, 6987, 6988
    /// are its own words for that; keys may be established again, once.
    EndedBy(StatusWord),
    /// The channel has ended before.
    Ended,
    /// A command was protected while the answer to the one before had not come, or an answer came to no command.
    OutOfStep,
    /// Secure messaging carries GET DATA, VERIFY, CHANGE REFERENCE DATA and GENERAL AUTHENTICATE, no other command.
    NotCarried,
    /// A PIN or pairing code was not sent, because nobody vouches for this card.
    NotTrusted,
    /// An answer that is none.
    Malformed(&'static str),
    /// The checksum of an answer is not the card's.
    Checksum,
    /// The padding in an answer is none.
    Padding,
    /// The card refused key establishment.
    Refused(StatusWord),
    /// Somebody should vouch for the card, and nobody does: what is wrong. Neither PIN nor pairing code was sent to it.
    NotBelieved(&'static str),
    /// The card did not prove that it has the key of its certificate.
    Cryptogram,
    /// The card's certificate is of another cipher suite than the card announced.
    OtherSuite,
    /// The card's certificate was made for another card than its identity tells.
    OtherCard,
    /// This machine has no random numbers.
    Random,
}

impl ChannelError {
    /// Whether the card let go of the keys, as when another program has established others: that can be done again.
    pub(crate) const fn is_loss(self) -> bool {
        matches!(self, Self::EndedBy(_) | Self::Ended)
    }
}

impl From<ChannelError> for Error {
    fn from(why: ChannelError) -> Self {
        Self::Channel(why)
    }
}

impl fmt::Display for ChannelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndedBy(status) => return write!(f, "the card has ended secure messaging: {status}"),
            Self::Malformed(what) => return write!(f, "the card's {what} cannot be read"),
            Self::Refused(status) => return write!(f, "the card refuses secure messaging: {status}"),
            Self::NotBelieved(why) => {
                return write!(
                    f,
                    "the card is not known to be genuine: {why}; nothing secret was sent to it"
                );
            }
            Self::Ended => "secure messaging with the card has ended",
            Self::OutOfStep => "an answer of the card was lost; secure messaging has ended",
            Self::NotCarried => "this is only possible over contact",
            Self::NotTrusted => {
                "the card is not known to be genuine; PIN and pairing code were not sent to it"
            }
            Self::Checksum | Self::Padding => "an answer was changed on its way from the card",
            Self::Cryptogram => "the card could not prove that it is genuine",
            Self::OtherSuite => {
                "the card's secure messaging certificate has another cipher suite than the card"
            }
            Self::OtherCard => "the card's secure messaging certificate belongs to another card",
            Self::Random => "no random numbers are to be had",
        })
    }
}

impl std::error::Error for ChannelError {}
