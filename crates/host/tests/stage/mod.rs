//! A process and a cache of its own for each test: where the cache is belongs to the environment, which belongs to a
//! process. Root is no user like others, so where tests run as root these processes run as somebody else.

#![allow(dead_code, reason = "each file of tests uses some of it")]

use std::{
    env, fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use link::Store;
use tempfile::TempDir;

/// Tells such a process where its files are, and which part in the test it plays.
const HOME: &str = "CRESCENDO_TEST_HOME";
const PART: &str = "CRESCENDO_TEST_PART";
/// Everything that names a place for a cache.
const PLACES: [&str; 5] = ["XDG_CACHE_HOME", "HOME", "CACHE_DIRECTORY", "STATE_DIRECTORY", "CRESCENDO_CACHE"];
/// Nobody (65534), on Debian and elsewhere.
pub(crate) const NOBODY: u32 = 65534;

pub(crate) struct Stage {
    pub(crate) home: PathBuf,
    name: &'static str,
}

/// Runs `body` in a process of its own. `name` is the test's.
pub(crate) fn alone(name: &'static str, body: impl FnOnce(&Stage)) {
    with_parts(name, |stage, part| {
        assert_eq!(part, None);
        body(stage);
    });
}

/// The same for a test whose processes start more: they find out here which part is theirs.
pub(crate) fn with_parts(name: &'static str, body: impl FnOnce(&Stage, Option<&str>)) {
    if let Some(home) = env::var_os(HOME) {
        let stage = Stage { home: home.into(), name };
        fs::write(stage.home.join("ran"), name).unwrap();
        return body(&stage, env::var(PART).ok().as_deref());
    }
    let home = home();
    let status = Stage { home: home.path().into(), name }.again().status().unwrap();
    assert!(status.success(), "{name} failed in its own process: {status}");
    assert!(home.path().join("ran").exists(), "there is no test called {name}");
}

/// A folder of the user who is to run the test.
pub(crate) fn home() -> TempDir {
    let home = TempDir::new().unwrap();
    if is_root() {
        chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    home
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

impl Stage {
    /// A stage for `name` in a folder that was made for it.
    pub(crate) fn at(home: &Path, name: &'static str) -> Self {
        Self { home: home.into(), name }
    }

    /// This test once more, in a process of its own.
    pub(crate) fn again(&self) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(self.arguments()).envs(self.environment());
        for place in &PLACES[1..] {
            command.env_remove(place);
        }
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    pub(crate) fn arguments(&self) -> [&'static str; 4] {
        [self.name, "--exact", "--nocapture", "--test-threads=1"]
    }

    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [(HOME, self.home.clone()), (PLACES[0], self.home.clone())]
    }

    /// Another process of this test.
    pub(crate) fn part(&self, part: &str) -> Command {
        let mut command = self.again();
        command.env(PART, part);
        command
    }

    /// The same, until it says that it is ready by a file of its name.
    pub(crate) fn start(&self, part: &str) -> Child {
        let child = self.part(part).stdin(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.home.join(part).exists() {
            assert!(Instant::now() < deadline, "{part} never gets ready");
            sleep(Duration::from_millis(2));
        }
        child
    }

    /// What [`Stage::start`] waits for.
    pub(crate) fn ready(&self, part: &str) {
        fs::write(self.home.join(part), b"").unwrap();
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home.join("crescendo")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The names of all files in the cache, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(self.folder()) else { return Vec::new() };
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn put(store: &Arc<dyn Store>, key: &str, content: &[u8]) {
    store.update(key, &mut |_| Some(content.to_vec()));
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
