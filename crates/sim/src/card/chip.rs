//! One chip: which application is selected, chains of commands, answers in parts (ISO 7816-4).

use super::aca::{self, Aca, Rights};
use super::fido::{self, Fido};
use super::manager;
use super::oath::Oath;
use super::personality::Personality;
use super::piv::Piv;
use super::profile::{Dialect, Profile};
use crate::apdu::{Answer, Command};
use crate::latency::Work;

/// More than any object of a card; an endless chain ends here.
const LONGEST_CHAIN: usize = 0x8000;

/// The longest command APDU of an `extended` card, as a real PIV card announces it.
pub(super) const EXTENDED_COMMAND: usize = 0x03F8;

pub(super) struct Chip {
    pub(super) personality: Personality,
    pub(super) piv: Piv,
    /// A Crescendo alone has it.
    pub(super) aca: Option<Aca>,
    pub(super) oath: Option<Oath>,
    pub(super) fido: Fido,
    selected: Option<Application>,
    chain: Option<Command>,
    rest: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Application {
    Piv,
    Aca,
    CardManager,
    /// One for each slot.
    Oath(usize),
    Fido,
}

impl Chip {
    pub(super) fn new(personality: Personality) -> Self {
        let (piv, fido) = (Piv::new(&personality), Fido::new(personality.profile));
        let (aca, oath) = (Aca::new(&personality), Oath::new(&personality));
        let mut chip =
            Self { personality, piv, aca, oath, fido, selected: None, chain: None, rest: Vec::new() };
        chip.reset();
        chip
    }

    /// Power on, or a reset: the state of part 8.2 that does not last.
    pub(super) fn reset(&mut self) {
        self.piv.reset();
        self.aca.iter_mut().for_each(Aca::reset);
        self.oath.iter_mut().for_each(Oath::reset);
        self.fido.power_on();
        self.chain = None;
        self.rest.clear();
        // SP 800-73 part 1, 2.2: PIV is the default application. A Crescendo selects nothing by itself (8.2).
        self.selected = (!self.personality.profile.is_crescendo()).then_some(Application::Piv);
    }

    /// What a reader makes of the interface it speaks to.
    pub(super) fn atr(&self) -> &'static [u8] {
        self.personality.profile.atr(self.personality.form, self.piv.messaging.interface)
    }

    /// What the last command worked at, for those who want to wait as long as a chip would.
    pub(super) fn worked(&mut self) -> Option<Work> {
        self.piv.worked.take()
    }

    /// One APDU. The second value says that the answer is a choice of ours (part 8).
    pub(super) fn process(&mut self, apdu: &[u8]) -> (Vec<u8>, bool) {
        let answer = match Command::parse(apdu) {
            Some(command) if self.takes(&command, apdu.len()) => self.transport(command),
            _ => {
                self.chain = None;
                self.piv.fresh = false;
                self.end_session_if(apdu.first().is_some_and(|cla| cla & 0x0C != 0));
                Answer::status(0x6700).sim()
            }
        };
        // How many tries there are is known of a Key V3 alone.
        let counts = answer.status & 0xFFF0 == 0x63C0;
        let sim = match self.personality.profile.dialect() {
            None => false,
            Some(Dialect::C2300) => answer.sim || counts,
            Some(Dialect::C4000) => answer.sim,
        };
        (answer.into_bytes(), sim)
    }

    fn takes(&self, command: &Command, len: usize) -> bool {
        !command.extended || (self.personality.extended && len <= EXTENDED_COMMAND)
    }

    fn transport(&mut self, block: Command) -> Answer {
        if block.ins == 0xC0 && block.cla == 0 {
            return self.response(block.expect);
        }
        self.rest.clear();
        let protected = block.is_protected();
        let command = match self.collect(block) {
            Ok(command) => command,
            Err(answer) => {
                self.end_session_if(protected && answer.status != 0x9000);
                return answer;
            }
        };
        let answer = self.command(&command);
        self.deliver(answer, &command)
    }

    /// A protected command that is refused before anyone looks inside destroys the keys too (SP 800-73 part 2, 4.3).
    fn end_session_if(&mut self, refused: bool) {
        if refused {
            self.piv.messaging.end();
        }
    }

    /// The whole command once its last block is here; until then what the block itself is answered.
    fn collect(&mut self, block: Command) -> Result<Command, Answer> {
        let whole = match self.chain.take() {
            Some(mut begun) if begun.continues(&block) => {
                begun.data.extend_from_slice(&block.data);
                Command { data: begun.data, ..block }
            }
            begun => {
                // A chain given up is a command that came between.
                self.piv.fresh &= begun.is_none();
                block
            }
        };
        if whole.data.len() > LONGEST_CHAIN {
            return Err(Answer::status(0x6700).sim());
        }
        if !whole.is_chained() {
            return Ok(whole);
        }
        if !self.chains(whole.ins) {
            return Err(Answer::status(0x6884));
        }
        self.piv.fresh &= whole.ins == 0x87;
        self.chain = Some(whole);
        Err(Answer::status(0x9000))
    }

    /// Part 8.3 lets any command be chained; the standard, table 3, these three; CTAP its messages; extensions an import.
    fn chains(&self, ins: u8) -> bool {
        match (self.personality.profile, self.selected) {
            (profile, _) if profile.is_crescendo() => true,
            (_, Some(Application::Fido)) => ins == fido::MESSAGE,
            (Profile::PivExtended, _) => matches!(ins, 0x47 | 0x87 | 0xDB | 0xFE),
            _ => matches!(ins, 0x47 | 0x87 | 0xDB),
        }
    }

    fn command(&mut self, command: &Command) -> Answer {
        let answer = match (command.cla, command.ins) {
            (0x00, 0xA4) => self.select(command),
            (0x0C, _) if self.selected == Some(Application::Piv) => {
                return self.piv.protected(command).sim();
            }
            (cla, _) if cla & 0x6C != 0 => {
                self.end_session_if(command.is_protected());
                Answer::status(if cla & 0x0C != 0 { 0x6882 } else { 0x6E00 }).sim()
            }
            (cla, _) if cla & 0x03 != 0 => Answer::status(0x6881).sim(),
            _ => match self.selected {
                Some(Application::Piv) => return self.piv.command(command, self.rights()),
                Some(Application::Aca) => self.access_control(command),
                Some(Application::Oath(slot)) => self.one_time(slot, command),
                Some(Application::Fido) => self.fido.command(command),
                Some(Application::CardManager) if self.aca.is_some() => {
                    manager::command(command, &self.personality, self.piv.stored())
                }
                _ => Answer::status(0x6D00).sim(),
            },
        };
        self.piv.fresh = false;
        answer
    }

    /// What holds for the whole card.
    fn rights(&self) -> Rights {
        self.aca.as_ref().map_or(Rights::default(), |aca| aca.rights)
    }

    fn one_time(&mut self, slot: usize, command: &Command) -> Answer {
        let rights = self.rights();
        self.oath.as_mut().map_or(Answer::status(0x6D00), |oath| oath.command(slot, command, rights))
    }

    fn select(&mut self, command: &Command) -> Answer {
        if (command.p1, command.p2) != (0x04, 0x00) {
            return Answer::status(0x6A86);
        }
        let Some(application) = self.application(&command.data) else {
            return Answer::status(0x6A82);
        };
        self.selected = Some(application);
        self.aca.iter_mut().for_each(Aca::forget_challenge);
        if application != Application::Piv {
            self.piv.log_out();
        }
        let absent = || Answer::status(0x6A82);
        match application {
            Application::Piv => self.piv.select(&self.personality),
            Application::Aca => self.aca.as_ref().map_or_else(absent, Aca::template),
            Application::CardManager => manager::template(),
            Application::Oath(slot) => self.oath.as_ref().map_or_else(absent, |oath| oath.template(slot)),
            Application::Fido => Fido::select(),
        }
    }

    fn application(&self, aid: &[u8]) -> Option<Application> {
        match aid {
            _ if [5, 9, 11].contains(&aid.len()) && super::piv::AID.starts_with(aid) => {
                Some(Application::Piv)
            }
            aca::AID if self.aca.is_some() => Some(Application::Aca),
            _ if self.oath.is_some() && Oath::slot(aid).is_some() => Oath::slot(aid).map(Application::Oath),
            fido::AID if self.personality.fido => Some(Application::Fido),
            [] => Some(Application::CardManager),
            _ if aid.len() >= 7 && manager::AID.starts_with(aid) => Some(Application::CardManager),
            _ => None,
        }
    }

    /// Cuts an answer to Le: 61xx where the rest can be fetched, the rest given up after a short Le.
    fn deliver(&mut self, answer: Answer, command: &Command) -> Answer {
        let limit = command.expect.unwrap_or(0x100);
        if answer.data.len() <= limit {
            return answer;
        }
        let mut data = answer.data;
        let rest = data.split_off(limit);
        let short = command.expect.is_some_and(|le| le != 0x100 || command.extended);
        // The MAC of a protected answer covers all of it, so there is no taking a part.
        if short && !command.is_protected() {
            return Answer { data, ..answer };
        }
        let status = more(rest.len());
        self.rest = rest;
        Answer { data, status, ..answer }
    }

    fn response(&mut self, expect: Option<usize>) -> Answer {
        self.chain = None;
        self.piv.fresh = false;
        if self.rest.is_empty() {
            return Answer::status(0x6985).sim();
        }
        let len = expect.unwrap_or(0x100).min(self.rest.len());
        let data: Vec<u8> = self.rest.drain(..len).collect();
        let status = if self.rest.is_empty() { 0x9000 } else { more(self.rest.len()) };
        Answer { data, status, sim: false }
    }
}

/// 61xx; 00 stands for 256 or more.
fn more(left: usize) -> u16 {
    0x6100 | u16::try_from(left).ok().filter(|left| *left < 0x100).unwrap_or(0)
}
