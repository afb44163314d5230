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

    /// A second copy, for the one place that may remember a PIN.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
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
