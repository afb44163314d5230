//! The attributes of each kind of object (PKCS#11 3.x part 4 and its profiles), as ready bytes.

use cryptoki_sys::*;
use der::DateTime;
use piv::{Algorithm, Certificate, KeyReference, ObjectId, PublicKey};

use crate::{
    hash::Hash,
    object::{Key, id, label},
    secret::Wanted,
};

/// Attributes and their values.
pub(crate) struct Attributes(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Attributes {
    pub(crate) fn find(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.0.iter().find(|(here, _)| *here == kind).map(|(_, value)| value.as_slice())
    }

    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|(_, value)| value.len()).sum()
    }

    /// What every object of a card has. Nothing here can be changed or copied; certificates and private keys can be destroyed.
    fn of_class(class: CK_OBJECT_CLASS, label: &str, unique: &str) -> Self {
        Self::of_any(class, label.as_bytes(), unique)
            .flags(true, &[CKA_TOKEN])
            .flags(matches!(class, CKO_CERTIFICATE | CKO_PRIVATE_KEY), &[CKA_DESTROYABLE])
    }

    fn of_any(class: CK_OBJECT_CLASS, label: &[u8], unique: &str) -> Self {
        Self(Vec::with_capacity(40))
            .number(CKA_CLASS, class)
            .bytes(CKA_LABEL, label)
            .text(CKA_UNIQUE_ID, unique)
            .flags(false, &[CKA_MODIFIABLE, CKA_COPYABLE])
    }

    fn bytes(mut self, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.push((kind, value.to_vec()));
        self
    }

    fn text(self, kind: CK_ATTRIBUTE_TYPE, value: &str) -> Self {
        self.bytes(kind, value.as_bytes())
    }

    fn number(self, kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    fn flags(self, value: bool, kinds: &[CK_ATTRIBUTE_TYPE]) -> Self {
        let value = if value { CK_TRUE } else { CK_FALSE };
        kinds.iter().fold(self, |attributes, kind| attributes.bytes(*kind, &[value]))
    }
}

/// CKO_PROFILE.
pub(crate) fn profile(id: CK_PROFILE_ID) -> Attributes {
    Attributes::of_class(CKO_PROFILE, "", &format!("profile-{id}"))
        .flags(false, &[CKA_PRIVATE])
        .number(CKA_PROFILE_ID, id)
}

/// CKO_DATA: a container of the card.
pub(crate) fn data(object: ObjectId, label: &str, identifier: &[u8], content: &[u8]) -> Attributes {
    let fingerprint = short_fingerprint(content);
    Attributes::of_class(CKO_DATA, label, &format!("{object}-data-{fingerprint}"))
        .flags(false, &[CKA_PRIVATE])
        .text(CKA_APPLICATION, label)
        .bytes(CKA_OBJECT_ID, identifier)
        .bytes(CKA_VALUE, content)
}

/// CKO_CERTIFICATE. It is never trusted: that is not for the card to say.
pub(crate) fn certificate(reference: KeyReference, certificate: &Certificate) -> Attributes {
    let validity = &certificate.validity;
    Attributes::of_class(
        CKO_CERTIFICATE,
        &label(reference, CKO_CERTIFICATE),
        &unique(reference, "certificate", &certificate.der),
    )
    .flags(false, &[CKA_PRIVATE, CKA_TRUSTED])
    .number(CKA_CERTIFICATE_TYPE, CKC_X_509)
    .number(CKA_CERTIFICATE_CATEGORY, CK_CERTIFICATE_CATEGORY_TOKEN_USER)
    .bytes(CKA_ID, &[id(reference)])
    .bytes(CKA_VALUE, &certificate.der)
    .bytes(CKA_SUBJECT, &certificate.subject)
    .bytes(CKA_ISSUER, &certificate.issuer)
    .bytes(CKA_SERIAL_NUMBER, &certificate.serial)
    .bytes(CKA_PUBLIC_KEY_INFO, &certificate.public_key_info)
    .bytes(CKA_CHECK_VALUE, &Hash::Sha1.of(&[&certificate.der])[..3])
    .bytes(CKA_START_DATE, &date(validity.not_before.to_date_time()))
    .bytes(CKA_END_DATE, &date(validity.not_after.to_date_time()))
}

/// CKO_PUBLIC_KEY: the other half of every use of the private key.
pub(crate) fn public_key(key: &Key) -> Attributes {
    key_attributes(key, CKO_PUBLIC_KEY, "public-key")
        .flags(false, &[CKA_PRIVATE, CKA_TRUSTED, CKA_VERIFY_RECOVER, CKA_ENCAPSULATE, CKA_WRAP])
        .flags(key.usage.sign, &[CKA_VERIFY])
        .flags(key.usage.decrypt, &[CKA_ENCRYPT])
}

/// CKO_PRIVATE_KEY, with the public parts too: libp11 and pkcs11-provider ask for them here.
///
/// A PIV card does not tell where a key was made. So CKA_LOCAL is false, and with it, as for an imported key,
/// CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE: they speak of the time before the card. Only of a key that this process has
/// had made, and that has no certificate yet, they are known.
pub(crate) fn private_key(key: &Key) -> Attributes {
    key_attributes(key, CKO_PRIVATE_KEY, "private-key")
        .flags(key.reference.needs_pin(), &[CKA_PRIVATE])
        .flags(key.asks, &[CKA_ALWAYS_AUTHENTICATE])
        .flags(true, &[CKA_SENSITIVE])
        .flags(key.made_by().is_some(), &[CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE])
        .flags(false, &[CKA_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED])
        .flags(key.usage.sign, &[CKA_SIGN])
        .flags(key.usage.decrypt, &[CKA_DECRYPT, CKA_UNWRAP])
        .flags(false, &[CKA_SIGN_RECOVER, CKA_DECAPSULATE])
}

/// CKO_SECRET_KEY, of a session; its value is not among these.
pub(crate) fn secret_key(handle: CK_OBJECT_HANDLE, wanted: &Wanted, len: usize) -> Attributes {
    let attributes = Attributes::of_any(CKO_SECRET_KEY, &wanted.label, &format!("secret-key-{handle}"))
        .flags(true, &[CKA_DESTROYABLE])
        .flags(false, &[CKA_TOKEN, CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE, CKA_TRUSTED])
        .flags(false, &[CKA_WRAP_WITH_TRUSTED])
        .flags(wanted.private, &[CKA_PRIVATE])
        .flags(wanted.sensitive, &[CKA_SENSITIVE])
        .flags(wanted.extractable, &[CKA_EXTRACTABLE])
        .number(CKA_KEY_TYPE, wanted.key_type)
        .number(CKA_VALUE_LEN, len as CK_ULONG)
        .number(CKA_KEY_GEN_MECHANISM, CK_ULONG::MAX)
        .bytes(CKA_ID, &wanted.id)
        .bytes(CKA_START_DATE, &[])
        .bytes(CKA_END_DATE, &[]);
    wanted.uses.iter().fold(attributes, |attributes, (kind, allowed)| attributes.flags(*allowed, &[*kind]))
}

/// What the two halves share.
fn key_attributes(key: &Key, class: CK_OBJECT_CLASS, name: &str) -> Attributes {
    let Key { reference, usage, .. } = key;
    let key_type = if key.public().algorithm().is_rsa() { CKK_RSA } else { CKK_EC };
    let mechanisms: Vec<u8> = usage.mechanisms(key_type).flat_map(|row| row.number.to_ne_bytes()).collect();
    let attributes =
        Attributes::of_class(class, &label(*reference, class), &unique(*reference, name, key.distinction()))
            .number(CKA_KEY_TYPE, key_type)
            .number(CKA_KEY_GEN_MECHANISM, key.made_by().unwrap_or(CK_UNAVAILABLE_INFORMATION))
            .flags(key.made_by().is_some(), &[CKA_LOCAL])
            .flags(usage.derive, &[CKA_DERIVE])
            .bytes(CKA_ID, &key.id())
            .bytes(CKA_SUBJECT, key.subject())
            .bytes(CKA_PUBLIC_KEY_INFO, key.public_info())
            .bytes(CKA_ALLOWED_MECHANISMS, &mechanisms)
            .bytes(CKA_START_DATE, &[])
            .bytes(CKA_END_DATE, &[]);
    numbers(attributes, key.public())
}

/// The public numbers of the key.
fn numbers(attributes: Attributes, key: &PublicKey) -> Attributes {
    match key {
        PublicKey::Rsa { modulus, exponent, .. } => attributes
            .bytes(CKA_MODULUS, modulus)
            .bytes(CKA_PUBLIC_EXPONENT, exponent)
            .number(CKA_MODULUS_BITS, bits(modulus) as CK_ULONG),
        PublicKey::Ecc { point, algorithm } => {
            attributes.bytes(CKA_EC_PARAMS, curve(*algorithm)).bytes(CKA_EC_POINT, &octet_string(point))
        }
    }
}

/// The length of a number in bits.
pub(crate) fn bits(number: &[u8]) -> usize {
    8 * number.len() - number.first().map_or(0, |byte| byte.leading_zeros() as usize)
}

/// The named curve, a DER object identifier.
pub(crate) fn curve(algorithm: Algorithm) -> &'static [u8] {
    match algorithm {
        Algorithm::EccP384 => b"\x06\x05\x2B\x81\x04\x00\x22",
        _ => b"\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07",
    }
}

/// A point is at most 97 bytes, so its length is one byte.
fn octet_string(point: &[u8]) -> Vec<u8> {
    [&[0x04, point.len() as u8], point].concat()
}

/// CK_DATE: the year, month and day as digits.
fn date(moment: DateTime) -> Vec<u8> {
    format!("{:04}{:02}{:02}", moment.year(), moment.month(), moment.day()).into_bytes()
}

/// The same text for the same object on the same card, in every process.
fn unique(reference: KeyReference, name: &str, distinction: &[u8]) -> String {
    format!("{reference}-{name}-{}", short_fingerprint(distinction))
}

fn short_fingerprint(content: &[u8]) -> String {
    Hash::Sha256.of(&[content])[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_numbers() {
        assert_eq!((bits(&[0x80, 0]), bits(&[1, 0]), bits(&[])), (16, 9, 0));
    }

    #[test]
    fn dates_are_eight_digits() {
        assert_eq!(date(DateTime::new(2031, 2, 3, 4, 5, 6).unwrap()), b"20310203");
    }
}
