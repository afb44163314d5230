//! Signatures as X.509 and card verifiable certificates carry them: an AlgorithmIdentifier and a BIT STRING (RFC 5280, 4.1.1;
//! RFC 5758; RFC 4055, PKCS #1 v1.5 only).

use const_oid::{
    ObjectIdentifier,
    db::rfc5912::{
        ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, SHA_256_WITH_RSA_ENCRYPTION,
        SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
    },
};
use der::Any;
use rsa::{BigUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};
use spki::AlgorithmIdentifierOwned;

use crate::{Algorithm, PublicKey};

/// Whether `signature` is one of this key over this message, by an algorithm that fits the key. SHA-1, RSA below 2048 bits
/// and everything else that is not named above is none.
pub(super) fn verifies(
    key: &PublicKey,
    algorithm: &AlgorithmIdentifierOwned,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let (oid, parameters) = (algorithm.oid, algorithm.parameters.as_ref());
    let Some(digest) = digest(oid, message) else { return false };
    match key {
        PublicKey::Ecc { .. } => {
            let is_ecdsa = matches!(oid, ECDSA_WITH_SHA_256 | ECDSA_WITH_SHA_384 | ECDSA_WITH_SHA_512);
            is_ecdsa && parameters.is_none() && key.verifies(&digest, signature)
        }
        PublicKey::Rsa { algorithm: Algorithm::Rsa1024, .. } => false,
        PublicKey::Rsa { modulus, exponent, .. } => {
            let key = RsaPublicKey::new(BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(exponent));
            let (Ok(key), Some(padding)) = (key, padding(oid)) else { return false };
            parameters.is_none_or(Any::is_null) && key.verify(padding, &digest, signature).is_ok()
        }
    }
}

fn digest(oid: ObjectIdentifier, message: &[u8]) -> Option<Vec<u8>> {
    match oid {
        ECDSA_WITH_SHA_256 | SHA_256_WITH_RSA_ENCRYPTION => Some(Sha256::digest(message).to_vec()),
        ECDSA_WITH_SHA_384 | SHA_384_WITH_RSA_ENCRYPTION => Some(Sha384::digest(message).to_vec()),
        ECDSA_WITH_SHA_512 | SHA_512_WITH_RSA_ENCRYPTION => Some(Sha512::digest(message).to_vec()),
        _ => None,
    }
}

fn padding(oid: ObjectIdentifier) -> Option<Pkcs1v15Sign> {
    match oid {
        SHA_256_WITH_RSA_ENCRYPTION => Some(Pkcs1v15Sign::new::<Sha256>()),
        SHA_384_WITH_RSA_ENCRYPTION => Some(Pkcs1v15Sign::new::<Sha384>()),
        SHA_512_WITH_RSA_ENCRYPTION => Some(Pkcs1v15Sign::new::<Sha512>()),
        _ => None,
    }
}
