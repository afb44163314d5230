//! The least that a cold listing can cost: SELECT, the head of the CHUID, and the blocks of what is there: Key History, and
//! each certificate.

use crescendo_tests::Lab;

use crate::row::Card;

/// What a short APDU brings back.
const BLOCK: usize = 256;
/// An object of no more bytes is empty: some cards answer so for what is not there.
const EMPTY: usize = 2;

/// Key History Object: how many retired keys there are.
const KEY_HISTORY: u32 = 0x5FC10C;

/// Asks the card how long its certificate objects and Key History are. With extended length each is one block.
pub(crate) fn floor(lab: &Lab, card: Card) -> u64 {
    let objects = certificates().chain([KEY_HISTORY]).map(|tag| lab.card(&format!("object {tag:X}")));
    let present =
        objects.filter(|object| object != "none").map(|hex| hex.len() / 2).filter(|len| *len > EMPTY);
    let blocks = |length: usize| if card == Card::Extended { 1 } else { length.div_ceil(BLOCK) };
    2 + present.map(blocks).sum::<usize>() as u64
}

/// The containers of certificates (SP 800-73 part 1, table 3).
fn certificates() -> impl Iterator<Item = u32> {
    [0x5FC105, 0x5FC10A, 0x5FC10B, 0x5FC101].into_iter().chain(0x5FC10D..=0x5FC120)
}
