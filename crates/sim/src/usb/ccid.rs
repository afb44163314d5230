//! CCID messages (CCID 1.10, part 6): 10 bytes of header, little endian, and data. And what the reader finds in an answer
//! to reset (part 6.1.7). No I/O here.

/// dwMaxCCIDMessageLength: a header, and 261 bytes.
pub(super) const LONGEST: usize = 271;
const HEADER: usize = 10;

pub(super) const ICC_POWER_ON: u8 = 0x62;
pub(super) const ICC_POWER_OFF: u8 = 0x63;
pub(super) const GET_SLOT_STATUS: u8 = 0x65;
pub(super) const XFR_BLOCK: u8 = 0x6F;
pub(super) const GET_PARAMETERS: u8 = 0x6C;
pub(super) const RESET_PARAMETERS: u8 = 0x6D;
pub(super) const SET_PARAMETERS: u8 = 0x61;
pub(super) const ABORT: u8 = 0x72;

pub(super) const DATA_BLOCK: u8 = 0x80;
pub(super) const SLOT_STATUS: u8 = 0x81;
pub(super) const PARAMETERS: u8 = 0x82;
const NOTIFY_SLOT_CHANGE: u8 = 0x50;

/// bError: the byte of the message at this offset is wrong, or the command unknown (0).
pub(super) const COMMAND_NOT_SUPPORTED: u8 = 0;
pub(super) const BAD_LENGTH: u8 = 1;
pub(super) const NO_SUCH_SLOT: u8 = 5;
pub(super) const BAD_PARAMETER: u8 = 7;
pub(super) const MUTE: u8 = 0xFE;
pub(super) const BUSY: u8 = 0xE0;
pub(super) const ABORTED: u8 = 0xFF;

/// A message of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// bMessageType.
    pub(super) kind: u8,
    /// bSlot.
    pub(super) slot: u8,
    /// bSeq.
    pub(super) number: u8,
    /// The three bytes whose meaning depends on the message.
    pub(super) special: [u8; 3],
    /// As long as dwLength says; `None`: they are more or fewer, or more than any message has.
    pub(super) data: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    /// Reads a message. `None`: not even a header.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, data) = bytes.split_first_chunk::<HEADER>()?;
        let [kind, a, b, c, d, slot, number, special @ ..] = *header;
        let length = u32::from_le_bytes([a, b, c, d]);
        let data = (bytes.len() <= LONGEST && u32::try_from(data.len()).ok() == Some(length)).then_some(data);
        Some(Self { kind, slot, number, special, data })
    }
}

/// How many bytes a message will have of which this is the beginning. `None`: longer than any, or too little is known.
pub(super) fn announced(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.get(1..5)?.first_chunk()?);
    usize::try_from(length).ok()?.checked_add(HEADER).filter(|length| *length <= LONGEST)
}

/// A message to the host.
pub(super) fn message(kind: u8, slot: u8, number: u8, special: [u8; 3], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("a message of 271 bytes");
    let mut bytes = vec![kind];
    bytes.extend(length.to_le_bytes());
    bytes.extend([slot, number]);
    bytes.extend(special);
    bytes.extend_from_slice(data);
    bytes
}

/// What the interrupt endpoint tells when the card of the one slot comes or goes.
pub(super) fn slot_change(present: bool) -> Vec<u8> {
    vec![NOTIFY_SLOT_CHANGE, 0x02 | u8::from(present)]
}

/// abProtocolDataStructure for T=1, out of an answer to reset (ISO/IEC 7816-3, part 8).
pub(super) fn parameters(atr: &[u8]) -> [u8; 7] {
    // Fi and Di, LRC, guard time, BWI and CWI, clock stop, IFSC, NAD: the defaults of the standard.
    let mut parameters = [0x11, 0x10, 0x00, 0x4D, 0x00, 32, 0x00];
    let Some((mut follows, mut rest)) = atr.get(1).map(|t0| *t0 >> 4).zip(atr.get(2..)) else {
        return parameters;
    };
    let (mut group, mut protocol) = (1, 0);
    while follows != 0 {
        let mut next = |bit: u8| {
            let (byte, left) = rest.split_first().filter(|_| follows & bit != 0)?;
            rest = left;
            Some(*byte)
        };
        let (a, b, c, d) = (next(1), next(2), next(4), next(8));
        let mut set = |n: usize, value: Option<u8>| parameters[n] = value.unwrap_or(parameters[n]);
        match (group, protocol) {
            (1, _) => {
                set(0, a);
                set(2, c);
            }
            (3.., 1) => {
                set(5, a);
                set(3, b);
                set(1, c.map(|edc| 0x10 | edc & 1));
            }
            (3.., 15) => set(4, a.map(|clock| clock >> 6)),
            _ => {}
        }
        (follows, protocol) = d.map_or((0, 0), |d| (d >> 4, d & 0x0F));
        group += 1;
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_is_a_header_and_as_many_bytes_as_it_says() {
        let bytes = [0x6F, 2, 0, 0, 0, 0, 9, 1, 2, 3, 0xAA, 0xBB];
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.kind, message.slot, message.number, message.special), (0x6F, 0, 9, [1, 2, 3]));
        assert_eq!(message.data, Some(&[0xAA, 0xBB][..]));
        assert_eq!(Message::parse(&bytes[..11]).unwrap().data, None);
        assert_eq!(Message::parse(&bytes[..9]), None);
        assert_eq!([announced(&bytes), announced(&bytes[..4])], [Some(12), None]);
        assert_eq!(announced(&[0x6F, 0x06, 0x01, 0, 0]), None, "one byte too many");
        assert_eq!(announced(&[0x6F, 0x05, 0x01, 0, 0]), Some(LONGEST));
    }

    #[test]
    fn the_answer_to_reset_of_a_key_v3_and_of_a_plain_card() {
        let key = b"\x3B\xD9\x96\xFF\x81\x91\xFE\x1F\xC3C4000-KEY\xBF";
        assert_eq!(parameters(key), [0x96, 0x10, 0xFF, 0x4D, 0x03, 0xFE, 0x00]);
        let plain = b"\x3B\x87\x81\x31\xFE\x45SimCard\xEF";
        assert_eq!(parameters(plain), [0x11, 0x10, 0x00, 0x45, 0x00, 0xFE, 0x00]);
        let contactless = b"\x3B\x89\x80\x01C4000-KEY\x35";
        assert_eq!(parameters(contactless), [0x11, 0x10, 0x00, 0x4D, 0x00, 32, 0x00]);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let bytes = message(DATA_BLOCK, 0, 7, [0x40, 0xFE, 0], &[1, 2]);
        let read = Message::parse(&bytes).unwrap();
        assert_eq!((read.kind, read.number, read.data), (DATA_BLOCK, 7, Some(&[1, 2][..])));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Message::parse(&bytes), parameters(&bytes));
            prop_assert!(announced(&bytes).is_none_or(|length| length <= LONGEST));
        }
    }
}
