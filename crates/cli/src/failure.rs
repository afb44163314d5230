//! Why a command failed: one sentence, what to do next, and an exit code that says which kind it was.

use std::{borrow::Cow, fmt::Write, io, path::PathBuf, process::ExitCode};

use device::{
    Candidate, CardError, Error, FileError, PolicyError, SubjectError,
    firmware::{self, BadKey},
};
use link::LinkError;
use serde::Serialize;

use crate::{
    firmware::told,
    output::{Output, plain},
};

pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const NOT_THERE: u8 = 3;
pub(crate) const AMBIGUOUS: u8 = 4;
const NO_SERVICE: u8 = 5;
pub(crate) const IMAGE_REFUSED: u8 = 6;
pub(crate) const UPDATE_FAILED: u8 = 7;
pub(crate) const FACTORY_KEY: u8 = 8;

#[derive(Debug)]
pub(crate) enum Failure {
    Device(Error),
    Firmware(firmware::Error),
    /// An image was not installed, and the key is as it was.
    NotInstalled(firmware::Error),
    /// A file in the trust list is not what it should be.
    Trust(PathBuf, BadKey),
    /// A file could not be read.
    Unreadable(PathBuf, io::Error),
    /// A file could not be written.
    File(PathBuf, io::Error),
    /// A file is there already.
    Exists(PathBuf),
    /// Binary bytes would go to a terminal.
    Terminal,
    /// Standard output could not be written.
    Output(io::Error),
    /// There is no terminal at which a person could be asked.
    NoTerminal(io::Error),
    /// There is no PIN or code where it was said to be.
    NoSecret(String),
    /// There is no clipboard, or it failed: why.
    Clipboard(String),
    /// All has been said already, and it comes down to this exit code.
    Told(u8),
    /// A name that was given is none.
    Subject(SubjectError),
    /// Nothing can be taken from a file.
    Credential(PathBuf, FileError),
    /// Something would be lost, which nobody could be asked about: what.
    Unconfirmed(String),
    /// Somebody was asked, and did not say yes.
    Declined,
    /// What was entered twice was not the same.
    Different,
    /// What was given is no secret for one-time passwords: why.
    Seed(&'static str),
    /// The policy of this machine cannot be read: why.
    Policy(PathBuf, String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Device(error)
    }
}

impl From<firmware::Error> for Failure {
    fn from(error: firmware::Error) -> Self {
        Self::Firmware(error)
    }
}

impl From<firmware::TrustError> for Failure {
    fn from(error: firmware::TrustError) -> Self {
        match error {
            firmware::TrustError::Unreadable(path, error) => Self::Unreadable(path, error),
            firmware::TrustError::Bad(path, error) => Self::Trust(path, error),
        }
    }
}

impl From<PolicyError> for Failure {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Unreadable(path, error) => Self::Unreadable(path, error),
            PolicyError::Bad(path, why) => Self::Policy(path, why),
        }
    }
}

/// A failure as it is written with --json.
#[derive(Serialize)]
struct Report<'a> {
    error: Content<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    code: &'static str,
    exit: u8,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    candidates: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    id: Option<&'a str>,
    reader: &'a str,
}

impl Failure {
    pub(crate) fn report(&self, output: &Output) -> ExitCode {
        // Whoever read along has seen enough.
        if matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        if let Self::Told(exit) = self {
            return ExitCode::from(*exit);
        }
        let (code, exit) = self.kind();
        let message = plain(self.message());
        if output.json {
            let candidates = self.candidates();
            let candidates = candidates.iter().map(listed).collect();
            tell(output, Content { code, exit, message, hint: self.hint(), candidates });
        } else {
            eprint(&self.text(&message));
        }
        ExitCode::from(exit)
    }

    fn text(&self, message: &str) -> String {
        let mut text = format!("crescendo: {message}\n");
        for candidate in self.candidates().iter() {
            let _ = writeln!(text, "  {}", plain(candidate));
        }
        if let Some(hint) = self.hint() {
            let _ = writeln!(text, "{hint}");
        }
        text
    }

    fn message(&self) -> String {
        match self {
            Self::Device(error) => error.to_string(),
            Self::Firmware(error) => error.to_string(),
            Self::NotInstalled(error) => format!("{error}; nothing was sent to the key, which is as it was"),
            Self::Trust(path, error) => format!("{} in the list of trusted keys: {error}", path.display()),
            Self::Unreadable(path, error) => format!("{} cannot be read: {error}", path.display()),
            Self::File(path, error) => format!("{} cannot be written: {error}", path.display()),
            Self::Exists(path) => format!("{} is there already", path.display()),
            Self::Terminal => "a certificate in binary form is not for a terminal".to_owned(),
            Self::Output(error) => format!("the result cannot be written: {error}"),
            Self::NoTerminal(error) => format!("nobody can be asked at a terminal: {error}"),
            Self::NoSecret(place) => format!("there is nothing to be read from {place}"),
            Self::Clipboard(why) => format!("there is no clipboard to copy to: {why}"),
            Self::Told(_) => String::new(),
            Self::Subject(error) => error.to_string(),
            Self::Credential(path, error) => format!("{}: {error}", path.display()),
            Self::Unconfirmed(what) => format!("{what} Nothing was done, because nobody can be asked"),
            Self::Declined => "nothing was done".to_owned(),
            Self::Different => "these were two different ones; nothing was sent".to_owned(),
            Self::Seed(why) => format!("{why}; nothing was sent"),
            Self::Policy(path, why) => format!("the policy {} cannot be read: {why}", path.display()),
        }
    }

    /// Its name for programs, and the exit code.
    pub(crate) fn kind(&self) -> (&'static str, u8) {
        match self {
            Self::Device(error) => kind(error),
            Self::Firmware(error) | Self::NotInstalled(error) => told::kind(error),
            Self::Trust(..) => ("trust", FAILED),
            Self::File(..) | Self::Unreadable(..) | Self::Output(_) => ("file", FAILED),
            Self::Exists(_) => ("file-exists", FAILED),
            Self::Terminal => ("terminal", USAGE),
            Self::NoTerminal(_) => ("no-terminal", USAGE),
            Self::NoSecret(_) => ("no-secret", USAGE),
            Self::Clipboard(_) => ("no-clipboard", FAILED),
            Self::Told(exit) => ("told", *exit),
            Self::Subject(_) => ("name-format", USAGE),
            Self::Credential(_, FileError::WrongPassphrase) => ("wrong-passphrase", FAILED),
            Self::Credential(..) => ("file", FAILED),
            Self::Unconfirmed(_) => ("unconfirmed", USAGE),
            Self::Declined => ("declined", FAILED),
            Self::Different => ("different", USAGE),
            Self::Seed(_) => ("secret-format", USAGE),
            Self::Policy(..) => ("policy", FAILED),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Device(Error::Uncertified(_)) => Some(
                "`crescendo cert request --existing` or `crescendo cert self-sign --existing` goes on from here.",
            ),
            Self::Device(error) => hint(error),
            Self::Exists(_) => Some("Give another name, or replace it with --force."),
            Self::Terminal => Some("Write it to a file with --output, or use --format pem."),
            Self::NoTerminal(_) => {
                Some("A script gives the PIN with --pin-env or --pin-fd, and the code on standard input.")
            }
            Self::Unconfirmed(_) => Some("With --yes it is done without a question."),
            Self::Subject(_) | Self::Credential(..) | Self::Declined | Self::Different | Self::Seed(_) => {
                None
            }
            Self::Policy(..) => Some("Until it is put right, no PIN is set here; nothing was sent."),
            Self::Clipboard(_) => Some("Without --copy the code is shown, with --cache it is kept."),
            Self::Firmware(error) | Self::NotInstalled(error) => told::hint(error),
            Self::Trust(..) => Some("Until it is put right or taken away, nobody is trusted."),
            Self::File(..) | Self::Unreadable(..) | Self::Output(_) | Self::NoSecret(_) | Self::Told(_) => {
                None
            }
        }
    }

    fn candidates(&self) -> Cow<'_, [Candidate]> {
        match self {
            Self::Device(Error::Ambiguous { candidates } | Error::NoSuchDevice { candidates, .. }) => {
                candidates.into()
            }
            Self::Firmware(error) | Self::NotInstalled(error) => told::candidates(error).into(),
            _ => Cow::default(),
        }
    }
}

fn kind(error: &Error) -> (&'static str, u8) {
    match error {
        Error::Uncertified(error) => kind(error),
        Error::Link(LinkError::NoService) | Error::Card(CardError::Link(LinkError::NoService)) => {
            ("no-service", NO_SERVICE)
        }
        Error::Card(CardError::Link(LinkError::Busy)) => ("busy", FAILED),
        Error::Card(CardError::NotPiv) => ("not-piv", FAILED),
        Error::Card(CardError::WrongPin { .. }) => ("wrong-pin", FAILED),
        Error::Card(CardError::Blocked) => ("pin-blocked", FAILED),
        Error::Card(CardError::PinFormat) => ("pin-format", USAGE),
        Error::Card(CardError::WrongPairingCode) => ("wrong-code", FAILED),
        Error::Card(CardError::PairingCodeFormat) => ("code-format", USAGE),
        Error::Card(CardError::Channel(_)) => ("not-believed", FAILED),
        Error::Card(CardError::InUse) => ("in-use", FAILED),
        Error::Card(CardError::NoButton) => ("no-button", FAILED),
        Error::Card(CardError::Unconfirmed(_)) => ("not-confirmed", FAILED),
        Error::Card(CardError::KeyFormat(_)) => ("key-format", USAGE),
        Error::Card(CardError::KeyKind) => ("wrong-key-kind", FAILED),
        Error::Card(CardError::WrongKey) => ("wrong-key", FAILED),
        Error::Card(CardError::NoAdministrationKey) => ("no-administration-key", NOT_THERE),
        Error::Card(CardError::ChallengeLost) => ("challenge-lost", FAILED),
        Error::Card(CardError::UnlockLost { .. } | CardError::UnlockSpent) => ("unlock-refused", FAILED),
        Error::Card(CardError::Managed) => ("managed", FAILED),
        Error::Card(CardError::ManagementKeyNeeded) => ("management-key-needed", FAILED),
        Error::Card(CardError::NotFound) => ("not-found", NOT_THERE),
        Error::Card(CardError::NoRoom) => ("no-room", FAILED),
        Error::Card(CardError::NoSuchKind(..)) => ("no-such-kind", FAILED),
        Error::Card(CardError::NotAsWritten) => ("not-as-written", FAILED),
        Error::Card(CardError::KeyChanged(_)) => ("key-changed", FAILED),
        Error::Card(CardError::Unsupported(_)) => ("unsupported", FAILED),
        Error::Card(error) if error.is_removal() => ("removed", FAILED),
        Error::Link(_) | Error::Card(_) => ("failed", FAILED),
        Error::NoReader => ("no-reader", NOT_THERE),
        Error::NoCard | Error::Empty { .. } => ("no-card", NOT_THERE),
        Error::NoSuchDevice { .. } => ("no-such-device", NOT_THERE),
        Error::NoCardSide { .. } => ("no-card-side", NOT_THERE),
        Error::EmptySlot(_) => ("empty-slot", NOT_THERE),
        Error::NoCertificate(_) => ("no-certificate", NOT_THERE),
        Error::NoKey(_) => ("place-empty", NOT_THERE),
        Error::NotItsCertificate(_) => ("not-its-certificate", FAILED),
        Error::SignsNothing(_) => ("signs-nothing", FAILED),
        Error::ContactNeeded => ("contact-needed", FAILED),
        Error::NoPairingCode => ("no-code", NOT_THERE),
        Error::NoVci => ("no-vci", FAILED),
        Error::NotKept(_) => ("not-kept", FAILED),
        Error::PinRejected(_) => ("pin-rejected", USAGE),
        Error::PinRefused => ("pin-refused", FAILED),
        Error::PolicyConflict => ("policy", FAILED),
        Error::Uncertain(_) => ("uncertain", FAILED),
        Error::WrongPuk { .. } => ("wrong-puk", FAILED),
        Error::PukBlocked => ("puk-blocked", FAILED),
        Error::NoPuk => ("no-puk", NOT_THERE),
        Error::NoPukKept => ("no-puk-kept", NOT_THERE),
        Error::PukFormat => ("puk-format", USAGE),
        Error::ChallengeFormat | Error::ResponseFormat { .. } => ("challenge-format", USAGE),
        Error::MasterFormat => ("key-format", USAGE),
        Error::DeviceId => ("device-id-format", USAGE),
        Error::GivenUp => ("given-up", FAILED),
        Error::NotOffered(why) => (why.name(), FAILED),
        Error::CannotRecycle => ("cannot-recycle", FAILED),
        Error::NotFactoryPin { .. } => ("not-factory-pin", FAILED),
        Error::Unfinished(..) => ("unfinished", FAILED),
        Error::Ambiguous { .. } => ("ambiguous", AMBIGUOUS),
        _ => ("failed", FAILED),
    }
}

fn hint(error: &Error) -> Option<&'static str> {
    match kind(error).0 {
        "no-service" => Some(
            "Start it with: sudo systemctl start pcscd.socket\n\
             Where it is not installed: sudo apt install pcscd (Debian, Ubuntu), sudo dnf install pcsc-lite (Fedora)",
        ),
        "no-reader" => {
            Some("Plug in a key, or a reader with a card. `crescendo devices` lists what is found.")
        }
        "no-card" => Some(
            "Insert the card, contacts first, or lay it on the reader. `crescendo devices` lists what is found.",
        ),
        "no-such-device" => Some("`crescendo devices` lists what is found."),
        "no-card-side" => Some("`crescendo firmware info` shows what there is to know of it."),
        "empty-slot" => {
            Some("`crescendo otp list` shows the slots; `crescendo otp configure` puts a secret into one.")
        }
        "ambiguous" => Some("Say which one with --device and its ID, name or reader."),
        "place-empty" => Some("`crescendo cert list` shows what there is; without --existing a key is made."),
        "not-its-certificate" => Some(
            "A certificate comes with its key, or after a request of the key there: `crescendo cert request --existing`.",
        ),
        "no-certificate" => Some("`crescendo cert list` shows which keys have one."),
        "busy" => Some("Close the program that uses it, and try again."),
        "contact-needed" => Some("Put it into a contact reader, and try again."),
        "wrong-code" => {
            Some("`crescendo pairing retrieve` asks the card, in a contact reader, for the right one.")
        }
        "not-kept" => Some(
            "Without a place for it, enter it together with the PIN: the code, a colon, the PIN. Places are made by the \
             login: see loginctl(1).",
        ),
        "pin-blocked" => Some("`crescendo pin status` says what lifts that."),
        "pin-rejected" | "pin-refused" => {
            Some("`crescendo pin status` shows what a new PIN has to look like.")
        }
        "uncertain" => Some(
            "Insert it again and run `crescendo pin verify` with the new PIN. If it is wrong, the old state stands: the old PIN \
             is right, or the device is still blocked and is unblocked once more.",
        ),
        "wrong-puk" => Some("The tries of a PUK do not come back but with the right one."),
        "puk-blocked" => Some(
            "PUK tries cannot be restored. `crescendo pin status` shows whether a help desk can unblock it all the same.",
        ),
        "no-puk" => {
            Some("With a PUK of 16 characters or with the help desk: `crescendo pin unblock --help-desk`.")
        }
        "no-administration-key" => Some("Only the PIN is left. If it is blocked, nothing lifts that."),
        "wrong-key" | "challenge-lost" => {
            Some("Nothing was changed, and it may be tried again: each time there is a new challenge.")
        }
        "not-confirmed" => Some("It is sent with --unconfirmed, at your own risk."),
        "factory" => Some("`crescendo personalize` sets it up."),
        "not-factory" => Some(
            "`crescendo recycle` takes it back to factory state. If personalizing it was interrupted at the very end, it is done: \
             `crescendo puk show` shows its PUK.",
        ),
        "cannot-recycle" => Some(
            "With its PUK (--with-puk, --puk-env) or its administration key (--xauth-key-env) it can be.",
        ),
        "not-factory-pin" => Some("Run the same with the PIN that it has: --pin-env VAR or --pin-fd N."),
        "unfinished" => Some(
            "Insert it again and run the same command once more: it sees how far it came, and finishes it or says that it is done.",
        ),
        "managed" => Some("Ask whoever issued it."),
        "removed" => Some("Insert it again, and try again."),
        _ => None,
    }
}

fn listed(candidate: &Candidate) -> Listed<'_> {
    Listed { name: &candidate.name, id: candidate.id.as_deref(), reader: &candidate.reader }
}

/// The command line was not understood, and the answer is wanted as JSON.
pub(crate) fn usage(output: &Output, error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let message = text.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
    let hint = Some("`crescendo --help` lists the commands.");
    tell(output, Content { code: "usage", exit: USAGE, message, hint, candidates: Vec::new() });
    ExitCode::from(USAGE)
}

/// Nobody is left to tell when this cannot be written: the exit code has to do.
fn tell(output: &Output, error: Content<'_>) {
    let _ = output.object(&Report { error }).and_then(|text| output.bytes(text.as_bytes()));
}

fn eprint(text: &str) {
    let _ = io::Write::write_all(&mut io::stderr(), text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ambiguous() -> Failure {
        let candidate = |id: Option<&str>, reader: &str| Candidate {
            name: "Crescendo C4000".to_owned(),
            id: id.map(str::to_owned),
            reader: reader.to_owned(),
        };
        Failure::Device(Error::Ambiguous {
            candidates: vec![candidate(Some("01"), "A"), candidate(None, "B")],
        })
    }

    #[test]
    fn ambiguity_lists_what_may_be_meant() {
        let failure = ambiguous();
        assert_eq!(failure.kind(), ("ambiguous", 4));
        assert_eq!(
            failure.text(&failure.message()),
            "crescendo: 2 devices may be meant\n  \
             Crescendo C4000, ID 01, in A\n  Crescendo C4000, in B\n\
             Say which one with --device and its ID, name or reader.\n"
        );
    }

    #[test]
    fn exit_codes_by_kind() {
        let exit = |error| Failure::Device(error).kind().1;
        assert_eq!(exit(Error::Link(LinkError::NoService)), 5);
        assert_eq!(exit(Error::Card(CardError::Link(LinkError::NoService))), 5);
        assert_eq!(exit(Error::NoReader), 3);
        assert_eq!(exit(Error::Card(CardError::Link(LinkError::Removed))), 1);
        assert_eq!(Failure::Terminal.kind().1, 2);
    }

    #[test]
    fn without_the_service_it_says_how_to_start_it() {
        let failure = Failure::Device(Error::Link(LinkError::NoService));
        assert!(failure.text(&failure.message()).contains("systemctl start pcscd.socket"));
    }
}
