//! The public half of a card's key: what a certificate shows, and the check that the card's answers fit it.

use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use der::{
    Decode, Encode,
    asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef},
};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::BigUint;
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use crate::{Algorithm, Error};

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA: both numbers big-endian, without leading zeros.
    Rsa {
        /// The modulus.
        modulus: Vec<u8>,
        /// The public exponent.
        exponent: Vec<u8>,
        /// Its size.
        algorithm: Algorithm,
    },
    /// A point on P-256 or P-384, uncompressed: `04 || X || Y`.
    Ecc {
        /// The point.
        point: Vec<u8>,
        /// Its curve.
        algorithm: Algorithm,
    },
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (DER).
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Error::Unsupported`] for a kind of key that no PIV card has.
    pub fn parse(info: &[u8]) -> Result<Self, Error> {
        let malformed = |_| Error::Malformed("public key");
        let info = SubjectPublicKeyInfoRef::from_der(info).map_err(malformed)?;
        let bits = info.subject_public_key.as_bytes().ok_or(Error::Malformed("public key"))?;
        match info.algorithm.oid {
            RSA_ENCRYPTION => rsa(bits),
            ID_EC_PUBLIC_KEY => {
                ecc(info.algorithm.parameters_oid().map_err(|_| Error::Unsupported("this curve"))?, bits)
            }
            _ => Err(Error::Unsupported("this kind of key")),
        }
    }

    /// An RSA key by its numbers, as a card tells them.
    pub(crate) fn rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Result<Self, Error> {
        let (modulus, exponent) = (number(modulus), number(exponent));
        let is_whole = modulus.len() == algorithm.field_length() && modulus[0] & 0x80 != 0;
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !is_whole || !is_odd(&modulus) || !is_odd(&exponent) || exponent.len() > modulus.len() {
            return Err(Error::Malformed("public key"));
        }
        Ok(Self::Rsa { modulus, exponent, algorithm })
    }

    /// A key on a curve by its point, as a card tells it.
    pub(crate) fn ecc(algorithm: Algorithm, point: &[u8]) -> Result<Self, Error> {
        if !is_on_curve(algorithm, point) || point.len() != 1 + 2 * algorithm.field_length() {
            return Err(Error::Malformed("public key"));
        }
        Ok(Self::Ecc { point: point.to_vec(), algorithm })
    }

    /// The SubjectPublicKeyInfo, DER.
    ///
    /// # Errors
    /// [`Error::Malformed`] for numbers that cannot be written.
    pub fn info(&self) -> Result<Vec<u8>, Error> {
        let malformed = |_| Error::Malformed("public key");
        let (oid, parameters, bits) = match self {
            Self::Rsa { modulus, exponent, .. } => {
                let number = |bytes| UintRef::new(bytes).map_err(malformed);
                let key = rsa::pkcs1::RsaPublicKey {
                    modulus: number(modulus)?,
                    public_exponent: number(exponent)?,
                };
                (RSA_ENCRYPTION, AnyRef::NULL, key.to_der().map_err(malformed)?)
            }
            Self::Ecc { point, algorithm } => {
                let curve = if *algorithm == Algorithm::EccP384 { &SECP_384_R_1 } else { &SECP_256_R_1 };
                (ID_EC_PUBLIC_KEY, AnyRef::from(curve), point.clone())
            }
        };
        let info = SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef { oid, parameters: Some(parameters) },
            subject_public_key: BitStringRef::from_bytes(&bits).map_err(malformed)?,
        };
        info.to_der().map_err(malformed)
    }

    /// Its algorithm and size.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { algorithm, .. } | Self::Ecc { algorithm, .. } => *algorithm,
        }
    }

    /// The raw public operation of RSA: `block ^ exponent mod modulus`, as long as the modulus. `None` for other keys and
    /// for a block that is not smaller than the modulus.
    #[must_use]
    pub fn raw_encrypt(&self, block: &[u8]) -> Option<Vec<u8>> {
        let Self::Rsa { modulus, exponent, algorithm } = self else { return None };
        let (n, e) = (BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(exponent));
        let block = BigUint::from_bytes_be(block);
        if block >= n {
            return None;
        }
        let bytes = block.modpow(&e, &n).to_bytes_be();
        let mut out = vec![0; algorithm.field_length().checked_sub(bytes.len())?];
        out.extend(bytes);
        Some(out)
    }

    /// Whether `signature` (DER `SEQUENCE { r, s }` or `r || s`) is one of this key over `hash`.
    #[must_use]
    pub fn verifies(&self, hash: &[u8], signature: &[u8]) -> bool {
        let Self::Ecc { point, algorithm } = self else { return false };
        match algorithm {
            Algorithm::EccP384 => verifies_p384(point, hash, signature).is_some(),
            _ => verifies_p256(point, hash, signature).is_some(),
        }
    }

    /// Whether the card's `answer` to the challenge `input` can come from this key's private half. For RSA that is one
    /// exponentiation, whether the card signed or deciphered.
    pub(crate) fn fits(&self, input: &[u8], answer: &[u8]) -> bool {
        match self {
            Self::Rsa { .. } => self.raw_encrypt(answer).is_some_and(|block| block == input),
            Self::Ecc { .. } => self.verifies(input, answer),
        }
    }
}

fn rsa(bits: &[u8]) -> Result<PublicKey, Error> {
    let key = rsa::pkcs1::RsaPublicKey::from_der(bits).map_err(|_| Error::Malformed("public key"))?;
    let bytes = |number: UintRef<'_>| number.as_bytes().to_vec();
    let (modulus, exponent) = (bytes(key.modulus), bytes(key.public_exponent));
    let algorithm =
        Algorithm::of_modulus(modulus.len()).ok_or(Error::Unsupported("an RSA key of this size"))?;
    Ok(PublicKey::Rsa { modulus, exponent, algorithm })
}

fn ecc(curve: ObjectIdentifier, point: &[u8]) -> Result<PublicKey, Error> {
    let algorithm = match curve {
        SECP_256_R_1 => Algorithm::EccP256,
        SECP_384_R_1 => Algorithm::EccP384,
        _ => return Err(Error::Unsupported("this curve")),
    };
    if point.len() != 1 + 2 * algorithm.field_length() || point[0] != 4 {
        return Err(Error::Malformed("public key"));
    }
    Ok(PublicKey::Ecc { point: point.to_vec(), algorithm })
}

/// A number without leading zeros.
fn number(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn verifies_p256(point: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature)
        .or_else(|_| p256::ecdsa::Signature::from_slice(signature))
        .ok()?;
    key.verify_prehash(hash, &signature).ok()
}

fn verifies_p384(point: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature)
        .or_else(|_| p384::ecdsa::Signature::from_slice(signature))
        .ok()?;
    key.verify_prehash(hash, &signature).ok()
}

/// Whether these bytes are a point on the curve. What is none could make a careless card tell of its key.
pub(crate) fn is_on_curve(algorithm: Algorithm, point: &[u8]) -> bool {
    match algorithm {
        Algorithm::EccP256 => p256::PublicKey::from_sec1_bytes(point).is_ok(),
        Algorithm::EccP384 => p384::PublicKey::from_sec1_bytes(point).is_ok(),
        _ => false,
    }
}

/// A signature as PKCS#11 wants it, `r || s`, from the card's DER (SP 800-73-5 part 2, 3.2.4).
pub(crate) fn raw_signature(algorithm: Algorithm, der: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        Algorithm::EccP256 => Some(p256::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec()),
        Algorithm::EccP384 => Some(p384::ecdsa::Signature::from_der(der).ok()?.to_bytes().to_vec()),
        _ => None,
    }
}
