//! What a person does with a Crescendo, or with any PIV device. Over the seams of `link`, so that it runs on a real
//! machine and on a simulated one alike.
//!
//! Begin with [`Devices`]: it lists what is there and finds the one [`Device`] that is meant. Only what is given a PIN logs
//! in, and nothing else spends a try of it.

#![forbid(unsafe_code)]

mod audit;
mod authenticate;
mod cache;
mod certificates;
mod crockford;
mod device;
mod devices;
pub mod doctor;
mod error;
pub mod firmware;
pub mod helpdesk;
mod identity;
mod info;
mod key_side;
mod lost;
mod needs;
mod offers;
mod otp;
mod pairing;
mod personalize;
mod pin;
mod policy;
mod puk;
mod recycle;
mod unblock;

pub use cache::{Cache, Kept};
pub use certificates::{
    Administration, Bare, Certificate, Credential, Entry, FileError, Format, Losses, Mark, Rights,
    SelfSigned, Subject, SubjectError, usual_algorithm,
};
pub use device::{Device, State};
pub use devices::Devices;
pub use error::{Candidate, Error};
pub use identity::uuid;
pub use info::{Info, Key, purpose};
pub use key_side::{KeySide, join};
pub use lost::{lost_with_otp, plain};
pub use needs::{Demand, Held, InHand, Needs, Proof, Recycler};
pub use offers::{Action, Offer, WhyNot};
pub use otp::{BUTTON_POLL, BUTTON_TIME, BadSeed, Seed, otp_time};
pub use pairing::{Forgotten, Interface, Next, Pairing, Retrieved, Signer};
pub use personalize::{Personalized, Plan};
pub use pin::{Challenged, PinStatus, Ways};
pub use piv::{
    AdministrationKey, Algorithm, Authority, Challenge, Cryptogram, Environment, Error as CardError,
    KeyReference, ManagementKey, MessagingPolicy, OtpConfiguration, OtpHash, OtpKind, OtpRequest, OtpSlot,
    PairingCode, Pin, PinPolicy, PinReference, PinState, PrivateKey, PublicKey, PukState, XauthKey,
    channel::Suite,
    crescendo::{Application, Overview},
};
pub use policy::{LocalPolicy, PinRules, PolicyError, Refusal};
pub use puk::{Puk, PukCode};
pub use recycle::{Contents, Passkeys, PasskeysAfter, RecycleRight, Recycling};
