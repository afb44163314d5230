//! Logging in and out, and the PIN.

use cryptoki_sys::*;
use piv::{PairingCode, Pin};

use crate::{Error, Input, Provider, session::Session};

impl Provider {
    /// C_Login. The security officer's PIN is the PUK: it is kept, and checked by the card when it is first used, because
    /// asking costs a try.
    ///
    /// # Errors
    /// [`Error::AlreadyLoggedIn`], [`Error::OtherLoggedIn`], [`Error::ReadOnlyExists`]; of the card, the PIN above all.
    pub fn login(
        &self,
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: &Input<'_>,
    ) -> Result<(), Error> {
        let session = self.present_session(session)?;
        match user {
            CKU_USER => login_user(&session, pin),
            CKU_SO => self.login_officer(&session, pin),
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
        let view = session.slot.view();
        if !view.logged_in && !view.officer {
            return Err(Error::NotLoggedIn);
        }
        session.slot.with_held(session.insertion, |held| {
            held.puk = None;
            held.token.logout()
        })
    }

    /// C_SetPIN: the PIN of the user; the PUK, if the security officer is logged in.
    ///
    /// # Errors
    /// [`Error::ReadOnlySession`]; of the card.
    pub fn set_pin(&self, session: CK_SESSION_HANDLE, old: &Input<'_>, new: &Input<'_>) -> Result<(), Error> {
        let session = self.present_session(session)?;
        if !session.writable {
            return Err(Error::ReadOnlySession);
        }
        if session.slot.view().officer {
            return set_puk(&session, old, new);
        }
        let (old, new) = (pin(old)?, new_pin(new, Pin::new)?);
        session.slot.with_token(session.insertion, |token| token.change_pin(&old, &new))
    }

    /// C_InitPIN: a new PIN against the PUK (RESET RETRY COUNTER).
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] when the security officer is not; of the card. A PUK that was refused is forgotten, so that
    /// it costs one try only.
    pub fn init_pin(&self, session: CK_SESSION_HANDLE, new: &Input<'_>) -> Result<(), Error> {
        let session = self.present_session(session)?;
        if !session.slot.view().officer {
            return Err(Error::NotLoggedIn);
        }
        let new = new_pin(new, Pin::new)?;
        let result = session.slot.with_held(session.insertion, |held| {
            let puk = held.puk.as_ref().ok_or(piv::Error::NotLoggedIn)?;
            let result = held.token.unblock_pin(puk, &new);
            if is_refused(&result) {
                held.puk = None;
            }
            result
        });
        note_puk(&session, &result);
        result
    }

    fn login_officer(&self, session: &Session, entered: &Input<'_>) -> Result<(), Error> {
        let view = session.slot.view();
        if view.officer {
            return Err(Error::AlreadyLoggedIn);
        }
        if view.logged_in {
            return Err(Error::OtherLoggedIn);
        }
        let (all, writable) = self.count_sessions(&session.slot);
        if writable < all {
            return Err(Error::ReadOnlyExists);
        }
        let puk = Pin::puk(entered.bytes()?)?;
        session.slot.with_held(session.insertion, |held| {
            held.token.state()?;
            held.puk = Some(puk);
            Ok(())
        })
    }
}

fn set_puk(session: &Session, old: &Input<'_>, new: &Input<'_>) -> Result<(), Error> {
    let (old, new) = (Pin::puk(old.bytes()?)?, new_pin(new, Pin::puk)?);
    let result = session.slot.with_held(session.insertion, |held| {
        held.token.change_puk(&old, &new)?;
        held.puk = Some(new);
        Ok(())
    });
    note_puk(session, &result);
    result
}

fn is_refused(result: &Result<(), piv::Error>) -> bool {
    matches!(result, Err(piv::Error::WrongPin { .. } | piv::Error::Blocked))
}

/// Learns from the card's verdict on a PUK: it tells of the tries at no other time.
fn note_puk(session: &Session, result: &Result<(), Error>) {
    let tries = match result {
        Ok(()) => None,
        Err(Error::Card(piv::Error::WrongPin { retries })) => Some(*retries),
        Err(Error::Card(piv::Error::Blocked)) => Some(0),
        Err(_) => return,
    };
    session.slot.change(session.insertion, |view| view.puk_tries = tries);
}

fn login_user(session: &Session, entered: &Input<'_>) -> Result<(), Error> {
    let view = session.slot.view();
    if view.logged_in {
        return Err(Error::AlreadyLoggedIn);
    }
    if view.officer {
        return Err(Error::OtherLoggedIn);
    }
    let (code, pin) = code_and_pin(entered)?;
    let result = session.slot.with_token(session.insertion, |token| {
        code.as_ref().map_or(Ok(()), |code| token.pair(code))?;
        token.login(&pin)
    });
    // A program's dialog has no words for this.
    if let Err(Error::Card(error @ (piv::Error::PairingCodeNeeded | piv::Error::WrongPairingCode))) = &result
    {
        tracing::error!("{error}");
    }
    result
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
    let (_, pin) = code_and_pin(entered)?;
    session.slot.with_token(session.insertion, |token| token.consent(&pin))?;
    *place = Some(pin);
    Ok(())
}

/// What a person enters into the PIN dialog of any program: the PIN; or, for a card on a contactless reader, its pairing code
/// first and a colon between them.
fn code_and_pin(entered: &Input<'_>) -> Result<(Option<PairingCode>, Pin), Error> {
    let text = entered.bytes()?;
    match text.iter().position(|byte| *byte == b':') {
        Some(colon) => Ok((Some(PairingCode::new(&text[..colon])?), Pin::new(&text[colon + 1..])?)),
        None => Ok((None, Pin::new(text)?)),
    }
}

fn pin(entered: &Input<'_>) -> Result<Pin, Error> {
    Ok(Pin::new(entered.bytes()?)?)
}

/// A new PIN may be told what is wrong with it: nobody asks for it again in a loop.
fn new_pin(entered: &Input<'_>, read: impl FnOnce(&[u8]) -> Result<Pin, piv::Error>) -> Result<Pin, Error> {
    let text = entered.bytes()?;
    let error = if (6..=8).contains(&text.len()) { Error::PinInvalid } else { Error::PinLength };
    read(text).map_err(|_| error)
}
