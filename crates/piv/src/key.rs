//! Keys of the PIV card application: their references, their algorithms, and the dynamic authentication template
//! through which they are used (SP 800-73-5 part 1, table 5, and part 2, 3.2.4; SP 800-78-5, tables 6 and 7).

use std::fmt;

use zeroize::Zeroizing;

use crate::{Family, ObjectId, tlv};

/// A key of the card, named by its key reference. Never called a slot: that word belongs to PKCS#11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyReference(u8);

impl KeyReference {
    /// 9A, for logging in.
    pub const PIV_AUTHENTICATION: Self = Self(0x9A);
    /// 9C, for signing; the PIN is needed right before each use.
    pub const DIGITAL_SIGNATURE: Self = Self(0x9C);
    /// 9D, for decrypting.
    pub const KEY_MANAGEMENT: Self = Self(0x9D);
    /// 9E, usable without a PIN.
    pub const CARD_AUTHENTICATION: Self = Self(0x9E);

    /// The four keys that every card may have, in the order of their numbers.
    pub const CURRENT: [Self; 4] =
        [Self::PIV_AUTHENTICATION, Self::DIGITAL_SIGNATURE, Self::KEY_MANAGEMENT, Self::CARD_AUTHENTICATION];
    /// How many retired key management keys there can be.
    pub const RETIRED: u8 = 20;

    /// Retired key management key `n`, from 1 to 20 (82 to 95).
    #[must_use]
    pub const fn retired(n: u8) -> Option<Self> {
        if n >= 1 && n <= Self::RETIRED { Some(Self(0x81 + n)) } else { None }
    }

    /// The key with this number, if it is one of those above.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::all().find(|key| key.0 == number)
    }

    /// 9A, 9C, 9D, 9E, and the retired ones from 82 to 95.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        Self::CURRENT.into_iter().chain((1..=Self::RETIRED).filter_map(Self::retired))
    }

    /// The number in P2 of GENERAL AUTHENTICATE.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Which retired key this is, from 1.
    #[must_use]
    pub const fn retired_number(self) -> Option<u8> {
        if self.0 < 0x96 { Some(self.0 - 0x81) } else { None }
    }

    /// The data object that holds this key's certificate.
    #[must_use]
    pub fn certificate(self) -> ObjectId {
        match self.0 {
            0x9A => ObjectId::CERTIFICATE_PIV_AUTHENTICATION,
            0x9C => ObjectId::CERTIFICATE_DIGITAL_SIGNATURE,
            0x9D => ObjectId::CERTIFICATE_KEY_MANAGEMENT,
            0x9E => ObjectId::CERTIFICATE_CARD_AUTHENTICATION,
            retired => ObjectId::retired_certificate(retired - 0x82),
        }
    }

    /// Whether a PIN has to be verified before use ("PIN" or "PIN Always").
    #[must_use]
    pub fn needs_pin(self) -> bool {
        self != Self::CARD_AUTHENTICATION
    }

    /// Whether the PIN has to be verified right before each use ("PIN Always").
    #[must_use]
    pub fn always_authenticates(self) -> bool {
        self == Self::DIGITAL_SIGNATURE
    }

    /// Whether this is a key for decryption and key agreement: 9D and the retired ones.
    #[must_use]
    pub fn is_key_management(self) -> bool {
        self == Self::KEY_MANAGEMENT || self.retired_number().is_some()
    }
}

/// As in `9A`.
impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

/// What kind of key it is: one algorithm and one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RSA with a modulus of 1024 bits; only old retired keys.
    Rsa1024,
    /// RSA with a modulus of 2048 bits.
    Rsa2048,
    /// RSA with a modulus of 3072 bits.
    Rsa3072,
    /// RSA with a modulus of 4096 bits; not in the standard.
    Rsa4096,
    /// ECC on P-256.
    EccP256,
    /// ECC on P-384.
    EccP384,
}

impl Algorithm {
    /// The algorithm identifier (SP 800-78-5, table 7). RSA 4096 is not in the standard: Crescendo 4000 says 04, everyone
    /// else 16.
    pub(crate) fn identifier(self, family: Family) -> u8 {
        match self {
            Self::Rsa1024 => 0x06,
            Self::Rsa2048 => 0x07,
            Self::Rsa3072 => 0x05,
            Self::Rsa4096 if family == Family::C4000 => 0x04,
            Self::Rsa4096 => 0x16,
            Self::EccP256 => 0x11,
            Self::EccP384 => 0x14,
        }
    }

    /// Whether cards of this family have such keys, as far as that is known: HID's lists are closed, the standard's is not.
    #[must_use]
    pub fn is_of(self, family: Family) -> bool {
        match family {
            Family::C2300 => matches!(self, Self::Rsa2048 | Self::EccP256 | Self::EccP384),
            Family::C4000 => self != Self::Rsa1024,
            Family::Standard => true,
        }
    }

    /// RSA with a modulus of so many bytes.
    pub(crate) fn of_modulus(bytes: usize) -> Option<Self> {
        [Self::Rsa1024, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096]
            .into_iter()
            .find(|algorithm| algorithm.field_length() == bytes)
    }

    /// The algorithm with this identifier. All that was ever used for RSA 4096 is taken: a card tells of its own keys.
    pub(crate) fn from_identifier(identifier: u8) -> Option<Self> {
        Some(match identifier {
            0x06 => Self::Rsa1024,
            0x07 => Self::Rsa2048,
            0x05 => Self::Rsa3072,
            0x04 | 0x16 => Self::Rsa4096,
            0x11 => Self::EccP256,
            0x14 => Self::EccP384,
            _ => return None,
        })
    }

    /// Whether this is RSA.
    #[must_use]
    pub fn is_rsa(self) -> bool {
        !matches!(self, Self::EccP256 | Self::EccP384)
    }

    /// Bytes of a modulus, or of a coordinate.
    #[must_use]
    pub fn field_length(self) -> usize {
        match self {
            Self::Rsa1024 => 128,
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
            Self::EccP256 => 32,
            Self::EccP384 => 48,
        }
    }

    /// Bytes of a signature as PKCS#11 gives it: the modulus length, or `r || s`.
    #[must_use]
    pub fn signature_length(self) -> usize {
        if self.is_rsa() { self.field_length() } else { 2 * self.field_length() }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa1024 => "RSA-1024",
            Self::Rsa2048 => "RSA-2048",
            Self::Rsa3072 => "RSA-3072",
            Self::Rsa4096 => "RSA-4096",
            Self::EccP256 => "P-256",
            Self::EccP384 => "P-384",
        })
    }
}

/// What the card is asked to do with its key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Sign, or decipher with RSA: the input is a challenge (81).
    Challenge,
    /// ECDH: the input is a point (85).
    Exponentiation,
}

/// The dynamic authentication template (tag 7C) that asks for a response to `input`. The empty response comes first, as
/// in the examples of the standard.
pub(crate) fn template(kind: Use, input: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut inner = Zeroizing::new(Vec::with_capacity(input.len() + 8));
    tlv::push(&mut inner, 0x82, &[]);
    tlv::push(&mut inner, if kind == Use::Challenge { 0x81 } else { 0x85 }, input);
    tlv::object(0x7C, &inner)
}

/// The response (tag 82) in the card's dynamic authentication template.
pub(crate) fn response(data: &[u8]) -> Option<&[u8]> {
    tlv::find(tlv::find(data, 0x7C)?, 0x82)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_their_certificates() {
        let pairs: Vec<_> = KeyReference::all().map(|key| format!("{key} {}", key.certificate())).collect();
        assert_eq!(
            pairs[..6],
            ["9A 5FC105", "9C 5FC10A", "9D 5FC10B", "9E 5FC101", "82 5FC10D", "83 5FC10E"]
        );
        assert_eq!(pairs[23], "95 5FC120");
        assert_eq!(KeyReference::retired(20).unwrap().retired_number(), Some(20));
        assert_eq!(KeyReference::retired(0), None);
        assert_eq!(KeyReference::retired(21), None);
        assert_eq!(KeyReference::PIV_AUTHENTICATION.retired_number(), None);
        assert_eq!(KeyReference::from_number(0x9B), None);
    }

    #[test]
    fn an_rsa_template_is_cut_as_the_standard_shows() {
        let data = template(Use::Challenge, &[0x55; 256]);
        assert_eq!(data.len(), 0x10A);
        assert_eq!(data[..10], [0x7C, 0x82, 0x01, 0x06, 0x82, 0x00, 0x81, 0x82, 0x01, 0x00]);
    }

    #[test]
    fn rsa_4096_differs_by_family() {
        assert_eq!(Algorithm::Rsa4096.identifier(Family::C4000), 0x04);
        assert_eq!(Algorithm::Rsa4096.identifier(Family::Standard), 0x16);
    }
}
