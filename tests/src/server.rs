//! Servers that clients log in to with the card, on the lab's own loopback.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::PIN;
use crate::files::{Files, fixture};
use crate::judge::ca;
use crate::lab::Lab;
use crate::program::Done;

/// `gnutls-serv`, which wants a certificate of the CA from every client.
#[derive(Debug)]
pub struct TlsServer {
    _process: Process,
    port: String,
}

impl TlsServer {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(lab: &Lab) -> Self {
        let (key, certificate) = (lab.path("server.key"), lab.path("server.pem"));
        let request = lab.program("openssl").args(&["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
        let request = request.args(&["-pkeyopt", "ec_paramgen_curve:P-256", "-subj", "/CN=lab"]);
        let request =
            request.args(&["-addext", "subjectAltName=IP:127.0.0.1", "-CA"]).arg(ca()).arg("-CAkey");
        let request =
            request.arg(fixture("ca.key.pem")).arg("-keyout").arg(&key).arg("-out").arg(&certificate);
        let _ = request.succeed();
        let port = free_port();
        let mut server = inside(lab, "gnutls-serv");
        server.args([
            "--http",
            "--require-client-cert",
            "--verify-client-cert",
            "-p",
            &port,
            "--x509certfile",
        ]);
        server.arg(certificate).arg("--x509keyfile").arg(key).arg("--x509cafile").arg(ca());
        Self { _process: Process::start(server, &lab.path("tls.log"), "listening"), port }
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
        fs::read_to_string(lab.path("tls.log")).expect("the server has written it")
    }
}

/// `sshd`, which lets in whoever runs the test, with the keys it was given.
#[derive(Debug)]
pub struct SshServer {
    _process: Process,
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
        let mut server = inside(lab, "/usr/sbin/sshd");
        server.args(["-D", "-e", "-f"]).arg(configuration);
        Self { _process: Process::start(server, &lab.path("sshd.log"), "Server listening"), port }
    }

    /// Logs in with the card, typing `pin` as often as ssh asks, and runs `echo logged in` there.
    #[must_use]
    pub fn log_in(&self, lab: &Lab, pin: &str) -> Done {
        let askpass = lab.file("askpass", format!("#!/bin/sh\necho {pin}\n"));
        let _ = lab.program("chmod").arg("700").arg(&askpass).succeed();
        let ssh = lab.program_inside("ssh").env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
        let known = format!("UserKnownHostsFile={}", lab.path("known_hosts").display());
        let ssh =
            ssh.args(&["-F", "none", "-p", &self.port, "-o", &known, "-o", "StrictHostKeyChecking=yes"]);
        let ssh = ssh.args(&["-o", "IdentityAgent=none", "-o", "PreferredAuthentications=publickey", "-I"]);
        ssh.arg(&Files::get().module).args(&["root@127.0.0.1", "echo logged in"]).run()
    }
}

/// Ends with the test: dropped, or killed by the kernel when the test dies.
#[derive(Debug)]
struct Process(Child);

impl Process {
    fn start(mut command: Command, log: &Path, words: &str) -> Self {
        let file = File::create(log).expect("the lab's folder takes files");
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("it is open")).stderr(file);
        let process = Self(command.spawn().expect("servers are installed"));
        for _ in 0..100 {
            if fs::read_to_string(log).is_ok_and(|text| text.contains(words)) {
                return process;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("{command:?} does not start: {}", fs::read_to_string(log).unwrap_or_default());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn inside(lab: &Lab, name: &str) -> Command {
    let mut command = Command::new(&lab.inside()[0]);
    command.args(&lab.inside()[1..]).args(["setpriv", "--pdeathsig", "KILL", name]);
    command
}

/// Free a moment ago. In the lab's own network all of them are.
fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.expect("loopback has free ports").port().to_string()
}
