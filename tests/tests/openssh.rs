//! OpenSSH on our module: a login to a local sshd.

#![forbid(unsafe_code)]

use crescendo_tests::clients::openssh::{logs_in, public_keys};
use crescendo_tests::{Lab, SshServer};

/// The line of one kind of key: RSA is 9A first, 9D after it.
fn only(keys: &str, kind: &str) -> String {
    keys.lines().find(|line| line.starts_with(kind)).map(|line| format!("{line}\n")).unwrap()
}

#[test]
fn keygen_lists_every_key_once() {
    let lab = Lab::start(&[]);
    let keys = public_keys(&lab);
    assert_eq!(keys.lines().filter(|line| line.starts_with("ssh-rsa ")).count(), 2, "{keys}");
    assert_eq!(keys.lines().filter(|line| line.starts_with("ecdsa-sha2-nistp256 ")).count(), 2, "{keys}");
    assert_eq!(lab.card("verified"), "false");
}

#[test]
fn the_right_pin_logs_in() {
    let lab = Lab::start(&[]);
    logs_in(&lab, &public_keys(&lab));
    assert_eq!(lab.tries(), 6);
}

/// ssh logs in and signs with no login for the signature itself.
#[test]
fn a_key_that_wants_its_pin_each_time_logs_in() {
    let lab = Lab::start(&[]);
    logs_in(&lab, &only(&public_keys(&lab), "ecdsa"));
}

/// ssh tries the same PIN once for every key.
#[test]
fn a_wrong_pin_costs_one_try() {
    let lab = Lab::start(&[]);
    let server = SshServer::start(&lab, &public_keys(&lab));
    let login = server.log_in(&lab, "654321");
    assert_eq!(login.status, Some(255), "{login}");
    assert_eq!(lab.tries(), 5, "{login}");
}
