//! One device: a reader, the card in it, and what is known of it; the key that this card is a part of; or a key without one.

use std::sync::Arc;

use link::{Card, HidDevices, LinkError, Reader, Readers};
use piv::{Environment, Family, PinState, Token, crescendo, crescendo::ChipId};

use crate::{
    Candidate, Error, KeySide,
    identity::{Remembered, hex},
    key_side,
    offers::{Kind, Standing},
};

/// What the actions need of a machine.
#[derive(Clone)]
pub(crate) struct Seams {
    pub(crate) readers: Arc<dyn Readers>,
    pub(crate) keys: Option<Arc<dyn HidDevices>>,
    pub(crate) environment: Environment,
}

/// A reader and what is in it, a security key, or both where they are one thing.
pub struct Device {
    seams: Seams,
    /// `None`: there is only the key side.
    reader: Option<Reader>,
    state: State,
    known: Known,
    chip: Chip,
    key: Option<KeySide>,
    token: Option<Token>,
    /// What writes and is unconfirmed may be sent, over whichever connection.
    pub(crate) unconfirmed: bool,
}

/// What was last read of a card.
#[derive(Default)]
struct Known {
    guid: Option<[u8; 16]>,
    serial: Option<String>,
    label: Option<String>,
    id: Option<String>,
    channel: Option<u32>,
    /// What the card last told of its PIN; `None` until it was read.
    pin: Option<PinState>,
    contact: bool,
    takes_pin: bool,
    wants_code: bool,
    managed: bool,
}

/// Whether the number printed on the card is known.
#[derive(Default)]
enum Chip {
    #[default]
    Unasked,
    Known(ChipId),
    /// The card does not tell.
    Silent,
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
    /// A security key that is no card, or does not tell which reader is its own.
    Key,
}

impl Device {
    pub(crate) fn new(seams: Seams, reader: Reader) -> Self {
        let state = if reader.atr.is_some() { State::Unread } else { State::Empty };
        let (known, chip) = (Known::default(), Chip::default());
        Self { seams, reader: Some(reader), state, known, chip, key: None, token: None, unconfirmed: false }
    }

    /// A device with a key side alone.
    pub(crate) fn of_key(seams: Seams, key: KeySide) -> Self {
        let (known, chip) = (Known::default(), Chip::default());
        Self {
            seams,
            reader: None,
            state: State::Unread,
            known,
            chip,
            key: Some(key),
            token: None,
            unconfirmed: false,
        }
    }

    /// What a person calls it: known before anything was read.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.atr().and_then(crescendo::family_text), &self.key, &self.reader) {
            (Some(family), _, _) => format!("Crescendo {family}"),
            (None, Some(key), _) => key.name(),
            (None, None, Some(reader)) => without_numbers(&reader.name).to_owned(),
            (None, None, None) => String::new(),
        }
    }

    /// Its name, and its device ID where that is known: for whoever is asked about this very device.
    #[must_use]
    pub fn title(&self) -> String {
        match self.id() {
            Some(id) => format!("{} (ID {id})", self.name()),
            None => self.name(),
        }
    }

    /// The reader it is in; of a key without a card side, where the system has it.
    #[must_use]
    pub fn reader(&self) -> &str {
        match (&self.reader, &self.key) {
            (Some(reader), _) => &reader.name,
            (None, Some(key)) => &key.device.path,
            (None, None) => "",
        }
    }

    /// Its reader and what is in that, as they were listed.
    #[must_use]
    pub fn stay(&self) -> Option<&Reader> {
        self.reader.as_ref()
    }

    /// Whether there is a reader to it, be it empty.
    #[must_use]
    pub fn has_card_side(&self) -> bool {
        self.reader.is_some()
    }

    /// The key side, where there is one and it is known to belong to this device.
    #[must_use]
    pub fn key_side(&self) -> Option<&KeySide> {
        self.key.as_ref()
    }

    /// The answer to reset of the card, if there is one in the reader.
    #[must_use]
    pub fn atr(&self) -> Option<&[u8]> {
        self.reader.as_ref()?.atr.as_deref()
    }

    /// What is known so far; [`Device::load`] finds out.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The device ID: the number printed on a Crescendo if it is known (20 digits), else the card UUID (32 hexadecimal
    /// digits); the serial number of a key without a card side. Known once loaded.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.known.id.as_deref()
    }

    /// The serial number of the token, as PKCS#11 shows it: 16 hexadecimal digits of the card UUID. Known once loaded.
    #[must_use]
    pub fn serial(&self) -> Option<&str> {
        self.known.serial.as_deref()
    }

    /// Whose it is, as its first certificate tells. Known once loaded.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.known.label.as_deref()
    }

    /// Where it is plugged in: bus (upper byte) and address (lower byte) of the USB device. Of a reader known once loaded.
    #[must_use]
    pub fn channel(&self) -> Option<u32> {
        self.known.channel.or(self.key.as_ref().and_then(|key| key.device.channel))
    }

    /// What the card told of its PIN when it was last read. Nothing is sent.
    #[must_use]
    pub fn seen_pin(&self) -> Option<PinState> {
        self.known.pin
    }

    /// Whether it lies on a contactless reader.
    #[must_use]
    pub fn is_contactless(&self) -> bool {
        self.atr().is_some_and(crescendo::is_contactless)
    }

    /// Whether the card is spoken to through its virtual contact interface. Known once loaded.
    #[must_use]
    pub fn has_vci(&self) -> bool {
        self.known.pin.is_some() && !self.known.contact && self.known.takes_pin && self.is_contactless()
    }

    /// Whether a card of this state may be asked for what PIV tells.
    #[must_use]
    pub fn is_piv(&self) -> bool {
        matches!(self.state, State::Recognised | State::Factory | State::OtherPiv)
    }

    /// Reads what tells the device ID and the state. What has been read is not asked for again.
    pub fn load(&mut self) -> &State {
        self.load_key_side();
        if self.reader.is_none() {
            self.state = State::Key;
        } else if matches!(self.state, State::Unread | State::Unreadable(_)) {
            self.state = match self.with_token(judge) {
                Ok(state) => state,
                Err(Error::Card(piv::Error::NotPiv)) => State::NotPiv,
                Err(Error::Card(error)) => State::Unreadable(error),
                Err(_) => State::Empty,
            };
        }
        &self.state
    }

    /// Reads all of it once more: another program, or the last action, may have changed it.
    pub fn reload(&mut self) -> &State {
        self.let_go();
        (self.known, self.chip) = (Known::default(), Chip::default());
        if let Some(key) = &mut self.key {
            key.firmware = None;
        }
        self.state = if self.atr().is_some() || self.reader.is_none() { State::Unread } else { State::Empty };
        self.load()
    }

    /// The same before something that is about this very card.
    ///
    /// # Errors
    /// Of the link, where another card has taken its place.
    pub(crate) fn refresh(&mut self) -> Result<(), Error> {
        let known = self.known.guid;
        self.reload();
        match (known, self.known.guid) {
            (Some(known), Some(found)) if known != found => {
                // It stays so until somebody wants to know what is there now.
                self.known.guid = Some(known);
                Err(piv::Error::Link(LinkError::Removed).into())
            }
            _ => Ok(()),
        }
    }

    /// Ends the connection to the card: a program that stays connected keeps others from logging out when they leave. What
    /// was authenticated over it is over, as by [`Device::end_authentication`]; else the card is left as it is. What is known
    /// stays, and the next use connects again.
    pub fn let_go(&mut self) {
        if let Some(mut token) = self.token.take() {
            // A card that does not answer any more has lost its login, too.
            let _ = token.leave();
        }
    }

    fn load_key_side(&mut self) {
        if let (Some(key), Some(keys)) = (&mut self.key, &self.seams.keys) {
            key.load(&**keys, &*self.seams.environment.clock);
            if self.reader.is_none() {
                self.known.id = key.id();
            }
        }
    }

    /// Looks for the key side of the card that was loaded, and asks it what it is.
    pub fn find_key_side(&mut self) {
        if let (None, Some(keys)) = (&self.key, &self.seams.keys) {
            self.key = key_side::at(self.known.channel, keys);
        }
        self.load_key_side();
    }

    pub(crate) fn take_key_side(&mut self) -> Option<KeySide> {
        self.key.take()
    }

    pub(crate) fn set_key_side(&mut self, key: KeySide) {
        self.key = Some(key);
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
        token.permit_unconfirmed(self.unconfirmed);
        if let Err(error) = self.take_up(&mut token) {
            if !matches!(&error, Error::Card(why) if why.is_removal()) {
                // A login over it can still be ended.
                self.token = Some(token);
            }
            return Err(error);
        }
        let result = work(&mut token);
        self.known.pin = token.seen_pin().or(self.known.pin);
        match &result {
            Err(piv::Error::Managed) => {
                self.note_managed();
                self.token = Some(token);
            }
            Err(error) if error.is_removal() => (self.state, self.chip) = (State::Unread, Chip::Unasked),
            _ => self.token = Some(token),
        }
        Ok(result?)
    }

    /// What the card tells of itself, and the number printed on it: that is asked for once. Another card than the one that was
    /// there is none of this device: what a person has agreed to was about that one, and so was the PIN.
    fn take_up(&mut self, token: &mut Token) -> Result<(), Error> {
        let state = token.state()?;
        let identity = state.identity.as_ref();
        let guid = identity.and_then(piv::Identity::guid);
        if let (Some(known), Some(found)) = (self.known.guid, guid)
            && known != found
        {
            return Err(piv::Error::Link(LinkError::Removed).into());
        }
        self.known.guid = guid;
        self.known.serial = identity.and_then(piv::Identity::serial);
        self.known.label = state.label.clone();
        self.known.pin = Some(state.pin);
        self.known.wants_code = state.discovery.as_ref().is_some_and(piv::Discovery::wants_pairing_code);
        self.known.channel = token.reader_channel();
        (self.known.contact, self.known.takes_pin) = (token.is_contact(), token.takes_pin());
        let guid = self.known.guid.filter(|_| token.is_contact() || token.has_vci());
        let chip = self.chip_id(token, guid);
        self.known.id = chip.map(|chip| chip.to_string()).or(self.known.guid.as_ref().map(hex));
        Ok(())
    }

    /// The right PIN gave no right to administer it: that is remembered until what is kept of the card is cleared.
    fn note_managed(&mut self) {
        self.known.managed = true;
        if let Some(guid) = self.known.guid {
            let store = &*self.seams.environment.store;
            Remembered { managed: true, ..Remembered::load(store, &guid) }.save(store, &guid);
        }
    }

    /// What decides what can be done with it, as far as the card was read.
    pub(crate) fn standing(&self) -> Standing {
        let Known { pin, contact, takes_pin, wants_code, managed, .. } = self.known;
        let atr = self.atr().unwrap_or_default();
        Standing {
            kind: Kind::of(&self.state),
            family: Family::of(atr),
            is_key: crescendo::family_text(atr).is_some_and(|text| text.ends_with("KEY")),
            pin: pin.unwrap_or(PinState::Absent),
            contact,
            takes_pin,
            wants_code,
            managed,
            blank: self.known.id.is_none() && self.known.serial.is_none() && self.known.label.is_none(),
            updatable: self.key.as_ref().map(KeySide::is_updatable),
        }
    }

    /// The number of the chip, as it is known, remembered, or told now. What is remembered of a GUID counts where that
    /// cannot be copied from the air.
    fn chip_id(&mut self, token: &mut Token, guid: Option<[u8; 16]>) -> Option<ChipId> {
        if matches!(self.chip, Chip::Unasked) {
            let store = &*self.seams.environment.store;
            let remembered = guid.map(|guid| Remembered::load(store, &guid)).unwrap_or_default();
            self.known.managed = remembered.managed;
            self.chip = match remembered.chip {
                Some(chip) => Chip::Known(chip),
                None => ask_chip(token),
            };
            if let (Chip::Known(chip), Some(guid)) = (&self.chip, guid)
                && remembered.chip.is_none()
            {
                Remembered { chip: Some(*chip), ..remembered }.save(store, &guid);
            }
        }
        if let Chip::Known(chip) = self.chip { Some(chip) } else { None }
    }

    /// The same over a connection of its own, in another environment than the usual one.
    pub(crate) fn with_token_in<T>(
        &mut self,
        environment: &Environment,
        work: impl FnOnce(&mut Token) -> Result<T, piv::Error>,
    ) -> Result<T, Error> {
        let other = self.open(environment)?;
        let usual = self.token.replace(other);
        let result = self.with_token(work);
        let is_gone = matches!(&result, Err(Error::Card(error)) if error.is_removal());
        // What was authenticated over it stays.
        self.token = usual.filter(|_| !is_gone);
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
        let Some(atr) = self.atr() else {
            return Err(Error::Empty { reader: self.reader().to_owned() });
        };
        let card = self.seams.readers.connect(self.reader()).map_err(piv::Error::Link)?;
        if card.atr() != atr {
            return Err(piv::Error::Link(LinkError::Removed).into());
        }
        Ok(card)
    }

    /// Whether what writes and is unconfirmed may be sent.
    #[must_use]
    pub fn permits_unconfirmed(&self) -> bool {
        self.unconfirmed
    }

    pub(crate) fn candidate(&self) -> Candidate {
        let id = self.id().map(str::to_owned);
        Candidate { name: self.name(), id, reader: self.reader().to_owned() }
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

/// Asks a Crescendo for the number of its chip, if nobody is logged in; other cards are not asked.
fn ask_chip(token: &mut Token) -> Chip {
    if token.family() == Family::Standard {
        return Chip::Silent;
    }
    match token.aside(crescendo::read_chip_id) {
        Ok(Some(Some(chip))) => Chip::Known(chip),
        // Or somebody is logged in: another time.
        Ok(Some(None) | None) | Err(_) => Chip::Silent,
    }
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
