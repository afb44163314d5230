//! The control endpoint (USB 2.0, part 9.4; HID 1.11, part 7.2; CCID 1.10, part 5.3): what the host asks of the device as
//! a whole. What is not known here stalls, as on any device.

use std::collections::BTreeSet;

use super::descriptors::{
    BULK, CCID_INTERFACE, CONFIGURATION, DEVICE, HID, HID_CLASS, HID_INTERFACE, Identity, NOTICES, PACKET,
    REPORT, STRING,
};
use crate::key::Mode;

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It is carried out; these bytes are for the host, as far as it has room.
    Done(Vec<u8>),
    /// It is carried out, and was a report for the key.
    Report([u8; PACKET]),
    /// It is carried out, and begins to abort the command of this number in the reader.
    Abort(u8),
    /// It is not.
    Stall,
}

/// The state of a device since its last enumeration.
pub(super) struct Requests {
    identity: Identity,
    configuration: u8,
    idle: u8,
    halted: BTreeSet<u8>,
}

struct Setup {
    kind: u8,
    request: u8,
    value: u16,
    index: u16,
}

const ENDPOINT_HALT: u16 = 0;
const REMOTE_WAKEUP: u16 = 1;
const OUTPUT_REPORT: u16 = 0x0200;

impl Requests {
    pub(super) fn new(identity: Identity) -> Self {
        Self { identity, configuration: 0, idle: 0, halted: BTreeSet::new() }
    }

    /// Whether the host has halted this endpoint, bit 7 of whose address is the direction.
    pub(super) fn is_halted(&self, endpoint: u8) -> bool {
        self.halted.contains(&endpoint)
    }

    /// One request with what the host sent along.
    pub(super) fn answer(&mut self, setup: [u8; 8], data: &[u8]) -> Reply {
        let [kind, request, value_low, value_high, index_low, index_high, ..] = setup;
        let value = u16::from_le_bytes([value_low, value_high]);
        let index = u16::from_le_bytes([index_low, index_high]);
        let setup = Setup { kind, request, value, index };
        let [interface, _] = index.to_le_bytes();
        match kind & 0x7F {
            0x00 => self.of_device(&setup),
            0x01 => self.of_interface(&setup),
            0x02 => self.of_endpoint(&setup),
            0x21 if interface == HID_INTERFACE => self.of_hid(&setup, data),
            0x21 if interface == CCID_INTERFACE && self.has_reader() => of_reader(&setup),
            _ => Reply::Stall,
        }
    }

    fn has_reader(&self) -> bool {
        self.identity.mode == Mode::Normal
    }

    fn of_device(&mut self, setup: &Setup) -> Reply {
        let [index, kind] = setup.value.to_le_bytes();
        match (setup.kind, setup.request) {
            (0x80, 0x00) => Reply::Done(vec![0, 0]),
            (0x00, 0x01 | 0x03) if setup.value == REMOTE_WAKEUP => Reply::Stall,
            // SET_ADDRESS is the host controller's business.
            (0x00, 0x05) => Reply::Done(Vec::new()),
            (0x80, 0x06) => self.descriptor(kind, index),
            (0x80, 0x08) => Reply::Done(vec![self.configuration]),
            (0x00, 0x09) if setup.value < 2 => {
                self.configuration = index;
                self.halted.clear();
                Reply::Done(Vec::new())
            }
            _ => Reply::Stall,
        }
    }

    fn descriptor(&self, kind: u8, index: u8) -> Reply {
        let descriptor = match (kind, index) {
            (DEVICE, 0) => Some(self.identity.device()),
            (CONFIGURATION, 0) => Some(self.identity.configuration()),
            (STRING, index) => self.identity.string(index),
            _ => None,
        };
        descriptor.map_or(Reply::Stall, Reply::Done)
    }

    fn of_interface(&mut self, setup: &Setup) -> Reply {
        let last = if self.has_reader() { CCID_INTERFACE } else { HID_INTERFACE };
        if setup.index > u16::from(last) {
            return Reply::Stall;
        }
        let [_, kind] = setup.value.to_le_bytes();
        match (setup.kind, setup.request) {
            (0x81, 0x00) => Reply::Done(vec![0, 0]),
            (0x81, 0x06) if setup.index == u16::from(HID_INTERFACE) => match kind {
                HID_CLASS => Reply::Done(self.identity.hid()),
                REPORT => Reply::Done(self.identity.report()),
                _ => Reply::Stall,
            },
            (0x81, 0x0A) => Reply::Done(vec![0]),
            (0x01, 0x0B) if setup.value == 0 => Reply::Done(Vec::new()),
            _ => Reply::Stall,
        }
    }

    fn of_endpoint(&mut self, setup: &Setup) -> Reply {
        let [endpoint, _] = setup.index.to_le_bytes();
        let known = match endpoint & 0x7F {
            0 | HID => true,
            BULK => self.has_reader(),
            NOTICES => self.has_reader() && endpoint & 0x80 != 0,
            _ => false,
        };
        match (setup.kind, setup.request) {
            _ if !known => Reply::Stall,
            (0x82, 0x00) => Reply::Done(vec![u8::from(self.is_halted(endpoint)), 0]),
            (0x02, 0x01) if setup.value == ENDPOINT_HALT => {
                self.halted.remove(&endpoint);
                Reply::Done(Vec::new())
            }
            (0x02, 0x03) if setup.value == ENDPOINT_HALT && endpoint & 0x7F != 0 => {
                self.halted.insert(endpoint);
                Reply::Done(Vec::new())
            }
            _ => Reply::Stall,
        }
    }

    fn of_hid(&mut self, setup: &Setup, data: &[u8]) -> Reply {
        match (setup.kind, setup.request) {
            (0xA1, 0x02) => Reply::Done(vec![self.idle]),
            (0x21, 0x0A) => {
                self.idle = setup.value.to_le_bytes()[1];
                Reply::Done(Vec::new())
            }
            (0x21, 0x09) if setup.value == OUTPUT_REPORT => {
                data.try_into().map_or(Reply::Stall, Reply::Report)
            }
            _ => Reply::Stall,
        }
    }
}

/// There are no lists of clock frequencies and data rates: the descriptor says so.
fn of_reader(setup: &Setup) -> Reply {
    let [slot, number] = setup.value.to_le_bytes();
    match (setup.kind, setup.request) {
        (0x21, 0x01) if slot == 0 => Reply::Abort(number),
        _ => Reply::Stall,
    }
}
