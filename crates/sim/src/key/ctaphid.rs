//! CTAPHID framing on the side of the device (CTAP 2.1, part 11.2; part 6.1 of the PIV reference): channels, messages
//! out of reports of 64 bytes and back. Numbers are big-endian.

use std::time::Duration;

pub(super) type Report = [u8; 64];

pub(super) const PING: u8 = 0x01;
pub(super) const INIT: u8 = 0x06;
pub(super) const WINK: u8 = 0x08;
pub(super) const CBOR: u8 = 0x10;
pub(super) const CANCEL: u8 = 0x11;
pub(super) const KEEPALIVE: u8 = 0x3B;
pub(super) const ERROR: u8 = 0x3F;

pub(super) const INVALID_CMD: u8 = 0x01;
pub(super) const INVALID_PAR: u8 = 0x02;
pub(super) const INVALID_LEN: u8 = 0x03;
pub(super) const INVALID_SEQ: u8 = 0x04;
pub(super) const MSG_TIMEOUT: u8 = 0x05;
pub(super) const CHANNEL_BUSY: u8 = 0x06;
pub(super) const INVALID_CHANNEL: u8 = 0x0B;
pub(super) const OTHER: u8 = 0x7F;

/// Everybody's channel, for INIT alone.
pub(super) const BROADCAST: u32 = 0xFFFF_FFFF;
/// Bit of the first byte behind the channel: a message starts here.
const STARTS: u8 = 0x80;
const FIRST: usize = 57;
const NEXT: usize = 59;
/// The longest message: one first report and 128 more.
const LONGEST: usize = FIRST + 128 * NEXT;

/// What a report amounts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Part of a message, or nothing anyone waits for.
    Nothing,
    /// A whole message.
    Message(Message),
    /// CANCEL on this channel.
    Cancel(u32),
    /// INIT: answer with this channel, on the channel it came from.
    Init { on: u32, channel: u32, nonce: [u8; 8] },
    /// Answer with ERROR on this channel.
    Refuse(u32, u8),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) channel: u32,
    pub(super) command: u8,
    pub(super) data: Vec<u8>,
}

/// A message of which reports are missing.
struct Assembly {
    message: Message,
    length: usize,
    next: u8,
    deadline: Duration,
}

/// The channels of a device since its last start.
pub(super) struct Framing {
    first_channel: u32,
    channels: u32,
    assembly: Option<Assembly>,
    /// Between two reports of one message.
    between: Duration,
}

impl Framing {
    /// `start` counts the starts of the device, so that a channel of an earlier one is known to be none.
    pub(super) fn new(start: u32, between: Duration) -> Self {
        Self { first_channel: (start << 16) | 1, channels: 0, assembly: None, between }
    }

    /// When a message that stays incomplete is given up.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.assembly.as_ref().map(|assembly| assembly.deadline)
    }

    /// Gives it up.
    pub(super) fn expire(&mut self) -> Input {
        let channel = self.assembly.take().map(|assembly| assembly.message.channel);
        channel.map_or(Input::Nothing, |channel| Input::Refuse(channel, MSG_TIMEOUT))
    }

    /// Takes one report. `busy`: a command is being carried out.
    pub(super) fn take(&mut self, report: &Report, now: Duration, busy: bool) -> Input {
        let [a, b, c, d, kind, ..] = *report;
        let channel = u32::from_be_bytes([a, b, c, d]);
        if kind & STARTS == 0 {
            return self.go_on(channel, kind, &report[5..], now);
        }
        let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
        match kind & !STARTS {
            INIT => self.init(channel, length, &report[7..]),
            _ if !self.is_open(channel) => Input::Refuse(channel, INVALID_CHANNEL),
            CANCEL => Input::Cancel(channel),
            command => self.begin(channel, command, length, &report[7..], now, busy),
        }
    }

    fn is_open(&self, channel: u32) -> bool {
        channel.checked_sub(self.first_channel).is_some_and(|n| n < self.channels)
    }

    fn init(&mut self, channel: u32, length: usize, data: &[u8]) -> Input {
        let known = self.is_open(channel);
        if !known && channel != BROADCAST {
            return Input::Refuse(channel, INVALID_CHANNEL);
        }
        let Some(nonce) = data.first_chunk().filter(|_| length == 8) else {
            return Input::Refuse(channel, INVALID_LEN);
        };
        if known {
            self.assembly.take_if(|assembly| assembly.message.channel == channel);
            return Input::Init { on: channel, channel, nonce: *nonce };
        }
        let new = self.first_channel + self.channels;
        self.channels += 1;
        Input::Init { on: channel, channel: new, nonce: *nonce }
    }

    fn begin(
        &mut self,
        channel: u32,
        command: u8,
        length: usize,
        data: &[u8],
        now: Duration,
        busy: bool,
    ) -> Input {
        match self.assembly.as_ref().map(|assembly| assembly.message.channel) {
            Some(own) if own == channel => {
                self.assembly = None;
                return Input::Refuse(channel, INVALID_SEQ);
            }
            Some(_) => return Input::Refuse(channel, CHANNEL_BUSY),
            None if busy => return Input::Refuse(channel, CHANNEL_BUSY),
            None if length > LONGEST => return Input::Refuse(channel, INVALID_LEN),
            None => {}
        }
        let data = data[..length.min(FIRST)].to_vec();
        let message = Message { channel, command, data };
        self.complete(Assembly { message, length, next: 0, deadline: now + self.between })
    }

    /// One more report of a message. Strays mean nothing.
    fn go_on(&mut self, channel: u32, sequence: u8, data: &[u8], now: Duration) -> Input {
        let Some(mut assembly) = self.assembly.take_if(|assembly| assembly.message.channel == channel) else {
            return Input::Nothing;
        };
        if sequence != assembly.next {
            return Input::Refuse(channel, INVALID_SEQ);
        }
        let missing = assembly.length - assembly.message.data.len();
        assembly.message.data.extend_from_slice(&data[..missing.min(NEXT)]);
        assembly.next += 1;
        assembly.deadline = now + self.between;
        self.complete(assembly)
    }

    fn complete(&mut self, assembly: Assembly) -> Input {
        if assembly.message.data.len() == assembly.length {
            return Input::Message(assembly.message);
        }
        self.assembly = Some(assembly);
        Input::Nothing
    }
}

/// A message as reports. What does not fit the longest message is left out: no answer of ours is that long.
pub(super) fn reports(channel: u32, command: u8, data: &[u8]) -> Vec<Report> {
    let data = &data[..data.len().min(LONGEST)];
    let (first, rest) = data.split_at(data.len().min(FIRST));
    let [high, low] = (data.len() as u16).to_be_bytes();
    let start = [&channel.to_be_bytes()[..], &[STARTS | command, high, low], first].concat();
    let more = rest.chunks(NEXT).zip(0u8..);
    let more = more.map(|(part, sequence)| [&channel.to_be_bytes()[..], &[sequence], part].concat());
    std::iter::once(start).chain(more).map(|bytes| padded(&bytes)).collect()
}

fn padded(bytes: &[u8]) -> Report {
    let mut report = [0; 64];
    report[..bytes.len()].copy_from_slice(bytes);
    report
}

/// The command a report starts, if it starts one.
pub(super) fn command(report: &Report) -> Option<u8> {
    (report[4] & STARTS != 0).then_some(report[4] & !STARTS)
}

/// The channel a report is on.
pub(super) fn channel(report: &Report) -> u32 {
    u32::from_be_bytes([report[0], report[1], report[2], report[3]])
}
