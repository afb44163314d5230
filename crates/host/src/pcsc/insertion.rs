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
/// The kind of channel that is USB.
const USB: u32 = 0x0020;

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

    /// Asks for the channel, if it is still to be asked for. What it says of USB: see [`usb_channel`].
    pub(super) fn finish(&mut self, card: &Card) -> Option<u32> {
        let Self::Unfinished(stay) = self else { return None };
        let mut buffer = [0; LONGEST_CHANNEL];
        let answer = card.get_attribute(Attribute::ChannelId, &mut buffer);
        let channel = answer.ok().and_then(usb_channel);
        *self = match answer {
            Ok(channel) => Self::Known(format!("{stay} {channel:02X?}")),
            Err(Error::UnsupportedFeature) => Self::Known(format!("{stay} -")),
            Err(Error::SharingViolation) => return None,
            Err(_) => Self::Unknown,
        };
        channel
    }

    pub(super) fn name(&self) -> Option<&str> {
        if let Self::Known(name) = self { Some(name) } else { None }
    }
}

/// Bus (upper byte) and address (lower byte) of a reader on USB, from its channel id: a number of 32 bits as this machine
/// writes it, the upper half of which is the kind of channel (PC/SC part 3, SCARD_ATTR_CHANNEL_ID).
fn usb_channel(id: &[u8]) -> Option<u32> {
    let number = u32::from_ne_bytes(id.get(..4)?.try_into().ok()?);
    (number >> 16 == USB).then_some(number & 0xFFFF)
}

/// Which start of pcscd answers; `None` if it is somewhere else, and only its socket reaches us.
fn service() -> Option<String> {
    let socket = variable("PCSCLITE_CSOCK_NAME").map_or_else(|| SOCKET.into(), PathBuf::from);
    let status = stat(fs::canonicalize(socket).ok()?.with_file_name(PID_FILE)).ok()?;
    Some(format!("{}.{}.{}", status.st_ino, status.st_mtime, status.st_mtime_nsec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_on_usb_is_bus_and_address_and_any_other_is_none() {
        let id = |number: u32| number.to_ne_bytes();
        assert_eq!(usb_channel(&id(0x0020_0113)), Some(0x0113));
        assert_eq!(usb_channel(&[&id(0x0020_0113)[..], &[0; 4]].concat()), Some(0x0113), "of 64 bits");
        assert_eq!(usb_channel(&id(0x0001_0113)), None, "a serial port");
        assert_eq!(usb_channel(&id(0x0020_0113)[..3]), None);
    }
}
