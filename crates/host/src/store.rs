//! A store that lives as long as the process.

use std::collections::HashMap;

use parking_lot::Mutex;

#[derive(Default)]
pub(crate) struct MemoryStore(Mutex<HashMap<String, Vec<u8>>>);

impl link::Store for MemoryStore {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().get(key).cloned()
    }

    fn save(&self, key: &str, content: &[u8]) {
        self.0.lock().insert(key.to_owned(), content.to_vec());
    }

    fn remove(&self, key: &str) {
        self.0.lock().remove(key);
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
        store.save("a", b"1");
        store.save("a", b"2");
        assert_eq!(store.load("a").as_deref(), Some(&b"2"[..]));
        store.remove("a");
        assert_eq!(store.load("a"), None);
    }
}
