//! Personalizing: a device in factory state becomes somebody's. Its administration key is replaced, its PIN set, a PUK made;
//! last it is given an identity, and until then it counts as in factory state, so that an interruption anywhere is mended by
//! doing it again.

use piv::{AdministrationKey, Family, Installed, ManagementKey, Pin, PinPolicy, Setup, StandardSetup, Token};
use zeroize::Zeroizing;

use crate::{Action, Device, Error, LocalPolicy, PinRules, PukCode, helpdesk::MasterKey, identity};

/// What cards by the standard are delivered with, as far as they have it in common.
pub(crate) const MANAGEMENT_KEY: &str = "010203040506070801020304050607080102030405060708";
const PUK: &[u8] = b"12345678";

/// How a device is to be set up.
pub struct Plan<'a> {
    /// The PIN it has, where a person knows it to be another one than that of delivery.
    pub current: Option<&'a Pin>,
    /// The PIN it gets.
    pub new: &'a Pin,
    /// The rules for its PINs from now on; `None`: as they are. Of a Crescendo.
    pub policy: Option<PinPolicy>,
    /// The help desk's key, from which that of the device is derived; `None`: the device gets a PUK.
    pub master: Option<&'a MasterKey>,
    /// The management key of a card by the standard, where it is another one than that of delivery.
    pub management: Option<&'a ManagementKey>,
}

/// What came of it, to be shown once.
pub struct Personalized {
    /// The PUK; `None`: there is a help desk in its place, or the card keeps the one it has.
    pub puk: Option<Zeroizing<String>>,
    /// The PUK is kept on the device, behind the PIN.
    pub kept: bool,
    /// The new management key of a card by the standard, in hexadecimal; `None`: it has none, or cannot replace it.
    pub management: Option<Zeroizing<String>>,
    /// Whether the factory key is gone.
    pub replaced: bool,
}

impl Device {
    /// Makes sure that this device can be personalized, by what it shows now, and tells the PIN it is delivered with.
    ///
    /// # Errors
    /// [`Error::NotOffered`] with the reason.
    pub fn personalizing(&mut self) -> Result<Pin, Error> {
        self.refresh()?;
        match self.why_not(Action::Personalize) {
            Some(why) => Err(Error::NotOffered(why)),
            None => self.factory_pin(),
        }
    }

    /// The PIN that devices of this kind are delivered with.
    fn factory_pin(&self) -> Result<Pin, Error> {
        let text: &[u8] = match self.atr().map(Family::of) {
            Some(Family::C4000) => b"000000",
            Some(Family::C2300) => b"00000000",
            _ => b"123456",
        };
        Ok(PinPolicy::STANDARD.pin(text)?)
    }

    /// The rules for PINs that are asked for, where any is, the others as the device has them.
    ///
    /// # Errors
    /// [`Error::PolicyConflict`] for rules that no PIN can be as; as [`Device::pin_state`].
    pub fn personal_policy(
        &mut self,
        min: Option<u8>,
        max: Option<u8>,
        digits: Option<bool>,
    ) -> Result<Option<PinPolicy>, Error> {
        if (min, max, digits) == (None, None, None) {
            return Ok(None);
        }
        let told = self.pin_status()?.policy.unwrap_or(PinPolicy::STANDARD);
        let policy = PinPolicy {
            min: min.unwrap_or(told.min),
            max: max.unwrap_or(told.max),
            digits: digits.unwrap_or(told.digits),
        };
        if policy.is_sane() { Ok(Some(policy)) } else { Err(Error::PolicyConflict) }
    }

    /// What the new PIN has to look like, under new rules if there are any. Nothing that writes is sent.
    ///
    /// # Errors
    /// [`Error::PolicyConflict`]; [`Error::Card`] where the device takes no such rules, or none without permission.
    pub fn personal_rules(
        &mut self,
        policy: Option<PinPolicy>,
        local: &LocalPolicy,
    ) -> Result<PinRules, Error> {
        if self.is_crescendo() {
            self.with_token(|token| token.may_set_up(policy.is_some()))?;
        } else if policy.is_some() {
            return Err(piv::Error::Unsupported("setting the rules for PINs on this token").into());
        }
        match policy {
            Some(policy) => PinRules::of(Some(policy), local).ok_or(Error::PolicyConflict),
            None => self.pin_rules(local),
        }
    }

    /// Personalizes the device. The PIN of delivery is tried once, unless another one is given; if it is refused and the
    /// device shows that this was begun before, the new PIN once: it may be set already. A right one gives the tries back.
    ///
    /// # Errors
    /// [`Error::NotFactoryPin`]; [`Error::PinRefused`]; [`Error::Unfinished`] if the device was lost on the way, after which
    /// the same is done again; [`Error::Card`].
    pub fn personalize(&mut self, plan: &Plan<'_>) -> Result<Personalized, Error> {
        let factory = self.personalizing()?;
        let guid = random_guid()?;
        let is_crescendo = self.is_crescendo();
        let begun = if is_crescendo {
            self.with_token(|token| token.may_set_up(plan.policy.is_some()))?;
            self.with_token(Token::administration_key)? == AdministrationKey::Own
        } else {
            self.with_token(|token| Ok(token.state()?.history.is_some()))?
        };
        let mut attempt = |current: &Pin| {
            if is_crescendo {
                self.crescendo(plan, current, guid)
            } else {
                self.standard(plan, current, guid)
            }
        };
        let refused = match (attempt(plan.current.unwrap_or(&factory)), plan.current) {
            (Err(Error::Card(piv::Error::WrongPin { retries })), None) => retries,
            (done, _) => return done,
        };
        if !begun || refused < 2 {
            return Err(Error::NotFactoryPin { retries: refused });
        }
        match attempt(plan.new) {
            Err(Error::Card(piv::Error::WrongPin { retries })) => Err(Error::NotFactoryPin { retries }),
            done => done,
        }
    }

    fn crescendo(&mut self, plan: &Plan<'_>, current: &Pin, guid: [u8; 16]) -> Result<Personalized, Error> {
        let code = if plan.master.is_none() { Some(PukCode::generate()?) } else { None };
        let key = match (&code, plan.master) {
            (Some(code), _) => code.key(AES)?,
            (None, Some(master)) => {
                let id = self.id().map_or_else(|| identity::hex(&guid), str::to_owned);
                master.key(&id, AES)?
            }
            (None, None) => return Err(Error::NoRandom),
        };
        let puk = code.as_ref().map(PukCode::text);
        let setup = Setup {
            current,
            new: plan.new,
            xauth: &key,
            policy: plan.policy,
            puk: puk.as_ref().map(|puk| puk.as_bytes()),
            guid,
        };
        let kept = self.whole("personalized", |token| token.set_up(&setup)).map_err(about_pin)?;
        self.reload();
        Ok(Personalized { puk, kept, management: None, replaced: true })
    }

    fn standard(&mut self, plan: &Plan<'_>, current: &Pin, guid: [u8; 16]) -> Result<Personalized, Error> {
        let delivered = ManagementKey::from_hex(MANAGEMENT_KEY)?;
        let puk = random_digits()?;
        let mut new_management = Zeroizing::new([0; 24]);
        getrandom::getrandom(&mut *new_management).map_err(|_| Error::NoRandom)?;
        let setup = StandardSetup {
            management: plan.management.unwrap_or(&delivered),
            current,
            new: plan.new,
            old_puk: &Pin::puk(PUK)?,
            puk: &puk,
            new_management: &*new_management,
            guid,
        };
        let done = self.whole("personalized", |token| token.set_up_standard(&setup));
        let Installed { puk, management } = done.map_err(about_pin)?;
        self.reload();
        let puk = puk.and_then(|puk| Some(Zeroizing::new(std::str::from_utf8(&puk).ok()?.to_owned())));
        let management = management.map(|key| hex(&key));
        Ok(Personalized { kept: puk.is_some(), puk, replaced: management.is_some(), management })
    }
}

/// The kind of key that is installed, by the length of its challenge: AES, which both families take, FIPS or not.
const AES: usize = 16;

/// The new PIN is not one that the card takes.
fn about_pin(error: Error) -> Error {
    match error {
        Error::Card(piv::Error::Refused {
            during: "CHANGE REFERENCE DATA",
            status: piv::StatusWord(0x6A80),
        }) => Error::PinRefused,
        other => other,
    }
}

/// A card UUID (RFC 9562, version 4).
fn random_guid() -> Result<[u8; 16], Error> {
    let mut guid = [0; 16];
    getrandom::getrandom(&mut guid).map_err(|_| Error::NoRandom)?;
    guid[6] = guid[6] & 0x0F | 0x40;
    guid[8] = guid[8] & 0x3F | 0x80;
    Ok(guid)
}

/// Eight digits, each as likely as the others.
fn random_digits() -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut digits = Zeroizing::new(Vec::with_capacity(8));
    while digits.len() < 8 {
        let mut byte = Zeroizing::new([0]);
        getrandom::getrandom(&mut *byte).map_err(|_| Error::NoRandom)?;
        if byte[0] < 250 {
            digits.push(b'0' + byte[0] % 10);
        }
    }
    Ok(digits)
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        for digit in [byte >> 4, byte & 0x0F] {
            text.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
        }
    }
    text
}
