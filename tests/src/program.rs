//! Foreign programs: run to their end, with everything they said.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// What whoever runs the tests may have set for programs of their own.
const SETTINGS: [&str; 11] = [
    "CACHE_DIRECTORY",
    "CRESCENDO_CACHE",
    "CRESCENDO_INTERFACE",
    "CRESCENDO_LOG",
    "CRESCENDO_NEW_KEY",
    "CRESCENDO_PIN_CACHE",
    "CRESCENDO_REPLAY_PIN",
    "CRESCENDO_UNCONFIRMED",
    "CRESCENDO_VCI",
    "CRESCENDO_VCI_TRUST",
    "STATE_DIRECTORY",
];

/// A program about to run. It is ended after a minute.
#[derive(Debug)]
pub struct Program {
    command: Command,
    input: Vec<u8>,
}

/// A program that ran.
#[derive(Debug)]
pub struct Done {
    /// Its exit status; 124 if it took too long.
    pub status: Option<i32>,
    /// What it wrote to standard output, as text.
    pub out: String,
    /// The same, as bytes.
    pub bytes: Vec<u8>,
    /// What it wrote to standard error.
    pub err: String,
    shown: String,
}

impl Program {
    /// `prefix` is a command that runs another one: `env`, or `nsenter` and its options.
    pub(crate) fn new(
        prefix: &[String],
        environment: &[(&'static str, PathBuf)],
        name: impl AsRef<OsStr>,
    ) -> Self {
        let mut command = Command::new("timeout");
        command.arg("60").args(prefix).arg(name);
        Self::with(command, environment)
    }

    /// One without an end of its own: for [`serve`](Program::serve).
    pub(crate) fn endless(
        prefix: &[String],
        environment: &[(&'static str, PathBuf)],
        name: impl AsRef<OsStr>,
    ) -> Self {
        let (first, rest) = prefix.split_first().expect("a command that runs another one");
        let mut command = Command::new(first);
        command.args(rest).args(["setpriv", "--pdeathsig", "KILL"]).arg(name);
        Self::with(command, environment)
    }

    fn with(mut command: Command, environment: &[(&'static str, PathBuf)]) -> Self {
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.env("LC_ALL", "C");
        for setting in SETTINGS {
            command.env_remove(setting);
        }
        Self { command, input: Vec::new() }
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable in its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What it reads from standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(mut self) -> Done {
        let shown = format!("{:?}", self.command);
        let pipes = self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        let mut stdin = child.stdin.take().expect("it was piped");
        // A program that does not read its input is not at fault.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&self.input)));
        let output = child.wait_with_output().expect("it was started");
        writer.join().expect("writing does not panic");
        Done {
            status: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            bytes: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            shown,
        }
    }

    /// Runs it beside the test, and waits until it has written `words` to its log.
    ///
    /// # Panics
    /// When it does not start, or never says so.
    #[must_use]
    pub fn serve(mut self, log: PathBuf, words: &str) -> Server {
        let shown = format!("{:?}", self.command);
        let file = File::create(&log).expect("the lab's folder takes files");
        self.command.stdin(Stdio::null()).stdout(file.try_clone().expect("it is open")).stderr(file);
        let process = self.command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        let server = Server { process, log };
        server.wait_for(words);
        server
    }

    /// Runs it, and takes exit status 0 for granted.
    ///
    /// # Panics
    /// When it fails, with all it said.
    #[must_use]
    pub fn succeed(self) -> Done {
        let done = self.run();
        assert_eq!(done.status, Some(0), "{done}");
        done
    }
}

/// A program that runs until this is dropped, or until the test dies.
#[derive(Debug)]
pub struct Server {
    process: Child,
    log: PathBuf,
}

impl Server {
    /// Waits until its log has these words.
    ///
    /// # Panics
    /// When they do not come within 20 seconds.
    #[track_caller]
    pub fn wait_for(&self, words: &str) {
        for _ in 0..400 {
            if self.log().contains(words) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("it never says {words:?}, but\n{}", self.log());
    }

    /// All it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Done {
    /// How many lines of its output begin with `words`.
    #[must_use]
    pub fn count(&self, words: &str) -> usize {
        self.out.lines().filter(|line| line.starts_with(words)).count()
    }

    /// # Panics
    /// Unless its output has these words.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        assert!(self.out.contains(words), "expected {words:?}: {self}");
        self
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, out, err, shown, .. } = self;
        write!(f, "{shown}\nended with {status:?}\n--- output\n{out}\n--- errors\n{err}")
    }
}
