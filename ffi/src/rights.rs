//! By what right a device is changed: what a program gives, and what a person is asked for.

use std::ffi::c_char;

use device::{
    Demand, Device, Error, Held, InHand, ManagementKey, Needs, Proof, Puk, PukCode, Recycler, XauthKey,
};

use crate::{
    callbacks::{self, Asking, Question},
    crescendo_question_kind,
    failure::Failure,
    options,
    text::{self, Secret},
};

/// By what right a device is changed. A Crescendo takes its PIN, or its administration key (XAUTH), for some things with the PIN;
/// a card by the standard takes its management key (9B), and its PIN where a key of it is used. What is needed and not given is
/// asked for with the callback `ask`; what the device does not take is refused with CRESCENDO_STATUS_UNSUPPORTED before anything
/// is sent. All of it may be NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct crescendo_rights {
    /// sizeof(crescendo_rights)
    pub size: usize,
    /// The PIN.
    pub pin: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub pin_length: usize,
    /// The administration key of a Crescendo (XAUTH key 1), in hexadecimal.
    pub administration_key: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub administration_key_length: usize,
    /// The management key of another card (9B), in hexadecimal.
    pub management_key: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub management_key_length: usize,
    /// The PUK of 16 characters, which stands for the administration key: crescendo_recycle takes it where the PIN is blocked or
    /// forgotten, and nothing else does.
    pub puk: *const c_char,
    /// Its length, or CRESCENDO_TERMINATED.
    pub puk_length: usize,
    /// One of crescendo_right: this one is used, and asked for if it is not given. 0: what is given, or else what the device
    /// takes anyway.
    pub right: i32,
}

/// What a device is changed with in place of its PIN.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_right {
    /// What is given, or else what the device takes anyway.
    Usual = 0,
    /// Its administration key (XAUTH).
    AdministrationKey = 1,
    /// Its management key (9B).
    ManagementKey = 2,
    /// Its PUK of 16 characters.
    Puk = 3,
}

/// What a program has given.
#[derive(Default)]
pub(crate) struct Given {
    pin: Option<Secret>,
    xauth: Option<Secret>,
    management: Option<Secret>,
    puk: Option<Secret>,
    /// What is meant to be used, given or not.
    right: Option<crescendo_right>,
}

impl Given {
    /// # Safety
    /// `rights` is null, or as the header wants it.
    pub(crate) unsafe fn of(rights: *const crescendo_rights) -> Result<Self, Failure> {
        // SAFETY: the caller's.
        let Some(given) = (unsafe { options::read(rights, "crescendo_rights") })? else {
            return Ok(Self::default());
        };
        // SAFETY: the caller's.
        unsafe {
            Ok(Self {
                pin: text::secret(given.pin, given.pin_length, "the PIN")?,
                xauth: text::secret(
                    given.administration_key,
                    given.administration_key_length,
                    "the administration key",
                )?,
                management: text::secret(
                    given.management_key,
                    given.management_key_length,
                    "the management key",
                )?,
                puk: text::secret(given.puk, given.puk_length, "the PUK")?,
                right: right(given.right)?,
            })
        }
    }

    /// What is meant to be used.
    pub(crate) fn in_hand(&self) -> InHand {
        InHand {
            xauth: self.xauth.is_some() || self.right == Some(crescendo_right::AdministrationKey),
            puk: self.puk.is_some() || self.right == Some(crescendo_right::Puk),
            management: self.management.is_some() || self.right == Some(crescendo_right::ManagementKey),
        }
    }

    /// What an action takes, once what is lost is meant to be, a line each. Nothing that writes was sent until then, and what is
    /// of the wrong kind is refused before anybody is asked.
    pub(crate) fn confirmed(
        self,
        asking: &Asking,
        device: &mut Device,
        needs: Needs,
        yes: bool,
        lines: &[String],
    ) -> Result<Held, Failure> {
        let demand = device.demand(needs, self.in_hand())?;
        asking.confirm(yes || lines.is_empty(), lines)?;
        let held = self.hold(asking, device, demand, needs.pin)?;
        asking.go_on()?;
        Ok(held)
    }

    /// What is demanded: as it was given, or as a person enters it; `uses_key`: a key is used, for which the PIN is entered each
    /// time.
    fn hold(
        self,
        asking: &Asking,
        device: &mut Device,
        demand: Demand,
        uses_key: bool,
    ) -> Result<Held, Failure> {
        let mut held = Held::default();
        match demand.proof {
            Proof::Xauth => held.xauth = Some(xauth_key(asking, device, self.xauth)?),
            Proof::Management => held.management = Some(management_key(asking, device, self.management)?),
            Proof::Pin | Proof::Code | Proof::Nothing => {}
        }
        if demand.pin {
            let entered = if uses_key { callbacks::pin } else { callbacks::kept_pin };
            held.pin = Some(entered(asking, device, self.pin)?);
        }
        Ok(held)
    }

    /// What proves the right to recycle a device.
    pub(crate) fn prove(
        self,
        asking: &Asking,
        device: &mut Device,
        proof: Proof,
    ) -> Result<Recycler, Failure> {
        Ok(match proof {
            Proof::Pin => Recycler::Pin(callbacks::kept_pin(asking, device, self.pin)?),
            Proof::Xauth => Recycler::Xauth(xauth_key(asking, device, self.xauth)?),
            Proof::Code => Recycler::Code(puk_code(asking, device, self.puk)?),
            Proof::Management => Recycler::Management(management_key(asking, device, self.management)?),
            Proof::Nothing => Recycler::Nothing,
        })
    }
}

fn right(right: i32) -> Result<Option<crescendo_right>, Failure> {
    Ok(match right {
        0 => None,
        1 => Some(crescendo_right::AdministrationKey),
        2 => Some(crescendo_right::ManagementKey),
        3 => Some(crescendo_right::Puk),
        _ => return Err(Failure::Value("the right")),
    })
}

fn xauth_key(asking: &Asking, device: &Device, given: Option<Secret>) -> Result<XauthKey, Failure> {
    let name = device.name();
    let question = Question::new(crescendo_question_kind::AdministrationKey, &name);
    asking.entered(given, question, |text| Ok(XauthKey::from_hex(text)?))
}

fn management_key(asking: &Asking, device: &Device, given: Option<Secret>) -> Result<ManagementKey, Failure> {
    let name = device.name();
    let question = Question::new(crescendo_question_kind::ManagementKey, &name);
    asking.entered(given, question, |text| Ok(ManagementKey::from_hex(text)?))
}

/// A PUK of 8 digits opens no administration.
fn puk_code(asking: &Asking, device: &Device, given: Option<Secret>) -> Result<PukCode, Failure> {
    let name = device.name();
    asking.entered(given, Question::new(crescendo_question_kind::Puk, &name), |text| {
        match Puk::parse(text)? {
            Puk::Code(code) => Ok(code),
            Puk::Digits(_) => Err(Error::PukFormat),
        }
    })
}
