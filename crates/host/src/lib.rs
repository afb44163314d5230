//! The seams of `link` on a real machine: readers through PC/SC, a store, a clock. No knowledge of any card in here.
//!
//! No threads: whoever calls waits in the thread it called from. Nothing is connected to before the first call.

#![forbid(unsafe_code)]

mod clock;
mod pcsc;
mod store;

use std::sync::Arc;

/// The readers of this machine, through PC/SC. The service is asked when something is first wanted of it, and found
/// again after it was restarted.
#[must_use]
pub fn readers() -> Arc<dyn link::Readers> {
    Arc::new(pcsc::PcscReaders::default())
}

/// What is kept between uses: for now, as long as the process lives.
#[must_use]
pub fn store() -> Arc<dyn link::Store> {
    Arc::new(store::MemoryStore::default())
}

/// The clock of this machine.
#[must_use]
pub fn clock() -> Arc<dyn link::Clock> {
    Arc::new(clock::BootClock)
}
