//! PUT DATA (SP 800-73 part 2, 3.3.1; command reference 8.3).

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::aca::Rights;
use crate::card::objects::{
    CCC, CHUID, DISCOVERY, KEY_HISTORY, PAIRING_CODE, PRINTED_INFORMATION, SIGNER, certificate_tag,
};
use crate::card::profile::{Dialect, Profile};
use crate::tlv::{objects, tlv};

const BIOMETRIC_TEMPLATES: u32 = 0x7F61;

impl Piv {
    /// Whether keys and containers may be changed: by PIN or XAUTH on a Crescendo that is nobody's but its holder's, by the
    /// management key elsewhere.
    pub(super) fn is_administered(&self, rights: Rights) -> bool {
        if self.profile.is_crescendo() {
            rights.administrator() || (self.pin.verified && !rights.managed)
        } else {
            self.management.is_authenticated()
        }
    }

    pub(super) fn put_data(&mut self, command: &Command, rights: Rights) -> Answer {
        if !self.is_administered(rights) {
            return Answer::status(0x6982);
        }
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return Answer::status(0x6A86);
        }
        let Some((tag, object)) = container(&command.data) else {
            return Answer::status(0x6A80).sim();
        };
        let Some(capacity) = self.capacity(tag) else {
            return Answer::status(0x6A82).sim();
        };
        if object.len() > capacity {
            return Answer::status(0x6A84);
        }
        self.store(tag, object);
        Answer::status(0x9000)
    }

    /// A Crescendo has its containers from the start, empty; elsewhere an empty one is none.
    fn store(&mut self, tag: u32, object: Vec<u8>) {
        let is_empty = object == tlv(0x53, &[]);
        if is_empty && !self.profile.is_crescendo() {
            self.objects.remove(&tag);
        } else {
            self.objects.insert(tag, object);
        }
    }

    /// How long an object may be, its tag and length included; `None` where there is no such container.
    pub(super) fn capacity(&self, tag: u32) -> Option<usize> {
        let known = match self.profile.dialect() {
            Some(_) => self.has_container(tag),
            None => standard(tag) || (self.profile == Profile::PivExtended && tag >> 8 == 0x5FFF),
        };
        known.then(|| capacity(tag, self.profile))
    }

    /// Containers of a Crescendo are those it has, whatever is in them now.
    fn has_container(&self, tag: u32) -> bool {
        self.objects.contains_key(&tag)
            || self.profile.key_references().iter().any(|key| certificate_tag(*key) == Some(tag))
    }
}

/// Tag and whole object: `5C tag 53 ...`, or the two objects that have no 53 around them by themselves.
fn container(data: &[u8]) -> Option<(u32, Vec<u8>)> {
    if data.starts_with(&[0x7F, 0x61]) {
        objects(&data[1..]).filter(|found| found.len() == 1)?;
        return Some((BIOMETRIC_TEMPLATES, data.to_vec()));
    }
    match objects(data)?[..] {
        [(0x7E, _)] => Some((DISCOVERY, data.to_vec())),
        [(0x5C, tag), (0x53, content)] if (1..=3).contains(&tag.len()) => {
            let tag = tag.iter().fold(0, |tag, byte| tag << 8 | u32::from(*byte));
            Some((tag, tlv(0x53, content)))
        }
        _ => None,
    }
}

/// The tags of SP 800-73 part 1, table 3.
fn standard(tag: u32) -> bool {
    matches!(tag, 0x5FC101..=0x5FC103 | 0x5FC105..=0x5FC123 | DISCOVERY | BIOMETRIC_TEMPLATES)
        && tag != 0x5FC104
}

/// As PROPERTIES of a 2300 has them, and as much as the standard asks for elsewhere (part 1, table 7). Certificates have more
/// room than that: those of RSA-4096 keys need it.
fn capacity(tag: u32, profile: Profile) -> usize {
    const HEAD: usize = 4;
    HEAD + match tag {
        CHUID => 2916,
        CCC => 170,
        PRINTED_INFORMATION => 244,
        KEY_HISTORY if profile.is_crescendo() => 10 - HEAD,
        KEY_HISTORY => 128,
        0x5FC103 => 4006,
        0x5FC106 => 1336,
        0x5FC108 => 12_710,
        0x5FC121 => 7106,
        DISCOVERY => 19,
        BIOMETRIC_TEMPLATES => 65,
        SIGNER => 2471,
        PAIRING_CODE => 12,
        _ if profile.dialect() == Some(Dialect::C2300) => 1905,
        _ => 3072,
    }
}
