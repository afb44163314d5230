//! Keys that are made on a device, requests for certificates of them (RFC 2986), and certificates that they sign themselves.

use std::{ffi::c_char, slice, time::SystemTime};

use device::{Algorithm, Device, Held, KeyReference, Needs, PublicKey, Subject, usual_algorithm};

use super::{format, reference};
use crate::{
    call::enter, callbacks::Asking, crescendo_buffer, crescendo_callbacks, crescendo_device,
    crescendo_rights, crescendo_status, failure::Failure, handle, options, result, rights::Given, secret,
    text,
};

/// A kind of key.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_algorithm {
    /// ECC on P-256; for 9D and retired keys RSA-2048.
    Usual = 0,
    /// ECC on P-256.
    P256 = 1,
    /// ECC on P-384.
    P384 = 2,
    /// RSA with 2048 bits.
    Rsa2048 = 3,
    /// RSA with 3072 bits.
    Rsa3072 = 4,
    /// RSA with 4096 bits.
    Rsa4096 = 5,
}

/// Whose certificate it is to be, and of which key.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct crescendo_certificate_options {
    /// sizeof(crescendo_certificate_options)
    pub size: usize,
    /// Whose it is, as in "CN=Ada Lovelace,O=Example" (RFC 4514).
    pub subject: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub subject_length: usize,
    /// Other names, each as in "email:ada@example.org", "dns:...", "ip:...", "uri:..." or "upn:...", each with a NUL at its end; or
    /// NULL.
    pub names: *const *const c_char,
    /// How many of those.
    pub name_count: usize,
    /// The kind of the new key, one of crescendo_algorithm; 0 is the usual one. 0 with `existing`.
    pub algorithm: i32,
    /// For how many days a certificate is valid that the key signs itself, up to 36500; 0 is 365.
    pub days: u32,
    /// 1: the key that is there is used, and none is made.
    pub existing: u8,
}

/// More names than anybody has.
const MOST_NAMES: usize = 1000;
const MOST_DAYS: u32 = 36_500;

/// What was wanted, as values.
struct Wanted {
    subject: Subject,
    existing: bool,
    algorithm: Option<Algorithm>,
    days: u32,
}

/// Has the device make a key, in place of the one that is there. `algorithm` is one of crescendo_algorithm. RSA can take up to a
/// minute. What is lost is confirmed with `confirm`, unless `yes`; with CRESCENDO_STATUS_NO_CALLBACK nothing was done.
/// `public_key` is a SubjectPublicKeyInfo, DER, and freed with crescendo_buffer_free. Until the key has a certificate, other
/// programs do not see it. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_key_generate(
    device: *const crescendo_device,
    key: u8,
    algorithm: i32,
    rights: *const crescendo_rights,
    yes: bool,
    callbacks: *const crescendo_callbacks,
    public_key: *mut *mut crescendo_buffer,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) =
            unsafe { (handle::value(device)?, Given::of(rights)?, Asking::of(callbacks)?) };
        result::demand(public_key)?;
        let key = reference(key)?;
        let algorithm = self::algorithm(algorithm)?.unwrap_or_else(|| usual_algorithm(key));
        let info = opened.with(|device| {
            let lines = device.losses(key)?.sentences(key, true);
            let needs = Needs { right: true, pin: false };
            let held = given.confirmed(&asking, device, needs, yes, &lines)?;
            Ok(device.generate(&held.rights(), key, algorithm)?.info()?)
        })?;
        // SAFETY: the header's conventions.
        unsafe { secret::give(&info, public_key) }
    })
}

/// Makes a request for a certificate (PKCS #10), signed by the key: by a new one, which is made as crescendo_key_generate does,
/// or by the one that is there (`existing`). It is written in one of crescendo_format, and freed with crescendo_buffer_free.
/// What the issuer answers is put onto the device with crescendo_certificate_import. A failure after the key was made says so
/// in its message: then `existing` goes on from there. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_certificate_request(
    device: *const crescendo_device,
    key: u8,
    options: *const crescendo_certificate_options,
    format: i32,
    rights: *const crescendo_rights,
    yes: bool,
    callbacks: *const crescendo_callbacks,
    request: *mut *mut crescendo_buffer,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, wanted, given, asking) = unsafe {
            (handle::value(device)?, Wanted::of(options)?, Given::of(rights)?, Asking::of(callbacks)?)
        };
        result::demand(request)?;
        let (key, format) = (reference(key)?, self::format(format)?);
        let bytes = opened.with(|device| {
            let (held, public) = wanted.key(device, key, given, &asking, yes, false)?;
            let done = device.request(key, &public, &wanted.subject, held.pin.as_ref(), format);
            Ok(done.map_err(|error| error.after_making(!wanted.existing))?)
        })?;
        // SAFETY: the header's conventions.
        unsafe { secret::give(&bytes, request) }
    })
}

/// Puts a certificate onto the device that the key signs itself: a new key, which is made as crescendo_key_generate does, or the
/// one that is there (`existing`). `certificate` is DER, and freed with crescendo_buffer_free. A failure after the key was made
/// says so in its message: then `existing` goes on from there. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_certificate_self_sign(
    device: *const crescendo_device,
    key: u8,
    options: *const crescendo_certificate_options,
    rights: *const crescendo_rights,
    yes: bool,
    callbacks: *const crescendo_callbacks,
    certificate: *mut *mut crescendo_buffer,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, wanted, given, asking) = unsafe {
            (handle::value(device)?, Wanted::of(options)?, Given::of(rights)?, Asking::of(callbacks)?)
        };
        result::demand(certificate)?;
        let key = reference(key)?;
        let signed = opened.with(|device| {
            let (held, public) = wanted.key(device, key, given, &asking, yes, true)?;
            let (now, rights) = (SystemTime::now(), held.rights());
            let done = device.self_sign(&rights, key, &public, &wanted.subject, now, wanted.days);
            Ok(done.map_err(|error| error.after_making(!wanted.existing))?)
        })?;
        // SAFETY: the header's conventions.
        unsafe { secret::give(&signed.der, certificate) }
    })
}

impl Wanted {
    /// # Safety
    /// `options` is null, or as the header wants it.
    unsafe fn of(options: *const crescendo_certificate_options) -> Result<Self, Failure> {
        // SAFETY: the caller's.
        let given = unsafe { options::read(options, "crescendo_certificate_options") }?;
        let given = given.ok_or(Failure::Null("crescendo_certificate_options"))?;
        // SAFETY: the caller's.
        let (subject, names) = unsafe {
            let subject = text::some_text(given.subject, given.subject_length, "the subject")?;
            (subject, self::names(given.names, given.name_count)?)
        };
        let mut subject = Subject::new(subject)?;
        names.iter().try_for_each(|name| subject.add(name))?;
        let (existing, algorithm) = (given.existing != 0, algorithm(given.algorithm)?);
        if existing && algorithm.is_some() {
            return Err(Failure::Value("the algorithm, of a key that is there already,"));
        }
        let days = match given.days {
            0 => 365,
            days @ ..=MOST_DAYS => days,
            _ => return Err(Failure::Value("the number of days")),
        };
        Ok(Self { subject, existing, algorithm, days })
    }

    /// The key to be certified: a new one, or the one that is there. `writes`: a certificate is put there, too.
    fn key(
        &self,
        device: &mut Device,
        key: KeyReference,
        given: Given,
        asking: &Asking,
        yes: bool,
        writes: bool,
    ) -> Result<(Held, PublicKey), Failure> {
        let lines = if self.existing && !writes {
            Vec::new()
        } else {
            device.losses(key)?.sentences(key, !self.existing)
        };
        let needs = Needs::of_key(key, writes || !self.existing);
        let held = given.confirmed(asking, device, needs, yes, &lines)?;
        let public = if self.existing {
            device.public_key(key, held.pin.as_ref())?
        } else {
            device.generate(&held.rights(), key, self.algorithm.unwrap_or_else(|| usual_algorithm(key)))?
        };
        Ok((held, public))
    }
}

/// # Safety
/// `names` is null or leads to so many pointers, each null or to bytes that end with a NUL.
unsafe fn names<'a>(names: *const *const c_char, count: usize) -> Result<Vec<&'a str>, Failure> {
    const WHAT: &str = "one of the names";
    if names.is_null() {
        return if count == 0 { Ok(Vec::new()) } else { Err(Failure::Null("the names")) };
    }
    if count > MOST_NAMES {
        return Err(Failure::Length("the names"));
    }
    // SAFETY: the caller's.
    let names = unsafe { slice::from_raw_parts(names, count) };
    // SAFETY: as above.
    names.iter().map(|&name| unsafe { text::some_text(name, text::CRESCENDO_TERMINATED, WHAT) }).collect()
}

fn algorithm(algorithm: i32) -> Result<Option<Algorithm>, Failure> {
    Ok(Some(match algorithm {
        0 => return Ok(None),
        1 => Algorithm::EccP256,
        2 => Algorithm::EccP384,
        3 => Algorithm::Rsa2048,
        4 => Algorithm::Rsa3072,
        5 => Algorithm::Rsa4096,
        _ => return Err(Failure::Value("the algorithm")),
    }))
}
