//! The card side of Crescendo: the PIV card application of SP 800-73-5, and what HID adds to it.
//!
//! No I/O, no system library, no unsafe: a card is reached through [`link::Card`], whoever implements it. Read in this
//! order: [`Token`] (a card, what is known of it, and who is logged in), [`Piv`] (one method per card command),
//! [`Exchange`] (one command, however many APDUs it takes).

#![forbid(unsafe_code)]

mod apdu;
mod cache;
mod certificate;
pub mod channel;
pub mod crescendo;
mod environment;
mod error;
mod exchange;
mod import;
mod key;
mod known;
mod login;
mod management;
mod messaging;
mod object;
mod pairing;
mod pin;
mod piv;
mod printed;
mod private_key;
mod public_key;
mod rights;
mod seat;
mod symmetric;
mod tlv;
mod token;
mod write;
mod xauth;

pub use apdu::{Command, Response, StatusWord};
pub use cache::TokenCache;
pub use certificate::{Certificate, common_name};
pub use channel::{ChannelError, SecureChannel};
pub use crescendo::{Family, OtpConfiguration, OtpHash, OtpKind, OtpSlot};
pub use environment::{Environment, MessagingPolicy};
pub use error::Error;
pub use exchange::Exchange;
pub use import::Metadata;
pub use key::{Algorithm, KeyReference};
pub use known::State;
pub use management::ManagementKey;
pub use object::{Discovery, Identity, KeyHistory, ObjectId};
pub use pairing::PairingCode;
pub use pin::{Pin, PinPolicy, PinReference, PinState, PukState};
pub use piv::Piv;
pub use private_key::PrivateKey;
pub use public_key::PublicKey;
pub use rights::Authority;
pub use token::{AdministrationKey, Applications, Aside, Installed, OtpRequest, Setup, StandardSetup, Token};
pub use xauth::{Challenge, Cryptogram, XauthKey};
