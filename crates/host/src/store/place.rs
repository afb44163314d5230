//! Where the files are (XDG Base Directory Specification 0.8; for services, systemd.exec(5) on CACHE_DIRECTORY and
//! STATE_DIRECTORY).

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access, stat},
    io::Errno,
    process::geteuid,
};

use super::folder::Folder;
use crate::environment::variable;

const NAME: &str = "crescendo";

/// The folder for the files; `None` where there is none, or is not to be any. It need not exist yet.
pub(super) fn find() -> Option<PathBuf> {
    let is_off = |set: OsString| set.eq_ignore_ascii_case("off");
    if variable("CRESCENDO_CACHE").is_some_and(is_off) {
        return None;
    }
    let folder = bases(variable).into_iter().map(|base| base.join(NAME)).find(|folder| is_usable(folder));
    if folder.is_none() {
        tracing::debug!("no place for a cache: what is read is kept as long as this process lives");
    }
    folder
}

/// Where a folder of ours may be, the best place first.
fn bases(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let path = |name: &str| variable(name).map(first).filter(|path| path.is_absolute());
    let user = path("XDG_CACHE_HOME").or_else(|| path("HOME").map(|home| home.join(".cache")));
    [user, path("CACHE_DIRECTORY"), path("STATE_DIRECTORY")].into_iter().flatten().collect()
}

/// A service can have several of one kind, with colons in between.
fn first(paths: OsString) -> PathBuf {
    let paths = paths.into_vec();
    let first = paths.split(|byte| *byte == b':').next().unwrap_or_default();
    std::ffi::OsStr::from_bytes(first).into()
}

fn is_usable(folder: &Path) -> bool {
    match Folder::open(folder) {
        Ok(_) => true,
        Err(Errno::NOENT) => can_be_made(folder),
        Err(error) => {
            tracing::debug!(%error, "{} is no place for a cache", folder.display());
            false
        }
    }
}

/// A folder is only made inside one of our own, so that root in the home of somebody else leaves nothing there that its
/// owner cannot use.
fn can_be_made(folder: &Path) -> bool {
    let above = folder.ancestors().skip(1).take(2).find_map(|above| Some((above, stat(above).ok()?)));
    above.is_some_and(|(above, status)| {
        status.st_uid == geteuid().as_raw() && access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(set: &[(&str, &str)]) -> Vec<String> {
        let find = |name: &str| set.iter().find(|(here, _)| *here == name).map(|(_, value)| value.into());
        bases(find).into_iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn the_user_s_cache_comes_first() {
        let set = [("XDG_CACHE_HOME", "/x"), ("HOME", "/h"), ("CACHE_DIRECTORY", "/c:/d")];
        assert_eq!(places(&set), ["/x", "/c"]);
        assert_eq!(places(&set[1..]), ["/h/.cache", "/c"]);
        assert_eq!(places(&[("STATE_DIRECTORY", "/s"), ("CACHE_DIRECTORY", "/c")]), ["/c", "/s"]);
    }

    #[test]
    fn relative_paths_lead_nowhere() {
        assert_eq!(places(&[("XDG_CACHE_HOME", "x"), ("HOME", "/h")]), ["/h/.cache"]);
        assert_eq!(places(&[("HOME", "h"), ("CACHE_DIRECTORY", ":/c")]), [""; 0]);
    }
}
