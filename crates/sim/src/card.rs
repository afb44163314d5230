//! A virtual card: what a reader sees of it, and what a test may do to it.

mod chip;
mod chuid;
mod key;
mod objects;
mod personality;
mod pin;
mod piv;
mod state;

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};

use link::LinkError;

use crate::bell::{Bell, locked};
use crate::fault::{Fault, Faults};
use crate::fixture::{self, Fixture};
use crate::latency::Latency;
pub use personality::{Personality, Profile};
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

    /// The answer to reset.
    pub fn atr(&self) -> &'static [u8] {
        self.with(|state| state.chip.personality.profile.atr())
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

/// What a test can do, and see.
impl SimCard {
    /// Pulls the card out of its reader.
    pub fn pull(&self) {
        self.with(State::pull);
        self.ring();
    }

    /// Puts the card back.
    pub fn insert(&self) {
        self.with(State::insert);
        self.ring();
    }

    /// Whether it is in the reader.
    pub fn is_present(&self) -> bool {
        self.with(|state| state.present)
    }

    /// A reset, as by another program.
    pub fn reset(&self) {
        self.with(State::reset);
    }

    /// Another program selects an application. Returns what it was answered.
    pub fn foreign_select(&self, aid: &[u8]) -> Vec<u8> {
        self.with(|state| state.foreign_select(aid))
    }

    /// Another program replaces the certificate of 9A, 9C, 9D or 9E, perhaps with the key.
    ///
    /// # Errors
    /// When there is no such replacement for this key.
    pub fn replace(&self, key: u8, with: Replacement) -> Result<(), UnknownFixture> {
        let kind = match with {
            Replacement::SameKey => "same-key",
            Replacement::NewKey => "new-key",
            Replacement::SameSerial => "same-serial",
        };
        self.install(key, fixture::named(&format!("{key:02x}-{kind}")).ok_or(UnknownFixture)?)
    }

    /// Puts this key and certificate in place of what a key reference has.
    ///
    /// # Errors
    /// When the key reference is none that has a certificate.
    pub fn install(&self, key: u8, fixture: &'static Fixture) -> Result<(), UnknownFixture> {
        objects::certificate_tag(key).ok_or(UnknownFixture)?;
        self.with(|state| {
            state.chip.piv.install(key, fixture);
            state.log.note(&format!("{key:02X} holds {}", fixture.name));
        });
        Ok(())
    }

    /// Every key and object as issued; PIN, PUK and their counters stay as they are.
    pub fn restore(&self) {
        self.with(|state| {
            state.chip.piv.restore(&state.chip.personality);
            state.log.note("keys and objects as issued");
        });
    }

    /// Sets the whole answer to GET DATA for a tag (`0x5FC105`), or takes the object away.
    pub fn set_object(&self, tag: u32, answer: Option<Vec<u8>>) {
        self.with(|state| {
            state.log.note(&format!("object {tag:06X} {}", if answer.is_some() { "set" } else { "removed" }));
            match answer {
                Some(answer) => state.chip.piv.objects.insert(tag, answer),
                None => state.chip.piv.objects.remove(&tag),
            }
        });
    }

    /// The answer to GET DATA for a tag, whatever its access rule says.
    pub fn object(&self, tag: u32) -> Option<Vec<u8>> {
        self.with(|state| state.chip.piv.objects.get(&tag).cloned())
    }

    /// What is left of the retry counters.
    pub fn tries(&self) -> Tries {
        self.with(|state| {
            let piv = &state.chip.piv;
            Tries { pin: piv.pin.tries(), puk: piv.puk.as_ref().map(|puk| puk.tries()) }
        })
    }

    /// Whether the PIV PIN is verified.
    pub fn verified(&self) -> bool {
        self.with(|state| state.chip.piv.verified)
    }

    /// Uses up all tries of the PIN.
    pub fn block_pin(&self) {
        self.with(|state| {
            state.chip.piv.pin.block();
            state.chip.piv.log_out();
            state.log.note("PIN blocked");
        });
    }

    /// What will go wrong, instead of what was set before.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|state| state.faults = faults);
    }

    /// One more thing that will go wrong.
    pub fn add_fault(&self, fault: Fault) {
        self.with(|state| state.faults.0.push(fault));
    }

    /// How long APDUs take from now on.
    pub fn set_latency(&self, latency: Latency) {
        self.with(|state| state.latency = latency);
    }

    /// Whether private operations take as long as on a chip.
    pub fn set_key_time(&self, on: bool) {
        self.with(|state| state.key_time = on);
    }

    /// The next `times` connections are refused: another program holds the card for itself alone.
    pub fn set_busy(&self, times: u32) {
        self.with(|state| state.busy = times);
    }

    /// Whether another program is connected too, as [`link::Card::alone`] will tell.
    pub fn set_others(&self, connected: bool) {
        self.with(|state| state.others = connected);
    }

    /// What went over the wire since the card was made, or since [`SimCard::zero`].
    pub fn counts(&self) -> Counts {
        self.with(|state| state.counts)
    }

    /// Sets the counts to 0.
    pub fn zero(&self) {
        self.with(|state| state.counts = Counts::default());
    }

    /// The last 10,000 lines of the log.
    pub fn log(&self) -> Vec<String> {
        self.with(|state| state.log.lines())
    }

    /// Writes every further line of the log there too.
    pub fn log_to(&self, file: Box<dyn Write + Send>) {
        self.with(|state| state.log.write_to(file));
    }

    /// A line of the test's own in the log.
    pub fn mark(&self, text: &str) {
        self.with(|state| state.log.note(text));
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
