//! The PIV application (SP 800-73 part 2), in the words of crescendo.md part 8.3 where the profile is a Key V3.

mod authenticate;
mod reference;

use std::collections::BTreeMap;

use super::chip::EXTENDED_COMMAND;
use super::key::Key;
use super::objects::{self, KEY_REFERENCES, Objects, PRINTED_INFORMATION};
use super::personality::{Personality, Profile};
use super::pin::Secret;
use crate::apdu::{Answer, Command};
use crate::fixture::{Algorithm, Fixture};
use crate::tlv::{only, tlv};

/// Version 01 00 of the PIV card application.
pub(super) const AID: &[u8] = b"\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00";
const RID: &[u8] = b"\xA0\x00\x00\x03\x08";
const PIX: &[u8] = b"\x00\x00\x10\x00\x01\x00";

pub(super) struct Piv {
    profile: Profile,
    template: Answer,
    pub(super) objects: Objects,
    keys: BTreeMap<u8, Key>,
    pub(super) pin: Secret,
    pub(super) puk: Option<Secret>,
    no_clear: bool,
    /// The PIN was verified and nothing has undone it since.
    pub(super) verified: bool,
    /// The very last command was a successful VERIFY: "PIN Always" needs that.
    pub(super) fresh: bool,
    pub(super) worked: Option<Algorithm>,
}

impl Piv {
    pub(super) fn new(personality: &Personality) -> Self {
        let profile = personality.profile;
        Self {
            profile,
            template: template(personality),
            objects: objects::objects(personality),
            keys: objects::keys(personality),
            pin: Secret::new(&personality.pin, profile.pin_tries()),
            puk: personality.puk.as_deref().map(|puk| Secret::new(puk, profile.puk_tries())),
            no_clear: personality.no_clear && profile == Profile::KeyV3,
            verified: false,
            fresh: false,
            worked: None,
        }
    }

    pub(super) fn log_out(&mut self) {
        self.verified = false;
        self.fresh = false;
    }

    /// Selecting PIV again leaves the login as it is (SP 800-73 part 2, 3.1.1).
    pub(super) fn template(&self) -> Answer {
        self.template.clone()
    }

    pub(super) fn install(&mut self, reference: u8, fixture: &Fixture) {
        self.keys.insert(reference, Key::new(fixture));
        self.objects
            .extend(objects::certificate_tag(reference).map(|tag| (tag, objects::certificate(fixture))));
    }

    pub(super) fn restore(&mut self, personality: &Personality) {
        self.objects = objects::objects(personality);
        self.keys = objects::keys(personality);
    }

    pub(super) fn command(&mut self, command: &Command) -> Answer {
        let fresh = std::mem::take(&mut self.fresh);
        match (command.cla, command.ins) {
            (0x00, 0x20) => self.verify(command),
            (0x00, 0x24) => self.change_reference_data(command),
            (0x00, 0x2C) => self.reset_retry_counter(command),
            (0x00, 0x87) => self.general_authenticate(command, fresh),
            (0x00, 0xCB) => self.read(command),
            // Writing needs more than this card knows yet; a card whose issuer keeps the right answers so too.
            (0x00, 0xDB | 0x47) => Answer::status(0x6982).sim_if(self.verified),
            (0x80, 0x56) if self.profile == Profile::KeyV3 => Answer::data(self.properties()).sim(),
            (0x80, _) if self.profile == Profile::Piv => Answer::status(0x6E00),
            _ => Answer::status(0x6D00),
        }
    }

    /// GET DATA.
    fn read(&self, command: &Command) -> Answer {
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return Answer::status(0x6A86);
        }
        let tag = match only(0x5C, &command.data) {
            Some(tag @ ([_] | [_, _] | [_, _, _])) => {
                tag.iter().fold(0, |tag, byte| tag << 8 | u32::from(*byte))
            }
            _ => return Answer::status(0x6A80),
        };
        if needs_pin(tag) && !self.verified {
            return Answer::status(0x6982).sim();
        }
        match self.objects.get(&tag) {
            Some(object) => Answer::data(object.clone()),
            None => Answer::status(0x6A82).sim(),
        }
    }

    /// GET PIV PROPERTIES of the C4000 dialect, the body of part 8.3: our keys count as injected.
    fn properties(&self) -> Vec<u8> {
        let mut body = tlv(0x01, b"\x21\x04\x00\x00\x01\x02");
        for reference in KEY_REFERENCES {
            let [algorithm, units, status] = match self.keys.get(&reference).map(|key| key.algorithm) {
                None => [0x07, 0x20, 0x00],
                Some(algorithm) => [self.profile.algorithm_byte(algorithm), units(algorithm), 0x81],
            };
            let slot = [tlv(0x48, &[reference]), tlv(0x43, &[algorithm, units, status, status, 0])].concat();
            body.extend(tlv(0x51, &slot));
        }
        body
    }
}

/// Key length in units of 64 bits.
fn units(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::Rsa2048 => 0x20,
        Algorithm::Rsa3072 => 0x30,
        Algorithm::Rsa4096 => 0x40,
        Algorithm::P256 => 0x04,
        Algorithm::P384 => 0x06,
    }
}

/// Fingerprints, facial image, printed information, iris images, pairing code.
fn needs_pin(tag: u32) -> bool {
    matches!(tag, 0x5FC103 | 0x5FC108 | PRINTED_INFORMATION | 0x5FC121 | 0x5FC123)
}

/// The application property template.
fn template(personality: &Personality) -> Answer {
    let key_v3 = personality.profile == Profile::KeyV3;
    let (id, label): (_, &[u8]) = match (key_v3, personality.label) {
        (true, false) => (PIX, b""),
        (true, true) => (AID, b"HID Global ActivID Applet 3.0.3"),
        (false, _) => (AID, b"Virtual PIV Card"),
    };
    let mut content = [tlv(0x4F, id), tlv(0x79, &tlv(0x4F, RID))].concat();
    if !label.is_empty() {
        content.extend(tlv(0x50, label));
    }
    if personality.extended {
        let limit = |bytes: usize| tlv(0x02, &u16::try_from(bytes).expect("two bytes").to_be_bytes());
        content.extend(tlv(0x7F66, &[limit(EXTENDED_COMMAND), limit(0x7FFF)].concat()));
    }
    Answer::data(tlv(0x61, &content)).sim_if(key_v3 && (personality.label || personality.extended))
}
