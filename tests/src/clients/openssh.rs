//! OpenSSH with our module in it.

use crate::{Files, Lab, PIN, SshServer};

/// It lists the keys, and logs in to a local sshd with the first.
///
/// # Panics
/// When it is not let in.
pub fn works(lab: &Lab, pin: &str) {
    assert_eq!(pin, PIN, "keys are listed before the PIN is asked for");
    logs_in(lab, &public_keys(lab));
}

/// What `ssh-keygen -D` lists, as in an authorized_keys file. No PIN is asked for.
///
/// # Panics
/// When it fails.
#[must_use]
pub fn public_keys(lab: &Lab) -> String {
    lab.program("ssh-keygen").arg("-D").arg(&Files::get().module).succeed().out
}

/// A login to a server that lets in these keys.
///
/// # Panics
/// When it is refused.
pub fn logs_in(lab: &Lab, keys: &str) {
    let login = SshServer::start(lab, keys).log_in(lab, PIN);
    assert_eq!((login.status, &login.out[..]), (Some(0), "logged in\n"), "{login}");
}
