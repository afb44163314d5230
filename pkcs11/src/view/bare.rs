//! Keys without a certificate, as a slot shows them: public and private key, until the certificate is there.

use std::sync::Arc;

use cryptoki_sys::CK_OBJECT_HANDLE;
use piv::KeyReference;

use super::{Seen, View};
use crate::{
    Settings,
    object::{Bare, Half, Key, Object},
};

impl View {
    /// Shows a key that has no certificate yet, until it has one. Answers the handles of public and private key.
    pub(crate) fn show_bare(
        &mut self,
        key: KeyReference,
        bare: Bare,
        settings: Settings,
    ) -> [CK_OBJECT_HANDLE; 2] {
        let objects = Object::of_bare(self.next_handle, key, Arc::new(bare), settings);
        self.next_handle += 2;
        let handles = [objects[0].handle, objects[1].handle];
        self.bare.insert(key, objects);
        handles
    }

    /// The keys without a certificate.
    pub(crate) fn bare_keys(&self) -> impl Iterator<Item = &Key> {
        self.bare.values().filter_map(|[public, _]| public.key.as_ref())
    }

    /// Gives a key without a certificate another CKA_ID, its handles unchanged. `false`: this handle is of no such key.
    pub(crate) fn rename_bare(&mut self, handle: CK_OBJECT_HANDLE, id: &[u8], settings: Settings) -> bool {
        let found = self.bare.values_mut().find(|pair| pair.iter().any(|object| object.handle == handle));
        let Some(pair) = found else { return false };
        let Some(Key { reference, half: Half::Bare(bare), .. }) = &pair[0].key else { return false };
        let bare = Bare {
            id: Some(id.to_vec()),
            public: bare.public.clone(),
            info: bare.info.clone(),
            made_by: bare.made_by,
        };
        *pair = Object::of_bare(pair[0].handle, *reference, Arc::new(bare), settings);
        true
    }

    /// The objects of an unchanged key stay, and so do their handles and what a program has called them.
    pub(super) fn show_uncertified(&mut self, key: KeyReference, seen: &Seen, settings: Settings) {
        let Seen::Bare(public) = seen else {
            self.bare.remove(&key);
            return;
        };
        let is_shown = self.bare_keys().any(|shown| shown.reference == key && shown.public() == public);
        if let (false, Ok(bare)) = (is_shown, Bare::new(public.clone(), None)) {
            self.show_bare(key, bare, settings);
        }
    }
}
