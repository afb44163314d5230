//! What a person does with a Crescendo, or with any PIV device. Over the seams of `link`, so that it runs on a real
//! machine and on a simulated one alike.
//!
//! Begin with [`Devices`]: it lists what is there and finds the one [`Device`] that is meant. Nothing in here logs in,
//! and nothing asks a card for what spends a try of its PIN.

#![forbid(unsafe_code)]

mod cache;
mod certificates;
mod device;
mod devices;
mod error;
mod info;

pub use cache::{Cache, Kept};
pub use certificates::{Certificate, Entry, Format, Mark};
pub use device::{Device, State};
pub use devices::Devices;
pub use error::{Candidate, Error};
pub use info::{Info, Key, purpose};
pub use piv::{Algorithm, Environment, Error as CardError, KeyReference, PinReference, PinState};
