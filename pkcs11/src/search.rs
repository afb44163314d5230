//! Searches. Only certificates that a template can match are read; one that can match nothing here costs nothing.

use cryptoki_sys::*;
use piv::KeyReference;

use crate::{
    Error, Provider,
    object::{Object, id, label},
};
use std::sync::Arc;

/// The attributes a search asks for, copied out of the program's memory.
#[derive(Debug, Default)]
pub struct Template(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl FromIterator<(CK_ATTRIBUTE_TYPE, Vec<u8>)> for Template {
    fn from_iter<I: IntoIterator<Item = (CK_ATTRIBUTE_TYPE, Vec<u8>)>>(attributes: I) -> Self {
        Self(attributes.into_iter().collect())
    }
}

impl Template {
    fn find(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.0.iter().find(|(here, _)| *here == kind).map(|(_, value)| value.as_slice())
    }

    fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|(kind, value)| object.attribute(*kind).is_ok_and(|here| here == value))
    }

    /// The keys whose objects this may find. None at all for a class we never have (rule R18: browsers ask for trust
    /// objects and root lists hundreds of times), and for what no object here ever is.
    fn keys(&self, logged_in: bool) -> Vec<KeyReference> {
        let is_never = |kind, never: CK_BBOOL| self.find(kind).is_some_and(|value| value == [never]);
        if is_never(CKA_TOKEN, CK_FALSE)
            || is_never(CKA_TRUSTED, CK_TRUE)
            || is_never(CKA_MODIFIABLE, CK_TRUE)
        {
            return Vec::new();
        }
        let classes: Vec<_> = [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY]
            .into_iter()
            .filter(|class| self.find(CKA_CLASS).is_none_or(|value| value == class.to_ne_bytes()))
            .collect();
        let may_show = |key: KeyReference, class: &CK_OBJECT_CLASS| {
            let visible = *class != CKO_PRIVATE_KEY || logged_in || !key.needs_pin();
            visible && self.find(CKA_LABEL).is_none_or(|value| value == label(key, *class).as_bytes())
        };
        KeyReference::all()
            .filter(|key| self.find(CKA_ID).is_none_or(|value| value == [id(*key)]))
            .filter(|key| classes.iter().any(|class| may_show(*key, class)))
            .collect()
    }
}

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
        let keys = template.keys(session.slot.view().logged_in);
        if !keys.is_empty() {
            match session.slot.read(session.insertion, &keys) {
                // Nothing is found on a card that is not a PIV card; its owner is told by C_GetTokenInfo.
                Err(Error::Card(piv::Error::NotPiv)) => {}
                read => read?,
            }
        }
        let view = session.slot.view();
        let mut found: Vec<_> =
            view.objects().filter(|object| template.matches(object)).map(|object| object.handle).collect();
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

    /// C_CopyObject, C_DestroyObject, C_SetAttributeValue: an object that is there does not change.
    pub fn refuse_change(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Error {
        self.object(session, object).err().unwrap_or(Error::Prohibited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(attributes: &[(CK_ATTRIBUTE_TYPE, &[u8])], logged_in: bool) -> Vec<u8> {
        let template: Template = attributes.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
        template.keys(logged_in).into_iter().map(KeyReference::number).collect()
    }

    #[test]
    fn only_what_can_match_is_read() {
        let class = |class: CK_OBJECT_CLASS| class.to_ne_bytes();
        assert_eq!(keys(&[], false).len(), 24);
        assert_eq!(keys(&[(CKA_ID, &[2])], false), [0x9C]);
        assert_eq!(keys(&[(CKA_ID, &[0x10])], false), [0x87]);
        assert_eq!(keys(&[(CKA_LABEL, b"KEY MAN pubkey")], false), [0x9D]);
        assert_eq!(keys(&[(CKA_LABEL, b"KEY MAN pubkey"), (CKA_CLASS, &class(CKO_CERTIFICATE))], false), []);
        assert_eq!(keys(&[(CKA_CLASS, &class(CKO_PRIVATE_KEY))], false), [0x9E]);
        assert_eq!(keys(&[(CKA_CLASS, &class(CKO_PRIVATE_KEY))], true).len(), 24);
        for nothing in [CKO_PROFILE, CKO_SECRET_KEY, CKO_TRUST, CKO_DATA, CKO_VENDOR_DEFINED | 0x4E53_4351] {
            assert_eq!(keys(&[(CKA_CLASS, &class(nothing))], true), []);
        }
        assert_eq!(keys(&[(CKA_TOKEN, &[CK_FALSE])], true), []);
        assert_eq!(keys(&[(CKA_CLASS, &[1])], true), [], "a class of the wrong size");
    }
}
