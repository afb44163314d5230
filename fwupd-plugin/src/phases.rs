//! What is done in each phase of fwupd (facts of its order: 2.0.20): probe and setup when a key appears; prepare, before
//! anything is asked of the key; detach; write; attach; reload.
//!
//! A key comes back from detach and attach on the port it was on, and by that fwupd finds it. Whether it is the same key
//! is for its serial number and its nonce to say, here, before anything is written.

use std::time::{Duration, Instant, SystemTime};

use fido::{Channel, Flow, HidError};
use firmware::{
    Allow, Cause, Failure, Info, Key, Kind, Met, Mode, Nonce, Phase, SignedImage, State, Step, phases,
};
use link::{Clock, HidDevice, Store};

use crate::{
    descriptor::first_usage,
    files,
    glib::{Device, Progress, Status, warn},
    problem::{INTERNAL, NOT_FOUND, Problem},
    store::{Files, Nowhere},
    updates::{self, Update},
};

/// The update protocol, as metadata names it.
pub(crate) const PROTOCOL: &str = "org.crescendo.update";

/// How long a key may take to come back by itself.
pub(crate) const REAPPEARANCE: Duration = Duration::from_secs(10);

/// Larger than the memory of any key, and small enough to hold.
pub(crate) const LARGEST_IMAGE: usize = 64 << 20;

/// What a conversation begins with that is recorded, or replayed: a replay finds what was said by its bytes.
const RECORDED_INIT: [u8; 8] = *b"recorded";
const RECORDED_ENTER: Nonce = *b"recorded, replay";

/// What is known of a device, from its setup on.
pub(crate) struct Seen {
    pub(crate) info: Info,
    /// Another key than the one that was to come back, or gone: nothing more is sent to it.
    pub(crate) left_alone: bool,
}

/// Takes FIDO interfaces and configured keys in update mode; nothing is sent, nor is the device opened.
pub(crate) fn probe(device: Device<'_>) -> Result<(), Problem> {
    device.parent_probe()?;
    if kind(device)? == Kind::Foreign {
        return Err(Problem::not_supported("neither a FIDO interface nor a known key in update mode"));
    }
    device.is_known_by_its_port();
    Ok(())
}

/// Asks the device who it is, and finishes what an earlier update left unconfirmed.
pub(crate) fn setup(device: Device<'_>) -> Result<(), Problem> {
    device.parent_setup()?;
    let mut key = meet(device)?;
    if let Err(failure) = phases::confirm_remembered(&mut key, store(device)) {
        warn(&failure_text(failure));
    }
    show(device, key.info());
    device.remember(Seen { info: key.info().clone(), left_alone: false });
    Ok(())
}

/// Checks an image against the trust list and the key it is for. fwupd has asked before about a version that is the same
/// or older, and the key's security counter has the last word.
pub(crate) fn prepare(device: Device<'_>, file: Vec<u8>) -> Result<(), Problem> {
    let image = SignedImage::check(file, &files::trust()?)?;
    let image = device.seen(|seen| image.fit(&seen.info, Allow { same: true, older: true }))??;
    updates::put(Update::of(image));
    Ok(())
}

/// Asks for the button, and with it sends the key into update mode.
pub(crate) fn detach(device: Device<'_>, progress: Progress<'_>) -> Result<(), Problem> {
    if device.seen(|seen| seen.info.mode)? == Mode::Update {
        return Ok(());
    }
    let mut key = meet(device)?;
    let mut update = updates::take(key.info().serial).ok_or_else(other_key)?;
    let nonce = if device.is_recorded() { RECORDED_ENTER } else { phases::nonce()? };
    let mut asked = None;
    let entered = phases::enter(&mut key, &SinceStart, &update.image, &nonce, &mut |_| match asked
        .get_or_insert_with(|| device.ask_for_the_button(progress))
    {
        Ok(()) => Flow::Continue,
        Err(_) => Flow::Cancel,
    });
    if let Some(Err(problem)) = asked {
        return Err(problem);
    }
    entered?;
    update.nonce = Some(nonce);
    updates::put(update);
    progress.status(Status::DeviceRestart);
    device.will_come_back();
    Ok(())
}

/// Writes what was prepared.
pub(crate) fn write(device: Device<'_>, progress: Progress<'_>) -> Result<(), Problem> {
    let mut key = meet(device)?;
    let Some(mut update) = updates::take(key.info().serial) else {
        device.leave_alone();
        return Err(other_key());
    };
    let is_it = phases::recognize(&mut key, &update.image, update.nonce.as_ref());
    if let Err(failure) = is_it {
        if !matches!(failure.cause, Cause::Changed) {
            device.leave_alone();
        }
        return Err(failure.into());
    }
    progress.status(Status::DeviceWrite);
    let written = phases::write(&mut key, &update.image, store(device), &mut |step| {
        match step {
            Step::Writing { written, total } => progress.percentage(written, total),
            Step::Finishing => progress.status(Status::DeviceVerify),
            _ => {}
        }
        Flow::Continue
    });
    match written {
        Ok(()) => {}
        Err(failure) if is_removal(&failure) => {
            device.leave_alone();
            return Err(failure.into());
        }
        // It was found in update mode, and nobody has approved this image there: once more, from the start.
        Err(failure) if is_unapproved(&failure) && update.nonce.is_none() => device.needs_another_write(),
        // fwupd attaches after a failed write too.
        Err(failure) => return Err(Failure { state: State::SentBack, ..failure }.into()),
    }
    update.key = Some(key);
    updates::put(update);
    Ok(())
}

/// Has the key start its firmware, old or new.
pub(crate) fn attach(device: Device<'_>) -> Result<(), Problem> {
    let (mode, serial, left_alone) =
        device.seen(|seen| (seen.info.mode, seen.info.serial, seen.left_alone))?;
    if mode == Mode::Normal || left_alone {
        return Ok(());
    }
    let mut update = updates::take(serial);
    let kept = update.as_mut().and_then(|update| update.key.take());
    let mut key = kept.map_or_else(|| meet(device), Ok)?;
    phases::reboot(&mut key)?;
    drop(key);
    if let Some(mut update) = update {
        update.restarted = true;
        updates::put(update);
    }
    device.will_come_back();
    Ok(())
}

/// Makes what runs the firmware to stay with, if it is what was installed.
pub(crate) fn reload(device: Device<'_>) -> Result<(), Problem> {
    if device.is_to_be_written_again() {
        return Ok(());
    }
    let mut key = meet(device)?;
    show(device, key.info());
    match updates::take(key.info().serial) {
        // Its setup has seen to it.
        Some(update) if !key.info().unconfirmed && key.info().version == update.image.version() => Ok(()),
        Some(update) => Ok(phases::confirm(&mut key, &update.image, store(device))?),
        None if updates::any_restarted() => Err(other_key()),
        None => Ok(()),
    }
}

/// What fwupd shows of the key, and matches firmware by.
fn show(device: Device<'_>, info: &Info) {
    device.show_version(&quad(info.version));
    device.show_serial(&info.serial.to_string());
    device.is_in_update_mode(info.mode == Mode::Update);
    device.add_instance(&format!("CRESCENDO\\MODEL_{}", info.model));
    device.add_instance(&format!("CRESCENDO\\MODEL_{}&HW_{:02X}", info.model, info.hardware));
}

/// fwupd compares versions of four numbers as the protocol does.
fn quad(version: firmware::Version) -> String {
    let firmware::Version { major, minor, revision, build } = version;
    format!("{major}.{minor}.{revision}.{build}")
}

/// Asks a device of a known kind who it is. A key that has not announced the protocol is sent nothing of it. One that has
/// only just appeared may not answer yet, and fwupd does not ask for it again.
fn meet(device: Device<'_>) -> Result<Key<'static>, Problem> {
    const TRIES: usize = 3;
    let kind = kind(device)?;
    let mut met = meet_once(device, kind);
    for _ in 1..TRIES {
        if !matches!(met, Err(fido::Error::Silent)) {
            break;
        }
        met = meet_once(device, kind);
    }
    match met? {
        Met::Key(key) => Ok(key),
        Met::Other(_) => Err(Problem::not_supported(
            "this FIDO key has not announced the update protocol, and was sent nothing of it",
        )),
    }
}

fn meet_once(device: Device<'_>, kind: Kind) -> Result<Met<'static>, fido::Error> {
    let channel = match device.may_be_recorded() {
        true => Channel::open_by(device.link(), &SinceStart, RECORDED_INIT)?,
        false => Channel::open(device.link(), &SinceStart)?,
    };
    Key::meet_over(channel, kind)
}

fn kind(device: Device<'_>) -> Result<Kind, Problem> {
    let descriptor = device.report_descriptor()?;
    let (usage_page, usage) = first_usage(&descriptor).unwrap_or_default();
    let (vendor, product) = device.usb_id();
    let (path, serial, channel) = (String::new(), None, None);
    let device = HidDevice { path, vendor, product, usage_page, usage, serial, channel };
    Ok(Kind::of(&device, &files::update_mode_ids().ids))
}

fn store(device: Device<'_>) -> &'static dyn Store {
    static FILES: std::sync::OnceLock<Files> = std::sync::OnceLock::new();
    if device.is_replayed() { &Nowhere } else { FILES.get_or_init(Files::of_the_daemon) }
}

fn other_key() -> Problem {
    Problem::new(
        NOT_FOUND,
        "the key on this port is not the one that was to be updated, and nothing was written to it",
    )
}

fn is_removal(failure: &Failure) -> bool {
    matches!(&failure.cause, Cause::Key(error) if error.is_removal())
}

fn is_unapproved(failure: &Failure) -> bool {
    const NOT_APPROVED: HidError = HidError(0xF0);
    failure.phase == Phase::Begin && matches!(failure.cause, Cause::Key(fido::Error::Refused(NOT_APPROVED)))
}

fn failure_text(failure: Failure) -> String {
    Problem::from(failure).message
}

/// Nothing was set up for this device: fwupd asks in another order than it is known to.
pub(crate) fn not_set_up() -> Problem {
    Problem::new(INTERNAL, "fwupd has not set this key up")
}

/// Time since the plugin was loaded: only differences count.
struct SinceStart;

impl Clock for SinceStart {
    fn now(&self) -> Duration {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn date(&self) -> Duration {
        SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
    }
}
