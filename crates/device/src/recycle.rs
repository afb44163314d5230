//! Recycling: a device goes back to how it was delivered, as far as it knows a way. What is lost by it is told before; what
//! became of its passkeys is looked at after.

use std::cell::Cell;

use piv::{Authority, ManagementKey, Pin, PinState, Token, XauthKey};

use crate::{Action, Administration, Device, Error, KeyReference, PukCode};

/// How a device goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recycling {
    /// RESET CARD of a Crescendo: everything goes, its administration key too.
    ResetCard,
    /// The reset of the common vendor extensions: everything goes.
    Extended,
    /// Its data objects are emptied; keys, PIN, PUK and management key stay, because the standard knows no way.
    Objects,
}

/// By what right a device is recycled.
pub enum RecycleRight<'a> {
    /// The PIN.
    Pin(&'a Pin),
    /// The administration key of a Crescendo.
    Xauth(&'a XauthKey),
    /// The PUK of 16 characters, which stands for that key.
    Code(&'a PukCode),
    /// The management key of a card by the standard.
    Management(&'a ManagementKey),
    /// None: where the PIN is blocked and the device asks for nothing else.
    Nothing,
}

/// What is on a device, and lost when it is recycled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The certificates, and whose they are.
    pub certificates: Vec<(KeyReference, String)>,
    /// The keys that have none.
    pub bare: Vec<KeyReference>,
    /// It has slots for one-time passwords.
    pub otp: bool,
    /// Its passkeys.
    pub fido: Passkeys,
}

/// What is known of the passkeys of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passkeys {
    /// It has no FIDO application.
    None,
    /// It has one, and no PIN is set there: whether there are passkeys is not told.
    #[default]
    Untold,
    /// It has one with a PIN.
    Protected,
}

/// What became of the passkeys of a device that was recycled, as far as their PIN shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasskeysAfter {
    /// There was no FIDO application.
    None,
    /// They are still there.
    Kept,
    /// They are gone.
    Cleared,
    /// The device does not tell.
    Untold,
}

impl Passkeys {
    /// What became of them, when it is this that is known now.
    #[must_use]
    pub fn became(self, after: Self) -> PasskeysAfter {
        match (self, after) {
            (Self::None, _) => PasskeysAfter::None,
            (Self::Protected, Self::Protected) => PasskeysAfter::Kept,
            (Self::Protected, _) => PasskeysAfter::Cleared,
            (Self::Untold, _) => PasskeysAfter::Untold,
        }
    }
}

impl Device {
    /// How this device can be recycled, before anything is asked of a person or written. `keys`: somebody has a key or a PUK
    /// of it in hand.
    ///
    /// # Errors
    /// [`Error::NotOffered`] with the reason; [`Error::CannotRecycle`] for a blocked PIN and no key.
    pub fn recycling(&mut self, keys: bool) -> Result<Recycling, Error> {
        self.refresh()?;
        if let Some(why) = self.why_not(Action::Recycle) {
            return Err(Error::NotOffered(why));
        }
        let way = match self.administration() {
            Administration::Pin => Recycling::ResetCard,
            Administration::ManagementKey if self.with_token(Token::has_extensions)? => Recycling::Extended,
            Administration::ManagementKey => Recycling::Objects,
        };
        let is_blocked = matches!(self.lock()?, PinState::Blocked | PinState::Tries(0));
        if way == Recycling::ResetCard && is_blocked && !keys {
            return Err(Error::CannotRecycle);
        }
        Ok(way)
    }

    /// What would be lost. Programs that are logged in are not disturbed: then less is known.
    ///
    /// # Errors
    /// As [`Device::certificates`].
    pub fn what_is_lost(&mut self) -> Result<Contents, Error> {
        let entries = self.certificates(std::time::SystemTime::now())?;
        let certificates = entries.into_iter().map(|entry| {
            let subject = entry.certificate.map(|certificate| certificate.subject);
            (entry.key, subject.unwrap_or_else(|_| "one that cannot be read".to_owned()))
        });
        let certificates = certificates.collect();
        let bare = self.bare_keys()?.into_iter().map(|bare| bare.key).collect();
        let otp = self.is_crescendo() && self.otp_slots()?.is_some_and(|slots| !slots.is_empty());
        Ok(Contents { certificates, bare, otp, fido: self.passkeys() })
    }

    /// What is known of its passkeys; nobody who is logged in is logged out for that.
    pub fn passkeys(&mut self) -> Passkeys {
        if !matches!(self.lock(), Ok(state) if state != PinState::Verified) {
            return Passkeys::Untold;
        }
        self.let_go();
        let Ok(mut card) = self.connect() else { return Passkeys::Untold };
        let Ok(mut transaction) = card.begin() else { return Passkeys::Untold };
        match fido::Info::of_card(&mut *transaction.link) {
            Ok(info) if info.client_pin == Some(true) => Passkeys::Protected,
            Err(fido::Error::Status(0x6A82)) => Passkeys::None,
            _ => Passkeys::Untold,
        }
    }

    /// Recycles the device. Interrupted anywhere it can be done again: either it was not begun, or it goes on, or it is done
    /// and the device is in factory state.
    ///
    /// # Errors
    /// [`Error::Unfinished`] if the device was lost on the way; [`Error::Card`] for a wrong PIN or key, before anything is
    /// changed, and where it is managed.
    pub fn recycle(&mut self, way: Recycling, right: &RecycleRight<'_>) -> Result<(), Error> {
        let refused = || piv::Error::Unsupported("recycling this device with a key of that kind");
        self.whole("recycled", |token| match (way, right) {
            (Recycling::ResetCard, RecycleRight::Pin(pin)) => token.reset_card(&Authority::Pin(pin)),
            (Recycling::ResetCard, RecycleRight::Xauth(key)) => token.reset_card(&Authority::Xauth(key)),
            (Recycling::ResetCard, RecycleRight::Code(code)) => reset_with(token, code),
            (Recycling::Extended, RecycleRight::Pin(pin)) => token.reset_extended(Some(pin)),
            (Recycling::Extended, RecycleRight::Nothing) => token.reset_extended(None),
            (Recycling::Extended, RecycleRight::Management(key)) => {
                token.administer(&Authority::ManagementKey(key), |_| Ok(()))?;
                token.reset_extended(None)
            }
            (Recycling::Objects, RecycleRight::Management(key)) => token.empty_objects(key),
            _ => Err(refused()),
        })?;
        self.reload();
        Ok(())
    }

    /// Works with the token on something that is either done as a whole or done again.
    pub(crate) fn whole<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&mut Token) -> Result<T, piv::Error>,
    ) -> Result<T, Error> {
        let is_sent = Cell::new(false);
        let result = self.with_token(|token| {
            let result = work(token);
            is_sent.set(token.was_committed());
            result
        });
        result.map_err(|error| match error {
            Error::Card(why) if why.is_transport() && is_sent.get() => Error::Unfinished(what, why),
            other => other,
        })
    }
}

/// The challenge tells of which kind the key is that the code stands for; a key of the other kind is not sent.
fn reset_with(token: &mut Token, code: &PukCode) -> Result<(), piv::Error> {
    match token.reset_card(&Authority::Xauth(&code.key(16)?)) {
        Err(piv::Error::KeyKind) => token.reset_card(&Authority::Xauth(&code.key(8)?)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_kept_where_their_pin_is() {
        assert_eq!(Passkeys::Protected.became(Passkeys::Untold), PasskeysAfter::Cleared);
        assert_eq!(Passkeys::Protected.became(Passkeys::Protected), PasskeysAfter::Kept);
        assert_eq!(Passkeys::Untold.became(Passkeys::Untold), PasskeysAfter::Untold);
        assert_eq!(Passkeys::None.became(Passkeys::None), PasskeysAfter::None);
    }
}
