//! Secure messaging of the PIV application: its key 04, the session there is, and the pairing code.

#[cfg(test)]
mod vectors;

use rand_core::{OsRng, RngCore};

use super::Piv;
use crate::apdu::{Answer, Command};
use crate::card::aca::Rights;
use crate::card::access::Access;
use crate::card::channel::Channel;
use crate::card::cvc::{self, Credentials};
use crate::card::establish::{self, Agreement, Host};
use crate::card::key::Key;
use crate::card::messaging::{Interface, SecureMessaging, Suite, Vci};
use crate::card::objects::DISCOVERY;
use crate::card::personality::Personality;
use crate::fault::{Part, What};
use crate::fixture::vci;
use crate::latency::Work;
use crate::tlv::{objects, only, tlv};

pub(super) const SECURE_MESSAGING_KEY: u8 = 0x04;

pub(in crate::card) struct Messaging {
    settings: SecureMessaging,
    /// As the PIN usage policy has it.
    vci: Vci,
    identity: Option<Identity>,
    pub(in crate::card) interface: Interface,
    pub(in crate::card) channel: Option<Channel>,
    /// The pairing code was right, and the session is still the same.
    pub(in crate::card) paired: bool,
    /// What happens to the next answer it fits.
    pub(in crate::card) fault: Option<What>,
    pub(in crate::card) established: u64,
    nonces: Box<dyn RngCore + Send>,
}

/// The key 04 and what vouches for it.
struct Identity {
    suite: Suite,
    key: Key,
    /// C_ICC.
    certificate: Vec<u8>,
}

/// Key and certificates of a card that has secure messaging.
pub(in crate::card) fn credentials(personality: &Personality) -> Option<Credentials> {
    let suite = personality.suite()?;
    let key = Key::new(vci("card", suite.curve()));
    Some(cvc::credentials(&key, suite, personality.secure_messaging.signer, &personality.guid))
}

fn identity(personality: &Personality) -> Option<Identity> {
    let credentials = credentials(personality)?;
    let suite = personality.suite()?;
    Some(Identity { suite, key: Key::new(vci("card", suite.curve())), certificate: credentials.card })
}

impl Messaging {
    pub(super) fn new(personality: &Personality) -> Self {
        Self {
            settings: personality.secure_messaging.clone(),
            vci: personality.vci(),
            identity: identity(personality),
            interface: Interface::Contact,
            channel: None,
            paired: false,
            fault: None,
            established: 0,
            nonces: Box::new(OsRng),
        }
    }

    /// Takes on other settings. A session with another key is none.
    pub(super) fn change(&mut self, personality: &Personality) {
        let new = &personality.secure_messaging;
        if (new.suite, new.signer) != (self.settings.suite, self.settings.signer) {
            self.end();
        }
        self.settings = new.clone();
        self.vci = personality.vci();
        self.identity = identity(personality);
    }

    /// The keys are destroyed, and with them what was said under them.
    pub(in crate::card) fn end(&mut self) {
        self.channel = None;
        self.paired = false;
    }

    /// A plain command came.
    pub(super) fn interrupt(&mut self) {
        if self.settings.strict_plain {
            self.end();
        }
    }

    /// How many of the last tries of a PIN may not be used this way.
    pub(super) fn reserved_tries(&self, access: Access) -> u8 {
        if access == Access::Contact { 0 } else { self.settings.contact_tries }
    }

    /// The algorithm to announce in the application property template.
    pub(super) fn algorithm(&self) -> Option<u8> {
        self.identity.as_ref().map(|identity| identity.suite.byte())
    }
}

impl Piv {
    pub(super) fn access(&self, protected: bool) -> Access {
        let vci = match self.messaging.vci {
            Vci::None => false,
            Vci::PairingCode => self.messaging.paired,
            Vci::Open => true,
        };
        match (self.messaging.interface, protected) {
            (Interface::Contact, _) => Access::Contact,
            (Interface::Contactless, false) => Access::Contactless,
            // The Discovery object must be there to say so.
            _ if vci && self.objects.contains_key(&DISCOVERY) => Access::Vci,
            _ => Access::Secured,
        }
    }

    /// A protected command: what it says is carried out, and answered under the same keys.
    pub(in crate::card) fn protected(&mut self, command: &Command) -> Answer {
        let fresh = std::mem::take(&mut self.fresh);
        if self.messaging.identity.is_none() {
            return Answer::status(0x6882);
        }
        // It is put back when all went well.
        let Some(mut channel) = self.messaging.channel.take() else {
            return Answer::status(0x6982);
        };
        let inner = match admitted(command).and_then(|()| channel.open(command)) {
            Ok(inner) => inner,
            Err(status) => {
                self.messaging.end();
                return Answer::status(status);
            }
        };
        self.fresh = fresh;
        let answer = self.execute(&inner, self.access(true), Rights::default());
        let sealed = channel.seal(&answer, &mut self.messaging.fault);
        self.messaging.channel = Some(channel);
        if self.messaging.fault.take_if(|fault| *fault == What::PlainAnswer).is_some() {
            return answer;
        }
        Answer { data: sealed, status: 0x9000, ..answer }
    }

    /// Key establishment. Whatever becomes of it, the old session is over.
    pub(super) fn establish(&mut self, command: &Command) -> Answer {
        self.messaging.end();
        let Some(identity) = &self.messaging.identity else { return Answer::status(0x6A86).sim() };
        if command.p1 != identity.suite.byte() {
            return Answer::status(0x6A86);
        }
        let mut certificate = identity.certificate.clone();
        if spoils(&mut self.messaging.fault, Part::Cvc) {
            // The signature alone is wrong; the cryptogram fits this certificate.
            certificate.last_mut().into_iter().for_each(|byte| *byte ^= 1);
        }
        let mut nonce = vec![0; identity.suite.nonce_length()];
        self.messaging.nonces.fill_bytes(&mut nonce);
        let Some(agreed) = agree(identity, &certificate, &nonce, &command.data) else {
            return Answer::status(0x6A80);
        };
        self.worked = Some(Work::Private(identity.key.algorithm));
        let Agreement { mut cryptogram, keys } = agreed;
        nonce[0] ^= u8::from(spoils(&mut self.messaging.fault, Part::Nonce));
        cryptogram[0] ^= u8::from(spoils(&mut self.messaging.fault, Part::Cryptogram));
        self.messaging.channel = Some(Channel::new(keys));
        self.messaging.established += 1;
        let response = [&[0x00], &nonce[..], &cryptogram, &certificate].concat();
        Answer::data(tlv(0x7C, &tlv(0x82, &response)))
    }

    /// VERIFY of the pairing code, key reference 98: no counter, and 6300 when it is wrong.
    pub(super) fn verify_pairing_code(&mut self, command: &Command, access: Access) -> Answer {
        let messaging = &mut self.messaging;
        if messaging.identity.is_none() || messaging.vci != Vci::PairingCode {
            return Answer::status(0x6A88);
        }
        if access < Access::Secured {
            return Answer::status(0x6982);
        }
        match (command.p1, &command.data[..]) {
            (0x00, []) => {}
            (0x00, code) if code.len() == 8 && code.iter().all(u8::is_ascii_digit) => {
                messaging.paired = code == messaging.settings.pairing_code.as_bytes();
            }
            (0x00, _) | (0xFF, [_, ..]) => return Answer::status(0x6A80),
            (0xFF, []) => {
                messaging.paired = false;
                return Answer::status(0x9000);
            }
            _ => return Answer::status(0x6A86),
        }
        Answer::status(if messaging.paired { 0x9000 } else { 0x6300 })
    }
}

/// Which card commands may be protected (SP 800-73 part 2, 4.2).
fn admitted(command: &Command) -> Result<(), u16> {
    match (command.ins, command.p2) {
        (0x87, SECURE_MESSAGING_KEY) => Err(0x6982),
        (0x20 | 0x24 | 0x87 | 0xCB, _) => Ok(()),
        _ => Err(0x6882),
    }
}

fn agree(identity: &Identity, certificate: &[u8], nonce: &[u8], data: &[u8]) -> Option<Agreement> {
    let [(0x81, host), (0x82, [])] = objects(only(0x7C, data)?)?[..] else { return None };
    let host = Host::read(identity.suite, host)?;
    establish::agree(identity.suite, &identity.key, certificate, &host, nonce)
}

/// Whether this part is to be tampered with, now and not again.
fn spoils(fault: &mut Option<What>, part: Part) -> bool {
    fault.take_if(|fault| *fault == What::Tamper(part)).is_some()
}
