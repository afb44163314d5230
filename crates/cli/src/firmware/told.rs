//! Errors of `crescendo firmware`: their names for programs, exit codes, and what to do next.

use device::{
    Candidate,
    firmware::{Cause, Error, Failure, FirmwareError, Key, Signature},
};

use crate::failure::{AMBIGUOUS, FAILED, IMAGE_REFUSED, NOT_THERE, UPDATE_FAILED};

/// The name for programs, and the exit code.
pub(crate) fn kind(error: &Error) -> (&'static str, u8) {
    match error {
        Error::NoKey => ("no-key", NOT_THERE),
        Error::NoSuchKey { .. } => ("no-such-key", NOT_THERE),
        Error::Ambiguous(_) => ("ambiguous", AMBIGUOUS),
        Error::NotSupported(_) => ("not-supported", FAILED),
        Error::Firmware(FirmwareError::PrivateKey) => ("file", FAILED),
        Error::Firmware(error) if error.is_of_image() => (refusal(error), IMAGE_REFUSED),
        Error::Firmware(FirmwareError::Update(Failure { cause: Cause::Cancelled, .. })) => {
            ("stopped", UPDATE_FAILED)
        }
        Error::Firmware(FirmwareError::Update(_)) => ("update-failed", UPDATE_FAILED),
        _ => ("failed", FAILED),
    }
}

fn refusal(error: &FirmwareError) -> &'static str {
    match error {
        FirmwareError::Encrypted => "image-encrypted",
        FirmwareError::Hash => "image-damaged",
        FirmwareError::Signature(_) => "image-signature",
        FirmwareError::WrongModel { .. } => "wrong-model",
        FirmwareError::WrongHardware { .. } => "wrong-hardware",
        FirmwareError::OldBootloader { .. } => "old-bootloader",
        FirmwareError::TooLarge { .. } => "too-large",
        FirmwareError::Counter { .. } => "counter",
        FirmwareError::SameVersion(_) => "same-version",
        FirmwareError::OlderVersion { .. } => "older-version",
        _ => "image-malformed",
    }
}

/// What to do next, where the message itself does not say it.
pub(crate) fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::NoKey => Some("Plug in a key. `crescendo firmware info` lists what is found."),
        Error::NoSuchKey { .. } => Some("`crescendo firmware info` lists what is found."),
        Error::Ambiguous(_) => Some("Say which one with --device and its serial number."),
        Error::Silent(_) => Some("Unplug it, plug it in again, and try again."),
        Error::Firmware(FirmwareError::Signature(Signature::Unknown(_) | Signature::TooFew { .. })) => Some(
            "`crescendo firmware list-keys` shows whose images are trusted, and its --help how to change that.",
        ),
        Error::Firmware(FirmwareError::Malformed(_) | FirmwareError::Hash | FirmwareError::Signature(_)) => {
            Some("Get the image once more from whoever made it.")
        }
        Error::Firmware(FirmwareError::SameVersion(_)) => Some("--reinstall installs it once more."),
        Error::Firmware(FirmwareError::OlderVersion { .. }) => {
            Some("--allow-older installs it all the same.")
        }
        _ => None,
    }
}

/// The keys that may be meant.
pub(crate) fn candidates(error: &Error) -> Vec<Candidate> {
    match error {
        Error::NoSuchKey { keys, .. } | Error::Ambiguous(keys) => keys.iter().map(Key::candidate).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use device::firmware::{Phase, State};

    use super::*;

    #[test]
    fn exit_codes_by_kind() {
        let exit = |error| kind(&Error::Firmware(error));
        assert_eq!(exit(FirmwareError::Hash), ("image-damaged", 6));
        assert_eq!(exit(FirmwareError::SameVersion(Default::default())), ("same-version", 6));
        assert_eq!(exit(FirmwareError::PrivateKey), ("file", 1));
        let failure =
            |cause| FirmwareError::Update(Failure { phase: Phase::Write, cause, state: State::OldWaiting });
        assert_eq!(exit(failure(Cause::Cancelled)), ("stopped", 7));
        assert_eq!(exit(failure(Cause::Gone)), ("update-failed", 7));
        assert_eq!(kind(&Error::NoKey), ("no-key", 3));
        assert_eq!(kind(&Error::Ambiguous(Vec::new())), ("ambiguous", 4));
    }
}
