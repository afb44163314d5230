//! Which keys are there, and which of them is the one that was there before (part 2 of the protocol).

use std::{io, time::Duration};

use fido::Flow;
use link::{Clock, HidDevice, HidDevices, LinkError, Store};

use crate::{Cause, Error, Failure, Info, Key, Kind, Met, Nonce, Phase, Serial, State, Step, UsbId, phases};

/// What an update needs of a machine.
#[derive(Clone, Copy)]
pub struct Machine<'m> {
    /// The HID devices.
    pub devices: &'m dyn HidDevices,
    /// The time.
    pub clock: &'m dyn Clock,
    /// What is remembered between runs.
    pub store: &'m dyn Store,
    /// Lets time pass between two looks at the devices.
    pub pause: &'m dyn Fn(Duration),
    /// The USB ids of keys in update mode: [`UPDATE_MODE_IDS`](crate::UPDATE_MODE_IDS), and what was configured.
    pub update_ids: &'m [UsbId],
}

/// A FIDO key, or a key in update mode.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub device: HidDevice,
    /// What it says.
    pub answer: Result<Answer, fido::Error>,
}

/// What a key says of itself.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It speaks the protocol.
    Firmware(Info),
    /// It does not.
    Fido(fido::Info),
}

/// How long a key may take to come back.
const REAPPEARANCE: Duration = Duration::from_secs(10);

const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

impl<'m> Machine<'m> {
    /// Every FIDO key and every key in update mode, with what it says. Other HID devices are sent nothing.
    ///
    /// # Errors
    /// [`Error::Devices`]
    pub fn keys(&self) -> Result<Vec<Found>, Error> {
        let found = |device: HidDevice| {
            let answer = self.meet(&device).map(|met| match met {
                Met::Key(key) => Answer::Firmware(key.info().clone()),
                Met::Other(authenticator) => Answer::Fido(authenticator),
            });
            Found { device, answer }
        };
        let devices = self.devices.list().map_err(Error::Devices)?;
        Ok(devices.into_iter().filter(|device| self.kind(device) != Kind::Foreign).map(found).collect())
    }

    /// Confirms what runs on every key that is remembered to wait for it, and returns those keys. One that has gone back
    /// to its old firmware is forgotten; one that refuses is left to do so.
    ///
    /// # Errors
    /// [`Error::Devices`]
    pub fn confirm_remembered(&self) -> Result<Vec<Info>, Error> {
        let mut confirmed = Vec::new();
        for device in self.devices.list().map_err(Error::Devices)? {
            if self.kind(&device) != Kind::Fido || !self.remembers_any() {
                continue;
            }
            if let Ok(Met::Key(mut key)) = self.meet(&device) {
                let confirms = phases::confirm_remembered(&mut key, self.store);
                confirmed.extend(matches!(confirms, Ok(true)).then(|| key.info().clone()));
            }
        }
        Ok(confirmed)
    }

    fn remembers_any(&self) -> bool {
        self.store.entries().iter().any(|entry| entry.key.starts_with("firmware-") && entry.length > 0)
    }

    fn kind(&self, device: &HidDevice) -> Kind {
        Kind::of(device, self.update_ids)
    }

    fn meet(&self, device: &HidDevice) -> Result<Met<'m>, fido::Error> {
        let link = self.devices.open(&device.path).map_err(not_opened)?;
        Key::meet(link, self.clock, self.kind(device))
    }

    /// The key with this serial number, in whatever mode.
    pub(crate) fn find(&self, serial: Serial) -> Result<Key<'m>, Failure> {
        let failed = |cause| Failure { phase: Phase::Find, cause, state: State::Untouched };
        let (mut found, mut silent) = (None, None);
        for device in self.devices.list().map_err(|error| failed(Cause::Devices(error)))? {
            if self.kind(&device) == Kind::Foreign {
                continue;
            }
            match self.meet(&device) {
                Ok(Met::Key(key)) if key.info().serial == serial => {
                    if found.replace(key).is_some() {
                        return Err(failed(Cause::Twice));
                    }
                }
                // One that speaks U2F alone has said all it can.
                Ok(_) | Err(fido::Error::NoCtap2) => {}
                Err(error) => silent = Some(error),
            }
        }
        // Of one that does not answer nobody knows whether it is the one.
        found.ok_or_else(|| failed(silent.map_or(Cause::Gone, Cause::Key)))
    }

    /// Waits for a key that has left to come back in update mode, with the nonce it was given.
    ///
    /// # Errors
    /// [`Failure`]: [`Cause::Gone`] after 10 seconds, [`Cause::OtherNonce`], [`Cause::OtherSerial`], [`Cause::Twice`].
    pub fn wait_detached(
        &self,
        serial: Serial,
        nonce: &Nonce,
        report: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<Key<'m>, Failure> {
        let failed = |cause| Failure { phase: Phase::Detach, cause, state: State::Old };
        let mut key = self.wait(Kind::UpdateMode, failed, report, |info| {
            match (info.serial == serial, info.nonce == *nonce) {
                (true, true) => Ok(true),
                (true, false) => Err(Cause::OtherNonce),
                (false, true) => Err(Cause::OtherSerial),
                (false, false) => Ok(false),
            }
        })?;
        key.detached = true;
        Ok(key)
    }

    /// Waits for a key to come back with its firmware, old or new.
    ///
    /// # Errors
    /// [`Failure`]: [`Cause::Gone`] after 10 seconds, [`Cause::Twice`].
    pub fn wait_attached(
        &self,
        serial: Serial,
        report: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<Key<'m>, Failure> {
        let failed = |cause| Failure { phase: Phase::Attach, cause, state: State::Starting };
        self.wait(Kind::Fido, failed, report, |info| Ok(info.serial == serial))
    }

    /// The one key of this kind that is meant, once it is there. No device is asked twice in one stay.
    fn wait(
        &self,
        kind: Kind,
        failed: impl Fn(Cause) -> Failure,
        report: &mut dyn FnMut(Step) -> Flow,
        is_meant: impl Fn(&Info) -> Result<bool, Cause>,
    ) -> Result<Key<'m>, Failure> {
        let end = self.clock.now() + REAPPEARANCE;
        let mut asked: Vec<HidDevice> = Vec::new();
        let mut last = None;
        while self.clock.now() < end {
            // Whoever wants to stop is heard as soon as the key is back: until then nothing can be stopped.
            report(if kind == Kind::UpdateMode { Step::Detaching } else { Step::Attaching });
            let mut present = self.devices.list().map_err(|error| failed(Cause::Devices(error)))?;
            present.retain(|device| self.kind(device) == kind);
            asked.retain(|device| present.contains(device));
            let mut meant = None;
            for device in present {
                if asked.contains(&device) {
                    continue;
                }
                match self.meet(&device) {
                    Ok(Met::Key(key)) if is_meant(key.info()).map_err(&failed)? => {
                        if meant.replace(key).is_some() {
                            return Err(failed(Cause::Twice));
                        }
                    }
                    Ok(_) | Err(fido::Error::NoCtap2) => asked.push(device),
                    // It may not be ready yet, or not ours to open before udev has seen it.
                    Err(error) => last = Some(error),
                }
            }
            if let Some(key) = meant {
                return Ok(key);
            }
            (self.pause)(BETWEEN_LOOKS);
        }
        Err(failed(last.map_or(Cause::Gone, Cause::Key)))
    }
}

fn not_opened(error: LinkError) -> fido::Error {
    match error {
        LinkError::Other(error) => match error.downcast::<io::Error>() {
            Ok(error) if error.kind() == io::ErrorKind::PermissionDenied => fido::Error::Denied,
            Ok(error) => fido::Error::Link(*error),
            Err(error) => fido::Error::Link(io::Error::other(error)),
        },
        LinkError::Removed => fido::Error::Link(io::ErrorKind::NotConnected.into()),
        error => fido::Error::Link(io::Error::other(error)),
    }
}

impl Found {
    /// What it says, if it speaks the protocol.
    #[must_use]
    pub fn firmware(&self) -> Option<&Info> {
        match &self.answer {
            Ok(Answer::Firmware(info)) => Some(info),
            _ => None,
        }
    }
}
