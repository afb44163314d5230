//! VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (SP 800-73 part 2, 3.2.1 to 3.2.3).

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::access::Access;
use crate::card::pin::{Secret, compare, exchange, puk_rules, state, well_formed, wrong};

/// Of the whole card, where the PIN usage policy has one; no Crescendo is known to.
const GLOBAL_PIN: u8 = 0x00;
const PIN: u8 = 0x80;
const PUK: u8 = 0x81;
const PAIRING_CODE: u8 = 0x98;

impl Piv {
    pub(super) fn verify(&mut self, command: &Command, access: Access) -> Answer {
        let (reference, profile, no_clear) = (command.p2, self.profile, self.no_clear);
        if reference == PAIRING_CODE && self.messaging.algorithm().is_some() {
            return self.verify_pairing_code(command, access);
        }
        if access < Access::Vci {
            return Answer::status(0x6982);
        }
        let reserved = self.messaging.reserved_tries(access);
        if (command.p1, reference) == (0x00, PUK) && command.data.is_empty() && profile.is_crescendo() {
            return self.puk_state();
        }
        let Some(pin) = self.secret(reference).filter(|_| reference != PUK) else {
            return Answer::status(if command.p1 == 0x00 { 0x6A88 } else { 0x6A86 }).sim();
        };
        let answer = match (command.p1, &command.data[..]) {
            (0x00, []) => state(pin, reserved),
            (0x00, given) => {
                let answer = compare(pin, given, profile, reserved);
                self.fresh = answer.status == 0x9000;
                answer
            }
            (0xFF, []) if no_clear => Answer::status(0x6A86).sim(),
            (0xFF, []) => {
                pin.verified = false;
                Answer::status(0x9000).sim()
            }
            (0xFF, _) => Answer::status(0x6A80).sim(),
            _ => Answer::status(0x6A86).sim(),
        };
        answer.sim_if(reference == GLOBAL_PIN)
    }

    fn secret(&mut self, reference: u8) -> Option<&mut Secret> {
        match reference {
            GLOBAL_PIN => self.global_pin.as_mut(),
            PIN => Some(&mut self.pin),
            PUK => self.puk.as_mut(),
            _ => None,
        }
    }

    fn puk_state(&self) -> Answer {
        match self.puk.as_ref().map(Secret::tries) {
            None => Answer::status(0x6A88).sim(),
            Some(0) => Answer::status(0x6983).sim(),
            Some(left) => wrong(left).sim(),
        }
    }

    pub(super) fn change_reference_data(&mut self, command: &Command, access: Access) -> Answer {
        if command.p1 != 0 {
            return Answer::status(0x6A86).sim();
        }
        let (reference, profile, rules) = (command.p2, self.profile, self.rules);
        if reference == PUK && access < Access::Contact {
            return Answer::status(0x6A81);
        }
        if access < Access::Vci {
            return Answer::status(0x6982);
        }
        let reserved = self.messaging.reserved_tries(access);
        let Some(secret) = self.secret(reference) else {
            return Answer::status(0x6A88).sim();
        };
        let rules = if reference == PUK { puk_rules(profile) } else { rules };
        let answer = match exchange(secret, &command.data, profile, reserved) {
            Err(answer) => answer,
            Ok(new) => match well_formed(new, rules) {
                None => Answer::status(0x6A80),
                Some(new) => {
                    secret.replace(new);
                    secret.verified = true;
                    Answer::status(0x9000)
                }
            },
        };
        answer.sim_if(reference == GLOBAL_PIN)
    }

    /// For the PIN alone: the standard has no way to unblock a global PIN or a PUK.
    pub(super) fn reset_retry_counter(&mut self, command: &Command) -> Answer {
        if command.p1 != 0 {
            return Answer::status(0x6A86).sim();
        }
        let profile = self.profile;
        let Some(puk) = self.puk.as_mut().filter(|_| command.p2 == PIN) else {
            return Answer::status(0x6A88).sim();
        };
        match exchange(puk, &command.data, profile, 0) {
            Err(answer) => answer.sim(),
            Ok(new) => match well_formed(new, self.rules) {
                None => Answer::status(0x6A80).sim(),
                Some(new) => {
                    // It sets the PIN and does not verify it.
                    self.pin.replace(new);
                    Answer::status(0x9000).sim()
                }
            },
        }
    }
}
