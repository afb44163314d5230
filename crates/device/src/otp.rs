//! One-time passwords of a key: its slots, codes, and new secrets as services hand them out (an otpauth URI, or base32).

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use piv::{OtpConfiguration, OtpHash, OtpKind, OtpRequest, OtpSlot, Pin};
use zeroize::Zeroizing;

use crate::{Action, Device, Error};

/// How long a person has for pressing the button.
pub const BUTTON_TIME: Duration = Duration::from_secs(30);
/// How long to wait before the key is asked again.
pub const BUTTON_POLL: Duration = Duration::from_millis(250);

/// A secret and what is to be done with it, as a service hands it out. It cannot be printed, and is wiped.
pub struct Seed {
    /// What the slot is to do.
    pub configuration: OtpConfiguration,
    secret: Zeroizing<Vec<u8>>,
}

/// Why a text is no secret; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSeed(pub &'static str);

impl Seed {
    /// Reads an otpauth URI (`otpauth://totp/NAME?secret=...&digits=6&algorithm=SHA1&period=30`), or a secret alone in base32,
    /// as letters A to Z and digits 2 to 7, with or without spaces: that is a secret for a counter.
    ///
    /// # Errors
    /// [`BadSeed`] says what is wrong, and never what was in it.
    pub fn parse(text: &str) -> Result<Self, BadSeed> {
        let text = text.trim();
        match text.split_at_checked(10) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("otpauth://") => uri(rest),
            _ => Ok(Self { configuration: usual(OtpKind::Hotp), secret: base32(text)? }),
        }
    }

    /// As it is for this slot: with a name, so that people find it again.
    ///
    /// # Errors
    /// [`BadSeed`] for codes by the time in slot 1, which counts.
    pub fn for_slot(mut self, slot: u8) -> Result<Self, BadSeed> {
        let OtpConfiguration { kind, name, .. } = &mut self.configuration;
        if slot == 1 && *kind == OtpKind::Totp {
            return Err(BadSeed("slot 1 counts: codes by the time are for slots 2 and 3"));
        }
        if name.is_empty() {
            *name = match kind {
                OtpKind::Hotp => "OATH HOTP".to_owned(),
                OtpKind::Totp => "OATH TOTP".to_owned(),
            };
        }
        Ok(self)
    }

    /// How long the secret is, in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.secret.len()
    }
}

/// Seconds since 1970, as far as 32 bits go: what codes are made of.
///
/// # Errors
/// [`BadSeed`] for a clock that is set to another time.
pub fn otp_time(now: SystemTime) -> Result<u32, BadSeed> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).ok();
    since
        .and_then(|time| u32::try_from(time.as_secs()).ok())
        .ok_or(BadSeed("the clock of this machine is set to a time that no code can be made for"))
}

fn usual(kind: OtpKind) -> OtpConfiguration {
    OtpConfiguration { kind, hash: OtpHash::Sha1, digits: 6, counter: 0, period: 30, name: String::new() }
}

fn uri(rest: &str) -> Result<Seed, BadSeed> {
    let (kind, rest) = rest.split_once('/').ok_or(BadSeed("an otpauth URI names a kind and an account"))?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "hotp" => OtpKind::Hotp,
        "totp" => OtpKind::Totp,
        _ => return Err(BadSeed("an otpauth URI is of the kind hotp or totp")),
    };
    let (label, query) = rest.split_once('?').ok_or(BadSeed("the otpauth URI has no secret"))?;
    let mut configuration = OtpConfiguration { name: name(label), ..usual(kind) };
    let mut secret = None;
    for pair in query.split('#').next().unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key.to_ascii_lowercase().as_str() {
            "secret" => secret = Some(base32(&Zeroizing::new(decoded(value)))?),
            "digits" => configuration.digits = number(value)?,
            "period" => configuration.period = number(value)?,
            "counter" => configuration.counter = number(value)?,
            "algorithm" => configuration.hash = hash(value)?,
            _ => {}
        }
    }
    let secret = secret.ok_or(BadSeed("the otpauth URI has no secret"))?;
    Ok(Seed { configuration, secret })
}

fn hash(text: &str) -> Result<OtpHash, BadSeed> {
    match text.to_ascii_uppercase().replace('-', "").as_str() {
        "SHA1" => Ok(OtpHash::Sha1),
        "SHA256" => Ok(OtpHash::Sha256),
        "SHA512" => Ok(OtpHash::Sha512),
        _ => Err(BadSeed("the algorithm of an otpauth URI is SHA1, SHA256 or SHA512")),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, BadSeed> {
    text.parse().map_err(|_| BadSeed("a number in the otpauth URI is none, or too large"))
}

/// A label as a slot can keep it: ASCII, and short.
fn name(label: &str) -> String {
    decoded(label).chars().filter(|c| matches!(c, ' '..='~')).take(60).collect()
}

/// Percent-decoding (RFC 3986, 2.1); what is no code stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).filter(|_| *first == b'%');
        let byte = code
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RFC 4648, 6: upper or lower case, spaces and dashes between, padding or none.
fn base32(text: &str) -> Result<Zeroizing<Vec<u8>>, BadSeed> {
    const NOT: BadSeed =
        BadSeed("a secret is written with the letters A to Z and the digits 2 to 7 (base32)");
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.trim_end_matches('=').bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
        let value = match letter.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return Err(NOT),
        };
        (bits, count) = (bits << 5 | u32::from(value), count + 5);
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    if out.is_empty() { Err(NOT) } else { Ok(out) }
}

impl Device {
    /// The slots of a key for one-time passwords; `None` where somebody is logged in, and so they were not asked.
    ///
    /// # Errors
    /// [`Error::Empty`] without a card, [`Error::Card`].
    pub fn otp_slots(&mut self) -> Result<Option<Vec<OtpSlot>>, Error> {
        self.with_token(|token| token.with_login_aside(piv::Token::otp_slots))
    }

    /// How codes come about in a slot, as it says itself; one that says nothing counts.
    ///
    /// # Errors
    /// [`piv::Error::InUse`] where somebody is logged in; as [`Device::otp_slots`].
    pub fn otp_kind(&mut self, slot: u8) -> Result<OtpKind, Error> {
        let slots = self.otp_slots()?.ok_or(piv::Error::InUse)?;
        let told = slots.iter().find(|known| known.number == slot).and_then(|known| known.kind);
        Ok(told.unwrap_or(OtpKind::Hotp))
    }

    /// A code. `wait` is called between two tries while the key waits for its button, and lets [`BUTTON_POLL`] pass; `false`
    /// ends it.
    ///
    /// # Errors
    /// [`Error::EmptySlot`]; else as [`piv::Token::otp_code`].
    pub fn otp_code(
        &mut self,
        slot: u8,
        request: &OtpRequest<'_>,
        unconfirmed: bool,
        wait: impl FnMut() -> bool,
    ) -> Result<Zeroizing<String>, Error> {
        let wait = RefCell::new(wait);
        let code = self.with_token(|token| {
            token.with_login_aside(|token| {
                token.otp_code(slot, request, unconfirmed, &|| (wait.borrow_mut())())
            })
        });
        code.map_err(|error| match error {
            Error::Card(piv::Error::NotFound) => Error::EmptySlot(slot),
            error => error,
        })
    }

    /// Whether a slot can be configured with this secret, or emptied: before anybody is asked for anything.
    ///
    /// # Errors
    /// [`Error::NotOffered`]; [`Error::Card`] where nobody has published that it can.
    pub fn may_configure_otp(&mut self, seed: Option<&Seed>) -> Result<(), Error> {
        self.demand_offered(Action::Otp)?;
        let (configuration, unconfirmed) = (seed.map(|seed| &seed.configuration), self.unconfirmed);
        self.with_token(|token| token.may_configure_otp(configuration, unconfirmed))
    }

    /// Configures a slot, and puts its secret there in place of the one it had.
    ///
    /// # Errors
    /// As [`piv::Token::configure_otp`].
    pub fn configure_otp(
        &mut self,
        slot: u8,
        pin: &Pin,
        seed: &Seed,
        unconfirmed: bool,
    ) -> Result<(), Error> {
        self.with_token(|token| {
            token.with_login_aside(|token| {
                token.configure_otp(slot, pin, &seed.configuration, &seed.secret, unconfirmed)
            })
        })
    }

    /// Takes the secret out of a slot.
    ///
    /// # Errors
    /// As [`piv::Token::delete_otp`].
    pub fn delete_otp(&mut self, slot: u8, pin: &Pin, unconfirmed: bool) -> Result<(), Error> {
        self.with_token(|token| token.with_login_aside(|token| token.delete_otp(slot, pin, unconfirmed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(text: &str) -> (OtpConfiguration, Vec<u8>) {
        let seed = Seed::parse(text).unwrap_or_else(|why| panic!("{}", why.0));
        (seed.configuration.clone(), seed.secret.to_vec())
    }

    #[test]
    fn a_secret_alone_is_for_a_counter() {
        let (configuration, secret) = seed(" gezd gnbv-GY3TQOJQGEZDGNBVGY3TQOJQ ");
        assert_eq!((configuration, secret.as_slice()), (usual(OtpKind::Hotp), &b"12345678901234567890"[..]));
        assert_eq!(seed("MY======").1, b"f");
        assert_eq!(seed("mzxw6").1, b"foo");
    }

    #[test]
    fn a_uri_says_what_is_to_be_done() {
        let (configuration, secret) = seed(
            "otpauth://totp/ACME%20Co:j%C3%B6@x.example?secret=MZXW6&issuer=ACME&algorithm=SHA256&digits=8&period=60",
        );
        let expected = OtpConfiguration {
            hash: OtpHash::Sha256,
            digits: 8,
            period: 60,
            name: "ACME Co:j@x.example".to_owned(),
            ..usual(OtpKind::Totp)
        };
        assert_eq!((configuration, secret.as_slice()), (expected, &b"foo"[..]));
        assert_eq!(seed("OTPAUTH://hotp/a?counter=5&secret=MZXW6#x").0.counter, 5);
    }

    #[test]
    fn slots_have_names_and_the_first_one_counts() {
        let of = |text: &str, slot| {
            let seed = Seed::parse(text).ok().unwrap();
            seed.for_slot(slot).map(|seed| seed.configuration.name.clone())
        };
        assert_eq!(of("MZXW6", 1).unwrap(), "OATH HOTP");
        assert_eq!(of("otpauth://totp/?secret=MZXW6", 2).unwrap(), "OATH TOTP");
        assert_eq!(of("otpauth://totp/a?secret=MZXW6", 3).unwrap(), "a");
        assert!(of("otpauth://totp/a?secret=MZXW6", 1).unwrap_err().0.contains("slot 1 counts"));
    }

    #[test]
    fn codes_are_made_for_times_of_32_bits() {
        let at = |seconds| otp_time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!((at(0), at(u64::from(u32::MAX))), (Ok(0), Ok(u32::MAX)));
        assert!(at(1 << 32).is_err());
        assert!(otp_time(SystemTime::UNIX_EPOCH - Duration::from_secs(1)).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_and_the_secret_is_not() {
        for (text, part) in [
            ("", "base32"),
            ("MZXW1", "base32"),
            ("otpauth://totp/a?secret=MZXW1", "base32"),
            ("otpauth://totp/a?digits=6", "no secret"),
            ("otpauth://motp/a?secret=MZXW6", "kind"),
            ("otpauth://totp/a?secret=MZXW6&period=300", "number"),
            ("otpauth://totp/a?secret=MZXW6&algorithm=MD5", "SHA1"),
        ] {
            let why = Seed::parse(text).err().unwrap_or_else(|| panic!("{text}")).0;
            assert!(why.contains(part) && !why.contains("MZXW"), "{text}: {why}");
        }
    }
}
