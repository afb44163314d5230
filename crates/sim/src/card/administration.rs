//! The symmetric keys that open a card for writing: XAUTH key 1 of a Crescendo (command reference 3.4), key 9B of other
//! cards (SP 800-73 part 1, table 4). One block in, one block out, no mode.

use aes::cipher::{Block, BlockEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256};
use des::TdesEde3;

/// XAUTH key 1 of a Crescendo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdministrationKey {
    /// All zero, of the kind its family is delivered with.
    Factory,
    /// There is none, as after RESET CARD.
    Absent,
    /// 24 bytes for 3DES, 16 for AES-128.
    Key(Vec<u8>),
}

/// Key 9B of a card that is no Crescendo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementKey {
    /// 03 3DES, 08 AES-128, 0A AES-192, 0C AES-256.
    pub algorithm: u8,
    /// 24, 16, 24 or 32 bytes.
    pub key: Vec<u8>,
}

/// Reads `none`, 32 hexadecimal digits for AES-128, or 48 for 3DES.
///
/// # Errors
/// When it is anything else.
pub fn administration_key(text: &str) -> Result<AdministrationKey, String> {
    if text == "none" {
        return Ok(AdministrationKey::Absent);
    }
    let key = crate::hex::decode(text).filter(|key| matches!(key.len(), 16 | 24));
    key.map(AdministrationKey::Key).ok_or_else(|| "none, or 32 or 48 hexadecimal digits".into())
}

impl ManagementKey {
    const USUAL: [u8; 24] =
        *b"\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04\x05\x06\x07\x08";

    /// 3DES, 0102030405060708 three times.
    pub fn triple_des() -> Self {
        Self { algorithm: 0x03, key: Self::USUAL.to_vec() }
    }

    /// The same bytes for AES-192.
    pub fn aes_192() -> Self {
        Self { algorithm: 0x0A, key: Self::USUAL.to_vec() }
    }

    /// Reads `3des`, `aes-128`, `aes-192` or `aes-256`, a colon, and the key in hexadecimal digits.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn read(text: &str) -> Result<Self, String> {
        let (kind, digits) = text.split_once(':').ok_or("KIND:HEX")?;
        let algorithm = match kind {
            "3des" => 0x03,
            "aes-128" => 0x08,
            "aes-192" => 0x0A,
            "aes-256" => 0x0C,
            _ => return Err(format!("no kind {kind}: 3des, aes-128, aes-192 or aes-256")),
        };
        let key = crate::hex::decode(digits).ok_or("not hexadecimal")?;
        Cipher::new(algorithm, &key).ok_or("not as long as a key of this kind")?;
        Ok(Self { algorithm, key })
    }

    pub(super) fn cipher(&self) -> Cipher {
        Cipher::new(self.algorithm, &self.key).expect("a key of this kind is that long")
    }
}

/// A block cipher with its key. A 3DES key is taken as it is, with equal thirds too.
#[derive(Clone)]
pub(super) enum Cipher {
    TripleDes(Box<TdesEde3>),
    Aes128(Box<Aes128>),
    Aes192(Box<Aes192>),
    Aes256(Box<Aes256>),
}

impl Cipher {
    /// `None` for a kind there is not, or a key of another length. 00 is another name for 03.
    pub(super) fn new(algorithm: u8, key: &[u8]) -> Option<Self> {
        Some(match algorithm {
            0x00 | 0x03 => Self::TripleDes(Box::new(KeyInit::new_from_slice(key).ok()?)),
            0x08 => Self::Aes128(Box::new(KeyInit::new_from_slice(key).ok()?)),
            0x0A => Self::Aes192(Box::new(KeyInit::new_from_slice(key).ok()?)),
            0x0C => Self::Aes256(Box::new(KeyInit::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    /// How many bytes a challenge has.
    pub(super) fn block(&self) -> usize {
        if matches!(self, Self::TripleDes(_)) { 8 } else { 16 }
    }

    /// `None` unless it is one block.
    pub(super) fn encrypt(&self, block: &[u8]) -> Option<Vec<u8>> {
        let block = Some(block).filter(|block| block.len() == self.block())?;
        Some(match self {
            Self::TripleDes(cipher) => encrypted(&**cipher, block),
            Self::Aes128(cipher) => encrypted(&**cipher, block),
            Self::Aes192(cipher) => encrypted(&**cipher, block),
            Self::Aes256(cipher) => encrypted(&**cipher, block),
        })
    }
}

fn encrypted<C: BlockEncrypt>(cipher: &C, block: &[u8]) -> Vec<u8> {
    let mut output = Block::<C>::default();
    output.copy_from_slice(block);
    cipher.encrypt_block(&mut output);
    output.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    /// The vectors of command reference 2.2 (9).
    #[test]
    fn cryptograms_of_the_command_reference() {
        for (algorithm, key, challenge, cryptogram) in [
            (3, "000000000000000000000000000000000000000000000000", "0123456789ABCDEF", "617B3A0CE8F07100"),
            (3, "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123", "5468652071756663", "A826FD8CE53B855F"),
            (
                8,
                "00000000000000000000000000000000",
                "00112233445566778899AABBCCDDEEFF",
                "C8A331FF8EDD3DB175E1545DBEFB760B",
            ),
            (
                8,
                "000102030405060708090A0B0C0D0E0F",
                "00112233445566778899AABBCCDDEEFF",
                "69C4E0D86A7B0430D8CDB78070B4C55A",
            ),
        ] {
            let [key, challenge] = [key, challenge].map(|text| hex::decode(text).unwrap());
            let cipher = Cipher::new(algorithm, &key).unwrap();
            assert_eq!(cipher.block(), challenge.len());
            assert_eq!(hex::encode(&cipher.encrypt(&challenge).unwrap()), cryptogram);
        }
        assert!(Cipher::new(8, &[0; 24]).is_none() && Cipher::new(7, &[0; 16]).is_none());
        assert_eq!(Cipher::new(3, &[0; 24]).unwrap().encrypt(&[0; 16]), None);
    }

    #[test]
    fn management_keys_are_read_from_text() {
        assert_eq!(
            ManagementKey::read("3des:010203040506070801020304050607080102030405060708"),
            Ok(ManagementKey::triple_des())
        );
        for bad in ["3des", "3des:00", "des:00", "aes-128:0x"] {
            assert!(ManagementKey::read(bad).is_err(), "{bad}");
        }
    }
}
