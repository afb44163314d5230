//! VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (SP 800-73 part 2, 3.2.1 to 3.2.3).

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::personality::Profile;
use crate::card::pin::{Check, PIN_LENGTH, well_formed};

const PIN: u8 = 0x80;
const PUK: u8 = 0x81;

impl Piv {
    pub(super) fn verify(&mut self, command: &Command) -> Answer {
        match (command.p1, command.p2, &command.data[..]) {
            (0x00, PIN, []) => self.pin_state(),
            (0x00, PIN, pin) => self.verify_pin(pin),
            (0xFF, PIN, []) if self.no_clear => Answer::status(0x6A86).sim(),
            (0xFF, PIN, []) => {
                self.verified = false;
                Answer::status(0x9000).sim()
            }
            (0xFF, PIN, _) => Answer::status(0x6A80).sim(),
            (0x00, PUK, []) if self.profile == Profile::KeyV3 => self.puk_state(),
            (0x00, ..) => Answer::status(0x6A88).sim(),
            _ => Answer::status(0x6A86).sim(),
        }
    }

    fn pin_state(&self) -> Answer {
        if self.verified {
            return Answer::status(0x9000);
        }
        match self.pin.tries() {
            0 => Answer::status(0x6983),
            left => wrong(left),
        }
    }

    fn puk_state(&self) -> Answer {
        match self.puk.as_ref().map(|puk| puk.tries()) {
            None => Answer::status(0x6A88).sim(),
            Some(0) => Answer::status(0x6983).sim(),
            Some(left) => wrong(left).sim(),
        }
    }

    fn verify_pin(&mut self, pin: &[u8]) -> Answer {
        if self.pin.tries() == 0 {
            self.verified = false;
            return Answer::status(0x6983);
        }
        if let Some(status) = self.malformed(pin, 8) {
            return Answer::status(status).sim();
        }
        match self.pin.check(pin) {
            Check::Right => {
                (self.verified, self.fresh) = (true, true);
                Answer::status(0x9000)
            }
            other => {
                self.verified = false;
                refusal(&other)
            }
        }
    }

    pub(super) fn change_reference_data(&mut self, command: &Command) -> Answer {
        if command.p1 != 0 {
            return Answer::status(0x6A86).sim();
        }
        let secret = match command.p2 {
            PIN => Some(&mut self.pin),
            PUK => self.puk.as_mut(),
            _ => None,
        };
        let Some(secret) = secret else {
            return Answer::status(0x6A88).sim();
        };
        if secret.tries() == 0 {
            return Answer::status(0x6983);
        }
        let Some((old, new)) = halves(&command.data) else {
            return Answer::status(self.wrong_length()).sim();
        };
        match secret.check(old) {
            Check::Right => {}
            other => {
                self.verified &= command.p2 != PIN;
                return refusal(&other);
            }
        }
        let length = if command.p2 == PUK { 8..=8 } else { PIN_LENGTH };
        let Some(new) = well_formed(new, length) else {
            return Answer::status(0x6A80);
        };
        secret.replace(new);
        self.verified |= command.p2 == PIN;
        Answer::status(0x9000)
    }

    pub(super) fn reset_retry_counter(&mut self, command: &Command) -> Answer {
        if command.p1 != 0 {
            return Answer::status(0x6A86).sim();
        }
        let Some(puk) = self.puk.as_mut().filter(|_| command.p2 == PIN) else {
            return Answer::status(0x6A88).sim();
        };
        if puk.tries() == 0 {
            return Answer::status(0x6983).sim();
        }
        let Some((given, new)) = halves(&command.data) else {
            return Answer::status(self.wrong_length()).sim();
        };
        match puk.check(given) {
            Check::Right => {}
            other => return refusal(&other).sim(),
        }
        let Some(new) = well_formed(new, PIN_LENGTH) else {
            return Answer::status(0x6A80).sim();
        };
        // It sets the PIN and does not verify it.
        self.pin.replace(new);
        Answer::status(0x9000).sim()
    }

    /// Why a PIN is not even compared. A Key V3 compares whatever has 8 bytes.
    fn malformed(&self, pin: &[u8], len: usize) -> Option<u16> {
        match self.profile {
            Profile::KeyV3 => (pin.len() != len).then_some(0x6700),
            Profile::Piv => well_formed(pin, PIN_LENGTH).is_none().then_some(0x6A80),
        }
    }

    fn wrong_length(&self) -> u16 {
        match self.profile {
            Profile::KeyV3 => 0x6700,
            Profile::Piv => 0x6A80,
        }
    }
}

fn halves(data: &[u8]) -> Option<(&[u8], &[u8])> {
    (data.len() == 16).then(|| data.split_at(8))
}

fn wrong(left: u8) -> Answer {
    Answer::status(0x63C0 | u16::from(left))
}

/// The last try answers 63C0; hardware may already say 6983 there.
fn refusal(check: &Check) -> Answer {
    match check {
        Check::Wrong { left } => wrong(*left).sim_if(*left == 0),
        _ => Answer::status(0x6983),
    }
}
