//! One-time passwords: HMAC, dynamic truncation, decimal digits as a card answers them (RFC 4226, 5.3).

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    pub(super) fn read(byte: u8) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].get(usize::from(byte)).copied()
    }

    pub(super) fn mac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, message),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, message),
            Self::Sha512 => mac::<Hmac<Sha512>>(key, message),
        }
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as Mac>::new_from_slice(key).expect("keys of HMAC have any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// The last so many decimal digits of the truncated MAC.
pub(super) fn truncated(mac: &[u8], digits: u8) -> u64 {
    let at = usize::from(mac.last().copied().unwrap_or_default() & 0x0F);
    let number = mac[at..at + 4].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) & 0x7FFF_FFFF;
    number % 10u64.pow(u32::from(digits))
}

/// Two digits in a byte: 755224 is 75 52 24.
pub(super) fn bcd(number: u64, digits: u8) -> Vec<u8> {
    let text = format!("{number:0width$}", width = usize::from(digits));
    let digits: Vec<u8> = text.bytes().map(|digit| digit - b'0').collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4226_appendix_d() {
        let codes = (0..3u64).map(|counter| {
            let mac = Hash::Sha1.mac(b"12345678901234567890", &counter.to_be_bytes());
            bcd(truncated(&mac, 6), 6)
        });
        assert_eq!(codes.collect::<Vec<_>>(), [[0x75, 0x52, 0x24], [0x28, 0x70, 0x82], [0x35, 0x91, 0x52]]);
    }

    #[test]
    fn rfc_6238_appendix_b() {
        for (hash, key, code) in [
            (Hash::Sha1, &b"12345678901234567890"[..], [0x94, 0x28, 0x70, 0x82]),
            (Hash::Sha256, b"12345678901234567890123456789012", [0x46, 0x11, 0x92, 0x46]),
            (
                Hash::Sha512,
                b"1234567890123456789012345678901234567890123456789012345678901234",
                [0x90, 0x69, 0x39, 0x36],
            ),
        ] {
            let mac = hash.mac(key, &(59u64 / 30).to_be_bytes());
            assert_eq!(bcd(truncated(&mac, 8), 8), code);
        }
        assert_eq!(bcd(7, 10), [0, 0, 0, 0, 7]);
    }
}
