//! One-time passwords of a Crescendo Key: its OATH applications, one for each slot (HOTP: RFC 4226; TOTP: RFC 6238).
//!
//! HID's low-level API pages of the first Crescendo Key (put-key-config, hotp-authenticate, totp-authenticate,
//! oath-perso-sequences, oath-usage-sequences), with their printed exchanges. What the pages leave open and the exchanges do
//! not show is inferred, and is written with a person's permission only; so is everything on the Crescendo 4000 family, of
//! which nothing is known.

use zeroize::Zeroizing;

use crate::{Command, Error, StatusWord, tlv};

/// How many slots a key has.
pub const SLOTS: u8 = 3;

/// An application less its last byte, the slot's number from 0.
const AID: [u8; 6] = [0xA0, 0x00, 0x00, 0x00, 0x79, 0x23];
const PUT: u8 = 0xD8;
const AUTHENTICATE: u8 = 0x88;
/// P1 of PUT.
const KEY: u8 = 0x04;
const CONFIGURATION: u8 = 0x05;
/// P1 of AUTHENTICATE.
const HOTP: u8 = 0x00;
const TOTP: u8 = 0x11;

/// In the answer to SELECT: what is configured, behind two bytes of unknown meaning.
const CONFIGURED: u32 = 0x4A;
const UNKNOWN: usize = 2;
/// In a configuration, by its bytes: how a code is cut out of the hash ("dynamic" in the printed exchange).
const DYNAMIC_TRUNCATION: u8 = 0x10;
/// A configuration without its name.
const FIXED: usize = 25;
/// Longer ones have another coding of their length, which nobody shows.
const LONGEST_KEY: usize = 127;

/// How codes come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtpKind {
    /// By a counter, which each code moves on.
    Hotp,
    /// By the time.
    Totp,
}

/// The hash of the HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtpHash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// What a slot says of itself when it is selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtpSlot {
    /// Its number, from 1.
    pub number: u8,
    /// The version of its application, as in `3.0.3.2`.
    pub version: Option<String>,
    /// How many digits its codes have; `None`: it does not tell, or nothing is configured.
    pub digits: Option<u8>,
    /// How codes come about, as far as the time step tells: inferred from one printed answer.
    pub kind: Option<OtpKind>,
    /// How long a code by the time is good, in seconds.
    pub period: Option<u8>,
}

/// What a slot is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtpConfiguration {
    /// How codes come about.
    pub kind: OtpKind,
    /// The hash.
    pub hash: OtpHash,
    /// How many digits: 6, 8 or 10.
    pub digits: u8,
    /// Where the counter starts.
    pub counter: u64,
    /// How long a code by the time is good, in seconds.
    pub period: u8,
    /// What people call it; ASCII.
    pub name: String,
}

impl OtpConfiguration {
    /// Whether every value is one of the vendor's printed exchange: a counter from 0, SHA-1, six digits.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        (self.kind, self.hash, self.digits, self.counter) == (OtpKind::Hotp, OtpHash::Sha1, 6, 0)
    }

    /// The value of PUT CONFIGURATION. Other codes than those of a counter and of SHA-1 are inferred: in the order in which the
    /// vendor lists them.
    fn encode(&self) -> Result<Vec<u8>, Error> {
        let is_named = self.name.len() <= 60 && self.name.bytes().all(|byte| matches!(byte, 0x20..=0x7E));
        if !is_named {
            return Err(Error::Input("the name of a slot has at most 60 ASCII characters"));
        }
        if !matches!(self.digits, 6 | 8 | 10) {
            return Err(Error::Input("a code has 6, 8 or 10 digits"));
        }
        let hash = match self.hash {
            OtpHash::Sha1 => 0x00,
            OtpHash::Sha256 => 0x01,
            OtpHash::Sha512 => 0x02,
        };
        let (mode, step) = match self.kind {
            OtpKind::Hotp => (0x00, 0x00),
            OtpKind::Totp => (0x01, self.period),
        };
        let mut value = self.counter.to_be_bytes().to_vec();
        value.extend([mode, hash, self.digits, 0x00, DYNAMIC_TRUNCATION, step]);
        value.resize(FIXED, 0x00);
        value.extend(self.name.bytes());
        Ok(value)
    }
}

/// The application of a slot.
pub(crate) fn aid(slot: u8) -> Result<Vec<u8>, Error> {
    if !(1..=SLOTS).contains(&slot) {
        return Err(Error::Input("a slot is 1, 2 or 3"));
    }
    Ok([&AID[..], &[slot - 1]].concat())
}

/// Reads what SELECT of a slot answers; what is not there or not understood is not told.
pub(crate) fn parse(number: u8, answer: &[u8]) -> OtpSlot {
    let body = tlv::find(answer, 0x6F).and_then(|template| tlv::find(template, 0xA5)).unwrap_or_default();
    let configured = tlv::find(body, CONFIGURED).and_then(|value| value.get(UNKNOWN..));
    let byte = |at: usize| configured.and_then(|value| value.get(at).copied());
    let digits = byte(10).filter(|digits| matches!(digits, 6 | 8 | 10));
    let period = byte(13).filter(|step| *step != 0);
    let kind = digits.map(|_| if number != 1 && period.is_some() { OtpKind::Totp } else { OtpKind::Hotp });
    OtpSlot { number, version: version(body), digits, kind, period: period.filter(|_| number != 1) }
}

/// The version of an applet of HID's, from the proprietary part of its answer to SELECT: its family, and then the version.
pub(crate) fn version(body: &[u8]) -> Option<String> {
    let (_, version) = tlv::find(body, 0x01)?.split_first()?;
    Some(version.iter().map(u8::to_string).collect::<Vec<_>>().join("."))
}

pub(crate) fn put_configuration(configuration: &OtpConfiguration) -> Result<Command, Error> {
    Ok(put(CONFIGURATION, &configuration.encode()?))
}

/// A key is put after the configuration, which clears it.
pub(crate) fn put_key(key: &[u8]) -> Result<Command, Error> {
    if !(1..=LONGEST_KEY).contains(&key.len()) {
        return Err(Error::Input("a secret for one-time passwords has 1 to 127 bytes"));
    }
    Ok(put(KEY, key))
}

/// Of zero length: the key is gone.
pub(crate) fn remove_key() -> Command {
    put(KEY, &[])
}

/// `00 00 (n+1) n value 00`; to remove, the length alone.
fn put(p1: u8, value: &[u8]) -> Command {
    let length = u8::try_from(value.len()).unwrap_or(0);
    let mut data = Zeroizing::new(Vec::with_capacity(value.len() + 5));
    data.extend([0x00, 0x00]);
    if length == 0 {
        data.extend([0x00, 0x00]);
    } else {
        data.extend([length + 1, length]);
        data.extend_from_slice(value);
        data.push(0x00);
    }
    Command { cla: 0x80, ..Command::new(PUT, p1, 0x00) }.data(data)
}

/// `time`: seconds since 1970, for a code by the time.
pub(crate) fn authenticate(time: Option<u32>) -> Command {
    let command = |p1| Command { cla: 0x80, ..Command::new(AUTHENTICATE, p1, 0x00) };
    match time {
        None => command(HOTP).expect(0),
        Some(time) => command(TOTP).data(Zeroizing::new(time.to_be_bytes().to_vec())).expect(0),
    }
}

/// A code: two digits in a byte. `None`: there is something else in it.
pub(crate) fn digits(answer: &[u8]) -> Option<Zeroizing<String>> {
    let mut code = Zeroizing::new(String::with_capacity(2 * answer.len()));
    for nibble in answer.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]) {
        code.push(char::from_digit(nibble.into(), 10)?);
    }
    matches!(code.len(), 6 | 8 | 10).then_some(code)
}

/// The key waits for a press of its button, and for the same command once more.
pub(crate) const BUTTON: StatusWord = StatusWord(0x6985);

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer of slot 2 of a first Crescendo Key, as printed.
    const SLOT_2: &[u8] =
        b"\x6F\x2F\x84\x07\xA0\0\0\0\x79\x23\x01\xA5\x24\x01\x05\x23\x03\0\x03\x02\x26\x02\x01\x01\
        \x4A\x17\0\0\0\0\0\0\0\0\0\0\0\0\x06\0\x10\x1E\0\0\0\0\0\0\x06";

    fn hotp() -> OtpConfiguration {
        OtpConfiguration {
            kind: OtpKind::Hotp,
            hash: OtpHash::Sha1,
            digits: 6,
            counter: 0,
            period: 30,
            name: "OATH HOTP".to_owned(),
        }
    }

    fn sent(command: &Command) -> String {
        let head = [command.cla, command.ins, command.p1, command.p2];
        head.iter().chain(command.data.iter()).map(|byte| format!("{byte:02X}")).collect()
    }

    #[test]
    fn a_slot_as_printed() {
        let slot = parse(2, SLOT_2);
        assert_eq!((slot.version.as_deref(), slot.digits), (Some("3.0.3.2"), Some(6)));
        assert_eq!((slot.kind, slot.period), (Some(OtpKind::Totp), Some(30)));
        for length in 0..SLOT_2.len() {
            let cut = parse(2, &SLOT_2[..length]);
            assert_eq!((cut.digits, cut.kind), (None, None), "{length}");
        }
    }

    #[test]
    fn configuration_and_key_as_printed() {
        let printed =
            "80D8050000002322000000000000000000000600100000000000000000000000004F41544820484F545000";
        assert_eq!(sent(&put_configuration(&hotp()).unwrap()), printed);
        assert!(hotp().is_shown());
        let printed = "80D80400000015143132333435363738393031323334353637383930".to_owned() + "00";
        assert_eq!(sent(&put_key(b"12345678901234567890").unwrap()), printed);
        assert_eq!(sent(&remove_key()), "80D8040000000000");
    }

    #[test]
    fn what_was_not_printed_is_told_apart() {
        for other in [
            OtpConfiguration { kind: OtpKind::Totp, ..hotp() },
            OtpConfiguration { hash: OtpHash::Sha256, ..hotp() },
            OtpConfiguration { digits: 8, ..hotp() },
            OtpConfiguration { counter: 1, ..hotp() },
        ] {
            assert!(!other.is_shown() && put_configuration(&other).is_ok(), "{other:?}");
        }
        assert!(put_configuration(&OtpConfiguration { digits: 7, ..hotp() }).is_err());
        assert!(put_configuration(&OtpConfiguration { name: "ä".to_owned(), ..hotp() }).is_err());
        assert!(put_key(&[]).is_err() && put_key(&[7; 128]).is_err());
        assert!(aid(0).is_err() && aid(4).is_err());
    }

    #[test]
    fn codes_as_printed() {
        assert_eq!(sent(&authenticate(None)), "80880000");
        assert_eq!(sent(&authenticate(Some(1_585_752_066))), "808811005E84A802");
        assert_eq!(digits(&[0x34, 0x09, 0x09]).unwrap().as_str(), "340909");
        assert!(digits(&[0x3A, 0x09, 0x09]).is_none() && digits(&[]).is_none() && digits(&[0; 6]).is_none());
    }
}
