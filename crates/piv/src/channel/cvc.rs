//! Card verifiable certificates (SP 800-73-5 part 2, 4.1.5): the card's own, C_ICC, and the one between it and a content
//! signer with an RSA key.

use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, SECP_256_R_1, SECP_384_R_1, SHA_256_WITH_RSA_ENCRYPTION,
};
use der::{Decode, Sequence, asn1::BitString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use spki::AlgorithmIdentifierOwned;

use super::{ChannelError, Suite, signature};
use crate::{PublicKey, tlv};

const CERTIFICATE: tlv::Tag = 0x7F21;
const PROFILE: tlv::Tag = 0x5F29;
const ISSUER: tlv::Tag = 0x42;
const SUBJECT: tlv::Tag = 0x5F20;
const PUBLIC_KEY: tlv::Tag = 0x7F49;
const CURVE: tlv::Tag = 0x06;
const POINT: tlv::Tag = 0x86;
const ROLE: tlv::Tag = 0x5F4C;
const SIGNATURE: tlv::Tag = 0x5F37;

/// Profile identifier.
const CURRENT_PROFILE: &[u8] = &[0x80];
/// Roles.
const CARD_KEY: &[u8] = &[0x00];
const SIGNING_KEY: &[u8] = &[0x12];

const MALFORMED: ChannelError = ChannelError::Malformed("secure messaging certificate");

/// A card verifiable certificate. There is one byte string for each: lengths are in their shortest form, the fields in the
/// order of the standard, and nothing follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cvc {
    encoded: Vec<u8>,
    /// The signed fields, as encoded.
    body: Vec<u8>,
    issuer: [u8; 8],
    subject: Subject,
    suite: Suite,
    point: Vec<u8>,
    algorithm: AlgorithmIdentifierOwned,
    signature: Vec<u8>,
}

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A card's, by its GUID.
    Card([u8; 16]),
    /// A signer's, by the identifier of the key.
    Signer([u8; 8]),
}

/// DigitalSignature.
#[derive(Sequence)]
struct DigitalSignature {
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

impl Cvc {
    /// Reads a certificate of either kind, from tag 7F21 on.
    ///
    /// # Errors
    /// [`ChannelError::Malformed`].
    pub fn parse(encoded: &[u8]) -> Result<Self, ChannelError> {
        Self::read(encoded).ok_or(MALFORMED)
    }

    /// Reads the certificate of a card's key.
    pub(super) fn card(encoded: &[u8]) -> Result<Self, ChannelError> {
        Self::parse(encoded).and_then(|cvc| if cvc.guid().is_some() { Ok(cvc) } else { Err(MALFORMED) })
    }

    /// Reads an Intermediate CVC.
    pub(super) fn intermediate(encoded: &[u8]) -> Result<Self, ChannelError> {
        Self::parse(encoded).and_then(|cvc| if cvc.guid().is_none() { Ok(cvc) } else { Err(MALFORMED) })
    }

    fn read(encoded: &[u8]) -> Option<Self> {
        let content = tlv::only(encoded, CERTIFICATE)?;
        let objects: Vec<_> = tlv::ber(content).take(7).collect();
        let &[
            (PROFILE, CURRENT_PROFILE),
            (ISSUER, issuer),
            (SUBJECT, subject),
            (PUBLIC_KEY, key),
            (ROLE, role),
            (SIGNATURE, signed),
        ] = &objects[..]
        else {
            return None;
        };
        let (curve, point) = read_key(key)?;
        let DigitalSignature { algorithm, signature } = DigitalSignature::from_der(signed).ok()?;
        let cvc = Self {
            encoded: encoded.to_vec(),
            body: encode(&objects[..5]),
            issuer: issuer.try_into().ok()?,
            subject: Subject::read(role, subject, point)?,
            suite: curve,
            point: point.to_vec(),
            algorithm,
            signature: signature.as_bytes()?.to_vec(),
        };
        (encode(&[(CERTIFICATE, &encode(&objects))]) == encoded).then_some(cvc)
    }

    /// The GUID of the card, in the certificate of a card's key.
    #[must_use]
    pub fn guid(&self) -> Option<[u8; 16]> {
        match self.subject {
            Subject::Card(guid) => Some(guid),
            Subject::Signer(_) => None,
        }
    }

    /// The cipher suite that its curve belongs to.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The public key, `04 || X || Y`; whether it is on the curve was not looked at.
    #[must_use]
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// The whole certificate, as the card gave it.
    #[must_use]
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// ID_sICC: the first 8 bytes of the SHA-256 of the whole certificate, under either suite.
    pub(super) fn id(&self) -> [u8; 8] {
        let digest = Sha256::digest(&self.encoded);
        std::array::from_fn(|i| digest[i])
    }

    /// Whether this is a card's certificate, signed by the key of this Intermediate CVC, or of the content signer itself.
    pub(super) fn is_signed_by(&self, issuer: [u8; 8], key: &PublicKey) -> bool {
        let algorithm = match self.suite {
            Suite::Cs2 => ECDSA_WITH_SHA_256,
            Suite::Cs7 => ECDSA_WITH_SHA_384,
        };
        self.algorithm.oid == algorithm
            && key.algorithm() == self.suite.curve()
            && self.issuer == issuer
            && signature::verifies(key, &self.algorithm, &self.body, &self.signature)
    }

    /// Whether this is an Intermediate CVC, signed by a content signer with this RSA key. Under either suite that is SHA-256.
    pub(super) fn is_signed_by_rsa(&self, issuer: [u8; 8], key: &PublicKey) -> bool {
        self.algorithm.oid == SHA_256_WITH_RSA_ENCRYPTION
            && self.issuer == issuer
            && signature::verifies(key, &self.algorithm, &self.body, &self.signature)
    }

    /// The key of an Intermediate CVC, and the identifier that the certificates signed with it carry.
    pub(super) fn signing_key(&self) -> Option<([u8; 8], PublicKey)> {
        let Subject::Signer(id) = self.subject else { return None };
        Some((id, PublicKey::Ecc { point: self.point.clone(), algorithm: self.suite.curve() }))
    }
}

impl Subject {
    /// A signer is named by the SHA-1 of the whole data object that holds its point.
    fn read(role: &[u8], subject: &[u8], point: &[u8]) -> Option<Self> {
        if role == CARD_KEY {
            return subject.try_into().ok().map(Self::Card);
        }
        let id: [u8; 8] = subject.try_into().ok()?;
        let digest = Sha1::digest(encode(&[(POINT, point)]));
        (role == SIGNING_KEY && digest.starts_with(&id)).then_some(Self::Signer(id))
    }
}

fn read_key(key: &[u8]) -> Option<(Suite, &[u8])> {
    let objects: Vec<_> = tlv::ber(key).take(3).collect();
    let &[(CURVE, curve), (POINT, point)] = &objects[..] else { return None };
    let suite = match curve {
        _ if curve == SECP_256_R_1.as_bytes() => Suite::Cs2,
        _ if curve == SECP_384_R_1.as_bytes() => Suite::Cs7,
        _ => return None,
    };
    (point.len() == 1 + 2 * suite.curve().field_length() && point[0] == 4).then_some((suite, point))
}

fn encode(objects: &[(tlv::Tag, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    objects.iter().for_each(|(tag, value)| tlv::push(&mut out, *tag, value));
    out
}
