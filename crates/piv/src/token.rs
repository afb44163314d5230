//! One card: what is known of it, who is logged in, and the way to it.
//!
//! [`Token::with_piv`] is the only place where a transaction begins, and the only one that reads whether the card was
//! reset. Nothing slow happens under a transaction: no hashing, no parsing of certificates before they are needed, no
//! store, no log.

mod aside;
mod content;
mod keys;
mod otp;
mod pairing;
mod pins;
mod proof;
mod recovery;
mod reset;
mod rights;
mod setup;
mod standard;
mod uncertified;

use std::{sync::Arc, time::Duration};

use link::{Card, LinkError, Transmit};

use self::keys::not_logged_in;
pub use self::{
    aside::{Applications, Aside},
    otp::OtpRequest,
    setup::{AdministrationKey, Setup},
    standard::{Installed, StandardSetup},
};
use crate::{
    Certificate, Environment, Error, Exchange, Family, KeyReference, ObjectId, crescendo,
    known::{Known, State},
    messaging::Messaging,
    piv::Piv,
};

/// A card in a reader, as PKCS#11 and people see it.
pub struct Token {
    card: Box<dyn Card>,
    known: Known,
    messaging: Messaging,
    /// SELECT was sent over this connection before, so that it may be left out where the answer proves itself.
    selected: bool,
    /// The last transaction sent something that is not sent twice.
    committed: bool,
    /// What writes and is unconfirmed may be sent.
    unconfirmed: bool,
}

/// How a transaction starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With SELECT.
    Select,
    /// Without, where PIV was selected before and nobody reset the card since.
    Assume,
}

/// How often work is tried that another program's resets keep from its end.
const TRIES: u32 = 5;

impl Token {
    /// A token over this connection. Nothing is sent.
    #[must_use]
    pub fn open(card: Box<dyn Card>, environment: &Environment) -> Self {
        let messaging = Messaging::new(environment, crescendo::is_contactless(card.atr()));
        let known = Known::nothing(&*card, environment, messaging.access());
        Self { card, known, messaging, selected: false, committed: false, unconfirmed: false }
    }

    /// The card's answer to reset.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        self.card.atr()
    }

    /// Where its reader is plugged in: see [`Card::channel`].
    #[must_use]
    pub fn reader_channel(&self) -> Option<u32> {
        self.card.channel()
    }

    /// Which dialect it speaks.
    #[must_use]
    pub fn family(&self) -> Family {
        self.known.family
    }

    /// Identity, Key History, Discovery, PIN state. The card is asked once: 4 APDUs if it was seen before, else 5 and the
    /// certificate of 9A for the label.
    ///
    /// # Errors
    /// [`Error::NotPiv`], or of the link.
    pub fn state(&mut self) -> Result<&State, Error> {
        self.known.notice_clearing();
        if !self.known.is_loaded() {
            self.with_piv(Start::Select, Known::load)?;
        }
        self.known.state().ok_or(Error::NotPiv)
    }

    /// The keys that can have a certificate on this card. Known after [`Token::state`].
    #[must_use]
    pub fn keys(&self) -> Vec<KeyReference> {
        self.known.keys()
    }

    /// Finds the retired keys of a card without Key History, so that [`Token::keys`] has them. Once for each card, and
    /// nothing is sent on cards that have one.
    ///
    /// # Errors
    /// As [`Token::read_certificates`].
    pub fn find_retired(&mut self) -> Result<(), Error> {
        self.state()?;
        if !self.known.wants_search() {
            return Ok(());
        }
        self.with_piv(Start::Select, Known::search_retired)
    }

    /// Reads the certificates of these keys that have not been read yet, in one transaction.
    ///
    /// # Errors
    /// Of the link, or [`Error::Refused`]; what was read before stays known.
    pub fn read_certificates(&mut self, keys: &[KeyReference]) -> Result<(), Error> {
        self.state()?;
        let missing: Vec<_> = keys.iter().copied().filter(|key| !self.known.has_read(*key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.with_piv(Start::Select, |known, piv| known.read(piv, &missing))
    }

    /// The certificate of a key; the card is asked once. `None`: the key has none, and so does not exist for PKCS#11.
    ///
    /// # Errors
    /// As [`Token::read_certificates`]; [`Error::Malformed`] or [`Error::Unsupported`] for one that cannot be read.
    pub fn certificate(&mut self, key: KeyReference) -> Result<Option<Arc<Certificate>>, Error> {
        self.read_certificates(&[key])?;
        self.known.certificate(key)
    }

    /// The certificate of a key in DER, whatever kind of key it is for: what cannot be used can be shown and handed out.
    ///
    /// # Errors
    /// As [`Token::read_certificates`]; [`Error::Malformed`] for a container without one.
    pub fn certificate_der(&mut self, key: KeyReference) -> Result<Option<Vec<u8>>, Error> {
        self.read_certificates(&[key])?;
        self.known.certificate_der(key)
    }

    /// Whether the certificate of this key was read, or found absent.
    #[must_use]
    pub fn has_read(&self, key: KeyReference) -> bool {
        self.known.has_read(key)
    }

    /// The content of a data object, without its wrapper; public ones are read once.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] for an object that needs a PIN; of the link.
    pub fn object(&mut self, object: ObjectId) -> Result<Option<Arc<[u8]>>, Error> {
        self.state()?;
        if let Some(content) = self.known.content(object) {
            return Ok(content);
        }
        self.with_piv(Start::Select, |known, piv| known.fresh(piv, object)).map_err(not_logged_in)
    }

    /// Reads public data objects that have not been read yet, and looks at those that were not looked at for a minute, in
    /// one transaction. What the card refuses to show counts as absent.
    ///
    /// # Errors
    /// Of the link.
    pub fn read_objects(&mut self, objects: &[ObjectId]) -> Result<(), Error> {
        self.state()?;
        if self.known.objects_due(objects) {
            self.with_piv(Start::Select, |known, piv| known.read_objects(piv, objects))?;
        }
        Ok(())
    }

    /// The whole answer to GET DATA, wrapper included, for a public object that was read; nothing is sent.
    #[must_use]
    pub fn answer(&self, object: ObjectId) -> Option<Arc<[u8]>> {
        self.known.answer(object).flatten()
    }

    /// Whether the connection still leads to the card: what PC/SC shows of a reader can be the same before and after it was
    /// plugged in again. Nothing is sent, unless someone reset the card.
    ///
    /// # Errors
    /// Of the link, if it does not.
    pub fn confirm(&mut self) -> Result<(), Error> {
        self.with_piv(Start::Assume, |_, _| Ok(()))
    }

    /// Looks at what is known and was not looked at for a minute: one APDU for each certificate. `true`: something
    /// changed, and is read again when next needed.
    ///
    /// # Errors
    /// Of the link, or [`Error::Refused`].
    pub fn look(&mut self) -> Result<bool, Error> {
        self.state()?;
        let due = self.known.due();
        if due.is_empty() {
            return Ok(false);
        }
        self.with_piv(Start::Assume, |known, piv| {
            let changed = known.look(piv, &due)?;
            known.refresh_history(piv)?;
            Ok(changed)
        })
    }

    /// Makes sure that this process has seen the certificate of a key on the card itself, and does not only know it from
    /// another one: before its public key is used, or it is handed out. `true`: it is another one by now.
    ///
    /// # Errors
    /// As [`Token::read_certificates`].
    pub fn see(&mut self, key: KeyReference) -> Result<bool, Error> {
        self.read_certificates(&[key])?;
        let object = key.certificate();
        if !self.known.is_unseen(object) {
            return Ok(false);
        }
        let changed = self.with_piv(Start::Assume, |known, piv| known.look(piv, &[object]))?;
        if changed {
            self.read_certificates(&[key])?;
        }
        Ok(changed)
    }

    /// When the oldest of the looks was that a listing relies on, whichever process looked. `None`: something was never
    /// looked at.
    #[must_use]
    pub fn looked(&self) -> Option<Duration> {
        self.known.oldest_look()
    }

    /// Holds the card for as long as `work` takes, and does it again if a reset comes in between (pcscd lets go of a
    /// card before it resets it, as it does when a program dies that held it), or if the card let go of secure messaging
    /// (as when another program began its own): at most [`TRIES`] times, since such programs exist that do so over and over.
    /// Not once a PIN, a proof or a write was sent, because nobody knows whether it counted.
    fn with_piv<T>(
        &mut self,
        start: Start,
        work: impl Fn(&mut Known, &mut Piv<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut tries = 1;
        loop {
            let result = self.hold(start, &work);
            match &result {
                Err(Error::Link(LinkError::Reset)) => self.note_reset(),
                Err(Error::Channel(why)) if why.is_loss() => self.messaging.lose(),
                _ => return result,
            }
            if self.committed || tries == TRIES {
                return result;
            }
            tries += 1;
        }
    }

    /// Whether the last transaction sent something that is not sent twice: a PIN, a proof or a write. If the link failed then,
    /// nobody knows what became of it.
    #[must_use]
    pub fn was_committed(&self) -> bool {
        self.committed
    }

    fn note_reset(&mut self) {
        self.known.note_reset();
        self.messaging.lose();
        self.selected = false;
    }

    fn hold<T>(
        &mut self,
        start: Start,
        work: impl Fn(&mut Known, &mut Piv<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Self { card, known, messaging, selected, committed, .. } = self;
        *committed = false;
        known.prepare();
        let mut transaction = card.begin()?;
        if transaction.was_reset {
            known.note_reset();
            messaging.lose();
            *selected = false;
        }
        let link = &mut *transaction.link;
        let met = messaging.is_due();
        let begun = if met { messaging.begin(link, known) } else { Ok(()) };
        let meeting = messaging.take_trace();
        let mut piv = Piv::assumed(exchange(link, messaging, known.longest()), known.family);
        if met && begun.is_ok() && !piv.is_protected() {
            piv.note_selected();
        }
        let is_assumed = piv.is_protected() || start == Start::Assume && *selected;
        let result = begun
            .and_then(|()| if is_assumed { Ok(()) } else { piv.reselect() })
            .and_then(|()| known.confirm_identity(&mut piv))
            .and_then(|()| work(known, &mut piv));
        *selected = (*selected || piv.is_selected()) && !piv.is_protected();
        *committed = piv.is_committed();
        known.note_longest(piv.longest());
        let resets = piv.resets();
        let traces = [meeting, Some(piv.into_trace())];
        drop(transaction);
        if resets {
            known.note_reset();
            messaging.lose();
            *selected = false;
        }
        traces.into_iter().flatten().for_each(|trace| trace.emit());
        known.save();
        result
    }
}

/// The way commands take: in secure messaging where there is a channel.
fn exchange<'t>(link: &'t mut dyn Transmit, messaging: &'t mut Messaging, longest: usize) -> Exchange<'t> {
    let mut exchange = match messaging.channel() {
        Some(channel) => Exchange::protected(link, channel),
        None => Exchange::new(link),
    };
    exchange.extend(longest);
    exchange
}
