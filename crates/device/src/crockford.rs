//! Crockford's base 32: digits and letters without I, L, O and U, for codes that people read to each other.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters between hyphens.
const GROUP: usize = 4;

/// Bytes as characters, in groups; as many bytes as make whole characters.
pub(crate) fn written(bytes: &[u8]) -> Zeroizing<String> {
    let count = bytes.len() * 8 / 5;
    let mut text = Zeroizing::new(String::with_capacity(count + count / GROUP));
    for place in 0..count {
        if place > 0 && place % GROUP == 0 {
            text.push('-');
        }
        let value = (0..5).fold(0, |value, bit| value << 1 | usize::from(self::bit(bytes, place * 5 + bit)));
        text.push(char::from(ALPHABET[value]));
    }
    text
}

/// Reads characters into as many bytes. `false`: too few, too many, or none of the alphabet.
pub(crate) fn read(text: &str, bytes: &mut [u8]) -> bool {
    bytes.fill(0);
    let mut place = 0;
    for character in text.chars().filter(|c| !matches!(c, '-' | ' ')) {
        let Some(value) = value(character) else { return false };
        for bit in 0..5 {
            let Some(byte) = bytes.get_mut(place / 8) else { return false };
            *byte |= (value >> (4 - bit) & 1) << (7 - place % 8);
            place += 1;
        }
    }
    place == bytes.len() * 8
}

fn bit(bytes: &[u8], at: usize) -> u8 {
    bytes[at / 8] >> (7 - at % 8) & 1
}

fn value(character: char) -> Option<u8> {
    let meant = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().position(|known| char::from(*known) == meant).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let bytes: Vec<u8> = (0..10).map(|n| n * 25 + 7).collect();
        let text = written(&bytes);
        assert_eq!(text.len(), 19);
        let mut again = [0; 10];
        assert!(read(&text, &mut again));
        assert_eq!(again[..], bytes[..]);
        assert_eq!(*written(&[0xFF; 5]), "ZZZZ-ZZZZ");
    }
}
