//! The sections of the header, in the order in which somebody reads it who sees it for the first time. cbindgen tells what the
//! crate exports; which section that belongs to is told by the file it is written in.

use std::{fs, path::Path};

/// The titles of the sections, each with the files of `src` whose declarations it has, in their order and without their ending.
/// A folder goes with the file of its name.
pub(crate) const SECTIONS: [(&str, &[&str]); 27] = [
    ("Version", &["version"]),
    ("Status", &["status"]),
    ("Texts", &["text"]),
    // All of them, whatever file they are in: types come before what is done with them.
    ("Handles", &[]),
    ("What went wrong", &["error"]),
    ("Bytes that are wiped", &["secret"]),
    ("Cancelling", &["cancel"]),
    ("Asking and telling a person", &["callbacks"]),
    ("The machine", &["context"]),
    ("Devices", &["devices"]),
    ("One device", &["device_handle"]),
    ("What a device tells of itself", &["info"]),
    ("What can be done with a device", &["offers"]),
    ("PIN", &["pin_info", "pin"]),
    ("Unblocking", &["unblock", "help_desk"]),
    ("PUK", &["puk"]),
    ("Pairing code", &["pairing"]),
    ("Rights to write", &["rights"]),
    ("Certificates and keys", &["certificates"]),
    ("One-time passwords", &["otp"]),
    ("Personalizing", &["personalize"]),
    ("Recycling", &["recycle"]),
    ("Audit", &["audit"]),
    ("What is remembered", &["cache"]),
    ("Security keys", &["security_keys"]),
    ("Firmware", &["image", "update"]),
    ("Diagnostics", &["doctor"]),
];

/// Where handles are.
pub(crate) const HANDLES: usize = 3;

/// Files that export nothing.
const INSIDE: [&str; 7] = ["lib", "call", "failure", "handle", "options", "policy", "result"];

/// Whether it is known what a file of `src` has.
pub(crate) fn is_known(file: &str) -> bool {
    INSIDE.contains(&file) || section(file).is_some()
}

/// The section of a file of `src`, and its place there.
fn section(file: &str) -> Option<(usize, usize)> {
    let find = |name: &str| {
        let mut sections = SECTIONS.iter().enumerate();
        sections.find_map(|(at, (_, files))| Some((at, files.iter().position(|file| *file == name)?)))
    };
    find(file).or_else(|| find(file.split_once('/')?.0))
}

/// Every file below `src` by its name there, without its ending, with its text.
pub(crate) fn sources() -> Vec<(String, String)> {
    fn read(folder: &Path, prefix: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{prefix}{}", path.file_stem().unwrap().to_str().unwrap());
            if path.is_dir() {
                read(&path, &format!("{name}/"), found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut found);
    found
}

/// Where in the sources a name is made: the section, the place of the file there, the file, and the place in it.
pub(crate) fn place<'a>(
    sources: &'a [(String, String)],
    name: &str,
) -> Option<(usize, (usize, &'a str, usize))> {
    sources.iter().find_map(|(file, text)| {
        let at = ["fn ", "struct ", "enum ", "const ", "type "].iter().find_map(|word| {
            let wanted = format!("{word}{name}");
            text.match_indices(&wanted).map(|(at, _)| at).find(|at| {
                let rest = &text[at + wanted.len()..];
                let line = text[..*at].rsplit('\n').next().unwrap_or_default();
                line.starts_with("pub ")
                    && !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
            })
        })?;
        let (section, rank) = section(file)?;
        Some((section, (rank, &file[..], at)))
    })
}
