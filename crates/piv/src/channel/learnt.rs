//! What is remembered of a card that was seen over contact, so that it is known again over contactless.

use sha2::{Digest, Sha256};

use super::{ContentSigner, Peer};
use crate::Error;

/// First bytes of the stored form; the last one is its version.
const MAGIC: [u8; 8] = *b"crsigner";
const VERSION: u8 = 1;
/// Magic, version, GUID, two fingerprints, checksum.
const LENGTH: usize = 8 + 1 + 16 + 32 + 32 + 32;

/// The signer of one card and the key of that card, by their fingerprints. Not secret, but not for others to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LearntSigner {
    guid: [u8; 16],
    signer: [u8; 32],
    card: [u8; 32],
}

impl LearntSigner {
    /// What to remember of a card. The caller knows that it is the real one: it was reached over contact, or the user has
    /// decided to trust the first use. `None`: the signer has not signed this card.
    #[must_use]
    pub fn learn(peer: &Peer, signer: &ContentSigner) -> Option<Self> {
        signer.has_signed(peer.cvc()).ok()?;
        Self::of(peer, signer)
    }

    fn of(peer: &Peer, signer: &ContentSigner) -> Option<Self> {
        Some(Self {
            guid: peer.cvc().guid()?,
            signer: Sha256::digest(signer.certificate()).into(),
            card: Sha256::digest(peer.cvc().point()).into(),
        })
    }

    /// Whether this is the card that was learnt, with the same key and the same signer.
    pub(super) fn knows(&self, peer: &Peer, signer: &ContentSigner) -> bool {
        Self::of(peer, signer).as_ref() == Some(self)
    }

    /// The card it is about.
    #[must_use]
    pub fn guid(&self) -> [u8; 16] {
        self.guid
    }

    /// The stored form: magic, version, GUID, fingerprints, and a checksum over all of it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = [&MAGIC[..], &[VERSION], &self.guid, &self.signer, &self.card].concat();
        out.extend(Sha256::digest(&out));
        out
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`Error::Malformed`]: damaged, or of another version. That is not the same as nothing learnt: a card whose record
    /// cannot be read is one to refuse.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(bytes).ok_or(Error::Malformed("record of its signer"))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let (body, checksum) = bytes.split_last_chunk::<32>()?;
        let rest = body.strip_prefix(&MAGIC)?.strip_prefix(&[VERSION])?;
        let (guid, rest) = rest.split_first_chunk::<16>()?;
        let (signer, card) = rest.split_first_chunk::<32>()?;
        let is_whole = <[u8; 32]>::from(Sha256::digest(body)) == *checksum;
        is_whole.then_some(Self { guid: *guid, signer: *signer, card: card.try_into().ok()? })
    }
}
