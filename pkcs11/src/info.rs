//! What a slot and its token tell of themselves, and the mechanisms.

use cryptoki_sys::*;
use piv::{Family, crescendo};

use crate::{
    Error, Provider,
    mechanism::{Mechanism, TABLE},
};

/// The longest text for C_Login while the card waits for its pairing code: that, a colon, and the PIN.
const CODE_AND_PIN: CK_ULONG = 17;

impl Provider {
    /// C_GetSlotInfo.
    ///
    /// # Errors
    /// [`Error::SlotInvalid`].
    pub fn slot_info(&self, slot: CK_SLOT_ID) -> Result<CK_SLOT_INFO, Error> {
        let slot = self.slot(slot)?;
        // Without the service the slot shows itself empty: a program that polls here has nothing else to do about it.
        let _ = self.refresh();
        let present = if slot.view().is_present() { CKF_TOKEN_PRESENT } else { 0 };
        Ok(CK_SLOT_INFO {
            slotDescription: padded(slot.reader().unwrap_or("Crescendo: next reader")),
            manufacturerID: padded(""),
            flags: present | CKF_REMOVABLE_DEVICE | CKF_HW_SLOT,
            hardwareVersion: version(0, 0),
            firmwareVersion: version(0, 0),
        })
    }

    /// C_GetTokenInfo. The card is asked the first time; then only the readers are.
    ///
    /// # Errors
    /// [`Error::NoToken`] for an empty slot; of the card.
    pub fn token_info(&self, slot: CK_SLOT_ID) -> Result<CK_TOKEN_INFO, Error> {
        let slot = self.slot(slot)?;
        self.refresh_slot(&slot)?;
        slot.load(slot.present()?.insertion)?;
        let view = slot.present()?;
        let facts = view.token.as_ref().ok_or(Error::NoToken)?;
        let (sessions, writable) = self.count_sessions(&slot);
        let always = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_RNG;
        let login = if view.reach.takes_pin { CKF_LOGIN_REQUIRED } else { 0 };
        Ok(CK_TOKEN_INFO {
            label: padded(&facts.label),
            manufacturerID: padded("piv_II"),
            model: padded(&facts.model),
            serialNumber: padded(&facts.serial),
            flags: always | login | view.pin_flags(),
            ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
            ulSessionCount: sessions,
            ulMaxRwSessionCount: CK_EFFECTIVELY_INFINITE,
            ulRwSessionCount: writable,
            ulMaxPinLen: if view.reach.wants_code { CODE_AND_PIN } else { 8 },
            ulMinPinLen: 6,
            ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
            hardwareVersion: version(1, 0),
            firmwareVersion: version(0, 0),
            utcTime: padded(""),
        })
    }

    /// C_GetMechanismList.
    ///
    /// # Errors
    /// [`Error::NoToken`] for an empty slot.
    pub fn mechanism_list(&self, slot: CK_SLOT_ID) -> Result<Vec<CK_MECHANISM_TYPE>, Error> {
        let atr = self.demand_token(slot)?;
        Ok(TABLE.iter().filter(|row| is_offered(row, &atr)).map(|row| row.number).collect())
    }

    /// C_GetMechanismInfo.
    ///
    /// # Errors
    /// [`Error::MechanismInvalid`] for what is not in the list.
    pub fn mechanism_info(
        &self,
        slot: CK_SLOT_ID,
        number: CK_MECHANISM_TYPE,
    ) -> Result<CK_MECHANISM_INFO, Error> {
        let atr = self.demand_token(slot)?;
        let row = Mechanism::find(number, 0).ok().filter(|row| is_offered(row, &atr));
        row.map(|row| row.info(Family::of(&atr))).ok_or(Error::MechanismInvalid)
    }

    /// The ATR of the token.
    fn demand_token(&self, slot: CK_SLOT_ID) -> Result<Vec<u8>, Error> {
        let slot = self.slot(slot)?;
        self.refresh_soon()?;
        Ok(slot.present()?.atr().unwrap_or_default().to_vec())
    }
}

/// Nothing is written over contactless, and so no key is made there.
fn is_offered(row: &Mechanism, atr: &[u8]) -> bool {
    !row.makes_keys() || !crescendo::is_contactless(atr)
}

/// Text as the standard's structures hold it: blanks to the end, cut between characters where it is too long.
pub(crate) fn padded<const N: usize>(text: &str) -> [CK_UTF8CHAR; N] {
    let mut field = [b' '; N];
    let end = (0..=N.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    field[..end].copy_from_slice(&text.as_bytes()[..end]);
    field
}

pub(crate) fn version(major: u8, minor: u8) -> CK_VERSION {
    CK_VERSION { major, minor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(padded::<4>("ab"), *b"ab  ");
        assert_eq!(padded::<4>("abcdef"), *b"abcd");
        assert_eq!(padded::<4>("abc\u{e4}"), *b"abc ");
    }
}
