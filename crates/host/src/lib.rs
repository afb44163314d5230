//! The seams of `link` on a real machine: readers through PC/SC, a store, a clock. No knowledge of any card in here.
//!
//! No threads: whoever calls waits in the thread it called from. Nothing is connected to before the first call.

#![forbid(unsafe_code)]

mod clock;
mod environment;
mod pcsc;
mod store;

use std::sync::Arc;

/// The readers of this machine, through PC/SC. The service is asked when something is first wanted of it, and found
/// again after it was restarted.
#[must_use]
pub fn readers() -> Arc<dyn link::Readers> {
    Arc::new(pcsc::PcscReaders::default())
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

/// The clock of this machine.
#[must_use]
pub fn clock() -> Arc<dyn link::Clock> {
    Arc::new(clock::BootClock)
}
