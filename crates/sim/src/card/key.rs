//! Private keys, and what a card does with them: RSA without padding, ECDSA, ECDH.

use std::sync::OnceLock;

use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use rand_core::OsRng;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, RsaPrivateKey};

use crate::fixture::{Algorithm, Fixture};

pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    /// Made on the card, not brought to it.
    pub(super) generated: bool,
    pub(super) policies: Policies,
    /// PKCS#8 of a key that has not been used yet.
    pkcs8: &'static [u8],
    /// Read when first used: a card with 24 keys is made often and uses few.
    private: OnceLock<Private>,
}

/// When tokens with extensions want the PIN and a touch; 0 is whatever is usual for the reference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Policies {
    pub(super) pin: u8,
    pub(super) touch: u8,
}

impl Policies {
    /// Reads one field of GENERATE or of an import; `None` for another field, or a value there is not.
    pub(super) fn set(&mut self, field: &(u8, &[u8])) -> Option<()> {
        match field {
            (0xAA, [policy @ 0..=3]) => self.pin = *policy,
            (0xAB, [policy @ 0..=3]) => self.touch = *policy,
            _ => return None,
        }
        Some(())
    }
}

enum Private {
    Rsa(Box<RsaPrivateKey>),
    P256(p256::SecretKey),
    P384(p384::SecretKey),
}

impl Key {
    /// One that was brought to the card when it was issued.
    pub(super) fn new(fixture: &Fixture) -> Self {
        Self {
            algorithm: fixture.algorithm,
            generated: false,
            policies: Policies::default(),
            pkcs8: fixture.key,
            private: OnceLock::new(),
        }
    }

    /// The same, counted as made on the card.
    pub(super) fn generated(fixture: &Fixture) -> Self {
        Self { generated: true, ..Self::new(fixture) }
    }

    /// A new key on a curve; `None` for RSA, which takes too long.
    pub(super) fn random(algorithm: Algorithm) -> Option<Self> {
        let private = match algorithm {
            Algorithm::P256 => Private::P256(p256::SecretKey::random(&mut OsRng)),
            Algorithm::P384 => Private::P384(p384::SecretKey::random(&mut OsRng)),
            _ => return None,
        };
        Some(Self::made(algorithm, true, private))
    }

    /// The key on a curve with this private number, as long as the curve's field.
    pub(super) fn of_scalar(algorithm: Algorithm, scalar: &[u8], generated: bool) -> Option<Self> {
        let private = match algorithm {
            Algorithm::P256 => Private::P256(p256::SecretKey::from_slice(scalar).ok()?),
            Algorithm::P384 => Private::P384(p384::SecretKey::from_slice(scalar).ok()?),
            _ => return None,
        };
        Some(Self::made(algorithm, generated, private))
    }

    /// The key on a curve in a PrivateKeyInfo that somebody brings.
    pub(super) fn of_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Option<Self> {
        let private = match algorithm {
            Algorithm::P256 => Private::P256(p256::SecretKey::from_pkcs8_der(pkcs8).ok()?),
            Algorithm::P384 => Private::P384(p384::SecretKey::from_pkcs8_der(pkcs8).ok()?),
            _ => return None,
        };
        Some(Self::made(algorithm, false, private))
    }

    /// The RSA key of these parts that somebody brings: p, q, d mod p-1, d mod q-1, 1/q mod p. All must fit.
    pub(super) fn of_parts(algorithm: Algorithm, parts: [&[u8]; 5]) -> Option<Self> {
        let half = modulus_length(algorithm)? / 2;
        let [p, q, dp, dq, coefficient] = parts.map(BigUint::from_bytes_be);
        // The arithmetic does not expect anything but odd numbers of the right length.
        if [&p, &q].iter().any(|prime| prime.bits() != 8 * half || prime.to_bytes_le()[0] & 1 == 0) {
            return None;
        }
        let mut key = RsaPrivateKey::from_p_q(p, q, BigUint::from(65_537u32)).ok()?;
        key.precompute().ok()?;
        let inverse = key.crt_coefficient();
        let right = (key.dp(), key.dq(), &inverse) == (Some(&dp), Some(&dq), &Some(coefficient));
        (right && key.size() == 2 * half).then(|| Self::made(algorithm, false, Private::Rsa(Box::new(key))))
    }

    fn made(algorithm: Algorithm, generated: bool, private: Private) -> Self {
        let policies = Policies::default();
        Self { algorithm, generated, policies, pkcs8: &[], private: OnceLock::from(private) }
    }

    pub(super) fn with(self, policies: Policies) -> Self {
        Self { policies, ..self }
    }

    /// Whether it is the fixture's.
    pub(super) fn is(&self, fixture: &Fixture) -> bool {
        self.pkcs8 == fixture.key
    }

    /// The modulus of an RSA key.
    pub(super) fn modulus(&self) -> Option<Vec<u8>> {
        match self.private() {
            Private::Rsa(key) => Some(key.n().to_bytes_be()),
            _ => None,
        }
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
        let no_blinding = None::<&mut OsRng>;
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

fn modulus_length(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::Rsa2048 => Some(256),
        Algorithm::Rsa3072 => Some(384),
        Algorithm::Rsa4096 => Some(512),
        _ => None,
    }
}
