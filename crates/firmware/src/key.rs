//! A key that has announced the protocol (part 2 of the protocol). Firmware commands can be sent to nothing else, as
//! there is no other way to send one.

use std::time::Duration;

use fido::{Channel, Flow, Keepalive, Patience, USAGE};
use link::{Clock, HidDevice, HidLink};

use crate::{Info, Mode};

/// The vendor prototype id in authenticatorGetInfo by which a key announces the protocol.
pub const ANNOUNCEMENT: u64 = 0x9C4D_1E7A_52B8_F063;

/// A USB vendor id and product id.
pub type UsbId = (u16, u16);

/// The USB ids in update mode that this program knows: those of the reference device.
pub const UPDATE_MODE_IDS: &[UsbId] = &[(0x1209, 0x0002)];

/// The HID usage page and usage of update mode. Others use this page too: the USB ids have to fit as well.
const UPDATE_USAGE: (u16, u16) = (0xFFC0, 0x01);

/// A program that died while it wrote has left a part of a message behind, and a key serves nobody else until it gives
/// that up: most do within 3 seconds, the virtual key within 5.
const CUT_OFF: Duration = Duration::from_secs(6);

pub(crate) const INFO: u8 = 0x60;
pub(crate) const ENTER: u8 = 0x61;
pub(crate) const BEGIN: u8 = 0x62;
pub(crate) const WRITE: u8 = 0x63;
pub(crate) const FINISH: u8 = 0x64;
pub(crate) const REBOOT: u8 = 0x65;
pub(crate) const CONFIRM: u8 = 0x66;
pub(crate) const ABORT: u8 = 0x67;

/// A key that has announced the protocol, over a channel of its own.
pub struct Key<'l> {
    channel: Channel<'l>,
    info: Info,
    /// In update mode: it is there because this program asked it to, and what it ran before is in it.
    pub(crate) detached: bool,
}

/// What a HID device is to this program, before anything is sent to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A FIDO interface: it may be asked for authenticatorGetInfo.
    Fido,
    /// A key in update mode whose USB ids are known.
    UpdateMode,
    /// Nothing to do with this: it is sent nothing at all.
    Foreign,
}

/// What a FIDO key or a key in update mode turned out to be.
pub enum Met<'l> {
    /// One that speaks the protocol.
    Key(Key<'l>),
    /// One that does not, and what it says of itself as an authenticator. It was sent nothing of the protocol.
    Other(fido::Info),
}

impl Kind {
    /// By usage page, usage and, for update mode, USB ids.
    #[must_use]
    pub fn of(device: &HidDevice, update_ids: &[UsbId]) -> Self {
        match (device.usage_page, device.usage) {
            USAGE => Self::Fido,
            UPDATE_USAGE if update_ids.contains(&(device.vendor, device.product)) => Self::UpdateMode,
            _ => Self::Foreign,
        }
    }
}

impl<'l> Key<'l> {
    /// Asks a device of a known kind who it is: INIT; authenticatorGetInfo in normal mode; and INFO if it has announced
    /// the protocol.
    ///
    /// # Errors
    /// As [`Channel::transact`]; [`fido::Error::NoCtap2`] for a foreign device, which is sent nothing.
    pub fn meet(
        link: Box<dyn HidLink + 'l>,
        clock: &'l dyn Clock,
        kind: Kind,
    ) -> Result<Met<'l>, fido::Error> {
        if kind == Kind::Foreign {
            return Err(fido::Error::NoCtap2);
        }
        Self::meet_over(Channel::open(link, clock)?, kind)
    }

    /// The same over a channel that was opened before.
    ///
    /// # Errors
    /// As [`Key::meet`].
    pub fn meet_over(mut channel: Channel<'l>, kind: Kind) -> Result<Met<'l>, fido::Error> {
        if kind == Kind::Foreign {
            return Err(fido::Error::NoCtap2);
        }
        if kind == Kind::Fido {
            let authenticator = fido::Info::of_key(&mut channel)?;
            if !authenticator.vendor_prototype_config_commands.contains(&ANNOUNCEMENT) {
                return Ok(Met::Other(authenticator));
            }
        }
        let mut patience = Patience::default();
        if kind == Kind::UpdateMode {
            patience.busy = CUT_OFF;
        }
        let answer = channel.transact(INFO, &[], patience, &mut |_| Flow::Continue)?;
        let info = Info::parse(&answer).map_err(fido::Error::Malformed)?;
        if (info.mode == Mode::Update) != (kind == Kind::UpdateMode) {
            return Err(fido::Error::Malformed("INFO has a mode that its USB interface does not have"));
        }
        Ok(Met::Key(Self { channel, info, detached: false }))
    }

    /// What it said of itself when it was met.
    #[must_use]
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// A command that needs no person: the key keeps its own time.
    pub(crate) fn ask(
        &mut self,
        command: u8,
        message: &[u8],
        patience: Patience,
    ) -> Result<Vec<u8>, fido::Error> {
        self.channel.transact(command, message, patience, &mut |_| Flow::Continue)
    }

    pub(crate) fn transact(
        &mut self,
        command: u8,
        message: &[u8],
        patience: Patience,
        keepalive: &mut dyn FnMut(Keepalive) -> Flow,
    ) -> Result<Vec<u8>, fido::Error> {
        self.channel.transact(command, message, patience, keepalive)
    }
}
