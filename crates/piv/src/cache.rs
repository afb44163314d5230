//! What has been read from a card, what is known to be absent, and how it is checked.
//!
//! Public data only. An entry is the whole answer to GET DATA, so that the first bytes of a fresh answer can be compared
//! with it: that look costs one APDU where reading again costs seven.

use std::{collections::BTreeMap, sync::Arc};

use sha2::{Digest, Sha256};

use crate::{ObjectId, tlv};

/// First bytes of the stored form; the last one is its version.
const MAGIC: [u8; 8] = *b"crescnd\x01";
/// In the stored form, the length of an object that the card does not have.
const ABSENT: u32 = u32::MAX;
/// How much of a certificate object a look asks for: enough to hold its lengths and its serial number.
const LOOK: u8 = 48;
/// A serial number of so many bytes tells certificates apart.
const LONG_SERIAL: usize = 8;

/// The public content of one card. `Some(None)` means: the card was asked, and has no such object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenCache {
    objects: BTreeMap<ObjectId, Option<Arc<[u8]>>>,
    label: Option<String>,
}

impl TokenCache {
    /// The answer to GET DATA for this object, wrapper included, as far as it is known.
    #[must_use]
    pub fn get(&self, object: ObjectId) -> Option<Option<Arc<[u8]>>> {
        self.objects.get(&object).cloned()
    }

    /// Keeps an answer. Objects that need a PIN or hold a secret are not kept.
    pub fn keep(&mut self, object: ObjectId, answer: Option<Arc<[u8]>>) {
        if object.is_public() {
            self.objects.insert(object, answer);
        }
    }

    /// Forgets one object.
    pub fn forget(&mut self, object: ObjectId) {
        self.objects.remove(&object);
    }

    /// The label this card was first shown under.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Fixes the label, the first time.
    pub(crate) fn set_label(&mut self, label: String) {
        self.label.get_or_insert(label);
    }

    /// How many bytes to ask for when looking at an object: [`LOOK`] where they hold a serial number long enough to tell
    /// certificates apart, else 0, one whole block.
    pub(crate) fn look_length(&self, object: ObjectId) -> u8 {
        match self.objects.get(&object) {
            Some(Some(answer)) if shows_long_serial(&answer[..answer.len().min(LOOK.into())]) => LOOK,
            Some(None) => LOOK,
            _ => 0,
        }
    }

    /// Whether a fresh head of an object agrees with what is kept.
    pub(crate) fn agrees(&self, object: ObjectId, head: Option<&[u8]>) -> bool {
        match (self.objects.get(&object), head) {
            (Some(None), None) => true,
            (Some(Some(answer)), Some(head)) => {
                answer.starts_with(head) && head.len() >= answer.len().min(LOOK.into())
            }
            _ => false,
        }
    }

    /// The stored form: magic, label, objects, and a checksum over all of it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put(&mut out, self.label.as_deref().unwrap_or_default().as_bytes());
        for (object, answer) in &self.objects {
            out.extend(object.tag().to_be_bytes());
            match answer {
                Some(answer) => put(&mut out, answer),
                None => out.extend(ABSENT.to_be_bytes()),
            }
        }
        out.extend(Sha256::digest(&out));
        out
    }

    /// Reads the stored form. `None`: damaged, or of another version; then the card is read again.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk::<32>()?;
        if <[u8; 32]>::from(Sha256::digest(body)) != *checksum {
            return None;
        }
        let mut rest = body.strip_prefix(&MAGIC)?;
        let label = String::from_utf8(take(&mut rest)??.to_vec()).ok()?;
        let mut cache = Self { label: (!label.is_empty()).then_some(label), ..Self::default() };
        while let Some((tag, after)) = rest.split_first_chunk::<4>() {
            rest = after;
            let object = ObjectId::from_tag(u32::from_be_bytes(*tag));
            cache.keep(object, take(&mut rest)?.map(Arc::from));
        }
        rest.is_empty().then_some(cache)
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A length and so many bytes; `Some(None)` for an absent object, `None` for the end of the input.
fn take<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length);
    if length == ABSENT {
        *rest = after;
        return Some(None);
    }
    let (bytes, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(Some(bytes))
}

/// Whether the start of a certificate object (wrapper, 70, Certificate, TBSCertificate, version) reaches over a serial
/// number of at least [`LONG_SERIAL`] bytes. A compressed certificate does not.
fn shows_long_serial(head: &[u8]) -> bool {
    let container = tlv::start_of_value(head);
    let certificate = if container.first() == Some(&0x70) { tlv::start_of_value(container) } else { &[] };
    let tbs = tlv::start_of_value(tlv::start_of_value(certificate));
    let serial = tbs.strip_prefix(&[0xA0, 0x03, 0x02, 0x01, 0x02]).unwrap_or(tbs);
    match serial {
        [0x02, length, value @ ..] => {
            usize::from(*length) >= LONG_SERIAL && value.len() >= usize::from(*length)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OBJECT: ObjectId = ObjectId::CERTIFICATE_PIV_AUTHENTICATION;

    /// The start of a real certificate object, with a serial number of `length` bytes.
    fn object(length: u8) -> Vec<u8> {
        let mut bytes = vec![0x53, 0x82, 6, 0, 0x70, 0x82, 5, 0xF7, 0x30, 0x82, 5, 0xF3, 0x30, 0x82, 4, 0xDB];
        bytes.extend([0xA0, 3, 2, 1, 2, 2, length]);
        bytes.extend(vec![0x5A; length.into()]);
        bytes.resize(1540, 0);
        bytes
    }

    fn holding(answer: Option<Vec<u8>>) -> TokenCache {
        let mut cache = TokenCache::default();
        cache.keep(OBJECT, answer.map(Arc::from));
        cache
    }

    #[test]
    fn a_look_covers_the_serial_number() {
        assert_eq!(holding(Some(object(8))).look_length(OBJECT), 48);
        assert_eq!(holding(Some(object(20))).look_length(OBJECT), 48);
        assert_eq!(holding(Some(object(7))).look_length(OBJECT), 0, "short serial numbers repeat");
        assert_eq!(holding(Some(vec![0x53, 4, 0x70, 2, 0x1F, 0x8B])).look_length(OBJECT), 0);
    }

    #[test]
    fn a_head_agrees_or_does_not() {
        let cache = holding(Some(object(20)));
        let mut head = object(20)[..48].to_vec();
        assert!(cache.agrees(OBJECT, Some(&head)));
        assert!(cache.agrees(OBJECT, Some(&object(20)[..256])), "a card may send more than was asked");
        assert!(!cache.agrees(OBJECT, Some(&head[..47])));
        assert!(!cache.agrees(OBJECT, None));
        head[30] ^= 1;
        assert!(!cache.agrees(OBJECT, Some(&head)));
        assert!(holding(None).agrees(OBJECT, None));
        assert!(!holding(None).agrees(OBJECT, Some(&head)));
    }

    #[test]
    fn what_needs_a_pin_is_not_kept() {
        for tag in [0x5F_C103, 0x5F_C108, 0x5F_C109, 0x5F_C121, 0x5F_C123] {
            let mut cache = TokenCache::default();
            cache.keep(ObjectId::from_tag(tag), Some(Arc::from([1u8, 2].as_slice())));
            assert_eq!(cache, TokenCache::default());
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut cache = holding(Some(object(9)[..60].to_vec()));
        cache.keep(ObjectId::KEY_HISTORY, None);
        cache.set_label("Crescendo Test Holder".into());
        let bytes = cache.to_bytes();
        assert_eq!(TokenCache::from_bytes(&bytes), Some(cache));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(TokenCache::from_bytes(&damaged), None);
        }
        for length in 0..bytes.len() {
            assert_eq!(TokenCache::from_bytes(&bytes[..length]), None);
        }
    }

    proptest! {
        #[test]
        fn any_body_with_a_right_checksum_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = [&MAGIC[..], &body].concat();
            bytes.extend(Sha256::digest(&bytes));
            let _ = TokenCache::from_bytes(&bytes);
        }
    }
}
