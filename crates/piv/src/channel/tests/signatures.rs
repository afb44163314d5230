//! Which signatures count.

use const_oid::{
    ObjectIdentifier,
    db::rfc5912::{
        ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, SHA_1_WITH_RSA_ENCRYPTION,
        SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
    },
};
use der::{Decode, asn1::Any};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, pkcs8::DecodePrivateKey, traits::PublicKeyParts};
use sha2::{Digest, Sha256, Sha384, Sha512};
use spki::AlgorithmIdentifierOwned;

use super::*;
use crate::{Algorithm, PublicKey, channel::signature::verifies};

const MESSAGE: &[u8] = b"to be signed";

fn algorithm(oid: ObjectIdentifier, parameters: Option<Any>) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid, parameters }
}

fn null(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    algorithm(oid, Some(Any::null()))
}

fn rsa_key() -> (RsaPrivateKey, PublicKey) {
    let key = RsaPrivateKey::from_pkcs8_der(&at(&file(Suite::Cs2), "/keys/key_9A_pkcs8")).unwrap();
    let public = PublicKey::Rsa {
        modulus: key.n().to_bytes_be(),
        exponent: key.e().to_bytes_be(),
        algorithm: Algorithm::Rsa2048,
    };
    (key, public)
}

#[test]
fn rsa_signs_with_three_hashes_and_no_other() {
    let (key, public) = rsa_key();
    let signatures = [
        (SHA_256_WITH_RSA_ENCRYPTION, key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(MESSAGE))),
        (SHA_384_WITH_RSA_ENCRYPTION, key.sign(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(MESSAGE))),
        (SHA_512_WITH_RSA_ENCRYPTION, key.sign(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(MESSAGE))),
    ];
    let named = [
        SHA_256_WITH_RSA_ENCRYPTION,
        SHA_384_WITH_RSA_ENCRYPTION,
        SHA_512_WITH_RSA_ENCRYPTION,
        SHA_1_WITH_RSA_ENCRYPTION,
        ECDSA_WITH_SHA_256,
        ECDSA_WITH_SHA_384,
        ECDSA_WITH_SHA_512,
    ];
    for (right, signature) in signatures {
        let signature = signature.unwrap();
        for oid in named {
            assert_eq!(verifies(&public, &null(oid), MESSAGE, &signature), oid == right);
            assert_eq!(verifies(&public, &algorithm(oid, None), MESSAGE, &signature), oid == right);
        }
        let wrong = algorithm(right, Some(Any::from_der(&[0x30, 0x00]).unwrap()));
        assert!(!verifies(&public, &wrong, MESSAGE, &signature));
        assert!(!verifies(&public, &null(right), b"something else", &signature));
    }
}

#[test]
fn an_rsa_key_of_1024_bits_signs_nothing() {
    let (key, PublicKey::Rsa { modulus, exponent, .. }) = rsa_key() else { panic!() };
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(MESSAGE)).unwrap();
    let named_short = PublicKey::Rsa { modulus, exponent, algorithm: Algorithm::Rsa1024 };
    assert!(!verifies(&named_short, &null(SHA_256_WITH_RSA_ENCRYPTION), MESSAGE, &signature));
}

#[test]
fn ecdsa_has_no_parameters() {
    let certificate = at(&file(Suite::Cs7), "/cvc/content_signer_certificate");
    let certificate = x509_cert::Certificate::from_der(&certificate).unwrap();
    let tbs = der::Encode::to_der(&certificate.tbs_certificate).unwrap();
    let key = der::Encode::to_der(&certificate.tbs_certificate.subject_public_key_info).unwrap();
    let (key, signature) = (PublicKey::parse(&key).unwrap(), certificate.signature.as_bytes().unwrap());
    assert!(verifies(&key, &algorithm(ECDSA_WITH_SHA_384, None), &tbs, signature), "signed by itself");
    assert!(!verifies(&key, &null(ECDSA_WITH_SHA_384), &tbs, signature));
    assert!(!verifies(&key, &algorithm(ECDSA_WITH_SHA_256, None), &tbs, signature));
    assert!(!verifies(&key, &algorithm(SHA_384_WITH_RSA_ENCRYPTION, None), &tbs, signature));
}
