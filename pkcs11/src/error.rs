//! What can go wrong in a call, and the one place where it becomes a number.

use std::fmt;

use cryptoki_sys::*;
use link::LinkError;
use piv::StatusWord;

use crate::function::Function;

/// Why a call failed.
#[allow(missing_docs)]
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    NotInitialized,
    AlreadyInitialized,
    /// Only mutexes of the program's own were offered.
    CantLock,
    ArgumentsBad,
    SlotInvalid,
    /// The slot is empty.
    NoToken,
    /// The token was removed in the middle of the call.
    Removed,
    SessionInvalid,
    /// A session without CKF_SERIAL_SESSION.
    Parallel,
    Async,
    ReadOnlySession,
    ObjectInvalid,
    KeyInvalid,
    KeyType,
    KeyFunction,
    KeyIndigestible,
    /// No key of such a size can be made.
    KeySize,
    MechanismInvalid,
    MechanismParameter,
    OperationActive,
    OperationMissing,
    BufferTooSmall,
    DataLength,
    DataInvalid,
    EncryptedLength,
    EncryptedInvalid,
    SignatureLength,
    SignatureInvalid,
    AttributeSensitive,
    AttributeUnknown,
    AttributeValue,
    TemplateIncomplete,
    TemplateInconsistent,
    /// A curve that no PIV card has.
    Curve,
    /// No named curve.
    DomainParameters,
    AlreadyLoggedIn,
    /// The other of user and security officer is.
    OtherLoggedIn,
    /// The security officer is, and wants no session that cannot write.
    OfficerLoggedIn,
    /// There are such sessions, so the security officer cannot log in.
    ReadOnlyExists,
    NotLoggedIn,
    UserType,
    /// The new PIN is too short or too long.
    PinLength,
    /// The new PIN has something in it that is no digit.
    PinInvalid,
    /// Objects cannot be made, changed or destroyed.
    Prohibited,
    NoEvent,
    Unsaveable,
    NoRandom,
    NotSupported,
    NotParallel,
    /// A bug of ours, caught at the edge.
    Panic,
    /// What the card side says.
    Card(piv::Error),
}

impl From<piv::Error> for Error {
    fn from(error: piv::Error) -> Self {
        Self::Card(error)
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        Self::Card(error.into())
    }
}

/// The code a function returns for an error: what it means, if the standard permits that there; else CKR_DEVICE_ERROR
/// for what the card did, CKR_FUNCTION_FAILED for the rest.
#[must_use]
pub fn rv(function: Function, error: &Error) -> CK_RV {
    let general = if matches!(error, Error::Card(_)) { CKR_DEVICE_ERROR } else { CKR_FUNCTION_FAILED };
    let code = [meaning(function, error), general].into_iter().find(|code| function.permits(*code));
    code.unwrap_or(CKR_FUNCTION_FAILED)
}

fn meaning(function: Function, error: &Error) -> CK_RV {
    match error {
        Error::NotInitialized => CKR_CRYPTOKI_NOT_INITIALIZED,
        Error::AlreadyInitialized => CKR_CRYPTOKI_ALREADY_INITIALIZED,
        Error::CantLock => CKR_CANT_LOCK,
        Error::ArgumentsBad => CKR_ARGUMENTS_BAD,
        Error::SlotInvalid => CKR_SLOT_ID_INVALID,
        Error::NoToken => CKR_TOKEN_NOT_PRESENT,
        Error::Removed if function.asks_slot() => CKR_TOKEN_NOT_PRESENT,
        Error::Removed => CKR_DEVICE_REMOVED,
        Error::SessionInvalid => CKR_SESSION_HANDLE_INVALID,
        Error::Parallel => CKR_SESSION_PARALLEL_NOT_SUPPORTED,
        Error::Async => CKR_SESSION_ASYNC_NOT_SUPPORTED,
        Error::ReadOnlySession => CKR_SESSION_READ_ONLY,
        Error::ObjectInvalid => CKR_OBJECT_HANDLE_INVALID,
        Error::KeyInvalid if function == Function::UnwrapKey => CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        Error::KeyInvalid => CKR_KEY_HANDLE_INVALID,
        Error::KeyType if function == Function::UnwrapKey => CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        Error::KeyType => CKR_KEY_TYPE_INCONSISTENT,
        Error::KeyFunction => CKR_KEY_FUNCTION_NOT_PERMITTED,
        Error::KeyIndigestible => CKR_KEY_INDIGESTIBLE,
        Error::KeySize => CKR_KEY_SIZE_RANGE,
        Error::MechanismInvalid => CKR_MECHANISM_INVALID,
        Error::MechanismParameter => CKR_MECHANISM_PARAM_INVALID,
        Error::OperationActive => CKR_OPERATION_ACTIVE,
        Error::OperationMissing => CKR_OPERATION_NOT_INITIALIZED,
        Error::BufferTooSmall => CKR_BUFFER_TOO_SMALL,
        Error::DataLength => CKR_DATA_LEN_RANGE,
        Error::DataInvalid => CKR_DATA_INVALID,
        Error::EncryptedLength if function == Function::UnwrapKey => CKR_WRAPPED_KEY_LEN_RANGE,
        Error::EncryptedInvalid if function == Function::UnwrapKey => CKR_WRAPPED_KEY_INVALID,
        Error::EncryptedLength => CKR_ENCRYPTED_DATA_LEN_RANGE,
        Error::EncryptedInvalid => CKR_ENCRYPTED_DATA_INVALID,
        Error::SignatureLength => CKR_SIGNATURE_LEN_RANGE,
        Error::SignatureInvalid => CKR_SIGNATURE_INVALID,
        Error::AttributeSensitive => CKR_ATTRIBUTE_SENSITIVE,
        Error::AttributeUnknown => CKR_ATTRIBUTE_TYPE_INVALID,
        Error::AttributeValue => CKR_ATTRIBUTE_VALUE_INVALID,
        Error::TemplateIncomplete => CKR_TEMPLATE_INCOMPLETE,
        Error::TemplateInconsistent => CKR_TEMPLATE_INCONSISTENT,
        Error::Curve => CKR_CURVE_NOT_SUPPORTED,
        Error::DomainParameters => CKR_DOMAIN_PARAMS_INVALID,
        Error::AlreadyLoggedIn => CKR_USER_ALREADY_LOGGED_IN,
        Error::OtherLoggedIn => CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
        Error::OfficerLoggedIn => CKR_SESSION_READ_WRITE_SO_EXISTS,
        Error::ReadOnlyExists => CKR_SESSION_READ_ONLY_EXISTS,
        Error::NotLoggedIn => CKR_USER_NOT_LOGGED_IN,
        Error::UserType => CKR_USER_TYPE_INVALID,
        Error::PinLength => CKR_PIN_LEN_RANGE,
        Error::PinInvalid => CKR_PIN_INVALID,
        Error::Prohibited => CKR_ACTION_PROHIBITED,
        Error::NoEvent => CKR_NO_EVENT,
        Error::Unsaveable => CKR_STATE_UNSAVEABLE,
        Error::NoRandom => CKR_RANDOM_NO_RNG,
        Error::NotSupported => CKR_FUNCTION_NOT_SUPPORTED,
        Error::NotParallel => CKR_FUNCTION_NOT_PARALLEL,
        Error::Panic => CKR_GENERAL_ERROR,
        Error::Card(error) => card_meaning(function, error),
    }
}

/// A PIN problem is told only to a call that gave the PIN: in every other call it means that the login is over.
fn card_meaning(function: Function, error: &piv::Error) -> CK_RV {
    match error {
        error if error.is_removal() => meaning(function, &Error::Removed),
        // An administration key was given where a PIN is.
        piv::Error::WrongKey
        | piv::Error::KeyKind
        | piv::Error::KeyFormat(_)
        | piv::Error::NoAdministrationKey
            if function.takes_pin() =>
        {
            CKR_PIN_INCORRECT
        }
        piv::Error::WrongKey | piv::Error::KeyKind | piv::Error::ManagementKeyNeeded => {
            CKR_USER_NOT_LOGGED_IN
        }
        piv::Error::Managed => CKR_TOKEN_WRITE_PROTECTED,
        piv::Error::NoRoom => CKR_DEVICE_MEMORY,
        piv::Error::NoSuchKind(_, algorithm) if algorithm.is_rsa() => CKR_ATTRIBUTE_VALUE_INVALID,
        piv::Error::NoSuchKind(..) => CKR_CURVE_NOT_SUPPORTED,
        // The card has no such place.
        piv::Error::NotFound if function.writes() => CKR_ATTRIBUTE_VALUE_INVALID,
        piv::Error::Unsupported(_) | piv::Error::Unconfirmed(_) if function == Function::DestroyObject => {
            CKR_ACTION_PROHIBITED
        }
        // The last try is gone with this PIN: a user who types on must learn that now.
        piv::Error::WrongPin { retries: 0 } | piv::Error::Blocked | piv::Error::ContactOnly
            if function.takes_pin() =>
        {
            CKR_PIN_LOCKED
        }
        // A program that hears of a wrong PIN asks for the same again; this one wants something else.
        piv::Error::PairingCodeNeeded if function.takes_pin() => CKR_FUNCTION_FAILED,
        piv::Error::WrongPairingCode | piv::Error::PairingCodeFormat if function.takes_pin() => {
            CKR_PIN_INCORRECT
        }
        piv::Error::PairingCodeNeeded | piv::Error::ContactOnly => CKR_USER_NOT_LOGGED_IN,
        // No list for C_Login has CKR_PIN_LEN_RANGE, and ssh and NSS ask again only after CKR_PIN_INCORRECT.
        piv::Error::WrongPin { .. } | piv::Error::PinFormat if function.takes_pin() => CKR_PIN_INCORRECT,
        piv::Error::WrongPin { .. } | piv::Error::Blocked | piv::Error::NotLoggedIn => CKR_USER_NOT_LOGGED_IN,
        piv::Error::NotPiv if function.asks_slot() => CKR_TOKEN_NOT_RECOGNIZED,
        // The card has no PUK, or does not take one.
        piv::Error::NotFound if function.sets_pin() => CKR_FUNCTION_NOT_SUPPORTED,
        piv::Error::Refused { status: StatusWord(0x6A80), .. } if function.sets_pin() => CKR_PIN_INVALID,
        piv::Error::NotFound if function.takes_pin() => CKR_USER_PIN_NOT_INITIALIZED,
        piv::Error::Input(_) if function.decrypts() => CKR_ENCRYPTED_DATA_INVALID,
        piv::Error::Input(_) if function == Function::UnwrapKey => CKR_WRAPPED_KEY_INVALID,
        piv::Error::Input(_) if function == Function::DeriveKey => CKR_MECHANISM_PARAM_INVALID,
        piv::Error::Input(_) => CKR_DATA_INVALID,
        // What nobody has published a token to take is not sent by a program that cannot ask.
        piv::Error::Unsupported(_) | piv::Error::Unconfirmed(_) => CKR_FUNCTION_NOT_SUPPORTED,
        _ => CKR_DEVICE_ERROR,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(error) => error.fmt(f),
            other => write!(f, "{other:?}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Card(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use piv::KeyReference;

    use super::*;

    fn card_errors() -> Vec<piv::Error> {
        let refused = piv::Error::Refused { during: "GENERAL AUTHENTICATE", status: StatusWord(0x6A80) };
        let links = [
            LinkError::NoCard,
            LinkError::Removed,
            LinkError::Reset,
            LinkError::Busy,
            LinkError::Timeout,
            LinkError::NoService,
            LinkError::Other("anything".into()),
        ];
        let mut errors: Vec<_> = links.into_iter().map(piv::Error::Link).collect();
        errors.extend([
            refused,
            piv::Error::WrongPin { retries: 2 },
            piv::Error::WrongPin { retries: 0 },
            piv::Error::Blocked,
            piv::Error::NotLoggedIn,
            piv::Error::ContactOnly,
            piv::Error::WrongPairingCode,
            piv::Error::PairingCodeFormat,
            piv::Error::Channel(piv::ChannelError::Checksum),
            piv::Error::NotPiv,
            piv::Error::NotFound,
            piv::Error::PinFormat,
            piv::Error::Malformed("certificate"),
            piv::Error::KeyChanged(KeyReference::PIV_AUTHENTICATION),
            piv::Error::Input("the input is too long"),
            piv::Error::Unsupported("this curve"),
            piv::Error::Unconfirmed("INJECT PKI KEY"),
            piv::Error::WrongKey,
            piv::Error::KeyKind,
            piv::Error::KeyFormat("hexadecimal digits"),
            piv::Error::NoAdministrationKey,
            piv::Error::Managed,
            piv::Error::ManagementKeyNeeded,
            piv::Error::NoRoom,
            piv::Error::NoSuchKind(KeyReference::PIV_AUTHENTICATION, piv::Algorithm::Rsa4096),
            piv::Error::NoSuchKind(KeyReference::PIV_AUTHENTICATION, piv::Algorithm::EccP384),
            piv::Error::NotAsWritten,
        ]);
        errors
    }

    fn own_errors() -> Vec<Error> {
        use Error::*;
        vec![
            NotInitialized,
            AlreadyInitialized,
            CantLock,
            ArgumentsBad,
            SlotInvalid,
            NoToken,
            Removed,
            SessionInvalid,
            Parallel,
            Async,
            ReadOnlySession,
            ObjectInvalid,
            KeyInvalid,
            KeyType,
            KeyFunction,
            KeyIndigestible,
            KeySize,
            MechanismInvalid,
            MechanismParameter,
            OperationActive,
            OperationMissing,
            BufferTooSmall,
            DataLength,
            DataInvalid,
            EncryptedLength,
            EncryptedInvalid,
            SignatureLength,
            SignatureInvalid,
            AttributeSensitive,
            AttributeUnknown,
            AttributeValue,
            TemplateIncomplete,
            TemplateInconsistent,
            Curve,
            DomainParameters,
            AlreadyLoggedIn,
            OtherLoggedIn,
            OfficerLoggedIn,
            ReadOnlyExists,
            NotLoggedIn,
            UserType,
            PinLength,
            PinInvalid,
            Prohibited,
            NoEvent,
            Unsaveable,
            NoRandom,
            NotSupported,
            NotParallel,
            Panic,
        ]
    }

    #[test]
    fn every_error_has_a_permitted_code_in_every_function() {
        let errors: Vec<_> =
            own_errors().into_iter().chain(card_errors().into_iter().map(Error::Card)).collect();
        for function in Function::ALL {
            for error in &errors {
                let code = rv(*function, error);
                assert!(function.permits(code) && code != CKR_OK, "{function:?} {error:?} {code:#x}");
            }
        }
    }

    #[test]
    fn a_card_error_is_never_called_a_failure_where_device_error_is_permitted() {
        for error in card_errors().into_iter().map(Error::Card) {
            assert_ne!(rv(Function::Sign, &error), CKR_FUNCTION_FAILED, "{error:?}");
            assert_ne!(rv(Function::Login, &error), CKR_FUNCTION_FAILED, "{error:?}");
        }
    }

    #[test]
    fn fixed_points() {
        let wrong = |retries| Error::Card(piv::Error::WrongPin { retries });
        let gone = Error::Card(piv::Error::Link(LinkError::Removed));
        assert_eq!(rv(Function::Login, &wrong(2)), CKR_PIN_INCORRECT);
        assert_eq!(rv(Function::Login, &wrong(0)), CKR_PIN_LOCKED);
        assert_eq!(rv(Function::Sign, &wrong(2)), CKR_USER_NOT_LOGGED_IN);
        assert_eq!(rv(Function::Sign, &gone), CKR_DEVICE_REMOVED);
        assert_eq!(rv(Function::GetTokenInfo, &gone), CKR_TOKEN_NOT_PRESENT);
        assert_eq!(
            rv(Function::Sign, &Error::Card(piv::Error::Link(LinkError::NoService))),
            CKR_DEVICE_ERROR
        );
        assert_eq!(rv(Function::Login, &Error::Card(piv::Error::PinFormat)), CKR_PIN_INCORRECT);
        let code = |error| rv(Function::Login, &Error::Card(error));
        assert_eq!(code(piv::Error::PairingCodeNeeded), CKR_FUNCTION_FAILED);
        assert_eq!(code(piv::Error::WrongPairingCode), CKR_PIN_INCORRECT);
        assert_eq!(code(piv::Error::ContactOnly), CKR_PIN_LOCKED);
        assert_eq!(rv(Function::Sign, &Error::Card(piv::Error::PairingCodeNeeded)), CKR_USER_NOT_LOGGED_IN);
    }
}
