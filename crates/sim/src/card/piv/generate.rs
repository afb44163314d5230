//! GENERATE ASYMMETRIC KEY PAIR (SP 800-73 part 2, 3.3.2; command reference 8.3): curves for real, RSA from the fixtures.

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::aca::Rights;
use crate::card::key::{Key, Policies};
use crate::card::profile::Profile;
use crate::fixture::{ALL, Algorithm, Fixture};
use crate::latency::Work;
use crate::tlv::{objects, only, tlv};

const EXPONENT: &[u8] = &[0x01, 0x00, 0x01];

impl Piv {
    pub(super) fn generate(&mut self, command: &Command, rights: Rights) -> Answer {
        if !self.is_administered(rights) {
            return Answer::status(0x6982);
        }
        let reference = command.p2;
        if command.p1 != 0 || !self.profile.generates(reference) {
            return Answer::status(if self.profile.is_crescendo() { 0x6A88 } else { 0x6A86 }).sim();
        }
        let Some((algorithm, policies)) = template(&command.data, self.profile) else {
            return Answer::status(0x6A80).sim();
        };
        let key = self.make(algorithm).with(policies);
        let answer = Answer::data(public_key(&key)).sim_if(key.is_rsa());
        self.worked = Some(Work::Generation(algorithm));
        self.keys.insert(reference, key);
        answer
    }

    fn make(&mut self, algorithm: Algorithm) -> Key {
        if let Some(key) = self.next_key.take_if(|key| key.algorithm == algorithm) {
            return key;
        }
        Key::random(algorithm).unwrap_or_else(|| {
            let fixture = self.fresh_fixture(algorithm);
            self.note(&format!("[SIM] an RSA key is not made but taken from the fixtures: {}", fixture.name));
            Key::generated(fixture)
        })
    }

    /// The next one of its kind, cards beginning at different ones; none that the card holds, as long as there are others.
    fn fresh_fixture(&mut self, algorithm: Algorithm) -> &'static Fixture {
        let pool: Vec<_> = ALL.iter().filter(|fixture| fixture.algorithm == algorithm).collect();
        let from = self.generated % pool.len();
        let turn: Vec<_> = pool[from..].iter().chain(&pool[..from]).copied().collect();
        let held = |fixture: &&&Fixture| self.keys.values().any(|key| key.is(fixture));
        let chosen = turn.iter().find(|fixture| !held(fixture)).unwrap_or(&turn[0]);
        self.generated += 1;
        chosen
    }
}

/// The algorithm, and what else tokens with extensions are told of a key.
fn template(data: &[u8], profile: Profile) -> Option<(Algorithm, Policies)> {
    let fields = objects(only(0xAC, data)?)?;
    let [(0x80, [byte]), rest @ ..] = &fields[..] else { return None };
    let algorithm = profile.offered(*byte)?;
    let rsa = matches!(algorithm, Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096);
    let mut policies = Policies::default();
    for field in rest {
        match field {
            (0x81, EXPONENT) if rsa => {}
            _ if profile == Profile::PivExtended => policies.set(field)?,
            _ => return None,
        }
    }
    Some((algorithm, policies))
}

/// The data of the answer.
pub(super) fn public_key(key: &Key) -> Vec<u8> {
    tlv(0x7F49, &public_fields(key))
}

/// Modulus and exponent, or the point.
pub(super) fn public_fields(key: &Key) -> Vec<u8> {
    match (key.point(), key.modulus()) {
        (Some(point), _) => tlv(0x86, &point),
        (None, Some(modulus)) => [tlv(0x81, &modulus), tlv(0x82, EXPONENT)].concat(),
        (None, None) => Vec::new(),
    }
}
