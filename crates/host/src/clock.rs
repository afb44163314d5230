//! Time since boot, by the clock that also counts while the machine sleeps (clock_gettime(2), CLOCK_BOOTTIME).

use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

pub(crate) struct BootClock;

impl link::Clock for BootClock {
    fn date(&self) -> Duration {
        SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()
    }

    fn now(&self) -> Duration {
        // Neither part can be negative: the clock starts at 0 with the machine.
        Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use link::Clock;

    use super::*;

    #[test]
    fn runs_forward() {
        let before = BootClock.now();
        assert!(before > Duration::ZERO);
        assert!(BootClock.now() >= before);
    }
}
