//! The C interface, `libcrescendo`: what a person does with a device, for programs in C and C++. `include/crescendo.h` is made
//! of this crate, documentation and all; its conventions are told there, in the text that `cbindgen.toml` puts on top.
//!
//! Each exported function is a shell: it makes values of pointers, in one block, and hands on to code without any. What it
//! demands of its caller stands in the header and not at each function again.

#![allow(unsafe_code, non_camel_case_types, clippy::missing_safety_doc)]

mod audit;
mod cache;
mod call;
mod callbacks;
mod cancel;
mod certificates;
mod context;
mod device_handle;
mod devices;
mod doctor;
mod error;
mod failure;
mod handle;
mod help_desk;
mod image;
mod info;
mod offers;
mod options;
mod otp;
mod pairing;
mod personalize;
mod pin;
mod pin_info;
mod puk;
mod recycle;
mod result;
mod rights;
mod secret;
mod security_keys;
mod status;
mod text;
mod unblock;
mod update;
mod version;

pub use crate::{
    audit::*, cache::*, callbacks::*, cancel::*, certificates::*, context::*, device_handle::*, devices::*,
    doctor::*, error::*, help_desk::*, image::*, info::*, offers::*, otp::*, pairing::*, personalize::*,
    pin::*, pin_info::*, puk::*, recycle::*, rights::*, secret::*, security_keys::*, status::*, text::*,
    unblock::*, update::*, version::*,
};
