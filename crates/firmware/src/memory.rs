//! Which keys run an image that has yet to be confirmed, so that a run that died in between is finished at the next
//! sight of the key. Losing it costs time alone: the key goes back to its old firmware.

use link::Store;

use crate::{Serial, Version};

fn name(serial: Serial) -> String {
    format!("firmware-{serial}")
}

pub(crate) fn remember(store: &dyn Store, serial: Serial, version: Version) {
    store.update(&name(serial), &mut |_| Some(version.to_wire().to_vec()));
}

/// Not by `Store::remove`, which tells every program that a person cleared something.
pub(crate) fn forget(store: &dyn Store, serial: Serial) {
    store.update(&name(serial), &mut |kept| kept.filter(|kept| !kept.is_empty()).map(|_| Vec::new()));
}

/// The version that has to be confirmed on this key, if there is one.
pub(crate) fn remembered(store: &dyn Store, serial: Serial) -> Option<Version> {
    let bytes = store.load(&name(serial))?;
    bytes[..].try_into().ok().map(Version::from_wire)
}
