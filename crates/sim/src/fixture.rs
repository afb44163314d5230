//! The keys and certificates in `fixtures/`, made by the script there. Their private halves are public knowledge.

mod vci;

use std::fmt;
use std::str::FromStr;

pub(crate) use vci::{CONTENT_SIGNER, vci};
pub use vci::{vci_anchor, vci_issuer_without_ca, vci_other_root};

/// A key with a certificate for it.
#[derive(Clone, Copy, Debug)]
pub struct Fixture {
    /// The name of the certificate's file, without its ending.
    pub name: &'static str,
    /// What kind of key it is.
    pub algorithm: Algorithm,
    /// The private key, PKCS#8 in DER.
    pub key: &'static [u8],
    /// The certificate, DER.
    pub certificate: &'static [u8],
}

/// The kinds of key these cards hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Algorithm {
    Rsa2048,
    Rsa3072,
    Rsa4096,
    P256,
    P384,
}

impl Algorithm {
    /// All of them, with the names the fixtures and the command line use.
    const NAMES: [(Self, &str); 5] = [
        (Self::Rsa2048, "rsa-2048"),
        (Self::Rsa3072, "rsa-3072"),
        (Self::Rsa4096, "rsa-4096"),
        (Self::P256, "p-256"),
        (Self::P384, "p-384"),
    ];
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = Self::NAMES.iter().find(|(algorithm, _)| algorithm == self).expect("all have names");
        f.write_str(name)
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::NAMES.iter().find(|(_, name)| *name == text);
        known.map(|(algorithm, _)| *algorithm).ok_or_else(|| {
            let names = Self::NAMES.map(|(_, name)| name).join(", ");
            format!("no kind of key {text}: {names}")
        })
    }
}

/// The lab's certificate authority, PEM.
pub const CA_CERTIFICATE_PEM: &str = include_str!("../fixtures/ca.pem");
/// The lab's certificate authority, DER.
pub const CA_CERTIFICATE: &[u8] = include_bytes!("../fixtures/ca.der");
/// The authority's private key (PKCS#8, PEM), so that tests can issue certificates for servers.
pub const CA_KEY_PEM: &str = include_str!("../fixtures/ca.key.pem");

pub(crate) const CONTENT_SIGNER_KEY: &[u8] = include_bytes!("../fixtures/content-signer.key");
pub(crate) const CHUID_CMS: &[u8] = include_bytes!("../fixtures/chuid.cms");

/// The fixture of this name, if there is one.
pub fn named(name: &str) -> Option<&'static Fixture> {
    ALL.iter().find(|fixture| fixture.name == name)
}

/// The key and certificate of the n-th retired key, from 1 to 20.
pub fn retired(n: u8) -> Option<&'static Fixture> {
    named(&format!("retired-{n:02}"))
}

/// The key of this kind for a key reference, with a certificate of the usage that belongs there.
///
/// 9A, 9C, 9D and 9E have keys of their own for every kind; retired keys of a kind other than their usual one share
/// one.
pub fn fitting(reference: u8, algorithm: Algorithm) -> Option<&'static Fixture> {
    let usual = match reference {
        0x9A | 0x9C | 0x9D | 0x9E => named(&format!("{reference:02x}"))?,
        0x82..=0x95 => retired(reference - 0x81)?,
        _ => return None,
    };
    if usual.algorithm == algorithm {
        return Some(usual);
    }
    named(&match (reference, algorithm) {
        (0x9A, Algorithm::Rsa3072 | Algorithm::Rsa4096 | Algorithm::P384) => algorithm.to_string(),
        (0x9D, Algorithm::P256 | Algorithm::P384) => format!("{algorithm}-agree"),
        (0x82..=0x95, _) => format!("retired-{algorithm}"),
        _ => format!("{reference:02x}-{algorithm}"),
    })
}

macro_rules! fixture {
    ($name:literal, $algorithm:ident) => {
        fixture!($name, $algorithm, $name)
    };
    ($name:literal, $algorithm:ident, $key:literal) => {
        Fixture {
            name: $name,
            algorithm: Algorithm::$algorithm,
            key: include_bytes!(concat!("../fixtures/", $key, ".key")),
            certificate: include_bytes!(concat!("../fixtures/", $name, ".der")),
        }
    };
}

/// Every key with its certificate.
pub static ALL: &[Fixture] = &[
    fixture!("9a", Rsa2048),
    fixture!("9a-same-key", Rsa2048, "9a"),
    fixture!("9a-new-key", Rsa2048),
    fixture!("9a-same-serial", Rsa2048),
    fixture!("9c", P256),
    fixture!("9c-same-key", P256, "9c"),
    fixture!("9c-new-key", P256),
    fixture!("9d", Rsa2048),
    fixture!("9d-same-key", Rsa2048, "9d"),
    fixture!("9d-new-key", Rsa2048),
    fixture!("9e", P256),
    fixture!("9e-same-key", P256, "9e"),
    fixture!("9e-new-key", P256),
    fixture!("rsa-3072", Rsa3072),
    fixture!("rsa-4096", Rsa4096),
    fixture!("p-384", P384),
    fixture!("p-256-agree", P256),
    fixture!("p-384-agree", P384),
    fixture!("9a-p-256", P256),
    fixture!("9c-rsa-2048", Rsa2048),
    fixture!("9c-rsa-3072", Rsa3072),
    fixture!("9c-rsa-4096", Rsa4096),
    fixture!("9c-p-384", P384),
    fixture!("9d-rsa-3072", Rsa3072),
    fixture!("9d-rsa-4096", Rsa4096),
    fixture!("9e-rsa-2048", Rsa2048),
    fixture!("9e-rsa-3072", Rsa3072),
    fixture!("9e-rsa-4096", Rsa4096),
    fixture!("9e-p-384", P384),
    fixture!("retired-rsa-2048", Rsa2048),
    fixture!("retired-rsa-3072", Rsa3072),
    fixture!("retired-rsa-4096", Rsa4096),
    fixture!("retired-p-256", P256),
    fixture!("retired-p-384", P384),
    fixture!("retired-01", Rsa2048),
    fixture!("retired-02", P256),
    fixture!("retired-03", Rsa2048),
    fixture!("retired-04", P256),
    fixture!("retired-05", Rsa2048),
    fixture!("retired-06", P256),
    fixture!("retired-07", Rsa2048),
    fixture!("retired-08", P256),
    fixture!("retired-09", Rsa2048),
    fixture!("retired-10", P256),
    fixture!("retired-11", Rsa2048),
    fixture!("retired-12", P256),
    fixture!("retired-13", Rsa2048),
    fixture!("retired-14", P256),
    fixture!("retired-15", Rsa2048),
    fixture!("retired-16", P256),
    fixture!("retired-17", Rsa2048),
    fixture!("retired-18", P256),
    fixture!("retired-19", Rsa2048),
    fixture!("retired-20", P256),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_reference_has_a_key_of_every_kind() {
        for (algorithm, name) in Algorithm::NAMES {
            assert_eq!(name.parse(), Ok(algorithm));
            for reference in (0x82..=0x95).chain([0x9A, 0x9C, 0x9D, 0x9E]) {
                let fixture =
                    fitting(reference, algorithm).unwrap_or_else(|| panic!("{reference:02X} {name}"));
                assert_eq!(fixture.algorithm, algorithm, "{reference:02X}");
            }
        }
        assert!(fitting(0x9B, Algorithm::P256).is_none());
        assert!("rsa-1024".parse::<Algorithm>().is_err());
    }

    #[test]
    fn the_four_keys_of_one_kind_are_four() {
        for (algorithm, _) in Algorithm::NAMES {
            let mut keys =
                [0x82, 0x9A, 0x9C, 0x9D, 0x9E].map(|reference| fitting(reference, algorithm).unwrap().key);
            keys.sort_unstable();
            assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{algorithm}");
        }
    }
}
