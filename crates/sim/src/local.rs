//! A store, pairing codes and a clock for tests: `link::Store` and `link::PairingCodes` that live as long as their clones,
//! `link::Clock` that a test moves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use link::{Clock, Entry, LinkError, PairingCodes, Store};

use crate::bell::locked;

/// A store in memory. Clones are the same store, as two processes see the same files.
#[derive(Clone, Default)]
pub struct SimStore(Arc<Kept>);

#[derive(Default)]
struct Kept {
    content: Mutex<HashMap<String, Vec<u8>>>,
    generation: AtomicU64,
}

impl SimStore {
    /// Replaces what is kept under a key, as someone who damages a file would: nobody is told.
    pub fn put(&self, key: &str, content: Vec<u8>) {
        locked(&self.0.content).insert(key.into(), content);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        locked(&self.0.content).clear();
        self.0.generation.fetch_add(1, Ordering::SeqCst);
    }
}

impl Store for SimStore {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        locked(&self.0.content).get(key).cloned()
    }

    fn update(&self, key: &str, change: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let mut content = locked(&self.0.content);
        if let Some(new) = change(content.get(key).cloned()) {
            content.insert(key.into(), new);
        }
    }

    fn remove(&self, key: &str) {
        locked(&self.0.content).remove(key);
        self.0.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |(key, content): (&String, &Vec<u8>)| Entry {
            key: key.clone(),
            length: content.len() as u64,
            idle: None,
        };
        locked(&self.0.content).iter().map(entry).collect()
    }

    fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::SeqCst)
    }
}

/// A clock that stands still until a test moves it, unless it runs. Clones are the same clock.
#[derive(Clone, Default)]
pub struct SimClock {
    moved: Arc<Mutex<Duration>>,
    started: Option<Instant>,
}

impl SimClock {
    /// A clock that goes with the machine's from now on, for a device that someone else's clock looks at too. It can be
    /// moved forward as well.
    pub fn running() -> Self {
        Self { started: Some(Instant::now()), ..Self::default() }
    }

    /// Lets so much time pass.
    pub fn pass(&self, time: Duration) {
        *locked(&self.moved) += time;
    }

    /// Lets the time pass until then, if it has not come yet.
    pub(crate) fn reach(&self, time: Duration) {
        let ran = self.ran();
        let mut moved = locked(&self.moved);
        *moved = time.saturating_sub(ran).max(*moved);
    }

    fn ran(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| started.elapsed())
    }
}

impl Clock for SimClock {
    fn now(&self) -> Duration {
        self.ran() + *locked(&self.moved)
    }

    /// It was started on 2026-11-22.
    fn date(&self) -> Duration {
        Duration::from_secs(1_795_305_600) + self.now()
    }
}

/// Pairing codes in memory. Clones are the same, as the programs of one login session share them.
#[derive(Clone, Default)]
pub struct SimCodes(Arc<Mutex<HashMap<String, [u8; 8]>>>);

impl PairingCodes for SimCodes {
    fn load(&self, card: &str, take: &mut dyn FnMut(&[u8; 8])) {
        if let Some(code) = locked(&self.0).get(card) {
            take(code);
        }
    }

    fn save(&self, card: &str, code: &[u8; 8]) -> Result<(), LinkError> {
        locked(&self.0).insert(card.into(), *code);
        Ok(())
    }

    fn remove(&self, card: &str) -> bool {
        locked(&self.0).remove(card).is_some()
    }
}
