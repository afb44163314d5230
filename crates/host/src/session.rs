//! Pairing codes of this login session (SP 800-73-5 part 2, 4.3): files in the user's runtime directory, which is in memory
//! and goes when the user's last session ends (XDG Base Directory Specification 0.8). Never on a disk, never for others.
//!
//! As for the store, nothing stays open between calls, and everything happens in the folder that was checked.

use std::{
    fmt,
    io::Read,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    time::Duration,
};

use link::{LinkError, PairingCodes};
use rustix::{
    fs::{CWD, Mode, OFlags, fstat, fstatfs, mkdirat, openat},
    io::Errno,
    process::geteuid,
};
use zeroize::Zeroizing;

use crate::{
    environment::{is_privileged, variable},
    store::folder::{Folder, is_ours},
};

/// Folder by folder, from the runtime directory down.
const FOLDERS: [&str; 2] = ["crescendo", "pairing"];
/// What the kernel calls file systems in memory (statfs(2)).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58F6];
/// A file not finished after this long never will be.
const UNFINISHED: Duration = Duration::from_secs(60);

pub(crate) struct SessionCodes {
    /// The runtime directory, and whether the environment names it.
    base: Result<(PathBuf, bool), NoPlace>,
}

/// Why no pairing code is kept.
#[derive(Clone, Debug)]
enum NoPlace {
    /// The program has rights that its caller has not.
    Privileged,
    /// This folder cannot be used.
    Unfit { folder: PathBuf, named: bool, why: Why },
}

#[derive(Clone, Copy, Debug)]
enum Why {
    Relative,
    Foreign,
    Open,
    Lasting,
    System(Errno),
}

impl SessionCodes {
    /// By the environment of this program. Nothing is made or opened.
    pub(crate) fn new() -> Self {
        Self { base: base() }
    }

    /// The folder of the codes. `make`: made where it is missing.
    fn folder(&self, make: bool) -> Result<Folder, NoPlace> {
        let (base, named) = self.base.as_ref().map_err(Clone::clone)?;
        let unfit = |folder: PathBuf| move |why: Why| NoPlace::Unfit { folder, named: *named, why };
        // Where the base itself leads is the user's choice; what counts is where one arrives.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = openat(CWD, base, flags, Mode::empty());
        let mut folder = opened.map_err(Why::System).and_then(vetted).map_err(unfit(base.clone()))?;
        let mut path = base.clone();
        for name in FOLDERS {
            path.push(name);
            folder = step(&folder, name, make).map_err(unfit(path.clone()))?;
        }
        Ok(Folder::of(folder))
    }
}

impl PairingCodes for SessionCodes {
    fn load(&self, card: &str, take: &mut dyn FnMut(&[u8; 8])) {
        if !is_guid(card) {
            return;
        }
        match self.folder(false) {
            Ok(folder) => {
                if let Some(code) = read(&folder, card) {
                    take(&code);
                }
            }
            Err(NoPlace::Unfit { why: Why::System(Errno::NOENT), .. }) => {}
            Err(error) => tracing::debug!(%error),
        }
    }

    fn save(&self, card: &str, code: &[u8; 8]) -> Result<(), LinkError> {
        if !is_guid(card) || !code.iter().all(u8::is_ascii_digit) {
            return Err(other(Errno::INVAL));
        }
        let folder = self.folder(true).map_err(other)?;
        folder.remove_unfinished(UNFINISHED);
        folder.write(card, code).map_err(other)
    }

    fn remove(&self, card: &str) -> bool {
        let Ok(folder) = self.folder(false) else { return false };
        let was_kept = is_guid(card) && folder.status(card).is_ok();
        if was_kept {
            folder.remove(card);
        }
        was_kept
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> LinkError {
    LinkError::Other(Box::new(error))
}

/// Cards are named by their GUID, which is no other name of a file.
fn is_guid(card: &str) -> bool {
    card.len() == 32 && card.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn base() -> Result<(PathBuf, bool), NoPlace> {
    if is_privileged() {
        return Err(NoPlace::Privileged);
    }
    let Some(named) = variable("XDG_RUNTIME_DIR").map(PathBuf::from) else {
        return Ok((PathBuf::from(format!("/run/user/{}", geteuid().as_raw())), false));
    };
    if named.is_absolute() {
        Ok((named, true))
    } else {
        Err(NoPlace::Unfit { folder: named, named: true, why: Why::Relative })
    }
}

/// The folder of this name in one that was checked; no link leads there.
fn step(parent: &OwnedFd, name: &str, make: bool) -> Result<OwnedFd, Why> {
    if make {
        match mkdirat(parent, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(Why::System(error)),
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    vetted(openat(parent, name, flags, Mode::empty()).map_err(Why::System)?)
}

/// Only where it is ours, closed to everybody else, and in memory.
fn vetted(folder: OwnedFd) -> Result<OwnedFd, Why> {
    let status = fstat(&folder).map_err(Why::System)?;
    if !is_ours(&status) {
        return Err(Why::Foreign);
    }
    if is_open(status.st_mode) {
        return Err(Why::Open);
    }
    if !is_in_memory(&folder)? {
        return Err(Why::Lasting);
    }
    Ok(folder)
}

fn is_open(mode: u32) -> bool {
    Mode::from_raw_mode(mode).intersects(Mode::RWXG | Mode::RWXO)
}

fn is_in_memory(folder: impl AsFd) -> Result<bool, Why> {
    let kind = fstatfs(folder).map_err(Why::System)?.f_type;
    // How wide the number is, and whether it has a sign, differs between architectures.
    Ok(IN_MEMORY.contains(&(kind as u64 & 0xFFFF_FFFF)))
}

/// The code in a file that is as we write it. Anything else is no code.
fn read(folder: &Folder, card: &str) -> Option<Zeroizing<[u8; 8]>> {
    let (mut file, status) = folder.file(card).ok()?;
    let mut code = Zeroizing::new([0; 8]);
    let is_whole = status.st_size == 8 && !is_open(status.st_mode) && file.read_exact(&mut *code).is_ok();
    let fits = is_whole && code.iter().all(u8::is_ascii_digit);
    if !fits {
        tracing::debug!("a file that holds no pairing code is left alone");
    }
    fits.then_some(code)
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (folder, named, why) = match self {
            Self::Privileged => {
                return f.write_str("a program that runs with rights of its own keeps no pairing codes");
            }
            Self::Unfit { folder, named, why } => (folder, named, why),
        };
        write!(f, "there is no place for pairing codes that ends with the login session: ")?;
        if !named {
            f.write_str("XDG_RUNTIME_DIR is not set, and ")?;
        }
        write!(f, "{} {why}", folder.display())
    }
}

impl std::error::Error for NoPlace {}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative => f.write_str("is not a whole path"),
            Self::Foreign => f.write_str("belongs to somebody else"),
            Self::Open => f.write_str("is open to other users"),
            Self::Lasting => f.write_str("is not in memory (tmpfs)"),
            Self::System(Errno::NOENT) => f.write_str("is not there"),
            Self::System(Errno::NOTDIR | Errno::LOOP) => f.write_str("is not a folder"),
            Self::System(error) => write!(f, "cannot be used: {error}"),
        }
    }
}
