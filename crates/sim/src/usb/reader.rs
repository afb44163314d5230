//! The card reader at work: messages of the host to the slot, commands to the card, which takes its time, and what the host
//! hears meanwhile.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::ccid::{LONGEST, announced};
use super::descriptors::PACKET;
use super::session::Session;
use super::slot::{Slot, Step};
use crate::card::SimCard;

/// How long the host hears nothing from a reader whose card computes.
const SILENCE: Duration = Duration::from_millis(400);
/// After so many times the card itself asks for time: well within the block waiting time of 1.4 s that a card has unless its
/// answer to reset tells another one (ISO/IEC 7816-3, 11.4.3).
const PATIENCE: u32 = 2;

/// What the reader is told.
pub(super) enum Event {
    /// A transfer of the host.
    Bytes(Vec<u8>),
    /// The control endpoint begins to abort this command.
    Abort(u8),
    /// The answer of the card to the n-th command.
    Computed(u32, Vec<u8>),
    /// The device has left.
    Closed,
}

/// Until the device leaves.
pub(super) fn run(
    session: &Session<'_>,
    card: &SimCard,
    results: &SyncSender<Event>,
    inbox: &Receiver<Event>,
) {
    let mut reader = Reader {
        slot: Slot::new(card),
        card,
        results,
        arrived: Vec::new(),
        job: 0,
        silences: 0,
        answer: None,
    };
    while let Some(messages) = reader.next(inbox) {
        messages.into_iter().for_each(|message| session.tell(message));
    }
}

struct Reader<'r> {
    slot: Slot,
    card: &'r SimCard,
    results: &'r SyncSender<Event>,
    /// The part of a message that is here.
    arrived: Vec<u8>,
    /// Counts commands to the card: an answer to any but the last one is nobody's.
    job: u32,
    silences: u32,
    /// Of the card, while the host has yet to grant it time.
    answer: Option<Vec<u8>>,
}

impl Reader<'_> {
    /// What the next event has the host hear; `None` at the end.
    fn next(&mut self, inbox: &Receiver<Event>) -> Option<Option<Vec<u8>>> {
        let event = match self.slot.computes() {
            None => inbox.recv().ok()?,
            Some(_) => match inbox.recv_timeout(SILENCE) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => return Some(self.still_at_work()),
                Err(RecvTimeoutError::Disconnected) => return None,
            },
        };
        match event {
            Event::Bytes(bytes) => Some(self.bytes(&bytes)),
            Event::Abort(number) => {
                self.slot.begin_abort(number);
                Some(None)
            }
            Event::Computed(job, answer) if job == self.job => {
                self.answer = Some(answer);
                Some(self.answer())
            }
            Event::Computed(..) => Some(None),
            Event::Closed => None,
        }
    }

    /// A transfer ends with a packet that is not full; a message too.
    fn bytes(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.arrived.extend_from_slice(bytes);
        let ended = !bytes.len().is_multiple_of(PACKET) || self.arrived.len() > LONGEST;
        let complete = announced(&self.arrived).is_some_and(|length| length <= self.arrived.len());
        if !ended && !complete {
            return None;
        }
        match self.slot.take(&std::mem::take(&mut self.arrived)) {
            Step::Answer(message) => Some(message),
            Step::Compute(command) => {
                self.compute(command);
                None
            }
            Step::Wait => self.answer(),
        }
    }

    /// In a thread of its own, which nobody waits for once the device has left.
    fn compute(&mut self, command: Vec<u8>) {
        self.job = self.job.wrapping_add(1);
        self.silences = 0;
        self.answer = None;
        let (job, card, results) = (self.job, self.card.clone(), self.results.clone());
        std::thread::spawn(move || {
            let _ = results.send(Event::Computed(job, card.transmit(&command)));
        });
    }

    fn answer(&mut self) -> Option<Vec<u8>> {
        self.slot.computes()?;
        self.slot.computed(self.answer.take()?)
    }

    fn still_at_work(&mut self) -> Option<Vec<u8>> {
        self.silences += 1;
        if self.silences.is_multiple_of(PATIENCE + 1) {
            self.slot.ask_for_time()
        } else {
            self.slot.extend_time()
        }
    }
}
