//! OpenVPN on our module: a whole tunnel, from the lab's loopback to the lab's loopback.

#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use crescendo_tests::{Files, Lab, PIN, Program, Server, ca, free_port, server_certificate};

/// One end of a tunnel with no network device.
fn end(lab: &Lab) -> Program {
    let end = lab.server("openvpn").args(&["--dev", "null", "--ifconfig-noexec", "--proto", "udp4"]);
    end.arg("--ca").arg(ca())
}

fn server(lab: &Lab, port: &str) -> Server {
    let (key, certificate) = server_certificate(lab);
    let server = end(lab).args(&["--tls-server", "--dh", "none", "--local", "127.0.0.1", "--port", port]);
    let server = server.arg("--cert").arg(certificate).arg("--key").arg(key);
    server.serve(lab.path("server.log"), "UDPv4 link local")
}

fn client(lab: &Lab, port: &str) -> Server {
    let client = end(lab).args(&["--tls-client", "--nobind", "--remote", "127.0.0.1", port]);
    let client = client.arg("--pkcs11-providers").arg(&Files::get().module);
    let client = client.args(&["--pkcs11-id", &ids(lab)[0], "--management-query-passwords"]);
    let client = client.args(&["--management-hold", "--management"]).arg(lab.path("management")).arg("unix");
    client.serve(lab.path("client.log"), "library versions")
}

/// What `--pkcs11-id` takes, certificate by certificate.
fn ids(lab: &Lab) -> Vec<String> {
    let shown = lab.program("openvpn").arg("--show-pkcs11-ids").arg(&Files::get().module).succeed();
    let ids = shown.out.lines().filter_map(|line| line.trim().strip_prefix("Serialized id:"));
    ids.map(|id| id.trim().into()).collect()
}

/// The management interface, where a desktop's applet asks for the PIN.
struct Management {
    lines: Lines<BufReader<UnixStream>>,
    to: UnixStream,
}

impl Management {
    fn connect(socket: &Path) -> Self {
        let mut tries = (0..200).map(|_| {
            sleep(Duration::from_millis(50));
            UnixStream::connect(socket)
        });
        let to = tries.find_map(Result::ok).expect("the client listens");
        to.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { lines: BufReader::new(to.try_clone().unwrap()).lines(), to }
    }

    fn wait_for(&mut self, words: &str) {
        let found = self.lines.by_ref().any(|line| line.unwrap().starts_with(words));
        assert!(found, "the management interface never says {words:?}");
    }

    fn say(&mut self, words: &str) {
        writeln!(self.to, "{words}").unwrap();
    }

    fn give(&mut self, pin: &str) {
        self.wait_for(">PASSWORD:Need 'Crescendo Test Holder token' password");
        self.say(&format!("password \"Crescendo Test Holder token\" {pin}"));
    }
}

#[test]
fn every_certificate_has_an_id() {
    let lab = Lab::start(&[]);
    let ids = ids(&lab);
    assert_eq!(ids.len(), 4, "{ids:?}");
    for (index, id) in ids.iter().enumerate() {
        assert!(id.ends_with(&format!(r"/Crescendo\x20Test\x20Holder/0{}", index + 1)), "{ids:?}");
    }
}

#[test]
fn the_tunnel_opens_with_the_pin() {
    let lab = Lab::start(&[]);
    let port = free_port();
    let (server, client) = (server(&lab, &port), client(&lab, &port));
    let mut management = Management::connect(&lab.path("management"));
    management.wait_for(">HOLD");
    management.say("hold release");
    management.give(PIN);
    client.wait_for("Initialization Sequence Completed");
    server.wait_for("[Crescendo Test Holder] Peer Connection Initiated");
    assert_eq!(lab.tries(), 6);
}

/// It asks again, and the right PIN is taken then.
#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let port = free_port();
    let (_server, client) = (server(&lab, &port), client(&lab, &port));
    let mut management = Management::connect(&lab.path("management"));
    management.wait_for(">HOLD");
    management.say("hold release");
    management.give("654321");
    management.wait_for(">PASSWORD:Need");
    assert_eq!(lab.tries(), 5, "{}", client.log());
    management.say(&format!("password \"Crescendo Test Holder token\" {PIN}"));
    client.wait_for("Initialization Sequence Completed");
}
