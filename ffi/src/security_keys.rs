//! Which security keys are there, and what they say of their firmware.

use std::ptr;

use device::firmware::{Firmware, Info, Key, Keys, Mode, update_ids};

use crate::{
    call::enter,
    callbacks,
    context::Machine,
    crescendo_context, crescendo_status, crescendo_text, handle,
    result::{self, Answer, Keep},
};

/// Which of its two programs a key runs.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_key_mode {
    /// It does not tell.
    Unknown = 0,
    /// Its firmware.
    Normal = 1,
    /// Its bootloader: it waits for an update.
    Update = 2,
}

/// One security key.
#[repr(C)]
pub struct crescendo_security_key {
    /// Where the system has it.
    pub path: crescendo_text,
    /// Its USB vendor id.
    pub vendor: u16,
    /// Its USB product id.
    pub product: u16,
    /// Whether it speaks the update protocol. Only then it tells what comes next, as far as `unconfirmed`.
    pub updatable: bool,
    /// Its serial number: 32 hexadecimal digits.
    pub serial: crescendo_text,
    /// The model id, a reverse domain name.
    pub model: crescendo_text,
    /// Which of its programs runs.
    pub mode: crescendo_key_mode,
    /// The version of its firmware, as in "2.0.0+0".
    pub version: crescendo_text,
    /// The version of its bootloader.
    pub bootloader: crescendo_text,
    /// Its security counter: it takes no image with a lower one.
    pub counter: u32,
    /// Its hardware revision.
    pub hardware: u8,
    /// An update was begun and not finished: run it again.
    pub interrupted: bool,
    /// What runs is not confirmed: at its next start it goes back to what it ran before.
    pub unconfirmed: bool,
    /// Of a key that does not speak the update protocol: its make and model (AAGUID), as in
    /// "7991798a-a7f3-487f-98c0-3faf7a458a04".
    pub aaguid: crescendo_text,
    /// The versions of FIDO that such a key speaks; NULL where there are none.
    pub fido: *const crescendo_text,
    /// How many.
    pub fido_count: usize,
    /// The version of its firmware, in a numbering of the vendor's; -1 where it does not tell.
    pub fido_firmware: i64,
    /// Why it did not answer.
    pub problem: crescendo_text,
}

/// The security keys of a machine.
#[repr(C)]
pub struct crescendo_security_keys {
    /// How many.
    pub count: usize,
    /// Each of them; NULL if there are none.
    pub items: *const *const crescendo_security_key,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_security_keys {
    const MARK: u64 = 0x6372_6573_7230_0001;
}

/// Lists every FIDO key and every key in update mode, with what each says of its firmware. A card that is a FIDO authenticator too
/// is not asked. An update that another program left unconfirmed is confirmed first, where its firmware runs. A key that cannot
/// be opened is in the list, with its `problem`. The result is freed with crescendo_security_keys_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_security_keys_list(
    context: *const crescendo_context,
    keys: *mut *const crescendo_security_keys,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let machine = unsafe { handle::value(context)? };
        result::demand(keys)?;
        callbacks::outside()?;
        let found = machine.security_keys().list()?;
        // SAFETY: the header's conventions.
        unsafe {
            result::give(keys, |keep| {
                let items: Vec<_> = found.iter().map(|key| item(key, keep)).collect();
                crescendo_security_keys { count: items.len(), items: keep.list(items) }
            })
        }
    })
}

/// Frees a list of security keys. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_security_keys_free(keys: *const crescendo_security_keys) {
    // SAFETY: the header's conventions.
    unsafe { result::free(keys) }
}

impl Machine {
    /// The keys, by what is configured on this machine. Whether that can be read is for the doctor to say.
    pub(crate) fn security_keys(&self) -> Keys {
        let (ids, _) = update_ids(&*self.system);
        let pause = self.pause.clone();
        let (store, clock) = (self.environment.store.clone(), self.environment.clock.clone());
        Keys::new(self.hid.clone(), store, clock, Box::new(move |time| pause(time))).known_by(ids)
    }
}

fn item(key: &Key, keep: &mut Keep) -> crescendo_security_key {
    let known = crescendo_security_key {
        path: keep.text(&key.device.path),
        vendor: key.device.vendor,
        product: key.device.product,
        updatable: false,
        serial: crescendo_text::NONE,
        model: crescendo_text::NONE,
        mode: crescendo_key_mode::Unknown,
        version: crescendo_text::NONE,
        bootloader: crescendo_text::NONE,
        counter: 0,
        hardware: 0,
        interrupted: false,
        unconfirmed: false,
        aaguid: crescendo_text::NONE,
        fido: ptr::null(),
        fido_count: 0,
        fido_firmware: -1,
        problem: crescendo_text::NONE,
    };
    match &key.firmware {
        Firmware::Updatable(info) => updatable(info, known, keep),
        Firmware::NotSupported { aaguid, version, fido } => {
            let fido: Vec<_> = fido.iter().map(|version| keep.text(version)).collect();
            crescendo_security_key {
                aaguid: keep.text(&aaguid.to_string()),
                fido_count: fido.len(),
                fido: keep.array(fido),
                fido_firmware: version.and_then(|version| version.try_into().ok()).unwrap_or(-1),
                ..known
            }
        }
        Firmware::Silent(why) => crescendo_security_key { problem: keep.text(why), ..known },
    }
}

fn updatable(info: &Info, known: crescendo_security_key, keep: &mut Keep) -> crescendo_security_key {
    crescendo_security_key {
        updatable: true,
        serial: keep.text(&info.serial.to_string()),
        model: keep.text(&info.model),
        mode: match info.mode {
            Mode::Normal => crescendo_key_mode::Normal,
            Mode::Update => crescendo_key_mode::Update,
        },
        version: keep.text(&info.version.to_string()),
        bootloader: keep.text(&info.bootloader.to_string()),
        counter: info.counter,
        hardware: info.hardware,
        interrupted: info.interrupted,
        unconfirmed: info.unconfirmed,
        ..known
    }
}
