//! Certificates and private keys that are brought from files, and those that are deleted.

use std::ffi::c_char;

use device::{Credential, Device, FileError};

use super::reference;
use crate::{
    call::enter,
    callbacks::{Asking, Question},
    crescendo_callbacks, crescendo_device, crescendo_question_kind, crescendo_rights, crescendo_status,
    failure::Failure,
    handle,
    result::{self, Answer},
    rights::Given,
    text::{self, Secret},
};

/// What was taken from a file.
#[repr(C)]
pub struct crescendo_imported {
    /// A certificate was put onto the device. Without one, other programs do not see the key.
    pub certificate: bool,
    /// A private key was.
    pub private_key: bool,
    /// How many further certificates the file has, which a device has no place for.
    pub left_out: usize,
}

// SAFETY: a mark of its own; it has no pointers.
unsafe impl Answer for crescendo_imported {
    const MARK: u64 = 0x6372_6573_7220_0003;
}

/// Brings a certificate, a private key or both to the device, from the bytes of a file: PEM, DER or PKCS #12. `certificate_only`: a
/// private key in the file is left out. A certificate is taken if it belongs to the key that is there, or to the one in the
/// file. `passphrase` is that of an encrypted file; NULL: it is asked for if there is need. What is lost is confirmed with
/// `confirm`, unless `yes`; with CRESCENDO_STATUS_NO_CALLBACK nothing was done. `imported` tells what was taken, and is freed with
/// crescendo_imported_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_certificate_import(
    device: *const crescendo_device,
    key: u8,
    file: *const u8,
    file_length: usize,
    passphrase: *const c_char,
    passphrase_length: usize,
    certificate_only: bool,
    rights: *const crescendo_rights,
    yes: bool,
    callbacks: *const crescendo_callbacks,
    imported: *mut *const crescendo_imported,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, given, asking) =
            unsafe { (handle::value(device)?, Given::of(rights)?, Asking::of(callbacks)?) };
        // SAFETY: the header's conventions.
        let (file, passphrase) = unsafe {
            (
                text::file(file, file_length, "the file")?,
                text::secret(passphrase, passphrase_length, "the passphrase")?,
            )
        };
        result::demand(imported)?;
        let key = reference(key)?;
        let done = opened.with(|device| {
            let Credential { certificate, key: private, others } =
                credential(device, file, passphrase, &asking)?;
            let private = private.filter(|_| !certificate_only);
            if private.is_none() && certificate.is_none() {
                return Err(FileError::Empty.into());
            }
            let lines = device.losses(key)?.sentences(key, private.is_some());
            let needs = device.needs_to_import(key, private.is_some());
            let held = given.confirmed(&asking, device, needs, yes, &lines)?;
            match (&private, &certificate) {
                (Some(private), certificate) => {
                    let (rights, unconfirmed) = (held.rights(), device.permits_unconfirmed());
                    device.import_key(&rights, key, private, certificate.as_deref(), unconfirmed)?;
                }
                (None, Some(der)) => device.import_certificate(&held.rights(), key, der)?,
                (None, None) => {}
            }
            Ok(crescendo_imported {
                certificate: certificate.is_some(),
                private_key: private.is_some(),
                left_out: others,
            })
        })?;
        // SAFETY: the header's conventions.
        unsafe { result::give(imported, |_| done) }
    })
}

/// Deletes the certificate of a key; the key stays. What is lost is confirmed with `confirm`, unless `yes`; with
/// CRESCENDO_STATUS_NO_CALLBACK nothing was done. CRESCENDO_STATUS_NO_CERTIFICATE: there is none. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_certificate_delete(
    device: *const crescendo_device,
    key: u8,
    rights: *const crescendo_rights,
    yes: bool,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    // SAFETY: the header's conventions.
    unsafe { delete(device, key, rights, yes, callbacks, false) }
}

/// Deletes a key and its certificate, for good. What is lost is confirmed with `confirm`, unless `yes`; with
/// CRESCENDO_STATUS_NO_CALLBACK nothing was done. CRESCENDO_STATUS_NO_KEY: there is none. Not every device has a way:
/// CRESCENDO_STATUS_UNSUPPORTED, CRESCENDO_STATUS_NOT_CONFIRMED. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_key_delete(
    device: *const crescendo_device,
    key: u8,
    rights: *const crescendo_rights,
    yes: bool,
    callbacks: *const crescendo_callbacks,
) -> crescendo_status {
    // SAFETY: the header's conventions.
    unsafe { delete(device, key, rights, yes, callbacks, true) }
}

/// Frees what was told of an import. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_imported_free(imported: *const crescendo_imported) {
    // SAFETY: the header's conventions.
    unsafe { result::free(imported) }
}

/// # Safety
/// The header's conventions.
unsafe fn delete(
    device: *const crescendo_device,
    key: u8,
    rights: *const crescendo_rights,
    yes: bool,
    callbacks: *const crescendo_callbacks,
    with_key: bool,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the caller's.
        let (opened, given, asking) =
            unsafe { (handle::value(device)?, Given::of(rights)?, Asking::of(callbacks)?) };
        let key = reference(key)?;
        opened.with(|device| {
            let lines = device.losses(key)?.of_deleting(key, with_key)?;
            let needs = device.needs_to_delete(with_key);
            let held = given.confirmed(&asking, device, needs, yes, &lines)?;
            if with_key {
                let unconfirmed = device.permits_unconfirmed();
                Ok(device.delete_key(&held.rights(), key, unconfirmed)?)
            } else {
                Ok(device.delete_certificate(&held.rights(), key)?)
            }
        })
    })
}

/// What is in the file. A wrong passphrase costs nothing, so that a person is asked again.
fn credential(
    device: &Device,
    file: &[u8],
    given: Option<Secret>,
    asking: &Asking,
) -> Result<Credential, Failure> {
    if let Some(given) = given {
        return Ok(Credential::read(file, Some(&given))?);
    }
    let name = device.name();
    let mut question = Question::new(crescendo_question_kind::Passphrase, &name);
    let mut read = Credential::read(file, None);
    loop {
        match read {
            Err(FileError::PassphraseNeeded) => {}
            Err(error @ FileError::WrongPassphrase) => question.problem = Some(error.to_string()),
            other => return Ok(other?),
        }
        read = Credential::read(file, Some(&asking.ask(&question)?));
    }
}
