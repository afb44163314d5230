//! The pairing code (SP 800-73-5 part 2, 4.3): eight digits that a card wants before it opens its virtual contact interface.
//! Less confidential than a PIN and without a retry counter, but not for everyone to see.

use zeroize::Zeroizing;

use crate::{Error, tlv};

/// Tag of the code in the Pairing Code Reference Data Container (SP 800-73-5 part 1, table 44).
const CODE: tlv::Tag = 0x99;

/// Eight digits. Cannot be printed by accident, and is wiped when dropped, from the one place it has.
#[derive(Clone)]
pub struct PairingCode(Box<Zeroizing<[u8; 8]>>);

impl PairingCode {
    /// From text.
    ///
    /// # Errors
    /// [`Error::PairingCodeFormat`] for anything but eight digits; nothing was sent.
    pub fn new(text: &[u8]) -> Result<Self, Error> {
        match <[u8; 8]>::try_from(text) {
            Ok(digits) if digits.iter().all(u8::is_ascii_digit) => Ok(Self(Box::new(Zeroizing::new(digits)))),
            _ => Err(Error::PairingCodeFormat),
        }
    }

    /// From the content of the Pairing Code Reference Data Container.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, Error> {
        let code = tlv::fields(content).find(|(tag, _)| *tag == CODE).map(|(_, value)| value);
        code.and_then(|code| Self::new(code).ok()).ok_or(Error::Malformed("pairing code"))
    }

    /// The digits, to be shown to a person who asked for them, or kept for the login session.
    #[must_use]
    pub fn digits(&self) -> &[u8; 8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_digits_and_nothing_else() {
        assert!(PairingCode::new(b"01234567").is_ok());
        for text in [&b"1234567"[..], b"123456789", b"1234567a", b"", b"1234567\n", b"-1234567"] {
            assert!(matches!(PairingCode::new(text), Err(Error::PairingCodeFormat)));
        }
    }

    #[test]
    fn from_its_container() {
        assert_eq!(PairingCode::parse(b"\x99\x0812345678\xFE\x00").unwrap().digits(), b"12345678");
        for content in [&b""[..], b"\xFE\x00", b"\x99\x081234567x\xFE\x00", b"\x99\x081234"] {
            assert!(PairingCode::parse(content).is_err());
        }
    }
}
