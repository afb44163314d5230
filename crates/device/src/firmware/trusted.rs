//! What an administrator has decided about firmware on this machine: whose images are trusted, and by which further USB
//! ids keys in update mode are known. Files, read over the seam.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use firmware::{BadKey, Trust, UpdateIds};
use link::System;

/// Where the keys that are trusted are. What is shipped puts nothing there.
const TRUSTED: &str = "/etc/crescendo/firmware-keys.d";

/// Names another folder, for tests and for trying things out.
const TRUSTED_VARIABLE: &str = "CRESCENDO_FIRMWARE_KEYS";

/// The USB ids of update mode, beside those that are built in.
pub(crate) const UPDATE_IDS: &str = "/etc/crescendo/update-mode-ids";

const LARGEST: usize = 1 << 20;

/// The trust list of a machine, as its files have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustFiles {
    /// Where they are, whether or not there are any.
    pub folder: PathBuf,
    /// Their names and what is in them.
    pub files: Vec<(String, String)>,
}

/// Why there is no trust list. Nobody is trusted then.
#[derive(Debug)]
pub enum TrustError {
    /// This file or folder cannot be read.
    Unreadable(PathBuf, io::Error),
    /// This file is not what it should be.
    Bad(PathBuf, BadKey),
}

impl TrustFiles {
    /// The files in the folder of this machine: `*.pem`, `*.revoked`, `required-signatures`. Where there is no such folder,
    /// nobody is trusted.
    ///
    /// # Errors
    /// [`TrustError::Unreadable`]
    pub fn read(system: &dyn System) -> Result<Self, TrustError> {
        let folder = system.variable(TRUSTED_VARIABLE).unwrap_or_else(|| TRUSTED.to_owned());
        Self::read_in(system, folder.into())
    }

    /// The same of any folder.
    ///
    /// # Errors
    /// [`TrustError::Unreadable`]
    pub fn read_in(system: &dyn System, folder: PathBuf) -> Result<Self, TrustError> {
        let mut files = Vec::new();
        let names = match system.names(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names.map_err(|error| TrustError::Unreadable(folder.clone(), error))?,
        };
        for name in names.into_iter().filter(|name| Trust::takes(name)) {
            let content = text(system, &folder.join(&name))?;
            files.push((name, content));
        }
        Ok(Self { folder, files })
    }

    /// The public keys: file and text.
    pub fn keys(&self) -> impl Iterator<Item = (PathBuf, &str)> {
        let keys = self.files.iter().filter(|(name, _)| name.ends_with(".pem"));
        keys.map(|(name, pem)| (self.folder.join(name), &pem[..]))
    }

    /// The keys whose signatures count.
    ///
    /// # Errors
    /// [`TrustError::Bad`]: a list that is not whole is none.
    pub fn trust(&self) -> Result<Trust, TrustError> {
        Trust::of_folder(&self.files).map_err(|(name, error)| TrustError::Bad(self.folder.join(name), error))
    }
}

fn text(system: &dyn System, path: &Path) -> Result<String, TrustError> {
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text");
    let text = system.read(path, LARGEST).and_then(|bytes| String::from_utf8(bytes).map_err(not_text));
    text.map_err(|error| TrustError::Unreadable(path.to_owned(), error))
}

/// The USB ids by which a key in update mode is known on this machine: what is built in, and what is listed in
/// `/etc/crescendo/update-mode-ids`. Without that file, and if it cannot be read, what is built in.
///
/// # Errors
/// Beside the ids, why the file cannot be read.
pub fn update_ids(system: &dyn System) -> (UpdateIds, Option<io::Error>) {
    match system.read(Path::new(UPDATE_IDS), LARGEST) {
        Ok(bytes) => (UpdateIds::parse(&String::from_utf8_lossy(&bytes)), None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (UpdateIds::default(), None),
        Err(error) => (UpdateIds::default(), Some(error)),
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::Bad(path, error) => {
                write!(f, "{} in the list of trusted keys: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for TrustError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Bad(_, error) => Some(error),
        }
    }
}
