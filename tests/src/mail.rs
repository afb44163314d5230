//! A mail server, and how Thunderbird names certificates.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use crate::files::fixture;
use crate::lab::Lab;
use crate::program::Server;
use crate::server::free_port;

/// A server that takes any mail, and keeps the last one.
#[derive(Debug)]
pub struct MailServer {
    _process: Server,
    mail: PathBuf,
    /// Where it listens, on the lab's own loopback.
    pub port: String,
}

impl MailServer {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(lab: &Lab) -> Self {
        let (mail, port) = (lab.path("received.eml"), free_port());
        let listen = format!("tcp-listen:{port},bind=127.0.0.1,fork");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/strangers/smtp.sh");
        let server = lab.server("socat").args(&["-d", "-d", &listen]);
        let server = server.arg(format!("exec:{script} {}", mail.display()));
        Self { _process: server.serve(lab.path("mail.log"), "listening on"), mail, port }
    }

    /// Waits for a mail, and says which file it is in.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn receive(&self) -> PathBuf {
        for _ in 0..400 {
            if self.mail.exists() {
                return self.mail.clone();
            }
            sleep(Duration::from_millis(100));
        }
        panic!("no mail was sent");
    }
}

/// What Thunderbird calls the certificate of a fixture: its serial number and its issuer, with their lengths.
///
/// # Panics
/// When it is no certificate.
#[must_use]
pub fn thunderbird_name(lab: &Lab, name: &str) -> String {
    let certificate = fs::read(fixture(&format!("{name}.der"))).expect("it is there");
    let fields = elements(elements(elements(&certificate)[0].content)[0].content);
    let (serial, issuer) = (fields[1].content, fields[3].whole);
    let lengths = [0, 0, serial.len(), issuer.len()];
    let mut bytes: Vec<u8> = lengths.iter().flat_map(|length| (*length as u32).to_be_bytes()).collect();
    bytes.extend_from_slice(serial);
    bytes.extend_from_slice(issuer);
    lab.program("openssl").args(&["base64", "-A"]).input(bytes).succeed().out
}

/// One element of DER.
struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
}

fn elements(mut der: &[u8]) -> Vec<Element<'_>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let long = if der[1] < 0x80 { 0 } else { usize::from(der[1] & 0x7F) };
        let header = 2 + long;
        let digits = if long == 0 { &der[1..2] } else { &der[2..header] };
        let length = digits.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (whole, rest) = der.split_at(header + length);
        found.push(Element { whole, content: &whole[header..] });
        der = rest;
    }
    found
}
