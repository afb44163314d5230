//! By what right a token is written: an administration key, entered by the security officer or behind the user's PIN; or on a
//! Crescendo the user's login itself.
//!
//! | entered | on cards by the standard | on a Crescendo |
//! | --- | --- | --- |
//! | 6 to 8 characters | the PUK | the PUK |
//! | 32 hexadecimal digits | management key 9B, AES-128 | administration key (XAUTH), AES-128 |
//! | 48 | 9B, 3DES or AES-192: the card says which, or it is tried | XAUTH, 3DES |
//! | 64 | 9B, AES-256 | refused |
//!
//! No PUK is that long, so nothing is ever taken for something else. A key is proved at once, and costs no try of PIN or PUK.

use std::time::Duration;

use digest::Digest;
use piv::{Authority, Family, ManagementKey, Pin, XauthKey};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::slot::Held;

/// The longest PUK.
const LONGEST_PUK: usize = 8;
/// How long a refused key is recognised, as a refused PIN is.
const REFUSED: Duration = Duration::from_secs(30);

/// What a security officer has in hand.
pub(crate) enum Right {
    /// It cannot be checked without spending a try, so it is only kept. It sets PINs, and writes nothing.
    Puk(Pin),
    /// The card management key (9B).
    Management(ManagementKey),
    /// The administration key of a Crescendo.
    Xauth(XauthKey),
}

impl Right {
    /// What the security officer entered.
    pub(crate) fn of_officer(text: &[u8], family: Family) -> Result<Self, piv::Error> {
        if text.len() <= LONGEST_PUK { Pin::puk(text).map(Self::Puk) } else { Self::key(text, family) }
    }

    /// An administration key in hexadecimal digits.
    pub(crate) fn key(text: &[u8], family: Family) -> Result<Self, piv::Error> {
        let text = std::str::from_utf8(text).map_err(|_| piv::Error::PinFormat)?;
        match family {
            Family::Standard => ManagementKey::from_hex(text).map(Self::Management),
            _ => XauthKey::from_hex(text).map(Self::Xauth),
        }
    }

    /// What it proves to a card; nothing, if it is a PUK.
    pub(crate) fn authority(&self) -> Option<Authority<'_>> {
        match self {
            Self::Puk(_) => None,
            Self::Management(key) => Some(Authority::ManagementKey(key)),
            Self::Xauth(key) => Some(Authority::Xauth(key)),
        }
    }

    pub(crate) fn is_key(&self) -> bool {
        !matches!(self, Self::Puk(_))
    }
}

/// A key the card has just refused, good only for recognising the same again.
pub(crate) struct Refused {
    salt: [u8; 16],
    hash: [u8; 32],
    at: Duration,
}

impl Refused {
    fn now(text: &[u8], at: Duration) -> Option<Self> {
        let mut salt = [0; 16];
        getrandom::getrandom(&mut salt).ok()?;
        Some(Self { salt, hash: hash(&salt, text), at })
    }

    fn fits(&self, text: &[u8], now: Duration) -> bool {
        now.saturating_sub(self.at) < REFUSED && bool::from(hash(&self.salt, text).ct_eq(&self.hash))
    }
}

fn hash(salt: &[u8], text: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(text).finalize().into()
}

impl Held {
    /// Takes what was entered; a key is proved to the card first. One that was refused moments ago is not sent again.
    pub(crate) fn admit(
        &mut self,
        text: &[u8],
        now: Duration,
        read: impl FnOnce(&[u8], Family) -> Result<Right, piv::Error>,
    ) -> Result<Right, piv::Error> {
        let right = read(text, self.token.family())?;
        let Some(authority) = right.authority() else { return Ok(right) };
        if self.refused.as_ref().is_some_and(|refused| refused.fits(text, now)) {
            return Err(piv::Error::WrongKey);
        }
        let proved = self.token.administer(&authority, |_| Ok(()));
        self.refused = match &proved {
            Err(piv::Error::WrongKey) => Refused::now(text, now),
            _ => None,
        };
        proved.map(|()| right)
    }

    /// Whether someone is logged in who may write, as far as can be said without the card.
    pub(crate) fn demand_right(&self) -> Result<(), piv::Error> {
        let has_key = [&self.officer, &self.brought].into_iter().flatten().any(Right::is_key);
        match self.token.family() {
            _ if has_key => Ok(()),
            Family::Standard if self.token.logged_in() || self.officer.is_some() => {
                Err(piv::Error::ManagementKeyNeeded)
            }
            Family::C2300 | Family::C4000 if self.token.logged_in() => Ok(()),
            _ => Err(piv::Error::NotLoggedIn),
        }
    }

    /// Writes by the right of whoever is logged in. A key that the card no longer takes is forgotten.
    pub(crate) fn administer<T>(
        &mut self,
        work: impl FnOnce(&mut piv::Token, &Authority<'_>) -> Result<T, piv::Error>,
    ) -> Result<T, piv::Error> {
        self.demand_right()?;
        let key = [&self.officer, &self.brought].into_iter().flatten().find_map(Right::authority);
        let done = match key {
            Some(authority) => work(&mut self.token, &authority),
            None => self.token.as_user(|token, pin| work(token, &Authority::Pin(pin))),
        };
        if matches!(done, Err(piv::Error::WrongKey | piv::Error::KeyKind)) {
            self.officer = None;
            self.brought = None;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_puk_is_a_key_and_no_key_a_puk() {
        for family in [Family::Standard, Family::C2300, Family::C4000] {
            for text in ["123456", "12345678", "abcdef12"] {
                assert!(Right::of_officer(text.as_bytes(), family).is_ok_and(|right| !right.is_key()));
            }
            for length in [32, 48] {
                assert!(Right::of_officer(&vec![b'a'; length], family).is_ok_and(|right| right.is_key()));
                assert!(Right::of_officer(&vec![b'g'; length], family).is_err());
            }
            for length in [5, 9, 16, 31, 33, 47, 63, 65] {
                assert!(Right::of_officer(&vec![b'1'; length], family).is_err(), "{length}");
            }
            assert_eq!(Right::of_officer(&[b'1'; 64], family).is_ok(), family == Family::Standard);
        }
    }

    #[test]
    fn a_refused_key_is_recognised_for_half_a_minute() {
        let refused = Refused::now(b"00", Duration::from_secs(5)).unwrap();
        assert!(refused.fits(b"00", Duration::from_secs(34)) && !refused.fits(b"01", Duration::from_secs(6)));
        assert!(!refused.fits(b"00", Duration::from_secs(35)));
    }
}
