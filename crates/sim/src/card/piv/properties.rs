//! GET PIV PROPERTIES in both dialects (command reference 4.2 and 8.3). The keys a card is issued with count as injected.

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::objects::{CHUID, KEY_HISTORY, PRINTED_INFORMATION, certificate_tag};
use crate::card::personality::Properties;
use crate::fixture::Algorithm;
use crate::tlv::tlv;

/// What the 2300 dialect has for a tag.
pub(super) const TAG: u32 = 0xFF_FF7F;

/// Of the 2300 applet before and after its slots, as measured; most of it is not understood.
const HEAD_2300: &[u8] =
    b"\x01\x05\x21\x03\x00\x03\x06\x39\x01\x15\x3A\x07\xA0\x00\x00\x00\x79\x10\x00\x3B\x00";
const END_2300: &[u8] = b"\x45\x05\xD6\x88\x83\x80\x00";

/// Containers without keys, and their capacities in little endian, as they were measured on a C2300.
const CONTAINERS: [(u32, [u8; 2]); 3] =
    [(CHUID, [0x68, 0x0B]), (PRINTED_INFORMATION, [0xF8, 0x00]), (KEY_HISTORY, [0x0A, 0x00])];

/// How access rules are coded is not known. These bytes look like another key to whoever searches instead of parsing.
const RULES: &[u8] = b"\x51\x0A\x48\x01\x9B\x43\x05\x08\x02\x81\x81\x00";

impl Piv {
    pub(super) fn properties(&self, command: &Command) -> Answer {
        if (command.p1, command.p2) != (0, 0) {
            return Answer::status(0x6A86).sim();
        }
        let version = tlv(0x01, b"\x21\x04\x00\x00\x01\x02");
        let references = self.profile.key_references();
        let keys: Vec<u8> = references.iter().flat_map(|reference| self.key_block(*reference)).collect();
        Answer::data(match self.variant {
            Properties::Bare => [version, keys].concat(),
            Properties::Wrapped => {
                let (containers, count) = self.container_blocks();
                let keys_count = u8::try_from(references.len()).expect("24");
                tlv(0x53, &[version, tlv(0x40, &[count, keys_count]), containers, keys].concat())
            }
        })
        .sim()
    }

    fn key_block(&self, reference: u8) -> Vec<u8> {
        let [algorithm, units, private, public] = self.parameters(reference);
        let parameters = [algorithm, units, private, public, 0];
        tlv(0x51, &[tlv(0x48, &[reference]), tlv(0x43, &parameters), self.rules()].concat())
    }

    /// Algorithm, length, and where private and public key came from.
    fn parameters(&self, reference: u8) -> [u8; 4] {
        match self.keys.get(&reference) {
            None => [0x07, 0x20, 0x00, 0x00],
            Some(key) => {
                let status = if key.generated { 0x01 } else { 0x81 };
                [self.profile.algorithm_byte(key.algorithm), units(key.algorithm), status, status]
            }
        }
    }

    /// As a GET DATA of the 2300 dialect.
    pub(super) fn properties_2300(&self) -> Answer {
        let containers = CONTAINERS.into_iter().flat_map(|(tag, capacity)| {
            let interfaces = if tag == CHUID { 0x03 } else { 0x01 };
            tlv(0x50, &[name(tag), tlv(0x26, &[interfaces]), tlv(0x42, &capacity)].concat())
        });
        let keys = self.profile.key_references().iter().filter_map(|reference| {
            let fields = [
                name(certificate_tag(*reference)?),
                tlv(0x26, &[0x01]),
                tlv(0x48, &[*reference]),
                tlv(0x43, &self.parameters(*reference)),
                tlv(0x42, &[0x75, 0x07]),
            ];
            Some(tlv(0x51, &fields.concat()))
        });
        let slots: Vec<u8> = containers.chain(keys.flatten()).collect();
        Answer::data(tlv(0x53, &[HEAD_2300, &slots, END_2300].concat()))
    }

    fn container_blocks(&self) -> (Vec<u8>, u8) {
        let mut blocks = Vec::new();
        let mut count = 0;
        for (tag, capacity) in CONTAINERS.into_iter().filter(|(tag, _)| self.objects.contains_key(tag)) {
            blocks.extend(tlv(0x50, &[name(tag), tlv(0x42, &capacity), self.rules()].concat()));
            count += 1;
        }
        (blocks, count)
    }

    fn rules(&self) -> Vec<u8> {
        match self.variant {
            Properties::Bare => Vec::new(),
            Properties::Wrapped => tlv(0x4D, RULES),
        }
    }
}

fn name(tag: u32) -> Vec<u8> {
    tlv(0x47, &tag.to_be_bytes()[1..])
}

/// Key length in units of 64 bits.
fn units(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Rsa2048 => 0x20,
        Algorithm::Rsa3072 => 0x30,
        Algorithm::Rsa4096 => 0x40,
        Algorithm::P256 => 0x04,
        Algorithm::P384 => 0x06,
    }
}
