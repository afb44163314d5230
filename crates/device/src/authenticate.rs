//! Authenticating: the PIN is entered once, and holds for what this process does next with the device, by the rules of
//! [`piv::Token::login`]: never for 9C, and no longer than 15 idle minutes.

use piv::{Pin, PinPolicy, PinState, Token};

use crate::{Device, Error};

impl Device {
    /// What the card tells of its PIN, asked now. Spends no try.
    ///
    /// # Errors
    /// As [`Device::pin_state`].
    pub fn lock(&mut self) -> Result<PinState, Error> {
        self.with_token(piv::Token::ask_pin)
    }

    /// How many tries the PIN has, asked now: for whoever is about to ask a person for it. `None`: the card does not tell, as
    /// where it was entered already.
    ///
    /// # Errors
    /// [`piv::Error::Blocked`] and [`piv::Error::ContactOnly`], so that nobody is asked in vain; as [`Device::pin_state`].
    pub fn tries(&mut self) -> Result<Option<u8>, Error> {
        match self.lock()? {
            PinState::Blocked | PinState::Tries(0) => Err(piv::Error::Blocked.into()),
            PinState::ContactOnly => Err(piv::Error::ContactOnly.into()),
            PinState::Tries(tries) => Ok(Some(tries)),
            PinState::Verified | PinState::Absent => Ok(None),
        }
    }

    /// What an existing PIN of this device may look like, so that no try is spent on what cannot be one.
    ///
    /// # Errors
    /// As [`Device::pin_state`].
    pub fn entry(&mut self) -> Result<PinPolicy, Error> {
        self.with_token(|token| {
            let told = token.pin_policy()?;
            Ok(match (token.family(), told) {
                (piv::Family::Standard, _) => PinPolicy::STANDARD,
                // It may have been set when the policy was another.
                (_, Some(policy)) => PinPolicy { digits: policy.digits, ..PinPolicy::LOOSEST },
                (_, None) => PinPolicy::LOOSEST,
            })
        })
    }

    /// Authenticates with the PIN, until [`Device::end_authentication`], removal, or 15 minutes without use.
    ///
    /// # Errors
    /// [`Error::Card`]: a wrong PIN costs a try, unless the card refused the same one moments ago; a blocked one is told.
    pub fn authenticate(&mut self, pin: &Pin) -> Result<(), Error> {
        self.with_token(|token| token.login(pin))
    }

    /// The PIN that was entered with [`Device::authenticate`], if it is kept: for what wants the PIN itself, and uses no key.
    ///
    /// # Errors
    /// As [`Device::pin_state`].
    pub fn remembered_pin(&mut self) -> Result<Option<Pin>, Error> {
        self.with_token(Token::remembered_pin)
    }

    /// Ends it, here, and on the card unless another program uses that.
    ///
    /// # Errors
    /// As [`Device::pin_state`].
    pub fn end_authentication(&mut self) -> Result<(), Error> {
        self.with_token(|token| token.leave().map(drop))
    }

    /// Finds out whether this is the PIN, and leaves the card as it was: logged out, unless this process or another had logged
    /// in.
    ///
    /// # Errors
    /// As [`Device::authenticate`].
    pub fn verify_pin(&mut self, pin: &Pin) -> Result<(), Error> {
        self.with_token(|token| logged_in(token, pin, |_| Ok(())))
    }
}

/// Logs in for this work, and leaves the login as it was.
pub(crate) fn logged_in<T>(
    token: &mut Token,
    pin: &Pin,
    work: impl FnOnce(&mut Token) -> Result<T, piv::Error>,
) -> Result<T, piv::Error> {
    let was_ours = token.logged_in();
    let was_verified = token.ask_pin()? == PinState::Verified;
    token.login(pin)?;
    let done = work(token);
    let ended = match (was_ours, was_verified) {
        (true, _) => Ok(()),
        // It belongs to another program, if that is still here.
        (false, true) => token.leave().map(drop),
        (false, false) => token.logout(),
    };
    let done = done?;
    ended.map(|()| done)
}
