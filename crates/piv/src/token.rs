//! One card: what is known of it, who is logged in, and the way to it.
//!
//! [`Token::with_piv`] is the only place where a transaction begins, and the only one that reads whether the card was
//! reset. Nothing slow happens under a transaction: no hashing, no parsing of certificates before they are needed, no
//! store, no log.

use std::{sync::Arc, time::Duration};

use link::{Card, Clock, LinkError, Store};
use zeroize::Zeroizing;

use crate::{
    Certificate, Error, Exchange, Family, KeyReference, ObjectId, Pin, PinReference, PublicKey, StatusWord,
    crescendo,
    known::{Known, State},
    piv::Piv,
    public_key,
};

/// How old a look at a certificate may be before a key agreement, whose result the host cannot verify.
const AGREEMENT: Duration = Duration::from_secs(10);

/// A card in a reader, as PKCS#11 and people see it.
pub struct Token {
    card: Box<dyn Card>,
    known: Known,
    /// SELECT was sent over this connection before, so that it may be left out where the answer proves itself.
    selected: bool,
}

/// How a transaction starts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// With SELECT.
    Select,
    /// Without, where PIV was selected before and nobody reset the card since.
    Assume,
}

impl Token {
    /// A token over this connection. Nothing is sent.
    #[must_use]
    pub fn open(card: Box<dyn Card>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let (family, contactless) = (Family::of(card.atr()), crescendo::is_contactless(card.atr()));
        Self { known: Known::nothing(family, contactless, store, clock), card, selected: false }
    }

    /// The card's answer to reset.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        self.card.atr()
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

    /// Logs in with the PIN: 2 APDUs.
    ///
    /// # Errors
    /// [`Error::WrongPin`] (without another try if the card refused this PIN moments ago), [`Error::Blocked`].
    pub fn login(&mut self, pin: &Pin) -> Result<(), Error> {
        self.verify(pin)?;
        self.known.login.begin(pin, self.known.now());
        Ok(())
    }

    /// Whether the PIN of a login is kept, to be sent again by the rules of [`Token::login`]'s module. It is, until this
    /// says otherwise.
    pub fn remember_pin(&mut self, remember: bool) {
        self.known.login.remember(remember);
    }

    /// Whether the kept PIN is sent again for each use of 9C, which asks a person each time for good reason. It is not,
    /// until this says otherwise.
    pub fn replay_pin(&mut self, replay: bool) {
        self.known.login.replays = replay;
    }

    /// Whether this process is logged in, as far as we believe.
    #[must_use]
    pub fn logged_in(&self) -> bool {
        self.known.login.is_user()
    }

    /// Verifies the PIN for the next use of a key that asks each time (9C). Nothing may be sent in between.
    ///
    /// # Errors
    /// As [`Token::login`].
    pub fn consent(&mut self, pin: &Pin) -> Result<(), Error> {
        self.verify(pin)
    }

    /// Ends the login, here and on the card.
    ///
    /// # Errors
    /// Of the link; the login is over all the same.
    pub fn logout(&mut self) -> Result<(), Error> {
        if !self.logged_in() {
            return Ok(());
        }
        self.known.login.end();
        self.with_piv(Start::Select, |known, piv| known.login.clear(piv))
    }

    /// Ends the login here, and on the card unless another program is connected to it: that one's login is not ours to
    /// end. `false`: the card was left as it is for that reason. Whoever stays connected then keeps the other one from
    /// logging out when it leaves in turn.
    ///
    /// # Errors
    /// As [`Token::logout`].
    pub fn leave(&mut self) -> Result<bool, Error> {
        let alone = !self.logged_in() || self.card.alone().inspect_err(|_| self.known.login.end())?;
        if alone {
            self.logout()?;
        }
        self.known.login.end();
        Ok(alone)
    }

    /// Signs with the private half of `public`, which is what this key's certificate showed. RSA: `input` is the padded block, as long as the modulus, and so is the answer. ECC: `input` is
    /// the hash, as long as a coordinate, and the answer is `r || s`. It fits the certificate, or is not returned.
    ///
    /// `consent`: for 9C, the PIN of [`Token::consent`], to be sent again if it was lost.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`], [`Error::KeyChanged`], [`Error::Refused`].
    pub fn sign(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Vec<u8>, Error> {
        let algorithm = public.algorithm();
        let answer = self.challenge(key, public, input, consent)?;
        if algorithm.is_rsa() {
            return Ok(answer.to_vec());
        }
        public_key::raw_signature(algorithm, &answer).ok_or(Error::Malformed("signature"))
    }

    /// The raw private operation of RSA, padding still in. Encrypted again the result is `input`, or it is not returned.
    ///
    /// # Errors
    /// As [`Token::sign`].
    pub fn decipher(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !public.algorithm().is_rsa() {
            return Err(Error::Unsupported("decryption with an ECC key"));
        }
        self.challenge(key, public, input, consent)
    }

    /// ECDH with a point (`04 || X || Y`): the x-coordinate of the product. Nothing about it can be verified on the host,
    /// so SELECT and a fresh look at the certificate come first.
    ///
    /// # Errors
    /// As [`Token::sign`].
    pub fn agree(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        point: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let algorithm = public.algorithm();
        let is_whole = point.len() == 1 + 2 * algorithm.field_length();
        if !is_whole || !public_key::is_on_curve(algorithm, point) {
            return Err(Error::Input("not a point on the curve of this key"));
        }
        self.demand_shown(key, public)?;
        self.demand_login(key, None)?;
        self.with_piv(Start::Select, |known, piv| {
            if known.is_due(key.certificate(), AGREEMENT) && known.look(piv, &[key.certificate()])? {
                return Err(Error::KeyChanged(key));
            }
            let secret = match piv.agree(key, algorithm, point) {
                Err(error) if lost_login(&error) => {
                    known.login.restore(piv, known.now())?;
                    piv.agree(key, algorithm, point)
                }
                other => other,
            };
            secret.map_err(not_logged_in)
        })
        .and_then(|secret| match secret.len() == algorithm.field_length() {
            true => Ok(secret),
            false => Err(Error::Malformed("shared secret")),
        })
    }

    /// Changes the PIN.
    ///
    /// # Errors
    /// As [`Token::login`] for the old one; [`Error::Refused`] with 6A80 for a new one the card does not take.
    pub fn change_pin(&mut self, old: &Pin, new: &Pin) -> Result<(), Error> {
        self.demand_contact()?;
        self.known.login.refuse_again(old, self.known.now())?;
        let was_user = self.logged_in();
        self.with_piv(Start::Select, |known, piv| {
            let result = piv.change_reference_data(known.login.reference(), old, new);
            known.login.note(old, &result, known.now());
            result
        })?;
        if was_user {
            self.known.login.begin(new, self.known.now());
        }
        Ok(())
    }

    /// Changes the PUK.
    ///
    /// # Errors
    /// As [`Token::unblock_pin`].
    pub fn change_puk(&mut self, old: &Pin, new: &Pin) -> Result<(), Error> {
        self.demand_contact()?;
        self.with_piv(Start::Select, |_, piv| piv.change_reference_data(PinReference::Puk, old, new))
    }

    /// Sets a new PIN against the PUK, and starts its tries afresh.
    ///
    /// # Errors
    /// [`Error::WrongPin`] and [`Error::Blocked`] about the PUK; [`Error::NotFound`] where the card has none.
    pub fn unblock_pin(&mut self, puk: &Pin, new: &Pin) -> Result<(), Error> {
        self.demand_contact()?;
        self.with_piv(Start::Select, |known, piv| {
            piv.reset_retry_counter(puk, new)?;
            known.login.forget_refusal();
            known.login.ask(piv).map(drop)
        })
    }

    fn verify(&mut self, pin: &Pin) -> Result<(), Error> {
        self.demand_contact()?;
        self.state()?;
        let now = self.known.now();
        self.known.login.refuse_again(pin, now)?;
        match self.with_piv(Start::Select, |known, piv| known.login.verify(piv, pin, now)) {
            Err(Error::Link(LinkError::Reset)) => {
                self.with_piv(Start::Select, |known, piv| known.login.verify_uncounted(piv, pin, now))
            }
            told => told,
        }
    }

    /// No PIN goes over plain contactless (SP 800-73-5 part 1, 5.5): the whole room could listen.
    fn demand_contact(&self) -> Result<(), Error> {
        if self.known.is_contactless() {
            return Err(Error::Unsupported("a PIN over plain contactless"));
        }
        Ok(())
    }

    /// The caller's idea of the key must still be what the card's certificate shows.
    fn demand_shown(&mut self, key: KeyReference, public: &PublicKey) -> Result<(), Error> {
        let certificate = self.certificate(key)?.ok_or(Error::KeyChanged(key))?;
        if certificate.key == *public { Ok(()) } else { Err(Error::KeyChanged(key)) }
    }

    /// A key that needs a PIN is not even asked when nobody has entered one in this process.
    fn demand_login(&mut self, key: KeyReference, consent: Option<&Pin>) -> Result<(), Error> {
        self.known.login.touch(self.known.now());
        if key.needs_pin() && !self.logged_in() && consent.is_none() {
            return Err(Error::NotLoggedIn);
        }
        Ok(())
    }

    /// GENERAL AUTHENTICATE with a challenge, verified. Without SELECT if it goes well; anything that does not is tried
    /// once more after SELECT, and after the PIN where the rules of [`crate::login`] allow.
    fn challenge(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let algorithm = public.algorithm();
        if input.len() != algorithm.field_length() {
            return Err(Error::Input("the input is not as long as the key"));
        }
        self.demand_shown(key, public)?;
        self.demand_login(key, consent)?;
        let attempt = |piv: &mut Piv<'_>| {
            let answer = piv.decipher(key, algorithm, input)?;
            if public.fits(input, &answer) { Ok(answer) } else { Err(Error::KeyChanged(key)) }
        };
        self.with_piv(Start::Assume, |known, piv| {
            let fresh = piv.is_selected();
            let first = attempt(piv);
            let answer = match first {
                Err(Error::Link(_)) | Ok(_) => first,
                Err(error) => again(known, piv, key, consent, error, fresh, attempt),
            };
            finish(known, piv, key, public, answer)
        })
    }

    /// Holds the card for as long as `work` takes, and does it once more if a reset comes in between: pcscd lets go of a
    /// card before it resets it, as it does when a program dies that held it. Not once a PIN was sent, because nobody knows
    /// whether it counted.
    fn with_piv<T>(
        &mut self,
        start: Start,
        work: impl Fn(&mut Known, &mut Piv<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut sent_pin = false;
        let result = self.hold(start, &work, &mut sent_pin);
        if !matches!(result, Err(Error::Link(LinkError::Reset))) {
            return result;
        }
        self.known.note_reset();
        self.selected = false;
        if sent_pin { result } else { self.hold(start, &work, &mut sent_pin) }
    }

    fn hold<T>(
        &mut self,
        start: Start,
        work: impl Fn(&mut Known, &mut Piv<'_>) -> Result<T, Error>,
        sent_pin: &mut bool,
    ) -> Result<T, Error> {
        let Self { card, known, selected } = self;
        let mut transaction = card.begin()?;
        if transaction.was_reset {
            known.note_reset();
            *selected = false;
        }
        let mut piv = Piv::assumed(Exchange::new(&mut *transaction.link), known.family);
        let result = if start == Start::Assume && *selected { Ok(()) } else { piv.reselect() };
        let result =
            result.and_then(|()| known.confirm_identity(&mut piv)).and_then(|()| work(known, &mut piv));
        *selected |= piv.is_selected();
        *sent_pin = piv.has_sent_pin();
        let trace = piv.into_trace();
        drop(transaction);
        trace.emit();
        known.save();
        result
    }
}

/// The second attempt of a private operation. For 9C it needs the PIN in hand, because each attempt uses one up.
fn again(
    known: &mut Known,
    piv: &mut Piv<'_>,
    key: KeyReference,
    consent: Option<&Pin>,
    error: Error,
    fresh: bool,
    attempt: impl Fn(&mut Piv<'_>) -> Result<Zeroizing<Vec<u8>>, Error>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if key.always_authenticates() {
        let doubtful = !fresh && matches!(error, Error::Refused { .. });
        match consent {
            Some(pin) => known.login.verify(piv, pin, known.now()).map_err(|_| Error::NotLoggedIn)?,
            None if known.login.replays && known.login.is_user() => known.login.replay(piv, known.now())?,
            None => return Err(if doubtful { Error::NotLoggedIn } else { not_logged_in(error) }),
        }
        return attempt(piv);
    }
    let second = if fresh {
        Err(error)
    } else {
        piv.reselect()?;
        attempt(piv)
    };
    match second {
        Err(error) if lost_login(&error) && key.needs_pin() => {
            known.login.restore(piv, known.now())?;
            attempt(piv)
        }
        other => other,
    }
}

/// The look at the certificate that the first private operation of a process owes, right after it: so it never comes
/// between a PIN and the key that asks for it, and needs no SELECT. A result that does not fit makes us read again.
fn finish(
    known: &mut Known,
    piv: &mut Piv<'_>,
    key: KeyReference,
    public: &PublicKey,
    answer: Result<Zeroizing<Vec<u8>>, Error>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let object = key.certificate();
    match answer {
        Ok(answer) if known.is_due(object, Duration::MAX) && known.look(piv, &[object])? => {
            known.read(piv, &[key])?;
            let renewed = known.certificate(key)?.is_some_and(|certificate| certificate.key == *public);
            if renewed { Ok(answer) } else { Err(Error::KeyChanged(key)) }
        }
        Err(Error::KeyChanged(_)) => {
            known.forget(object);
            Err(Error::KeyChanged(key))
        }
        other => other.map_err(not_logged_in),
    }
}

fn lost_login(error: &Error) -> bool {
    error.status() == Some(StatusWord::SECURITY_STATUS_NOT_SATISFIED)
}

/// 6982 means that the PIN is missing, whatever we believed.
fn not_logged_in(error: Error) -> Error {
    if lost_login(&error) { Error::NotLoggedIn } else { error }
}
