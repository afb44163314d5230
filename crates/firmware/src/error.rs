//! Why an image was not taken or an update did not come to its end. What goes wrong with a key names the phase, what
//! the key said, what state it is in, and what to do next: one sentence each.

use std::fmt;

use fido::HidError;
use link::LinkError;

use crate::{BootloaderVersion, KeyHash, Version};

/// An error of images and updates. Each prints as one sentence a person can act on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file is not an image as the protocol has it.
    Malformed(&'static str),
    /// The image is encrypted.
    Encrypted,
    /// The image is not what was signed.
    Hash,
    /// Not enough trusted keys have signed.
    Signature(Signature),
    /// The private key cannot be read.
    PrivateKey,
    /// The image is for another model.
    WrongModel {
        /// The model it is for.
        image: String,
        /// The model of the key.
        key: String,
    },
    /// The image is not for this hardware revision.
    WrongHardware {
        /// That of the key.
        key: u8,
    },
    /// The image needs a newer bootloader.
    OldBootloader {
        /// The oldest it runs with.
        needed: BootloaderVersion,
        /// That of the key.
        key: BootloaderVersion,
    },
    /// The image does not fit into the key.
    TooLarge {
        /// Its size in bytes.
        image: usize,
        /// The place there is.
        slot: u32,
    },
    /// The image is older than what the key may ever go back to.
    Counter {
        /// The security counter of the image.
        image: u32,
        /// That of the key.
        key: u32,
    },
    /// The key has that version, and it was not asked for once more.
    SameVersion(Version),
    /// The image is older, and that was not asked for.
    OlderVersion {
        /// The version of the image.
        image: Version,
        /// That of the key.
        key: Version,
    },
    /// The key has not announced the protocol: nothing of it was sent.
    NotAnnounced,
    /// The HID devices could not be listed.
    Devices(LinkError),
    /// Something happened on the way.
    Update(Failure),
}

/// What is wrong with the signatures of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// There is none.
    Missing,
    /// None is by a key of the list.
    Unknown(KeyHash),
    /// The key that signed has been revoked.
    Revoked(KeyHash),
    /// It is not the signature of this image by that key.
    Wrong,
    /// Some are good, and more are needed.
    TooFew {
        /// By so many different keys.
        good: usize,
        /// So many it takes.
        required: usize,
    },
}

/// An update that did not come to its end.
#[derive(Debug)]
pub struct Failure {
    /// What was being done.
    pub phase: Phase,
    /// What happened.
    pub cause: Cause,
    /// How that leaves the key.
    pub state: State,
}

/// The steps of an update (part 4 of the protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Looking for the key and asking it for INFO.
    Find,
    /// ENTER: waiting for the button.
    Enter,
    /// Waiting for the key to come back in update mode.
    Detach,
    /// BEGIN
    Begin,
    /// WRITE
    Write,
    /// FINISH
    Finish,
    /// REBOOT
    Reboot,
    /// Waiting for the key to come back with its firmware.
    Attach,
    /// CONFIRM
    Confirm,
}

/// What happened to an update.
#[derive(Debug)]
pub enum Cause {
    /// What the key said, or that it said nothing.
    Key(fido::Error),
    /// The HID devices could not be listed.
    Devices(LinkError),
    /// The key is not there, or did not come back in time.
    Gone,
    /// The key came back with its serial number and without the nonce it was given.
    OtherNonce,
    /// A key came back with the nonce and another serial number.
    OtherSerial,
    /// The key is another in update mode than it said before.
    Changed,
    /// Two keys claim the same serial number.
    Twice,
    /// The key runs something else than what was installed.
    OtherVersion {
        /// What it runs.
        runs: Version,
        /// What was installed.
        installed: Version,
    },
    /// A person stopped it.
    Cancelled,
}

/// In what state an update leaves a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was asked who it is at most.
    Untouched,
    /// It runs what it ran before.
    Old,
    /// It is in update mode, and what it ran before is still in it.
    OldWaiting,
    /// It is in update mode, as it was found.
    UpdateMode,
    /// It was found in update mode, and told to start what it ran before.
    SentBack,
    /// The new firmware is in it, and it will try that at its next start.
    Stored,
    /// It tries the new firmware, and goes back at its next start unless that is confirmed.
    Trying,
    /// Nobody knows: it was starting when it was last seen.
    Starting,
}

impl Error {
    /// Whether the image is at fault: nothing was asked of any key, or nothing but INFO.
    #[must_use]
    pub fn is_of_image(&self) -> bool {
        !matches!(self, Self::NotAnnounced | Self::Devices(_) | Self::Update(_))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Update(failure)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "this is not a firmware image: {what}"),
            Self::Encrypted => f.write_str("the image is encrypted, so that nobody can check it here"),
            Self::Hash => f.write_str("the image is damaged: it does not have the hash it carries"),
            Self::Signature(signature) => signature.fmt(f),
            Self::PrivateKey => {
                f.write_str("this is not a private Ed25519 key in PEM (PKCS#8) without a password")
            }
            Self::WrongModel { image, key } => write!(f, "the image is for {image}, and the key is a {key}"),
            Self::WrongHardware { key } => write!(f, "the image is not for hardware revision {key}"),
            Self::OldBootloader { needed, key } => {
                write!(f, "the image needs bootloader {needed}, and the key has {key}")
            }
            Self::TooLarge { image, slot } => {
                write!(f, "the image has {image} bytes, and the key takes {slot} at most")
            }
            Self::Counter { image, key } => {
                write!(f, "the image has security counter {image}, and the key takes none below {key}")
            }
            Self::SameVersion(version) => write!(f, "the key has version {version} already"),
            Self::OlderVersion { image, key } => {
                write!(f, "the image is of version {image}, older than {key} in the key")
            }
            Self::NotAnnounced => {
                f.write_str("firmware update of this device is not supported by this program")
            }
            Self::Devices(error) => write!(f, "the keys of this machine cannot be listed: {error}"),
            Self::Update(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Devices(error) => Some(error),
            Self::Update(Failure { cause: Cause::Key(error), .. }) => Some(error),
            Self::Update(Failure { cause: Cause::Devices(error), .. }) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("nobody has signed the image"),
            Self::Unknown(hash) => {
                write!(f, "the image is signed by a key that is not trusted here ({hash})")
            }
            Self::Revoked(hash) => write!(f, "the image is signed by a key that was revoked ({hash})"),
            Self::Wrong => f.write_str("the signature of the image is wrong"),
            Self::TooFew { good, required } => {
                write!(f, "the image is signed by {good} of the {required} trusted keys it takes")
            }
        }
    }
}

/// As in `while writing, the connection to the key broke; its old firmware is still in it; plug it in and run again`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, cause, state } = self;
        write!(f, "{phase}: {cause}; {state}; {}", self.remedy())
    }
}

impl Failure {
    /// Whether the key was never told by its button that it is meant.
    #[must_use]
    pub fn nobody_pressed(&self) -> bool {
        self.phase == Phase::Enter && matches!(self.cause, Cause::Key(fido::Error::Refused(NOT_PRESSED)))
    }

    /// What a person does next.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match &self.cause {
            Cause::Key(fido::Error::Refused(HidError(code))) => remedy_of(*code),
            Cause::Key(error) if error.is_removal() => "plug it in again and run the update again",
            Cause::Key(fido::Error::Denied) => {
                "have udev or an administrator grant it, and run the update again"
            }
            Cause::Gone if self.phase == Phase::Find => "plug it in, and run the update again",
            Cause::Key(_) | Cause::Gone => "unplug it, plug it in again, and run the update again",
            Cause::Devices(_) => "run the update again",
            Cause::Changed => "have the key looked at by whoever made it",
            Cause::OtherNonce | Cause::OtherSerial | Cause::Twice => {
                "unplug every key but this one, and run the update again"
            }
            Cause::OtherVersion { .. } => "tell whoever made the image, and do not install it again",
            Cause::Cancelled if matches!(self.state, State::Old | State::SentBack) => {
                "run the update again whenever you like"
            }
            Cause::Cancelled => "run the update again to finish",
        }
    }
}

/// ERR_USER_ACTION_TIMEOUT of CTAP.
const NOT_PRESSED: HidError = HidError(0x2F);

fn remedy_of(code: u8) -> &'static str {
    match code {
        0x06 => "close the other program that uses it, wait ten seconds, and run the update again",
        code if code == NOT_PRESSED.0 => "run the update again and press the button while it asks for it",
        0xF0 => "unplug it, plug it in again, run the update again and press the button when asked",
        0xF1 => "the key trusts other signers than this program does: ask for an image signed for it",
        0xF2..=0xF5 => "ask for an image that is made for this key",
        0xF8 => "plug it into another port, not into a hub, and run the update again",
        _ => "unplug it, plug it in again, and run the update again",
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Find => "looking for the key",
            Self::Enter => "waiting for the button",
            Self::Detach => "waiting for the key to come back in update mode",
            Self::Begin => "showing the key the image",
            Self::Write => "writing",
            Self::Finish => "having the key check what was written",
            Self::Reboot => "restarting the key",
            Self::Attach => "waiting for the key to come back with its firmware",
            Self::Confirm => "confirming the new firmware",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(fido::Error::Refused(HidError(code @ 0xF0..))) => {
                write!(f, "the key said {code:02X}, {}", said(*code))
            }
            Self::Key(error) => error.fmt(f),
            Self::Devices(error) => write!(f, "the keys of this machine cannot be listed ({error})"),
            Self::Gone => f.write_str("the key is not there"),
            Self::OtherNonce => {
                f.write_str("a key came back with its serial number that is not the one that left")
            }
            Self::OtherSerial => f.write_str("the key came back with another serial number"),
            Self::Changed => f.write_str("the image does not fit what the key says of itself in update mode"),
            Self::Twice => f.write_str("two keys claim to have the same serial number"),
            Self::OtherVersion { runs, installed } => {
                write!(f, "the key runs {runs} although {installed} was installed")
            }
            Self::Cancelled => f.write_str("stopped"),
        }
    }
}

/// The errors of part 3 of the protocol.
fn said(code: u8) -> &'static str {
    match code {
        0xF0 => "this file was not approved by the button",
        0xF1 => "bad signature",
        0xF2 => "wrong model",
        0xF3 => "security counter too low",
        0xF4 => "too large",
        0xF5 => "bootloader too old",
        0xF6 => "out of order, nothing written",
        0xF7 => "what was written is not the image",
        0xF8 => "too little power",
        _ => "an error of its own",
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untouched => "nothing was changed",
            Self::Old => "the key still has its old firmware",
            Self::OldWaiting => "the key is in update mode and still has its old firmware",
            Self::UpdateMode => "the key is in update mode, as it was found",
            Self::SentBack => "the key starts its old firmware, if it has any",
            Self::Stored => "the new firmware is stored in the key, which tries it at its next start",
            Self::Trying => "the key tries the new firmware, and goes back to the old one at its next start",
            Self::Starting => "the key has its old firmware or the new one, both of them whole",
        })
    }
}
