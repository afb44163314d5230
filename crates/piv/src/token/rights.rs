//! Administration: what changes the card, by the right that was proved to it in the same transaction.

use super::{Start, Token};
use crate::{Authority, Error, PinState, known::Known, piv::Piv};

impl Token {
    /// Proves a right to the card and works with it, in one transaction. The right ends with it: a PIN that was not verified
    /// before is not verified after, and the card is reset after an administration key. A reset in between is told, and
    /// nothing is done twice.
    ///
    /// # Errors
    /// Of the proof: [`Error::WrongPin`] (without another try if the card refused this PIN moments ago), [`Error::WrongKey`],
    /// [`Error::KeyKind`]; of `work`, where 6982 has become [`Error::Managed`] or [`Error::ManagementKeyNeeded`];
    /// [`Error::Unsupported`] over contactless.
    pub fn administer<T>(
        &mut self,
        authority: &Authority<'_>,
        work: impl Fn(&mut Piv<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.state()?;
        self.known.demand_contact()?;
        if let Authority::Pin(pin) = authority {
            self.known.login.refuse_again(pin, self.known.now())?;
        }
        let family = self.family();
        self.with_piv(Start::Select, |known, piv| {
            let was_verified = known.login.ask(piv)? == PinState::Verified;
            piv.commit();
            authority.prove(known, piv)?;
            let result = work(piv).map_err(|error| authority.explain(error, family));
            let is_lost = matches!(&result, Err(error) if error.is_transport());
            if is_lost {
                return result;
            }
            // The work is done, whatever becomes of this: where the card went away or was reset, the right went with it.
            let _ = end(authority, known, piv, was_verified);
            result
        })
    }
}

/// Ends the right. What the card is reset for ends by itself.
fn end(
    authority: &Authority<'_>,
    known: &mut Known,
    piv: &mut Piv<'_>,
    was_verified: bool,
) -> Result<(), Error> {
    match authority {
        Authority::Pin(_) if was_verified || known.login.is_user() => Ok(()),
        Authority::Pin(_) => known.login.clear(piv),
        Authority::ManagementKey(_) => piv.deselect(),
        Authority::Xauth(_) => Ok(()),
    }
}
