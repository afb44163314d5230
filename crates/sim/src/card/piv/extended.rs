//! Instructions that many tokens have beside the standard's: version, serial number, metadata, import, move and delete,
//! management key, tries, reset (this project's reading of the PIV standard, 5.2 and 5.3).

use super::Piv;
use super::generate::public_fields;
use crate::apdu::{Answer, Command};
use crate::card::administration::{Cipher, ManagementKey};
use crate::card::key::{Key, Policies};
use crate::card::objects::Objects;
use crate::card::pin::Secret;
use crate::fixture::Algorithm;
use crate::tlv::{objects, tlv};

/// Major, minor, patch: the first that moves and deletes keys has 5 and 7.
const VERSION: [u8; 3] = [5, 7, 1];

const PIN: u8 = 0x80;
const PUK: u8 = 0x81;
const CARD_MANAGEMENT: u8 = 0x9B;
const PUK_AT_DELIVERY: &str = "12345678";

impl Piv {
    pub(super) fn extended(&mut self, command: &Command) -> Answer {
        match (command.ins, command.p1, command.p2, command.data.len()) {
            (0xFD, 0, 0, 0) => Answer::data(VERSION.to_vec()),
            (0xF8, 0, 0, 0) => Answer::data(self.serial.to_be_bytes().to_vec()),
            (0xF7, 0, reference, 0) => self.metadata(reference).map_or(Answer::status(0x6A88), Answer::data),
            (0xFB, 0, 0, 0) => self.factory_reset(),
            (0xF6 | 0xFA | 0xFE | 0xFF, ..) if !self.management.is_authenticated() => Answer::status(0x6982),
            (0xFA, pin, puk, 0) => self.set_tries(pin, puk),
            (0xF6, to, from, 0) => self.move_key(to, from),
            (0xFE, byte, reference, _) => self.import(byte, reference, &command.data),
            (0xFF, 0xFF, 0xFF | 0xFE, _) => self.set_management_key(&command.data),
            (0xF6..=0xF8 | 0xFA..=0xFB | 0xFD..=0xFF, ..) => Answer::status(0x6A86),
            _ => Answer::status(0x6D00),
        }
    }

    /// `None` where there is nothing to tell of.
    fn metadata(&self, reference: u8) -> Option<Vec<u8>> {
        let default = |is: bool| tlv(0x05, &[u8::from(is)]);
        let tries = |secret: &Secret| tlv(0x06, &[secret.total(), secret.tries()]);
        let factory = self.profile.factory_pin();
        let fields = match reference {
            PIN => [tlv(0x01, &[0xFF]), default(self.pin.is(factory)), tries(&self.pin)],
            PUK => {
                let puk = self.puk.as_ref()?;
                [tlv(0x01, &[0xFF]), default(puk.is(PUK_AT_DELIVERY)), tries(puk)]
            }
            CARD_MANAGEMENT => {
                let key = &self.management.key;
                let default = default(self.management.is_as_delivered());
                [tlv(0x01, &[key.algorithm]), tlv(0x02, &[0, 1]), default]
            }
            _ => return self.metadata_of_key(reference),
        };
        Some(fields.concat())
    }

    fn metadata_of_key(&self, reference: u8) -> Option<Vec<u8>> {
        let key = self.keys.get(&reference)?;
        let algorithm = self.profile.algorithm_byte(key.algorithm);
        let touch = if key.policies.touch == 0 { 1 } else { key.policies.touch };
        let fields = [
            tlv(0x01, &[algorithm]),
            tlv(0x02, &[pin_policy(reference, key), touch]),
            tlv(0x03, &[if key.generated { 1 } else { 2 }]),
            tlv(0x04, &public_fields(key)),
        ];
        Some(fields.concat())
    }

    /// PIN and PUK are as at delivery after it.
    fn set_tries(&mut self, pin: u8, puk: u8) -> Answer {
        if !self.pin.verified {
            return Answer::status(0x6982);
        }
        if pin == 0 || puk == 0 {
            return Answer::status(0x6A80);
        }
        self.pin = Secret::new(self.profile.factory_pin(), pin);
        self.puk = Some(Secret::new(PUK_AT_DELIVERY, puk));
        Answer::status(0x9000)
    }

    /// To FF: deleted. Certificates stay where they are.
    fn move_key(&mut self, to: u8, from: u8) -> Answer {
        let places = self.profile.key_references();
        if !places.contains(&from) || (to != 0xFF && !places.contains(&to)) {
            return Answer::status(0x6A86);
        }
        match self.keys.remove(&from) {
            None => Answer::status(0x6A88),
            Some(key) => {
                if to != 0xFF {
                    self.keys.insert(to, key);
                }
                Answer::status(0x9000)
            }
        }
    }

    fn import(&mut self, byte: u8, reference: u8, data: &[u8]) -> Answer {
        if !self.profile.key_references().contains(&reference) {
            return Answer::status(0x6A86);
        }
        let key = self.profile.offered(byte).and_then(|algorithm| imported(algorithm, data));
        match key {
            None => Answer::status(0x6A80),
            Some(key) => {
                self.keys.insert(reference, key);
                Answer::status(0x9000)
            }
        }
    }

    /// `algorithm 9B length key`.
    fn set_management_key(&mut self, data: &[u8]) -> Answer {
        match data {
            [algorithm, CARD_MANAGEMENT, len, key @ ..]
                if usize::from(*len) == key.len() && Cipher::new(*algorithm, key).is_some() =>
            {
                self.management.key = ManagementKey { algorithm: *algorithm, key: key.to_vec() };
                Answer::status(0x9000)
            }
            _ => Answer::status(0x6A80),
        }
    }

    /// Only once PIN and PUK are blocked. What the tokens answer before that is not confirmed.
    fn factory_reset(&mut self) -> Answer {
        if self.pin.tries() > 0 || self.puk.as_ref().is_some_and(|puk| puk.tries() > 0) {
            return Answer::status(0x6985);
        }
        self.log_out();
        self.objects = Objects::new();
        self.keys.clear();
        self.pin = Secret::new(self.profile.factory_pin(), self.profile.pin_tries());
        self.puk = Some(Secret::new(PUK_AT_DELIVERY, self.profile.puk_tries()));
        self.management.wipe();
        Answer::status(0x9000)
    }
}

/// When the PIN is asked for: 1 never, 2 once, 3 each time.
pub(super) fn pin_policy(reference: u8, key: &Key) -> u8 {
    match (key.policies.pin, reference) {
        (0, 0x9C) => 3,
        (0, 0x9E) => 1,
        (0, _) => 2,
        (policy, _) => policy,
    }
}

/// RSA: 01 to 05 are p, q, d mod p-1, d mod q-1, 1/q mod p; curves: 06 is the private number. Then the policies.
fn imported(algorithm: Algorithm, data: &[u8]) -> Option<Key> {
    let fields = objects(data)?;
    let (key, rest) = match &fields[..] {
        [(0x01, p), (0x02, q), (0x03, dp), (0x04, dq), (0x05, coefficient), rest @ ..] => {
            (Key::of_parts(algorithm, [p, q, dp, dq, coefficient])?, rest)
        }
        [(0x06, scalar), rest @ ..] => (Key::of_scalar(algorithm, scalar, false)?, rest),
        _ => return None,
    };
    let mut policies = Policies::default();
    rest.iter().try_for_each(|field| policies.set(field))?;
    Some(key.with(policies))
}
