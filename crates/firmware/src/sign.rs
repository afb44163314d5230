//! Makes images as imgtool does: header padded with FF, protected TLVs 50 A0 A1 A2, then 10 and pairs of 01 and 24.

use ed25519_dalek::{Signer, SigningKey, pkcs8::DecodePrivateKey};
use sha2::{Digest, Sha256};

use crate::{
    BootloaderVersion, Error, KeyHash, Version,
    layout::{
        BOOTLOADER, ED25519, HARDWARE, HEADER, KEY_HASH, Layout, MAGIC, MODEL, PROTECTED_MAGIC,
        SECURITY_COUNTER, SHA256, UNPROTECTED_MAGIC, model,
    },
};

/// Flash that was erased and not written.
const ERASED: u8 = 0xFF;

/// What an image says of itself.
#[derive(Clone, Debug)]
pub struct Description {
    /// The model it is for: a reverse domain name.
    pub model: String,
    /// Its version.
    pub version: Version,
    /// Its security counter.
    pub counter: u32,
    /// The oldest bootloader it runs with.
    pub bootloader: BootloaderVersion,
    /// The hardware revisions it is for; at least one.
    pub hardware: Vec<u8>,
    /// The size of the header area in bytes, 32 or more; imgtool's `--header-size`.
    pub header_size: u16,
}

/// A private key that signs. Wiped when dropped; it has no `Debug` that would print it.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Reads a private Ed25519 key: PKCS#8 in PEM, not encrypted, as `imgtool keygen` and `openssl genpkey` make it.
    ///
    /// # Errors
    /// [`Error::PrivateKey`]
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| Error::PrivateKey)
    }

    /// The hash its public key is known by.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0.verifying_key())
    }
}

/// Makes an image of a payload, signed by each key.
///
/// # Errors
/// [`Error::Malformed`] with what no key would take: a description or a payload that does not fit the format.
pub fn sign(payload: &[u8], description: &Description, keys: &[PrivateKey]) -> Result<Vec<u8>, Error> {
    model(description.model.as_bytes())?;
    let protected = area(PROTECTED_MAGIC, protected(description)?)?;
    let mut image = header(payload, description, protected.len())?;
    image.extend_from_slice(payload);
    image.extend(protected);
    let digest = Sha256::digest(&image);
    let mut tlvs = tlv(SHA256, &digest)?;
    for key in keys {
        tlvs.extend(tlv(KEY_HASH, &key.hash().0)?);
        tlvs.extend(tlv(ED25519, &key.0.sign(&digest).to_bytes())?);
    }
    image.extend(area(UNPROTECTED_MAGIC, tlvs)?);
    // What is not read back would not be taken by anyone.
    Layout::of(&image)?;
    Ok(image)
}

fn header(payload: &[u8], description: &Description, protected: usize) -> Result<Vec<u8>, Error> {
    let too_large = |_| Error::Malformed("the payload is too large for an image");
    let size = usize::from(description.header_size);
    if size < HEADER {
        return Err(Error::Malformed("its header area is smaller than a header"));
    }
    let length = u32::try_from(payload.len()).map_err(too_large)?;
    let protected = u16::try_from(protected).map_err(too_large)?;
    let mut header = Vec::with_capacity(size + payload.len() + 1024);
    header.extend(MAGIC.to_le_bytes());
    header.extend([0; 4]);
    header.extend(description.header_size.to_le_bytes());
    header.extend(protected.to_le_bytes());
    header.extend(length.to_le_bytes());
    header.extend([0; 4]);
    header.extend(description.version.to_image());
    header.extend([0; 4]);
    header.resize(size, ERASED);
    Ok(header)
}

fn protected(description: &Description) -> Result<Vec<u8>, Error> {
    let parts = [
        tlv(SECURITY_COUNTER, &description.counter.to_le_bytes())?,
        tlv(MODEL, description.model.as_bytes())?,
        tlv(BOOTLOADER, &description.bootloader.to_image())?,
        tlv(HARDWARE, &description.hardware)?,
    ];
    Ok(parts.concat())
}

fn tlv(kind: u16, value: &[u8]) -> Result<Vec<u8>, Error> {
    let length = u16::try_from(value.len()).map_err(|_| Error::Malformed("a TLV would be too long"))?;
    Ok([&kind.to_le_bytes(), &length.to_le_bytes(), value].concat())
}

fn area(magic: u16, tlvs: Vec<u8>) -> Result<Vec<u8>, Error> {
    let size = u16::try_from(tlvs.len() + 4).map_err(|_| Error::Malformed("its TLVs would be too long"))?;
    Ok([&magic.to_le_bytes()[..], &size.to_le_bytes(), &tlvs].concat())
}
