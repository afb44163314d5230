//! What HID adds to PIV, by dialect: which family a token belongs to, by its answer to reset.
//!
//! Sources: the ATR table and the detection rule of HID's SDK examples and of pcsc-tools' list. The historical bytes are
//! plain ASCII. Compared by prefix: keys, FIPS and iCLASS cards carry a suffix.

mod access;
mod command;
mod manager;
pub(crate) mod otp;
mod overview;
mod places;

pub use access::Aca;
pub use command::{Basis, CardCommand};
pub use manager::{ChipId, free_memory, read_chip_id};
pub use otp::{OtpConfiguration, OtpHash, OtpKind, OtpSlot, SLOTS as OTP_SLOTS};
pub use overview::{Application, Overview, overview};
pub use places::{Content, Place};
pub(crate) use places::{capacity, occupied, places};

/// Which dialect a token speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// SP 800-73 and nothing else that we know of.
    Standard,
    /// Crescendo 2300 and the first Crescendo Key.
    C2300,
    /// Crescendo 4000 and Key V3.
    C4000,
}

impl Family {
    /// The family an ATR shows.
    #[must_use]
    pub fn of(atr: &[u8]) -> Self {
        match historical_bytes(atr) {
            Some(text) if text.starts_with(b"C4000") => Self::C4000,
            Some(text) if text.starts_with(b"C2300") => Self::C2300,
            _ => Self::Standard,
        }
    }
}

/// What a person calls this token, as far as the ATR tells: `C4000-KEY`.
#[must_use]
pub fn family_text(atr: &[u8]) -> Option<&str> {
    let text = historical_bytes(atr)?;
    let known = text.starts_with(b"C4000") || text.starts_with(b"C2300");
    known.then(|| std::str::from_utf8(text).ok()).flatten()
}

/// Whether a card with this ATR sits on a contactless reader: PC/SC part 3 builds such ATRs as `3B 8n 80 01`.
#[must_use]
pub fn is_contactless(atr: &[u8]) -> bool {
    matches!(atr, [0x3B, t0, 0x80, 0x01, ..] if t0 & 0xF0 == 0x80)
}

/// The historical bytes of an ATR (ISO 7816-3, 8.2).
fn historical_bytes(atr: &[u8]) -> Option<&[u8]> {
    let (&t0, mut rest) = atr.get(1..)?.split_first()?;
    let mut present = t0 >> 4;
    while present != 0 {
        let here = present.count_ones() as usize;
        let next = if present & 0x8 == 0 { 0 } else { rest.get(here - 1)? >> 4 };
        rest = rest.get(here..)?;
        present = next;
    }
    rest.get(..usize::from(t0 & 0x0F))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_V3: &[u8] = b"\x3B\xD9\x96\xFF\x81\x91\xFE\x1F\xC3C4000-KEY\xBF";

    #[test]
    fn families_by_prefix() {
        assert_eq!(Family::of(KEY_V3), Family::C4000);
        assert_eq!(family_text(KEY_V3), Some("C4000-KEY"));
        assert_eq!(Family::of(b"\x3B\x8A\x80\x01C2300-FIPS\x68"), Family::C2300);
        assert_eq!(Family::of(b"\x3B\x80\x80\x01\x01"), Family::Standard);
        assert!(is_contactless(b"\x3B\x8A\x80\x01C2300-FIPS\x68"));
        assert!(!is_contactless(KEY_V3));
    }

    #[test]
    fn a_cut_atr_is_no_family() {
        for length in 0..KEY_V3.len() - 1 {
            assert_eq!(family_text(&KEY_V3[..length]).is_some(), length == KEY_V3.len() - 1);
        }
    }
}
