//! Session secret keys: what an agreement or an unwrapping yields, held in memory until its session ends.

use cryptoki_sys::*;
use zeroize::Zeroizing;

use crate::{Error, Template, hash::Hash};

/// More than any key that is agreed on has.
const MOST: usize = 1024;

/// A secret key in memory, and who may read it.
pub(crate) struct Secret {
    pub value: Zeroizing<Vec<u8>>,
    /// Neither sensitive nor unextractable.
    pub readable: bool,
    pub unwrap: bool,
}

/// What a program wants of a new secret key.
///
/// By default it can be read (rule R6): NSS and pkcs11-provider go on with it in their own software.
pub(crate) struct Wanted {
    pub key_type: CK_KEY_TYPE,
    /// How long it is to be, if the program says so.
    pub len: Option<usize>,
    pub private: bool,
    pub sensitive: bool,
    pub extractable: bool,
    pub label: Vec<u8>,
    pub id: Vec<u8>,
    /// What the key may be used for, as the template has it; what it leaves open is allowed.
    pub uses: Vec<(CK_ATTRIBUTE_TYPE, bool)>,
}

/// What a key may be used for.
const USES: [CK_ATTRIBUTE_TYPE; 9] = [
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
];

/// What may stand in a template and changes nothing.
const WITHOUT_MEANING: [CK_ATTRIBUTE_TYPE; 8] = [
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_TRUSTED,
    CKA_WRAP_WITH_TRUSTED,
    CKA_ALLOWED_MECHANISMS,
];

/// What may stand in a template and is looked at.
const WITH_MEANING: [CK_ATTRIBUTE_TYPE; 9] = [
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_VALUE_LEN,
    CKA_LABEL,
    CKA_ID,
];

/// What only the key itself decides.
const DECIDED: [CK_ATTRIBUTE_TYPE; 7] = [
    CKA_VALUE,
    CKA_LOCAL,
    CKA_KEY_GEN_MECHANISM,
    CKA_ALWAYS_SENSITIVE,
    CKA_NEVER_EXTRACTABLE,
    CKA_CHECK_VALUE,
    CKA_UNIQUE_ID,
];

impl Wanted {
    /// Reads a template. `private`: what CKA_PRIVATE is where the template is silent.
    pub(crate) fn read(template: &Template, private: bool) -> Result<Self, Error> {
        for (kind, _) in template.iter() {
            if DECIDED.contains(&kind) {
                return Err(Error::TemplateInconsistent);
            }
            if !(USES.contains(&kind) || WITH_MEANING.contains(&kind) || WITHOUT_MEANING.contains(&kind)) {
                return Err(Error::AttributeUnknown);
            }
        }
        let key_type = template.number(CKA_KEY_TYPE)?.unwrap_or(CKK_GENERIC_SECRET);
        let is_known = [CKK_GENERIC_SECRET, CKK_AES].contains(&key_type);
        let is_secret = template.number(CKA_CLASS)?.is_none_or(|class| class == CKO_SECRET_KEY);
        if !is_known || !is_secret || template.flag(CKA_TOKEN)? == Some(true) {
            return Err(Error::AttributeValue);
        }
        let len = template.number(CKA_VALUE_LEN)?.map(usize::try_from).transpose();
        let text = |kind| template.find(kind).unwrap_or_default().to_vec();
        let uses = USES.map(|kind| template.flag(kind).map(|flag| (kind, flag != Some(false))));
        Ok(Self {
            key_type,
            // Some programs write 0 for a length they do not know.
            len: len.map_err(|_| Error::KeySize)?.filter(|len| *len != 0),
            private: template.flag(CKA_PRIVATE)?.unwrap_or(private),
            sensitive: template.flag(CKA_SENSITIVE)?.unwrap_or(false),
            extractable: template.flag(CKA_EXTRACTABLE)?.unwrap_or(true),
            label: text(CKA_LABEL),
            id: text(CKA_ID),
            uses: uses.into_iter().collect::<Result<_, _>>()?,
        })
    }

    /// Whether a key of its type can have so many bytes.
    pub(crate) fn fits(&self, len: usize) -> bool {
        match self.key_type {
            CKK_AES => [16, 24, 32].contains(&len),
            _ => (1..=MOST).contains(&len),
        }
    }

    pub(crate) fn secret(&self, value: Zeroizing<Vec<u8>>) -> Secret {
        let readable = !self.sensitive && self.extractable;
        let unwrap = self.uses.iter().any(|(kind, allowed)| *kind == CKA_UNWRAP && *allowed);
        Secret { value, readable, unwrap }
    }
}

/// What becomes of the result of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kdf {
    /// The x-coordinate itself.
    Null,
    /// ANSI X9.63 (SEC 1, 3.6.1) with this hash.
    X963(Hash),
}

impl Kdf {
    pub(crate) fn from_number(number: CK_EC_KDF_TYPE) -> Option<Self> {
        Some(match number {
            CKD_NULL => Self::Null,
            CKD_SHA1_KDF => Self::X963(Hash::Sha1),
            CKD_SHA224_KDF => Self::X963(Hash::Sha224),
            CKD_SHA256_KDF => Self::X963(Hash::Sha256),
            CKD_SHA384_KDF => Self::X963(Hash::Sha384),
            CKD_SHA512_KDF => Self::X963(Hash::Sha512),
            _ => return None,
        })
    }

    /// How long the key will be. Asked before the card is.
    pub(crate) fn length(self, wanted: &Wanted, agreed: usize) -> Result<usize, Error> {
        let natural = if self == Self::Null && wanted.fits(agreed) { Some(agreed) } else { None };
        let len = wanted.len.or(natural).ok_or(Error::TemplateIncomplete)?;
        let is_there = self != Self::Null || len <= agreed;
        if is_there && wanted.fits(len) { Ok(len) } else { Err(Error::KeySize) }
    }

    /// So many bytes out of an agreement. Cut without a KDF, the leading bytes go (PKCS#11, ECDH1).
    pub(crate) fn derive(self, agreed: &[u8], shared: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
        let Self::X963(hash) = self else {
            return Zeroizing::new(agreed[agreed.len() - len..].to_vec());
        };
        let mut out = Zeroizing::new(Vec::with_capacity(len + hash.len()));
        for counter in 1u32.. {
            if out.len() >= len {
                break;
            }
            out.extend_from_slice(&Zeroizing::new(hash.of(&[agreed, &counter.to_be_bytes(), shared])));
        }
        out.truncate(len);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(attributes: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Result<Wanted, Error> {
        let template = attributes.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
        Wanted::read(&template, true)
    }

    #[test]
    fn x963_as_nist_has_it() {
        // NIST CAVP, ANSI X9.63-2001 KDF, SHA-256, the first of 128 bits.
        let agreed = hex("96c05619d56c328ab95fe84b18264b08725b85e33fd34f08");
        let key = Kdf::X963(Hash::Sha256).derive(&agreed, &[], 16);
        assert_eq!(*key, hex("443024c3dae66b95e6f5670601558f71"));
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn lengths_come_from_the_template_or_the_curve() {
        let aes = CKK_AES.to_ne_bytes();
        let (sixteen, long) = (16 as CK_ULONG, 64 as CK_ULONG);
        let generic = wanted(&[]).unwrap();
        assert_eq!(Kdf::Null.length(&generic, 48).unwrap(), 48);
        let x963 = Kdf::X963(Hash::Sha1);
        assert!(matches!(x963.length(&generic, 48), Err(Error::TemplateIncomplete)));
        let short = wanted(&[(CKA_KEY_TYPE, &aes), (CKA_VALUE_LEN, &sixteen.to_ne_bytes())]).unwrap();
        assert_eq!((Kdf::Null.length(&short, 32).unwrap(), x963.length(&short, 32).unwrap()), (16, 16));
        assert_eq!(*Kdf::Null.derive(&[1, 2, 3, 4], &[], 2), [3, 4]);
        let long = wanted(&[(CKA_VALUE_LEN, &long.to_ne_bytes())]).unwrap();
        assert!(matches!(Kdf::Null.length(&long, 32), Err(Error::KeySize)));
        assert_eq!(x963.derive(&[7; 32], b"shared", x963.length(&long, 32).unwrap()).len(), 64);
        let odd = wanted(&[(CKA_KEY_TYPE, &aes)]).unwrap();
        assert!(matches!(Kdf::Null.length(&odd, 48), Err(Error::TemplateIncomplete)));
    }

    #[test]
    fn templates_that_ask_for_something_else() {
        assert!(matches!(wanted(&[(CKA_TOKEN, &[CK_TRUE])]), Err(Error::AttributeValue)));
        assert!(matches!(wanted(&[(CKA_KEY_TYPE, &CKK_DES3.to_ne_bytes())]), Err(Error::AttributeValue)));
        assert!(matches!(wanted(&[(CKA_VALUE, &[1])]), Err(Error::TemplateInconsistent)));
        assert!(matches!(wanted(&[(CKA_MODULUS, &[1])]), Err(Error::AttributeUnknown)));
        assert!(matches!(wanted(&[(CKA_SENSITIVE, &[])]), Err(Error::AttributeValue)));
        let kept = wanted(&[(CKA_SENSITIVE, &[CK_TRUE]), (CKA_UNWRAP, &[CK_FALSE])]).unwrap();
        let secret = kept.secret(Zeroizing::new(vec![1]));
        assert!(!secret.readable && !secret.unwrap && kept.private);
    }
}
