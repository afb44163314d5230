//! A machine that is made up: files, programs, environment, simulated readers and keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use crescendo_device::{
    Cache, Devices, Environment,
    doctor::{Doctor, Finding, Report, Verdict},
    firmware::{Keys, update_ids},
};
use link::{FileKind, FileStatus, HidDevices, Ran, Readers, System};
use sim::key::SimKeys;
use sim::{SimClock, SimReaders, SimStore};

pub(crate) const MODULE: &str = "/usr/local/lib/pkcs11/libcrescendo_pkcs11.so";
pub(crate) const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu";
pub(crate) const SOCKET: &str = "/run/pcscd/pcscd.comm";

/// What a path has: content, and what the system says of it.
#[derive(Clone)]
struct Node {
    content: Vec<u8>,
    status: FileStatus,
}

#[derive(Default)]
struct State {
    nodes: BTreeMap<PathBuf, Node>,
    links: BTreeMap<PathBuf, PathBuf>,
    variables: BTreeMap<String, String>,
    listening: BTreeMap<PathBuf, io::ErrorKind>,
    closed: BTreeSet<PathBuf>,
    programs: BTreeMap<String, Result<Ran, io::ErrorKind>>,
    ran: Vec<String>,
    user: u32,
    cache_folder: Option<PathBuf>,
    module: Option<PathBuf>,
    no_command: bool,
    refusing: bool,
}

/// The machine; everything that a check may look at.
pub(crate) struct Machine {
    state: Mutex<State>,
    pub(crate) readers: SimReaders,
    pub(crate) plugged: SimKeys,
    pub(crate) store: SimStore,
    pub(crate) clock: SimClock,
}

impl Machine {
    /// A user at a Debian 12, with pcscd, p11-kit, udev and all of ours but no key and no card; nothing is wrong.
    pub(crate) fn well() -> Self {
        let clock = SimClock::default();
        let machine = Self {
            state: Mutex::default(),
            readers: SimReaders::new(),
            plugged: SimKeys::new(&clock),
            store: SimStore::default(),
            clock,
        };
        machine.state().user = 1000;
        machine.cache_folder(Some("/home/anna/.cache/crescendo"));
        machine.set("HOME", "/home/anna");
        machine.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n");
        machine.file(format!("{LIBRARIES}/libp11-kit.so.0"), "");
        machine.file("/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist", "");
        machine.file("/usr/sbin/pcscd", "");
        machine.file("/usr/lib/udev/rules.d/60-fido-id.rules", "");
        machine.file("/usr/local/lib/udev/rules.d/70-crescendo.rules", "");
        machine.file("/run/udev/control", "");
        machine.file(MODULE, "");
        machine.file("/etc/pkcs11/modules/crescendo.module", format!("module: {MODULE}\ncritical: no\n"));
        machine.says("try-module", "loaded\nCrescendo project\nPIV and Crescendo tokens\n0\n1\n2\n1\n");
        machine
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        self.state().variables.insert(name.into(), value.into());
    }

    pub(crate) fn cache_folder(&self, folder: Option<&str>) {
        self.state().cache_folder = folder.map(PathBuf::from);
    }

    /// The module that is named on the command line.
    pub(crate) fn module(&self, module: &str) {
        self.state().module = Some(module.into());
    }

    /// The program that asks is another one than the command, which is nowhere.
    pub(crate) fn no_command(&self) {
        self.state().no_command = true;
    }

    pub(crate) fn user(&self, id: u32) {
        self.state().user = id;
    }

    /// A file that belongs to root; the folders it is in come with it.
    pub(crate) fn file(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        self.node(path.as_ref(), content.as_ref(), FileKind::File, 0o644);
    }

    /// The same for everybody to run.
    pub(crate) fn program(&self, path: &str) {
        self.node(path.as_ref(), b"", FileKind::File, 0o755);
    }

    /// The same for everybody to write to.
    pub(crate) fn open_file(&self, path: &str, content: &str) {
        self.node(path.as_ref(), content.as_bytes(), FileKind::File, 0o666);
    }

    /// A node of a device, and what udev knows of it.
    pub(crate) fn device(&self, path: &str, minor: u32, udev: &str) {
        self.node(path.as_ref(), b"", FileKind::Device(240, minor), 0o600);
        self.file(format!("/run/udev/data/c240:{minor}"), udev);
    }

    fn node(&self, path: &Path, content: &[u8], kind: FileKind, mode: u32) {
        let status = FileStatus { kind, owner: 0, group: 0, mode };
        let mut state = self.state();
        state.nodes.insert(path.to_owned(), Node { content: content.to_owned(), status });
        for folder in path.ancestors().skip(1) {
            let status = FileStatus { kind: FileKind::Folder, owner: 0, group: 0, mode: 0o755 };
            state.nodes.entry(folder.to_owned()).or_insert(Node { content: Vec::new(), status });
        }
    }

    pub(crate) fn link(&self, path: impl Into<PathBuf>, target: impl Into<PathBuf>) {
        self.state().links.insert(path.into(), target.into());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.state().nodes.retain(|known, _| !known.starts_with(path));
    }

    /// This user may not open it.
    pub(crate) fn close(&self, path: &str) {
        self.state().closed.insert(path.into());
    }

    /// A socket, and what becomes of a connection to it.
    pub(crate) fn socket(&self, path: &str, refusal: Option<io::ErrorKind>) {
        self.file(path, "");
        self.state().listening.insert(path.into(), refusal.unwrap_or(io::ErrorKind::Other));
    }

    /// A program that is called like this, or with this as its first argument, and what it writes.
    pub(crate) fn says(&self, program: &str, out: &str) {
        let ran = Ran { status: Some(0), out: out.into(), ..Ran::default() };
        self.runs(program, Ok(ran));
    }

    pub(crate) fn runs(&self, program: &str, ran: Result<Ran, io::ErrorKind>) {
        self.state().programs.insert(program.into(), ran);
    }

    /// Whether a program was run.
    pub(crate) fn has_run(&self, words: &str) -> bool {
        self.state().ran.iter().any(|line| line.contains(words))
    }

    /// polkit keeps this user from pcscd.
    pub(crate) fn refuse_readers(&self) {
        self.state().refusing = true;
    }

    pub(crate) fn report(&self) -> Report {
        let (refusing, cache_folder, module, no_command) = {
            let state = self.state();
            (state.refusing, state.cache_folder.clone(), state.module.clone(), state.no_command)
        };
        let readers: Arc<dyn Readers> =
            if refusing { Arc::new(Refusing) } else { Arc::new(self.readers.clone()) };
        let store = Arc::new(self.store.clone());
        let clock = Arc::new(self.clock.clone());
        let pause = self.clock.clone();
        let hid: Arc<dyn HidDevices> = Arc::new(self.plugged.clone());
        let keys =
            Keys::new(hid.clone(), store.clone(), clock.clone(), Box::new(move |t: Duration| pause.pass(t)));
        let doctor = Doctor {
            system: self,
            devices: &Devices::new(readers, Environment::new(store.clone(), clock)),
            hid: &*hid,
            keys: &keys.known_by(update_ids(self).0),
            cache: &Cache::new(store),
            cache_folder,
            command: (!no_command).then(|| "/usr/local/bin/crescendo".into()),
            module,
        };
        doctor.examine()
    }

    /// What was found of one kind.
    pub(crate) fn findings(&self, id: &str) -> Vec<Finding> {
        self.report().findings.into_iter().filter(|finding| finding.id == id).collect()
    }

    /// The only finding of a kind.
    #[track_caller]
    pub(crate) fn finding(&self, id: &str) -> Finding {
        let mut findings = self.findings(id);
        assert_eq!(findings.len(), 1, "{id}: {findings:#?}");
        findings.remove(0)
    }

    /// The only finding of a kind has this verdict, and says this, and its remedy that.
    #[track_caller]
    pub(crate) fn finds(&self, id: &str, verdict: Verdict, what: &str, remedy: &str) {
        let finding = self.finding(id);
        assert_eq!(finding.verdict, verdict, "{finding:#?}");
        assert!(finding.what.contains(what), "{finding:#?}");
        assert!(finding.remedy.as_deref().unwrap_or_default().contains(remedy), "{finding:#?}");
    }
}

impl System for Machine {
    fn read(&self, file: &Path, most: usize) -> io::Result<Vec<u8>> {
        if self.state().closed.contains(file) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let state = self.state();
        let node = state.nodes.get(file).ok_or(io::ErrorKind::NotFound)?;
        if node.content.len() > most {
            Err(io::ErrorKind::FileTooLarge.into())
        } else {
            Ok(node.content.clone())
        }
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.status(folder)?;
        let state = self.state();
        let inside = state.nodes.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        let state = self.state();
        state.nodes.get(path).map(|node| node.status).ok_or(io::ErrorKind::NotFound.into())
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        if let Some(target) = self.state().links.get(path) {
            return Ok(target.clone());
        }
        self.status(path).map(|_| path.to_owned())
    }

    fn may_write(&self, path: &Path) -> bool {
        self.status(path).is_ok() && !self.state().closed.contains(path)
    }

    fn listens(&self, socket: &Path) -> io::Result<()> {
        match self.state().listening.get(socket) {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(io::ErrorKind::Other) => Ok(()),
            Some(kind) => Err((*kind).into()),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.state().variables.get(name).cloned()
    }

    fn user(&self) -> u32 {
        self.state().user
    }

    fn run(&self, program: &Path, arguments: &[&str], _: Duration) -> io::Result<Ran> {
        let line = format!("{} {}", program.display(), arguments.join(" "));
        let mut state = self.state();
        state.ran.push(line.clone());
        let called = state.programs.iter().find(|(words, _)| line.contains(&words[..]));
        match called {
            None => Err(io::ErrorKind::NotFound.into()),
            Some((_, Ok(ran))) => Ok(ran.clone()),
            Some((_, Err(kind))) => Err((*kind).into()),
        }
    }
}

/// pcscd as polkit shows it to a user over ssh.
struct Refusing;

impl Readers for Refusing {
    fn list(&self) -> Result<Vec<link::Reader>, link::LinkError> {
        let denied = io::Error::new(io::ErrorKind::PermissionDenied, "refused");
        Err(link::LinkError::Other(Box::new(denied)))
    }

    fn connect(&self, _: &str) -> Result<Box<dyn link::Card>, link::LinkError> {
        Err(link::LinkError::NoCard)
    }

    fn wait(&self, _: &[link::Reader], _: Option<Duration>) -> Result<Vec<link::Reader>, link::LinkError> {
        self.list()
    }

    fn cancel(&self) {}
}
