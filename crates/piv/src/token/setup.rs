//! Setting up a Crescendo as it is delivered, in one transaction: a new administration key, rules for the PIN, the PIN, the
//! copy of the PUK, and last the CHUID. Until it has that, it counts as not set up, and all of it can be done again: what was
//! done before an interruption is done once more, over what is there.

use std::cell::Cell;

use super::{Start, Token, aside::is_free};
use crate::{
    Authority, Error, ObjectId, Pin, PinPolicy, PinReference, XauthKey,
    crescendo::{Aca, CardCommand},
    known::Known,
    piv::Piv,
    tlv,
};

/// Whose administration key a Crescendo has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdministrationKey {
    /// The one of delivery, which everybody knows.
    Factory,
    /// Another one.
    Own,
    /// None, as after RESET CARD.
    Absent,
}

/// What a Crescendo is set up with.
pub struct Setup<'a> {
    /// The PIN that it has.
    pub current: &'a Pin,
    /// The PIN that it gets; it may be the same.
    pub new: &'a Pin,
    /// Its administration key from now on.
    pub xauth: &'a XauthKey,
    /// The rules for PINs from now on; `None`: as they are.
    pub policy: Option<PinPolicy>,
    /// What is kept behind the PIN to be looked up; `None`: nothing.
    pub puk: Option<&'a [u8]>,
    /// The card UUID of its CHUID.
    pub guid: [u8; 16],
}

impl Token {
    /// Finds out whose administration key a Crescendo has: whether it is the one of delivery is tried. That is known to cost
    /// no try of anything; the card is reset afterwards.
    ///
    /// # Errors
    /// [`Error::InUse`] where somebody is logged in; [`Error::Unsupported`] on a card that is no Crescendo, and over
    /// contactless.
    pub fn administration_key(&mut self) -> Result<AdministrationKey, Error> {
        self.state()?;
        self.known.demand_contact()?;
        self.with_piv(Start::Select, |known, piv| {
            if piv.is_protected() || !is_free(piv, known.login.reference())? {
                return Err(Error::InUse);
            }
            let mut aca = Aca::select(piv)?;
            let challenge = aca.challenge()?;
            let factory = XauthKey::new(if challenge.bytes().len() == 8 { &[0; 24] } else { &[0; 16] })?;
            match aca.authenticate(&factory.answer(&challenge)?) {
                Ok(()) => Ok(AdministrationKey::Factory),
                Err(Error::WrongKey | Error::KeyKind) => Ok(AdministrationKey::Own),
                Err(Error::NoAdministrationKey) => Ok(AdministrationKey::Absent),
                Err(error) => Err(error),
            }
        })
    }

    /// Whether a Crescendo may be set up, or what of it takes the permission of [`Token::permit_unconfirmed`]. Nothing is
    /// sent.
    ///
    /// # Errors
    /// [`Error::Unconfirmed`], [`Error::Unsupported`].
    pub fn may_set_up(&self, with_policy: bool) -> Result<(), Error> {
        let (family, unconfirmed) = (self.family(), self.unconfirmed);
        CardCommand::PutXauthKey.permit(family, unconfirmed)?;
        if with_policy { CardCommand::SetPinProperties.permit(family, unconfirmed) } else { Ok(()) }
    }

    /// Sets up a Crescendo. `false`: the PUK is not kept on it, which has no room or place for that.
    ///
    /// # Errors
    /// [`Error::WrongPin`] about the current PIN, before anything is written; [`Error::Refused`] with 6A80 for a new one that
    /// the card does not take; [`Error::Managed`]; [`Error::Unconfirmed`] before anything is sent.
    pub fn set_up(&mut self, setup: &Setup<'_>) -> Result<bool, Error> {
        self.state()?;
        self.known.demand_contact()?;
        let (family, unconfirmed) = (self.family(), self.unconfirmed);
        self.may_set_up(setup.policy.is_some())?;
        self.known.login.refuse_again(setup.current, self.known.now())?;
        let begun = Cell::new(false);
        let done = self.with_piv(Start::Select, |known, piv| {
            prove(known, piv, setup)?;
            begun.set(true);
            let done = install(piv, setup, unconfirmed).and_then(|()| issue(known, piv, setup));
            done.map_err(|error| Authority::Pin(setup.current).explain(error, family))
        });
        if begun.get() {
            self.known.tell_forgetting();
            self.forget_card();
        }
        done
    }
}

/// Nothing is written before this is right.
fn prove(known: &mut Known, piv: &mut Piv<'_>, setup: &Setup<'_>) -> Result<(), Error> {
    let now = known.now();
    let verified = Aca::select(piv)?.verify(setup.current);
    known.login.note(setup.current, &verified, now);
    verified
}

/// Key, rules and PIN. The rules are first made wide enough for both PINs: what becomes of a PIN that no longer fits them is
/// known to nobody.
fn install(piv: &mut Piv<'_>, setup: &Setup<'_>, unconfirmed: bool) -> Result<(), Error> {
    let mut aca = Aca::select(piv)?;
    aca.put_key(Some(setup.xauth), unconfirmed)?;
    if let Some(wanted) = setup.policy {
        let wide = aca.properties()?.map_or(PinPolicy::LOOSEST, |told| told.with(wanted));
        aca.set_properties(&wide, unconfirmed)?;
    }
    if !setup.current.same(setup.new) {
        piv.change_reference_data(PinReference::Application, setup.current, setup.new)?;
    }
    let Some(wanted) = setup.policy else { return Ok(()) };
    let mut aca = Aca::select(piv)?;
    aca.verify(setup.new)?;
    if aca.properties()? == Some(wanted) { Ok(()) } else { aca.set_properties(&wanted, unconfirmed) }
}

/// What is kept on the card, and who it is.
fn issue(known: &mut Known, piv: &mut Piv<'_>, setup: &Setup<'_>) -> Result<bool, Error> {
    let now = known.now();
    known.login.verify(piv, setup.new, now)?;
    let is_kept = match piv.keep_puk(setup.puk) {
        Ok(_) => setup.puk.is_some(),
        Err(Error::NoRoom | Error::NotFound) => false,
        Err(error) => return Err(error),
    };
    piv.put_data(ObjectId::CHUID, &chuid(&setup.guid))?;
    Ok(is_kept)
}

/// A CHUID that nobody has signed (SP 800-73-5 part 1, 3.1.2): a FASC-N of agency 9999, which says that the GUID counts,
/// and no end that anybody would wait for.
pub(super) fn chuid(guid: &[u8; 16]) -> Vec<u8> {
    const FASC_N: [u8; 25] =
        *b"\xD4\xE7\x39\xDA\x73\x9C\xED\x39\xCE\x73\x9D\x83\x68\x58\x21\x08\x42\x10\x84\x21\xC8\x42\x10\xC3\xEB";
    let mut content = Vec::with_capacity(64);
    tlv::push(&mut content, 0x30, &FASC_N);
    tlv::push(&mut content, 0x34, guid);
    tlv::push(&mut content, 0x35, b"20991231");
    tlv::push(&mut content, 0x3E, &[]);
    tlv::push(&mut content, 0xFE, &[]);
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;

    #[test]
    fn a_new_chuid_says_who_the_card_is() {
        let guid = *b"\xC4\x00\x0C\x4E\x5C\xE4\x4D\x01\x8A\x11\x00\x00\x00\x00\x00\x01";
        let identity = Identity::parse(&tlv::object(0x53, &chuid(&guid)));
        assert_eq!((identity.guid(), identity.is_federal()), (Some(guid), false));
        assert_eq!(identity.serial().as_deref(), Some("8A11000000000001"));
        assert_eq!(identity.expiry(), Some("20991231"));
    }
}
