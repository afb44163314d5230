//! Lifting a blocked PIN: with the PUK; or with the administration key of a Crescendo, at hand or by challenge and response
//! with a help desk. Nothing here is a probe: each attempt is one that a person has asked for.

use piv::{Challenge, Cryptogram, Pin, PukState, XauthKey};

use crate::{Device, Error, Puk};

impl Device {
    /// Lets commands be sent that write and of which nobody has published that this device takes them.
    pub fn permit_unconfirmed(&mut self, permit: bool) {
        self.unconfirmed = permit;
    }

    /// Sets a new PIN with the PUK, whichever kind that is: of the card itself, or the code of this project that stands for
    /// its administration key. The PIN is not verified by it.
    ///
    /// # Errors
    /// [`Error::WrongPuk`] with what is left, [`Error::PukBlocked`], [`Error::NoPuk`]; [`Error::PinRefused`],
    /// [`Error::Uncertain`]; [`Error::Card`].
    pub fn unblock_with_puk(&mut self, puk: &Puk, new: &Pin) -> Result<(), Error> {
        match puk {
            Puk::Digits(_) if self.ways()?.puk == PukState::Absent => Err(Error::NoPuk),
            Puk::Digits(puk) => self.once(|token| token.unblock_pin(puk, new)).map_err(about_puk),
            Puk::Code(code) => self.once(|token| token.unlock_pin(new, |challenge| code.answer(challenge))),
        }
    }

    /// Changes the PUK of a card that has one.
    ///
    /// # Errors
    /// As [`Device::unblock_with_puk`].
    pub fn change_puk(&mut self, old: &Pin, new: &Pin) -> Result<(), Error> {
        self.once(|token| token.change_puk(old, new)).map_err(about_puk)
    }

    /// Sets a new PIN with the administration key.
    ///
    /// # Errors
    /// [`Error::Card`] for a wrong key; [`Error::PinRefused`], [`Error::Uncertain`].
    pub fn unblock_with_key(&mut self, key: &XauthKey, new: &Pin) -> Result<(), Error> {
        self.once(|token| token.unlock_pin(new, |challenge| key.answer(challenge)))
    }

    /// Sets a new PIN with the answer of whoever has the administration key: `ask` shows the challenge, and waits. `None` from
    /// it gives up, and nothing has happened. No other program reaches the card meanwhile: a challenge dies with any other
    /// command.
    ///
    /// # Errors
    /// As [`Device::unblock_with_key`]; [`Error::GivenUp`].
    pub fn unblock_with_answer(
        &mut self,
        new: &Pin,
        ask: impl Fn(&Challenge) -> Option<Cryptogram>,
    ) -> Result<(), Error> {
        let result = self
            .once(|token| token.unlock_pin(new, |challenge| ask(challenge).ok_or(piv::Error::NotLoggedIn)));
        match result {
            Err(Error::Card(piv::Error::NotLoggedIn)) => Err(Error::GivenUp),
            result => result,
        }
    }
}

/// What the card says of a wrong PIN is about the PUK here.
fn about_puk(error: Error) -> Error {
    match error {
        Error::Card(piv::Error::WrongPin { retries }) => Error::WrongPuk { retries },
        Error::Card(piv::Error::Blocked) => Error::PukBlocked,
        Error::Card(piv::Error::NotFound) => Error::NoPuk,
        other => other,
    }
}
