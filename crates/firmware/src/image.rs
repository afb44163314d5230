//! An image on its way to a key: signed by keys that are trusted, then found fit for one key. Only what has passed both
//! can be installed.

use sha2::{Digest, Sha256};

use crate::{
    BootloaderVersion, Error, Info, KeyHash, Mode, Serial, Signature, Trust, Version, layout::Layout,
};

/// An image whose hash holds and that enough trusted keys have signed. It may be for any model.
#[derive(Clone, Debug)]
pub struct SignedImage {
    file: Vec<u8>,
    layout: Layout,
    signers: Vec<KeyHash>,
    file_digest: [u8; 32],
}

/// A signed image that was found fit for one key: model, hardware, bootloader, size, counter and version. There is no
/// other way to get one.
#[derive(Clone, Debug)]
pub struct VerifiedImage {
    image: SignedImage,
    serial: Serial,
    allow: Allow,
}

/// What was asked for beyond a newer version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// The version the key has already.
    pub same: bool,
    /// An older version, where the key's security counter lets it.
    pub older: bool,
}

impl SignedImage {
    /// Reads a file, which may be anything. Costs two hashes over it and a verification per signature.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Encrypted`], [`Error::Hash`], [`Error::Signature`]
    pub fn check(file: Vec<u8>, trust: &Trust) -> Result<Self, Error> {
        let layout = Layout::of(&file)?;
        if Sha256::digest(&file[..layout.hashed])[..] != layout.digest {
            return Err(Error::Hash);
        }
        let signers = signers(&layout, trust)?;
        let file_digest = Sha256::digest(&file).into();
        Ok(Self { file, layout, signers, file_digest })
    }

    /// Holds the image against what a key says of itself. Nothing is sent to the key.
    ///
    /// # Errors
    /// [`Error::WrongModel`], [`Error::WrongHardware`], [`Error::OldBootloader`], [`Error::TooLarge`],
    /// [`Error::Counter`], [`Error::SameVersion`], [`Error::OlderVersion`]
    pub fn fit(self, key: &Info, allow: Allow) -> Result<VerifiedImage, Error> {
        let image = VerifiedImage { image: self, serial: key.serial, allow };
        image.fits(key)?;
        Ok(image)
    }

    /// The model it is for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.layout.model
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.layout.version
    }

    /// Its security counter: a key takes no image with a lower one than its own.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.layout.counter
    }

    /// The oldest bootloader it runs with; `None`: any.
    #[must_use]
    pub fn bootloader(&self) -> Option<BootloaderVersion> {
        self.layout.bootloader
    }

    /// The hardware revisions it is for; `None`: all.
    #[must_use]
    pub fn hardware(&self) -> Option<&[u8]> {
        self.layout.hardware.as_deref()
    }

    /// The trusted keys that have signed it.
    #[must_use]
    pub fn signers(&self) -> &[KeyHash] {
        &self.signers
    }

    /// Its size in bytes: the whole file.
    #[must_use]
    pub fn size(&self) -> usize {
        self.file.len()
    }
}

/// The trusted keys whose signatures hold, each once.
fn signers(layout: &Layout, trust: &Trust) -> Result<Vec<KeyHash>, Error> {
    let (mut good, mut wrong) = (Vec::new(), false);
    for (hash, signature) in &layout.signatures {
        let Some(key) = trust.key(*hash) else { continue };
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        if key.verify_strict(&layout.digest, &signature).is_err() {
            wrong = true;
        } else if !good.contains(hash) {
            good.push(*hash);
        }
    }
    if good.len() >= trust.required() {
        return Ok(good);
    }
    let revoked = layout.signatures.iter().find(|(hash, _)| trust.is_revoked(*hash));
    Err(Error::Signature(match (layout.signatures.first(), revoked) {
        _ if !good.is_empty() => Signature::TooFew { good: good.len(), required: trust.required() },
        _ if wrong => Signature::Wrong,
        (_, Some((hash, _))) => Signature::Revoked(*hash),
        (Some((hash, _)), None) => Signature::Unknown(*hash),
        (None, None) => Signature::Missing,
    }))
}

impl VerifiedImage {
    /// The same once more: between two sights of a key anything may have happened to it.
    pub(crate) fn fits(&self, key: &Info) -> Result<(), Error> {
        let SignedImage { file, layout, .. } = &self.image;
        if layout.model != key.model {
            return Err(Error::WrongModel { image: layout.model.clone(), key: key.model.clone() });
        }
        if layout.hardware.as_ref().is_some_and(|revisions| !revisions.contains(&key.hardware)) {
            return Err(Error::WrongHardware { key: key.hardware });
        }
        if let Some(needed) = layout.bootloader.filter(|needed| *needed > key.bootloader) {
            return Err(Error::OldBootloader { needed, key: key.bootloader });
        }
        if u32::try_from(file.len()).is_ok_and(|size| size > key.slot) || u32::try_from(file.len()).is_err() {
            return Err(Error::TooLarge { image: file.len(), slot: key.slot });
        }
        if layout.counter < key.counter {
            return Err(Error::Counter { image: layout.counter, key: key.counter });
        }
        self.is_wanted(key)
    }

    fn is_wanted(&self, key: &Info) -> Result<(), Error> {
        let (image, has) = (self.version(), key.version);
        // One that was installed and not confirmed yet, or half installed, is finished without being asked again.
        let unfinished = key.unconfirmed || key.mode == Mode::Update;
        if image == has && !self.allow.same && !unfinished {
            return Err(Error::SameVersion(has));
        }
        if image < has && !self.allow.older {
            return Err(Error::OlderVersion { image, key: has });
        }
        Ok(())
    }

    /// The key it was found fit for.
    #[must_use]
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.image.version()
    }

    /// The whole file.
    pub(crate) fn file(&self) -> &[u8] {
        &self.image.file
    }

    /// The SHA-256 of the whole file, which the press of the button approves.
    pub(crate) fn file_digest(&self) -> [u8; 32] {
        self.image.file_digest
    }

    /// What stands before and behind the payload: what a key needs to judge it before it erases.
    pub(crate) fn around_payload(&self) -> [&[u8]; 2] {
        let payload = &self.image.layout.payload;
        [&self.image.file[..payload.start], &self.image.file[payload.end..]]
    }
}
