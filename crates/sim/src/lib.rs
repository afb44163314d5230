//! A virtual Crescendo: the seams of `link` without a machine.
//!
//! Written from the specifications alone. Of our crates it knows `link` and nothing else, so that the client and
//! this card can only agree where the standard does. The keys and PINs in here are for tests and known to all.
//!
//! "Command reference" in comments is this project's reading of HID's public documentation; its part 8 is the profile of
//! this card. What is marked `[SIM]` there and in the log is a choice of ours, never a fact about hardware.

#![forbid(unsafe_code)]

mod apdu;
mod bell;
mod card;
pub mod control;
mod fault;
pub mod fixture;
mod hex;
pub mod key;
mod latency;
mod local;
mod log;
mod readers;
mod tlv;
pub mod usb;
pub mod vpcd;

pub use card::{
    AdministrationKey, Counts, Form, Interface, ManagementKey, Personality, Profile, Properties, Replacement,
    SecureMessaging, Signer, SimCard, Suite, Tries, UnknownFixture, Vci,
};
pub use card::{administration_key, pairing_code};
pub use fault::{Fault, Faults, Part, What};
pub use key::{SimKey, SimKeys};
pub use latency::Latency;
pub use local::{SimClock, SimCodes, SimStore};
pub use log::Traffic;
pub use readers::SimReaders;
