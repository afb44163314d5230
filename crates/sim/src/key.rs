//! A simulated security key: CTAPHID, GetInfo, and the reference device of the update protocol, with its bootloader,
//! two image slots, a button and an LED. Written from the specification alone.
//!
//! Everything that depends on time goes by a [`SimClock`], which the client under test shares: waiting for
//! a report moves it, so that ten minutes pass in no time and every run is the same.

mod chip;
mod ctaphid;
mod devices;
mod draft;
mod fault;
mod flash;
pub(crate) mod get_info;
mod image;
mod job;
mod message;
mod port;
mod profile;
mod update;
mod wire;

use std::sync::{Arc, Mutex};

use link::{Clock, HidDevice};

use crate::bell::locked;
use crate::local::SimClock;
use chip::{Bus, Chip};
use fault::Faults;

pub use devices::{SimKeys, Stranger};
pub use draft::{Draft, TestKey};
pub use fault::{Fault, Quirk, What};
pub(crate) use port::Opened;
pub use profile::{
    ANNOUNCEMENT, Button, FirstStart, Led, MODEL, Mode, PRODUCT, PRODUCT_UPDATE, Profile, VENDOR, Version,
};
pub use update::Info;
pub use wire::Counts;

/// A simulated key. Clones are the same key: one is plugged in, the others stay with the test.
#[derive(Clone)]
pub struct SimKey(Arc<Mutex<Chip>>);

/// What a person does with it.
impl SimKey {
    /// A key, not plugged in, whose time this clock tells.
    pub fn new(clock: &SimClock, profile: Profile) -> Self {
        Self(Arc::new(Mutex::new(Chip::new(clock, profile))))
    }

    /// What the person does whenever the key asks from now on. At first: presses after three KEEPALIVEs.
    pub fn set_button(&self, button: Button) {
        self.with(|chip| chip.manners.button = button);
    }

    /// Presses the button once, now. Nobody asked: nothing happens.
    pub fn press(&self) {
        self.with(|chip| {
            let now = chip.clock.now();
            chip.press(now);
        });
    }

    /// Takes its power for a moment: everything in RAM is gone, and it starts anew.
    pub fn cut_power(&self) {
        self.with(Chip::cut_power);
    }

    /// `[SIM]` The next start with power newly applied stays in update mode, as with the button held.
    pub fn hold_button_at_power_up(&self) {
        self.with(|chip| chip.manners.held = true);
    }
}

/// How it behaves from now on.
impl SimKey {
    /// Whether its power is too low for an update.
    pub fn set_low_power(&self, low: bool) {
        self.with(|chip| chip.manners.low_power = low);
    }

    /// How new firmware fares at its first start.
    pub fn set_first_start(&self, first_start: FirstStart) {
        self.with(|chip| chip.manners.first_start = first_start);
    }

    /// The rules it breaks; none is an honest key.
    pub fn set_quirks(&self, quirks: &[Quirk]) {
        self.with(|chip| chip.manners.quirks = quirks.to_vec());
    }

    /// Has INFO tell something else. [`Info::mode`] tells which mode it is asked in.
    pub fn lie_in_info(&self, lie: impl Fn(&mut Info) + Send + 'static) {
        self.with(|chip| chip.manners.info = Some(Box::new(lie)));
    }

    /// Has the bytes of every answer without error changed before they are sent: command, data. INIT's too. The
    /// closure is called in the midst of the key's work, and must not ask it anything.
    pub fn distort(&self, distort: impl Fn(u8, &mut Vec<u8>) + Send + 'static) {
        self.with(|chip| chip.manners.answer = Some(Box::new(distort)));
    }

    /// Takes quirks, lies and faults back.
    pub fn behave(&self) {
        self.with(|chip| {
            chip.manners.quirks.clear();
            chip.manners.faults = Faults::default();
            (chip.manners.info, chip.manners.answer) = (None, None);
        });
    }

    /// Lets something go wrong, besides what is set already.
    pub fn add_fault(&self, at: u64, what: What) {
        self.with(|chip| chip.manners.faults.0.push(Fault { at, what }));
    }

    /// A bit of the good firmware flips: the next start does not find it.
    pub fn wear_firmware(&self) {
        self.with(|chip| chip.flash.wear());
    }
}

/// What it is like now.
impl SimKey {
    /// What the system lists. `None`: it is away or unplugged.
    pub fn device(&self) -> Option<HidDevice> {
        self.with(|chip| chip.device())
    }

    /// Its mode. `None`: it is away or unplugged.
    pub fn mode(&self) -> Option<Mode> {
        self.with(|chip| chip.mode())
    }

    /// The LED.
    pub fn led(&self) -> Led {
        self.with(|chip| chip.led())
    }

    /// How often it winked.
    pub fn winks(&self) -> u32 {
        self.with(|chip| chip.winks)
    }

    /// The firmware that runs, in normal mode.
    pub fn running(&self) -> Option<Version> {
        self.with(|chip| {
            let running = chip.ram.found.running().filter(|_| chip.mode() == Some(Mode::Normal));
            running.map(|firmware| firmware.version)
        })
    }

    /// Whether the firmware that runs is marked good. False in update mode.
    pub fn is_confirmed(&self) -> bool {
        self.running().is_some() && self.with(|chip| chip.ram.found.trial.is_none())
    }

    /// The firmware marked good, if the bootloader would start it.
    pub fn good(&self) -> Option<Version> {
        self.with(|chip| chip.flash.good(&chip.profile)).map(|firmware| firmware.version)
    }

    /// The security counter.
    pub fn counter(&self) -> u32 {
        self.with(|chip| chip.flash.counter)
    }

    /// How many bytes of an interrupted update are there.
    pub fn partial(&self) -> Option<u32> {
        self.with(|chip| chip.flash.partial().map(|partial| partial.offset))
    }

    /// Whether a complete new image waits for its first start.
    pub fn has_fresh_image(&self) -> bool {
        self.with(|chip| chip.flash.is_fresh())
    }

    /// The digest of the file that may be written now.
    pub fn approved(&self) -> Option<[u8; 32]> {
        self.with(|chip| chip.flash.approved(chip.clock.now()))
    }

    /// What went over the wire.
    pub fn counts(&self) -> Counts {
        self.with(|chip| chip.wire.counts.clone())
    }

    /// Counts from zero again.
    pub fn zero(&self) {
        self.with(|chip| chip.wire.counts = Counts::default());
    }
}

impl SimKey {
    fn plug(&self, bus: &Arc<Bus>) {
        self.with(|chip| chip.plug(bus));
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whatever is done with it, what was due happens first.
    fn with<T>(&self, work: impl FnOnce(&mut Chip) -> T) -> T {
        let mut chip = locked(&self.0);
        chip.tick();
        work(&mut chip)
    }
}
