//! What a test does to the rights of a card, and what it sees of them.

use super::SimCard;
use super::key::Key;
use crate::fixture::Algorithm;

impl SimCard {
    /// What GET CHALLENGE answers next, instead of chance.
    pub fn set_challenge(&self, challenge: &[u8]) {
        self.with(|state| {
            state.chip.aca.iter_mut().for_each(|aca| aca.next_challenge = Some(challenge.to_vec()));
        });
    }

    /// The next key on this curve that the card makes has this private number; false when there is no such key.
    pub fn set_next_key(&self, algorithm: Algorithm, scalar: &[u8]) -> bool {
        let key = Key::of_scalar(algorithm, scalar, true);
        let fits = key.is_some();
        self.with(|state| state.chip.piv.next_key = key);
        fits
    }

    /// Whether PIN and XAUTH key were proven to the access control applet of a Crescendo.
    pub fn card_rights(&self) -> (bool, bool) {
        self.with(|state| {
            let rights = state.chip.aca.as_ref().map(|aca| aca.rights);
            rights.map_or((false, false), |rights| (rights.pin, rights.xauth))
        })
    }

    /// Whether the management key was proven (a card that is no Crescendo).
    pub fn managed_by_key(&self) -> bool {
        self.with(|state| state.chip.piv.management.is_authenticated())
    }

    /// How often UNLOCK may still be sent without XAUTH.
    pub fn unlock_tries(&self) -> Option<u8> {
        self.with(|state| state.chip.aca.as_ref().map(|aca| aca.unlock_tries))
    }

    /// Whether a Crescendo has an administration key, and whether it is the one of delivery.
    pub fn administration_key(&self) -> Option<bool> {
        self.with(|state| state.chip.aca.as_ref().and_then(super::aca::Aca::has_factory_key))
    }

    /// Uses up the tries of UNLOCK.
    pub fn block_unlock(&self) {
        self.with(|state| {
            state.chip.aca.iter_mut().for_each(|aca| aca.unlock_tries = 0);
            state.log.note("UNLOCK blocked");
        });
    }

    /// Presses the button of a key. Returns whether anybody waited for it.
    pub fn press(&self) -> bool {
        self.with(|state| {
            let awaited = state.chip.oath.as_mut().is_some_and(super::oath::Oath::press);
            state.log.note(if awaited { "button pressed" } else { "button pressed; nobody waits" });
            awaited
        })
    }

    /// The issuer takes every right to write for its server, or gives it back.
    pub fn set_managed(&self, managed: bool) {
        self.with(|state| {
            state.chip.personality.managed = managed;
            state.chip.aca.iter_mut().for_each(|aca| aca.rights.managed = managed);
            state.log.note(if managed { "managed" } else { "no longer managed" });
        });
    }

    /// Key references of which the card holds the private key.
    pub fn keys(&self) -> Vec<u8> {
        self.with(|state| state.chip.piv.references())
    }
}
