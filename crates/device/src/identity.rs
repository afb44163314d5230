//! The device ID, and what is remembered of a card that cannot be asked at every moment: to read the number that is printed
//! on it another application has to be selected, which is not done where somebody is logged in.
//!
//! The device ID is the printed number where it is known, else the card UUID; of a key without a card side its serial
//! number.

use link::Store;
use piv::crescendo::ChipId;
use sha2::{Digest, Sha256};

/// First bytes of the stored form; the last one is its version.
const MAGIC: [u8; 8] = *b"crescdv\x01";
/// Bits of the stored form.
const HAS_CHIP: u8 = 1;
const MANAGED: u8 = 2;

/// What is remembered of a card, by its GUID; public.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// The number printed on it.
    pub(crate) chip: Option<ChipId>,
    /// It refused to be administered with the right PIN.
    pub(crate) managed: bool,
}

impl Remembered {
    pub(crate) fn load(store: &dyn Store, guid: &[u8; 16]) -> Self {
        store.load(&key(guid)).and_then(|bytes| Self::from_bytes(&bytes)).unwrap_or_default()
    }

    pub(crate) fn save(self, store: &dyn Store, guid: &[u8; 16]) {
        store.update(&key(guid), &mut |_| Some(self.to_bytes()));
    }

    /// The stored form: magic, bits, the chip's number or zeros, and a checksum.
    fn to_bytes(self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(if self.chip.is_some() { HAS_CHIP } else { 0 } | if self.managed { MANAGED } else { 0 });
        out.extend(self.chip.map_or([0; 10], |chip| chip.0));
        out.extend(&Sha256::digest(&out)[..8]);
        out
    }

    /// Reads the stored form; what is damaged says nothing.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk::<8>()?;
        let (bits, chip) = body.strip_prefix(&MAGIC)?.split_first()?;
        let chip = ChipId(chip.try_into().ok()?);
        (Sha256::digest(body)[..8] == *checksum)
            .then(|| Self { chip: (bits & HAS_CHIP != 0).then_some(chip), managed: bits & MANAGED != 0 })
    }
}

/// It begins with the GUID, so that it is cleared with all that is kept of a card.
fn key(guid: &[u8; 16]) -> String {
    format!("{}-device", hex(guid))
}

/// A GUID as the device ID has it: 32 digits.
pub(crate) fn hex(guid: &[u8; 16]) -> String {
    format!("{:032X}", u128::from_be_bytes(*guid))
}

/// A card UUID as in `C4000C4E-5CE4-4D01-8A11-000000000001` (RFC 9562).
#[must_use]
pub fn uuid(guid: &[u8; 16]) -> String {
    let digits = hex(guid);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_and_what_is_damaged_says_nothing() {
        for chip in [None, Some(ChipId(*b"0123456789"))] {
            for managed in [false, true] {
                let remembered = Remembered { chip, managed };
                let bytes = remembered.to_bytes();
                assert_eq!(Remembered::from_bytes(&bytes), Some(remembered));
                for bit in 0..bytes.len() * 8 {
                    let mut damaged = bytes.clone();
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(Remembered::from_bytes(&damaged), None);
                }
                (0..bytes.len()).for_each(|end| assert_eq!(Remembered::from_bytes(&bytes[..end]), None));
            }
        }
    }

    #[test]
    fn uuids_in_five_groups() {
        assert_eq!(uuid(b"0123456789abcdef"), "30313233-3435-3637-3839-616263646566");
    }
}
