//! Who a virtual card is: crescendo.md part 8.1, and a plain card of SP 800-73.

use std::str::FromStr;

use crate::fixture::Algorithm;

/// Which kind of card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// HID Crescendo Key V3, dialect C4000, as far as it is known; the rest is marked [SIM] in the log.
    KeyV3,
    /// A plain card of SP 800-73, of no vendor.
    Piv,
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "key-v3" => Ok(Self::KeyV3),
            "piv" => Ok(Self::Piv),
            _ => Err(format!("no profile {text}: key-v3 or piv")),
        }
    }
}

impl Profile {
    pub(super) fn atr(self) -> &'static [u8] {
        match self {
            Self::KeyV3 => b"\x3B\xD9\x96\xFF\x81\x91\xFE\x1F\xC3C4000-KEY\xBF",
            Self::Piv => b"\x3B\x87\x81\x31\xFE\x45SimCard\xEF",
        }
    }

    pub(super) fn pin_tries(self) -> u8 {
        match self {
            Self::KeyV3 => 6,
            Self::Piv => 3,
        }
    }

    pub(super) fn puk_tries(self) -> u8 {
        match self {
            Self::KeyV3 => 10,
            Self::Piv => 3,
        }
    }

    /// The algorithm byte (SP 800-78 table 6-2; RSA-4096 is each vendor's own).
    pub(super) fn algorithm_byte(self, algorithm: Algorithm) -> u8 {
        match (algorithm, self) {
            (Algorithm::Rsa2048, _) => 0x07,
            (Algorithm::Rsa3072, _) => 0x05,
            (Algorithm::Rsa4096, Self::KeyV3) => 0x04,
            (Algorithm::Rsa4096, Self::Piv) => 0x16,
            (Algorithm::P256, _) => 0x11,
            (Algorithm::P384, _) => 0x14,
        }
    }
}

/// Everything that may differ between two virtual cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personality {
    /// Which kind of card.
    pub profile: Profile,
    /// As delivered: no keys, no objects, the factory PIN.
    pub blank: bool,
    /// How many retired keys there are, 0 to 20: RSA-2048 and P-256 in turn.
    pub retired: u8,
    /// The card UUID of the CHUID; GUID and serial number of the token.
    pub guid: [u8; 16],
    /// 6 to 8 digits.
    pub pin: String,
    /// 8 digits, or none (`puk=none` in crescendo.md part 8.1).
    pub puk: Option<String>,
    /// Takes extended APDUs, and says so in SELECT (7F66).
    pub extended: bool,
    /// A Key V3 that answers SELECT as the 2300 family does, with a label.
    pub label: bool,
    /// A Key V3 that does not know VERIFY with P1 = FF.
    pub no_clear: bool,
}

impl Personality {
    /// A Crescendo Key V3 with certificates and PIN 123456.
    pub fn key_v3() -> Self {
        Self {
            profile: Profile::KeyV3,
            blank: false,
            retired: 0,
            guid: *b"\xC4\x00\x0C\x4E\x5C\xE4\x4D\x01\x8A\x11\x00\x00\x00\x00\x00\x01",
            pin: "123456".into(),
            puk: None,
            extended: false,
            label: false,
            no_clear: false,
        }
    }

    /// A Key V3 as delivered: PIN 000000 and nothing on it.
    pub fn blank_key_v3() -> Self {
        Self { blank: true, pin: "000000".into(), ..Self::key_v3() }
    }

    /// A plain PIV card with certificates, PIN 123456 and PUK 12345678.
    pub fn piv() -> Self {
        Self {
            profile: Profile::Piv,
            guid: *b"\x80\x07\x30\x00\x51\x49\x4D\x02\x8A\x11\x00\x00\x00\x00\x00\x02",
            puk: Some("12345678".into()),
            ..Self::key_v3()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_bytes_of_the_answers_to_reset() {
        for profile in [Profile::KeyV3, Profile::Piv] {
            assert_eq!(profile.atr()[1..].iter().fold(0, |sum, byte| sum ^ byte), 0, "{profile:?}");
        }
    }
}
