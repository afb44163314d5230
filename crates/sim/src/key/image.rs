//! MCUboot images as the bootloader reads them (update protocol, part 1): layout, TLVs, and what holds over the bytes.
//! Little-endian. Written a second time here, so that it can agree with the host only where the format does.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::profile::Version;

pub(super) const MAGIC: u32 = 0x96F3_B83D;
pub(super) const HEADER: usize = 32;
pub(super) const PROTECTED: u16 = 0x6908;
pub(super) const UNPROTECTED: u16 = 0x6907;
pub(super) const TLV_KEY_HASH: u16 = 0x01;
pub(super) const TLV_SHA256: u16 = 0x10;
pub(super) const TLV_ED25519: u16 = 0x24;
pub(super) const TLV_COUNTER: u16 = 0x50;
pub(super) const TLV_MODEL: u16 = 0xA0;
pub(super) const TLV_BOOTLOADER: u16 = 0xA1;
pub(super) const TLV_HARDWARE: u16 = 0xA2;
/// Flags of an encrypted image, AES-128 and AES-256.
const ENCRYPTED: u32 = 0x04 | 0x08;

/// The bytes are no image this bootloader takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The fixed fields at the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) size: usize,
    pub(super) payload: usize,
    protected: usize,
    pub(super) version: Version,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = bytes.get(..HEADER).ok_or(Malformed)?;
        let size = usize::from(u16_at(bytes, 8)?);
        if u32_at(bytes, 0)? != MAGIC || u32_at(bytes, 16)? & ENCRYPTED != 0 || size < HEADER {
            return Err(Malformed);
        }
        let (revision, build) = (u16_at(bytes, 22)?, u32_at(bytes, 24)?);
        Ok(Self {
            size,
            payload: u32_at(bytes, 12)? as usize,
            protected: usize::from(u16_at(bytes, 10)?),
            version: Version::new(bytes[20], bytes[21], revision, build),
        })
    }
}

/// What an image says of itself behind its payload. Nothing of it counts before a signature held.
#[derive(Clone, Debug)]
pub(super) struct Trailer {
    digest: [u8; 32],
    pub(super) counter: u32,
    pub(super) model: Vec<u8>,
    pub(super) bootloader: Option<(u8, u8, u16)>,
    /// `None`: any.
    pub(super) hardware: Option<Vec<u8>>,
    signatures: Vec<Signed>,
}

/// A key hash, and the signature right behind it.
type Signed = ([u8; 32], [u8; 64]);

impl Trailer {
    /// Everything behind the payload, to the last byte.
    pub(super) fn parse(header: &Header, bytes: &[u8]) -> Result<Self, Malformed> {
        let (protected, unprotected) = bytes.split_at_checked(header.protected).ok_or(Malformed)?;
        let protected = area(PROTECTED, protected)?;
        let unprotected = area(UNPROTECTED, unprotected)?;
        let known = [TLV_COUNTER, TLV_MODEL, TLV_BOOTLOADER, TLV_HARDWARE];
        if protected.iter().any(|(tag, _)| !known.contains(tag)) {
            return Err(Malformed);
        }
        let counter = one(&protected, TLV_COUNTER)?.ok_or(Malformed)?;
        let bootloader = match one(&protected, TLV_BOOTLOADER)? {
            None => None,
            Some(&[major, minor, low, high]) => Some((major, minor, u16::from_le_bytes([low, high]))),
            Some(_) => return Err(Malformed),
        };
        Ok(Self {
            digest: one(&unprotected, TLV_SHA256)?.ok_or(Malformed)?.try_into().map_err(|_| Malformed)?,
            counter: u32::from_le_bytes(counter.try_into().map_err(|_| Malformed)?),
            model: one(&protected, TLV_MODEL)?.ok_or(Malformed)?.to_vec(),
            bootloader,
            hardware: one(&protected, TLV_HARDWARE)?.map(<[u8]>::to_vec),
            signatures: signatures(&unprotected)?,
        })
    }

    /// Whether at least `threshold` of these keys signed the digest, each counted once.
    pub(super) fn signed(&self, trusted: &[[u8; 32]], threshold: usize) -> bool {
        let signed = |key: &&[u8; 32]| {
            let Some(public) = VerifyingKey::from_bytes(key).ok().filter(|key| !key.is_weak()) else {
                return false;
            };
            let hash = key_hash(key);
            let own = self.signatures.iter().filter(|(signer, _)| *signer == hash);
            own.into_iter().any(|(_, signature)| {
                public.verify_strict(&self.digest, &Signature::from_bytes(signature)).is_ok()
            })
        };
        threshold > 0 && trusted.iter().filter(signed).count() >= threshold
    }
}

/// A whole image.
pub(super) struct Image {
    pub(super) header: Header,
    pub(super) trailer: Trailer,
}

impl Image {
    /// Reads a whole file, and compares TLV 10 with what the bytes hash to.
    pub(super) fn parse(file: &[u8]) -> Result<Self, Malformed> {
        let header = Header::parse(file)?;
        let end = header.size.checked_add(header.payload).ok_or(Malformed)?;
        let trailer = Trailer::parse(&header, file.get(end..).ok_or(Malformed)?)?;
        let hashed = &file[..end + header.protected];
        if Sha256::digest(hashed)[..] != trailer.digest {
            return Err(Malformed);
        }
        Ok(Self { header, trailer })
    }
}

/// SHA-256 of a key's SubjectPublicKeyInfo: what TLV 01 holds.
pub(super) fn key_hash(public: &[u8; 32]) -> [u8; 32] {
    /// SEQUENCE { SEQUENCE { 1.3.101.112 }, BIT STRING }, without the key.
    const SPKI: [u8; 12] = *b"\x30\x2A\x30\x05\x06\x03\x2B\x65\x70\x03\x21\x00";
    Sha256::new().chain_update(SPKI).chain_update(public).finalize().into()
}

/// The TLVs of one area, which must fill it. An area of no bytes has none.
fn area(magic: u16, bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, Malformed> {
    if u16_at(bytes, 0)? != magic || usize::from(u16_at(bytes, 2)?) != bytes.len() {
        return Err(Malformed);
    }
    let (mut found, mut rest) = (Vec::new(), &bytes[4..]);
    while !rest.is_empty() {
        let (tag, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let (value, after) = rest[4..].split_at_checked(length).ok_or(Malformed)?;
        found.push((tag, value));
        rest = after;
    }
    Ok(found)
}

/// The value of a TLV that may come once.
fn one<'a>(tlvs: &[(u16, &'a [u8])], tag: u16) -> Result<Option<&'a [u8]>, Malformed> {
    let mut values = tlvs.iter().filter(|(found, _)| *found == tag).map(|(_, value)| *value);
    let first = values.next();
    if values.next().is_some() { Err(Malformed) } else { Ok(first) }
}

/// The pairs 01, 24: a signature belongs to the key hash right before it.
fn signatures(tlvs: &[(u16, &[u8])]) -> Result<Vec<Signed>, Malformed> {
    let (mut found, mut signer) = (Vec::new(), None);
    for (tag, value) in tlvs {
        match *tag {
            TLV_KEY_HASH => signer = Some((*value).try_into().map_err(|_| Malformed)?),
            TLV_ED25519 => {
                let signature = (*value).try_into().map_err(|_| Malformed)?;
                found.push((signer.take().ok_or(Malformed)?, signature));
            }
            _ => {}
        }
    }
    Ok(found)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    let field = bytes.get(at..at + 2).ok_or(Malformed)?;
    Ok(u16::from_le_bytes(field.try_into().map_err(|_| Malformed)?))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Malformed> {
    let field = bytes.get(at..at + 4).ok_or(Malformed)?;
    Ok(u32::from_le_bytes(field.try_into().map_err(|_| Malformed)?))
}
