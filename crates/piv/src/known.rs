//! What this process knows of one card: identity, certificates, PIN state; how it is learnt, and how it is checked.

mod certificates;
mod looks;
mod meeting;
mod stored;
mod uncertified;
mod written;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use link::{Card, Clock, Store};

use self::{certificates::Certificates, looks::Looks, stored::Stored};
use crate::{
    ChannelError, Discovery, Environment, Error, Family, Identity, KeyHistory, KeyReference, ObjectId, Pin,
    PinState, StatusWord, TokenCache, apdu::SHORT_COMMAND, crescendo::occupied, login::Login,
    messaging::Access, piv::Piv, tlv,
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
    access: Access,
    /// Why there is no secure messaging where there should be.
    barred: Option<ChannelError>,
    /// Who the card said it is, and its policy, when secure messaging began: what is known before it is loaded.
    met: Option<(Option<Identity>, Option<Discovery>)>,
    place: Place,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    state: Option<State>,
    cache: TokenCache,
    stored: Stored,
    /// What told programs to forget PINs, when this one began to keep one.
    forgotten: Option<Vec<u8>>,
    /// The longest command in bytes, as far as is known what card and reader take.
    longest: usize,
    certificates: Certificates,
    refused: BTreeMap<KeyReference, (StatusWord, Duration)>,
    looks: Looks,
    /// Someone reset the card: it may be another one by now.
    identity_due: bool,
}

/// Where the card sits.
struct Place {
    atr: Vec<u8>,
    reader: String,
    insertion: Option<String>,
}

impl Known {
    pub(crate) fn nothing(card: &dyn Card, environment: &Environment, access: Access) -> Self {
        let place = Place {
            atr: card.atr().to_vec(),
            reader: card.reader().to_owned(),
            insertion: card.insertion().map(str::to_owned),
        };
        Self {
            family: Family::of(card.atr()),
            login: Login::new(),
            access,
            barred: None,
            met: None,
            place,
            store: environment.store.clone(),
            clock: environment.clock.clone(),
            state: None,
            cache: TokenCache::default(),
            stored: Stored::default(),
            forgotten: None,
            longest: SHORT_COMMAND,
            certificates: BTreeMap::new(),
            refused: BTreeMap::new(),
            looks: Looks::default(),
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

    /// How commands reach the card.
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// Keys that can have a certificate here. Over contactless, without the virtual contact interface, only 9E can be read
    /// or used.
    pub(crate) fn keys(&self) -> Vec<KeyReference> {
        if !self.access.is_full() {
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
        untold && self.access.is_full() && !KeyReference::retired(1).is_some_and(|first| self.has_read(first))
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
        self.stored.unsaved = true;
        Ok(())
    }

    /// Learns who the card is and what it tells freely: identity, Key History, Discovery, PIN state, and the label if
    /// this card was never seen.
    pub(crate) fn load(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        let (identity, policy) = match self.met.take() {
            Some((identity, discovery)) => (identity, Some(discovery)),
            None => (self.look_at_identity(piv)?, None),
        };
        self.recall(identity.as_ref());
        let before = self.cache.get(ObjectId::KEY_HISTORY);
        let history = self.history(piv)?;
        let is_same = before.is_none() || before == self.cache.get(ObjectId::KEY_HISTORY);
        // What was told in plain over the air decides whether there is a channel, never which PIN goes into it.
        let told = policy.filter(|_| self.access != Access::Vci);
        let is_known = is_same && (self.access != Access::Vci || !self.is_due(ObjectId::DISCOVERY, LISTING));
        let discovery = match (told, self.content(ObjectId::DISCOVERY).filter(|_| is_known)) {
            (Some(told), _) => told,
            (None, Some(known)) => known.and_then(|content| Discovery::parse(&content)),
            (None, None) => self.discovery(piv)?,
        };
        self.take_up_discovery(discovery);
        let pin = if self.access.is_full() { self.login.ask(piv)? } else { PinState::Absent };
        let label = self.label(piv)?;
        self.read_ahead(piv)?;
        let history = history.map(|content| KeyHistory::parse(&content));
        self.state = Some(State { identity, label, history, discovery, pin });
        Ok(())
    }

    /// Key History, which the card is asked for once in an insertion.
    fn history(&mut self, piv: &mut Piv<'_>) -> Result<Option<Arc<[u8]>>, Error> {
        match self.content(ObjectId::KEY_HISTORY) {
            Some(known) if self.looks.at(ObjectId::KEY_HISTORY).is_some() && self.access == Access::Vci => {
                Ok(known)
            }
            _ => self.fresh(piv, ObjectId::KEY_HISTORY),
        }
    }

    fn discovery(&mut self, piv: &mut Piv<'_>) -> Result<Option<Discovery>, Error> {
        Ok(self.fresh(piv, ObjectId::DISCOVERY)?.and_then(|content| Discovery::parse(&content)))
    }

    /// Logs in again, by the rules of [`crate::login`].
    pub(crate) fn restore_login(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        self.heed_forgetting();
        self.login.restore(piv, self.clock.now())
    }

    /// Sends the kept PIN for one use of a key, by the same rules.
    pub(crate) fn replay_login(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        self.heed_forgetting();
        self.login.replay(piv, self.clock.now())
    }

    /// Lends the kept PIN, by the same rules.
    pub(crate) fn kept_pin(&mut self, piv: &mut Piv<'_>) -> Result<Pin, Error> {
        self.heed_forgetting();
        self.login.kept(piv, self.clock.now())
    }

    fn take_up_history(&mut self, history: Option<KeyHistory>) {
        if let Some(state) = &mut self.state {
            state.history = history;
        }
    }

    /// Which PIN the card asks for.
    fn take_up_discovery(&mut self, discovery: Option<Discovery>) {
        if let Some(discovery) = discovery {
            self.login.set_reference(discovery.pin_reference());
        }
        if let Some(state) = &mut self.state {
            state.discovery = discovery;
        }
    }

    fn has_strange_discovery(&self) -> bool {
        let content = self.content(ObjectId::DISCOVERY).flatten();
        content.is_some_and(|content| Discovery::parse(&content).is_none())
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

    /// What the card answered to GET DATA.
    pub(crate) fn answer(&self, object: ObjectId) -> Option<Option<Arc<[u8]>>> {
        self.cache.get(object)
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
                if !self.access.is_full()
                    && error.status() == Some(StatusWord::SECURITY_STATUS_NOT_SATISFIED) =>
            {
                return Ok(None);
            }
            Err(Error::Channel(ChannelError::EndedBy(StatusWord::NOT_FOUND))) => {
                self.note_absent(object);
                return Err(ChannelError::EndedBy(StatusWord::NOT_FOUND).into());
            }
            answer => answer?.map(Arc::<[u8]>::from),
        };
        let content = match &answer {
            Some(answer) => object.content(answer)?.map(Arc::from),
            None => None,
        };
        let is_new = self.cache.get(object) != Some(answer.clone());
        if is_new {
            self.forget_parsed(object);
            self.cache.keep(object, answer);
            self.stored.unsaved = true;
        }
        self.note_look(object);
        Ok(content)
    }

    /// An answer that is no CHUID may have been damaged on the way: it is asked for again, so that nobody takes the card
    /// for another one. A card that says so twice has none.
    fn look_at_identity(&mut self, piv: &mut Piv<'_>) -> Result<Option<Identity>, Error> {
        for _ in 0..2 {
            let Some(head) = piv.head(ObjectId::CHUID, Identity::HEAD)? else { return Ok(None) };
            if let Some(identity) = identity(&head) {
                return Ok(Some(identity));
            }
        }
        Ok(None)
    }

    /// Where nobody knows whether extended APDUs get through, finds out: once for each kind of card in a reader, and when
    /// nobody waits for the card. Nothing hangs on the answer.
    pub(crate) fn probe(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        let is_open = self.access == Access::Contact && !piv.is_protected();
        if !is_open || piv.is_extended() || !piv.carries_extended() || self.stored.seat.extended.is_some() {
            return Ok(());
        }
        let taken = piv.probe(ObjectId::CHUID, Identity::HEAD)?;
        self.note_extended(taken);
        Ok(())
    }

    /// Of a card that was never seen, all certificates that cost one APDU each: in a transaction of their own they would cost
    /// a SELECT more, and next to every program lists them next.
    fn read_ahead(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        let is_new = self.access == Access::Contact && self.looks.consulted.is_none();
        if is_new && piv.is_extended() { self.read(piv, &KeyReference::CURRENT) } else { Ok(()) }
    }

    /// The common name in 9A's certificate. Read with the first look at a card, so that a token's label is the same from
    /// the first call on: programs keep it in their configuration.
    fn label(&mut self, piv: &mut Piv<'_>) -> Result<Option<String>, Error> {
        if self.access == Access::Unpaired {
            // The card has proved who it is. The label it is known under stays.
            return Ok(self.known_label());
        }
        if self.cache.label().is_none() && self.access.is_full() {
            self.read(piv, &[KeyReference::PIV_AUTHENTICATION])?;
            let certificate = self.certificate(KeyReference::PIV_AUTHENTICATION);
            if let Some(name) = certificate.ok().flatten().and_then(|certificate| certificate.common_name()) {
                self.cache.set_label(name);
                self.stored.unsaved = true;
            }
        }
        Ok(self.cache.label().map(str::to_owned))
    }
}

/// Who a card is by the head of its CHUID, if that is what this is.
fn identity(head: &[u8]) -> Option<Identity> {
    tlv::begins(head, ObjectId::CHUID.wrapper(), Identity::HEAD.into()).then(|| Identity::parse(head))
}
