//! Messages cut into reports of 64 bytes, and put together again (CTAP 2.1, section 11.2.4).

use crate::Error;

/// One HID report.
pub(crate) type Report = [u8; 64];

/// The longest message: 57 bytes in the first report, 59 in each of 128 more.
pub(crate) const MAX_MESSAGE: usize = FIRST + 128 * NEXT;

const FIRST: usize = 57;
const NEXT: usize = 59;
const INITIAL: u8 = 0x80;

/// The reports of one message; at most [`MAX_MESSAGE`] bytes.
pub(crate) fn cut(channel: [u8; 4], command: u8, message: &[u8]) -> impl Iterator<Item = Report> {
    let (first, rest) = message.split_at(message.len().min(FIRST));
    // `cut` is never asked for more than MAX_MESSAGE, which fits in 16 bits.
    let [high, low] = (message.len() as u16).to_be_bytes();
    let first = report(channel, &[INITIAL | command, high, low], first);
    let next = rest.chunks(NEXT).zip(0u8..).map(move |(part, sequence)| report(channel, &[sequence], part));
    std::iter::once(first).chain(next)
}

fn report(channel: [u8; 4], head: &[u8], part: &[u8]) -> Report {
    let mut report = [0; 64];
    let bytes = channel.iter().chain(head).chain(part);
    report.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    report
}

pub(crate) fn channel(report: &Report) -> [u8; 4] {
    [report[0], report[1], report[2], report[3]]
}

/// Whether a message begins with this report.
pub(crate) fn is_initial(report: &Report) -> bool {
    report[4] & INITIAL != 0
}

/// A message that is coming in.
pub(crate) struct Message {
    pub(crate) command: u8,
    length: usize,
    content: Vec<u8>,
    sequence: u8,
}

impl Message {
    /// Begins with the first report of a message.
    pub(crate) fn begin(report: &Report) -> Result<Self, Error> {
        let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
        if length > MAX_MESSAGE {
            return Err(Error::Malformed("a message longer than any can be"));
        }
        let content = report[7..][..length.min(FIRST)].to_vec();
        Ok(Self { command: report[4] & !INITIAL, length, content, sequence: 0 })
    }

    /// Takes one more report.
    pub(crate) fn add(&mut self, report: &Report) -> Result<(), Error> {
        if report[4] != self.sequence {
            return Err(Error::Malformed("a part of the message is missing"));
        }
        // A message of MAX_MESSAGE bytes ends with sequence 7F.
        self.sequence = self.sequence.wrapping_add(1);
        let part = (self.length - self.content.len()).min(NEXT);
        self.content.extend_from_slice(&report[5..][..part]);
        Ok(())
    }

    /// The whole message, once it is.
    pub(crate) fn whole(self) -> Result<Vec<u8>, Self> {
        if self.content.len() == self.length { Ok(self.content) } else { Err(self) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHANNEL: [u8; 4] = [1, 2, 3, 4];

    fn join(reports: &[Report]) -> Vec<u8> {
        let mut message = Message::begin(&reports[0]).unwrap();
        reports[1..].iter().for_each(|report| message.add(report).unwrap());
        message.whole().unwrap_or_else(|_| panic!("it is whole"))
    }

    #[test]
    fn a_message_of_58_bytes_takes_two_reports() {
        let reports: Vec<_> = cut(CHANNEL, 0x10, &[0xAA; 58]).collect();
        assert_eq!(reports.len(), 2);
        assert_eq!(reports[0][..8], [1, 2, 3, 4, 0x90, 0, 58, 0xAA]);
        assert_eq!(reports[1][..7], [1, 2, 3, 4, 0, 0xAA, 0]);
        assert_eq!(cut(CHANNEL, 0x10, &[0; 57]).count(), 1);
        assert_eq!(cut(CHANNEL, 0x11, &[]).count(), 1);
    }

    #[test]
    fn the_longest_message_ends_with_sequence_7f() {
        let reports: Vec<_> = cut(CHANNEL, 0x10, &[0x55; MAX_MESSAGE]).collect();
        assert_eq!((reports.len(), reports[128][4]), (129, 0x7F));
        assert_eq!(join(&reports), [0x55; MAX_MESSAGE]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut reports: Vec<_> = cut(CHANNEL, 0x10, &[1; 200]).collect();
        let mut message = Message::begin(&reports[0]).unwrap();
        assert!(message.add(&reports[2]).is_err(), "a report too early");
        reports[0][5..7].copy_from_slice(&[0x1D, 0xBA]);
        assert!(Message::begin(&reports[0]).is_err(), "7610 bytes");
    }

    proptest! {
        #[test]
        fn what_was_cut_comes_together(message in proptest::collection::vec(any::<u8>(), 0..=MAX_MESSAGE)) {
            let reports: Vec<_> = cut(CHANNEL, 0x60, &message).collect();
            prop_assert_eq!(join(&reports), message);
        }
    }
}
