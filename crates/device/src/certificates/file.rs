//! Certificates and private keys in files, as people have them: PEM with any number of either, DER, PKCS #12.

use std::fmt;

use der::pem;
use piv::{PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::pkcs12::{self, Contents};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// What a file brings for one key: its certificate, the private key, or both.
#[derive(Default)]
pub struct Credential {
    /// DER; of a chain the certificate at its end.
    pub certificate: Option<Vec<u8>>,
    /// The private key.
    pub key: Option<PrivateKey>,
    /// How many further certificates the file has, which a card has no place for.
    pub others: usize,
}

/// Why nothing can be taken from a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// It is none of the known forms, or not whole.
    Unreadable,
    /// It is encrypted.
    PassphraseNeeded,
    /// It is encrypted with another passphrase, or was changed.
    WrongPassphrase,
    /// It is in a form that is not understood.
    Unsupported(&'static str),
    /// There is more than one private key in it.
    SeveralKeys,
    /// There is neither a certificate nor a key in it.
    Empty,
    /// What is in it is not for a card.
    Card(piv::Error),
}

impl Credential {
    /// Reads a file.
    ///
    /// # Errors
    /// [`FileError::PassphraseNeeded`] where the file is encrypted and there is no passphrase; the others as they say.
    pub fn read(file: &[u8], passphrase: Option<&str>) -> Result<Self, FileError> {
        let contents = match std::str::from_utf8(file).ok().filter(|text| text.contains(BEGIN)) {
            Some(text) => of_text(text, passphrase)?,
            None => of_der(file, passphrase)?,
        };
        choose(contents)
    }
}

/// One key, and the certificate that belongs to it; without a key, the one that no other was issued by.
fn choose(contents: Contents) -> Result<Credential, FileError> {
    let Contents { mut keys, mut certificates } = contents;
    if keys.len() > 1 {
        return Err(FileError::SeveralKeys);
    }
    let key = keys.pop().map(|key| PrivateKey::from_der(&key)).transpose()?;
    if certificates.is_empty() {
        return if key.is_some() {
            Ok(Credential { key, ..Credential::default() })
        } else {
            Err(FileError::Empty)
        };
    }
    let chosen = match &key {
        Some(key) => certificates.iter().position(|der| public_key(der).as_ref() == Some(key.public())),
        None => end_of_chain(&certificates),
    };
    let others = certificates.len() - usize::from(chosen.is_some());
    Ok(Credential { certificate: chosen.map(|at| certificates.swap_remove(at)), key, others })
}

fn public_key(der: &[u8]) -> Option<PublicKey> {
    piv::Certificate::parse(der).ok().map(|certificate| certificate.key)
}

/// The first certificate whose subject has issued none of the others.
fn end_of_chain(certificates: &[Vec<u8>]) -> Option<usize> {
    let parsed: Vec<_> = certificates.iter().map(|der| piv::Certificate::parse(der).ok()).collect();
    let issues = |at: usize| {
        let subject = parsed[at].as_ref().map(|certificate| &certificate.subject);
        parsed.iter().enumerate().any(|(other, certificate)| {
            other != at && certificate.as_ref().map(|certificate| &certificate.issuer) == subject
        })
    };
    Some((0..certificates.len()).find(|at| parsed[*at].is_some() && !issues(*at)).unwrap_or(0))
}

fn of_text(text: &str, passphrase: Option<&str>) -> Result<Contents, FileError> {
    let mut contents = Contents::default();
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let block = &rest[start..];
        let end = block.find(END).ok_or(FileError::Unreadable)?;
        let line_end = block[end..].find('\n').map_or(block.len(), |length| end + length);
        add(&block[..line_end], passphrase, &mut contents)?;
        rest = &block[line_end..];
    }
    Ok(contents)
}

fn add(block: &str, passphrase: Option<&str>, contents: &mut Contents) -> Result<(), FileError> {
    // What old programs write between the first line and the text says how it is encrypted.
    if block.contains("Proc-Type:") {
        return Err(FileError::Unsupported(
            "the old encryption of this key (openssl pkcs8 -topk8 makes a new one),",
        ));
    }
    let label = block[BEGIN.len()..].split("-----").next().unwrap_or_default();
    let known = ["CERTIFICATE", "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];
    if !known.contains(&label) {
        return Ok(());
    }
    let (_, der) = pem::decode_vec(block.trim_end().as_bytes()).map_err(|_| FileError::Unreadable)?;
    let der = Zeroizing::new(der);
    match label {
        "CERTIFICATE" => contents.certificates.push(der.to_vec()),
        "ENCRYPTED PRIVATE KEY" => contents.keys.push(pkcs12::decrypt_key(&der, known_phrase(passphrase)?)?),
        _ => contents.keys.push(der),
    }
    Ok(())
}

fn of_der(der: &[u8], passphrase: Option<&str>) -> Result<Contents, FileError> {
    let key = |key| Contents { keys: vec![key], certificates: Vec::new() };
    if pkcs12::is_one(der) {
        return pkcs12::open(der, known_phrase(passphrase)?);
    }
    if pkcs12::is_encrypted_key(der) {
        return pkcs12::decrypt_key(der, known_phrase(passphrase)?).map(key);
    }
    if PrivateKey::from_der(der).is_ok() {
        return Ok(key(Zeroizing::new(der.to_vec())));
    }
    match piv::Certificate::parse(der) {
        Ok(_) => Ok(Contents { keys: Vec::new(), certificates: vec![der.to_vec()] }),
        Err(piv::Error::Unsupported(what)) => Err(FileError::Card(piv::Error::Unsupported(what))),
        Err(_) => Err(FileError::Unreadable),
    }
}

fn known_phrase(passphrase: Option<&str>) -> Result<&str, FileError> {
    passphrase.ok_or(FileError::PassphraseNeeded)
}

impl From<der::Error> for FileError {
    fn from(_: der::Error) -> Self {
        Self::Unreadable
    }
}

impl From<piv::Error> for FileError {
    fn from(error: piv::Error) -> Self {
        Self::Card(error)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => {
                f.write_str("this is no certificate, private key or PKCS #12 file that can be read")
            }
            Self::PassphraseNeeded => f.write_str("the file is encrypted: its passphrase is needed"),
            Self::WrongPassphrase => {
                f.write_str("this is not the passphrase of the file, or the file was changed")
            }
            Self::Unsupported(what) => write!(f, "{what} is not supported"),
            Self::SeveralKeys => f.write_str("there is more than one private key in the file"),
            Self::Empty => f.write_str("there is neither a certificate nor a private key in the file"),
            Self::Card(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Card(error) = self { Some(error) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Credential::read(&bytes, Some("passphrase"));
        }

        #[test]
        fn any_text_is_read_or_refused(label in "CERTIFICATE|PRIVATE KEY|ENCRYPTED PRIVATE KEY|X", body in "[A-Za-z0-9+/=\n]{0,100}") {
            for text in [format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"), format!("-----BEGIN {label}{body}")] {
                let _ = Credential::read(text.as_bytes(), Some("passphrase"));
            }
        }

        #[test]
        fn a_damaged_file_is_refused_or_read_as_what_it_is(at in 0..2000usize, bit in 0..8u8) {
            let mut file = include_bytes!("../../tests/files/credential.p12").to_vec();
            let at = at % file.len();
            file[at] ^= 1 << bit;
            let _ = Credential::read(&file, Some("passphrase"));
        }
    }

    #[test]
    fn a_file_with_a_key_and_its_chain() {
        let file = include_bytes!("../../tests/files/credential.p12");
        assert!(matches!(Credential::read(file, None), Err(FileError::PassphraseNeeded)));
        assert!(matches!(Credential::read(file, Some("other")), Err(FileError::WrongPassphrase)));
        let read = Credential::read(file, Some("passphrase")).ok().unwrap();
        let key = read.key.unwrap();
        assert_eq!(public_key(&read.certificate.unwrap()).as_ref(), Some(key.public()));
        assert_eq!(read.others, 1, "its issuer's");
    }

    #[test]
    fn of_a_chain_the_end_is_taken_in_whatever_order_it_comes() {
        let file = include_str!("../../tests/files/chain.pem");
        let blocks: Vec<_> = file.split_inclusive("-----END CERTIFICATE-----\n").collect();
        let end = Credential::read(file.as_bytes(), None).ok().unwrap();
        let turned: String = blocks.iter().rev().copied().collect();
        let other = Credential::read(turned.as_bytes(), None).ok().unwrap();
        assert_eq!((&end.certificate, end.others), (&other.certificate, 1));
        assert!(
            end.certificate
                .is_some_and(|der| piv::Certificate::parse(&der).unwrap().common_name().unwrap() == "End")
        );
    }
}
