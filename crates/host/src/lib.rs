//! The seams of `link` on a real machine: readers through PC/SC, HID devices through hidraw, a store, a clock. No knowledge
//! of any card or key in here.
//!
//! No threads: whoever calls waits in the thread it called from. Nothing is connected to before the first call.

#![forbid(unsafe_code)]

mod clock;
mod environment;
mod hid;
mod log;
mod messaging;
mod pcsc;
mod session;
mod store;
mod system;

use std::{path::PathBuf, sync::Arc};

pub use log::begin_log;
pub use messaging::{Messaging, messaging};

/// The readers of this machine, through PC/SC. The service is asked when something is first wanted of it, and found
/// again after it was restarted.
#[must_use]
pub fn readers() -> Arc<dyn link::Readers> {
    Arc::new(pcsc::PcscReaders::default())
}

/// The HID devices of this machine, through hidraw. Which of them a user may open is udev's to say.
#[must_use]
pub fn hid_devices() -> Arc<dyn link::HidDevices> {
    Arc::new(hid::HidrawDevices)
}

/// What is kept between uses, in files that all processes of this user share.
///
/// They are in the folder `crescendo` in `$XDG_CACHE_HOME`, else `~/.cache`, else what systemd gives a service as
/// `$CACHE_DIRECTORY` or `$STATE_DIRECTORY`: made when something is first kept, and used only if nobody else can write
/// to it. Where there is no such place, with `CRESCENDO_CACHE=off`, and in a program with rights that its caller has
/// not, all is kept in memory as long as the process lives.
///
/// At most 64 files of at most 1 MiB, 16 MiB in all; the ones not used for longest go first. No call takes longer than
/// 50 ms because of another process, a removal 1 s. Nothing is open between calls.
#[must_use]
pub fn store() -> Arc<dyn link::Store> {
    store::open()
}

/// Who has signed which card, as learnt over contact, in files that all processes of this user share.
///
/// They are in the folder `crescendo/signers` in `$XDG_STATE_HOME`, else `~/.local/state`, else what systemd gives a
/// service as `$STATE_DIRECTORY`, under the rules of [`store`] for folders. Nothing there is dropped to make room, and
/// what clears or turns off the cache does not touch it. At most 1024 files; where there is no place, nothing is kept.
#[must_use]
pub fn signers() -> Arc<dyn link::Store> {
    store::signers()
}

/// Pairing codes, for as long as this user is logged in to this machine.
///
/// They are in the folder `crescendo/pairing` in `$XDG_RUNTIME_DIR`, else `/run/user/UID`, one file for each card: only
/// if that is in memory, ours, and open to nobody else. Else none are kept, as in a program with rights that its caller
/// has not, and saving one says why.
#[must_use]
pub fn codes() -> Arc<dyn link::PairingCodes> {
    Arc::new(session::SessionCodes::new())
}

/// The folder of [`store`], if it is in files; it need not exist yet.
#[must_use]
pub fn store_folder() -> Option<PathBuf> {
    store::folder_in_use()
}

/// The machine itself, to look at.
#[must_use]
pub fn system() -> Arc<dyn link::System> {
    Arc::new(system::ThisSystem)
}

/// The clock of this machine.
#[must_use]
pub fn clock() -> Arc<dyn link::Clock> {
    Arc::new(clock::BootClock)
}
