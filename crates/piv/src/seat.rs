//! What is remembered of one kind of card in one reader, before anyone knows which card it is: whether extended APDUs get
//! through, and which card was there last, so that its cache is at hand before the transaction begins.

use sha2::{Digest, Sha256};

/// First bytes of the stored form; the last one is its version.
const MAGIC: [u8; 8] = *b"crescse\x01";

/// One kind of card in one reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Whether this card takes extended APDUs through this reader. `None`: nobody has tried.
    pub(crate) extended: Option<bool>,
    /// The card that was there last.
    pub(crate) guid: Option<[u8; 16]>,
}

impl Seat {
    /// Under which name it is stored.
    pub(crate) fn key(atr: &[u8], reader: &str) -> String {
        let hash =
            Sha256::new().chain_update([atr.len() as u8]).chain_update(atr).chain_update(reader).finalize();
        let name: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("seat-{name}")
    }

    /// The stored form: magic, 0 (no), 1 (yes) or 2 (unknown), GUID or nothing, and a checksum.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(self.extended.map_or(2, u8::from));
        out.extend(self.guid.iter().flatten());
        out.extend(&Sha256::digest(&out)[..8]);
        out
    }

    /// Reads the stored form; what is damaged says nothing.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let parse = || {
            let (body, checksum) = bytes.split_last_chunk::<8>()?;
            let (extended, guid) = body.strip_prefix(&MAGIC)?.split_first()?;
            let is_whole = Sha256::digest(body)[..8] == *checksum && matches!(guid.len(), 0 | 16);
            let extended = [Some(false), Some(true), None].get(usize::from(*extended)).copied()?;
            is_whole.then(|| Self { extended, guid: guid.try_into().ok() })
        };
        parse().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_and_what_is_damaged_says_nothing() {
        for extended in [None, Some(false), Some(true)] {
            for guid in [None, Some([7; 16])] {
                let seat = Seat { extended, guid };
                let bytes = seat.to_bytes();
                assert_eq!(Seat::from_bytes(&bytes), seat);
                for bit in 0..bytes.len() * 8 {
                    let mut damaged = bytes.clone();
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    assert_eq!(Seat::from_bytes(&damaged), Seat::default());
                }
                (0..bytes.len()).for_each(|end| assert_eq!(Seat::from_bytes(&bytes[..end]), Seat::default()));
            }
        }
    }

    #[test]
    fn cards_and_readers_have_seats_of_their_own() {
        assert_ne!(Seat::key(&[1, 2], "A"), Seat::key(&[1, 2], "B"));
        assert_ne!(Seat::key(&[1, 0x41], ""), Seat::key(&[1], "A"));
    }
}
