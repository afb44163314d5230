//! Meeting a card over contactless: what is asked of it in plain before there is secure messaging, and what it may be used
//! for after that.

use super::{Known, looks::Looks};
use crate::{
    ChannelError, Discovery, Error, Identity, KeyReference, ObjectId, TokenCache, channel::ContentSigner,
    messaging::Access, piv::Piv,
};

impl Known {
    /// Who the card says it is, in plain. It must be the one that is known.
    pub(crate) fn meet(&mut self, piv: &mut Piv<'_>) -> Result<Option<Identity>, Error> {
        let identity = self.look_at_identity(piv)?;
        if self.state.as_ref().is_some_and(|state| state.identity != identity) {
            return Err(Error::Link(link::LinkError::Removed));
        }
        self.identity_due = false;
        if self.state.is_none() {
            self.met = Some((identity.clone(), None));
        }
        Ok(identity)
    }

    /// The PIN usage policy, which says whether there is a virtual contact interface.
    pub(crate) fn read_policy(&mut self, piv: &mut Piv<'_>) -> Result<Option<Discovery>, Error> {
        if let Some(state) = &self.state {
            return Ok(state.discovery);
        }
        let answer = piv.get_data(ObjectId::DISCOVERY)?;
        let content =
            answer.as_deref().map(|answer| ObjectId::DISCOVERY.content(answer)).transpose()?.flatten();
        let discovery = content.and_then(Discovery::parse);
        if let Some((_, met)) = &mut self.met {
            *met = discovery;
        }
        Ok(discovery)
    }

    /// Who has signed the card's secure messaging key.
    pub(crate) fn content_signer(&mut self, piv: &mut Piv<'_>) -> Result<ContentSigner, Error> {
        let missing = ChannelError::Malformed("secure messaging certificate signer");
        let answer = piv.get_data(ContentSigner::OBJECT)?.ok_or(missing)?;
        ContentSigner::parse(ContentSigner::OBJECT.content(&answer)?.ok_or(missing)?)
    }

    /// How commands reach the card from now on. What another access has shown is not served under this one.
    pub(crate) fn set_access(&mut self, access: Access, barred: Option<ChannelError>) {
        self.barred = barred;
        self.login.over_the_air = access == Access::Vci;
        if std::mem::replace(&mut self.access, access) == access {
            return;
        }
        if let Some(state) = self.state.take() {
            self.met = Some((state.identity, state.discovery));
        }
        self.cache = TokenCache::default();
        self.looks = Looks::default();
        self.certificates.clear();
        self.refused.clear();
        self.stored.leave();
    }

    /// Why there is no secure messaging where there should be.
    pub(crate) fn barred(&self) -> Option<ChannelError> {
        self.barred
    }

    /// A PIN goes over contact, or through the virtual contact interface.
    pub(crate) fn demand_pin_path(&self) -> Result<(), Error> {
        match (self.barred, self.access) {
            (Some(why), _) => Err(why.into()),
            (None, Access::Unpaired) => Err(Error::PairingCodeNeeded),
            (None, Access::Plain) => Err(Error::Unsupported("a PIN over plain contactless")),
            (None, Access::Contact | Access::Vci) => Ok(()),
        }
    }

    /// Private keys are used where PINs go; 9E also over contactless, unless secure messaging was wanted and failed.
    pub(crate) fn demand_use(&self, key: KeyReference) -> Result<(), Error> {
        match self.barred {
            Some(why) => Err(why.into()),
            None if key == KeyReference::CARD_AUTHENTICATION => Ok(()),
            None => self.demand_pin_path(),
        }
    }

    /// Administration is for the contact interface.
    pub(crate) fn demand_contact(&self) -> Result<(), Error> {
        match self.access {
            Access::Contact => Ok(()),
            _ => Err(Error::Unsupported("this over contactless")),
        }
    }
}
