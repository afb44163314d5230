//! Public keys that have no certificate: a card tells of one when it makes the key, and most never again. So they are kept with
//! what else is public of the card, under a tag of their own that no card has, until the key is another one.
//!
//! Nobody can look whether they still hold. Whatever is done with such a key is checked with it, and it is forgotten where it
//! does not fit.

use std::sync::Arc;

use super::Known;
use crate::{KeyReference, ObjectId, PublicKey};

/// The tag of a public key in GENERATE's answer, before the number of the key.
const PUBLIC_KEY: u32 = 0x7F49_0000;

impl Known {
    /// Keeps the public key of a key, or forgets it.
    pub(crate) fn keep_public(&mut self, key: KeyReference, public: Option<&PublicKey>) {
        self.cache.forget(place(key));
        if let Some(info) = public.and_then(|public| public.info().ok()) {
            self.cache.keep(place(key), Some(Arc::from(info)));
        }
        self.stored.unsaved = true;
    }

    /// The public key of a key, as it was told when the key came onto the card.
    pub(crate) fn public(&self, key: KeyReference) -> Option<PublicKey> {
        self.cache.get(place(key)).flatten().and_then(|info| PublicKey::parse(&info).ok())
    }
}

fn place(key: KeyReference) -> ObjectId {
    ObjectId::from_tag(PUBLIC_KEY | u32::from(key.number()))
}
