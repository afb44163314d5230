//! A virtual card for tests of `Token`.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses its part

use std::sync::Arc;

use link::{Card, LinkError, PairingCodes, Readers, Transaction};
use piv::{Environment, Error, KeyReference, MessagingPolicy, Pin, Token};
use sim::{Interface, Personality, SecureMessaging, SimCard, SimClock, SimCodes, SimReaders, SimStore};

pub const READER: &str = "Virtual PCD 00 00";

pub struct Lab {
    pub card: SimCard,
    pub readers: SimReaders,
    pub store: SimStore,
    pub signers: SimStore,
    pub codes: SimCodes,
    pub clock: SimClock,
    pub policy: Arc<MessagingPolicy>,
}

impl Lab {
    pub fn new(personality: Personality) -> Self {
        let card = SimCard::new(personality);
        let readers = SimReaders::with(READER, &card);
        Self {
            card,
            readers,
            store: SimStore::default(),
            signers: SimStore::default(),
            codes: SimCodes::default(),
            clock: SimClock::default(),
            policy: Arc::default(),
        }
    }

    /// A dual-interface card on a contactless reader, on a machine that trusts the lab's authority.
    pub fn contactless(change: impl FnOnce(&mut SecureMessaging)) -> Self {
        let mut personality = Personality::piv_dual();
        change(&mut personality.secure_messaging);
        let lab = Self::new(personality);
        lab.card.set_interface(Interface::Contactless);
        lab.trusting(&[sim::fixture::vci_anchor()])
    }

    /// The same, on a machine that trusts these authorities.
    pub fn trusting(self, anchors: &[&str]) -> Self {
        let mut policy = MessagingPolicy::default();
        anchors.iter().for_each(|pem| policy.anchors.add_pem(pem).unwrap());
        Self { policy: Arc::new(policy), ..self }
    }

    /// The pairing code is kept for the login session.
    pub fn knowing_the_code(self) -> Self {
        let guid: String = Personality::piv_dual().guid.iter().map(|byte| format!("{byte:02X}")).collect();
        self.codes.save(&guid, b"27182818").unwrap();
        self
    }

    pub fn key_v3() -> Self {
        Self::new(Personality::key_v3())
    }

    pub fn environment(&self) -> Environment {
        Environment {
            store: Arc::new(self.store.clone()),
            signers: Arc::new(self.signers.clone()),
            codes: Arc::new(self.codes.clone()),
            clock: Arc::new(self.clock.clone()),
            messaging: self.policy.clone(),
        }
    }

    /// A token over a new connection.
    pub fn token(&self) -> Token {
        let card = self.readers.connect(READER).unwrap();
        Token::open(card, &self.environment())
    }

    /// A token over a new connection to a reader that says it is contactless, with a card that does not know.
    pub fn contactless_token(&self) -> Token {
        let card = Contactless(self.readers.connect(READER).unwrap());
        Token::open(Box::new(card), &self.environment())
    }

    /// The card goes out and comes back: every head is due.
    pub fn reinsert(&self) {
        self.card.pull();
        self.card.insert();
    }

    /// A token that is logged in.
    pub fn user(&self) -> Token {
        let mut token = self.token();
        token.login(&pin("123456")).unwrap();
        token
    }

    /// How many APDUs `work` costs.
    pub fn apdus<T>(&self, work: impl FnOnce() -> T) -> (u64, T) {
        self.card.zero();
        let result = work();
        (self.card.counts().apdus, result)
    }
}

/// Signs with the key that its certificate shows at this moment.
pub fn sign(
    token: &mut Token,
    key: KeyReference,
    input: &[u8],
    consent: Option<&Pin>,
) -> Result<Vec<u8>, Error> {
    let certificate = token.certificate(key)?.ok_or(Error::NotFound)?;
    token.sign(key, &certificate.key, input, consent)
}

pub fn pin(text: &str) -> Pin {
    Pin::new(text.as_bytes()).unwrap()
}

/// A card in a contactless reader, as far as its answer to reset tells.
struct Contactless(Box<dyn Card>);

impl Card for Contactless {
    fn atr(&self) -> &[u8] {
        b"\x3B\x8A\x80\x01C2300-FIPS\x68"
    }

    fn reader(&self) -> &str {
        self.0.reader()
    }

    fn insertion(&self) -> Option<&str> {
        self.0.insertion()
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
        self.0.begin()
    }

    fn alone(&mut self) -> Result<bool, LinkError> {
        self.0.alone()
    }
}
