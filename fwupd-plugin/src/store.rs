//! Which keys run an image that this daemon installed and has yet to confirm, so that a daemon that ended in between
//! finishes it at the next sight of the key. INFO alone does not say it: of an image that runs unconfirmed nobody knows
//! there whether it was this machine that wanted it.

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use link::{Entry, Store};

/// Longer than anything that is kept.
const LARGEST: u64 = 4096;

/// Files in the state directory of the daemon. What cannot be kept is not kept.
pub(crate) struct Files(PathBuf);

/// For keys that are replayed from a recording: they leave nothing behind.
pub(crate) struct Nowhere;

static REPLAYED: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());

impl Files {
    /// Where fwupd keeps its own: systemd says it, or the variable that fwupd's tests set.
    pub(crate) fn of_the_daemon() -> Self {
        let named = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        let state = named("STATE_DIRECTORY")
            .or_else(|| named("FWUPD_LOCALSTATEDIR").map(|folder| folder.join("lib/fwupd")))
            .unwrap_or_else(|| "/var/lib/fwupd".into());
        Self(state.join("crescendo"))
    }
}

impl Store for Files {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        let path = self.0.join(key);
        let length = fs::metadata(&path).ok()?.len();
        (length <= LARGEST).then(|| fs::read(path).ok()).flatten()
    }

    fn update(&self, key: &str, change: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let Some(content) = change(self.load(key)) else { return };
        let path = self.0.join(key);
        if content.is_empty() {
            let _ = fs::remove_file(path);
            return;
        }
        let coming = path.with_extension("new");
        let kept = fs::create_dir_all(&self.0)
            .and_then(|()| fs::write(&coming, content))
            .and_then(|()| fs::rename(&coming, &path));
        // Without it the key goes back to its old firmware at its next start, and the update is offered again.
        drop(kept);
    }

    fn remove(&self, key: &str) {
        let _ = fs::remove_file(self.0.join(key));
    }

    fn entries(&self) -> Vec<Entry> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let entry = |entry: fs::DirEntry| {
            let key = entry.file_name().into_string().ok()?;
            Some(Entry { key, length: entry.metadata().ok()?.len(), idle: None })
        };
        entries.filter_map(entry).collect()
    }

    fn generation(&self) -> u64 {
        0
    }
}

impl Store for Nowhere {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        REPLAYED.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn update(&self, key: &str, change: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let mut kept = REPLAYED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = change(kept.get(key).cloned()) {
            kept.insert(key.to_owned(), content);
        }
    }

    fn remove(&self, key: &str) {
        REPLAYED.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    fn entries(&self) -> Vec<Entry> {
        let kept = REPLAYED.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = |(key, content): (&String, &Vec<u8>)| Entry {
            key: key.clone(),
            length: content.len() as u64,
            idle: None,
        };
        kept.iter().map(entry).collect()
    }

    fn generation(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_and_comes(store: &dyn Store) {
        assert_eq!(store.load("firmware-01"), None);
        store.update("firmware-01", &mut |_| Some(vec![1, 2]));
        store.update("firmware-01", &mut |kept| kept.map(|kept| [&kept[..], &[3]].concat()));
        assert_eq!(store.load("firmware-01").unwrap(), [1, 2, 3]);
        assert_eq!(store.entries()[0].length, 3);
        store.remove("firmware-01");
        assert!(store.entries().is_empty());
    }

    #[test]
    fn what_is_kept_comes_back_until_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let store = Files(folder.path().join("made/when/needed"));
        goes_and_comes(&store);
        store.update("firmware-01", &mut |_| Some(vec![1]));
        store.update("firmware-01", &mut |_| Some(Vec::new()));
        assert!(store.entries().is_empty(), "settled");
    }

    #[test]
    fn a_replayed_key_leaves_nothing_on_the_disk() {
        goes_and_comes(&Nowhere);
    }

    #[test]
    fn a_place_where_nothing_can_be_kept_is_no_failure() {
        let store = Files("/proc/nowhere".into());
        store.update("firmware-01", &mut |_| Some(vec![1]));
        assert_eq!(store.load("firmware-01"), None);
    }
}
