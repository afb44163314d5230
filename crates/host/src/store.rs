//! What is kept between uses: files that all processes of a user share, or the memory of this process where there is no
//! place for files.

mod file;
pub(crate) mod folder;
mod memory;
mod place;

use std::sync::Arc;

use self::{
    file::{CACHE, FileStore, SIGNERS},
    memory::MemoryStore,
};

/// No folder, and nothing can make it one: a store there keeps nothing.
const NOWHERE: &str = "/dev/null";

pub(crate) fn open() -> Arc<dyn link::Store> {
    match place::cache() {
        Some(folder) => Arc::new(FileStore::new(folder, &CACHE)),
        None => Arc::new(MemoryStore::default()),
    }
}

pub(crate) fn folder_in_use() -> Option<std::path::PathBuf> {
    place::cache()
}

/// Whoever asks whether something was learnt is told the truth: memory would forget it with the process.
pub(crate) fn signers() -> Arc<dyn link::Store> {
    Arc::new(FileStore::new(place::signers().unwrap_or_else(|| NOWHERE.into()), &SIGNERS))
}
