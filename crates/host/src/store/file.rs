//! A store of files, one for each key, shared by all processes of a user. Readers take no lock: a file is replaced as a
//! whole. Writers take turns; whoever does not get its turn soon writes nothing.

use std::{
    cmp::Reverse,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use link::Entry;
use rustix::{
    fs::{Stat, lstat},
    io::{Errno, Result},
};

use super::folder::{Folder, LONGEST};

/// Changes whenever something is removed.
const REMOVED: &str = ".removed";
/// How long a writer waits for its turn.
const PATIENCE: Duration = Duration::from_millis(50);
/// The same for a removal, which a person waits for.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(1);
/// A file not finished after this long never will be.
const UNFINISHED: Duration = Duration::from_secs(60);

/// How much a store keeps.
pub(super) struct Bounds {
    files: usize,
    bytes: u64,
    /// Whether the files not used for longest go when there are too many, or nothing new comes.
    forgets: bool,
    /// How many folders may have to be made, the store's own included.
    pub(super) depth: usize,
}

/// Public content of cards, which can be read again.
pub(super) const CACHE: Bounds = Bounds { files: 64, bytes: 16 * 1024 * 1024, forgets: true, depth: 2 };
/// Who has signed cards: small, and not to be had again without the card in a contact reader.
pub(super) const SIGNERS: Bounds = Bounds { files: 1024, bytes: 1024 * 1024, forgets: false, depth: 4 };

pub(super) struct FileStore {
    bounds: &'static Bounds,
    folder: PathBuf,
    marker: PathBuf,
    /// Removals by this store: those that could not be written down count here all the same.
    removals: AtomicU64,
}

impl Bounds {
    /// Whether there is room for this, without anything else having to go.
    fn admit(&self, folder: &Folder, key: &str, content: &[u8]) -> bool {
        let others: Vec<_> = if self.forgets { Vec::new() } else { folder.items() };
        let others = others.into_iter().filter(|item| item.name != key);
        let (files, bytes) =
            others.fold((1, content.len() as u64), |(files, bytes), item| (files + 1, bytes + item.length));
        self.forgets || files <= self.files && bytes <= self.bytes
    }

    /// Removes what is too much, but for what was just written.
    fn tidy(&self, folder: &Folder, written: &str) {
        folder.remove_unfinished(UNFINISHED);
        if !self.forgets {
            return;
        }
        let mut items = folder.items();
        items.sort_by_key(|item| (Reverse(item.name == written), item.idle));
        let mut bytes = 0;
        for (index, item) in items.iter().enumerate() {
            bytes += item.length;
            if index >= self.files || bytes > self.bytes {
                folder.remove(&item.name);
            }
        }
    }
}

impl FileStore {
    /// Nothing is made or opened before something is to be kept.
    pub(super) fn new(folder: PathBuf, bounds: &'static Bounds) -> Self {
        Self { bounds, marker: folder.join(REMOVED), folder, removals: AtomicU64::new(0) }
    }

    fn try_update(
        &self,
        key: &str,
        change: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>,
    ) -> Result<()> {
        let folder = Folder::make(&self.folder, self.bounds.depth)?;
        let _lock = folder.lock(PATIENCE)?;
        let before = generation(folder.status(REMOVED));
        let Some(new) = change(folder.read(key).ok().map(|(content, _)| content)) else { return Ok(()) };
        if new.len() > LONGEST || !self.bounds.admit(&folder, key, &new) {
            return Err(Errno::FBIG);
        }
        // A removal does not wait for a writer that hangs, so that one has to notice.
        if generation(folder.status(REMOVED)) != before {
            return Err(Errno::CANCELED);
        }
        folder.write(key, &new)?;
        self.bounds.tidy(&folder, key);
        Ok(())
    }

    fn try_remove(&self, key: &str) -> Result<()> {
        let folder = Folder::make(&self.folder, self.bounds.depth)?;
        let _lock = folder.lock(REMOVAL_PATIENCE);
        // The file first: whoever has seen the new generation must not find the old content.
        folder.remove(key);
        let length = folder.status(REMOVED).map_or(0, |status| status.st_size);
        // Lengths differ, because clocks are coarse and inodes are used again. A full disk takes empty files only.
        let content = vec![b'.'; usize::try_from(length).unwrap_or(0) % 1024 + 1];
        folder.write(REMOVED, &content).or_else(|_| folder.write(REMOVED, &[]))
    }
}

impl link::Store for FileStore {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        if !is_key(key) {
            return None;
        }
        let (content, opened) = Folder::open(&self.folder).and_then(|folder| folder.read(key)).ok()?;
        opened.note_use();
        Some(content)
    }

    fn update(&self, key: &str, change: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let result = if is_key(key) { self.try_update(key, change) } else { Err(Errno::INVAL) };
        if let Err(error) = result {
            tracing::debug!(%error, "nothing is written to {}", self.folder.display());
        }
    }

    fn remove(&self, key: &str) {
        self.removals.fetch_add(1, Ordering::Relaxed);
        let result = if is_key(key) { self.try_remove(key) } else { Err(Errno::INVAL) };
        if let Err(error) = result {
            tracing::debug!(%error, "others do not learn what is removed from {}", self.folder.display());
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let Ok(folder) = Folder::open(&self.folder) else { return Vec::new() };
        let items = folder.items().into_iter().filter(|item| is_key(&item.name));
        items.map(|item| Entry { key: item.name, length: item.length, idle: Some(item.idle) }).collect()
    }

    fn generation(&self) -> u64 {
        generation(lstat(&self.marker)).wrapping_add(self.removals.load(Ordering::Relaxed))
    }
}

/// Keys are names of files, and nothing else in a path.
fn is_key(key: &str) -> bool {
    (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A number for this state of the marker; 0 for none.
fn generation(marker: Result<Stat>) -> u64 {
    let Ok(status) = marker else { return 0 };
    let mut hasher = DefaultHasher::new();
    let changed = (status.st_mtime, status.st_mtime_nsec, status.st_ctime, status.st_ctime_nsec);
    (status.st_ino, status.st_size, changed).hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_nowhere_else() {
        assert!(is_key("C4000C4E5CE44D018A11000000000001"));
        assert!(is_key("a-B-9"));
        for wrong in ["", ".", "..", ".lock", "a/b", "../a", "a.b", "ä", "a\0", &"a".repeat(129)] {
            assert!(!is_key(wrong), "{wrong:?}");
        }
    }
}
