//! Places and words that several checks need.

use std::path::{Path, PathBuf};

use link::System;

/// Folders of libraries that programs of the system use: those of the architecture first.
pub(super) fn libraries(system: &dyn System) -> Vec<PathBuf> {
    let names = system.names(Path::new("/usr/lib")).unwrap_or_default();
    let multiarch = names.into_iter().filter(|name| name.contains("-linux-gnu"));
    let multiarch = multiarch.map(|name| Path::new("/usr/lib").join(name));
    multiarch.chain(["/usr/lib64", "/usr/lib"].map(PathBuf::from)).collect()
}

/// The first of these that is there.
pub(super) fn first_there(system: &dyn System, paths: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    paths.into_iter().find(|path| is_there(system, path))
}

pub(super) fn is_there(system: &dyn System, path: impl AsRef<Path>) -> bool {
    system.status(path.as_ref()).is_ok()
}

pub(super) fn home(system: &dyn System) -> Option<PathBuf> {
    system.variable("HOME").map(PathBuf::from).filter(|home| home.is_absolute())
}

/// A text file, if it is there and can be read; what is not UTF-8 in it is replaced.
pub(super) fn text(system: &dyn System, file: impl AsRef<Path>) -> Option<String> {
    const LARGEST: usize = 1 << 20;
    let bytes = system.read(file.as_ref(), LARGEST).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// As an argument on a shell's command line.
pub(super) fn quoted(argument: impl AsRef<Path>) -> String {
    let text = argument.as_ref().display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_a_shell() {
        for (argument, expected) in [
            ("/a/b-c.so", "/a/b-c.so"),
            ("sql:/a b", "'sql:/a b'"),
            ("it's; rm -rf", r"'it'\''s; rm -rf'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(argument), expected);
        }
    }
}
