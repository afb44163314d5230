//! One command, however many APDUs it takes: command chaining, GET RESPONSE, a wrong Le repeated
//! (SP 800-73-5 part 2, 2.4.2 and 2.4.3). The only place that does so.

use std::time::{Duration, Instant};

use link::Transmit;
use zeroize::Zeroizing;

use crate::{
    Error, SecureChannel,
    apdu::{Command, Response, SHORT_COMMAND, SHORT_DATA, StatusWord},
};

/// A link that carries less takes no answer of a certificate's length either: the frame of a Crescendo Key is 271 bytes.
const EXTENDED_LINK: usize = 1000;
/// No PIV data object is longer than this; a card that keeps talking is cut off.
const RESPONSE_LIMIT: usize = 64 * 1024;

/// Sends commands over a link for as long as a transaction lasts.
pub struct Exchange<'t> {
    link: &'t mut dyn Transmit,
    channel: Option<&'t mut SecureChannel>,
    /// The longest command APDU, in bytes; [`SHORT_COMMAND`] where the card takes no extended ones, or nobody knows.
    longest: usize,
    trace: Trace,
}

impl<'t> Exchange<'t> {
    /// Commands go over this link, in short APDUs.
    pub fn new(link: &'t mut dyn Transmit) -> Self {
        Self { link, channel: None, longest: SHORT_COMMAND, trace: Trace::new() }
    }

    /// Commands go over this link in secure messaging.
    pub fn protected(link: &'t mut dyn Transmit, channel: &'t mut SecureChannel) -> Self {
        Self { channel: Some(channel), ..Self::new(link) }
    }

    /// From now on commands go in plain, and the channel has ended with the first of them.
    pub(crate) fn leave_channel(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.end();
        }
    }

    /// Whether commands go in secure messaging.
    pub(crate) fn is_protected(&self) -> bool {
        self.channel.is_some()
    }

    /// From now on commands of up to so many bytes are taken, as far as the link carries them.
    pub(crate) fn extend(&mut self, longest: usize) {
        if self.carries_extended() {
            self.longest = longest.min(self.link.max_command());
        }
    }

    /// The longest command in use, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Whether extended APDUs are in use.
    pub(crate) fn is_extended(&self) -> bool {
        self.longest > SHORT_COMMAND
    }

    /// Whether the link carries more than short APDUs.
    pub(crate) fn carries_extended(&self) -> bool {
        self.link.max_command() >= EXTENDED_LINK
    }

    /// Sends a command and fetches the whole answer.
    ///
    /// # Errors
    /// Only of the link, of an answer without end, or of secure messaging. A refusal is a [`Response`] like any other.
    pub fn send(&mut self, command: Command) -> Result<Response, Error> {
        let Some(channel) = self.channel.take() else { return self.send_whole(command) };
        let result = channel.protect(command).and_then(|command| {
            let response = self.send_whole(command)?;
            channel.unprotect(response)
        });
        self.channel = Some(channel);
        result
    }

    fn send_whole(&mut self, command: Command) -> Result<Response, Error> {
        let mut response = self.send_first(command)?;
        while let Some(more) = response.status.more() {
            let part = self.transmit(&[0x00, 0xC0, 0x00, 0x00, more])?;
            if part.data.is_empty() && part.status.more().is_some()
                || response.data.len() + part.data.len() > RESPONSE_LIMIT
            {
                return Err(Error::Malformed("answer"));
            }
            response.data.extend_from_slice(&part.data);
            response.status = part.status;
        }
        Ok(response)
    }

    /// Sends a command in plain and returns the first part of the answer; the card drops the rest at the next command.
    ///
    /// A card that refuses the length of an extended APDU gets the same command in short ones, and those only.
    pub(crate) fn send_first(&mut self, command: Command) -> Result<Response, Error> {
        let fits = self.is_extended() && command.extended_length() <= self.longest;
        if fits && command.gains_by_extension() {
            let response = self.send_extended(&command)?;
            if response.status != StatusWord::WRONG_LENGTH {
                return Ok(response);
            }
            self.longest = SHORT_COMMAND;
        }
        self.send_short(command)
    }

    /// Sends a command in one extended APDU, whatever is known of the card.
    pub(crate) fn send_extended(&mut self, command: &Command) -> Result<Response, Error> {
        self.transmit(&command.encode_extended())
    }

    fn send_short(&mut self, command: Command) -> Result<Response, Error> {
        let last_part = command.data.len().saturating_sub(1) / SHORT_DATA * SHORT_DATA;
        for part in command.data[..last_part].chunks(SHORT_DATA) {
            let response = self.transmit(&command.encode_short(part, false))?;
            if response.status != StatusWord::OK {
                return Ok(response);
            }
        }
        let mut apdu = command.encode_short(&command.data[last_part..], true);
        let response = self.transmit(&apdu)?;
        match (response.status.right_length(), command.expect) {
            // A protected command counts, and cannot be sent again.
            (Some(length), Some(_)) if command.cla & 0x0C == 0 => {
                *apdu.last_mut().expect("an APDU is never empty") = length;
                self.transmit(&apdu)
            }
            _ => Ok(response),
        }
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Response, Error> {
        let started = Instant::now();
        let mut data = Zeroizing::new(self.link.transmit(apdu)?);
        let [.., sw1, sw2] = data[..] else { return Err(Error::Link(link::LinkError::Removed)) };
        let status = StatusWord(u16::from_be_bytes([sw1, sw2]));
        let length = data.len() - 2;
        data.truncate(length);
        self.trace.note(apdu, length, status, started.elapsed());
        Ok(Response { data, status })
    }

    /// Has the card reset when the transaction ends. `false`: this link cannot.
    pub(crate) fn reset_afterwards(&mut self) -> bool {
        self.link.reset_afterwards()
    }

    /// Ends the exchange and hands over its trace, to be emitted when the card is free again.
    pub(crate) fn into_trace(self) -> Trace {
        self.trace
    }
}

/// What went over the link: headers, lengths, status words and times, never data.
pub(crate) struct Trace(Option<Vec<Step>>);

struct Step {
    header: [u8; 4],
    sent: usize,
    received: usize,
    status: StatusWord,
    took: Duration,
}

impl Trace {
    fn new() -> Self {
        Self(tracing::enabled!(tracing::Level::DEBUG).then(Vec::new))
    }

    /// This, and what came after it.
    pub(crate) fn and(mut self, after: Self) -> Self {
        if let (Some(steps), Some(more)) = (&mut self.0, after.0) {
            steps.extend(more);
        }
        self
    }

    fn note(&mut self, apdu: &[u8], received: usize, status: StatusWord, took: Duration) {
        if let (Some(steps), Some(header)) = (&mut self.0, apdu.first_chunk::<4>()) {
            steps.push(Step { header: *header, sent: apdu.len(), received, status, took });
        }
    }

    /// Writes the trace to the log. Not to be called under a transaction: a log may be a slow file.
    pub(crate) fn emit(self) {
        for Step { header: [cla, ins, p1, p2], sent, received, status, took } in self.0.into_iter().flatten()
        {
            tracing::debug!(
                "{cla:02X} {ins:02X} {p1:02X} {p2:02X}, {sent} bytes: {status}, {received} bytes, {} us",
                took.as_micros()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use link::LinkError;

    use super::*;

    /// A card that answers from a list, and remembers what it was sent.
    struct Script {
        answers: Vec<Vec<u8>>,
        sent: Vec<Vec<u8>>,
    }

    impl Transmit for Script {
        fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
            self.sent.push(apdu.to_vec());
            if self.answers.is_empty() { Err(LinkError::Removed) } else { Ok(self.answers.remove(0)) }
        }
    }

    fn play(command: Command, answers: &[&[u8]]) -> (Result<Response, Error>, Vec<Vec<u8>>) {
        let mut script = Script { answers: answers.iter().map(|a| a.to_vec()).collect(), sent: vec![] };
        let response = Exchange::new(&mut script).send(command);
        (response, script.sent)
    }

    fn command(length: usize) -> Command {
        Command::new(0x87, 7, 0x9A).data(Zeroizing::new(vec![0x5A; length])).expect(0)
    }

    #[test]
    fn chains_what_is_too_long() {
        let (response, sent) = play(command(266), &[&[0x90, 0], &[1, 2, 0x90, 0]]);
        assert_eq!(*response.unwrap().data, [1, 2]);
        assert_eq!((sent[0].len(), sent[0][0], sent[0][4]), (260, 0x10, 255));
        assert_eq!((sent[1].len(), sent[1][0], sent[1][4]), (17, 0x00, 11));
    }

    #[test]
    fn exactly_255_bytes_are_one_apdu() {
        let (_, sent) = play(command(255), &[&[0x90, 0]]);
        assert_eq!(sent.len(), 1);
        assert_eq!(play(command(256), &[&[0x90, 0], &[0x90, 0]]).1.len(), 2);
    }

    #[test]
    fn a_refused_part_ends_the_chain() {
        let (response, sent) = play(command(600), &[&[0x90, 0], &[0x68, 0x84]]);
        assert_eq!(response.unwrap().status, StatusWord(0x6884));
        assert_eq!(sent.len(), 2);
    }

    #[test]
    fn fetches_the_rest() {
        let (response, sent) = play(command(1), &[&[1, 0x61, 2], &[2, 3, 0x61, 0], &[4, 0x90, 0]]);
        assert_eq!(*response.unwrap().data, [1, 2, 3, 4]);
        assert_eq!(sent[1], [0, 0xC0, 0, 0, 2]);
        assert_eq!(sent[2], [0, 0xC0, 0, 0, 0]);
    }

    #[test]
    fn a_wrong_le_is_repeated_once() {
        let (response, sent) = play(command(1), &[&[0x6C, 0x10], &[7, 0x90, 0]]);
        assert_eq!(*response.unwrap().data, [7]);
        assert_eq!(sent[1].last(), Some(&0x10));
        let (response, _) = play(command(1), &[&[0x6C, 0x10], &[0x6C, 0x10]]);
        assert_eq!(response.unwrap().status, StatusWord(0x6C10));
    }

    #[test]
    fn an_endless_answer_is_cut_off() {
        assert!(matches!(play(command(1), &[&[0x61, 0], &[0x61, 0]]).0, Err(Error::Malformed(_))));
        let part: Vec<u8> = [vec![0; 256], vec![0x61, 0]].concat();
        let answers: Vec<&[u8]> = std::iter::repeat_n(&part[..], 300).collect();
        assert!(matches!(play(command(1), &answers).0, Err(Error::Malformed(_))));
    }

    #[test]
    fn less_than_a_status_word_is_a_removal() {
        assert!(play(command(1), &[&[0x90]]).0.unwrap_err().is_removal());
        assert!(play(command(1), &[&[]]).0.unwrap_err().is_removal());
    }
}
