//! The environment, as far as it is the user's own: a program that runs with more rights than its caller has does not
//! read it (as secure_getenv(3) does not).

use std::{env, ffi::OsString, fs};

use rustix::process::{getegid, geteuid, getgid, getuid};

/// In the auxiliary vector of a process: whether it got rights that its caller has not (getauxval(3)).
const AT_SECURE: usize = 23;

/// A variable that is set and not empty, unless somebody else than the user of this program might have set it.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    if is_privileged() { None } else { env::var_os(name).filter(|value| !value.is_empty()) }
}

/// Whether this program has rights of its own: set-user-ID, set-group-ID, file capabilities.
pub(crate) fn is_privileged() -> bool {
    getuid() != geteuid() || getgid() != getegid() || is_secure().unwrap_or(true)
}

/// `None` where the kernel does not tell, which it does not tell such programs.
fn is_secure() -> Option<bool> {
    const WORD: usize = size_of::<usize>();
    let vector = fs::read("/proc/self/auxv").ok()?;
    let word = |bytes: &[u8]| bytes.try_into().ok().map(usize::from_ne_bytes);
    let entry = vector.chunks_exact(2 * WORD).find(|entry| word(&entry[..WORD]) == Some(AT_SECURE))?;
    word(&entry[WORD..]).map(|value| value != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_has_no_rights_of_its_own() {
        assert_eq!(is_secure(), Some(false));
        assert!(!is_privileged());
        assert!(variable("PATH").is_some());
        assert_eq!(variable("CRESCENDO_NO_SUCH_VARIABLE"), None);
    }
}
