//! One block under a symmetric key, as cards are administered with: AES (FIPS 197), and 3DES in the old EDE form with three
//! keys, whatever they are. Factory keys are all zero, which DES libraries call weak: the steps are the same.

use aes::{Aes128, Aes192, Aes256};
use des::{
    TdesEde3,
    cipher::{Block, BlockCipher, BlockDecrypt, BlockEncrypt, KeyInit},
};
use zeroize::{Zeroize, Zeroizing};

use crate::Error;

const LENGTHS: &str = "the length of the key was looked at";

/// A block cipher, by the algorithm identifier of SP 800-78-5, table 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    TripleDes,
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    /// The algorithm identifier (SP 800-78-5, table 7).
    pub(crate) const fn identifier(self) -> u8 {
        match self {
            Self::TripleDes => 0x03,
            Self::Aes128 => 0x08,
            Self::Aes192 => 0x0A,
            Self::Aes256 => 0x0C,
        }
    }

    /// The cipher with this identifier. 00 is an old name of 03.
    pub(crate) const fn from_identifier(identifier: u8) -> Option<Self> {
        match identifier {
            0x00 | 0x03 => Some(Self::TripleDes),
            0x08 => Some(Self::Aes128),
            0x0A => Some(Self::Aes192),
            0x0C => Some(Self::Aes256),
            _ => None,
        }
    }

    /// Bytes of a key.
    pub(crate) const fn key_length(self) -> usize {
        match self {
            Self::TripleDes | Self::Aes192 => 24,
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }

    /// Bytes of a block.
    pub(crate) const fn block(self) -> usize {
        match self {
            Self::TripleDes => 8,
            _ => 16,
        }
    }
}

/// The bytes of a key; of which cipher, the use tells. They have one place of their own.
pub(crate) struct KeyBytes(Box<Zeroizing<[u8; 32]>>, usize);

impl KeyBytes {
    /// `None`: longer than any key.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut key = Box::new(Zeroizing::new([0; 32]));
        key.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self(key, bytes.len()))
    }

    /// From hexadecimal digits, in groups if need be.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut key = Self(Box::new(Zeroizing::new([0; 32])), 0);
        let digits = text.chars().filter(|c| !matches!(c, ' ' | ':' | '-'));
        let mut high = None;
        for digit in digits {
            let digit = digit.to_digit(16)? as u8;
            match high.take() {
                None => high = Some(digit),
                Some(high) => {
                    *key.0.get_mut(key.1)? = high << 4 | digit;
                    key.1 += 1;
                }
            }
        }
        high.is_none().then_some(key)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0[..self.1]
    }

    /// Enciphers one block.
    pub(crate) fn encrypt(&self, cipher: Cipher, block: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.fits(cipher, block)?;
        Ok(match cipher {
            Cipher::TripleDes => encrypted::<TdesEde3>(self.bytes(), block),
            Cipher::Aes128 => encrypted::<Aes128>(self.bytes(), block),
            Cipher::Aes192 => encrypted::<Aes192>(self.bytes(), block),
            Cipher::Aes256 => encrypted::<Aes256>(self.bytes(), block),
        })
    }

    /// Deciphers one block.
    pub(crate) fn decrypt(&self, cipher: Cipher, block: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.fits(cipher, block)?;
        Ok(match cipher {
            Cipher::TripleDes => decrypted::<TdesEde3>(self.bytes(), block),
            Cipher::Aes128 => decrypted::<Aes128>(self.bytes(), block),
            Cipher::Aes192 => decrypted::<Aes192>(self.bytes(), block),
            Cipher::Aes256 => decrypted::<Aes256>(self.bytes(), block),
        })
    }

    fn fits(&self, cipher: Cipher, block: &[u8]) -> Result<(), Error> {
        let fits = self.1 == cipher.key_length() && block.len() == cipher.block();
        if fits { Ok(()) } else { Err(Error::KeyKind) }
    }
}

fn encrypted<C: BlockCipher + BlockEncrypt + KeyInit>(key: &[u8], block: &[u8]) -> Zeroizing<Vec<u8>> {
    one_block::<C>(key, block, |cipher, block| cipher.encrypt_block(block))
}

fn decrypted<C: BlockCipher + BlockDecrypt + KeyInit>(key: &[u8], block: &[u8]) -> Zeroizing<Vec<u8>> {
    one_block::<C>(key, block, |cipher, block| cipher.decrypt_block(block))
}

fn one_block<C: BlockCipher + KeyInit>(
    key: &[u8],
    input: &[u8],
    work: impl FnOnce(&C, &mut Block<C>),
) -> Zeroizing<Vec<u8>> {
    let mut block = Block::<C>::default();
    block.copy_from_slice(input);
    work(&C::new_from_slice(key).expect(LENGTHS), &mut block);
    let output = Zeroizing::new(block.to_vec());
    block[..].zeroize();
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        KeyBytes::from_hex(text).unwrap().bytes().to_vec()
    }

    /// The computed vectors of HID's EXTERNAL AUTHENTICATE: factory keys first.
    #[test]
    fn one_block_of_each() {
        let vectors = [
            (Cipher::TripleDes, "00".repeat(24), "0123456789ABCDEF", "617B3A0CE8F07100"),
            (
                Cipher::TripleDes,
                "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123".to_owned(),
                "5468652071756663",
                "A826FD8CE53B855F",
            ),
            (
                Cipher::Aes128,
                "00".repeat(16),
                "00112233445566778899AABBCCDDEEFF",
                "C8A331FF8EDD3DB175E1545DBEFB760B",
            ),
            (
                Cipher::Aes128,
                "000102030405060708090A0B0C0D0E0F".to_owned(),
                "00112233445566778899AABBCCDDEEFF",
                "69C4E0D86A7B0430D8CDB78070B4C55A",
            ),
            (
                Cipher::Aes192,
                "000102030405060708090A0B0C0D0E0F1011121314151617".to_owned(),
                "00112233445566778899AABBCCDDEEFF",
                "DDA97CA4864CDFE06EAF70A0EC0D7191",
            ),
            (
                Cipher::Aes256,
                "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F".to_owned(),
                "00112233445566778899AABBCCDDEEFF",
                "8EA2B7CA516745BFEAFC49904B496089",
            ),
        ];
        for (cipher, key, plain, secret) in vectors {
            let key = KeyBytes::from_hex(&key).unwrap();
            assert_eq!(*key.encrypt(cipher, &hex(plain)).unwrap(), hex(secret));
            assert_eq!(*key.decrypt(cipher, &hex(secret)).unwrap(), hex(plain));
        }
    }

    #[test]
    fn keys_and_blocks_of_other_lengths_are_refused() {
        let key = KeyBytes::new(&[0; 16]).unwrap();
        assert!(matches!(key.encrypt(Cipher::TripleDes, &[0; 8]), Err(Error::KeyKind)));
        assert!(matches!(key.encrypt(Cipher::Aes128, &[0; 8]), Err(Error::KeyKind)));
        assert!(KeyBytes::new(&[0; 33]).is_none());
        assert!(KeyBytes::from_hex(&"0".repeat(66)).is_none());
        assert!(KeyBytes::from_hex("123").is_none() && KeyBytes::from_hex("0g").is_none());
        assert_eq!(hex("0a:0B 0c-0D"), [10, 11, 12, 13]);
    }
}
