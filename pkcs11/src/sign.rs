//! C_Sign and its kin.

use cryptoki_sys::*;
use piv::Token;

use crate::{
    Error, Input, Output, Provider,
    mechanism::{Given, Mechanism},
    object::Key,
    operation::Signing,
    output::take,
    session::Session,
};

impl Provider {
    /// C_SignInit. No mechanism: an operation in progress is ended.
    ///
    /// # Errors
    /// What is wrong with mechanism or key; [`Error::OperationActive`].
    pub fn sign_init(
        &self,
        session: CK_SESSION_HANDLE,
        given: Option<&Given>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<(), Error> {
        let session = self.recent_session(session)?;
        let mut doing = session.doing.lock();
        let Some(given) = given else {
            doing.signing = None;
            return Ok(());
        };
        if doing.signing.as_ref().is_some_and(|signing| !signing.is_abandoned()) {
            return Err(Error::OperationActive);
        }
        let mechanism = Mechanism::find(given.number, CKF_SIGN)?;
        doing.signing = Some(Signing::begin(mechanism, given, private_key(&session, key)?)?);
        Ok(())
    }

    /// C_Sign.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], after which it can be called again; of the input; of the card.
    pub fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        data: &Input<'_>,
        out: &mut dyn Output,
    ) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let signing =
            doing.signing.as_ref().filter(|signing| !signing.in_parts).ok_or(Error::OperationMissing)?;
        let len = signing.signature_length();
        let Some(mut signing) = take(&mut doing.signing, len, out)? else { return Ok(()) };
        signing.message.update(data.bytes()?)?;
        out.put(&self.finish_signing(&session, signing)?)
    }

    /// C_SignUpdate.
    ///
    /// # Errors
    /// As [`Provider::sign`]; the operation is over then.
    pub fn sign_update(&self, session: CK_SESSION_HANDLE, part: &Input<'_>) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let signing = doing.signing.as_mut().ok_or(Error::OperationMissing)?;
        signing.in_parts = true;
        let updated = part.bytes().and_then(|part| signing.message.update(part));
        if updated.is_err() {
            doing.signing = None;
        }
        updated
    }

    /// C_SignFinal.
    ///
    /// # Errors
    /// As [`Provider::sign`].
    pub fn sign_final(&self, session: CK_SESSION_HANDLE, out: &mut dyn Output) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let len = doing.signing.as_ref().ok_or(Error::OperationMissing)?.signature_length();
        let Some(signing) = take(&mut doing.signing, len, out)? else { return Ok(()) };
        out.put(&self.finish_signing(&session, signing)?)
    }

    fn finish_signing(&self, session: &Session, signing: Signing) -> Result<Vec<u8>, Error> {
        let (key, consent, block) = signing.finish()?;
        self.demand_presence(session)?;
        session.slot.with_token(session.insertion, |token| {
            let sign = if key.is_bare() { Token::sign_uncertified } else { Token::sign };
            sign(token, key.reference, key.public(), &block, consent.as_ref())
        })
    }
}

/// The private key behind a handle, if it may be used now.
pub(crate) fn private_key(session: &Session, handle: CK_OBJECT_HANDLE) -> Result<Key, Error> {
    let view = session.slot.view();
    if view.is_hidden(handle) {
        return Err(Error::NotLoggedIn);
    }
    key_of(session, handle, CKO_PRIVATE_KEY)
}

/// The public key behind a handle. This process has seen its certificate on the card: what the key says of a signature
/// holds for the card as it is, and not only for what another process found.
pub(crate) fn public_key(session: &Session, handle: CK_OBJECT_HANDLE) -> Result<Key, Error> {
    let key = key_of(session, handle, CKO_PUBLIC_KEY)?;
    if key.is_bare() {
        // The card itself has told.
        return Ok(key);
    }
    session.slot.see(session.insertion, key.reference)?;
    key_of(session, handle, CKO_PUBLIC_KEY)
}

fn key_of(session: &Session, handle: CK_OBJECT_HANDLE, class: CK_OBJECT_CLASS) -> Result<Key, Error> {
    let view = session.slot.view();
    let object = view.object(handle).filter(|object| object.class == class);
    object.and_then(|object| object.key.clone()).ok_or(Error::KeyInvalid)
}
