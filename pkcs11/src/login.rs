//! Logging in and out, and the PIN.

use cryptoki_sys::*;
use piv::{PairingCode, Pin};

use crate::{Error, Input, Provider, right::Right, session::Session};

impl Provider {
    /// C_Login. The security officer's PIN is the PUK, which is kept, and checked by the card when it is first used, because
    /// asking costs a try; or an administration key in hexadecimal digits, which the card is asked about at once. A user may
    /// bring such a key, too: the PIN, a colon and the key, for programs that know no security officer.
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
            CKU_USER => self.login_user(&session, pin),
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
            (held.officer, held.brought) = (None, None);
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

    /// C_InitPIN: a new PIN against the PUK (RESET RETRY COUNTER), or by the administration key of a Crescendo (UNLOCK PIN).
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
            let result = match held.officer.as_ref().ok_or(piv::Error::NotLoggedIn)? {
                Right::Puk(puk) => held.token.unblock_pin(puk, &new),
                Right::Xauth(key) => held.token.unlock_pin(&new, |challenge| key.answer(challenge)),
                Right::Management(_) => Err(piv::Error::Unsupported("setting a PIN with the management key")),
            };
            if is_refused(&result) {
                held.officer = None;
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
        let (text, now) = (entered.bytes()?, self.seams.environment.clock.now());
        let result = session.slot.with_held(session.insertion, |held| {
            held.token.state()?;
            held.officer = Some(held.admit(text, now, Right::of_officer)?);
            Ok(())
        });
        explain(&result);
        result
    }

    fn login_user(&self, session: &Session, entered: &Input<'_>) -> Result<(), Error> {
        let view = session.slot.view();
        if view.logged_in {
            return Err(Error::AlreadyLoggedIn);
        }
        if view.officer {
            return Err(Error::OtherLoggedIn);
        }
        let Entered { code, pin, key } = Entered::read(entered.bytes()?)?;
        let now = self.seams.environment.clock.now();
        let result = session.slot.with_held(session.insertion, |held| {
            code.as_ref().map_or(Ok(()), |code| held.token.pair(code))?;
            // First, so that a wrong one costs nothing, and because some cards end every login with it.
            let brought = key.map(|key| held.admit(key, now, Right::key)).transpose()?;
            held.token.login(&pin)?;
            held.brought = brought;
            Ok(())
        });
        explain(&result);
        result
    }
}

/// A program's dialog has no words for some of what can be wrong.
pub(crate) fn explain<T>(result: &Result<T, Error>) {
    use piv::Error::{
        KeyFormat, KeyKind, Managed, ManagementKeyNeeded, PairingCodeNeeded, Unconfirmed, WrongKey,
        WrongPairingCode,
    };
    let Err(Error::Card(error)) = result else { return };
    let of_key = matches!(error, KeyFormat(_) | KeyKind | WrongKey);
    let of_code = matches!(error, PairingCodeNeeded | WrongPairingCode);
    if of_key || of_code || matches!(error, Managed | ManagementKeyNeeded | Unconfirmed(_)) {
        tracing::error!("{error}");
    }
}

fn set_puk(session: &Session, old: &Input<'_>, new: &Input<'_>) -> Result<(), Error> {
    let (old, new) = (Pin::puk(old.bytes()?)?, new_pin(new, Pin::puk)?);
    let result = session.slot.with_held(session.insertion, |held| {
        held.token.change_puk(&old, &new)?;
        if matches!(held.officer, Some(Right::Puk(_))) {
            held.officer = Some(Right::Puk(new));
        }
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

/// The PIN for one use of a key that asks each time. It stays with the operation it was entered for.
fn consent(session: &Session, entered: &Input<'_>) -> Result<(), Error> {
    let mut doing = session.doing.lock();
    let doing = &mut *doing;
    let signing = doing.signing.as_mut().map(|signing| (&signing.key, &mut signing.consent));
    let decrypting = doing.decrypting.as_mut().map(|decrypting| (&decrypting.key, &mut decrypting.consent));
    let mut waiting = [signing, decrypting].into_iter().flatten();
    let (_, place) =
        waiting.find(|(key, _)| key.reference.always_authenticates()).ok_or(Error::OperationMissing)?;
    let Entered { pin, .. } = Entered::read(entered.bytes()?)?;
    session.slot.with_token(session.insertion, |token| token.consent(&pin))?;
    *place = Some(pin);
    Ok(())
}

/// What a person enters into the PIN dialog of any program: the PIN; for a card on a contactless reader, its pairing code
/// first and a colon between them; to write on a card by the standard, the PIN first, a colon, and the management key.
struct Entered<'e> {
    code: Option<PairingCode>,
    pin: Pin,
    key: Option<&'e [u8]>,
}

/// The shortest key, in hexadecimal digits; longer than any PIN.
const SHORTEST_KEY: usize = 32;

impl<'e> Entered<'e> {
    fn read(text: &'e [u8]) -> Result<Self, Error> {
        let Some(colon) = text.iter().position(|byte| *byte == b':') else {
            return Ok(Self { code: None, pin: Pin::new(text)?, key: None });
        };
        let (first, second) = (&text[..colon], &text[colon + 1..]);
        if second.len() >= SHORTEST_KEY {
            return Ok(Self { code: None, pin: Pin::new(first)?, key: Some(second) });
        }
        Ok(Self { code: Some(PairingCode::new(first)?), pin: Pin::new(second)?, key: None })
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
