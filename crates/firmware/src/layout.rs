//! How the bytes of an MCUboot image lie (part 1 of the protocol): header, payload, protected TLVs, TLVs.
//!
//! Every length is checked against the file before it is used; nothing is copied but the few bytes of the TLVs.

use std::ops::Range;

use crate::{BootloaderVersion, Error, KeyHash, Version};

pub(crate) const MAGIC: u32 = 0x96F3_B83D;
pub(crate) const HEADER: usize = 32;
pub(crate) const PROTECTED_MAGIC: u16 = 0x6908;
pub(crate) const UNPROTECTED_MAGIC: u16 = 0x6907;

pub(crate) const KEY_HASH: u16 = 0x01;
pub(crate) const SHA256: u16 = 0x10;
pub(crate) const ED25519: u16 = 0x24;
const SIGNATURE_PURE: u16 = 0x25;
pub(crate) const SECURITY_COUNTER: u16 = 0x50;
pub(crate) const MODEL: u16 = 0xA0;
pub(crate) const BOOTLOADER: u16 = 0xA1;
pub(crate) const HARDWARE: u16 = 0xA2;

/// The bits of AES-128 and AES-256 in the header's flags.
const ENCRYPTED: u32 = 0x04 | 0x08;

/// What BEGIN can carry of header area and TLVs together (part 3 of the protocol).
const MAX_AROUND_PAYLOAD: usize = 7000;

/// What an image says of itself, and where.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) version: Version,
    pub(crate) counter: u32,
    pub(crate) model: String,
    /// The oldest bootloader it runs with; none given: any.
    pub(crate) bootloader: Option<BootloaderVersion>,
    /// The hardware revisions it is for; none given: all.
    pub(crate) hardware: Option<Vec<u8>>,
    pub(crate) digest: [u8; 32],
    pub(crate) signatures: Vec<(KeyHash, [u8; 64])>,
    /// The payload: before it is the header area, behind it are the TLVs.
    pub(crate) payload: Range<usize>,
    /// What the digest covers: from the start to here.
    pub(crate) hashed: usize,
}

impl Layout {
    pub(crate) fn of(file: &[u8]) -> Result<Self, Error> {
        let (payload, protected_size, version) = header(file)?;
        let rest = &file[payload.end..];
        let (protected, rest) = area(rest, PROTECTED_MAGIC)?;
        if protected.len() + AREA != protected_size {
            return Err(Error::Malformed("the header gives another size of the protected area"));
        }
        let (unprotected, rest) = area(rest, UNPROTECTED_MAGIC)?;
        if !rest.is_empty() {
            return Err(Error::Malformed("there are bytes behind its end"));
        }
        if file.len() - payload.len() > MAX_AROUND_PAYLOAD {
            return Err(Error::Malformed("header and TLVs are longer than the protocol can carry"));
        }
        let protected = Protected::of(protected)?;
        let (digest, signatures) = signatures(unprotected)?;
        let required = |what| Error::Malformed(what);
        Ok(Self {
            version,
            counter: protected.counter.ok_or(required("it has no security counter"))?,
            model: protected.model.ok_or(required("it names no model"))?,
            bootloader: protected.bootloader,
            hardware: protected.hardware,
            digest,
            signatures,
            hashed: payload.end + protected_size,
            payload,
        })
    }
}

/// Where the payload lies, the size of the protected area, and the version.
fn header(file: &[u8]) -> Result<(Range<usize>, usize, Version), Error> {
    let Some(header) = file.first_chunk::<HEADER>() else {
        return Err(Error::Malformed("it is shorter than a header"));
    };
    let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let u32_at = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if u32_at(0) != MAGIC {
        return Err(Error::Malformed("it is not an MCUboot image"));
    }
    if u32_at(16) & ENCRYPTED != 0 {
        return Err(Error::Encrypted);
    }
    let start = usize::from(u16_at(8));
    let size = usize::try_from(u32_at(12)).ok();
    let end = size.and_then(|size| start.checked_add(size)).filter(|end| *end <= file.len());
    let Some(end) = end.filter(|end| start >= HEADER && *end > start) else {
        return Err(Error::Malformed("the sizes in its header do not fit the file"));
    };
    let [.., a, b, c, d, e, f, g, h, _, _, _, _] = *header;
    Ok((start..end, usize::from(u16_at(10)), Version::from_image([a, b, c, d, e, f, g, h])))
}

/// Magic and size at the start of a TLV area.
const AREA: usize = 4;

/// The TLVs of the area at the start of `bytes`, and what follows it.
fn area(bytes: &[u8], magic: u16) -> Result<(&[u8], &[u8]), Error> {
    let parts = bytes.split_first_chunk::<AREA>().and_then(|([a, b, c, d], rest)| {
        let size = usize::from(u16::from_le_bytes([*c, *d])).checked_sub(AREA)?;
        rest.split_at_checked(size).filter(|_| u16::from_le_bytes([*a, *b]) == magic)
    });
    parts.ok_or(Error::Malformed(match magic {
        PROTECTED_MAGIC => "its protected TLVs are missing or cut short",
        _ => "its TLVs are missing or cut short",
    }))
}

/// Walks the TLVs of an area: type and length of 16 bits each, then the value.
fn tlvs(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), Error>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let tlv = bytes.split_first_chunk::<4>().and_then(|([a, b, c, d], rest)| {
            let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([*c, *d])))?;
            Some((u16::from_le_bytes([*a, *b]), value, rest))
        });
        let Some((kind, value, rest)) = tlv else {
            bytes = &[];
            return Some(Err(Error::Malformed("a TLV is cut short")));
        };
        bytes = rest;
        Some(Ok((kind, value)))
    })
}

#[derive(Default)]
struct Protected {
    counter: Option<u32>,
    model: Option<String>,
    bootloader: Option<BootloaderVersion>,
    hardware: Option<Vec<u8>>,
}

impl Protected {
    fn of(area: &[u8]) -> Result<Self, Error> {
        let mut found = Self::default();
        for tlv in tlvs(area) {
            let (kind, value) = tlv?;
            match kind {
                SECURITY_COUNTER => once(&mut found.counter, u32::from_le_bytes(exact(value)?))?,
                MODEL => once(&mut found.model, model(value)?)?,
                BOOTLOADER => once(&mut found.bootloader, BootloaderVersion::from_image(exact(value)?))?,
                HARDWARE if value.is_empty() => {
                    return Err(Error::Malformed("it is for no hardware revision"));
                }
                HARDWARE => once(&mut found.hardware, value.to_vec())?,
                // Signed and not understood: it may change what all the rest means.
                _ => return Err(Error::Malformed("there is an unknown TLV in its protected area")),
            }
        }
        Ok(found)
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::Malformed("a TLV is there twice")),
    }
}

fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], Error> {
    value.try_into().map_err(|_| Error::Malformed("a TLV has another length than it must have"))
}

/// A model id: reverse-DNS, ASCII, no longer than INFO can say it.
pub(crate) fn model(value: &[u8]) -> Result<String, Error> {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let text = str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| fits(&byte)));
    let text = text.filter(|text| !text.is_empty() && text.len() <= 255);
    text.map(str::to_owned).ok_or(Error::Malformed("its model id is not a reverse domain name"))
}

type Signatures = Vec<(KeyHash, [u8; 64])>;

/// The digest, and the pairs of key hash and signature.
fn signatures(area: &[u8]) -> Result<([u8; 32], Signatures), Error> {
    let (mut digest, mut key, mut signatures) = (None, None, Vec::new());
    let unpaired = Error::Malformed("its key hashes and signatures do not come in pairs");
    for tlv in tlvs(area) {
        let (kind, value) = tlv?;
        match (kind, key) {
            (SHA256, _) => once(&mut digest, exact(value)?)?,
            (KEY_HASH, None) => key = Some(KeyHash(exact(value)?)),
            (ED25519, Some(hash)) => {
                signatures.push((hash, exact(value)?));
                key = None;
            }
            (KEY_HASH | ED25519, _) => return Err(unpaired),
            (SIGNATURE_PURE, _) => {
                return Err(Error::Malformed(
                    "it is signed in the pure form, which this protocol does not have",
                ));
            }
            _ => {}
        }
    }
    if key.is_some() {
        return Err(unpaired);
    }
    Ok((digest.ok_or(Error::Malformed("it has no SHA-256"))?, signatures))
}
