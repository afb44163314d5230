//! A card that answers anything: every error is allowed, a panic or a made-up result is not.

mod lab;

use std::sync::Arc;

use lab::{pin, sign};
use link::{Card, LinkError, Transaction, Transmit};
use piv::{Environment, KeyReference, Token};
use proptest::prelude::*;
use sim::{SimClock, SimStore};

/// Answers from a list, then is gone.
struct Script(std::vec::IntoIter<Vec<u8>>);

impl Transmit for &mut Script {
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
        Ok(Transaction { link: Box::new(self), was_reset: false })
    }

    fn alone(&mut self) -> Result<bool, LinkError> {
        Ok(true)
    }
}

/// What a card says: anything, but often enough with a status word that lets the program go on.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![
        6 => Just([0x90, 0x00]),
        1 => Just([0x6A, 0x82]),
        1 => Just([0x61, 0x10]),
        1 => Just([0x63, 0xC3]),
        1 => any::<[u8; 2]>(),
    ];
    let wrapped = proptest::collection::vec(any::<u8>(), 0..100).prop_map(|value| {
        let mut object = vec![0x53, value.len() as u8];
        object.extend(value);
        object
    });
    let data = prop_oneof![proptest::collection::vec(any::<u8>(), 0..40), wrapped];
    (data, status).prop_map(|(mut data, status)| {
        data.extend(status);
        data
    })
}

proptest! {
    #[test]
    fn any_answers_end_in_an_error(answers in proptest::collection::vec(answer(), 0..60)) {
        let environment = Environment::new(Arc::new(SimStore::default()), Arc::new(SimClock::default()));
        let mut token = Token::open(Box::new(Script(answers.into_iter())), &environment);
        let _ = token.state().cloned();
        let _ = token.find_retired();
        let _ = token.read_certificates(&token.keys());
        let _ = token.login(&pin("123456"));
        prop_assert!(sign(&mut token, KeyReference::PIV_AUTHENTICATION, &[1; 256], None).is_err());
        prop_assert!(sign(&mut token, KeyReference::CARD_AUTHENTICATION, &[1; 32], None).is_err());
        let _ = token.look();
        let _ = token.logout();
    }
}
