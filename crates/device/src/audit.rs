//! Looking for devices that have the administration key of delivery, which everybody knows: whoever holds such a device can
//! set a new PIN on it. Only done where somebody asks for it.

use piv::{AdministrationKey, Authority, ManagementKey, PinState, Token};

use crate::{Action, Device, Error, personalize::MANAGEMENT_KEY};

impl Device {
    /// Finds out whether this device has the key of delivery, by trying that, once: XAUTH key 1 of a Crescendo, all zero, of
    /// the kind that its challenge is for; the management key of a card by the standard. Neither is documented to have a
    /// counter. No PIN is sent.
    ///
    /// # Errors
    /// [`Error::NotOffered`] with the reason; [`Error::Card`] where somebody is logged in, who would be logged out.
    pub fn audit(&mut self) -> Result<AdministrationKey, Error> {
        self.load();
        // What lets nobody look at its certificates is no card that is there to be asked.
        if let Some(why) = self.why_not(Action::Certificates).or_else(|| self.standing().no_contact()) {
            return Err(Error::NotOffered(why));
        }
        let found = if self.is_crescendo() {
            self.with_token(Token::administration_key)
        } else {
            self.with_token(management_key)
        };
        // It was reset, unless a login kept it from being asked: that may be our own.
        if !matches!(found, Err(Error::Card(piv::Error::InUse))) {
            self.let_go();
        }
        found
    }
}

fn management_key(token: &mut Token) -> Result<AdministrationKey, piv::Error> {
    if token.ask_pin()? == PinState::Verified {
        return Err(piv::Error::InUse);
    }
    let factory = ManagementKey::from_hex(MANAGEMENT_KEY)?;
    match token.administer(&Authority::ManagementKey(&factory), |_| Ok(())) {
        Ok(()) => Ok(AdministrationKey::Factory),
        Err(piv::Error::WrongKey | piv::Error::KeyKind) => Ok(AdministrationKey::Own),
        Err(piv::Error::Unsupported(_)) => Ok(AdministrationKey::Absent),
        Err(error) => Err(error),
    }
}
