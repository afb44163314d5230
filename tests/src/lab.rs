//! A pcscd of its own, with a virtual card in its reader.

use std::env;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::CODE;
use crate::files::{Files, root};
use crate::program::Program;

/// Names the lab's folder to a process that was started for one test.
const FOLDER: &str = "CRESCENDO_LAB_FOLDER";

/// Where files are in memory: pairing codes are kept nowhere else.
const MEMORY: &str = "/dev/shm";

/// A reader with a card, for one test. Everything in it ends when it is dropped, or when the test dies.
#[derive(Debug)]
pub struct Lab {
    shell: Child,
    commands: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    inside: Vec<String>,
    folder: PathBuf,
    // Last, so that the folders go when nobody uses them any more.
    _made: Option<[TempDir; 2]>,
}

impl Lab {
    /// Starts a lab and waits for its card to be seen. The options are those of `crescendo-sim vpcd`.
    ///
    /// # Panics
    /// When it does not start, and without root.
    #[must_use]
    pub fn start(options: &[&str]) -> Self {
        let user = fs::metadata("/proc/self").expect("Linux has /proc").uid();
        assert_eq!(
            user, 0,
            "a lab needs root, for the namespaces of its pcscd: run these tests with ./dev test"
        );
        let (folder, made) = match env::var_os(FOLDER) {
            Some(folder) => (PathBuf::from(folder), None),
            None => made_folders(),
        };
        fs::create_dir_all(folder.join("home")).expect("the lab's folder takes files");
        let mut shell = Command::new(root().join("tests/lab/lab.sh"))
            .arg(&folder)
            .arg(&Files::get().sim)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/lab/lab.sh starts");
        let commands = shell.stdin.take();
        let answers = BufReader::new(shell.stdout.take().expect("it was piped")).lines();
        let mut lab = Self { shell, commands, answers, inside: Vec::new(), folder, _made: made };
        lab.wait();
        lab
    }

    /// Takes the card out; pcscd has noticed.
    pub fn pull(&mut self) {
        self.ask("pull");
    }

    /// Puts the card back; pcscd has noticed.
    pub fn insert(&mut self) {
        self.ask("insert");
    }

    /// Takes the card to a contactless reader; pcscd has noticed.
    pub fn to_contactless(&mut self) {
        self.ask("contactless");
    }

    /// Takes the card to a contact reader; pcscd has noticed.
    pub fn to_contact(&mut self) {
        self.ask("contact");
    }

    /// Ends pcscd and starts another; it has seen the card.
    pub fn restart_pcscd(&mut self) {
        self.ask("restart");
    }

    /// Tells the card something, or asks it: see `crescendo-sim ctl --help`.
    ///
    /// # Panics
    /// When the card refuses.
    #[track_caller]
    pub fn card(&self, words: &str) -> String {
        let control = self.path("control");
        let mut ctl = Program::new(&[], &[], &Files::get().sim).arg("ctl").arg(control);
        for word in words.split(' ') {
            ctl = ctl.arg(word);
        }
        ctl.succeed().out.trim_start_matches("ok").trim().into()
    }

    /// How many APDUs reached the card while `work` was done, and what came of it.
    pub fn apdus<T>(&self, work: impl FnOnce() -> T) -> (u32, T) {
        self.card("zero");
        let result = work();
        (self.count("apdus"), result)
    }

    /// What the card has counted since `zero`: `apdus`, `bytes`, `verifies` or `establishments`.
    ///
    /// # Panics
    /// When it does not count that.
    #[must_use]
    pub fn count(&self, what: &str) -> u32 {
        let counts = self.card("count");
        let number = counts.split_once(&format!("\"{what}\":")).and_then(|(_, rest)| {
            let end = rest.find(|digit: char| !digit.is_ascii_digit())?;
            rest[..end].parse().ok()
        });
        number.unwrap_or_else(|| panic!("no count of {what}: {counts}"))
    }

    /// Whether these bytes went over the air or the contacts since `zero`.
    #[must_use]
    pub fn seen(&self, bytes: &[u8]) -> bool {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        self.card(&format!("seen {hex}")) == "true"
    }

    /// How many tries the PIN has left.
    ///
    /// # Panics
    /// When the card's answer is no number.
    #[must_use]
    pub fn tries(&self) -> u32 {
        let tries = self.card("tries");
        let digits = tries.trim_start_matches("pin=").split(' ').next().and_then(|it| it.parse().ok());
        digits.unwrap_or_else(|| panic!("not tries: {tries}"))
    }

    /// Enters the pairing code for the lab's login session.
    ///
    /// # Panics
    /// When the card does not accept it.
    pub fn enter_code(&self) {
        let _ = self.program(&Files::get().command).args(&["pairing", "set", "-"]).input(CODE).succeed();
    }

    /// A program that uses this lab's card, in a home of its own.
    #[must_use]
    pub fn program(&self, name: impl AsRef<std::ffi::OsStr>) -> Program {
        Program::new(&[], &environment(&self.folder), name)
    }

    /// The same, on the lab's own loopback, where its servers are.
    #[must_use]
    pub fn program_inside(&self, name: impl AsRef<std::ffi::OsStr>) -> Program {
        Program::new(&self.inside, &environment(&self.folder), name)
    }

    /// A program that runs beside the test, on the lab's own loopback: see [`Program::serve`].
    #[must_use]
    pub fn server(&self, name: impl AsRef<std::ffi::OsStr>) -> Program {
        Program::endless(&self.inside, &environment(&self.folder), name)
    }

    /// The runtime directory of the lab's login session, in memory.
    #[must_use]
    pub fn runtime(&self) -> PathBuf {
        runtime(&self.folder)
    }

    /// A file in the lab's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file into the lab's folder.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("the lab's folder takes files");
        path
    }

    fn ask(&mut self, command: &str) {
        let commands = self.commands.as_mut().expect("it is open until the end");
        writeln!(commands, "{command}").expect("the lab lives");
        self.wait();
    }

    fn wait(&mut self) {
        while let Some(Ok(line)) = self.answers.next() {
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("ready", _) => return,
                ("inside", words) => self.inside = words.split(' ').map(String::from).collect(),
                ("note", _) => println!("{line}"),
                _ => panic!("the lab says: {line}"),
            }
        }
        panic!("the lab ended without a word");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.commands.take());
        // What it says on its way out interests nobody.
        let _ = self.shell.wait();
    }
}

/// Runs the body of the test called `name` in a process of its own, whose environment leads to the lab. For tests that
/// load the module themselves: its one global state belongs to a process, and so does the environment.
///
/// # Panics
/// When the body does.
pub fn alone(name: &str, options: &[&str], body: impl FnOnce(Lab)) {
    if let Some(folder) = env::var_os(FOLDER) {
        fs::write(Path::new(&folder).join("ran"), name).expect("the lab's folder takes files");
        return body(Lab::start(options));
    }
    let (folder, _made) = made_folders();
    let test = env::current_exe().expect("a test has a name");
    let status = Command::new(test)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .envs(environment(&folder))
        .env(FOLDER, &folder)
        .status()
        .expect("a test can be run");
    assert!(status.success(), "{name} failed in its own process: {status}");
    assert!(folder.join("ran").exists(), "there is no test called {name}");
}

/// The lab's folder, and the runtime directory that goes with it.
fn made_folders() -> (PathBuf, Option<[TempDir; 2]>) {
    let mut temporary = tempfile::Builder::new();
    let folder = temporary.prefix("crescendo-lab.").tempdir().expect("there is a place for files");
    let path = folder.path().to_owned();
    let mut temporary = tempfile::Builder::new();
    let name = path.file_name().expect("it was just made");
    let runtime = temporary.prefix(name).rand_bytes(0).permissions(Permissions::from_mode(0o700));
    let runtime = runtime.tempdir_in(MEMORY).expect("there is a place in memory");
    (path, Some([folder, runtime]))
}

fn runtime(folder: &Path) -> PathBuf {
    Path::new(MEMORY).join(folder.file_name().expect("a folder has a name"))
}

/// Leads to the lab's reader and to whoever vouches for its card, and away from the home of whoever runs the tests.
fn environment(folder: &Path) -> [(&'static str, PathBuf); 8] {
    let home = folder.join("home");
    [
        ("PCSCLITE_CSOCK_NAME", folder.join("run/pcscd.comm")),
        ("PKCS11_MODULE_PATH", Files::get().module.clone()),
        ("CRESCENDO_VCI_ANCHORS", folder.join("anchors.pem")),
        ("HOME", home.clone()),
        ("XDG_CACHE_HOME", home.join("cache")),
        ("XDG_CONFIG_HOME", home.join("config")),
        ("XDG_STATE_HOME", home.join("state")),
        ("XDG_RUNTIME_DIR", runtime(folder)),
    ]
}
