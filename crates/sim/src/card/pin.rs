//! A secret with a retry counter: PIN, global PIN and PUK.

use std::ops::RangeInclusive;

/// How many digits a PIN has.
pub(super) const PIN_LENGTH: RangeInclusive<usize> = 6..=8;

pub(super) struct Secret {
    value: [u8; 8],
    tries: u8,
    limit: u8,
    /// It was verified, and nothing has undone that since.
    pub(super) verified: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Check {
    Right,
    Wrong { left: u8 },
    Blocked,
}

impl Secret {
    pub(super) fn new(digits: &str, limit: u8) -> Self {
        let mut value = [0xFF; 8];
        for (place, digit) in value.iter_mut().zip(digits.bytes()) {
            *place = digit;
        }
        Self { value, tries: limit, limit, verified: false }
    }

    /// Compares, and counts. Being right is not yet being verified: that is for VERIFY and CHANGE to say.
    pub(super) fn check(&mut self, given: &[u8]) -> Check {
        if self.tries == 0 {
            self.verified = false;
            return Check::Blocked;
        }
        if given == self.value {
            self.tries = self.limit;
            return Check::Right;
        }
        self.verified = false;
        self.tries -= 1;
        Check::Wrong { left: self.tries }
    }

    pub(super) fn replace(&mut self, value: [u8; 8]) {
        self.value = value;
        self.tries = self.limit;
    }

    pub(super) fn tries(&self) -> u8 {
        self.tries
    }

    pub(super) fn block(&mut self) {
        self.tries = 0;
        self.verified = false;
    }
}

/// The 8 bytes of a PIN that is digits padded with FF (SP 800-73 part 2, 2.4.3).
pub(super) fn well_formed(bytes: &[u8], length: RangeInclusive<usize>) -> Option<[u8; 8]> {
    let value: [u8; 8] = bytes.try_into().ok()?;
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let padded = value[digits..].iter().all(|byte| *byte == 0xFF);
    (padded && length.contains(&digits)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_down_blocks_and_recovers() {
        let mut pin = Secret::new("123456", 2);
        assert_eq!(pin.check(b"999999\xFF\xFF"), Check::Wrong { left: 1 });
        assert_eq!(pin.check(b"123456\xFF\xFF"), Check::Right);
        assert_eq!(pin.tries(), 2);
        pin.verified = true;
        pin.check(b"");
        assert!(!pin.verified);
        assert_eq!(pin.check(b""), Check::Wrong { left: 0 });
        assert_eq!(pin.check(b"123456\xFF\xFF"), Check::Blocked);
    }

    #[test]
    fn a_pin_is_digits_and_padding() {
        assert!(well_formed(b"123456\xFF\xFF", PIN_LENGTH).is_some());
        assert!(well_formed(b"12345678", PIN_LENGTH).is_some());
        for bad in [
            &b"12345\xFF\xFF\xFF"[..],
            b"12345a\xFF\xFF",
            b"123456\xFF",
            b"123456\xFF7",
            b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ] {
            assert!(well_formed(bad, PIN_LENGTH).is_none(), "{bad:02X?}");
        }
    }
}
