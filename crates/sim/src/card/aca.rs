//! The access control applet of a Crescendo: the card's one PIN, its policy, the administration key XAUTH 1, unlocking
//! (command reference 2.2, 3 and 8.1 to 8.3). RESET CARD is in [`super::recycle`], since it is about every application.

use rand_core::{OsRng, RngCore};

use super::administration::{AdministrationKey, Cipher};
use super::personality::Personality;
use super::pin::{self, compare, exchange, well_formed, wrong};
use super::piv::Piv;
use super::profile::{Dialect, Form, PinRules};
use crate::apdu::{Answer, Command};
use crate::tlv::tlv;

pub(super) const AID: &[u8] = b"\xA0\x00\x00\x00\x79\x10\x00";

/// How often UNLOCK may be tried without XAUTH. `[SIM]`: only that there is a limit is known.
const UNLOCK_TRIES: u8 = 10;

const TRIPLE_DES: u8 = 0x03;
const AES_128: u8 = 0x08;

/// The flag of a PIN policy that wants digits.
const DIGITS: u8 = 0xA5;

/// What was proven to this applet. It holds for the whole card, until power is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    pub(super) pin: bool,
    pub(super) xauth: bool,
    /// None of them lets anyone write: the issuer's server does that.
    pub(super) managed: bool,
}

impl Rights {
    /// The access condition "PIN or XAUTH 1".
    pub(super) fn administrator(self) -> bool {
        (self.pin || self.xauth) && !self.managed
    }
}

pub(super) struct Aca {
    dialect: Dialect,
    form: Form,
    pub(super) rights: Rights,
    xauth: Option<Cipher>,
    challenge: Option<Vec<u8>>,
    /// What GET CHALLENGE answers next, where a test wants to know it.
    pub(super) next_challenge: Option<Vec<u8>>,
    pub(super) unlock_tries: u8,
}

impl Aca {
    /// `None` for a card that is no Crescendo.
    pub(super) fn new(personality: &Personality) -> Option<Self> {
        let dialect = personality.profile.dialect()?;
        let xauth = match &personality.xauth {
            AdministrationKey::Factory => Some(factory(dialect, personality.form)),
            AdministrationKey::Absent => None,
            AdministrationKey::Key(key) => {
                Cipher::new(if key.len() == 24 { TRIPLE_DES } else { AES_128 }, key)
            }
        };
        Some(Self {
            dialect,
            form: personality.form,
            rights: Rights { managed: personality.managed, ..Rights::default() },
            xauth,
            challenge: None,
            next_challenge: None,
            unlock_tries: UNLOCK_TRIES,
        })
    }

    /// Power on, or a reset.
    pub(super) fn reset(&mut self) {
        self.rights = Rights { managed: self.rights.managed, ..Rights::default() };
        self.forget_challenge();
    }

    /// Any application was selected.
    pub(super) fn forget_challenge(&mut self) {
        self.challenge = None;
    }

    /// What RESET CARD leaves: no administration key, which is not the one of delivery. `[SIM]`: what becomes of the tries.
    pub(super) fn wipe(&mut self) {
        self.reset();
        self.xauth = None;
        self.unlock_tries = UNLOCK_TRIES;
    }

    /// Whether the key is the one of delivery; `None` where there is none.
    pub(super) fn has_factory_key(&self) -> Option<bool> {
        let known = |cipher: &Cipher| cipher.encrypt(&vec![0x5A; cipher.block()]);
        self.xauth.as_ref().map(|key| known(key) == known(&factory(self.dialect, self.form)))
    }

    /// The answer to SELECT.
    pub(super) fn template(&self) -> Answer {
        let (version, sim): (&[u8], _) = match self.dialect {
            Dialect::C2300 => (b"\x10\x03\x00\x03\x06", false),
            Dialect::C4000 => (b"\x10\x04\x00\x00\x01\x02", true),
        };
        let proprietary = tlv(0xA5, &tlv(0x01, version));
        Answer::data(tlv(0x6F, &[tlv(0x84, AID), proprietary].concat())).sim_if(sim)
    }

    pub(super) fn command(&mut self, command: &Command, piv: &mut Piv) -> Answer {
        let answer = match (command.cla, command.ins, command.p1, command.p2) {
            (0x00, 0x20, 0x00, 0x00) => self.verify(&command.data, piv),
            (0x00, 0x24, 0x01, 0x00) => self.change(&command.data, piv),
            (0x00, 0x2C, 0x02, 0x00) => self.unlock(&command.data, piv),
            (0x00, 0x56, 0x02, 0x00) => pin_properties(&command.data, piv.rules),
            (0x00, 0x26, 0x08, 0x00) => self.set_pin_properties(&command.data, piv),
            (0x00, 0x84, 0x00, 0x00 | 0x01) => self.challenge(),
            (0x00, 0x82, 0x00, 0x01) => self.external_authenticate(&command.data),
            (0x00, 0xD8, 0x01, 0x00) => self.put_key(&command.data),
            // The references of PIV are those of another application.
            (0x00, 0x20 | 0x24 | 0x2C, _, 0x80..) => Answer::status(0x6D00).sim(),
            (0x00, 0x20 | 0x24 | 0x2C | 0x56 | 0x26 | 0x84 | 0x82 | 0xD8, ..) => Answer::status(0x6A86).sim(),
            _ => Answer::status(0x6D00),
        };
        // Authentication is documented for the newer generation too; the rest is taken to be as on the older one.
        answer.sim_if(self.dialect == Dialect::C4000 && !matches!(command.ins, 0x82 | 0x84))
    }

    /// The same PIN and the same counter as reference 80 of PIV, with a login of its own.
    fn verify(&mut self, given: &[u8], piv: &mut Piv) -> Answer {
        let profile = piv.profile;
        let verified = std::mem::replace(&mut piv.pin.verified, self.rights.pin);
        let answer =
            if given.is_empty() { pin::state(&piv.pin, 0) } else { compare(&mut piv.pin, given, profile, 0) };
        self.rights.pin = std::mem::replace(&mut piv.pin.verified, verified);
        answer
    }

    fn change(&mut self, data: &[u8], piv: &mut Piv) -> Answer {
        let new = match exchange(&mut piv.pin, data, piv.profile, 0) {
            Ok(new) => new,
            Err(answer) => {
                self.rights.pin &= answer.status == 0x6700;
                return answer;
            }
        };
        match well_formed(new, piv.rules) {
            Some(new) => {
                piv.pin.replace(new);
                Answer::status(0x9000)
            }
            None => Answer::status(0x6A80),
        }
    }

    /// Without XAUTH it costs one of its tries. Without a PIN it resets the counter alone. `[SIM]`: that is an inference.
    fn unlock(&mut self, new: &[u8], piv: &mut Piv) -> Answer {
        if self.unlock_tries == 0 {
            return Answer::status(0x6983);
        }
        if !self.rights.xauth {
            self.unlock_tries -= 1;
            return wrong(self.unlock_tries).sim();
        }
        match well_formed(new, piv.rules) {
            Some(new) => piv.pin.replace(new),
            None if new.is_empty() => piv.pin.unblock(),
            None => return Answer::status(0x6A80),
        }
        self.unlock_tries = UNLOCK_TRIES;
        Answer::status(0x9000).sim_if(new.is_empty())
    }

    fn set_pin_properties(&self, data: &[u8], piv: &mut Piv) -> Answer {
        if !self.rights.pin || self.rights.managed {
            return Answer::status(0x6982);
        }
        match *data {
            [0x01, min, max, 0x00, 0x00, flag] if 4 <= min && min <= max && max <= 8 => {
                piv.rules = PinRules { min, max, digits: flag == DIGITS };
                Answer::status(0x9000)
            }
            _ => Answer::status(0x6A80),
        }
    }

    /// Its length tells the kind of key; 8 bytes where there is none.
    fn challenge(&mut self) -> Answer {
        let mut challenge = vec![0; self.xauth.as_ref().map_or(8, Cipher::block)];
        OsRng.fill_bytes(&mut challenge);
        let challenge = self.next_challenge.take().unwrap_or(challenge);
        self.challenge = Some(challenge.clone());
        Answer::data(challenge).sim_if(self.xauth.is_none())
    }

    fn external_authenticate(&mut self, cryptogram: &[u8]) -> Answer {
        let Some(key) = &self.xauth else { return Answer::status(0x6A88) };
        let Some(challenge) = self.challenge.take() else { return Answer::status(0x6985) };
        if cryptogram.len() != key.block() {
            return Answer::status(0x6700).sim();
        }
        self.rights.xauth = key.encrypt(&challenge).is_some_and(|right| right == cryptogram);
        Answer::status(if self.rights.xauth { 0x9000 } else { 0x6300 })
    }

    fn put_key(&mut self, data: &[u8]) -> Answer {
        if !self.rights.administrator() {
            return Answer::status(0x6982);
        }
        match self.key(data) {
            Some(key) => {
                self.xauth = key;
                Answer::status(0x9000)
            }
            None => Answer::status(0x6A80).sim(),
        }
    }

    /// `None` for a layout or a kind that is not taken, `Some(None)` for the removal of the key. A FIPS token is taken to
    /// refuse 3DES (`[SIM]`; part 7 of the command reference, point 14, infers it).
    fn key(&self, data: &[u8]) -> Option<Option<Cipher>> {
        match data {
            [0x00, TRIPLE_DES | AES_128, 0x00, 0x00] => Some(None),
            [0x00, TRIPLE_DES, 0x19, 0x18, key @ .., 0x00] if self.form != Form::Fips => {
                Cipher::new(TRIPLE_DES, key).map(Some)
            }
            [0x00, AES_128, 0x11, 0x10, key @ .., 0x00] => Cipher::new(AES_128, key).map(Some),
            _ => None,
        }
    }
}

/// The key at delivery, all zero (command reference 3.4).
fn factory(dialect: Dialect, form: Form) -> Cipher {
    let triple_des = match (dialect, form) {
        (_, Form::Fips) => false,
        (_, Form::Iclass) => true,
        (dialect, Form::Standard) => dialect == Dialect::C4000,
    };
    let (algorithm, len) = if triple_des { (TRIPLE_DES, 24) } else { (AES_128, 16) };
    Cipher::new(algorithm, &vec![0; len]).expect("a key of this kind is that long")
}

/// What a PIN must be like.
fn pin_properties(data: &[u8], PinRules { min, max, digits }: PinRules) -> Answer {
    match data {
        [0x31] => Answer::data(tlv(0x31, &[min, max, 0, 0, if digits { DIGITS } else { 0 }])),
        _ => Answer::status(0x6A80).sim(),
    }
}
