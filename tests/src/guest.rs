//! A real kernel to play with: Debian's, in QEMU, on the root of this machine or on Debian 13's, with a USB host controller
//! to which programs plug in devices (vhci). The processor is emulated: no /dev/kvm is needed, and nothing of this
//! machine is changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::files::{Files, root};

/// What a boot and a script may take on two idle cores; more is worth a warning.
const EXPECTED: Duration = Duration::from_secs(120);
/// When nobody believes any more that it ends.
const LIMIT: Duration = Duration::from_secs(600);
/// How much of the console a failure shows.
const SHOWN: usize = 60;

/// Which userland a guest has. Whatever it writes there is forgotten with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The one of this machine.
    Host,
    /// Debian 13: target/guest/trixie, which `./dev test --slow` makes.
    Trixie,
}

/// A guest that is about to be switched on, to run one script of tests/guest.
#[derive(Debug)]
pub struct Guest {
    root: PathBuf,
    script: String,
    results: PathBuf,
    limit: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Run {
    /// The exit status of the script; none if the guest ended without a word, or had to be ended.
    pub status: Option<i32>,
    /// All that the script wrote.
    pub console: String,
    /// From the start of QEMU to its end.
    pub took: Duration,
    results: PathBuf,
}

impl Guest {
    /// A guest for a script. Its folder, target/guest/results/SCRIPT, is empty again; afterwards it is kept.
    ///
    /// # Panics
    /// When that cannot be made, or `./dev test --slow` has not prepared guests.
    #[must_use]
    pub fn new(root: Root, script: &str) -> Self {
        let root = match root {
            Root::Host => "/".into(),
            Root::Trixie => folder().join("trixie"),
        };
        for needed in [folder().join("kernel/made-of"), root.join("usr/bin/udevadm")] {
            assert!(needed.exists(), "./dev test --slow makes {}", needed.display());
        }
        let results = folder().join("results").join(script.trim_end_matches(".sh"));
        let _ = fs::remove_dir_all(&results);
        fs::create_dir_all(&results).expect("target/guest takes folders");
        Self { root, script: script.into(), results, limit: LIMIT }
    }

    /// Puts a file into the script's folder.
    ///
    /// # Panics
    /// When that folder does not take it.
    #[must_use]
    pub fn give(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.results.join(name), content).expect("the script's folder takes files");
        self
    }

    /// Another time after which the guest is ended.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs the script with these arguments, and waits for its end or for the limit.
    ///
    /// # Panics
    /// When QEMU does not start.
    #[must_use]
    pub fn run(self, arguments: &[&str]) -> Run {
        let Self { root, script, results, limit } = self;
        let started = Instant::now();
        let mut machine = Machine(qemu(&root, &script, arguments, &results));
        let switched_off = loop {
            if machine.0.try_wait().expect("QEMU is ours").is_some() {
                break true;
            }
            if started.elapsed() > limit {
                break false;
            }
            sleep(Duration::from_millis(100));
        };
        drop(machine);
        let took = started.elapsed();
        let console = text(&results.join("console.log")) + &text(&results.join("qemu.log"));
        let status = status(&console, &script).filter(|_| switched_off);
        if took > EXPECTED {
            eprintln!("warning: the guest for {script} took {} s", took.as_secs());
        }
        Run { status, console, took, results }
    }
}

impl Run {
    /// # Panics
    /// Unless the script ended with 0, with the end of what it wrote.
    #[track_caller]
    pub fn succeed(self) -> Self {
        let lines: Vec<_> = self.console.lines().collect();
        let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        let after = self.took.as_secs();
        assert_eq!(
            self.status,
            Some(0),
            "after {after} s; its files are in {}\n{end}",
            self.results.display()
        );
        self
    }

    /// A file that the script left.
    ///
    /// # Panics
    /// When it left none of this name.
    #[must_use]
    #[track_caller]
    pub fn file(&self, name: &str) -> Vec<u8> {
        let path = self.results.join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The same as text, with what is no UTF-8 replaced.
    ///
    /// # Panics
    /// As [`Run::file`].
    #[must_use]
    #[track_caller]
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.file(name)).into_owned()
    }
}

/// Ends QEMU when dropped. It also ends when the test dies: `--pdeathsig`.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn folder() -> PathBuf {
    root().join("target/guest")
}

fn qemu(root_of_guest: &Path, script: &str, arguments: &[&str], results: &Path) -> Child {
    let kernel = folder().join("kernel");
    let files = Files::get().sim.parent().expect("files are in a folder");
    // A KVM that is there may still not work; emulation always does.
    let mut qemu = Command::new("setpriv");
    qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    qemu.args(["-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "1024"]);
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    qemu.arg("-kernel").arg(kernel.join("vmlinuz")).arg("-initrd").arg(kernel.join("initrd.zst"));
    let words = [&[script], arguments].concat().join(" ");
    qemu.arg("-append").arg(format!("console=ttyS0 quiet panic=-1 -- {words}"));
    qemu.arg("-serial").arg(format!("file:{}", results.join("console.log").display()));
    for (name, path, writable) in [
        ("root", root_of_guest, false),
        ("tests", &root().join("tests/guest"), false),
        ("files", files, false),
        ("results", results, true),
    ] {
        let (path, rest) = (path.display(), if writable { "" } else { ",readonly=on" });
        let share = format!("local,id={name},path={path},security_model=none,multidevs=remap{rest}");
        qemu.args(["-fsdev", &share])
            .args(["-device", &format!("virtio-9p-pci,fsdev={name},mount_tag={name}")]);
    }
    let log = File::create(results.join("qemu.log")).expect("the script's folder takes files");
    qemu.stdin(Stdio::null()).stdout(log.try_clone().expect("it is open")).stderr(log);
    qemu.spawn().expect("setpriv starts QEMU")
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\r', "")
}

/// The last word of start.sh.
fn status(console: &str, script: &str) -> Option<i32> {
    let said = format!("guest: {script} ended with ");
    console.lines().rev().find_map(|line| line.strip_prefix(&said)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_is_the_last_word_on_the_console() {
        let console = "guest: a.sh ended with 3\n== 5.0 more\nguest: a.sh ended with 0\n[ 5.5] Power down\n";
        assert_eq!(status(console, "a.sh"), Some(0));
        assert_eq!(status(console, "b.sh"), None);
        assert_eq!(status("Kernel panic\n", "a.sh"), None);
    }
}
