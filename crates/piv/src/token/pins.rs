//! Logging in and out, and changing PINs. No PIN goes over plain contactless (SP 800-73-5 part 1, 5.5): the whole room could
//! listen.

use link::LinkError;

use super::{Start, TRIES, Token};
use crate::{
    Challenge, Cryptogram, Error, Family, Pin, PinPolicy, PinReference, PinState, PukState,
    crescendo::{Aca, CardCommand},
};

impl Token {
    /// Logs in with the PIN: 2 APDUs.
    ///
    /// # Errors
    /// [`Error::WrongPin`] (without another try if the card refused this PIN moments ago), [`Error::Blocked`].
    pub fn login(&mut self, pin: &Pin) -> Result<(), Error> {
        self.verify(pin)?;
        self.known.note_forgetting();
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

    /// The PIN of the login, where it is kept and may be sent again: for what wants the PIN itself, and uses no key.
    ///
    /// # Errors
    /// Of the link.
    pub fn remembered_pin(&mut self) -> Result<Option<Pin>, Error> {
        if !self.known.login.keeps_pin() {
            return Ok(None);
        }
        match self.kept_pin() {
            Ok(kept) => Ok(Some(kept)),
            Err(Error::NotLoggedIn) => Ok(None),
            Err(error) => Err(error),
        }
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
        let cleared = self.with_piv(Start::Select, |known, piv| {
            known.login.clear(piv)?;
            known.probe(piv)
        });
        self.messaging.end();
        cleared
    }

    /// Forgets PINs: the one kept here, those that other programs of this user keep, and that any was verified on the card,
    /// by whatever program.
    ///
    /// # Errors
    /// Of the link; [`Error::Unsupported`] over plain contactless, where no PIN is ever verified.
    pub fn forget_pins(&mut self) -> Result<(), Error> {
        self.known.login.end();
        self.known.login.forget_refusal();
        self.messaging.end();
        self.demand_pin_path()?;
        self.known.tell_forgetting();
        self.with_piv(Start::Select, |known, piv| {
            known.login.clear(piv)?;
            known.login.ask(piv).map(drop)
        })
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

    /// What the card tells of its PIN, asked now, at no cost.
    ///
    /// # Errors
    /// Of the link.
    pub fn ask_pin(&mut self) -> Result<PinState, Error> {
        self.state()?;
        if !self.known.access().is_full() {
            return Ok(PinState::Absent);
        }
        self.with_piv(Start::Select, |known, piv| known.login.ask(piv))
    }

    /// What the card last told of its PIN. Nothing is sent; known after [`Token::state`].
    pub fn seen_pin(&mut self) -> Option<PinState> {
        self.known.state().map(|state| state.pin)
    }

    /// Ends what a change of PIN leaves behind: on most cards the new one counts as verified.
    ///
    /// # Errors
    /// Of the link.
    pub fn forget_verified(&mut self) -> Result<(), Error> {
        self.with_piv(Start::Select, |known, piv| {
            if known.login.ask(piv)? == PinState::Verified { known.login.clear(piv) } else { Ok(()) }
        })
    }

    /// Changes the PIN. Programs that keep the old one forget it.
    ///
    /// # Errors
    /// As [`Token::login`] for the old one; [`Error::Refused`] with 6A80 for a new one the card does not take.
    pub fn change_pin(&mut self, old: &Pin, new: &Pin) -> Result<(), Error> {
        self.demand_pin_path()?;
        self.known.login.refuse_again(old, self.known.now())?;
        let was_user = self.logged_in();
        self.with_piv(Start::Select, |known, piv| {
            known.demand_pin_path()?;
            let result = piv.change_reference_data(known.login.reference(), old, new);
            known.login.note(old, &result, known.now());
            result
        })?;
        self.known.tell_forgetting();
        if was_user {
            self.known.note_forgetting();
            self.known.login.begin(new, self.known.now());
        }
        Ok(())
    }

    /// What the card tells of its PUK (81), at no cost. Cards that let nobody ask may have one all the same.
    ///
    /// # Errors
    /// Of the link; [`Error::Unsupported`] over contactless.
    pub fn puk_state(&mut self) -> Result<PukState, Error> {
        self.state()?;
        self.known.demand_contact()?;
        let family = self.family();
        self.with_piv(Start::Select, |_, piv| match piv.pin_state(PinReference::Puk) {
            Ok(PinState::Tries(tries)) => Ok(PukState::Tries(tries)),
            Ok(PinState::Blocked | PinState::ContactOnly) => Ok(PukState::Blocked),
            Ok(PinState::Verified) => Ok(PukState::Untold),
            Ok(PinState::Absent) | Err(Error::Refused { .. }) if family == Family::Standard => {
                Ok(piv.puk_tries()?.map_or(PukState::Untold, PukState::of_tries))
            }
            Ok(PinState::Absent) | Err(Error::Refused { .. }) => Ok(PukState::Absent),
            Err(error) => Err(error),
        })
    }

    /// Whether commands are sent that write and of which nobody has published that this token takes them. They are not, until
    /// this says otherwise.
    pub fn permit_unconfirmed(&mut self, permit: bool) {
        self.unconfirmed = permit;
    }

    /// Changes the PUK. That a Crescendo lets it be changed is unconfirmed.
    ///
    /// # Errors
    /// As [`Token::unblock_pin`].
    pub fn change_puk(&mut self, old: &Pin, new: &Pin) -> Result<(), Error> {
        self.demand_puk(old)?;
        self.with_piv(Start::Select, |known, piv| {
            let result = piv.change_reference_data(PinReference::Puk, old, new);
            known.login.note_puk(old, &result, known.now());
            result
        })
    }

    /// Sets a new PIN against the PUK, and starts its tries afresh. Programs that keep an old PIN forget it. That a
    /// Crescendo takes this is unconfirmed.
    ///
    /// # Errors
    /// [`Error::WrongPin`] (without another try if the card refused this PUK moments ago) and [`Error::Blocked`] about the PUK;
    /// [`Error::NotFound`] where the card has none; [`Error::Unconfirmed`].
    pub fn unblock_pin(&mut self, puk: &Pin, new: &Pin) -> Result<(), Error> {
        self.demand_puk(puk)?;
        self.with_piv(Start::Select, |known, piv| {
            let result = piv.reset_retry_counter(puk, new);
            known.login.note_puk(puk, &result, known.now());
            result?;
            known.login.note_new_pin();
            // The PIN is set, whatever becomes of this.
            let _ = known.login.ask(piv);
            Ok(())
        })?;
        self.known.tell_forgetting();
        Ok(())
    }

    /// Sets a new PIN with the administration key of a Crescendo, and starts its tries afresh: `answer` is what the key makes
    /// of the card's challenge. A challenge dies with any other command, so the card is held for as long as `answer` takes,
    /// even if that is a telephone call; then the card is reset, because the answer opens all of its administration.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::NoAdministrationKey`], [`Error::Unconfirmed`]; [`Error::UnlockLost`],
    /// [`Error::UnlockSpent`]; of `answer`, after which nothing more is sent.
    pub fn unlock_pin(
        &mut self,
        new: &Pin,
        answer: impl Fn(&Challenge) -> Result<Cryptogram, Error>,
    ) -> Result<(), Error> {
        self.state()?;
        self.known.demand_contact()?;
        let unconfirmed = self.unconfirmed;
        CardCommand::UnlockPin.permit(self.family(), unconfirmed)?;
        self.with_piv(Start::Select, |_, piv| {
            let mut aca = Aca::select(piv)?;
            let challenge = aca.challenge()?;
            // Whoever answers is not asked twice.
            aca.commit();
            aca.authenticate(&answer(&challenge)?)?;
            aca.unlock(new, unconfirmed)
        })?;
        self.known.login.note_new_pin();
        self.known.tell_forgetting();
        // The PIN is set, whatever becomes of this.
        let _ = self.with_piv(Start::Select, |known, piv| known.login.ask(piv));
        Ok(())
    }

    /// What a PIN of this card has to look like: by the standard, or as a Crescendo tells while nobody is logged in to it (it
    /// would be logged out). `None`: it has not told.
    ///
    /// # Errors
    /// Of the link.
    pub fn pin_policy(&mut self) -> Result<Option<PinPolicy>, Error> {
        self.state()?;
        if self.family() == Family::Standard {
            return Ok(Some(PinPolicy::STANDARD));
        }
        if self.known.login.policy.is_none() && self.is_contact() {
            self.with_piv(Start::Select, |known, piv| {
                if known.login.ask(piv)? != PinState::Verified && !piv.is_protected() {
                    known.login.policy = match Aca::select(piv) {
                        Ok(mut aca) => aca.properties()?,
                        Err(Error::Unsupported(_) | Error::Refused { .. }) => None,
                        Err(error) => return Err(error),
                    };
                    piv.reselect()?;
                }
                Ok(())
            })?;
        }
        Ok(self.known.login.policy)
    }

    /// Where the PUK may be sent, and was not refused moments ago.
    fn demand_puk(&mut self, puk: &Pin) -> Result<(), Error> {
        self.state()?;
        self.known.demand_contact()?;
        if self.family() != Family::Standard {
            CardCommand::Puk.permit(self.family(), self.unconfirmed)?;
        }
        self.known.login.refuse_puk_again(puk, self.known.now())
    }

    fn verify(&mut self, pin: &Pin) -> Result<(), Error> {
        self.demand_pin_path()?;
        let now = self.known.now();
        self.known.login.refuse_again(pin, now)?;
        let mut verified = self.with_piv(Start::Select, |known, piv| {
            known.demand_pin_path()?;
            known.login.verify(piv, pin, now)
        });
        for _ in 1..TRIES {
            if !verified.as_ref().is_err_and(is_lost) {
                break;
            }
            verified = self.with_piv(Start::Select, |known, piv| {
                known.demand_pin_path()?;
                known.login.verify_uncounted(piv, pin, now)
            });
        }
        verified
    }

    /// Before a PIN is asked of nobody in vain. What failed before is tried again by the command that needs it.
    fn demand_pin_path(&mut self) -> Result<(), Error> {
        self.messaging.try_again();
        self.state()?;
        if self.messaging.is_due() { Ok(()) } else { self.known.demand_pin_path() }
    }
}

/// Whether the card's verdict was lost on its way.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Link(LinkError::Reset) => true,
        Error::Channel(why) => why.is_loss(),
        _ => false,
    }
}
