//! C_Decrypt and its kin.

use cryptoki_sys::*;
use piv::Token;
use zeroize::Zeroizing;

use crate::{
    Error, Input, Output, Provider,
    mechanism::{Given, Mechanism},
    operation::{Decrypting, Sealed},
    output::take,
    session::Session,
    sign::private_key,
};

impl Provider {
    /// C_DecryptInit. No mechanism: an operation in progress is ended.
    ///
    /// # Errors
    /// What is wrong with mechanism or key; [`Error::OperationActive`].
    pub fn decrypt_init(
        &self,
        session: CK_SESSION_HANDLE,
        given: Option<&Given>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<(), Error> {
        let session = self.recent_session(session)?;
        let mut doing = session.doing.lock();
        let Some(given) = given else {
            doing.decrypting = None;
            return Ok(());
        };
        if doing.decrypting.as_ref().is_some_and(|decrypting| !decrypting.is_abandoned()) {
            return Err(Error::OperationActive);
        }
        let mechanism = Mechanism::find(given.number, CKF_DECRYPT)?;
        doing.decrypting = Some(Decrypting::begin(mechanism, given, private_key(&session, key)?)?);
        Ok(())
    }

    /// C_Decrypt.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`] for less than the modulus takes, whatever is inside; [`Error::EncryptedInvalid`] for
    /// every padding that is wrong; of the card.
    pub fn decrypt(
        &self,
        session: CK_SESSION_HANDLE,
        data: &Input<'_>,
        out: &mut dyn Output,
    ) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let whole = doing.decrypting.as_ref().filter(|decrypting| !decrypting.in_parts);
        let len = whole.ok_or(Error::OperationMissing)?.length();
        let Some(mut decrypting) = take(&mut doing.decrypting, len, out)? else { return Ok(()) };
        collect(&mut decrypting, data)?;
        out.put(&self.finish_decrypting(&session, decrypting)?)
    }

    /// C_DecryptUpdate: nothing comes out before the end.
    ///
    /// # Errors
    /// As [`Provider::decrypt`]; the operation is over then.
    pub fn decrypt_update(
        &self,
        session: CK_SESSION_HANDLE,
        part: &Input<'_>,
        out: &mut dyn Output,
    ) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let decrypting = doing.decrypting.as_mut().ok_or(Error::OperationMissing)?;
        // A length query must not collect its part: the same part comes again.
        if !out.accepts(0)? {
            return Ok(());
        }
        decrypting.in_parts = true;
        let collected = collect(decrypting, part);
        if collected.is_err() {
            doing.decrypting = None;
        }
        collected.and_then(|()| out.put(&[]))
    }

    /// C_DecryptFinal.
    ///
    /// # Errors
    /// As [`Provider::decrypt`].
    pub fn decrypt_final(&self, session: CK_SESSION_HANDLE, out: &mut dyn Output) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let len = doing.decrypting.as_ref().ok_or(Error::OperationMissing)?.length();
        let Some(decrypting) = take(&mut doing.decrypting, len, out)? else { return Ok(()) };
        out.put(&self.finish_decrypting(&session, decrypting)?)
    }

    /// Has the card decrypt what was collected, and takes the padding off.
    pub(crate) fn finish_decrypting(
        &self,
        session: &Session,
        decrypting: Decrypting,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let sealed = decrypting.finish()?;
        self.demand_presence(session)?;
        let raw = session.slot.with_token(session.insertion, |token| {
            let Sealed { key, block, consent, .. } = &sealed;
            let decipher = if key.is_bare() { Token::decipher_uncertified } else { Token::decipher };
            decipher(token, key.reference, key.public(), block, consent.as_ref())
        })?;
        sealed.open(raw)
    }
}

fn collect(decrypting: &mut Decrypting, part: &Input<'_>) -> Result<(), Error> {
    decrypting.message.update(part.bytes()?).map_err(|_| Error::EncryptedLength)
}
