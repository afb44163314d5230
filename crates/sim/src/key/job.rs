//! The one command a key is busy with: what it will do, when, and the KEEPALIVEs until then.

use std::time::Duration;

use super::chip::Start;

/// Between two KEEPALIVEs.
const KEEPALIVES: Duration = Duration::from_millis(100);
/// KEEPALIVE status: the key is at work.
const PROCESSING: u8 = 1;
/// KEEPALIVE status: somebody has to press the button.
const UP_NEEDED: u8 = 2;

/// What somebody did at the button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Nobody,
    Pressed,
    Refused,
    Cancelled,
}

/// What happens when the time has come.
pub(super) enum Work {
    Answer(Vec<u8>),
    Refuse(u8),
    Enter { nonce: [u8; 16], digest: [u8; 32], outcome: Outcome },
    Selection(Outcome),
    Begin(Vec<u8>),
    Write(Vec<u8>),
    Finish,
    Reboot(Start),
    Confirm,
    Abort,
}

pub(super) struct Job {
    pub(super) channel: u32,
    pub(super) command: u8,
    pub(super) work: Work,
    /// `None`: never.
    pub(super) due: Option<Duration>,
    /// Status and time of the next one.
    keepalive: Option<(u8, Duration)>,
    pub(super) sent: u32,
}

impl Job {
    /// Work without delay.
    pub(super) fn of_work(work: Work) -> Self {
        Self { channel: 0, command: 0, work, due: Some(Duration::ZERO), keepalive: None, sent: 0 }
    }

    pub(super) fn answer(data: Vec<u8>) -> Self {
        Self::of_work(Work::Answer(data))
    }

    /// Work that takes a while.
    pub(super) fn busy(work: Work, now: Duration, time: Duration) -> Self {
        let keepalive = Some((PROCESSING, now + KEEPALIVES));
        Self { due: Some(now + time), keepalive, ..Self::of_work(work) }
    }

    /// Work that waits for somebody to press the button.
    pub(super) fn presence(work: Work, now: Duration, limit: Duration) -> Self {
        let keepalive = Some((UP_NEEDED, now + KEEPALIVES));
        Self { due: Some(now + limit), keepalive, ..Self::of_work(work) }
    }

    /// Whose it is. Nothing is due before it is asked for.
    pub(super) fn of(self, channel: u32, command: u8, now: Duration) -> Self {
        Self { channel, command, due: self.due.map(|due| due.max(now)), ..self }
    }

    /// KEEPALIVEs without end.
    pub(super) fn never(mut self, now: Duration) -> Self {
        self.keepalive = Some((PROCESSING, now + KEEPALIVES));
        self.due = None;
        self
    }

    /// So much later, in silence.
    pub(super) fn late(mut self, by: Duration) -> Self {
        self.due = self.due.map(|due| due + by);
        self.keepalive = None;
        self
    }

    /// The person did something, which the key notices at `due`: too late after the time limit.
    pub(super) fn decide(&mut self, decided: Outcome, due: Duration) {
        let (Work::Enter { outcome, .. } | Work::Selection(outcome)) = &mut self.work else { return };
        if *outcome == Outcome::Nobody && self.due.is_some_and(|limit| due <= limit) {
            *outcome = decided;
            self.due = Some(due);
        }
    }

    /// When the next thing happens: the work, or a KEEPALIVE before it.
    pub(super) fn next(&self) -> Option<Duration> {
        let keepalive = self.keepalive.map(|(_, at)| at);
        [self.due, keepalive].into_iter().flatten().min()
    }

    /// The status of the KEEPALIVE that is due before the work is.
    pub(super) fn keepalive(&mut self) -> Option<u8> {
        let (status, at) = self.keepalive?;
        if self.due.is_some_and(|due| due <= at) {
            return None;
        }
        self.keepalive = Some((status, at + KEEPALIVES));
        self.sent += 1;
        Some(status)
    }
}
