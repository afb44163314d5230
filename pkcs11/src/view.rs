//! What searches and attribute reads see of a slot: unchanging, and replaced whole, so that nobody waits behind a
//! signature to read a label.

mod bare;
mod secrets;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cryptoki_sys::*;
use link::Reader;
use piv::{Certificate, KeyReference, ObjectId, PinState, PublicKey, State, Token, crescendo};

use crate::{
    Settings,
    data::{Container, certificate_label, unreadable_label},
    hash::Hash,
    object::{FIRST_HANDLE, Object},
};

/// A reader as PC/SC shows it. Equal sights mean: nobody touched the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub atr: Option<Vec<u8>>,
    events: u32,
}

impl From<&Reader> for Sight {
    fn from(reader: &Reader) -> Self {
        Self { atr: reader.atr.clone(), events: reader.events }
    }
}

/// One slot at one moment.
#[derive(Clone)]
pub(crate) struct View {
    /// The reader, if it is plugged in.
    pub sight: Option<Sight>,
    /// Counts what came and went. A session belongs to one number, and dies when it passes.
    pub insertion: u64,
    /// The card in it has no PIV application; it is not asked again.
    pub foreign: bool,
    /// What the token tells of itself, once it was asked.
    pub token: Option<Arc<Facts>>,
    pub pin: Option<PinState>,
    /// How the token can be reached.
    pub reach: Reach,
    /// The most tries this card ever showed: fewer means that someone entered a wrong PIN.
    most_tries: u8,
    pub logged_in: bool,
    /// The security officer is logged in: a PUK or an administration key is kept.
    pub officer: bool,
    /// It is an administration key, whose holder sees what there is to destroy.
    pub administrator: bool,
    /// The tries of the PUK, since the card last told of them.
    pub puk_tries: Option<u8>,
    /// When a listing last looked at the card.
    pub looked: Option<Duration>,
    profiles: Arc<[Arc<Object>]>,
    /// Keys whose certificate was read, or found absent.
    known: BTreeMap<KeyReference, Option<Shown>>,
    /// Keys without a certificate that this process, or one before it, has had made or has brought: public and private key.
    bare: BTreeMap<KeyReference, [Arc<Object>; 2]>,
    /// Those of them whose certificate this process has seen on the card itself.
    seen: BTreeSet<KeyReference>,
    /// Containers that were looked for.
    data: BTreeMap<ObjectId, Data>,
    /// What was derived or unwrapped, with the session it goes with.
    secrets: Vec<(CK_SESSION_HANDLE, Arc<Object>)>,
    next_handle: CK_OBJECT_HANDLE,
}

/// How a token can be reached, which over contactless depends on its pairing code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// There is a way for a PIN.
    pub takes_pin: bool,
    /// The card waits for its pairing code.
    pub wants_code: bool,
}

impl Default for Reach {
    fn default() -> Self {
        Self { takes_pin: true, wants_code: false }
    }
}

impl Reach {
    pub(crate) fn of(token: &Token) -> Self {
        Self { takes_pin: token.takes_pin(), wants_code: token.needs_pairing_code() }
    }
}

/// The container of a key's certificate, and the objects it is shown as.
#[derive(Clone)]
struct Shown {
    content: Arc<[u8]>,
    /// None, if the certificate cannot be read.
    objects: Vec<Arc<Object>>,
    data: Arc<Object>,
}

/// What a look at a certificate's container showed.
#[derive(Clone)]
pub(crate) enum Seen {
    Absent,
    /// No certificate, but a key that is known.
    Bare(PublicKey),
    /// The certificate, and the whole container.
    Certificate(Arc<Certificate>, Arc<[u8]>),
    /// There is something, of which perhaps not even the bytes are known.
    Unreadable(Arc<[u8]>),
}

/// A container without a key: when it was looked at, if that still counts, and how it is shown, if it is there.
#[derive(Clone)]
struct Data {
    at: Option<Duration>,
    shown: Option<(Arc<[u8]>, Arc<Object>)>,
}

/// What a token tells of itself, fixed for an insertion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub label: String,
    pub model: String,
    pub serial: String,
    /// Issued by a federal agency, so that key references mean what SP 800-73 says.
    pub federal: bool,
}

impl Facts {
    pub(crate) fn of(state: &State, atr: &[u8]) -> Self {
        let identity = state.identity.as_ref();
        // `:` separates token and object in the names NSS shows and takes.
        let label = state.label.as_deref().filter(|label| !label.is_empty()).unwrap_or("PIV_II");
        Self {
            label: label.replace(':', "."),
            model: crescendo::family_text(atr).unwrap_or("PIV").to_owned(),
            serial: identity.and_then(|identity| identity.serial()).unwrap_or_else(|| stand_in(atr)),
            federal: identity.is_some_and(|identity| identity.is_federal()),
        }
    }
}

/// A serial number for a card that has none: the same for the same kind of card.
fn stand_in(atr: &[u8]) -> String {
    Hash::Sha256.of(&[atr])[..8].iter().map(|byte| format!("{byte:02X}")).collect()
}

impl View {
    pub(crate) fn nothing() -> Self {
        Self {
            sight: None,
            insertion: 0,
            foreign: false,
            token: None,
            pin: None,
            reach: Reach::default(),
            most_tries: 0,
            logged_in: false,
            officer: false,
            administrator: false,
            puk_tries: None,
            looked: None,
            profiles: Object::profiles().into(),
            known: BTreeMap::new(),
            bare: BTreeMap::new(),
            seen: BTreeSet::new(),
            data: BTreeMap::new(),
            secrets: Vec::new(),
            next_handle: FIRST_HANDLE,
        }
    }

    /// What is left when the card came or went: nothing but the counts, so that no number ever means something else.
    pub(crate) fn next(&self, sight: Option<Sight>) -> Self {
        Self { sight, insertion: self.insertion + 1, next_handle: self.next_handle, ..Self::nothing() }
    }

    pub(crate) fn atr(&self) -> Option<&[u8]> {
        self.sight.as_ref()?.atr.as_deref()
    }

    pub(crate) fn is_present(&self) -> bool {
        self.atr().is_some()
    }

    pub(crate) fn set_pin(&mut self, pin: PinState) {
        if let PinState::Tries(tries) = pin {
            self.most_tries = self.most_tries.max(tries);
        }
        self.pin = Some(pin);
    }

    /// CKF_USER_PIN_COUNT_LOW and its kin (rule R9). A verified PIN does not tell its tries.
    pub(crate) fn pin_flags(&self) -> CK_FLAGS {
        let user = match self.pin {
            Some(PinState::Blocked | PinState::Tries(0)) => CKF_USER_PIN_LOCKED,
            Some(PinState::ContactOnly) => CKF_USER_PIN_COUNT_LOW,
            Some(PinState::Tries(1)) => CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY,
            Some(PinState::Tries(tries)) if tries < 3 || tries < self.most_tries => CKF_USER_PIN_COUNT_LOW,
            _ => 0,
        };
        user | self.puk_flags()
    }

    /// The card tells of the PUK only when it refuses one.
    fn puk_flags(&self) -> CK_FLAGS {
        match self.puk_tries {
            None => 0,
            Some(0) => CKF_SO_PIN_LOCKED,
            Some(1) => CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY,
            Some(_) => CKF_SO_PIN_COUNT_LOW,
        }
    }

    pub(crate) fn is_known(&self, key: KeyReference) -> bool {
        self.known.contains_key(&key)
    }

    pub(crate) fn known_keys(&self) -> impl Iterator<Item = KeyReference> {
        self.known.keys().copied()
    }

    /// Takes up what the card said of a key. The objects of an unchanged certificate stay, and so do their handles.
    pub(crate) fn show(&mut self, key: KeyReference, seen: Seen, settings: Settings) {
        let before = self.known.remove(&key).flatten();
        self.show_uncertified(key, &seen, settings);
        let content = match &seen {
            Seen::Absent | Seen::Bare(_) => None,
            Seen::Certificate(_, content) | Seen::Unreadable(content) => Some(content),
        };
        let unchanged = before.filter(|shown| {
            Some(&shown.content) == content && shown.objects.is_empty() == matches!(seen, Seen::Unreadable(_))
        });
        if unchanged.is_none() {
            self.seen.remove(&key);
        }
        let shown = unchanged.or_else(|| self.make(key, seen, settings));
        self.known.insert(key, shown);
    }

    /// Something was written: what is shown of this key is read again, and what counts keys.
    pub(crate) fn note_write(&mut self, key: KeyReference) {
        self.known.remove(&key);
        self.seen.remove(&key);
        self.data.values_mut().for_each(|data| data.at = None);
    }

    /// Whether this process has seen the certificate of this key on the card itself.
    pub(crate) fn is_seen(&self, key: KeyReference) -> bool {
        self.seen.contains(&key)
    }

    pub(crate) fn note_seen(&mut self, key: KeyReference) {
        self.seen.insert(key);
    }

    /// Takes up how the token can be reached now; another way shows other objects.
    pub(crate) fn set_reach(&mut self, reach: Reach) {
        if std::mem::replace(&mut self.reach, reach) != reach {
            self.doubt();
        }
    }

    /// Everything is due for a look.
    pub(crate) fn doubt(&mut self) {
        self.looked = None;
        self.seen.clear();
        self.data.values_mut().for_each(|data| data.at = None);
    }

    /// Whether one of these containers is due for a look.
    pub(crate) fn is_data_due(&self, object: ObjectId, now: Duration, age: Duration) -> bool {
        let at = self.data.get(&object).and_then(|data| data.at);
        at.is_none_or(|at| now.saturating_sub(at) >= age)
    }

    /// Takes up what a container holds now.
    pub(crate) fn show_data(&mut self, container: &Container, at: Duration, content: Option<Arc<[u8]>>) {
        let before = self.data.remove(&container.object()).and_then(|data| data.shown);
        let shown = content.map(|content| match before {
            Some(shown) if shown.0 == content => shown,
            _ => {
                let object = Object::of_container(self.next_handle, container, &content);
                self.next_handle += 1;
                (content, object)
            }
        });
        self.data.insert(container.object(), Data { at: Some(at), shown });
    }

    /// Drops what was shown of a key: its handles die, and the next search reads it again.
    pub(crate) fn forget(&mut self, key: KeyReference) {
        self.known.remove(&key);
        self.bare.remove(&key);
        self.seen.remove(&key);
    }

    fn make(&mut self, key: KeyReference, seen: Seen, settings: Settings) -> Option<Shown> {
        let federal = self.token.as_ref().is_some_and(|facts| facts.federal);
        let handle = self.next_handle;
        self.next_handle += 4;
        let data = |label: &str, content| Object::of_certificate_container(handle + 3, key, label, content);
        match seen {
            Seen::Absent | Seen::Bare(_) => None,
            Seen::Certificate(certificate, content) => Some(Shown {
                data: data(&certificate_label(key), &content),
                objects: Object::of_key(handle, key, &certificate, federal, settings).to_vec(),
                content,
            }),
            Seen::Unreadable(content) => {
                Some(Shown { data: data(&unreadable_label(key), &content), objects: Vec::new(), content })
            }
        }
    }

    /// The objects a session may see now. 9A comes first: many programs take the first key they find.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.visible(KeyReference::all())
    }

    /// Those of them that are of these keys, or of no key. A search that names one need not walk past all the others.
    pub(crate) fn objects_of<'v>(
        &'v self,
        keys: &'v [KeyReference],
    ) -> impl Iterator<Item = &'v Arc<Object>> {
        self.visible(keys.iter().copied())
    }

    /// The objects of a key, whether it has a certificate or not.
    fn of_key(&self, key: KeyReference) -> impl Iterator<Item = &Arc<Object>> {
        let certified = self.known.get(&key).into_iter().flatten().flat_map(|shown| &shown.objects);
        certified.chain(self.bare.get(&key).into_iter().flatten())
    }

    fn visible<'v>(
        &'v self,
        keys: impl Iterator<Item = KeyReference> + Clone + 'v,
    ) -> impl Iterator<Item = &'v Arc<Object>> {
        let shown = keys.clone().filter_map(|key| self.known.get(&key)?.as_ref());
        let containers = shown.map(|shown| &shown.data);
        let others = self.data.values().filter_map(|data| data.shown.as_ref()).map(|(_, object)| object);
        let secrets = self.secrets.iter().map(|(_, object)| object);
        let of_keys = keys.clone().flat_map(|key| self.of_key(key));
        // A program may have given them a CKA_ID that names no key.
        let bare = self.bare.iter().filter(move |(key, _)| keys.clone().all(|other| other != **key));
        let bare = bare.flat_map(|(_, pair)| pair);
        let all =
            self.profiles.iter().chain(of_keys).chain(bare).chain(containers).chain(others).chain(secrets);
        all.filter(|object| self.logged_in || self.administrator || !object.private)
    }

    /// Nobody is logged in any more, and private objects of sessions go with the login (PKCS#11, C_Logout).
    pub(crate) fn log_out(&mut self) {
        self.officer = false;
        self.administrator = false;
        if std::mem::take(&mut self.logged_in) {
            self.drop_secrets(|_, object| object.private);
        }
    }

    pub(crate) fn object(&self, handle: CK_OBJECT_HANDLE) -> Option<&Arc<Object>> {
        self.objects().find(|object| object.handle == handle)
    }

    /// Whether there is a private object of this handle that a login would show.
    pub(crate) fn is_hidden(&self, handle: CK_OBJECT_HANDLE) -> bool {
        let of_keys = self.known.values().flatten().flat_map(|shown| &shown.objects);
        let mut of_keys = of_keys.chain(self.bare.values().flatten());
        !self.logged_in && of_keys.any(|object| object.private && object.handle == handle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(events: u32) -> Option<Sight> {
        Some(Sight { atr: Some(vec![0x3B, 0]), events })
    }

    #[test]
    fn a_new_card_is_a_new_insertion_with_nothing_known() {
        let mut view = View::nothing().next(sight(1));
        view.show(KeyReference::PIV_AUTHENTICATION, Seen::Absent, Settings::default());
        view.logged_in = true;
        let next = view.next(sight(3));
        assert_eq!((next.insertion, next.logged_in), (2, false));
        assert!(!next.is_known(KeyReference::PIV_AUTHENTICATION) && next.is_present());
    }

    #[test]
    fn pin_flags_follow_the_tries() {
        let mut view = View::nothing();
        let mut flags = |pin| {
            view.set_pin(pin);
            view.pin_flags()
        };
        assert_eq!(flags(PinState::Tries(6)), 0);
        assert_eq!(flags(PinState::Tries(5)), CKF_USER_PIN_COUNT_LOW);
        assert_eq!(flags(PinState::Tries(1)), CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
        assert_eq!(flags(PinState::Blocked), CKF_USER_PIN_LOCKED);
        assert_eq!(flags(PinState::Verified), 0);
    }

    #[test]
    fn a_card_without_a_name_is_still_somebody() {
        let state = State {
            identity: None,
            label: Some("A: B".into()),
            history: None,
            discovery: None,
            pin: PinState::Absent,
        };
        let facts = Facts::of(&state, b"\x3B\x80\x80\x01\x01");
        assert_eq!((facts.label.as_str(), facts.model.as_str(), facts.serial.len()), ("A. B", "PIV", 16));
        assert_eq!(Facts::of(&State { label: None, ..state }, b"\x3B\x80\x80\x01\x01").label, "PIV_II");
    }
}
