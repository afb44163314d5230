//! The certificates of a device, for people: names by RFC 4514, marks for what has expired or soon will, and export. How
//! they are made and replaced: `certificates/`.

mod content;
mod file;
mod pkcs12;
mod request;
mod subject;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use der::{
    Decode, Encode,
    asn1::{AnyRef, ObjectIdentifier},
    pem,
};
use piv::{KeyReference, PublicKey, Token};
use sha2::{Digest, Sha256};
use x509_cert::{name::RdnSequence, time::Validity};

pub use self::{
    content::{Administration, Bare, Losses, Rights},
    file::{Credential, FileError},
    request::{SelfSigned, usual_algorithm},
    subject::{Subject, SubjectError},
};
use crate::{Device, Error};

/// RFC 8410.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// "Within a month".
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A key, and its certificate or why that cannot be read.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: KeyReference,
    /// Its certificate.
    pub certificate: Result<Certificate, piv::Error>,
}

/// A certificate as a person looks at it.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Whose it is (RFC 4514).
    pub subject: String,
    /// Who issued it (RFC 4514).
    pub issuer: String,
    /// The serial number, as in `0F:A2`.
    pub serial: String,
    /// Not before, not after.
    pub validity: Validity,
    /// What is to be noticed of its validity.
    pub mark: Option<Mark>,
    /// The kind of its key, as in `RSA-2048`; of one that PIV does not have as in `Ed25519`, or a number.
    pub algorithm: String,
    /// SHA-256 of the whole certificate.
    pub fingerprint: [u8; 32],
    /// The whole certificate.
    pub der: Arc<[u8]>,
}

/// What is to be noticed of a certificate's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is not valid yet.
    NotYetValid,
    /// It is valid for less than 30 days more.
    ExpiresWithinMonth,
    /// It is not valid any more.
    Expired,
}

/// How a certificate is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As on the card.
    Der,
    /// Text (RFC 7468).
    Pem,
}

impl Device {
    /// The certificates by key, with marks as of `now`.
    ///
    /// # Errors
    /// [`Error::Empty`] without a card, [`Error::Card`] when it is removed or is no PIV card. A certificate that cannot
    /// be read is an [`Entry`] like the others.
    pub fn certificates(&mut self, now: SystemTime) -> Result<Vec<Entry>, Error> {
        let contents = self.contents()?;
        let mut entries = Vec::new();
        for (key, read) in contents {
            let certificate = match read {
                Ok(read) => Ok(shown(&read, now)),
                Err(piv::Error::Unsupported(what)) => {
                    let der = self.with_token(|token| token.certificate_der(key))?;
                    der.as_deref().and_then(|der| shown_of_der(der, now)).ok_or(piv::Error::Unsupported(what))
                }
                Err(error) => Err(error),
            };
            entries.push(Entry { key, certificate });
        }
        Ok(entries)
    }

    /// The certificate of one key.
    ///
    /// # Errors
    /// [`Error::NoCertificate`], and as for [`Device::certificates`].
    pub fn export(&mut self, key: KeyReference, format: Format) -> Result<Vec<u8>, Error> {
        let der = self.with_token(|token| {
            token.look()?;
            token.see(key)?;
            token.certificate_der(key)
        })?;
        let der = der.ok_or(Error::NoCertificate(key))?;
        Ok(match format {
            Format::Der => der,
            Format::Pem => text("CERTIFICATE", &der)?.into_bytes(),
        })
    }

    /// Each key that has a certificate, with what could be read of it.
    pub(crate) fn contents(&mut self) -> Result<Vec<Content>, Error> {
        self.with_token(contents)
    }
}

type Content = (KeyReference, Result<Arc<piv::Certificate>, piv::Error>);

fn contents(token: &mut Token) -> Result<Vec<Content>, piv::Error> {
    token.look()?;
    let keys = token.keys();
    // All in one transaction; what that could not read is tried by itself, and shown with its own error.
    if let Err(error) = token.read_certificates(&keys)
        && error.is_transport()
    {
        return Err(error);
    }
    let mut contents = Vec::new();
    for key in keys {
        match token.certificate(key) {
            Ok(None) => {}
            Ok(Some(certificate)) => contents.push((key, Ok(certificate))),
            Err(error) if error.is_transport() => return Err(error),
            Err(error) => contents.push((key, Err(error))),
        }
    }
    Ok(contents)
}

fn shown(certificate: &piv::Certificate, now: SystemTime) -> Certificate {
    Certificate {
        subject: name(&certificate.subject),
        issuer: name(&certificate.issuer),
        serial: serial(&certificate.serial),
        validity: certificate.validity,
        mark: mark(&certificate.validity, now),
        algorithm: certificate.key.algorithm().to_string(),
        fingerprint: Sha256::digest(&certificate.der).into(),
        der: certificate.der.clone(),
    }
}

/// A certificate for a key that PIV does not have.
fn shown_of_der(der: &[u8], now: SystemTime) -> Option<Certificate> {
    let tbs = x509_cert::Certificate::from_der(der).ok()?.tbs_certificate;
    let info = tbs.subject_public_key_info;
    Some(Certificate {
        subject: tbs.subject.to_string(),
        issuer: tbs.issuer.to_string(),
        serial: hex(tbs.serial_number.as_bytes(), ":"),
        validity: tbs.validity,
        mark: mark(&tbs.validity, now),
        algorithm: match PublicKey::parse(&info.to_der().ok()?) {
            Ok(key) => key.algorithm().to_string(),
            Err(_) if info.algorithm.oid == ED25519 => "Ed25519".to_owned(),
            Err(_) => info.algorithm.oid.to_string(),
        },
        fingerprint: Sha256::digest(der).into(),
        der: der.into(),
    })
}

fn mark(validity: &Validity, now: SystemTime) -> Option<Mark> {
    let end = validity.not_after.to_system_time();
    if now < validity.not_before.to_system_time() {
        return Some(Mark::NotYetValid);
    }
    match end.duration_since(now) {
        Err(_) => Some(Mark::Expired),
        Ok(rest) => (rest < MONTH).then_some(Mark::ExpiresWithinMonth),
    }
}

/// A DER Name, or its bytes where there is no reading it.
fn name(der: &[u8]) -> String {
    RdnSequence::from_der(der).map_or_else(|_| format!("#{}", hex(der, "")), |name| name.to_string())
}

fn serial(der: &[u8]) -> String {
    hex(AnyRef::from_der(der).map_or(der, |integer| integer.value()), ":")
}

fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(between)
}

/// Text (RFC 7468) with this label.
fn text(label: &'static str, der: &[u8]) -> Result<String, piv::Error> {
    pem::encode_string(label, pem::LineEnding::LF, der).map_err(|_| piv::Error::Malformed("certificate"))
}

#[cfg(test)]
mod tests {
    use x509_cert::time::Time;

    use super::*;

    #[test]
    fn marks() {
        let day = |days: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86400);
        let time = |at: SystemTime| Time::try_from(at).unwrap();
        let validity = Validity { not_before: time(day(1000)), not_after: time(day(2000)) };
        assert_eq!(mark(&validity, day(999)), Some(Mark::NotYetValid));
        assert_eq!(mark(&validity, day(1000)), None);
        assert_eq!(mark(&validity, day(1970)), None);
        assert_eq!(mark(&validity, day(1971)), Some(Mark::ExpiresWithinMonth));
        assert_eq!(mark(&validity, day(2000)), Some(Mark::ExpiresWithinMonth));
        assert_eq!(mark(&validity, day(2000) + Duration::from_secs(1)), Some(Mark::Expired));
    }

    #[test]
    fn serial_numbers() {
        assert_eq!(serial(&[0x02, 0x02, 0x0F, 0xA2]), "0F:A2");
        assert_eq!(serial(&[]), "");
    }

    #[test]
    fn names_that_cannot_be_read_are_shown_in_hex() {
        assert_eq!(name(&[0x30, 0x01]), "#3001");
        assert_eq!(name(&[0x30, 0x00]), "");
    }
}
