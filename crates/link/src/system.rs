use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The machine around the devices, to look at: its files, its programs, the environment of this user. Looking changes
/// nothing.
pub trait System: Send + Sync {
    /// The content of a file of at most so many bytes.
    ///
    /// # Errors
    /// Of the system; [`io::ErrorKind::FileTooLarge`], [`io::ErrorKind::InvalidInput`] for what is not a file.
    fn read(&self, file: &Path, most: usize) -> io::Result<Vec<u8>>;

    /// The names in a folder, in order; those that are not Unicode are left out.
    ///
    /// # Errors
    /// Of the system.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// What is there, at the end of all links.
    ///
    /// # Errors
    /// Of the system.
    fn status(&self, path: &Path) -> io::Result<FileStatus>;

    /// The path without links in it.
    ///
    /// # Errors
    /// Of the system.
    fn real(&self, path: &Path) -> io::Result<PathBuf>;

    /// Whether this user may read what is there and write to it, access lists included.
    fn may_write(&self, path: &Path) -> bool;

    /// Whether somebody listens at a Unix socket. Nothing is sent there.
    ///
    /// # Errors
    /// Of the system: [`io::ErrorKind::ConnectionRefused`] where nobody does.
    fn listens(&self, socket: &Path) -> io::Result<()>;

    /// A variable of the environment that is set and not empty; none in a program with rights that its caller has not.
    fn variable(&self, name: &str) -> Option<String>;

    /// The user id this program acts as.
    fn user(&self) -> u32;

    /// Runs a program to its end, with nothing to read and in the C locale, and stops it after a while.
    ///
    /// # Errors
    /// Of the system: [`io::ErrorKind::NotFound`] where there is no such program, [`io::ErrorKind::TimedOut`].
    fn run(&self, program: &Path, arguments: &[&str], limit: Duration) -> io::Result<Ran>;
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStatus {
    /// What it is.
    pub kind: FileKind,
    /// User id of its owner.
    pub owner: u32,
    /// Group id.
    pub group: u32,
    /// Permissions: the lower 12 bits of the mode.
    pub mode: u32,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A character device, with its major and minor number.
    Device(u32, u32),
    /// Anything else: sockets, pipes, block devices.
    Other,
}

/// A program that ran to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote to standard output, as far as it is not too long.
    pub out: String,
    /// The same of standard error.
    pub err: String,
}
