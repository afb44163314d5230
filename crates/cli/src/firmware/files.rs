//! Files of `crescendo firmware`: images, keys, and the trust list of this machine.

use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use device::firmware::{Trust, TrustError, TrustFiles};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{plain, table},
};

/// Larger than the memory of any key, and small enough to hold.
const LARGEST_IMAGE: u64 = 64 << 20;

const LARGEST_TEXT: u64 = 1 << 20;

/// The trust list of this machine. Where there is none, nobody is trusted.
pub(super) fn trust_list() -> Result<TrustFiles, Failure> {
    Ok(TrustFiles::read(&*host::system())?)
}

/// The trust list, for people and programs.
#[derive(Serialize)]
pub(super) struct ListedKeys {
    folder: String,
    required: usize,
    keys: Vec<ListedKey>,
}

#[derive(Serialize)]
struct ListedKey {
    hash: String,
    file: String,
    revoked: bool,
}

impl ListedKeys {
    pub(super) fn of(files: &TrustFiles) -> Result<Self, Failure> {
        let whole = files.trust()?;
        let key = |(file, pem): (PathBuf, &str)| {
            let name = file.display().to_string();
            let hash = Trust::default().add(pem).map_err(|error| TrustError::Bad(file, error))?;
            let revoked = whole.keys().any(|(known, revoked)| known == hash && revoked);
            Ok(ListedKey { hash: hash.to_string(), file: name, revoked })
        };
        let keys = files.keys().map(key).collect::<Result<_, Failure>>()?;
        Ok(Self { folder: files.folder.display().to_string(), required: whole.required(), keys })
    }

    pub(super) fn text(&self) -> String {
        if self.keys.is_empty() {
            return format!("Nobody is trusted: there is no *.pem in {}.\n", plain(&self.folder));
        }
        let rows: Vec<_> = self.keys.iter().map(ListedKey::row).collect();
        let how_many = match self.required {
            1 => "One of these keys has to sign an image.".to_owned(),
            number => format!("{number} of these keys have to sign an image."),
        };
        table(&rows) + &how_many + "\n"
    }
}

impl ListedKey {
    fn row(&self) -> Vec<String> {
        let mark = if self.revoked { "✗ revoked" } else { "● trusted" };
        vec![mark.to_owned(), self.hash.clone(), plain(&self.file)]
    }
}

/// An image, or what is to become one.
pub(super) fn image(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, LARGEST_IMAGE)
}

pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text");
    let bytes = read(path, LARGEST_TEXT)?;
    String::from_utf8(bytes).map_err(not_text).map_err(|error| Failure::Unreadable(path.to_owned(), error))
}

fn read(path: &Path, largest: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(largest + 1).read_to_end(&mut bytes));
    match read {
        Ok(length) if length as u64 > largest => {
            let error =
                io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {largest} bytes"));
            Err(Failure::Unreadable(path.to_owned(), error))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::Unreadable(path.to_owned(), error)),
    }
}

/// A path as file managers drop and paste it: in quotes, or as a file URL. One that exists as it stands is that.
pub(super) fn pasted(path: &Path) -> PathBuf {
    let Some(text) = path.to_str().filter(|_| !path.exists()) else { return path.to_owned() };
    let text = text.trim();
    let quoted = ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let text = quoted.unwrap_or(text);
    match text.strip_prefix("file://") {
        Some(url) => decoded(url.strip_prefix("localhost").unwrap_or(url)).unwrap_or_else(|| text.into()),
        None => text.into(),
    }
}

/// The path of a URL (RFC 3986, section 2.1).
fn decoded(url: &str) -> Option<PathBuf> {
    let mut bytes = Vec::new();
    let mut parts = url.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by imgtool, as in the tests of `firmware`.
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
                       MCowBQYDK2VwAyEAcLYzPwbG0zhXv+8r1p12C0OLPqUbx64jjQDOTNpAKUo=\n\
                       -----END PUBLIC KEY-----\n";
    const HASH: &str = "ebb998654b5ff0780804227dd91e530c3b7043cf6f33977638e6c60f5eff88cb";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, content)| fs::write(folder.path().join(name), content).unwrap());
        folder
    }

    fn listed(files: &[(&str, &str)]) -> Result<ListedKeys, Failure> {
        ListedKeys::of(&TrustFiles::read_in(&*host::system(), folder(files).path().to_owned())?)
    }

    #[test]
    fn nobody_is_trusted_where_nothing_is() {
        let list = ListedKeys::of(&TrustFiles::read_in(&*host::system(), "/nowhere/at/all".into()).unwrap())
            .unwrap();
        assert!(list.keys.is_empty() && list.text().starts_with("Nobody is trusted"));
        assert!(listed(&[("README", "nothing"), ("key.pem.old", KEY)]).unwrap().keys.is_empty());
    }

    #[test]
    fn keys_revoked_ones_and_how_many() {
        let list = listed(&[("a.pem", KEY), ("required-signatures", "2\n")]).unwrap();
        assert_eq!((&list.keys[0].hash[..], list.keys[0].revoked, list.required), (HASH, false, 2));
        assert!(list.text().contains("2 of these keys"));
        let list = listed(&[("a.pem", KEY), ("lost.revoked", &format!("{HASH} # lost\n"))]).unwrap();
        assert!(list.keys[0].revoked && list.text().contains("✗ revoked"));
    }

    #[test]
    fn a_file_that_is_wrong_is_no_reason_to_trust_the_rest() {
        assert!(
            matches!(listed(&[("a.pem", KEY), ("b.pem", "x")]), Err(Failure::Trust(path, _)) if path.ends_with("b.pem"))
        );
        assert!(matches!(listed(&[("a.pem", KEY), ("b.revoked", "x")]), Err(Failure::Trust(..))));
        for wrong in ["0", "", "-1", "two"] {
            assert!(
                matches!(listed(&[("a.pem", KEY), ("required-signatures", wrong)]), Err(Failure::Trust(..))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn pasted_paths() {
        for (pasted_as, path) in [
            ("/a b/c.img", "/a b/c.img"),
            ("'/a b/c.img'", "/a b/c.img"),
            ("\"/a/c.img\" ", "/a/c.img"),
            ("file:///a%20b/%C3%A4.img", "/a b/ä.img"),
            ("'file://localhost/c.img'", "/c.img"),
            ("file:///a%2", "file:///a%2"),
        ] {
            assert_eq!(pasted(Path::new(pasted_as)), Path::new(path), "{pasted_as}");
        }
        let folder = folder(&[("'quoted'", "")]);
        let there = folder.path().join("'quoted'");
        assert_eq!(pasted(&there), there);
    }

    #[test]
    fn no_file_is_read_without_end() {
        assert!(matches!(read(Path::new("/dev/zero"), 1000), Err(Failure::Unreadable(..))));
        assert!(matches!(text(Path::new("/nowhere")), Err(Failure::Unreadable(..))));
    }
}
