//! Taking a card back to how it was delivered: RESET CARD of a Crescendo; the reset that many tokens have in common
//! (FB, once PIN and PUK are blocked); and of a card that has neither, its data objects emptied with the management key.

use super::{Start, Token};
use crate::{
    Authority, Error, Family, KeyReference, ManagementKey, ObjectId, Pin, PinReference, StatusWord,
    apdu::Command,
    crescendo::{Aca, CardCommand},
    known::Known,
    piv::Piv,
};

/// Of the common vendor extensions.
const RESET: u8 = 0xFB;
/// More tries than this no PIN has.
const TRIES: usize = 255;

/// What a holder's containers are beside certificates; who the card is comes last.
const CONTAINERS: [ObjectId; 8] = [
    ObjectId::KEY_HISTORY,
    ObjectId::from_tag(0x5F_C109),
    ObjectId::from_tag(0x5F_C103),
    ObjectId::from_tag(0x5F_C108),
    ObjectId::from_tag(0x5F_C121),
    ObjectId::from_tag(0x5F_C106),
    ObjectId::from_tag(0x5F_C107),
    ObjectId::CHUID,
];

impl Token {
    /// RESET CARD, by PIN or administration key: keys, containers and the administration key are gone, and the PIN is the
    /// one of delivery.
    ///
    /// # Errors
    /// Of the proof, as [`Token::administer`]; [`Error::Managed`]; [`Error::Unsupported`] on a card that is no Crescendo.
    pub fn reset_card(&mut self, authority: &Authority<'_>) -> Result<(), Error> {
        self.state()?;
        self.known.demand_contact()?;
        let (family, unconfirmed) = (self.family(), self.unconfirmed);
        CardCommand::ResetCard.permit(family, unconfirmed)?;
        if let Authority::Pin(pin) = authority {
            self.known.login.refuse_again(pin, self.known.now())?;
        }
        let done = self.with_piv(Start::Select, |known, piv| {
            let mut aca = Aca::select(piv)?;
            prove(authority, known, &mut aca)?;
            aca.reset(unconfirmed).map_err(|error| authority.explain(error, family))
        });
        self.forget_reset(done)
    }

    /// Whether the card has the common vendor extensions, and so can be reset by [`Token::reset_extended`].
    ///
    /// # Errors
    /// Of the link.
    pub fn has_extensions(&mut self) -> Result<bool, Error> {
        self.state()?;
        if !self.is_contact() {
            return Ok(false);
        }
        self.with_piv(Start::Select, |_, piv| piv.has_extensions())
    }

    /// The reset that many tokens have in common: PIN and PUK are blocked on purpose, and then everything is as delivered.
    /// The card asks for no right to that; its owner does, so the PIN is proved first where one is given.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before anything is blocked, on a card that does not have the extensions; of VERIFY.
    pub fn reset_extended(&mut self, pin: Option<&Pin>) -> Result<(), Error> {
        self.state()?;
        self.known.demand_contact()?;
        if let Some(pin) = pin {
            self.known.login.refuse_again(pin, self.known.now())?;
        }
        let done = self.with_piv(Start::Select, |known, piv| {
            if !piv.has_extensions()? {
                return Err(Error::Unsupported("resetting this token"));
            }
            if let Some(pin) = pin {
                let now = known.now();
                known.login.verify(piv, pin, now)?;
            }
            // Other programs notice a reset; what they know of this card is over.
            piv.reset_afterwards();
            // A card that does not know this command would be blocked for good.
            match reset(piv)? {
                StatusWord::OK => return Ok(()),
                status if status.is_unknown_command() => {
                    return Err(Error::Unsupported("resetting this token"));
                }
                _ => {}
            }
            block(|wrong| piv.verify(PinReference::Application, wrong))?;
            block(|wrong| piv.reset_retry_counter(wrong, wrong))?;
            match reset(piv)? {
                StatusWord::OK => Ok(()),
                status => Err(Error::refused("RESET", status)),
            }
        });
        self.forget_reset(done)
    }

    /// Empties the holder's data objects of a card by the standard, which can do no more: its keys, PIN and PUK stay. Done
    /// again after an interruption, it goes on.
    ///
    /// # Errors
    /// Of the proof, as [`Token::administer`]; [`Error::Unsupported`] on a Crescendo.
    pub fn empty_objects(&mut self, key: &ManagementKey) -> Result<(), Error> {
        if self.family() != Family::Standard {
            return Err(Error::Unsupported("emptying a Crescendo object by object"));
        }
        let certificates: Vec<_> = KeyReference::all().map(KeyReference::certificate).collect();
        let done = self.administer(&Authority::ManagementKey(key), |piv| {
            for object in certificates.iter().chain(&CONTAINERS) {
                match piv.put_data(*object, &[]) {
                    Err(error) if error.is_transport() => return Err(error),
                    // An object that this card does not have, or does not let go of empty.
                    Err(Error::NotFound) => {}
                    Err(Error::Refused { status: StatusWord(0x6A80 | 0x6A86), .. }) => {}
                    other => other?,
                }
            }
            piv.reset_afterwards();
            Ok(())
        });
        self.forget_reset(done)
    }

    /// Of a card that was reset nothing is known any more, and neither is of one that may have been.
    fn forget_reset(&mut self, done: Result<(), Error>) -> Result<(), Error> {
        let is_open = matches!(&done, Err(error) if error.is_transport() && self.committed);
        if done.is_ok() || is_open {
            self.known.tell_forgetting();
            self.forget_card();
        }
        done
    }
}

fn prove(authority: &Authority<'_>, known: &mut Known, aca: &mut Aca<'_, '_>) -> Result<(), Error> {
    match authority {
        Authority::Pin(pin) => {
            let verified = aca.verify(pin);
            known.login.note(pin, &verified, known.now());
            verified
        }
        Authority::Xauth(key) => {
            let challenge = aca.challenge()?;
            aca.authenticate(&key.answer(&challenge)?)
        }
        Authority::ManagementKey(_) => Err(Error::Unsupported("resetting a Crescendo with a management key")),
    }
}

/// RESET, which is refused as long as PIN or PUK has tries.
fn reset(piv: &mut Piv<'_>) -> Result<StatusWord, Error> {
    piv.commit();
    Ok(piv.exchange(Command::new(RESET, 0x00, 0x00))?.status)
}

/// Uses up the tries of a PIN or PUK, with others each time.
fn block(mut attempt: impl FnMut(&Pin) -> Result<(), Error>) -> Result<(), Error> {
    for _ in 0..TRIES {
        match attempt(&random()?) {
            Ok(()) | Err(Error::WrongPin { .. }) => {}
            Err(Error::Blocked | Error::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Err(Error::Malformed("number of tries"))
}

/// Eight random digits.
fn random() -> Result<Pin, Error> {
    let mut digits = zeroize::Zeroizing::new([0; 8]);
    getrandom::getrandom(&mut *digits).map_err(|_| Error::Unsupported("randomness on this machine"))?;
    digits.iter_mut().for_each(|digit| *digit = b'0' + *digit % 10);
    Pin::new(&*digits)
}
