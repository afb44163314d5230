//! The public half of a key that has no certificate, found out by using the key: for a key that was made on a card which never
//! tells it again, because the certificate was not written then.
//!
//! ECDSA: a signature leaves at most four keys that can have made it (SEC 1, 4.1.6), and a second one leaves the one. RSA, which
//! the card does without padding: what it makes of 2 times what it makes of 3 differs from what it makes of 6 by a multiple of
//! the modulus; two such multiples have little more than the modulus in common. What was found is checked, and else not returned.

use ecdsa::RecoveryId;
use rsa::BigUint;

use super::Token;
use crate::{Algorithm, Error, KeyReference, Pin, PublicKey, StatusWord};

/// What kinds of keys there are where the card does not tell, the likelier ones first.
const KINDS: [Algorithm; 5] =
    [Algorithm::EccP256, Algorithm::Rsa2048, Algorithm::EccP384, Algorithm::Rsa3072, Algorithm::Rsa4096];
/// The public exponent of SP 800-78-5, 3.1.
const EXPONENT: u32 = 65537;

impl Token {
    /// The public half of a key that signs. `None`: there is no key, or the card lets it sign nothing.
    ///
    /// # Errors
    /// Of VERIFY; of the link; [`Error::Refused`].
    pub fn recover(&mut self, key: KeyReference, pin: Option<&Pin>) -> Result<Option<PublicKey>, Error> {
        let told = self.place(key)?.and_then(|place| place.algorithm);
        let kinds = told.map_or(KINDS.to_vec(), |algorithm| vec![algorithm]);
        for algorithm in kinds {
            let found = if algorithm.is_rsa() {
                self.recover_rsa(key, algorithm, pin)
            } else {
                self.recover_ecc(key, algorithm, pin)
            };
            match found {
                Err(Error::Refused { status, .. }) if is_another_kind(status) => {}
                found => return found,
            }
        }
        Ok(None)
    }

    fn recover_ecc(
        &mut self,
        key: KeyReference,
        algorithm: Algorithm,
        pin: Option<&Pin>,
    ) -> Result<Option<PublicKey>, Error> {
        let hashes = [vec![0x5A; algorithm.field_length()], vec![0xA5; algorithm.field_length()]];
        let mut candidates = Vec::new();
        for hash in &hashes {
            let signature = self.with_key(key, pin, |piv| piv.sign(key, algorithm, hash))?;
            let able = signers(algorithm, hash, &signature);
            candidates = if candidates.is_empty() {
                able
            } else {
                candidates.into_iter().filter(|point| able.contains(point)).collect()
            };
        }
        match &candidates[..] {
            [point] => PublicKey::ecc(algorithm, point).map(Some),
            _ => Err(Error::Malformed("signature")),
        }
    }

    fn recover_rsa(
        &mut self,
        key: KeyReference,
        algorithm: Algorithm,
        pin: Option<&Pin>,
    ) -> Result<Option<PublicKey>, Error> {
        let mut raised = |number: u8| {
            let mut block = vec![0; algorithm.field_length()];
            block[algorithm.field_length() - 1] = number;
            let answer = self.with_key(key, pin, |piv| piv.sign(key, algorithm, &block))?;
            Ok::<_, Error>(BigUint::from_bytes_be(&answer))
        };
        let two = raised(2)?;
        let first = difference(&two * raised(3)?, raised(6)?);
        let second = difference(&two * raised(5)?, raised(10)?);
        let modulus = modulus(first, second, algorithm).ok_or(Error::Malformed("signature"))?;
        let public = PublicKey::rsa(algorithm, &modulus.to_bytes_be(), &EXPONENT.to_be_bytes())?;
        let is_right = two.modpow(&BigUint::from(EXPONENT), &modulus) == BigUint::from(2u8);
        if is_right { Ok(Some(public)) } else { Err(Error::Malformed("signature")) }
    }
}

/// The card has no key there, or another kind of key, or one that does something else.
fn is_another_kind(status: StatusWord) -> bool {
    let known = [StatusWord::WRONG_DATA, StatusWord::WRONG_PARAMETERS, StatusWord::REFERENCE_NOT_FOUND];
    known.contains(&status) || matches!(status, StatusWord(0x6985 | 0x6A81) | StatusWord::WRONG_LENGTH)
}

/// The points whose private halves can have made this signature (DER) over this hash.
fn signers(algorithm: Algorithm, hash: &[u8], signature: &[u8]) -> Vec<Vec<u8>> {
    let ids = (0..4).filter_map(RecoveryId::from_byte);
    match algorithm {
        Algorithm::EccP384 => {
            let Ok(signature) = p384::ecdsa::Signature::from_der(signature) else { return Vec::new() };
            let key = |id| p384::ecdsa::VerifyingKey::recover_from_prehash(hash, &signature, id).ok();
            ids.filter_map(key).map(|key| key.to_encoded_point(false).as_bytes().to_vec()).collect()
        }
        _ => {
            let Ok(signature) = p256::ecdsa::Signature::from_der(signature) else { return Vec::new() };
            let key = |id| p256::ecdsa::VerifyingKey::recover_from_prehash(hash, &signature, id).ok();
            ids.filter_map(key).map(|key| key.to_encoded_point(false).as_bytes().to_vec()).collect()
        }
    }
}

fn difference(one: BigUint, other: BigUint) -> BigUint {
    if one > other { one - other } else { other - one }
}

/// What two multiples have in common, without the small factors that they may share by chance.
fn modulus(first: BigUint, second: BigUint, algorithm: Algorithm) -> Option<BigUint> {
    let zero = BigUint::from(0u8);
    let (mut modulus, mut rest) = (first, second);
    while rest != zero {
        (modulus, rest) = (rest.clone(), modulus % rest);
    }
    let bits = algorithm.field_length() * 8;
    for factor in 2..10_000u32 {
        while modulus.bits() > bits && &modulus % factor == zero {
            modulus /= factor;
        }
    }
    (modulus.bits() == bits).then_some(modulus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_factors_in_common_are_no_part_of_a_modulus() {
        let mut bytes = vec![0xC3; 128];
        bytes[127] = 0x01;
        let n = BigUint::from_bytes_be(&bytes);
        let found = modulus(&n * 6u32 * 35u32, &n * 6u32 * 11u32, Algorithm::Rsa1024);
        assert_eq!(found, Some(n.clone()));
        assert_eq!(modulus(n, BigUint::from(7u8), Algorithm::Rsa1024), None);
    }
}
