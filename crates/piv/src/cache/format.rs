//! The stored form: magic with version, label, objects, looks, and a checksum over all of it. Numbers are big-endian;
//! lengths are 4 bytes. Whoever can write it could as well replace the program: the checksum is against accidents.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};

use super::{
    Content, Kept, STAYS, TokenCache, VARIANTS,
    stay::{Mark, Stay, StayName},
};
use crate::ObjectId;

/// First bytes of the stored form; the last one is its version.
const MAGIC: [u8; 8] = *b"crescnd\x03";
/// In place of a length: an object that the card does not have.
const ABSENT: u32 = u32::MAX;

impl TokenCache {
    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put(&mut out, self.label.as_deref().unwrap_or_default().as_bytes());
        put_count(&mut out, self.objects.len());
        for (object, kept) in &self.objects {
            out.extend(object.tag().to_be_bytes());
            put_count(&mut out, kept.variants.len());
            for variant in &kept.variants {
                match variant {
                    Some(answer) => put(&mut out, answer),
                    None => out.extend(ABSENT.to_be_bytes()),
                }
            }
        }
        put_count(&mut out, self.stays.len());
        for stay in &self.stays {
            out.extend(stay.name.0);
            put_count(&mut out, stay.looks.len());
            for (object, (at, content)) in &stay.looks {
                out.extend(object.tag().to_be_bytes());
                out.extend((at.as_millis() as u64).to_be_bytes());
                out.extend(content.0);
            }
        }
        put_count(&mut out, self.checked.len());
        for (object, (date, content)) in &self.checked {
            out.extend(object.tag().to_be_bytes());
            out.extend(date.as_secs().to_be_bytes());
            out.extend(content.0);
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
        let label = String::from_utf8(content(&mut rest)??.to_vec()).ok()?;
        let mut cache = Self { label: (!label.is_empty()).then_some(label), ..Self::default() };
        for _ in 0..number(&mut rest)? {
            let object = ObjectId::from_tag(number(&mut rest)?);
            let variants = variants(&mut rest)?;
            if object.is_public() {
                cache.objects.insert(object, Kept { variants, believed: true });
            }
        }
        for _ in 0..counted(&mut rest, STAYS)? {
            cache.stays.push(stay(&mut rest)?);
        }
        for _ in 0..number(&mut rest)? {
            let object = ObjectId::from_tag(number(&mut rest)?);
            let date = Duration::from_secs(u64::from_be_bytes(*take(&mut rest)?));
            cache.checked.insert(object, (date, Mark(*take(&mut rest)?)));
        }
        rest.is_empty().then_some(cache)
    }
}

fn variants(rest: &mut &[u8]) -> Option<Vec<Content>> {
    let count = counted(rest, VARIANTS)?;
    (0..count)
        .map(|_| Some(content(rest)?.map(Arc::from)))
        .collect::<Option<Vec<_>>>()
        .filter(|all| !all.is_empty())
}

fn stay(rest: &mut &[u8]) -> Option<Stay> {
    let name = StayName(*take(rest)?);
    let mut looks = BTreeMap::new();
    for _ in 0..number(rest)? {
        let object = ObjectId::from_tag(number(rest)?);
        let at = Duration::from_millis(u64::from_be_bytes(*take(rest)?));
        looks.insert(object, (at, Mark(*take(rest)?)));
    }
    Some(Stay { name, looks })
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(0).to_be_bytes());
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(bytes)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*take(rest)?))
}

fn counted(rest: &mut &[u8], most: usize) -> Option<usize> {
    usize::try_from(number(rest)?).ok().filter(|count| *count <= most)
}

/// A length and so many bytes; `Some(None)` for an absent object, `None` for the end of the input.
fn content<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = number(rest)?;
    if length == ABSENT {
        return Some(None);
    }
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(Some(bytes))
}
