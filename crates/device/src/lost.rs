//! What is lost where a key or a certificate is replaced or deleted, or a device recycled: a sentence for each thing, for
//! whoever has to say that it is meant.

use std::fmt::Display;

use crate::{Contents, Error, KeyReference, Losses, Passkeys, Recycling};

const ENCRYPTED: &str = "What was encrypted for it can then be read by nobody who has no copy of the key.";

/// Text from a card or a reader, with nothing in it that a terminal would act upon or show in another order.
#[must_use]
pub fn plain(text: impl Display) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.to_string().replace(acts, "\u{FFFD}")
}

impl Losses {
    /// What is lost where this is replaced: with its key, or the certificate alone.
    #[must_use]
    pub fn sentences(&self, key: KeyReference, with_key: bool) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(subject) = &self.certificate {
            lines.push(format!("The certificate of {key} ({}) is lost.", plain(subject)));
        }
        if !with_key || self.key == Some(false) {
            return lines;
        }
        let kind = self.algorithm.map(|algorithm| format!(" ({algorithm})")).unwrap_or_default();
        lines.push(match self.key {
            Some(_) => format!("The key in {key}{kind} is lost for good."),
            None => {
                format!("If there is a key in {key}, which this card does not tell, it is lost for good.")
            }
        });
        if key.is_key_management() {
            lines.push(ENCRYPTED.to_owned());
        }
        lines
    }

    /// What is lost where this is deleted: with its key, or the certificate alone.
    ///
    /// # Errors
    /// [`Error::NoKey`], [`Error::NoCertificate`], before anybody is asked whether it is meant.
    pub fn of_deleting(&self, key: KeyReference, with_key: bool) -> Result<Vec<String>, Error> {
        if with_key && self.key == Some(false) {
            return Err(Error::NoKey(key));
        }
        if !with_key && self.certificate.is_none() {
            return Err(Error::NoCertificate(key));
        }
        Ok(self.sentences(key, with_key))
    }
}

impl Contents {
    /// What is lost where the device of this name is recycled in this way.
    #[must_use]
    pub fn sentences(&self, name: &str, way: Recycling) -> Vec<String> {
        let mut lines = vec![whole(&plain(name), way)];
        let with_key = if way == Recycling::Objects { "is lost" } else { "and its key are lost" };
        for (key, subject) in &self.certificates {
            lines.push(format!("The certificate of {key} ({}) {with_key}.", plain(subject)));
        }
        if way != Recycling::Objects {
            lines.extend(self.bare.iter().map(|key| format!("The key in {key} is lost.")));
            let mut keys = self.certificates.iter().map(|(key, _)| key).chain(&self.bare);
            if keys.any(|key| key.is_key_management()) {
                lines.push(ENCRYPTED.to_owned());
            }
        }
        if self.otp {
            lines.push("Its secrets for one-time passwords are lost.".to_owned());
        }
        if way == Recycling::ResetCard && self.fido != Passkeys::None {
            lines.push(
                "Its passkeys and security keys (FIDO) may be lost, too: that differs by model.".to_owned(),
            );
        }
        lines
    }
}

fn whole(name: &str, way: Recycling) -> String {
    match way {
        Recycling::ResetCard => format!(
            "{name} goes back to how it was delivered: its PIN is the one of delivery again, and its administration key is gone, \
             so that no PUK and no help desk unblocks it until it is personalized."
        ),
        Recycling::Extended => format!(
            "{name} goes back to how it was delivered, PIN, PUK and management key too. For that its PIN and PUK are blocked \
             first, on purpose."
        ),
        Recycling::Objects => format!(
            "{name} is emptied. Its keys, PIN, PUK and management key stay, as it knows no way to take them back."
        ),
    }
}

/// What is lost where the secret in a slot of the device of this name is replaced, or deleted.
#[must_use]
pub fn lost_with_otp(name: &str, slot: u8, replaced: bool) -> String {
    let doubt = if replaced { ", if there is one," } else { "" };
    format!("The secret in slot {slot} of {}{doubt} is lost for good.", plain(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_of_a_key_is_named() {
        let losses = |certificate: Option<&str>, key| Losses {
            certificate: certificate.map(str::to_owned),
            key,
            algorithm: None,
        };
        let of = |losses: &Losses, key, with_key| losses.sentences(key, with_key).join("\n");
        let (signature, management) = (KeyReference::DIGITAL_SIGNATURE, KeyReference::KEY_MANAGEMENT);
        assert_eq!(of(&losses(None, Some(false)), management, true), "");
        assert_eq!(of(&losses(None, Some(true)), signature, false), "");
        assert_eq!(
            of(&losses(Some("CN=A\u{1b}[2J"), Some(true)), signature, false),
            "The certificate of 9C (CN=A\u{FFFD}[2J) is lost."
        );
        assert!(of(&losses(None, None), signature, true).contains("does not tell"));
        assert!(of(&losses(None, Some(true)), management, true).contains("encrypted for it"));
    }

    #[test]
    fn what_is_not_there_is_not_deleted() {
        let losses = |certificate: Option<&str>, key| Losses {
            certificate: certificate.map(str::to_owned),
            key,
            algorithm: None,
        };
        let of = |losses: &Losses, with_key| losses.of_deleting(KeyReference::DIGITAL_SIGNATURE, with_key);
        assert!(matches!(of(&losses(None, Some(true)), false), Err(Error::NoCertificate(_))));
        assert!(matches!(of(&losses(Some("CN=A"), Some(false)), true), Err(Error::NoKey(_))));
        assert_eq!(of(&losses(None, None), true).unwrap().len(), 1, "there may be one");
        assert_eq!(of(&losses(Some("CN=A"), Some(true)), true).unwrap().len(), 2);
    }

    #[test]
    fn everything_that_is_lost_with_a_device_has_its_sentence() {
        let contents = Contents {
            certificates: vec![(KeyReference::PIV_AUTHENTICATION, "CN=Zoe".to_owned())],
            bare: vec![KeyReference::KEY_MANAGEMENT],
            otp: true,
            fido: Passkeys::Protected,
        };
        let told = contents.sentences("X", Recycling::ResetCard).join("\n");
        for part in ["CN=Zoe", "key in 9D", "one-time", "FIDO", "administration key is gone", "no copy"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let objects = contents.sentences("X", Recycling::Objects).join("\n");
        assert!(objects.contains("stay") && !objects.contains("key in 9D"), "{objects}");
    }

    #[test]
    fn nothing_from_a_card_reaches_a_terminal_as_a_command() {
        assert_eq!(plain("a\x1b[2Jb\u{9b}c\n\u{202E}d"), "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}\u{FFFD}d");
        assert_eq!(plain("Zoë, Ünal"), "Zoë, Ünal");
        assert_eq!(
            lost_with_otp("K", 2, true),
            "The secret in slot 2 of K, if there is one, is lost for good."
        );
        assert_eq!(lost_with_otp("K", 2, false), "The secret in slot 2 of K is lost for good.");
    }
}
