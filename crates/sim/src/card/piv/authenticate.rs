//! GENERAL AUTHENTICATE with asymmetric keys (SP 800-73 part 2, 3.2.4).

use super::Piv;
use super::extended::pin_policy;
use super::secure::SECURE_MESSAGING_KEY;
use crate::apdu::{Answer, Command};
use crate::card::access::Access;
use crate::card::key::Key;
use crate::card::profile::Profile;
use crate::latency::Work;
use crate::tlv::{objects, only, tlv};

const CARD_MANAGEMENT: u8 = 0x9B;

impl Piv {
    pub(super) fn general_authenticate(&mut self, command: &Command, fresh: bool, access: Access) -> Answer {
        let (algorithm, reference) = (command.p1, command.p2);
        if reference == SECURE_MESSAGING_KEY && self.messaging.algorithm().is_some() {
            return self.establish(command);
        }
        if reference == CARD_MANAGEMENT {
            return match self.profile.is_crescendo() {
                true => Answer::status(0x6D00),
                false => self.authenticate_manager(command, access),
            };
        }
        let Some(key) = self.keys.get(&reference) else {
            return Answer::status(self.no_key()).sim();
        };
        if algorithm != self.profile.algorithm_byte(key.algorithm) {
            return Answer::status(0x6A86).sim();
        }
        if !self.allowed(reference, fresh, access) {
            // How a Crescendo treats 9C has not been measured.
            return Answer::status(0x6982).sim_if(self.has_pin());
        }
        match use_key(key, reference, self.profile, &command.data) {
            Some(result) => {
                self.worked = Some(Work::Private(key.algorithm));
                Answer::data(tlv(0x7C, &tlv(0x82, &result)))
            }
            None => Answer::status(0x6A80),
        }
    }

    fn no_key(&self) -> u16 {
        if self.profile.is_crescendo() { 0x6A88 } else { 0x6A86 }
    }

    /// When the PIN is asked for; only on a card with extensions a key has rules of its own.
    fn policy(&self, reference: u8) -> u8 {
        self.keys.get(&reference).map_or(0, |key| pin_policy(reference, key))
    }

    /// The access rules of SP 800-73 part 1, table 5.
    fn allowed(&self, reference: u8, fresh: bool, access: Access) -> bool {
        match (reference, self.policy(reference)) {
            (0x9E, _) | (_, 1) => true,
            _ if access < Access::Vci => false,
            (_, 3) => self.has_pin() && fresh,
            _ => self.has_pin(),
        }
    }
}

/// `None` for a template, a length or a use this key does not have.
fn use_key(key: &Key, reference: u8, profile: Profile, data: &[u8]) -> Option<Vec<u8>> {
    let mut template = objects(only(0x7C, data)?)?;
    // Either order is seen; there is exactly one input and one empty response.
    template.sort_unstable_by_key(|(tag, _)| *tag);
    let key_management = matches!(reference, 0x9D | 0x82..=0x95);
    match template[..] {
        [(0x81, block), (0x82, [])] if key.is_rsa() => key.raise(block),
        [(0x81, hash), (0x82, [])] if !key_management => {
            key.sign(&fitting(hash, key.hash_length()?, profile)?)
        }
        [(0x82, []), (0x85, point)] if key_management => key.agree(point),
        _ => None,
    }
}

/// Hosts should hand over as many bytes as the order has; a plain card takes fewer as the same number, a
/// Crescendo here does not ([SIM]: some cards insist).
fn fitting(hash: &[u8], len: usize, profile: Profile) -> Option<Vec<u8>> {
    let missing = len.checked_sub(hash.len())?;
    if missing > 0 && profile.is_crescendo() {
        return None;
    }
    Some([&vec![0; missing][..], hash].concat())
}
