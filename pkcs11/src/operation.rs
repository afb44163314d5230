//! What Sign, Verify, Encrypt, Decrypt and Digest remember from their Init to their end.

use piv::{Algorithm, Pin, PublicKey};
use zeroize::Zeroizing;

use crate::{
    Error,
    attributes::bits,
    hash::Hasher,
    mechanism::{Given, Kind, Mechanism},
    object::Key,
    padding::{self, Oaep, Pss},
};

/// What is collected for a mechanism that does not hash can never be useful beyond this.
const MOST: usize = 4096;

/// The bytes of a message in several parts.
pub(crate) enum Message {
    Hashed(Hasher),
    Plain(Zeroizing<Vec<u8>>),
}

impl Message {
    pub(crate) fn update(&mut self, part: &[u8]) -> Result<(), Error> {
        match self {
            Self::Hashed(hasher) => hasher.update(part),
            Self::Plain(bytes) if bytes.len() + part.len() > MOST => return Err(Error::DataLength),
            Self::Plain(bytes) => bytes.extend_from_slice(part),
        }
        Ok(())
    }

    fn finish(self) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Hashed(hasher) => Zeroizing::new(hasher.finalize().into_vec()),
            Self::Plain(bytes) => bytes,
        }
    }
}

/// How a message becomes what the key works on.
enum Scheme {
    Pkcs1 { mechanism: &'static Mechanism },
    Raw,
    Pss(Pss),
    Ecdsa,
}

impl Scheme {
    fn new(mechanism: &'static Mechanism, given: &Given, key: &Key) -> Result<Self, Error> {
        check_type(mechanism, key)?;
        if !key.usage.sign {
            return Err(Error::KeyFunction);
        }
        if let Kind::RsaPss(hash) = mechanism.kind {
            return Ok(Self::Pss(pss(given, hash, key.public())?));
        }
        given.parameter.none()?;
        Ok(match mechanism.kind {
            Kind::RsaPkcs(_) => Self::Pkcs1 { mechanism },
            Kind::Ecdsa(_) => Self::Ecdsa,
            _ => Self::Raw,
        })
    }

    /// What is signed, padded and as long as the key. For PSS that takes new salt each time.
    fn encode(&self, message: &[u8], public: &PublicKey) -> Result<Vec<u8>, Error> {
        match (self, public) {
            (Self::Pkcs1 { mechanism }, PublicKey::Rsa { modulus, .. }) => {
                let prefix = mechanism.hash().map_or(&[][..], |hash| hash.digest_info());
                padding::pkcs1_sign(&[prefix, message].concat(), modulus.len())
            }
            (Self::Pss(pss), PublicKey::Rsa { modulus, .. }) => {
                let mut salt = vec![0; pss.salt_len];
                random(&mut salt)?;
                pss.sign(message, &salt, bits(modulus))
            }
            (_, PublicKey::Rsa { modulus, .. }) => padding::raw(message, modulus),
            (_, PublicKey::Ecc { algorithm, .. }) => field(message, *algorithm),
        }
    }
}

fn message(mechanism: &Mechanism) -> Message {
    match mechanism.hash() {
        Some(hash) => Message::Hashed(hash.hasher()),
        None => Message::Plain(Zeroizing::default()),
    }
}

/// Between C_SignInit and the signature.
pub(crate) struct Signing {
    pub key: Key,
    /// The PIN of a context login, until it was used.
    pub consent: Option<Pin>,
    /// C_SignUpdate was called.
    pub in_parts: bool,
    pub message: Message,
    scheme: Scheme,
}

impl Signing {
    pub(crate) fn begin(mechanism: &'static Mechanism, given: &Given, key: Key) -> Result<Self, Error> {
        let scheme = Scheme::new(mechanism, given, &key)?;
        Ok(Self { key, consent: None, in_parts: false, message: message(mechanism), scheme })
    }

    /// Still waiting for the PIN its key asks for, and for the first byte. Programs that cannot ask (ssh-agent, libp11) leave
    /// it at that and begin another; it must not stand in the way of every other key.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.key.asks && self.consent.is_none() && !self.in_parts
    }

    pub(crate) fn signature_length(&self) -> usize {
        self.key.public().algorithm().signature_length()
    }

    /// What the card has to sign, and with what: padded, as long as the key.
    pub(crate) fn finish(self) -> Result<(Key, Option<Pin>, Vec<u8>), Error> {
        let block = self.scheme.encode(&self.message.finish(), self.key.public())?;
        Ok((self.key, self.consent, block))
    }
}

/// Between C_VerifyInit and the verdict.
pub(crate) struct Verifying {
    key: Key,
    /// C_VerifyUpdate was called.
    pub in_parts: bool,
    pub message: Message,
    scheme: Scheme,
}

impl Verifying {
    pub(crate) fn begin(mechanism: &'static Mechanism, given: &Given, key: Key) -> Result<Self, Error> {
        let scheme = Scheme::new(mechanism, given, &key)?;
        Ok(Self { key, in_parts: false, message: message(mechanism), scheme })
    }

    pub(crate) fn finish(self, signature: &[u8]) -> Result<(), Error> {
        let (message, public) = (self.message.finish(), self.key.public());
        if signature.len() != public.algorithm().signature_length() {
            return Err(Error::SignatureLength);
        }
        let good = match (&self.scheme, public) {
            (scheme, PublicKey::Ecc { .. }) => public.verifies(&scheme.encode(&message, public)?, signature),
            (Scheme::Pss(pss), PublicKey::Rsa { modulus, .. }) => {
                if message.len() != pss.hash.len() {
                    return Err(Error::DataLength);
                }
                public.raw_encrypt(signature).is_some_and(|block| pss.verify(&message, &block, bits(modulus)))
            }
            (scheme, _) => {
                let expected = scheme.encode(&message, public)?;
                public.raw_encrypt(signature).is_some_and(|block| block == expected)
            }
        };
        if good { Ok(()) } else { Err(Error::SignatureInvalid) }
    }
}

fn check_type(mechanism: &Mechanism, key: &Key) -> Result<(), Error> {
    let rsa = matches!(key.public(), PublicKey::Rsa { .. });
    let wants_rsa = !matches!(mechanism.kind, Kind::Ecdsa(_));
    if rsa == wants_rsa { Ok(()) } else { Err(Error::KeyType) }
}

fn pss(given: &Given, hash: Option<crate::hash::Hash>, public: &PublicKey) -> Result<Pss, Error> {
    let pss = given.parameter.pss(hash)?;
    let fits = matches!(public, PublicKey::Rsa { modulus, .. } if pss.fits(bits(modulus)));
    if fits { Ok(pss) } else { Err(Error::MechanismParameter) }
}

/// A hash as long as a coordinate: the leftmost bytes of a longer one (FIPS 186-5, 6.4.1), zeros before a shorter one.
fn field(hash: &[u8], algorithm: Algorithm) -> Result<Vec<u8>, Error> {
    if hash.is_empty() {
        return Err(Error::DataLength);
    }
    let len = algorithm.field_length();
    let hash = &hash[..hash.len().min(len)];
    Ok([&vec![0; len - hash.len()], hash].concat())
}

/// How a text becomes a block as long as the modulus, and back.
enum Sealing {
    Pkcs1,
    Raw,
    Oaep(Oaep),
}

impl Sealing {
    fn new(mechanism: &'static Mechanism, given: &Given, key: &Key) -> Result<Self, Error> {
        check_type(mechanism, key)?;
        if !key.usage.decrypt {
            return Err(Error::KeyFunction);
        }
        if mechanism.kind == Kind::RsaOaep {
            return Ok(Self::Oaep(given.parameter.oaep()?));
        }
        given.parameter.none()?;
        Ok(if mechanism.kind == Kind::RsaRaw { Self::Raw } else { Self::Pkcs1 })
    }
}

/// Between C_DecryptInit and the text.
pub(crate) struct Decrypting {
    pub key: Key,
    /// The PIN of a context login, until it was used.
    pub consent: Option<Pin>,
    /// C_DecryptUpdate was called.
    pub in_parts: bool,
    pub message: Message,
    sealing: Sealing,
}

impl Decrypting {
    pub(crate) fn begin(mechanism: &'static Mechanism, given: &Given, key: Key) -> Result<Self, Error> {
        let sealing = Sealing::new(mechanism, given, &key)?;
        let message = Message::Plain(Zeroizing::default());
        Ok(Self { key, consent: None, in_parts: false, message, sealing })
    }

    /// As [`Signing::is_abandoned`].
    pub(crate) fn is_abandoned(&self) -> bool {
        self.key.asks && self.consent.is_none() && !self.in_parts
    }

    /// The length told to a length query: the modulus, whatever is inside, because the true one would tell of the
    /// padding.
    pub(crate) fn length(&self) -> usize {
        self.key.public().algorithm().field_length()
    }

    /// The whole of what is to be decrypted.
    pub(crate) fn finish(self) -> Result<Sealed, Error> {
        let len = self.length();
        let block = self.message.finish();
        if block.len() != len {
            return Err(Error::EncryptedLength);
        }
        Ok(Sealed { key: self.key, consent: self.consent, block, sealing: self.sealing })
    }
}

/// Between C_EncryptInit and the block.
pub(crate) struct Encrypting {
    key: Key,
    /// C_EncryptUpdate was called.
    pub in_parts: bool,
    pub message: Message,
    sealing: Sealing,
}

impl Encrypting {
    pub(crate) fn begin(mechanism: &'static Mechanism, given: &Given, key: Key) -> Result<Self, Error> {
        let sealing = Sealing::new(mechanism, given, &key)?;
        Ok(Self { key, in_parts: false, message: Message::Plain(Zeroizing::default()), sealing })
    }

    pub(crate) fn length(&self) -> usize {
        self.key.public().algorithm().field_length()
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        let text = self.message.finish();
        let public = self.key.public();
        let PublicKey::Rsa { modulus, .. } = public else { return Err(Error::KeyType) };
        let block = Zeroizing::new(match &self.sealing {
            Sealing::Pkcs1 => padding::pkcs1_encrypt(&text, modulus.len(), random)?,
            Sealing::Oaep(oaep) => oaep.encrypt(&text, modulus.len(), random)?,
            Sealing::Raw => padding::raw(&text, modulus)?,
        });
        public.raw_encrypt(&block).ok_or(Error::DataInvalid)
    }
}

fn random(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::getrandom(bytes).map_err(|_| Error::NoRandom)
}

/// What the card has to decrypt, with what, and how the padding comes off after that.
pub(crate) struct Sealed {
    pub key: Key,
    pub consent: Option<Pin>,
    pub block: Zeroizing<Vec<u8>>,
    sealing: Sealing,
}

impl Sealed {
    /// The text in what the card made of the block.
    pub(crate) fn open(&self, block: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Error> {
        match &self.sealing {
            Sealing::Pkcs1 => padding::pkcs1_decrypt(&block),
            Sealing::Oaep(oaep) => oaep.decrypt(&block),
            Sealing::Raw => Ok(block),
        }
    }
}

/// Between C_DigestInit and the digest.
pub(crate) struct Digesting {
    pub hasher: Hasher,
    /// C_DigestUpdate was called.
    pub in_parts: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_cut_on_the_right_and_filled_on_the_left() {
        assert_eq!(field(&[7; 20], Algorithm::EccP256).unwrap(), [&[0; 12][..], &[7; 20]].concat());
        let long: Vec<u8> = (0..64).collect();
        assert_eq!(field(&long, Algorithm::EccP384).unwrap(), &long[..48]);
        assert!(matches!(field(&[], Algorithm::EccP256), Err(Error::DataLength)));
    }
}
