//! The seams of Crescendo: what the card side and the actions of a person need from a machine, and
//! nothing of how a machine does it.
//!
//! `host` implements these traits with PC/SC and files; `sim` implements them with a virtual Crescendo. Because
//! both know only this crate, neither can borrow protocol code from the client.

#![forbid(unsafe_code)]

mod card;
mod error;
mod hid;
mod local;
mod system;

pub use card::{Card, Reader, Readers, Transaction, Transmit};
pub use error::LinkError;
pub use hid::{HidDevice, HidDevices, HidLink};
pub use local::{Clock, Entry, PairingCodes, Store};
pub use system::{FileKind, FileStatus, Ran, System};
