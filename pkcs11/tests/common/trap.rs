//! Readers that fail when a test says so: every request to them can be seen, refused, or taken as the moment for
//! something to happen.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};
use std::time::Duration;

use link::{Card, LinkError, Reader, Readers, Transaction, Transmit};
use sim::SimReaders;

/// What is asked of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seam {
    List,
    Connect,
    Begin,
    Transmit,
    Alone,
}

type Before = Box<dyn FnMut(Seam) -> Result<(), LinkError> + Send>;

/// Simulated readers, and what happens before each request to them. Clones are the same readers.
#[derive(Clone)]
pub(crate) struct Trap(Arc<Inner>);

struct Inner {
    readers: SimReaders,
    before: Mutex<Before>,
    /// How often the service was started. A connection outlives no service.
    service: AtomicU32,
}

impl Trap {
    pub(crate) fn over(readers: SimReaders) -> Self {
        let before: Before = Box::new(|_| Ok(()));
        Self(Arc::new(Inner { readers, before: Mutex::new(before), service: AtomicU32::new(0) }))
    }

    /// Asks this before every request; an error is the answer to it.
    pub(crate) fn set(&self, before: impl FnMut(Seam) -> Result<(), LinkError> + Send + 'static) {
        *self.0.before.lock().unwrap() = Box::new(before);
    }

    /// pcscd restarts: the readers look as before, and every connection is dead.
    pub(crate) fn restart(&self) {
        self.0.service.fetch_add(1, Ordering::SeqCst);
    }

    fn ask(&self, seam: Seam) -> Result<(), LinkError> {
        (self.0.before.lock().unwrap())(seam)
    }

    fn service(&self) -> u32 {
        self.0.service.load(Ordering::SeqCst)
    }
}

impl Readers for Trap {
    fn list(&self) -> Result<Vec<Reader>, LinkError> {
        self.ask(Seam::List)?;
        self.0.readers.list()
    }

    fn connect(&self, name: &str) -> Result<Box<dyn Card>, LinkError> {
        self.ask(Seam::Connect)?;
        let card = self.0.readers.connect(name)?;
        Ok(Box::new(Trapped { card, trap: self.clone(), service: self.service() }))
    }

    fn wait(&self, known: &[Reader], limit: Option<Duration>) -> Result<Vec<Reader>, LinkError> {
        self.0.readers.wait(known, limit)
    }

    fn cancel(&self) {
        self.0.readers.cancel();
    }
}

struct Trapped {
    card: Box<dyn Card>,
    trap: Trap,
    service: u32,
}

impl Trapped {
    fn ask(&self, seam: Seam) -> Result<(), LinkError> {
        self.trap.ask(seam)?;
        if self.trap.service() == self.service { Ok(()) } else { Err(LinkError::Removed) }
    }
}

impl Card for Trapped {
    fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    fn reader(&self) -> &str {
        self.card.reader()
    }

    fn insertion(&self) -> Option<&str> {
        self.card.insertion()
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
        self.ask(Seam::Begin)?;
        let Transaction { link, was_reset } = self.card.begin()?;
        let link = Box::new(Wire { link, trap: &self.trap, service: self.service });
        Ok(Transaction { link, was_reset })
    }

    fn alone(&mut self) -> Result<bool, LinkError> {
        self.ask(Seam::Alone)?;
        self.card.alone()
    }
}

struct Wire<'c> {
    link: Box<dyn Transmit + 'c>,
    trap: &'c Trap,
    service: u32,
}

impl Transmit for Wire<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
        self.trap.ask(Seam::Transmit)?;
        if self.trap.service() != self.service {
            return Err(LinkError::Removed);
        }
        self.link.transmit(apdu)
    }

    fn max_command(&self) -> usize {
        self.link.max_command()
    }
}
