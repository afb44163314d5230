//! What is kept between two phases of an update, by the serial number of the key: the object that stands for a key in
//! fwupd is another one after each re-enumeration.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use firmware::{Key, Nonce, Serial, VerifiedImage};

/// An update under way.
pub(crate) struct Update {
    /// What is being installed, checked before the key was touched.
    pub(crate) image: VerifiedImage,
    /// What the key was sent into update mode with. `None`: it was found there.
    pub(crate) nonce: Option<Nonce>,
    /// The key in update mode, from writing to restarting: the channel of an update is refused to others.
    pub(crate) key: Option<Key<'static>>,
    /// The key was told to start its firmware.
    pub(crate) restarted: bool,
}

static UPDATES: Mutex<BTreeMap<Serial, Update>> = Mutex::new(BTreeMap::new());

impl Update {
    pub(crate) fn of(image: VerifiedImage) -> Self {
        Self { image, nonce: None, key: None, restarted: false }
    }
}

/// Begins, or goes on with, the update of a key.
pub(crate) fn put(update: Update) {
    let earlier = updates().insert(update.image.serial(), update);
    // Outside of the lock: with a key an object of fwupd's may go.
    drop(earlier);
}

/// The update of a key, for as long as one phase works on it.
pub(crate) fn take(serial: Serial) -> Option<Update> {
    updates().remove(&serial)
}

/// Whether some key is on its way back from update mode, which then is not the one that is here.
pub(crate) fn any_restarted() -> bool {
    updates().values().any(|update| update.restarted)
}

/// Never held while fwupd is called.
fn updates() -> MutexGuard<'static, BTreeMap<Serial, Update>> {
    UPDATES.lock().unwrap_or_else(PoisonError::into_inner)
}
