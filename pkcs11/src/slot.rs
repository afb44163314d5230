//! A slot: a reader, the token in it, and what searches see of it.

use std::{sync::Arc, time::Duration};

use cryptoki_sys::CK_SLOT_ID;
use link::{Clock, LinkError, Readers, Store};
use parking_lot::{Mutex, RwLock};
use piv::{KeyReference, Token};

use crate::{
    Error,
    view::{Facts, Sight, View},
};

/// After this long a listing looks at the card again.
const LISTING: Duration = Duration::from_secs(60);

/// The way to readers, kept bytes and time.
pub(crate) struct Seams {
    pub readers: Arc<dyn Readers>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
}

pub(crate) struct Slot {
    pub id: CK_SLOT_ID,
    /// The name of the reader.
    pub reader: String,
    seams: Arc<Seams>,
    card: Mutex<Option<Held>>,
    view: RwLock<Arc<View>>,
    /// What C_WaitForSlotEvent last told of this slot.
    told: Mutex<Option<Sight>>,
}

/// A token, and the insertion it was opened in.
struct Held {
    insertion: u64,
    token: Token,
}

impl Slot {
    /// `told`: what the program can know of this reader already.
    pub(crate) fn new(id: CK_SLOT_ID, reader: &str, seams: Arc<Seams>, told: Option<Sight>) -> Self {
        Self {
            id,
            reader: reader.to_owned(),
            seams,
            card: Mutex::new(None),
            view: RwLock::new(Arc::new(View::nothing())),
            told: Mutex::new(told),
        }
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
            *view = Arc::new(view.next(sight));
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

    /// Makes the objects of these keys known, and looks at what is shown when that is due.
    pub(crate) fn read(&self, insertion: u64, wanted: &[KeyReference]) -> Result<(), Error> {
        let now = self.seams.clock.now();
        let view = self.view();
        let due = view.looked.is_none_or(|at| now.saturating_sub(at) >= LISTING);
        if !due && wanted.iter().all(|key| view.is_known(*key)) {
            return Ok(());
        }
        let certificates = self.with_token(insertion, |token| {
            if due {
                token.look()?;
            }
            read_certificates(token, wanted.iter().copied().chain(view.known_keys()))
        })?;
        self.change(insertion, |view| {
            view.looked = if due { Some(now) } else { view.looked };
            certificates.iter().for_each(|(key, certificate)| view.show(*key, certificate.clone()));
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
            (_, Some(held)) => self.note(insertion, &mut held.token, result.as_ref().err()),
            _ => {}
        }
        result.map_err(Error::Card)
    }

    /// Ends a login, if there is a token to end it on. A token that cannot say whether it did is dropped, and with it all
    /// belief in a login.
    pub(crate) fn leave(&self) {
        let mut card = self.card.lock();
        let Some(held) = &mut *card else { return };
        let insertion = held.insertion;
        if let Err(error) = held.token.leave() {
            tracing::debug!(slot = self.id, %error, "leaving");
            *card = None;
        }
        self.change(insertion, |view| view.logged_in = false);
    }

    /// Nothing is known of this reader any more: the card went away under a call, or the service did.
    pub(crate) fn lose(&self, insertion: u64) {
        let mut view = self.view.write();
        if view.insertion == insertion && view.sight.is_some() {
            *view = Arc::new(view.next(None));
        }
    }

    fn open<'c>(&self, card: &'c mut Option<Held>, insertion: u64) -> Result<&'c mut Token, piv::Error> {
        if card.as_ref().is_none_or(|held| held.insertion != insertion) {
            *card = None;
            let Seams { readers, store, clock } = &*self.seams;
            let connection = readers.connect(&self.reader)?;
            let token = Token::open(connection, store.clone(), clock.clone());
            *card = Some(Held { insertion, token });
        }
        card.as_mut().map(|held| &mut held.token).ok_or(piv::Error::Link(LinkError::NoCard))
    }

    /// Copies into the view what an operation may have changed. After a success the token's state is loaded, so that
    /// asking for it sends nothing.
    fn note(&self, insertion: u64, token: &mut Token, error: Option<&piv::Error>) {
        let loaded = error.is_none() || self.view().token.is_some();
        let state = if loaded { token.state().ok().cloned() } else { None };
        self.change(insertion, |view| {
            view.logged_in = token.logged_in();
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

    fn change(&self, insertion: u64, change: impl FnOnce(&mut View)) {
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

type Certificates = Vec<(KeyReference, Option<Arc<piv::Certificate>>)>;

/// The certificates of these keys. One that cannot be read is one that is not there: it must not hide the others.
fn read_certificates(
    token: &mut Token,
    keys: impl Iterator<Item = KeyReference>,
) -> Result<Certificates, piv::Error> {
    token.state()?;
    let possible = token.keys();
    let (mut there, absent): (Vec<_>, Vec<_>) = keys.partition(|key| possible.contains(key));
    there.sort_unstable();
    there.dedup();
    if let Err(error @ piv::Error::Link(_)) = token.read_certificates(&there) {
        return Err(error);
    }
    let mut certificates: Certificates = absent.into_iter().map(|key| (key, None)).collect();
    for key in there {
        let certificate = match token.certificate(key) {
            Err(error @ piv::Error::Link(_)) => return Err(error),
            Err(error) => {
                tracing::debug!(%key, %error, "certificate left out");
                None
            }
            Ok(certificate) => certificate,
        };
        certificates.push((key, certificate));
    }
    Ok(certificates)
}
