//! How a card tells the readers it is in that something changed.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Counts what happened, and wakes whoever waits for the next thing.
#[derive(Default)]
pub(crate) struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
}

impl Bell {
    pub(crate) fn rings(&self) -> u64 {
        *locked(&self.rings)
    }

    pub(crate) fn ring(&self) {
        *locked(&self.rings) += 1;
        self.rung.notify_all();
    }

    /// Waits until there were more rings than `seen`; false once the deadline has passed.
    pub(crate) fn wait(&self, seen: u64, deadline: Option<Instant>) -> bool {
        let mut rings = locked(&self.rings);
        while *rings == seen {
            rings = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.rung.wait(rings).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return false,
                Some(left) => self.rung.wait_timeout(rings, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        true
    }
}

/// A test that panics with a lock held must not turn every later test into a panic too.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
