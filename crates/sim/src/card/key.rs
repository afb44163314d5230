//! Private keys, and what a card does with them: RSA without padding, ECDSA, ECDH.

use std::sync::OnceLock;

use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPrivateKey};

use crate::fixture::{Algorithm, Fixture};

pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pkcs8: &'static [u8],
    /// Read when first used: a card with 24 keys is made often and uses few.
    private: OnceLock<Private>,
}

enum Private {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
}

impl Key {
    pub(super) fn new(fixture: &Fixture) -> Self {
        Self { algorithm: fixture.algorithm, pkcs8: fixture.key, private: OnceLock::new() }
    }

    /// The public key of a key on a curve, uncompressed.
    pub(super) fn point(&self) -> Option<Vec<u8>> {
        match self.private() {
            Private::Rsa(_) => None,
            Private::P256(key) => Some(key.public_key().to_encoded_point(false).as_bytes().to_vec()),
            Private::P384(key) => Some(key.public_key().to_encoded_point(false).as_bytes().to_vec()),
        }
    }

    pub(super) fn is_rsa(&self) -> bool {
        matches!(self.algorithm, Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096)
    }

    /// The challenge raised to the private exponent; `None` unless it is as long as the modulus and smaller.
    pub(super) fn raise(&self, block: &[u8]) -> Option<Vec<u8>> {
        let Private::Rsa(key) = self.private() else { return None };
        let base = BigUint::from_bytes_be(block);
        if block.len() != key.size() || base >= *key.n() {
            return None;
        }
        let no_blinding = None::<&mut rand_core::OsRng>;
        let result = rsa::hazmat::rsa_decrypt_and_check(key.as_ref(), no_blinding, &base).ok()?.to_bytes_be();
        let mut answer = vec![0; block.len() - result.len()];
        answer.extend(result);
        Some(answer)
    }

    /// ECDSA over a hash, DER; the nonce is that of RFC 6979.
    pub(super) fn sign(&self, hash: &[u8]) -> Option<Vec<u8>> {
        match self.private() {
            Private::Rsa(_) => None,
            Private::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    p256::ecdsa::SigningKey::from(key).sign_prehash(hash).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Private::P384(key) => {
                let signature: p384::ecdsa::Signature =
                    p384::ecdsa::SigningKey::from(key).sign_prehash(hash).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
        }
    }

    /// ECDH with an uncompressed point: the x-coordinate.
    pub(super) fn agree(&self, point: &[u8]) -> Option<Vec<u8>> {
        if point.first() != Some(&0x04) {
            return None;
        }
        match self.private() {
            Private::Rsa(_) => None,
            Private::P256(key) => {
                let other = p256::PublicKey::from_sec1_bytes(point).ok()?;
                let shared = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), other.as_affine());
                Some(shared.raw_secret_bytes().to_vec())
            }
            Private::P384(key) => {
                let other = p384::PublicKey::from_sec1_bytes(point).ok()?;
                let shared = p384::ecdh::diffie_hellman(key.to_nonzero_scalar(), other.as_affine());
                Some(shared.raw_secret_bytes().to_vec())
            }
        }
    }

    /// How long a hash is for this key; nothing for RSA, which is not told of one.
    pub(super) fn hash_length(&self) -> Option<usize> {
        match self.algorithm {
            Algorithm::P256 => Some(32),
            Algorithm::P384 => Some(48),
            _ => None,
        }
    }

    fn private(&self) -> &Private {
        const FIXTURE: &str = "the fixtures are keys of the kind the table says";
        self.private.get_or_init(|| match self.algorithm {
            Algorithm::P256 => Private::P256(p256::SecretKey::from_pkcs8_der(self.pkcs8).expect(FIXTURE)),
            Algorithm::P384 => Private::P384(p384::SecretKey::from_pkcs8_der(self.pkcs8).expect(FIXTURE)),
            _ => Private::Rsa(Box::new(RsaPrivateKey::from_pkcs8_der(self.pkcs8).expect(FIXTURE))),
        })
    }
}
