//! What is wrong with a machine, its readers, cards and keys, and what to do about it (`crescendo doctor`).
//!
//! Checks are values: each makes [`Finding`]s of what it sees over the seams, so they run over made-up machines alike. No
//! check changes anything, sends a PIN, or takes a login from anybody; the one thing that is done is to finish an update
//! of firmware that another run has left unconfirmed, as every command does that sees the key.

mod command;
mod driver;
mod fwupd;
mod keys;
mod module;
mod nss;
mod p11_kit;
mod paths;
mod readers;
mod sandbox;
mod versions;

use std::path::PathBuf;

use link::{HidDevices, System};

use crate::{Cache, Devices, firmware::Keys};

pub use command::installed_command;
pub use module::{Loaded, Trial};

/// A machine to be looked at.
pub struct Doctor<'m> {
    /// Files, programs, environment.
    pub system: &'m dyn System,
    /// Readers and cards.
    pub devices: &'m Devices,
    /// HID devices.
    pub hid: &'m dyn HidDevices,
    /// The keys among those.
    pub keys: &'m Keys,
    /// What is kept between uses.
    pub cache: &'m Cache,
    /// The folder of that, if it is in files.
    pub cache_folder: Option<PathBuf>,
    /// A program that tries a PKCS#11 module: `COMMAND try-module FILE`, which prints a [`Trial`] as text. Without one, whether a
    /// module loads is not found out.
    pub command: Option<PathBuf>,
    /// The module to be looked at, if it is not the one that is installed.
    pub module: Option<PathBuf>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at: a name for programs, the same for all findings of a kind.
    pub id: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// The same in a sentence.
    pub what: String,
    /// What to do about it: commands to run, where there are any. Each warning and each problem has one.
    pub remedy: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It could not be looked at, or there is nothing to look at.
    Skipped,
    /// Something works less well than it could, or not as somebody may expect.
    Warning,
    /// Something does not work.
    Problem,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order in which a card's answer comes to a program: readers first, fleets last.
    pub findings: Vec<Finding>,
    /// What is installed: name and version.
    pub versions: Vec<(String, String)>,
}

impl Doctor<'_> {
    /// Looks at everything.
    #[must_use]
    pub fn examine(&self) -> Report {
        let system = self.system;
        let module = self.find_module();
        let registrations = p11_kit::registrations(system);
        let mut findings = self.examine_readers();
        findings.extend(self.examine_cache());
        findings.extend(self.examine_module(module.as_ref()));
        findings.extend(p11_kit::examine(system, &registrations, module.as_deref()));
        findings.extend(nss::examine(system, &registrations, module.as_deref()));
        findings.extend(sandbox::examine(system, module.as_deref()));
        findings.extend(self.examine_keys());
        findings.extend(fwupd::examine(system));
        if system.user() == 0 {
            findings.iter_mut().for_each(Finding::for_root);
        }
        Report { findings, versions: versions::of(system) }
    }
}

impl Report {
    /// Whether anything does not work.
    #[must_use]
    pub fn has_problem(&self) -> bool {
        self.count(Verdict::Problem) > 0
    }

    /// How many findings have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }
}

impl Finding {
    fn ok(id: &'static str, what: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Ok, what: what.into(), remedy: None }
    }

    fn skipped(id: &'static str, what: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Skipped, what: what.into(), remedy: None }
    }

    fn warning(id: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Warning, what: what.into(), remedy: Some(remedy.into()) }
    }

    /// Root needs no leave.
    fn for_root(&mut self) {
        self.remedy = self.remedy.take().map(|remedy| remedy.replace("sudo ", ""));
    }

    fn problem(id: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, verdict: Verdict::Problem, what: what.into(), remedy: Some(remedy.into()) }
    }
}
