//! What a test does to a card, and what it sees of it.

use std::io::Write;

use super::state::State;
use super::{Counts, Replacement, SimCard, Tries, UnknownFixture, objects};
use crate::fault::{Fault, Faults};
use crate::fixture::{self, Fixture};
use crate::latency::Latency;
use crate::log::Traffic;

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

    /// Makes the certificate of a key unreadable: its container is there, and holds bytes that are none.
    ///
    /// # Errors
    /// When the key reference is none that has a certificate.
    pub fn spoil(&self, key: u8) -> Result<(), UnknownFixture> {
        objects::certificate_tag(key).ok_or(UnknownFixture)?;
        self.with(|state| {
            state.chip.piv.spoil(key);
            state.log.note(&format!("{key:02X} has an unreadable certificate"));
        });
        Ok(())
    }

    /// Answers GET DATA for a tag with this status word from now on, or with the object again.
    pub fn refuse_object(&self, tag: u32, status: Option<u16>) {
        self.with(|state| {
            let refused = &mut state.chip.piv.refused;
            match status {
                Some(status) => refused.insert(tag, status),
                None => refused.remove(&tag),
            };
            let how = status.map_or("answered again".into(), |status| format!("refused with {status:04X}"));
            state.log.note(&format!("object {tag:06X} {how}"));
        });
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

    /// What is left of the tries of the global PIN, where there is one that the policy lets be used.
    pub fn global_tries(&self) -> Option<u8> {
        self.with(|state| state.chip.piv.global_pin.as_ref().map(|pin| pin.tries()))
    }

    /// Whether the PIV PIN is verified.
    pub fn verified(&self) -> bool {
        self.with(|state| state.chip.piv.pin.verified)
    }

    /// Uses up all tries of the PIN.
    pub fn block_pin(&self) {
        self.with(|state| {
            state.chip.piv.pin.block();
            state.chip.piv.log_out();
            state.log.note("PIN blocked");
        });
    }

    /// Uses up all tries of the PUK, if there is one.
    pub fn block_puk(&self) {
        self.with(|state| {
            state.chip.piv.puk.iter_mut().for_each(|puk| puk.block());
            state.log.note("PUK blocked");
        });
    }

    /// Uses up all tries of the global PIN, if there is one.
    pub fn block_global_pin(&self) {
        self.with(|state| {
            state.chip.piv.global_pin.iter_mut().for_each(|pin| pin.block());
            state.log.note("global PIN blocked");
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

    /// Sets the counts to 0, and forgets what [`SimCard::wire`] shows.
    pub fn zero(&self) {
        self.with(|state| {
            state.counts = Counts::default();
            state.log.forget_traffic();
        });
    }

    /// The last 10,000 APDUs with their answers, as they went over the wire, since the card was made or
    /// [`SimCard::zero`].
    pub fn wire(&self) -> Vec<Traffic> {
        self.with(|state| state.log.traffic().iter().cloned().collect())
    }

    /// Whether these bytes stand in one of those APDUs or answers: what is secret must not.
    pub fn has_seen(&self, bytes: &[u8]) -> bool {
        let within = |whole: &[u8]| whole.windows(bytes.len().max(1)).any(|window| window == bytes);
        self.with(|state| state.log.traffic().iter().any(|one| within(&one.command) || within(&one.answer)))
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
