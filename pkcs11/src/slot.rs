//! A slot: a reader, the token in it, and what searches see of it. One slot has no reader yet.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cryptoki_sys::{CK_SESSION_HANDLE, CK_SLOT_ID};
use link::{LinkError, Readers};
use parking_lot::{Mutex, RwLock};
use piv::{Environment, KeyReference, Token};

use crate::{
    Error, Settings,
    data::Container,
    right::{Refused, Right},
    view::{Facts, Reach, Seen, Sight, View},
};

/// After this long a listing looks at the card again.
const LISTING: Duration = Duration::from_secs(60);

/// The way to readers, what a token needs of its machine, and what a user has set.
pub(crate) struct Seams {
    pub readers: Arc<dyn Readers>,
    pub environment: Environment,
    pub settings: Settings,
}

pub(crate) struct Slot {
    pub id: CK_SLOT_ID,
    /// The name of the reader. None yet: this is the spare slot, which the next new reader takes.
    reader: OnceLock<String>,
    seams: Arc<Seams>,
    card: Mutex<Option<Held>>,
    view: RwLock<Arc<View>>,
    /// The view's insertion, to be read without touching its lock: every call asks whether its session is alive.
    insertion: AtomicU64,
    /// What C_WaitForSlotEvent last told of this slot.
    told: Mutex<Option<Sight>>,
}

/// A token, and the insertion it was opened in.
pub(crate) struct Held {
    insertion: u64,
    pub token: Token,
    /// What a security officer who is logged in has in hand.
    pub officer: Option<Right>,
    /// The administration key that came with the PIN of the user who is logged in.
    pub brought: Option<Right>,
    /// The administration key that the card refused last.
    pub refused: Option<Refused>,
}

impl Slot {
    /// A slot that waits for a reader.
    pub(crate) fn spare(id: CK_SLOT_ID, seams: Arc<Seams>) -> Self {
        Self {
            id,
            reader: OnceLock::new(),
            seams,
            card: Mutex::new(None),
            view: RwLock::new(Arc::new(View::nothing())),
            insertion: AtomicU64::new(View::nothing().insertion),
            told: Mutex::new(None),
        }
    }

    /// Gives a spare slot its reader, for good. `told`: what the program can know of this reader already.
    pub(crate) fn take_reader(&self, name: &str, told: Option<Sight>) {
        if self.reader.set(name.to_owned()).is_ok() {
            *self.told.lock() = told;
        }
    }

    /// The reader's name; none for the spare slot.
    pub(crate) fn reader(&self) -> Option<&str> {
        self.reader.get().map(String::as_str)
    }

    /// The slot at this moment.
    pub(crate) fn view(&self) -> Arc<View> {
        self.view.read().clone()
    }

    /// Takes up what PC/SC shows of the reader. If the card was touched, all that was known of it is dropped; its token
    /// follows when someone next asks for it, because a running signature may hold it.
    pub(crate) fn observe(&self, sight: Option<Sight>) {
        if self.view.read().sight == sight {
            return;
        }
        let mut view = self.view.write();
        if view.sight != sight {
            tracing::debug!(
                slot = self.id,
                present = sight.as_ref().is_some_and(|sight| sight.atr.is_some()),
                "changed"
            );
            self.begin_insertion(&mut view, sight);
        }
    }

    /// Whether something came or went since the last time this was asked; then it is told.
    pub(crate) fn tell_event(&self) -> bool {
        let sight = self.view().sight.clone();
        let mut told = self.told.lock();
        let news = *told != sight;
        *told = sight;
        news
    }

    /// What the token tells of itself. The card is asked once.
    pub(crate) fn load(&self, insertion: u64) -> Result<(), Error> {
        if self.view().token.is_some() {
            return Ok(());
        }
        self.with_token(insertion, |token| token.state().map(drop))
    }

    /// Makes the objects of these keys known, and looks at what is shown when that is due. On a card without Key History
    /// the retired keys are searched for first, once.
    pub(crate) fn read(&self, insertion: u64, wanted: &[KeyReference]) -> Result<(), Error> {
        if wanted.is_empty() {
            return Ok(());
        }
        let now = self.seams.environment.clock.now();
        let view = self.view();
        let due = view.looked.is_none_or(|at| now.saturating_sub(at) >= LISTING);
        if !due && wanted.iter().all(|key| view.is_known(*key)) {
            return Ok(());
        }
        let (certificates, looked) = self.with_token(insertion, |token| {
            if wanted.iter().any(|key| key.retired_number().is_some()) {
                or_without(token.find_retired())?;
            }
            if due {
                token.look()?;
            }
            let certificates = read_certificates(token, wanted.iter().copied().chain(view.known_keys()))?;
            // Perhaps it was another process that looked, some time ago.
            Ok((certificates, token.looked().unwrap_or(now)))
        })?;
        let settings = self.seams.settings;
        self.change(insertion, |view| {
            view.looked = if due { Some(looked) } else { view.looked };
            certificates.iter().for_each(|(key, seen)| view.show(*key, seen.clone(), settings));
        });
        Ok(())
    }

    /// Makes sure that this process has itself seen the certificate of this key on the card. If it is another one by now,
    /// its old handles die.
    pub(crate) fn see(&self, insertion: u64, key: KeyReference) -> Result<(), Error> {
        if self.view().is_seen(key) {
            return Ok(());
        }
        let changed = self.with_token(insertion, |token| token.see(key))?;
        self.change(insertion, |view| if changed { view.forget(key) } else { view.note_seen(key) });
        Ok(())
    }

    /// The store was cleared: what is shown stays valid until someone asks, and is read again then.
    pub(crate) fn doubt(&self) {
        self.change(self.insertion(), View::doubt);
    }

    /// Makes the objects of these containers known, and looks at them again when that is due.
    pub(crate) fn read_containers(&self, insertion: u64, wanted: &[&'static Container]) -> Result<(), Error> {
        if wanted.is_empty() {
            return Ok(());
        }
        let now = self.seams.environment.clock.now();
        let view = self.view();
        if wanted.iter().all(|container| !view.is_data_due(container.object(), now, LISTING)) {
            return Ok(());
        }
        let objects: Vec<_> = wanted.iter().map(|container| container.object()).collect();
        let contents: Vec<_> = self.with_token(insertion, |token| {
            token.read_objects(&objects)?;
            Ok(objects.iter().map(|object| token.answer(*object)).collect())
        })?;
        self.change(insertion, |view| {
            for (container, content) in wanted.iter().zip(contents) {
                view.show_data(container, now, content);
            }
        });
        Ok(())
    }

    /// Works with the token of this insertion, opening it first if need be. Whatever happened, the view learns of login
    /// and PIN tries.
    pub(crate) fn with_token<T>(
        &self,
        insertion: u64,
        work: impl FnOnce(&mut Token) -> Result<T, piv::Error>,
    ) -> Result<T, Error> {
        self.with_held(insertion, |held| work(&mut held.token))
    }

    /// As [`Slot::with_token`], and with what the security officer left.
    pub(crate) fn with_held<T>(
        &self,
        insertion: u64,
        work: impl FnOnce(&mut Held) -> Result<T, piv::Error>,
    ) -> Result<T, Error> {
        let mut card = self.card.lock();
        let view = self.view();
        if view.insertion != insertion {
            return Err(Error::Removed);
        }
        if view.foreign {
            return Err(Error::Card(piv::Error::NotPiv));
        }
        let result = self.open(&mut card, insertion).and_then(work);
        match (&result, &mut *card) {
            (Err(error), _) if is_lost(error) => {
                *card = None;
                self.lose(insertion);
            }
            (_, Some(held)) => self.note(insertion, held, result.as_ref().err()),
            _ => {}
        }
        result.map_err(Error::Card)
    }

    /// Ends a login, if there is a token to end it on. A token that cannot say whether it did is dropped, and with it all
    /// belief in a login. So is one whose card another program stays logged in on: that one has to find itself alone when
    /// it leaves.
    pub(crate) fn leave(&self) {
        let mut card = self.card.lock();
        let Some(held) = &mut *card else { return };
        let insertion = held.insertion;
        (held.officer, held.brought) = (None, None);
        let left = held.token.leave();
        if !matches!(left, Ok(true)) {
            tracing::debug!(slot = self.id, ?left, "let go");
            *card = None;
        }
        self.change(insertion, |view| view.log_out());
    }

    /// For a slot nobody has a session on: makes sure that its connection still leads to the card. A reader plugged in
    /// again, or another pcscd, can look just like the one before.
    pub(crate) fn confirm(&self) {
        let mut card = self.card.lock();
        let Some(held) = &mut *card else { return };
        let insertion = held.insertion;
        if held.token.confirm().is_err_and(|error| is_lost(&error)) {
            *card = None;
            self.lose(insertion);
        }
    }

    /// Nothing is known of this reader any more: the card went away under a call, or the service did.
    pub(crate) fn lose(&self, insertion: u64) {
        let mut view = self.view.write();
        if view.insertion == insertion && view.sight.is_some() {
            self.begin_insertion(&mut view, None);
        }
    }

    fn begin_insertion(&self, view: &mut Arc<View>, sight: Option<Sight>) {
        *view = Arc::new(view.next(sight));
        self.insertion.store(view.insertion, Ordering::Release);
    }

    /// Which insertion this is now.
    pub(crate) fn insertion(&self) -> u64 {
        self.insertion.load(Ordering::Acquire)
    }

    fn open<'c>(&self, card: &'c mut Option<Held>, insertion: u64) -> Result<&'c mut Held, piv::Error> {
        if card.as_ref().is_none_or(|held| held.insertion != insertion) {
            *card = None;
            let Seams { readers, environment, settings } = &*self.seams;
            let reader = self.reader().ok_or(piv::Error::Link(LinkError::NoCard))?;
            let connection = match readers.connect(reader) {
                // Another program let go of the card just then.
                Err(LinkError::Reset) => readers.connect(reader)?,
                connected => connected?,
            };
            let mut token = Token::open(connection, environment);
            token.remember_pin(settings.remember_pin);
            token.replay_pin(settings.replay_pin);
            token.permit_unconfirmed(settings.unconfirmed);
            *card = Some(Held { insertion, token, officer: None, brought: None, refused: None });
        }
        card.as_mut().ok_or(piv::Error::Link(LinkError::NoCard))
    }

    /// Copies into the view what an operation may have changed. After a success the token's state is loaded, so that
    /// asking for it sends nothing.
    fn note(&self, insertion: u64, held: &mut Held, error: Option<&piv::Error>) {
        let Held { token, officer, brought, .. } = held;
        if !token.logged_in() {
            *brought = None;
        }
        let loaded = error.is_none() || self.view().token.is_some();
        let state = if loaded { token.state().ok().cloned() } else { None };
        let reach = Reach::of(token);
        self.change(insertion, |view| {
            if token.logged_in() {
                view.logged_in = true;
            } else {
                view.log_out();
            }
            view.officer = officer.is_some();
            view.administrator = officer.as_ref().is_some_and(Right::is_key);
            view.set_reach(reach);
            match error {
                Some(piv::Error::NotPiv) => view.foreign = true,
                Some(piv::Error::KeyChanged(key)) => view.forget(*key),
                _ => {}
            }
            if let Some(state) = state {
                view.token.get_or_insert_with(|| Arc::new(Facts::of(&state, token.atr())));
                view.set_pin(state.pin);
            }
        });
    }

    /// Drops the session objects of these sessions.
    pub(crate) fn drop_secrets(&self, of: impl Fn(CK_SESSION_HANDLE) -> bool) {
        let view = self.view();
        if view.has_secrets() {
            self.change(view.insertion, |view| view.drop_secrets(|owner, _| of(owner)));
        }
    }

    /// Replaces the view by one that differs, unless it is of another insertion by now.
    pub(crate) fn change(&self, insertion: u64, change: impl FnOnce(&mut View)) {
        let mut view = self.view.write();
        if view.insertion == insertion {
            let mut next = (**view).clone();
            change(&mut next);
            *view = Arc::new(next);
        }
    }
}

fn is_lost(error: &piv::Error) -> bool {
    error.is_removal() || matches!(error, piv::Error::Link(LinkError::NoService))
}

/// What only the link may end: a card that refuses here shows less, and hides nothing else.
fn or_without(result: Result<(), piv::Error>) -> Result<(), piv::Error> {
    match result {
        Err(error @ piv::Error::NotPiv) => Err(error),
        Err(error) if error.is_transport() => Err(error),
        Err(error) => {
            tracing::debug!(%error, "left out");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// The certificates of these keys. One that cannot be read must not hide the others.
fn read_certificates(
    token: &mut Token,
    keys: impl Iterator<Item = KeyReference>,
) -> Result<Vec<(KeyReference, Seen)>, piv::Error> {
    token.state()?;
    let possible = token.keys();
    let (mut there, absent): (Vec<_>, Vec<_>) = keys.partition(|key| possible.contains(key));
    there.sort_unstable();
    there.dedup();
    or_without(token.read_certificates(&there))?;
    let mut certificates: Vec<_> =
        absent.into_iter().map(|key| (key, without_certificate(token, key))).collect();
    for key in there {
        certificates.push((key, read_certificate(token, key)?));
    }
    Ok(certificates)
}

/// A key without a certificate exists where a program that had it made has told.
fn without_certificate(token: &Token, key: KeyReference) -> Seen {
    token.uncertified(key).map_or(Seen::Absent, Seen::Bare)
}

fn read_certificate(token: &mut Token, key: KeyReference) -> Result<Seen, piv::Error> {
    let certificate = token.certificate(key);
    let content = token.answer(key.certificate());
    match certificate {
        Err(error) if error.is_transport() => Err(error),
        Err(error) => {
            tracing::debug!(%key, %error, "unreadable certificate");
            Ok(Seen::Unreadable(content.unwrap_or_else(|| Arc::from([]))))
        }
        Ok(None) => Ok(without_certificate(token, key)),
        Ok(Some(certificate)) => {
            let content = content.unwrap_or_else(|| certificate.der.clone());
            Ok(Seen::Certificate(certificate, content))
        }
    }
}
