//! One process that signs, sees its card pulled and put back, and signs again: `reinsert MODULE PIN`.
//!
//! It says `signed`, `gone` and `signed again`. Somebody else moves the card.

#![forbid(unsafe_code)]

use std::path::Path;

use crescendo_tests::{Client, key, pin};
use cryptoki::mechanism::Mechanism;
use cryptoki::session::UserType;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, module, digits] = &arguments[..] else { panic!("reinsert MODULE PIN") };
    let client = Client::load(Path::new(module));
    sign(&client, digits);
    println!("signed");
    client.gone();
    println!("gone");
    sign(&client, digits);
    println!("signed again");
}

fn sign(client: &Client, digits: &str) {
    let session = client.session();
    session.login(UserType::User, Some(&pin(digits))).expect("C_Login");
    let signature = session.sign(&Mechanism::Sha256RsaPkcs, key(&session, 1), b"the same process");
    assert_eq!(signature.expect("C_Sign").len(), 256);
}
