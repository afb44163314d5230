//! The provider: an initialised library. One safe method for each C_ function, in this and the following modules.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use cryptoki_sys::*;
use link::{LinkError, Reader, Readers};
use parking_lot::{Mutex, RwLock};
use piv::Environment;

use crate::{
    Error, Settings,
    info::{padded, version},
    session::Session,
    slot::{Seams, Slot},
    view::{Sight, View},
};

/// How old the last look at the readers may be for searches and attribute reads.
const SEARCHING: Duration = Duration::from_millis(250);

/// The last look at the readers.
#[derive(Default)]
struct Look {
    /// When it was, if it succeeded.
    at: Option<Duration>,
    readers: Vec<Reader>,
    /// Some look succeeded: what is new from now on is an event.
    is_settled: bool,
    /// The store's generation then: another one means that someone has cleared it.
    generation: Option<u64>,
}

/// An initialised library.
pub struct Provider {
    pub(crate) seams: Arc<Seams>,
    slots: RwLock<Vec<Arc<Slot>>>,
    sessions: RwLock<HashMap<CK_SESSION_HANDLE, Arc<Session>>>,
    last_session: AtomicU64,
    looked: Mutex<Look>,
    /// C_Finalize was called.
    pub(crate) finalized: AtomicBool,
    /// How many calls wait for a slot event.
    pub(crate) waiting: AtomicUsize,
}

impl Provider {
    /// A provider over these readers. Nothing is asked of them yet.
    #[must_use]
    pub fn new(readers: Arc<dyn Readers>, environment: Environment) -> Self {
        Self::with_settings(readers, environment, Settings::default())
    }

    /// As [`Provider::new`], with what a user has set.
    #[must_use]
    pub fn with_settings(readers: Arc<dyn Readers>, environment: Environment, settings: Settings) -> Self {
        let seams = Arc::new(Seams { readers, environment, settings });
        let spare = Arc::new(Slot::spare(0, seams.clone()));
        Self {
            seams,
            slots: RwLock::new(vec![spare]),
            sessions: RwLock::default(),
            last_session: AtomicU64::new(0),
            looked: Mutex::default(),
            finalized: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        }
    }

    /// C_Finalize: ends the logins and the waiting. Calls in flight end by themselves.
    pub fn finalize(&self) {
        self.finalized.store(true, Ordering::SeqCst);
        self.end_waiting();
        self.drop_sessions(|_, _| true);
        self.all_slots().iter().for_each(|slot| slot.leave());
    }

    /// C_GetInfo.
    #[must_use]
    pub fn info(&self) -> CK_INFO {
        CK_INFO {
            cryptokiVersion: version(3, 2),
            manufacturerID: padded("Crescendo project"),
            flags: 0,
            libraryDescription: padded("PIV and Crescendo tokens"),
            libraryVersion: version(0, 1),
        }
    }

    /// C_GetSlotList. Without the reader service there is no token in any slot; that is no error. There is always one slot
    /// more than readers: programs that list slots once find in it the key that is plugged in later.
    #[must_use]
    pub fn slot_list(&self, with_token: bool) -> Vec<CK_SLOT_ID> {
        let service = self.refresh();
        let is_wanted = |slot: &Slot| {
            let view = slot.view();
            let is_there = view.sight.is_some() || slot.reader().is_none() || service.is_err();
            if with_token { view.is_present() } else { is_there }
        };
        self.all_slots().iter().filter(|slot| is_wanted(slot)).map(|slot| slot.id).collect()
    }

    /// Looks at the readers now. No card is asked anything.
    pub(crate) fn refresh(&self) -> Result<(), Error> {
        self.look(&mut self.looked.lock())
    }

    /// Looks at the readers now, and more closely at one that no session is open on: nobody would tell its users that the
    /// card they knew has gone.
    pub(crate) fn refresh_slot(&self, slot: &Slot) -> Result<(), Error> {
        if self.count_sessions(slot).0 == 0 {
            slot.confirm();
        }
        self.refresh()
    }

    /// Looks at the readers if the last look is not from just now.
    pub(crate) fn refresh_soon(&self) -> Result<(), Error> {
        let now = self.seams.environment.clock.now();
        let mut looked = self.looked.lock();
        let is_fresh = looked.at.is_some_and(|at| now.saturating_sub(at) < SEARCHING);
        if is_fresh { Ok(()) } else { self.look(&mut looked) }
    }

    /// One look at a time, so that an older one never replaces a newer one.
    fn look(&self, looked: &mut Look) -> Result<(), Error> {
        let now = self.seams.environment.clock.now();
        match self.seams.readers.list() {
            Ok(readers) => {
                self.observe(&readers, !looked.is_settled);
                let generation = Some(self.seams.environment.store.generation());
                if looked.generation.is_some_and(|before| Some(before) != generation) {
                    self.all_slots().iter().for_each(|slot| slot.doubt());
                }
                *looked = Look { at: Some(now), readers, is_settled: true, generation };
                Ok(())
            }
            Err(error) => {
                looked.at = None;
                Err(self.lose_all(error))
            }
        }
    }

    /// The readers when they were last looked at.
    pub(crate) fn last_seen(&self) -> Vec<Reader> {
        self.looked.lock().readers.clone()
    }

    /// Without the service nobody can say whether the cards are still the same.
    fn lose_all(&self, error: LinkError) -> Error {
        for slot in self.all_slots() {
            slot.lose(slot.view().insertion);
        }
        error.into()
    }

    /// Takes up what PC/SC shows. A reader keeps its slot for the life of the process (rule R14); a new one takes the
    /// spare slot, and there is another.
    fn observe(&self, readers: &[Reader], is_first: bool) {
        for reader in readers {
            let mut slots = self.slots.write();
            if slots.iter().any(|slot| slot.reader() == Some(&reader.name)) {
                continue;
            }
            if let Some(spare) = slots.iter().find(|slot| slot.reader().is_none()) {
                spare.take_reader(&reader.name, is_first.then(|| Sight::from(reader)));
            }
            let spare = Slot::spare(slots.len() as CK_SLOT_ID, self.seams.clone());
            slots.push(Arc::new(spare));
        }
        for slot in self.all_slots() {
            let mine = readers.iter().find(|reader| slot.reader() == Some(&reader.name));
            slot.observe(mine.map(Sight::from));
        }
    }

    pub(crate) fn all_slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().clone()
    }

    pub(crate) fn slot(&self, id: CK_SLOT_ID) -> Result<Arc<Slot>, Error> {
        let find = || self.all_slots().into_iter().find(|slot| slot.id == id);
        // A program that remembers ids from its last run may ask before it has listed anything.
        find().or_else(|| self.refresh().ok().and_then(|()| find())).ok_or(Error::SlotInvalid)
    }

    pub(crate) fn keep_session(&self, session: Session) -> CK_SESSION_HANDLE {
        let handle = self.last_session.fetch_add(1, Ordering::Relaxed) + 1;
        self.sessions.write().insert(handle as CK_SESSION_HANDLE, Arc::new(session));
        handle as CK_SESSION_HANDLE
    }

    /// A live session. A dead one is cleared away with this.
    pub(crate) fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>, Error> {
        let session = self.sessions.read().get(&handle).cloned().ok_or(Error::SessionInvalid)?;
        if session.is_alive() {
            return Ok(session);
        }
        self.sessions.write().remove(&handle);
        Err(Error::SessionInvalid)
    }

    /// A live session whose token is still there as of now.
    pub(crate) fn present_session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>, Error> {
        let session = self.session(handle)?;
        self.demand_presence(&session)?;
        Ok(session)
    }

    /// A live session whose token was there a moment ago.
    pub(crate) fn recent_session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>, Error> {
        let session = self.session(handle)?;
        self.refresh_soon()?;
        if session.is_alive() { Ok(session) } else { Err(Error::Removed) }
    }

    pub(crate) fn demand_presence(&self, session: &Session) -> Result<(), Error> {
        self.refresh()?;
        if session.is_alive() { Ok(()) } else { Err(Error::Removed) }
    }

    pub(crate) fn drop_sessions(&self, which: impl Fn(CK_SESSION_HANDLE, &Session) -> bool) {
        let mut dropped = Vec::new();
        self.sessions.write().retain(|handle, session| {
            let drop = which(*handle, session);
            if drop {
                dropped.push((*handle, session.clone()));
            }
            !drop
        });
        // Their operations, and with them PINs and hashes, are dropped here, when the table is free again.
        for (handle, session) in dropped {
            session.slot.drop_secrets(|owner| owner == handle);
        }
    }

    /// Live sessions of a slot: all of them, and those that may write.
    pub(crate) fn count_sessions(&self, slot: &Slot) -> (CK_ULONG, CK_ULONG) {
        let sessions: Vec<_> = self.sessions.read().values().cloned().collect();
        let insertion = slot.view().insertion;
        let is_here = |session: &&Arc<Session>| session.slot.id == slot.id && session.insertion == insertion;
        let here: Vec<_> = sessions.iter().filter(is_here).collect();
        (here.len() as CK_ULONG, here.iter().filter(|session| session.writable).count() as CK_ULONG)
    }
}

impl Slot {
    /// The view of a slot that has a card in it.
    pub(crate) fn present(&self) -> Result<Arc<View>, Error> {
        let view = self.view();
        if !view.is_present() {
            return Err(Error::NoToken);
        }
        if view.foreign { Err(Error::Card(piv::Error::NotPiv)) } else { Ok(view) }
    }
}
