//! What is kept between uses: files that all processes of a user share, or the memory of this process where there is no
//! place for files.

mod file;
mod folder;
mod memory;
mod place;

use std::sync::Arc;

use self::{file::FileStore, memory::MemoryStore};

pub(crate) fn open() -> Arc<dyn link::Store> {
    match place::find() {
        Some(folder) => Arc::new(FileStore::new(folder)),
        None => Arc::new(MemoryStore::default()),
    }
}
