//! What the black-box tests stand on: the lab, foreign programs and servers, and the shipped files.
//!
//! A [`Lab`] is a pcscd of its own with a virtual card in its reader; `lab/lab.sh` starts it, for these tests and for
//! `./dev` alike. A test starts a lab, points a [`Program`] or a [`Client`] at the shipped module, and judges what
//! comes back: by what the program says, by openssl, and by what the card counted. Labs need root, the packages that
//! `./dev test` installs, and nothing that runs already; any number of them live side by side.

#![forbid(unsafe_code)]

mod client;
mod files;
mod judge;
mod lab;
mod program;
mod server;

pub use client::{Client, key, pin};
pub use files::{Files, fixture};
pub use judge::{Scheme, accepts, ca, certificate};
pub use lab::{Lab, alone};
pub use program::{Done, Program};
pub use server::{SshServer, TlsServer};

/// The PIN of every virtual card.
pub const PIN: &str = "123456";
