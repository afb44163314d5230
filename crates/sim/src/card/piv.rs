//! The PIV application (SP 800-73 part 2), in the words of the command reference, part 8.3 where the profile is a Key V3.

mod authenticate;
mod extended;
mod generate;
mod inject;
mod manage;
mod properties;
mod reference;
mod secure;
mod write;

use std::collections::BTreeMap;

use super::aca::Rights;
use super::access::Access;
use super::chip::EXTENDED_COMMAND;
use super::key::Key;
use super::messaging::Interface;
use super::objects::{self, Objects, PAIRING_CODE, PRINTED_INFORMATION};
use super::personality::{Personality, Properties};
use super::pin::Secret;
use super::profile::{Dialect, PinRules, Profile};
use crate::apdu::{Answer, Command};
use crate::fixture::Fixture;
use crate::latency::Work;
use crate::tlv::{only, tlv};

use inject::Injection;
use manage::Management;
use secure::Messaging;
pub(super) use secure::credentials;

/// Version 01 00 of the PIV card application.
pub(super) const AID: &[u8] = b"\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00";
const RID: &[u8] = b"\xA0\x00\x00\x03\x08";
const PIX: &[u8] = b"\x00\x00\x10\x00\x01\x00";

/// Like no other counter of these cards, so that one cannot be taken for another.
const GLOBAL_TRIES: u8 = 5;

pub(super) struct Piv {
    pub(super) profile: Profile,
    pub(super) objects: Objects,
    /// Containers that answer a status word and nothing else.
    pub(super) refused: BTreeMap<u32, u16>,
    compressed: bool,
    keys: BTreeMap<u8, Key>,
    pub(super) pin: Secret,
    pub(super) rules: PinRules,
    pub(super) puk: Option<Secret>,
    pub(super) global_pin: Option<Secret>,
    no_clear: bool,
    variant: Properties,
    /// The very last command was a successful VERIFY: "PIN Always" needs that.
    pub(super) fresh: bool,
    pub(super) worked: Option<Work>,
    pub(super) messaging: Messaging,
    pub(super) management: Management,
    injection: Option<Injection>,
    /// What GET SERIAL answers.
    serial: u32,
    /// What GENERATE makes next, where a test wants to know it.
    pub(super) next_key: Option<Key>,
    /// How many RSA keys were taken from the fixtures, counted from where this card begins.
    generated: usize,
    /// What the log should say before the answer.
    notes: Vec<String>,
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
            no_clear: personality.no_clear && profile.is_crescendo(),
            variant: personality.properties,
            fresh: false,
            worked: None,
            messaging: Messaging::new(personality),
            rules: profile.pin_rules(),
            management: Management::new(personality.management.clone()),
            injection: None,
            serial: personality.ic_serial,
            next_key: None,
            generated: personality.guid.iter().map(|byte| usize::from(*byte)).sum(),
            notes: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, text: &str) {
        self.notes.push(text.into());
    }

    pub(super) fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Another application was selected. What belongs to the whole card outlives that: the global PIN.
    pub(super) fn log_out(&mut self) {
        self.pin.verified = false;
        self.fresh = false;
        self.injection = None;
        self.management.log_out();
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
        self.injection = None;
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

    /// Which keys there are.
    pub(super) fn references(&self) -> Vec<u8> {
        self.keys.keys().copied().collect()
    }

    /// How many keys and certificates take up memory.
    pub(super) fn stored(&self) -> usize {
        let tags = objects::KEY_REFERENCES.into_iter().filter_map(objects::certificate_tag);
        let filled = tags.filter_map(|tag| self.objects.get(&tag)).filter(|object| object[..] != [0x53, 0]);
        self.keys.len() + filled.count()
    }

    /// A command as it came, with no protection.
    pub(super) fn command(&mut self, command: &Command, rights: Rights) -> Answer {
        self.messaging.interrupt();
        self.execute(command, self.access(false), rights)
    }

    fn execute(&mut self, command: &Command, access: Access, rights: Rights) -> Answer {
        let fresh = std::mem::take(&mut self.fresh);
        let injection = self.injection.take();
        let dialect = self.profile.dialect();
        let answer = match (command.cla, command.ins) {
            (0x00, ins) | (0x80, ins @ 0xD8) if !access.knows(ins) => Answer::status(0x6A81),
            (0x00, 0x20) => self.verify(command, access),
            (0x00, 0x24) => self.change_reference_data(command, access),
            (0x00, 0x2C) => self.reset_retry_counter(command),
            (0x00, 0x47) => self.generate(command, rights),
            (0x00, 0x87) => self.general_authenticate(command, fresh, access),
            (0x00, 0xCB) => self.read(command, access),
            (0x00, 0xDB) => self.put_data(command, rights),
            (0x00, _) if self.profile == Profile::PivExtended => self.extended(command),
            (0x80, 0x56) if dialect == Some(Dialect::C4000) => self.properties(command),
            (0x80, 0xD8) if dialect.is_some() => self.inject(command, injection, rights),
            (0x80, _) if dialect.is_none() => Answer::status(0x6E00),
            _ => Answer::status(0x6D00),
        };
        // Nothing is known of a Crescendo beyond its contacts.
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
        if tag == properties::TAG && self.profile.dialect() == Some(Dialect::C2300) {
            return self.properties_2300();
        }
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
    let dialect = personality.profile.dialect();
    let (id, label): (_, &[u8]) = match (dialect, personality.label) {
        (Some(Dialect::C4000), false) => (PIX, b""),
        (Some(_), _) => (AID, b"HID Global ActivID Applet 3.0.3"),
        (None, _) => (AID, b"Virtual PIV Card"),
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
    Answer::data(tlv(0x61, &content)).sim_if(personality.label || personality.extended || algorithm.is_some())
}
