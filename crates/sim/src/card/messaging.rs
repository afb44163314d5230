//! What may differ between two cards in secure messaging and the virtual contact interface (SP 800-73 part 1, 5; part 2,
//! 4): suite, policy, who vouches for the key.

use std::str::FromStr;

use crate::fixture::{Algorithm, CONTENT_SIGNER, Fixture, vci};

/// Which interface of a card a reader speaks to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interface {
    /// Contacts, or USB.
    #[default]
    Contact,
    /// An antenna.
    Contactless,
}

/// A cipher suite of secure messaging (SP 800-78, 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// P-256, SHA-256, AES-128.
    Cs2,
    /// P-384, SHA-384, AES-256.
    Cs7,
}

impl Suite {
    /// The algorithm byte of key establishment.
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Cs2 => 0x27,
            Self::Cs7 => 0x2E,
        }
    }

    /// The curve of the secure messaging key.
    pub(super) fn curve(self) -> Algorithm {
        match self {
            Self::Cs2 => Algorithm::P256,
            Self::Cs7 => Algorithm::P384,
        }
    }
}

/// What the Discovery object says about the virtual contact interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Vci {
    /// There is none.
    #[default]
    None,
    /// It wants the pairing code.
    PairingCode,
    /// Secure messaging is enough.
    Open,
}

impl Vci {
    /// Bits 4 and 3 of the PIN usage policy.
    pub(super) fn policy(self) -> u8 {
        match self {
            Self::None => 0x00,
            Self::PairingCode => 0x08,
            Self::Open => 0x0C,
        }
    }
}

/// Who vouches for the secure messaging key. From [`Signer::Expired`] on, a client must refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signer {
    /// A content signer with a key on the curve of the suite.
    #[default]
    Direct,
    /// A content signer with an RSA key, and an Intermediate CVC of its.
    Intermediate,
    /// An Intermediate CVC of the content signer with an EC key; not seen on real cards.
    IntermediateEcdsa,
    /// A content signer whose certificate is no longer valid.
    Expired,
    /// A content signer whose certificate is not for signing content.
    NoUsage,
    /// A content signer issued by [`fixture::vci_issuer_without_ca`](crate::fixture::vci_issuer_without_ca).
    NoCa,
    /// A content signer issued by [`fixture::vci_other_root`](crate::fixture::vci_other_root).
    OtherRoot,
    /// A good content signer, for another card: the CVC does not have the GUID of the CHUID.
    OtherCard,
}

impl Signer {
    /// The content signer of this kind for a suite.
    pub(super) fn content_signer(self, suite: Suite) -> &'static Fixture {
        let name = match self {
            Self::Intermediate => return &CONTENT_SIGNER,
            Self::Direct | Self::IntermediateEcdsa | Self::OtherCard => "signer",
            Self::Expired => "expired",
            Self::NoUsage => "no-usage",
            Self::NoCa => "no-ca",
            Self::OtherRoot => "other-root",
        };
        vci(name, suite.curve())
    }

    pub(super) fn is_intermediate(self) -> bool {
        matches!(self, Self::Intermediate | Self::IntermediateEcdsa)
    }
}

/// Secure messaging of a card; the default is a card without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecureMessaging {
    /// The one suite; `None` for a card without secure messaging.
    pub suite: Option<Suite>,
    /// The virtual contact interface, where there is a suite. [`Personality::policy`](super::Personality::policy) goes
    /// before it.
    pub vci: Vci,
    /// Who signed the card verifiable certificate.
    pub signer: Signer,
    /// 8 digits.
    pub pairing_code: String,
    /// So many of the last tries of a PIN are for the contact interface alone: over contactless they answer 6983 (the
    /// "intermediate retry value").
    pub contact_tries: u8,
    /// Any plain command to the PIV application ends the session.
    pub strict_plain: bool,
}

/// Reads a pairing code.
///
/// # Errors
/// When it is anything but 8 digits.
pub fn pairing_code(text: &str) -> Result<String, String> {
    let fits = text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_digit());
    if fits { Ok(text.into()) } else { Err("8 digits".into()) }
}

impl FromStr for Suite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cs2" => Ok(Self::Cs2),
            "cs7" => Ok(Self::Cs7),
            _ => Err(format!("no suite {text}: cs2 or cs7")),
        }
    }
}

impl FromStr for Vci {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "code" => Ok(Self::PairingCode),
            "open" => Ok(Self::Open),
            _ => Err(format!("no policy {text}: none, code or open")),
        }
    }
}

impl FromStr for Signer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const NAMES: [(Signer, &str); 8] = [
            (Signer::Direct, "direct"),
            (Signer::Intermediate, "intermediate"),
            (Signer::IntermediateEcdsa, "intermediate-ecdsa"),
            (Signer::Expired, "expired"),
            (Signer::NoUsage, "no-usage"),
            (Signer::NoCa, "no-ca"),
            (Signer::OtherRoot, "other-root"),
            (Signer::OtherCard, "other-card"),
        ];
        let known = NAMES.iter().find(|(_, name)| *name == text);
        known.map(|(signer, _)| *signer).ok_or_else(|| {
            let names = NAMES.map(|(_, name)| name).join(", ");
            format!("no signer {text}: {names}")
        })
    }
}
