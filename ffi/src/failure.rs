//! Why a call failed, and which status that is.

use std::{fmt, path::PathBuf};

use device::{
    BadSeed, Candidate, CardError, Error, FileError, PolicyError, Refusal, SubjectError,
    firmware::{self, BadKey, Cause, FirmwareError},
};
use link::LinkError;

use crate::crescendo_status::{self, *};

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This pointer is null.
    Null(&'static str),
    /// This handle is none.
    Handle(&'static str),
    /// This length cannot be.
    Length(&'static str),
    /// This text is not UTF-8.
    Utf8(&'static str),
    /// This value is none of those there are.
    Value(&'static str),
    /// The size of this structure is none that it ever had.
    Size(&'static str),
    /// The card may be held by the call whose callback this is.
    Reentered,
    /// Nobody can be asked for this.
    NoCallback(&'static str),
    /// It was cancelled.
    Cancelled,
    /// A fault of ours.
    Panic,
    Device(Error),
    Firmware(firmware::Error),
    Trust(PathBuf, BadKey),
    /// This file cannot be read: why.
    File(PathBuf, std::io::Error),
    /// The policy of this machine cannot be read: why.
    Policy(PathBuf, String),
    Subject(SubjectError),
    Credential(FileError),
    /// What was given is no secret for one-time passwords: why.
    Seed(&'static str),
    /// What is kept of cards cannot be removed.
    NotCleared,
}

impl Failure {
    pub(crate) fn status(&self) -> crescendo_status {
        match self {
            Self::Null(_) => NullPointer,
            Self::Handle(_) => InvalidHandle,
            Self::Length(_) => InvalidLength,
            Self::Utf8(_) => NotUtf8,
            Self::Value(_) => InvalidValue,
            Self::Size(_) => InvalidSize,
            Self::Reentered => Reentered,
            Self::NoCallback(_) => NoCallback,
            Self::Cancelled => Cancelled,
            Self::Panic => Panic,
            Self::Device(error) => of_device(error),
            Self::Firmware(error) => of_firmware(error),
            Self::Trust(..) => Trust,
            Self::File(..) | Self::Credential(_) => match self {
                Self::Credential(FileError::WrongPassphrase | FileError::PassphraseNeeded) => WrongPassphrase,
                _ => File,
            },
            Self::Policy(..) => Policy,
            Self::Subject(_) => NameFormat,
            Self::Seed(_) => SeedFormat,
            Self::NotCleared => Failed,
        }
    }

    /// How many tries are left, where that is what went wrong.
    pub(crate) fn tries(&self) -> Option<u8> {
        if let Self::Device(error) = self { tries(error) } else { None }
    }

    /// The devices that may be meant.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        match self {
            Self::Device(Error::Ambiguous { candidates } | Error::NoSuchDevice { candidates, .. }) => {
                candidates.clone()
            }
            Self::Firmware(firmware::Error::Ambiguous(keys) | firmware::Error::NoSuchKey { keys, .. }) => {
                keys.iter().map(firmware::Key::candidate).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn tries(error: &Error) -> Option<u8> {
    match error {
        Error::Uncertified(error) => tries(error),
        Error::Card(CardError::WrongPin { retries }) => Some(*retries),
        Error::Card(CardError::UnlockLost { tries }) => Some(*tries),
        Error::WrongPuk { retries } | Error::NotFactoryPin { retries } => Some(*retries),
        Error::PukBlocked | Error::Card(CardError::Blocked | CardError::UnlockSpent) => Some(0),
        _ => None,
    }
}

fn of_device(error: &Error) -> crescendo_status {
    match error {
        Error::Link(error) => of_link(error),
        Error::Card(error) => of_card(error),
        Error::NoReader => NoReader,
        Error::NoCard | Error::Empty { .. } => NoCard,
        Error::NoSuchDevice { .. } => NoSuchDevice,
        Error::NoCardSide { .. } => NoCardSide,
        Error::EmptySlot(_) => EmptySlot,
        Error::Ambiguous { .. } => Ambiguous,
        Error::NoCertificate(_) => NoCertificate,
        Error::NoKey(_) => NoKey,
        Error::SignsNothing(_) => SignsNothing,
        Error::NotItsCertificate(_) => NotItsCertificate,
        Error::ContactNeeded => ContactNeeded,
        Error::NoPairingCode => NoPairingCode,
        Error::NoVci => NoVci,
        Error::NoGuid | Error::NotKept(_) => NotKept,
        Error::PinRejected(_) => PinRejected,
        Error::PinRefused => PinRefused,
        Error::PolicyConflict => Policy,
        Error::Uncertain(_) => Uncertain,
        Error::WrongPuk { .. } => WrongPuk,
        Error::PukBlocked => PukBlocked,
        Error::NoPuk => NoPuk,
        Error::NoPukKept => NoPukKept,
        Error::PukFormat => PukFormat,
        Error::ChallengeFormat | Error::ResponseFormat { .. } => ChallengeFormat,
        Error::MasterFormat => KeyFormat,
        Error::DeviceId => DeviceIdFormat,
        Error::GivenUp => Cancelled,
        Error::NotOffered(_) => NotOffered,
        Error::CannotRecycle => CannotRecycle,
        Error::NotFactoryPin { .. } => NotFactoryPin,
        Error::Unfinished(..) => Unfinished,
        Error::Uncertified(error) => of_device(error),
        // Error::NoRandom, and what is new.
        _ => Failed,
    }
}

fn of_link(error: &LinkError) -> crescendo_status {
    match error {
        LinkError::NoService => NoService,
        LinkError::NoCard | LinkError::Removed => Removed,
        LinkError::Busy => Busy,
        LinkError::Reset | LinkError::Timeout | LinkError::Other(_) => Failed,
    }
}

fn of_card(error: &CardError) -> crescendo_status {
    match error {
        CardError::Link(error) => of_link(error),
        CardError::NotPiv => NotPiv,
        CardError::WrongPin { .. } => WrongPin,
        CardError::Blocked => PinBlocked,
        CardError::ContactOnly => ContactNeeded,
        CardError::NotLoggedIn => PinNeeded,
        CardError::NotFound => NoKey,
        CardError::PinFormat => PinFormat,
        CardError::KeyChanged(_) => KeyChanged,
        CardError::PairingCodeNeeded => CodeNeeded,
        CardError::WrongPairingCode => WrongCode,
        CardError::PairingCodeFormat => CodeFormat,
        CardError::Channel(_) => NotBelieved,
        CardError::Unsupported(_) => Unsupported,
        CardError::Unconfirmed(_) => NotConfirmed,
        CardError::KeyFormat(_) => KeyFormat,
        CardError::KeyKind => KeyKind,
        CardError::WrongKey => WrongKey,
        CardError::NoAdministrationKey => NoAdministrationKey,
        CardError::ChallengeLost => ChallengeLost,
        CardError::UnlockLost { .. } | CardError::UnlockSpent => UnlockRefused,
        CardError::Managed => Managed,
        CardError::ManagementKeyNeeded => ManagementKeyNeeded,
        CardError::InUse => InUse,
        CardError::NoButton => NoButton,
        CardError::NoRoom => NoRoom,
        CardError::NoSuchKind(..) => NoSuchKind,
        CardError::NotAsWritten => NotAsWritten,
        CardError::Refused { .. } | CardError::Malformed(_) | CardError::Input(_) => Failed,
    }
}

fn of_firmware(error: &firmware::Error) -> crescendo_status {
    match error {
        firmware::Error::Firmware(error) => of_image(error),
        firmware::Error::NoKey => NoSecurityKey,
        firmware::Error::NoSuchKey { .. } => NoSuchDevice,
        firmware::Error::Ambiguous(_) => Ambiguous,
        firmware::Error::NotSupported(_) => NotUpdatable,
        firmware::Error::Silent(_) => Silent,
        firmware::Error::NoKeySide => NotOffered,
        _ => Failed,
    }
}

fn of_image(error: &FirmwareError) -> crescendo_status {
    match error {
        FirmwareError::Signature(_) => ImageSignature,
        FirmwareError::WrongModel { .. } | FirmwareError::WrongHardware { .. } => WrongModel,
        FirmwareError::OldBootloader { .. } => OldBootloader,
        FirmwareError::TooLarge { .. } => ImageTooLarge,
        FirmwareError::Counter { .. } => TooOld,
        FirmwareError::SameVersion(_) => SameVersion,
        FirmwareError::OlderVersion { .. } => OlderVersion,
        FirmwareError::NotAnnounced => NotUpdatable,
        FirmwareError::Update(failure) if matches!(failure.cause, Cause::Cancelled) => Cancelled,
        FirmwareError::Update(failure) if failure.nobody_pressed() => NoButton,
        FirmwareError::Update(_) => UpdateFailed,
        FirmwareError::Devices(error) => of_link(error),
        error if error.is_of_image() => ImageMalformed,
        _ => Failed,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null(what) => write!(f, "{what} is NULL"),
            Self::Handle(what) => write!(f, "this is no {what}, or it was freed"),
            Self::Length(what) => write!(f, "{what} cannot be that long"),
            Self::Utf8(what) => write!(f, "{what} is not UTF-8"),
            Self::Value(what) => write!(f, "{what} is none of the values that it can be"),
            Self::Size(what) => write!(f, "the size in {what} is not the size of any version of it"),
            Self::Reentered => {
                f.write_str("a callback called for a device or a key, which may be held until it returns")
            }
            Self::NoCallback(what) => write!(f, "{what} is needed, and there is no callback to ask for it"),
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::Panic => f.write_str("the library has a fault; whatever was being done may be half done"),
            Self::Device(error) => error.fmt(f),
            Self::Firmware(error) => error.fmt(f),
            Self::Trust(path, error) => write!(f, "{} in the list of trusted keys: {error}", path.display()),
            Self::File(path, error) => write!(f, "{} cannot be read: {error}", path.display()),
            Self::Policy(path, why) => write!(f, "the policy {} cannot be read: {why}", path.display()),
            Self::Subject(error) => error.fmt(f),
            Self::Credential(error) => error.fmt(f),
            Self::Seed(why) => write!(f, "{why}; nothing was sent"),
            Self::NotCleared => f.write_str("some of what is kept is still there: it cannot be removed"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

impl From<CardError> for Failure {
    fn from(error: CardError) -> Self {
        Self::Device(error.into())
    }
}

impl From<Refusal> for Failure {
    fn from(error: Refusal) -> Self {
        Self::Device(Error::PinRejected(error))
    }
}

impl From<SubjectError> for Failure {
    fn from(error: SubjectError) -> Self {
        Self::Subject(error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::Credential(error)
    }
}

impl From<BadSeed> for Failure {
    fn from(BadSeed(why): BadSeed) -> Self {
        Self::Seed(why)
    }
}

impl From<firmware::Error> for Failure {
    fn from(error: firmware::Error) -> Self {
        Self::Firmware(error)
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Unreadable(path, error) => Self::Policy(path, error.to_string()),
            PolicyError::Bad(path, why) => Self::Policy(path, why),
        }
    }
}

impl From<firmware::TrustError> for Failure {
    fn from(error: firmware::TrustError) -> Self {
        match error {
            firmware::TrustError::Unreadable(path, error) => Self::File(path, error),
            firmware::TrustError::Bad(path, error) => Self::Trust(path, error),
        }
    }
}
