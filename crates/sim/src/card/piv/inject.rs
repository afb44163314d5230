//! INJECT PKI KEY: a private key is brought to a Crescendo, or taken away (command reference 2.3 (20) and 8.3). Each part
//! is laid out as an administration key is: `00 kind n+1 n value 00`.

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::aca::Rights;
use crate::card::key::Key;
use crate::card::profile::Dialect;
use crate::fixture::Algorithm;
use crate::tlv::behind_length;

/// P1: more parts follow.
const MORE: u8 = 0x80;

/// The kind byte of the 2300 dialect.
const RSA_PART: u8 = 0xA3;
const CURVE: u8 = 0xB1;
/// The parts of an RSA key in the C4000 dialect, in this order: p, q, 1/q mod p, d mod p-1, d mod q-1.
const PARTS: std::ops::RangeInclusive<u8> = 0xA4..=0xA8;

/// What has been brought of an RSA key so far.
pub(super) struct Injection {
    reference: u8,
    algorithm: Algorithm,
    parts: Vec<Vec<u8>>,
}

/// One part, or a removal.
struct Part<'c> {
    algorithm: Algorithm,
    kind: u8,
    more: bool,
    value: &'c [u8],
}

impl Piv {
    /// XAUTH alone does not open this one.
    pub(super) fn inject(&mut self, command: &Command, begun: Option<Injection>, rights: Rights) -> Answer {
        if rights.managed || !(rights.pin || self.pin.verified) {
            return Answer::status(0x6982);
        }
        let reference = command.p2;
        if !self.profile.generates(reference) {
            return Answer::status(0x6A88).sim();
        }
        let Some(part) = self.part(command) else {
            return Answer::status(0x6A80).sim();
        };
        if part.value.is_empty() {
            self.keys.remove(&reference);
            return Answer::status(0x9000).sim();
        }
        let key = match part.algorithm {
            Algorithm::P256 | Algorithm::P384 => self.curve_key(&part),
            _ => match self.collect(reference, begun, &part) {
                Err(answer) => return answer,
                Ok(key) => key,
            },
        };
        match key {
            Some(key) => {
                self.keys.insert(reference, key);
                Answer::status(0x9000).sim_if(self.profile.dialect() == Some(Dialect::C4000))
            }
            None => Answer::status(0x6A80).sim(),
        }
    }

    fn curve_key(&self, part: &Part<'_>) -> Option<Key> {
        match self.profile.dialect()? {
            // One byte stands for both curves.
            Dialect::C2300 => [Algorithm::P256, Algorithm::P384]
                .into_iter()
                .find_map(|algorithm| Key::of_pkcs8(algorithm, part.value)),
            Dialect::C4000 => Key::of_pkcs8(part.algorithm, part.value),
        }
    }

    /// The key once its last part is here; until then what the part itself is answered.
    fn collect(
        &mut self,
        reference: u8,
        begun: Option<Injection>,
        part: &Part<'_>,
    ) -> Result<Option<Key>, Answer> {
        let mut injection = begun
            .filter(|begun| (begun.reference, begun.algorithm) == (reference, part.algorithm))
            .unwrap_or(Injection { reference, algorithm: part.algorithm, parts: Vec::new() });
        let place = injection.parts.len();
        let in_order = match part.kind {
            RSA_PART => true,
            kind => PARTS.clone().nth(place) == Some(kind),
        };
        if !in_order || part.more != (place < 4) {
            return Err(Answer::status(0x6985).sim());
        }
        injection.parts.push(part.value.to_vec());
        if part.more {
            self.injection = Some(injection);
            return Err(Answer::status(0x9000));
        }
        let parts: [&[u8]; 5] = std::array::from_fn(|at| &injection.parts[at][..]);
        let [p, q, third, fourth, fifth] = parts;
        let parts = if part.kind == RSA_PART { parts } else { [p, q, fourth, fifth, third] };
        Ok(Key::of_parts(part.algorithm, parts))
    }

    fn part<'c>(&self, command: &'c Command) -> Option<Part<'c>> {
        let [0x00, kind, rest @ .., 0x00] = &command.data[..] else { return None };
        let (kind, more, byte) = (*kind, command.p1 & MORE != 0, command.p1 & !MORE);
        // The removal has one length, which is 0, and its last byte is the one after it.
        let value = if rest.is_empty() { rest } else { behind_length(behind_length(rest)?)? };
        let dialect = self.profile.dialect()?;
        let algorithm = match (dialect, byte, kind) {
            (Dialect::C2300, 0x00, RSA_PART) => Algorithm::Rsa2048,
            (Dialect::C2300, 0x03, CURVE) => Algorithm::P256,
            (Dialect::C4000, byte, kind) => {
                let algorithm = self.profile.offered(byte)?;
                let curve = matches!(algorithm, Algorithm::P256 | Algorithm::P384);
                (rest.is_empty() || (kind == 0x00) == curve).then_some(algorithm)?
            }
            _ => return None,
        };
        Some(Part { algorithm, kind, more, value })
    }
}
