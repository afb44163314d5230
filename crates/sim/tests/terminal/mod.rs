//! A small host for simulated keys: CTAPHID framing and the commands of the update protocol, written from the
//! specification, one step at a time so that a test can leave out or repeat each.

#![allow(dead_code)]

use std::time::Duration;

use crescendo_sim::key::{Draft, Mode, Profile, Version};
use crescendo_sim::{SimClock, SimKey, SimKeys};
use link::{Clock, HidDevices, HidLink};
use sha2::{Digest, Sha256};

pub(crate) const PING: u8 = 0x01;
pub(crate) const INIT: u8 = 0x06;
pub(crate) const WINK: u8 = 0x08;
pub(crate) const CBOR: u8 = 0x10;
pub(crate) const CANCEL: u8 = 0x11;
pub(crate) const KEEPALIVE: u8 = 0x3B;
pub(crate) const ERROR: u8 = 0x3F;
pub(crate) const INFO: u8 = 0x60;
pub(crate) const ENTER: u8 = 0x61;
pub(crate) const BEGIN: u8 = 0x62;
pub(crate) const WRITE: u8 = 0x63;
pub(crate) const FINISH: u8 = 0x64;
pub(crate) const REBOOT: u8 = 0x65;
pub(crate) const CONFIRM: u8 = 0x66;
pub(crate) const ABORT: u8 = 0x67;

pub(crate) const BROADCAST: u32 = 0xFFFF_FFFF;
pub(crate) const NONCE: [u8; 16] = [0x5A; 16];
pub(crate) const OLD: Version = Version::new(1, 0, 0, 0);
pub(crate) const NEW: Version = Version::new(1, 1, 0, 7);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum No {
    /// ERROR with this code.
    Error(u8),
    /// Two seconds without any report.
    Silence,
    /// The link is dead.
    Link,
}

pub(crate) type Answer = Result<Vec<u8>, No>;

/// One message as reports.
pub(crate) fn reports(channel: u32, command: u8, data: &[u8]) -> Vec<[u8; 64]> {
    let mut reports = Vec::new();
    let mut report = [0; 64];
    report[..4].copy_from_slice(&channel.to_be_bytes());
    report[4] = 0x80 | command;
    report[5..7].copy_from_slice(&(data.len() as u16).to_be_bytes());
    let first = data.len().min(57);
    report[7..7 + first].copy_from_slice(&data[..first]);
    reports.push(report);
    for (sequence, part) in data[first..].chunks(59).enumerate() {
        report = [0; 64];
        report[..4].copy_from_slice(&channel.to_be_bytes());
        report[4] = sequence as u8;
        report[5..5 + part.len()].copy_from_slice(part);
        reports.push(report);
    }
    reports
}

/// An open key, and one channel of it.
pub(crate) struct Terminal {
    pub(crate) link: Box<dyn HidLink>,
    pub(crate) channel: u32,
    /// Capabilities of INIT.
    pub(crate) capabilities: u8,
    /// Status bytes of the KEEPALIVEs of the last call.
    pub(crate) keepalives: Vec<u8>,
}

impl Terminal {
    pub(crate) fn new(link: Box<dyn HidLink>) -> Result<Self, No> {
        let mut terminal = Self { link, channel: BROADCAST, capabilities: 0, keepalives: Vec::new() };
        let answer = terminal.call(INIT, b"12345678")?;
        assert_eq!((answer.len(), &answer[..8], answer[12]), (17, &b"12345678"[..], 2));
        terminal.channel = u32::from_be_bytes(answer[8..12].try_into().unwrap());
        terminal.capabilities = answer[16];
        Ok(terminal)
    }

    pub(crate) fn write(&mut self, report: &[u8; 64]) -> Result<(), No> {
        self.link.write(report).map_err(|_| No::Link)
    }

    pub(crate) fn send(&mut self, command: u8, data: &[u8]) -> Result<(), No> {
        reports(self.channel, command, data).iter().try_for_each(|report| self.write(report))
    }

    /// The next report on this channel.
    pub(crate) fn report(&mut self) -> Result<[u8; 64], No> {
        let mut report = [0; 64];
        loop {
            match self.link.read(&mut report, Duration::from_secs(2)) {
                Err(_) => return Err(No::Link),
                Ok(false) => return Err(No::Silence),
                Ok(true) if report[..4] == self.channel.to_be_bytes() => return Ok(report),
                Ok(true) => {}
            }
        }
    }

    /// The next message, KEEPALIVEs aside.
    pub(crate) fn answer(&mut self) -> Result<(u8, Vec<u8>), No> {
        loop {
            let first = self.report()?;
            let length = usize::from(u16::from_be_bytes([first[5], first[6]]));
            if first[4] == 0x80 | KEEPALIVE {
                self.keepalives.push(first[7]);
                continue;
            }
            assert!(first[4] & 0x80 != 0, "a continuation out of nowhere");
            let mut data = first[7..7 + length.min(57)].to_vec();
            let mut sequence = 0;
            while data.len() < length {
                let next = self.report()?;
                assert_eq!(next[4], sequence);
                sequence += 1;
                data.extend_from_slice(&next[5..5 + (length - data.len()).min(59)]);
            }
            return Ok((first[4] & 0x7F, data));
        }
    }

    pub(crate) fn receive(&mut self, command: u8) -> Answer {
        self.keepalives.clear();
        match self.answer()? {
            (ERROR, code) => Err(No::Error(code[0])),
            (answered, data) => {
                assert_eq!(answered, command);
                Ok(data)
            }
        }
    }

    pub(crate) fn call(&mut self, command: u8, data: &[u8]) -> Answer {
        self.send(command, data)?;
        self.receive(command)
    }

    pub(crate) fn info(&mut self) -> Result<Info, No> {
        Ok(Info::parse(&self.call(INFO, &[])?))
    }

    pub(crate) fn enter(&mut self, file: &[u8], seconds: u8) -> Answer {
        self.call(ENTER, &enter(file, seconds))
    }

    pub(crate) fn begin(&mut self, file: &[u8]) -> Result<u32, No> {
        let answer = self.call(BEGIN, &begin(file))?;
        Ok(u32::from_be_bytes(answer.try_into().expect("an offset")))
    }

    pub(crate) fn write_block(&mut self, offset: u32, data: &[u8]) -> Result<u32, No> {
        let answer = self.call(WRITE, &[&offset.to_be_bytes()[..], data].concat())?;
        Ok(u32::from_be_bytes(answer.try_into().expect("an offset")))
    }

    pub(crate) fn write_from(&mut self, file: &[u8], from: u32, block: usize) -> Result<(), No> {
        let mut offset = from as usize;
        while offset < file.len() {
            let end = file.len().min(offset + block);
            let next = self.write_block(offset as u32, &file[offset..end])?;
            assert_eq!(next as usize, end);
            offset = end;
        }
        Ok(())
    }
}

pub(crate) fn digest(file: &[u8]) -> [u8; 32] {
    Sha256::digest(file).into()
}

pub(crate) fn enter(file: &[u8], seconds: u8) -> Vec<u8> {
    [&NONCE[..], &digest(file), &[seconds]].concat()
}

/// The request of BEGIN: the header as long as it says, and everything behind the payload.
pub(crate) fn begin(file: &[u8]) -> Vec<u8> {
    let header = usize::from(u16::from_le_bytes([file[8], file[9]]));
    let payload = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    let behind = file.get(header + payload..).unwrap_or_default();
    [&(file.len() as u32).to_be_bytes()[..], &digest(file), &file[..header.min(file.len())], behind].concat()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) protocol: u8,
    pub(crate) mode: u8,
    pub(crate) model: String,
    pub(crate) hardware: u8,
    pub(crate) version: [u8; 8],
    pub(crate) bootloader: [u8; 4],
    pub(crate) counter: u32,
    pub(crate) slot_size: u32,
    pub(crate) block: u16,
    pub(crate) flags: u8,
    pub(crate) serial: [u8; 16],
    pub(crate) nonce: [u8; 16],
}

impl Info {
    fn parse(bytes: &[u8]) -> Self {
        let (head, rest) = bytes.split_at(3);
        let (model, rest) = rest.split_at(usize::from(head[2]));
        assert_eq!(rest.len(), 1 + 8 + 4 + 4 + 4 + 2 + 1 + 16 + 16);
        let u32_at = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap());
        Self {
            protocol: head[0],
            mode: head[1],
            model: String::from_utf8(model.to_vec()).unwrap(),
            hardware: rest[0],
            version: rest[1..9].try_into().unwrap(),
            bootloader: rest[9..13].try_into().unwrap(),
            counter: u32_at(13),
            slot_size: u32_at(17),
            block: u16::from_be_bytes([rest[21], rest[22]]),
            flags: rest[23],
            serial: rest[24..40].try_into().unwrap(),
            nonce: rest[40..56].try_into().unwrap(),
        }
    }
}

/// A machine with one key.
pub(crate) struct Lab {
    pub(crate) clock: SimClock,
    pub(crate) keys: SimKeys,
    pub(crate) key: SimKey,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(Profile::reference(1))
    }

    pub(crate) fn with(profile: Profile) -> Self {
        let clock = SimClock::default();
        let key = SimKey::new(&clock, profile);
        let keys = SimKeys::with(&clock, &key);
        Self { clock, keys, key }
    }

    /// Opens the key, waiting for it if it is away.
    pub(crate) fn open(&self) -> Result<Terminal, No> {
        let until = self.clock.now() + Duration::from_secs(10);
        while self.clock.now() < until {
            let listed = self.keys.list().unwrap();
            if let Some(device) = self.key.device().filter(|device| listed.contains(device)) {
                return Terminal::new(self.keys.open(&device.path).map_err(|_| No::Link)?);
            }
        }
        Err(No::Link)
    }

    /// The key in update mode, with this file approved.
    pub(crate) fn update_mode(&self, file: &[u8]) -> Result<Terminal, No> {
        let mut terminal = self.open()?;
        if terminal.info()?.mode == 0 {
            terminal.enter(file, 30)?;
            self.away();
            terminal = self.open()?;
        }
        Ok(terminal)
    }

    /// Waits until it has left.
    pub(crate) fn away(&self) {
        while self.key.mode().is_some() {
            self.clock.pass(Duration::from_millis(10));
        }
    }

    /// From ENTER to FINISH.
    pub(crate) fn transfer(&self, file: &[u8]) -> Result<Terminal, No> {
        let mut terminal = self.update_mode(file)?;
        let block = usize::from(terminal.info()?.block);
        let offset = match terminal.begin(file) {
            // In update mode for another file, or for none: the button has to be pressed for this one.
            Err(No::Error(0xF0)) => {
                self.reboot(terminal)?;
                terminal = self.update_mode(file)?;
                terminal.begin(file)?
            }
            other => other?,
        };
        terminal.write_from(file, offset, block)?;
        terminal.call(FINISH, &[])?;
        Ok(terminal)
    }

    /// Until the new firmware runs, or what else does.
    pub(crate) fn reboot(&self, mut terminal: Terminal) -> Result<Terminal, No> {
        terminal.call(REBOOT, &[0])?;
        self.away();
        self.open()
    }

    /// The whole procedure, going on where an earlier one stopped. What a host that died began keeps the key busy: a
    /// request for the button for up to a minute, an update for ten seconds.
    pub(crate) fn install(&self, file: &[u8], version: Version) -> Result<(), No> {
        let mut outcome = self.try_install(file, version);
        for _ in 0..70 {
            if outcome != Err(No::Error(0x06)) {
                break;
            }
            self.pass(1);
            outcome = self.try_install(file, version);
        }
        outcome
    }

    fn try_install(&self, file: &[u8], version: Version) -> Result<(), No> {
        let info = self.open()?.info()?;
        let runs = info.mode == 0 && info.version == version.to_wire();
        let mut terminal = if runs { self.open()? } else { self.reboot(self.transfer(file)?)? };
        assert_eq!(terminal.info()?.version, version.to_wire(), "the new firmware runs");
        terminal.call(CONFIRM, &version.to_wire()).map(|_| ())
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.pass(Duration::from_secs(seconds));
    }

    /// The promise of the protocol: firmware runs, or an update can begin.
    pub(crate) fn assert_alive(&self) {
        match self.key.mode() {
            Some(Mode::Normal) => assert!(self.key.running().is_some()),
            Some(Mode::Update) => {}
            None => panic!("away"),
        }
    }
}

/// New firmware of this many bytes, file and all.
pub(crate) fn new_firmware(len: usize) -> Vec<u8> {
    Draft::new(NEW).counter(2).file_size(len).build()
}
