//! The vendor commands of the update protocol, part 3, on the side of the key: which one is carried out when, by whom,
//! and what becomes of it. What lasts of it is in `flash`.

use std::time::Duration;

use super::chip::{Chip, Start};
use super::ctaphid::{CHANNEL_BUSY, INVALID_CMD, INVALID_LEN, INVALID_PAR, OTHER};
use super::flash::{Announced, OUT_OF_ORDER};
use super::job::{Job, Outcome, Work};
use super::profile::{FirstStart, Mode, Version};

pub(super) const INFO: u8 = 0x60;
pub(super) const ENTER: u8 = 0x61;
pub(super) const BEGIN: u8 = 0x62;
pub(super) const WRITE: u8 = 0x63;
pub(super) const FINISH: u8 = 0x64;
pub(super) const REBOOT: u8 = 0x65;
pub(super) const CONFIRM: u8 = 0x66;
pub(super) const ABORT: u8 = 0x67;

/// ENTER at low power.
const LOW_POWER: u8 = 0xF8;
/// Silence of the channel that began an update, after which another one may.
const SILENCE: Duration = Duration::from_secs(10);
/// `[SIM]` erasing a slot, and programming one block.
const ERASING: Duration = Duration::from_millis(40);
const PROGRAMMING: Duration = Duration::from_millis(4);

/// What INFO tells. A lie of a test changes it before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// 1.
    pub protocol: u8,
    /// The mode it is in: 0 normal, 1 update.
    pub mode: u8,
    /// The model.
    pub model: Vec<u8>,
    /// Hardware revision.
    pub hardware: u8,
    /// The running firmware; in update mode the one marked good, zero if there is none.
    pub version: Version,
    /// Bootloader: major, minor, revision.
    pub bootloader: (u8, u8, u16),
    /// Security counter.
    pub counter: u32,
    /// Bytes of a slot.
    pub slot_size: u32,
    /// The longest data of a WRITE.
    pub block: u16,
    /// Bit 0: an interrupted update is pending; bit 1: the running image is not confirmed.
    pub flags: u8,
    /// Serial number.
    pub serial: [u8; 16],
    /// Of the last ENTER in update mode, else zero.
    pub nonce: [u8; 16],
}

impl Info {
    fn to_wire(&self) -> Vec<u8> {
        let (major, minor, revision) = self.bootloader;
        let mut wire = vec![self.protocol, self.mode, self.model.len() as u8];
        wire.extend_from_slice(&self.model);
        wire.push(self.hardware);
        wire.extend(self.version.to_wire());
        wire.extend([major, minor]);
        wire.extend(revision.to_be_bytes());
        wire.extend(self.counter.to_be_bytes());
        wire.extend(self.slot_size.to_be_bytes());
        wire.extend(self.block.to_be_bytes());
        wire.push(self.flags);
        wire.extend(self.serial);
        wire.extend(self.nonce);
        wire
    }
}

/// Which channel the update under way belongs to, and when it was last heard of.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    channel: u32,
    heard: Duration,
}

impl Chip {
    /// What one vendor command is to do.
    pub(super) fn vendor(
        &mut self,
        channel: u32,
        command: u8,
        data: Vec<u8>,
        now: Duration,
    ) -> Result<Job, u8> {
        let job = match (command, self.ram.mode) {
            (INFO, _) => self.info(&data),
            (ENTER, Mode::Normal) => self.enter(&data, now),
            (CONFIRM, Mode::Normal) => self.confirm(&data),
            (BEGIN..=REBOOT | ABORT, Mode::Update) if self.belongs_to_another(channel, now) => {
                Err(CHANNEL_BUSY)
            }
            (BEGIN, Mode::Update) => begin(data, now),
            (WRITE, Mode::Update) => self.write_block(data, now),
            (FINISH, Mode::Update) => self.finish(&data, now),
            (REBOOT, Mode::Update) => reboot(&data),
            (ABORT, Mode::Update) => nothing(&data).map(|()| Job::of_work(Work::Abort)),
            _ => Err(INVALID_CMD),
        };
        self.hear(channel, now);
        job
    }

    fn belongs_to_another(&self, channel: u32, now: Duration) -> bool {
        let owner = self.ram.owner.filter(|owner| now < owner.heard + SILENCE);
        owner.is_some_and(|owner| owner.channel != channel)
    }

    fn owns(&self, channel: u32) -> bool {
        self.ram.owner.is_some_and(|owner| owner.channel == channel)
    }

    fn hear(&mut self, channel: u32, now: Duration) {
        if let Some(owner) = self.ram.owner.as_mut().filter(|owner| owner.channel == channel) {
            owner.heard = now;
        }
    }

    fn info(&self, data: &[u8]) -> Result<Job, u8> {
        nothing(data)?;
        let update = self.ram.mode == Mode::Update;
        let shown = if update { self.ram.found.good } else { self.ram.found.running() };
        let interrupted = self.flash.partial().is_some();
        let unconfirmed = !update && self.ram.found.trial.is_some();
        let mut info = Info {
            protocol: 1,
            mode: u8::from(update),
            model: self.profile.model.clone().into(),
            hardware: self.profile.hardware,
            version: shown.map_or(Version::default(), |firmware| firmware.version),
            bootloader: self.profile.bootloader,
            counter: self.flash.counter,
            slot_size: self.profile.slot_size,
            block: self.profile.block,
            flags: u8::from(interrupted) | u8::from(unconfirmed) << 1,
            serial: self.profile.serial,
            nonce: if update { self.flash.nonce } else { [0; 16] },
        };
        if let Some(lie) = &self.manners.info {
            lie(&mut info);
        }
        Ok(Job::answer(info.to_wire()))
    }

    fn enter(&self, data: &[u8], now: Duration) -> Result<Job, u8> {
        let (nonce, rest) = data.split_first_chunk().ok_or(INVALID_LEN)?;
        let (digest, rest) = rest.split_first_chunk().ok_or(INVALID_LEN)?;
        let [seconds] = rest else { return Err(INVALID_LEN) };
        if !(5..=60).contains(seconds) {
            return Err(INVALID_PAR);
        }
        if self.manners.low_power {
            return Err(LOW_POWER);
        }
        let work = Work::Enter { nonce: *nonce, digest: *digest, outcome: Outcome::Nobody };
        Ok(Job::presence(work, now, Duration::from_secs(u64::from(*seconds))))
    }

    fn confirm(&self, data: &[u8]) -> Result<Job, u8> {
        let wanted: [u8; 8] = data.try_into().map_err(|_| INVALID_LEN)?;
        let running = self.ram.found.running().ok_or(INVALID_CMD)?;
        if running.version.to_wire() != wanted {
            return Err(INVALID_PAR);
        }
        if self.ram.found.trial.is_some() && self.manners.first_start == FirstStart::FailsSelfTest {
            return Err(OTHER);
        }
        Ok(Job::of_work(Work::Confirm))
    }

    fn write_block(&self, data: Vec<u8>, now: Duration) -> Result<Job, u8> {
        let longest = 4 + usize::from(self.profile.block);
        if !(5..=longest).contains(&data.len()) {
            return Err(INVALID_LEN);
        }
        Ok(Job::busy(Work::Write(data), now, PROGRAMMING))
    }

    fn finish(&self, data: &[u8], now: Duration) -> Result<Job, u8> {
        nothing(data).map(|()| Job::busy(Work::Finish, now, self.profile.hashing))
    }

    /// BEGIN, its time having come.
    pub(super) fn begun(&mut self, channel: u32, request: &[u8], now: Duration) -> Result<Vec<u8>, u8> {
        let file = Announced::parse(request).ok_or(INVALID_LEN)?;
        let must_be_approved = self.ram.found.good.is_some();
        let offset = self.flash.begin(&file, &self.profile, now, must_be_approved)?;
        self.ram.owner = Some(Owner { channel, heard: now });
        Ok(offset.to_be_bytes().to_vec())
    }

    /// WRITE, its time having come.
    pub(super) fn written(&mut self, channel: u32, request: &[u8]) -> Result<Vec<u8>, u8> {
        let (offset, data) = request.split_first_chunk().ok_or(INVALID_LEN)?;
        if !self.owns(channel) {
            return Err(OUT_OF_ORDER);
        }
        let next = self.flash.write(u32::from_be_bytes(*offset), data)?;
        Ok(next.to_be_bytes().to_vec())
    }

    /// FINISH, its time having come.
    pub(super) fn finished(&mut self, channel: u32) -> Result<Vec<u8>, u8> {
        if !self.owns(channel) {
            return Err(OUT_OF_ORDER);
        }
        self.flash.finish(&self.profile).map(|()| Vec::new())
    }

    /// CONFIRM of the running firmware. The second one finds it good already, and is no error.
    pub(super) fn confirmed(&mut self) -> Result<Vec<u8>, u8> {
        if let Some(trial) = self.ram.found.trial.take() {
            self.flash.confirm(trial);
            self.ram.found.good = Some(trial);
        }
        Ok(Vec::new())
    }

    /// ABORT: the channel gives the update up.
    pub(super) fn aborted(&mut self) -> Result<Vec<u8>, u8> {
        self.flash.abort();
        self.ram.owner = None;
        Ok(Vec::new())
    }
}

fn begin(data: Vec<u8>, now: Duration) -> Result<Job, u8> {
    Announced::parse(&data).ok_or(INVALID_LEN)?;
    Ok(Job::busy(Work::Begin(data), now, ERASING))
}

fn reboot(data: &[u8]) -> Result<Job, u8> {
    match data {
        [0] => Ok(Job::of_work(Work::Reboot(Start::Normal))),
        [1] => Ok(Job::of_work(Work::Reboot(Start::Stay))),
        [_] => Err(INVALID_PAR),
        _ => Err(INVALID_LEN),
    }
}

fn nothing(data: &[u8]) -> Result<(), u8> {
    if data.is_empty() { Ok(()) } else { Err(INVALID_LEN) }
}
