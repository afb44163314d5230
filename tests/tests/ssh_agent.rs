//! OpenSSH's agent with our module in it.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use crescendo_tests::{Done, Files, Lab, PIN, Program, Server, SshServer, askpass};

struct Agent {
    // Ends before its card does.
    _process: Server,
    socket: PathBuf,
    lab: Lab,
}

impl Agent {
    /// It loads our module, and no other.
    fn start() -> Self {
        Self::with("")
    }

    /// With this key's PIN sent again for each use.
    fn with(replayed: &str) -> Self {
        let lab = Lab::start(&[]);
        let socket = lab.path("agent");
        let module = Files::get().module.canonicalize().unwrap();
        let agent = lab
            .server("ssh-agent")
            .env("CRESCENDO_REPLAY_PIN", replayed)
            .args(&["-D", "-a"])
            .arg(&socket)
            .arg("-P")
            .arg(module);
        let process = agent.serve(lab.path("agent.log"), "SSH_AUTH_SOCK=");
        Self { _process: process, socket, lab }
    }

    fn add(&self, flag: &str, pin: &str) -> Done {
        let add = self.ssh_add().arg(flag).arg(&Files::get().module);
        askpass(&self.lab, add, pin).run()
    }

    fn ssh_add(&self) -> Program {
        self.lab.program("ssh-add").env("SSH_AUTH_SOCK", &self.socket)
    }

    /// The first key of a kind, as in an authorized_keys file.
    fn key(&self, kind: &str) -> String {
        let keys = self.ssh_add().arg("-L").succeed().out;
        let key = keys.lines().find(|line| line.starts_with(kind));
        format!("{}\n", key.expect("the card has such a key"))
    }

    /// A server that lets in this key alone.
    fn server(&self, kind: &str) -> SshServer {
        SshServer::start(&self.lab, &self.key(kind))
    }
}

#[test]
fn it_holds_every_key_until_the_module_is_taken_out() {
    let agent = Agent::start();
    let added = agent.add("-s", PIN);
    assert_eq!(added.status, Some(0), "{added}");
    let listed = agent.ssh_add().arg("-l").succeed();
    listed.says("PIV AUTH pubkey");
    assert_eq!(listed.out.matches("(RSA)").count(), 2, "{listed}");
    assert_eq!(listed.out.matches("(ECDSA)").count(), 2, "{listed}");
    let removed = agent.add("-e", PIN);
    assert_eq!(removed.status, Some(0), "{removed}");
    assert!(agent.ssh_add().arg("-l").run().out.contains("The agent has no identities."));
}

#[test]
fn a_login_with_rsa() {
    let agent = Agent::start();
    assert_eq!(agent.add("-s", PIN).status, Some(0));
    let server = agent.server("ssh-rsa");
    for _ in 0..2 {
        let login = server.log_in_by_agent(&agent.lab, &agent.socket);
        assert_eq!((login.status, &login.out[..]), (Some(0), "logged in\n"), "{login}");
    }
}

/// The agent's helper keeps its session, so the card has to take the login back by itself.
#[test]
fn a_login_after_the_card_was_reset_by_another_program() {
    let agent = Agent::start();
    assert_eq!(agent.add("-s", PIN).status, Some(0));
    let server = agent.server("ssh-rsa");
    let _ = agent.lab.card("reset");
    assert_eq!(agent.lab.card("verified"), "false");
    let login = server.log_in_by_agent(&agent.lab, &agent.socket);
    assert_eq!((login.status, &login.out[..]), (Some(0), "logged in\n"), "{login}");
}

/// R10: the agent has no way to ask for a PIN when it signs. It gives up before the card hears of it.
#[test]
fn a_key_that_wants_its_pin_each_time_is_refused() {
    let agent = Agent::start();
    assert_eq!(agent.add("-s", PIN).status, Some(0));
    let login = agent.server("ecdsa").log_in_by_agent(&agent.lab, &agent.socket);
    assert_ne!(login.status, Some(0), "{login}");
    assert!(login.err.contains("ECDSA \"SIGN pubkey\" from agent: agent refused operation"), "{login}");
    assert_eq!(agent.lab.tries(), 6);
    // It leaves that signature begun for ever; the other keys go on.
    let other = agent.lab.file("rsa.pub", agent.key("ssh-rsa"));
    let _ = agent.ssh_add().arg("-T").arg(other).succeed();
}

/// Unless its owner lets the PIN of the login count for this key, too.
#[test]
fn a_key_that_wants_its_pin_each_time_can_be_allowed() {
    let agent = Agent::with("9C");
    assert_eq!(agent.add("-s", PIN).status, Some(0));
    let server = agent.server("ecdsa");
    for _ in 0..2 {
        let login = server.log_in_by_agent(&agent.lab, &agent.socket);
        assert_eq!((login.status, &login.out[..]), (Some(0), "logged in\n"), "{login}");
    }
}

#[test]
fn a_wrong_pin_costs_one_try() {
    let agent = Agent::start();
    let added = agent.add("-s", "654321");
    assert_ne!(added.status, Some(0), "{added}");
    assert_eq!(agent.lab.tries(), 5, "{added}");
}
