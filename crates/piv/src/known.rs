//! What this process knows of one card: identity, certificates, PIN state; how it is learnt, and how it is checked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use link::{Clock, Store};

use crate::{
    Certificate, Discovery, Error, Family, Identity, KeyHistory, KeyReference, ObjectId, PinState,
    StatusWord, TokenCache,
    crescendo::occupied,
    login::Login,
    object::{self, hex},
    piv::Piv,
    tlv,
};

/// The retired keys, by their numbers.
const RETIRED: std::ops::RangeInclusive<u8> = 1..=KeyReference::RETIRED;
/// How old a look at a certificate may be before a listing looks again.
const LISTING: Duration = Duration::from_secs(60);

/// What a card tells of itself before anyone logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// From the CHUID; `None` where the card has none.
    pub identity: Option<Identity>,
    /// The common name in 9A's certificate, as this card was first shown.
    pub label: Option<String>,
    /// How many retired keys there are; `None` where the card does not tell.
    pub history: Option<KeyHistory>,
    /// The PIN usage policy; `None` where the card has none.
    pub discovery: Option<Discovery>,
    /// What the card last told of its PIN.
    pub pin: PinState,
}

pub(crate) struct Known {
    pub(crate) family: Family,
    pub(crate) login: Login,
    contactless: bool,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    state: Option<State>,
    cache: TokenCache,
    /// Under which name the cache is stored, and whether it has something new.
    stored: Option<String>,
    unsaved: bool,
    certificates: BTreeMap<KeyReference, Option<Arc<Certificate>>>,
    refused: BTreeMap<KeyReference, (StatusWord, Duration)>,
    looked: BTreeMap<ObjectId, Duration>,
    /// Someone reset the card: it may be another one by now.
    identity_due: bool,
}

impl Known {
    pub(crate) fn nothing(
        family: Family,
        contactless: bool,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            family,
            login: Login::new(),
            contactless,
            store,
            clock,
            state: None,
            cache: TokenCache::default(),
            stored: None,
            unsaved: false,
            certificates: BTreeMap::new(),
            refused: BTreeMap::new(),
            looked: BTreeMap::new(),
            identity_due: false,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.now()
    }

    /// The card's state, with the PIN state as it was last told.
    pub(crate) fn state(&mut self) -> Option<&State> {
        let state = self.state.as_mut()?;
        if let Some(pin) = self.login.state() {
            state.pin = pin;
        }
        Some(state)
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.state.is_some()
    }

    pub(crate) fn is_contactless(&self) -> bool {
        self.contactless
    }

    /// Keys that can have a certificate here. Over plain contactless only 9E can be read or used.
    pub(crate) fn keys(&self) -> Vec<KeyReference> {
        if self.contactless {
            return vec![KeyReference::CARD_AUTHENTICATION];
        }
        let history = self.state.as_ref().and_then(|state| state.history);
        let is_found = |key: &KeyReference| matches!(self.cache.get(key.certificate()), Some(Some(_)));
        let retired = RETIRED.filter_map(KeyReference::retired).filter(|key| match history {
            Some(history) => key.retired_number() <= Some(history.on_card),
            None => is_found(key),
        });
        KeyReference::CURRENT.into_iter().chain(retired).collect()
    }

    /// Whether the retired keys of this card have to be searched for: it has no Key History, and nobody has searched yet.
    pub(crate) fn wants_search(&self) -> bool {
        let untold = self.state.as_ref().is_some_and(|state| state.history.is_none());
        untold && !self.contactless && !KeyReference::retired(1).is_some_and(|first| self.has_read(first))
    }

    /// Searches for retired keys, once for each card: a Crescendo tells which exist; elsewhere the first certificate that
    /// is absent ends the search.
    pub(crate) fn search_retired(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        let occupied = piv.properties()?.map(|properties| occupied(&properties));
        for key in RETIRED.filter_map(KeyReference::retired) {
            let object = key.certificate();
            match &occupied {
                Some(keys) if !keys.contains(&key) => self.cache.keep(object, None),
                Some(_) => self.fresh(piv, object).map(drop)?,
                None if self.fresh(piv, object)?.is_none() => break,
                None => {}
            }
        }
        self.unsaved = true;
        Ok(())
    }

    /// Learns who the card is and what it tells freely: identity, Key History, Discovery, PIN state, and the label if
    /// this card was never seen.
    pub(crate) fn load(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        let identity = self.look_at_identity(piv)?;
        self.recall(identity.as_ref());
        let history = self.fresh(piv, ObjectId::KEY_HISTORY)?;
        let discovery = match self.content(ObjectId::DISCOVERY) {
            Some(known) => known,
            None => self.fresh(piv, ObjectId::DISCOVERY)?,
        };
        let discovery = discovery.and_then(|content| Discovery::parse(&content));
        if let Some(discovery) = discovery {
            self.login.set_reference(discovery.pin_reference());
        }
        let pin = self.login.ask(piv)?;
        let label = self.label(piv)?;
        let history = history.map(|content| KeyHistory::parse(&content));
        self.state = Some(State { identity, label, history, discovery, pin });
        Ok(())
    }

    /// After a reset by others: whether this is still the card we know.
    pub(crate) fn confirm_identity(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        if !std::mem::take(&mut self.identity_due) || self.state.is_none() {
            return Ok(());
        }
        let identity = self.look_at_identity(piv)?;
        if self.state.as_ref().is_some_and(|state| state.identity != identity) {
            return Err(Error::Link(link::LinkError::Removed));
        }
        Ok(())
    }

    /// Someone reset the card since we last held it.
    pub(crate) fn note_reset(&mut self) {
        self.identity_due = true;
    }

    /// Reads the certificates of these keys, each once. One that the card refuses twice hides no other; it is asked again
    /// when a listing would look again.
    pub(crate) fn read(&mut self, piv: &mut Piv<'_>, keys: &[KeyReference]) -> Result<(), Error> {
        for &key in keys.iter().filter(|key| !self.has_read(**key)).collect::<Vec<_>>() {
            let object = key.certificate();
            self.refused.remove(&key);
            let answer = match self.fresh(piv, object) {
                Err(Error::Link(error)) => Err(Error::Link(error)),
                Err(_) => self.fresh(piv, object),
                read => read,
            };
            match answer {
                Err(Error::Refused { status, .. }) => drop(self.refused.insert(key, (status, self.now()))),
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Whether the card was asked for the certificate of this key, and has answered.
    pub(crate) fn has_read(&self, key: KeyReference) -> bool {
        self.cache.get(key.certificate()).is_some() || self.refusal(key).is_some()
    }

    /// The card's answer, if it refused to show this certificate moments ago.
    fn refusal(&self, key: KeyReference) -> Option<StatusWord> {
        let (status, at) = self.refused.get(&key)?;
        (self.now().saturating_sub(*at) < LISTING).then_some(*status)
    }

    /// The certificate of a key whose container has been read.
    pub(crate) fn certificate(&mut self, key: KeyReference) -> Result<Option<Arc<Certificate>>, Error> {
        if let Some(status) = self.refusal(key) {
            return Err(Error::refused("GET DATA", status));
        }
        if let Some(certificate) = self.certificates.get(&key) {
            return Ok(certificate.clone());
        }
        let certificate = match self.content(key.certificate()).flatten() {
            Some(content) => Some(Arc::new(Certificate::parse(&object::certificate(&content)?)?)),
            None => None,
        };
        self.certificates.insert(key, certificate.clone());
        Ok(certificate)
    }

    /// The objects whose last look is too old for a listing: Key History, and every certificate container that is known,
    /// present or absent.
    pub(crate) fn due(&self) -> Vec<ObjectId> {
        let containers = self.keys().into_iter().map(KeyReference::certificate);
        containers
            .chain([ObjectId::KEY_HISTORY])
            .filter(|object| self.cache.get(*object).is_some() && self.is_due(*object, LISTING))
            .collect()
    }

    /// Whether one of these objects was never read, or not looked at for a minute.
    pub(crate) fn objects_due(&self, objects: &[ObjectId]) -> bool {
        objects.iter().any(|object| self.cache.get(*object).is_none() || self.is_due(*object, LISTING))
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
                Err(Error::Link(error)) => return Err(Error::Link(error)),
                Err(_) => self.forget(object),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// What the card answered to GET DATA.
    pub(crate) fn answer(&self, object: ObjectId) -> Option<Option<Arc<[u8]>>> {
        self.cache.get(object)
    }

    /// Whether the last look at this object is so old, or there was none.
    pub(crate) fn is_due(&self, object: ObjectId, age: Duration) -> bool {
        self.looked.get(&object).is_none_or(|at| self.now().saturating_sub(*at) >= age)
    }

    /// Looks at objects by their heads, and forgets what differs. `true`: something did.
    ///
    /// A head that agrees proves that our application answered; only a refusal or a difference needs SELECT to be
    /// believed. So without SELECT what is known to be present comes first.
    pub(crate) fn look(&mut self, piv: &mut Piv<'_>, objects: &[ObjectId]) -> Result<bool, Error> {
        let is_present = |object: &ObjectId| matches!(self.cache.get(*object), Some(Some(_)));
        let (present, absent): (Vec<_>, Vec<_>) = objects.iter().partition(|object| is_present(object));
        let mut changed = false;
        for object in present.into_iter().chain(absent) {
            if self.agrees(piv, object)? {
                self.looked.insert(object, self.now());
            } else {
                changed = true;
                self.forget(object);
            }
        }
        Ok(changed)
    }

    fn agrees(&self, piv: &mut Piv<'_>, object: ObjectId) -> Result<bool, Error> {
        let length = self.cache.look_length(object);
        if !piv.is_selected() {
            match piv.head(object, length) {
                Ok(Some(head)) if self.cache.agrees(object, Some(&head)) => return Ok(true),
                Err(error @ Error::Link(_)) => return Err(error),
                _ => piv.reselect()?,
            }
        }
        let head = piv.head(object, length)?;
        Ok(self.cache.agrees(object, head.as_deref()))
    }

    /// Forgets an object, so that it is read again when next needed.
    pub(crate) fn forget(&mut self, object: ObjectId) {
        self.cache.forget(object);
        self.looked.remove(&object);
        self.certificates.retain(|key, _| key.certificate() != object);
        self.unsaved = true;
    }

    /// After Key History changed: how many retired keys there are now.
    pub(crate) fn refresh_history(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        if self.cache.get(ObjectId::KEY_HISTORY).is_none() {
            let history = self.fresh(piv, ObjectId::KEY_HISTORY)?.map(|content| KeyHistory::parse(&content));
            if let Some(state) = &mut self.state {
                state.history = history;
            }
        }
        Ok(())
    }

    /// The content of an object that was read, without its wrapper.
    pub(crate) fn content(&self, object: ObjectId) -> Option<Option<Arc<[u8]>>> {
        let answer = self.cache.get(object)?;
        Some(answer.and_then(|answer| object.content(&answer).ok().flatten().map(Arc::from)))
    }

    /// Reads an object from the card, whatever is known of it, and keeps it. Over plain contactless most objects are
    /// refused: that is no content, and nothing to remember.
    pub(crate) fn fresh(&mut self, piv: &mut Piv<'_>, object: ObjectId) -> Result<Option<Arc<[u8]>>, Error> {
        let answer = match piv.get_data(object) {
            Err(error)
                if self.contactless && error.status() == Some(StatusWord::SECURITY_STATUS_NOT_SATISFIED) =>
            {
                return Ok(None);
            }
            answer => answer?.map(Arc::<[u8]>::from),
        };
        let content = match &answer {
            Some(answer) => object.content(answer)?.map(Arc::from),
            None => None,
        };
        self.unsaved |= self.cache.get(object) != Some(answer.clone());
        self.cache.keep(object, answer);
        self.looked.insert(object, self.now());
        Ok(content)
    }

    /// Saves what is new and can be read: what cannot may have been damaged on the way, and the next process asks the card
    /// again. Not to be called under a transaction.
    pub(crate) fn save(&mut self) {
        let (true, Some(name)) = (std::mem::take(&mut self.unsaved), self.stored.clone()) else { return };
        let mut readable = self.cache.clone();
        for key in KeyReference::all() {
            if self.has_read(key) && self.certificate(key).is_err() {
                readable.forget(key.certificate());
            }
        }
        if self
            .content(ObjectId::DISCOVERY)
            .flatten()
            .is_some_and(|content| Discovery::parse(&content).is_none())
        {
            readable.forget(ObjectId::DISCOVERY);
        }
        self.store.update(&name, &mut |_| Some(readable.to_bytes()));
    }

    /// An answer that is no CHUID may have been damaged on the way: it is asked for again, so that nobody takes the card
    /// for another one. A card that says so twice has none.
    fn look_at_identity(&mut self, piv: &mut Piv<'_>) -> Result<Option<Identity>, Error> {
        for _ in 0..2 {
            let Some(head) = piv.head(ObjectId::CHUID, Identity::HEAD)? else { return Ok(None) };
            if tlv::begins(&head, ObjectId::CHUID.wrapper(), Identity::HEAD.into()) {
                return Ok(Some(Identity::parse(&head)));
            }
        }
        Ok(None)
    }

    /// Takes up what was stored of this card. A card without a GUID has nothing stored.
    fn recall(&mut self, identity: Option<&Identity>) {
        self.stored = identity.and_then(Identity::guid).filter(|_| !self.contactless).map(|guid| hex(&guid));
        let stored = self.stored.as_ref().and_then(|name| self.store.load(name));
        if let Some(cache) = stored.and_then(|bytes| TokenCache::from_bytes(&bytes)) {
            self.cache = cache;
        }
    }

    /// The common name in 9A's certificate. Read with the first look at a card, so that a token's label is the same from
    /// the first call on: programs keep it in their configuration.
    fn label(&mut self, piv: &mut Piv<'_>) -> Result<Option<String>, Error> {
        if self.cache.label().is_none() && !self.contactless {
            self.read(piv, &[KeyReference::PIV_AUTHENTICATION])?;
            let certificate = self.certificate(KeyReference::PIV_AUTHENTICATION);
            if let Some(name) = certificate.ok().flatten().and_then(|certificate| certificate.common_name()) {
                self.cache.set_label(name);
                self.unsaved = true;
            }
        }
        Ok(self.cache.label().map(str::to_owned))
    }
}
