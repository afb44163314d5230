//! The whole key as a USB device: its FIDO interface and its card reader with the card in it, in real time, for the virtual
//! host controller of a kernel (`vhci-hcd`). [`UsbKey`] plays the device; who is at the other end of the wire is up to the
//! caller.
//!
//! The key leaves the bus and comes back under another product id when it changes modes; card and reader then lose their
//! power with it.

mod ccid;
mod descriptors;
mod pipe;
mod reader;
mod requests;
mod session;
mod slot;
mod t1;
mod usbip;
pub mod vhci;
mod words;

use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Instant;

use crate::bell::Bell;
use crate::card::SimCard;
use crate::key::{Opened, Profile, SimKey};
use crate::local::SimClock;
use session::Session;
pub use words::COMMANDS;

/// A virtual key, plugged in. Clones are the same key.
#[derive(Clone)]
pub struct UsbKey {
    key: SimKey,
    card: SimCard,
    /// Rings whenever something was done to key or card.
    bell: Arc<Bell>,
}

impl UsbKey {
    /// A key of this profile with this card in it.
    pub fn new(profile: Profile, card: &SimCard) -> Self {
        let key = SimKey::new(&SimClock::running(), profile);
        key.insert();
        let bell = Arc::<Bell>::default();
        card.watch(&bell);
        Self { key, card: card.clone(), bell }
    }

    /// Its FIDO side. Whoever does something to it calls [`UsbKey::notice`].
    pub fn key(&self) -> &SimKey {
        &self.key
    }

    /// Its card side.
    pub fn card(&self) -> &SimCard {
        &self.card
    }

    /// Has it look at what was done to it.
    pub fn notice(&self) {
        self.bell.ring();
    }

    /// Plugs it in.
    pub fn plug(&self) {
        self.key.insert();
        self.notice();
    }

    /// Pulls it out. It keeps what a key keeps without power.
    pub fn unplug(&self) {
        self.key.pull();
        self.notice();
    }

    /// Plays the device for ever. Each time it is to appear on the bus, `attach` gives a new wire, whose other end speaks
    /// USB/IP as a kernel does; the wire is cut when the device leaves.
    ///
    /// # Errors
    /// Those of `attach`.
    pub fn run(&self, mut attach: impl FnMut() -> io::Result<UnixStream>) -> io::Result<Infallible> {
        loop {
            let opened = self.appear();
            self.stay(opened, attach()?)?;
        }
    }

    /// Plays the device once, from when it appears on the bus until it leaves. A host that hangs up, or speaks no USB/IP,
    /// has pulled it out.
    ///
    /// # Errors
    /// When the wire cannot be used at all.
    pub fn serve(&self, wire: UnixStream) -> io::Result<()> {
        self.stay(self.appear(), wire)
    }

    /// Waits for the key to be there.
    fn appear(&self) -> Opened {
        loop {
            let seen = self.bell.rings();
            match self.key.open() {
                Ok(opened) => return opened,
                Err(idle) => self.bell.wait(seen, idle.map(|idle| Instant::now() + idle)),
            };
        }
    }

    fn stay(&self, opened: Opened, wire: UnixStream) -> io::Result<()> {
        let session = Session::new(self, opened, wire)?;
        self.card.mark(&format!("on the bus as {}", session.name()));
        session.serve();
        self.card.power_off();
        self.card.mark("off the bus");
        Ok(())
    }
}
