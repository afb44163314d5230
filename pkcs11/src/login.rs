//! Logging in and out, and the PIN.

use cryptoki_sys::*;
use piv::Pin;

use crate::{Error, Input, Provider, session::Session};

impl Provider {
    /// C_Login. The security officer is not offered yet.
    ///
    /// # Errors
    /// [`Error::AlreadyLoggedIn`]; of the card, the PIN above all.
    pub fn login(
        &self,
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: &Input<'_>,
    ) -> Result<(), Error> {
        let session = self.present_session(session)?;
        match user {
            CKU_USER => login_user(&session, pin),
            CKU_CONTEXT_SPECIFIC => consent(&session, pin),
            _ => Err(Error::UserType),
        }
    }

    /// C_LoginUser: tokens of ours have one user, and that one has no name.
    ///
    /// # Errors
    /// As [`Provider::login`]; [`Error::ArgumentsBad`] for a name.
    pub fn login_named(
        &self,
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: &Input<'_>,
        name: &Input<'_>,
    ) -> Result<(), Error> {
        if !name.bytes()?.is_empty() {
            return Err(self.refuse(session, Error::ArgumentsBad));
        }
        self.login(session, user, pin)
    }

    /// C_Logout.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`].
    pub fn logout(&self, session: CK_SESSION_HANDLE) -> Result<(), Error> {
        let session = self.present_session(session)?;
        if !session.slot.view().logged_in {
            return Err(Error::NotLoggedIn);
        }
        session.slot.with_token(session.insertion, |token| token.logout())
    }

    /// C_SetPIN, for the user.
    ///
    /// # Errors
    /// [`Error::ReadOnlySession`]; of the card.
    pub fn set_pin(&self, session: CK_SESSION_HANDLE, old: &Input<'_>, new: &Input<'_>) -> Result<(), Error> {
        let session = self.present_session(session)?;
        if !session.writable {
            return Err(Error::ReadOnlySession);
        }
        let (old, new) = (pin(old)?, new_pin(new)?);
        session.slot.with_token(session.insertion, |token| token.change_pin(&old, &new))
    }
}

fn login_user(session: &Session, entered: &Input<'_>) -> Result<(), Error> {
    if session.slot.view().logged_in {
        return Err(Error::AlreadyLoggedIn);
    }
    let pin = pin(entered)?;
    session.slot.with_token(session.insertion, |token| token.login(&pin))
}

/// The PIN for one use of a key that asks each time. It stays with the operation it was entered for.
fn consent(session: &Session, entered: &Input<'_>) -> Result<(), Error> {
    let mut doing = session.doing.lock();
    let doing = &mut *doing;
    let signing = doing.signing.as_mut().map(|signing| (&signing.key, &mut signing.consent));
    let decrypting = doing.decrypting.as_mut().map(|decrypting| (&decrypting.key, &mut decrypting.consent));
    let mut waiting = [signing, decrypting].into_iter().flatten();
    let (_, place) =
        waiting.find(|(key, _)| key.reference.always_authenticates()).ok_or(Error::OperationMissing)?;
    let pin = pin(entered)?;
    session.slot.with_token(session.insertion, |token| token.consent(&pin))?;
    *place = Some(pin);
    Ok(())
}

fn pin(entered: &Input<'_>) -> Result<Pin, Error> {
    Ok(Pin::new(entered.bytes()?)?)
}

/// A new PIN may be told what is wrong with it: nobody asks for it again in a loop.
fn new_pin(entered: &Input<'_>) -> Result<Pin, Error> {
    let text = entered.bytes()?;
    let error = if (6..=8).contains(&text.len()) { Error::PinInvalid } else { Error::PinLength };
    Pin::new(text).map_err(|_| error)
}
