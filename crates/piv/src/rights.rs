//! By what right a card is administered: with its PIN (a standalone Crescendo), with the management key 9B (the standard), or
//! with the administration key of a Crescendo.

use crate::{Error, Family, ManagementKey, Pin, XauthKey, crescendo::Aca, known::Known, piv::Piv};

/// What someone has in hand who administers a card.
pub enum Authority<'a> {
    /// The PIN. It is an administrator's credential on a standalone Crescendo; other cards refuse to be written with it.
    Pin(&'a Pin),
    /// The card management key (9B).
    ManagementKey(&'a ManagementKey),
    /// The administration key of a Crescendo (XAUTH key 1).
    Xauth(&'a XauthKey),
}

impl Authority<'_> {
    /// Proves it to the card; PIV is selected after that.
    pub(crate) fn prove(&self, known: &mut Known, piv: &mut Piv<'_>) -> Result<(), Error> {
        match self {
            Self::Pin(pin) => {
                let now = known.now();
                known.login.verify(piv, pin, now)
            }
            Self::ManagementKey(key) => key.prove(piv),
            Self::Xauth(key) => {
                let mut aca = Aca::select(piv)?;
                let challenge = aca.challenge()?;
                aca.authenticate(&key.answer(&challenge)?)?;
                piv.reselect()
            }
        }
    }

    /// What a refusal means that comes although the right was proved.
    pub(crate) fn explain(&self, error: Error, family: Family) -> Error {
        let is_denied = error.status() == Some(crate::StatusWord::SECURITY_STATUS_NOT_SATISFIED);
        match (self, family) {
            (Self::Pin(_), Family::Standard) if is_denied => Error::ManagementKeyNeeded,
            (Self::Pin(_) | Self::Xauth(_), Family::C2300 | Family::C4000) if is_denied => Error::Managed,
            _ => error,
        }
    }
}
