//! A store that lives as long as the process.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use link::Entry;
use parking_lot::Mutex;

#[derive(Default)]
pub(super) struct MemoryStore {
    kept: Mutex<HashMap<String, Vec<u8>>>,
    generation: AtomicU64,
}

impl link::Store for MemoryStore {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        self.kept.lock().get(key).cloned()
    }

    fn update(&self, key: &str, change: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let mut kept = self.kept.lock();
        if let Some(new) = change(kept.get(key).cloned()) {
            kept.insert(key.to_owned(), new);
        }
    }

    fn remove(&self, key: &str) {
        self.kept.lock().remove(key);
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |(key, content): (&String, &Vec<u8>)| Entry {
            key: key.clone(),
            length: content.len() as u64,
            idle: None,
        };
        self.kept.lock().iter().map(entry).collect()
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use link::Store;

    use super::*;

    #[test]
    fn keeps_replaces_and_forgets() {
        let store = MemoryStore::default();
        assert_eq!(store.load("a"), None);
        store.update("a", &mut |_| Some(b"1".to_vec()));
        store.update("a", &mut |old| old.map(|old| [old, b"2".to_vec()].concat()));
        store.update("a", &mut |_| None);
        assert_eq!(store.load("a").as_deref(), Some(&b"12"[..]));
        let before = store.generation();
        store.remove("a");
        assert_ne!(store.generation(), before);
        assert_eq!(store.load("a"), None);
    }
}
