//! What a program wants to know of a certificate on the card, taken from its DER once (RFC 5280, 4.1).

use std::sync::Arc;

use const_oid::{AssociatedOid, db::rfc4519::COMMON_NAME};
use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::{
    ext::{Extensions, pkix::KeyUsage},
    name::RdnSequence,
    time::Validity,
};

use crate::{Error, PublicKey};

/// A certificate, with the parts that PKCS#11 and people ask for. All `Vec<u8>` are DER, byte for byte as the
/// certificate has it: programs look certificates up by these bytes.
#[derive(Debug)]
pub struct Certificate {
    /// The whole certificate.
    pub der: Arc<[u8]>,
    /// The serial number, an INTEGER with tag and length.
    pub serial: Vec<u8>,
    /// The issuer, a Name.
    pub issuer: Vec<u8>,
    /// The subject, a Name.
    pub subject: Vec<u8>,
    /// The SubjectPublicKeyInfo.
    pub public_key_info: Vec<u8>,
    /// Not before, not after.
    pub validity: Validity,
    /// What the key may be used for, if the certificate says so.
    pub key_usage: Option<KeyUsage>,
    /// The key itself.
    pub key: PublicKey,
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what is not one, [`Error::Unsupported`] for a key that no PIV card has.
    pub fn parse(der: &[u8]) -> Result<Self, Error> {
        let parts = Parts::read(der).map_err(|_| Error::Malformed("certificate"))?;
        Ok(Self {
            der: der.into(),
            key: PublicKey::parse(parts.public_key_info)?,
            serial: parts.serial.to_vec(),
            issuer: parts.issuer.to_vec(),
            subject: parts.subject.to_vec(),
            public_key_info: parts.public_key_info.to_vec(),
            validity: parts.validity,
            key_usage: parts.extensions.and_then(key_usage),
        })
    }

    /// The last common name of the subject.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        common_name(&self.subject)
    }
}

/// The last common name in a DER Name.
#[must_use]
pub fn common_name(name: &[u8]) -> Option<String> {
    let name = RdnSequence::from_der(name).ok()?;
    let attribute =
        name.0.iter().rev().flat_map(|rdn| rdn.0.iter()).find(|attribute| attribute.oid == COMMON_NAME)?;
    let text = attribute.value.value();
    if attribute.value.tag() == Tag::BmpString {
        let units: Vec<u16> =
            text.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        return String::from_utf16(&units).ok();
    }
    String::from_utf8(text.to_vec()).ok()
}

fn key_usage(extensions: &[u8]) -> Option<KeyUsage> {
    let extensions = Extensions::from_der(extensions).ok()?;
    let usage = extensions.iter().find(|extension| extension.extn_id == KeyUsage::OID)?;
    KeyUsage::from_der(usage.extn_value.as_bytes()).ok()
}

/// The fields of a TBSCertificate, still in place.
struct Parts<'a> {
    serial: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    public_key_info: &'a [u8],
    validity: Validity,
    extensions: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn read(der: &'a [u8]) -> der::Result<Self> {
        let mut outer = SliceReader::new(inside(der, Tag::Sequence)?)?;
        let mut tbs = SliceReader::new(inside(outer.tlv_bytes()?, Tag::Sequence)?)?;
        if tbs.peek_byte() == Some(0xA0) {
            tbs.tlv_bytes()?; // version
        }
        let serial = tbs.tlv_bytes()?;
        tbs.tlv_bytes()?; // signature algorithm
        let issuer = tbs.tlv_bytes()?;
        let validity = Validity::from_der(tbs.tlv_bytes()?)?;
        let subject = tbs.tlv_bytes()?;
        let public_key_info = tbs.tlv_bytes()?;
        let mut extensions = None;
        while !tbs.is_finished() {
            let field = tbs.tlv_bytes()?;
            if field[0] == 0xA3 {
                let tag = Tag::ContextSpecific { constructed: true, number: TagNumber::N3 };
                extensions = Some(inside(field, tag)?);
            }
        }
        Ok(Self { serial, issuer, subject, public_key_info, validity, extensions })
    }
}

/// The value of the data object at the start of `der`, which must have this tag.
fn inside(der: &[u8], tag: Tag) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    let header = Header::decode(&mut reader)?;
    header.tag.assert_eq(tag)?;
    reader.read_slice(header.length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Certificate::parse(&bytes);
        }
    }
}
