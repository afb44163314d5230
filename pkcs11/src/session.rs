//! Sessions: what a program opened on a slot, and what it is in the middle of.

use std::sync::Arc;

use cryptoki_sys::*;
use parking_lot::Mutex;

use crate::{
    Error, Provider,
    operation::{Decrypting, Digesting, Encrypting, Signing, Verifying},
    slot::Slot,
};

/// One session. It belongs to an insertion, and is dead when that is over.
pub(crate) struct Session {
    pub slot: Arc<Slot>,
    pub insertion: u64,
    pub writable: bool,
    pub doing: Mutex<Doing>,
}

/// The operations in progress: at most one of each kind.
#[derive(Default)]
pub(crate) struct Doing {
    /// Handles found and not yet fetched, last one first.
    pub search: Option<Vec<CK_OBJECT_HANDLE>>,
    pub signing: Option<Signing>,
    pub decrypting: Option<Decrypting>,
    pub verifying: Option<Verifying>,
    pub encrypting: Option<Encrypting>,
    pub digesting: Option<Digesting>,
}

impl Session {
    pub(crate) fn is_alive(&self) -> bool {
        self.slot.insertion() == self.insertion
    }
}

impl Provider {
    /// C_OpenSession. Nothing is asked of the card.
    ///
    /// # Errors
    /// [`Error::NoToken`] for an empty slot; [`Error::OfficerLoggedIn`] for one that may not write while the security
    /// officer is at work.
    pub fn open_session(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE, Error> {
        if flags & CKF_SERIAL_SESSION == 0 {
            return Err(Error::Parallel);
        }
        if flags & CKF_ASYNC_SESSION != 0 {
            return Err(Error::Async);
        }
        let slot = self.slot(slot)?;
        self.refresh_slot(&slot)?;
        let view = slot.present()?;
        let insertion = view.insertion;
        let writable = flags & CKF_RW_SESSION != 0;
        if view.officer && !writable {
            return Err(Error::OfficerLoggedIn);
        }
        let session = Session { slot, insertion, writable, doing: Mutex::default() };
        Ok(self.keep_session(session))
    }

    /// C_CloseSession. The last one of a token ends the login.
    ///
    /// # Errors
    /// [`Error::SessionInvalid`].
    pub fn close_session(&self, session: CK_SESSION_HANDLE) -> Result<(), Error> {
        let slot = self.session(session)?.slot.clone();
        self.drop_sessions(|handle, _| handle == session);
        if self.count_sessions(&slot).0 == 0 {
            slot.leave();
        }
        Ok(())
    }

    /// C_CloseAllSessions.
    ///
    /// # Errors
    /// [`Error::SlotInvalid`].
    pub fn close_all_sessions(&self, slot: CK_SLOT_ID) -> Result<(), Error> {
        let slot = self.slot(slot)?;
        self.drop_sessions(|_, session| session.slot.id == slot.id);
        slot.leave();
        Ok(())
    }

    /// C_GetSessionInfo.
    ///
    /// # Errors
    /// [`Error::SessionInvalid`].
    pub fn session_info(&self, session: CK_SESSION_HANDLE) -> Result<CK_SESSION_INFO, Error> {
        let session = self.session(session)?;
        let view = session.slot.view();
        let state = match (session.writable, view.logged_in) {
            _ if view.officer => CKS_RW_SO_FUNCTIONS,
            (false, false) => CKS_RO_PUBLIC_SESSION,
            (false, true) => CKS_RO_USER_FUNCTIONS,
            (true, false) => CKS_RW_PUBLIC_SESSION,
            (true, true) => CKS_RW_USER_FUNCTIONS,
        };
        let writable = if session.writable { CKF_RW_SESSION } else { 0 };
        let flags = CKF_SERIAL_SESSION | writable;
        Ok(CK_SESSION_INFO { slotID: session.slot.id, state, flags, ulDeviceError: 0 })
    }

    /// C_SessionCancel: ends the operations of these kinds. One that is not there is not missed.
    ///
    /// # Errors
    /// [`Error::SessionInvalid`].
    pub fn session_cancel(&self, session: CK_SESSION_HANDLE, flags: CK_FLAGS) -> Result<(), Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let ends = |flag| flags & flag != 0;
        doing.search.take_if(|_| ends(CKF_FIND_OBJECTS));
        doing.signing.take_if(|_| ends(CKF_SIGN));
        doing.decrypting.take_if(|_| ends(CKF_DECRYPT));
        doing.verifying.take_if(|_| ends(CKF_VERIFY));
        doing.encrypting.take_if(|_| ends(CKF_ENCRYPT));
        doing.digesting.take_if(|_| ends(CKF_DIGEST));
        Ok(())
    }

    /// What a function we do not offer answers, once its session has been looked at.
    pub fn refuse(&self, session: CK_SESSION_HANDLE, error: Error) -> Error {
        self.session(session).err().unwrap_or(error)
    }
}
