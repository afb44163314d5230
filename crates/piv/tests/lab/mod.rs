//! A virtual card for tests of `Token`.
#![allow(dead_code, unreachable_pub, missing_docs)] // each test file uses its part

use std::sync::Arc;

use link::Readers;
use piv::{Error, KeyReference, Pin, Token};
use sim::{Personality, SimCard, SimClock, SimReaders, SimStore};

pub const READER: &str = "Virtual PCD 00 00";

pub struct Lab {
    pub card: SimCard,
    pub readers: SimReaders,
    pub store: SimStore,
    pub clock: SimClock,
}

impl Lab {
    pub fn new(personality: Personality) -> Self {
        let card = SimCard::new(personality);
        let readers = SimReaders::with(READER, &card);
        Self { card, readers, store: SimStore::default(), clock: SimClock::default() }
    }

    pub fn key_v3() -> Self {
        Self::new(Personality::key_v3())
    }

    /// A token over a new connection.
    pub fn token(&self) -> Token {
        let card = self.readers.connect(READER).unwrap();
        Token::open(card, Arc::new(self.store.clone()), Arc::new(self.clock.clone()))
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
