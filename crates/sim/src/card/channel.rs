//! Secure messaging once there are keys, the card's side (SP 800-73 part 2, 4.2).

use super::cipher::{self, Block};
use crate::apdu::{Answer, Command};
use crate::fault::{Part, What};
use crate::tlv::{objects, tlv};

/// An object that must be there is missing.
const MISSING: u16 = 0x6987;
/// An object is there and wrong.
const WRONG: u16 = 0x6988;

/// The four keys of a session, 16 or 32 bytes each.
pub(super) struct Keys {
    pub(super) confirmation: Vec<u8>,
    pub(super) mac: Vec<u8>,
    pub(super) encryption: Vec<u8>,
    pub(super) response_mac: Vec<u8>,
}

pub(super) struct Channel {
    keys: Keys,
    /// Of the command at hand; its answer uses the same with the first bit set.
    counter: u128,
    command_chain: Block,
    response_chain: Block,
}

impl Channel {
    pub(super) fn new(keys: Keys) -> Self {
        Self { keys, counter: 1, command_chain: [0; 16], response_chain: [0; 16] }
    }

    pub(super) fn keys(&self) -> [&[u8]; 4] {
        let Keys { confirmation, mac, encryption, response_mac } = &self.keys;
        [confirmation, mac, encryption, response_mac]
    }

    /// The command inside a protected one, or the status word that ends the session.
    pub(super) fn open(&mut self, command: &Command) -> Result<Command, u16> {
        let protected = Protected::read(command)?;
        let header = [0x0C, command.ins, command.p1, command.p2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mac = cipher::mac(&self.keys.mac, &[&self.command_chain, &header, protected.covered]);
        if protected.mac != &mac[..8] {
            return Err(WRONG);
        }
        self.command_chain = mac;
        let data = match protected.cryptogram {
            None => Vec::new(),
            Some([0x01, text @ ..]) => self.decrypt(text).ok_or(WRONG)?,
            Some(_) => return Err(WRONG),
        };
        let expect = protected.expects.then_some(0x100);
        Ok(Command { cla: 0, data, expect, extended: false, ..*command })
    }

    fn decrypt(&self, text: &[u8]) -> Option<Vec<u8>> {
        let initial = cipher::initial_value(&self.keys.encryption, self.counter);
        cipher::decrypt(&self.keys.encryption, &initial, text).filter(|_| !text.is_empty())
    }

    /// The data field of a protected answer. What is meddled with is taken out of `fault`.
    pub(super) fn seal(&mut self, answer: &Answer, fault: &mut Option<What>) -> Vec<u8> {
        let mut cryptogram = Vec::new();
        if !answer.data.is_empty() {
            let initial = cipher::initial_value(&self.keys.encryption, self.counter | 1 << 127);
            let text = cipher::encrypt(&self.keys.encryption, &initial, &answer.data);
            cryptogram = tlv(0x87, &[&[0x01], &text[..]].concat());
        }
        let mut status = tlv(0x99, &answer.status.to_be_bytes());
        let mut mac = cipher::mac(&self.keys.response_mac, &[&self.response_chain, &cryptogram, &status]);
        self.response_chain = mac;
        self.counter += 1;
        meddle(fault, &mut cryptogram, &mut status, &mut mac);
        [cryptogram, status, tlv(0x8E, &mac[..8])].concat()
    }
}

/// Changes one object of an answer on its way.
fn meddle(fault: &mut Option<What>, cryptogram: &mut [u8], status: &mut Vec<u8>, mac: &mut Block) {
    match fault {
        Some(What::Tamper(Part::Data)) if !cryptogram.is_empty() => {
            let last = cryptogram.len() - 1;
            cryptogram[last] ^= 1;
        }
        Some(What::Tamper(Part::Status)) => {
            let success = status[2..] == [0x90, 0x00];
            *status = tlv(0x99, if success { &[0x6A, 0x80] } else { &[0x90, 0x00] });
        }
        Some(What::Tamper(Part::Mac)) => mac[7] ^= 1,
        _ => return,
    }
    *fault = None;
}

/// The objects of a protected command.
struct Protected<'c> {
    cryptogram: Option<&'c [u8]>,
    expects: bool,
    mac: &'c [u8],
    /// What the MAC covers beside the header: everything before it.
    covered: &'c [u8],
}

impl<'c> Protected<'c> {
    fn read(command: &'c Command) -> Result<Self, u16> {
        let objects = objects(&command.data).ok_or(WRONG)?;
        let has = |tag| objects.iter().any(|(found, _)| *found == tag);
        // Reading and keys have both data and an answer; VERIFY may have neither.
        let needs: &[u8] = match command.ins {
            0xCB | 0x87 => &[0x87, 0x97, 0x8E],
            0x24 => &[0x87, 0x8E],
            _ => &[0x8E],
        };
        if !needs.iter().all(|tag| has(*tag)) {
            return Err(MISSING);
        }
        let (cryptogram, expects, mac) = match objects[..] {
            [(0x8E, mac)] => (None, false, mac),
            [(0x97, [0]), (0x8E, mac)] => (None, true, mac),
            [(0x87, text), (0x8E, mac)] => (Some(text), false, mac),
            [(0x87, text), (0x97, [0]), (0x8E, mac)] => (Some(text), true, mac),
            _ => return Err(WRONG),
        };
        let covered = command.data.len().checked_sub(10).filter(|_| mac.len() == 8).ok_or(WRONG)?;
        Ok(Self { cryptogram, expects, mac, covered: &command.data[..covered] })
    }
}
