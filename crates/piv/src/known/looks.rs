//! Looks: whether the card still has what is known of it, by the first bytes of each object. A look of another process
//! spares ours for a listing, but not for what a key is used for.

use std::{collections::BTreeMap, time::Duration};

use super::{Known, LISTING};
use crate::{Error, KeyHistory, KeyReference, ObjectId, cache::Settled, messaging::Access, piv::Piv};

/// After this long other processes may have stored something new.
const CONSULTING: Duration = Duration::from_secs(1);

/// How long what was seen is believed over the virtual contact interface.
const CHECKED: Duration = Duration::from_secs(24 * 60 * 60);

/// When objects were last looked at, or read, and by whom.
#[derive(Default)]
pub(super) struct Looks {
    last: BTreeMap<ObjectId, Look>,
    /// When the looks of other processes were last taken up.
    pub(super) consulted: Option<Duration>,
}

struct Look {
    at: Duration,
    /// This process has seen it itself.
    own: bool,
}

impl Looks {
    /// When the last look at this object was.
    pub(super) fn at(&self, object: ObjectId) -> Option<Duration> {
        self.last.get(&object).map(|look| look.at)
    }

    pub(super) fn forget(&mut self, object: ObjectId) {
        self.last.remove(&object);
    }

    /// Takes up a look of another process.
    pub(super) fn learn(&mut self, object: ObjectId, at: Duration) {
        let own = self.last.get(&object).is_some_and(|look| look.own);
        self.last.insert(object, Look { at, own });
    }
}

impl Known {
    /// The objects whose last look by any process is too old for a listing: Key History, and every certificate container
    /// that is known, present or absent.
    pub(crate) fn due(&mut self) -> Vec<ObjectId> {
        let due = self.due_here();
        let is_recent = |at: Duration| self.now().saturating_sub(at) < CONSULTING;
        if due.is_empty() || self.looks.consulted.is_some_and(is_recent) {
            return due;
        }
        self.consult();
        self.due_here()
    }

    fn due_here(&self) -> Vec<ObjectId> {
        let is_due = |object: &ObjectId| self.cache.get(*object).is_some() && self.is_due(*object, LISTING);
        self.listed().filter(is_due).collect()
    }

    /// What a listing shows.
    fn listed(&self) -> impl Iterator<Item = ObjectId> {
        self.keys().into_iter().map(KeyReference::certificate).chain([ObjectId::KEY_HISTORY])
    }

    /// When the oldest of the looks was that a listing relies on.
    pub(crate) fn oldest_look(&self) -> Option<Duration> {
        self.listed()
            .filter(|object| self.cache.get(*object).is_some())
            .map(|object| self.looks.at(object))
            .min()?
    }

    /// Whether one of these objects was never read, or not looked at for a minute.
    pub(crate) fn objects_due(&self, objects: &[ObjectId]) -> bool {
        objects.iter().any(|object| self.cache.get(*object).is_none() || self.is_due(*object, LISTING))
    }

    /// Whether the last look at this object, by any process, is so old, or there was none.
    ///
    /// Over the virtual contact interface there is no short look: once in an insertion is enough there, and none is needed
    /// for what was seen within a day, because the card has proved who it is.
    pub(crate) fn is_due(&self, object: ObjectId, age: Duration) -> bool {
        match self.access {
            Access::Vci => self.looks.at(object).is_none() && !self.was_checked(object),
            _ => self.looks.at(object).is_none_or(|at| self.now().saturating_sub(at) >= age),
        }
    }

    /// Whether this process has never seen this object on the card itself.
    pub(crate) fn is_unseen(&self, object: ObjectId) -> bool {
        match self.access {
            Access::Vci => self.is_due(object, LISTING),
            _ => !self.looks.last.get(&object).is_some_and(|look| look.own),
        }
    }

    fn was_checked(&self, object: ObjectId) -> bool {
        let checked = self.cache.checked(object);
        checked.is_some_and(|at| self.clock.date().checked_sub(at).is_some_and(|age| age < CHECKED))
    }

    /// The card ends secure messaging over an object that it does not have: that is not asked for twice.
    pub(super) fn note_absent(&mut self, object: ObjectId) {
        self.cache.keep(object, None);
        self.note_look(object);
    }

    /// This process has just seen what the object is.
    pub(super) fn note_look(&mut self, object: ObjectId) {
        let at = self.now();
        self.looks.last.insert(object, Look { at, own: true });
        if self.access.is_full() {
            self.cache.note_check(object, self.clock.date());
            self.stored.unsaved = true;
        }
        if let Some(stay) = &self.place.insertion {
            self.cache.note_look(stay, object, at);
            self.stored.unsaved = true;
        }
    }

    /// Reads these objects or looks at them, whichever is due.
    pub(crate) fn read_objects(&mut self, piv: &mut Piv<'_>, objects: &[ObjectId]) -> Result<(), Error> {
        for &object in objects {
            let shown = match self.cache.get(object) {
                Some(_) if !self.is_due(object, LISTING) => continue,
                Some(_) => self.look(piv, &[object]).map(drop),
                None => Ok(()),
            };
            let read = match shown {
                Ok(()) if self.cache.get(object).is_some() => continue,
                Ok(()) => self.fresh(piv, object).map(drop),
                refused => refused,
            };
            match read {
                Err(error) if error.is_transport() => return Err(error),
                Err(_) => self.doubt(object),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Looks at objects by their heads, and doubts what differs. `true`: something did.
    ///
    /// A head that agrees proves that our application answered; only a refusal or a difference needs SELECT to be
    /// believed. So without SELECT what is known to be present comes first.
    pub(crate) fn look(&mut self, piv: &mut Piv<'_>, objects: &[ObjectId]) -> Result<bool, Error> {
        let is_present = |object: &ObjectId| matches!(self.cache.get(*object), Some(Some(_)));
        let (present, absent): (Vec<_>, Vec<_>) = objects.iter().partition(|object| is_present(object));
        let mut changed = false;
        for object in present.into_iter().chain(absent) {
            let settled = self.settle(piv, object)?;
            match settled {
                Settled::Same => {}
                Settled::Other => self.forget_parsed(object),
                Settled::Unknown => self.doubt(object),
            }
            if settled != Settled::Unknown {
                self.note_look(object);
            }
            changed |= settled != Settled::Same;
        }
        if changed {
            self.renew(piv)?;
        }
        Ok(changed)
    }

    fn settle(&mut self, piv: &mut Piv<'_>, object: ObjectId) -> Result<Settled, Error> {
        let length = self.cache.look_length(object);
        if !piv.is_selected() {
            match piv.head(object, length) {
                Ok(Some(head)) if self.cache.is_current(object, length, &head) => return Ok(Settled::Same),
                Err(error) if error.is_transport() => return Err(error),
                _ => piv.reselect()?,
            }
        }
        let head = piv.head(object, length)?;
        Ok(self.cache.settle(object, length, head.as_deref()))
    }

    /// Where one object changed, those may have that no look is spent on.
    fn renew(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        if self.access != Access::Contact || self.state.is_none() {
            return Ok(());
        }
        let discovery = self.discovery(piv)?;
        self.take_up_discovery(discovery);
        Ok(())
    }

    /// After Key History changed: how many retired keys there are now.
    pub(crate) fn refresh_history(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        if self.cache.get(ObjectId::KEY_HISTORY).is_none() {
            let history = self.fresh(piv, ObjectId::KEY_HISTORY)?.map(|content| KeyHistory::parse(&content));
            self.take_up_history(history);
        }
        Ok(())
    }

    /// The card has something else by now: the object is read again when next needed.
    pub(crate) fn doubt(&mut self, object: ObjectId) {
        self.cache.doubt(object);
        self.looks.forget(object);
        self.forget_parsed(object);
    }
}
