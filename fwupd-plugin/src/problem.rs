//! How errors become fwupd's: its numbers for them (`FwupdError`, part of libfwupd's stable ABI), in one table.

use std::fmt;

use fido::HidError;
use firmware::{Cause, Error, Failure, Phase};

/// An error as fwupd has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// A number of `FwupdError`.
    pub(crate) code: i32,
    /// One sentence for a person.
    pub(crate) message: String,
}

pub(crate) const INTERNAL: i32 = 0;
pub(crate) const VERSION_NEWER: i32 = 1;
pub(crate) const VERSION_SAME: i32 = 2;
pub(crate) const READ: i32 = 5;
pub(crate) const WRITE: i32 = 6;
pub(crate) const INVALID_FILE: i32 = 7;
pub(crate) const NOT_FOUND: i32 = 8;
pub(crate) const NOT_SUPPORTED: i32 = 10;
pub(crate) const SIGNATURE_INVALID: i32 = 11;
pub(crate) const PERMISSION_DENIED: i32 = 13;
pub(crate) const NEEDS_USER_ACTION: i32 = 16;
pub(crate) const INVALID_DATA: i32 = 18;
pub(crate) const TIMED_OUT: i32 = 19;
pub(crate) const BUSY: i32 = 20;

impl Problem {
    pub(crate) fn new(code: i32, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }

    pub(crate) fn not_supported(message: impl fmt::Display) -> Self {
        Self::new(NOT_SUPPORTED, message)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Malformed(_) | Error::Encrypted | Error::Hash | Error::TooLarge { .. } => INVALID_FILE,
            Error::Signature(_) => SIGNATURE_INVALID,
            Error::WrongModel { .. } | Error::WrongHardware { .. } | Error::OldBootloader { .. } => {
                NOT_SUPPORTED
            }
            Error::Counter { .. } | Error::OlderVersion { .. } => VERSION_NEWER,
            Error::SameVersion(_) => VERSION_SAME,
            Error::NotAnnounced => NOT_SUPPORTED,
            Error::Update(failure) => of_failure(failure),
            _ => INTERNAL,
        };
        Self::new(code, error)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Error::Update(failure).into()
    }
}

/// What a key said, or that it said nothing, before an update is under way.
impl From<fido::Error> for Problem {
    fn from(error: fido::Error) -> Self {
        Self::new(of_key(&error, READ), error)
    }
}

fn of_failure(failure: &Failure) -> i32 {
    match &failure.cause {
        Cause::Key(error) => {
            let writing = matches!(failure.phase, Phase::Begin | Phase::Write | Phase::Finish);
            of_key(error, if writing { WRITE } else { READ })
        }
        Cause::Gone | Cause::OtherNonce | Cause::OtherSerial | Cause::Twice => NOT_FOUND,
        Cause::Changed => NOT_SUPPORTED,
        Cause::OtherVersion { .. } => WRITE,
        Cause::Cancelled => NEEDS_USER_ACTION,
        Cause::Devices(_) => INTERNAL,
    }
}

/// `broken`: what it is when the connection broke.
fn of_key(error: &fido::Error, broken: i32) -> i32 {
    match error {
        fido::Error::Link(_) | fido::Error::Card(_) => broken,
        fido::Error::Denied => PERMISSION_DENIED,
        fido::Error::Silent | fido::Error::Endless => TIMED_OUT,
        fido::Error::Refused(HidError(code)) => of_refusal(*code),
        fido::Error::Malformed(_) => INVALID_DATA,
        fido::Error::NoCtap2 => NOT_SUPPORTED,
        _ => INTERNAL,
    }
}

/// CTAP 2.1, section 11.2.9.1.6, and part 3 of the protocol.
fn of_refusal(code: u8) -> i32 {
    match code {
        0x06 | 0x0A => BUSY,
        // Not pressed, cancelled, not approved, too little power: a person can do something about it.
        0x2D | 0x2F | 0xF0 | 0xF8 => NEEDS_USER_ACTION,
        0xF1 => SIGNATURE_INVALID,
        0xF2 | 0xF5 => NOT_SUPPORTED,
        0xF3 => VERSION_NEWER,
        0xF4 => INVALID_FILE,
        _ => WRITE,
    }
}

#[cfg(test)]
mod tests {
    use firmware::{Signature, State};

    use super::*;

    fn refused(phase: Phase, code: u8) -> Problem {
        let cause = Cause::Key(fido::Error::Refused(HidError(code)));
        Failure { phase, cause, state: State::Old }.into()
    }

    #[test]
    fn a_button_that_was_not_pressed_needs_a_person() {
        let problem = refused(Phase::Enter, 0x2F);
        assert_eq!(problem.code, NEEDS_USER_ACTION);
        assert!(problem.message.contains("press the button"), "{}", problem.message);
    }

    #[test]
    fn what_is_wrong_with_an_image_is_told_apart() {
        for (error, code) in [
            (Error::Hash, INVALID_FILE),
            (Error::Encrypted, INVALID_FILE),
            (Error::Signature(Signature::Missing), SIGNATURE_INVALID),
            (Error::WrongModel { image: "a.b".into(), key: "c.d".into() }, NOT_SUPPORTED),
            (Error::Counter { image: 1, key: 2 }, VERSION_NEWER),
            (Error::SameVersion("1.0.0".parse().unwrap()), VERSION_SAME),
        ] {
            assert_eq!(Problem::from(error).code, code);
        }
    }

    #[test]
    fn a_key_that_refuses_says_why() {
        for (code, number) in [(0x06, BUSY), (0xF1, SIGNATURE_INVALID), (0xF3, VERSION_NEWER), (0xF7, WRITE)]
        {
            assert_eq!(refused(Phase::Begin, code).code, number, "{code:02X}");
        }
    }

    #[test]
    fn a_connection_that_broke_while_writing_is_a_write_error() {
        let broke = |phase| {
            let cause = Cause::Key(fido::Error::Link(std::io::ErrorKind::NotConnected.into()));
            Problem::from(Failure { phase, cause, state: State::Old }).code
        };
        assert_eq!((broke(Phase::Write), broke(Phase::Enter)), (WRITE, READ));
    }
}
