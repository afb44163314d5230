//! The one slot of the reader (CCID 1.10, part 6): a card that has power or has not, one command at a time, and how the
//! host is kept waiting. The card itself works elsewhere: see [`Step::Compute`].

use super::ccid::{
    ABORT, ABORTED, BAD_LENGTH, BAD_PARAMETER, BUSY, COMMAND_NOT_SUPPORTED, DATA_BLOCK, GET_PARAMETERS,
    GET_SLOT_STATUS, ICC_POWER_OFF, ICC_POWER_ON, MUTE, Message, NO_SUCH_SLOT, PARAMETERS, RESET_PARAMETERS,
    SET_PARAMETERS, SLOT_STATUS, XFR_BLOCK, message, parameters,
};
use super::descriptors::VOLTAGE;
use super::t1::{self, T1};
use crate::card::SimCard;

/// bPowerSelect of the voltages in bVoltageSupport; 0 leaves the choice to the reader.
const THREE_VOLTS: u8 = VOLTAGE;

/// bStatus: with power, without, no card; and the command failed, or needs more time.
const ACTIVE: u8 = 0;
const INACTIVE: u8 = 1;
const ABSENT: u8 = 2;
const FAILED: u8 = 0x40;
const TIME_EXTENSION: u8 = 0x80;

/// bProtocolNum.
const T1_PROTOCOL: u8 = 1;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This message goes to the host.
    Answer(Vec<u8>),
    /// The card is to carry this command out; [`Slot::computed`] takes what it answers.
    Compute(Vec<u8>),
    /// The host has to wait for what is being computed.
    Wait,
}

/// The slot.
pub(super) struct Slot {
    card: SimCard,
    /// The card's appearances when it got power; `None`: it has none.
    powered: Option<u32>,
    parameters: [u8; 7],
    t1: T1,
    /// bSeq of the command that the card computes.
    computes: Option<u8>,
    /// bSeq of the abort that the control endpoint began.
    aborts: Option<u8>,
}

impl Slot {
    /// With this card in it, or without, as it pleases.
    pub(super) fn new(card: &SimCard) -> Self {
        Self {
            card: card.clone(),
            powered: None,
            parameters: [0; 7],
            t1: T1::default(),
            computes: None,
            aborts: None,
        }
    }

    /// The command that the card is at work on, by its bSeq.
    pub(super) fn computes(&self) -> Option<u8> {
        self.computes
    }

    /// The control endpoint begins to abort a command.
    pub(super) fn begin_abort(&mut self, number: u8) {
        self.aborts = Some(number);
    }

    /// One message of the host, complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Step {
        let Some(message) = Message::parse(bytes) else {
            return Step::Answer(self.status(0, 0, FAILED, BAD_LENGTH));
        };
        if message.slot != 0 {
            let special = [FAILED | ABSENT, NO_SUCH_SLOT, 0];
            return Step::Answer(super::ccid::message(
                answers_with(message.kind),
                message.slot,
                message.number,
                special,
                &[],
            ));
        }
        match (message.data, message.kind) {
            (Some(_), ABORT) => Step::Answer(self.abort(message.number)),
            (None, _) => self.fail(&message, BAD_LENGTH),
            _ if self.computes.is_some() => self.fail(&message, BUSY),
            _ if self.aborts.is_some() => self.fail(&message, ABORTED),
            (Some(data), _) => self.carry_out(&message, data),
        }
    }

    /// What the card answered: nothing at all once it is gone.
    pub(super) fn computed(&mut self, answer: Vec<u8>) -> Option<Vec<u8>> {
        let number = self.computes.take()?;
        if answer.is_empty() || self.state() != ACTIVE {
            return Some(message(DATA_BLOCK, 0, number, [FAILED | self.state(), MUTE, 0], &[]));
        }
        let block = self.t1.respond(answer);
        Some(message(DATA_BLOCK, 0, number, [ACTIVE, 0, 0], &block))
    }

    /// The reader tells the host to wait on: the card is still at work.
    pub(super) fn extend_time(&self) -> Option<Vec<u8>> {
        let number = self.computes?;
        Some(message(DATA_BLOCK, 0, number, [TIME_EXTENSION | ACTIVE, 1, 0], &[]))
    }

    /// The card asks for time itself, which is an answer to the host's block (ISO/IEC 7816-3, 11.6.2.3).
    pub(super) fn ask_for_time(&mut self) -> Option<Vec<u8>> {
        let number = self.computes.take()?;
        let block = self.t1.wait();
        Some(message(DATA_BLOCK, 0, number, [ACTIVE, 0, 0], &block))
    }

    /// bmICCStatus. A card that was out in between has no power.
    fn state(&self) -> u8 {
        match self.powered {
            _ if !self.card.is_present() => ABSENT,
            Some(moves) if moves == self.card.epoch().moves => ACTIVE,
            _ => INACTIVE,
        }
    }

    fn carry_out(&mut self, message: &Message<'_>, data: &[u8]) -> Step {
        let Message { kind, number, special, .. } = *message;
        match kind {
            GET_SLOT_STATUS => Step::Answer(self.status(number, self.state(), 0, 0)),
            ICC_POWER_ON => self.power_on(message),
            ICC_POWER_OFF => {
                self.power_off();
                Step::Answer(self.status(number, self.state(), 0, 0))
            }
            XFR_BLOCK if self.state() == ACTIVE => self.transfer(number, data),
            GET_PARAMETERS | RESET_PARAMETERS | SET_PARAMETERS | XFR_BLOCK if self.state() != ACTIVE => {
                self.fail(message, MUTE)
            }
            GET_PARAMETERS => Step::Answer(self.told_parameters(number)),
            RESET_PARAMETERS => {
                self.parameters = parameters(self.card.atr());
                Step::Answer(self.told_parameters(number))
            }
            SET_PARAMETERS => match (special[0], data.try_into()) {
                (T1_PROTOCOL, Ok(parameters)) => {
                    self.parameters = parameters;
                    Step::Answer(self.told_parameters(number))
                }
                (T1_PROTOCOL, Err(_)) => self.fail(message, BAD_LENGTH),
                _ => self.fail(message, BAD_PARAMETER),
            },
            _ => self.fail(message, COMMAND_NOT_SUPPORTED),
        }
    }

    /// The reader chooses protocol, speed and IFSD by itself, as its descriptor says.
    fn power_on(&mut self, message: &Message<'_>) -> Step {
        if ![0, THREE_VOLTS].contains(&message.special[0]) {
            return self.fail(message, BAD_PARAMETER);
        }
        if !self.card.is_present() {
            return self.fail(message, MUTE);
        }
        self.card.power_on();
        self.powered = Some(self.card.epoch().moves);
        self.t1 = T1::default();
        let atr = self.card.atr();
        self.parameters = parameters(atr);
        Step::Answer(super::ccid::message(DATA_BLOCK, 0, message.number, [self.state(), 0, 0], atr))
    }

    fn power_off(&mut self) {
        if self.powered.take().is_some() {
            self.card.power_off();
        }
    }

    fn transfer(&mut self, number: u8, block: &[u8]) -> Step {
        match self.t1.take(block) {
            t1::Step::Answer(block) => Step::Answer(message(DATA_BLOCK, 0, number, [ACTIVE, 0, 0], &block)),
            t1::Step::Command(command) => {
                self.computes = Some(number);
                Step::Compute(command)
            }
            t1::Step::Wait => {
                self.computes = Some(number);
                Step::Wait
            }
        }
    }

    /// The bulk half of an abort ends it, and what is being computed with it.
    fn abort(&mut self, number: u8) -> Vec<u8> {
        self.aborts = None;
        self.computes = None;
        self.status(number, self.state(), 0, 0)
    }

    fn told_parameters(&self, number: u8) -> Vec<u8> {
        message(PARAMETERS, 0, number, [ACTIVE, 0, T1_PROTOCOL], &self.parameters)
    }

    fn status(&self, number: u8, state: u8, failed: u8, error: u8) -> Vec<u8> {
        message(SLOT_STATUS, 0, number, [failed | state, error, 0], &[])
    }

    fn fail(&self, to: &Message<'_>, error: u8) -> Step {
        Step::Answer(message(answers_with(to.kind), 0, to.number, [FAILED | self.state(), error, 0], &[]))
    }
}

/// The kind of message that answers one.
fn answers_with(kind: u8) -> u8 {
    match kind {
        ICC_POWER_ON | XFR_BLOCK => DATA_BLOCK,
        GET_PARAMETERS | RESET_PARAMETERS | SET_PARAMETERS => PARAMETERS,
        _ => SLOT_STATUS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::Personality;

    fn block(pcb: u8, information: &[u8]) -> Vec<u8> {
        let mut block = [&[0, pcb, information.len() as u8], information].concat();
        block.push(block.iter().fold(0, |sum, byte| sum ^ byte));
        block
    }

    fn transfer(slot: &mut Slot, number: u8, pcb: u8, information: &[u8]) -> Step {
        slot.take(&message(XFR_BLOCK, 0, number, [0; 3], &block(pcb, information)))
    }

    fn powered(card: &SimCard) -> Slot {
        let mut slot = Slot::new(card);
        let Step::Answer(atr) = slot.take(&message(ICC_POWER_ON, 0, 1, [0; 3], &[])) else {
            panic!("no answer")
        };
        assert_eq!(&atr[10..], card.atr());
        slot
    }

    #[test]
    fn a_command_that_takes_long_is_waited_for_in_both_ways() {
        let mut slot = powered(&SimCard::new(Personality::key_v3()));
        assert_eq!(transfer(&mut slot, 2, 0x00, &[1]), Step::Compute(vec![1]));
        assert_eq!(slot.computes(), Some(2));
        assert_eq!(slot.extend_time().unwrap()[5..10], [0, 2, 0x80, 1, 0]);
        let Step::Answer(busy) = transfer(&mut slot, 3, 0x40, &[2]) else { panic!("no answer") };
        assert_eq!(busy[5..9], [0, 3, 0x40, BUSY]);
        assert_eq!(slot.ask_for_time().unwrap()[10..], block(0xC3, &[1]));
        assert_eq!((slot.computes(), slot.extend_time()), (None, None), "now it is the host's turn");
        assert_eq!(transfer(&mut slot, 4, 0xE3, &[1]), Step::Wait);
        let answer = slot.computed(vec![0x90, 0x00]).unwrap();
        assert_eq!((answer[6], &answer[10..]), (4, &block(0x00, &[0x90, 0x00])[..]));
    }

    #[test]
    fn a_card_that_goes_meanwhile_is_mute() {
        let card = SimCard::new(Personality::key_v3());
        let mut slot = powered(&card);
        transfer(&mut slot, 2, 0x00, &[1]);
        card.pull();
        assert_eq!(slot.computed(Vec::new()).unwrap()[5..9], [0, 2, FAILED | ABSENT, MUTE]);
        card.insert();
        let Step::Answer(status) = slot.take(&message(GET_SLOT_STATUS, 0, 3, [0; 3], &[])) else {
            panic!("no answer")
        };
        assert_eq!(status[7], INACTIVE, "it came back without power");
    }

    #[test]
    fn an_aborted_command_is_answered_by_nobody() {
        let mut slot = powered(&SimCard::new(Personality::key_v3()));
        transfer(&mut slot, 2, 0x00, &[1]);
        slot.begin_abort(2);
        let Step::Answer(status) = slot.take(&message(ABORT, 0, 2, [0; 3], &[])) else { panic!("no answer") };
        assert_eq!(status[7], ACTIVE);
        assert_eq!(slot.computed(vec![0x90, 0x00]), None);
    }
}
