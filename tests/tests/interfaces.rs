//! Foreign programs by interface: each does its whole work over contacts, and through the virtual contact interface of a card
//! on a contactless reader, and none of them knows which it is.
//!
//! Where the card wants a pairing code it is given once: `crescendo pairing set` before the program starts, or by the
//! program's own dialog for the PIN. Then neither code nor PIN may be seen on the air, and no try of the PIN may be lost.

#![forbid(unsafe_code)]

mod puppet;

use std::panic::catch_unwind;
use std::thread;
use std::time::Instant;

use crescendo_tests::clients::{self, p11_kit};
use crescendo_tests::{CODE, CODE_AND_PIN, Files, Lab, PIN};
use puppet::{all_went_well, puppet, refused};

/// The token, as every program names it, in every mode.
const URI: &str =
    "pkcs11:model=PIV;manufacturer=piv_II;serial=8A11000000000003;token=Crescendo%20Test%20Holder";

/// How the card is reached.
struct Mode {
    name: &'static str,
    options: &'static [&'static str],
    contactless: bool,
    code: bool,
}

const CONTACT: Mode = Mode { name: "contact", options: &[], contactless: false, code: false };
const CS2_CODE: Mode =
    Mode { name: "CS2 with code", options: &["--contactless"], contactless: true, code: true };
const CS7_CODE: Mode = Mode {
    name: "CS7 with code",
    options: &["--contactless", "--suite", "cs7"],
    contactless: true,
    code: true,
};
const CS2_OPEN: Mode = Mode {
    name: "CS2 without code",
    options: &["--contactless", "--vci", "open"],
    contactless: true,
    code: false,
};

/// Where the pairing code is given, if the card wants one.
#[derive(PartialEq, Eq)]
enum Given {
    /// `crescendo pairing set`, before.
    Before,
    /// In the program's dialog: the code, a colon and the PIN.
    Dialog,
}

/// A foreign program at work.
struct Client {
    name: &'static str,
    works: fn(&Lab, &str),
    given: Given,
    /// The most key establishments there may be: one for each process, and for each login after a logout.
    establishments: u32,
    /// What is particular about its card.
    card: &'static [&'static str],
}

const fn client(name: &'static str, works: fn(&Lab, &str), given: Given, establishments: u32) -> Client {
    Client { name, works, given, establishments, card: &[] }
}

use Given::{Before, Dialog};

const CLIENTS: [Client; 14] = [
    client("pkcs11-tool", clients::pkcs11_tool::works, Dialog, 5),
    client("p11tool", p11_kit::p11tool_works, Dialog, 16),
    client("GnuTLS", p11_kit::tls_works, Before, 2),
    client("p11-kit proxy", p11_kit::proxy_works, Before, 2),
    client("p11-kit server", p11_kit::server_works, Before, 2),
    client("NSS", clients::nss::works, Before, 6),
    client("OpenSSH", clients::openssh::works, Before, 2),
    client("ssh-agent", clients::ssh_agent::works, Dialog, 1),
    client("OpenSSL", clients::openssl::works, Before, 3),
    client("curl", clients::curl::works, Before, 1),
    client("OpenVPN", clients::openvpn::works, Before, 2),
    client("Java", clients::java::works, Dialog, 2),
    client("python-pkcs11", clients::python::python_pkcs11_works, Before, 1),
    client("PyKCS11", clients::python::pykcs11_works, Dialog, 1),
];

const WINDOWS: [Client; 3] = [
    client("Firefox", clients::firefox::works, Before, 2),
    client("Chromium", clients::chromium::works, Before, 2),
    Client { card: &["--retired", "2"], ..client("Thunderbird", clients::thunderbird::works, Before, 2) },
];

/// Every cell of a column is tried, whatever becomes of the others.
fn all_work(mode: &Mode, clients: &[Client]) {
    let failed: Vec<_> =
        clients.iter().filter(|client| catch_unwind(|| works(mode, client)).is_err()).collect();
    let names: Vec<_> = failed.iter().map(|client| client.name).collect();
    assert!(names.is_empty(), "{}: {}", mode.name, names.join(", "));
}

fn works(mode: &Mode, client: &Client) {
    let options = [&["--profile", "piv-dual"], mode.options, client.card].concat();
    let (started, lab) = (Instant::now(), Lab::start(&options));
    let tries = lab.tries();
    let in_dialog = mode.code && client.given == Dialog;
    if mode.code && !in_dialog {
        lab.enter_code();
    }
    let (apdus, ()) = lab.apdus(|| (client.works)(&lab, if in_dialog { CODE_AND_PIN } else { PIN }));
    let establishments = lab.count("establishments");
    println!(
        "{:16} {:14} {apdus:4} APDUs, {:2} VERIFYs, {establishments:2} key establishments, {:5.1} s",
        mode.name,
        client.name,
        lab.count("verifies"),
        started.elapsed().as_secs_f32()
    );
    // Over contacts the PIN is seen, as it must be.
    assert_eq!(lab.seen(PIN.as_bytes()), !mode.contactless);
    assert!(!lab.seen(CODE.as_bytes()));
    let most = if mode.contactless { 1..=client.establishments } else { 0..=0 };
    assert!(most.contains(&establishments), "{establishments} key establishments");
    assert_eq!(lab.tries(), tries, "no try is lost");
    let listed = p11_kit::p11tool(&lab, PIN).args(&["--list-token-urls"]).succeed();
    assert_eq!(listed.out.trim(), URI, "{listed}");
}

#[test]
#[ignore = "slow lane: needs Firefox, Chromium, Thunderbird, Xvfb"]
fn programs_with_windows() {
    for mode in [&CONTACT, &CS2_CODE, &CS7_CODE, &CS2_OPEN] {
        all_work(mode, &WINDOWS);
    }
}

#[test]
fn over_contacts() {
    all_work(&CONTACT, &CLIENTS);
}

#[test]
fn with_cs2_and_a_pairing_code() {
    all_work(&CS2_CODE, &CLIENTS);
}

#[test]
fn with_cs7_and_a_pairing_code() {
    all_work(&CS7_CODE, &CLIENTS);
}

#[test]
fn with_cs2_and_no_pairing_code() {
    all_work(&CS2_OPEN, &CLIENTS);
}

/// In a contact reader a program works, and the pairing code is asked for. Then the card is laid on a contactless reader: the
/// program hears that it is gone, finds it again, and logs in with the PIN alone; so does another; and so it goes on the way
/// back.
fn moves(options: &[&str]) {
    let mut lab = Lab::start(&[&["--profile", "piv-dual"], options].concat());
    let tries = lab.tries();
    let path = |name: &str| lab.path(name).display().to_string();
    let (here, there) = (path("here"), path("there"));
    let (moved, returned) = (path("moved"), path("returned"));
    let work = "slots info open login rsa ecdsa consent";
    let words = format!(
        "load init {work} mark:{here} await:{moved} rsa {work} mark:{there} await:{returned} rsa {work} finalize"
    );
    let program = puppet(&lab)(&words);
    let program = thread::spawn(|| program.run());
    await_file(&here);
    let retrieve =
        lab.program(&Files::get().command).args(&["pairing", "retrieve", "--cache", "--pin-env", "ITS_PIN"]);
    let _ = retrieve.env("ITS_PIN", PIN).succeed();
    lab.to_contactless();
    let _ = lab.card("zero");
    let _ = lab.file("moved", "");
    await_file(&there);
    assert!(!lab.seen(PIN.as_bytes()) && !lab.seen(CODE.as_bytes()));
    all_went_well(&puppet(&lab)("load init slots open login consent finalize").run());
    lab.to_contact();
    let _ = lab.file("returned", "");
    let done = program.join().unwrap();
    // CKR_DEVICE_REMOVED, and nothing else.
    assert_eq!(refused(&done), ["rsa 0x32", "rsa 0x32"], "{done}");
    assert_eq!(lab.tries(), tries);
}

fn await_file(path: &str) {
    for _ in 0..2000 {
        if std::fs::exists(path).unwrap() {
            return;
        }
        thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the program does not come to {path}");
}

#[test]
fn a_card_moves_between_two_readers() {
    moves(&["--two-readers"]);
}

#[test]
fn a_card_moves_between_the_interfaces_of_one_reader() {
    moves(&[]);
}
