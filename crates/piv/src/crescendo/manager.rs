//! What the card manager (GlobalPlatform) tells freely: the chip's life cycle data, and how much room there is.
//!
//! The printed serial number is made of CPLC: measured by others on one Crescendo 2300. The query for free memory is from
//! HID's own demonstration in the browser.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Applications, Command, Error, StatusWord, tlv};

/// The card manager.
const AID: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00];

const GET_DATA: u8 = 0xCA;
/// Card production life cycle data.
const CPLC: u16 = 0x9F7F;
const CPLC_LENGTH: usize = 42;
/// Of the extended card resources: the part with the free memory.
const RESOURCES: u16 = 0x00FE;
const MEMORY: u16 = 0xDF25;

/// What tells a chip from all others: fabricator, type, batch and serial number, of its life cycle data. Prints as the 20
/// digits that are printed on a Crescendo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChipId(pub [u8; 10]);

impl ChipId {
    /// Reads the answer to GET DATA, with or without its tag.
    #[must_use]
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let cplc = tlv::only(answer, CPLC.into()).unwrap_or(answer);
        if cplc.len() != CPLC_LENGTH {
            return None;
        }
        let parts = [&cplc[..4], &cplc[16..18], &cplc[12..16]].concat();
        // A chip that was given no number has told nothing.
        let is_told = parts[4..].iter().any(|byte| !matches!(byte, 0x00 | 0xFF));
        parts.try_into().ok().filter(|_| is_told).map(Self)
    }

    /// Whether all its digits are decimal, as they are where it is printed; if not, it is a number of the chip alone.
    #[must_use]
    pub fn is_printed(&self) -> bool {
        self.0.iter().all(|byte| byte >> 4 < 10 && byte & 0x0F < 10)
    }
}

impl fmt::Display for ChipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// Selects the card manager and asks for the life cycle data. `None`: the card does not tell.
///
/// # Errors
/// Of the link; [`Error::Refused`] for a card that may not be asked.
pub fn read_chip_id(card: &mut Applications<'_, '_>) -> Result<Option<ChipId>, Error> {
    if card.select(&AID)?.is_none() {
        return Ok(None);
    }
    Ok(get_data(card, CPLC, &[])?.and_then(|answer| ChipId::parse(&answer)))
}

/// How many bytes are free, after [`read_chip_id`]: for information only. `None`: the card does not tell.
///
/// # Errors
/// Of the link.
pub fn free_memory(card: &mut Applications<'_, '_>) -> Result<Option<u32>, Error> {
    let answer = get_data(card, RESOURCES, &MEMORY.to_be_bytes())?;
    Ok(answer.and_then(|answer| free(&answer)))
}

fn get_data(card: &mut Applications<'_, '_>, tag: u16, part: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let [p1, p2] = tag.to_be_bytes();
    let command = Command::new(GET_DATA, p1, p2).data(Zeroizing::new(part.to_vec())).expect(0);
    let response = card.send(Command { cla: 0x80, ..command })?;
    Ok((response.status == StatusWord::OK).then(|| response.data.to_vec()))
}

fn free(answer: &[u8]) -> Option<u32> {
    let memory = tlv::find(tlv::only(answer, RESOURCES.into())?, MEMORY.into())?;
    Some(u32::from_be_bytes(*memory.last_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As measured on a Crescendo 2300, but for the tail.
    fn cplc() -> Vec<u8> {
        let known = b"\x47\x90\x05\x03\x47\0\0\0\0\0\x50\x12\x00\x12\x34\x56\x70\x89";
        [&known[..], &[0; 24]].concat()
    }

    #[test]
    fn the_printed_number_with_and_without_a_tag() {
        let id = ChipId::parse(&cplc()).unwrap();
        assert_eq!(id.to_string(), "47900503708900123456");
        assert!(id.is_printed());
        let tagged = [&b"\x9F\x7F\x2A"[..], &cplc()].concat();
        assert_eq!(ChipId::parse(&tagged), Some(id));
    }

    #[test]
    fn a_chip_whose_type_has_letters_is_not_what_is_printed() {
        let mut cplc = cplc();
        cplc[2..4].copy_from_slice(&[0xD3, 0x21]);
        let id = ChipId::parse(&cplc).unwrap();
        assert_eq!((id.to_string().as_str(), id.is_printed()), ("4790D321708900123456", false));
    }

    #[test]
    fn what_is_cut_or_empty_is_no_number() {
        for length in 0..CPLC_LENGTH {
            assert_eq!(ChipId::parse(&cplc()[..length]), None);
        }
        assert_eq!(ChipId::parse(&[0; 42]), None);
        assert_eq!(ChipId::parse(&[0xFF; 42]), None);
    }

    #[test]
    fn free_memory_as_it_is_told() {
        let answer = b"\xFE\x15\xDF\x25\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xF3\x78";
        assert_eq!(free(&answer[..]), Some(62_328));
        assert_eq!(free(&answer[..22]), None);
        assert_eq!(free(b"\xFE\x05\xDF\x25\x02\0\0"), None);
    }
}
