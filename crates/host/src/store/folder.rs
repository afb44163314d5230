//! A folder of small files that nobody else can write to: openat(2) and its kin, so that everything happens in the folder
//! that was checked, whatever its path comes to mean.
//!
//! Nothing stays open between calls, so nothing outlives a fork, an unloading of the library or the folder itself.

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    path::Path,
    process, thread,
    time::{Duration, Instant, SystemTime},
};

use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW,
        UTIME_OMIT, flock, fstat, futimens, mkdirat, openat, renameat, statat, unlinkat,
    },
    io::{Errno, Result},
    process::geteuid,
};

/// No file is longer than this.
pub(crate) const LONGEST: usize = 1024 * 1024;
/// The one file all writers lock.
const LOCK: &str = ".lock";
/// How the names of files begin that are not whole yet.
const UNFINISHED: &str = ".new-";
/// How many names of a folder are looked at.
const MOST_NAMES: usize = 4096;
/// How often the time of the last use is written down.
const TOUCH: Duration = Duration::from_secs(60 * 60);
/// Between two tries to get the lock.
const BETWEEN_TRIES: Duration = Duration::from_millis(1);

pub(crate) struct Folder(OwnedFd);

/// One file in it.
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) length: u64,
    /// Since its last use, as far as clocks can be trusted.
    pub(crate) idle: Duration,
}

/// A file that is open to be read.
pub(crate) struct Opened {
    file: File,
    idle: Option<Duration>,
}

/// While this lives, no other process or thread has one.
pub(crate) struct Lock(OwnedFd);

impl Folder {
    /// Opens a folder if it is ours alone. So has to be a link that leads to it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let named = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, path, flags, Mode::empty());
        // A link that leads nowhere is in the way of a folder.
        let folder = folder.map_err(|error| if error == Errno::NOENT { Errno::NOTDIR } else { error })?;
        let status = fstat(&folder)?;
        let others_write = Mode::from_raw_mode(status.st_mode).intersects(Mode::WGRP | Mode::WOTH);
        if !is_ours(&named) || !is_ours(&status) || others_write {
            Err(Errno::PERM)
        } else {
            Ok(Self(folder))
        }
    }

    /// A folder that was opened and checked.
    pub(crate) fn of(folder: OwnedFd) -> Self {
        Self(folder)
    }

    /// Opens it, or makes it and the folders it belongs in: so many with itself.
    pub(crate) fn make(path: &Path, depth: usize) -> Result<Self> {
        match Self::open(path) {
            Err(Errno::NOENT) => {}
            other => return other,
        }
        let folders: Vec<_> = path.ancestors().take(depth).collect();
        for folder in folders.into_iter().rev() {
            match mkdirat(CWD, folder, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Self::open(path)
    }

    /// Waits for the lock, for so long at most.
    pub(crate) fn lock(&self, patience: Duration) -> Result<Lock> {
        let deadline = Instant::now() + patience;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        loop {
            let lock = Lock(openat(&self.0, LOCK, flags, Mode::RUSR | Mode::WUSR)?);
            match flock(&lock.0, FlockOperation::NonBlockingLockExclusive) {
                // Somebody may have removed all files meanwhile, and the next one locks another.
                Ok(()) if fstat(&lock.0)?.st_nlink > 0 => return Ok(lock),
                Ok(()) | Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {}
                Ok(()) => return Err(Errno::WOULDBLOCK),
                Err(error) => return Err(error),
            }
            drop(lock);
            thread::sleep(BETWEEN_TRIES);
        }
    }

    /// A file of ours, open to be read.
    pub(crate) fn file(&self, name: &str) -> Result<(File, Stat)> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(&self.0, name, flags, Mode::empty())?;
        let status = fstat(&file)?;
        if is_ours(&status) && is_file(&status) { Ok((File::from(file), status)) } else { Err(Errno::PERM) }
    }

    /// The content of a file, and the file itself.
    pub(crate) fn read(&self, name: &str) -> Result<(Vec<u8>, Opened)> {
        let (file, status) = self.file(name)?;
        let mut content = Vec::new();
        let limit = LONGEST as u64 + 1;
        (&file).take(limit).read_to_end(&mut content).map_err(|error| errno(&error))?;
        if content.len() > LONGEST {
            return Err(Errno::FBIG);
        }
        Ok((content, Opened { file, idle: idle(&status) }))
    }

    /// Writes a file that readers see whole or not at all.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let unfinished = unfinished_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.0, &unfinished, flags, Mode::RUSR | Mode::WUSR)?);
        let written = file.write_all(content).map_err(|error| errno(&error));
        let written = written.and_then(|()| renameat(&self.0, &unfinished, &self.0, name));
        written.inspect_err(|_| self.remove(&unfinished))
    }

    /// Removes a file; if it cannot be removed, it stays.
    pub(crate) fn remove(&self, name: &str) {
        match unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => tracing::debug!(%error, "a file cannot be removed"),
        }
    }

    pub(crate) fn status(&self, name: &str) -> Result<Stat> {
        statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// The files of ours in it whose names do not begin with a dot, in no order.
    pub(crate) fn items(&self) -> Vec<Item> {
        let names = self.names().into_iter().filter(|name| !name.starts_with('.'));
        names.filter_map(|name| self.item(name)).collect()
    }

    /// Removes what a process left behind that died while it wrote.
    pub(crate) fn remove_unfinished(&self, age: Duration) {
        let names = self.names().into_iter().filter(|name| name.starts_with(UNFINISHED));
        for item in names.filter_map(|name| self.item(name)).filter(|item| item.idle >= age) {
            self.remove(&item.name);
        }
    }

    fn names(&self) -> Vec<String> {
        let Ok(folder) = Dir::read_from(&self.0) else { return Vec::new() };
        let names = folder.take(MOST_NAMES).map_while(Result::ok);
        names.filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned)).collect()
    }

    fn item(&self, name: String) -> Option<Item> {
        let status = self.status(&name).ok().filter(|status| is_ours(status) && is_file(status))?;
        let length = u64::try_from(status.st_size).ok()?;
        Some(Item { name, length, idle: idle(&status).unwrap_or_default() })
    }
}

impl Opened {
    /// Writes down that the file was used now, unless that is known well enough. Where it cannot be, the file counts as
    /// older than it is.
    pub(crate) fn note_use(&self) {
        if self.idle.is_none_or(|idle| idle >= TOUCH) {
            let at = |nanoseconds| Timespec { tv_sec: 0, tv_nsec: nanoseconds };
            let (last_access, last_modification) = (at(UTIME_OMIT as _), at(UTIME_NOW as _));
            let _ = futimens(&self.file, &Timestamps { last_access, last_modification });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process forked by another thread right now has the file open as well.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

pub(crate) fn is_ours(status: &Stat) -> bool {
    status.st_uid == geteuid().as_raw()
}

fn is_file(status: &Stat) -> bool {
    FileType::from_raw_mode(status.st_mode) == FileType::RegularFile
}

/// How long ago a file was last used; `None` for a time that is yet to come.
fn idle(status: &Stat) -> Option<Duration> {
    let since =
        Duration::new(u64::try_from(status.st_mtime).ok()?, u32::try_from(status.st_mtime_nsec).ok()?);
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH.checked_add(since)?).ok()
}

/// A name that nobody else uses: no two threads write at the same nanosecond under one lock.
fn unfinished_name() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{UNFINISHED}{}-{}", process::id(), now.as_nanos())
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
