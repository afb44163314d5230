use std::time::Duration;

/// Time since boot, suspend included, so that every "older than" rule can be tested without sleeping.
pub trait Clock: Send + Sync {
    /// The time since boot.
    fn now(&self) -> Duration;
}

/// Keeps public bytes between uses. Losing them costs time, never correctness, so nothing here can fail.
pub trait Store: Send + Sync {
    /// What was saved under this key, if it is still there.
    fn load(&self, key: &str) -> Option<Vec<u8>>;
    /// Keeps the content under this key; replaces what was there.
    fn save(&self, key: &str, content: &[u8]);
    /// Forgets the content of this key.
    fn remove(&self, key: &str);
}
