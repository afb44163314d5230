//! The kinds of card: the families of the command reference, part 8.1, and plain cards of SP 800-73.

use std::str::FromStr;

use super::messaging::Interface;
use super::objects::KEY_REFERENCES;
use crate::fixture::Algorithm;

/// Which kind of card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// HID Crescendo Key V3, dialect C4000, as far as it is known; the rest is marked `[SIM]` in the log.
    KeyV3,
    /// HID Crescendo 2300, a card with five key references.
    C2300,
    /// The first HID Crescendo Key: the same dialect, 24 key references, OATH.
    C2300Key,
    /// A plain card of SP 800-73, of no vendor.
    Piv,
    /// The same with two interfaces and secure messaging.
    PivDual,
    /// The same with instructions that many tokens have beside the standard's.
    PivExtended,
}

/// What follows the family in the answer to reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Nothing.
    #[default]
    Standard,
    /// `-FIPS`: an AES administration key, and no other kind is taken.
    Fips,
    /// `-iCLASS` (the 2300 card): a 3DES administration key.
    Iclass,
}

/// Which commands a Crescendo speaks where its two generations differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    C2300,
    C4000,
}

/// How a PIN of a kind of card is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PinRules {
    pub(super) min: u8,
    pub(super) max: u8,
    /// Nothing but digits.
    pub(super) digits: bool,
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "key-v3" => Ok(Self::KeyV3),
            "c2300" => Ok(Self::C2300),
            "c2300-key" => Ok(Self::C2300Key),
            "piv" => Ok(Self::Piv),
            "piv-dual" => Ok(Self::PivDual),
            "piv-extended" => Ok(Self::PivExtended),
            _ => Err(format!("no profile {text}: key-v3, c2300, c2300-key, piv, piv-dual or piv-extended")),
        }
    }
}

impl FromStr for Form {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "standard" => Ok(Self::Standard),
            "fips" => Ok(Self::Fips),
            "iclass" => Ok(Self::Iclass),
            _ => Err(format!("no form {text}: standard, fips or iclass")),
        }
    }
}

impl Profile {
    /// Over contactless it is made by the reader (PC/SC part 3, 3.1.3.2.3). Those of a Key V3 over contactless and of an
    /// iCLASS card over contact are guesses; what a key adds for its form is not known.
    pub(super) fn atr(self, form: Form, interface: Interface) -> &'static [u8] {
        let [contact, contactless]: [&[u8]; 2] = match (self, form) {
            (Self::KeyV3, _) => {
                [b"\x3B\xD9\x96\xFF\x81\x91\xFE\x1F\xC3C4000-KEY\xBF", b"\x3B\x89\x80\x01C4000-KEY\x35"]
            }
            (Self::C2300Key, _) => {
                [b"\x3B\xD9\x96\xFF\x81\x91\xFE\x1F\xC3C2300-KEY\xBA", b"\x3B\x89\x80\x01C2300-KEY\x30"]
            }
            (Self::C2300, Form::Standard) => {
                [b"\x3B\xD5\x96\xFF\x81\x91\xFE\x1F\xC3C2300\xCC", b"\x3B\x85\x80\x01C2300\x46"]
            }
            (Self::C2300, Form::Fips) => {
                [b"\x3B\xDA\x96\xFF\x81\x91\xFE\x1F\xC3C2300-FIPS\xE2", b"\x3B\x8A\x80\x01C2300-FIPS\x68"]
            }
            (Self::C2300, Form::Iclass) => {
                [b"\x3B\xDC\x96\xFF\x81\x91\xFE\x1F\xC3C2300-iCLASS\xCF", b"\x3B\x8C\x80\x01C2300-iCLASS\x45"]
            }
            (Self::Piv, _) => [b"\x3B\x87\x81\x31\xFE\x45SimCard\xEF", b"\x3B\x87\x80\x01SimCard\x65"],
            (Self::PivDual, _) => [b"\x3B\x87\x81\x31\xFE\x45SimDual\xE7", b"\x3B\x87\x80\x01SimDual\x6D"],
            (Self::PivExtended, _) => {
                [b"\x3B\x87\x81\x31\xFE\x45SimPlus\xE1", b"\x3B\x87\x80\x01SimPlus\x6B"]
            }
        };
        if interface == Interface::Contact { contact } else { contactless }
    }

    pub(super) fn dialect(self) -> Option<Dialect> {
        match self {
            Self::KeyV3 => Some(Dialect::C4000),
            Self::C2300 | Self::C2300Key => Some(Dialect::C2300),
            Self::Piv | Self::PivDual | Self::PivExtended => None,
        }
    }

    pub(super) fn is_crescendo(self) -> bool {
        self.dialect().is_some()
    }

    /// The references that keys with certificates may have, in the order PROPERTIES names them.
    pub(super) fn key_references(self) -> &'static [u8] {
        match self {
            Self::C2300 => &[0x9A, 0x9C, 0x9D, 0x82, 0x83],
            _ => &KEY_REFERENCES,
        }
    }

    /// The references that GENERATE knows: a plain card makes none of the retired keys (SP 800-73 part 2, 3.3.2).
    pub(super) fn generates(self, reference: u8) -> bool {
        match self {
            Self::Piv | Self::PivDual => matches!(reference, 0x9A | 0x9C | 0x9D | 0x9E),
            _ => self.key_references().contains(&reference),
        }
    }

    /// The kind of key that an algorithm byte asks to be made (command reference 4.1; SP 800-78 table 6-2).
    pub(super) fn offered(self, byte: u8) -> Option<Algorithm> {
        use Algorithm::{P256, P384, Rsa2048, Rsa3072, Rsa4096};
        let offered: &[Algorithm] = match self {
            Self::C2300 | Self::C2300Key => &[Rsa2048, P256, P384],
            Self::Piv | Self::PivDual => &[Rsa2048, Rsa3072, P256, P384],
            Self::KeyV3 | Self::PivExtended => &[Rsa2048, Rsa3072, Rsa4096, P256, P384],
        };
        offered.iter().copied().find(|algorithm| self.algorithm_byte(*algorithm) == byte)
    }

    pub(super) fn pin_tries(self) -> u8 {
        match self {
            Self::KeyV3 | Self::C2300 | Self::C2300Key => 6,
            Self::Piv | Self::PivExtended => 3,
            Self::PivDual => 5,
        }
    }

    pub(super) fn puk_tries(self) -> u8 {
        if self.is_crescendo() { 10 } else { 3 }
    }

    /// What a token is delivered with, and what RESET CARD and a reset leave behind.
    pub(super) fn factory_pin(self) -> &'static str {
        match self {
            Self::KeyV3 => "000000",
            Self::C2300 | Self::C2300Key => "00000000",
            Self::Piv | Self::PivDual | Self::PivExtended => "123456",
        }
    }

    /// The rules at delivery; a Crescendo can be told others.
    pub(super) fn pin_rules(self) -> PinRules {
        match self {
            Self::C2300 | Self::C2300Key => PinRules { min: 4, max: 8, digits: true },
            Self::KeyV3 | Self::Piv | Self::PivDual => PinRules { min: 6, max: 8, digits: true },
            Self::PivExtended => PinRules { min: 6, max: 8, digits: false },
        }
    }

    /// The algorithm byte (SP 800-78 table 6-2; RSA-4096 is each vendor's own).
    pub(super) fn algorithm_byte(self, algorithm: Algorithm) -> u8 {
        match algorithm {
            Algorithm::Rsa2048 => 0x07,
            Algorithm::Rsa3072 => 0x05,
            Algorithm::Rsa4096 if self.is_crescendo() => 0x04,
            Algorithm::Rsa4096 => 0x16,
            Algorithm::P256 => 0x11,
            Algorithm::P384 => 0x14,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_bytes_of_the_answers_to_reset() {
        use Profile::{C2300, C2300Key, KeyV3, Piv, PivDual, PivExtended};
        for profile in [KeyV3, C2300, C2300Key, Piv, PivDual, PivExtended] {
            for form in [Form::Standard, Form::Fips, Form::Iclass] {
                for interface in [Interface::Contact, Interface::Contactless] {
                    let atr = profile.atr(form, interface);
                    let sum = atr[1..].iter().fold(0, |sum, byte| sum ^ byte);
                    assert_eq!(sum, 0, "{profile:?} {form:?} {interface:?}");
                }
            }
        }
    }

    #[test]
    fn what_each_family_makes() {
        assert_eq!(Profile::KeyV3.offered(0x04), Some(Algorithm::Rsa4096));
        assert_eq!([Profile::C2300.offered(0x05), Profile::Piv.offered(0x16)], [None; 2]);
        assert_eq!(Profile::PivExtended.offered(0x16), Some(Algorithm::Rsa4096));
        assert!(Profile::C2300.generates(0x83) && !Profile::C2300.generates(0x9E));
        assert!(Profile::PivExtended.generates(0x95) && !Profile::Piv.generates(0x82));
    }
}
