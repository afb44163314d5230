//! The Key History object (SP 800-73 part 1, 3.3.3), true or not, and the file its URL names.

use sha2::{Digest, Sha256};

use super::issue::{RETIRED, Stored, issued};
use super::personality::Personality;
use crate::fixture::Fixture;
use crate::hex;
use crate::tlv::tlv;

/// Where the lab would keep such files; the name of one is its hash.
const FOLDER: &str = "http://pki.crescendo.example/";

/// What stands inside 53, or nothing where the card has no such object.
pub(super) fn key_history(personality: &Personality) -> Option<Vec<u8>> {
    if personality.no_key_history {
        return None;
    }
    let on_card =
        personality.key_history.unwrap_or_else(|| count(retired(personality, Stored::is_on_card).len()));
    let off_card = count(retired(personality, |stored| stored == Stored::Elsewhere).len());
    let url = match (&personality.history_url, off_card) {
        (Some(url), _) => url.clone(),
        (None, 0) => String::new(),
        (None, _) => format!("{FOLDER}{}", hex::encode(&Sha256::digest(off_card_file(personality)))),
    };
    let mut content = [tlv(0xC1, &[on_card]), tlv(0xC2, &[off_card])].concat();
    if !url.is_empty() {
        content.extend(tlv(0xF3, url.as_bytes()));
    }
    Some(content)
}

/// The references and certificates of the keys whose certificates are not on the card, DER.
pub(super) fn off_card_file(personality: &Personality) -> Vec<u8> {
    let entry = |(reference, fixture): (u8, &Fixture)| {
        tlv(0x30, &[&tlv(0x04, &[reference])[..], fixture.certificate].concat())
    };
    let keys = retired(personality, |stored| stored == Stored::Elsewhere);
    tlv(0x30, &keys.into_iter().flat_map(entry).collect::<Vec<_>>())
}

impl Stored {
    fn is_on_card(self) -> bool {
        self != Self::Elsewhere
    }
}

fn retired(personality: &Personality, which: impl Fn(Stored) -> bool) -> Vec<(u8, &'static Fixture)> {
    let keys = issued(personality).into_iter();
    let retired = keys.filter(|(reference, key)| RETIRED.contains(reference) && which(key.certificate));
    retired.map(|(reference, key)| (reference, key.fixture)).collect()
}

fn count(keys: usize) -> u8 {
    u8::try_from(keys).expect("at most 20 retired keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(personality: Personality) -> String {
        key_history(&personality).map_or("none".into(), |content| hex::encode(&content))
    }

    #[test]
    fn true_absent_and_wrong() {
        let card = Personality { retired: 3, ..Personality::key_v3() };
        assert_eq!(history(Personality::key_v3()), "C10100C20100");
        assert_eq!(history(card.clone()), "C10103C20100");
        assert_eq!(history(Personality { key_history: Some(20), ..card.clone() }), "C10114C20100");
        assert_eq!(history(Personality { no_key_history: true, ..card }), "none");
    }

    #[test]
    fn the_url_names_the_hash_of_the_file() {
        let card = Personality { retired: 1, off_card: 2, ..Personality::key_v3() };
        let content = key_history(&card).unwrap();
        assert_eq!(content[..8], [0xC1, 1, 1, 0xC2, 1, 2, 0xF3, 93]);
        let file = off_card_file(&card);
        assert!(content.ends_with(hex::encode(&Sha256::digest(&file)).as_bytes()));
        assert_eq!(file[8..11], [0x04, 1, 0x94]);
        assert!(content.len() <= 128 - 4, "the container holds 128 bytes");
        let other = Personality { history_url: Some("http://h/00".into()), ..card };
        assert!(history(other).ends_with("F30B687474703A2F2F682F3030"));
    }
}
