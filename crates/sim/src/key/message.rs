//! Messages of a key: CTAPHID's own commands (CTAP 2.1, part 11.2.9), which command goes where, and the answers.

use std::time::Duration;

use super::chip::{Chip, Start};
use super::ctaphid::{
    self, CBOR, ERROR, INIT, INVALID_CMD, INVALID_LEN, Input, KEEPALIVE, Message, PING, WINK,
};
use super::fault::Quirk;
use super::get_info::Authenticator;
use super::job::{Job, Outcome, Work};
use super::profile::{Button, Mode};
use super::wire::WIRE;

/// Between a press of the button and the answer.
const NOTICES: Duration = Duration::from_millis(10);
/// `[SIM]` authenticatorSelection gives up.
const SELECTION: Duration = Duration::from_secs(30);

const OPERATION_DENIED: u8 = 0x27;
const KEEPALIVE_CANCEL: u8 = 0x2D;
const USER_ACTION_TIMEOUT: u8 = 0x2F;

/// Capabilities in the answer to INIT.
const CAPABILITY_WINK: u8 = 0x01;
const CAPABILITY_CBOR: u8 = 0x04;
const CAPABILITY_NMSG: u8 = 0x08;

/// Requests.
impl Chip {
    pub(super) fn act(&mut self, input: Input, now: Duration) {
        match input {
            Input::Nothing => {}
            Input::Refuse(channel, code) => self.send(channel, ERROR, &[code], now),
            Input::Cancel(channel) => self.cancel(channel, now),
            Input::Init { on, channel, nonce } => self.init(on, channel, nonce, now),
            Input::Message(message) => self.carry_out(message, now),
        }
    }

    /// CANCEL has no answer of its own; what waits for the button ends.
    fn cancel(&mut self, channel: u32, now: Duration) {
        if let Some(job) = self.ram.job.as_mut().filter(|job| job.channel == channel) {
            job.decide(Outcome::Cancelled, now);
        }
    }

    fn init(&mut self, on: u32, channel: u32, nonce: [u8; 8], now: Duration) {
        if on == channel {
            self.ram.job.take_if(|job| job.channel == channel);
            self.ram.outbox.retain(|(_, report)| ctaphid::channel(report) != channel);
        }
        let capabilities = match self.ram.mode {
            Mode::Normal => CAPABILITY_WINK | CAPABILITY_CBOR | CAPABILITY_NMSG,
            Mode::Update => CAPABILITY_NMSG,
        };
        let (major, minor, revision) = self.profile.bootloader;
        let version = [2, major, minor, revision as u8, capabilities];
        let answer = [&nonce[..], &channel.to_be_bytes(), &version].concat();
        if !self.manners.quirks.contains(&Quirk::Silent(INIT)) {
            self.reply(on, INIT, Ok(answer), now);
        }
    }

    fn carry_out(&mut self, message: Message, now: Duration) {
        let Message { channel, command, data } = message;
        let job = match (command, self.ram.mode) {
            (0x40..=0x7F, _) if self.profile.announced => self.vendor(channel, command, data, now),
            (PING, _) => Ok(Job::answer(data)),
            (WINK, Mode::Normal) => self.wink(&data),
            (CBOR, Mode::Normal) => self.cbor(&data, now),
            _ => Err(INVALID_CMD),
        };
        let job = job.unwrap_or_else(|code| Job::of_work(Work::Refuse(code)));
        self.put_to_work(job.of(channel, command, now), now);
    }

    fn put_to_work(&mut self, mut job: Job, now: Duration) {
        for quirk in &self.manners.quirks {
            match *quirk {
                Quirk::Silent(command) if command == job.command => return,
                Quirk::Refuses(command, code) if command == job.command => {
                    job = Job::of_work(Work::Refuse(code)).of(job.channel, command, now);
                }
                Quirk::Keepalives(command) if command == job.command => job = job.never(now),
                Quirk::Late(command, by) if command == job.command => job = job.late(by),
                _ => {}
            }
        }
        self.ram.job = Some(job);
        self.look_at_button(now);
    }

    fn wink(&mut self, data: &[u8]) -> Result<Job, u8> {
        if !data.is_empty() {
            return Err(INVALID_LEN);
        }
        self.winks += 1;
        Ok(Job::answer(Vec::new()))
    }

    /// CTAP2 as far as it goes here: what a host may ask every security key, and one thing that needs the button.
    fn cbor(&self, data: &[u8], now: Duration) -> Result<Job, u8> {
        match data {
            [] => Err(INVALID_LEN),
            [0x04, ..] => Ok(Job::answer([vec![0x00], self.authenticator().get_info()].concat())),
            [0x0B, ..] => Ok(Job::presence(Work::Selection(Outcome::Nobody), now, SELECTION)),
            _ => Ok(Job::answer(vec![INVALID_CMD])),
        }
    }

    fn authenticator(&self) -> Authenticator {
        Authenticator {
            aaguid: self.profile.aaguid,
            firmware: self.ram.found.running().map(|firmware| firmware.version).unwrap_or_default(),
            announced: self.profile.announced,
            pin: false,
        }
    }

    /// The person before the key acts on what the LED shows.
    fn look_at_button(&mut self, now: Duration) {
        let Some(job) = &mut self.ram.job else { return };
        match self.manners.button {
            Button::PressAfter(sent) if job.sent >= sent => job.decide(Outcome::Pressed, now + NOTICES),
            Button::RefuseAfter(sent) if job.sent >= sent => job.decide(Outcome::Refused, now + NOTICES),
            _ => {}
        }
    }

    /// Somebody presses the button now, asked or not.
    pub(super) fn press(&mut self, now: Duration) {
        if let Some(job) = &mut self.ram.job {
            job.decide(Outcome::Pressed, now + NOTICES);
        }
    }
}

/// Answers.
impl Chip {
    /// The time of the job has come, or that of a KEEPALIVE.
    pub(super) fn work(&mut self, at: Duration) {
        let Some(mut job) = self.ram.job.take() else { return };
        if let Some(status) = job.keepalive() {
            let channel = job.channel;
            self.ram.job = Some(job);
            self.send(channel, KEEPALIVE, &[status], at);
            return self.look_at_button(at);
        }
        let Job { channel, command, work, .. } = job;
        let leaves = match &work {
            Work::Enter { outcome: Outcome::Pressed, .. } => Some(Start::Stay),
            Work::Reboot(start) => Some(*start),
            _ => None,
        };
        let answer = self.outcome_of(work, channel, at);
        self.reply(channel, command, answer, at);
        if let Some(start) = leaves {
            self.ram.departure = Some((at + self.profile.leaves, start));
        }
    }

    fn outcome_of(&mut self, work: Work, channel: u32, now: Duration) -> Result<Vec<u8>, u8> {
        match work {
            Work::Answer(data) => Ok(data),
            Work::Refuse(code) => Err(code),
            Work::Enter { nonce, digest, outcome } => match outcome {
                Outcome::Pressed => {
                    self.flash.approve(digest, nonce, now);
                    Ok(Vec::new())
                }
                Outcome::Nobody => Err(USER_ACTION_TIMEOUT),
                Outcome::Refused | Outcome::Cancelled => Err(KEEPALIVE_CANCEL),
            },
            Work::Selection(outcome) => Ok(vec![match outcome {
                Outcome::Pressed => 0x00,
                Outcome::Nobody => USER_ACTION_TIMEOUT,
                Outcome::Refused => OPERATION_DENIED,
                Outcome::Cancelled => KEEPALIVE_CANCEL,
            }]),
            Work::Begin(request) => self.begun(channel, &request, now),
            Work::Write(request) => self.written(channel, &request),
            Work::Finish => self.finished(channel),
            Work::Reboot(_) => Ok(Vec::new()),
            Work::Confirm => self.confirmed(),
            Work::Abort => self.aborted(),
        }
    }

    fn reply(&mut self, channel: u32, command: u8, answer: Result<Vec<u8>, u8>, at: Duration) {
        match answer {
            Ok(mut data) => {
                if let Some(distort) = &self.manners.answer {
                    distort(command, &mut data);
                }
                self.send(channel, command, &data, at);
            }
            Err(code) => self.send(channel, ERROR, &[code], at),
        }
    }

    /// Reports for the wire, one after the other.
    fn send(&mut self, channel: u32, command: u8, data: &[u8], at: Duration) {
        let last = self.ram.outbox.back().map(|(last, _)| *last);
        let first = last.map_or(at, |last| last.max(at)) + WIRE;
        let times = std::iter::successors(Some(first), |time| Some(*time + WIRE));
        self.ram.outbox.extend(times.zip(ctaphid::reports(channel, command, data)));
    }
}
