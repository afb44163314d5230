//! OpenSSH's agent with our module in it.

use std::path::PathBuf;

use crate::{Done, Files, Lab, Program, Server, SshServer, askpass};

/// An agent that holds the keys; and a login, twice, to a local sshd.
///
/// # Panics
/// When it is not let in.
pub fn works(lab: &Lab, pin: &str) {
    let agent = Agent::start(lab);
    agent.holds_every_key(pin);
    agent.logs_in_twice("ssh-rsa");
}

/// An agent that loads our module, and no other.
#[derive(Debug)]
pub struct Agent<'l> {
    // Ends before its card does.
    _process: Server,
    /// Where it listens.
    pub socket: PathBuf,
    lab: &'l Lab,
}

impl<'l> Agent<'l> {
    /// One that keeps our defaults.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(lab: &'l Lab) -> Self {
        Self::with(lab, "")
    }

    /// One where this key's PIN is sent again for each use.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn with(lab: &'l Lab, replayed: &str) -> Self {
        let socket = lab.path("agent");
        let module = Files::get().module.canonicalize().expect("it was built");
        let agent = lab.server("ssh-agent").env("CRESCENDO_REPLAY_PIN", replayed);
        let agent = agent.args(&["-D", "-a"]).arg(&socket).arg("-P").arg(module);
        let process = agent.serve(lab.path("agent.log"), "SSH_AUTH_SOCK=");
        Self { _process: process, socket, lab }
    }

    /// `ssh-add` with this flag and the module, to which the PIN is typed.
    #[must_use]
    pub fn add(&self, flag: &str, pin: &str) -> Done {
        let add = self.ssh_add().arg(flag).arg(&Files::get().module);
        askpass(self.lab, add, pin).run()
    }

    /// `ssh-add` for this agent.
    #[must_use]
    pub fn ssh_add(&self) -> Program {
        self.lab.program("ssh-add").env("SSH_AUTH_SOCK", &self.socket)
    }

    /// The first key of a kind, as in an authorized_keys file.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn key(&self, kind: &str) -> String {
        let keys = self.ssh_add().arg("-L").succeed().out;
        let key = keys.lines().find(|line| line.starts_with(kind));
        format!("{}\n", key.expect("the card has such a key"))
    }

    /// A server that lets in this key alone.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn server(&self, kind: &str) -> SshServer {
        SshServer::start(self.lab, &self.key(kind))
    }

    /// Takes the keys in.
    ///
    /// # Panics
    /// When one is missing.
    pub fn holds_every_key(&self, pin: &str) {
        let added = self.add("-s", pin);
        assert_eq!(added.status, Some(0), "{added}");
        let listed = self.ssh_add().arg("-l").succeed();
        listed.says("PIV AUTH pubkey");
        assert_eq!(listed.out.matches("(RSA)").count(), 2, "{listed}");
        assert_eq!(listed.out.matches("(ECDSA)").count(), 2, "{listed}");
    }

    /// Logs in twice, with the first key of a kind.
    ///
    /// # Panics
    /// When it is not let in.
    pub fn logs_in_twice(&self, kind: &str) {
        let server = self.server(kind);
        for _ in 0..2 {
            let login = server.log_in_by_agent(self.lab, &self.socket);
            assert_eq!((login.status, &login.out[..]), (Some(0), "logged in\n"), "{login}");
        }
    }
}
