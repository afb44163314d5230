//! The card manager of a Crescendo, as far as a reader identifies the card there: CPLC and free memory (command reference
//! 2.5, 4.5 and 8.1). Nothing here needs a login or changes anything.

use super::personality::Personality;
use crate::apdu::{Answer, Command};
use crate::tlv::tlv;

pub(super) const AID: &[u8] = b"\xA0\x00\x00\x01\x51\x00\x00\x00";

/// What an empty card has room for, and what is taken from it for each key and each certificate.
const FREE_MEMORY: u32 = 62_328;
const TAKEN: u32 = 1_000;

/// The answer to SELECT.
pub(super) fn template() -> Answer {
    let limits = tlv(0x9F65, &[0xFF]);
    Answer::data(tlv(0x6F, &[tlv(0x84, AID), tlv(0xA5, &limits)].concat())).sim()
}

/// A command to a card with so many keys and certificates.
pub(super) fn command(command: &Command, personality: &Personality, stored: usize) -> Answer {
    let answer = match (command.cla, command.ins, [command.p1, command.p2]) {
        (0x80, 0xCA, [0x9F, 0x7F]) => Answer::data(tlv(0x9F7F, &cplc(personality))),
        (0x80, 0xCA, [0x00, 0xFE]) if command.data == [0xDF, 0x25] => Answer::data(free_memory(stored)),
        (0x80, 0xCA, _) => Answer::status(0x6A88),
        _ => Answer::status(0x6D00),
    };
    answer.sim()
}

/// Card production life cycle data: the printed serial number is in bytes 0 to 3, 16, 17 and 12 to 15.
fn cplc(personality: &Personality) -> Vec<u8> {
    let chip: &[u8] = if personality.hex_cplc { b"\x47\x90\xD3\x21" } else { b"\x47\x90\x05\x03" };
    let serial = personality.ic_serial.to_be_bytes();
    [chip, b"\x47\0\0\0\0\0\x50\x12", &serial, b"\x70\x89", &[0; 24]].concat()
}

fn free_memory(stored: usize) -> Vec<u8> {
    let taken = u32::try_from(stored).map_or(FREE_MEMORY, |stored| stored * TAKEN);
    let free = FREE_MEMORY.saturating_sub(taken).to_be_bytes();
    tlv(0xFE, &tlv(0xDF25, &[&[0; 14][..], &free].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn free_memory_of_an_empty_card_and_of_a_full_one() {
        assert_eq!(hex::encode(&free_memory(0)), "FE15DF251200000000000000000000000000000000F378");
        assert!(hex::encode(&free_memory(8)).ends_with("0000D438"));
        assert!(free_memory(100).ends_with(&[0; 18]));
    }

    #[test]
    fn two_chips_differ_in_their_serial_numbers() {
        let usual = cplc(&Personality::key_v3());
        assert_eq!(hex::encode(&usual[..18]), "479005034700000000005012001234567089");
        let other = cplc(&Personality { ic_serial: 7, hex_cplc: true, ..Personality::key_v3() });
        assert_eq!(hex::encode(&other[..18]), "4790D3214700000000005012000000077089");
        assert_eq!((usual.len(), other.len()), (42, 42));
    }
}
