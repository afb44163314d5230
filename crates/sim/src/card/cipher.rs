//! AES as secure messaging uses it: one block, CBC with the padding of ISO 7816-4, CMAC (SP 800-73 part 2, 4.2).
//!
//! The length of the key, 16 or 32 bytes, tells AES-128 from AES-256.

use aes::cipher::block_padding::Iso7816;
use aes::cipher::{BlockCipher, BlockDecryptMut, BlockEncrypt, BlockEncryptMut, KeyInit, KeyIvInit};
use aes::{Aes128, Aes256};
use cmac::{Cmac, Mac};

pub(super) type Block = [u8; 16];

const KEY: &str = "keys are 16 or 32 bytes long";

/// CMAC over these bytes, one part after the other.
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> Block {
    match key.len() {
        16 => cmac::<Cmac<Aes128>>(key, parts),
        _ => cmac::<Cmac<Aes256>>(key, parts),
    }
}

/// The initial value that belongs to a counter: its encryption.
pub(super) fn initial_value(key: &[u8], counter: u128) -> Block {
    match key.len() {
        16 => block::<Aes128>(key, counter),
        _ => block::<Aes256>(key, counter),
    }
}

/// Pads and encrypts.
pub(super) fn encrypt(key: &[u8], initial: &Block, text: &[u8]) -> Vec<u8> {
    match key.len() {
        16 => encrypt_cbc::<Aes128>(key, initial, text),
        _ => encrypt_cbc::<Aes256>(key, initial, text),
    }
}

/// Decrypts and takes the padding off; `None` for a length or a padding that is none.
pub(super) fn decrypt(key: &[u8], initial: &Block, text: &[u8]) -> Option<Vec<u8>> {
    match key.len() {
        16 => decrypt_cbc::<Aes128>(key, initial, text),
        _ => decrypt_cbc::<Aes256>(key, initial, text),
    }
}

fn cmac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Block {
    let mut mac = <M as Mac>::new_from_slice(key).expect(KEY);
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes()[..].try_into().expect("a block")
}

fn block<C: BlockEncrypt + KeyInit>(key: &[u8], counter: u128) -> Block {
    let mut block = aes::cipher::Block::<C>::default();
    block.copy_from_slice(&counter.to_be_bytes());
    C::new_from_slice(key).expect(KEY).encrypt_block(&mut block);
    block[..].try_into().expect("a block")
}

fn encrypt_cbc<C: BlockCipher + BlockEncryptMut + KeyInit>(
    key: &[u8],
    initial: &Block,
    text: &[u8],
) -> Vec<u8> {
    let cipher = cbc::Encryptor::<C>::new_from_slices(key, initial).expect(KEY);
    cipher.encrypt_padded_vec_mut::<Iso7816>(text)
}

fn decrypt_cbc<C: BlockCipher + BlockDecryptMut + KeyInit>(
    key: &[u8],
    initial: &Block,
    text: &[u8],
) -> Option<Vec<u8>> {
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, initial).expect(KEY);
    cipher.decrypt_padded_vec_mut::<Iso7816>(text).ok()
}
