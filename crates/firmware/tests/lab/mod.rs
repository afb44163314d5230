//! One simulated key, plugged in, and a host that updates it: what every test here stands on.

#![allow(dead_code, reason = "no test uses all of it")]

use std::time::Duration;

use firmware::{
    Allow, Error, Flow, Found, Machine, Serial, SignedImage, Step, Trust, UPDATE_MODE_IDS, VerifiedImage,
    install,
};
use sim::key::{Draft, Profile, SimKey, SimKeys, TestKey, Version};
use sim::{SimClock, SimStore};

pub(crate) const OLD: Version = Version::new(1, 0, 0, 0);
pub(crate) const NEW: Version = Version::new(2, 0, 0, 0);

pub(crate) struct Lab {
    pub(crate) clock: SimClock,
    pub(crate) keys: SimKeys,
    pub(crate) key: SimKey,
    pub(crate) store: SimStore,
    pub(crate) serial: Serial,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::with(Profile::reference(1))
    }

    pub(crate) fn with(profile: Profile) -> Self {
        let clock = SimClock::default();
        let serial = Serial(profile.serial);
        let key = SimKey::new(&clock, profile);
        let keys = SimKeys::with(&clock, &key);
        Self { clock, keys, key, store: SimStore::default(), serial }
    }

    /// One more key, plugged in.
    pub(crate) fn second(&self, profile: Profile) -> SimKey {
        let key = SimKey::new(&self.clock, profile);
        self.keys.plug(&key);
        key
    }

    /// The same keys before another program, which remembers nothing of this one.
    pub(crate) fn seen_by_another(&self) -> Self {
        let Self { clock, keys, key, serial, .. } = self;
        Self {
            clock: clock.clone(),
            keys: keys.clone(),
            key: key.clone(),
            store: SimStore::default(),
            serial: *serial,
        }
    }

    /// The work of a host: sees the keys, checks the image against the one that is meant, installs it.
    pub(crate) fn update(&self, file: &[u8]) -> Result<(), Error> {
        self.update_telling(file, &mut |_| Flow::Continue)
    }

    pub(crate) fn update_telling(
        &self,
        file: &[u8],
        report: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<(), Error> {
        let image = self.fit(file, Allow::default())?;
        self.install(&image, report)
    }

    pub(crate) fn install(
        &self,
        image: &VerifiedImage,
        report: &mut dyn FnMut(Step) -> Flow,
    ) -> Result<(), Error> {
        self.on(|machine| install(machine, image, report))
    }

    pub(crate) fn fit(&self, file: &[u8], allow: Allow) -> Result<VerifiedImage, Error> {
        let image = SignedImage::check(file.to_vec(), &trust())?;
        let keys = self.seen();
        let info = keys.iter().filter_map(Found::firmware).find(|info| info.serial == self.serial);
        // As for a key that is away, or answers nothing.
        image.fit(info.ok_or(Error::NotAnnounced)?, allow)
    }

    pub(crate) fn seen(&self) -> Vec<Found> {
        self.on(|machine| machine.keys().unwrap())
    }

    pub(crate) fn on<T>(&self, work: impl FnOnce(&Machine<'_>) -> T) -> T {
        let pause = |time: Duration| self.clock.pass(time);
        work(&Machine {
            devices: &self.keys,
            clock: &self.clock,
            store: &self.store,
            pause: &pause,
            update_ids: UPDATE_MODE_IDS,
        })
    }

    /// The new firmware runs for good.
    #[track_caller]
    pub(crate) fn is_updated(&self, how: &str) {
        assert_eq!((self.key.running(), self.key.is_confirmed()), (Some(NEW), true), "{how}");
    }

    /// The old firmware runs, and is the one to stay.
    #[track_caller]
    pub(crate) fn is_old(&self) {
        assert_eq!((self.key.running(), self.key.is_confirmed()), (Some(OLD), true));
    }
}

pub(crate) fn trust() -> Trust {
    let mut trust = Trust::default();
    trust.add(&TestKey::VENDOR.public_pem()).unwrap();
    trust
}

/// New firmware of so many bytes.
pub(crate) fn image(size: usize) -> Vec<u8> {
    Draft::new(NEW).file_size(size).build()
}
