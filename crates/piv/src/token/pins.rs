//! Logging in and out, and changing PINs. No PIN goes over plain contactless (SP 800-73-5 part 1, 5.5): the whole room could
//! listen.

use link::LinkError;

use super::{Start, Token};
use crate::{Error, Pin, PinReference};

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

    /// Changes the PIN.
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
        self.state()?;
        self.known.demand_contact()?;
        self.with_piv(Start::Select, |_, piv| piv.change_reference_data(PinReference::Puk, old, new))
    }

    /// Sets a new PIN against the PUK, and starts its tries afresh.
    ///
    /// # Errors
    /// [`Error::WrongPin`] and [`Error::Blocked`] about the PUK; [`Error::NotFound`] where the card has none.
    pub fn unblock_pin(&mut self, puk: &Pin, new: &Pin) -> Result<(), Error> {
        self.state()?;
        self.known.demand_contact()?;
        self.with_piv(Start::Select, |known, piv| {
            piv.reset_retry_counter(puk, new)?;
            known.login.forget_refusal();
            known.login.ask(piv).map(drop)
        })
    }

    fn verify(&mut self, pin: &Pin) -> Result<(), Error> {
        self.demand_pin_path()?;
        let now = self.known.now();
        self.known.login.refuse_again(pin, now)?;
        let verified = self.with_piv(Start::Select, |known, piv| {
            known.demand_pin_path()?;
            known.login.verify(piv, pin, now)
        });
        let is_lost = match &verified {
            Err(Error::Link(LinkError::Reset)) => true,
            Err(Error::Channel(why)) => why.is_loss(),
            _ => false,
        };
        if !is_lost {
            return verified;
        }
        self.with_piv(Start::Select, |known, piv| {
            known.demand_pin_path()?;
            known.login.verify_uncounted(piv, pin, now)
        })
    }

    /// Before a PIN is asked of nobody in vain. What failed before is tried again by the command that needs it.
    fn demand_pin_path(&mut self) -> Result<(), Error> {
        self.messaging.try_again();
        self.state()?;
        if self.messaging.is_due() { Ok(()) } else { self.known.demand_pin_path() }
    }
}
