//! What is wrong with a machine, and what to do about it (D15).

use std::{ffi::c_char, path::PathBuf};

use device::doctor::{Doctor, Finding, Report, Verdict, installed_command};

use crate::{
    call::enter,
    callbacks,
    context::Machine,
    crescendo_context, crescendo_status, crescendo_text, handle,
    result::{self, Answer, Keep},
    text,
};

/// How a thing is.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_verdict {
    /// As it should be.
    Ok = 1,
    /// It could not be looked at, or there is nothing to look at.
    Skipped = 2,
    /// Something works less well than it could, or not as somebody may expect.
    Warning = 3,
    /// Something does not work.
    Problem = 4,
}

/// One thing that was looked at.
#[repr(C)]
pub struct crescendo_finding {
    /// What was looked at: a name for programs, the same for all findings of a kind, as in "pcscd".
    pub id: crescendo_text,
    /// How it is.
    pub verdict: crescendo_verdict,
    /// The same in a sentence.
    pub what: crescendo_text,
    /// What to do about it: commands to run, one a line, where there are any. Each warning and each problem has one.
    pub remedy: crescendo_text,
}

/// Something that is installed.
#[repr(C)]
pub struct crescendo_installed {
    /// What it is called.
    pub name: crescendo_text,
    /// Its version.
    pub version: crescendo_text,
}

/// All that was found.
#[repr(C)]
pub struct crescendo_report {
    /// How many findings.
    pub count: usize,
    /// Each of them, in the order in which the answer of a card comes to a program: readers first.
    pub items: *const *const crescendo_finding,
    /// How many of them are problems.
    pub problems: usize,
    /// How many of them are warnings.
    pub warnings: usize,
    /// What is installed that such an answer passes through.
    pub installed: *const *const crescendo_installed,
    /// How many.
    pub installed_count: usize,
}

// SAFETY: a mark of its own; its pointers come from the `Keep`.
unsafe impl Answer for crescendo_report {
    const MARK: u64 = 0x6372_6573_7230_0004;
}

/// Looks at everything that a card's or key's answer passes through: pcscd, its driver, readers, cards, what is remembered of them,
/// the PKCS#11 module and where programs find it, keys and who may open them, fwupd. No PIN is sent, no login taken from anybody,
/// nothing changed; but an update that another program left unconfirmed is confirmed. `module` is the file of the PKCS#11 module to
/// look at; NULL: the one that is installed.
///
/// It takes seconds, and up to 30 where the module hangs: it runs programs and waits for them, dpkg-query and the command
/// `crescendo`, which tries the module so that one that crashes is a finding and not the end of this program. Where there is no such
/// command (in PATH, /usr/local/bin or /usr/bin) that finding is CRESCENDO_VERDICT_SKIPPED. The result is freed with
/// crescendo_report_free. Any thread; not while this program waits for every child that it has, or ignores SIGCHLD.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_doctor(
    context: *const crescendo_context,
    module: *const c_char,
    module_length: usize,
    report: *mut *const crescendo_report,
) -> crescendo_status {
    enter(|| {
        // SAFETY: the header's conventions.
        let (machine, module) =
            unsafe { (handle::value(context)?, text::text(module, module_length, "the module")?) };
        result::demand(report)?;
        callbacks::outside()?;
        let found = examine(&machine, module.map(PathBuf::from));
        // SAFETY: the header's conventions.
        unsafe { result::give(report, |keep| shown(&found, keep)) }
    })
}

/// Frees a report. NULL is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crescendo_report_free(report: *const crescendo_report) {
    // SAFETY: the header's conventions.
    unsafe { result::free(report) }
}

fn examine(machine: &Machine, module: Option<PathBuf>) -> Report {
    let doctor = Doctor {
        system: &*machine.system,
        devices: &machine.devices,
        hid: &*machine.hid,
        keys: &machine.security_keys(),
        cache: &machine.cache,
        cache_folder: machine.cache_folder.clone(),
        command: installed_command(&*machine.system),
        module,
    };
    doctor.examine()
}

fn shown(report: &Report, keep: &mut Keep) -> crescendo_report {
    let findings: Vec<_> = report.findings.iter().map(|finding| item(finding, keep)).collect();
    let installed: Vec<_> = report
        .versions
        .iter()
        .map(|(name, version)| crescendo_installed { name: keep.text(name), version: keep.text(version) })
        .collect();
    crescendo_report {
        count: findings.len(),
        items: keep.list(findings),
        problems: report.count(Verdict::Problem),
        warnings: report.count(Verdict::Warning),
        installed_count: installed.len(),
        installed: keep.list(installed),
    }
}

fn item(finding: &Finding, keep: &mut Keep) -> crescendo_finding {
    crescendo_finding {
        id: keep.text(finding.id),
        verdict: match finding.verdict {
            Verdict::Ok => crescendo_verdict::Ok,
            Verdict::Skipped => crescendo_verdict::Skipped,
            Verdict::Warning => crescendo_verdict::Warning,
            Verdict::Problem => crescendo_verdict::Problem,
        },
        what: keep.text(&finding.what),
        remedy: keep.text_if(finding.remedy.as_deref()),
    }
}
