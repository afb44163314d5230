//! Setting up a card by the standard as it is delivered, with keys that everybody knows: PIN and PUK are replaced, and the
//! management key where the card has the common vendor extensions. What is made at random is written behind the PIN before
//! the card is given it, so that an interruption loses none of it. Our own scheme.

use zeroize::Zeroizing;

use super::{Start, Token, setup::chuid};
use crate::{
    Error, Family, KeyHistory, ManagementKey, ObjectId, Pin, PinReference,
    known::Known,
    piv::Piv,
    printed::{MANAGEMENT_KEY, PUK},
};

/// What a card by the standard is set up with.
pub struct StandardSetup<'a> {
    /// Its management key.
    pub management: &'a ManagementKey,
    /// The PIN that it has.
    pub current: &'a Pin,
    /// The PIN that it gets; it may be the same.
    pub new: &'a Pin,
    /// The PUK that it is delivered with.
    pub old_puk: &'a Pin,
    /// A new PUK, 8 digits.
    pub puk: &'a [u8],
    /// A new management key as bytes, of the length of the old one.
    pub new_management: &'a [u8],
    /// The card UUID of its CHUID.
    pub guid: [u8; 16],
}

/// What a card was set up with: not always what was asked for, as after an interruption it is what was begun with.
pub struct Installed {
    /// The PUK; `None`: the card has another one than it is delivered with, and that stays.
    pub puk: Option<Zeroizing<Vec<u8>>>,
    /// The management key; `None`: the card knows no way to replace it.
    pub management: Option<Zeroizing<Vec<u8>>>,
}

impl Token {
    /// Sets up a card by the standard.
    ///
    /// # Errors
    /// [`Error::WrongKey`] and [`Error::KeyKind`] about the management key, before anything is changed; [`Error::WrongPin`]
    /// about the current PIN; [`Error::Unsupported`] on a Crescendo.
    pub fn set_up_standard(&mut self, setup: &StandardSetup<'_>) -> Result<Installed, Error> {
        self.state()?;
        self.known.demand_contact()?;
        if self.family() != Family::Standard {
            return Err(Error::Unsupported("setting up a Crescendo by the standard"));
        }
        self.known.login.refuse_again(setup.current, self.known.now())?;
        let done = self.with_piv(Start::Select, |known, piv| set_up(known, piv, setup));
        if self.committed {
            self.known.tell_forgetting();
            self.forget_card();
        }
        done
    }
}

fn set_up(known: &mut Known, piv: &mut Piv<'_>, setup: &StandardSetup<'_>) -> Result<Installed, Error> {
    let now = known.now();
    // Other programs notice a reset: the card is another one from now on.
    piv.reset_afterwards();
    let proved = setup.management.prove(piv);
    if let Err(error) = &proved
        && !matches!(error, Error::WrongKey | Error::KeyKind)
    {
        return proved.map(|()| unreachable!("it is an error"));
    }
    known.login.verify(piv, setup.current, now)?;
    let kept_key = piv.kept(MANAGEMENT_KEY)?;
    if let Err(refusal) = proved {
        // It was replaced before an interruption.
        let Some(kept) = &kept_key else { return Err(refusal) };
        ManagementKey::new(kept)?.prove(piv)?;
    }
    let extended = piv.has_extensions()?;
    let kept_puk = piv.kept(PUK)?;
    let was_begun = kept_puk.is_some();
    let puk = kept_puk.unwrap_or_else(|| Zeroizing::new(setup.puk.to_vec()));
    let key = kept_key.unwrap_or_else(|| Zeroizing::new(setup.new_management.to_vec()));
    let management = extended.then_some(key);
    // From here on it shows that setting it up was begun: the PIN may be the one or the other.
    piv.put_data(ObjectId::KEY_HISTORY, &KeyHistory::default().write(&[]))?;
    if !setup.current.same(setup.new) {
        piv.change_reference_data(PinReference::Application, setup.current, setup.new)?;
        known.login.verify(piv, setup.new, now)?;
    }
    let mut copies: Vec<(u32, &[u8])> = vec![(PUK, &puk)];
    copies.extend(management.as_ref().map(|key| (MANAGEMENT_KEY, &key[..])));
    piv.keep(&copies)?;
    let is_ours = replace_puk(piv, setup.old_puk, &Pin::puk(&puk)?, was_begun)?;
    if !is_ours {
        piv.keep(&[(PUK, &[])])?;
    }
    if let Some(key) = &management {
        ManagementKey::new(key)?.install(piv)?;
    }
    piv.put_data(ObjectId::CHUID, &chuid(&setup.guid))?;
    Ok(Installed { puk: is_ours.then_some(puk), management })
}

/// After an interruption it is one of the two; the right one gives all tries back. `false`: it is neither.
fn replace_puk(piv: &mut Piv<'_>, old: &Pin, new: &Pin, was_begun: bool) -> Result<bool, Error> {
    let replaced = match piv.change_reference_data(PinReference::Puk, old, new) {
        Err(Error::WrongPin { retries: 1.. }) if was_begun => {
            piv.change_reference_data(PinReference::Puk, new, new)
        }
        other => other,
    };
    match replaced {
        Ok(()) => Ok(true),
        Err(Error::WrongPin { .. } | Error::Blocked | Error::NotFound) => Ok(false),
        Err(error) => Err(error),
    }
}
