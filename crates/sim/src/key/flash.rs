//! What a key keeps without power, and what its bootloader makes of it at each start (update protocol, parts 1 and 3):
//! two slots, the security counter, the approval of a file. One slot holds the firmware marked good; the other one
//! is erased, half written, ready to be tried once, or being tried.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::image::{Header, Image, Trailer};
use super::profile::{Profile, Version};

pub(super) const NOT_APPROVED: u8 = 0xF0;
pub(super) const BAD_SIGNATURE: u8 = 0xF1;
pub(super) const WRONG_MODEL: u8 = 0xF2;
pub(super) const COUNTER_TOO_LOW: u8 = 0xF3;
pub(super) const TOO_LARGE: u8 = 0xF4;
pub(super) const BOOTLOADER_TOO_OLD: u8 = 0xF5;
pub(super) const OUT_OF_ORDER: u8 = 0xF6;
pub(super) const VERIFY_FAILED: u8 = 0xF7;

/// How long a press of the button approves its file: time, and starts with power newly applied.
const APPROVED_FOR: Duration = Duration::from_secs(600);
const APPROVED_STARTS: u8 = 3;

/// A file somebody pressed the button for.
#[derive(Clone, Copy)]
struct Approval {
    digest: [u8; 32],
    until: Duration,
    starts: u8,
}

/// A file on its way into the other slot.
#[derive(Clone, Copy)]
pub(super) struct Partial {
    digest: [u8; 32],
    length: u32,
    pub(super) offset: u32,
}

/// What is in the slot that does not hold the good firmware.
#[derive(Clone, Copy)]
enum Other {
    Empty,
    Partial(Partial),
    /// Complete and verified; the next start tries it.
    Fresh(Partial),
    /// A start has tried it. Without CONFIRM it will not get another one.
    Trying,
}

/// An image the bootloader would start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Firmware {
    pub(super) version: Version,
    counter: u32,
}

/// What the bootloader found at a start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// The firmware marked good, if it may be started.
    pub(super) good: Option<Firmware>,
    /// The new firmware, if this start tries it.
    pub(super) trial: Option<Firmware>,
}

impl Found {
    pub(super) fn running(&self) -> Option<Firmware> {
        self.trial.or(self.good)
    }
}

/// The first and the last part of a file, and how long it is: the request of BEGIN.
pub(super) struct Announced<'a> {
    length: u32,
    digest: [u8; 32],
    ends: &'a [u8],
}

impl<'a> Announced<'a> {
    /// `None`: too short to be one, or longer than BEGIN may be.
    pub(super) fn parse(request: &'a [u8]) -> Option<Self> {
        /// Header and TLVs together.
        const LONGEST: usize = 7000;
        let (length, rest) = request.split_first_chunk()?;
        let (digest, ends) = rest.split_first_chunk()?;
        let fits = !ends.is_empty() && ends.len() <= LONGEST;
        fits.then_some(Self { length: u32::from_be_bytes(*length), digest: *digest, ends })
    }
}

pub(super) struct Flash {
    slots: [Vec<u8>; 2],
    good: usize,
    other: Other,
    pub(super) counter: u32,
    approval: Option<Approval>,
    /// Of the last ENTER.
    pub(super) nonce: [u8; 16],
}

impl Flash {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            slots: [profile.firmware.clone(), Vec::new()],
            good: 0,
            other: Other::Empty,
            counter: profile.counter,
            approval: None,
            nonce: [0; 16],
        }
    }

    /// Power is there again: what was approved loses one of its starts.
    pub(super) fn power_up(&mut self) {
        if let Some(approval) = &mut self.approval {
            approval.starts -= 1;
        }
        self.approval = self.approval.filter(|approval| approval.starts > 0);
    }

    /// The bootloader at work. `stay`: it was asked to stay in update mode, so nothing new is tried.
    pub(super) fn start(&mut self, profile: &Profile, stay: bool) -> Found {
        let good = self.good(profile);
        match self.other {
            Other::Trying => self.erase(),
            Other::Fresh(_) if !stay => match self.bootable(1 - self.good, profile) {
                Some(trial) => {
                    self.other = Other::Trying;
                    return Found { good, trial: Some(trial) };
                }
                None => self.erase(),
            },
            _ => {}
        }
        Found { good, trial: None }
    }

    /// The firmware marked good, if it may be started.
    pub(super) fn good(&self, profile: &Profile) -> Option<Firmware> {
        self.bootable(self.good, profile)
    }

    fn bootable(&self, slot: usize, profile: &Profile) -> Option<Firmware> {
        let image = Image::parse(&self.slots[slot]).ok()?;
        self.accept(&image.header, &image.trailer, profile).ok()?;
        Some(Firmware { version: image.header.version, counter: image.trailer.counter })
    }

    /// What the device checks of an image: signature, model, counter, bootloader.
    fn accept(&self, header: &Header, trailer: &Trailer, profile: &Profile) -> Result<Version, u8> {
        if !trailer.signed(&profile.trusted, profile.signatures) {
            return Err(BAD_SIGNATURE);
        }
        let built_for = trailer.hardware.as_ref().is_none_or(|list| list.contains(&profile.hardware));
        if trailer.model != profile.model.as_bytes() || !built_for {
            return Err(WRONG_MODEL);
        }
        if trailer.counter < self.counter {
            return Err(COUNTER_TOO_LOW);
        }
        if trailer.bootloader.is_some_and(|needed| needed > profile.bootloader) {
            return Err(BOOTLOADER_TOO_OLD);
        }
        Ok(header.version)
    }

    fn erase(&mut self) {
        self.slots[1 - self.good].clear();
        self.other = Other::Empty;
    }

    /// The press of the button at ENTER.
    pub(super) fn approve(&mut self, digest: [u8; 32], nonce: [u8; 16], now: Duration) {
        self.approval = Some(Approval { digest, until: now + APPROVED_FOR, starts: APPROVED_STARTS });
        self.nonce = nonce;
    }

    pub(super) fn approved(&self, now: Duration) -> Option<[u8; 32]> {
        self.approval.filter(|approval| now < approval.until).map(|approval| approval.digest)
    }

    /// The file under way, and how far it is.
    pub(super) fn partial(&self) -> Option<Partial> {
        match self.other {
            Other::Partial(partial) => Some(partial),
            _ => None,
        }
    }

    /// Whether the next start tries new firmware.
    pub(super) fn is_fresh(&self) -> bool {
        matches!(self.other, Other::Fresh(_))
    }

    /// BEGIN: where to go on. `must_be_approved` is false for a device without firmware.
    pub(super) fn begin(
        &mut self,
        file: &Announced<'_>,
        profile: &Profile,
        now: Duration,
        must_be_approved: bool,
    ) -> Result<u32, u8> {
        if must_be_approved && self.approved(now) != Some(file.digest) {
            return Err(NOT_APPROVED);
        }
        if file.length > profile.slot_size {
            return Err(TOO_LARGE);
        }
        let header = Header::parse(file.ends).map_err(|_| BAD_SIGNATURE)?;
        let behind = file.ends.get(header.size..).ok_or(BAD_SIGNATURE)?;
        if header.size + header.payload + behind.len() != file.length as usize {
            return Err(BAD_SIGNATURE);
        }
        let trailer = Trailer::parse(&header, behind).map_err(|_| BAD_SIGNATURE)?;
        self.accept(&header, &trailer, profile)?;
        Ok(self.resume(file))
    }

    /// A file that was complete already is only asked for FINISH again.
    fn resume(&mut self, file: &Announced<'_>) -> u32 {
        match self.other {
            Other::Partial(known) | Other::Fresh(known)
                if known.digest == file.digest && known.length == file.length =>
            {
                self.other = Other::Partial(known);
                known.offset
            }
            _ => {
                self.erase();
                self.other = Other::Partial(Partial { digest: file.digest, length: file.length, offset: 0 });
                0
            }
        }
    }

    /// WRITE: the next offset expected.
    pub(super) fn write(&mut self, offset: u32, data: &[u8]) -> Result<u32, u8> {
        let slot = &mut self.slots[1 - self.good];
        let Other::Partial(partial) = &mut self.other else { return Err(OUT_OF_ORDER) };
        let end = u32::try_from(data.len()).ok().and_then(|len| offset.checked_add(len));
        let end = end.filter(|end| *end <= partial.length && offset == partial.offset).ok_or(OUT_OF_ORDER)?;
        slot.truncate(offset as usize);
        slot.extend_from_slice(data);
        partial.offset = end;
        Ok(end)
    }

    /// FINISH: everything is read back, and everything must hold over it.
    pub(super) fn finish(&mut self, profile: &Profile) -> Result<(), u8> {
        let Other::Partial(partial) = self.other else { return Err(OUT_OF_ORDER) };
        let slot = &self.slots[1 - self.good];
        let complete = Sha256::digest(slot)[..] == partial.digest;
        if !complete || self.bootable(1 - self.good, profile).is_none() {
            self.erase();
            return Err(VERIFY_FAILED);
        }
        self.other = Other::Fresh(partial);
        Ok(())
    }

    /// CONFIRM of the firmware that is being tried: it takes the place of the good one, and the counter its value.
    pub(super) fn confirm(&mut self, trial: Firmware) {
        self.good = 1 - self.good;
        self.counter = self.counter.max(trial.counter);
        self.erase();
    }

    /// ABORT: nothing new is left.
    pub(super) fn abort(&mut self) {
        self.erase();
    }

    /// Power goes while a WRITE is programmed: half of it is there, and the record of it is not.
    pub(super) fn tear_write(&mut self, data: &[u8]) {
        self.slots[1 - self.good].extend_from_slice(&data[..data.len() / 2]);
    }

    /// Power goes while BEGIN erases: what was there is gone, and nothing is recorded yet.
    pub(super) fn tear_begin(&mut self) {
        self.erase();
    }

    /// A bit of the good firmware flips, as a worn cell does.
    pub(super) fn wear(&mut self) {
        if let Some(byte) = self.slots[self.good].last_mut() {
            *byte ^= 1;
        }
    }
}
