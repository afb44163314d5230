//! Which keys a card is issued with, and what is in the containers of their certificates.

use std::collections::BTreeMap;

use super::personality::Personality;
use crate::fixture::{self, Algorithm, Fixture};

/// The key references of retired keys.
pub(super) const RETIRED: std::ops::RangeInclusive<u8> = 0x82..=0x95;

#[derive(Clone, Copy)]
pub(super) struct Issued {
    pub(super) fixture: &'static Fixture,
    pub(super) certificate: Stored,
}

/// What there is of a key's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The certificate itself.
    Whole,
    /// A container with bytes that are none.
    Garbage,
    /// Nothing: it is where the URL of the Key History says.
    Elsewhere,
}

/// The keys of a card, by reference.
pub(super) fn issued(personality: &Personality) -> BTreeMap<u8, Issued> {
    if personality.blank {
        return BTreeMap::new();
    }
    let key = |reference: u8| {
        let fixture = fixture::fitting(reference, kind(personality, reference)?)?;
        Some((reference, Issued { fixture, certificate: stored(personality, reference) }))
    };
    personality.profile.key_references().iter().copied().filter_map(key).collect()
}

fn kind(personality: &Personality, reference: u8) -> Option<Algorithm> {
    match personality.keys.get(&reference) {
        Some(chosen) => *chosen,
        None => usual(personality, reference),
    }
}

/// Retired keys are RSA-2048 and P-256 in turn.
fn usual(personality: &Personality, reference: u8) -> Option<Algorithm> {
    match reference {
        0x9A | 0x9D => Some(Algorithm::Rsa2048),
        0x9C | 0x9E => Some(Algorithm::P256),
        _ if !RETIRED.contains(&reference) => None,
        _ if reference - 0x81 > personality.retired && !is_off_card(personality, reference) => None,
        _ if reference.is_multiple_of(2) => Some(Algorithm::Rsa2048),
        _ => Some(Algorithm::P256),
    }
}

fn stored(personality: &Personality, reference: u8) -> Stored {
    if is_off_card(personality, reference) {
        Stored::Elsewhere
    } else if personality.garbage.contains(&reference) {
        Stored::Garbage
    } else {
        Stored::Whole
    }
}

/// Keys with certificates elsewhere have the highest references (SP 800-73 part 1, 3.3.3), as far as those are free.
fn is_off_card(personality: &Personality, reference: u8) -> bool {
    let room = 20 - personality.retired.min(20);
    let first = 0x96 - personality.off_card.min(room);
    RETIRED.contains(&reference) && reference >= first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(personality: &Personality) -> String {
        let place = |(reference, key): (u8, Issued)| format!("{reference:02X}={:?}", key.certificate);
        let retired = issued(personality).into_iter().filter(|(reference, _)| RETIRED.contains(reference));
        retired.map(place).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_on_the_card_come_first_and_those_off_it_last() {
        let card = Personality { retired: 2, off_card: 1, ..Personality::key_v3() };
        assert_eq!(places(&card), "82=Whole 83=Whole 95=Elsewhere");
        let full = Personality { retired: 19, off_card: 9, ..Personality::key_v3() };
        assert!(places(&full).ends_with("94=Whole 95=Elsewhere"));
        assert_eq!(places(&Personality { blank: true, ..full }), "");
    }

    #[test]
    fn a_kind_that_was_chosen_goes_before_the_usual_one() {
        let keys =
            BTreeMap::from([(0x9A, Some(Algorithm::P384)), (0x9D, None), (0x90, Some(Algorithm::Rsa4096))]);
        let issued = issued(&Personality { keys, ..Personality::key_v3() });
        assert_eq!(issued[&0x9A].fixture.name, "p-384");
        assert_eq!(issued[&0x90].fixture.name, "retired-rsa-4096");
        assert_eq!(issued.into_keys().collect::<Vec<_>>(), [0x90, 0x9A, 0x9C, 0x9E]);
    }

    #[test]
    fn retired_keys_are_all_different() {
        let twenty = Personality { retired: 20, ..Personality::key_v3() };
        let mut seen: Vec<_> = issued(&twenty).into_values().map(|key| key.fixture.key).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 24);
    }
}
