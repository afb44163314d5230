//! Whose signatures count: a list of public keys, a list of those that no longer do, and how many it takes.
//!
//! The list starts empty, and so it is shipped: this project trusts nobody on behalf of others.

use std::fmt;

use ed25519_dalek::{VerifyingKey, pkcs8::DecodePublicKey, pkcs8::EncodePublicKey};
use sha2::{Digest, Sha256};

/// A public key by the SHA-256 of its SubjectPublicKeyInfo, as imgtool writes it. Prints as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub [u8; 32]);

/// The keys whose signatures count.
#[derive(Clone, Debug)]
pub struct Trust {
    keys: Vec<(KeyHash, VerifyingKey)>,
    revoked: Vec<KeyHash>,
    required: usize,
}

/// Why a key or a list of revoked keys was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// Not a public Ed25519 key in PEM.
    NotEd25519,
    /// A key that makes signatures anybody can forge.
    Weak,
    /// This line of a list of revoked keys is not a key hash.
    Line(usize),
    /// How many different keys have to sign is not a number from 1 upwards.
    Number,
}

const PEM: &str = ".pem";
const REVOKED: &str = ".revoked";
const REQUIRED: &str = "required-signatures";

/// Nobody is trusted, and one signature would be enough.
impl Default for Trust {
    fn default() -> Self {
        Self { keys: Vec::new(), revoked: Vec::new(), required: 1 }
    }
}

impl Trust {
    /// A list on which so many different keys have to sign; 0 counts as 1.
    #[must_use]
    pub fn requiring(signatures: usize) -> Self {
        Self { required: signatures.max(1), ..Self::default() }
    }

    /// Whether a file of this name belongs to a trust list: `*.pem` is a public key, `*.revoked` hashes of keys that no
    /// longer count, `required-signatures` how many different keys have to sign.
    #[must_use]
    pub fn takes(name: &str) -> bool {
        name.ends_with(PEM) || name.ends_with(REVOKED) || name == REQUIRED
    }

    /// The list that the files of a folder make, each by its name and content; what it does not take is nothing.
    ///
    /// # Errors
    /// The name of the first file that is not what it should be, with the reason: a list that is not whole is none.
    pub fn of_folder(files: &[(String, String)]) -> Result<Self, (String, BadKey)> {
        let mut trust = Self::default();
        for (name, content) in files {
            let taken = match &name[..] {
                REQUIRED => required(content).map(|number| trust.required = number),
                name if name.ends_with(PEM) => trust.add(content).map(drop),
                name if name.ends_with(REVOKED) => trust.revoke(content),
                _ => Ok(()),
            };
            taken.map_err(|error| (name.clone(), error))?;
        }
        Ok(trust)
    }

    /// Adds a public key: SubjectPublicKeyInfo in PEM. One that is there already stays there once.
    ///
    /// # Errors
    /// [`BadKey::NotEd25519`], [`BadKey::Weak`]
    pub fn add(&mut self, pem: &str) -> Result<KeyHash, BadKey> {
        let key = VerifyingKey::from_public_key_pem(pem).map_err(|_| BadKey::NotEd25519)?;
        if key.is_weak() {
            return Err(BadKey::Weak);
        }
        let hash = KeyHash::of(&key);
        if !self.keys.iter().any(|(known, _)| *known == hash) {
            self.keys.push((hash, key));
        }
        Ok(hash)
    }

    /// Takes a list of key hashes that no longer count, whether or not those keys are here: one a line, in hexadecimal;
    /// empty lines and what follows a `#` are nothing.
    ///
    /// # Errors
    /// [`BadKey::Line`]: nothing of the list has been taken then.
    pub fn revoke(&mut self, list: &str) -> Result<(), BadKey> {
        let mut revoked = Vec::new();
        for (line, number) in list.lines().zip(1..) {
            let hash = line.split('#').next().unwrap_or_default().trim();
            if !hash.is_empty() {
                revoked.push(KeyHash::from_hex(hash).ok_or(BadKey::Line(number))?);
            }
        }
        self.revoked.append(&mut revoked);
        Ok(())
    }

    /// The keys, and whether each has been revoked.
    pub fn keys(&self) -> impl Iterator<Item = (KeyHash, bool)> {
        self.keys.iter().map(|(hash, _)| (*hash, self.is_revoked(*hash)))
    }

    /// How many different keys have to sign.
    #[must_use]
    pub fn required(&self) -> usize {
        self.required
    }

    pub(crate) fn is_revoked(&self, hash: KeyHash) -> bool {
        self.revoked.contains(&hash)
    }

    /// The key, if its signatures count.
    pub(crate) fn key(&self, hash: KeyHash) -> Option<&VerifyingKey> {
        let key = self.keys.iter().find(|(known, _)| *known == hash);
        key.filter(|_| !self.is_revoked(hash)).map(|(_, key)| key)
    }
}

fn required(content: &str) -> Result<usize, BadKey> {
    let number = content.trim().parse().ok().filter(|number| *number > 0);
    number.ok_or(BadKey::Number)
}

impl KeyHash {
    pub(crate) fn of(key: &VerifyingKey) -> Self {
        // 12 bytes and the key: nothing in there can fail.
        let info = key.to_public_key_der().map(|der| der.as_bytes().to_vec()).unwrap_or_default();
        Self(Sha256::digest(info).into())
    }

    fn from_hex(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> =
            text.chars().map(|digit| digit.to_digit(16).and_then(|digit| digit.try_into().ok())).collect();
        let bytes: Vec<u8> =
            digits?.chunks(2).map(|pair| pair.iter().fold(0, |sum, digit| sum << 4 | digit)).collect();
        (text.len() == 64).then_some(bytes)?.try_into().ok().map(Self)
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEd25519 => f.write_str("this is not a public Ed25519 key in PEM"),
            Self::Weak => f.write_str("this key is one of the few whose signatures anybody can forge"),
            Self::Number => f.write_str("this is not a number from 1 upwards"),
            Self::Line(number) => write!(f, "line {number} is not a key hash of 64 hexadecimal digits"),
        }
    }
}

impl std::error::Error for BadKey {}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{SigningKey, pkcs8::spki::der::pem::LineEnding};

    use super::*;

    fn pem(seed: u8) -> String {
        SigningKey::from_bytes(&[seed; 32]).verifying_key().to_public_key_pem(LineEnding::LF).unwrap()
    }

    #[test]
    fn a_key_is_known_by_the_hash_imgtool_gives_it() {
        // Made by `imgtool keygen -t ed25519` and `imgtool sign`.
        let key = "-----BEGIN PUBLIC KEY-----\n\
                   MCowBQYDK2VwAyEAcLYzPwbG0zhXv+8r1p12C0OLPqUbx64jjQDOTNpAKUo=\n\
                   -----END PUBLIC KEY-----\n";
        let hash = Trust::default().add(key).unwrap();
        assert_eq!(hash.to_string(), "ebb998654b5ff0780804227dd91e530c3b7043cf6f33977638e6c60f5eff88cb");
    }

    #[test]
    fn nobody_is_trusted_unasked() {
        assert_eq!(Trust::default().keys().count(), 0);
        assert_eq!(Trust::requiring(0).required(), 1);
    }

    #[test]
    fn the_files_of_a_folder_make_a_list_or_none() {
        let file = |name: &str, content: &str| (name.to_owned(), content.to_owned());
        let good = [file("a.pem", &pem(1)), file("README", "x"), file("required-signatures", "2\n")];
        let trust = Trust::of_folder(&good).unwrap();
        assert_eq!((trust.keys().count(), trust.required()), (1, 2));
        for (wrong, why) in [
            (file("b.pem", "x"), BadKey::NotEd25519),
            (file("b.revoked", "x"), BadKey::Line(1)),
            (file("required-signatures", "0"), BadKey::Number),
        ] {
            let name = wrong.0.clone();
            assert_eq!(Trust::of_folder(&[file("a.pem", &pem(1)), wrong]).unwrap_err(), (name, why));
        }
    }

    #[test]
    fn a_key_counts_once_and_not_at_all_once_revoked() {
        let mut trust = Trust::default();
        let first = trust.add(&pem(1)).unwrap();
        let second = trust.add(&pem(2)).unwrap();
        assert_eq!(trust.add(&pem(1)), Ok(first));
        trust
            .revoke(&format!(
                "# lost on the train\n\n  {}  # the second\n",
                second.to_string().to_uppercase()
            ))
            .unwrap();
        assert_eq!(trust.keys().collect::<Vec<_>>(), [(first, false), (second, true)]);
        assert!(trust.key(first).is_some() && trust.key(second).is_none());
    }

    #[test]
    fn a_key_revoked_before_it_is_added_stays_revoked() {
        let mut trust = Trust::default();
        let hash = Trust::default().add(&pem(1)).unwrap();
        trust.revoke(&hash.to_string()).unwrap();
        trust.add(&pem(1)).unwrap();
        assert!(trust.key(hash).is_none());
    }

    #[test]
    fn weak_keys_and_other_things_are_refused() {
        let mut trust = Trust::default();
        let weak = "-----BEGIN PUBLIC KEY-----\n\
                    MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
                    -----END PUBLIC KEY-----\n";
        assert_eq!(trust.add(weak), Err(BadKey::Weak));
        assert_eq!(trust.add("hello"), Err(BadKey::NotEd25519));
        assert_eq!(trust.add(&pem(1).replace("PUBLIC", "PRIVATE")), Err(BadKey::NotEd25519));
        let long = "0".repeat(66);
        for list in ["xyz", &long[..63], &long[..65], &long, "äääääääääääääääääääääääääääääääää"]
        {
            assert_eq!(trust.revoke(&format!("# one\n{list}")), Err(BadKey::Line(2)), "{list}");
        }
        assert_eq!(trust.keys().count(), 0);
    }
}
