//! Waiting for readers and cards to come and go, each wait with a context of its own, so that it can be ended from
//! another thread and stands in nobody's way.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use ::pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, State};
use link::Reader;
use parking_lot::{Condvar, Mutex};

use super::{establish, look, readers};

/// How long PC/SC is asked to wait in one go. A guard: a reader that comes right before a wait begins is not told.
const SLICE: Duration = Duration::from_secs(5);
/// As many states as pcsc-lite takes in one call.
const MOST_STATES: usize = 16;

/// The waits in progress.
#[derive(Default)]
pub(super) struct Waits {
    state: Mutex<Progress>,
    left: Condvar,
}

#[derive(Default)]
struct Progress {
    tickets: u64,
    /// Every wait up to this ticket is to end.
    cancelled: u64,
    running: BTreeMap<u64, Context>,
}

impl Waits {
    /// The number of a wait that begins now.
    pub(super) fn ticket(&self) -> u64 {
        let mut state = self.state.lock();
        state.tickets += 1;
        state.tickets
    }

    pub(super) fn wait(
        &self,
        ticket: u64,
        known: &[Reader],
        deadline: Option<Instant>,
    ) -> Result<Vec<Reader>, Error> {
        let context = establish()?;
        self.state.lock().running.insert(ticket, context.clone());
        let result = self.until_changed(&context, ticket, known, deadline);
        self.state.lock().running.remove(&ticket);
        self.left.notify_all();
        result
    }

    fn until_changed(
        &self,
        context: &Context,
        ticket: u64,
        known: &[Reader],
        deadline: Option<Instant>,
    ) -> Result<Vec<Reader>, Error> {
        loop {
            let states = look(context)?;
            let now = readers(&states);
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if now != known || rest.is_some_and(|rest| rest.is_zero()) || self.is_cancelled(ticket) {
                return Ok(now);
            }
            sleep(context, states, rest.map_or(SLICE, |rest| rest.min(SLICE)))?;
        }
    }

    fn is_cancelled(&self, ticket: u64) -> bool {
        ticket <= self.state.lock().cancelled
    }

    /// Ends every wait that has begun. SCardCancel is without effect on a wait that is only about to reach PC/SC, so it
    /// is repeated until they have all left.
    pub(super) fn cancel(&self) {
        let mut state = self.state.lock();
        state.cancelled = state.tickets;
        for _ in 0..100 {
            let meant = ..=state.cancelled;
            if state.running.range(meant).next().is_none() {
                return;
            }
            for (_, context) in state.running.range(meant) {
                let _ = context.cancel();
            }
            self.left.wait_for(&mut state, Duration::from_millis(10));
        }
    }
}

/// Returns when one of these states or the number of readers has changed, after `limit`, and when cancelled.
fn sleep(context: &Context, mut states: Vec<ReaderState>, limit: Duration) -> Result<(), Error> {
    for state in &mut states {
        state.sync_current_state();
    }
    if states.len() < MOST_STATES {
        states.push(ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE));
    }
    // A limit below PC/SC's unit would be no waiting at all, again and again.
    match context.get_status_change(limit.max(Duration::from_millis(1)), &mut states) {
        Ok(()) | Err(Error::Timeout | Error::Cancelled | Error::UnknownReader) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_ends_what_has_begun_and_nothing_else() {
        let waits = Waits::default();
        let (first, second) = (waits.ticket(), waits.ticket());
        waits.cancel();
        let third = waits.ticket();
        assert!(waits.is_cancelled(first));
        assert!(waits.is_cancelled(second));
        assert!(!waits.is_cancelled(third));
    }
}
