//! The keys and certificates in `fixtures/`, made by the script there. Their private halves are public knowledge.

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
