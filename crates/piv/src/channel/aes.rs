//! AES as secure messaging uses it: CMAC (SP 800-38B) and CBC with ISO padding, with keys of 16 or 32 bytes.

use aes::{Aes128, Aes256};
use cbc::cipher::{
    BlockCipher, BlockDecryptMut, BlockEncrypt, BlockEncryptMut, KeyInit, KeyIvInit, block_padding::Iso7816,
    consts::U16,
};
use cmac::{Cmac, Mac};
use zeroize::Zeroizing;

/// Bytes of a block and of a CMAC.
pub(super) const BLOCK: usize = 16;

const LENGTHS: &str = "keys have 16 or 32 bytes, blocks have 16";

/// One key. It stays where it was put, so that moving a session leaves no copies.
pub(super) enum AesKey {
    Aes128(Box<Zeroizing<[u8; 16]>>),
    Aes256(Box<Zeroizing<[u8; 32]>>),
}

impl AesKey {
    /// A key of 16 or 32 bytes.
    pub(super) fn new(bytes: &[u8]) -> Self {
        if bytes.len() == 16 {
            let mut key = Box::new(Zeroizing::new([0; 16]));
            key.copy_from_slice(bytes);
            return Self::Aes128(key);
        }
        let mut key = Box::new(Zeroizing::new([0; 32]));
        key.copy_from_slice(bytes);
        Self::Aes256(key)
    }

    /// AES-CMAC over these parts, one after the other.
    pub(super) fn mac(&self, parts: &[&[u8]]) -> [u8; BLOCK] {
        match self {
            Self::Aes128(key) => mac::<Cmac<Aes128>>(&key[..], parts),
            Self::Aes256(key) => mac::<Cmac<Aes256>>(&key[..], parts),
        }
    }

    /// One block.
    pub(super) fn encrypt_block(&self, block: [u8; BLOCK]) -> [u8; BLOCK] {
        let mut block = block.into();
        match self {
            Self::Aes128(key) => Aes128::new((&***key).into()).encrypt_block(&mut block),
            Self::Aes256(key) => Aes256::new((&***key).into()).encrypt_block(&mut block),
        }
        block.into()
    }

    /// CBC, padded with 80 and zeros to whole blocks; there is always padding.
    pub(super) fn encrypt(&self, iv: [u8; BLOCK], plain: &[u8]) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Aes128(key) => encrypt::<Aes128>(&key[..], iv, plain),
            Self::Aes256(key) => encrypt::<Aes256>(&key[..], iv, plain),
        }
    }

    /// The inverse. `None`: not whole blocks, or the padding is none.
    pub(super) fn decrypt(&self, iv: [u8; BLOCK], cryptogram: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Aes128(key) => decrypt::<Aes128>(&key[..], iv, cryptogram),
            Self::Aes256(key) => decrypt::<Aes256>(&key[..], iv, cryptogram),
        }
    }
}

fn mac<M: Mac<OutputSize = U16> + KeyInit>(key: &[u8], parts: &[&[u8]]) -> [u8; BLOCK] {
    let mut mac = <M as Mac>::new_from_slice(key).expect(LENGTHS);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn encrypt<C: BlockEncryptMut + BlockCipher + KeyInit>(
    key: &[u8],
    iv: [u8; BLOCK],
    plain: &[u8],
) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(vec![0; plain.len() / BLOCK * BLOCK + BLOCK]);
    text[..plain.len()].copy_from_slice(plain);
    let cipher = cbc::Encryptor::<C>::new_from_slices(key, &iv).expect(LENGTHS);
    cipher.encrypt_padded_mut::<Iso7816>(&mut text, plain.len()).expect(LENGTHS);
    text
}

fn decrypt<C: BlockDecryptMut + BlockCipher + KeyInit>(
    key: &[u8],
    iv: [u8; BLOCK],
    cryptogram: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(cryptogram.to_vec());
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, &iv).expect(LENGTHS);
    let length = cipher.decrypt_padded_mut::<Iso7816>(&mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}
