//! The files and the environment of the machine.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use link::{FileKind, FileStatus, Ran, System};

/// Files that belong to root, variables, programs. Clones are the same machine.
#[derive(Clone, Default)]
pub(crate) struct Files(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Result<Vec<u8>, io::ErrorKind>>,
    variables: BTreeMap<String, String>,
    programs: BTreeMap<PathBuf, Ran>,
}

impl Files {
    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        self.0.lock().unwrap().files.insert(path.into(), Ok(content.as_ref().to_vec()));
    }

    /// A file that cannot be read.
    pub(crate) fn close(&self, path: &str) {
        self.0.lock().unwrap().files.insert(path.into(), Err(io::ErrorKind::PermissionDenied));
    }

    pub(crate) fn set(&self, variable: &str, value: &str) {
        self.0.lock().unwrap().variables.insert(variable.into(), value.into());
    }

    /// A program, and what comes of it whatever it is called with.
    pub(crate) fn program(&self, path: &str, ran: Ran) {
        self.put(path, "");
        self.0.lock().unwrap().programs.insert(path.into(), ran);
    }
}

impl System for Files {
    fn read(&self, file: &Path, most: usize) -> io::Result<Vec<u8>> {
        match self.0.lock().unwrap().files.get(file) {
            None => Err(io::ErrorKind::NotFound.into()),
            Some(Err(kind)) => Err((*kind).into()),
            Some(Ok(content)) if content.len() > most => Err(io::ErrorKind::FileTooLarge.into()),
            Some(Ok(content)) => Ok(content.clone()),
        }
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock().unwrap();
        let inside = state.files.keys().filter(|path| path.parent() == Some(folder));
        let names: Vec<_> = inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect();
        if names.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(names) }
    }

    fn status(&self, path: &Path) -> io::Result<FileStatus> {
        let state = self.0.lock().unwrap();
        let (kind, mode) = match state.files.keys().find(|file| file.starts_with(path)) {
            None => return Err(io::ErrorKind::NotFound.into()),
            Some(file) if file == path && state.programs.contains_key(file) => (FileKind::File, 0o755),
            Some(file) if file == path => (FileKind::File, 0o644),
            Some(_) => (FileKind::Folder, 0o755),
        };
        Ok(FileStatus { kind, owner: 0, group: 0, mode })
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        self.status(path).map(|_| path.to_owned())
    }

    fn may_write(&self, path: &Path) -> bool {
        self.status(path).is_ok()
    }

    fn listens(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().variables.get(name).cloned()
    }

    fn user(&self) -> u32 {
        1000
    }

    fn run(&self, program: &Path, _: &[&str], _: Duration) -> io::Result<Ran> {
        let ran = self.0.lock().unwrap().programs.get(program).cloned();
        ran.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
