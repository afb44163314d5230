//! Who a virtual card is: the command reference, part 8.1, and a plain card of SP 800-73.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::administration::{AdministrationKey, ManagementKey};
use super::messaging::{SecureMessaging, Signer, Suite, Vci};
use super::profile::{Form, Profile};
use crate::fixture::Algorithm;

/// How a Key V3 words its answer to GET PIV PROPERTIES (command reference 8.3): the same keys either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Properties {
    /// Version and keys, nothing around them.
    #[default]
    Bare,
    /// In 53, with counts, the containers without keys, and access rules of unknown coding.
    Wrapped,
}

impl FromStr for Properties {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "bare" => Ok(Self::Bare),
            "wrapped" => Ok(Self::Wrapped),
            _ => Err(format!("no variant {text}: bare or wrapped")),
        }
    }
}

/// Everything that may differ between two virtual cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Personality {
    /// Which kind of card.
    pub profile: Profile,
    /// What is written on a Crescendo beside its family.
    pub form: Form,
    /// As delivered: no keys, no objects, the factory PIN.
    pub blank: bool,
    /// How many retired keys there are, 0 to 20: RSA-2048 and P-256 in turn.
    pub retired: u8,
    /// How many more there are whose certificates are elsewhere: the highest references, as far as they are free.
    pub off_card: u8,
    /// Keys of another kind than usual, or none, by reference: 9A, 9C, 9D, 9E, 82 to 95.
    pub keys: BTreeMap<u8, Option<Algorithm>>,
    /// Certificates are stored as gzip, with CertInfo 01.
    pub compressed: bool,
    /// Keys whose certificate containers hold bytes that are no certificate.
    pub garbage: BTreeSet<u8>,
    /// Containers (`0x5FC10A`) that answer GET DATA with a status word alone, every time.
    pub refused: BTreeMap<u32, u16>,
    /// The card UUID of the CHUID; GUID and serial number of the token.
    pub guid: [u8; 16],
    /// There is no CHUID.
    pub no_chuid: bool,
    /// There is no Key History.
    pub no_key_history: bool,
    /// The Key History claims so many keys on the card, whatever there are.
    pub key_history: Option<u8>,
    /// The URL in the Key History, instead of the one that names [`Personality::off_card_file`].
    pub history_url: Option<String>,
    /// There is a FIDO application.
    pub fido: bool,
    /// 6 to 8 digits.
    pub pin: String,
    /// 8 digits, or none (`puk=none` in the command reference, part 8.1).
    pub puk: Option<String>,
    /// The PIN usage policy of the Discovery object; `None` for the usual one: 60 10 with a global PIN, else 40 00 on
    /// a plain card and no Discovery object on a Key V3; and the bits of [`SecureMessaging::vci`].
    pub policy: Option<[u8; 2]>,
    /// The global PIN, key reference 00, if the policy lets it be used (bit 6).
    pub global_pin: Option<String>,
    /// Secure messaging and the virtual contact interface.
    pub secure_messaging: SecureMessaging,
    /// Takes extended APDUs, and says so in SELECT (7F66).
    pub extended: bool,
    /// If it takes extended APDUs, it does not say so.
    pub unannounced: bool,
    /// A Key V3 that answers SELECT as the 2300 family does, with a label.
    pub label: bool,
    /// A Crescendo that does not know VERIFY with P1 = FF.
    pub no_clear: bool,
    /// How a Key V3 words PROPERTIES.
    pub properties: Properties,
    /// The chip's serial number: in the CPLC of a Crescendo, and what a `piv-extended` answers to GET SERIAL.
    pub ic_serial: u32,
    /// A chip type with letters in the CPLC, so that no decimal serial number can be made of it.
    pub hex_cplc: bool,
    /// A Crescendo whose issuer keeps every right to write for a server (command reference 3.7).
    pub managed: bool,
    /// XAUTH key 1 of a Crescendo.
    pub xauth: AdministrationKey,
    /// Key 9B of a card that is no Crescendo.
    pub management: ManagementKey,
    /// There are three OATH applications (a Key V3; a key of the 2300 family has them anyway, and no card has).
    pub oath: bool,
    /// RESET CARD leaves what the FIDO application has.
    pub fido_survives: bool,
}

impl Personality {
    /// A Crescendo Key V3 with certificates and PIN 123456.
    pub fn key_v3() -> Self {
        Self {
            profile: Profile::KeyV3,
            form: Form::Standard,
            blank: false,
            retired: 0,
            off_card: 0,
            keys: BTreeMap::new(),
            compressed: false,
            garbage: BTreeSet::new(),
            refused: BTreeMap::new(),
            guid: *b"\xC4\x00\x0C\x4E\x5C\xE4\x4D\x01\x8A\x11\x00\x00\x00\x00\x00\x01",
            no_chuid: false,
            no_key_history: false,
            key_history: None,
            history_url: None,
            fido: true,
            pin: "123456".into(),
            puk: None,
            policy: None,
            global_pin: None,
            secure_messaging: SecureMessaging::default(),
            extended: false,
            unannounced: false,
            label: false,
            no_clear: false,
            properties: Properties::Bare,
            ic_serial: 0x0012_3456,
            hex_cplc: false,
            managed: false,
            xauth: AdministrationKey::Factory,
            management: ManagementKey::triple_des(),
            oath: false,
            fido_survives: false,
        }
    }

    /// A Key V3 as delivered: PIN 000000 and nothing on it.
    pub fn blank_key_v3() -> Self {
        Self::key_v3().as_delivered()
    }

    /// A Crescendo 2300 with certificates and PIN 123456: five key references, and no 9E among them.
    pub fn c2300() -> Self {
        Self {
            profile: Profile::C2300,
            guid: *b"\xC2\x30\x0C\x4E\x5C\xE4\x4D\x01\x8A\x11\x00\x00\x00\x00\x00\x04",
            fido_survives: true,
            ic_serial: 0x0023_0001,
            ..Self::key_v3()
        }
    }

    /// The first Crescendo Key: the 2300 family with 24 key references and three OATH applications.
    pub fn c2300_key() -> Self {
        Self {
            profile: Profile::C2300Key,
            guid: *b"\xC2\x30\x0C\x4E\x5C\xE4\x4D\x01\x8A\x11\x00\x00\x00\x00\x00\x05",
            oath: true,
            ic_serial: 0x0023_0002,
            ..Self::c2300()
        }
    }

    /// A plain PIV card with certificates, PIN 123456 and PUK 12345678.
    pub fn piv() -> Self {
        Self {
            profile: Profile::Piv,
            guid: *b"\x80\x07\x30\x00\x51\x49\x4D\x02\x8A\x11\x00\x00\x00\x00\x00\x02",
            fido: false,
            puk: Some("12345678".into()),
            ..Self::key_v3()
        }
    }

    /// A PIV card with the extensions that many tokens have: PIN 123456, PUK 12345678, AES-192 management key
    /// 0102030405060708 three times.
    pub fn piv_extended() -> Self {
        Self {
            profile: Profile::PivExtended,
            guid: *b"\x80\x07\x30\x00\xEC\x7E\x4D\x02\x8A\x11\x00\x00\x00\x00\x00\x06",
            management: ManagementKey::aes_192(),
            ic_serial: 0x0070_0001,
            ..Self::piv()
        }
    }

    /// A PIV card with two interfaces, CS2 and pairing code 27182818; PIN and PUK as on [`Personality::piv`]. The last try
    /// of the PIN is for the contact interface alone.
    pub fn piv_dual() -> Self {
        Self {
            profile: Profile::PivDual,
            guid: *b"\x80\x07\x30\x00\xD0\xA1\x4D\x02\x8A\x11\x00\x00\x00\x00\x00\x03",
            secure_messaging: SecureMessaging {
                suite: Some(Suite::Cs2),
                vci: Vci::PairingCode,
                signer: Signer::Direct,
                pairing_code: "27182818".into(),
                contact_tries: 1,
                strict_plain: false,
            },
            ..Self::piv()
        }
    }

    /// What a server would have at the URL of the Key History: the certificates that are not on the card
    /// (OffCardKeyHistoryFile of SP 800-73 part 1, 3.3.3).
    pub fn off_card_file(&self) -> Vec<u8> {
        super::history::off_card_file(self)
    }

    pub(super) fn pin_policy(&self) -> Option<[u8; 2]> {
        let vci = self.suite().map_or(Vci::None, |_| self.secure_messaging.vci);
        self.policy.or(match self.profile {
            _ if self.global_pin.is_some() => Some([0x60 | vci.policy(), 0x10]),
            profile if profile.is_crescendo() && vci == Vci::None => None,
            _ => Some([0x40 | vci.policy(), 0x00]),
        })
    }

    /// The suite of a card that has been issued.
    pub(super) fn suite(&self) -> Option<Suite> {
        self.secure_messaging.suite.filter(|_| !self.blank)
    }

    /// The virtual contact interface by bits 4 and 3 of the policy.
    pub(super) fn vci(&self) -> Vci {
        match self.pin_policy().map_or(0, |[first, _]| first & 0x0C) {
            0x08 => Vci::PairingCode,
            0x0C => Vci::Open,
            _ => Vci::None,
        }
    }

    /// The global PIN, where the policy has one.
    pub(super) fn usable_global_pin(&self) -> Option<&str> {
        let named = self.pin_policy().is_some_and(|[first, _]| first & 0x20 != 0);
        self.global_pin.as_deref().filter(|_| named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_decides_on_the_global_pin() {
        let global = Personality { global_pin: Some("654321".into()), ..Personality::piv() };
        assert_eq!(global.pin_policy(), Some([0x60, 0x10]));
        assert!(global.usable_global_pin().is_some());
        assert!(Personality { policy: Some([0x40, 0]), ..global }.usable_global_pin().is_none());
        assert_eq!(Personality::piv().pin_policy(), Some([0x40, 0]));
        assert_eq!(Personality::piv_dual().pin_policy(), Some([0x48, 0]));
        let blank = Personality { blank: true, ..Personality::piv_dual() };
        assert_eq!((blank.pin_policy(), blank.suite()), (Some([0x40, 0]), None));
        assert_eq!(Personality::key_v3().pin_policy(), None);
    }
}
