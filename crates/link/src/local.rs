use std::time::Duration;

use crate::LinkError;

/// Time since boot, suspend included, so that every "older than" rule can be tested without sleeping.
pub trait Clock: Send + Sync {
    /// The time since boot.
    fn now(&self) -> Duration;

    /// The date, as time since 1970 (UTC). Anyone may set it: only for certificates, and for what is merely a question of
    /// cost.
    fn date(&self) -> Duration;
}

/// Keeps public bytes between uses and shares them between processes. Losing them costs time, never correctness, so
/// nothing here can fail: what cannot be kept is not kept.
pub trait Store: Send + Sync {
    /// What was kept under this key, if it is still there. Keys are file names: letters, digits, `-`.
    fn load(&self, key: &str) -> Option<Vec<u8>>;

    /// Replaces what is kept under this key by what `change` makes of it, with no other writer in between. `change`
    /// answers `None` to leave it as it is. It may not be called at all, where nothing can be kept.
    fn update(&self, key: &str, change: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>);

    /// Forgets the content of this key, because a person asked for it: [`Store::generation`] differs afterwards.
    fn remove(&self, key: &str);

    /// What is kept, in no order.
    fn entries(&self) -> Vec<Entry>;

    /// Differs after anything was removed by anyone, in this process or another: whoever remembers what the store had
    /// forgets it then.
    fn generation(&self) -> u64;
}

/// Keeps pairing codes (SP 800-73-5 part 2, 4.3) for as long as a person is logged in to this machine, for all of that
/// person's programs. Never on a disk.
pub trait PairingCodes: Send + Sync {
    /// Hands the code kept of a card to `take`, if there is one. Cards are named by their GUID in hexadecimal, as in a
    /// [`Store`].
    fn load(&self, card: &str, take: &mut dyn FnMut(&[u8; 8]));

    /// Keeps the code of a card; replaces what was there.
    ///
    /// # Errors
    /// [`LinkError::Other`] where there is no place that ends with the login session: it says which was looked for.
    fn save(&self, card: &str, code: &[u8; 8]) -> Result<(), LinkError>;

    /// Forgets the code of a card. Whether there was one.
    fn remove(&self, card: &str) -> bool;
}

/// One thing a [`Store`] keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub length: u64,
    /// How long ago it was last used, where that is known.
    pub idle: Option<Duration>,
}
