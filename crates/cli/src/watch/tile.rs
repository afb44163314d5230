//! What a tile shows of a device: made once when the device was read, so that drawing asks nothing of anybody.

use std::time::SystemTime;

use device::{
    Action, Device, Mark, Offer, PinState, State,
    firmware::{Firmware, Mode},
};
use serde::Serialize;

use crate::{
    devices::{sign_and_word, state_name},
    output::plain,
};

/// A device as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Tile {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) reader: String,
    pub(crate) state: &'static str,
    pub(crate) lock: Lock,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) firmware: Option<String>,
    pub(crate) problem: Option<String>,
    #[serde(skip)]
    pub(crate) offers: Vec<Offer>,
    /// The reader as `--device` takes it.
    #[serde(skip)]
    pub(crate) target: String,
    /// Serial number or path of the key, for those commands that are about it.
    #[serde(skip)]
    pub(crate) key: Option<String>,
}

/// Whether the PIN was entered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub(crate) enum Lock {
    /// There is no PIN, or nobody knows.
    None,
    /// So many tries are left.
    Locked {
        tries: u8,
    },
    Blocked,
    /// Here, with this view.
    Authenticated,
    /// Another program has done it.
    InUse,
}

/// A certificate in a tile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Certificate {
    pub(crate) key: String,
    pub(crate) subject: String,
    /// The last day.
    pub(crate) until: String,
    pub(crate) mark: Option<&'static str>,
}

impl Tile {
    /// As far as it is known at once: nothing is asked of the device.
    pub(crate) fn of(device: &Device) -> Self {
        let has_name = device.atr().is_some() || !device.has_card_side();
        let key = device.key_side();
        Self {
            name: has_name.then(|| plain(device.name())),
            id: device.id().map(plain),
            label: device.label().map(plain),
            reader: plain(device.reader()),
            state: state_name(device.state()),
            lock: Lock::None,
            certificates: Vec::new(),
            firmware: key.and_then(|key| key.firmware.as_ref()).and_then(firmware),
            problem: problem(device),
            offers: device.offers(),
            target: device.reader().to_owned(),
            key: key.map(|key| match &key.firmware {
                Some(Firmware::Updatable(info)) => info.serial.to_string(),
                _ => key.device.path.clone(),
            }),
        }
    }

    /// After the device was read, and told this of its PIN. Of one at which another program is logged in nothing more is
    /// read.
    pub(crate) fn read(device: &mut Device, pin: Option<PinState>, is_ours: bool) -> Self {
        let lock = lock(pin.filter(|_| device.is_piv()), is_ours);
        let certificates = match lock {
            Lock::InUse => Vec::new(),
            _ if !device.is_piv() => Vec::new(),
            _ => certificates(device),
        };
        Self { lock, certificates, ..Self::of(device) }
    }

    /// Whether this can be done with it, or why not, in words.
    pub(crate) fn why_not(&self, action: Action) -> Option<String> {
        let offer = self.offers.iter().find(|(offered, _)| *offered == action);
        offer.and_then(|(_, why)| why.as_ref().map(ToString::to_string))
    }

    pub(crate) fn sign_and_word(&self) -> (&'static str, &'static str) {
        sign_and_word(self.state)
    }

    /// The whole tile in one line, for those who listen.
    pub(crate) fn line(&self) -> String {
        let mut parts = vec![format!("{}: {}", self.title(), self.sign_and_word().1)];
        parts.extend((self.lock != Lock::None).then(|| self.lock.words()));
        parts.extend(self.id.as_ref().map(|id| format!("ID {id}")));
        parts.extend(self.label.as_ref().map(|label| format!("label {label}")));
        let marked =
            self.certificates.iter().filter_map(|certificate| Some((certificate, certificate.mark?)));
        parts.extend(marked.map(|(certificate, mark)| format!("certificate {} {mark}", certificate.key)));
        parts.extend(self.firmware.as_ref().map(|version| format!("firmware {version}")));
        parts.extend(self.problem.clone());
        format!("{}, in {}", parts.join(", "), self.reader)
    }

    pub(crate) fn title(&self) -> &str {
        self.name.as_deref().unwrap_or("Empty reader")
    }
}

impl Lock {
    /// A sign of its own for each, so that nothing hangs on colour.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::None => " ",
            Self::Locked { .. } => "■",
            Self::Blocked => "✖",
            Self::Authenticated => "□",
            Self::InUse => "◩",
        }
    }

    pub(crate) fn words(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Locked { tries: 1 } => "locked (closed), the last try is left".to_owned(),
            Self::Locked { tries } => format!("locked (closed), {tries} tries left"),
            Self::Blocked => "blocked: unblock it (key u), or the help desk".to_owned(),
            Self::Authenticated => "authenticated (open)".to_owned(),
            Self::InUse => "authenticated (open) by another program".to_owned(),
        }
    }
}

fn lock(pin: Option<PinState>, is_ours: bool) -> Lock {
    match pin {
        None | Some(PinState::Absent) => Lock::None,
        Some(PinState::Verified) if is_ours => Lock::Authenticated,
        Some(PinState::Verified) => Lock::InUse,
        Some(PinState::Tries(0) | PinState::Blocked | PinState::ContactOnly) => Lock::Blocked,
        Some(PinState::Tries(tries)) => Lock::Locked { tries },
    }
}

fn problem(device: &Device) -> Option<String> {
    let key = device.key_side().and_then(|key| key.firmware.as_ref());
    match (device.state(), key) {
        (State::Unreadable(error), _) => Some(plain(error)),
        (_, Some(Firmware::Silent(why))) => Some(plain(why)),
        _ => None,
    }
}

fn firmware(firmware: &Firmware) -> Option<String> {
    match firmware {
        Firmware::Updatable(info) if info.mode == Mode::Update => {
            Some(format!("{} (in update mode)", info.version))
        }
        Firmware::Updatable(info) => Some(info.version.to_string()),
        Firmware::NotSupported { version, .. } => version.map(|version| version.to_string()),
        Firmware::Silent(_) => None,
    }
}

fn certificates(device: &mut Device) -> Vec<Certificate> {
    // What cannot be read at all shows in the state of the device.
    let entries = device.certificates(SystemTime::now()).unwrap_or_default();
    let shown = |entry: device::Entry| match entry.certificate {
        Ok(certificate) => Certificate {
            key: entry.key.to_string(),
            subject: plain(common_name(&certificate.subject)),
            until: certificate.validity.not_after.to_string()[..10].to_owned(),
            mark: certificate.mark.map(mark),
        },
        Err(error) => Certificate {
            key: entry.key.to_string(),
            subject: plain(error),
            until: String::new(),
            mark: Some("cannot be read"),
        },
    };
    entries.into_iter().map(shown).collect()
}

fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::NotYetValid => "not valid yet",
        Mark::ExpiresWithinMonth => "expires within a month",
        Mark::Expired => "expired",
    }
}

/// What fits a tile of a name (RFC 4514).
fn common_name(subject: &str) -> &str {
    let part = subject.split(',').find_map(|part| part.trim().strip_prefix("CN="));
    part.unwrap_or(subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lock_has_a_sign_and_words_of_its_own() {
        let all = [
            Lock::Locked { tries: 6 },
            Lock::Locked { tries: 1 },
            Lock::Blocked,
            Lock::Authenticated,
            Lock::InUse,
        ];
        let words: std::collections::BTreeSet<_> = all.iter().map(|lock| lock.words()).collect();
        assert_eq!(words.len(), all.len());
        let signs: std::collections::BTreeSet<_> = all.iter().map(|lock| lock.sign()).collect();
        assert_eq!(signs.len(), all.len() - 1);
    }

    #[test]
    fn who_is_logged_in_is_told_apart() {
        assert_eq!(lock(Some(PinState::Verified), true), Lock::Authenticated);
        assert_eq!(lock(Some(PinState::Verified), false), Lock::InUse);
        assert_eq!(lock(Some(PinState::Tries(0)), false), Lock::Blocked);
        assert_eq!(lock(Some(PinState::Absent), false), Lock::None);
    }

    #[test]
    fn names_in_short() {
        assert_eq!(common_name("CN=A B,O=C"), "A B");
        assert_eq!(common_name("O=C"), "O=C");
    }
}
