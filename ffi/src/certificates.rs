//! The certificates of a device (D13): listed and exported. `certificates/`: made, brought and deleted.

mod bring;
mod make;

use std::{ptr, time::SystemTime};

use device::{Bare, Certificate, Entry, Format, KeyReference, Mark, purpose};

pub use self::{bring::*, make::*};
use crate::{
    call::enter,
    crescendo_buffer, crescendo_device, crescendo_status, crescendo_text,
    failure::Failure,
    handle,
    result::{self, Answer, Keep},
    secret,
};

/// What is to be noticed of a certificate's validity.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_mark {
    /// Nothing.
    None = 0,
    /// It is not valid yet.
    NotYetValid = 1,
    /// It is valid for less than 30 days more.
    ExpiresWithinMonth = 2,
    /// It is not valid any more.
    Expired = 3,
}

/// How a certificate or a request is written.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_format {
    /// The bytes as they are on the card.
    Der = 1,
    /// Text (RFC 7468).
    Pem = 2,
}

/// Where a key comes from.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_key_origin {
    /// The card does not tell.
    Unknown = 0,
    /// It was made on the card: nobody has a copy.
    Generated = 1,
    /// It was brought from elsewhere.
    Imported = 2,
}

/// A certificate, by its key.
#[repr(C)]
pub struct crescendo_certificate {
    /// The key: 0x9A, 0x9C, 0x9D, 0x9E, or a retired one from 0x82 to 0x95.
    pub key: u8,
    /// The same as a text, as in "9A".
    pub key_name: crescendo_text,
    /// What the key is for, as in "PIV authentication".
    pub purpose: crescendo_text,
    /// Whose it is (RFC 4514); as the other texts of the certificate without one if it cannot be read.
    pub subject: crescendo_text,
    /// Who issued it (RFC 4514).
    pub issuer: crescendo_text,
    /// Its serial number, as in "0F:A2".
    pub serial: crescendo_text,
    /// Since when it is valid, in seconds since 1970 (UTC).
    pub not_before: i64,
    /// Until when it is valid, in seconds since 1970 (UTC).
    pub not_after: i64,
    /// What is to be noticed of that now.
    pub mark: crescendo_mark,
    /// The kind of its key, as in "RSA-2048" or "P-256".
    pub algorithm: crescendo_text,
    /// SHA-256 of the whole certificate; 0 if it cannot be read.
    pub fingerprint: [u8; 32],
    /// The whole certificate, DER; NULL if it cannot be read.
    pub der: *const u8,
    /// How many bytes that is.
    pub der_length: usize,
    /// Why it cannot be read.
    pub problem: crescendo_text,
}

/// The certificates of a device.
#[repr(C)]
pub struct crescendo_certificates {
    /// How many.
    pub count: usize,
    /// Each of them; NULL if there are none.
    pub items: *const *const crescendo_certificate,
}

/// A key without a certificate. Programs have no use for it until it has one.
#[repr(C)]
pub struct crescendo_bare_key {
    /// The key: 0x9A, 0x9C, 0x9D, 0x9E, or a retired one from 0x82 to 0x95.
    pub key: u8,
    /// The same as a text, as in "9A".
    pub key_name: crescendo_text,
    /// What the key is for.
    pub purpose: crescendo_text,
    /// Its kind, as in "P-256", if the card tells.
    pub algorithm: crescendo_text,
    /// Where it comes from.
    pub origin: crescendo_key_origin,
}

/// The keys of a device that have no certificate.
#[repr(C)]
pub struct crescendo_bare_keys {
    /// How many.
    pub count: usize,
    /// Each of them; NULL if there are none.
    pub items: *const *const crescendo_bare_key,
}

// SAFETY: marks of their own; their pointers come from the `Keep`.
unsafe impl Answer for crescendo_certificates {
    const MARK: u64 = 0x6372_6573_7220_0001;
}

// SAFETY: as above.
unsafe impl Answer for crescendo_bare_keys {
    const MARK: u64 = 0x6372_6573_7220_0002;
}

/// Lists the certificates of a device, with marks as of now. No PIN is needed. One that cannot be read is listed all the same, with its
/// `problem`. The result is freed with crescendo_certificates_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_certificates_list(
    device: *const crescendo_device,
    certificates: *mut *const crescendo_certificates,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(certificates)?;
        let entries = opened.with(|device| Ok(device.certificates(SystemTime::now())?))?;
        // SAFETY: the header's conventions.
        unsafe {
            result::give(certificates, |keep| {
                let items: Vec<_> = entries.iter().map(|entry| certificate(entry, keep)).collect();
                crescendo_certificates { count: items.len(), items: keep.list(items) }
            })
        }
    })
}

/// Lists the keys that have no certificate. No PIN is needed. Cards by the standard without vendor extensions tell of none. The result
/// is freed with crescendo_bare_keys_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_bare_keys_list(
    device: *const crescendo_device,
    keys: *mut *const crescendo_bare_keys,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(keys)?;
        let bare = opened.with(|device| Ok(device.bare_keys()?))?;
        // SAFETY: the header's conventions.
        unsafe {
            result::give(keys, |keep| {
                let items: Vec<_> = bare.iter().map(|bare| bare_key(bare, keep)).collect();
                crescendo_bare_keys { count: items.len(), items: keep.list(items) }
            })
        }
    })
}

/// Gives the certificate of one key, in one of crescendo_format. `key` is its number, as in 0x9A. No PIN is needed.
/// CRESCENDO_STATUS_NO_CERTIFICATE: the key has none. The bytes are freed with crescendo_buffer_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_certificate_export(
    device: *const crescendo_device,
    key: u8,
    format: i32,
    certificate: *mut *mut crescendo_buffer,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(certificate)?;
        let (key, format) = (reference(key)?, self::format(format)?);
        let bytes = opened.with(|device| Ok(device.export(key, format)?))?;
        // SAFETY: the header's conventions.
        unsafe { secret::give(&bytes, certificate) }
    })
}

/// Frees a list. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_certificates_free(certificates: *const crescendo_certificates) {
    // SAFETY: the header's conventions.
    unsafe { result::free(certificates) }
}

/// Frees a list. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_bare_keys_free(keys: *const crescendo_bare_keys) {
    // SAFETY: the header's conventions.
    unsafe { result::free(keys) }
}

/// The key of this number.
pub(crate) fn reference(key: u8) -> Result<KeyReference, Failure> {
    KeyReference::from_number(key).ok_or(Failure::Value("the key"))
}

fn format(format: i32) -> Result<Format, Failure> {
    match format {
        1 => Ok(Format::Der),
        2 => Ok(Format::Pem),
        _ => Err(Failure::Value("the format")),
    }
}

fn certificate(entry: &Entry, keep: &mut Keep) -> crescendo_certificate {
    let unreadable = crescendo_certificate {
        key: entry.key.number(),
        key_name: keep.text(&entry.key.to_string()),
        purpose: keep.text(&purpose(entry.key)),
        subject: crescendo_text::NONE,
        issuer: crescendo_text::NONE,
        serial: crescendo_text::NONE,
        not_before: 0,
        not_after: 0,
        mark: crescendo_mark::None,
        algorithm: crescendo_text::NONE,
        fingerprint: [0; 32],
        der: ptr::null(),
        der_length: 0,
        problem: crescendo_text::NONE,
    };
    match &entry.certificate {
        Ok(certificate) => readable(certificate, unreadable, keep),
        Err(error) => crescendo_certificate { problem: keep.text(&error.to_string()), ..unreadable },
    }
}

fn readable(read: &Certificate, of: crescendo_certificate, keep: &mut Keep) -> crescendo_certificate {
    let seconds = |time: std::time::Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let (der, der_length) = keep.bytes(&read.der);
    crescendo_certificate {
        subject: keep.text(&read.subject),
        issuer: keep.text(&read.issuer),
        serial: keep.text(&read.serial),
        not_before: seconds(read.validity.not_before.to_unix_duration()),
        not_after: seconds(read.validity.not_after.to_unix_duration()),
        mark: match read.mark {
            None => crescendo_mark::None,
            Some(Mark::NotYetValid) => crescendo_mark::NotYetValid,
            Some(Mark::ExpiresWithinMonth) => crescendo_mark::ExpiresWithinMonth,
            Some(Mark::Expired) => crescendo_mark::Expired,
        },
        algorithm: keep.text(&read.algorithm),
        fingerprint: read.fingerprint,
        der,
        der_length,
        ..of
    }
}

fn bare_key(bare: &Bare, keep: &mut Keep) -> crescendo_bare_key {
    crescendo_bare_key {
        key: bare.key.number(),
        key_name: keep.text(&bare.key.to_string()),
        purpose: keep.text(&purpose(bare.key)),
        algorithm: keep.text_if(bare.algorithm.map(|algorithm| algorithm.to_string()).as_deref()),
        origin: match bare.generated {
            None => crescendo_key_origin::Unknown,
            Some(true) => crescendo_key_origin::Generated,
            Some(false) => crescendo_key_origin::Imported,
        },
    }
}
