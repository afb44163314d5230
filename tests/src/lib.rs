//! What the black-box tests stand on: the lab, foreign programs and servers, and the shipped files.
//!
//! A [`Lab`] is a pcscd of its own with a virtual card in its reader; `lab/lab.sh` starts it, for these tests and for
//! `./dev` alike. A test starts a lab, points a [`Program`] or a [`Client`] at the shipped module, and judges what
//! comes back: by what the program says, by openssl, and by what the card counted. Labs need root, the packages that
//! `./dev test` installs, and nothing that runs already; any number of them live side by side.

#![forbid(unsafe_code)]

pub mod abi;
pub mod c;
pub mod clients;

mod client;
mod desktop;
mod files;
mod fwupd;
mod guest;
mod idle;
mod judge;
mod lab;
mod mail;
mod pages;
mod profile;
mod program;
mod server;

pub use client::{Client, key, pin};
pub use desktop::Desktop;
pub use files::{Files, fixture};
pub use fwupd::{Fwupd, MODEL, data};
pub use guest::{Guest, Root, Run};
pub use idle::{IDLE, calls_while_idle};
pub use judge::{Scheme, accepts, ca, certificate};
pub use lab::{Lab, alone};
pub use mail::{MailServer, thunderbird_name};
pub use pages::Pages;
pub use profile::{mozilla_profile, nss_database};
pub use program::{Done, Program, Server};
pub use server::{OpensslServer, SshServer, TlsServer, askpass, free_port, server_certificate};

/// The PIN of every virtual card.
pub const PIN: &str = "123456";
/// The pairing code of every virtual card that has one.
pub const CODE: &str = "27182818";
/// Both, as they are typed where a program asks for a PIN.
pub const CODE_AND_PIN: &str = "27182818:123456";
