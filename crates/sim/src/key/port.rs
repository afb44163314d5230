//! A key at a port that someone else drives, report by report: for a USB device in real time, where no test reads and
//! so moves the clock.

use std::io;
use std::time::Duration;

use link::{Clock, HidDevice};

use super::SimKey;
use super::chip::Chip;
use super::ctaphid::Report;
use super::profile::Mode;

/// The key as it stands at its port, from one start to the next.
pub(crate) struct Opened {
    /// The number to send and receive with.
    pub(crate) listener: u64,
    pub(crate) device: HidDevice,
    pub(crate) mode: Mode,
}

impl SimKey {
    /// Plugs it in, on a bus of its own.
    pub(crate) fn insert(&self) {
        self.with(Chip::insert);
    }

    /// Pulls it out.
    pub(crate) fn pull(&self) {
        self.with(Chip::unplug);
    }

    /// The key at its port; while it is away or unplugged, how long until it comes back by itself, `None` for never.
    pub(crate) fn open(&self) -> Result<Opened, Option<Duration>> {
        self.with(|chip| chip.opened().ok_or_else(|| chip.idle()))
    }

    pub(crate) fn close(&self, listener: u64) {
        self.with(|chip| chip.wire.close(listener));
    }

    /// One report of the host, and how long until something happens by itself. [`io::ErrorKind::NotConnected`]: the key
    /// has left.
    pub(crate) fn send(&self, listener: u64, report: &Report) -> (io::Result<()>, Option<Duration>) {
        self.with(|chip| (chip.write(listener, report), chip.idle()))
    }

    /// The next report for the host, if it `wants` one and there is one; errors as those of `send`. And how long until
    /// something happens by itself, `None` for never: both of one moment, or a report that comes in between would lie
    /// there while everyone sleeps.
    pub(crate) fn receive(
        &self,
        listener: u64,
        wants: bool,
    ) -> (io::Result<Option<Report>>, Option<Duration>) {
        self.with(|chip| {
            let report = if wants { chip.read(listener) } else { chip.listening(listener).map(|()| None) };
            (report, chip.idle())
        })
    }
}

impl Chip {
    fn opened(&mut self) -> Option<Opened> {
        let (device, mode) = self.device().zip(self.mode())?;
        Some(Opened { listener: self.listen(&device.path)?, device, mode })
    }

    fn idle(&self) -> Option<Duration> {
        self.next().map(|next| next.saturating_sub(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ctaphid::{self, BROADCAST, INIT, PING};
    use super::super::profile::Profile;
    use super::*;
    use crate::local::SimClock;

    const MOMENT: Duration = Duration::from_millis(1);

    fn request(channel: u32, command: u8) -> Report {
        ctaphid::reports(channel, command, b"a nonce!")[0]
    }

    #[test]
    fn whoever_drives_it_knows_when_to_look_again() {
        let clock = SimClock::default();
        let key = SimKey::new(&clock, Profile::reference(1));
        assert_eq!(key.open().err(), Some(None), "unplugged for good");
        key.insert();
        let Opened { listener, mode, .. } = key.open().ok().unwrap();
        assert_eq!(mode, Mode::Normal);
        let (sent, idle) = key.send(listener, &request(BROADCAST, INIT));
        assert_eq!((sent.ok(), idle), (Some(()), Some(MOMENT)));
        assert_eq!(key.receive(listener, true).1, Some(MOMENT));
        clock.pass(MOMENT);
        assert!(key.receive(listener, false).0.unwrap().is_none(), "nobody wants it yet");
        assert!(key.receive(listener, true).0.unwrap().is_some());
        assert_eq!(key.receive(listener, true).1, None, "and nothing will happen by itself");
    }

    #[test]
    fn one_that_is_away_tells_when_it_will_be_back() {
        let clock = SimClock::default();
        let key = SimKey::new(&clock, Profile::reference(1));
        key.insert();
        let listener = key.open().ok().unwrap().listener;
        key.cut_power();
        assert_eq!(key.send(listener, &request(1, PING)).0.unwrap_err().kind(), io::ErrorKind::NotConnected);
        let away = key.open().err().flatten().unwrap();
        clock.pass(away);
        assert!(key.open().is_ok());
    }

    #[test]
    fn a_running_clock_needs_nobody_to_move_it() {
        let clock = SimClock::running();
        let before = clock.now();
        std::thread::sleep(MOMENT);
        assert!(clock.now() >= before + MOMENT);
        clock.pass(Duration::from_secs(600));
        assert!(clock.now() >= before + Duration::from_secs(600));
        let then = clock.now() + Duration::from_secs(5);
        clock.reach(then);
        assert!(clock.now() >= then && clock.now() < then + Duration::from_secs(5));
    }
}
