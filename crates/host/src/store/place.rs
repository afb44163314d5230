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

use super::{
    file::{CACHE, SIGNERS},
    folder::Folder,
};
use crate::environment::variable;

const NAME: &str = "crescendo";

/// The folder for what can be read again; `None` where there is none, or is not to be any. It need not exist yet.
pub(super) fn cache() -> Option<PathBuf> {
    let is_off = |set: OsString| set.eq_ignore_ascii_case("off");
    if variable("CRESCENDO_CACHE").is_some_and(is_off) {
        return None;
    }
    let folders = caches(variable).into_iter().map(|base| base.join(NAME));
    let folder = folders.into_iter().find(|folder| is_usable(folder, CACHE.depth));
    if folder.is_none() {
        tracing::debug!("no place for a cache: what is read is kept as long as this process lives");
    }
    folder
}

/// The folder for who has signed cards; `None` where there is none. It need not exist yet.
pub(super) fn signers() -> Option<PathBuf> {
    let folders = states(variable).into_iter().map(|base| base.join(NAME).join("signers"));
    let folder = folders.into_iter().find(|folder| is_usable(folder, SIGNERS.depth));
    if folder.is_none() {
        tracing::debug!("no place to keep who has signed cards");
    }
    folder
}

/// Where a cache of ours may be, the best place first.
fn caches(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let path = |name: &str| variable(name).map(first).filter(|path| path.is_absolute());
    let user = path("XDG_CACHE_HOME").or_else(|| path("HOME").map(|home| home.join(".cache")));
    [user, path("CACHE_DIRECTORY"), path("STATE_DIRECTORY")].into_iter().flatten().collect()
}

/// The same for what has to stay.
fn states(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let path = |name: &str| variable(name).map(first).filter(|path| path.is_absolute());
    let user = path("XDG_STATE_HOME").or_else(|| path("HOME").map(|home| home.join(".local/state")));
    [user, path("STATE_DIRECTORY")].into_iter().flatten().collect()
}

/// A service can have several of one kind, with colons in between.
fn first(paths: OsString) -> PathBuf {
    let paths = paths.into_vec();
    let first = paths.split(|byte| *byte == b':').next().unwrap_or_default();
    std::ffi::OsStr::from_bytes(first).into()
}

fn is_usable(folder: &Path, depth: usize) -> bool {
    match Folder::open(folder) {
        Ok(_) => true,
        Err(Errno::NOENT) => can_be_made(folder, depth),
        Err(error) => {
            tracing::debug!(%error, "{} cannot be used", folder.display());
            false
        }
    }
}

/// A folder is only made inside one of our own, so that root in the home of somebody else leaves nothing there that its
/// owner cannot use.
fn can_be_made(folder: &Path, depth: usize) -> bool {
    let above = folder.ancestors().skip(1).take(depth).find_map(|above| Some((above, stat(above).ok()?)));
    above.is_some_and(|(above, status)| {
        status.st_uid == geteuid().as_raw() && access(above, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(set: &[(&str, &str)]) -> Vec<String> {
        let find = |name: &str| set.iter().find(|(here, _)| *here == name).map(|(_, value)| value.into());
        caches(find).into_iter().map(|path| path.display().to_string()).collect()
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

    #[test]
    fn what_has_to_stay_is_in_no_cache() {
        let places = |set: &[(&str, &str)]| {
            let find = |name: &str| set.iter().find(|(here, _)| *here == name).map(|(_, value)| value.into());
            states(find)
        };
        let set =
            [("XDG_STATE_HOME", "/x"), ("HOME", "/h"), ("CACHE_DIRECTORY", "/c"), ("STATE_DIRECTORY", "/s")];
        assert_eq!(places(&set), [Path::new("/x"), Path::new("/s")]);
        assert_eq!(places(&set[1..3]), [Path::new("/h/.local/state")]);
        assert!(places(&[("XDG_STATE_HOME", "x"), ("XDG_CACHE_HOME", "/c")]).is_empty());
    }
}
