//! What the owner of this machine has decided about cards on contactless readers: who vouches for them, and what a
//! laboratory does otherwise. Read from files and variables; whoever knows certificates judges what is in the files.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::environment::variable;

/// Certificates that the owner of the machine has installed.
const INSTALLED: &str = "/etc/crescendo/vci-anchors.d";
/// More files than this, or longer ones, are no list of anchors.
const MOST_FILES: usize = 256;
const LONGEST: u64 = 1024 * 1024;

/// What was decided about secure messaging on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messaging {
    /// The certificates that vouch for cards, as text: the name of each file, and what is in it.
    pub anchors: Vec<(String, String)>,
    /// `CRESCENDO_VCI_TRUST=first-use`: a card that nobody vouches for is believed when it is first seen.
    pub first_use: bool,
    /// `CRESCENDO_INTERFACE=contact`: contactless readers are treated as contact. Unsafe, and for laboratories.
    pub contactless_is_contact: bool,
    /// `CRESCENDO_VCI=always`: secure messaging over contact, too.
    pub always: bool,
}

/// What was decided, by the files `/etc/crescendo/vci-anchors.d/*.pem` and by the environment: `CRESCENDO_VCI_ANCHORS` (a
/// file, or a folder with `*.pem`, beside the installed ones), `CRESCENDO_VCI_TRUST`, `CRESCENDO_INTERFACE`,
/// `CRESCENDO_VCI`. A program with rights that its caller has not reads no environment. What cannot be read is logged, and
/// left out.
#[must_use]
pub fn messaging() -> Messaging {
    decided(Path::new(INSTALLED), variable)
}

fn decided(installed: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Messaging {
    let is = |name: &str, word: &str| {
        let set = variable(name);
        let is_word = set.as_ref().is_some_and(|set| set.eq_ignore_ascii_case(word));
        if let Some(set) = set.filter(|_| !is_word) {
            tracing::warn!("{name}={} is not understood: it may be {word}", set.display());
        }
        is_word
    };
    let mut files = if installed.is_dir() { listed(installed) } else { Vec::new() };
    if let Some(named) = variable("CRESCENDO_VCI_ANCHORS").map(PathBuf::from) {
        files.extend(if named.is_dir() { listed(&named) } else { vec![named] });
    }
    Messaging {
        anchors: files.iter().filter_map(|file| text(file)).collect(),
        first_use: is("CRESCENDO_VCI_TRUST", "first-use"),
        contactless_is_contact: is("CRESCENDO_INTERFACE", "contact"),
        always: is("CRESCENDO_VCI", "always"),
    }
}

/// The files `*.pem` in a folder, in order of their names.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).and_then(|names| {
        let paths = names.take(MOST_FILES * 16).map(|name| Ok(name?.path()));
        paths.collect::<io::Result<Vec<_>>>()
    });
    let mut files = listed.unwrap_or_else(|error| {
        tracing::warn!(%error, "the anchors in {} cannot be listed", folder.display());
        Vec::new()
    });
    files.retain(|file| file.extension().is_some_and(|extension| extension == "pem"));
    files.sort();
    if files.len() > MOST_FILES {
        tracing::warn!("of the anchors in {} only the first {MOST_FILES} files are used", folder.display());
        files.truncate(MOST_FILES);
    }
    files
}

fn text(file: &Path) -> Option<(String, String)> {
    let name = file.display().to_string();
    match read(file) {
        Ok(text) => Some((name, text)),
        Err(error) => {
            tracing::warn!(%error, "the anchors in {name} cannot be read");
            None
        }
    }
}

fn read(file: &Path) -> io::Result<String> {
    // A pipe would make everybody wait.
    if !fs::metadata(file)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = String::new();
    File::open(file)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn decided(installed: &Path, set: &[(&str, &Path)]) -> Messaging {
        let find = |name: &str| set.iter().find(|(here, _)| *here == name).map(|(_, value)| (*value).into());
        super::decided(installed, find)
    }

    fn names(messaging: &Messaging) -> Vec<&str> {
        messaging.anchors.iter().map(|(name, _)| name.rsplit('/').next().unwrap()).collect()
    }

    #[test]
    fn without_files_and_variables_nothing_is_decided() {
        assert_eq!(decided(Path::new("/nonexistent"), &[]), Messaging::default());
    }

    #[test]
    fn installed_anchors_and_those_of_the_environment() {
        let (installed, own) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        for name in ["b.pem", "a.pem", "README", "c.pem~"] {
            fs::write(installed.path().join(name), name).unwrap();
        }
        let file = own.path().join("d.crt");
        fs::write(&file, "d").unwrap();
        fs::write(own.path().join("e.pem"), "e").unwrap();
        let from = |named: &Path| decided(installed.path(), &[("CRESCENDO_VCI_ANCHORS", named)]);
        assert_eq!(names(&from(&file)), ["a.pem", "b.pem", "d.crt"]);
        assert_eq!(names(&from(own.path())), ["a.pem", "b.pem", "e.pem"]);
        assert_eq!(from(own.path()).anchors[0].1, "a.pem", "the text");
    }

    #[test]
    fn what_cannot_be_read_hides_nothing_else() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a.pem"), b"\xFF\xFE").unwrap();
        fs::create_dir(path("b.pem")).unwrap();
        symlink("nowhere", path("c.pem")).unwrap();
        fs::write(path("d.pem"), vec![b'x'; LONGEST as usize + 1]).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("e.pem"), rustix::fs::Mode::RUSR).unwrap();
        fs::write(path("f.pem"), "good").unwrap();
        assert_eq!(names(&decided(folder.path(), &[])), ["f.pem"]);
        assert_eq!(
            names(&decided(folder.path(), &[("CRESCENDO_VCI_ANCHORS", Path::new("/nonexistent"))])),
            ["f.pem"]
        );
    }

    #[test]
    fn words_that_are_known() {
        let decided = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(name, value)| (*name, Path::new(*value))).collect();
            decided(Path::new("/nonexistent"), &set)
        };
        let all = decided(&[
            ("CRESCENDO_VCI_TRUST", "first-use"),
            ("CRESCENDO_INTERFACE", "Contact"),
            ("CRESCENDO_VCI", "ALWAYS"),
        ]);
        assert!(all.first_use && all.contactless_is_contact && all.always);
        let others =
            [("CRESCENDO_VCI_TRUST", "always"), ("CRESCENDO_INTERFACE", "usb"), ("CRESCENDO_VCI", "1")];
        assert_eq!(decided(&others), Messaging::default());
    }
}
