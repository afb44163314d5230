//! A card that answers anything: the token may report any error, but never panic, hang, or hand out a signature.
#![no_main]

use std::{sync::Arc, time::Duration};

use link::{Card, Clock, Entry, LinkError, Store, Transaction, Transmit};
use piv::{Algorithm, Authority, Environment, KeyReference, Pin, Token};

libfuzzer_sys::fuzz_target!(|answers: Vec<Vec<u8>>| {
    let environment = Environment::new(Arc::new(Nothing), Arc::new(Nothing));
    let mut token = Token::open(Box::new(Script(answers.into_iter())), &environment);
    let _ = token.state().map(|state| state.identity.as_ref().map(|identity| identity.serial()));
    let _ = token.find_retired();
    let keys = token.keys();
    let _ = token.read_certificates(&keys);
    if let Ok(pin) = Pin::new(b"123456") {
        let _ = token.login(&pin);
    }
    for key in [KeyReference::PIV_AUTHENTICATION, KeyReference::CARD_AUTHENTICATION] {
        let _ = token.certificate(key).map(|shown| shown.map(|shown| token.sign(key, &shown.key, &[1; 256], None)));
        let _ = token.certificate(key).map(|shown| shown.map(|shown| token.sign(key, &shown.key, &[1; 32], None)));
    }
    let _ = token.look();
    let _ = token.logout();
    if let Ok(pin) = Pin::new(b"123456") {
        let _ = (token.places(), token.metadata(KeyReference::DIGITAL_SIGNATURE));
        let _ = token.generate(&Authority::Pin(&pin), KeyReference::DIGITAL_SIGNATURE, Algorithm::EccP256);
        let _ = token.recover(KeyReference::PIV_AUTHENTICATION, Some(&pin));
        let _ = token.write_certificate(&Authority::Pin(&pin), KeyReference::PIV_AUTHENTICATION, Some(&[0x30, 0]));
    }
});

struct Script(std::vec::IntoIter<Vec<u8>>);

impl Transmit for Script {
    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, LinkError> {
        self.0.next().ok_or(LinkError::Removed)
    }
}

impl Card for Script {
    fn atr(&self) -> &[u8] {
        b"\x3B\xD9\x96\xFF\x81\x91\xFE\x1F\xC3C4000-KEY\xBF"
    }

    fn reader(&self) -> &str {
        "Script"
    }

    fn insertion(&self) -> Option<&str> {
        None
    }

    fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
        Ok(Transaction { link: Box::new(Borrowed(self)), was_reset: false })
    }

    fn alone(&mut self) -> Result<bool, LinkError> {
        Ok(true)
    }
}

struct Borrowed<'s>(&'s mut Script);

impl Transmit for Borrowed<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
        self.0.transmit(apdu)
    }
}

struct Nothing;

impl Store for Nothing {
    fn load(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn update(&self, _: &str, _: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) {}
    fn remove(&self, _: &str) {}
    fn entries(&self) -> Vec<Entry> {
        Vec::new()
    }
    fn generation(&self) -> u64 {
        0
    }
}

impl Clock for Nothing {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn date(&self) -> Duration {
        Duration::ZERO
    }
}
