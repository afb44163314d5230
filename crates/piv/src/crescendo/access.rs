//! The access control application of a Crescendo (ACA): the one PIN of the card, its properties, the administration key, and
//! what only that opens. HID's low-level API pages (verify-pin, change-pin, unlock-pin, get-pin-properties,
//! external-auth-xauth, put-xauth-key, reset-card); SET PIN PROPERTIES from HID's published demonstration.
//!
//! What is proved here holds for the whole card, whatever is selected next, until the card is reset. So the card is reset
//! when the transaction ends in which something was proved.

use zeroize::Zeroizing;

use super::CardCommand;
use crate::{
    Challenge, Cryptogram, Error, Family, Pin, PinPolicy, PinState, StatusWord, XauthKey, apdu::Command,
    piv::Piv,
};

const AID: [u8; 7] = [0xA0, 0x00, 0x00, 0x00, 0x79, 0x10, 0x00];

const VERIFY: u8 = 0x20;
const CHANGE_PIN: u8 = 0x24;
const SET_PIN_PROPERTIES: u8 = 0x26;
const UNLOCK_PIN: u8 = 0x2C;
const RESET_CARD: u8 = 0x38;
const GET_PIN_PROPERTIES: u8 = 0x56;
const EXTERNAL_AUTHENTICATE: u8 = 0x82;
const GET_CHALLENGE: u8 = 0x84;
const PUT_XAUTH_KEY: u8 = 0xD8;

/// The number of the administration key; there is one.
const KEY: u8 = 0x01;
/// The flag of a PIN of digits alone; any other value lets all bytes be.
const NUMERIC: u8 = 0xA5;

/// The access control application, selected. PIV has to be selected again before it is used.
pub struct Aca<'p, 't> {
    piv: &'p mut Piv<'t>,
    /// EXTERNAL AUTHENTICATE has succeeded: UNLOCK PIN without it would cost one of its tries.
    authenticated: bool,
}

impl<'p, 't> Aca<'p, 't> {
    /// Selects the application. That ends the PIV login on the card, of whatever program.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on a card that is no Crescendo: nothing is sent to it.
    pub fn select(piv: &'p mut Piv<'t>) -> Result<Self, Error> {
        const WHAT: &str = "administration by an access control application, on this token,";
        if piv.family() == Family::Standard {
            return Err(Error::Unsupported(WHAT));
        }
        match piv.select_other(&AID)? {
            Some(_) => Ok(Self { piv, authenticated: false }),
            None => Err(Error::Unsupported(WHAT)),
        }
    }

    /// From here on nothing is done again because the card was reset in between.
    pub(crate) fn commit(&mut self) {
        self.piv.commit();
    }

    /// What is known of the PIN, at no cost.
    ///
    /// # Errors
    /// [`Error::Refused`] for an answer that tells nothing.
    pub fn pin_state(&mut self) -> Result<PinState, Error> {
        let status = self.send(Command::new(VERIFY, 0x00, 0x00))?;
        match (status, status.retries()) {
            (StatusWord::OK, _) => Ok(PinState::Verified),
            (_, Some(0)) => Ok(PinState::Blocked),
            (_, Some(tries)) => Ok(PinState::Tries(tries)),
            _ => Err(Error::refused("VERIFY PIN", status)),
        }
    }

    /// VERIFY PIN: from here on the card may be administered, in every application of it.
    ///
    /// # Errors
    /// [`Error::WrongPin`], [`Error::Blocked`].
    pub fn verify(&mut self, pin: &Pin) -> Result<(), Error> {
        self.reset_afterwards()?;
        let status =
            self.send(Command::new(VERIFY, 0x00, 0x00).data(Zeroizing::new(pin.bytes().to_vec())))?;
        pin_result("VERIFY PIN", status)
    }

    /// CHANGE PIN.
    ///
    /// # Errors
    /// As [`Aca::verify`] for the old one; [`Error::Refused`] with 6A80 for a new one that the card does not take.
    pub fn change(&mut self, old: &Pin, new: &Pin, unconfirmed: bool) -> Result<(), Error> {
        self.permit(CardCommand::ChangePin, unconfirmed)?;
        self.reset_afterwards()?;
        let pins = Zeroizing::new([old.bytes().as_slice(), new.bytes()].concat());
        let status = self.send(Command::new(CHANGE_PIN, 0x01, 0x00).data(pins))?;
        pin_result("CHANGE PIN", status)
    }

    /// GET PIN PROPERTIES. `None`: this card does not tell.
    ///
    /// # Errors
    /// Of the link.
    pub fn properties(&mut self) -> Result<Option<PinPolicy>, Error> {
        let command = Command::new(GET_PIN_PROPERTIES, 0x02, 0x00).data(Zeroizing::new(vec![0x31]));
        let answer = self.piv.exchange(command)?;
        Ok((answer.status == StatusWord::OK).then(|| policy(&answer.data)).flatten())
    }

    /// SET PIN PROPERTIES, after [`Aca::verify`]. A maximum below the length of the PIN at hand has no known effect: the PIN is
    /// changed first.
    ///
    /// # Errors
    /// [`Error::Refused`]: 6A80 for lengths outside 4 to 8.
    pub fn set_properties(&mut self, policy: &PinPolicy, unconfirmed: bool) -> Result<(), Error> {
        self.permit(CardCommand::SetPinProperties, unconfirmed)?;
        let flag = if policy.digits { NUMERIC } else { 0x00 };
        let properties = vec![0x01, policy.min, policy.max, 0x00, 0x00, flag];
        let command = Command::new(SET_PIN_PROPERTIES, 0x08, 0x00).data(Zeroizing::new(properties));
        self.piv.commit();
        done("SET PIN PROPERTIES", self.send(command)?)
    }

    /// GET CHALLENGE. It dies with any other command, so the card is held until it was answered.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Malformed`] for another length than 8 or 16.
    pub fn challenge(&mut self) -> Result<Challenge, Error> {
        let ask = |p2| Command::new(GET_CHALLENGE, 0x00, p2).expect(0);
        let mut answer = self.piv.exchange(ask(0x01))?;
        if answer.status == StatusWord(0x6A86) {
            answer = self.piv.exchange(ask(0x00))?;
        }
        done("GET CHALLENGE", answer.status)?;
        Challenge::new(&answer.data).ok_or(Error::Malformed("challenge"))
    }

    /// EXTERNAL AUTHENTICATE: the answer to the challenge just got. From here on the card may be administered.
    ///
    /// # Errors
    /// [`Error::WrongKey`]; [`Error::NoAdministrationKey`]; [`Error::ChallengeLost`].
    pub fn authenticate(&mut self, answer: &Cryptogram) -> Result<(), Error> {
        self.reset_afterwards()?;
        let data = Zeroizing::new(answer.bytes().to_vec());
        let status = self.send(Command::new(EXTERNAL_AUTHENTICATE, 0x00, KEY).data(data))?;
        match status {
            StatusWord::OK => {
                self.authenticated = true;
                Ok(())
            }
            StatusWord(0x6300) => Err(Error::WrongKey),
            StatusWord::WRONG_LENGTH => Err(Error::KeyKind),
            StatusWord::REFERENCE_NOT_FOUND => Err(Error::NoAdministrationKey),
            StatusWord(0x6985) => Err(Error::ChallengeLost),
            _ => Err(Error::refused("EXTERNAL AUTHENTICATE", status)),
        }
    }

    /// UNLOCK PIN: a new PIN, and its tries start afresh. Nothing is sent before [`Aca::authenticate`], because that would
    /// cost one of the tries of this command.
    ///
    /// # Errors
    /// [`Error::UnlockLost`] with what is left if the card does not believe it all the same; [`Error::UnlockSpent`];
    /// [`Error::Refused`] with 6A80 for a PIN the card does not take.
    pub fn unlock(&mut self, new: &Pin, unconfirmed: bool) -> Result<(), Error> {
        self.permit(CardCommand::UnlockPin, unconfirmed)?;
        if !self.authenticated {
            return Err(Error::NotLoggedIn);
        }
        let command = Command::new(UNLOCK_PIN, 0x02, 0x00).data(Zeroizing::new(new.bytes().to_vec()));
        let status = self.send(command)?;
        match (status, status.retries()) {
            (StatusWord::OK, _) => Ok(()),
            (_, Some(0)) => Err(Error::UnlockSpent),
            (_, Some(tries)) => Err(Error::UnlockLost { tries }),
            _ => Err(Error::refused("UNLOCK PIN", status)),
        }
    }

    /// PUT XAUTH KEY, after [`Aca::verify`] or [`Aca::authenticate`]: replaces the administration key; `None` removes it, and
    /// with it the help desk's way to lift a blocked PIN.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn put_key(&mut self, key: Option<&XauthKey>, unconfirmed: bool) -> Result<(), Error> {
        self.permit(CardCommand::PutXauthKey, unconfirmed)?;
        let mut data = Zeroizing::new(Vec::with_capacity(32));
        match key.map(XauthKey::parts) {
            Some((algorithm, bytes)) => {
                let length = bytes.len() as u8;
                data.extend([0x00, algorithm, length + 1, length]);
                data.extend_from_slice(bytes);
                data.push(0x00);
            }
            // The manual's length of 4 allows for one byte after the zero length.
            None => data.extend([0x00, 0x03, 0x00, 0x00]),
        }
        done("PUT XAUTH KEY", self.send(Command::new(PUT_XAUTH_KEY, KEY, 0x00).data(data))?)
    }

    /// RESET CARD, after [`Aca::verify`] or [`Aca::authenticate`]: keys, containers and the administration key are gone, and
    /// the PIN is the one of delivery.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn reset(&mut self, unconfirmed: bool) -> Result<(), Error> {
        self.permit(CardCommand::ResetCard, unconfirmed)?;
        let mut status = self.send(Command::new(RESET_CARD, 0x00, 0x00))?;
        if status == StatusWord(0x6E00) {
            status = self.send(Command { cla: 0x80, ..Command::new(RESET_CARD, 0x00, 0x00) })?;
        }
        self.authenticated = false;
        done("RESET CARD", status)
    }

    /// Where this command stands, on this card.
    fn permit(&self, command: CardCommand, unconfirmed: bool) -> Result<(), Error> {
        command.permit(self.piv.family(), unconfirmed)
    }

    fn reset_afterwards(&mut self) -> Result<(), Error> {
        if self.piv.reset_afterwards() {
            Ok(())
        } else {
            Err(Error::Unsupported("resetting the card in this reader"))
        }
    }

    /// Sends what is not sent twice.
    fn send(&mut self, command: Command) -> Result<StatusWord, Error> {
        if !command.data.is_empty() || command.ins != VERIFY {
            self.piv.commit();
        }
        self.piv.exchange(command).map(|answer| answer.status)
    }
}

fn done(during: &'static str, status: StatusWord) -> Result<(), Error> {
    match status {
        StatusWord::OK => Ok(()),
        StatusWord(0x6D00 | 0x6E00 | 0x6A86) => Err(Error::Unsupported(during)),
        status => Err(Error::refused(during, status)),
    }
}

fn pin_result(during: &'static str, status: StatusWord) -> Result<(), Error> {
    match (status, status.retries()) {
        (StatusWord::AUTHENTICATION_METHOD_BLOCKED, _) => Err(Error::Blocked),
        (_, Some(retries)) => Err(Error::WrongPin { retries }),
        (StatusWord::REFERENCE_NOT_FOUND, _) => Err(Error::NotFound),
        _ => done(during, status),
    }
}

/// `31 05 min max xx xx flag`.
fn policy(answer: &[u8]) -> Option<PinPolicy> {
    let [0x31, 0x05, min, max, _, _, flag] = *answer else { return None };
    let policy = PinPolicy { min, max, digits: flag == NUMERIC };
    policy.is_sane().then_some(policy)
}
