//! The containers of the PIV data model as data objects, by the names and identifiers OpenSC gives them (SP 800-73-5 part 1,
//! table 2). CKA_VALUE is the whole answer to GET DATA, wrapper included, and CKA_OBJECT_ID the value of an object
//! identifier without its tag and length: both measured on OpenSC 0.23, whose pkcs11-tool finds no other. A search may
//! bring either form.
//!
//! Never those that need a PIN, nor the pairing code.

use piv::{KeyReference, ObjectId};

/// A container that holds no certificate of a key.
pub(crate) struct Container {
    tag: u32,
    pub label: &'static str,
    /// The last arcs of its identifier, after 2.16.840.1.101.3.7.
    arcs: &'static [u8],
}

const fn row(tag: u32, label: &'static str, arcs: &'static [u8]) -> Container {
    Container { tag, label, arcs }
}

/// All of them that may be shown.
pub(crate) static CONTAINERS: &[Container] = &[
    row(0x5F_C107, "Card Capability Container", &[1, 219, 0]),
    row(0x5F_C102, "Card Holder Unique Identifier", &[2, 48, 0]),
    row(0x5F_C106, "Security Object", &[2, 144, 0]),
    row(0x7E, "Discovery Object", &[2, 96, 80]),
    row(0x5F_C10C, "Key History Object", &[2, 96, 96]),
    row(0x7F61, "Biometric Information Templates Group Template", &[2, 16, 22]),
    row(0x5F_C122, "Secure Messaging Certificate Signer", &[2, 16, 23]),
];

impl Container {
    pub(crate) const fn object(&self) -> ObjectId {
        ObjectId::from_tag(self.tag)
    }

    /// CKA_OBJECT_ID.
    pub(crate) fn identifier(&self) -> Vec<u8> {
        identifier(self.arcs)
    }
}

/// What the container of a key's certificate is called.
pub(crate) fn certificate_label(key: KeyReference) -> String {
    match key {
        KeyReference::PIV_AUTHENTICATION => "X.509 Certificate for PIV Authentication".into(),
        KeyReference::DIGITAL_SIGNATURE => "X.509 Certificate for Digital Signature".into(),
        KeyReference::KEY_MANAGEMENT => "X.509 Certificate for Key Management".into(),
        KeyReference::CARD_AUTHENTICATION => "X.509 Certificate for Card Authentication".into(),
        retired => {
            let n = retired.retired_number().unwrap_or(0);
            format!("Retired X.509 Certificate for Key Management {n}")
        }
    }
}

/// What it is called when nobody can read the certificate: so its owner sees that something is there.
pub(crate) fn unreadable_label(key: KeyReference) -> String {
    certificate_label(key) + " (unreadable)"
}

/// CKA_OBJECT_ID of the container of a key's certificate.
pub(crate) fn certificate_identifier(key: KeyReference) -> Vec<u8> {
    identifier(&match key {
        KeyReference::PIV_AUTHENTICATION => [2, 1, 1],
        KeyReference::DIGITAL_SIGNATURE => [2, 1, 0],
        KeyReference::KEY_MANAGEMENT => [2, 1, 2],
        KeyReference::CARD_AUTHENTICATION => [2, 5, 0],
        retired => [2, 16, retired.retired_number().unwrap_or(0)],
    })
}

/// The value of an object identifier under 2.16.840.1.101.3.7.
fn identifier(arcs: &[u8]) -> Vec<u8> {
    let mut value = b"\x60\x86\x48\x01\x65\x03\x07".to_vec();
    for &arc in arcs {
        if arc >= 0x80 {
            value.push(0x80 | (arc >> 7));
        }
        value.push(arc & 0x7F);
    }
    value
}

/// The value in a DER object identifier, or what is that value already.
pub(crate) fn bare_identifier(given: &[u8]) -> &[u8] {
    match given {
        [0x06, len, value @ ..] if value.len() == usize::from(*len) => value,
        _ => given,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_bare_and_in_der() {
        let first = CONTAINERS[0].identifier();
        assert_eq!(first, b"\x60\x86\x48\x01\x65\x03\x07\x01\x81\x5B\x00");
        let last = certificate_identifier(KeyReference::retired(20).unwrap());
        assert_eq!(last, b"\x60\x86\x48\x01\x65\x03\x07\x02\x10\x14");
        assert_eq!(bare_identifier(&[&[0x06, 0x0A], last.as_slice()].concat()), last);
        assert_eq!(bare_identifier(&last), last);
    }

    #[test]
    fn nothing_secret_is_a_row() {
        assert!(CONTAINERS.iter().all(|container| container.object().is_public()));
    }
}
