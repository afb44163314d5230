//! What is kept of devices between uses, for a person to look at and to clear. Public content only; no PIN is ever kept
//! there, and so forgetting PINs is something else: [`Device::forget_pins`].
//!
//! Nothing here sends anything to a card that it need not: what is kept of a card can be cleared while others use it, or
//! when it is long gone. Whoever else holds the token notices, and reads again what it needs.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use link::{Entry, Store};
use piv::TokenCache;

use crate::{Candidate, Device, Devices, Error, uuid};

/// So many digits of a GUID are taken for one; fewer may be part of a name.
const LEAST_DIGITS: usize = 8;

/// What is kept of devices.
pub struct Cache {
    store: Arc<dyn Store>,
}

/// What is kept of one card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The card UUID.
    pub guid: [u8; 16],
    /// Whose it is, as its first certificate tells.
    pub label: Option<String>,
    /// How much is kept, in bytes.
    pub size: u64,
    /// How long ago it was last used, give or take an hour.
    pub idle: Option<Duration>,
}

impl Cache {
    /// What this store keeps.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Every card of which something is kept, the one used last first.
    #[must_use]
    pub fn list(&self) -> Vec<Kept> {
        let mut cards: BTreeMap<[u8; 16], Vec<Entry>> = BTreeMap::new();
        for entry in self.store.entries() {
            if let Some(guid) = guid_of(&entry.key) {
                cards.entry(guid).or_default().push(entry);
            }
        }
        let mut list: Vec<_> = cards.into_iter().map(|(guid, entries)| self.kept(guid, &entries)).collect();
        list.sort_by_key(|kept| kept.idle.unwrap_or(Duration::MAX));
        list
    }

    fn kept(&self, guid: [u8; 16], entries: &[Entry]) -> Kept {
        let label = entries.iter().find_map(|entry| {
            let cache = TokenCache::from_bytes(&self.look(&entry.key)?)?;
            cache.label().map(str::to_owned)
        });
        let size = entries.iter().map(|entry| entry.length).sum();
        Kept { guid, label, size, idle: entries.iter().filter_map(|entry| entry.idle).min() }
    }

    /// What is kept under a key. It does not count as used for that, as it would if it were loaded.
    fn look(&self, key: &str) -> Option<Vec<u8>> {
        let mut seen = None;
        self.store.update(key, &mut |content| {
            seen = content;
            None
        });
        seen
    }

    /// The card that goes by this GUID or device ID, whole or in part (8 digits at least), or by this label. `None`: nothing
    /// is kept of any such card.
    ///
    /// # Errors
    /// [`Error::Ambiguous`] when several fit.
    pub fn find(&self, wanted: &str) -> Result<Option<Kept>, Error> {
        let wanted = wanted.to_lowercase();
        let digits = wanted.replace('-', "");
        let is_part = digits.len() >= LEAST_DIGITS;
        let fits = |kept: &Kept| {
            let is_label = kept.label.as_ref().is_some_and(|label| label.to_lowercase() == wanted);
            is_label || is_part && hex(&kept.guid).contains(&digits)
        };
        let mut fitting: Vec<_> = self.list().into_iter().filter(fits).collect();
        if fitting.len() > 1 {
            return Err(Error::Ambiguous { candidates: fitting.iter().map(candidate).collect() });
        }
        Ok(fitting.pop())
    }

    /// Drops all that is kept of one card, and what mentions it; everybody who remembers it from there forgets it now, even
    /// if nothing was kept. `false`: something is still there, because it cannot be removed.
    #[must_use]
    pub fn clear(&self, guid: [u8; 16]) -> bool {
        let is_meant = |key: &str| guid_of(key) == Some(guid) || self.mentions(key, guid);
        self.store.remove(&hex(&guid).to_uppercase());
        self.remove_all(|entry| is_meant(&entry.key))
    }

    /// Drops all that is kept of the card that is meant, and tells what that was. What is kept may be named when the card is
    /// not here, as for [`Cache::find`], and no card is asked for anything then; else it goes by the device
    /// ([`Devices::select`]). `false`: as for [`Cache::clear`].
    ///
    /// # Errors
    /// [`Error::Ambiguous`], and as [`Devices::select`] and [`Device::guid`].
    pub fn clear_named(&self, devices: &Devices, wanted: Option<&str>) -> Result<(Vec<Kept>, bool), Error> {
        if let Some(kept) = wanted.map(|wanted| self.find(wanted)).transpose()?.flatten() {
            let is_gone = self.clear(kept.guid);
            return Ok((vec![kept], is_gone));
        }
        // Of a card without a GUID nothing is ever kept.
        let Some(guid) = devices.select(wanted)?.guid()? else { return Ok((Vec::new(), true)) };
        let kept = self.list().into_iter().filter(|kept| kept.guid == guid).collect();
        Ok((kept, self.clear(guid)))
    }

    /// Drops everything, of absent cards too. `false`: as for [`Cache::clear`].
    #[must_use]
    pub fn clear_all(&self) -> bool {
        self.remove_all(|_| true)
    }

    /// What is kept of a reader has the GUID of the card that was in it last.
    fn mentions(&self, key: &str, guid: [u8; 16]) -> bool {
        let is_there = |content: Vec<u8>| content.windows(guid.len()).any(|part| part == guid);
        guid_of(key).is_none() && self.look(key).is_some_and(is_there)
    }

    fn remove_all(&self, is_meant: impl Fn(&Entry) -> bool) -> bool {
        self.store
            .entries()
            .iter()
            .filter(|entry| is_meant(entry))
            .for_each(|entry| self.store.remove(&entry.key));
        !self.store.entries().iter().any(is_meant)
    }
}

impl Kept {
    /// The GUID as in `C4000C4E-5CE4-4D01-8A11-000000000001` (RFC 9562).
    #[must_use]
    pub fn uuid(&self) -> String {
        uuid(&self.guid)
    }
}

impl Device {
    /// The card UUID, by which things are kept of a card. `None`: it has none, and nothing is ever kept of it.
    ///
    /// # Errors
    /// [`Error::Empty`] without a card, [`Error::Card`] when it is removed or is no PIV card.
    pub fn guid(&mut self) -> Result<Option<[u8; 16]>, Error> {
        self.with_token(|token| Ok(token.state()?.identity.as_ref().and_then(piv::Identity::guid)))
    }

    /// Ends the login on the card, whichever program logged in, and makes the programs of this user forget the PINs they
    /// keep: the next use of its keys needs the PIN again.
    ///
    /// # Errors
    /// As [`Device::guid`]; [`Error::Card`] over plain contactless, where no PIN is ever verified.
    pub fn forget_pins(&mut self) -> Result<(), Error> {
        self.with_token(piv::Token::forget_pins)
    }
}

fn candidate(kept: &Kept) -> Candidate {
    let name = kept.label.clone().unwrap_or_else(|| "PIV card".to_owned());
    Candidate { name, id: Some(kept.uuid()), reader: "the cache".to_owned() }
}

/// The card a key belongs to: the key begins with its GUID.
fn guid_of(key: &str) -> Option<[u8; 16]> {
    let (digits, rest) = key.split_at_checked(32)?;
    let is_whole =
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && (rest.is_empty() || rest.starts_with('-'));
    is_whole.then(|| u128::from_str_radix(digits, 16).ok()).flatten().map(u128::to_be_bytes)
}

fn hex(guid: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*guid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_cards_begin_with_their_guid() {
        let guid = *b"0123456789abcdef";
        assert_eq!(guid_of("30313233343536373839616263646566"), Some(guid));
        assert_eq!(guid_of("30313233343536373839616263646566-contactless"), Some(guid));
        for other in [
            "seat-0123456789abcdef",
            "",
            "3031323334353637383961626364656",
            "+0313233343536373839616263646566",
        ] {
            assert_eq!(guid_of(other), None, "{other}");
        }
        assert_eq!(guid_of("30313233343536373839616263646566ff"), None);
    }
}
