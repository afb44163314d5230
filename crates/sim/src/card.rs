//! A virtual card: what a reader sees of it, and what a test may do to it.

mod aca;
mod access;
mod administer;
mod administration;
mod arrange;
mod channel;
mod chip;
mod chuid;
mod cipher;
mod cvc;
mod dual;
mod establish;
mod fido;
mod history;
mod issue;
mod key;
mod manager;
mod messaging;
mod oath;
mod objects;
mod personality;
mod pin;
mod piv;
mod profile;
mod recycle;
mod state;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use link::LinkError;

use crate::bell::{Bell, locked};
pub use administration::{AdministrationKey, ManagementKey, administration_key};
pub use messaging::pairing_code;
pub use messaging::{Interface, SecureMessaging, Signer, Suite, Vci};
pub use personality::{Personality, Properties};
pub use profile::{Form, Profile};
pub(crate) use state::Epoch;
use state::State;

/// A virtual card. Clones are the same card: one goes into a reader, the others stay with the test.
#[derive(Clone)]
pub struct SimCard(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    bells: Mutex<Vec<Weak<Bell>>>,
    held: Mutex<bool>,
    freed: Condvar,
}

/// What went over the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Command APDUs, GET RESPONSE and the blocks of a chain included.
    pub apdus: u64,
    /// Bytes of commands and answers together, status words included.
    pub bytes: u64,
    /// VERIFY commands with a PIN in them, whatever became of them.
    pub verifies: u64,
    /// Key establishments of secure messaging that the card carried out.
    pub establishments: u64,
}

/// What is left of the retry counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tries {
    /// Of the PIN.
    pub pin: u8,
    /// Of the PUK, where there is one.
    pub puk: Option<u8>,
}

/// With what a key's certificate is replaced, as by another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// The same key, a certificate with another serial number.
    SameKey,
    /// Another key and its certificate.
    NewKey,
    /// Another key, and a certificate with the subject and the serial number of the first (9A only).
    SameSerial,
}

/// There is no such key or certificate among the fixtures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownFixture;

impl fmt::Display for UnknownFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such key or certificate among the fixtures")
    }
}

impl std::error::Error for UnknownFixture {}

/// What a reader can do.
impl SimCard {
    /// A card, powered and ready to be put into a reader.
    pub fn new(personality: Personality) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State::new(personality)),
            bells: Mutex::default(),
            held: Mutex::new(false),
            freed: Condvar::new(),
        }))
    }

    /// The answer to reset; over contactless the one that the reader makes up for it.
    pub fn atr(&self) -> &'static [u8] {
        self.with(|state| state.chip.atr())
    }

    /// Power on, or a reset by the reader: everything that does not last is gone.
    pub fn power_on(&self) {
        self.with(|state| {
            state.chip.reset();
            state.log.note("power on");
        });
    }

    /// Power off.
    pub fn power_off(&self) {
        self.with(|state| {
            state.chip.reset();
            state.log.note("power off");
        });
    }

    /// One APDU. The answer is empty when there is no card any more.
    pub fn transmit(&self, apdu: &[u8]) -> Vec<u8> {
        self.exchange(apdu, None).unwrap_or_default()
    }

    /// One APDU of a connection made at `epoch`.
    pub(crate) fn exchange(&self, apdu: &[u8], epoch: Option<Epoch>) -> Result<Vec<u8>, LinkError> {
        let (answer, delay) = self.with(|state| {
            let answer = state.exchange(apdu, epoch);
            let delay = state.delay(apdu.len() + answer.as_ref().map_or(0, Vec::len));
            (answer, delay)
        });
        if answer.is_err() {
            self.ring();
        }
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        answer
    }

    /// The longest command APDU it takes.
    pub(crate) fn max_command(&self) -> usize {
        self.with(|state| if state.chip.personality.extended { chip::EXTENDED_COMMAND } else { 261 })
    }
}

/// What the readers need.
impl SimCard {
    pub(crate) fn epoch(&self) -> Epoch {
        self.with(|state| state.epoch())
    }

    /// Whether both are the same card.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn watch(&self, bell: &Arc<Bell>) {
        let bell = Arc::downgrade(bell);
        let mut bells = locked(&self.0.bells);
        if !bells.iter().any(|known| known.ptr_eq(&bell)) {
            bells.push(bell);
        }
    }

    /// Whether a connection is refused now.
    pub(crate) fn refuses(&self) -> bool {
        self.with(|state| {
            let refuses = state.busy > 0;
            state.busy = state.busy.saturating_sub(1);
            refuses
        })
    }

    pub(crate) fn others(&self) -> bool {
        self.with(|state| state.others)
    }

    /// Waits until nobody holds the card, and holds it.
    pub(crate) fn hold(&self) -> Hold {
        let mut held = locked(&self.0.held);
        while *held {
            held = self.0.freed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        *held = true;
        Hold(self.clone())
    }

    fn ring(&self) {
        locked(&self.0.bells).retain(|bell| bell.upgrade().inspect(|bell| bell.ring()).is_some());
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut locked(&self.0.state))
    }
}

/// The card is held until this is dropped.
pub(crate) struct Hold(SimCard);

impl Drop for Hold {
    fn drop(&mut self) {
        *locked(&self.0.0.held) = false;
        self.0.0.freed.notify_one();
    }
}
