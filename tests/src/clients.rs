//! What foreign programs do with a card, each its own daily work: for the tests of one program, and for the table of all of
//! them over every interface.
//!
//! `pin` is what somebody types where a program asks for it first: the PIN, or the pairing code, a colon and the PIN.

pub mod chromium;
pub mod curl;
pub mod firefox;
pub mod java;
pub mod nss;
pub mod openssh;
pub mod openssl;
pub mod openvpn;
pub mod p11_kit;
pub mod pkcs11_tool;
pub mod python;
pub mod ssh_agent;
pub mod thunderbird;

use std::path::PathBuf;

use crate::lab::Lab;

/// The label of the token, in every mode.
pub const TOKEN: &str = "Crescendo Test Holder";
/// The same as PKCS#11 URI (RFC 7512).
pub const TOKEN_URI: &str = "pkcs11:token=Crescendo%20Test%20Holder";

/// A file to be signed.
#[must_use]
pub fn data(lab: &Lab) -> PathBuf {
    lab.file("data", "what is to be signed")
}
