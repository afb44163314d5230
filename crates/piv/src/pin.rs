//! PINs, and what is known of their tries (SP 800-73-5 part 2, 3.2.1 and 2.4.3).

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Error;

/// A PIN, PUK or other reference data in the form the card takes: 8 bytes, padded with FF.
///
/// It cannot be printed, copied or compared by accident, and is wiped when dropped. It has one place of its own: what is
/// moved would leave its bytes behind.
pub struct Pin(Box<Zeroizing<[u8; 8]>>);

impl Pin {
    /// A PIN by the standard: 6 to 8 digits.
    ///
    /// # Errors
    /// [`Error::PinFormat`] for anything else, so that no try is spent on it.
    pub fn new(text: &[u8]) -> Result<Self, Error> {
        if !(6..=8).contains(&text.len()) || !text.iter().all(u8::is_ascii_digit) {
            return Err(Error::PinFormat);
        }
        Ok(Self::padded(text))
    }

    /// A PUK: 6 to 8 bytes of any value but FF, which is the padding.
    ///
    /// # Errors
    /// [`Error::PinFormat`] for anything else.
    pub fn puk(text: &[u8]) -> Result<Self, Error> {
        if !(6..=8).contains(&text.len()) || text.contains(&0xFF) {
            return Err(Error::PinFormat);
        }
        Ok(Self::padded(text))
    }

    fn padded(text: &[u8]) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0xFF; 8]));
        bytes[..text.len()].copy_from_slice(text);
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// Whether this is the same PIN.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0[..]).into()
    }

    /// A second copy, for the one place that may remember a PIN.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What a PIN has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinPolicy {
    /// The fewest characters, from 4 on.
    pub min: u8,
    /// The most characters, up to 8.
    pub max: u8,
    /// Digits alone; else any byte but FF.
    pub digits: bool,
}

impl PinPolicy {
    /// Of the standard: 6 to 8 digits (SP 800-73-5 part 2, 2.4.3).
    pub const STANDARD: Self = Self { min: 6, max: 8, digits: true };
    /// What any card may have set as its PIN: 4 to 8 bytes.
    pub const LOOSEST: Self = Self { min: 4, max: 8, digits: false };

    /// What admits all that either of the two admits.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let (min, max) = (self.min.min(other.min), self.max.max(other.max));
        Self { min, max, digits: self.digits && other.digits }
    }

    /// Whether such a policy can be.
    #[must_use]
    pub fn is_sane(self) -> bool {
        4 <= self.min && self.min <= self.max && self.max <= 8
    }

    /// Whether a PIN may look so.
    #[must_use]
    pub fn admits(self, text: &[u8]) -> bool {
        (usize::from(self.min)..=usize::from(self.max)).contains(&text.len())
            && text.iter().all(|byte| if self.digits { byte.is_ascii_digit() } else { *byte != 0xFF })
    }

    /// The PIN, if it looks as this wants it.
    ///
    /// # Errors
    /// [`Error::PinFormat`], so that no try is spent on it.
    pub fn pin(self, text: &[u8]) -> Result<Pin, Error> {
        if self.is_sane() && self.admits(text) { Ok(Pin::padded(text)) } else { Err(Error::PinFormat) }
    }
}

/// Which reference data a command is about (SP 800-73-5 part 1, table 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinReference {
    /// 80, the PIN of the PIV card application.
    Application,
    /// 00, the PIN of the whole card.
    Global,
    /// 81, the PIN unblocking key.
    Puk,
    /// 98, the pairing code.
    PairingCode,
}

impl PinReference {
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Global => 0x00,
            Self::Application => 0x80,
            Self::Puk => 0x81,
            Self::PairingCode => 0x98,
        }
    }
}

/// What a card tells of a PIN when asked with an empty VERIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinState {
    /// It has been verified, by us or by another program; how many tries a wrong one has is not told.
    Verified,
    /// It has not been verified, and so many tries are left.
    Tries(u8),
    /// No tries are left.
    Blocked,
    /// No tries are left over contactless; over contact there may be.
    ContactOnly,
    /// The card has no such PIN.
    Absent,
}

/// What a card tells of its PUK when asked at no cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PukState {
    /// So many tries are left.
    Tries(u8),
    /// No tries are left.
    Blocked,
    /// The card does not say; it may have one.
    Untold,
    /// It has none.
    Absent,
}

impl PukState {
    pub(crate) fn of_tries(tries: u8) -> Self {
        if tries == 0 { Self::Blocked } else { Self::Tries(tries) }
    }
}

/// The fingerprint of a PIN a card has just refused, good only for recognising the same PIN again.
pub(crate) struct Fingerprint {
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Fingerprint {
    pub(crate) fn of(pin: &Pin) -> Option<Self> {
        let mut salt = [0; 16];
        getrandom::getrandom(&mut salt).ok()?;
        Some(Self { salt, hash: hash(&salt, pin) })
    }

    pub(crate) fn fits(&self, pin: &Pin) -> bool {
        hash(&self.salt, pin).ct_eq(&self.hash).into()
    }
}

fn hash(salt: &[u8], pin: &Pin) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(pin.bytes()).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pads_with_ff() {
        assert_eq!(Pin::new(b"123456").ok().unwrap().bytes(), b"123456\xFF\xFF");
        assert_eq!(Pin::new(b"12345678").ok().unwrap().bytes(), b"12345678");
    }

    #[test]
    fn refuses_what_the_card_might_count() {
        for text in [&b""[..], b"12345", b"123456789", b"12345a", b"12345\xFF"] {
            assert!(matches!(Pin::new(text), Err(Error::PinFormat)));
        }
        assert!(Pin::puk(b"a1b2c3").is_ok());
        assert!(Pin::puk(b"12345\xFF").is_err());
    }

    #[test]
    fn a_fingerprint_knows_its_pin_and_no_other() {
        let pin = Pin::new(b"123456").ok().unwrap();
        let fingerprint = Fingerprint::of(&pin).unwrap();
        assert!(fingerprint.fits(&pin));
        assert!(!fingerprint.fits(&Pin::new(b"123457").ok().unwrap()));
    }
}
