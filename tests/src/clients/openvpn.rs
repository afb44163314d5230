//! OpenVPN with our module: a whole tunnel, from the lab's loopback to the lab's loopback.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crate::judge::ca;
use crate::{Files, Lab, PIN, Program, Server, free_port, server_certificate};

/// The tunnel opens.
///
/// # Panics
/// When it does not.
pub fn works(lab: &Lab, pin: &str) {
    assert_eq!(pin, PIN, "the certificate is found before the PIN is asked for");
    let port = free_port();
    let (server, client) = (server(lab, &port), client(lab, &port));
    Management::release(&lab.path("management")).give(pin);
    client.wait_for("Initialization Sequence Completed");
    server.wait_for("[Crescendo Test Holder] Peer Connection Initiated");
}

/// One end of a tunnel with no network device.
fn end(lab: &Lab) -> Program {
    let end = lab.server("openvpn").args(&["--dev", "null", "--ifconfig-noexec", "--proto", "udp4"]);
    end.arg("--ca").arg(ca())
}

/// A server of its own.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn server(lab: &Lab, port: &str) -> Server {
    let (key, certificate) = server_certificate(lab);
    let server = end(lab).args(&["--tls-server", "--dh", "none", "--local", "127.0.0.1", "--port", port]);
    let server = server.arg("--cert").arg(certificate).arg("--key").arg(key);
    server.serve(lab.path("server.log"), "UDPv4 link local")
}

/// A client that waits for the management interface.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn client(lab: &Lab, port: &str) -> Server {
    let client = end(lab).args(&["--tls-client", "--nobind", "--remote", "127.0.0.1", port]);
    let client = client.arg("--pkcs11-providers").arg(&Files::get().module);
    let client = client.args(&["--pkcs11-id", &ids(lab)[0], "--management-query-passwords"]);
    let client = client.args(&["--management-hold", "--management"]).arg(lab.path("management")).arg("unix");
    client.serve(lab.path("client.log"), "library versions")
}

/// What `--pkcs11-id` takes, certificate by certificate.
///
/// # Panics
/// When OpenVPN does not tell.
#[must_use]
pub fn ids(lab: &Lab) -> Vec<String> {
    let shown = lab.program("openvpn").arg("--show-pkcs11-ids").arg(&Files::get().module).succeed();
    let ids = shown.out.lines().filter_map(|line| line.trim().strip_prefix("Serialized id:"));
    ids.map(|id| id.trim().into()).collect()
}

/// The management interface, where a desktop's applet asks for the PIN.
#[derive(Debug)]
pub struct Management {
    lines: Lines<BufReader<UnixStream>>,
    to: UnixStream,
}

impl Management {
    /// Connects, and lets the client begin.
    ///
    /// # Panics
    /// When nobody listens.
    #[must_use]
    pub fn release(socket: &Path) -> Self {
        let mut tries = (0..200).map(|_| {
            sleep(Duration::from_millis(50));
            UnixStream::connect(socket)
        });
        let to = tries.find_map(Result::ok).expect("the client listens");
        to.set_read_timeout(Some(Duration::from_secs(20))).expect("that is more than nothing");
        let lines = BufReader::new(to.try_clone().expect("it is open")).lines();
        let mut management = Self { lines, to };
        management.wait_for(">HOLD");
        management.say("hold release");
        management
    }

    /// Waits for a line that begins so.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for(&mut self, words: &str) {
        let found = self.lines.by_ref().any(|line| line.is_ok_and(|line| line.starts_with(words)));
        assert!(found, "the management interface never says {words:?}");
    }

    /// Says a line.
    ///
    /// # Panics
    /// When nobody listens any more.
    pub fn say(&mut self, words: &str) {
        writeln!(self.to, "{words}").expect("the client listens");
    }

    /// Gives the PIN when it is asked for.
    ///
    /// # Panics
    /// When it is not.
    pub fn give(&mut self, pin: &str) {
        self.wait_for(">PASSWORD:Need 'Crescendo Test Holder token' password");
        self.say(&format!("password \"Crescendo Test Holder token\" {pin}"));
    }
}
