//! The PIV application (SP 800-73 part 2), in the words of the command reference, part 8.3 where the profile is a Key V3.

mod authenticate;
mod properties;
mod reference;
mod secure;

use std::collections::BTreeMap;

use super::access::Access;
use super::chip::EXTENDED_COMMAND;
use super::key::Key;
use super::messaging::Interface;
use super::objects::{self, Objects, PAIRING_CODE, PRINTED_INFORMATION};
use super::personality::{Personality, Profile, Properties};
use super::pin::Secret;
use crate::apdu::{Answer, Command};
use crate::fixture::{Algorithm, Fixture};
use crate::tlv::{only, tlv};

use secure::Messaging;
pub(super) use secure::credentials;

/// Version 01 00 of the PIV card application.
pub(super) const AID: &[u8] = b"\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00";
const RID: &[u8] = b"\xA0\x00\x00\x03\x08";
const PIX: &[u8] = b"\x00\x00\x10\x00\x01\x00";

/// Like no other counter of these cards, so that one cannot be taken for another.
const GLOBAL_TRIES: u8 = 5;

pub(super) struct Piv {
    profile: Profile,
    pub(super) objects: Objects,
    /// Containers that answer a status word and nothing else.
    pub(super) refused: BTreeMap<u32, u16>,
    compressed: bool,
    keys: BTreeMap<u8, Key>,
    pub(super) pin: Secret,
    pub(super) puk: Option<Secret>,
    pub(super) global_pin: Option<Secret>,
    no_clear: bool,
    variant: Properties,
    /// The very last command was a successful VERIFY: "PIN Always" needs that.
    pub(super) fresh: bool,
    pub(super) worked: Option<Algorithm>,
    pub(super) messaging: Messaging,
}

impl Piv {
    pub(super) fn new(personality: &Personality) -> Self {
        let profile = personality.profile;
        Self {
            profile,
            objects: objects::objects(personality),
            refused: personality.refused.clone(),
            compressed: personality.compressed,
            keys: objects::keys(personality),
            pin: Secret::new(&personality.pin, profile.pin_tries()),
            puk: personality.puk.as_deref().map(|puk| Secret::new(puk, profile.puk_tries())),
            global_pin: personality.usable_global_pin().map(|pin| Secret::new(pin, GLOBAL_TRIES)),
            no_clear: personality.no_clear && profile == Profile::KeyV3,
            variant: personality.properties,
            fresh: false,
            worked: None,
            messaging: Messaging::new(personality),
        }
    }

    /// Another application was selected. What belongs to the whole card outlives that: the global PIN.
    pub(super) fn log_out(&mut self) {
        self.pin.verified = false;
        self.fresh = false;
        self.messaging.end();
    }

    /// Power on, or a reset.
    pub(super) fn reset(&mut self) {
        self.log_out();
        if let Some(global) = &mut self.global_pin {
            global.verified = false;
        }
    }

    /// Whether the access rule "PIN" is met (SP 800-73 part 1, 3.3.2: by either PIN).
    fn has_pin(&self) -> bool {
        self.pin.verified || self.global_pin.as_ref().is_some_and(|global| global.verified)
    }

    /// Selecting PIV again leaves the login as it is (SP 800-73 part 2, 3.1.1).
    pub(super) fn select(&mut self, personality: &Personality) -> Answer {
        self.messaging.interrupt();
        template(personality, self.messaging.algorithm())
    }

    /// Secure messaging and policy changed; keys, PINs and every other container stay as they are.
    pub(super) fn change_messaging(&mut self, personality: &Personality) {
        self.messaging.change(personality);
        for tag in [objects::DISCOVERY, objects::SIGNER, objects::PAIRING_CODE] {
            self.objects.remove(&tag);
        }
        self.objects.extend(objects::of_messaging(personality));
    }

    pub(super) fn install(&mut self, reference: u8, fixture: &Fixture) {
        self.keys.insert(reference, Key::new(fixture));
        let certificate = objects::certificate(fixture.certificate, self.compressed);
        self.objects.extend(objects::certificate_tag(reference).map(|tag| (tag, certificate)));
    }

    /// Leaves the key as it is, and makes its certificate unreadable.
    pub(super) fn spoil(&mut self, reference: u8) {
        let garbage = objects::garbage(self.compressed);
        self.objects.extend(objects::certificate_tag(reference).map(|tag| (tag, garbage)));
    }

    pub(super) fn restore(&mut self, personality: &Personality) {
        self.objects = objects::objects(personality);
        self.refused = personality.refused.clone();
        self.keys = objects::keys(personality);
    }

    /// How many keys and certificates take up memory.
    pub(super) fn stored(&self) -> usize {
        let tags = objects::KEY_REFERENCES.into_iter().filter_map(objects::certificate_tag);
        let filled = tags.filter_map(|tag| self.objects.get(&tag)).filter(|object| object[..] != [0x53, 0]);
        self.keys.len() + filled.count()
    }

    /// A command as it came, with no protection.
    pub(super) fn command(&mut self, command: &Command) -> Answer {
        self.messaging.interrupt();
        self.execute(command, self.access(false))
    }

    fn execute(&mut self, command: &Command, access: Access) -> Answer {
        let fresh = std::mem::take(&mut self.fresh);
        let answer = match (command.cla, command.ins) {
            (0x00, ins) if !access.knows(ins) => Answer::status(0x6A81),
            (0x00, 0x20) => self.verify(command, access),
            (0x00, 0x24) => self.change_reference_data(command, access),
            (0x00, 0x2C) => self.reset_retry_counter(command),
            (0x00, 0x87) => self.general_authenticate(command, fresh, access),
            (0x00, 0xCB) => self.read(command, access),
            // Writing needs more than this card knows yet; a card whose issuer keeps the right answers so too.
            (0x00, 0xDB | 0x47) => Answer::status(0x6982).sim_if(self.has_pin()),
            (0x80, 0x56) if self.profile == Profile::KeyV3 => self.properties(command),
            (0x80, _) if self.profile != Profile::KeyV3 => Answer::status(0x6E00),
            _ => Answer::status(0x6D00),
        };
        // Nothing is known of a Key V3 beyond its contacts.
        answer.sim_if(self.messaging.interface == Interface::Contactless)
    }

    /// GET DATA.
    fn read(&self, command: &Command, access: Access) -> Answer {
        if (command.p1, command.p2) != (0x3F, 0xFF) {
            return Answer::status(0x6A86);
        }
        let tag = match only(0x5C, &command.data) {
            Some(tag @ ([_] | [_, _] | [_, _, _])) => {
                tag.iter().fold(0, |tag, byte| tag << 8 | u32::from(*byte))
            }
            _ => return Answer::status(0x6A80),
        };
        if let Some(status) = self.refused.get(&tag) {
            return Answer::status(*status).sim();
        }
        if !access.reads(tag) || (needs_pin(tag) && !self.has_pin()) {
            return Answer::status(0x6982).sim();
        }
        match self.objects.get(&tag) {
            Some(object) => Answer::data(object.clone()),
            None => Answer::status(0x6A82).sim(),
        }
    }
}

/// Fingerprints, facial image, printed information, iris images, pairing code.
fn needs_pin(tag: u32) -> bool {
    matches!(tag, 0x5FC103 | 0x5FC108 | PRINTED_INFORMATION | 0x5FC121 | PAIRING_CODE)
}

/// The application property template, with the algorithm of secure messaging where there is one.
fn template(personality: &Personality, algorithm: Option<u8>) -> Answer {
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
    if let Some(algorithm) = algorithm {
        content.extend(tlv(0xAC, &[tlv(0x80, &[algorithm]), tlv(0x06, &[0x00])].concat()));
    }
    if personality.extended && !personality.unannounced {
        let limit = |bytes: usize| tlv(0x02, &u16::try_from(bytes).expect("two bytes").to_be_bytes());
        content.extend(tlv(0x7F66, &[limit(EXTENDED_COMMAND), limit(0x7FFF)].concat()));
    }
    Answer::data(tlv(0x61, &content))
        .sim_if(key_v3 && (personality.label || personality.extended || algorithm.is_some()))
}
