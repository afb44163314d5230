//! What is kept between runs and shared between processes, by way of a store: taken up before or as a card is met, saved
//! when it is free again. Public data only, and never what another access level has shown.

use super::{Known, looks::Looks};
use crate::{
    Discovery, Identity, KeyHistory, KeyReference, ObjectId, TokenCache, apdu::SHORT_COMMAND, object::hex,
    seat::Seat,
};

/// Whoever finds another value here than at login forgets the PIN.
const FORGET_PINS: &str = "forget-pins";

/// How this card's part of the store stands.
#[derive(Default)]
pub(super) struct Stored {
    /// Under which name the card is stored; none for a card without a GUID.
    name: Option<String>,
    /// There is something new to save.
    pub(super) unsaved: bool,
    pub(super) seat: Seat,
    seat_unsaved: bool,
    /// What was at hand before the transaction began, by the card that was there last.
    ready: Option<(String, TokenCache)>,
    /// The store as it was then. If it differs now, someone has cleared it.
    generation: Option<u64>,
}

impl Stored {
    /// The card is about to be known under another name.
    pub(super) fn leave(&mut self) {
        self.name = None;
        self.unsaved = false;
        self.ready = None;
    }
}

impl Known {
    /// Takes from the store what can be had before the card is asked who it is. Under the transaction there is no time for
    /// a disk.
    pub(crate) fn prepare(&mut self) {
        if self.stored.generation.is_some() {
            return;
        }
        self.stored.generation = Some(self.store.generation());
        let seat = self.store.load(&self.seat_key());
        self.stored.seat = seat.map(|bytes| Seat::from_bytes(&bytes)).unwrap_or_default();
        if self.stored.seat.extended == Some(true) {
            self.longest = usize::MAX;
        }
        self.stored.ready = self.stored.seat.guid.map(|guid| self.name(&guid)).and_then(|name| {
            let cache = self.fetch(&name)?;
            Some((name, cache))
        });
    }

    /// Whether someone has cleared the store: then everything is forgotten here too, and read again when next needed.
    pub(crate) fn notice_clearing(&mut self) {
        if self.stored.generation.is_some_and(|generation| generation != self.store.generation()) {
            self.forget_everything();
        }
    }

    /// What is stored of this card is of another one.
    pub(super) fn forget_stored(&mut self) {
        if let Some(name) = self.stored.name.take() {
            self.store.remove(&name);
        }
        self.forget_everything();
    }

    fn forget_everything(&mut self) {
        self.stored = Stored::default();
        self.cache = TokenCache::default();
        self.looks = Looks::default();
        self.state = None;
        self.certificates.clear();
        self.refused.clear();
    }

    /// Takes up what was stored of this card.
    pub(super) fn recall(&mut self, identity: Option<&Identity>) {
        let guid = identity.and_then(Identity::guid);
        self.stored.seat_unsaved |= self.stored.seat.guid != guid;
        self.stored.seat.guid = guid;
        self.stored.name = guid.map(|guid| self.name(&guid));
        let Some(name) = self.stored.name.clone() else { return };
        let stored = match self.stored.ready.take() {
            Some((ready, cache)) if ready == name => Some(cache),
            // Another card than last time in this reader: one file, while it waits.
            _ => self.fetch(&name),
        };
        if let Some(stored) = stored {
            self.cache = stored.clone();
            self.learn(&stored);
        }
    }

    /// Takes up what other processes have stored since.
    pub(super) fn consult(&mut self) {
        if let Some(stored) = self.stored.name.as_ref().and_then(|name| self.fetch(name)) {
            self.learn(&stored);
        }
    }

    fn learn(&mut self, stored: &TokenCache) {
        self.looks.consulted = Some(self.now());
        let Some(stay) = self.place.insertion.clone() else { return };
        let looks = &self.looks;
        for learnt in self.cache.learn(stored, &stay, |object| looks.at(object)) {
            self.looks.learn(learnt.object, learnt.at);
            if learnt.changed {
                self.take_up(learnt.object);
            }
        }
    }

    /// Another process has seen that this object is another one by now.
    pub(super) fn take_up(&mut self, object: ObjectId) {
        let content = self.content(object).flatten();
        match object {
            ObjectId::KEY_HISTORY => self.take_up_history(content.map(|content| KeyHistory::parse(&content))),
            ObjectId::DISCOVERY => {
                self.take_up_discovery(content.and_then(|content| Discovery::parse(&content)))
            }
            _ => self.forget_parsed(object),
        }
    }

    /// Saves what is new and can be read: what cannot may have been damaged on the way, and the next process asks the card
    /// again. Not to be called under a transaction.
    pub(crate) fn save(&mut self) {
        if std::mem::take(&mut self.stored.seat_unsaved) {
            let seat = self.stored.seat.to_bytes();
            self.save_as(&self.seat_key(), |_| Some(seat.clone()));
        }
        let (true, Some(name)) = (std::mem::take(&mut self.stored.unsaved), self.stored.name.clone()) else {
            return;
        };
        let readable = self.readable();
        self.save_as(&name, |stored| {
            let stored = stored.and_then(|bytes| TokenCache::from_bytes(&bytes));
            Some(readable.merged(stored).to_bytes())
        });
        self.cache.saved();
    }

    /// Nothing is put back that someone has cleared.
    fn save_as(&self, key: &str, content: impl Fn(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let generation = self.stored.generation;
        self.store.update(key, &mut |stored| {
            if generation == Some(self.store.generation()) { content(stored) } else { None }
        });
    }

    fn readable(&mut self) -> TokenCache {
        let mut readable = self.cache.clone();
        for key in KeyReference::all() {
            let object = key.certificate();
            if self.cache.is_unsaved(object) && self.certificate(key).is_err() {
                readable.withhold(object);
            }
        }
        if self.has_strange_discovery() {
            readable.withhold(ObjectId::DISCOVERY);
        }
        readable
    }

    /// The label this card is known under where all of it can be read.
    pub(super) fn known_label(&self) -> Option<String> {
        let known = self.fetch(&hex(&self.stored.seat.guid?))?;
        known.label().map(str::to_owned)
    }

    /// The name of a card in the store. What anyone could have shown over plain contactless is kept apart.
    fn name(&self, guid: &[u8; 16]) -> String {
        let access = if self.access.is_full() { "" } else { "-contactless" };
        format!("{}{access}", hex(guid))
    }

    fn seat_key(&self) -> String {
        Seat::key(&self.place.atr, &self.place.reader)
    }

    fn fetch(&self, name: &str) -> Option<TokenCache> {
        TokenCache::from_bytes(&self.store.load(name)?)
    }

    /// Tells all programs of this user to forget the PINs they keep.
    pub(crate) fn tell_forgetting(&self) {
        let mut mark = [0; 16];
        if getrandom::getrandom(&mut mark).is_ok() {
            self.store.update(FORGET_PINS, &mut |_| Some(mark.to_vec()));
        }
    }

    /// A PIN is kept from now on, until somebody says so again.
    pub(crate) fn note_forgetting(&mut self) {
        self.forgotten = self.store.load(FORGET_PINS);
    }

    /// A kept PIN is not sent again after somebody said that PINs are to be forgotten.
    pub(crate) fn heed_forgetting(&mut self) {
        if self.login.is_user() && self.store.load(FORGET_PINS) != self.forgotten {
            self.login.end();
        }
    }

    /// The longest command this card takes in this reader, as far as it is known, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Takes note of how long commands may be, after the card was asked something.
    pub(crate) fn note_longest(&mut self, longest: usize) {
        if (longest > SHORT_COMMAND) != (self.longest > SHORT_COMMAND) {
            self.note_extended(longest > SHORT_COMMAND);
        }
        self.longest = longest;
    }

    pub(super) fn note_extended(&mut self, taken: bool) {
        self.stored.seat_unsaved |= self.stored.seat.extended != Some(taken);
        self.stored.seat.extended = Some(taken);
    }
}
