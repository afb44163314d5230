//! USB/IP as the kernel's virtual host controller speaks it (Linux, Documentation/usb/usbip_protocol): headers of 48 bytes,
//! big endian, before what a transfer carries. No I/O here.
//!
//! Of a SUBMIT to the device its data follow the header, of an answer to a SUBMIT from the device the data read.

use std::fmt;

/// Bytes of every header.
pub(super) const HEADER: usize = 48;
/// The longest transfer to the device that is taken: more than any endpoint here has use for. What the host has room for is
/// its own affair: libccid asks for a message of 271 bytes with room for 65,558.
pub(super) const LONGEST: u32 = 0x1_0000;

const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMITTED: u32 = 3;
const UNLINKED: u32 = 4;
/// Bytes that describe one isochronous packet, behind the data.
const PACKET: u64 = 16;
/// `number_of_packets` of a transfer that is not isochronous; 0 is as good.
const NO_PACKETS: u32 = u32::MAX;

/// What the kernel wants done: one transfer, or none any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urb {
    /// A transfer.
    Submit(Submit),
    /// A transfer that is not wanted any more.
    Unlink {
        /// The number of this request.
        number: u32,
        /// The number of the transfer.
        of: u32,
    },
}

/// One transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Submit {
    /// Its number, for the answer.
    pub(super) number: u32,
    /// The endpoint, 0 to 15.
    pub(super) endpoint: u8,
    /// From the device to the host.
    pub(super) is_in: bool,
    /// Bytes sent, or room for what is read: as claimed.
    pub(super) length: u32,
    /// Isochronous packets: as claimed.
    pub(super) packets: u32,
    /// SETUP of a control transfer.
    pub(super) setup: [u8; 8],
}

/// Bytes that are no request: nobody knows where the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no USB/IP request")
    }
}

impl std::error::Error for Malformed {}

impl Urb {
    /// Reads a header.
    ///
    /// # Errors
    /// When it is no request, or one with a length that nobody could skip.
    pub(super) fn parse(header: &[u8; HEADER]) -> Result<Self, Malformed> {
        let (words, _) = header.as_chunks::<4>();
        let word = |n: usize| u32::from_be_bytes(words[n]);
        match word(0) {
            UNLINK => Ok(Self::Unlink { number: word(1), of: word(5) }),
            SUBMIT if i32::try_from(word(6)).is_ok() && word(4) < 16 && word(3) < 2 => {
                let setup = [words[10], words[11]].concat();
                Ok(Self::Submit(Submit {
                    number: word(1),
                    endpoint: word(4) as u8,
                    is_in: word(3) == 1,
                    length: word(6),
                    packets: if word(8) == NO_PACKETS { 0 } else { word(8) },
                    setup: setup.try_into().expect("two words"),
                }))
            }
            _ => Err(Malformed),
        }
    }
}

impl Submit {
    /// How many bytes follow its header.
    pub(super) fn following(&self) -> u64 {
        let data = if self.is_in { 0 } else { u64::from(self.length) };
        data + PACKET * u64::from(self.packets)
    }

    /// Whether this device would ever carry such a transfer out.
    pub(super) fn is_sane(&self) -> bool {
        (self.is_in || self.length <= LONGEST) && self.packets == 0
    }
}

/// The answer to a SUBMIT. `done` is how many bytes were taken or are in `data`; data go with transfers from the device.
pub(super) fn submitted(number: u32, status: i32, done: usize, data: &[u8]) -> Vec<u8> {
    let mut answer = answer(SUBMITTED, number, status);
    let done = u32::try_from(done).expect("no transfer is that long");
    answer[24..28].copy_from_slice(&done.to_be_bytes());
    answer.extend_from_slice(data);
    answer
}

/// The answer to an UNLINK.
pub(super) fn unlinked(number: u32, status: i32) -> Vec<u8> {
    answer(UNLINKED, number, status)
}

fn answer(command: u32, number: u32, status: i32) -> Vec<u8> {
    let mut header = vec![0; HEADER];
    header[..4].copy_from_slice(&command.to_be_bytes());
    header[4..8].copy_from_slice(&number.to_be_bytes());
    header[20..24].copy_from_slice(&status.to_be_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(words: &[(usize, u32)]) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        for (n, word) in words {
            header[4 * n..4 * n + 4].copy_from_slice(&word.to_be_bytes());
        }
        header
    }

    #[test]
    fn a_submit_is_read_field_by_field() {
        let mut bytes =
            header(&[(0, 1), (1, 0x0D05), (2, 0x1_000F), (3, 1), (5, 0x200), (6, 64), (8, u32::MAX)]);
        bytes[40..].copy_from_slice(&[0x80, 0x06, 0, 1, 0, 0, 0x40, 0]);
        let setup = [0x80, 0x06, 0, 1, 0, 0, 0x40, 0];
        let submit = Submit { number: 0x0D05, endpoint: 0, is_in: true, length: 64, packets: 0, setup };
        assert_eq!(Urb::parse(&bytes), Ok(Urb::Submit(submit)));
        assert_eq!((submit.following(), submit.is_sane()), (0, true));
    }

    #[test]
    fn room_for_more_than_is_ever_sent_is_no_mistake() {
        let read = Urb::parse(&header(&[(0, 1), (3, 1), (4, 2), (6, 65_558)]));
        let Ok(Urb::Submit(submit)) = read else { panic!("{read:?}") };
        assert_eq!((submit.following(), submit.is_sane()), (0, true));
    }

    #[test]
    fn an_unlink_names_the_transfer_it_ends() {
        assert_eq!(Urb::parse(&header(&[(0, 2), (1, 9), (5, 7)])), Ok(Urb::Unlink { number: 9, of: 7 }));
    }

    #[test]
    fn what_follows_a_header_is_known_even_where_it_is_not_taken() {
        let out = Urb::parse(&header(&[(0, 1), (4, 2), (6, 0x10_0000), (8, 3)]));
        let Ok(Urb::Submit(submit)) = out else { panic!("{out:?}") };
        assert_eq!((submit.following(), submit.is_sane()), (0x10_0000 + 48, false));
    }

    #[test]
    fn anything_else_is_no_request() {
        for words in [
            [(0, 0), (6, 0)],
            [(0, 3), (6, 0)],
            [(0, 1), (6, 0x8000_0000)],
            [(0, 1), (4, 16)],
            [(0, 1), (3, 2)],
        ] {
            assert_eq!(Urb::parse(&header(&words)), Err(Malformed), "{words:?}");
        }
    }

    #[test]
    fn answers_have_their_fields_where_the_kernel_looks() {
        let answer = submitted(0x0102_0304, -32, 2, &[0xAA, 0xBB]);
        assert_eq!(answer.len(), HEADER + 2);
        assert_eq!(answer[..8], [0, 0, 0, 3, 1, 2, 3, 4]);
        assert_eq!(answer[20..28], [0xFF, 0xFF, 0xFF, 0xE0, 0, 0, 0, 2]);
        assert_eq!(
            unlinked(5, -104)[..24],
            [&[0, 0, 0, 4, 0, 0, 0, 5][..], &[0; 12], &[0xFF, 0xFF, 0xFF, 0x98]].concat()
        );
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(bytes in proptest::array::uniform32(any::<u8>()), kind in 0u32..5) {
            let mut header = [0; HEADER];
            header[8..40].copy_from_slice(&bytes);
            header[..4].copy_from_slice(&kind.to_be_bytes());
            if let Ok(Urb::Submit(submit)) = Urb::parse(&header) {
                prop_assert!(!submit.is_sane() || submit.following() <= u64::from(LONGEST));
            }
        }
    }
}
