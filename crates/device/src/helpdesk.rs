//! The help desk's side of unblocking a Crescendo: from its master key, the device ID and the challenge to the response. One
//! response opens all of a device's administration, once.
//!
//! The administration key of a device is `HKDF-SHA-256(master, salt "crescendo-xauth-v1", info = device ID)`, cut to the
//! length of the key. Our own scheme; what the device does with the response is HID's.

use hkdf::Hkdf;
use piv::{Challenge, Cryptogram, XauthKey};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Error;

const SALT: &[u8] = b"crescendo-xauth-v1";
/// A master key has no fewer bytes, and no more.
const MASTER: std::ops::RangeInclusive<usize> = 16..=64;
/// More counters than this are never needed: one key in 2^50 is unfit.
const COUNTERS: u8 = 8;

/// The key from which a help desk derives those of all its devices.
pub struct MasterKey(Zeroizing<Vec<u8>>);

impl MasterKey {
    /// From 32 to 128 hexadecimal digits (16 to 64 bytes); spaces and colons between them do not count.
    ///
    /// # Errors
    /// [`Error::MasterFormat`].
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        let bytes = hex(text).filter(|bytes| MASTER.contains(&bytes.len()));
        bytes.map(Self).ok_or(Error::MasterFormat)
    }

    /// The administration key of a device, of the kind that a challenge of so many bytes asks for: 8 for 3DES, 16 for AES.
    ///
    /// # Errors
    /// [`Error::DeviceId`] for what is no device ID; [`Error::Card`] for a length that no challenge has.
    pub fn key(&self, device: &str, block: usize) -> Result<XauthKey, Error> {
        let info = device_id(device)?;
        Ok(derived(&Hkdf::<Sha256>::new(Some(SALT), &self.0), &info, block)?)
    }

    /// The response to a challenge of a device.
    ///
    /// # Errors
    /// As [`MasterKey::key`].
    pub fn response(&self, device: &str, challenge: &Challenge) -> Result<Cryptogram, Error> {
        Ok(self.key(device, challenge.bytes().len())?.answer(challenge)?)
    }
}

/// A challenge as a person reads it out: 16 or 32 hexadecimal digits, in groups or not.
///
/// # Errors
/// [`Error::ChallengeFormat`].
pub fn challenge(text: &str) -> Result<Challenge, Error> {
    hex(text).and_then(|bytes| Challenge::new(&bytes)).ok_or(Error::ChallengeFormat)
}

/// A response as a person types it in.
///
/// # Errors
/// [`Error::ChallengeFormat`].
pub fn response(text: &str) -> Result<Cryptogram, Error> {
    hex(text).and_then(|bytes| Cryptogram::new(&bytes)).ok_or(Error::ChallengeFormat)
}

/// A response to this challenge as a person types it in: it is as long.
///
/// # Errors
/// [`Error::ResponseFormat`].
pub fn response_to(challenge: &Challenge, text: &str) -> Result<Cryptogram, Error> {
    let length = challenge.bytes().len();
    let fitting = response(text).ok().filter(|response| response.bytes().len() == length);
    fitting.ok_or(Error::ResponseFormat { digits: 2 * length })
}

/// Bytes as people read them to each other: hexadecimal, in groups of four.
#[must_use]
pub fn spoken(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 5 / 2));
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % 2 == 0 {
            text.push(' ');
        }
        for digit in [byte >> 4, byte & 0x0F] {
            text.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
        }
    }
    text
}

/// A key out of HKDF. One that 3DES is weaker with is left out for the next, made with a counter.
pub(crate) fn derived(hkdf: &Hkdf<Sha256>, info: &[u8], block: usize) -> Result<XauthKey, piv::Error> {
    let length = match block {
        16 => 16,
        8 => 24,
        _ => return Err(piv::Error::KeyKind),
    };
    for counter in 0..=COUNTERS {
        let mut key = Zeroizing::new(vec![0; length]);
        let counted = [counter];
        let counter = if counter == 0 { &[][..] } else { &counted[..] };
        hkdf.expand_multi_info(&[info, counter], &mut key).map_err(|_| piv::Error::KeyKind)?;
        if length == 24 {
            key.iter_mut().for_each(set_parity);
        }
        if length == 16 || is_fit(&key) {
            return XauthKey::new(&key);
        }
    }
    Err(piv::Error::KeyKind)
}

/// The lowest bit of each byte makes the number of ones odd (FIPS 46-3).
fn set_parity(byte: &mut u8) {
    *byte = *byte & 0xFE | u8::from((*byte & 0xFE).count_ones().is_multiple_of(2));
}

/// Three different keys, none of them weak or half weak (FIPS 74, 3.6).
fn is_fit(key: &[u8]) -> bool {
    let parts: Vec<&[u8]> = key.chunks(8).collect();
    let distinct = parts[0] != parts[1] && parts[1] != parts[2] && parts[0] != parts[2];
    distinct && !parts.iter().any(|part| is_weak(part))
}

/// The sixteen are those whose two halves are each made of one byte, or of two in turn, out of six.
fn is_weak(part: &[u8]) -> bool {
    const BYTES: [u8; 6] = [0x01, 0xFE, 0x1F, 0xE0, 0x0E, 0xF1];
    let turns = |half: &[u8]| half[0] == half[2] && half[1] == half[3];
    part.iter().all(|byte| BYTES.contains(byte)) && turns(&part[..4]) && turns(&part[4..])
}

/// The device ID as HKDF takes it: capital letters and digits, nothing between them.
fn device_id(text: &str) -> Result<Vec<u8>, Error> {
    let id: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b' ' | b'-' | b':'))
        .map(|byte| byte.to_ascii_uppercase())
        .collect();
    let fits = matches!(id.len(), 8..=64) && id.iter().all(u8::is_ascii_alphanumeric);
    if fits { Ok(id) } else { Err(Error::DeviceId) }
}

fn hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let digit = |c: char| c.to_digit(16).map(|digit| digit as u8);
    let digits: Zeroizing<Vec<u8>> = Zeroizing::new(
        text.chars().filter(|c| !matches!(c, ' ' | '-' | ':')).map(digit).collect::<Option<_>>()?,
    );
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(Zeroizing::new(pairs.iter().map(|[high, low]| high << 4 | low).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
    const DEVICE: &str = "47900503708900123456";

    #[test]
    fn the_way_of_a_challenge() {
        let master = MasterKey::from_hex(MASTER).ok().unwrap();
        let spoken_challenge = challenge("A1B2 C3D4 E5F6 0718 293A 4B5C 6D7E 8F90").unwrap();
        let answer = master.response(DEVICE, &spoken_challenge).ok().unwrap();
        let text = spoken(answer.bytes());
        assert_eq!(text.len(), 39);
        assert_eq!(response(&text).ok().unwrap().bytes(), answer.bytes());
        let other = master.response("47900503708900123457", &spoken_challenge).ok().unwrap();
        assert_ne!(other.bytes(), answer.bytes(), "each device has its own key");
        let again = master.response("4790 0503-7089 0012 3456", &spoken_challenge).ok().unwrap();
        assert_eq!(again.bytes(), answer.bytes());
    }

    #[test]
    fn a_triple_des_key_has_parity_and_three_parts() {
        let hkdf = Hkdf::<Sha256>::new(Some(SALT), &[7; 32]);
        assert!(derived(&hkdf, b"X", 8).is_ok() && derived(&hkdf, b"X", 12).is_err());
        let mut bytes = [0x00, 0x01, 0xFE, 0xFF, 0x80];
        bytes.iter_mut().for_each(set_parity);
        assert_eq!(bytes, [0x01, 0x01, 0xFE, 0xFE, 0x80]);
    }

    #[test]
    fn weak_keys_and_equal_halves_are_unfit() {
        let good = [0x13, 0x34, 0x57, 0x79, 0x9B, 0xBC, 0xDF, 0xF1];
        let other = [0x10, 0x34, 0x57, 0x79, 0x9B, 0xBC, 0xDF, 0xF1];
        let third = [0x0D, 0x34, 0x57, 0x79, 0x9B, 0xBC, 0xDF, 0xF1];
        assert!(is_fit(&[good, other, third].concat()));
        assert!(!is_fit(&[good, other, good].concat()) && !is_fit(&[good, good, third].concat()));
        for weak in [
            [0x01; 8],
            [0xFE; 8],
            [0x1F, 0x1F, 0x1F, 0x1F, 0x0E, 0x0E, 0x0E, 0x0E],
            [0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE, 0x01, 0xFE],
            [0xE0, 0xFE, 0xE0, 0xFE, 0xF1, 0xFE, 0xF1, 0xFE],
        ] {
            assert!(!is_fit(&[good, weak, third].concat()), "{weak:02X?}");
        }
    }

    #[test]
    fn what_is_typed_wrong_is_refused() {
        for text in ["", "A1B2", "A1B2 C3D4 E5F6 07", "A1B2 C3D4 E5F6 071G", "A1B2 C3D4 E5F6 0718 2"] {
            assert!(matches!(challenge(text), Err(Error::ChallengeFormat)), "{text}");
        }
        let asked = challenge("0011 2233 4455 6677").unwrap();
        assert!(response_to(&asked, "8899-aabb-ccdd-eeff").is_ok());
        for text in ["", "0011", "00112233445566778899AABBCCDDEEFF", "8899AABBCCDDEEFG"] {
            assert!(matches!(response_to(&asked, text), Err(Error::ResponseFormat { digits: 16 })), "{text}");
        }
        assert!(MasterKey::from_hex("0011").is_err() && MasterKey::from_hex(&"00".repeat(65)).is_err());
        for text in ["", "1234567", "4790 0503 7089!"] {
            assert!(matches!(device_id(text), Err(Error::DeviceId)), "{text}");
        }
    }
}
