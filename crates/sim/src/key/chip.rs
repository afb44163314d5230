//! One key at work: its power, its start, its reports, and what comes next on the clock. Nothing here waits: whoever
//! reads moves the clock to the next thing that happens, and `tick` lets happen what is due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use link::{Clock, HidDevice};

use super::ctaphid::{self, Framing, Report};
use super::fault::{Faults, Noise, Quirk};
use super::flash::{Flash, Found};
use super::job::{Job, Work};
use super::profile::{Button, FirstStart, Led, Mode, Profile};
use super::update::{Info, Owner};
use super::wire::{WIRE, Wire};
use crate::local::SimClock;

/// How a key comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With power newly applied.
    Power,
    /// By itself, to run firmware.
    Normal,
    /// By itself, to stay in update mode.
    Stay,
}

/// The bus the keys of one machine are on: it numbers what appears.
#[derive(Default)]
pub(super) struct Bus(AtomicU32);

enum Line {
    Unplugged,
    Away { back: Option<Duration>, start: Start },
    Attached(u32),
}

/// What is lost without power.
pub(super) struct Ram {
    pub(super) mode: Mode,
    pub(super) found: Found,
    pub(super) job: Option<Job>,
    pub(super) owner: Option<Owner>,
    pub(super) framing: Framing,
    pub(super) outbox: VecDeque<(Duration, Report)>,
    pub(super) departure: Option<(Duration, Start)>,
    /// When noise comes next, for a key that babbles.
    pub(super) babble: Duration,
    /// The channel the host used last.
    pub(super) channel: u32,
}

/// What INFO tells in place of the truth.
pub(super) type InfoLie = Box<dyn Fn(&mut Info) + Send>;
/// What an answer to a command is in place of the right one.
pub(super) type AnswerLie = Box<dyn Fn(u8, &mut Vec<u8>) + Send>;

/// How it behaves, and the person before it.
pub(super) struct Manners {
    pub(super) button: Button,
    pub(super) low_power: bool,
    pub(super) first_start: FirstStart,
    pub(super) quirks: Vec<Quirk>,
    pub(super) info: Option<InfoLie>,
    pub(super) answer: Option<AnswerLie>,
    pub(super) faults: Faults,
    /// The next start with power newly applied stays in update mode.
    pub(super) held: bool,
}

pub(super) struct Chip {
    pub(super) profile: Profile,
    pub(super) flash: Flash,
    pub(super) ram: Ram,
    pub(super) manners: Manners,
    pub(super) winks: u32,
    pub(super) wire: Wire,
    pub(super) noise: Noise,
    pub(super) clock: SimClock,
    bus: Arc<Bus>,
    line: Line,
    starts: u32,
}

impl Ram {
    fn new(profile: &Profile, starts: u32, mode: Mode, found: Found) -> Self {
        Self {
            mode,
            found,
            job: None,
            owner: None,
            framing: Framing::new(starts, profile.between),
            outbox: VecDeque::new(),
            departure: None,
            babble: Duration::ZERO,
            channel: ctaphid::BROADCAST,
        }
    }
}

/// Power and plug.
impl Chip {
    pub(super) fn new(clock: &SimClock, profile: Profile) -> Self {
        Self {
            flash: Flash::new(&profile),
            ram: Ram::new(&profile, 0, Mode::Normal, Found::default()),
            profile,
            manners: Manners {
                button: Button::PressAfter(3),
                low_power: false,
                first_start: FirstStart::Runs,
                quirks: Vec::new(),
                info: None,
                answer: None,
                faults: Faults::default(),
                held: false,
            },
            winks: 0,
            wire: Wire::default(),
            noise: Noise::default(),
            clock: clock.clone(),
            bus: Arc::default(),
            line: Line::Unplugged,
            starts: 0,
        }
    }

    pub(super) fn plug(&mut self, bus: &Arc<Bus>) {
        self.bus = bus.clone();
        if matches!(self.line, Line::Unplugged) {
            self.attach(Start::Power);
        }
    }

    /// Plugs it in where it was, or on a bus of its own.
    pub(super) fn insert(&mut self) {
        self.plug(&self.bus.clone());
    }

    pub(super) fn unplug(&mut self) {
        self.leave(Line::Unplugged);
    }

    /// Power goes and comes back.
    pub(super) fn cut_power(&mut self) {
        if !matches!(self.line, Line::Unplugged) {
            let back = Some(self.clock.now() + self.profile.away);
            self.leave(Line::Away { back, start: Start::Power });
        }
    }

    fn leave(&mut self, line: Line) {
        self.line = line;
        self.wire.updating = false;
        self.ram = Ram::new(&self.profile, self.starts, Mode::Normal, Found::default());
    }

    fn attach(&mut self, start: Start) {
        let stay = match self.manners.quirks.iter().find(|quirk| matches!(quirk, Quirk::BackIn(_))) {
            Some(Quirk::BackIn(mode)) if start != Start::Power => *mode == Mode::Update,
            _ => start == Start::Stay || (start == Start::Power && std::mem::take(&mut self.manners.held)),
        };
        if start == Start::Power {
            self.flash.power_up();
        }
        let mut found = self.flash.start(&self.profile, stay);
        if found.trial.is_some() && self.manners.first_start == FirstStart::Crashes {
            found = self.flash.start(&self.profile, stay);
        }
        let mode = if stay || found.running().is_none() { Mode::Update } else { Mode::Normal };
        self.starts += 1;
        self.ram = Ram::new(&self.profile, self.starts, mode, found);
        self.line = Line::Attached(self.bus.0.fetch_add(1, Ordering::SeqCst));
    }

    /// The number of its appearance on the bus, while it is there.
    pub(super) fn port(&self) -> Option<u32> {
        match self.line {
            Line::Attached(port) => Some(port),
            _ => None,
        }
    }

    pub(super) fn mode(&self) -> Option<Mode> {
        self.port().map(|_| self.ram.mode)
    }

    pub(super) fn led(&self) -> Led {
        let work = self.ram.job.as_ref().map(|job| &job.work);
        match (self.mode(), work) {
            (None, _) => Led::Off,
            (_, Some(Work::Enter { .. })) => Led::UpdatePresence,
            (_, Some(Work::Selection(_))) => Led::FidoPresence,
            (Some(Mode::Normal), _) => Led::Ready,
            (Some(Mode::Update), _) if self.ram.owner.is_some() => Led::Updating,
            (Some(Mode::Update), _) => Led::UpdateMode,
        }
    }

    /// What the system lists, while it is there.
    pub(super) fn device(&self) -> Option<HidDevice> {
        let port = self.port()?;
        let (vendor, normal, update) = self.profile.usb;
        let (product, usage_page) = match self.ram.mode {
            Mode::Normal => (normal, 0xF1D0),
            Mode::Update => (update, 0xFFC0),
        };
        Some(HidDevice {
            path: format!("/dev/hidraw{port}"),
            vendor,
            product,
            usage_page,
            usage: 0x01,
            serial: self.profile.usb_serial.clone(),
            channel: Some(0x0100 | (port % 127 + 1)),
        })
    }
}

/// The clock.
impl Chip {
    /// Lets happen what is due by now.
    pub(super) fn tick(&mut self) {
        let now = self.clock.now();
        while let Some(at) = self.next().filter(|at| *at <= now) {
            self.step(at);
        }
    }

    /// When the next thing happens by itself.
    pub(super) fn next(&self) -> Option<Duration> {
        match self.line {
            Line::Unplugged => None,
            Line::Away { back, .. } => back,
            Line::Attached(_) => {
                let job = self.ram.job.as_ref().and_then(Job::next);
                let departure = self.ram.departure.map(|(at, _)| at);
                let all = [self.outgoing(), job, self.ram.framing.deadline(), departure, self.babble()];
                all.into_iter().flatten().min()
            }
        }
    }

    fn outgoing(&self) -> Option<Duration> {
        self.ram.outbox.front().map(|(at, _)| *at)
    }

    fn babble(&self) -> Option<Duration> {
        let babbles = self.manners.quirks.contains(&Quirk::Babbles) && self.wire.is_open();
        babbles.then_some(self.ram.babble)
    }

    fn step(&mut self, at: Duration) {
        if let Line::Away { start, .. } = self.line {
            return self.attach(start);
        }
        let is_now = |time: Option<Duration>| time == Some(at);
        if is_now(self.outgoing()) {
            if let Some((_, report)) = self.ram.outbox.pop_front() {
                self.emit(report);
            }
        } else if is_now(self.ram.job.as_ref().and_then(Job::next)) {
            self.work(at);
        } else if is_now(self.ram.framing.deadline()) {
            let given_up = self.ram.framing.expire();
            self.act(given_up, at);
        } else if let Some((_, start)) = self.ram.departure.filter(|(time, _)| *time == at) {
            self.depart(start, at);
        } else {
            self.ram.babble = at + WIRE;
            let report = self.noise.report(self.ram.channel);
            self.emit(report);
        }
    }

    fn depart(&mut self, start: Start, at: Duration) {
        let away = self.manners.quirks.iter().find_map(|quirk| match quirk {
            Quirk::NeverBack => Some(None),
            Quirk::BackAfter(time) => Some(Some(*time)),
            _ => None,
        });
        let back = away.unwrap_or(Some(self.profile.away)).map(|away| at + away);
        self.leave(Line::Away { back, start });
    }
}
