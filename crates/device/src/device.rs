//! One device: a reader, the card in it, and what is known of it.

use std::sync::Arc;

use link::{Card, LinkError, Reader, Readers};
use piv::{Environment, Family, Token, crescendo};

use crate::{Candidate, Error};

/// What the actions need of a machine.
#[derive(Clone)]
pub(crate) struct Seams {
    pub(crate) readers: Arc<dyn Readers>,
    pub(crate) environment: Environment,
}

/// A reader and what is in it.
pub struct Device {
    seams: Seams,
    reader: String,
    atr: Option<Vec<u8>>,
    state: State,
    id: Option<String>,
    label: Option<String>,
    token: Option<Token>,
}

/// What is in a reader, as far as is known.
#[derive(Debug)]
pub enum State {
    /// No card, or none that answers.
    Empty,
    /// A card, and nothing has been read from it yet.
    Unread,
    /// A Crescendo with an identity.
    Recognised,
    /// A Crescendo without one, as it is delivered: it has to be personalized first.
    Factory,
    /// A PIV card of another make.
    OtherPiv,
    /// A card without the PIV application.
    NotPiv,
    /// A card that could not be read, this time.
    Unreadable(piv::Error),
}

impl Device {
    pub(crate) fn new(seams: Seams, reader: Reader) -> Self {
        let state = if reader.atr.is_some() { State::Unread } else { State::Empty };
        let Reader { name, atr, .. } = reader;
        Self { seams, reader: name, atr, state, id: None, label: None, token: None }
    }

    /// What a person calls it: known before anything was read.
    #[must_use]
    pub fn name(&self) -> String {
        match self.atr().and_then(crescendo::family_text) {
            Some(family) => format!("Crescendo {family}"),
            None => without_numbers(&self.reader).to_owned(),
        }
    }

    /// The reader it is in.
    #[must_use]
    pub fn reader(&self) -> &str {
        &self.reader
    }

    /// The answer to reset of the card, if there is one in the reader.
    #[must_use]
    pub fn atr(&self) -> Option<&[u8]> {
        self.atr.as_deref()
    }

    /// What is known so far; [`Device::load`] finds out.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The device ID: the serial number of the token. Known once loaded.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whose it is, as its first certificate tells. Known once loaded.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Reads what tells the device ID and the state. What has been read is not asked for again.
    pub fn load(&mut self) -> &State {
        if matches!(self.state, State::Unread | State::Unreadable(_)) {
            self.state = match self.with_token(judge) {
                Ok(state) => state,
                Err(Error::Card(piv::Error::NotPiv)) => State::NotPiv,
                Err(Error::Card(error)) => State::Unreadable(error),
                Err(_) => State::Empty,
            };
        }
        &self.state
    }

    /// Works with the token, its state read. A connection does not outlive its card: after a removal the next use makes
    /// a new one.
    pub(crate) fn with_token<T>(
        &mut self,
        work: impl FnOnce(&mut Token) -> Result<T, piv::Error>,
    ) -> Result<T, Error> {
        let mut token = match self.token.take() {
            Some(token) => token,
            None => self.open(&self.seams.environment)?,
        };
        let state = token.state()?;
        self.id = state.identity.as_ref().and_then(piv::Identity::serial);
        self.label = state.label.clone();
        let result = work(&mut token);
        match &result {
            Err(error) if error.is_removal() => self.state = State::Unread,
            _ => self.token = Some(token),
        }
        Ok(result?)
    }

    /// The same over a connection of its own, in another environment than the usual one.
    pub(crate) fn with_token_in<T>(
        &mut self,
        environment: &Environment,
        work: impl FnOnce(&mut Token) -> Result<T, piv::Error>,
    ) -> Result<T, Error> {
        self.token = Some(self.open(environment)?);
        let result = self.with_token(work);
        self.token = None;
        result
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.seams.environment
    }

    fn open(&self, environment: &Environment) -> Result<Token, Error> {
        Ok(Token::open(self.connect()?, environment))
    }

    /// A connection of its own to the card.
    pub(crate) fn connect(&self) -> Result<Box<dyn Card>, Error> {
        let Some(atr) = &self.atr else {
            return Err(Error::Empty { reader: self.reader.clone() });
        };
        let card = self.seams.readers.connect(&self.reader).map_err(piv::Error::Link)?;
        if card.atr() != atr {
            return Err(piv::Error::Link(LinkError::Removed).into());
        }
        Ok(card)
    }

    pub(crate) fn candidate(&self) -> Candidate {
        Candidate { name: self.name(), id: self.id.clone(), reader: self.reader.clone() }
    }
}

fn judge(token: &mut Token) -> Result<State, piv::Error> {
    let family = token.family();
    let identity = token.state()?.identity.as_ref().and_then(piv::Identity::serial);
    Ok(match (family, identity) {
        (Family::Standard, _) => State::OtherPiv,
        (_, Some(_)) => State::Recognised,
        (_, None) => State::Factory,
    })
}

/// A reader's name as PC/SC gives it, without the numbers of reader and slot at its end (` 00 00`).
fn without_numbers(reader: &str) -> &str {
    let mut name = reader;
    for _ in 0..2 {
        match name.rsplit_once(' ') {
            Some((rest, end)) if end.len() == 2 && end.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                name = rest
            }
            _ => break,
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_readers() {
        assert_eq!(without_numbers("Yubico YubiKey OTP+FIDO+CCID 00 00"), "Yubico YubiKey OTP+FIDO+CCID");
        assert_eq!(without_numbers("Virtual PCD 00 0A"), "Virtual PCD");
        assert_eq!(without_numbers("Reader X"), "Reader X");
        assert_eq!(without_numbers("00"), "00");
    }
}
