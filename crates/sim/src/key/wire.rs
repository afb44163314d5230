//! The reports of one key: who has it open, what goes over the wire, and what goes wrong there.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use link::Clock;

use super::chip::Chip;
use super::ctaphid::{self, Report};
use super::fault::{Quirk, What};
use super::job::Work;
use super::update;

/// One report on the wire: the interval of a full-speed interrupt endpoint.
pub(super) const WIRE: Duration = Duration::from_millis(1);
/// As many reports as the kernel keeps for one who has a hidraw node open.
const BUFFERED: usize = 64;

/// What went over the wire since [`super::SimKey::zero`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reports of the host.
    pub to_key: u64,
    /// Reports of the key, while somebody had it open.
    pub from_key: u64,
    /// Reports of both directions from the first one of a BEGIN to the success of FINISH, or to the loss
    /// of power.
    pub update: u64,
    /// How many messages of each command the host started.
    pub commands: BTreeMap<u8, u64>,
}

impl Counts {
    /// How many messages of this command the host started.
    pub fn of(&self, command: u8) -> u64 {
        self.commands.get(&command).copied().unwrap_or_default()
    }

    /// Messages in the vendor range, 40 to 7F.
    pub fn vendor(&self) -> u64 {
        self.commands.range(0x40..).map(|(_, count)| count).sum()
    }

    /// Reports of both directions.
    pub fn reports(&self) -> u64 {
        self.to_key + self.from_key
    }
}

/// Someone who has the key open.
struct Listener {
    id: u64,
    port: u32,
    buffer: VecDeque<Result<Report, io::ErrorKind>>,
}

#[derive(Default)]
pub(super) struct Wire {
    pub(super) counts: Counts,
    /// Between BEGIN and the success of FINISH.
    pub(super) updating: bool,
    listeners: Vec<Listener>,
    opened: u64,
}

impl Wire {
    pub(super) fn is_open(&self) -> bool {
        !self.listeners.is_empty()
    }

    pub(super) fn close(&mut self, listener: u64) {
        self.listeners.retain(|open| open.id != listener);
    }

    fn find(&mut self, listener: u64) -> Option<&mut Listener> {
        self.listeners.iter_mut().find(|open| open.id == listener)
    }

    /// To everyone who has it open, as far as there is room.
    pub(super) fn deliver(&mut self, port: u32, report: Result<Report, io::ErrorKind>) {
        let open = self.listeners.iter_mut().filter(|open| open.port == port);
        open.filter(|open| open.buffer.len() < BUFFERED).for_each(|open| open.buffer.push_back(report));
    }

    fn starts(&mut self, command: u8) {
        *self.counts.commands.entry(command).or_default() += 1;
        self.updating |= command == update::BEGIN;
    }
}

impl Chip {
    /// Someone opens it: the number to read and write with. `None`: it is not at this path any more.
    pub(super) fn listen(&mut self, path: &str) -> Option<u64> {
        self.device().filter(|device| device.path == path)?;
        let port = self.port()?;
        self.ram.babble = self.clock.now();
        self.wire.opened += 1;
        let id = self.wire.opened;
        self.wire.listeners.push(Listener { id, port, buffer: VecDeque::new() });
        Some(id)
    }

    /// The next report for this listener. What arrived before the key left can still be read.
    pub(super) fn read(&mut self, listener: u64) -> io::Result<Option<Report>> {
        self.tick();
        if let Some(report) = self.wire.find(listener).and_then(|open| open.buffer.pop_front()) {
            return Ok(Some(report?));
        }
        self.listening(listener).map(|()| None)
    }

    /// Whether this listener still hears the key.
    pub(super) fn listening(&mut self, listener: u64) -> io::Result<()> {
        let port = self.port();
        let open = self.wire.find(listener).is_some_and(|open| Some(open.port) == port);
        if open { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    }

    /// One report of the host.
    pub(super) fn write(&mut self, listener: u64, report: &Report) -> io::Result<()> {
        self.tick();
        self.listening(listener)?;
        if let Some(command) = ctaphid::command(report) {
            self.wire.starts(command);
        }
        self.wire.counts.to_key += 1;
        match self.goes_wrong() {
            None => self.receive(report),
            Some(What::Lost) => {}
            Some(What::Garbage) => {
                let noise = self.noise.report(ctaphid::channel(report));
                self.receive(&noise);
            }
            Some(What::Insert(first)) => {
                self.deliver(Ok(*first));
                self.receive(report);
            }
            Some(What::TornFlash) => {
                self.receive(report);
                self.tear();
            }
            Some(What::Error) => return Err(io::ErrorKind::Other.into()),
            Some(end @ (What::PowerCut | What::Unplug | What::Hangup)) => {
                self.end(&end);
                return Err(io::ErrorKind::NotConnected.into());
            }
        }
        Ok(())
    }

    /// One report of the key. Without anyone to poll for it there is none.
    pub(super) fn emit(&mut self, report: Report) {
        if !self.wire.listeners.iter().any(|open| Some(open.port) == self.port()) {
            return;
        }
        self.wire.counts.from_key += 1;
        match self.goes_wrong() {
            None => self.deliver(Ok(report)),
            Some(What::Lost) => {}
            Some(What::Garbage) => {
                let noise = self.noise.report(ctaphid::channel(&report));
                self.deliver(Ok(noise));
            }
            Some(What::Insert(first)) => {
                self.deliver(Ok(*first));
                self.deliver(Ok(report));
            }
            Some(What::Error) => self.deliver(Err(io::ErrorKind::Other)),
            Some(What::TornFlash) => self.end(&What::PowerCut),
            Some(end @ (What::PowerCut | What::Unplug | What::Hangup)) => self.end(&end),
        }
        self.wire.updating &= ctaphid::command(&report) != Some(update::FINISH);
    }

    /// What goes wrong at one report on the wire, which it counts.
    fn goes_wrong(&mut self) -> Option<What> {
        self.wire.counts.update += u64::from(self.wire.updating);
        self.manners.faults.due()
    }

    fn end(&mut self, what: &What) {
        match what {
            What::Unplug => self.unplug(),
            What::Hangup => self.wire.listeners.clear(),
            _ => self.cut_power(),
        }
    }

    fn deliver(&mut self, report: Result<Report, io::ErrorKind>) {
        if let Some(port) = self.port() {
            self.wire.deliver(port, report);
        }
    }

    /// Power goes while the key acts on what it just received.
    fn tear(&mut self) {
        match self.ram.job.take().map(|job| job.work) {
            Some(Work::Write(request)) if request.len() > 4 => self.flash.tear_write(&request[4..]),
            Some(Work::Begin(_)) => self.flash.tear_begin(),
            _ => {}
        }
        self.cut_power();
    }

    /// One report of the host has arrived.
    fn receive(&mut self, report: &Report) {
        let now = self.clock.now();
        self.ram.channel = ctaphid::channel(report);
        if self.manners.quirks.contains(&Quirk::Babbles) {
            return;
        }
        let busy = self.ram.job.is_some() || self.ram.departure.is_some();
        let input = self.ram.framing.take(report, now, busy);
        self.act(input, now);
    }
}
