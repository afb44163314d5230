//! C_Encrypt and its kin: on the host, with the public key a certificate shows.

use cryptoki_sys::*;

use crate::{
    Error, Input, Output, Provider,
    mechanism::{Given, Mechanism},
    operation::Encrypting,
    output::take,
    sign::public_key,
};

impl Provider {
    /// C_EncryptInit. No mechanism: an operation in progress is ended.
    ///
    /// # Errors
    /// What is wrong with mechanism or key; [`Error::OperationActive`].
    pub fn encrypt_init(
        &self,
        session: CK_SESSION_HANDLE,
        given: Option<&Given>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<(), Error> {
        let session = self.recent_session(session)?;
        let mut doing = session.doing.lock();
        let Some(given) = given else {
            doing.encrypting = None;
            return Ok(());
        };
        if doing.encrypting.is_some() {
            return Err(Error::OperationActive);
        }
        let mechanism = Mechanism::find(given.number, CKF_ENCRYPT)?;
        doing.encrypting = Some(Encrypting::begin(mechanism, given, public_key(&session, key)?)?);
        Ok(())
    }

    /// C_Encrypt.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], after which it can be called again; [`Error::DataLength`] for what does not fit the key.
    pub fn encrypt(
        &self,
        session: CK_SESSION_HANDLE,
        data: &Input<'_>,
        out: &mut dyn Output,
    ) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let whole = doing.encrypting.as_ref().filter(|encrypting| !encrypting.in_parts);
        let len = whole.ok_or(Error::OperationMissing)?.length();
        let Some(mut encrypting) = take(&mut doing.encrypting, len, out)? else { return Ok(()) };
        encrypting.message.update(data.bytes()?)?;
        out.put(&encrypting.finish()?)
    }

    /// C_EncryptUpdate: nothing comes out before the end.
    ///
    /// # Errors
    /// As [`Provider::encrypt`]; the operation is over then.
    pub fn encrypt_update(
        &self,
        session: CK_SESSION_HANDLE,
        part: &Input<'_>,
        out: &mut dyn Output,
    ) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let encrypting = doing.encrypting.as_mut().ok_or(Error::OperationMissing)?;
        // A length query must not collect its part: the same part comes again.
        if !out.accepts(0)? {
            return Ok(());
        }
        encrypting.in_parts = true;
        let collected = part.bytes().and_then(|part| encrypting.message.update(part));
        if collected.is_err() {
            doing.encrypting = None;
        }
        collected.and_then(|()| out.put(&[]))
    }

    /// C_EncryptFinal.
    ///
    /// # Errors
    /// As [`Provider::encrypt`].
    pub fn encrypt_final(&self, session: CK_SESSION_HANDLE, out: &mut dyn Output) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let len = doing.encrypting.as_ref().ok_or(Error::OperationMissing)?.length();
        let Some(encrypting) = take(&mut doing.encrypting, len, out)? else { return Ok(()) };
        out.put(&encrypting.finish()?)
    }
}
