//! The machine, to look at: for whoever finds out what is wrong with it.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::{
            fs::{FileTypeExt, MetadataExt},
            net::UnixStream,
            process::ExitStatusExt,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use link::{FileKind, FileStatus, Ran};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Access, access, major, minor},
    process::geteuid,
};

use crate::environment::variable;

/// How many names of a folder are looked at.
const MOST_NAMES: usize = 4096;
/// How much of what a program says is kept.
const MOST_SAID: usize = 1 << 20;
const PIECE: usize = 4096;
/// What a pipe can hold, if nobody made it larger.
const LARGEST_PIPE: usize = 65536;
/// Between two looks at whether a program that says nothing more has ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

pub(crate) struct ThisSystem;

impl link::System for ThisSystem {
    fn read(&self, file: &Path, most: usize) -> io::Result<Vec<u8>> {
        // A pipe would make everybody wait.
        if !fs::metadata(file)?.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut content = Vec::new();
        File::open(file)?.take(most as u64 + 1).read_to_end(&mut content)?;
        if content.len() > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = fs::read_dir(folder)?.take(MOST_NAMES);
        let names = names.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let mut names: Vec<_> = names.filter_map(io::Result::transpose).collect::<io::Result<_>>()?;
        names.sort();
        Ok(names)
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        let status = fs::metadata(path)?;
        let kind = status.file_type();
        let kind = if kind.is_file() {
            FileKind::File
        } else if kind.is_dir() {
            FileKind::Folder
        } else if kind.is_char_device() {
            FileKind::Device(major(status.rdev()), minor(status.rdev()))
        } else {
            FileKind::Other
        };
        Ok(FileStatus { kind, owner: status.uid(), group: status.gid(), mode: status.mode() & 0o7777 })
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn may_write(&self, path: &Path) -> bool {
        access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
    }

    fn listens(&self, socket: &Path) -> io::Result<()> {
        UnixStream::connect(socket).map(drop)
    }

    fn variable(&self, name: &str) -> Option<String> {
        variable(name)?.into_string().ok()
    }

    fn user(&self) -> u32 {
        geteuid().as_raw()
    }

    fn run(&self, program: &Path, arguments: &[&str], limit: Duration) -> io::Result<Ran> {
        let deadline = Instant::now() + limit;
        let mut child = Command::new(program)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let result = to_its_end(&mut child, deadline);
        if result.is_err() {
            // It may have ended meanwhile.
            let _ = child.kill();
            let _ = child.wait();
        }
        let (status, [out, err]) = result?;
        let text = |said: Vec<u8>| String::from_utf8_lossy(&said).into_owned();
        Ok(Ran { status: status.code(), signal: status.signal(), out: text(out), err: text(err) })
    }
}

/// Reads what it says and waits for it. What a program that it left behind says afterwards is not waited for.
fn to_its_end(child: &mut Child, deadline: Instant) -> io::Result<(ExitStatus, [Vec<u8>; 2])> {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let mut said = [Vec::new(), Vec::new()];
    loop {
        if let Some(status) = child.try_wait()? {
            drain(&mut out, &mut said[0])?;
            drain(&mut err, &mut said[1])?;
            return Ok((status, said));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if out.is_none() && err.is_none() {
            thread::sleep(BETWEEN_LOOKS);
        } else {
            take(&mut out, &mut said[0], left.min(BETWEEN_LOOKS))?;
            take(&mut err, &mut said[1], Duration::ZERO)?;
        }
    }
}

/// What is in a pipe now: no more than a pipe holds, as somebody else may go on writing to it.
fn drain(pipe: &mut Option<impl Read + AsFd>, said: &mut Vec<u8>) -> io::Result<()> {
    for _ in 0..LARGEST_PIPE / PIECE {
        if !take(pipe, said, Duration::ZERO)? {
            break;
        }
    }
    Ok(())
}

/// One piece of what comes through a pipe, if there is one in this time; the pipe goes when it has ended.
fn take(pipe: &mut Option<impl Read + AsFd>, said: &mut Vec<u8>, limit: Duration) -> io::Result<bool> {
    let Some(open) = pipe else { return Ok(false) };
    let limit = Timespec { tv_sec: 0, tv_nsec: limit.as_nanos().try_into().unwrap_or(0) };
    if poll(&mut [PollFd::new(open, PollFlags::IN)], Some(&limit))? == 0 {
        return Ok(false);
    }
    let mut piece = [0; PIECE];
    let length = open.read(&mut piece)?;
    if length == 0 {
        *pipe = None;
    }
    let room = MOST_SAID.saturating_sub(said.len());
    said.extend_from_slice(&piece[..length.min(room)]);
    Ok(length != 0)
}

#[cfg(test)]
mod tests {
    use link::System;

    use super::*;

    fn run(script: &str, limit: Duration) -> io::Result<Ran> {
        ThisSystem.run(Path::new("sh"), &["-c", script], limit)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_program_is_told_by_its_words_and_its_end() {
        let ran = run("echo out; echo err >&2; exit 3", LONG).unwrap();
        let expected =
            Ran { status: Some(3), signal: None, out: "out\n".to_owned(), err: "err\n".to_owned() };
        assert_eq!(ran, expected);
        assert_eq!(run("kill -SEGV $$", LONG).unwrap().signal, Some(11));
        let missing = ThisSystem.run(Path::new("crescendo-no-such-program"), &[], LONG).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn one_that_says_much_is_cut_short_and_does_not_stop() {
        let ran = run("head -c 3000000 /dev/zero; echo end >&2", LONG).unwrap();
        assert_eq!((ran.out.len(), &ran.err[..]), (MOST_SAID, "end\n"));
    }

    #[test]
    fn one_that_does_not_end_is_ended_and_what_it_leaves_behind_is_not_waited_for() {
        let slow = run("sleep 60", Duration::from_millis(50)).unwrap_err();
        assert_eq!(slow.kind(), io::ErrorKind::TimedOut);
        let begin = Instant::now();
        assert_eq!(run("sleep 60 & echo here", LONG).unwrap().out, "here\n");
        assert!(begin.elapsed() < LONG);
    }

    #[test]
    fn files_and_devices() {
        assert_eq!(ThisSystem.status(Path::new("/dev/null")).unwrap().kind, FileKind::Device(1, 3));
        assert_eq!(ThisSystem.status(Path::new("/")).unwrap().kind, FileKind::Folder);
        let read = |path: &str, most| ThisSystem.read(Path::new(path), most).map_err(|error| error.kind());
        assert_eq!(read("/dev/null", 9), Err(io::ErrorKind::InvalidInput));
        assert_eq!(read("/proc/version", 2), Err(io::ErrorKind::FileTooLarge));
        assert!(ThisSystem.names(Path::new("/proc/self")).unwrap().contains(&"status".to_owned()));
    }

    #[test]
    fn a_socket_with_nobody_behind_it_is_told() {
        let path = std::env::temp_dir().join(format!("crescendo-host-socket-{}", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(ThisSystem.listens(&path).is_ok());
        drop(listener);
        let kind = |path: &Path| ThisSystem.listens(path).map_err(|error| error.kind());
        assert_eq!(kind(&path), Err(io::ErrorKind::ConnectionRefused));
        fs::remove_file(&path).unwrap();
        assert_eq!(kind(&path), Err(io::ErrorKind::NotFound));
    }
}
