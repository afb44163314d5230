//! The pairing code, and who has signed the card: what it takes to be known over contactless.

use super::{Start, Token};
use crate::{ChannelError, Error, ObjectId, PairingCode, channel::Suite, messaging::Access};

/// Pairing Code Reference Data Container (SP 800-73-5 part 1, 3.3.9): readable over contact, after the PIN.
const PAIRING_CODE: ObjectId = ObjectId::from_tag(0x5F_C123);

impl Token {
    /// Whether the card sits on a contactless reader and waits for its pairing code. Known after [`Token::state`].
    #[must_use]
    pub fn needs_pairing_code(&self) -> bool {
        self.known.access() == Access::Unpaired
    }

    /// Whether there is a way for a PIN to this card, or should be one: over contactless without a virtual contact interface
    /// there is none.
    #[must_use]
    pub fn takes_pin(&self) -> bool {
        self.known.access() != Access::Plain || self.barred().is_some()
    }

    /// Why there is no secure messaging with a card that should have it. Known after [`Token::state`].
    #[must_use]
    pub fn barred(&self) -> Option<ChannelError> {
        self.known.barred()
    }

    /// Whether the card is spoken to through its virtual contact interface. Known after [`Token::state`].
    #[must_use]
    pub fn has_vci(&self) -> bool {
        self.known.access() == Access::Vci
    }

    /// The cipher suite of the card's secure messaging, in use or announced by SELECT. `None`: it has none.
    ///
    /// # Errors
    /// As [`Token::state`].
    pub fn suite(&mut self) -> Result<Option<Suite>, Error> {
        self.state()?;
        match self.messaging.suite() {
            Some(suite) => Ok(Some(suite)),
            None => self.with_piv(Start::Select, |_, piv| Ok(Suite::announced(piv.template()))),
        }
    }

    /// Whether there is the contact interface.
    #[must_use]
    pub fn is_contact(&self) -> bool {
        self.known.access() == Access::Contact
    }

    /// Gives the card the pairing code that a person entered, and keeps it for the login session if it was right. Nothing is
    /// sent to a card that does not wait for one.
    ///
    /// # Errors
    /// [`Error::WrongPairingCode`]; there is no retry counter. [`Error::Channel`] for a card that nobody vouches for: it gets
    /// no code.
    pub fn pair(&mut self, code: &PairingCode) -> Result<(), Error> {
        self.messaging.try_again();
        self.state()?;
        if self.messaging.is_due() {
            self.confirm()?;
        }
        if !self.needs_pairing_code() {
            return self.known.demand_pin_path();
        }
        self.with_piv(Start::Assume, |known, piv| {
            if known.access() == Access::Unpaired {
                piv.verify_pairing_code(code)?;
                known.set_access(Access::Vci, None);
            }
            known.demand_pin_path()
        })?;
        let identity = self.state()?.identity.clone();
        self.messaging.keep_code(identity.as_ref(), code);
        Ok(())
    }

    /// The pairing code, as the card tells it over contact to whoever has entered the PIN.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`]; [`Error::NotFound`] on a card that has none; [`Error::Unsupported`] over contactless.
    pub fn retrieve_pairing_code(&mut self) -> Result<PairingCode, Error> {
        self.state()?;
        self.known.demand_contact()?;
        let content = self.object(PAIRING_CODE)?.ok_or(Error::NotFound)?;
        PairingCode::parse(&content)
    }

    /// Learns over contact who has signed this card, so that it is believed over contactless later. `false`: the card offers
    /// no secure messaging, so there is nothing to learn.
    ///
    /// # Errors
    /// [`Error::Unsupported`] over contactless; of key establishment.
    pub fn learn_signer(&mut self) -> Result<bool, Error> {
        self.state()?;
        self.known.demand_contact()?;
        let Self { card, known, messaging, selected, .. } = self;
        let mut transaction = card.begin()?;
        *selected = false;
        let learnt = messaging.learn_over_contact(&mut *transaction.link, known);
        drop(transaction);
        if let Some(trace) = messaging.take_trace() {
            trace.emit();
        }
        learnt
    }
}
