//! What has been read from a card, what is known to be absent, and how it is checked.
//!
//! Public data only. An entry is the whole answer to GET DATA, so that the first bytes of a fresh answer can be compared
//! with it: that look costs one APDU where reading again costs seven. Of an object up to two contents are kept, so that two
//! cards that show the same CHUID never mix, and a card that changes back is known at once.

mod format;
mod stay;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use self::stay::{Mark, Stay, StayName, mark};
use crate::{ObjectId, tlv};

/// How much of a certificate object a look asks for: enough to hold its lengths and its serial number.
const LOOK: u8 = 48;
/// A serial number of so many bytes tells certificates apart.
const LONG_SERIAL: usize = 8;
/// How many contents are kept of one object.
const VARIANTS: usize = 2;
/// How many stays in readers the looks are kept of.
const STAYS: usize = 4;

/// The answer to GET DATA, wrapper included. `None`: the card was asked, and has no such object.
pub(crate) type Content = Option<Arc<[u8]>>;

/// The public content of one card. `Some(None)` means: the card was asked, and has no such object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenCache {
    objects: BTreeMap<ObjectId, Kept>,
    label: Option<String>,
    /// The stays that looks are known of, the last one first.
    stays: Vec<Stay>,
    /// When objects were last seen whole or looked at, by the date, and which content it was.
    checked: BTreeMap<ObjectId, (Duration, Mark)>,
    /// Objects that were read since this was last saved, and objects that we changed ourselves.
    read: BTreeSet<ObjectId>,
    written: BTreeSet<ObjectId>,
}

/// What is kept of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    /// Never empty; the current one first.
    variants: Vec<Content>,
    /// Whether the first one is believed to be what the card has.
    believed: bool,
}

impl TokenCache {
    /// The answer to GET DATA for this object, wrapper included, as far as it is known.
    #[must_use]
    pub fn get(&self, object: ObjectId) -> Option<Option<Arc<[u8]>>> {
        self.current(object).cloned()
    }

    fn current(&self, object: ObjectId) -> Option<&Content> {
        self.objects.get(&object).filter(|kept| kept.believed)?.variants.first()
    }

    /// Keeps an answer. Objects that need a PIN or hold a secret are not kept.
    pub fn keep(&mut self, object: ObjectId, answer: Option<Arc<[u8]>>) {
        if object.is_public() {
            self.put_first(object, answer);
            self.read.insert(object);
        }
    }

    fn put_first(&mut self, object: ObjectId, answer: Content) {
        let kept = self.objects.entry(object).or_insert(Kept { variants: Vec::new(), believed: true });
        kept.variants.retain(|variant| *variant != answer);
        kept.variants.insert(0, answer);
        kept.variants.truncate(VARIANTS);
        kept.believed = true;
    }

    /// Forgets what an object was, because we have changed it.
    pub fn forget(&mut self, object: ObjectId) {
        self.objects.remove(&object);
        self.written.insert(object);
    }

    /// The card has something else by now: the object is to be read again. What it was stays known, in case it comes back.
    pub(crate) fn doubt(&mut self, object: ObjectId) {
        if let Some(kept) = self.objects.get_mut(&object) {
            kept.believed = false;
        }
    }

    /// The label this card was first shown under.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Fixes the label, the first time.
    pub(crate) fn set_label(&mut self, label: String) {
        self.label.get_or_insert(label);
    }

    /// How many bytes to ask for when looking at an object: [`LOOK`] where they hold a serial number long enough to tell
    /// certificates apart, else 0, one whole block.
    pub(crate) fn look_length(&self, object: ObjectId) -> u8 {
        match self.current(object) {
            Some(Some(answer)) if shows_long_serial(answer) => LOOK,
            Some(None) => LOOK,
            _ => 0,
        }
    }

    /// Whether a fresh head, for which so many bytes were asked, is of the current content.
    pub(crate) fn is_current(&self, object: ObjectId, asked: u8, head: &[u8]) -> bool {
        self.current(object).is_some_and(|current| agrees(current, asked, Some(head)))
    }

    /// Compares a fresh head of an object, for which so many bytes were asked, with what is kept. If it is not the current
    /// content but the other one, that one is current from now on.
    pub(crate) fn settle(&mut self, object: ObjectId, asked: u8, head: Option<&[u8]>) -> Settled {
        let Some(kept) = self.objects.get_mut(&object).filter(|kept| kept.believed) else {
            return Settled::Unknown;
        };
        match kept.variants.iter().position(|variant| agrees(variant, asked, head)) {
            Some(0) => Settled::Same,
            Some(at) => {
                kept.variants.swap(0, at);
                self.read.insert(object);
                Settled::Other
            }
            None => Settled::Unknown,
        }
    }

    /// Notes that the current content of an object was looked at in this stay.
    pub(crate) fn note_look(&mut self, stay: &str, object: ObjectId, at: Duration) {
        let Some(content) = self.current(object).map(mark) else { return };
        self.stay(stay).looks.insert(object, (at, content));
    }

    /// Notes on which date the current content of an object was seen on the card.
    pub(crate) fn note_check(&mut self, object: ObjectId, date: Duration) {
        let Some(content) = self.current(object).map(mark) else { return };
        self.checked.insert(object, (Duration::from_secs(date.as_secs()), content));
    }

    /// When the current content of an object was last seen on the card, by the date.
    pub(crate) fn checked(&self, object: ObjectId) -> Option<Duration> {
        let (date, content) = self.checked.get(&object)?;
        (self.current(object).map(mark) == Some(*content)).then_some(*date)
    }

    /// This stay, which is the last one from now on.
    fn stay(&mut self, name: &str) -> &mut Stay {
        let name = StayName::of(name);
        let stay = match self.stays.iter().position(|stay| stay.name == name) {
            Some(at) => self.stays.remove(at),
            None => Stay { name, looks: BTreeMap::new() },
        };
        self.stays.insert(0, stay);
        self.stays.truncate(STAYS);
        &mut self.stays[0]
    }

    /// Takes up what other processes saw in this stay, from what they have stored: contents that are not current here
    /// become so, and the times of the looks are told. Only what is newer than `since` says.
    pub(crate) fn learn(
        &mut self,
        stored: &Self,
        stay: &str,
        since: impl Fn(ObjectId) -> Option<Duration>,
    ) -> Vec<Learnt> {
        let name = StayName::of(stay);
        let Some(stay) = stored.stays.iter().find(|stay| stay.name == name) else { return Vec::new() };
        let mut learnt = Vec::new();
        for (&object, &(at, content)) in &stay.looks {
            if since(object).is_some_and(|known| known >= at) {
                continue;
            }
            let is_current = self.current(object).is_some_and(|current| mark(current) == content);
            if !is_current {
                let Some(seen) = stored.variant(object, content) else { continue };
                self.put_first(object, seen.clone());
            }
            learnt.push(Learnt { object, at, changed: !is_current });
        }
        learnt
    }

    fn variant(&self, object: ObjectId, content: Mark) -> Option<&Content> {
        self.objects.get(&object)?.variants.iter().find(|variant| mark(variant) == content)
    }

    /// What is to be stored now: what is there, with what this process has read, written and looked at on top.
    pub(crate) fn merged(&self, stored: Option<Self>) -> Self {
        let Some(mut merged) = stored else {
            let believed =
                |(object, kept): (&ObjectId, &Kept)| kept.believed.then(|| (*object, kept.clone()));
            let objects = self.objects.iter().filter_map(believed).collect();
            return Self {
                objects,
                label: self.label.clone(),
                stays: self.stays.clone(),
                checked: self.checked.clone(),
                ..Self::default()
            };
        };
        for object in &self.written {
            merged.objects.remove(object);
        }
        for object in &self.read {
            if let Some(content) = self.current(*object) {
                merged.put_first(*object, content.clone());
            }
        }
        if let Some(ours) = self.stays.first() {
            merged.add_looks(ours);
        }
        for (object, check) in &self.checked {
            let last = merged.checked.entry(*object).or_insert(*check);
            *last = (*last).max(*check);
        }
        merged.label = merged.label.or_else(|| self.label.clone());
        merged
    }

    fn add_looks(&mut self, ours: &Stay) {
        let mut stay = ours.clone();
        if let Some(at) = self.stays.iter().position(|stay| stay.name == ours.name) {
            for (object, look) in self.stays.remove(at).looks {
                let mine = stay.looks.entry(object).or_insert(look);
                *mine = (*mine).max(look);
            }
        }
        self.stays.insert(0, stay);
        self.stays.truncate(STAYS);
    }

    /// Leaves out what was read of this object: what cannot be understood may have been damaged on the way.
    pub(crate) fn withhold(&mut self, object: ObjectId) {
        self.objects.remove(&object);
        self.read.remove(&object);
    }

    /// Whether this object was read since this was last saved.
    pub(crate) fn is_unsaved(&self, object: ObjectId) -> bool {
        self.read.contains(&object)
    }

    /// What was to be stored is stored.
    pub(crate) fn saved(&mut self) {
        self.read.clear();
        self.written.clear();
    }
}

/// What a fresh head of an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Of the content that was current.
    Same,
    /// Of the other content known of this object, which is current now.
    Other,
    /// Of something that was never read.
    Unknown,
}

/// A look of another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Learnt {
    pub(crate) object: ObjectId,
    pub(crate) at: Duration,
    /// It saw something else than was current here.
    pub(crate) changed: bool,
}

/// Whether a head is of this content. A short head says nothing of a certificate whose serial number it cannot show.
fn agrees(content: &Content, asked: u8, head: Option<&[u8]>) -> bool {
    match (content, head) {
        (None, None) => true,
        (Some(answer), Some(head)) => {
            answer.starts_with(head)
                && head.len() >= answer.len().min(LOOK.into())
                && (asked == 0 || shows_long_serial(answer))
        }
        _ => false,
    }
}

/// Whether the first [`LOOK`] bytes of a certificate object (wrapper, 70, Certificate, TBSCertificate, version) reach over
/// a serial number of at least [`LONG_SERIAL`] bytes. Of a compressed certificate they do not.
fn shows_long_serial(answer: &[u8]) -> bool {
    let head = &answer[..answer.len().min(LOOK.into())];
    let container = tlv::start_of_value(head);
    let certificate = if container.first() == Some(&0x70) { tlv::start_of_value(container) } else { &[] };
    let tbs = tlv::start_of_value(tlv::start_of_value(certificate));
    let serial = tbs.strip_prefix(&[0xA0, 0x03, 0x02, 0x01, 0x02]).unwrap_or(tbs);
    match serial {
        [0x02, length, value @ ..] => {
            usize::from(*length) >= LONG_SERIAL && value.len() >= usize::from(*length)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
