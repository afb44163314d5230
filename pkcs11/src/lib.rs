//! The PKCS#11 provider for Crescendo and every PIV token.
//!
//! [`abi`] is the C side: shells that turn pointers into slices. [`Provider`] is the library behind them, with one safe
//! method for each function; tests build one over simulated readers. Read on in `slot.rs` (a reader, its token, and
//! what searches see of it) and `operation.rs`.
//!
//! Lock order: the table of sessions, a session, a card, a view; never the other way, never two of one kind. The tables
//! of slots and sessions are never held while anything else is locked. The last look at the readers is locked under a
//! session or nothing, and only views are locked under it.

pub mod abi;
mod attributes;
mod create;
mod data;
mod decrypt;
mod derive;
mod digest;
mod encrypt;
mod error;
mod events;
mod function;
mod generate;
mod hash;
mod info;
mod login;
mod mechanism;
mod object;
mod operation;
mod output;
mod padding;
mod provider;
mod right;
mod search;
mod secret;
mod session;
mod settings;
mod sign;
mod slot;
mod template;
mod unwrap;
mod usage;
mod verify;
mod view;

pub use error::{Error, rv};
pub use function::Function;
pub use mechanism::{Given, Parameter};
pub use object::Object;
pub use output::{Input, Output};
pub use provider::Provider;
pub use settings::Settings;
pub use template::Template;
