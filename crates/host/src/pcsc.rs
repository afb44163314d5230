//! Readers and cards through PC/SC (pcsc-lite). The names of functions and states are those of PC/SC part 5.
//!
//! A context serialises what is done with it, a wait for a card included. So each connection and each wait has one of
//! its own, and the one kept here only ever answers at once.

mod card;
mod error;
mod features;
mod insertion;
mod wait;

use std::{
    ffi::{CStr, CString},
    time::{Duration, Instant},
};

use ::pcsc::{Context, Error, ReaderState, Scope, State};
use link::{Card, LinkError, Reader};
use parking_lot::Mutex;

use self::{
    card::PcscCard,
    error::{is_service_lost, link_error},
    wait::Waits,
};

/// The readers of this machine.
#[derive(Default)]
pub(crate) struct PcscReaders {
    context: Mutex<Option<Context>>,
    waits: Waits,
}

impl link::Readers for PcscReaders {
    fn list(&self) -> Result<Vec<Reader>, LinkError> {
        self.with_context(look).map(|states| readers(&states))
    }

    fn connect(&self, name: &str) -> Result<Box<dyn Card>, LinkError> {
        let reader = CString::new(name).map_err(|_| LinkError::NoCard)?;
        let card = establish().and_then(|context| PcscCard::connect(context, reader)).map_err(link_error)?;
        Ok(Box::new(card))
    }

    fn wait(&self, known: &[Reader], limit: Option<Duration>) -> Result<Vec<Reader>, LinkError> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let ticket = self.waits.ticket();
        let attempt = || self.waits.wait(ticket, known, deadline);
        let result = attempt().or_else(|error| if is_service_lost(error) { attempt() } else { Err(error) });
        result.map_err(link_error)
    }

    fn cancel(&self) {
        self.waits.cancel();
    }
}

impl PcscReaders {
    /// Asks the service; once more, with a new context, if the one at hand belongs to a service that has gone.
    fn with_context<T>(&self, work: impl Fn(&Context) -> Result<T, Error>) -> Result<T, LinkError> {
        let attempt = || work(&self.context()?);
        let result = attempt().or_else(|error| {
            if !is_service_lost(error) {
                return Err(error);
            }
            tracing::debug!(%error, "a new context is needed");
            *self.context.lock() = None;
            attempt()
        });
        result.map_err(link_error)
    }

    fn context(&self) -> Result<Context, Error> {
        let mut kept = self.context.lock();
        if let Some(context) = &*kept {
            return Ok(context.clone());
        }
        let context = establish()?;
        Ok(kept.insert(context).clone())
    }
}

fn establish() -> Result<Context, Error> {
    Context::establish(Scope::System)
}

/// The state of every reader, now.
fn look(context: &Context) -> Result<Vec<ReaderState>, Error> {
    let attempt = || {
        let names = context.list_readers_owned()?;
        let mut states: Vec<_> =
            names.into_iter().map(|name| ReaderState::new(name, State::UNAWARE)).collect();
        match context.get_status_change(Duration::ZERO, &mut states) {
            Ok(()) | Err(Error::Timeout) => Ok(states),
            Err(error) => Err(error),
        }
    };
    // A reader may come or go between being counted, named and looked at.
    attempt().or_else(|error| match error {
        Error::UnknownReader | Error::InsufficientBuffer => attempt(),
        _ => Err(error),
    })
}

/// The state of one reader, now.
fn look_at(context: &Context, reader: &CStr) -> Result<ReaderState, Error> {
    let mut states = [ReaderState::new(reader, State::UNAWARE)];
    context.get_status_change(Duration::ZERO, &mut states)?;
    let [state] = states;
    Ok(state)
}

fn readers(states: &[ReaderState]) -> Vec<Reader> {
    states.iter().map(reader).collect()
}

fn reader(state: &ReaderState) -> Reader {
    Reader {
        name: state.name().to_string_lossy().into_owned(),
        atr: answers(state.event_state()).then(|| state.atr().to_vec()),
        events: state.event_count(),
    }
}

/// Whether there is a card, and one that answered to its reset.
fn answers(state: State) -> bool {
    state.contains(State::PRESENT) && !state.contains(State::MUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_card_that_answers_is_a_card() {
        assert!(answers(State::CHANGED | State::PRESENT | State::INUSE));
        assert!(answers(State::PRESENT | State::EXCLUSIVE));
        assert!(!answers(State::PRESENT | State::MUTE));
        assert!(!answers(State::EMPTY));
        assert!(!answers(State::UNAVAILABLE));
        assert!(!answers(State::UNKNOWN | State::UNAVAILABLE));
    }
}
