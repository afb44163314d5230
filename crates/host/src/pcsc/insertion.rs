//! The name of a card's stay in its reader, for [`link::Card::insertion`]. No card is asked for anything.
//!
//! It is made of what changes with a boot (boot_id), a start of pcscd (its pid file: systemd keeps the socket while
//! pcscd comes and goes), a card that comes or goes (the event count of PC/SC part 5), and a reader that is plugged in
//! (the channel id of PC/SC part 3: for USB bus and address, since a key is its own reader). A driver that tells no
//! channel is taken for one whose readers stay where they are.

use std::{ffi::CStr, fs, path::PathBuf};

use ::pcsc::{Attribute, Card, Context, Error};
use rustix::fs::stat;

use super::look_at;
use crate::environment::variable;

/// Where libpcsclite looks for pcscd, if PCSCLITE_CSOCK_NAME does not say otherwise.
const SOCKET: &str = "/run/pcscd/pcscd.comm";
/// The pid file that pcscd writes next to it when it starts.
const PID_FILE: &str = "pcscd.pid";
/// More than any channel id has.
const LONGEST_CHANNEL: usize = 16;

pub(super) enum Insertion {
    Unknown,
    /// All but the channel, which another program keeps from us while it holds the card.
    Unfinished(String),
    Known(String),
}

impl Insertion {
    /// The stay during which a card was connected to: what [`Insertion::look`] saw before and after it, if that is the
    /// same.
    pub(super) fn of(before: Option<String>, after: Option<String>) -> Self {
        match before {
            Some(stay) if after.as_ref() == Some(&stay) => Self::Unfinished(stay),
            _ => Self::Unknown,
        }
    }

    /// What is in the reader now, without the channel.
    pub(super) fn look(context: &Context, reader: &CStr) -> Option<String> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let service = service()?;
        let events = look_at(context, reader).ok()?.event_count();
        Some(format!("{} {service} {events} {}", boot.trim(), reader.to_str().ok()?))
    }

    /// Asks for the channel, if it is still to be asked for.
    pub(super) fn finish(&mut self, card: &Card) {
        let Self::Unfinished(stay) = self else { return };
        *self = match card.get_attribute(Attribute::ChannelId, &mut [0; LONGEST_CHANNEL]) {
            Ok(channel) => Self::Known(format!("{stay} {channel:02X?}")),
            Err(Error::UnsupportedFeature) => Self::Known(format!("{stay} -")),
            Err(Error::SharingViolation) => return,
            Err(_) => Self::Unknown,
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        if let Self::Known(name) = self { Some(name) } else { None }
    }
}

/// Which start of pcscd answers; `None` if it is somewhere else, and only its socket reaches us.
fn service() -> Option<String> {
    let socket = variable("PCSCLITE_CSOCK_NAME").map_or_else(|| SOCKET.into(), PathBuf::from);
    let status = stat(fs::canonicalize(socket).ok()?.with_file_name(PID_FILE)).ok()?;
    Some(format!("{}.{}.{}", status.st_ino, status.st_mtime, status.st_mtime_nsec))
}
