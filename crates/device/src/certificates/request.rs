//! What the card's own key signs about itself: a request for a certificate (PKCS #10, RFC 2986), and a certificate that nobody
//! else vouches for (RFC 5280). Both prove that the key is there.

use std::time::{Duration, SystemTime};

use der::{
    Any, Decode, Encode,
    asn1::{BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString, SetOfVec, UtcTime},
    flagset::FlagSet,
};
use piv::{Algorithm, KeyReference, Pin, PublicKey, Token};
use sha2::{Digest, Sha256, Sha384};
use x509_cert::{
    TbsCertificate, Version,
    attr::Attribute,
    ext::{
        Extension,
        pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectAltName, SubjectKeyIdentifier},
    },
    request::{CertReq, CertReqInfo, ExtensionReq},
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

use super::{Subject, content::Rights, text};
use crate::{Device, Error, Format};

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
/// DigestInfo of a SHA-256 hash, up to the hash (RFC 8017, 9.2).
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0, 4,
    0x20,
];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate that the card signed for itself, and that is on the card.
#[derive(Clone, Debug)]
pub struct SelfSigned {
    /// DER.
    pub der: Vec<u8>,
    /// Not before, not after.
    pub validity: Validity,
    /// SHA-256 of it.
    pub fingerprint: [u8; 32],
}

/// The kind of key that is made in this place where nobody wants another one. A key that decrypts has to sign for itself once,
/// and RSA does everywhere.
#[must_use]
pub fn usual_algorithm(key: KeyReference) -> Algorithm {
    if key.is_key_management() { Algorithm::Rsa2048 } else { Algorithm::EccP256 }
}

impl Device {
    /// A request for a certificate of this key, signed by it. `pin`: what the key wants, if it wants any.
    ///
    /// # Errors
    /// [`Error::SignsNothing`] for a key that the card lets do something else alone; [`Error::Card`], of which
    /// [`piv::Error::KeyChanged`] says that the card has another key.
    pub fn request(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        subject: &Subject,
        pin: Option<&Pin>,
        format: Format,
    ) -> Result<Vec<u8>, Error> {
        let extensions = extensions(key, public, subject)?;
        let attribute = Attribute::try_from(ExtensionReq(extensions)).map_err(unwritable)?;
        let info = CertReqInfo {
            version: Default::default(),
            subject: subject.name.clone(),
            public_key: info(public)?,
            attributes: SetOfVec::try_from(vec![attribute]).map_err(unwritable)?,
        };
        let signature = self.signature(key, public, &info.to_der().map_err(unwritable)?, pin)?;
        let request = CertReq { info, algorithm: algorithm(public), signature };
        let der = request.to_der().map_err(unwritable)?;
        Ok(match format {
            Format::Der => der,
            Format::Pem => text("CERTIFICATE REQUEST", &der)?.into_bytes(),
        })
    }

    /// A certificate of this key, signed by it and put onto the card. Valid for so many days from `now`.
    ///
    /// # Errors
    /// As [`Device::request`]; of writing it.
    pub fn self_sign(
        &mut self,
        rights: &Rights<'_>,
        key: KeyReference,
        public: &PublicKey,
        subject: &Subject,
        now: SystemTime,
        days: u32,
    ) -> Result<SelfSigned, Error> {
        let validity = Validity { not_before: time(now)?, not_after: time(now + DAY * days)? };
        let tbs = TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&serial_number()?).map_err(unwritable)?,
            signature: algorithm(public),
            issuer: subject.name.clone(),
            validity,
            subject: subject.name.clone(),
            subject_public_key_info: info(public)?,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(extensions(key, public, subject)?),
        };
        let signature = self.signature(key, public, &tbs.to_der().map_err(unwritable)?, rights.pin)?;
        let certificate = x509_cert::Certificate {
            tbs_certificate: tbs,
            signature_algorithm: algorithm(public),
            signature,
        };
        let der = certificate.to_der().map_err(unwritable)?;
        self.write(rights, key, Some(&der))?;
        Ok(SelfSigned { fingerprint: Sha256::digest(&der).into(), der, validity })
    }

    fn signature(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        message: &[u8],
        pin: Option<&Pin>,
    ) -> Result<BitString, Error> {
        let input = to_sign(public.algorithm(), message);
        let signature = self.with_token(|token| signed(token, key, public, &input, pin))?;
        let signature = signature.ok_or(Error::SignsNothing(key))?;
        BitString::from_bytes(&signature).map_err(unwritable)
    }
}

/// `None`: the card uses this key for something else alone.
fn signed(
    token: &mut Token,
    key: KeyReference,
    public: &PublicKey,
    input: &[u8],
    pin: Option<&Pin>,
) -> Result<Option<Vec<u8>>, piv::Error> {
    match token.prove(key, public, input, pin) {
        Err(piv::Error::Refused { status, .. })
            if key.is_key_management() && matches!(status.0, 0x6A80 | 0x6A81 | 0x6A86 | 0x6985) =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// What the card signs: the hash; for RSA as EMSA-PKCS1-v1_5 has it (RFC 8017, 9.2).
fn to_sign(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::EccP256 => Sha256::digest(message).to_vec(),
        Algorithm::EccP384 => Sha384::digest(message).to_vec(),
        _ => {
            let tail = [&[0x00][..], &SHA256_INFO, &Sha256::digest(message)].concat();
            let padding = algorithm.field_length() - 2 - tail.len();
            [&[0x00, 0x01][..], &vec![0xFF; padding], &tail].concat()
        }
    }
}

fn algorithm(public: &PublicKey) -> AlgorithmIdentifierOwned {
    match public.algorithm() {
        Algorithm::EccP256 => AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA256, parameters: None },
        Algorithm::EccP384 => AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA384, parameters: None },
        _ => AlgorithmIdentifierOwned { oid: SHA256_WITH_RSA, parameters: Some(Any::from(Null)) },
    }
}

fn info(public: &PublicKey) -> Result<SubjectPublicKeyInfoOwned, Error> {
    SubjectPublicKeyInfoOwned::from_der(&public.info()?).map_err(unwritable)
}

fn extensions(key: KeyReference, public: &PublicKey, subject: &Subject) -> Result<Vec<Extension>, Error> {
    let names = SubjectAltName(subject.others.clone());
    let usage = KeyUsage(usage(key, public.algorithm()));
    let info = info(public)?;
    let hash = Sha256::digest(info.subject_public_key.raw_bytes());
    let identifier = SubjectKeyIdentifier(OctetString::new(&hash[..20]).map_err(unwritable)?);
    let mut extensions = vec![
        extension(true, &BasicConstraints { ca: false, path_len_constraint: None })?,
        extension(true, &usage)?,
        extension(false, &identifier)?,
    ];
    if !names.0.is_empty() {
        extensions.push(extension(false, &names)?);
    }
    Ok(extensions)
}

/// What the key is for (SP 800-73-5 part 1, 3.1.3; RFC 5280, 4.2.1.3).
fn usage(key: KeyReference, algorithm: Algorithm) -> FlagSet<KeyUsages> {
    match key {
        KeyReference::DIGITAL_SIGNATURE => KeyUsages::DigitalSignature | KeyUsages::NonRepudiation,
        _ if key.is_key_management() && algorithm.is_rsa() => KeyUsages::KeyEncipherment.into(),
        _ if key.is_key_management() => KeyUsages::KeyAgreement.into(),
        _ => KeyUsages::DigitalSignature.into(),
    }
}

fn extension<T: Encode + der::oid::AssociatedOid>(critical: bool, value: &T) -> Result<Extension, Error> {
    let bytes = value.to_der().and_then(OctetString::new).map_err(unwritable)?;
    Ok(Extension { extn_id: T::OID, critical, extn_value: bytes })
}

/// In the form that RFC 5280, 4.1.2.5 wants for that year.
fn time(at: SystemTime) -> Result<Time, Error> {
    let time = Time::try_from(at).map_err(unwritable)?;
    let date = time.to_date_time();
    Ok(if date.year() < 2050 {
        Time::UtcTime(UtcTime::from_date_time(date).map_err(unwritable)?)
    } else {
        Time::GeneralTime(GeneralizedTime::from_date_time(date))
    })
}

/// Long enough to tell certificates apart by the first bytes of them, and positive.
fn serial_number() -> Result<[u8; 16], Error> {
    let mut number = [0; 16];
    getrandom::getrandom(&mut number).map_err(|_| Error::Card(piv::Error::Unsupported("randomness here")))?;
    number[0] = number[0] & 0x7F | 0x40;
    Ok(number)
}

fn unwritable(_: der::Error) -> Error {
    Error::Card(piv::Error::Input("this cannot be written into a certificate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_signs_a_block_as_long_as_the_key() {
        let block = to_sign(Algorithm::Rsa2048, b"abc");
        assert_eq!((block.len(), &block[..3], block[203]), (256, &[0, 1, 0xFF][..], 0xFF));
        assert_eq!(block[204], 0);
        assert_eq!(block[205..224], SHA256_INFO);
    }

    #[test]
    fn times_are_written_as_their_year_wants_it() {
        let at = |seconds| time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        assert!(matches!(at(1_700_000_000), Time::UtcTime(_)));
        assert!(matches!(at(2_524_607_999), Time::UtcTime(_)), "the last second of 2049");
        assert!(matches!(at(2_524_608_000), Time::GeneralTime(_)));
    }

    #[test]
    fn serial_numbers_are_long_and_positive() {
        for _ in 0..100 {
            let number = serial_number().unwrap();
            assert!((0x40..0x80).contains(&number[0]));
        }
    }
}
