//! What an administrator has set: whose images are trusted, and the USB ids of update mode. Read anew for each use, as a
//! daemon lives longer than a setting.

use std::{
    env, fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use firmware::{Trust, UpdateIds};

use crate::problem::{Problem, SIGNATURE_INVALID};

const TRUSTED: &str = "/etc/crescendo/firmware-keys.d";

/// Names another folder of trusted keys, for tests.
const TRUSTED_VARIABLE: &str = "CRESCENDO_FIRMWARE_KEYS";

const UPDATE_MODE_IDS: &str = "/etc/crescendo/update-mode-ids";

const LARGEST_TEXT: u64 = 1 << 20;

/// The trust list of this machine. Where there is none, nobody is trusted.
pub(crate) fn trust() -> Result<Trust, Problem> {
    // A program that runs with rights that are not its user's does not let that user say whom it trusts.
    let own = rustix::process::getuid() == rustix::process::geteuid()
        && rustix::process::getgid() == rustix::process::getegid();
    let named = env::var_os(TRUSTED_VARIABLE).filter(|_| own).map(PathBuf::from);
    trust_of(&named.unwrap_or_else(|| TRUSTED.into()))
}

fn trust_of(folder: &Path) -> Result<Trust, Problem> {
    let problem = |name: &str, why: &dyn std::fmt::Display| {
        let place = folder.join(name);
        let message = format!("nobody's firmware is trusted until {} is put right: {why}", place.display());
        Problem::new(SIGNATURE_INVALID, message)
    };
    let mut files = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Trust::default()),
        entries => entries.map_err(|error| problem("", &error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| problem("", &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if Trust::takes(&name) {
            let content = text(&entry.path()).map_err(|error| problem(&name, &error))?;
            files.push((name, content));
        }
    }
    files.sort();
    Trust::of_folder(&files).map_err(|(name, error)| problem(&name, &error))
}

/// The USB ids by which a key in update mode is known.
pub(crate) fn update_mode_ids() -> UpdateIds {
    text(Path::new(UPDATE_MODE_IDS)).map_or_else(|_| UpdateIds::default(), |text| UpdateIds::parse(&text))
}

fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST_TEXT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_TEXT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
                       MCowBQYDK2VwAyEAcLYzPwbG0zhXv+8r1p12C0OLPqUbx64jjQDOTNpAKUo=\n\
                       -----END PUBLIC KEY-----\n";

    fn trust_in(files: &[(&str, &str)]) -> Result<Trust, Problem> {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, content)| fs::write(folder.path().join(name), content).unwrap());
        trust_of(folder.path())
    }

    #[test]
    fn nobody_is_trusted_where_nothing_is() {
        assert_eq!(trust_of(Path::new("/nowhere/at/all")).unwrap().keys().count(), 0);
        assert_eq!(trust_in(&[("README", "none")]).unwrap().keys().count(), 0);
    }

    #[test]
    fn keys_and_how_many_of_them() {
        let trust = trust_in(&[("a.pem", KEY), ("required-signatures", "2\n")]).unwrap();
        assert_eq!((trust.keys().count(), trust.required()), (1, 2));
    }

    #[test]
    fn one_wrong_file_and_nobody_is_trusted() {
        for wrong in [("b.pem", "x"), ("b.revoked", "x"), ("required-signatures", "none")] {
            let problem = trust_in(&[("a.pem", KEY), wrong]).unwrap_err();
            assert_eq!(problem.code, SIGNATURE_INVALID);
            assert!(problem.message.contains(wrong.0), "{}", problem.message);
        }
    }
}
