//! What can be asked for of PINs, PUKs and the help desk's side.

use clap::{Args, Subcommand};

use crate::arguments::{PinSource, Which};

#[derive(Debug, Subcommand)]
pub(crate) enum Pin {
    /// Show how the PIN stands, what a new one has to look like, and what to do next; spends no try of anything
    Status(Which),
    /// Find out whether a PIN is the right one; a wrong one costs a try
    Verify(Verify),
    /// Change the PIN
    Change(Change),
    /// Set a new PIN where it is blocked or forgotten: with the PUK, or with the help desk
    Unblock(Unblock),
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) pin: PinSource,
}

#[derive(Args, Debug)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) pin: PinSource,
    #[command(flatten)]
    pub(crate) new: NewPin,
}

#[derive(Args, Debug)]
pub(crate) struct Unblock {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) puk: PukSource,
    #[command(flatten)]
    pub(crate) new: NewPin,
    /// Show a challenge for the help desk, and take its response
    #[arg(long, conflicts_with_all = ["puk_env", "puk_fd"])]
    pub(crate) help_desk: bool,
    /// Read the response from this file descriptor, one line
    #[arg(long, value_name = "N", requires = "help_desk")]
    pub(crate) response_fd: Option<u32>,
    #[command(flatten)]
    pub(crate) key: XauthSource,
    /// Send commands, too, of which nobody has published that this device takes them
    #[arg(long)]
    pub(crate) unconfirmed: bool,
}

/// Where a new PIN comes from that no person is asked for.
#[derive(Args, Debug)]
pub(crate) struct NewPin {
    /// Take the new PIN from this environment variable
    #[arg(long, value_name = "VAR", conflicts_with = "new_pin_fd")]
    pub(crate) new_pin_env: Option<String>,
    /// Read the new PIN from this file descriptor, one line
    #[arg(long, value_name = "N")]
    pub(crate) new_pin_fd: Option<u32>,
}

/// Where a PUK comes from that no person is asked for.
#[derive(Args, Debug)]
pub(crate) struct PukSource {
    /// Take the PUK from this environment variable
    #[arg(long, value_name = "VAR", conflicts_with = "puk_fd")]
    pub(crate) puk_env: Option<String>,
    /// Read the PUK from this file descriptor, one line
    #[arg(long, value_name = "N")]
    pub(crate) puk_fd: Option<u32>,
}

/// Where an administration key comes from: nobody is asked for it unasked.
#[derive(Args, Debug)]
pub(crate) struct XauthSource {
    /// Unblock with the administration key (XAUTH) in this environment variable, in hexadecimal digits
    #[arg(long, value_name = "VAR", conflicts_with_all = ["xauth_key_fd", "help_desk", "puk_env", "puk_fd"])]
    pub(crate) xauth_key_env: Option<String>,
    /// Unblock with the administration key (XAUTH) read from this file descriptor
    #[arg(long, value_name = "N", conflicts_with_all = ["help_desk", "puk_env", "puk_fd"])]
    pub(crate) xauth_key_fd: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Puk {
    /// Show the PUK that is kept on a device, to whoever knows its PIN
    Show(Show),
    /// Have a device never show its PUK again; the PUK stays valid
    Hide(Hide),
    /// Change the PUK of a card that has one of 8 digits
    Change(ChangePuk),
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) pin: PinSource,
    /// Copy it to the clipboard, for 30 seconds or until Ctrl-C, and do not show it
    #[arg(long)]
    pub(crate) copy: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Hide {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) pin: PinSource,
    /// Do not ask whether it is meant
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ChangePuk {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) puk: PukSource,
    /// Take the new PUK from this environment variable
    #[arg(long, value_name = "VAR", conflicts_with = "new_puk_fd")]
    pub(crate) new_puk_env: Option<String>,
    /// Read the new PUK from this file descriptor, one line
    #[arg(long, value_name = "N")]
    pub(crate) new_puk_fd: Option<u32>,
    /// Send it to a Crescendo, too, though nobody has published that one takes it
    #[arg(long)]
    pub(crate) unconfirmed: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HelpDesk {
    /// Make the response to the challenge of a device: it opens all of that device's administration, once
    Response(Response),
}

#[derive(Args, Debug)]
pub(crate) struct Response {
    /// The device ID, as the caller's device shows it
    #[arg(long, value_name = "ID")]
    pub(crate) device_id: String,
    /// The challenge: 16 or 32 hexadecimal digits, in groups or not
    #[arg(long, value_name = "HEX")]
    pub(crate) challenge: String,
    /// Take the master key from this environment variable, in place of asking for it
    #[arg(long, value_name = "VAR", conflicts_with_all = ["master_key_fd", "xauth_key_env", "xauth_key_fd"])]
    pub(crate) master_key_env: Option<String>,
    /// Read the master key from this file descriptor, one line
    #[arg(long, value_name = "N", conflicts_with_all = ["xauth_key_env", "xauth_key_fd"])]
    pub(crate) master_key_fd: Option<u32>,
    /// Take the administration key of this one device from this environment variable: no master key is needed
    #[arg(long, value_name = "VAR", conflicts_with = "xauth_key_fd")]
    pub(crate) xauth_key_env: Option<String>,
    /// Read the administration key of this one device from this file descriptor
    #[arg(long, value_name = "N")]
    pub(crate) xauth_key_fd: Option<u32>,
}
