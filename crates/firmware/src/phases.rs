//! The steps of an update (part 4 of the protocol), each by itself over a key: for whoever drives them one by one, as
//! fwupd does. [`install`](crate::install()) is all of them in a row.
//!
//! The order is [`enter`], the key comes back in update mode, [`write()`], [`reboot`], the key comes back, [`confirm`].

use std::time::Duration;

use fido::{Flow, HidError, Patience};
use link::{Clock, Store};

use crate::{
    Cause, Failure, Key, Mode, Nonce, Phase, State, Step, VerifiedImage,
    key::{ABORT, BEGIN, CONFIRM, ENTER, FINISH, REBOOT, WRITE},
    memory,
};

/// How long a person has to press the button.
pub const BUTTON: Duration = Duration::from_secs(BUTTON_SECONDS as u64);

const BUTTON_SECONDS: u8 = 30;

/// A key is bound to the channel of an update until 10 seconds of silence: after a crash that is the old one.
const BOUND: Duration = Duration::from_secs(12);

/// How a key that was asked for its button has left, as far as it was heard.
#[derive(Debug)]
pub enum Entered {
    /// The button was pressed, and the key said so.
    Approved,
    /// The link broke while the key waited for its button. It may have been pressed all the same, as a busy machine takes
    /// the device away before the answer is read. Whoever asked waits for the key as if it had said so: its nonce tells. If
    /// it does not come back, it was pulled out, which is this failure.
    Unheard(Failure),
}

impl Entered {
    /// Why a key did not come back in update mode, where waiting for it ended like this.
    #[must_use]
    pub fn explains(self, waiting: Failure) -> Failure {
        match self {
            Self::Unheard(broken) if matches!(waiting.cause, Cause::Gone) => broken,
            _ => waiting,
        }
    }
}

/// A random number for [`enter`].
///
/// # Errors
/// [`Failure`], where the system has none.
pub fn nonce() -> Result<Nonce, Failure> {
    let mut nonce = [0; 16];
    let failed = |error: getrandom::Error| Failure {
        phase: Phase::Enter,
        cause: Cause::Key(fido::Error::Link(error.into())),
        state: State::Old,
    };
    getrandom::getrandom(&mut nonce).map_err(failed)?;
    Ok(nonce)
}

/// Asks for the button, which approves this image, and with it for update mode (ENTER). Within 500 ms after that the key
/// is gone and comes back in update mode; its link is of no use any more. It is waited for after [`Entered::Unheard`] too.
///
/// # Errors
/// [`Failure`]: [`Cause::Cancelled`] when `report` said so and the key agreed, [`Cause::Key`] with what the key said, or
/// where the link broke before the key asked for its button.
pub fn enter(
    key: &mut Key<'_>,
    clock: &dyn Clock,
    image: &VerifiedImage,
    nonce: &Nonce,
    report: &mut dyn FnMut(Step) -> Flow,
) -> Result<Entered, Failure> {
    let message = [&nonce[..], &image.file_digest(), &[BUTTON_SECONDS]].concat();
    let patience = Patience { total: BUTTON + Duration::from_secs(2), ..Patience::default() };
    let end = clock.now() + BUTTON;
    let mut stopped = report(Step::PressButton { left: BUTTON }) == Flow::Cancel;
    if stopped {
        return Err(failure(key, Phase::Enter, Cause::Cancelled));
    }
    let mut has_asked = false;
    let answer = key.transact(ENTER, &message, patience, &mut |_| {
        has_asked = true;
        let flow = report(Step::PressButton { left: end.saturating_sub(clock.now()) });
        stopped |= flow == Flow::Cancel;
        flow
    });
    match answer {
        Ok(_) => Ok(Entered::Approved),
        Err(fido::Error::Refused(HidError::KEEPALIVE_CANCEL)) if stopped => {
            Err(failure(key, Phase::Enter, Cause::Cancelled))
        }
        Err(error) if has_asked && error.is_removal() => {
            Ok(Entered::Unheard(failure(key, Phase::Enter, Cause::Key(error))))
        }
        Err(error) => Err(failure(key, Phase::Enter, Cause::Key(error))),
    }
}

/// Holds a key that was found in update mode against the one that [`enter`] sent there, for whoever finds it by other
/// means than [`Machine::wait_detached`](crate::Machine::wait_detached): nothing is written to another one. Without a
/// nonce it is a key that was found in update mode.
///
/// # Errors
/// [`Failure`]: [`Cause::OtherSerial`], [`Cause::OtherNonce`], [`Cause::Changed`]; [`Cause::Gone`] for the key itself in
/// normal mode, as after [`Entered::Unheard`] for one that was pulled out and plugged in again.
pub fn recognize(key: &mut Key<'_>, image: &VerifiedImage, nonce: Option<&Nonce>) -> Result<(), Failure> {
    let failed = |cause, state| Failure { phase: Phase::Detach, cause, state };
    if key.info().serial != image.serial() {
        return Err(failed(Cause::OtherSerial, State::Old));
    }
    if key.info().mode == Mode::Normal {
        return Err(failed(Cause::Gone, State::Old));
    }
    if nonce.is_some_and(|nonce| key.info().nonce != *nonce) {
        return Err(failed(Cause::OtherNonce, State::Old));
    }
    key.detached = nonce.is_some();
    let state = if key.detached { State::OldWaiting } else { State::UpdateMode };
    image.fits(key.info()).map_err(|_| failed(Cause::Changed, state))
}

/// Brings an image into a key in update mode, from where an earlier attempt ended (BEGIN, WRITE, FINISH), and remembers
/// that it will have to be confirmed.
///
/// # Errors
/// [`Failure`]: [`Cause::Cancelled`] at the end of a block when `report` said so, [`Cause::Key`].
pub fn write(
    key: &mut Key<'_>,
    image: &VerifiedImage,
    store: &dyn Store,
    report: &mut dyn FnMut(Step) -> Flow,
) -> Result<(), Failure> {
    let start = begin(key, image)?;
    if report(Step::Writing { written: start, total: image.file().len() }) == Flow::Cancel {
        if start == 0 {
            // Nothing of the image is in the key, and the key keeps what it has: what it says to this changes neither.
            let _ = key.ask(ABORT, &[], Patience::default());
        }
        return Err(failure(key, if start == 0 { Phase::Begin } else { Phase::Write }, Cause::Cancelled));
    }
    blocks(key, image, start, report)?;
    report(Step::Finishing);
    memory::remember(store, image.serial(), image.version());
    let finished = key.transact(FINISH, &[], Patience::default(), &mut |_| {
        report(Step::Finishing);
        Flow::Continue
    });
    finished.map(drop).map_err(|error| {
        let refused = matches!(error, fido::Error::Refused(_));
        if refused {
            memory::forget(store, image.serial());
        }
        let mut failed = failure(key, Phase::Finish, Cause::Key(error));
        if !refused {
            failed.state = State::Starting;
        }
        failed
    })
}

/// Where to go on.
fn begin(key: &mut Key<'_>, image: &VerifiedImage) -> Result<usize, Failure> {
    let [before, behind] = image.around_payload();
    let length = image.file().len();
    // What does not fit into 32 bits fits into no slot: `fits` has seen to that.
    let wire_length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let message = [&wire_length[..], &image.file_digest(), before, behind].concat();
    let patience = Patience { busy: BOUND, ..Patience::default() };
    let answer = key.ask(BEGIN, &message, patience);
    let offset = answer.and_then(|answer| offset(&answer)).and_then(|offset| {
        let within = offset <= length;
        within.then_some(offset).ok_or(fido::Error::Malformed("the place to go on is behind the end"))
    });
    offset.map_err(|error| failure(key, Phase::Begin, Cause::Key(error)))
}

fn blocks(
    key: &mut Key<'_>,
    image: &VerifiedImage,
    mut written: usize,
    report: &mut dyn FnMut(Step) -> Flow,
) -> Result<(), Failure> {
    let file = image.file();
    let mut message = Vec::with_capacity(4 + usize::from(key.info().write_block));
    while written < file.len() {
        let block = usize::from(key.info().write_block).min(file.len() - written);
        message.clear();
        message.extend((written as u32).to_be_bytes());
        message.extend_from_slice(&file[written..written + block]);
        let answer = key.ask(WRITE, &message, Patience::default());
        let next = answer.and_then(|answer| offset(&answer));
        written += block;
        match next {
            Ok(next) if next == written => {}
            Ok(_) => {
                let error = fido::Error::Malformed("it expects another block than the next");
                return Err(failure(key, Phase::Write, Cause::Key(error)));
            }
            Err(error) => return Err(failure(key, Phase::Write, Cause::Key(error))),
        }
        let flow = report(Step::Writing { written, total: file.len() });
        if flow == Flow::Cancel && written < file.len() {
            return Err(failure(key, Phase::Write, Cause::Cancelled));
        }
    }
    Ok(())
}

fn offset(answer: &[u8]) -> Result<usize, fido::Error> {
    let offset = answer.try_into().ok().and_then(|bytes| usize::try_from(u32::from_be_bytes(bytes)).ok());
    offset.ok_or(fido::Error::Malformed("it does not say where to go on"))
}

/// Restarts a key in update mode with its firmware (REBOOT). Within 500 ms it is gone and comes back; a key that is gone
/// before it has answered did as it was told.
///
/// # Errors
/// [`Failure`]: [`Cause::Key`]
pub fn reboot(key: &mut Key<'_>) -> Result<(), Failure> {
    const NORMAL: u8 = 0;
    let patience = Patience { busy: BOUND, ..Patience::default() };
    match key.ask(REBOOT, &[NORMAL], patience) {
        Err(error) if !error.is_removal() => Err(failure(key, Phase::Reboot, Cause::Key(error))),
        _ => Ok(()),
    }
}

/// Makes the running image the one to stay with (CONFIRM), if it is the one that was installed, and forgets that it had
/// to be confirmed. From here on the key takes no image with a lower security counter.
///
/// # Errors
/// [`Failure`]: [`Cause::OtherVersion`], [`Cause::Key`]
pub fn confirm(key: &mut Key<'_>, image: &VerifiedImage, store: &dyn Store) -> Result<(), Failure> {
    let (runs, installed) = (key.info().version, image.version());
    if runs != installed {
        memory::forget(store, key.info().serial);
        return Err(failure(key, Phase::Confirm, Cause::OtherVersion { runs, installed }));
    }
    confirm_running(key, store)
}

/// Makes the running image the one to stay with, if this machine remembers to have installed it and not to have
/// confirmed it; what it remembers is settled by that. Whether it did. A key in update mode has that before it.
///
/// # Errors
/// [`Failure`]: [`Cause::Key`]; a key that refuses is left to do so, and still remembered.
pub fn confirm_remembered(key: &mut Key<'_>, store: &dyn Store) -> Result<bool, Failure> {
    let (serial, runs) = (key.info().serial, key.info().version);
    if key.info().mode == Mode::Update {
        return Ok(false);
    }
    match memory::remembered(store, serial) {
        Some(version) if key.info().unconfirmed && version == runs => {
            confirm_running(key, store).map(|()| true)
        }
        Some(_) => {
            memory::forget(store, serial);
            Ok(false)
        }
        None => Ok(false),
    }
}

fn confirm_running(key: &mut Key<'_>, store: &dyn Store) -> Result<(), Failure> {
    let message = key.info().version.to_wire();
    let confirmed = key.ask(CONFIRM, &message, Patience::default());
    confirmed.map_err(|error| failure(key, Phase::Confirm, Cause::Key(error)))?;
    memory::forget(store, key.info().serial);
    Ok(())
}

/// What went wrong, with the state that leaves the key in.
fn failure(key: &Key<'_>, phase: Phase, cause: Cause) -> Failure {
    let removed = matches!(&cause, Cause::Key(error) if error.is_removal());
    let state = match (phase, key.info().mode) {
        (Phase::Reboot, _) => State::Stored,
        (_, Mode::Normal) if key.info().unconfirmed => State::Trying,
        (_, Mode::Normal) => State::Old,
        // Out of update mode by a power cut it starts what it ran before.
        (_, Mode::Update) if key.detached && removed => State::Old,
        (_, Mode::Update) if key.detached => State::OldWaiting,
        (_, Mode::Update) => State::UpdateMode,
    };
    Failure { phase, cause, state }
}
