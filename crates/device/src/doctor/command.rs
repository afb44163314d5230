//! The command `crescendo`, for a program that is not it.

use std::path::{Path, PathBuf};

use link::{FileKind, System};

const NAME: &str = "crescendo";

/// Where `./dev install` and packages put it: programs that a desktop starts may know less than a shell does.
const USUAL: [&str; 2] = ["/usr/local/bin", "/usr/bin"];

/// The command that a person gets who types its name, else the one in a usual place.
#[must_use]
pub fn installed_command(system: &dyn System) -> Option<PathBuf> {
    let path = system.variable("PATH").unwrap_or_default();
    let folders = path.split(':').chain(USUAL).map(Path::new);
    // What is relative is wherever somebody stands.
    let places = folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(NAME));
    places.into_iter().find(|place| is_program(system, place))
}

fn is_program(system: &dyn System, file: &Path) -> bool {
    const ANYBODY_MAY_RUN: u32 = 0o111;
    let status = system.status(file);
    status.is_ok_and(|status| status.kind == FileKind::File && status.mode & ANYBODY_MAY_RUN != 0)
}
