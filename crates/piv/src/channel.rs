//! Secure messaging and the virtual contact interface (SP 800-73-5 part 2, chapter 4; part 1, 5.5), without any I/O: what
//! goes out is a [`Command`], what comes back a [`Response`], and an [`Exchange`](crate::Exchange) carries both.
//!
//! On a contactless reader, in this order:
//!
//! 1. In plain: SELECT (its answer names the [`Suite`]), CHUID, Discovery Object ([`Discovery::vci`](crate::Discovery::vci))
//!    and [`ContentSigner::OBJECT`]. Strict cards drop the keys at any plain command that comes later.
//! 2. [`Establishment::start`], its command, [`Establishment::finish`] with the whole answer: a [`SecureChannel`], and the
//!    [`Peer`] that has just proved to hold the key of its certificate.
//! 3. [`Trust::of`]: who says that this is the card it claims to be. If somebody does, [`SecureChannel::trust`]; before that
//!    neither PIN nor pairing code goes into the channel.
//! 4. [`SecureChannel::protect`] on every whole command, [`SecureChannel::unprotect`] on every whole answer: GET RESPONSE is
//!    sent in plain. A protected command has CLA 0C, Le 00 and a data field of any length; what is longer than 255 bytes is
//!    cut afterwards, the parts with CLA 1C. An answer of 6Cxx is not repeated: the card has ended the session.
//!
//! Over contact the same exchange teaches [`LearntSigner`] who has signed this card.

mod aes;
mod anchors;
#[cfg(test)]
mod card;
mod cvc;
mod error;
mod learnt;
mod opacity;
mod signature;
#[cfg(test)]
mod tests;
mod trust;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use self::aes::{AesKey, BLOCK};
pub use self::{
    anchors::{AnchorError, Anchors},
    cvc::Cvc,
    error::ChannelError,
    learnt::LearntSigner,
    opacity::{Establishment, Peer},
    trust::{ContentSigner, Trust},
};
use crate::{
    Algorithm, Error,
    apdu::{Command, Response, StatusWord},
    tlv,
};

/// Class byte of a protected command: ISO secure messaging, header authenticated.
const SECURE_MESSAGING: u8 = 0x0C;
/// Padding-content indicator and cryptogram.
const CRYPTOGRAM: tlv::Tag = 0x87;
/// Expected length.
const LE: tlv::Tag = 0x97;
/// Processing status: DO 99 with its two bytes is as long as this.
const STATUS: [u8; 2] = [0x99, 2];
/// Cryptographic checksum.
const CHECKSUM: [u8; 2] = [0x8E, 8];
/// Padding-content indicator: 80 and zeros (ISO 7816-4).
const ISO_PADDING: u8 = 0x01;
/// No command of secure messaging comes near this many bytes.
const COMMAND_LIMIT: usize = 0x8000;

/// A cipher suite of SP 800-73-5 part 2, table 14.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// P-256, SHA-256, AES-128.
    Cs2,
    /// P-384, SHA-384, AES-256.
    Cs7,
}

impl Suite {
    /// The suite that a card announces in its answer to SELECT. `None`: it has no secure messaging, or contradicts itself.
    #[must_use]
    pub fn announced(select: &[u8]) -> Option<Self> {
        let templates = tlv::ber(tlv::find(select, 0x61)?).filter(|(tag, _)| *tag == 0xAC);
        let mut suites = templates
            .flat_map(|(_, template)| tlv::ber(template))
            .filter_map(|(tag, value)| (tag == 0x80).then(|| Self::from_identifier(value)).flatten());
        let first = suites.next()?;
        suites.all(|other| other == first).then_some(first)
    }

    fn from_identifier(value: &[u8]) -> Option<Self> {
        [Self::Cs2, Self::Cs7].into_iter().find(|suite| value == [suite.identifier()])
    }

    /// What it is made of, for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cs2 => "CS2 (P-256, SHA-256, AES-128)",
            Self::Cs7 => "CS7 (P-384, SHA-384, AES-256)",
        }
    }

    /// The algorithm identifier, P1 of key establishment.
    const fn identifier(self) -> u8 {
        match self {
            Self::Cs2 => 0x27,
            Self::Cs7 => 0x2E,
        }
    }

    /// The curve of all its keys.
    #[must_use]
    pub const fn curve(self) -> Algorithm {
        match self {
            Self::Cs2 => Algorithm::EccP256,
            Self::Cs7 => Algorithm::EccP384,
        }
    }
}

/// Secure messaging with keys already agreed (SP 800-73-5 part 2, 4.2).
///
/// An error from either method ends the channel, and so does an *outer* status word other than 9000 and 61xx. The status
/// inside DO 99 is the command's own (63Cx, 6982, 6A82 ...) and ends nothing. A channel that has ended holds no keys.
pub struct SecureChannel {
    session: Option<Box<Session>>,
    trusted: bool,
}

impl SecureChannel {
    fn new(keys: SessionKeys) -> Self {
        let (counter, awaited) = (1, false);
        let session =
            Session { keys, counter, command_chain: [0; BLOCK], response_chain: [0; BLOCK], awaited };
        Self { session: Some(Box::new(session)), trusted: false }
    }

    /// From here on PIN and pairing code may go to this card.
    pub fn trust(&mut self) {
        self.trusted = true;
    }

    /// Whether [`SecureChannel::trust`] was called.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// Ends the session here: the keys are wiped.
    pub fn end(&mut self) {
        self.session = None;
    }

    /// Whether there are keys, so that a command can be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.awaited)
    }

    /// Protects one whole command, which was not cut into parts.
    ///
    /// # Errors
    /// [`Error::Channel`]: the channel has ended, or misses an answer; a command that secure messaging does not carry; a PIN
    /// or pairing code for a card that nobody vouches for.
    pub fn protect(&mut self, command: Command) -> Result<Command, Error> {
        let mut session = self.session.take().ok_or(ChannelError::Ended)?;
        if carries_secret(&command) && !self.trusted {
            return Err(ChannelError::NotTrusted.into());
        }
        let protected = session.protect(&command)?;
        self.session = Some(session);
        Ok(protected)
    }

    /// Reads the whole answer to the command that was protected last. What comes back is what the card would have answered
    /// in plain: its status is the one inside.
    ///
    /// # Errors
    /// [`Error::Channel`]: the card has ended the session, or the answer is not its own.
    pub fn unprotect(&mut self, response: Response) -> Result<Response, Error> {
        let mut session = self.session.take().ok_or(ChannelError::Ended)?;
        let plain = session.unprotect(&response)?;
        self.session = Some(session);
        Ok(plain)
    }
}

/// VERIFY and CHANGE REFERENCE DATA with a value.
fn carries_secret(command: &Command) -> bool {
    matches!(command.ins, 0x20 | 0x24) && !command.data.is_empty()
}

/// The keys of one session. `SK_CFRM` has been used up by then.
struct SessionKeys {
    mac: AesKey,
    enc: AesKey,
    rmac: AesKey,
}

struct Session {
    keys: SessionKeys,
    counter: u64,
    /// MAC chaining values, of commands and of responses.
    command_chain: [u8; BLOCK],
    response_chain: [u8; BLOCK],
    /// A command is out whose answer has not come.
    awaited: bool,
}

impl Session {
    fn protect(&mut self, command: &Command) -> Result<Command, ChannelError> {
        if std::mem::replace(&mut self.awaited, true) {
            return Err(ChannelError::OutOfStep);
        }
        let &Command { cla, ins, p1, p2, ref data, expect, .. } = command;
        let carried = matches!(ins, 0xCB | 0x20 | 0x24 | 0x87) && (ins, p2) != (0x87, opacity::KEY);
        if !carried || cla != 0 || data.len() > COMMAND_LIMIT {
            return Err(ChannelError::NotCarried);
        }
        let mut objects = Zeroizing::new(Vec::with_capacity(data.len() + 40));
        if !data.is_empty() {
            let cryptogram = self.keys.enc.encrypt(self.initial_vector(0), data);
            tlv::push(&mut objects, CRYPTOGRAM, &[&[ISO_PADDING], &cryptogram[..]].concat());
        }
        if expect.is_some() {
            tlv::push(&mut objects, LE, &[0]);
        }
        let header = [SECURE_MESSAGING, ins, p1, p2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        self.command_chain = self.keys.mac.mac(&[&self.command_chain, &header, &objects]);
        objects.extend(CHECKSUM);
        objects.extend_from_slice(&self.command_chain[..8]);
        Ok(Command { cla: SECURE_MESSAGING, data: objects, expect: Some(0), ..Command::new(ins, p1, p2) })
    }

    fn unprotect(&mut self, response: &Response) -> Result<Response, ChannelError> {
        if !std::mem::replace(&mut self.awaited, false) {
            return Err(ChannelError::OutOfStep);
        }
        if response.status != StatusWord::OK {
            return Err(ChannelError::EndedBy(response.status));
        }
        let answer = Answer::parse(&response.data).ok_or(ChannelError::Malformed("protected answer"))?;
        let chain = self.keys.rmac.mac(&[&self.response_chain, answer.authenticated]);
        if !bool::from(chain[..8].ct_eq(answer.checksum)) {
            return Err(ChannelError::Checksum);
        }
        self.response_chain = chain;
        let data = match answer.cryptogram {
            Some(cryptogram) => self.keys.enc.decrypt(self.initial_vector(0x80), cryptogram),
            None => Some(Zeroizing::default()),
        };
        self.counter += 1;
        Ok(Response { data: data.ok_or(ChannelError::Padding)?, status: answer.status })
    }

    /// The encrypted counter; the first byte tells commands from responses.
    fn initial_vector(&self, direction: u8) -> [u8; BLOCK] {
        let mut counter = [0; BLOCK];
        counter[0] = direction;
        counter[8..].copy_from_slice(&self.counter.to_be_bytes());
        self.keys.enc.encrypt_block(counter)
    }
}

/// The data objects of a protected answer, read from the end: `[87 len 01 ct] 99 02 SW 8E 08 MAC`, and nothing else.
struct Answer<'a> {
    cryptogram: Option<&'a [u8]>,
    status: StatusWord,
    /// All that the checksum covers.
    authenticated: &'a [u8],
    checksum: &'a [u8],
}

impl<'a> Answer<'a> {
    fn parse(data: &'a [u8]) -> Option<Self> {
        let (authenticated, checksum) = data.split_last_chunk::<10>()?;
        let checksum = checksum.strip_prefix(&CHECKSUM)?;
        let (first, status) = authenticated.split_last_chunk::<4>()?;
        let &[sw1, sw2] = status.strip_prefix(&STATUS)? else { return None };
        let status = StatusWord(u16::from_be_bytes([sw1, sw2]));
        let cryptogram = match first {
            [] => None,
            object => Some(cryptogram(tlv::only(object, CRYPTOGRAM)?)?),
        };
        Some(Self { cryptogram, status, authenticated, checksum })
    }
}

/// What follows the padding-content indicator: whole blocks, at least one.
fn cryptogram(value: &[u8]) -> Option<&[u8]> {
    let cryptogram = value.strip_prefix(&[ISO_PADDING])?;
    (!cryptogram.is_empty() && cryptogram.len().is_multiple_of(BLOCK)).then_some(cryptogram)
}
