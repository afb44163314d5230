//! What a token needs of its machine besides the card.

use std::sync::Arc;

use link::{Clock, Entry, LinkError, PairingCodes, Store};

use crate::channel::Anchors;

/// Where a token keeps what it knows, and what it may do over contactless. Clones are the same machine.
#[derive(Clone)]
pub struct Environment {
    /// Public content of cards: losing it costs time.
    pub store: Arc<dyn Store>,
    /// [`LearntSigner`](crate::channel::LearntSigner) of each card, by GUID: losing it costs trust. Cleared by nobody but a
    /// person who means it.
    pub signers: Arc<dyn Store>,
    /// Pairing codes of the login session.
    pub codes: Arc<dyn PairingCodes>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Secure messaging.
    pub messaging: Arc<MessagingPolicy>,
}

impl Environment {
    /// A machine that keeps public content, and trusts no card over contactless.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, signers: Arc::new(Nowhere), codes: Arc::new(Nowhere), clock, messaging: Arc::default() }
    }
}

/// When there is secure messaging, and with whom (SP 800-73-5 part 1, 5.5). The default is what should be: over contactless,
/// with cards that somebody vouches for.
#[derive(Debug, Default)]
pub struct MessagingPolicy {
    /// Who vouches for cards.
    pub anchors: Anchors,
    /// A card that nobody vouches for is believed the first time it is seen over contactless, and learnt.
    pub first_use: bool,
    /// A reader that says it is contactless is one of a laboratory, and treated as contact.
    pub contactless_is_contact: bool,
    /// Secure messaging over contact, too. It protects, and gives no rights.
    pub always: bool,
}

impl MessagingPolicy {
    /// The usual policy, with the certificates in these files: name and text (PEM) of each. A file that cannot be used is
    /// left out, and logged with the reason.
    #[must_use]
    pub fn with_anchors(files: &[(String, String)]) -> Self {
        let mut anchors = Anchors::default();
        for (name, text) in files {
            if let Err(error) = anchors.add_pem(text) {
                tracing::warn!("the anchors in {name} are not used: {error}");
            }
        }
        Self { anchors, ..Self::default() }
    }
}

/// Keeps nothing.
struct Nowhere;

impl Store for Nowhere {
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

impl PairingCodes for Nowhere {
    fn load(&self, _: &str, _: &mut dyn FnMut(&[u8; 8])) {}

    fn save(&self, _: &str, _: &[u8; 8]) -> Result<(), LinkError> {
        Err(LinkError::Other("pairing codes are not kept here".into()))
    }

    fn remove(&self, _: &str) -> bool {
        false
    }
}
