//! Firmware of keys that speak this project's own open update protocol: images in MCUboot's format, and the way of an
//! image into a key. **Nothing of the protocol is ever sent to a device that has not announced it.**
//!
//! No I/O, no unsafe: everything goes through the seams of `link`. Read in this order: [`SignedImage`] (a file that
//! trusted keys have signed), [`VerifiedImage`] (one that is fit for a key), [`install()`] (the whole update),
//! [`phases`] (its steps, one by one).
//!
//! "The protocol" in comments is this project's specification of images and updates, by its parts: 1 image, 2
//! announcement, 3 transport, 4 procedure.

#![forbid(unsafe_code)]

mod error;
mod ids;
mod image;
mod info;
mod install;
mod key;
mod layout;
mod memory;
pub mod phases;
mod search;
mod sign;
mod trust;
mod version;

pub use error::{Cause, Error, Failure, Phase, Signature, State};
pub use fido::Flow;
pub use ids::UpdateIds;
pub use image::{Allow, SignedImage, VerifiedImage};
pub use info::{Info, Mode, Nonce, Serial};
pub use install::{Step, install};
pub use key::{ANNOUNCEMENT, Key, Kind, Met, UPDATE_MODE_IDS, UsbId};
pub use search::{Answer, Found, Machine};
pub use sign::{Description, PrivateKey, sign};
pub use trust::{BadKey, KeyHash, Trust};
pub use version::{BootloaderVersion, NoVersion, Version};
