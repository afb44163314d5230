//! The pairing code of a card (SP 800-73-5 part 2, 4.3), and who has signed it: both are had from the card in a contact
//! reader, and make it work on a contactless one. Over contactless nothing here asks for a PIN.

use std::{fmt, sync::Arc};

use link::{LinkError, PairingCodes};
use piv::{Discovery, Environment, Identity, PairingCode, Pin, PinState, Token, channel::Suite, crescendo};

use crate::{Device, Error, authenticate::logged_in};

/// What a card has told in a contact reader.
pub struct Retrieved {
    /// Its pairing code. `None`: it has none, and asks for none.
    pub code: Option<PairingCode>,
    /// What became of its signer.
    pub signer: Signer,
}

/// What became of the signer of a card that was in a contact reader.
#[derive(Debug)]
pub enum Signer {
    /// It is known from now on: the card is believed on contactless readers.
    Learnt,
    /// The card offers no secure messaging, so there is nothing to learn.
    NotOffered,
    /// There is no place to keep it.
    NotKept,
    /// The card did not prove who it is.
    Failed(piv::Error),
}

/// What was forgotten of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Its pairing code. `false`: none was kept.
    pub code: bool,
    /// Who has signed it. `false`: that was not known, or not to be forgotten.
    pub signer: bool,
}

/// How a card is reached, and so what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// Contacts, USB.
    Contact,
    /// Contactless, and the card has no virtual contact interface.
    Plain,
    /// Contactless, and there should be secure messaging, but the card is not believed, or it failed.
    Closed,
    /// Contactless, with secure messaging; the card waits for its pairing code.
    Unpaired,
    /// Contactless, with secure messaging: as over contact.
    Vci,
}

/// What is known of a card and its pairing code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// How it is reached.
    pub interface: Interface,
    /// Why it is [`Interface::Closed`].
    pub problem: Option<String>,
    /// Its reader is contactless, whatever it is treated as.
    pub contactless: bool,
    /// It says that it has the virtual contact interface.
    pub vci: bool,
    /// The cipher suite of its secure messaging. `None`: it has none.
    pub suite: Option<Suite>,
    /// It says that it asks for a pairing code there.
    pub wants_code: bool,
    /// A code of it is kept for this login session. Whether it is the right one is found out when it is used.
    pub kept: bool,
    /// Who has signed it was learnt in a contact reader, or at first use.
    pub learnt: bool,
    /// Certificates are installed that vouch for cards. With those, one that they do not vouch for has to be learnt.
    pub anchors: bool,
    /// A card that nobody vouches for is believed when it is first seen.
    pub first_use: bool,
}

/// What a person does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Nothing,
    /// Nothing can be done: the card is for contact readers.
    StayWithContact,
    /// Retrieve the code, now that the card is in a contact reader.
    Retrieve,
    /// Have the card vouched for.
    Vouch,
    /// Give the card its code.
    GiveCode,
}

impl Device {
    /// What the card tells of its PIN: how many tries a wrong one has. Spends none.
    ///
    /// # Errors
    /// [`Error::Empty`] without a card, [`Error::Card`] when it is removed or is no PIV card.
    pub fn pin_state(&mut self) -> Result<PinState, Error> {
        self.with_token(|token| Ok(token.state()?.pin))
    }

    /// Whether the card tells its pairing code where it is now.
    ///
    /// # Errors
    /// [`Error::ContactNeeded`] on a contactless reader, and as [`Device::pin_state`].
    pub fn demand_contact(&mut self) -> Result<(), Error> {
        let is_contact = self.with_token(|token| {
            token.state()?;
            Ok(token.is_contact())
        })?;
        if is_contact { Ok(()) } else { Err(Error::ContactNeeded) }
    }

    /// The pairing code, for whoever knows the PIN; and learns who has signed the card. The card is logged in for it, and
    /// out again, unless this process or another had logged in before.
    ///
    /// # Errors
    /// [`Error::ContactNeeded`] on a contactless reader, [`Error::Card`] for a wrong PIN, [`Error::NoPairingCode`] if there
    /// was nothing to be had.
    pub fn retrieve_pairing_code(&mut self, pin: &Pin) -> Result<Retrieved, Error> {
        self.demand_contact()?;
        let environment = self.environment().clone();
        let retrieved = self.with_token(|token| logged_in(token, pin, |token| read(token, &environment)))?;
        match retrieved {
            Retrieved { code: None, signer: Signer::NotOffered } => Err(Error::NoPairingCode),
            retrieved => Ok(retrieved),
        }
    }

    /// Keeps a code that the card itself has told, for as long as the person is logged in to this machine.
    ///
    /// # Errors
    /// [`Error::NotKept`], [`Error::NoGuid`], and as [`Device::pin_state`].
    pub fn keep_pairing_code(&mut self, code: &PairingCode) -> Result<(), Error> {
        let guid = self.guid()?;
        self.keep(guid, code)
    }

    /// Keeps a code that a person has entered. On a contactless reader the card is asked whether it is right (`true`), even
    /// if another is kept; in a contact reader it cannot be asked.
    ///
    /// # Errors
    /// [`Error::Card`] for a wrong code, or a card that nobody vouches for; [`Error::NoPairingCode`], [`Error::NoVci`]; and
    /// as [`Device::keep_pairing_code`].
    pub fn set_pairing_code(&mut self, code: &PairingCode) -> Result<bool, Error> {
        let (guid, interface, wants_code) = self.with_token_in(&self.unasked(), |token| {
            let state = token.state()?;
            let guid = state.identity.as_ref().and_then(Identity::guid);
            let wants_code = state.discovery.as_ref().is_some_and(Discovery::wants_pairing_code);
            let interface = interface(token);
            if matches!(interface, Interface::Closed | Interface::Unpaired) {
                token.pair(code)?;
            }
            Ok((guid, interface, wants_code))
        })?;
        match interface {
            Interface::Plain => return Err(Error::NoVci),
            _ if !wants_code => return Err(Error::NoPairingCode),
            _ => self.keep(guid, code)?,
        }
        Ok(interface != Interface::Contact)
    }

    /// Forgets the pairing code of the card, and who has signed it too if `signer` says so. A program that uses the card at
    /// this moment goes on doing so.
    ///
    /// # Errors
    /// [`Error::NoGuid`], and as [`Device::pin_state`].
    pub fn forget_pairing_code(&mut self, signer: bool) -> Result<Forgotten, Error> {
        let guid = self.with_token_in(&self.unasked(), |token| {
            Ok(token.state()?.identity.as_ref().and_then(Identity::guid))
        })?;
        let card = guid.map(name).ok_or(Error::NoGuid)?;
        let Environment { codes, signers, .. } = self.environment();
        let was_known = signer && signers.load(&card).is_some();
        if signer {
            // A record that cannot be read goes too: it is one to refuse.
            signers.remove(&card);
        }
        let code = codes.remove(&card);
        Ok(Forgotten { code, signer: was_known && signers.load(&card).is_none() })
    }

    /// What is known of the card and its pairing code. Sends neither a PIN nor a code; on a contactless reader it finds out
    /// whether the card is believed.
    ///
    /// # Errors
    /// As [`Device::pin_state`].
    pub fn pairing(&mut self) -> Result<Pairing, Error> {
        let environment = self.environment().clone();
        self.with_token_in(&self.unasked(), |token| {
            let state = token.state()?;
            let card = state.identity.as_ref().and_then(Identity::guid).map(name);
            let discovery = state.discovery;
            let suite = token.suite()?;
            Ok(Pairing {
                interface: interface(token),
                problem: token.barred().map(|why| why.to_string()),
                contactless: crescendo::is_contactless(token.atr()),
                vci: discovery.is_some_and(|discovery| discovery.vci()),
                suite,
                wants_code: discovery.as_ref().is_some_and(Discovery::wants_pairing_code),
                kept: card.as_ref().is_some_and(|card| is_kept(&*environment.codes, card)),
                learnt: card.as_ref().is_some_and(|card| environment.signers.load(card).is_some()),
                anchors: !environment.messaging.anchors.is_empty(),
                first_use: environment.messaging.first_use,
            })
        })
    }

    fn keep(&self, guid: Option<[u8; 16]>, code: &PairingCode) -> Result<(), Error> {
        let card = guid.map(name).ok_or(Error::NoGuid)?;
        self.environment().codes.save(&card, code.digits()).map_err(Error::NotKept)
    }

    /// The usual environment, but that no code is sent unasked.
    fn unasked(&self) -> Environment {
        Environment { codes: Arc::new(Unasked), ..self.environment().clone() }
    }
}

impl Pairing {
    /// What a person does next, so that the card works on contactless readers.
    #[must_use]
    pub fn next(&self) -> Next {
        let is_vouched_for = self.learnt || self.anchors || self.first_use;
        match self.interface {
            Interface::Vci => Next::Nothing,
            Interface::Plain => Next::StayWithContact,
            Interface::Closed => Next::Vouch,
            Interface::Unpaired if self.kept => Next::Nothing,
            Interface::Unpaired => Next::GiveCode,
            Interface::Contact if !self.vci => Next::StayWithContact,
            Interface::Contact if !is_vouched_for || self.wants_code && !self.kept => Next::Retrieve,
            Interface::Contact => Next::Nothing,
        }
    }
}

fn read(token: &mut Token, environment: &Environment) -> Result<Retrieved, piv::Error> {
    let code = match token.retrieve_pairing_code() {
        Ok(code) => Some(code),
        Err(piv::Error::NotFound) => None,
        Err(error) => return Err(error),
    };
    let guid = token.state()?.identity.as_ref().and_then(Identity::guid);
    let is_kept = || guid.is_some_and(|guid| environment.signers.load(&name(guid)).is_some());
    let signer = match token.learn_signer() {
        Ok(false) => Signer::NotOffered,
        Ok(true) if is_kept() => Signer::Learnt,
        Ok(true) => Signer::NotKept,
        Err(error) => Signer::Failed(error),
    };
    Ok(Retrieved { code, signer })
}

fn interface(token: &Token) -> Interface {
    if token.is_contact() {
        Interface::Contact
    } else if token.has_vci() {
        Interface::Vci
    } else if token.needs_pairing_code() {
        Interface::Unpaired
    } else if token.takes_pin() {
        Interface::Closed
    } else {
        Interface::Plain
    }
}

fn is_kept(codes: &dyn PairingCodes, card: &str) -> bool {
    let mut is_kept = false;
    codes.load(card, &mut |_| is_kept = true);
    is_kept
}

/// How a card is called where things are kept of it.
fn name(guid: [u8; 16]) -> String {
    format!("{:032X}", u128::from_be_bytes(guid))
}

/// Knows no code, and keeps none.
struct Unasked;

impl PairingCodes for Unasked {
    fn load(&self, _: &str, _: &mut dyn FnMut(&[u8; 8])) {}

    fn save(&self, _: &str, _: &[u8; 8]) -> Result<(), LinkError> {
        Ok(())
    }

    fn remove(&self, _: &str) -> bool {
        false
    }
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing: the card works on contactless readers",
            Self::StayWithContact => {
                "use a contact reader: the card has no virtual contact interface, and takes no PIN without contacts"
            }
            Self::Retrieve => "run \"crescendo pairing retrieve --cache\"",
            Self::Vouch => {
                "put the card into a contact reader and run \"crescendo pairing retrieve --cache\", or install the \
                 certificate of its issuer"
            }
            Self::GiveCode => {
                "run \"crescendo pairing set\", or put the card into a contact reader and run \"crescendo pairing \
                 retrieve --cache\""
            }
        })
    }
}
