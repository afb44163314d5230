//! The administration key of a Crescendo (XAUTH key 1, in its access control application) and what is proved with it: one
//! block, enciphered. It opens administration and lifts a blocked PIN, and has no retry counter.

use zeroize::Zeroizing;

use crate::{
    Error,
    symmetric::{Cipher, KeyBytes},
};

/// An administration key: AES-128 or 3DES, as its length says.
///
/// It cannot be printed or copied, and is wiped when dropped.
pub struct XauthKey(KeyBytes, Cipher);

/// What a card asks to be enciphered: 8 bytes where its key is 3DES (or where it has none), 16 where it is AES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge([u8; 16], usize);

/// The answer to a [`Challenge`], of the same length. It opens the whole administration of the card that asked, once.
pub struct Cryptogram(Zeroizing<Vec<u8>>);

impl XauthKey {
    /// A key of 16 bytes (AES-128) or 24 (3DES).
    ///
    /// # Errors
    /// [`Error::KeyFormat`] for another length.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        KeyBytes::new(bytes).and_then(Self::of).ok_or(Error::KeyFormat(FORMAT))
    }

    /// From 32 or 48 hexadecimal digits; spaces and colons between them do not count.
    ///
    /// # Errors
    /// As [`XauthKey::new`].
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        KeyBytes::from_hex(text).and_then(Self::of).ok_or(Error::KeyFormat(FORMAT))
    }

    fn of(key: KeyBytes) -> Option<Self> {
        match key.bytes().len() {
            16 => Some(Self(key, Cipher::Aes128)),
            24 => Some(Self(key, Cipher::TripleDes)),
            _ => None,
        }
    }

    /// Whether it is the key that devices are delivered with: whoever holds the device can administer it then.
    #[must_use]
    pub fn is_factory(&self) -> bool {
        self.0.bytes().iter().all(|byte| *byte == 0)
    }

    /// The answer to a challenge.
    ///
    /// # Errors
    /// [`Error::KeyKind`] where the challenge is for a key of the other kind.
    pub fn answer(&self, challenge: &Challenge) -> Result<Cryptogram, Error> {
        self.0.encrypt(self.1, challenge.bytes()).map(Cryptogram)
    }

    /// The algorithm byte and the key, as PUT XAUTH KEY takes them.
    pub(crate) fn parts(&self) -> (u8, &[u8]) {
        (self.1.identifier(), self.0.bytes())
    }
}

const FORMAT: &str = "an administration key has 32 (AES) or 48 (3DES) hexadecimal digits";

impl Challenge {
    /// A challenge of 8 or 16 bytes; `None` for anything else.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut challenge = [0; 16];
        challenge.get_mut(..bytes.len())?.copy_from_slice(bytes);
        matches!(bytes.len(), 8 | 16).then_some(Self(challenge, bytes.len()))
    }

    /// 8 or 16 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

impl Cryptogram {
    /// An answer of 8 or 16 bytes; `None` for anything else.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        matches!(bytes.len(), 8 | 16).then(|| Self(Zeroizing::new(bytes.to_vec())))
    }

    /// 8 or 16 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_challenge_names_the_kind_of_key() {
        let aes = XauthKey::from_hex("000102030405060708090A0B0C0D0E0F").ok().unwrap();
        let triple = XauthKey::new(&[0; 24]).ok().unwrap();
        let (short, long) = (Challenge::new(&[1; 8]).unwrap(), Challenge::new(&[1; 16]).unwrap());
        assert_eq!(aes.answer(&long).ok().unwrap().bytes().len(), 16);
        assert_eq!(triple.answer(&short).ok().unwrap().bytes().len(), 8);
        assert!(matches!(aes.answer(&short), Err(Error::KeyKind)));
        assert!(matches!(triple.answer(&long), Err(Error::KeyKind)));
        assert!(triple.is_factory() && !aes.is_factory());
    }

    #[test]
    fn other_lengths_are_no_keys_and_no_challenges() {
        for length in [0, 8, 15, 17, 23, 25, 32, 33] {
            assert!(matches!(XauthKey::new(&vec![0; length]), Err(Error::KeyFormat(_))));
        }
        assert!(XauthKey::from_hex("0").is_err());
        assert!(Challenge::new(&[0; 12]).is_none() && Challenge::new(&[0; 17]).is_none());
        assert!(Cryptogram::new(&[0; 9]).is_none());
    }
}
