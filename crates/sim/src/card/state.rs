//! The state of one card: its chip, and what was arranged to happen to it.

use std::time::Duration;

use link::LinkError;

use super::chip::Chip;
use super::{Counts, Interface, Personality};
use crate::apdu::Command;
use crate::fault::{self, Faults, What};
use crate::hex;
use crate::latency::{Latency, Work};
use crate::log::{Log, Traffic};

pub(super) struct State {
    pub(super) chip: Chip,
    pub(super) log: Log,
    pub(super) faults: Faults,
    pub(super) latency: Latency,
    pub(super) key_time: bool,
    pub(super) counts: Counts,
    pub(super) present: bool,
    pub(super) moves: u32,
    pub(super) resets: u32,
    pub(super) busy: u32,
    pub(super) others: bool,
}

/// Since when a connection has been looking at a card.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub moves: u32,
    pub resets: u32,
}

impl State {
    pub(super) fn new(personality: Personality) -> Self {
        Self {
            chip: Chip::new(personality),
            log: Log::new(),
            faults: Faults::none(),
            latency: Latency::None,
            key_time: false,
            counts: Counts::default(),
            present: true,
            moves: 0,
            resets: 0,
            busy: 0,
            others: false,
        }
    }

    pub(super) fn exchange(&mut self, apdu: &[u8], epoch: Option<Epoch>) -> Result<Vec<u8>, LinkError> {
        self.still_there(epoch)?;
        let fault = self.faults.due();
        if let Some(fault) = &fault {
            self.log.note(&format!("fault: {fault:?}"));
        }
        match fault.as_ref() {
            Some(What::Pull) => self.pull(),
            Some(What::Reset) => self.reset(),
            Some(What::ForeignSelect(aid)) => drop(self.foreign_select(aid)),
            Some(What::LoseSession) => self.lose_session(),
            Some(What::Tamper(_) | What::PlainAnswer) => self.chip.piv.messaging.fault.clone_from(&fault),
            _ => {}
        }
        self.still_there(epoch)?;

        let replayed =
            fault.as_ref().filter(|fault| **fault == What::Replay).and_then(|_| self.last_answer(apdu));
        self.log.command(apdu);
        self.counts.verifies += u64::from(presents_pin(apdu));
        let (answer, sim) = match fault.as_ref() {
            Some(What::Replay) if replayed.is_some() => (replayed.unwrap_or_default(), false),
            Some(What::Garbage) => (fault::garbage(), false),
            Some(What::Status(status)) => (status.to_be_bytes().to_vec(), false),
            _ => self.chip.process(apdu),
        };
        let answer = match fault {
            Some(What::Truncated) => fault::truncated(&answer),
            Some(What::Oversized) => fault::oversized(&answer),
            Some(What::LoseAnswer) => {
                self.pull();
                return Err(LinkError::Removed);
            }
            _ => answer,
        };
        self.counts.apdus += 1;
        self.counts.bytes += (apdu.len() + answer.len()) as u64;
        self.counts.establishments += std::mem::take(&mut self.chip.piv.messaging.established);
        self.chip.piv.notes().iter().for_each(|note| self.log.note(note));
        self.log.answer(&answer, sim);
        Ok(answer)
    }

    fn still_there(&self, epoch: Option<Epoch>) -> Result<(), LinkError> {
        let now = self.epoch();
        match epoch {
            _ if !self.present => Err(LinkError::Removed),
            Some(then) if then.moves != now.moves => Err(LinkError::Removed),
            Some(then) if then.resets != now.resets => Err(LinkError::Reset),
            _ => Ok(()),
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch { moves: self.moves, resets: self.resets }
    }

    pub(super) fn pull(&mut self) {
        if self.present {
            self.present = false;
            self.moves += 1;
            self.chip.reset();
            self.log.note("pulled");
        }
    }

    pub(super) fn insert(&mut self) {
        if !self.present {
            self.present = true;
            self.moves += 1;
            self.chip.reset();
            self.log.note("inserted");
        }
    }

    pub(super) fn reset(&mut self) {
        self.resets += 1;
        self.chip.reset();
        self.log.note("reset by another program");
    }

    /// Changes the interface the card is on: out of one reader and into another.
    pub(super) fn change_interface(&mut self, interface: Interface) {
        if self.chip.piv.messaging.interface == interface {
            return;
        }
        let present = self.present;
        self.pull();
        self.chip.piv.messaging.interface = interface;
        self.log.note(&format!("{interface:?} interface").to_lowercase());
        if present {
            self.insert();
        }
    }

    pub(super) fn lose_session(&mut self) {
        self.chip.piv.messaging.end();
        self.log.note("session keys gone");
    }

    /// What was last answered to a command with the same header.
    fn last_answer(&self, apdu: &[u8]) -> Option<Vec<u8>> {
        let header = apdu.get(..4)?;
        let same = |traffic: &&Traffic| traffic.command.starts_with(header) && !traffic.answer.is_empty();
        self.log.traffic().iter().rev().find(same).map(|traffic| traffic.answer.clone())
    }

    pub(super) fn foreign_select(&mut self, aid: &[u8]) -> Vec<u8> {
        self.log.note(&format!("another program selects {}", hex::encode(aid)));
        let len = u8::try_from(aid.len().min(16)).expect("at most 16");
        let select = [&[0x00, 0xA4, 0x04, 0x00, len], &aid[..usize::from(len)]].concat();
        // An empty AID is sent without a data field.
        let select = if aid.is_empty() { &select[..4] } else { &select };
        self.chip.process(select).0
    }

    pub(super) fn delay(&mut self, bytes: usize) -> Duration {
        let worked = self.chip.worked().filter(|_| self.key_time).map_or(Duration::ZERO, Work::time);
        worked + self.latency.delay(bytes)
    }
}

/// VERIFY with a PIN to compare, perhaps in a cryptogram. Counted where it is sent: a PIN that a fault swallows has been
/// given away too.
fn presents_pin(apdu: &[u8]) -> bool {
    const PAIRING_CODE: u8 = 0x98;
    const CRYPTOGRAM: u8 = 0x87;
    Command::parse(apdu).is_some_and(|command| {
        let given = if command.is_protected() {
            command.data.first() == Some(&CRYPTOGRAM)
        } else {
            !command.data.is_empty()
        };
        command.ins == 0x20 && command.p2 != PAIRING_CODE && given
    })
}
