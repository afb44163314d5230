//! The PIV card application: one method per card command (SP 800-73-5 part 2, chapter 3).

use link::LinkError;
use zeroize::Zeroizing;

use crate::{
    Algorithm, Error, Exchange, Family, KeyReference, ObjectId, PairingCode, Pin, PinReference, PinState,
    apdu::{Command, Response, StatusWord},
    exchange::Trace,
    key::{self, Use},
    tlv,
};

/// The full application identifier, version included (SP 800-73-5 part 1, 2.2).
const AID: [u8; 11] = [0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];
/// The card manager (GlobalPlatform): an application that every Java card has.
const CARD_MANAGER: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00];

const SELECT: u8 = 0xA4;
const VERIFY: u8 = 0x20;
const CHANGE_REFERENCE_DATA: u8 = 0x24;
const RESET_RETRY_COUNTER: u8 = 0x2C;
const GENERAL_AUTHENTICATE: u8 = 0x87;
/// Of YubiKeys, PivApplet and others: what is known of a key or PIN.
const GET_METADATA: u8 = 0xF7;
const GET_DATA: u8 = 0xCB;
/// Of the Crescendo 4000 dialect, with CLA 80.
const GET_PIV_PROPERTIES: u8 = 0x56;
/// Of the answer to SELECT: how long APDUs may be (ISO 7816-4, extended length information).
const EXTENDED_LENGTH: u32 = 0x7F66;

/// The PIV application, selected within the transaction at hand.
///
/// There is no way to one without SELECT in the same transaction, save where an answer proves itself: so VERIFY can never reach an
/// application that another program selected, and burn its retry counter.
pub struct Piv<'t> {
    exchange: Exchange<'t>,
    family: Family,
    selected: bool,
    /// Something was sent that is not sent twice.
    committed: bool,
    /// The card is reset when the transaction ends.
    resets: bool,
    /// What SELECT answered in this transaction.
    template: Vec<u8>,
}

impl<'t> Piv<'t> {
    /// Selects the application. Where it is selected already, the login is left as it is.
    ///
    /// # Errors
    /// [`Error::NotPiv`] for a card without it.
    pub fn select(exchange: Exchange<'t>, family: Family) -> Result<Self, Error> {
        let mut piv = Self::assumed(exchange, family);
        piv.reselect()?;
        Ok(piv)
    }

    /// Assumes that the application is still selected from an earlier transaction. Only for answers that prove
    /// themselves; a refusal means nothing before [`Piv::reselect`].
    pub(crate) fn assumed(exchange: Exchange<'t>, family: Family) -> Self {
        Self { exchange, family, selected: false, committed: false, resets: false, template: Vec::new() }
    }

    /// Selects the application within this transaction, if that was not done yet. In secure messaging nothing in plain may
    /// be sent; there an answer with the right checksum proves the same, and if there was none yet an empty VERIFY asks for
    /// one.
    pub(crate) fn reselect(&mut self) -> Result<(), Error> {
        if self.selected {
            return Ok(());
        }
        if self.exchange.is_protected() {
            let probe = Command::new(VERIFY, 0x00, PinReference::Application.number());
            return self.exchange(probe).map(drop);
        }
        let command = Command::new(SELECT, 0x04, 0x00).data(Zeroizing::new(AID.to_vec())).expect(0);
        let response = self.exchange.send(command)?;
        match response.status {
            StatusWord::OK => {
                self.selected = true;
                self.take_up_length(&response.data);
                self.template = response.data.to_vec();
            }
            StatusWord(0x6A81 | 0x6A82 | 0x6D00 | 0x6E00 | 0x6999) => return Err(Error::NotPiv),
            status => return Err(Error::refused("SELECT PIV", status)),
        }
        Ok(())
    }

    /// Uses extended APDUs from now on, if the card says that it takes them.
    fn take_up_length(&mut self, template: &[u8]) {
        if let Some(longest) = longest_command(template) {
            self.exchange.extend(longest);
        }
    }

    /// What SELECT answered in this transaction.
    pub(crate) fn template(&self) -> &[u8] {
        &self.template
    }

    /// Sends a command as it is.
    pub(crate) fn exchange(&mut self, command: Command) -> Result<Response, Error> {
        let response = self.exchange.send(command)?;
        self.selected |= self.exchange.is_protected();
        Ok(response)
    }

    /// Whether commands go in secure messaging, where every answer proves whose it is.
    pub(crate) fn is_protected(&self) -> bool {
        self.exchange.is_protected()
    }

    /// SELECT was sent in this transaction before.
    pub(crate) fn note_selected(&mut self) {
        self.selected = true;
    }

    /// VERIFY of the pairing code, in secure messaging. It has no retry counter.
    ///
    /// # Errors
    /// [`Error::WrongPairingCode`]; [`Error::Channel`].
    pub(crate) fn verify_pairing_code(&mut self, code: &PairingCode) -> Result<(), Error> {
        let command = Command::new(VERIFY, 0x00, PinReference::PairingCode.number());
        let status = self.exchange(command.data(Zeroizing::new(code.digits().to_vec())))?.status;
        match status {
            StatusWord::OK => Ok(()),
            StatusWord(0x6300) => Err(Error::WrongPairingCode),
            _ if status.retries().is_some() => Err(Error::WrongPairingCode),
            _ => Err(Error::refused("VERIFY of the pairing code", status)),
        }
    }

    /// The longest command in use, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.exchange.longest()
    }

    /// Whether extended APDUs are in use.
    pub(crate) fn is_extended(&self) -> bool {
        self.exchange.is_extended()
    }

    /// Whether the link carries extended APDUs, whatever the card does.
    pub(crate) fn carries_extended(&self) -> bool {
        self.exchange.carries_extended()
    }

    /// [`Piv::head`] in the extended form, to find out whether it gets through: then extended APDUs are used from now on.
    pub(crate) fn probe(&mut self, object: ObjectId, length: u8) -> Result<bool, Error> {
        let response = match self.exchange.send_extended(&get_data(object, length)) {
            Err(Error::Link(LinkError::Other(_))) => return Ok(false),
            answered => answered?,
        };
        let is_taken = response.status == StatusWord::OK || response.status.more().is_some();
        if is_taken {
            self.exchange.extend(usize::MAX);
        }
        Ok(is_taken)
    }

    /// Whether SELECT was sent in this transaction.
    pub(crate) fn is_selected(&self) -> bool {
        self.selected
    }

    /// From here on nothing is done again because the card was reset in between: a PIN, a proof or a write is on its way.
    pub(crate) fn commit(&mut self) {
        self.committed = true;
    }

    /// Whether a PIN, a proof or a write was sent in this transaction.
    pub(crate) fn is_committed(&self) -> bool {
        self.committed
    }

    /// Has the card reset when the transaction ends, however it ends. `false`: the link cannot.
    pub(crate) fn reset_afterwards(&mut self) -> bool {
        self.resets = self.exchange.reset_afterwards();
        self.resets
    }

    /// Whether the card is reset when the transaction ends.
    pub(crate) fn resets(&self) -> bool {
        self.resets
    }

    /// Which dialect the card speaks.
    pub(crate) fn family(&self) -> Family {
        self.family
    }

    /// Selects the card manager, which ends the application's security state on cards that know no other way.
    pub(crate) fn deselect(&mut self) -> Result<(), Error> {
        self.selected = false;
        self.exchange.leave_channel();
        let command = Command::new(SELECT, 0x04, 0x00).data(Zeroizing::new(CARD_MANAGER.to_vec())).expect(0);
        self.exchange(command).map(drop)
    }

    /// Selects another application of the card, which ends the login on most. The answer; `None`: there is no such
    /// application. [`Piv::reselect`] leads back.
    pub(crate) fn select_other(&mut self, aid: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.selected = false;
        self.exchange.leave_channel();
        let command = Command::new(SELECT, 0x04, 0x00).data(Zeroizing::new(aid.to_vec())).expect(0);
        let response = self.exchange.send(command)?;
        match response.status {
            StatusWord::OK => Ok(Some(response.data.to_vec())),
            StatusWord(0x6A81 | 0x6A82 | 0x6A87 | 0x6D00 | 0x6E00 | 0x6999) => Ok(None),
            status => Err(Error::refused("SELECT", status)),
        }
    }

    /// GET DATA: the whole answer, wrapper included. `None`: there is no such object, or it is empty.
    ///
    /// # Errors
    /// [`Error::Refused`] with 6982 for an object that needs a PIN.
    pub fn get_data(&mut self, object: ObjectId) -> Result<Option<Vec<u8>>, Error> {
        let response = self.exchange(get_data(object, 0).long())?;
        let Some(answer) = present("GET DATA", &response)? else { return Ok(None) };
        Ok(object.content(answer)?.is_some().then(|| answer.to_vec()))
    }

    /// GET DATA with a short Le: the first `length` bytes of the answer (0: one block), the rest abandoned. In secure
    /// messaging the whole answer: its checksum covers all of it.
    ///
    /// # Errors
    /// As [`Piv::get_data`].
    pub fn head(&mut self, object: ObjectId, length: u8) -> Result<Option<Vec<u8>>, Error> {
        if self.exchange.is_protected() {
            return self.get_data(object);
        }
        let mut response = self.exchange.send_first(get_data(object, length))?;
        if length != 0 && response.status == StatusWord::WRONG_LENGTH {
            response = self.exchange.send_first(get_data(object, 0))?;
        }
        let head = present("GET DATA", &response)?;
        Ok(head.filter(|head| head.get(1) != Some(&0)).map(<[u8]>::to_vec))
    }

    /// GET PIV PROPERTIES, where this family has it.
    ///
    /// # Errors
    /// Of the link alone: a card that refuses has told nothing.
    pub(crate) fn properties(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let command = match self.family {
            _ if self.exchange.is_protected() => return Ok(None),
            Family::Standard => return Ok(None),
            Family::C2300 => get_data(ObjectId::PIV_PROPERTIES, 0),
            Family::C4000 => Command { cla: 0x80, ..Command::new(GET_PIV_PROPERTIES, 0x00, 0x00) }.expect(0),
        };
        let response = self.exchange(command)?;
        Ok((response.status == StatusWord::OK).then(|| response.data.to_vec()))
    }

    /// VERIFY.
    ///
    /// # Errors
    /// [`Error::WrongPin`], [`Error::Blocked`], [`Error::NotFound`] where the card has no such PIN.
    pub fn verify(&mut self, reference: PinReference, pin: &Pin) -> Result<(), Error> {
        self.reselect()?;
        let command = Command::new(VERIFY, 0x00, reference.number());
        self.committed = true;
        let response = self.exchange(command.data(Zeroizing::new(pin.bytes().to_vec())))?;
        pin_result("VERIFY", response.status)
    }

    /// VERIFY without data: what is known of a PIN, at no cost.
    ///
    /// # Errors
    /// [`Error::Refused`] for an answer that tells nothing.
    pub fn pin_state(&mut self, reference: PinReference) -> Result<PinState, Error> {
        let status = self.exchange(Command::new(VERIFY, 0x00, reference.number()))?.status;
        match (status, status.retries()) {
            (StatusWord::OK, _) => Ok(PinState::Verified),
            (_, Some(0)) => Ok(PinState::Blocked),
            (_, Some(tries)) => Ok(PinState::Tries(tries)),
            (StatusWord::REFERENCE_NOT_FOUND, _) => Ok(PinState::Absent),
            _ => Err(Error::refused("VERIFY", status)),
        }
    }

    /// GET METADATA of the PUK, which many tokens have and which costs nothing: how many tries are left.
    ///
    /// # Errors
    /// Of the link alone.
    pub(crate) fn puk_tries(&mut self) -> Result<Option<u8>, Error> {
        let answer = self.exchange(Command::new(GET_METADATA, 0x00, PinReference::Puk.number()).expect(0))?;
        let tries = tlv::find(&answer.data, 0x06).filter(|_| answer.status == StatusWord::OK);
        Ok(tries.and_then(|tries| tries.get(1).copied()))
    }

    /// VERIFY with P1 = FF: clears the verified state. `false`: this card does not know that form.
    ///
    /// # Errors
    /// Of the link alone.
    pub fn clear_pin_state(&mut self, reference: PinReference) -> Result<bool, Error> {
        let response = self.exchange(Command::new(VERIFY, 0xFF, reference.number()))?;
        Ok(response.status == StatusWord::OK || response.status.retries().is_some())
    }

    /// CHANGE REFERENCE DATA.
    ///
    /// # Errors
    /// As [`Piv::verify`] for the old value; [`Error::Refused`] with 6A80 for a new value the card does not take.
    pub fn change_reference_data(
        &mut self,
        reference: PinReference,
        old: &Pin,
        new: &Pin,
    ) -> Result<(), Error> {
        self.reselect()?;
        let command = Command::new(CHANGE_REFERENCE_DATA, 0x00, reference.number());
        self.committed = true;
        let response = self.exchange(command.data(pair(old, new)))?;
        pin_result("CHANGE REFERENCE DATA", response.status)
    }

    /// RESET RETRY COUNTER: a new PIN against the PUK. The PIN is not verified by it.
    ///
    /// # Errors
    /// As [`Piv::verify`], about the PUK.
    pub fn reset_retry_counter(&mut self, puk: &Pin, new: &Pin) -> Result<(), Error> {
        self.reselect()?;
        let command = Command::new(RESET_RETRY_COUNTER, 0x00, PinReference::Application.number());
        self.committed = true;
        let response = self.exchange(command.data(pair(puk, new)))?;
        pin_result("RESET RETRY COUNTER", response.status)
    }

    /// GENERAL AUTHENTICATE with a challenge: a signature as the card gives it (RSA: as long as the modulus; ECC: DER).
    /// `input` is the padded block, or the hash.
    ///
    /// # Errors
    /// [`Error::Refused`] with the card's status word.
    pub fn sign(&mut self, key: KeyReference, algorithm: Algorithm, input: &[u8]) -> Result<Vec<u8>, Error> {
        self.authenticate(key, algorithm, Use::Challenge, input).map(|answer| answer.to_vec())
    }

    /// GENERAL AUTHENTICATE with a challenge for RSA: `input ^ d mod n`, padding still in.
    ///
    /// # Errors
    /// As [`Piv::sign`].
    pub fn decipher(
        &mut self,
        key: KeyReference,
        algorithm: Algorithm,
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.authenticate(key, algorithm, Use::Challenge, input)
    }

    /// GENERAL AUTHENTICATE with a point (ECDH): the x-coordinate of the product.
    ///
    /// # Errors
    /// As [`Piv::sign`].
    pub fn agree(
        &mut self,
        key: KeyReference,
        algorithm: Algorithm,
        point: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.authenticate(key, algorithm, Use::Exponentiation, point)
    }

    fn authenticate(
        &mut self,
        key: KeyReference,
        algorithm: Algorithm,
        kind: Use,
        input: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let command = Command::new(GENERAL_AUTHENTICATE, algorithm.identifier(self.family), key.number());
        let response = self.exchange(command.data(key::template(kind, input)).expect(0))?;
        if response.status != StatusWord::OK {
            return Err(Error::refused("GENERAL AUTHENTICATE", response.status));
        }
        let answer = key::response(&response.data).ok_or(Error::Malformed("GENERAL AUTHENTICATE answer"))?;
        Ok(Zeroizing::new(answer.to_vec()))
    }

    pub(crate) fn into_trace(self) -> Trace {
        self.exchange.into_trace()
    }
}

/// The longest command APDU that the answer to SELECT announces, in bytes.
fn longest_command(template: &[u8]) -> Option<usize> {
    let longest = tlv::find(tlv::find(tlv::start_of_value(template), EXTENDED_LENGTH)?, 0x02)?;
    longest.iter().try_fold(0usize, |length, byte| length.checked_mul(256)?.checked_add((*byte).into()))
}

fn get_data(object: ObjectId, length: u8) -> Command {
    Command::new(GET_DATA, 0x3F, 0xFF).data(Zeroizing::new(object.tag_list())).expect(length.into())
}

/// The data of an answer, `None` where the card says "not found".
fn present<'r>(during: &'static str, response: &'r Response) -> Result<Option<&'r [u8]>, Error> {
    match response.status {
        StatusWord::OK => Ok(Some(&response.data)),
        status if status.more().is_some() => Ok(Some(&response.data)),
        StatusWord::NOT_FOUND | StatusWord::REFERENCE_NOT_FOUND => Ok(None),
        status => Err(Error::refused(during, status)),
    }
}

fn pair(old: &Pin, new: &Pin) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([old.bytes().as_slice(), new.bytes()].concat())
}

fn pin_result(during: &'static str, status: StatusWord) -> Result<(), Error> {
    match (status, status.retries()) {
        (StatusWord::OK, _) => Ok(()),
        (StatusWord::AUTHENTICATION_METHOD_BLOCKED, _) => Err(Error::Blocked),
        (StatusWord::REFERENCE_NOT_FOUND, _) => Err(Error::NotFound),
        (_, Some(retries)) => Err(Error::WrongPin { retries }),
        _ => Err(Error::refused(during, status)),
    }
}
