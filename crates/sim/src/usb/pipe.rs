//! One endpoint from the device to the host: transfers that wait for data, and data that wait for a transfer.

use std::collections::VecDeque;

use super::usbip::submitted;

/// More transfers at one endpoint than any driver submits.
const MOST: usize = 256;
/// More messages than a device here ever has for a host that does not look: the oldest one goes.
const KEPT: usize = 64;

const NO_MEMORY: i32 = -12;
const OVERFLOW: i32 = -75;
const PROTOCOL: i32 = -71;

/// What goes to the kernel: the answer to one transfer.
pub(super) type Answer = Vec<u8>;

pub(super) struct InPipe {
    /// wMaxPacketSize.
    packet: usize,
    waiting: VecDeque<(u32, usize)>,
    ready: VecDeque<Vec<u8>>,
}

impl InPipe {
    pub(super) fn new(packet: usize) -> Self {
        Self { packet, waiting: VecDeque::new(), ready: VecDeque::new() }
    }

    /// Whether the host asks for data.
    pub(super) fn is_polled(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// A transfer of the host.
    pub(super) fn ask(&mut self, number: u32, room: usize) -> Vec<Answer> {
        if self.waiting.len() == MOST {
            return vec![submitted(number, NO_MEMORY, 0, &[])];
        }
        self.waiting.push_back((number, room));
        self.meet()
    }

    /// Data of the device: one message, which ends with a short packet.
    pub(super) fn offer(&mut self, data: Vec<u8>) -> Vec<Answer> {
        if self.ready.len() == KEPT {
            self.ready.pop_front();
        }
        self.ready.push_back(data);
        self.meet()
    }

    /// A transfer is not wanted any more. Whether it was still waiting.
    pub(super) fn cancel(&mut self, number: u32) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(waiting, _)| *waiting != number);
        self.waiting.len() < before
    }

    /// A transfer fails on the wire.
    pub(super) fn fail(&mut self) -> Option<Answer> {
        self.waiting.pop_front().map(|(number, _)| submitted(number, PROTOCOL, 0, &[]))
    }

    fn meet(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while !self.waiting.is_empty() && !self.ready.is_empty() {
            let pair = self.waiting.pop_front().zip(self.ready.pop_front());
            answers.extend(pair.map(|((number, room), data)| self.transfer(number, room, data)));
        }
        answers
    }

    /// A buffer of whole packets takes what fits, and the rest comes next; any other one is overrun.
    fn transfer(&mut self, number: u32, room: usize, mut data: Vec<u8>) -> Answer {
        if data.len() <= room {
            return submitted(number, 0, data.len(), &data);
        }
        if room == 0 || !room.is_multiple_of(self.packet) {
            return submitted(number, OVERFLOW, 0, &[]);
        }
        let rest = data.split_off(room);
        self.ready.push_front(rest);
        submitted(number, 0, data.len(), &data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_transfers_meet_in_either_order() {
        let mut pipe = InPipe::new(64);
        assert_eq!(pipe.offer(vec![1]), Vec::<Answer>::new());
        assert_eq!(pipe.ask(7, 64), [submitted(7, 0, 1, &[1])]);
        assert_eq!(pipe.ask(8, 64), Vec::<Answer>::new());
        assert!(pipe.is_polled());
        assert_eq!(pipe.offer(vec![2, 3]), [submitted(8, 0, 2, &[2, 3])]);
    }

    #[test]
    fn a_cancelled_transfer_gets_nothing() {
        let mut pipe = InPipe::new(64);
        pipe.ask(7, 64);
        pipe.ask(8, 64);
        assert!(pipe.cancel(7));
        assert!(!pipe.cancel(7));
        assert_eq!(pipe.offer(vec![2]), [submitted(8, 0, 1, &[2])]);
    }

    #[test]
    fn a_message_longer_than_the_buffer_goes_on_in_the_next_or_overruns_it() {
        let mut pipe = InPipe::new(64);
        pipe.offer(vec![5; 100]);
        assert_eq!(pipe.ask(1, 64), [submitted(1, 0, 64, &[5; 64])]);
        assert_eq!(pipe.ask(2, 64), [submitted(2, 0, 36, &[5; 36])]);
        pipe.offer(vec![5; 100]);
        assert_eq!(pipe.ask(3, 10), [submitted(3, OVERFLOW, 0, &[])]);
        assert_eq!(pipe.ask(4, 64), Vec::<Answer>::new(), "what overran is gone");
    }

    #[test]
    fn a_host_that_floods_or_never_looks_costs_no_memory() {
        let mut pipe = InPipe::new(64);
        for n in 0..1000u32 {
            pipe.offer(n.to_be_bytes().to_vec());
        }
        assert_eq!(pipe.ask(0, 64), [submitted(0, 0, 4, &936u32.to_be_bytes())]);
        let mut pipe = InPipe::new(64);
        let refused = (0..1000).filter(|n| !pipe.ask(*n, 64).is_empty()).count();
        assert_eq!(refused, 1000 - MOST);
    }
}
