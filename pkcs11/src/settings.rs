//! What a user may set, by the environment of the program: a few words, read once by C_Initialize.
//!
//! | variable | |
//! | --- | --- |
//! | `CRESCENDO_PIN_CACHE=off` | no PIN is kept: a login that another program ended is over |
//! | `CRESCENDO_REPLAY_PIN=9C` | the PIN of the login is sent again for each signature with 9C, for programs that never ask for it (Java, ssh-agent). **This weakens the key**: whoever runs code in the program signs without its owner knowing |
//! | `CRESCENDO_UNCONFIRMED=1` | commands that write and of which nobody has published that the token takes them are sent, where a program asks for what they do |
//! | `CRESCENDO_NEW_KEY=9D` | which key is made for a program that names none by its CKA_ID (NSS, GnuTLS). What was there is gone |
//! | `CRESCENDO_LOG=debug` | a log on standard error: `error`, `warn`, `info`, `debug` or `trace`; never a PIN, a key or content |
//!
//! A program that runs with other rights than its user's reads none of it.

use std::env;

use piv::KeyReference;
use rustix::process::{getegid, geteuid, getgid, getuid};

/// What a user may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Keep the PIN of a login for when another program ends it on the card.
    pub remember_pin: bool,
    /// Send the PIN of the login again for each signature with 9C. Needs `remember_pin`.
    pub replay_pin: bool,
    /// Send what writes and is unconfirmed.
    pub unconfirmed: bool,
    /// The key that is made for a program that names none.
    pub new_key: Option<KeyReference>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { remember_pin: true, replay_pin: false, unconfirmed: false, new_key: None }
    }
}

impl Settings {
    /// As the environment says.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::read(variable)
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name: &str, value: &str| variable(name).is_some_and(|set| set.eq_ignore_ascii_case(value));
        let new_key = variable("CRESCENDO_NEW_KEY").and_then(|key| u8::from_str_radix(&key, 16).ok());
        Self {
            remember_pin: !is("CRESCENDO_PIN_CACHE", "off"),
            replay_pin: is("CRESCENDO_REPLAY_PIN", "9C"),
            unconfirmed: is("CRESCENDO_UNCONFIRMED", "1"),
            new_key: new_key.and_then(KeyReference::from_number),
        }
    }
}

/// A variable, unless somebody else than the user of this program might have set it.
fn variable(name: &str) -> Option<String> {
    if getuid() != geteuid() || getgid() != getegid() {
        return None;
    }
    env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_known() {
        let read = |set: &[(&str, &str)]| {
            let find = |name: &str| set.iter().find(|(here, _)| *here == name);
            Settings::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(read(&[]), Settings::default());
        assert_eq!(
            read(&[("CRESCENDO_PIN_CACHE", "on"), ("CRESCENDO_REPLAY_PIN", "9D")]),
            Settings::default()
        );
        assert!(!read(&[("CRESCENDO_PIN_CACHE", "OFF")]).remember_pin);
        assert!(read(&[("CRESCENDO_REPLAY_PIN", "9c")]).replay_pin);
        assert!(read(&[("CRESCENDO_UNCONFIRMED", "1")]).unconfirmed);
        assert!(!read(&[("CRESCENDO_UNCONFIRMED", "yes")]).unconfirmed);
        assert_eq!(read(&[("CRESCENDO_NEW_KEY", "9d")]).new_key, Some(KeyReference::KEY_MANAGEMENT));
        assert_eq!(read(&[("CRESCENDO_NEW_KEY", "9B")]).new_key, None);
    }
}
