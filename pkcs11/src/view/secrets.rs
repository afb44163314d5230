//! What was derived or unwrapped: objects of sessions, beside those of the card.

use std::sync::Arc;

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE};

use super::View;
use crate::object::Object;

impl View {
    /// Takes up what a session derived or unwrapped.
    pub(crate) fn keep_secret(
        &mut self,
        owner: CK_SESSION_HANDLE,
        make: impl FnOnce(CK_OBJECT_HANDLE) -> Arc<Object>,
    ) -> CK_OBJECT_HANDLE {
        let handle = self.next_handle;
        self.next_handle += 1;
        self.secrets.push((owner, make(handle)));
        handle
    }

    /// Destroys an object of a session; those of the card stay.
    pub(crate) fn destroy(&mut self, handle: CK_OBJECT_HANDLE) -> bool {
        let before = self.secrets.len();
        self.secrets.retain(|(_, object)| object.handle != handle);
        self.secrets.len() < before
    }

    pub(crate) fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    pub(crate) fn drop_secrets(&mut self, which: impl Fn(CK_SESSION_HANDLE, &Object) -> bool) {
        self.secrets.retain(|(owner, object)| !which(*owner, object));
    }
}
