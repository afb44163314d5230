//! One command to a key and its answer, however many reports that takes (CTAPHID: CTAP 2.1, section 11.2).
//!
//! Waiting is done by [`HidLink::read`] alone, and time is what the [`Clock`] says, so that a test never sleeps.

use std::time::Duration;

use link::{Clock, HidLink};

use crate::{
    Error, HidError,
    report::{MAX_MESSAGE, Message, Report, channel, cut, is_initial},
};

const BROADCAST: [u8; 4] = [0xFF; 4];
const INIT: u8 = 0x06;
const CBOR: u8 = 0x10;
const CANCEL: u8 = 0x11;
const KEEPALIVE: u8 = 0x3B;
const ERROR: u8 = 0x3F;

/// The capability bit of INIT for CTAP2 (04).
const CAPABILITY_CBOR: u8 = 0x04;

/// How long a key that is busy with another channel is left alone.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// How often a message is sent again that did not arrive whole.
const AGAIN: usize = 2;

/// A channel of one key. Dropping it leaves the key as it is.
pub struct Channel<'l> {
    link: Box<dyn HidLink + 'l>,
    clock: &'l dyn Clock,
    id: [u8; 4],
    capabilities: u8,
}

/// How long a command may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Without an answer or a KEEPALIVE.
    pub silence: Duration,
    /// With KEEPALIVEs, from the command to its answer.
    pub total: Duration,
    /// With refusals because another channel is being served (CHANNEL_BUSY).
    pub busy: Duration,
}

/// For what needs no person: 2 seconds of silence, 30 with KEEPALIVEs, 2 while another program is served.
impl Default for Patience {
    fn default() -> Self {
        let (short, long) = (Duration::from_secs(2), Duration::from_secs(30));
        Self { silence: short, total: long, busy: short }
    }
}

/// What a key says while it works on a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalive {
    /// It is busy.
    Processing,
    /// It waits for its button to be pressed.
    UserPresence,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop, in the way that leaves the key well.
    Cancel,
}

impl<'l> Channel<'l> {
    /// Asks for a channel of its own (INIT). Nothing else is sent.
    ///
    /// # Errors
    /// [`Error::Silent`] when no answer to this very request came within 2 seconds, [`Error::Link`], [`Error::Refused`].
    pub fn open(link: Box<dyn HidLink + 'l>, clock: &'l dyn Clock) -> Result<Self, Error> {
        let mut nonce = [0; 8];
        getrandom::getrandom(&mut nonce).map_err(|error| Error::Link(error.into()))?;
        Self::open_by(link, clock, nonce)
    }

    /// The same with a nonce of the caller's, for a conversation that is recorded and has to be said again word by word.
    /// Two programs with the same nonce at the same moment would take each other's channel.
    ///
    /// # Errors
    /// As [`Channel::open`].
    pub fn open_by(link: Box<dyn HidLink + 'l>, clock: &'l dyn Clock, nonce: [u8; 8]) -> Result<Self, Error> {
        let mut channel = Self { link, clock, id: BROADCAST, capabilities: 0 };
        let answers_us = |answer: &[u8]| answer.starts_with(&nonce);
        let going_on = &mut |_| Flow::Continue;
        let answer = channel.transact_if(INIT, &nonce, Patience::default(), going_on, &answers_us)?;
        let Some(&[.., a, b, c, d, _, _, _, _, capabilities]) = answer.first_chunk::<17>() else {
            return Err(Error::Malformed("the answer to INIT is too short"));
        };
        channel.id = [a, b, c, d];
        if matches!(channel.id, BROADCAST | [0, 0, 0, 0]) {
            return Err(Error::Malformed("INIT gave a channel that is reserved"));
        }
        channel.capabilities = capabilities;
        Ok(channel)
    }

    /// Sends a command of at most 7609 bytes, and returns its answer. `keepalive` is called at each KEEPALIVE; once it
    /// says [`Flow::Cancel`] the key is told (CANCEL), and what it says to that is returned.
    ///
    /// # Errors
    /// [`Error::Refused`] with what the key said, [`Error::Silent`], [`Error::Endless`], [`Error::Malformed`],
    /// [`Error::Link`].
    pub fn transact(
        &mut self,
        command: u8,
        message: &[u8],
        patience: Patience,
        keepalive: &mut dyn FnMut(Keepalive) -> Flow,
    ) -> Result<Vec<u8>, Error> {
        self.transact_if(command, message, patience, keepalive, &|_| true)
    }

    /// A CTAP2 command that needs no person: the map in its answer, in CBOR.
    pub(crate) fn ctap2(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        if self.capabilities & CAPABILITY_CBOR == 0 {
            return Err(Error::NoCtap2);
        }
        let answer = self.transact(CBOR, command, Patience::default(), &mut |_| Flow::Continue)?;
        success(answer)
    }

    /// As [`Channel::transact`]; what does not answer us is passed over.
    fn transact_if(
        &mut self,
        command: u8,
        message: &[u8],
        patience: Patience,
        keepalive: &mut dyn FnMut(Keepalive) -> Flow,
        answers_us: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, Error> {
        let started = self.clock.now();
        let mut again = 0;
        loop {
            self.send(command, message)?;
            match self.receive(command, patience, keepalive, answers_us) {
                Err(Error::Refused(HidError::CHANNEL_BUSY))
                    if self.clock.now().saturating_sub(started) < patience.busy =>
                {
                    self.pause(BUSY_PAUSE)?;
                }
                // Nothing of it was carried out. A machine with too much to do sends its reports too slowly.
                Err(Error::Refused(HidError::INVALID_SEQ | HidError::MSG_TIMEOUT)) if again < AGAIN => {
                    again += 1
                }
                result => return result,
            }
        }
    }

    fn send(&mut self, command: u8, message: &[u8]) -> Result<(), Error> {
        if message.len() > MAX_MESSAGE {
            return Err(Error::Malformed("the command is longer than a message can be"));
        }
        cut(self.id, command, message).try_for_each(|report| self.link.write(&report).map_err(Error::Link))
    }

    fn receive(
        &mut self,
        command: u8,
        patience: Patience,
        keepalive: &mut dyn FnMut(Keepalive) -> Flow,
        answers_us: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, Error> {
        let end = self.clock.now() + patience.total;
        let mut silent_at = self.clock.now() + patience.silence;
        let mut cancelled = false;
        loop {
            let message = self.message(silent_at)?;
            match (message.0, &message.1[..]) {
                (KEEPALIVE, status) => {
                    if self.clock.now() >= end {
                        self.send(CANCEL, &[])?;
                        return Err(Error::Endless);
                    }
                    if keepalive(presence(status)?) == Flow::Cancel && !cancelled {
                        self.send(CANCEL, &[])?;
                        cancelled = true;
                    }
                    silent_at = self.clock.now() + patience.silence;
                }
                (ERROR, &[code, ..]) => return Err(Error::Refused(HidError(code))),
                (ERROR, _) => return Err(Error::Malformed("an ERROR without a code")),
                (answered, content) if answered == command && answers_us(content) => return Ok(message.1),
                // Late, for a command that nobody waits for any more: no sign of life for this one.
                _ => {}
            }
        }
    }

    /// The next whole message on this channel, whatever it is, if it comes until then.
    fn message(&mut self, end: Duration) -> Result<(u8, Vec<u8>), Error> {
        let mut coming: Option<Message> = None;
        while let Some(report) = self.report(end)? {
            let message = match coming.take() {
                _ if is_initial(&report) => Message::begin(&report)?,
                Some(mut message) => {
                    message.add(&report)?;
                    message
                }
                None => continue,
            };
            let command = message.command;
            match message.whole() {
                Ok(content) => return Ok((command, content)),
                Err(rest) => coming = Some(rest),
            }
        }
        Err(Error::Silent)
    }

    /// The next report on this channel. `None`: none came in time.
    fn report(&mut self, end: Duration) -> Result<Option<Report>, Error> {
        loop {
            let left = end.saturating_sub(self.clock.now());
            let mut report = [0; 64];
            if left.is_zero() || !self.link.read(&mut report, left)? {
                return Ok(None);
            }
            if channel(&report) == self.id {
                return Ok(Some(report));
            }
        }
    }

    /// Lets time pass. What comes in is for nobody.
    fn pause(&mut self, time: Duration) -> Result<(), Error> {
        let end = self.clock.now() + time;
        while self.report(end)?.is_some() {}
        Ok(())
    }
}

fn presence(status: &[u8]) -> Result<Keepalive, Error> {
    match status {
        [1, ..] => Ok(Keepalive::Processing),
        [2, ..] => Ok(Keepalive::UserPresence),
        _ => Err(Error::Malformed("a KEEPALIVE with an unknown status")),
    }
}

/// What follows the status byte of a CTAP2 answer that says success.
pub(crate) fn success(mut answer: Vec<u8>) -> Result<Vec<u8>, Error> {
    match answer.first() {
        Some(0) => Ok(answer.split_off(1)),
        Some(status) => Err(Error::Ctap(*status)),
        None => Err(Error::Malformed("an answer without a status")),
    }
}
