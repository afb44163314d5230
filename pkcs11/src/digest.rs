//! C_Digest and its kin, and random numbers: what needs no card.

use cryptoki_sys::*;

use crate::{
    Error, Input, Output, Provider,
    mechanism::{Given, Mechanism},
    operation::Digesting,
    output::take,
};

impl Provider {
    /// C_DigestInit. No mechanism: an operation in progress is ended.
    ///
    /// # Errors
    /// What is wrong with the mechanism; [`Error::OperationActive`].
    pub fn digest_init(&self, session: CK_SESSION_HANDLE, given: Option<&Given>) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let Some(given) = given else {
            doing.digesting = None;
            return Ok(());
        };
        if doing.digesting.is_some() {
            return Err(Error::OperationActive);
        }
        let hash = Mechanism::find(given.number, CKF_DIGEST)?.hash().ok_or(Error::MechanismInvalid)?;
        given.parameter.none()?;
        doing.digesting = Some(Digesting { hasher: hash.hasher(), in_parts: false });
        Ok(())
    }

    /// C_Digest.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], after which it can be called again.
    pub fn digest(
        &self,
        session: CK_SESSION_HANDLE,
        data: &Input<'_>,
        out: &mut dyn Output,
    ) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let whole = doing.digesting.as_ref().filter(|digesting| !digesting.in_parts);
        let len = whole.ok_or(Error::OperationMissing)?.hasher.output_size();
        let Some(mut digesting) = take(&mut doing.digesting, len, out)? else { return Ok(()) };
        digesting.hasher.update(data.bytes()?);
        out.put(&digesting.hasher.finalize())
    }

    /// C_DigestUpdate.
    ///
    /// # Errors
    /// [`Error::ArgumentsBad`]; the operation is over then.
    pub fn digest_update(&self, session: CK_SESSION_HANDLE, part: &Input<'_>) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let digesting = doing.digesting.as_mut().ok_or(Error::OperationMissing)?;
        digesting.in_parts = true;
        let updated = part.bytes().map(|part| digesting.hasher.update(part));
        if updated.is_err() {
            doing.digesting = None;
        }
        updated
    }

    /// C_DigestKey: no key here has a value to hash.
    pub fn digest_key(&self, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Error {
        let is_digesting = || match self.session(session)?.doing.lock().digesting.take() {
            Some(_) => self.object(session, key).map(drop).map_err(|_| Error::KeyInvalid),
            None => Err(Error::OperationMissing),
        };
        is_digesting().err().unwrap_or(Error::KeyIndigestible)
    }

    /// C_DigestFinal.
    ///
    /// # Errors
    /// As [`Provider::digest`].
    pub fn digest_final(&self, session: CK_SESSION_HANDLE, out: &mut dyn Output) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let len = doing.digesting.as_ref().ok_or(Error::OperationMissing)?.hasher.output_size();
        let Some(digesting) = take(&mut doing.digesting, len, out)? else { return Ok(()) };
        out.put(&digesting.hasher.finalize())
    }

    /// C_GenerateRandom: from the system, never from the card (rule R12).
    ///
    /// # Errors
    /// [`Error::NoRandom`].
    pub fn generate_random(&self, session: CK_SESSION_HANDLE, out: &mut [u8]) -> Result<(), Error> {
        self.session(session)?;
        getrandom::getrandom(out).map_err(|_| Error::NoRandom)
    }

    /// C_SeedRandom: NSS seeds what it has just drawn from. The system needs none of it.
    ///
    /// # Errors
    /// [`Error::SessionInvalid`].
    pub fn seed_random(&self, session: CK_SESSION_HANDLE, seed: &Input<'_>) -> Result<(), Error> {
        self.session(session)?;
        seed.bytes().map(drop)
    }
}
