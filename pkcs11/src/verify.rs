//! C_Verify and its kin: on the host, with the public key a certificate shows.

use cryptoki_sys::*;

use crate::{
    Error, Input, Provider,
    mechanism::{Given, Mechanism},
    operation::Verifying,
    sign::public_key,
};

impl Provider {
    /// C_VerifyInit. No mechanism: an operation in progress is ended.
    ///
    /// # Errors
    /// What is wrong with mechanism or key; [`Error::OperationActive`].
    pub fn verify_init(
        &self,
        session: CK_SESSION_HANDLE,
        given: Option<&Given>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<(), Error> {
        let session = self.recent_session(session)?;
        let mut doing = session.doing.lock();
        let Some(given) = given else {
            doing.verifying = None;
            return Ok(());
        };
        if doing.verifying.is_some() {
            return Err(Error::OperationActive);
        }
        let mechanism = Mechanism::find(given.number, CKF_VERIFY)?;
        doing.verifying = Some(Verifying::begin(mechanism, given, public_key(&session, key)?)?);
        Ok(())
    }

    /// C_Verify.
    ///
    /// # Errors
    /// [`Error::SignatureInvalid`], [`Error::SignatureLength`]; of the input.
    pub fn verify(
        &self,
        session: CK_SESSION_HANDLE,
        data: &Input<'_>,
        signature: &Input<'_>,
    ) -> Result<(), Error> {
        let session = self.session(session)?;
        let whole = session.doing.lock().verifying.take_if(|verifying| !verifying.in_parts);
        let mut verifying = whole.ok_or(Error::OperationMissing)?;
        verifying.message.update(data.bytes()?)?;
        verifying.finish(signature.bytes()?)
    }

    /// C_VerifyUpdate.
    ///
    /// # Errors
    /// Of the input; the operation is over then.
    pub fn verify_update(&self, session: CK_SESSION_HANDLE, part: &Input<'_>) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let verifying = doing.verifying.as_mut().ok_or(Error::OperationMissing)?;
        verifying.in_parts = true;
        let updated = part.bytes().and_then(|part| verifying.message.update(part));
        if updated.is_err() {
            doing.verifying = None;
        }
        updated
    }

    /// C_VerifyFinal.
    ///
    /// # Errors
    /// As [`Provider::verify`].
    pub fn verify_final(&self, session: CK_SESSION_HANDLE, signature: &Input<'_>) -> Result<(), Error> {
        let session = self.session(session)?;
        let verifying = session.doing.lock().verifying.take().ok_or(Error::OperationMissing)?;
        verifying.finish(signature.bytes()?)
    }
}
