//! Command and response APDUs (ISO 7816-4 part 5; SP 800-73-5 part 2, 2.4): what is sent and what comes back, before and
//! after an [`Exchange`](crate::Exchange) has cut it to the size of the link.

use std::fmt;

use zeroize::Zeroizing;

/// The greatest data field of a short command APDU, in bytes.
pub(crate) const SHORT_DATA: usize = 255;
/// The longest short command APDU, in bytes: header, Lc, data, Le.
pub(crate) const SHORT_COMMAND: usize = 261;
/// CLA bit 5: more parts of this command follow.
pub(crate) const CHAINED: u8 = 0x10;

/// One command, whatever the number of APDUs it takes.
pub struct Command {
    /// Class byte.
    pub cla: u8,
    /// Instruction byte.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data field, of any length.
    pub data: Zeroizing<Vec<u8>>,
    /// How many bytes are expected back: `Some(0)` is "as many as there are", `None` no answer but the status.
    pub expect: Option<u16>,
    /// The answer is longer than 256 bytes as a rule, so that the extended form saves something.
    pub long: bool,
}

impl Command {
    pub(crate) fn new(ins: u8, p1: u8, p2: u8) -> Self {
        Self { cla: 0, ins, p1, p2, data: Zeroizing::new(Vec::new()), expect: None, long: false }
    }

    pub(crate) fn data(mut self, data: Zeroizing<Vec<u8>>) -> Self {
        self.data = data;
        self
    }

    pub(crate) fn expect(mut self, length: u16) -> Self {
        self.expect = Some(length);
        self
    }

    pub(crate) fn long(mut self) -> Self {
        self.long = true;
        self
    }

    /// Whether the extended form makes it fewer APDUs.
    pub(crate) fn gains_by_extension(&self) -> bool {
        self.long || self.data.len() > SHORT_DATA
    }

    /// How long the command is in one extended APDU, in bytes.
    pub(crate) fn extended_length(&self) -> usize {
        let data = if self.data.is_empty() { 1 } else { 3 + self.data.len() };
        4 + data + if self.expect.is_some() { 2 } else { 0 }
    }

    /// The command in one extended APDU.
    pub(crate) fn encode_extended(&self) -> Zeroizing<Vec<u8>> {
        let mut apdu = Zeroizing::new(Vec::with_capacity(self.extended_length()));
        apdu.extend([self.cla, self.ins, self.p1, self.p2, 0]);
        if !self.data.is_empty() {
            let length = u16::try_from(self.data.len()).expect("an APDU that fits the link");
            apdu.extend(length.to_be_bytes());
            apdu.extend_from_slice(&self.data);
        }
        apdu.extend(self.expect.into_iter().flat_map(u16::to_be_bytes));
        apdu
    }

    /// The command in one short APDU; `part` is at most 255 bytes, `last` tells whether the expected length follows.
    pub(crate) fn encode_short(&self, part: &[u8], last: bool) -> Zeroizing<Vec<u8>> {
        let mut apdu = Zeroizing::new(Vec::with_capacity(6 + part.len()));
        let chained = if last { 0 } else { CHAINED };
        apdu.extend([self.cla | chained, self.ins, self.p1, self.p2]);
        if !part.is_empty() {
            apdu.push(u8::try_from(part.len()).expect("a part has at most 255 bytes"));
            apdu.extend_from_slice(part);
        }
        if let (true, Some(length)) = (last, self.expect) {
            apdu.push(u8::try_from(length).unwrap_or(0));
        }
        apdu
    }
}

/// Header and length only: the data may be a PIN.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cla, ins, p1, p2, data, .. } = self;
        write!(f, "{cla:02X} {ins:02X} {p1:02X} {p2:02X} ({} bytes)", data.len())
    }
}

/// What a card answers to one command, all parts put together.
pub struct Response {
    /// The data, which may be a decrypted secret.
    pub data: Zeroizing<Vec<u8>>,
    /// The last status word.
    pub status: StatusWord,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.data.len())
    }
}

/// SW1 and SW2 of an answer (SP 800-73-5 part 2, 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusWord(pub u16);

impl StatusWord {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// The command needs a PIN, a virtual contact interface or a right that is not there.
    pub const SECURITY_STATUS_NOT_SATISFIED: Self = Self(0x6982);
    /// No tries are left.
    pub const AUTHENTICATION_METHOD_BLOCKED: Self = Self(0x6983);
    /// No such data object or application.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// No such key or PIN.
    pub const REFERENCE_NOT_FOUND: Self = Self(0x6A88);
    /// Lc or Le is not what the card takes.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// The data field is not what the card takes.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// P1 or P2 is not what the card takes.
    pub const WRONG_PARAMETERS: Self = Self(0x6A86);
    /// There is no room for it.
    pub const NO_MEMORY: Self = Self(0x6A84);

    /// Whether the card does not know this command, or not in this class.
    #[must_use]
    pub const fn is_unknown_command(self) -> bool {
        matches!(self.0, 0x6D00 | 0x6E00)
    }

    /// Tries left: from 63Cx (and 630x of old tokens, but not 6300), and 0 from 6983.
    #[must_use]
    pub const fn retries(self) -> Option<u8> {
        match self.0 {
            0x63C0..=0x63CF | 0x6301..=0x630F => Some((self.0 & 0x0F) as u8),
            0x6983 => Some(0),
            _ => None,
        }
    }

    /// From 61xx: how many more bytes there are, 0 for 256 or more.
    #[must_use]
    pub const fn more(self) -> Option<u8> {
        if self.0 >> 8 == 0x61 { Some((self.0 & 0xFF) as u8) } else { None }
    }

    /// From 6Cxx: the length to ask for instead.
    pub(crate) const fn right_length(self) -> Option<u8> {
        if self.0 >> 8 == 0x6C { Some((self.0 & 0xFF) as u8) } else { None }
    }

    const fn meaning(self) -> &'static str {
        match self.0 {
            0x9000 => "done",
            0x6300 => "verification failed",
            0x63C0..=0x63CF | 0x6301..=0x630F => "wrong PIN",
            0x6700 => "wrong length",
            0x6881 => "logical channel not supported",
            0x6882 => "secure messaging not supported",
            0x6883 | 0x6884 => "command chaining not supported",
            0x6982 => "security status not satisfied",
            0x6983 => "PIN blocked",
            0x6985 => "conditions of use not satisfied",
            0x6987 | 0x6988 => "secure messaging object missing or wrong",
            0x6A80 => "wrong data field",
            0x6A81 => "not supported on this interface",
            0x6A82 => "not found",
            0x6A84 => "not enough memory",
            0x6A86 => "wrong P1 or P2",
            0x6A88 => "no such key or PIN",
            0x6D00 => "instruction not supported",
            0x6E00 => "class not supported",
            _ => "refused",
        }
    }
}

/// As in `6982, security status not satisfied`.
impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}, {}", self.0, self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(data: &[u8], expect: Option<u16>) -> Command {
        Command { expect, ..Command::new(0x87, 0x07, 0x9A) }.data(Zeroizing::new(data.to_vec()))
    }

    #[test]
    fn short_forms() {
        assert_eq!(*command(&[], None).encode_short(&[], true), [0, 0x87, 7, 0x9A]);
        assert_eq!(*command(&[], Some(0)).encode_short(&[], true), [0, 0x87, 7, 0x9A, 0]);
        assert_eq!(*command(&[], Some(0x50)).encode_short(&[], true), [0, 0x87, 7, 0x9A, 0x50]);
        assert_eq!(*command(&[1, 2], Some(0)).encode_short(&[1, 2], true), [0, 0x87, 7, 0x9A, 2, 1, 2, 0]);
        assert_eq!(*command(&[1, 2], Some(0)).encode_short(&[1], false), [0x10, 0x87, 7, 0x9A, 1, 1]);
    }

    #[test]
    fn status_words() {
        assert_eq!(StatusWord(0x63C5).retries(), Some(5));
        assert_eq!(StatusWord(0x6300).retries(), None, "a wrong pairing code has no counter");
        assert_eq!(StatusWord(0x6983).retries(), Some(0));
        assert_eq!(StatusWord(0x6144).more(), Some(0x44));
        assert_eq!(StatusWord(0x6C10).right_length(), Some(0x10));
        assert_eq!(StatusWord(0x6982).to_string(), "6982, security status not satisfied");
    }

    #[test]
    fn nothing_prints_data() {
        let text = format!("{:?}", command(b"123456", None));
        assert_eq!(text, "00 87 07 9A (6 bytes)");
    }
}
