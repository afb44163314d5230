//! What goes wrong between host and key, and how a key misbehaves: data, so that a test can try each at every report.

use std::time::Duration;

use super::ctaphid::Report;
use super::profile::Mode;

/// Something that goes wrong once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// At which report, both directions counted, from when the fault was set: 1 is the next one.
    pub at: u64,
    /// What happens there.
    pub what: What,
}

/// What goes wrong at one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Power goes before the report arrives, and comes back at once: the key starts anew.
    PowerCut,
    /// The key acts on the report, and power goes while its flash changes: a WRITE leaves half a block behind, a
    /// BEGIN an erased slot, anything else what was there. At a report of the key: as [`What::PowerCut`].
    TornFlash,
    /// The key is pulled before the report arrives, and stays away until it is plugged in.
    Unplug,
    /// The system answers an error; the report does not arrive.
    Error,
    /// Every open link is dead from here on, as that of a killed process; the key keeps its power, and the next one
    /// who opens it finds it as it is.
    Hangup,
    /// The report does not arrive, and nobody is told.
    Lost,
    /// Noise arrives in place of the report, on its channel.
    Garbage,
    /// The host reads this report first, whoever it is for.
    Insert(Box<Report>),
}

/// The faults ahead.
#[derive(Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// Counts one report, and takes out what is due at it.
    pub(super) fn due(&mut self) -> Option<What> {
        for fault in &mut self.0 {
            fault.at = fault.at.saturating_sub(1);
        }
        let due = self.0.iter().position(|fault| fault.at == 0)?;
        Some(self.0.remove(due).what)
    }
}

/// How a key breaks the protocol for as long as it has this quirk. Commands are meant by their number, INIT included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// KEEPALIVE every 100 ms in place of an answer, without end.
    Keepalives(u8),
    /// No answer at all.
    Silent(u8),
    /// The answer comes so much later, and no KEEPALIVE before it.
    Late(u8, Duration),
    /// Does nothing, and answers this error.
    Refuses(u8, u8),
    /// Once it leaves to change modes, it does not come back.
    NeverBack,
    /// It is away for so long when it changes modes.
    BackAfter(Duration),
    /// It comes back in this mode, whatever it was asked.
    BackIn(Mode),
    /// It understands nothing, and sends noise every millisecond to whoever listens.
    Babbles,
    /// This user may not open it.
    Denied,
}

/// Noise that is the same in every run.
pub(super) struct Noise(u32);

impl Default for Noise {
    fn default() -> Self {
        Self(0x2545_F491)
    }
}

impl Noise {
    /// A report of noise on this channel.
    pub(super) fn report(&mut self, channel: u32) -> Report {
        let mut report = [0; 64];
        report[..4].copy_from_slice(&channel.to_be_bytes());
        report[4..].fill_with(|| self.byte());
        report
    }

    /// Xorshift.
    fn byte(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 24) as u8
    }
}
