//! Personalizing (D10): a device in factory state gets its PIN, its PUK, and an administration key that not everybody knows.

use std::{ffi::c_char, ptr};

use device::{Device, LocalPolicy, ManagementKey, Personalized, Plan, helpdesk::MasterKey};

use crate::{
    call::enter,
    callbacks::{self, Asking},
    crescendo_buffer, crescendo_callbacks, crescendo_device, crescendo_status,
    device_handle::Opened,
    failure::Failure,
    handle, options,
    pin::New,
    result::{self, Answer},
    secret,
    text::{self, Secret},
};

/// How a device is set up. All zero but the size is the usual: then the new PIN is asked for.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct crescendo_personalize_options {
    /// sizeof(crescendo_personalize_options)
    pub size: usize,
    /// The PIN it has; NULL: the one that such devices are delivered with.
    pub current_pin: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub current_pin_length: usize,
    /// The PIN it gets; NULL: it is asked for.
    pub new_pin: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub new_pin_length: usize,
    /// The fewest characters that PINs of this device have from now on, 4 to 8; 0: as it is. Of a Crescendo, as the next two.
    pub min: u32,
    /// The most characters that they have, 4 to 8; 0: as it is.
    pub max: u32,
    /// Which characters they have, one of crescendo_pin_characters.
    pub characters: i32,
    /// The help desk's master key, in hexadecimal: the device gets an administration key made of it, and no PUK. NULL: it gets a
    /// PUK. Of a Crescendo.
    pub master_key: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub master_key_length: usize,
    /// The management key (9B) of a card that is no Crescendo, in hexadecimal; NULL: the one that such cards are delivered with.
    pub management_key: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub management_key_length: usize,
}

/// Which characters the PINs of a device have.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_pin_characters {
    /// As the device has it.
    AsIs = 0,
    /// Digits alone.
    Digits = 1,
    /// Any.
    Any = 2,
}

/// What personalizing has done.
#[repr(C)]
pub struct crescendo_personalized {
    /// The PUK is kept on the device: crescendo_puk_show shows it again.
    pub puk_kept: bool,
    /// The key that everybody knows is gone. false: the card knows no way, and whoever holds it can write to it.
    pub factory_key_replaced: bool,
}

// SAFETY: a mark of its own; it has no pointers.
unsafe impl Answer for crescendo_personalized {
    const MARK: u64 = 0x6372_6573_7220_0030;
}

/// Sets up a device that is in factory state: it gets a PIN, a PUK or the administration key of a help desk, and an identity. Its
/// state is read afresh first: CRESCENDO_STATUS_NOT_OFFERED tells why it cannot be personalized. A program tells a person before
/// that too many wrong PINs lock the device, without its PUK or a help desk for good. The PIN of delivery is tried once, unless
/// `current_pin` is given: CRESCENDO_STATUS_NOT_FACTORY_PIN is one try less, and nothing else. `options` may be NULL. A new PIN is held
/// against the rules of the device and of the machine before anything is sent. Crescendo devices mostly take what is written here
/// only after crescendo_device_permit_unconfirmed. CRESCENDO_STATUS_UNFINISHED: the device was lost on the way, and the same is
/// done once more.
///
/// `puk` is to be shown once, and written down: NULL where a help desk is in its place, or the card keeps the one it has.
/// `management_key` is the new one of a card that is no Crescendo, in hexadecimal, and is to be kept: NULL where it has none, or
/// cannot replace it. Both are freed with crescendo_buffer_free, and the result with crescendo_personalized_free. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_personalize(
    device: *const crescendo_device,
    options: *const crescendo_personalize_options,
    callbacks: *const crescendo_callbacks,
    puk: *mut *mut crescendo_buffer,
    management_key: *mut *mut crescendo_buffer,
    personalized: *mut *const crescendo_personalized,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (opened, wanted, asking) =
            unsafe { (handle::value(device)?, Wanted::of(options)?, Asking::of(callbacks)?) };
        result::demand(puk)?;
        result::demand(management_key)?;
        result::demand(personalized)?;
        let made = opened.with(|device| wanted.carry_out(device, &opened, &asking))?;
        // SAFETY: the header's conventions, and they are not null.
        unsafe {
            give(made.puk.as_ref(), puk)?;
            give(made.management.as_ref(), management_key)?;
            result::give(personalized, |_| crescendo_personalized {
                puk_kept: made.kept,
                factory_key_replaced: made.replaced,
            })
        }
    })
}

/// Frees what was told. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_personalized_free(personalized: *const crescendo_personalized) {
    // SAFETY: the header's conventions.
    unsafe { result::free(personalized) }
}

/// # Safety
/// `out` can be written to.
unsafe fn give(text: Option<&Secret>, out: *mut *mut crescendo_buffer) -> Result<(), Failure> {
    match text {
        // SAFETY: the caller's.
        Some(text) => unsafe { secret::give(text.as_bytes(), out) },
        None => {
            // SAFETY: the caller's.
            unsafe { out.write(ptr::null_mut()) };
            Ok(())
        }
    }
}

/// What was asked for, as values.
#[derive(Default)]
struct Wanted {
    current: Option<Secret>,
    new: Option<Secret>,
    min: Option<u8>,
    max: Option<u8>,
    digits: Option<bool>,
    master: Option<Secret>,
    management: Option<Secret>,
}

impl Wanted {
    /// # Safety
    /// `options` is null, or as the header wants it.
    unsafe fn of(options: *const crescendo_personalize_options) -> Result<Self, Failure> {
        // SAFETY: the caller's.
        let Some(given) = (unsafe { options::read(options, "crescendo_personalize_options") })? else {
            return Ok(Self::default());
        };
        let digits = match given.characters {
            0 => None,
            1 => Some(true),
            2 => Some(false),
            _ => return Err(Failure::Value("the kind of characters")),
        };
        // SAFETY: the caller's.
        unsafe {
            Ok(Self {
                current: text::secret(given.current_pin, given.current_pin_length, "the current PIN")?,
                new: text::secret(given.new_pin, given.new_pin_length, "the new PIN")?,
                min: bound(given.min)?,
                max: bound(given.max)?,
                digits,
                master: text::secret(given.master_key, given.master_key_length, "the master key")?,
                management: text::secret(
                    given.management_key,
                    given.management_key_length,
                    "the management key",
                )?,
            })
        }
    }

    /// In the order in which what cannot work is found out before anybody is asked for anything.
    fn carry_out(
        self,
        device: &mut Device,
        opened: &Opened,
        asking: &Asking,
    ) -> Result<Personalized, Failure> {
        asking.go_on()?;
        let factory = device.personalizing()?;
        device.administration().takes(self.master.is_some(), self.management.is_some())?;
        let policy = device.personal_policy(self.min, self.max, self.digits)?;
        let local = LocalPolicy::read(&*opened.machine.system)?;
        let new = New::of(self.new, device.personal_rules(policy, &local)?)?;
        let master = self.master.map(|text| MasterKey::from_hex(&text)).transpose()?;
        let management = self.management.map(|text| ManagementKey::from_hex(&text)).transpose()?;
        let current = match self.current {
            Some(current) => Some(callbacks::pin(asking, device, Some(current))?),
            None => None,
        };
        let new = new.entered(asking, opened, &device.name(), Some(&factory))?;
        asking.go_on()?;
        let plan = Plan {
            current: current.as_ref(),
            new: &new,
            policy,
            master: master.as_ref(),
            management: management.as_ref(),
        };
        Ok(device.personalize(&plan)?)
    }
}

/// How many characters; 0: as it is.
fn bound(characters: u32) -> Result<Option<u8>, Failure> {
    match u8::try_from(characters) {
        Ok(0) => Ok(None),
        Ok(bound @ 4..=8) => Ok(Some(bound)),
        _ => Err(Failure::Value("the length of PINs")),
    }
}
