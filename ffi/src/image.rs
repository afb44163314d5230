//! Firmware images: read, and held against the list of those who are trusted.

use std::{ffi::c_char, path::PathBuf};

use device::firmware::{self, SignedImage, TrustFiles};

use crate::{
    call::enter,
    crescendo_context, crescendo_status, crescendo_text,
    handle::{self, Handle},
    result::{self, Answer, Keep},
    text,
};

/// A firmware image that is whole and signed by keys that are trusted. Opened with crescendo_image_open, freed with
/// crescendo_image_free. Any number of threads may use one at once, and it can be installed in any number of keys.
pub struct crescendo_image {
    _private: (),
}

// SAFETY: a mark of its own.
unsafe impl Handle for crescendo_image {
    const MARK: u64 = 0x6372_6573_6900_0001;
    const NAME: &'static str = "crescendo_image";
    type Value = SignedImage;
}

/// What an image says of itself, all of it signed.
#[repr(C)]
pub struct crescendo_image_description {
    /// The model it is for, a reverse domain name.
    pub model: crescendo_text,
    /// Its version, as in "2.0.0+0".
    pub version: crescendo_text,
    /// Its security counter: a key takes no image with a lower one than its own.
    pub counter: u32,
    /// The oldest bootloader it runs with; no text: any.
    pub bootloader: crescendo_text,
    /// The hardware revisions it is for; NULL: all.
    pub hardware: *const u8,
    /// How many.
    pub hardware_count: usize,
    /// Its size in bytes.
    pub size: u64,
    /// The trusted keys that have signed it: each by the SHA-256 of the public key, in hexadecimal.
    pub signers: *const crescendo_text,
    /// How many.
    pub signer_count: usize,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_image_description {
    const MARK: u64 = 0x6372_6573_7230_0002;
}

/// Opens an image: `length` bytes, the content of the file, which are copied. It has to be whole, and signed by as many trusted keys
/// as the list wants: those in the folder `trusted` (public Ed25519 keys as *.pem, hashes of keys that no longer count as *.revoked,
/// the number of signatures in required-signatures), or, where that is NULL, those that this machine trusts
/// (/etc/crescendo/firmware-keys.d, where nothing is unless an administrator has put it there). It may be for any model.
/// CRESCENDO_STATUS_IMAGE_MALFORMED, CRESCENDO_STATUS_IMAGE_SIGNATURE, CRESCENDO_STATUS_TRUST. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_image_open(
    context: *const crescendo_context,
    bytes: *const u8,
    length: usize,
    trusted: *const c_char,
    trusted_length: usize,
    image: *mut *mut crescendo_image,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (machine, file, trusted) = unsafe {
            (
                handle::value(context)?,
                text::file(bytes, length, "the image")?,
                text::text(trusted, trusted_length, "the folder of trusted keys")?,
            )
        };
        result::demand(image)?;
        let files = match trusted {
            Some(folder) => TrustFiles::read_in(&*machine.system, PathBuf::from(folder))?,
            None => TrustFiles::read(&*machine.system)?,
        };
        let checked =
            SignedImage::check(file.to_vec(), &files.trust()?).map_err(firmware::Error::Firmware)?;
        // SAFETY: the header's conventions.
        unsafe { handle::give(checked, image) }
    })
}

/// Tells what an image says of itself. The result is freed with crescendo_image_description_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_image_describe(
    image: *const crescendo_image,
    description: *mut *const crescendo_image_description,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let image = unsafe { handle::value(image)? };
        // SAFETY: the header's conventions.
        unsafe { result::give(description, |keep| describe(&image, keep)) }
    })
}

/// Frees what an image says of itself. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_image_description_free(description: *const crescendo_image_description) {
    // SAFETY: the header's conventions.
    unsafe { result::free(description) }
}

/// Frees an image. NULL is none. No other thread uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_image_free(image: *mut crescendo_image) {
    // SAFETY: the header's conventions.
    unsafe { handle::free(image) }
}

fn describe(image: &SignedImage, keep: &mut Keep) -> crescendo_image_description {
    let signers: Vec<_> = image.signers().iter().map(|hash| keep.text(&hash.to_string())).collect();
    let bootloader = image.bootloader().map(|version| version.to_string());
    let (hardware, hardware_count) =
        image.hardware().map_or((std::ptr::null(), 0), |revisions| keep.bytes(revisions));
    crescendo_image_description {
        model: keep.text(image.model()),
        version: keep.text(&image.version().to_string()),
        counter: image.counter(),
        bootloader: keep.text_if(bootloader.as_deref()),
        hardware,
        hardware_count,
        size: image.size() as u64,
        signer_count: signers.len(),
        signers: keep.array(signers),
    }
}
