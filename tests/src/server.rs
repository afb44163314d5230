//! Servers that clients log in to with the card, on the lab's own loopback.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use crate::PIN;
use crate::files::{Files, fixture};
use crate::judge::ca;
use crate::lab::Lab;
use crate::program::{Done, Program, Server};

/// Files that a TLS server shows itself with: its key, and its certificate for 127.0.0.1 from the CA of the cards.
#[must_use]
pub fn server_certificate(lab: &Lab) -> (PathBuf, PathBuf) {
    let (key, certificate) = (lab.path("server.key"), lab.path("server.pem"));
    let request = lab.program("openssl").args(&["req", "-config", "/dev/null", "-x509", "-newkey", "ec"]);
    let request =
        request.args(&["-nodes", "-days", "2", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=lab"]);
    let request = request.args(&["-addext", "subjectAltName=IP:127.0.0.1", "-CA"]).arg(ca()).arg("-CAkey");
    let request = request.arg(fixture("ca.key.pem")).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
    let _ = request.succeed();
    (key, certificate)
}

/// `openssl s_server`, which wants a certificate of the CA from every client, and answers with a page about them.
#[derive(Debug)]
pub struct OpensslServer {
    process: Server,
    /// Where it listens, on the lab's own loopback.
    pub port: String,
}

impl OpensslServer {
    /// Starts one that speaks TLS 1.3 only.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(lab: &Lab) -> Self {
        let ((key, certificate), port) = (server_certificate(lab), free_port());
        let server = lab.server("openssl").args(&["s_server", "-tls1_3", "-www", "-accept", &port, "-key"]);
        let server = server.arg(key).arg("-cert").arg(certificate).args(&["-Verify", "1"]);
        let server = server.arg("-verify_return_error").arg("-CAfile").arg(ca());
        Self { process: server.serve(lab.path("s_server.log"), "ACCEPT"), port }
    }

    /// Waits until it has said these words, as it may after the client has ended.
    pub fn wait_for(&self, words: &str) {
        self.process.wait_for(words);
    }

    /// What it said.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// `gnutls-serv`, which wants a certificate of the CA from every client.
#[derive(Debug)]
pub struct TlsServer {
    process: Server,
    port: String,
}

impl TlsServer {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(lab: &Lab) -> Self {
        let ((key, certificate), port) = (server_certificate(lab), free_port());
        let server = lab.server("gnutls-serv").args(&["--http", "--require-client-cert"]);
        let server = server.args(&["--verify-client-cert", "-p", &port, "--x509certfile"]).arg(certificate);
        let server = server.arg("--x509keyfile").arg(key).arg("--x509cafile").arg(ca());
        Self { process: server.serve(lab.path("tls.log"), "listening"), port }
    }

    /// Fetches a page over TLS 1.3 with the key and the certificate of a CKA_ID, and returns what the server logged.
    ///
    /// The client is done before the server has looked at its certificate: only the page tells, and the log.
    ///
    /// # Panics
    /// When there is no page for the holder of `name`.
    #[must_use]
    pub fn log_in(&self, lab: &Lab, id: &str, name: &str) -> String {
        let url = format!("pkcs11:token=Crescendo%20Test%20Holder;id=%{id}");
        let client = lab.program_inside("gnutls-cli").env("GNUTLS_PIN", PIN);
        let client = client.arg("--provider").arg(&Files::get().module).arg("--x509cafile").arg(ca());
        let client = client.args(&["--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3", "--x509certfile"]);
        let client =
            client.args(&[&format!("{url};type=cert"), "--x509keyfile", &format!("{url};type=private")]);
        let page = client.args(&["-p", &self.port, "127.0.0.1"]).input("GET / HTTP/1.0\r\n\r\n").succeed();
        page.says("HTTP/1.0 200 OK").says(&format!("CN={name}"));
        self.process.log()
    }
}

/// `sshd`, which lets in whoever runs the test, with the keys it was given.
#[derive(Debug)]
pub struct SshServer {
    _process: Server,
    port: String,
}

impl SshServer {
    /// Starts one. `keys` are lines of an authorized_keys file.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(lab: &Lab, keys: &str) -> Self {
        let (host_key, port) = (lab.path("host_key"), free_port());
        let _ =
            lab.program("ssh-keygen").args(&["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&host_key).succeed();
        let public = fs::read_to_string(lab.path("host_key.pub")).expect("ssh-keygen wrote it");
        let _ = lab.file("known_hosts", format!("[127.0.0.1]:{port} {public}"));
        let keys = lab.file("authorized_keys", keys);
        let lines = [
            format!("Port {port}\nListenAddress 127.0.0.1\nPidFile none\nStrictModes no\nUsePAM no"),
            format!("PasswordAuthentication no\nMaxAuthTries 20\nHostKey {}", host_key.display()),
            format!("AuthorizedKeysFile {}\n", keys.display()),
        ];
        let configuration = lab.file("sshd_config", lines.join("\n"));
        // Where sshd locks itself in. Nothing is ever put there.
        fs::create_dir_all("/run/sshd").expect("root may do that");
        let server = lab.server("/usr/sbin/sshd").args(&["-D", "-e", "-f"]).arg(configuration);
        Self { _process: server.serve(lab.path("sshd.log"), "Server listening"), port }
    }

    /// Logs in with the card, typing `pin` as often as ssh asks, and runs `echo logged in` there.
    #[must_use]
    pub fn log_in(&self, lab: &Lab, pin: &str) -> Done {
        let ssh = self.ssh(askpass(lab, lab.program_inside("ssh"), pin), lab);
        let ssh = ssh.args(&["-o", "IdentityAgent=none", "-I"]).arg(&Files::get().module);
        ssh.args(&["root@127.0.0.1", "echo logged in"]).run()
    }

    /// The same with the keys of the agent at a socket.
    #[must_use]
    pub fn log_in_by_agent(&self, lab: &Lab, socket: &Path) -> Done {
        let ssh = self.ssh(lab.program_inside("ssh").env("SSH_AUTH_SOCK", socket), lab);
        ssh.args(&["root@127.0.0.1", "echo logged in"]).run()
    }

    fn ssh(&self, ssh: Program, lab: &Lab) -> Program {
        let known = format!("UserKnownHostsFile={}", lab.path("known_hosts").display());
        let ssh =
            ssh.args(&["-F", "none", "-p", &self.port, "-o", &known, "-o", "StrictHostKeyChecking=yes"]);
        ssh.args(&["-o", "PreferredAuthentications=publickey"])
    }
}

/// A program of OpenSSH to which `pin` is typed as often as it asks.
#[must_use]
pub fn askpass(lab: &Lab, program: Program, pin: &str) -> Program {
    let askpass = lab.file("askpass", format!("#!/bin/sh\necho {pin}\n"));
    let _ = lab.program("chmod").arg("700").arg(&askpass).succeed();
    program.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force")
}

/// Free a moment ago. In the lab's own network all of them are.
///
/// # Panics
/// When none is.
#[must_use]
pub fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("loopback has free ports").port().to_string()
}
