//! Firmware images for tests, right ones and wrong ones (update protocol, part 1), and the keys that sign them.
//! What is built without an edit passes `imgtool verify`.

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey, EncodePublicKey, KeypairBytes};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use super::image::{
    HEADER, MAGIC, PROTECTED, TLV_BOOTLOADER, TLV_COUNTER, TLV_ED25519, TLV_HARDWARE, TLV_KEY_HASH,
    TLV_MODEL, TLV_SHA256, UNPROTECTED, key_hash,
};
use super::profile::{MODEL, Version};

/// An Ed25519 key that everyone knows: its seed is one byte, 32 times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestKey(pub u8);

impl TestKey {
    /// The reference device trusts this one.
    pub const VENDOR: Self = Self(0x11);
    /// A second key, for two signatures and for keys not trusted.
    pub const SECOND: Self = Self(0x22);
    /// A third one.
    pub const STRANGER: Self = Self(0x33);

    /// The private half.
    pub fn signing(self) -> SigningKey {
        SigningKey::from_bytes(&[self.0; 32])
    }

    /// The public half, raw.
    pub fn public(self) -> [u8; 32] {
        self.signing().verifying_key().to_bytes()
    }

    /// What TLV 01 holds: SHA-256 of the SubjectPublicKeyInfo.
    pub fn hash(self) -> [u8; 32] {
        key_hash(&self.public())
    }

    /// The public half as a trust list has it: SubjectPublicKeyInfo, PEM.
    pub fn public_pem(self) -> String {
        self.signing().verifying_key().to_public_key_pem(LineEnding::LF).expect("32 bytes have a PEM form")
    }

    /// The private half as imgtool reads it: PKCS#8, PEM.
    pub fn private_pem(self) -> String {
        // The first version of PKCS#8, without the public half: imgtool's library knows no other.
        let bytes = KeypairBytes { secret_key: [self.0; 32], public_key: None };
        let pem = bytes.to_pkcs8_pem(LineEnding::LF).expect("32 bytes have a PEM form");
        pem.to_string()
    }
}

/// Something wrong with one TLV, in whichever area it is.
#[derive(Clone, Debug)]
enum Edit {
    Without(u16),
    Twice(u16),
    Value(u16, Vec<u8>),
    Length(u16, u16),
}

/// An image to be. Every change but those of [`Draft::spoil`] and [`Draft::trailing`] is made before hashing and
/// signing, so that only the rule it breaks can refuse it.
#[derive(Clone, Debug)]
pub struct Draft {
    version: Version,
    payload: Vec<u8>,
    header_size: u16,
    magic: u32,
    flags: u32,
    image_size: Option<u32>,
    protected_size: Option<u16>,
    protected: Vec<(u16, Vec<u8>)>,
    unprotected: Vec<(u16, Vec<u8>)>,
    signers: Vec<TestKey>,
    edits: Vec<Edit>,
    area_magics: (u16, u16),
    spoilt: Vec<usize>,
    trailing: Vec<u8>,
}

impl Draft {
    /// An image for the reference device: 4 KiB of payload, counter 1, hardware revision 1, bootloader 1.0.0 or
    /// newer, signed by [`TestKey::VENDOR`].
    pub fn new(version: Version) -> Self {
        Self {
            version,
            payload: filling(4096),
            header_size: 0x200,
            magic: MAGIC,
            flags: 0,
            image_size: None,
            protected_size: None,
            protected: vec![
                (TLV_COUNTER, 1u32.to_le_bytes().to_vec()),
                (TLV_MODEL, MODEL.into()),
                (TLV_BOOTLOADER, vec![1, 0, 0, 0]),
                (TLV_HARDWARE, vec![1]),
            ],
            unprotected: Vec::new(),
            signers: vec![TestKey::VENDOR],
            edits: Vec::new(),
            area_magics: (PROTECTED, UNPROTECTED),
            spoilt: Vec::new(),
            trailing: Vec::new(),
        }
    }

    /// A payload of so many bytes, the same ones each time.
    pub fn payload(mut self, len: usize) -> Self {
        self.payload = filling(len);
        self
    }

    /// A payload so long that the whole file has `len` bytes.
    pub fn file_size(self, len: usize) -> Self {
        let around = self.clone().payload(0).build().len();
        self.payload(len.checked_sub(around).expect("longer than header and TLVs"))
    }

    /// TLV 50.
    pub fn counter(self, counter: u32) -> Self {
        self.value(TLV_COUNTER, &counter.to_le_bytes())
    }

    /// TLV A0.
    pub fn model(self, model: &str) -> Self {
        self.value(TLV_MODEL, model.as_bytes())
    }

    /// TLV A1.
    pub fn bootloader(self, major: u8, minor: u8, revision: u16) -> Self {
        let [low, high] = revision.to_le_bytes();
        self.value(TLV_BOOTLOADER, &[major, minor, low, high])
    }

    /// TLV A2.
    pub fn hardware(self, revisions: &[u8]) -> Self {
        self.value(TLV_HARDWARE, revisions)
    }

    /// Who signs it, in this order. Nobody: no pair 01, 24.
    pub fn signed_by(mut self, signers: &[TestKey]) -> Self {
        self.signers = signers.to_vec();
        self
    }

    /// Another header size than 0x200.
    pub fn header_size(mut self, size: u16) -> Self {
        self.header_size = size;
        self
    }

    /// Another magic number than MCUboot's.
    pub fn magic(mut self, magic: u32) -> Self {
        self.magic = magic;
        self
    }

    /// Header flags: 4 and 8 are those of encrypted images.
    pub fn flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    /// The header claims this payload size.
    pub fn image_size(mut self, size: u32) -> Self {
        self.image_size = Some(size);
        self
    }

    /// The header claims this size of the protected area.
    pub fn protected_size(mut self, size: u16) -> Self {
        self.protected_size = Some(size);
        self
    }

    /// Other magic numbers of the protected and the unprotected area.
    pub fn area_magics(mut self, protected: u16, unprotected: u16) -> Self {
        self.area_magics = (protected, unprotected);
        self
    }

    /// One more TLV at the end of the protected area.
    pub fn protected(mut self, tag: u16, value: &[u8]) -> Self {
        self.protected.push((tag, value.to_vec()));
        self
    }

    /// One more TLV at the end of the unprotected area.
    pub fn unprotected(mut self, tag: u16, value: &[u8]) -> Self {
        self.unprotected.push((tag, value.to_vec()));
        self
    }

    /// Leaves a TLV out.
    pub fn without(mut self, tag: u16) -> Self {
        self.edits.push(Edit::Without(tag));
        self
    }

    /// Has a TLV twice.
    pub fn twice(mut self, tag: u16) -> Self {
        self.edits.push(Edit::Twice(tag));
        self
    }

    /// Gives a TLV another value.
    pub fn value(mut self, tag: u16, value: &[u8]) -> Self {
        self.edits.push(Edit::Value(tag, value.to_vec()));
        self
    }

    /// Claims another length of a TLV, whose bytes stay.
    pub fn length(mut self, tag: u16, length: u16) -> Self {
        self.edits.push(Edit::Length(tag, length));
        self
    }

    /// Flips a bit of the byte at this offset of the finished file.
    pub fn spoil(mut self, offset: usize) -> Self {
        self.spoilt.push(offset);
        self
    }

    /// Bytes behind the end.
    pub fn trailing(mut self, bytes: &[u8]) -> Self {
        self.trailing = bytes.to_vec();
        self
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        let protected = area(self.area_magics.0, self.edited(self.protected.clone()));
        let mut file = self.header(protected.len());
        file.extend_from_slice(&self.payload);
        file.extend(protected);
        let digest: [u8; 32] = Sha256::digest(&file).into();
        file.extend(area(self.area_magics.1, self.edited(self.signatures(digest))));
        for at in &self.spoilt {
            file[*at] ^= 1;
        }
        file.extend_from_slice(&self.trailing);
        file
    }

    fn header(&self, protected: usize) -> Vec<u8> {
        let protected = u16::try_from(protected).expect("a protected area below 64 KiB");
        let size = u32::try_from(self.payload.len()).expect("a payload below 4 GiB");
        let mut header = Vec::with_capacity(usize::from(self.header_size));
        header.extend(self.magic.to_le_bytes());
        header.extend(0u32.to_le_bytes());
        header.extend(self.header_size.to_le_bytes());
        header.extend(self.protected_size.unwrap_or(protected).to_le_bytes());
        header.extend(self.image_size.unwrap_or(size).to_le_bytes());
        header.extend(self.flags.to_le_bytes());
        header.extend([self.version.major, self.version.minor]);
        header.extend(self.version.revision.to_le_bytes());
        header.extend(self.version.build.to_le_bytes());
        header.resize(HEADER, 0);
        // What imgtool pads with: the value of erased flash.
        header.resize(usize::from(self.header_size).max(HEADER), 0xFF);
        header
    }

    fn signatures(&self, digest: [u8; 32]) -> Vec<(u16, Vec<u8>)> {
        let mut tlvs = vec![(TLV_SHA256, digest.to_vec())];
        for signer in &self.signers {
            tlvs.push((TLV_KEY_HASH, signer.hash().to_vec()));
            tlvs.push((TLV_ED25519, signer.signing().sign(&digest).to_vec()));
        }
        tlvs.extend(self.unprotected.iter().cloned());
        tlvs
    }

    /// The TLVs as they will stand: tag, claimed length, value.
    fn edited(&self, tlvs: Vec<(u16, Vec<u8>)>) -> Vec<(u16, u16, Vec<u8>)> {
        let length = |value: &[u8]| u16::try_from(value.len()).expect("a TLV below 64 KiB");
        let mut tlvs: Vec<_> = tlvs.into_iter().map(|(tag, value)| (tag, length(&value), value)).collect();
        for edit in &self.edits {
            match edit {
                Edit::Without(tag) => tlvs.retain(|(found, ..)| found != tag),
                Edit::Twice(tag) => {
                    if let Some(at) = tlvs.iter().position(|(found, ..)| found == tag) {
                        tlvs.insert(at, tlvs[at].clone());
                    }
                }
                Edit::Value(tag, value) => {
                    for found in tlvs.iter_mut().filter(|(found, ..)| found == tag) {
                        *found = (*tag, length(value), value.clone());
                    }
                }
                Edit::Length(tag, claimed) => {
                    tlvs.iter_mut().filter(|(found, ..)| found == tag).for_each(|found| found.1 = *claimed);
                }
            }
        }
        tlvs
    }
}

fn area(magic: u16, tlvs: Vec<(u16, u16, Vec<u8>)>) -> Vec<u8> {
    let length = 4 + tlvs.iter().map(|(.., value)| 4 + value.len()).sum::<usize>();
    let length = u16::try_from(length).expect("an area below 64 KiB");
    let mut area = [magic.to_le_bytes(), length.to_le_bytes()].concat();
    for (tag, length, value) in tlvs {
        area.extend(tag.to_le_bytes());
        area.extend(length.to_le_bytes());
        area.extend(value);
    }
    area
}

/// No two blocks of it are equal, so that a block at the wrong place does not go unseen.
fn filling(len: usize) -> Vec<u8> {
    let words = (0u32..).flat_map(|n| n.wrapping_mul(0x9E37_79B1).to_le_bytes());
    words.take(len).collect()
}
