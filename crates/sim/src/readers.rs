//! Any number of readers without a machine: `link::Readers` for tests in one process.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use link::{Card, LinkError, Reader, Readers, Transaction, Transmit};

use crate::bell::{Bell, locked};
use crate::card::{Epoch, Hold, Interface, SimCard};

/// Readers a test plugs, fills and empties. Clones are the same readers.
#[derive(Clone)]
pub struct SimReaders(Arc<Inner>);

struct Inner {
    slots: Mutex<Vec<Slot>>,
    bell: Arc<Bell>,
    cancelled: AtomicU64,
    service: AtomicBool,
    starts: AtomicU64,
    /// The longest command all readers carry, whatever the cards take; 0: as the card says.
    longest: AtomicUsize,
}

struct Slot {
    name: String,
    /// A card pulled with [`SimCard::pull`] stays here: it comes back with [`SimCard::insert`].
    card: Option<SimCard>,
    /// Events of this reader that the card in it does not count itself.
    events: u32,
    /// What it speaks to; `None` takes a card as it comes.
    interface: Option<Interface>,
}

impl Slot {
    fn events(&self) -> u32 {
        self.events.wrapping_add(self.card.as_ref().map_or(0, |card| card.epoch().moves))
    }

    fn present(&self) -> Option<&SimCard> {
        self.card.as_ref().filter(|card| card.is_present())
    }

    /// Takes the card out of the slot, not out of the count of events.
    fn take(&mut self) -> Option<SimCard> {
        self.events = self.events();
        self.card.take()
    }

    fn put(&mut self, card: &SimCard) {
        self.events = self.events().wrapping_sub(card.epoch().moves);
        self.card = Some(card.clone());
    }

    fn reader(&self) -> Reader {
        let atr = self.present().map(|card| card.atr().to_vec());
        Reader { name: self.name.clone(), atr, events: self.events() }
    }
}

impl Default for SimReaders {
    fn default() -> Self {
        Self::new()
    }
}

impl SimReaders {
    /// No reader at all.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            slots: Mutex::default(),
            bell: Arc::default(),
            cancelled: AtomicU64::new(0),
            service: AtomicBool::new(true),
            starts: AtomicU64::new(0),
            longest: AtomicUsize::new(0),
        }))
    }

    /// One reader with this card in it.
    pub fn with(name: &str, card: &SimCard) -> Self {
        let readers = Self::new();
        readers.put(name, card);
        readers
    }

    /// Plugs an empty reader in; one that is there stays as it is.
    pub fn plug(&self, name: &str) {
        self.plug_reader(name, None);
    }

    /// Plugs an empty reader in that speaks to this interface of whatever card is put into it.
    pub fn plug_for(&self, name: &str, interface: Interface) {
        self.plug_reader(name, Some(interface));
    }

    fn plug_reader(&self, name: &str, interface: Option<Interface>) {
        {
            let mut slots = locked(&self.0.slots);
            if !slots.iter().any(|slot| slot.name == name) {
                slots.push(Slot { name: name.into(), card: None, events: 0, interface });
            }
        }
        self.0.bell.ring();
    }

    /// Pulls the reader out, and the card in it with it.
    pub fn unplug(&self, name: &str) {
        let slot = {
            let mut slots = locked(&self.0.slots);
            slots.iter().position(|slot| slot.name == name).map(|at| slots.remove(at))
        };
        if let Some(card) = slot.and_then(|slot| slot.card) {
            card.pull();
        }
        self.0.bell.ring();
    }

    /// Puts a card into a reader, plugging that in first if need be. What was in it is pulled.
    pub fn put(&self, name: &str, card: &SimCard) {
        self.plug(name);
        self.pull(name);
        // Out of its old reader first, so that each reader counts one event.
        card.pull();
        card.watch(&self.0.bell);
        for slot in locked(&self.0.slots).iter_mut() {
            if slot.name == name {
                slot.take();
                if let Some(interface) = slot.interface {
                    card.set_interface(interface);
                }
                slot.put(card);
            } else if slot.card.as_ref().is_some_and(|other| other.is(card)) {
                slot.take();
            }
        }
        card.insert();
    }

    /// Pulls the card out of a reader.
    pub fn pull(&self, name: &str) {
        if let Some(card) = self.card(name) {
            card.pull();
        }
    }

    /// Puts the card that was pulled back into the reader.
    pub fn insert(&self, name: &str) {
        if let Some(card) = self.card(name) {
            card.insert();
        }
    }

    /// Ends the service, as when pcscd stops: everything answers [`LinkError::NoService`], until it is started.
    pub fn stop(&self) {
        self.0.service.store(false, Ordering::SeqCst);
        self.0.bell.ring();
    }

    /// Starts the service again.
    pub fn start(&self) {
        self.0.service.store(true, Ordering::SeqCst);
        self.0.starts.fetch_add(1, Ordering::SeqCst);
        self.0.bell.ring();
    }

    /// From now on all readers carry commands of up to so many bytes, whatever the cards in them take.
    pub fn carry(&self, longest: usize) {
        self.0.longest.store(longest, Ordering::SeqCst);
    }

    fn events(&self, name: &str) -> u32 {
        locked(&self.0.slots).iter().find(|slot| slot.name == name).map_or(0, Slot::events)
    }

    fn card(&self, name: &str) -> Option<SimCard> {
        locked(&self.0.slots).iter().find(|slot| slot.name == name)?.card.clone()
    }
}

impl Inner {
    fn served(&self) -> Result<(), LinkError> {
        if self.service.load(Ordering::SeqCst) { Ok(()) } else { Err(LinkError::NoService) }
    }
}

impl Readers for SimReaders {
    fn list(&self) -> Result<Vec<Reader>, LinkError> {
        self.0.served()?;
        Ok(locked(&self.0.slots).iter().map(Slot::reader).collect())
    }

    fn connect(&self, name: &str) -> Result<Box<dyn Card>, LinkError> {
        self.0.served()?;
        let card = self.card(name).filter(SimCard::is_present).ok_or(LinkError::NoCard)?;
        if card.refuses() {
            return Err(LinkError::Busy);
        }
        let epoch = card.epoch();
        let events = self.events(name);
        let starts = self.0.starts.load(Ordering::SeqCst);
        let insertion = format!("{name}, start {starts}, event {events}");
        Ok(Box::new(Connection { card, epoch, name: name.into(), insertion, readers: self.0.clone() }))
    }

    fn wait(&self, known: &[Reader], limit: Option<Duration>) -> Result<Vec<Reader>, LinkError> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let cancelled = self.0.cancelled.load(Ordering::SeqCst);
        loop {
            let seen = self.0.bell.rings();
            let now = self.list()?;
            let over = now != known || self.0.cancelled.load(Ordering::SeqCst) != cancelled;
            if over || !self.0.bell.wait(seen, deadline) {
                return Ok(now);
            }
        }
    }

    fn cancel(&self) {
        self.0.cancelled.fetch_add(1, Ordering::SeqCst);
        self.0.bell.ring();
    }
}

struct Connection {
    card: SimCard,
    epoch: Epoch,
    name: String,
    insertion: String,
    readers: Arc<Inner>,
}

impl Card for Connection {
    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn reader(&self) -> &str {
        &self.name
    }

    fn insertion(&self) -> Option<&str> {
        Some(&self.insertion)
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
        self.readers.served()?;
        let hold = self.card.hold();
        let now = self.card.epoch();
        if now.moves != self.epoch.moves || !self.card.is_present() {
            return Err(LinkError::Removed);
        }
        let was_reset = now.resets != self.epoch.resets;
        self.epoch = now;
        Ok(Transaction { link: Box::new(Held { connection: self, resets: false, _hold: hold }), was_reset })
    }

    fn alone(&mut self) -> Result<bool, LinkError> {
        self.readers.served()?;
        if self.card.epoch().moves != self.epoch.moves {
            return Err(LinkError::Removed);
        }
        Ok(!self.card.others())
    }
}

struct Held<'c> {
    connection: &'c Connection,
    /// The card is reset when this is dropped.
    resets: bool,
    _hold: Hold,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.resets {
            self.connection.card.reset();
        }
    }
}

impl Transmit for Held<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
        self.connection.readers.served()?;
        self.connection.card.exchange(apdu, Some(self.connection.epoch))
    }

    fn max_command(&self) -> usize {
        match self.connection.readers.longest.load(Ordering::SeqCst) {
            0 => self.connection.card.max_command(),
            longest => longest,
        }
    }

    fn reset_afterwards(&mut self) -> bool {
        self.resets = true;
        true
    }
}
