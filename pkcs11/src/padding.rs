//! RSA padding on the host (RFC 8017): the card only does the private operation. What is taken off a decrypted block is
//! taken off without a branch on its content, and every failure is the same failure.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};
use zeroize::Zeroizing;

use crate::{Error, hash::Hash};

/// EMSA-PKCS1-v1_5 (9.2), for a modulus of `len` bytes. `content` is a DigestInfo, or whatever the program made itself.
pub(crate) fn pkcs1_sign(content: &[u8], len: usize) -> Result<Vec<u8>, Error> {
    let fill = len.checked_sub(content.len() + 3).filter(|fill| *fill >= 8).ok_or(Error::DataLength)?;
    let mut block = vec![0xFF; len];
    block[0] = 0;
    block[1] = 1;
    block[2 + fill] = 0;
    block[3 + fill..].copy_from_slice(content);
    Ok(block)
}

/// The raw operation: the number as it is, as long as the modulus and smaller than it.
pub(crate) fn raw(content: &[u8], modulus: &[u8]) -> Result<Vec<u8>, Error> {
    let fill = modulus.len().checked_sub(content.len()).ok_or(Error::DataLength)?;
    let mut block = vec![0; modulus.len()];
    block[fill..].copy_from_slice(content);
    if block.as_slice() < modulus { Ok(block) } else { Err(Error::DataInvalid) }
}

/// What PSS is to be made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pss {
    pub hash: Hash,
    pub mgf: Hash,
    pub salt_len: usize,
}

impl Pss {
    /// Whether hash and salt fit a modulus of so many bits.
    pub(crate) fn fits(&self, bits: usize) -> bool {
        self.salt_len.checked_add(self.hash.len() + 2).is_some_and(|least| least <= (bits - 1).div_ceil(8))
    }

    /// EMSA-PSS (9.1.1), as long as the modulus of `bits` bits. The encoded message has one bit less, so a modulus of
    /// 8n bits gets a top bit of 0, and one of 8n + 1 bits a whole byte of 0 in front.
    pub(crate) fn sign(&self, digest: &[u8], salt: &[u8], bits: usize) -> Result<Vec<u8>, Error> {
        if digest.len() != self.hash.len() || salt.len() != self.salt_len || !self.fits(bits) {
            return Err(Error::DataLength);
        }
        let len = (bits - 1).div_ceil(8);
        let hash = self.hash.of(&[&[0; 8], digest, salt]);
        let mut db = vec![0; len - hash.len() - 1];
        let salt_at = db.len() - salt.len();
        db[salt_at - 1] = 1;
        db[salt_at..].copy_from_slice(salt);
        mask(self.mgf, &hash, &mut db);
        db[0] &= 0xFF >> (8 * len - (bits - 1));
        let mut block = vec![0; bits.div_ceil(8) - len];
        block.extend(db);
        block.extend(hash);
        block.push(0xBC);
        Ok(block)
    }
}

impl Pss {
    /// EMSA-PSS verification (9.1.2) of a block as long as the modulus of `bits` bits.
    pub(crate) fn verify(&self, digest: &[u8], block: &[u8], bits: usize) -> bool {
        let (len, hash_len) = ((bits - 1).div_ceil(8), self.hash.len());
        if digest.len() != hash_len || block.len() != bits.div_ceil(8) || !self.fits(bits) {
            return false;
        }
        let (above, encoded) = block.split_at(block.len() - len);
        let (db, rest) = encoded.split_at(len - hash_len - 1);
        let (hash, trailer) = rest.split_at(hash_len);
        let top = 0xFF >> (8 * len - (bits - 1));
        if above.iter().any(|byte| *byte != 0) || db[0] & !top != 0 || trailer != [0xBC] {
            return false;
        }
        let mut db = db.to_vec();
        mask(self.mgf, hash, &mut db);
        db[0] &= top;
        let (fill, salt) = db.split_at(db.len() - self.salt_len);
        let is_filled =
            fill.split_last().is_some_and(|(one, zeros)| *one == 1 && zeros.iter().all(|byte| *byte == 0));
        is_filled && self.hash.of(&[&[0; 8], digest, salt]) == hash
    }
}

/// MGF1 (B.2.1), xored onto `data`.
fn mask(hash: Hash, seed: &[u8], data: &mut [u8]) {
    for (counter, chunk) in (0u32..).zip(data.chunks_mut(hash.len())) {
        let mask = Zeroizing::new(hash.of(&[seed, &counter.to_be_bytes()]));
        chunk.iter_mut().zip(mask.iter()).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// EME-PKCS1-v1_5 (7.2.1), for a modulus of `len` bytes: at least 8 random bytes, none of them 0.
pub(crate) fn pkcs1_encrypt(
    text: &[u8],
    len: usize,
    random: impl Fn(&mut [u8]) -> Result<(), Error>,
) -> Result<Vec<u8>, Error> {
    let fill = len.checked_sub(text.len() + 3).filter(|fill| *fill >= 8).ok_or(Error::DataLength)?;
    let mut block = vec![0; len];
    block[1] = 2;
    for byte in &mut block[2..2 + fill] {
        while *byte == 0 {
            random(std::slice::from_mut(byte))?;
        }
    }
    block[3 + fill..].copy_from_slice(text);
    Ok(block)
}

/// Takes EME-PKCS1-v1_5 off (7.2.2).
pub(crate) fn pkcs1_decrypt(block: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    if block.len() < 11 {
        return Err(Error::EncryptedInvalid);
    }
    let (found, end) = first(&block[2..], 0x00);
    let good = block[0].ct_eq(&0) & block[1].ct_eq(&2) & found & !end.ct_lt(&8);
    message(&block[2..], good, end)
}

/// What OAEP was made with.
#[derive(Clone, Debug)]
pub(crate) struct Oaep {
    pub hash: Hash,
    pub mgf: Hash,
    pub label: Vec<u8>,
}

impl Oaep {
    /// EME-OAEP (7.1.1, step 2), for a modulus of `len` bytes.
    pub(crate) fn encrypt(
        &self,
        text: &[u8],
        len: usize,
        random: impl Fn(&mut [u8]) -> Result<(), Error>,
    ) -> Result<Vec<u8>, Error> {
        let hash_len = self.hash.len();
        let most = len.checked_sub(2 * hash_len + 2).ok_or(Error::DataLength)?;
        let fill = most.checked_sub(text.len()).ok_or(Error::DataLength)?;
        let mut block = vec![0; len];
        let (seed, db) = block[1..].split_at_mut(hash_len);
        random(seed)?;
        db[..hash_len].copy_from_slice(&self.hash.of(&[&self.label]));
        db[hash_len + fill] = 1;
        db[hash_len + fill + 1..].copy_from_slice(text);
        mask(self.mgf, seed, db);
        mask(self.mgf, db, seed);
        Ok(block)
    }

    /// Takes EME-OAEP off (7.1.2, step 3).
    pub(crate) fn decrypt(&self, block: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let len = self.hash.len();
        if block.len() < 2 * len + 2 {
            return Err(Error::EncryptedInvalid);
        }
        let mut seed = Zeroizing::new(block[1..=len].to_vec());
        let mut db = Zeroizing::new(block[1 + len..].to_vec());
        mask(self.mgf, &db, &mut seed);
        mask(self.mgf, &seed, &mut db);
        let (label, rest) = db.split_at(len);
        let (found, end) = first_nonzero(rest);
        let one = (0u32..)
            .zip(rest)
            .fold(0, |byte, (at, here)| u8::conditional_select(&byte, here, at.ct_eq(&end)));
        let good = block[0].ct_eq(&0) & label.ct_eq(&self.hash.of(&[&self.label])) & found & one.ct_eq(&1);
        message(rest, good, end)
    }
}

/// Where this byte is first, looking at all of them. Not found: 0.
fn first(bytes: &[u8], wanted: u8) -> (Choice, u32) {
    first_by(bytes, |byte| byte.ct_eq(&wanted))
}

fn first_nonzero(bytes: &[u8]) -> (Choice, u32) {
    first_by(bytes, |byte| !byte.ct_eq(&0))
}

fn first_by(bytes: &[u8], wanted: impl Fn(u8) -> Choice) -> (Choice, u32) {
    (0u32..).zip(bytes).fold((Choice::from(0), 0), |(found, at), (here, byte)| {
        let now = wanted(*byte);
        (found | now, u32::conditional_select(&at, &here, now & !found))
    })
}

/// What follows the separator. Whether it is good is told only here, once everything has been looked at.
fn message(bytes: &[u8], good: Choice, separator: u32) -> Result<Zeroizing<Vec<u8>>, Error> {
    if bool::from(good) {
        Ok(Zeroizing::new(bytes[separator as usize + 1..].to_vec()))
    } else {
        Err(Error::EncryptedInvalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_1_blocks() {
        let block = pkcs1_sign(&[0xAA; 20], 128).unwrap();
        assert_eq!(
            (block.len(), &block[..3], &block[106..109]),
            (128, &[0, 1, 0xFF][..], &[0xFF, 0, 0xAA][..])
        );
        assert!(pkcs1_sign(&[0; 117], 128).is_ok());
        assert!(matches!(pkcs1_sign(&[0; 118], 128), Err(Error::DataLength)));
    }

    #[test]
    fn a_raw_block_is_smaller_than_the_modulus() {
        assert_eq!(raw(&[5], &[1, 0, 0]).unwrap(), [0, 0, 5]);
        assert!(matches!(raw(&[1, 0, 0], &[1, 0, 0]), Err(Error::DataInvalid)));
        assert!(matches!(raw(&[0; 4], &[1, 0, 0]), Err(Error::DataLength)));
    }

    #[test]
    fn type_2_blocks() {
        let block = |fill: usize, content: &[u8]| [&[0, 2][..], &vec![7; fill], &[0], content].concat();
        assert_eq!(*pkcs1_decrypt(&block(8, b"text")).unwrap(), b"text");
        assert_eq!(*pkcs1_decrypt(&block(20, b"")).unwrap(), b"");
        for bad in
            [block(7, b"text"), vec![0, 1, 7, 7, 7, 7, 7, 7, 7, 7, 0, 9], [&[0, 2][..], &[7; 60]].concat()]
        {
            assert!(matches!(pkcs1_decrypt(&bad), Err(Error::EncryptedInvalid)));
        }
        assert!(pkcs1_decrypt(&[0, 2]).is_err());
    }

    #[test]
    fn pss_clears_the_bits_above_the_modulus() {
        let pss = Pss { hash: Hash::Sha256, mgf: Hash::Sha256, salt_len: 32 };
        for bits in [1024, 1025, 1026, 1031] {
            let block = pss.sign(&[1; 32], &[2; 32], bits).unwrap();
            assert_eq!(block.len(), bits.div_ceil(8));
            let leading = block
                .iter()
                .position(|byte| *byte != 0)
                .map(|at| 8 * at + block[at].leading_zeros() as usize);
            assert!(8 * block.len() - leading.unwrap() < bits, "{bits}");
            assert_eq!(*block.last().unwrap(), 0xBC);
        }
        assert!(!Pss { salt_len: usize::MAX, ..pss }.fits(1024));
        assert!(Pss { salt_len: 94, ..pss }.fits(1024));
        assert!(!Pss { salt_len: 95, ..pss }.fits(1024));
    }

    fn sevens(bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(7);
        Ok(())
    }

    #[test]
    fn what_is_put_on_comes_off() {
        assert_eq!(*pkcs1_decrypt(&pkcs1_encrypt(b"text", 128, sevens).unwrap()).unwrap(), b"text");
        assert!(pkcs1_encrypt(&[0; 117], 128, sevens).is_ok());
        assert!(matches!(pkcs1_encrypt(&[0; 118], 128, sevens), Err(Error::DataLength)));
        let oaep = Oaep { hash: Hash::Sha256, mgf: Hash::Sha1, label: b"label".to_vec() };
        assert_eq!(*oaep.decrypt(&oaep.encrypt(b"text", 128, sevens).unwrap()).unwrap(), b"text");
        assert_eq!(*oaep.decrypt(&oaep.encrypt(&[9; 62], 128, sevens).unwrap()).unwrap(), [9; 62]);
        assert!(matches!(oaep.encrypt(&[9; 63], 128, sevens), Err(Error::DataLength)));
    }

    #[test]
    fn pss_blocks_are_known_again_and_no_others() {
        for (bits, salt_len) in [(1024, 32), (1025, 0), (1026, 94), (1031, 20)] {
            let pss = Pss { hash: Hash::Sha256, mgf: Hash::Sha384, salt_len };
            let block = pss.sign(&[1; 32], &vec![2; salt_len], bits).unwrap();
            assert!(pss.verify(&[1; 32], &block, bits));
            assert!(!pss.verify(&[2; 32], &block, bits));
            assert!(!Pss { salt_len: salt_len.abs_diff(1), ..pss }.verify(&[1; 32], &block, bits));
            for at in 0..block.len() {
                let mut damaged = block.clone();
                damaged[at] ^= 0x80;
                assert!(!pss.verify(&[1; 32], &damaged, bits), "{bits} {at}");
            }
        }
    }

    #[test]
    fn a_damaged_oaep_block_is_one_error() {
        let oaep = Oaep { hash: Hash::Sha1, mgf: Hash::Sha1, label: vec![] };
        for block in [vec![0; 128], vec![0xFF; 128], vec![]] {
            assert!(matches!(oaep.decrypt(&block), Err(Error::EncryptedInvalid)));
        }
    }
}
