//! Key 9B of a card that is no Crescendo: GENERAL AUTHENTICATE by which a host proves that it holds the management key
//! (SP 800-73 part 2, 3.2.4 and appendix A.1).

use rand_core::{OsRng, RngCore};

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::access::Access;
use crate::card::administration::{Cipher, ManagementKey};
use crate::tlv::{objects, only, tlv};

pub(in crate::card) struct Management {
    pub(in crate::card) key: ManagementKey,
    delivered: ManagementKey,
    proven: bool,
    pending: Option<Pending>,
}

/// What the card waits for. It is good for one try.
enum Pending {
    /// This encryption of the challenge it gave.
    Response(Vec<u8>),
    /// The witness that it gave encrypted.
    Witness(Vec<u8>),
}

impl Management {
    pub(super) fn new(key: ManagementKey) -> Self {
        Self { delivered: key.clone(), key, proven: false, pending: None }
    }

    /// Whether nobody has replaced it since delivery.
    pub(super) fn is_as_delivered(&self) -> bool {
        self.key == self.delivered
    }

    /// The key of delivery is back, and not proven.
    pub(super) fn wipe(&mut self) {
        *self = Self::new(self.delivered.clone());
    }

    pub(in crate::card) fn is_authenticated(&self) -> bool {
        self.proven
    }

    /// Another application was selected, or power was lost.
    pub(super) fn log_out(&mut self) {
        self.proven = false;
        self.pending = None;
    }

    /// `None` for a template that is none of these.
    fn step(&mut self, template: &[(u8, &[u8])]) -> Option<Answer> {
        let cipher = self.key.cipher();
        let pending = self.pending.take();
        Some(match (template, pending) {
            ([(0x81, [])], _) => self.challenge(&cipher),
            ([(0x80, [])], _) => self.witness(&cipher),
            ([(0x82, given)], Some(Pending::Response(right))) => self.prove(*given == right, Vec::new()),
            // Some hosts leave out the empty response.
            (
                [(0x80, given), (0x81, challenge)] | [(0x80, given), (0x81, challenge), (0x82, [])],
                Some(Pending::Witness(right)),
            ) => {
                let response = cipher.encrypt(challenge)?;
                self.prove(*given == right, tlv(0x7C, &tlv(0x82, &response)))
            }
            ([(0x82, _)] | [(0x80, _), (0x81, _), ..], _) => Answer::status(0x6982),
            _ => return None,
        })
    }

    fn challenge(&mut self, cipher: &Cipher) -> Answer {
        let challenge = random(cipher.block());
        self.pending = cipher.encrypt(&challenge).map(Pending::Response);
        Answer::data(tlv(0x7C, &tlv(0x81, &challenge)))
    }

    fn witness(&mut self, cipher: &Cipher) -> Answer {
        let witness = random(cipher.block());
        let encrypted = cipher.encrypt(&witness).expect("one block");
        self.pending = Some(Pending::Witness(witness));
        Answer::data(tlv(0x7C, &tlv(0x80, &encrypted)))
    }

    /// There is no counter.
    fn prove(&mut self, right: bool, data: Vec<u8>) -> Answer {
        self.proven = right;
        if right { Answer::data(data) } else { Answer::status(0x6982) }
    }
}

impl Piv {
    pub(super) fn authenticate_manager(&mut self, command: &Command, access: Access) -> Answer {
        if access < Access::Contact {
            return Answer::status(0x6982);
        }
        // 00 is another name for 03.
        let algorithm = if command.p1 == 0x00 { 0x03 } else { command.p1 };
        if algorithm != self.management.key.algorithm {
            return Answer::status(0x6A86);
        }
        let template = only(0x7C, &command.data).and_then(objects);
        let mut template = template.unwrap_or_default();
        template.sort_unstable_by_key(|(tag, _)| *tag);
        self.management.step(&template).unwrap_or_else(|| Answer::status(0x6A80))
    }
}

fn random(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    OsRng.fill_bytes(&mut bytes);
    bytes
}
