//! Who is logged in: what this process believes of the card's PIN state, and the one PIN it may send again.
//!
//! The rules (and the only exception to "never send a PIN unasked"): the PIN that this card accepted is kept until
//! logout, removal, a refusal or [`IDLE`] without use; it goes only to the same card in the same insertion, after SELECT,
//! and only if the card shows no fewer tries than ever before. Never for 9C, unless its owner has asked for that.

use std::time::Duration;

use link::LinkError;

use crate::{Error, Pin, PinPolicy, PinReference, PinState, pin::Fingerprint, piv::Piv};

/// How long a PIN is kept without being needed.
const IDLE: Duration = Duration::from_secs(15 * 60);
/// How long a refused PIN is recognised. One wrong PIN is tried by some programs once per key.
const REFUSED: Duration = Duration::from_secs(30);

/// The login of one process to one card.
pub(crate) struct Login {
    reference: PinReference,
    state: Option<PinState>,
    user: Option<User>,
    refused: Option<Refused>,
    /// The PUK that the card refused last.
    refused_puk: Option<Refused>,
    /// What the card said a PIN has to look like.
    pub(crate) policy: Option<PinPolicy>,
    /// The most tries this card ever showed: what it shows again as long as nobody enters a wrong PIN.
    most_tries: Option<u8>,
    /// No PIN is kept.
    forgets: bool,
    /// Over the virtual contact interface the last tries of a PIN are kept for contact.
    pub(crate) over_the_air: bool,
    /// The kept PIN is sent for each use of 9C.
    pub(crate) replays: bool,
}

struct User {
    pin: Option<Pin>,
    used: Duration,
}

struct Refused {
    fingerprint: Fingerprint,
    retries: u8,
    at: Duration,
}

impl Refused {
    fn now(pin: &Pin, retries: u8, at: Duration) -> Option<Self> {
        Fingerprint::of(pin).map(|fingerprint| Self { fingerprint, retries, at })
    }
}

/// Refuses what the card refused moments ago.
fn again(refused: Option<&Refused>, pin: &Pin, now: Duration) -> Result<(), Error> {
    match refused {
        Some(refused) if now.saturating_sub(refused.at) < REFUSED && refused.fingerprint.fits(pin) => {
            Err(Error::WrongPin { retries: refused.retries })
        }
        _ => Ok(()),
    }
}

impl Login {
    pub(crate) fn new() -> Self {
        Self {
            reference: PinReference::Application,
            state: None,
            user: None,
            refused: None,
            refused_puk: None,
            policy: None,
            most_tries: None,
            forgets: false,
            over_the_air: false,
            replays: false,
        }
    }

    /// Which PIN this card asks for.
    pub(crate) fn set_reference(&mut self, reference: PinReference) {
        self.reference = reference;
    }

    /// The PIN state as the card last told it.
    pub(crate) fn state(&self) -> Option<PinState> {
        self.state
    }

    pub(crate) fn is_user(&self) -> bool {
        self.user.is_some()
    }

    /// Whether there is a PIN that may be sent again.
    pub(crate) fn keeps_pin(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.pin.is_some())
    }

    /// Asks the card for its PIN state, at no cost.
    pub(crate) fn ask(&mut self, piv: &mut Piv<'_>) -> Result<PinState, Error> {
        let state = match piv.pin_state(self.reference) {
            Err(Error::Refused { .. }) => PinState::Absent,
            Ok(PinState::Blocked) => self.blocked(),
            other => other?,
        };
        if let PinState::Tries(tries) = state {
            self.most_tries = self.most_tries.max(Some(tries));
        }
        self.state = Some(state);
        Ok(state)
    }

    /// VERIFY, with a PIN a person has just entered.
    pub(crate) fn verify(&mut self, piv: &mut Piv<'_>, pin: &Pin, now: Duration) -> Result<(), Error> {
        let result = piv.verify(self.reference, pin);
        let result = match result {
            Err(Error::Blocked) if self.over_the_air => Err(Error::ContactOnly),
            result => result,
        };
        self.note(pin, &result, now);
        result
    }

    /// What 6983 means: over contactless there may be tries left over contact (SP 800-73-5 part 2, 3.2.1).
    fn blocked(&self) -> PinState {
        if self.over_the_air { PinState::ContactOnly } else { PinState::Blocked }
    }

    /// VERIFY once more, after a reset swallowed the card's verdict: if it shows as many tries as ever, there was none.
    pub(crate) fn verify_uncounted(
        &mut self,
        piv: &mut Piv<'_>,
        pin: &Pin,
        now: Duration,
    ) -> Result<(), Error> {
        match self.ask(piv)? {
            PinState::Tries(tries) if Some(tries) >= self.most_tries => self.verify(piv, pin, now),
            _ => Err(Error::Link(LinkError::Reset)),
        }
    }

    /// Refuses a PIN that the card refused moments ago, without spending another try on it.
    pub(crate) fn refuse_again(&self, pin: &Pin, now: Duration) -> Result<(), Error> {
        again(self.refused.as_ref(), pin, now)
    }

    /// The same of a PUK.
    pub(crate) fn refuse_puk_again(&self, puk: &Pin, now: Duration) -> Result<(), Error> {
        again(self.refused_puk.as_ref(), puk, now)
    }

    /// Learns from the card's verdict on a PUK.
    pub(crate) fn note_puk(&mut self, puk: &Pin, result: &Result<(), Error>, now: Duration) {
        self.refused_puk = match result {
            Err(Error::WrongPin { retries }) => Refused::now(puk, *retries, now),
            Ok(()) => None,
            Err(_) => return,
        };
    }

    /// A PIN was set without the old one: what was believed of PINs before is over, here too.
    pub(crate) fn note_new_pin(&mut self) {
        self.user = None;
        self.refused = None;
    }

    /// From now on this process is logged in, with this PIN.
    pub(crate) fn begin(&mut self, pin: &Pin, now: Duration) {
        let pin = (!self.forgets).then(|| pin.duplicate());
        self.user = Some(User { pin, used: now });
    }

    /// Whether a PIN is kept from now on.
    pub(crate) fn remember(&mut self, remember: bool) {
        self.forgets = !remember;
        if let (true, Some(user)) = (self.forgets, &mut self.user) {
            user.pin = None;
        }
    }

    /// The login was used: the remembered PIN is kept for another while.
    pub(crate) fn touch(&mut self, now: Duration) {
        if let Some(user) = &mut self.user {
            if now.saturating_sub(user.used) >= IDLE {
                user.pin = None;
            }
            user.used = now;
        }
    }

    /// Logs in again after another program's reset or SELECT, with the PIN this card accepted before.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] where the rules do not allow it.
    pub(crate) fn restore(&mut self, piv: &mut Piv<'_>, now: Duration) -> Result<(), Error> {
        self.touch(now);
        piv.reselect()?;
        let state = self.ask(piv)?;
        if state == PinState::Verified && self.is_user() {
            return Ok(());
        }
        let Some(pin) = self.user.take().and_then(|user| user.pin) else { return Err(Error::NotLoggedIn) };
        match state {
            PinState::Tries(tries) if Some(tries) >= self.most_tries => self.send_again(piv, &pin, now),
            _ => Err(Error::NotLoggedIn),
        }
    }

    /// Sends the kept PIN for one use of a key that asks each time. Nothing may come between this and the key.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] where no PIN is kept, or someone entered a wrong one; the login itself stays.
    pub(crate) fn replay(&mut self, piv: &mut Piv<'_>, now: Duration) -> Result<(), Error> {
        let pin = self.kept(piv, now)?;
        self.send_again(piv, &pin, now)
    }

    /// The kept PIN, for what wants it again at once, where the card shows no fewer tries than ever before.
    ///
    /// # Errors
    /// As [`Login::replay`].
    pub(crate) fn kept(&mut self, piv: &mut Piv<'_>, now: Duration) -> Result<Pin, Error> {
        self.touch(now);
        piv.reselect()?;
        let is_safe = match self.ask(piv)? {
            PinState::Verified => true,
            PinState::Tries(tries) => Some(tries) >= self.most_tries,
            _ => false,
        };
        let kept = self.user.as_ref().and_then(|user| user.pin.as_ref()).map(Pin::duplicate);
        kept.filter(|_| is_safe).ok_or(Error::NotLoggedIn)
    }

    fn send_again(&mut self, piv: &mut Piv<'_>, pin: &Pin, now: Duration) -> Result<(), Error> {
        self.verify(piv, pin, now).map_err(|error| match error {
            Error::Link(_) => error,
            _ => Error::NotLoggedIn,
        })?;
        self.begin(pin, now);
        Ok(())
    }

    /// Ends the login. The card is not told.
    pub(crate) fn end(&mut self) {
        self.user = None;
    }

    /// Clears the card's PIN state, by VERIFY with P1 = FF, or on cards that do not know it by selecting another
    /// application; never by a reset, which would hit other programs.
    pub(crate) fn clear(&mut self, piv: &mut Piv<'_>) -> Result<(), Error> {
        if !piv.clear_pin_state(self.reference)? {
            piv.deselect()?;
        }
        self.state = self.most_tries.map(PinState::Tries);
        Ok(())
    }

    /// The card's state after a PIN was changed or set by us: what was refused before may be right now.
    pub(crate) fn forget_refusal(&mut self) {
        self.refused = None;
    }

    pub(crate) fn reference(&self) -> PinReference {
        self.reference
    }

    /// Learns from the card's verdict on a PIN.
    pub(crate) fn note(&mut self, pin: &Pin, result: &Result<(), Error>, now: Duration) {
        match result {
            Ok(()) => {
                self.state = Some(PinState::Verified);
                self.refused = None;
            }
            Err(Error::WrongPin { retries }) => {
                self.state = Some(if *retries == 0 { self.blocked() } else { PinState::Tries(*retries) });
                self.user = None;
                self.refused = Refused::now(pin, *retries, now);
            }
            Err(Error::Blocked | Error::ContactOnly) => {
                self.state = Some(self.blocked());
                self.user = None;
            }
            Err(_) => {}
        }
    }
}
