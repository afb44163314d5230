//! Objects with ready attributes: made once from a certificate, and only compared and copied after that.

use std::sync::Arc;

use cryptoki_sys::*;
use piv::{Certificate, KeyReference, PublicKey};

use crate::{
    Error, Settings,
    attributes::{self, Attributes},
    data::{Container, certificate_identifier},
    secret::{Secret, Wanted},
    usage::Usage,
};

/// One object of a token.
pub struct Object {
    pub(crate) handle: CK_OBJECT_HANDLE,
    pub(crate) class: CK_OBJECT_CLASS,
    /// Hidden until the user logs in.
    pub(crate) private: bool,
    /// The key of the card that this private or public key object stands for, or that this certificate is of.
    pub(crate) key: Option<Key>,
    /// The key itself, where it is one of a session.
    pub(crate) secret: Option<Secret>,
    attributes: Attributes,
}

/// What an operation needs to know of a key, so that no card is asked before its end.
#[derive(Clone)]
pub(crate) struct Key {
    pub reference: KeyReference,
    pub usage: Usage,
    /// Programs have to ask for the PIN before each use. OpenSSH gives such a key up where it cannot ask, so with a
    /// replayed PIN it is not said.
    pub asks: bool,
    pub half: Half,
}

/// Where its public half is from.
#[derive(Clone)]
pub(crate) enum Half {
    Certificate(Arc<Certificate>),
    Bare(Arc<Bare>),
}

/// A key that has no certificate yet.
pub(crate) struct Bare {
    pub public: PublicKey,
    /// SubjectPublicKeyInfo.
    pub info: Vec<u8>,
    /// CKA_ID, if a program has given it another one.
    pub id: Option<Vec<u8>>,
    /// CKM_... that made it on the card, if that was for this process.
    pub made_by: Option<CK_MECHANISM_TYPE>,
}

impl Key {
    pub(crate) fn public(&self) -> &PublicKey {
        match &self.half {
            Half::Certificate(certificate) => &certificate.key,
            Half::Bare(bare) => &bare.public,
        }
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn public_info(&self) -> &[u8] {
        match &self.half {
            Half::Certificate(certificate) => &certificate.public_key_info,
            Half::Bare(bare) => &bare.info,
        }
    }

    /// The subject of its certificate.
    pub(crate) fn subject(&self) -> &[u8] {
        match &self.half {
            Half::Certificate(certificate) => &certificate.subject,
            Half::Bare(_) => &[],
        }
    }

    pub(crate) fn id(&self) -> Vec<u8> {
        let given = match &self.half {
            Half::Certificate(_) => None,
            Half::Bare(bare) => bare.id.clone(),
        };
        given.unwrap_or_else(|| vec![id(self.reference)])
    }

    /// CKM_... that made it on the card, as far as anybody knows.
    pub(crate) fn made_by(&self) -> Option<CK_MECHANISM_TYPE> {
        match &self.half {
            Half::Certificate(_) => None,
            Half::Bare(bare) => bare.made_by,
        }
    }

    /// Differs for another key in the same place.
    pub(crate) fn distinction(&self) -> &[u8] {
        match &self.half {
            Half::Certificate(certificate) => &certificate.der,
            Half::Bare(bare) => &bare.info,
        }
    }

    pub(crate) fn is_bare(&self) -> bool {
        matches!(self.half, Half::Bare(_))
    }
}

/// The parts of a private key that never leave the card.
const SENSITIVE: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_VALUE,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
];

/// The profiles we keep to (PKCS#11 profiles 3.x). Public certificates: NSS then lists them without a PIN (rule R2).
const PROFILES: [CK_PROFILE_ID; 3] =
    [CKP_BASELINE_PROVIDER, CKP_AUTHENTICATION_TOKEN, CKP_PUBLIC_CERTIFICATES_TOKEN];

/// The first handle that is not a profile's.
pub(crate) const FIRST_HANDLE: CK_OBJECT_HANDLE = 0x10;

impl Object {
    /// An attribute, in the form the program's memory takes.
    ///
    /// # Errors
    /// [`Error::AttributeSensitive`] for what never leaves the card, [`Error::AttributeUnknown`] for what this object
    /// does not have.
    pub fn attribute(&self, kind: CK_ATTRIBUTE_TYPE) -> Result<&[u8], Error> {
        if self.class == CKO_PRIVATE_KEY && SENSITIVE.contains(&kind) {
            return Err(Error::AttributeSensitive);
        }
        if let (CKA_VALUE, Some(secret)) = (kind, &self.secret) {
            return if secret.readable { Ok(&secret.value) } else { Err(Error::AttributeSensitive) };
        }
        self.attributes.find(kind).ok_or(Error::AttributeUnknown)
    }

    /// Whether it stands for this key, or is its certificate.
    pub(crate) fn is_of(&self, reference: KeyReference) -> bool {
        self.key.as_ref().is_some_and(|key| key.reference == reference)
    }

    /// About how much room it takes.
    pub(crate) fn size(&self) -> usize {
        self.attributes.size()
    }

    /// The profile objects: the same for every token, known without a card.
    pub(crate) fn profiles() -> Vec<Arc<Self>> {
        let handles = 1..;
        let profile = |(handle, id)| Self {
            handle,
            class: CKO_PROFILE,
            private: false,
            key: None,
            secret: None,
            attributes: attributes::profile(id),
        };
        handles.zip(PROFILES).map(profile).map(Arc::new).collect()
    }

    /// A container of the card.
    pub(crate) fn of_container(handle: CK_OBJECT_HANDLE, container: &Container, content: &[u8]) -> Arc<Self> {
        let (object, identifier) = (container.object(), container.identifier());
        Self::of_data(handle, attributes::data(object, container.label, &identifier, content))
    }

    /// The container of a key's certificate.
    pub(crate) fn of_certificate_container(
        handle: CK_OBJECT_HANDLE,
        key: KeyReference,
        label: &str,
        content: &[u8],
    ) -> Arc<Self> {
        let identifier = certificate_identifier(key);
        Self::of_data(handle, attributes::data(key.certificate(), label, &identifier, content))
    }

    fn of_data(handle: CK_OBJECT_HANDLE, attributes: Attributes) -> Arc<Self> {
        Arc::new(Self { handle, class: CKO_DATA, private: false, key: None, secret: None, attributes })
    }

    /// Certificate, public key and private key for one certificate, with three handles from `handle` on.
    pub(crate) fn of_key(
        handle: CK_OBJECT_HANDLE,
        reference: KeyReference,
        certificate: &Arc<Certificate>,
        federal: bool,
        settings: Settings,
    ) -> [Arc<Self>; 3] {
        let usage = Usage::of(reference, certificate, federal);
        let object = |class, attributes| Self {
            handle: handle + class - 1,
            class,
            private: false,
            key: None,
            secret: None,
            attributes,
        };
        let asks = reference.always_authenticates() && !settings.replay_pin;
        let half = Half::Certificate(certificate.clone());
        let key = Key { reference, usage, asks, half };
        let certificate = Arc::new(Self {
            key: Some(key.clone()),
            ..object(CKO_CERTIFICATE, attributes::certificate(reference, certificate))
        });
        let [public, private] = Self::of_pair(handle + 1, key);
        [certificate, public, private]
    }

    /// Public and private key, with two handles from `handle` on.
    pub(crate) fn of_pair(handle: CK_OBJECT_HANDLE, key: Key) -> [Arc<Self>; 2] {
        let object = |class, private, attributes| Self {
            handle: handle + class - CKO_PUBLIC_KEY,
            class,
            private,
            key: Some(key.clone()),
            secret: None,
            attributes,
        };
        let needs_pin = key.reference.needs_pin();
        [
            Arc::new(object(CKO_PUBLIC_KEY, false, attributes::public_key(&key))),
            Arc::new(object(CKO_PRIVATE_KEY, needs_pin, attributes::private_key(&key))),
        ]
    }

    /// Public and private key without a certificate. Each of them may sign: whoever asks for a certificate signs the request
    /// with its key, whatever that key is for. None agrees on keys: nothing could vouch for the result.
    pub(crate) fn of_bare(
        handle: CK_OBJECT_HANDLE,
        reference: KeyReference,
        bare: Arc<Bare>,
        settings: Settings,
    ) -> [Arc<Self>; 2] {
        let by_reference = Usage::by_reference(reference, bare.public.algorithm().is_rsa());
        let usage = Usage { sign: true, derive: false, ..by_reference };
        let asks = reference.always_authenticates() && !settings.replay_pin;
        Self::of_pair(handle, Key { reference, usage, asks, half: Half::Bare(bare) })
    }

    /// A secret key of a session.
    pub(crate) fn of_secret(handle: CK_OBJECT_HANDLE, wanted: &Wanted, secret: Secret) -> Arc<Self> {
        Arc::new(Self {
            handle,
            class: CKO_SECRET_KEY,
            private: wanted.private,
            key: None,
            attributes: attributes::secret_key(handle, wanted, secret.value.len()),
            secret: Some(secret),
        })
    }
}

/// CKA_ID, as OpenSC numbers keys: decimal digits read as hexadecimal, so 09 is followed by 10.
pub(crate) fn id(reference: KeyReference) -> u8 {
    let number = match reference {
        KeyReference::PIV_AUTHENTICATION => 1,
        KeyReference::DIGITAL_SIGNATURE => 2,
        KeyReference::KEY_MANAGEMENT => 3,
        KeyReference::CARD_AUTHENTICATION => 4,
        retired => 4 + retired.retired_number().unwrap_or(0),
    };
    ((number / 10) << 4) | (number % 10)
}

/// The key with this CKA_ID.
pub(crate) fn reference_of(wanted: u8) -> Option<KeyReference> {
    KeyReference::all().find(|key| id(*key) == wanted)
}

/// CKA_LABEL, as OpenSC words it. Java makes aliases of the certificates' labels, so those are unique.
pub(crate) fn label(reference: KeyReference, class: CK_OBJECT_CLASS) -> String {
    if let Some(n) = reference.retired_number() {
        return match class {
            CKO_CERTIFICATE => format!("Retired Certificate for Key Management {n}"),
            _ => format!("Retired KEY MAN {n}"),
        };
    }
    let (certificate, key) = match reference {
        KeyReference::PIV_AUTHENTICATION => ("PIV Authentication", "PIV AUTH"),
        KeyReference::DIGITAL_SIGNATURE => ("Digital Signature", "SIGN"),
        KeyReference::KEY_MANAGEMENT => ("Key Management", "KEY MAN"),
        _ => ("Card Authentication", "CARD AUTH"),
    };
    match class {
        CKO_CERTIFICATE => format!("Certificate for {certificate}"),
        CKO_PUBLIC_KEY => format!("{key} pubkey"),
        _ => format!("{key} key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_opensc_s() {
        let ids: Vec<_> = KeyReference::all().map(id).collect();
        assert_eq!(ids[..9], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!((ids[9], ids[18], ids[19], ids[23]), (0x10, 0x19, 0x20, 0x24));
    }

    #[test]
    fn labels_of_certificates_are_unique() {
        let mut labels: Vec<_> = KeyReference::all().map(|key| label(key, CKO_CERTIFICATE)).collect();
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), 24);
        assert_eq!(label(KeyReference::PIV_AUTHENTICATION, CKO_PUBLIC_KEY), "PIV AUTH pubkey");
    }

    #[test]
    fn profiles_are_known_without_a_card() {
        let profiles = Object::profiles();
        assert_eq!(profiles.len(), 3);
        assert_eq!(
            profiles[2].attribute(CKA_PROFILE_ID).unwrap(),
            CKP_PUBLIC_CERTIFICATES_TOKEN.to_ne_bytes()
        );
        assert!(matches!(profiles[0].attribute(CKA_VALUE), Err(Error::AttributeUnknown)));
    }
}
