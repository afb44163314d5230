//! A secret with a retry counter: PIN, global PIN and PUK; and what a card answers about it, through whichever
//! application it was asked (SP 800-73 part 2, 3.2; command reference 8.3).

use super::profile::{PinRules, Profile};
use crate::apdu::Answer;

/// A PUK is 8 digits; tokens with extensions pad it as they do a PIN, and take any character.
pub(super) fn puk_rules(profile: Profile) -> PinRules {
    match profile {
        Profile::PivExtended => profile.pin_rules(),
        _ => PinRules { min: 8, max: 8, digits: true },
    }
}

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

    /// How many tries there are when none is used.
    pub(super) fn total(&self) -> u8 {
        self.limit
    }

    /// Whether this is its value; nothing is counted.
    pub(super) fn is(&self, digits: &str) -> bool {
        Self::new(digits, 0).value == self.value
    }

    /// The counter alone.
    pub(super) fn unblock(&mut self) {
        self.tries = self.limit;
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

/// What an empty VERIFY is answered. The last `reserved` tries are not for this interface.
pub(super) fn state(secret: &Secret, reserved: u8) -> Answer {
    match secret.tries() {
        _ if secret.verified => Answer::status(0x9000),
        left if left <= reserved => Answer::status(0x6983),
        left => wrong(left),
    }
}

/// VERIFY with a PIN in it.
pub(super) fn compare(secret: &mut Secret, given: &[u8], profile: Profile, reserved: u8) -> Answer {
    if (1..=reserved).contains(&secret.tries()) {
        return Answer::status(0x6983);
    }
    if let Some(status) = malformed(given, profile).filter(|_| secret.tries() > 0) {
        return Answer::status(status).sim();
    }
    match secret.check(given) {
        Check::Right => {
            secret.verified = true;
            Answer::status(0x9000)
        }
        other => refusal(&other),
    }
}

/// Why a PIN is not even compared. A Crescendo compares whatever has 8 bytes.
fn malformed(pin: &[u8], profile: Profile) -> Option<u16> {
    if profile.is_crescendo() {
        (pin.len() != 8).then_some(0x6700)
    } else {
        well_formed(pin, profile.pin_rules()).is_none().then_some(0x6A80)
    }
}

/// The second half of the data, once the first half was the secret.
pub(super) fn exchange<'d>(
    secret: &mut Secret,
    data: &'d [u8],
    profile: Profile,
    reserved: u8,
) -> Result<&'d [u8], Answer> {
    if secret.tries() <= reserved {
        return Err(Answer::status(0x6983));
    }
    let Some((old, new)) = data.split_at_checked(8).filter(|(_, new)| new.len() == 8) else {
        return Err(Answer::status(if profile.is_crescendo() { 0x6700 } else { 0x6A80 }).sim());
    };
    match secret.check(old) {
        Check::Right => Ok(new),
        other => Err(refusal(&other)),
    }
}

pub(super) fn wrong(left: u8) -> Answer {
    Answer::status(0x63C0 | u16::from(left))
}

/// The last try answers 63C0; hardware may already say 6983 there.
fn refusal(check: &Check) -> Answer {
    match check {
        Check::Wrong { left } => wrong(*left).sim_if(*left == 0),
        _ => Answer::status(0x6983),
    }
}

/// The 8 bytes of a PIN padded with FF (SP 800-73 part 2, 2.4.3), if it is made by the rules.
pub(super) fn well_formed(bytes: &[u8], rules: PinRules) -> Option<[u8; 8]> {
    let value: [u8; 8] = bytes.try_into().ok()?;
    let len = value.iter().take_while(|byte| **byte != 0xFF).count();
    let (pin, padding) = value.split_at(len);
    let fits = padding.iter().all(|byte| *byte == 0xFF)
        && (usize::from(rules.min)..=usize::from(rules.max)).contains(&len)
        && (!rules.digits || pin.iter().all(u8::is_ascii_digit));
    fits.then_some(value)
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
        let rules = PinRules { min: 6, max: 8, digits: true };
        assert!(well_formed(b"123456\xFF\xFF", rules).is_some());
        assert!(well_formed(b"12345678", rules).is_some());
        for bad in [
            &b"12345\xFF\xFF\xFF"[..],
            b"12345a\xFF\xFF",
            b"123456\xFF",
            b"123456\xFF7",
            b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ] {
            assert!(well_formed(bad, rules).is_none(), "{bad:02X?}");
        }
        let any = PinRules { min: 4, max: 8, digits: false };
        assert!(well_formed(b"a\x00\xFE9\xFF\xFF\xFF\xFF", any).is_some());
        assert!(well_formed(b"abcd\xFFe\xFF\xFF", any).is_none());
    }
}
