//! T=1 on the side of the card (ISO/IEC 7816-3, part 11): blocks of the reader into command APDUs, answers into blocks.
//! Nothing here waits, and nothing here knows a command.
//!
//! A block is NAD, PCB, LEN, LEN bytes of information and an LRC. The card's own IFS is 254, as its answer to reset says.

/// More than any command: a chain goes no further.
const LONGEST_CHAIN: usize = 0x1_0000;
/// The IFS of a reader that has not told another one: what it negotiates by itself (CCID, dwMaxIFSD).
const IFSD: u8 = 254;

const MORE: u8 = 0x20;
const R_BLOCK: u8 = 0x80;
const S_BLOCK: u8 = 0xC0;
const S_RESPONSE: u8 = 0x20;
const RESYNCH: u8 = 0;
const IFS: u8 = 1;
const ABORT: u8 = 2;
const WTX: u8 = 3;

const CHECKSUM_ERROR: u8 = 1;
const OTHER_ERROR: u8 = 2;

/// What comes of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This block is the answer.
    Answer(Vec<u8>),
    /// A whole command APDU: the answer comes with [`T1::respond`].
    Command(Vec<u8>),
    /// The reader grants the time that [`T1::wait`] asked for.
    Wait,
}

/// The card's end since its last reset.
#[derive(Debug)]
pub(super) struct T1 {
    /// N(S) of the next I-block of the card.
    sends: u8,
    /// N(S) expected of the reader's next one.
    expects: u8,
    ifsd: usize,
    /// The chain that is coming in.
    incoming: Vec<u8>,
    /// What is left of the chain that is going out.
    outgoing: Vec<u8>,
    last: Vec<u8>,
    asked_for_time: bool,
}

impl Default for T1 {
    fn default() -> Self {
        Self {
            sends: 0,
            expects: 0,
            ifsd: usize::from(IFSD),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            last: Vec::new(),
            asked_for_time: false,
        }
    }
}

impl T1 {
    /// One block of the reader.
    pub(super) fn take(&mut self, block: &[u8]) -> Step {
        let (pcb, information) = match read(block) {
            Ok(parts) => parts,
            Err(error) => return self.refuse(error),
        };
        match pcb {
            _ if pcb & R_BLOCK == 0 => self.information(pcb, information),
            _ if pcb & S_BLOCK == R_BLOCK => self.receipt(pcb),
            _ => self.supervisory(pcb, information),
        }
    }

    /// The answer to the command: its first block.
    pub(super) fn respond(&mut self, answer: Vec<u8>) -> Vec<u8> {
        self.asked_for_time = false;
        self.outgoing = answer;
        self.next_part()
    }

    /// The command takes longer: the block that asks for one more block waiting time.
    pub(super) fn wait(&mut self) -> Vec<u8> {
        self.asked_for_time = true;
        self.keep(S_BLOCK | WTX, &[1])
    }

    fn information(&mut self, pcb: u8, information: &[u8]) -> Step {
        let number = pcb >> 6 & 1;
        if pcb & 0x1F != 0 || number != self.expects || !self.outgoing.is_empty() || self.asked_for_time {
            return self.refuse(OTHER_ERROR);
        }
        if self.incoming.len() + information.len() > LONGEST_CHAIN {
            self.incoming.clear();
            return self.refuse(OTHER_ERROR);
        }
        self.incoming.extend_from_slice(information);
        self.expects ^= 1;
        if pcb & MORE == 0 {
            return Step::Command(std::mem::take(&mut self.incoming));
        }
        Step::Answer(self.keep(R_BLOCK | self.expects << 4, &[]))
    }

    /// An R-block: the next part of a chain, or the last block once more.
    fn receipt(&mut self, pcb: u8) -> Step {
        let number = pcb >> 4 & 1;
        if number == self.sends && !self.outgoing.is_empty() && !self.asked_for_time {
            return Step::Answer(self.next_part());
        }
        if self.last.is_empty() {
            return self.refuse(OTHER_ERROR);
        }
        Step::Answer(self.last.clone())
    }

    fn supervisory(&mut self, pcb: u8, information: &[u8]) -> Step {
        let answer = |kind| S_BLOCK | S_RESPONSE | kind;
        match (pcb & 0x3F, information) {
            (RESYNCH, []) => {
                *self = Self { ifsd: self.ifsd, ..Self::default() };
                Step::Answer(self.keep(answer(RESYNCH), &[]))
            }
            (IFS, [size @ 1..=254]) => {
                self.ifsd = usize::from(*size);
                Step::Answer(self.keep(answer(IFS), &[*size]))
            }
            (ABORT, []) => {
                self.incoming.clear();
                self.outgoing.clear();
                Step::Answer(self.keep(answer(ABORT), &[]))
            }
            (response, [_]) if response == S_RESPONSE | WTX && self.asked_for_time => {
                self.asked_for_time = false;
                Step::Wait
            }
            _ => self.refuse(OTHER_ERROR),
        }
    }

    /// Asks for the block that was expected.
    fn refuse(&mut self, error: u8) -> Step {
        Step::Answer(block(R_BLOCK | self.expects << 4 | error, &[]))
    }

    fn next_part(&mut self) -> Vec<u8> {
        let rest = self.outgoing.split_off(self.outgoing.len().min(self.ifsd));
        let part = std::mem::replace(&mut self.outgoing, rest);
        let more = if self.outgoing.is_empty() { 0 } else { MORE };
        let pcb = self.sends << 6 | more;
        self.sends ^= 1;
        self.keep(pcb, &part)
    }

    fn keep(&mut self, pcb: u8, information: &[u8]) -> Vec<u8> {
        self.last = block(pcb, information);
        self.last.clone()
    }
}

/// PCB and information of a block, or what is wrong with it.
fn read(block: &[u8]) -> Result<(u8, &[u8]), u8> {
    let (_, rest) = block.split_last().ok_or(OTHER_ERROR)?;
    if lrc(block) != 0 {
        return Err(CHECKSUM_ERROR);
    }
    match rest {
        [0x00, pcb, length @ 0..=254, information @ ..] if information.len() == usize::from(*length) => {
            Ok((*pcb, information))
        }
        _ => Err(OTHER_ERROR),
    }
}

fn block(pcb: u8, information: &[u8]) -> Vec<u8> {
    let length = u8::try_from(information.len()).expect("at most 254");
    let mut block = [&[0x00, pcb, length], information].concat();
    block.push(lrc(&block));
    block
}

fn lrc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(step: Step) -> Vec<u8> {
        let Step::Answer(answer) = step else { panic!("{step:?}") };
        answer
    }

    #[test]
    fn a_short_command_and_its_answer_are_one_block_each() {
        let mut card = T1::default();
        assert_eq!(card.take(&block(0x00, &[1, 2, 3])), Step::Command(vec![1, 2, 3]));
        assert_eq!(card.respond(vec![0x90, 0x00]), [0x00, 0x00, 0x02, 0x90, 0x00, 0x92]);
        assert_eq!(card.take(&block(0x40, &[4])), Step::Command(vec![4]));
        assert_eq!(card.respond(vec![5]), block(0x40, &[5]));
    }

    #[test]
    fn chains_go_both_ways() {
        let mut card = T1::default();
        assert_eq!(answer(card.take(&block(0x20, &[1; 254]))), block(0x90, &[]));
        assert_eq!(answer(card.take(&block(0x60, &[2; 254]))), block(0x80, &[]));
        let whole = [vec![1; 254], vec![2; 254], vec![3]].concat();
        assert_eq!(card.take(&block(0x00, &[3])), Step::Command(whole));
        assert_eq!(card.respond(vec![7; 300]), block(0x20, &[7; 254]));
        assert_eq!(answer(card.take(&block(0x90, &[]))), block(0x40, &[7; 46]));
        assert_eq!(card.take(&block(0x40, &[4])), Step::Command(vec![4]));
    }

    #[test]
    fn a_smaller_ifs_cuts_answers_shorter() {
        let mut card = T1::default();
        assert_eq!(answer(card.take(&block(0xC1, &[32]))), block(0xE1, &[32]));
        card.take(&block(0x00, &[1]));
        assert_eq!(card.respond(vec![7; 40]), block(0x20, &[7; 32]));
        for wrong in [0, 255] {
            assert_eq!(answer(card.take(&block(0xC1, &[wrong])))[1] & 0xEF, 0x82, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_understood_is_asked_for_again_and_nothing_is_lost() {
        let mut card = T1::default();
        let mut damaged = block(0x00, &[1]);
        damaged[3] ^= 0x10;
        assert_eq!(answer(card.take(&damaged)), block(0x81, &[]));
        assert_eq!(answer(card.take(&block(0x40, &[1]))), block(0x82, &[]), "the wrong number");
        assert_eq!(answer(card.take(&[0x00, 0x00, 0x05, 0x01, 0x04])), block(0x82, &[]), "the wrong length");
        assert_eq!(card.take(&block(0x00, &[1])), Step::Command(vec![1]));
        let first = card.respond(vec![7; 300]);
        assert_eq!(answer(card.take(&block(0x80, &[]))), first, "the reader did not understand");
        assert_eq!(answer(card.take(&block(0x91, &[]))), block(0x40, &[7; 46]));
        assert_eq!(answer(card.take(&block(0x81, &[]))), block(0x40, &[7; 46]));
    }

    #[test]
    fn a_long_command_asks_for_time() {
        let mut card = T1::default();
        card.take(&block(0x00, &[1]));
        let asks = card.wait();
        assert_eq!(asks, block(0xC3, &[1]));
        assert_eq!(answer(card.take(&block(0x80, &[]))), asks, "asked once more");
        assert_eq!(card.take(&block(0xE3, &[1])), Step::Wait);
        assert_eq!(card.respond(vec![0x90, 0]), block(0x00, &[0x90, 0]));
    }

    #[test]
    fn resynchronised_it_begins_at_nought() {
        let mut card = T1::default();
        card.take(&block(0x00, &[1]));
        card.respond(vec![7; 300]);
        assert_eq!(answer(card.take(&block(0xC0, &[]))), block(0xE0, &[]));
        assert_eq!(card.take(&block(0x00, &[1])), Step::Command(vec![1]));
        assert_eq!(card.respond(vec![2]), block(0x00, &[2]));
    }

    #[test]
    fn a_chain_is_aborted_and_forgotten() {
        let mut card = T1::default();
        card.take(&block(0x20, &[1]));
        assert_eq!(answer(card.take(&block(0xC2, &[]))), block(0xE2, &[]));
        assert_eq!(card.take(&block(0x40, &[2])), Step::Command(vec![2]));
    }

    proptest! {
        #[test]
        fn every_block_is_answered_with_a_block(blocks in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..255), any::<bool>()), 1..20)) {
            let mut card = T1::default();
            for (pcb, information, whole) in blocks {
                let mut bytes = if information.len() < 255 { block(pcb, &information) } else { information };
                if !whole {
                    bytes.pop();
                }
                let answered = match card.take(&bytes) {
                    Step::Answer(answered) => answered,
                    Step::Command(command) => card.respond(command),
                    Step::Wait => card.wait(),
                };
                prop_assert!(read(&answered).is_ok());
            }
        }
    }
}
