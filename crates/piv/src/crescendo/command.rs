//! What HID's cards can be asked beyond the standard, by dialect, and how that is known. The 2300 family by HID's low-level API
//! pages; of the Crescendo 4000 and Key V3 the pages could not be had, so much of it is what the older family does.

use crate::{Error, Family};

/// A command of HID's own, or one whose use on a Crescendo is in question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardCommand {
    /// VERIFY PIN in the access control application.
    VerifyPin,
    /// CHANGE PIN there.
    ChangePin,
    /// UNLOCK PIN.
    UnlockPin,
    /// GET PIN PROPERTIES.
    PinProperties,
    /// SET PIN PROPERTIES.
    SetPinProperties,
    /// GET CHALLENGE and EXTERNAL AUTHENTICATE.
    Authenticate,
    /// PUT XAUTH KEY.
    PutXauthKey,
    /// RESET CARD.
    ResetCard,
    /// RESET RETRY COUNTER and CHANGE REFERENCE DATA with the PUK (81).
    Puk,
    /// INJECT PKI KEY.
    InjectKey,
    /// INJECT PKI KEY without a key, which deletes the one there.
    DeleteKey,
    /// PUT OATH KEY and CONFIGURATION.
    PutOath,
    /// HOTP, TOTP and OCRA AUTHENTICATE.
    OathAuthenticate,
}

/// How it is known that a card takes a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A page of the vendor says so.
    Documented,
    /// Public source code does it; for SET PIN PROPERTIES that is HID's own.
    Published,
    /// Somebody has measured it.
    Measured,
    /// Nobody says so; it is likely by what the other family does.
    Inferred,
}

impl CardCommand {
    /// How it is known that cards of this family take it; `None`: they do not, or nobody knows.
    #[must_use]
    pub fn basis(self, family: Family) -> Option<Basis> {
        use Basis::{Documented, Inferred, Published};
        let (c2300, c4000) = match self {
            Self::VerifyPin | Self::ChangePin | Self::UnlockPin | Self::PinProperties | Self::PutXauthKey => {
                (Documented, Inferred)
            }
            Self::SetPinProperties => (Published, Inferred),
            Self::Authenticate | Self::ResetCard => (Documented, Published),
            Self::InjectKey => (Documented, Inferred),
            Self::DeleteKey => (Inferred, Inferred),
            Self::PutOath | Self::OathAuthenticate => (Documented, Inferred),
            Self::Puk => (Inferred, Inferred),
        };
        match family {
            Family::Standard => None,
            Family::C2300 => Some(c2300),
            Family::C4000 => Some(c4000),
        }
    }

    /// Whether it changes the card.
    #[must_use]
    pub fn writes(self) -> bool {
        !matches!(self, Self::VerifyPin | Self::PinProperties | Self::Authenticate | Self::OathAuthenticate)
    }

    /// Whether it may be sent to a card of this family: what writes and is only inferred takes the permission of a person.
    ///
    /// # Errors
    /// [`Error::Unsupported`], [`Error::Unconfirmed`].
    pub fn permit(self, family: Family, unconfirmed: bool) -> Result<(), Error> {
        match self.basis(family) {
            None => Err(Error::Unsupported(self.name())),
            Some(Basis::Inferred) if self.writes() && !unconfirmed => Err(Error::Unconfirmed(self.name())),
            Some(_) => Ok(()),
        }
    }

    /// Its name in the vendor's manual.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VerifyPin => "VERIFY PIN",
            Self::ChangePin => "CHANGE PIN",
            Self::UnlockPin => "UNLOCK PIN",
            Self::PinProperties => "GET PIN PROPERTIES",
            Self::SetPinProperties => "SET PIN PROPERTIES",
            Self::Authenticate => "EXTERNAL AUTHENTICATE",
            Self::PutXauthKey => "PUT XAUTH KEY",
            Self::ResetCard => "RESET CARD",
            Self::Puk => "RESET RETRY COUNTER with a PUK",
            Self::InjectKey => "INJECT PKI KEY",
            Self::DeleteKey => "INJECT PKI KEY without a key",
            Self::PutOath => "PUT OATH KEY",
            Self::OathAuthenticate => "OATH AUTHENTICATE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writes_and_is_only_inferred_takes_permission() {
        let unlock = CardCommand::UnlockPin;
        assert!(unlock.permit(Family::C2300, false).is_ok());
        assert!(matches!(unlock.permit(Family::C4000, false), Err(Error::Unconfirmed("UNLOCK PIN"))));
        assert!(unlock.permit(Family::C4000, true).is_ok());
        assert!(CardCommand::PinProperties.permit(Family::C4000, false).is_ok(), "it changes nothing");
        assert!(matches!(unlock.permit(Family::Standard, true), Err(Error::Unsupported(_))));
    }
}
