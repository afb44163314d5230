//! Card verifiable certificates (SP 800-73 part 2, 4.1.5), made anew for the GUID of each card, and the container of
//! their signer (part 1, 3.3.7).

use der::Decode;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer as _};
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha384};
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use super::key::Key;
use super::messaging::{Signer, Suite};
use crate::fixture::{Algorithm, Fixture, vci};
use crate::tlv::tlv;

const CARD: u8 = 0x00;
const INTERMEDIATE: u8 = 0x12;

const P_256: &[u8] = b"\x2A\x86\x48\xCE\x3D\x03\x01\x07";
const P_384: &[u8] = b"\x2B\x81\x04\x00\x22";
const ECDSA_WITH_SHA256: &[u8] = b"\x2A\x86\x48\xCE\x3D\x04\x03\x02";
const ECDSA_WITH_SHA384: &[u8] = b"\x2A\x86\x48\xCE\x3D\x04\x03\x03";
const RSA_WITH_SHA256: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B";

/// What a card carries to be believed.
pub(super) struct Credentials {
    /// C_ICC, from 7F21 on.
    pub(super) card: Vec<u8>,
    /// The X.509 certificate of the content signer, DER.
    pub(super) signer: Vec<u8>,
    pub(super) intermediate: Option<Vec<u8>>,
}

/// The certificate for a secure messaging key, and everything up to the content signer.
pub(super) fn credentials(key: &Key, suite: Suite, signer: Signer, guid: &[u8; 16]) -> Credentials {
    let guid = match signer {
        Signer::OtherCard => &guid.map(|byte| !byte),
        _ => guid,
    };
    let intermediate = signer.is_intermediate().then(|| vci("intermediate", suite.curve()));
    issue(key, guid, signer.content_signer(suite), intermediate)
}

pub(super) fn issue(key: &Key, guid: &[u8], signer: &Fixture, intermediate: Option<&Fixture>) -> Credentials {
    let identifier = key_identifier(signer.certificate);
    let certificate = signer.certificate.to_vec();
    let Some(between) = intermediate else {
        let card = cvc(signer, &identifier, guid, key, CARD);
        return Credentials { card, signer: certificate, intermediate: None };
    };
    let between_key = Key::new(between);
    let subject = subject(&between_key);
    Credentials {
        card: cvc(between, &subject, guid, key, CARD),
        signer: certificate,
        intermediate: Some(cvc(signer, &identifier, &subject, &between_key, INTERMEDIATE)),
    }
}

/// The identifier of an intermediate key: of SHA-1 over its data object, header and all.
fn subject(key: &Key) -> Vec<u8> {
    Sha1::digest(point(key))[..8].to_vec()
}

/// The left 8 bytes of a certificate's subject key identifier.
fn key_identifier(certificate: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(certificate).expect("the fixtures are certificates");
    let found = certificate.tbs_certificate.get::<SubjectKeyIdentifier>().ok().flatten();
    let (_, identifier) = found.expect("the fixtures have subject key identifiers");
    identifier.0.as_bytes()[..8].to_vec()
}

fn cvc(issuer: &Fixture, issuer_id: &[u8], subject: &[u8], key: &Key, role: u8) -> Vec<u8> {
    let body = [
        tlv(0x5F29, &[0x80]),
        tlv(0x42, issuer_id),
        tlv(0x5F20, subject),
        tlv(0x7F49, &[tlv(0x06, curve(key.algorithm)), point(key)].concat()),
        tlv(0x5F4C, &[role]),
    ]
    .concat();
    let signature = tlv(0x5F37, &signature(issuer, &body));
    tlv(0x7F21, &[body, signature].concat())
}

fn curve(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::P384 => P_384,
        _ => P_256,
    }
}

fn point(key: &Key) -> Vec<u8> {
    tlv(0x86, &key.point().expect("secure messaging keys are on a curve"))
}

/// The DigitalSignature: an AlgorithmIdentifier and a BIT STRING.
fn signature(issuer: &Fixture, body: &[u8]) -> Vec<u8> {
    let sign = |hash: &[u8]| Key::new(issuer).sign(hash).expect("a key on a curve signs");
    let (algorithm, value) = match issuer.algorithm {
        Algorithm::P256 => (tlv(0x06, ECDSA_WITH_SHA256), sign(&Sha256::digest(body))),
        Algorithm::P384 => (tlv(0x06, ECDSA_WITH_SHA384), sign(&Sha384::digest(body))),
        _ => ([tlv(0x06, RSA_WITH_SHA256), tlv(0x05, &[])].concat(), sign_rsa(issuer, body)),
    };
    tlv(0x30, &[tlv(0x30, &algorithm), tlv(0x03, &[&[0], &value[..]].concat())].concat())
}

fn sign_rsa(issuer: &Fixture, body: &[u8]) -> Vec<u8> {
    let key = RsaPrivateKey::from_pkcs8_der(issuer.key).expect("the fixture is an RSA key");
    SigningKey::<Sha256>::new(key).sign(body).to_vec()
}
