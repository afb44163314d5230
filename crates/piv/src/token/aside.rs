//! The other applications of a card: SELECT of one of them ends the login at PIV, whichever program logged in. So nothing is
//! asked of them unless an empty VERIFY, in the same transaction, says that nobody is logged in.

use super::{Start, Token};
use crate::{
    Command, Error, PinPolicy, PinReference, PinState, Response, crescendo::Aca, known::Known,
    messaging::Access, piv::Piv,
};

/// What a card answers where somebody is logged in, or nobody can say: nothing was asked.
pub type Aside<T> = Option<T>;

/// The applications beside PIV, within the transaction at hand.
pub struct Applications<'p, 't> {
    piv: &'p mut Piv<'t>,
}

impl Applications<'_, '_> {
    /// SELECT: the answer, or `None` where there is no such application.
    ///
    /// # Errors
    /// [`Error::Refused`] for any other refusal; of the link.
    pub fn select(&mut self, aid: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.piv.select_other(aid)
    }

    /// Sends a command to the application that was selected last.
    ///
    /// # Errors
    /// Of the link alone: a refusal is a [`Response`] like any other.
    pub fn send(&mut self, command: Command) -> Result<Response, Error> {
        self.piv.exchange(command)
    }

    /// GET PIN PROPERTIES of the access control application, which is selected for it. `None`: it does not tell.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on a card that is no Crescendo; of the link.
    pub fn pin_policy(&mut self) -> Result<Option<PinPolicy>, Error> {
        Aca::select(self.piv)?.properties()
    }

    /// GET PIV PROPERTIES, as [`Piv`] knows it of this family; PIV is selected afterwards.
    ///
    /// # Errors
    /// Of the link alone.
    pub fn piv_properties(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.piv.reselect()?;
        self.piv.properties()
    }

    /// What SELECT of PIV answered.
    #[must_use]
    pub fn piv_template(&self) -> &[u8] {
        self.piv.template()
    }
}

impl Token {
    /// Works with the other applications of the card, over contact and if nobody is logged in; `None` if somebody is, or the
    /// card does not tell. PIV is selected again afterwards, for those who believe it is. Of what `work` does, only a failed
    /// exchange is an error to the card; it may be done twice, so it must change nothing.
    ///
    /// # Errors
    /// Of `work`; of the link.
    pub fn aside<T>(
        &mut self,
        work: impl Fn(&mut Applications<'_, '_>) -> Result<T, Error>,
    ) -> Result<Aside<T>, Error> {
        self.state()?;
        if self.known.access() != Access::Contact {
            return Ok(None);
        }
        let result = self.with_piv(Start::Select, |known, piv| {
            if piv.is_protected() || !is_free(piv, known.login.reference())? {
                return Ok(None);
            }
            let done = work(&mut Applications { piv });
            piv.reselect()?;
            done.map(Some)
        });
        self.selected = false;
        result
    }
}

impl Token {
    /// Works with what is refused while somebody is logged in. Where that is this process alone, with a PIN that it keeps, its
    /// login is ended on the card for it, and begun again by the rules of [`Token::login`]. If it cannot be, it is over.
    ///
    /// # Errors
    /// Of `work`; of the link.
    pub fn with_login_aside<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.state()?;
        let is_contact = self.known.access() == Access::Contact;
        let is_own = is_contact && self.known.login.keeps_pin() && self.card.alone()?;
        if is_own {
            self.with_piv(Start::Select, |known, piv| known.login.clear(piv))?;
        }
        let result = work(self);
        if is_own {
            // What was done is done, whatever becomes of this.
            let _ = self.with_piv(Start::Select, Known::restore_login);
        }
        result
    }
}

/// Whether nobody is logged in at PIV, with its own PIN or the one it asks for first.
pub(super) fn is_free(piv: &mut Piv<'_>, first: PinReference) -> Result<bool, Error> {
    let is_out = |state| match state {
        Ok(PinState::Tries(_) | PinState::Blocked | PinState::ContactOnly) => Ok(true),
        Ok(PinState::Verified | PinState::Absent) | Err(Error::Refused { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    let own = is_out(piv.pin_state(PinReference::Application))?;
    if first == PinReference::Application { Ok(own) } else { Ok(own && is_out(piv.pin_state(first))?) }
}
