//! The OATH applications of a Crescendo Key: three slots for HOTP, TOTP or OCRA, and a button (command reference 2.4, 5 and
//! 8.3; RFC 4226, RFC 6238, RFC 6287). `[SIM]` is all that is not in its sample sessions: the codes of modes and hashes other
//! than HOTP and SHA-1, what SELECT shows of a slot beside the sample, where an OCRA suite is kept (in the name).

mod code;

use code::{Hash, bcd, truncated};

use super::aca::Rights;
use super::personality::Personality;
use super::profile::{Dialect, Profile};
use crate::apdu::{Answer, Command};
use crate::tlv::{behind_length, objects, only, tlv};

/// The slot's number is added to the last byte.
const AID: &[u8] = b"\xA0\x00\x00\x00\x79\x23\x00";
const SLOTS: usize = 3;

/// A configuration without its name: counter, mode, hash, digits, unknown, truncation, step, eleven unknown bytes.
const CONFIGURATION: usize = 25;
/// "Keys up to 128 bytes."
const LONGEST_KEY: usize = 128;
const LONGEST_NAME: usize = 64;

pub(super) struct Oath {
    dialect: Dialect,
    slots: [Slot; SLOTS],
    button: Button,
}

#[derive(Default)]
struct Slot {
    configuration: Option<Configuration>,
    key: Option<Vec<u8>>,
}

struct Configuration {
    counter: u64,
    mode: Mode,
    hash: Hash,
    digits: u8,
    step: u8,
    name: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Hotp,
    Totp,
    Ocra,
}

/// Where a press of the button goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Button {
    /// Nowhere: nobody waits for it.
    #[default]
    Idle,
    /// To the command that waits; its light blinks.
    Awaited,
    /// It was pressed, and the command may be sent once more.
    Pressed,
}

impl Oath {
    /// `None` where there are no such applications.
    pub(super) fn new(personality: &Personality) -> Option<Self> {
        let dialect = personality.profile.dialect()?;
        if !personality.oath || personality.profile == Profile::C2300 {
            return None;
        }
        Some(Self { dialect, slots: Default::default(), button: Button::Idle })
    }

    /// The slot an AID names.
    pub(super) fn slot(aid: &[u8]) -> Option<usize> {
        let (last, head) = aid.split_last()?;
        let slot = usize::from(*last);
        (head == &AID[..6] && slot < SLOTS).then_some(slot)
    }

    /// Power is gone: nobody waits for the button any more.
    pub(super) fn reset(&mut self) {
        self.button = Button::Idle;
    }

    /// Whether somebody waited for it.
    pub(super) fn press(&mut self) -> bool {
        let awaited = self.button == Button::Awaited;
        if awaited {
            self.button = Button::Pressed;
        }
        awaited
    }

    /// The answer to SELECT. Only the one of an applet 3.0.3 with a slot in it was ever printed.
    pub(super) fn template(&self, slot: usize) -> Answer {
        let version: &[u8] = match self.dialect {
            Dialect::C2300 => b"\x23\x03\x00\x03\x02",
            Dialect::C4000 => b"\x23\x04\x00\x00\x01\x02",
        };
        let mut shown = [0; 23];
        let slot_state = &self.slots[slot];
        if let Some(configuration) = &slot_state.configuration {
            shown[12..16].copy_from_slice(&[configuration.digits, 0x00, 0x10, configuration.step]);
            shown[22] = configuration.digits;
        }
        let aid = [&AID[..6], &[u8::try_from(slot).expect("three slots")]].concat();
        let proprietary = [tlv(0x01, version), tlv(0x26, &[0x01, 0x01]), tlv(0x4A, &shown)];
        Answer::data(tlv(0x6F, &[tlv(0x84, &aid), tlv(0xA5, &proprietary.concat())].concat()))
            .sim_if(self.dialect == Dialect::C4000 || slot_state.configuration.is_none())
    }

    pub(super) fn command(&mut self, slot: usize, command: &Command, rights: Rights) -> Answer {
        let answer = match (command.cla, command.ins, command.p1 & 0x7F, command.p2) {
            (0x80, 0xD8, 0x04, 0x00) => self.put(slot, &command.data, rights, Self::put_key),
            (0x80, 0xD8, 0x05, 0x00) => self.put(slot, &command.data, rights, Self::put_configuration),
            (0x80, 0x88, 0x00, 0x00) => self.hotp(slot, &command.data),
            (0x80, 0x88, 0x11, 0x00) if rights.pin => self.totp(slot, &command.data),
            (0x80, 0x87, 0x22, 0x00) if rights.pin => self.ocra(slot, &command.data),
            (0x80, 0x88, 0x11, 0x00) | (0x80, 0x87, 0x22, 0x00) => Answer::status(0x6982),
            (0x80, 0xD8 | 0x87 | 0x88, ..) => Answer::status(0x6A86).sim(),
            _ => Answer::status(0x6D00),
        };
        // No command of the newer generation is known.
        answer.sim_if(self.dialect == Dialect::C4000)
    }

    /// `00 00 n+1 n value 00`; a zero length removes.
    fn put(
        &mut self,
        slot: usize,
        data: &[u8],
        rights: Rights,
        store: impl FnOnce(&mut Self, usize, &[u8]) -> Option<()>,
    ) -> Answer {
        if !rights.pin || rights.managed {
            return Answer::status(0x6982);
        }
        let value = match data {
            [0x00, 0x00, 0x00, rest @ ..] if rest.is_empty() || rest == [0x00] => Some(&[][..]),
            [0x00, 0x00, rest @ .., 0x00] => behind_length(rest).and_then(behind_length),
            _ => None,
        };
        match value.and_then(|value| store(self, slot, value)) {
            Some(()) => Answer::status(0x9000),
            None => Answer::status(0x6A80).sim(),
        }
    }

    fn put_key(&mut self, slot: usize, key: &[u8]) -> Option<()> {
        if key.len() > LONGEST_KEY {
            return None;
        }
        self.slots[slot].key = Some(key.to_vec()).filter(|key| !key.is_empty());
        Some(())
    }

    /// It takes the key away. The first slot is for HOTP alone.
    fn put_configuration(&mut self, slot: usize, value: &[u8]) -> Option<()> {
        let configuration = match value {
            [] => None,
            value => Some(Configuration::read(value)?),
        };
        if slot == 0 && configuration.as_ref().is_some_and(|new| new.mode != Mode::Hotp) {
            return None;
        }
        self.slots[slot] = Slot { configuration, key: None };
        Some(())
    }

    /// The slot's configuration and key, if it is one of this kind.
    fn filled(&self, slot: usize, mode: Mode) -> Option<(&Configuration, &[u8])> {
        let Slot { configuration, key } = &self.slots[slot];
        let configuration = configuration.as_ref().filter(|configuration| configuration.mode == mode)?;
        Some((configuration, key.as_deref()?))
    }

    /// Whether the button was pressed since somebody began to wait for it.
    fn released(&mut self) -> bool {
        if self.button == Button::Pressed {
            self.button = Button::Idle;
            return true;
        }
        self.button = Button::Awaited;
        false
    }

    fn hotp(&mut self, slot: usize, data: &[u8]) -> Answer {
        if self.filled(slot, Mode::Hotp).is_none() {
            return Answer::status(0x6A88).sim();
        }
        if !self.released() {
            return Answer::status(0x6985);
        }
        if !data.is_empty() {
            return Answer::status(0x6700);
        }
        let answer = self.filled(slot, Mode::Hotp).map(|(configuration, key)| {
            let mac = configuration.hash.mac(key, &configuration.counter.to_be_bytes());
            bcd(truncated(&mac, configuration.digits), configuration.digits)
        });
        self.slots[slot].configuration.iter_mut().for_each(|configuration| configuration.counter += 1);
        Answer::data(answer.unwrap_or_default())
    }

    fn totp(&mut self, slot: usize, data: &[u8]) -> Answer {
        if self.filled(slot, Mode::Totp).is_none() {
            return Answer::status(0x6A88).sim();
        }
        if !self.released() {
            return Answer::status(0x6985);
        }
        let (Ok(time), Some((configuration, key))) =
            (<[u8; 4]>::try_from(data), self.filled(slot, Mode::Totp))
        else {
            return Answer::status(0x6700);
        };
        let steps = u64::from(u32::from_be_bytes(time)) / u64::from(configuration.step.max(1));
        let mac = configuration.hash.mac(key, &steps.to_be_bytes());
        Answer::data(bcd(truncated(&mac, configuration.digits), configuration.digits))
    }

    /// Without a button: none is told of.
    fn ocra(&mut self, slot: usize, data: &[u8]) -> Answer {
        let Some((configuration, key)) = self.filled(slot, Mode::Ocra) else {
            return Answer::status(0x6A88).sim();
        };
        let fields = only(0x7C, data).and_then(objects).unwrap_or_default();
        let [(0x82, []), (0x81, challenge), rest @ ..] = &fields[..] else {
            return Answer::status(0x6A80).sim();
        };
        if challenge.len() != 128 {
            return Answer::status(0x6700).sim();
        }
        let counter = configuration.counter.to_be_bytes();
        let with_counter = configuration.name.windows(3).any(|part| part == b":C-");
        let mut message = [&configuration.name[..], &[0x00]].concat();
        message.extend(if with_counter { &counter[..] } else { &[] });
        message.extend_from_slice(challenge);
        for (tag, value) in rest {
            match tag {
                0x83 => message.extend([&[0; 4], *value].concat()),
                _ => message.extend_from_slice(value),
            }
        }
        let mac = configuration.hash.mac(key, &message);
        let digits = bcd(truncated(&mac, configuration.digits), configuration.digits);
        self.slots[slot].configuration.iter_mut().for_each(|slot| slot.counter += u64::from(with_counter));
        Answer::data(tlv(0x7C, &tlv(0x82, &digits))).sim()
    }
}

impl Configuration {
    fn read(value: &[u8]) -> Option<Self> {
        let (fixed, name) = value.split_at_checked(CONFIGURATION)?;
        let (counter, fields) = fixed.split_first_chunk::<8>()?;
        let [mode, hash, digits @ (6 | 8 | 10), _, _, step, ..] = *fields else { return None };
        Some(Self {
            counter: u64::from_be_bytes(*counter),
            mode: match mode {
                0x00 => Mode::Hotp,
                0x01 => Mode::Totp,
                0x02 => Mode::Ocra,
                _ => return None,
            },
            hash: Hash::read(hash)?,
            digits,
            step,
            name: Some(name.to_vec()).filter(|name| name.len() <= LONGEST_NAME)?,
        })
    }
}
