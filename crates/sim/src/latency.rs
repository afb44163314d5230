//! How long a card takes, for measurements that should not flatter us.

use std::str::FromStr;
use std::time::Duration;

use crate::fixture::Algorithm;

/// A model of the way to the card: a fixed part for each APDU, and one for each byte in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// As fast as this machine.
    #[default]
    None,
    /// A contact card: 2 ms, and 0.1 ms per byte.
    Contact,
    /// A USB key: 1 ms, and 0.01 ms per byte.
    Usb,
    /// A contactless card at 106 kbit/s: 3 ms, and 0.09 ms per byte, which has 9 bits of 9.44 µs (ISO/IEC 14443-2, type A)
    /// and its share of the frames.
    Contactless,
}

impl Latency {
    pub(crate) fn delay(self, bytes: usize) -> Duration {
        let bytes = bytes as u64;
        Duration::from_micros(match self {
            Self::None => 0,
            Self::Contact => 2000 + 100 * bytes,
            Self::Usb => 1000 + 10 * bytes,
            Self::Contactless => 3000 + 90 * bytes,
        })
    }
}

impl FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "contact" => Ok(Self::Contact),
            "usb" => Ok(Self::Usb),
            "contactless" => Ok(Self::Contactless),
            _ => Err(format!("no latency model {text}: none, contact, usb or contactless")),
        }
    }
}

/// What takes a chip longer than speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Using a private key. RSA grows with the cube of its length; the rest is what chips are sold with.
    Private(Algorithm),
    /// Making a key: as long as command reference 8.3 has it.
    Generation(Algorithm),
    /// RESET CARD.
    Reset,
}

impl Work {
    pub(crate) fn time(self) -> Duration {
        use Algorithm::{P256, P384, Rsa2048, Rsa3072, Rsa4096};
        Duration::from_millis(match self {
            Self::Private(Rsa2048) => 400,
            Self::Private(Rsa3072) => 1350,
            Self::Private(Rsa4096) => 3200,
            Self::Private(P256) => 80,
            Self::Private(P384) => 160,
            Self::Generation(Rsa2048) => 8_000,
            Self::Generation(Rsa3072) => 24_000,
            Self::Generation(Rsa4096) => 60_000,
            Self::Generation(P256 | P384) => 300,
            Self::Reset => 2_000,
        })
    }
}
