//! What can be asked for of keys and certificates.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use device::{Algorithm, KeyReference, usual_algorithm};

use crate::{
    arguments::{Format, Which, key},
    authority::AuthoritySource,
};

/// Which key, and by what right it is changed.
#[derive(Args, Debug)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The key: 9A, 9C, 9D, 9E, or a retired one from 82 to 95
    #[arg(long, short, value_parser = key)]
    pub(crate) key: KeyReference,
    #[command(flatten)]
    pub(crate) source: AuthoritySource,
    /// Do not ask before something is lost
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Whose certificate it is to be, and of which key.
#[derive(Args, Debug)]
pub(crate) struct Wanted {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Whose it is, as in "CN=Ada Lovelace,O=Example" (RFC 4514)
    #[arg(long, short, value_name = "NAME")]
    pub(crate) subject: String,
    /// Another name, as in email:ada@example.org; dns:, ip:, uri:, upn: likewise. May be repeated
    #[arg(long, value_name = "KIND:NAME")]
    pub(crate) san: Vec<String>,
    /// The kind of the new key; without it P-256, and RSA-2048 for 9D and retired keys
    #[arg(long, short, value_enum, conflicts_with = "existing")]
    pub(crate) algorithm: Option<Kind>,
    /// Use the key that is there, and make none
    #[arg(long)]
    pub(crate) existing: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Request {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// As text or in binary form
    #[arg(long, short, value_enum, default_value = "pem")]
    pub(crate) format: Format,
    /// The file to write; it must not exist yet
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SelfSign {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// For how many days it is valid
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36500))]
    pub(crate) days: u32,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A certificate, a private key or both, in PEM or DER or as PKCS #12 (.p12, .pfx); `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Take the certificate alone, even if the file has a private key
    #[arg(long)]
    pub(crate) certificate_only: bool,
    /// Take the passphrase of the file from this environment variable
    #[arg(long, value_name = "VAR", conflicts_with = "passphrase_fd")]
    pub(crate) passphrase_env: Option<String>,
    /// Read the passphrase of the file from this file descriptor, one line
    #[arg(long, value_name = "N")]
    pub(crate) passphrase_fd: Option<u32>,
    /// Send commands that nobody has published for this device
    #[arg(long)]
    pub(crate) unconfirmed: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The key too, and not its certificate alone
    #[arg(long)]
    pub(crate) with_key: bool,
    /// Send commands that nobody has published for this device
    #[arg(long)]
    pub(crate) unconfirmed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    P256,
    P384,
    Rsa2048,
    Rsa3072,
    Rsa4096,
}

impl Wanted {
    /// The kind of the key to be made.
    pub(crate) fn kind(&self) -> Algorithm {
        match self.algorithm {
            Some(Kind::P256) => Algorithm::EccP256,
            Some(Kind::P384) => Algorithm::EccP384,
            Some(Kind::Rsa2048) => Algorithm::Rsa2048,
            Some(Kind::Rsa3072) => Algorithm::Rsa3072,
            Some(Kind::Rsa4096) => Algorithm::Rsa4096,
            None => usual_algorithm(self.place.key),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use crate::arguments::Arguments;

    fn is_taken(line: &str) -> bool {
        Arguments::try_parse_from(format!("crescendo cert {line}").split_whitespace()).is_ok()
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_can_be_asked_for() {
        for line in [
            "request -k 9A -s CN=A",
            "request -k 9A -s CN=A --san dns:a --san upn:b --algorithm p384 --output x --force",
            "self-sign -k 82 -s CN=A --existing --days 30 --yes",
            "import -k 9D - --passphrase-fd 3 --unconfirmed --management-key-env K --pin-env P",
            "delete -k 9A --with-key --xauth-key-fd 4",
        ] {
            assert!(is_taken(line), "{line}");
        }
        for line in [
            "request -k 9A",
            "request -k 9B -s CN=A",
            "request -k 9A -s CN=A --existing --algorithm p256",
            "request -k 9A -s CN=A --force",
            "self-sign -k 9A -s CN=A --days 0",
            "import -k 9D",
            "delete -k 9A --default-management-key --xauth-key-fd 4",
            "delete -k 9A --management-key 0102",
            "import -k 9D x --passphrase abc",
        ] {
            assert!(!is_taken(line), "{line}");
        }
    }
}
