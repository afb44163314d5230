//! The key side of Crescendo: CTAP 2.1 over CTAPHID (keys) and over ISO 7816 (cards in a reader).
//!
//! No I/O, no system library, no unsafe: a key is reached through [`link::HidLink`], a card through [`link::Transmit`],
//! and time is asked of [`link::Clock`]. Read in this order: [`Channel`] (one command, however many reports it takes),
//! [`Info`] (what an authenticator tells of itself).

#![forbid(unsafe_code)]

mod card;
mod channel;
mod error;
mod info;
mod report;

pub use channel::{Channel, Flow, Keepalive, Patience};
pub use error::{Error, HidError};
pub use info::{Aaguid, Info};

/// The HID usage page and usage of a FIDO interface.
pub const USAGE: (u16, u16) = (0xF1D0, 0x01);
