//! Key establishment (SP 800-73-5 part 2, 4.1): one GENERAL AUTHENTICATE with key 04 that agrees on session keys and proves
//! that the card holds the key of its certificate. The host is not authenticated, and its key is used once.

use p256::elliptic_curve::{ecdh::diffie_hellman, sec1::ToEncodedPoint};
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256, Sha384};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{AesKey, ChannelError, Cvc, SecureChannel, SessionKeys, Suite, aes::BLOCK};
use crate::{
    Error,
    apdu::{Command, Response, StatusWord},
    tlv,
};

/// Key reference of the card's secure messaging key.
pub(super) const KEY: u8 = 0x04;
const GENERAL_AUTHENTICATE: u8 = 0x87;
/// Control bytes of host and card: no persistent binding.
const CONTROL: u8 = 0x00;
/// What the card's proof is made over begins with these letters (SP 800-56A, 5.9.1.1).
const KEY_CONFIRMATION: &[u8] = b"KC_1_V";

/// A key establishment that waits for the card's answer.
pub struct Establishment {
    suite: Suite,
    host: [u8; 8],
    key: HostKey,
    /// `04 || X || Y` of the host's key.
    point: Vec<u8>,
}

impl Establishment {
    /// Makes a key, and the command that carries its public half. The command goes out in plain, over any interface, and
    /// ends a session the card may have had.
    ///
    /// # Errors
    /// [`ChannelError::Random`].
    pub fn start(suite: Suite, random: &mut impl CryptoRngCore) -> Result<(Command, Self), Error> {
        Self::start_as([0; 8], suite, random)
    }

    /// As [`Establishment::start`], with a host identifier of one's own; zeros are usual.
    ///
    /// # Errors
    /// [`ChannelError::Random`].
    pub fn start_as(
        host: [u8; 8],
        suite: Suite,
        random: &mut impl CryptoRngCore,
    ) -> Result<(Command, Self), Error> {
        let key = HostKey::generate(suite, random).ok_or(ChannelError::Random)?;
        let pending = Self { suite, host, point: key.point(), key };
        let mut template = Vec::new();
        tlv::push(&mut template, 0x81, &[&[CONTROL][..], &host, &pending.point].concat());
        tlv::push(&mut template, 0x82, &[]);
        let command = Command::new(GENERAL_AUTHENTICATE, suite.identifier(), KEY);
        Ok((command.data(tlv::object(0x7C, &template)).expect(0), pending))
    }

    /// Agrees on keys with the card that gave this answer, all parts put together, if it proves that it holds the key of its
    /// certificate, and the certificate was made for the card with this GUID, the one in its CHUID. Who signed it is not
    /// asked here.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Error::Channel`] for an answer that fails a check. There is no second try with the same key.
    pub fn finish(self, response: &Response, guid: Option<[u8; 16]>) -> Result<(SecureChannel, Peer), Error> {
        if response.status != StatusWord::OK {
            return Err(Error::refused("key establishment", response.status));
        }
        let answer = Answer::parse(self.suite, &response.data).ok_or(MALFORMED)?;
        let cvc = Cvc::card(answer.certificate)?;
        if cvc.suite() != self.suite {
            return Err(ChannelError::OtherSuite.into());
        }
        if guid.is_none() || guid != cvc.guid() {
            return Err(ChannelError::OtherCard.into());
        }
        let secret = self.key.agree(cvc.point()).ok_or(ChannelError::Malformed("public key"))?;
        let keys = self.derive(&secret, &answer, &cvc);
        if !bool::from(keys.confirmation(&self, &cvc).ct_eq(answer.cryptogram)) {
            return Err(ChannelError::Cryptogram.into());
        }
        Ok((SecureChannel::new(keys.session()), Peer { cvc }))
    }

    /// The session keys (SP 800-56A, one-step): `H(counter || Z || OtherInfo)`, as often as it takes.
    fn derive(&self, secret: &[u8], answer: &Answer<'_>, cvc: &Cvc) -> KeyMaterial {
        let info = self.other_info(answer, cvc);
        let mut bytes = Zeroizing::new(Vec::with_capacity(3 * 48));
        for counter in 1..=self.suite.rounds() {
            let parts = [&counter.to_be_bytes()[..], secret, &info];
            match self.suite {
                Suite::Cs2 => bytes.extend_from_slice(&hash::<Sha256>(&parts)),
                Suite::Cs7 => bytes.extend_from_slice(&hash::<Sha384>(&parts)),
            }
        }
        KeyMaterial { bytes, length: self.suite.key_length() }
    }

    /// OtherInfo (SP 800-73-5 part 2, table 16).
    fn other_info(&self, answer: &Answer<'_>, cvc: &Cvc) -> Vec<u8> {
        let fields = [&self.host[..], &[CONTROL], &self.point[1..17], &cvc.id(), answer.nonce, &[CONTROL]];
        let mut info = vec![4];
        info.extend([self.suite.key_algorithm(); 4]);
        for field in fields {
            info.push(field.len() as u8);
            info.extend_from_slice(field);
        }
        info
    }
}

impl Suite {
    const fn rounds(self) -> u32 {
        match self {
            Self::Cs2 => 2,
            Self::Cs7 => 3,
        }
    }

    const fn key_length(self) -> usize {
        match self {
            Self::Cs2 => 16,
            Self::Cs7 => 32,
        }
    }

    const fn nonce_length(self) -> usize {
        match self {
            Self::Cs2 => 16,
            Self::Cs7 => 24,
        }
    }

    /// What OtherInfo calls the AES of each of the four keys.
    const fn key_algorithm(self) -> u8 {
        match self {
            Self::Cs2 => 0x09,
            Self::Cs7 => 0x0D,
        }
    }
}

/// A card that has proved to hold the key of this certificate. Whether the certificate is genuine is for
/// [`Trust`](super::Trust) to say.
#[derive(Debug)]
pub struct Peer {
    pub(super) cvc: Cvc,
}

impl Peer {
    /// The card's certificate.
    #[must_use]
    pub fn cvc(&self) -> &Cvc {
        &self.cvc
    }
}

/// The host's ephemeral key; wiped when dropped.
enum HostKey {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
}

impl HostKey {
    /// A random number below the order of the curve. One try in four thousand million does not do for P-256.
    fn generate(suite: Suite, random: &mut impl CryptoRngCore) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 48]);
        let bytes = &mut bytes[..suite.curve().field_length()];
        for _ in 0..8 {
            random.try_fill_bytes(bytes).ok()?;
            let key = match suite {
                Suite::Cs2 => p256::SecretKey::from_slice(bytes).ok().map(Self::P256),
                Suite::Cs7 => p384::SecretKey::from_slice(bytes).ok().map(Self::P384),
            };
            if key.is_some() {
                return key;
            }
        }
        None
    }

    fn point(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.public_key().to_encoded_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.public_key().to_encoded_point(false).as_bytes().to_vec(),
        }
    }

    /// Z, the x-coordinate of the product. `None`: the point is not on the curve.
    fn agree(&self, point: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let secret = match self {
            Self::P256(key) => {
                let card = p256::PublicKey::from_sec1_bytes(point).ok()?;
                diffie_hellman(key.to_nonzero_scalar(), card.as_affine()).raw_secret_bytes().to_vec()
            }
            Self::P384(key) => {
                let card = p384::PublicKey::from_sec1_bytes(point).ok()?;
                diffie_hellman(key.to_nonzero_scalar(), card.as_affine()).raw_secret_bytes().to_vec()
            }
        };
        Some(Zeroizing::new(secret))
    }
}

const MALFORMED: ChannelError = ChannelError::Malformed("answer to key establishment");

/// `7C { 82 { CB_ICC || N_ICC || AuthCryptogram || C_ICC } }`
struct Answer<'a> {
    nonce: &'a [u8],
    cryptogram: &'a [u8],
    certificate: &'a [u8],
}

impl<'a> Answer<'a> {
    fn parse(suite: Suite, data: &'a [u8]) -> Option<Self> {
        let response = tlv::only(tlv::only(data, 0x7C)?, 0x82)?;
        let rest = response.strip_prefix(&[CONTROL])?;
        let (nonce, rest) = rest.split_at_checked(suite.nonce_length())?;
        let (cryptogram, certificate) = rest.split_at_checked(BLOCK)?;
        Some(Self { nonce, cryptogram, certificate })
    }
}

/// `SK_CFRM || SK_MAC || SK_ENC || SK_RMAC`, and what is left over.
struct KeyMaterial {
    bytes: Zeroizing<Vec<u8>>,
    length: usize,
}

impl KeyMaterial {
    fn key(&self, index: usize) -> AesKey {
        AesKey::new(&self.bytes[index * self.length..][..self.length])
    }

    /// AuthCryptogram_ICC, as the card with these keys makes it.
    fn confirmation(&self, host: &Establishment, cvc: &Cvc) -> [u8; BLOCK] {
        self.key(0).mac(&[KEY_CONFIRMATION, &cvc.id(), &host.host, &host.point[1..]])
    }

    fn session(&self) -> SessionKeys {
        SessionKeys { mac: self.key(1), enc: self.key(2), rmac: self.key(3) }
    }
}

fn hash<H: Digest>(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut hash = H::new();
    parts.iter().for_each(|part| hash.update(part));
    Zeroizing::new(hash.finalize().to_vec())
}
