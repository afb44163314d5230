//! The FIDO application of a card: CTAP2 in APDUs (CTAP 2.1, part 11.3; command reference 2.5 (27) and 8.3), as far as
//! reading what the authenticator is, and authenticatorReset. It is the same over contact, CCID and contactless. `[SIM]` all of its answers: what a
//! Crescendo says here was never recorded.

use std::time::{Duration, Instant};

use super::SimCard;
use super::profile::Profile;
use crate::apdu::{Answer, Command};
use crate::key::Version;
use crate::key::get_info::Authenticator;

pub(super) const AID: &[u8] = b"\xA0\x00\x00\x06\x47\x2F\x00\x01";

/// NFCCTAP_MSG; the one instruction whose chains a plain card takes too.
pub(super) const MESSAGE: u8 = 0x10;

/// P1 of a client that would also fetch an answer with NFCCTAP_GETRESPONSE: there is never one to wait for.
const FETCHES: u8 = 0x80;

const OK: u8 = 0x00;
const INVALID_COMMAND: u8 = 0x01;
const NOT_ALLOWED: u8 = 0x30;
const GET_INFO: u8 = 0x04;
const RESET: u8 = 0x07;

/// How long after power-on authenticatorReset is taken (CTAP 2.1, 6.6).
const FRESH: Duration = Duration::from_secs(10);

pub(super) struct Fido {
    authenticator: Authenticator,
    /// The answer to GetInfo that a test has set.
    answer: Option<Vec<u8>>,
    /// `None`: longer ago than anybody asks.
    powered: Option<Instant>,
}

impl Fido {
    /// A Key V3 goes by one of its AAGUIDs and by a version number that metadata of its family has (command reference,
    /// 1.6). Other cards are nobody's.
    pub(super) fn new(profile: Profile) -> Self {
        let aaguid = match profile {
            Profile::KeyV3 => *b"\x79\x91\x79\x8A\xA7\xF3\x48\x7F\x98\xC0\x3F\xAF\x7A\x45\x8A\x04",
            Profile::C2300 => *b"\xAE\xB6\x56\x9C\xF8\xFB\x49\x50\xAC\x60\x24\xCA\x2B\xBE\x2E\x52",
            Profile::C2300Key => *b"\x69\x2D\xB5\x49\x7A\xE5\x44\xD5\xA1\xE5\xDD\x20\xA4\x93\xB7\x23",
            Profile::Piv | Profile::PivDual | Profile::PivExtended => *b"crescendo-sim-02",
        };
        let firmware = Version::new(0, 4, 0x0100, 0);
        let authenticator = Authenticator { aaguid, firmware, announced: false, pin: false };
        Self { authenticator, answer: None, powered: Some(Instant::now()) }
    }

    /// Power on, or a reset.
    pub(super) fn power_on(&mut self) {
        self.powered = Some(Instant::now());
    }

    /// PIN and credentials are gone.
    pub(super) fn wipe(&mut self) {
        self.authenticator.pin = false;
    }

    /// The answer to SELECT: the version of an authenticator without U2F.
    pub(super) fn select() -> Answer {
        Answer::data(b"FIDO_2_0".to_vec()).sim()
    }

    pub(super) fn command(&mut self, command: &Command) -> Answer {
        let answer = match (command.cla, command.ins, [command.p1, command.p2]) {
            (0x80, MESSAGE, [0x00 | FETCHES, 0x00]) => self.message(&command.data),
            (0x80, MESSAGE, _) => Answer::status(0x6A86),
            _ => Answer::status(0x6D00),
        };
        answer.sim()
    }

    /// A CTAP2 command and its parameters. What goes wrong with it is told in the answer, whose status word is 9000.
    fn message(&mut self, message: &[u8]) -> Answer {
        match message {
            [] => Answer::status(0x6700),
            [GET_INFO, ..] => Answer::data(self.get_info()),
            [RESET] => Answer::data(vec![self.reset()]),
            _ => Answer::data(vec![INVALID_COMMAND]),
        }
    }

    /// Nobody is asked to press anything: on a card there is nothing to press.
    fn reset(&mut self) -> u8 {
        if self.powered.is_none_or(|powered| powered.elapsed() > FRESH) {
            return NOT_ALLOWED;
        }
        self.wipe();
        OK
    }

    fn get_info(&self) -> Vec<u8> {
        self.answer.clone().unwrap_or_else(|| [vec![OK], self.authenticator.get_info()].concat())
    }
}

/// What a test does to it.
impl SimCard {
    /// Sets the whole answer to authenticatorGetInfo, from the CTAP status on; or has the card tell the truth again.
    pub fn set_get_info(&self, answer: Option<Vec<u8>>) {
        self.with(|state| {
            state.log.note(if answer.is_some() { "GetInfo set" } else { "GetInfo as usual" });
            state.chip.fido.answer = answer;
        });
    }

    /// Sets a PIN of FIDO, as somebody who uses the token for that has done; or takes it away.
    pub fn set_fido_pin(&self, set: bool) {
        self.with(|state| {
            state.log.note(if set { "FIDO PIN set" } else { "no FIDO PIN" });
            state.chip.fido.authenticator.pin = set;
        });
    }

    /// Whether there is a PIN of FIDO.
    pub fn has_fido_pin(&self) -> bool {
        self.with(|state| state.chip.fido.authenticator.pin)
    }

    /// More than ten seconds have gone by since power-on.
    pub fn let_time_pass(&self) {
        self.with(|state| state.chip.fido.powered = None);
    }
}
