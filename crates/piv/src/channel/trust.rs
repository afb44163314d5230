//! Whether a card is the one it claims to be, and so whether it may be told a PIN. Closed by default: somebody has to vouch
//! for the key that signed the card's certificate. Revocation is not looked at: a card that was stolen and revoked is still
//! believed to be itself.

use super::{Anchors, Cvc, LearntSigner, Peer, anchors::Certified};
use crate::{Error, ObjectId, object, tlv};

/// Who says that a card is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// An installed anchor.
    Anchored,
    /// We do: key and signer are those that this card had over contact.
    Learnt,
    /// Nobody. The certificate was signed by the signer that came with it, there are no anchors, and nothing was learnt of
    /// this card. To go on from here is for the user to have decided beforehand, and to be logged.
    FirstUse,
    /// Nobody, and somebody should: what is wrong.
    Refused(&'static str),
}

impl Trust {
    /// Who vouches for the card at the other end, at a time in seconds since 1970. `learnt`: what was kept of the card with
    /// this GUID.
    ///
    /// With anchors installed, a card that leads to none of them is refused, unless it was learnt over contact. A card that
    /// was learnt and shows another key is refused, unless an anchor vouches for it.
    #[must_use]
    pub fn of(
        peer: &Peer,
        signer: &ContentSigner,
        anchors: &Anchors,
        learnt: Option<&LearntSigner>,
        now: u64,
    ) -> Self {
        if let Err(why) = signer.has_signed(peer.cvc()) {
            return Self::Refused(why);
        }
        let anchored = anchors.vouch_for(&signer.certificate, now);
        match (anchored, learnt) {
            (Ok(()), _) => Self::Anchored,
            (Err(_), Some(learnt)) if learnt.knows(peer, signer) => Self::Learnt,
            (Err(_), Some(_)) => Self::Refused("it shows another key than when it was seen over contact"),
            (Err(_), None) if anchors.is_empty() => Self::FirstUse,
            (Err(why), None) => Self::Refused(why),
        }
    }
}

/// The content of the Secure Messaging Certificate Signer object: who has signed the certificates of cards.
#[derive(Clone, Debug)]
pub struct ContentSigner {
    certificate: Certified,
    intermediate: Option<Cvc>,
}

impl ContentSigner {
    /// The data object it is read from, on any interface and in plain.
    pub const OBJECT: ObjectId = ObjectId::from_tag(0x5F_C122);

    /// Reads the content of the data object, without its wrapper.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Unsupported`] for a key that no content signer has, [`Error::Channel`].
    pub fn parse(content: &[u8]) -> Result<Self, Error> {
        let malformed = Error::Malformed("secure messaging certificate signer");
        let objects: Vec<_> = tlv::ber(content).take(5).collect();
        let is_whole =
            objects.last().is_some_and(|(_, last)| last.as_ptr_range().end == content.as_ptr_range().end);
        let tags: Vec<_> = objects.iter().map(|(tag, _)| *tag).filter(|tag| *tag != 0xFE).collect();
        let intermediate = match tags[..] {
            [0x70] | [0x70, 0x71] if is_whole => None,
            [0x70, 0x71, 0x7F21] | [0x70, 0x7F21] if is_whole => {
                let cvc = objects.iter().find(|(tag, _)| *tag == 0x7F21);
                cvc.map(|(tag, value)| Cvc::intermediate(&tlv::object(*tag, value))).transpose()?
            }
            _ => return Err(malformed),
        };
        let certificate = Certified::parse(&object::certificate(content)?)?;
        Ok(Self { certificate, intermediate })
    }

    /// The certificate, DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate.der
    }

    /// Whether this signer, or the Intermediate CVC that it has signed, has signed the certificate of a card.
    pub(super) fn has_signed(&self, card: &Cvc) -> Result<(), &'static str> {
        let id = self.certificate.key_id().ok_or("its signer's certificate has no key identifier")?;
        let Some(intermediate) = &self.intermediate else {
            return check(card.is_signed_by(id, &self.certificate.key));
        };
        let (subject, key) =
            intermediate.signing_key().ok_or("its certificate is not signed by its signer")?;
        check(intermediate.is_signed_by_rsa(id, &self.certificate.key))?;
        check(card.is_signed_by(subject, &key))
    }
}

fn check(is_signed: bool) -> Result<(), &'static str> {
    if is_signed { Ok(()) } else { Err("its certificate is not signed by its signer") }
}
