//! What a new PIN has to look like: as the device tells, and stricter where the owner of the machine has said so
//! (`/etc/crescendo/policy.toml`). Everything is checked here, before anything is sent.

use std::{fmt, io, path::PathBuf};

use link::System;
use piv::{Pin, PinPolicy};
use serde::Deserialize;

const INSTALLED: &str = "/etc/crescendo/policy.toml";
/// Another file in its place, for laboratories.
const VARIABLE: &str = "CRESCENDO_POLICY";

const LARGEST: usize = 1 << 16;

/// What the owner of this machine wants of new PINs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalPolicy {
    min: Option<u8>,
    max: Option<u8>,
    digits: bool,
    refuse_trivial: bool,
    allow_reuse: bool,
}

/// Why nobody knows what the owner of this machine wants. No PIN is set then.
#[derive(Debug)]
pub enum PolicyError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The file is not what it should be: why.
    Bad(PathBuf, String),
}

/// The file as it is written: one table, `[pin]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    pin: Section,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    min: Option<u8>,
    max: Option<u8>,
    digits: Option<bool>,
    trivial: Option<Choice>,
    reuse: Option<Choice>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Choice {
    Allow,
    Refuse,
}

impl LocalPolicy {
    /// The policy of this machine; where there is no file, nothing beyond what devices want.
    ///
    /// # Errors
    /// A policy that cannot be read is not passed over.
    pub fn read(system: &dyn System) -> Result<Self, PolicyError> {
        let named = system.variable(VARIABLE);
        let is_named = named.is_some();
        let path = PathBuf::from(named.unwrap_or_else(|| INSTALLED.to_owned()));
        let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not text");
        match system.read(&path, LARGEST).and_then(|bytes| String::from_utf8(bytes).map_err(not_text)) {
            Ok(text) => Self::parse(&text).map_err(|why| PolicyError::Bad(path, why)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => Ok(Self::default()),
            Err(error) => Err(PolicyError::Unreadable(path, error)),
        }
    }

    /// What is in such a file: a table `[pin]` with `min` and `max` (4 to 8), `digits` (true: nothing else), `trivial` (`"refuse"`:
    /// 111111, 123456, 121212 and the like) and `reuse` (`"allow"`: the old PIN may be the new one). What is not said stays as
    /// the device has it.
    ///
    /// # Errors
    /// What is wrong with it, in words: a policy that cannot be read is not passed over.
    pub fn parse(text: &str) -> Result<Self, String> {
        let File { pin } = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let (min, max) = (pin.min.unwrap_or(4), pin.max.unwrap_or(8));
        if !(4..=8).contains(&min) || !(min..=8).contains(&max) {
            return Err("min and max are from 4 to 8, and min is no more than max".to_owned());
        }
        Ok(Self {
            min: pin.min,
            max: pin.max,
            digits: pin.digits == Some(true),
            refuse_trivial: pin.trivial == Some(Choice::Refuse),
            allow_reuse: pin.reuse == Some(Choice::Allow),
        })
    }
}

/// What a new PIN has to look like, all told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinRules {
    /// The fewest and most characters, and whether they are digits.
    pub shape: PinPolicy,
    /// It may not be a run or a repetition.
    pub refuse_trivial: bool,
    /// It may be the old one.
    pub allow_reuse: bool,
    /// The device has told the shape; else it is the one of the standard.
    pub told: bool,
}

/// Why a new PIN was refused; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has fewer characters than this.
    TooShort(u8),
    /// It has more characters than this.
    TooLong(u8),
    /// It has something in it that is no digit.
    NotDigits,
    /// It has something in it that not every keyboard has.
    Character,
    /// It is the old one.
    Same,
    /// It is a run (123456) or a repetition (111111, 121212).
    Trivial,
}

impl PinRules {
    /// What the device told and what the owner wants. `None`: no PIN can be both.
    #[must_use]
    pub fn of(told: Option<PinPolicy>, local: &LocalPolicy) -> Option<Self> {
        let device = told.unwrap_or(PinPolicy::STANDARD);
        let shape = PinPolicy {
            min: local.min.map_or(device.min, |min| min.max(device.min)),
            max: local.max.map_or(device.max, |max| max.min(device.max)),
            digits: device.digits || local.digits,
        };
        let rules = Self {
            shape,
            refuse_trivial: local.refuse_trivial,
            allow_reuse: local.allow_reuse,
            told: told.is_some(),
        };
        (shape.min <= shape.max).then_some(rules)
    }

    /// The new PIN, if it is as it has to be. `old` is the one it replaces, where that is known.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn admit(&self, text: &[u8], old: Option<&Pin>) -> Result<Pin, Refusal> {
        let PinPolicy { min, max, digits } = self.shape;
        if text.len() < usize::from(min) {
            return Err(Refusal::TooShort(min));
        }
        if text.len() > usize::from(max) {
            return Err(Refusal::TooLong(max));
        }
        if digits && !text.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::NotDigits);
        }
        let pin = self.shape.pin(text).map_err(|_| Refusal::Character)?;
        if !text.iter().all(|byte| byte.is_ascii_graphic()) {
            return Err(Refusal::Character);
        }
        if !self.allow_reuse && old.is_some_and(|old| old.same(&pin)) {
            return Err(Refusal::Same);
        }
        if self.refuse_trivial && is_trivial(text) { Err(Refusal::Trivial) } else { Ok(pin) }
    }
}

/// All equal, up or down by one each, or a pair repeated.
fn is_trivial(text: &[u8]) -> bool {
    let steps = |by: i16| text.windows(2).all(|pair| i16::from(pair[1]) - i16::from(pair[0]) == by);
    let pairs = text.iter().zip(text.iter().skip(2)).all(|(one, next)| one == next);
    steps(0) || steps(1) || steps(-1) || pairs
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::Bad(path, why) => write!(f, "the policy {} cannot be read: {why}", path.display()),
        }
    }
}

impl std::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Bad(..) => None,
        }
    }
}

/// As in `6 to 8 digits, not the old PIN, no run like 123456 and no repetition like 121212`.
impl fmt::Display for PinRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PinPolicy { min, max, digits } = self.shape;
        let kind = if digits { "digits" } else { "letters, digits or signs" };
        if min == max {
            write!(f, "{min} {kind}")?
        } else {
            write!(f, "{min} to {max} {kind}")?
        }
        if !self.allow_reuse {
            f.write_str(", not the old PIN")?;
        }
        if self.refuse_trivial {
            f.write_str(", no run like 123456 and no repetition like 121212")?;
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort(min) => write!(f, "the new PIN is too short: it has {min} characters at least"),
            Self::TooLong(max) => write!(f, "the new PIN is too long: it has {max} characters at most"),
            Self::NotDigits => f.write_str("the new PIN has something in it that is no digit"),
            Self::Character => {
                f.write_str("the new PIN has a space in it, or a character that not every keyboard has")
            }
            Self::Same => f.write_str("the new PIN is the old one"),
            Self::Trivial => f.write_str("the new PIN is too easy to guess: a run or a repetition"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(local: &str) -> PinRules {
        let device = PinPolicy { min: 6, max: 8, digits: true };
        PinRules::of(Some(device), &LocalPolicy::parse(local).unwrap()).unwrap()
    }

    fn refusal(rules: PinRules, text: &str) -> Option<Refusal> {
        rules.admit(text.as_bytes(), Some(&Pin::new(b"271828").unwrap())).err()
    }

    #[test]
    fn every_bad_pin_has_its_reason() {
        let plain = rules("");
        assert_eq!(refusal(plain, "12345"), Some(Refusal::TooShort(6)));
        assert_eq!(refusal(plain, ""), Some(Refusal::TooShort(6)));
        assert_eq!(refusal(plain, "123456789"), Some(Refusal::TooLong(8)));
        assert_eq!(refusal(plain, "12345a"), Some(Refusal::NotDigits));
        assert_eq!(refusal(plain, "271828"), Some(Refusal::Same));
        assert_eq!(refusal(plain, "2718280"), None, "another length is another PIN");
        assert_eq!(refusal(plain, "111111"), None, "unless the owner says so");
        assert_eq!(refusal(rules("pin.reuse = \"allow\""), "271828"), None);
    }

    #[test]
    fn runs_and_repetitions() {
        let strict = rules("[pin]\ntrivial = \"refuse\"\n");
        for text in ["111111", "123456", "23456789", "654321", "87654321", "121212", "1212121", "90909090"] {
            assert_eq!(refusal(strict, text), Some(Refusal::Trivial), "{text}");
        }
        for text in ["123457", "112233", "135790", "890123", "121213", "314159"] {
            assert_eq!(refusal(strict, text), None, "{text}");
        }
    }

    #[test]
    fn the_owner_is_stricter_and_never_laxer() {
        let longer = rules("[pin]\nmin = 7\nmax = 8");
        assert_eq!((longer.shape.min, longer.shape.max), (7, 8));
        let laxer = rules("[pin]\nmin = 4\ndigits = false");
        assert_eq!(laxer.shape, PinPolicy { min: 6, max: 8, digits: true });
        let short = LocalPolicy::parse("[pin]\nmax = 5").unwrap();
        assert!(PinRules::of(None, &short).is_none(), "no PIN can be both");
        let letters = PinRules::of(Some(PinPolicy::LOOSEST), &LocalPolicy::default()).unwrap();
        assert_eq!(refusal(letters, "a!9Z"), None);
        assert_eq!(refusal(letters, "a b c"), Some(Refusal::Character));
        assert_eq!(refusal(letters, "Zoë12"), Some(Refusal::Character));
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_not_passed_over() {
        for text in [
            "[pin]\nmin = 9",
            "[pin]\nmin = 8\nmax = 6",
            "[pin]\ntrivial = \"no\"",
            "[pins]",
            "pin = 3",
            "[pin]\nminimum = 6",
        ] {
            assert!(LocalPolicy::parse(text).is_err(), "{text}");
        }
        assert_eq!(LocalPolicy::parse("").unwrap(), LocalPolicy::default());
    }

    #[test]
    fn rules_in_words() {
        assert_eq!(rules("").to_string(), "6 to 8 digits, not the old PIN");
        assert_eq!(
            rules("[pin]\nmin = 8\ntrivial = \"refuse\"").to_string(),
            "8 digits, not the old PIN, no run like 123456 and no repetition like 121212"
        );
    }
}
