//! The PUK. A card with reference 81 has a real one, 8 digits. A Crescendo without one gets a code of 16 characters, from
//! which its administration key is derived: 8 digits would fall in weeks, as that key has no retry counter. Either is kept on
//! the card behind the PIN, until its owner no longer wants to see it. Our own scheme.

use hkdf::Hkdf;
use piv::{Authority, Challenge, Cryptogram, Pin, PinPolicy, PukState, XauthKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Action, Device, Error, WhyNot, crockford};

/// Characters of a code: 80 bits.
const CODE: usize = 16;
const BYTES: usize = 10;
const SALT: &[u8] = b"crescendo-puk-v1";

/// A PUK of either kind.
pub enum Puk {
    /// Of the card itself (reference 81).
    Digits(Pin),
    /// Of this project: it stands for the administration key.
    Code(PukCode),
}

/// 80 random bits that a person can read and type: 16 characters of Crockford's base 32.
pub struct PukCode(Box<Zeroizing<[u8; BYTES]>>);

impl Puk {
    /// What every card takes as a new one of its own.
    pub const NEW: PinPolicy = PinPolicy { min: 8, max: 8, digits: true };

    /// What a person typed: 6 to 8 characters are a card's own PUK, 16 a code. Small letters, spaces and hyphens, and the
    /// letters that look like digits are read as they are meant.
    ///
    /// # Errors
    /// [`Error::PukFormat`]; nothing was sent.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() <= 8 {
            return Pin::puk(text.as_bytes()).map(Self::Digits).map_err(|_| Error::PukFormat);
        }
        PukCode::parse(text).map(Self::Code).ok_or(Error::PukFormat)
    }

    /// The PUK that a card itself has.
    ///
    /// # Errors
    /// [`Error::PukFormat`], also for a code; nothing was sent.
    pub fn of_card(text: &str) -> Result<Pin, Error> {
        match Self::parse(text)? {
            Self::Digits(puk) => Ok(puk),
            Self::Code(_) => Err(Error::PukFormat),
        }
    }

    /// A new one for a card: 8 digits, which every card takes.
    ///
    /// # Errors
    /// As [`Puk::of_card`].
    pub fn new_of_card(text: &str) -> Result<Pin, Error> {
        Self::NEW.pin(text.as_bytes()).map_err(|_| Error::PukFormat)
    }
}

impl PukCode {
    /// A new code, from the randomness of the system.
    ///
    /// # Errors
    /// [`Error::NoRandom`].
    pub fn generate() -> Result<Self, Error> {
        let mut bytes = Box::new(Zeroizing::new([0; BYTES]));
        getrandom::getrandom(&mut **bytes).map_err(|_| Error::NoRandom)?;
        Ok(Self(bytes))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = Box::new(Zeroizing::new([0; BYTES]));
        crockford::read(text, &mut **bytes).then_some(Self(bytes))
    }

    /// As it is shown and kept: four groups of four.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        crockford::written(&**self.0)
    }

    /// The administration key it stands for, of the kind that a challenge of so many bytes asks for.
    ///
    /// # Errors
    /// [`piv::Error::KeyKind`] for a length that no challenge has.
    pub fn key(&self, block: usize) -> Result<XauthKey, piv::Error> {
        crate::helpdesk::derived(&Hkdf::<Sha256>::new(Some(SALT), &self.0[..]), b"xauth", block)
    }

    pub(crate) fn answer(&self, challenge: &Challenge) -> Result<Cryptogram, piv::Error> {
        self.key(challenge.bytes().len())?.answer(challenge)
    }
}

impl Device {
    /// How many tries the PUK has, for whoever is about to ask a person for it. `None`: the card does not tell, or has none;
    /// a code may stand for it then. `own`: that will not do.
    ///
    /// # Errors
    /// [`Error::PukBlocked`] and [`Error::NoPuk`], so that nobody is asked in vain; as [`Device::pin_state`].
    pub fn puk_tries(&mut self, own: bool) -> Result<Option<u8>, Error> {
        match self.ways()?.puk {
            PukState::Blocked => Err(Error::PukBlocked),
            PukState::Absent if own => Err(Error::NoPuk),
            PukState::Tries(tries) => Ok(Some(tries)),
            PukState::Untold | PukState::Absent => Ok(None),
        }
    }

    /// What a person loses with [`Device::hide_puk`], in a sentence or two.
    #[must_use]
    pub fn lost_by_hiding(&self) -> String {
        let name = self.name();
        format!("{name} will never show its PUK again. Whoever has not written it down cannot use it.")
    }

    /// Whether a PUK can be kept on this device, before anybody is asked for its PIN: only where it is somebody's, and not managed.
    ///
    /// # Errors
    /// [`Error::NotOffered`].
    pub fn may_show_puk(&mut self) -> Result<(), Error> {
        self.load();
        match self.why_not(Action::ShowPuk) {
            Some(why @ (WhyNot::Factory | WhyNot::Managed)) => Err(Error::NotOffered(why)),
            _ => Ok(()),
        }
    }

    /// The PUK that is kept on the device, for whoever knows the PIN. The card is logged in for it, and out again.
    ///
    /// # Errors
    /// [`Error::NoPukKept`]; [`Error::Card`], also for a blocked PIN: a locked device shows nothing.
    pub fn puk(&mut self, pin: &Pin) -> Result<Zeroizing<String>, Error> {
        let kept = self.with_token(|token| token.administer(&Authority::Pin(pin), |piv| piv.kept_puk()))?;
        let text = kept.and_then(|kept| shown(&kept));
        text.ok_or(Error::NoPukKept)
    }

    /// Has the device never show its PUK again: it is no longer kept there. The PUK itself stays valid.
    ///
    /// # Errors
    /// As [`Device::puk`]; [`Error::Card`] where the PIN gives no right to write.
    pub fn hide_puk(&mut self, pin: &Pin) -> Result<(), Error> {
        let was_kept =
            self.with_token(|token| token.administer(&Authority::Pin(pin), |piv| piv.keep_puk(None)))?;
        if was_kept { Ok(()) } else { Err(Error::NoPukKept) }
    }
}

/// What is kept, if it is a PUK: nothing else gets to a terminal.
fn shown(kept: &[u8]) -> Option<Zeroizing<String>> {
    let text = Zeroizing::new(std::str::from_utf8(kept).ok()?.to_owned());
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Some(text) } else { PukCode::parse(&text).map(|code| code.text()) }
}

const _: () = assert!(CODE * 5 == BYTES * 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_meant() {
        let code = PukCode::parse("01AB-CDEF-GHJK-MNPQ").unwrap();
        assert_eq!(*code.text(), "01AB-CDEF-GHJK-MNPQ");
        for text in ["o1abcdefghjkmnpq", "OIAB CDEF GHJK MNPQ", "0lab-cdef-ghjk-mnpq"] {
            assert_eq!(*PukCode::parse(text).unwrap().text(), "01AB-CDEF-GHJK-MNPQ", "{text}");
        }
        for text in ["", "01ABCDEFGHJKMNP", "01ABCDEFGHJKMNPQR", "01ABCDEFGHJKMNPU", "01ABCDEFGHJKMN!Q"] {
            assert!(PukCode::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn either_kind_by_its_length() {
        assert!(matches!(Puk::parse("12345678"), Ok(Puk::Digits(_))));
        assert!(matches!(Puk::parse("01AB-CDEF-GHJK-MNPQ"), Ok(Puk::Code(_))));
        for text in ["", "12345", "123456789", "01AB-CDEF-GHJK-MNPU"] {
            assert!(matches!(Puk::parse(text), Err(Error::PukFormat)), "{text}");
        }
    }

    #[test]
    fn a_card_has_digits_and_takes_eight_of_them() {
        assert!(Puk::of_card("12345678").is_ok() && Puk::new_of_card("12345678").is_ok());
        for text in ["01AB-CDEF-GHJK-MNPQ", "", "123456789"] {
            assert!(matches!(Puk::of_card(text), Err(Error::PukFormat)), "{text}");
        }
        for text in ["1234567", "123456789", "1234567a", "01AB-CDEF-GHJK-MNPQ"] {
            assert!(matches!(Puk::new_of_card(text), Err(Error::PukFormat)), "{text}");
        }
    }

    #[test]
    fn two_codes_differ_and_so_do_their_keys() {
        let (one, other) = (PukCode::generate().unwrap(), PukCode::generate().unwrap());
        assert_ne!(*one.text(), *other.text());
        let challenge = Challenge::new(&[7; 16]).unwrap();
        let answer = |code: &PukCode| code.answer(&challenge).ok().unwrap().bytes().to_vec();
        assert_ne!(answer(&one), answer(&other));
        let again = PukCode::parse(&one.text()).unwrap();
        assert_eq!(answer(&one), answer(&again));
        assert!(one.key(8).is_ok() && one.key(12).is_err());
    }

    #[test]
    fn what_is_kept_is_shown_if_it_is_a_puk() {
        assert_eq!(shown(b"12345678").as_deref().map(String::as_str), Some("12345678"));
        assert_eq!(shown(b"01ABCDEFGHJKMNPQ").as_deref().map(String::as_str), Some("01AB-CDEF-GHJK-MNPQ"));
        assert!(shown(b"\x1b[2J1234").is_none() && shown(b"1234567").is_none());
    }
}
