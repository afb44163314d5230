//! A private key on its way onto a card: read from PKCS#8, PKCS#1 or SEC 1 (RFC 5958, 8017, 5915), checked against itself,
//! and wiped when dropped. Nothing is signed or deciphered with it here.

use der::{
    Decode,
    asn1::{ContextSpecific, ObjectIdentifier, OctetStringRef, UintRef},
};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::PrivateKeyInfo;
use rsa::{BigUint, pkcs1::RsaPrivateKey};
use zeroize::Zeroizing;

use crate::{Algorithm, Error, PublicKey};

const RSA_ENCRYPTION: ObjectIdentifier = const_oid::db::rfc5912::RSA_ENCRYPTION;
const EC_PUBLIC_KEY: ObjectIdentifier = const_oid::db::rfc5912::ID_EC_PUBLIC_KEY;
const P256: ObjectIdentifier = const_oid::db::rfc5912::SECP_256_R_1;
const P384: ObjectIdentifier = const_oid::db::rfc5912::SECP_384_R_1;

/// The public exponent of SP 800-78-5, 3.1.
const EXPONENT: &[u8] = &[0x01, 0x00, 0x01];

/// A private key and its public half. It cannot be printed or copied.
pub struct PrivateKey {
    public: PublicKey,
    pub(crate) parts: Parts,
}

/// What a card is given of a key. Numbers are big-endian, and as long as their kind of key has them.
pub(crate) enum Parts {
    /// The Chinese remainder form.
    Rsa(Box<Crt>),
    /// The scalar.
    Ecc(Zeroizing<Vec<u8>>),
}

/// RSA, each number half as long as the modulus.
pub(crate) struct Crt {
    pub(crate) p: Zeroizing<Vec<u8>>,
    pub(crate) q: Zeroizing<Vec<u8>>,
    pub(crate) dp: Zeroizing<Vec<u8>>,
    pub(crate) dq: Zeroizing<Vec<u8>>,
    pub(crate) coefficient: Zeroizing<Vec<u8>>,
}

impl PrivateKey {
    /// Reads a key in DER, in whichever of the three forms.
    ///
    /// # Errors
    /// [`Error::Input`] for what is none of them or does not fit together, [`Error::Unsupported`] for a kind of key that no PIV
    /// card has.
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        if let Ok(info) = PrivateKeyInfo::from_der(der) {
            return Self::from_pkcs8(&info);
        }
        if let Ok(key) = RsaPrivateKey::from_der(der) {
            return rsa_key(&key);
        }
        match sec1(der) {
            Some((scalar, Some(curve))) => ecc_key(curve, scalar),
            _ => Err(NOT_A_KEY),
        }
    }

    fn from_pkcs8(info: &PrivateKeyInfo<'_>) -> Result<Self, Error> {
        match info.algorithm.oid {
            RSA_ENCRYPTION => rsa_key(&RsaPrivateKey::from_der(info.private_key).map_err(|_| NOT_A_KEY)?),
            EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters_oid().map_err(|_| Error::Unsupported("this curve"))?;
                let (scalar, _) = sec1(info.private_key).ok_or(NOT_A_KEY)?;
                ecc_key(curve, scalar)
            }
            _ => Err(Error::Unsupported("this kind of key")),
        }
    }

    /// An RSA key by its numbers in the order of PKCS #1: modulus, public and private exponent, both primes, their exponents,
    /// and the coefficient.
    ///
    /// # Errors
    /// As [`PrivateKey::from_der`].
    pub fn from_numbers(numbers: [&[u8]; 8]) -> Result<Self, Error> {
        let number = |at: usize| UintRef::new(numbers[at]).map_err(|_| NOT_A_KEY);
        rsa_key(&RsaPrivateKey {
            modulus: number(0)?,
            public_exponent: number(1)?,
            private_exponent: number(2)?,
            prime1: number(3)?,
            prime2: number(4)?,
            exponent1: number(5)?,
            exponent2: number(6)?,
            coefficient: number(7)?,
            other_prime_infos: None,
        })
    }

    /// A key on a curve by its scalar.
    ///
    /// # Errors
    /// As [`PrivateKey::from_der`].
    pub fn from_scalar(algorithm: Algorithm, scalar: &[u8]) -> Result<Self, Error> {
        match algorithm {
            Algorithm::EccP256 => ecc_key(P256, scalar),
            Algorithm::EccP384 => ecc_key(P384, scalar),
            _ => Err(NOT_A_KEY),
        }
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its kind.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }
}

const NOT_A_KEY: Error = Error::Input("this is no private key that can be read");

fn rsa_key(key: &RsaPrivateKey<'_>) -> Result<PrivateKey, Error> {
    let length = key.modulus.as_bytes().len();
    let algorithm = Algorithm::of_modulus(length).ok_or(Error::Unsupported("an RSA key of this size"))?;
    let number = |number: UintRef<'_>| Zeroizing::new(BigUint::from_bytes_be(number.as_bytes()));
    let (p, q) = (number(key.prime1), number(key.prime2));
    if key.other_prime_infos.is_some() || &*p * &*q != *number(key.modulus) {
        return Err(Error::Input("the parts of this RSA key do not fit together"));
    }
    // A card is given no exponent, and takes it to be this one.
    if key.public_exponent.as_bytes() != EXPONENT {
        return Err(Error::Input(
            "this RSA key has another public exponent than 65537, which cards do not take",
        ));
    }
    let half = |number: UintRef<'_>| padded(number.as_bytes(), length / 2);
    let crt = Crt {
        p: half(key.prime1)?,
        q: half(key.prime2)?,
        dp: half(key.exponent1)?,
        dq: half(key.exponent2)?,
        coefficient: half(key.coefficient)?,
    };
    let public = PublicKey::rsa(algorithm, key.modulus.as_bytes(), key.public_exponent.as_bytes())?;
    Ok(PrivateKey { public, parts: Parts::Rsa(Box::new(crt)) })
}

fn ecc_key(curve: ObjectIdentifier, scalar: &[u8]) -> Result<PrivateKey, Error> {
    let (algorithm, point) = match curve {
        P256 => {
            let key = p256::SecretKey::from_slice(&padded(scalar, 32)?).map_err(|_| NOT_A_KEY)?;
            (Algorithm::EccP256, key.public_key().to_encoded_point(false).as_bytes().to_vec())
        }
        P384 => {
            let key = p384::SecretKey::from_slice(&padded(scalar, 48)?).map_err(|_| NOT_A_KEY)?;
            (Algorithm::EccP384, key.public_key().to_encoded_point(false).as_bytes().to_vec())
        }
        _ => return Err(Error::Unsupported("this curve")),
    };
    let scalar = padded(scalar, algorithm.field_length())?;
    Ok(PrivateKey { public: PublicKey::ecc(algorithm, &point)?, parts: Parts::Ecc(scalar) })
}

/// The scalar of an ECPrivateKey, and its curve where it says so itself.
fn sec1(der: &[u8]) -> Option<(&[u8], Option<ObjectIdentifier>)> {
    use der::Reader;
    let mut outer = der::SliceReader::new(der).ok()?;
    let found = outer.sequence(|inner| {
        u8::decode(inner)?;
        let scalar = OctetStringRef::decode(inner)?.as_bytes();
        let mut curve = None;
        while !inner.is_finished() {
            let field = inner.tlv_bytes()?;
            if field.first() == Some(&0xA0) {
                curve = ContextSpecific::<ObjectIdentifier>::from_der(field).ok().map(|field| field.value);
            }
        }
        Ok((scalar, curve))
    });
    found.ok()
}

/// A number in so many bytes.
fn padded(number: &[u8], length: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let start = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[start..];
    let missing = length.checked_sub(number.len()).ok_or(NOT_A_KEY)?;
    let mut out = Zeroizing::new(Vec::with_capacity(length));
    out.resize(missing, 0);
    out.extend_from_slice(number);
    Ok(out)
}
