//! What PC/SC's error codes mean for a link, in one place.

use std::io;

use ::pcsc::Error;
use link::LinkError;

/// What polkit's refusal is for a person.
const REFUSED: &str = "this user may not use the reader service (pcscd) or this reader";

pub(super) fn link_error(error: Error) -> LinkError {
    match error {
        // The last one is what pcsc-lite makes of a broken connection to pcscd.
        Error::NoService | Error::ServiceStopped | Error::Shutdown | Error::CommError => LinkError::NoService,
        Error::NoSmartcard
        | Error::NoReadersAvailable
        | Error::UnknownReader
        | Error::UnresponsiveCard
        | Error::UnpoweredCard
        | Error::UnsupportedCard => LinkError::NoCard,
        Error::RemovedCard | Error::ReaderUnavailable | Error::InvalidHandle => LinkError::Removed,
        Error::ResetCard => LinkError::Reset,
        Error::SharingViolation => LinkError::Busy,
        Error::Timeout | Error::WaitedTooLong => LinkError::Timeout,
        // Of a whole card nobody says so: it is polkit that refuses, at the context or at the connection.
        Error::SecurityViolation => {
            LinkError::Other(Box::new(io::Error::new(io::ErrorKind::PermissionDenied, REFUSED)))
        }
        other => LinkError::Other(Box::new(other)),
    }
}

/// Whether a context is of no use any more, and a new one may be.
pub(super) fn is_service_lost(error: Error) -> bool {
    error == Error::InvalidHandle || matches!(link_error(error), LinkError::NoService)
}

/// Whether the card, or the whole reader, is not there any more.
pub(super) fn is_removal(error: Error) -> bool {
    matches!(link_error(error), LinkError::NoCard | LinkError::Removed)
}

/// Whether a command failed because another program resets the card: until it has answered to that, it has no protocol that
/// a command could go by.
pub(super) fn is_reset(error: Error) -> bool {
    matches!(error, Error::ResetCard | Error::ProtoMismatch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        let meaning = |error| format!("{:?}", link_error(error));
        for (error, expected) in [
            (Error::NoService, "NoService"),
            (Error::ServiceStopped, "NoService"),
            (Error::NoSmartcard, "NoCard"),
            (Error::UnknownReader, "NoCard"),
            (Error::UnresponsiveCard, "NoCard"),
            (Error::RemovedCard, "Removed"),
            (Error::ReaderUnavailable, "Removed"),
            (Error::ResetCard, "Reset"),
            (Error::SharingViolation, "Busy"),
            (Error::Timeout, "Timeout"),
            (Error::NotTransacted, "Other(NotTransacted)"),
        ] {
            assert_eq!(meaning(error), expected);
        }
    }

    #[test]
    fn a_refusal_is_told_as_one() {
        let LinkError::Other(error) = link_error(Error::SecurityViolation) else { panic!("another meaning") };
        assert_eq!(error.downcast::<io::Error>().unwrap().kind(), io::ErrorKind::PermissionDenied);
    }

    /// Seen of pcsc-lite 1.9.9, of a command between another program's reset and the answer to it.
    #[test]
    fn a_command_without_a_protocol_came_into_a_reset() {
        assert!(is_reset(Error::ResetCard) && is_reset(Error::ProtoMismatch));
        assert!(!is_reset(Error::NotTransacted) && !is_reset(Error::RemovedCard));
    }

    #[test]
    fn a_new_context_helps_against_a_restart_only() {
        assert!(is_service_lost(Error::NoService));
        assert!(is_service_lost(Error::CommError));
        assert!(is_service_lost(Error::InvalidHandle));
        assert!(!is_service_lost(Error::SharingViolation));
        assert!(!is_service_lost(Error::RemovedCard));
    }
}
