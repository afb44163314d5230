//! GET PIV PROPERTIES of the C4000 dialect (command reference 4.2 and 8.3): our keys count as injected.

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::objects::{CHUID, KEY_HISTORY, KEY_REFERENCES, PRINTED_INFORMATION};
use crate::card::personality::Properties;
use crate::fixture::Algorithm;
use crate::tlv::tlv;

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
        let keys = KEY_REFERENCES.map(|reference| self.key_block(reference)).concat();
        Answer::data(match self.variant {
            Properties::Bare => [version, keys].concat(),
            Properties::Wrapped => {
                let (containers, count) = self.container_blocks();
                let keys_count = u8::try_from(KEY_REFERENCES.len()).expect("24");
                tlv(0x53, &[version, tlv(0x40, &[count, keys_count]), containers, keys].concat())
            }
        })
        .sim()
    }

    fn key_block(&self, reference: u8) -> Vec<u8> {
        let [algorithm, units, status] = match self.keys.get(&reference).map(|key| key.algorithm) {
            None => [0x07, 0x20, 0x00],
            Some(algorithm) => [self.profile.algorithm_byte(algorithm), units(algorithm), 0x81],
        };
        let parameters = [algorithm, units, status, status, 0];
        tlv(0x51, &[tlv(0x48, &[reference]), tlv(0x43, &parameters), self.rules()].concat())
    }

    fn container_blocks(&self) -> (Vec<u8>, u8) {
        let mut blocks = Vec::new();
        let mut count = 0;
        for (tag, capacity) in CONTAINERS.into_iter().filter(|(tag, _)| self.objects.contains_key(tag)) {
            let name = tlv(0x47, &tag.to_be_bytes()[1..]);
            blocks.extend(tlv(0x50, &[name, tlv(0x42, &capacity), self.rules()].concat()));
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
