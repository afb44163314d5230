//! Everything worth knowing of one device, without its PIN (D15).

use device::{Application, Info, Key, PinReference, purpose, uuid};

use crate::{
    call::enter,
    callbacks, crescendo_device, crescendo_pin_state, crescendo_status, crescendo_text,
    devices::pin_state,
    handle,
    result::{self, Answer, Keep},
};

/// What a device tells of itself.
#[repr(C)]
pub struct crescendo_info {
    /// What a person calls it.
    pub name: crescendo_text,
    /// The device ID: see crescendo_summary.
    pub id: crescendo_text,
    /// The serial number of the token, as PKCS#11 shows it: 16 hexadecimal digits.
    pub serial: crescendo_text,
    /// Whose it is, as its first certificate tells.
    pub label: crescendo_text,
    /// The reader it is in.
    pub reader: crescendo_text,
    /// The answer to reset.
    pub atr: *const u8,
    /// How many bytes that is.
    pub atr_length: usize,
    /// The family and kind of a Crescendo, as in "C4000-KEY"; no text for other cards.
    pub family: crescendo_text,
    /// Whether it lies on a contactless reader.
    pub contactless: bool,
    /// Whether it says that over contactless it can be used as with contacts (virtual contact interface).
    pub vci: bool,
    /// Whether the PIN that it asks for first is the global one, and not the one of its PIV application.
    pub global_pin: bool,
    /// What it tells of its PIN.
    pub pin: crescendo_pin_state,
    /// How many tries are left; -1 where that is not known.
    pub tries: i32,
    /// The card UUID, as in "00112233-4455-6677-8899-aabbccddeeff".
    pub guid: crescendo_text,
    /// When the card expires, as in "2041-12-31".
    pub expiry: crescendo_text,
    /// The keys with a certificate; NULL where there are none.
    pub keys: *const *const crescendo_info_key,
    /// How many.
    pub key_count: usize,
    /// Whether it was asked for what comes next: that is not done with cards that are no Crescendo, over contactless, and where
    /// somebody is logged in, who would be logged out.
    pub asked: bool,
    /// The applications that it has; NULL where there are none.
    pub applications: *const *const crescendo_application,
    /// How many.
    pub application_count: usize,
    /// How many bytes are free in it; -1 where it does not tell.
    pub free_memory: i64,
    /// The fewest characters of its PIN; 0 where it does not tell.
    pub pin_min: u32,
    /// The most characters of its PIN; 0 where it does not tell.
    pub pin_max: u32,
    /// Whether its PIN is of digits alone.
    pub pin_digits: bool,
}

/// A key with a certificate.
#[repr(C)]
pub struct crescendo_info_key {
    /// Which one: its key reference, as in 0x9A (SP 800-73-5 part 1, table 5).
    pub reference: u8,
    /// The same in hexadecimal.
    pub key: crescendo_text,
    /// What it is for, as in "PIV authentication".
    pub purpose: crescendo_text,
    /// Its algorithm, as in "RSA-2048" or "P-256".
    pub algorithm: crescendo_text,
    /// Why the certificate does not tell that.
    pub problem: crescendo_text,
}

/// An application of a card.
#[repr(C)]
pub struct crescendo_application {
    /// What people call it.
    pub name: crescendo_text,
    /// Its version or label, where it says so.
    pub version: crescendo_text,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_info {
    const MARK: u64 = 0x6372_6573_7230_0005;
}

/// Reads what a device tells of itself without its PIN: its certificates, to know its keys, and the applications that it has. It
/// takes seconds where the certificates are not remembered. What can be done with it is told by crescendo_device_offers. The
/// result is freed with crescendo_info_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_info(
    device: *const crescendo_device,
    info: *mut *const crescendo_info,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(info)?;
        let found = opened.with(|device| Ok(device.info()?))?;
        // SAFETY: the header's conventions.
        unsafe { result::give(info, |keep| shown(&found, keep)) }
    })
}

/// Frees what a device tells of itself. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_info_free(info: *const crescendo_info) {
    // SAFETY: the header's conventions.
    unsafe { result::free(info) }
}

fn shown(info: &Info, keep: &mut Keep) -> crescendo_info {
    let (atr, atr_length) = keep.bytes(&info.atr);
    let keys: Vec<_> = info.keys.iter().map(|it| key(it, keep)).collect();
    let overview = info.overview.as_ref();
    let applications = overview.map_or(&[][..], |overview| &overview.applications);
    let applications: Vec<_> =
        applications.iter().filter(|it| it.found).map(|it| application(it, keep)).collect();
    let policy = overview.and_then(|overview| overview.pin_policy);
    crescendo_info {
        name: keep.text(&info.name),
        id: keep.text_if(info.id.as_deref()),
        serial: keep.text_if(info.serial.as_deref()),
        label: keep.text_if(info.label.as_deref()),
        reader: keep.text(&info.reader),
        atr,
        atr_length,
        family: keep.text_if(info.family.as_deref()),
        contactless: info.contactless,
        vci: info.vci,
        global_pin: info.pin_reference == PinReference::Global,
        pin: pin_state(info.pin),
        tries: callbacks::tries(info.pin).map_or(-1, i32::from),
        guid: keep.text_if(info.guid.as_ref().map(uuid).as_deref()),
        expiry: keep.text_if(info.expiry.as_deref()),
        key_count: keys.len(),
        keys: keep.list(keys),
        asked: overview.is_some(),
        application_count: applications.len(),
        applications: keep.list(applications),
        free_memory: overview.and_then(|overview| overview.free_memory).map_or(-1, i64::from),
        pin_min: policy.map_or(0, |policy| policy.min.into()),
        pin_max: policy.map_or(0, |policy| policy.max.into()),
        pin_digits: policy.is_some_and(|policy| policy.digits),
    }
}

fn key(key: &Key, keep: &mut Keep) -> crescendo_info_key {
    let algorithm = key.algorithm.as_ref().ok().map(ToString::to_string);
    let problem = key.algorithm.as_ref().err().map(ToString::to_string);
    crescendo_info_key {
        reference: key.reference.number(),
        key: keep.text(&key.reference.to_string()),
        purpose: keep.text(&purpose(key.reference)),
        algorithm: keep.text_if(algorithm.as_deref()),
        problem: keep.text_if(problem.as_deref()),
    }
}

fn application(application: &Application, keep: &mut Keep) -> crescendo_application {
    crescendo_application {
        name: keep.text(&application.name),
        version: keep.text_if(application.version.as_deref()),
    }
}
