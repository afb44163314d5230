//! Searches. Only certificates that a template can match are read; one that can match nothing here costs nothing.

use std::sync::Arc;

use cryptoki_sys::*;

use crate::{Error, Provider, Template, object::Object};

impl Provider {
    /// C_FindObjectsInit.
    ///
    /// # Errors
    /// [`Error::OperationActive`]; of the card, if something has to be read.
    pub fn find_objects_init(&self, session: CK_SESSION_HANDLE, template: &Template) -> Result<(), Error> {
        let session = self.recent_session(session)?;
        let mut doing = session.doing.lock();
        if doing.search.is_some() {
            return Err(Error::OperationActive);
        }
        let view = session.slot.view();
        let keys = template.keys(view.logged_in || view.administrator);
        let containers = template.containers();
        let read = || {
            session.slot.read(session.insertion, &keys)?;
            session.slot.read_containers(session.insertion, &containers)
        };
        match read() {
            // Nothing is found on a card that is not a PIV card; its owner is told by C_GetTokenInfo.
            Err(Error::Card(piv::Error::NotPiv)) => {}
            read => read?,
        }
        let view = session.slot.view();
        let mut found: Vec<_> = view
            .objects_of(&keys)
            .filter(|object| template.matches(object))
            .map(|object| object.handle)
            .collect();
        found.reverse();
        doing.search = Some(found);
        Ok(())
    }

    /// C_FindObjects: the next handles, at most so many. None: there are no more.
    ///
    /// # Errors
    /// [`Error::OperationMissing`].
    pub fn find_objects(
        &self,
        session: CK_SESSION_HANDLE,
        most: usize,
    ) -> Result<Vec<CK_OBJECT_HANDLE>, Error> {
        let session = self.session(session)?;
        let mut doing = session.doing.lock();
        let search = doing.search.as_mut().ok_or(Error::OperationMissing)?;
        let rest = search.len().saturating_sub(most);
        Ok(search.drain(rest..).rev().collect())
    }

    /// C_FindObjectsFinal.
    ///
    /// # Errors
    /// [`Error::OperationMissing`].
    pub fn find_objects_final(&self, session: CK_SESSION_HANDLE) -> Result<(), Error> {
        let session = self.session(session)?;
        let search = session.doing.lock().search.take();
        search.map(drop).ok_or(Error::OperationMissing)
    }

    /// The object C_GetAttributeValue asks.
    ///
    /// # Errors
    /// [`Error::ObjectInvalid`], also for a private object before login.
    pub fn object(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Result<Arc<Object>, Error> {
        let session = self.recent_session(session)?;
        session.slot.view().object(object).cloned().ok_or(Error::ObjectInvalid)
    }

    /// C_GetObjectSize.
    ///
    /// # Errors
    /// As [`Provider::object`].
    pub fn object_size(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
    ) -> Result<CK_ULONG, Error> {
        Ok(self.object(session, object)?.size() as CK_ULONG)
    }

    /// C_CopyObject: nothing here can be copied.
    pub fn refuse_change(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Error {
        self.object(session, object).err().unwrap_or(Error::Prohibited)
    }
}
