//! The PIN: what is known of it, and changing it.

use std::cell::Cell;

use piv::{Family, Pin, PinPolicy, PinReference, PinState, PukState, Token, crescendo::CardCommand};

use crate::{Device, Error, LocalPolicy, PinRules};

/// What is known of a PIN, and what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinStatus {
    /// How it stands.
    pub state: PinState,
    /// Which PIN the card asks for.
    pub reference: PinReference,
    /// What a new one has to look like, as the device tells; `None`: it does not, or somebody is logged in.
    pub policy: Option<PinPolicy>,
    /// What lifts a blocked PIN.
    pub ways: Ways,
}

/// What lifts a blocked PIN on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// Its PUK.
    pub puk: PukState,
    /// Its administration key, or the help desk that has it.
    pub challenge: Challenged,
}

/// Whether a device can be unblocked by challenge and response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenged {
    /// It cannot.
    No,
    /// It can; whether it has an administration key is found out when it is tried.
    Yes,
    /// Nobody has published that it can.
    Unconfirmed,
}

impl Device {
    /// What is known of the PIN. Spends no try of anything.
    ///
    /// # Errors
    /// As [`Device::pin_state`].
    pub fn pin_status(&mut self) -> Result<PinStatus, Error> {
        self.with_token(|token| {
            let state = token.ask_pin()?;
            let reference = token.state()?.discovery.as_ref();
            let reference = reference.map_or(PinReference::Application, piv::Discovery::pin_reference);
            Ok(PinStatus { state, reference, policy: token.pin_policy()?, ways: ways(token)? })
        })
    }

    /// What lifts a blocked PIN on this device.
    ///
    /// # Errors
    /// As [`Device::pin_state`].
    pub fn ways(&mut self) -> Result<Ways, Error> {
        self.with_token(ways)
    }

    /// What a new PIN has to look like.
    ///
    /// # Errors
    /// [`Error::PolicyConflict`], and as [`Device::pin_state`].
    pub fn pin_rules(&mut self, local: &LocalPolicy) -> Result<PinRules, Error> {
        let told = self.with_token(Token::pin_policy)?;
        PinRules::of(told, local).ok_or(Error::PolicyConflict)
    }

    /// Changes the PIN. The card is left logged out, unless this process or another had logged in.
    ///
    /// # Errors
    /// [`Error::Card`] for a wrong old PIN; [`Error::PinRefused`] for a new one the card does not take, and
    /// [`Error::Uncertain`] if the card was lost before it answered.
    pub fn change_pin(&mut self, old: &Pin, new: &Pin) -> Result<(), Error> {
        self.once(|token| {
            let was_verified = token.logged_in() || token.ask_pin()? == PinState::Verified;
            token.change_pin(old, new)?;
            if !was_verified {
                // The PIN is changed, whatever becomes of this.
                let _ = token.forget_verified();
            }
            Ok(())
        })
    }

    /// Works with the token on something that is not done twice: if the link fails on the way, nobody knows whether it was
    /// done.
    pub(crate) fn once<T>(
        &mut self,
        work: impl FnOnce(&mut Token) -> Result<T, piv::Error>,
    ) -> Result<T, Error> {
        let is_sent = Cell::new(false);
        let result = self.with_token(|token| {
            let result = work(token);
            is_sent.set(token.was_committed());
            result
        });
        result.map_err(|error| match error {
            Error::Card(why) if why.is_transport() && is_sent.get() => Error::Uncertain(why),
            Error::Card(why) if is_refusal(&why) => Error::PinRefused,
            other => other,
        })
    }
}

/// The card did not take the new PIN.
fn is_refusal(error: &piv::Error) -> bool {
    matches!(error, piv::Error::Refused { status: piv::StatusWord(0x6A80), .. })
}

fn ways(token: &mut Token) -> Result<Ways, piv::Error> {
    token.state()?;
    if !token.is_contact() {
        return Ok(Ways { puk: PukState::Untold, challenge: Challenged::No });
    }
    let puk = token.puk_state()?;
    let challenge = match (token.family(), CardCommand::UnlockPin.permit(token.family(), false)) {
        (Family::Standard, _) => Challenged::No,
        (_, Ok(())) => Challenged::Yes,
        (_, Err(_)) => Challenged::Unconfirmed,
    };
    Ok(Ways { puk, challenge })
}
