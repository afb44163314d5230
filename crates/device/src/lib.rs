//! What a person does with a Crescendo, or with any PIV device. Over the seams of `link`, so that it runs on a real
//! machine and on a simulated one alike.
//!
//! Begin with [`Devices`]: it lists what is there and finds the one [`Device`] that is meant. Only what is given a PIN logs
//! in, and nothing else spends a try of it.

#![forbid(unsafe_code)]

mod cache;
mod certificates;
mod device;
mod devices;
pub mod doctor;
mod error;
pub mod firmware;
mod info;
mod pairing;

pub use cache::{Cache, Kept};
pub use certificates::{Certificate, Entry, Format, Mark};
pub use device::{Device, State};
pub use devices::Devices;
pub use error::{Candidate, Error};
pub use info::{Info, Key, purpose};
pub use pairing::{Forgotten, Interface, Next, Pairing, Retrieved, Signer};
pub use piv::{
    Algorithm, Environment, Error as CardError, KeyReference, MessagingPolicy, PairingCode, Pin,
    PinReference, PinState,
};
