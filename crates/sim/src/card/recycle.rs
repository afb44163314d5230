//! RESET CARD: everything on a Crescendo is as delivered but the administration key, which is gone (command reference
//! 2.2 (11) and 3.8).

use super::aca::Aca;
use super::chip::Chip;
use super::oath::Oath;
use super::personality::Personality;
use super::piv::Piv;
use crate::apdu::{Answer, Command};
use crate::latency::Work;

impl Chip {
    /// A command to the access control applet.
    pub(super) fn access_control(&mut self, command: &Command) -> Answer {
        let Some(aca) = &mut self.aca else { return Answer::status(0x6D00) };
        match (command.cla, command.ins) {
            (0x00 | 0x80, 0x38) if !aca.rights.administrator() => Answer::status(0x6982),
            (0x00 | 0x80, 0x38) if (command.p1, command.p2) != (0, 0) => Answer::status(0x6A86).sim(),
            (0x00 | 0x80, 0x38) => {
                self.reset_card();
                self.piv.worked = Some(Work::Reset);
                Answer::status(0x9000)
            }
            _ => aca.command(command, &mut self.piv),
        }
    }

    /// What is known of the card beside its content stays: serial number, interface, how it speaks. `[SIM]`: PIN policy and
    /// tries are as at delivery.
    fn reset_card(&mut self) {
        let interface = self.piv.messaging.interface;
        self.personality = self.personality.clone().as_delivered();
        self.piv = Piv::new(&self.personality);
        self.piv.messaging.interface = interface;
        if !self.personality.fido_survives {
            self.fido.wipe();
        }
        self.oath = Oath::new(&self.personality);
        self.aca.iter_mut().for_each(Aca::wipe);
        self.piv.note("RESET CARD: keys, containers, PIN and administration key are gone");
    }
}

impl Personality {
    /// This card with nothing on it, and the PIN it is delivered with.
    pub fn as_delivered(self) -> Self {
        Self { blank: true, pin: self.profile.factory_pin().into(), ..self }
    }
}
