//! A key that answers INIT, and everything else from a list. Its clock moves when somebody waits for it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fido::Channel;
use link::{Clock, HidLink};

/// The channel it gives.
pub(crate) const ID: [u8; 4] = [1, 2, 3, 4];

type Report = [u8; 64];

/// Clones are the same key.
#[derive(Clone, Default)]
pub(crate) struct Key(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    now: Duration,
    gives: Option<[u8; 4]>,
    capabilities: Option<u8>,
    foreign_init_first: bool,
    every: Duration,
    /// One list for each command that comes.
    answers: VecDeque<Vec<Report>>,
    ready: VecDeque<Report>,
    sent: Vec<Report>,
    pulled: bool,
}

impl Key {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// What it answers to the first command after INIT.
    pub(crate) fn answering(&self, reports: &[Report]) -> Self {
        self.answering_each(&[reports])
    }

    /// The same, with so much time before each report.
    pub(crate) fn answering_every(&self, every: Duration, reports: &[Report]) -> Self {
        self.0.lock().unwrap().every = every;
        self.answering(reports)
    }

    /// What it answers to each command after INIT.
    pub(crate) fn answering_each(&self, answers: &[&[Report]]) -> Self {
        self.0.lock().unwrap().answers = answers.iter().map(|reports| reports.to_vec()).collect();
        self.clone()
    }

    pub(crate) fn foreign_init_first(&self) {
        self.0.lock().unwrap().foreign_init_first = true;
    }

    pub(crate) fn gives_channel(&self, id: [u8; 4]) {
        self.0.lock().unwrap().gives = Some(id);
    }

    pub(crate) fn without_ctap2(&self) {
        self.0.lock().unwrap().capabilities = Some(0);
    }

    pub(crate) fn pull(&self) {
        self.0.lock().unwrap().pulled = true;
    }

    pub(crate) fn sent(&self) -> Vec<Report> {
        self.0.lock().unwrap().sent.clone()
    }

    pub(crate) fn clock(&self) -> Self {
        self.clone()
    }

    pub(crate) fn link(&self) -> Box<dyn HidLink> {
        Box::new(self.clone())
    }
}

/// A channel of this key, opened.
pub(crate) fn initialised(key: &Key) -> Channel<'_> {
    Channel::open(key.link(), key).unwrap()
}

impl Clock for Key {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    fn date(&self) -> Duration {
        self.now()
    }
}

impl HidLink for Key {
    fn write(&mut self, report: &Report) -> io::Result<()> {
        let mut key = self.0.lock().unwrap();
        if key.pulled {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        key.sent.push(*report);
        if report[..4] == [0xFF; 4] {
            let id = key.gives.unwrap_or(ID);
            let tail = [2, 0, 0, 0, key.capabilities.unwrap_or(0x04)];
            let answer = |nonce: &[u8]| frame([0xFF; 4], 0x06, &[nonce, &id, &tail].concat());
            if key.foreign_init_first {
                let foreign = answer(&[0x55; 8]);
                key.ready.push_back(foreign);
            }
            let ours = answer(&report[7..15]);
            key.ready.push_back(ours);
        } else if report[4] & 0x80 != 0 && report[4] != 0x91 {
            let answer = key.answers.pop_front().unwrap_or_default();
            key.ready.extend(answer);
        }
        Ok(())
    }

    fn read(&mut self, report: &mut Report, limit: Duration) -> io::Result<bool> {
        let mut key = self.0.lock().unwrap();
        if key.pulled {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let every = if key.ready.is_empty() { limit } else { key.every.min(limit) };
        key.now += every;
        // Slower than the limit: it is still on its way.
        if key.ready.is_empty() || key.every > limit {
            return Ok(false);
        }
        *report = key.ready.pop_front().expect("there is one");
        Ok(true)
    }
}

/// A message of one report.
pub(crate) fn frame(channel: [u8; 4], command: u8, message: &[u8]) -> Report {
    frames(channel, command, message)[0]
}

/// The reports of a message, cut once more by the test itself.
pub(crate) fn frames(channel: [u8; 4], command: u8, message: &[u8]) -> Vec<Report> {
    let mut reports = vec![[0; 64]];
    reports[0][..4].copy_from_slice(&channel);
    reports[0][4] = 0x80 | command;
    reports[0][5..7].copy_from_slice(&u16::try_from(message.len()).unwrap().to_be_bytes());
    let first = message.len().min(57);
    reports[0][7..7 + first].copy_from_slice(&message[..first]);
    for (sequence, part) in message[first..].chunks(59).enumerate() {
        let mut report = [0; 64];
        report[..4].copy_from_slice(&channel);
        report[4] = sequence as u8;
        report[5..5 + part.len()].copy_from_slice(part);
        reports.push(report);
    }
    reports
}
