//! Which devices are there (D1), and what is known of one.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ptr,
    time::Duration,
};

use device::{
    Device, KeySide, PinState, State,
    firmware::{Firmware, Mode},
    join,
};

use crate::{
    call::enter,
    callbacks::{self, Asking, waiting},
    context::Machine,
    crescendo_callbacks, crescendo_context, crescendo_device, crescendo_status, crescendo_step,
    crescendo_text,
    failure::Failure,
    handle,
    result::{self, Answer, Keep},
};

/// What is in a reader, as far as is known.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_state {
    /// No card, or none that answers.
    Empty = 1,
    /// A card, and nothing has been read from it yet.
    Unread = 2,
    /// A Crescendo with an identity.
    Recognised = 3,
    /// A Crescendo as it is delivered: it has to be personalized first.
    Factory = 4,
    /// A PIV card of another make.
    OtherPiv = 5,
    /// A card without the PIV application.
    NotPiv = 6,
    /// A card that could not be read, this time: `problem` tells why.
    Unreadable = 7,
    /// A security key that is no card, or does not tell which reader is its own.
    Key = 8,
}

/// What a device tells of its PIN.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_pin_state {
    /// Nothing was read yet.
    Unknown = 0,
    /// It was entered, here or in another program.
    Verified = 1,
    /// It was not entered, and `tries` are left.
    Locked = 2,
    /// No tries are left.
    Blocked = 3,
    /// No tries are left over contactless; over contact there may be.
    ContactOnly = 4,
    /// There is no such PIN.
    Absent = 5,
}

/// One device, as far as it is known.
#[repr(C)]
pub struct crescendo_summary {
    /// What is in the reader.
    pub state: crescendo_state,
    /// What a person calls it.
    pub name: crescendo_text,
    /// The device ID: the number printed on a Crescendo (20 digits), else the card UUID (32 hexadecimal digits), or the serial
    /// number of a key without a card.
    pub id: crescendo_text,
    /// The serial number of the token, as PKCS#11 shows it: 16 hexadecimal digits.
    pub serial: crescendo_text,
    /// Whose it is, as its first certificate tells.
    pub label: crescendo_text,
    /// The reader it is in; of a key without a card, where the system has it.
    pub reader: crescendo_text,
    /// The answer to reset; NULL without a card.
    pub atr: *const u8,
    /// How many bytes that is.
    pub atr_length: usize,
    /// What it last told of its PIN.
    pub pin: crescendo_pin_state,
    /// How many tries are left; -1 where that is not known.
    pub tries: i32,
    /// Whether it lies on a contactless reader.
    pub contactless: bool,
    /// Whether it is spoken to through its virtual contact interface.
    pub vci: bool,
    /// Its key side; NULL where there is none, or none that is known to be a part of it.
    pub key: *const crescendo_key_side,
    /// Why it could not be read.
    pub problem: crescendo_text,
}

/// The key side of a device.
#[repr(C)]
pub struct crescendo_key_side {
    /// Where the system has it.
    pub path: crescendo_text,
    /// Its USB vendor id.
    pub vendor: u16,
    /// Its USB product id.
    pub product: u16,
    /// Whether it speaks the update protocol.
    pub updatable: bool,
    /// Whether it is in update mode.
    pub update_mode: bool,
    /// The version of its firmware, if it tells.
    pub firmware: crescendo_text,
    /// Why it did not answer.
    pub problem: crescendo_text,
}

/// The devices of a machine.
#[repr(C)]
pub struct crescendo_devices {
    /// How many.
    pub count: usize,
    /// Each of them; NULL if there are none.
    pub items: *const *const crescendo_summary,
    /// What crescendo_devices_wait compares: another number once a reader, a card or a key has come or gone.
    pub mark: u64,
}

// SAFETY: marks of their own; their pointers come from the `Keep`.
unsafe impl Answer for crescendo_devices {
    const MARK: u64 = 0x6372_6573_7200_0001;
}

// SAFETY: as above.
unsafe impl Answer for crescendo_summary {
    const MARK: u64 = 0x6372_6573_7200_0002;
}

/// How often is looked for what nobody tells of.
const POLL: Duration = Duration::from_millis(250);

/// Lists every reader with what is in it, empty ones too, and every security key. `load` false: nothing is asked of any, and what a
/// device is called is known at once. `load` true: each is read, one after the other, and the two sides of a key become one
/// device; a program that wants slow readers side by side opens each in a thread of its own. The result is freed with
/// crescendo_devices_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_devices_list(
    context: *const crescendo_context,
    load: bool,
    devices: *mut *const crescendo_devices,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let machine = unsafe { handle::value(context)? };
        result::demand(devices)?;
        // Before the list: what changes meanwhile is noticed.
        let mark = mark(&machine)?;
        let mut found = machine.devices.list()?;
        if load {
            callbacks::outside()?;
            for device in &mut found {
                device.load();
            }
            found = join(found);
        }
        // SAFETY: the header's conventions.
        unsafe {
            result::give(devices, |keep| {
                let items: Vec<_> = found.iter().map(|device| summary(device, keep)).collect();
                crescendo_devices { count: items.len(), items: keep.list(items), mark }
            })
        }
    })
}

/// Waits until a reader, a card or a key has come or gone since `mark` was told, for `timeout_ms` milliseconds at most; negative:
/// without a limit. `changed` tells whether one did. `callbacks` are told at each step, and can cancel it. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_devices_wait(
    context: *const crescendo_context,
    mark: u64,
    timeout_ms: i64,
    callbacks: *const crescendo_callbacks,
    changed: *mut bool,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (machine, asking) = unsafe { (handle::value(context)?, Asking::of(callbacks)?) };
        result::demand(changed)?;
        let limit = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        let differs = wait(&machine, mark, limit, &asking)?;
        // SAFETY: the header's conventions, and it is not null.
        unsafe { changed.write(differs) };
        Ok(())
    })
}

fn wait(machine: &Machine, known: u64, limit: Option<Duration>, asking: &Asking) -> Result<bool, Failure> {
    let clock = &*machine.environment.clock;
    let begun = clock.now();
    loop {
        if mark(machine)? != known {
            return Ok(true);
        }
        let left = limit.map(|limit| limit.saturating_sub(clock.now().saturating_sub(begun)));
        if left == Some(Duration::ZERO) {
            return Ok(false);
        }
        if !asking.tell(&waiting(crescendo_step::Waiting, left.unwrap_or_default())) {
            return Err(Failure::Cancelled);
        }
        let readers = machine.readers.list().map_err(device::Error::Link)?;
        let patience = left.map_or(POLL, |left| left.min(POLL));
        machine.readers.wait(&readers, Some(patience)).map_err(device::Error::Link)?;
    }
}

/// A number for what is plugged in.
fn mark(machine: &Machine) -> Result<u64, Failure> {
    let mut hasher = DefaultHasher::new();
    for reader in machine.readers.list().map_err(device::Error::Link)? {
        (reader.name, reader.atr, reader.events).hash(&mut hasher);
    }
    for device in machine.hid.list().unwrap_or_default() {
        (device.path, device.vendor, device.product, device.serial).hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Tells what is known of a device, after reading what was not read yet; `reload` reads all of it once more, as after a change by
/// another program, and ends what was authenticated here. The result is freed with crescendo_summary_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_device_summary(
    device: *const crescendo_device,
    reload: bool,
    result: *mut *const crescendo_summary,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let opened = unsafe { handle::value(device)? };
        result::demand(result)?;
        opened.with(|device| {
            if reload {
                device.reload();
            } else {
                device.load();
            }
            device.find_key_side();
            // SAFETY: the header's conventions.
            unsafe { result::give(result, |keep| summary(device, keep)) }
        })
    })
}

/// Frees a list. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_devices_free(devices: *const crescendo_devices) {
    // SAFETY: the header's conventions.
    unsafe { result::free(devices) }
}

/// Frees what is known of a device. NULL is none. Those in a list go with the list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_summary_free(summary: *const crescendo_summary) {
    // SAFETY: the header's conventions.
    unsafe { result::free(summary) }
}

fn summary(device: &Device, keep: &mut Keep) -> crescendo_summary {
    let (atr, atr_length) = device.atr().map_or((ptr::null(), 0), |atr| keep.bytes(atr));
    let problem = match device.state() {
        State::Unreadable(error) => Some(error.to_string()),
        _ => None,
    };
    let key = device.key_side().map(|key| key_side(key, keep));
    crescendo_summary {
        state: state(device.state()),
        name: keep.text(&device.name()),
        id: keep.text_if(device.id()),
        serial: keep.text_if(device.serial()),
        label: keep.text_if(device.label()),
        reader: keep.text(device.reader()),
        atr,
        atr_length,
        pin: device.seen_pin().map_or(crescendo_pin_state::Unknown, pin_state),
        tries: device.seen_pin().and_then(callbacks::tries).map_or(-1, i32::from),
        contactless: device.is_contactless(),
        vci: device.has_vci(),
        key: key.map_or(ptr::null(), |key| keep.array(vec![key])),
        problem: keep.text_if(problem.as_deref()),
    }
}

fn key_side(key: &KeySide, keep: &mut Keep) -> crescendo_key_side {
    let (firmware, update_mode, problem) = match &key.firmware {
        Some(Firmware::Updatable(info)) => (Some(info.version.to_string()), info.mode == Mode::Update, None),
        Some(Firmware::NotSupported { version, .. }) => {
            (version.map(|version| version.to_string()), false, None)
        }
        Some(Firmware::Silent(why)) => (None, false, Some(&why[..])),
        None => (None, false, None),
    };
    crescendo_key_side {
        path: keep.text(&key.device.path),
        vendor: key.device.vendor,
        product: key.device.product,
        updatable: key.is_updatable(),
        update_mode,
        firmware: keep.text_if(firmware.as_deref()),
        problem: keep.text_if(problem),
    }
}

fn state(state: &State) -> crescendo_state {
    match state {
        State::Empty => crescendo_state::Empty,
        State::Unread => crescendo_state::Unread,
        State::Recognised => crescendo_state::Recognised,
        State::Factory => crescendo_state::Factory,
        State::OtherPiv => crescendo_state::OtherPiv,
        State::NotPiv => crescendo_state::NotPiv,
        State::Unreadable(_) => crescendo_state::Unreadable,
        State::Key => crescendo_state::Key,
    }
}

pub(crate) fn pin_state(state: PinState) -> crescendo_pin_state {
    match state {
        PinState::Verified => crescendo_pin_state::Verified,
        PinState::Tries(0) | PinState::Blocked => crescendo_pin_state::Blocked,
        PinState::Tries(_) => crescendo_pin_state::Locked,
        PinState::ContactOnly => crescendo_pin_state::ContactOnly,
        PinState::Absent => crescendo_pin_state::Absent,
    }
}
