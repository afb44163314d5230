//! The table of mechanisms: what each is made of, who hashes and who pads. A new mechanism is a new row.

use cryptoki_sys::*;
use piv::{Algorithm, Family};

use crate::{
    Error,
    hash::Hash,
    padding::{Oaep, Pss},
};

/// What a mechanism does. `Some(hash)`: the provider hashes; `None`: the program did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Digest(Hash),
    RsaPkcs(Option<Hash>),
    RsaRaw,
    RsaPss(Option<Hash>),
    RsaOaep,
    Ecdsa(Option<Hash>),
    Ecdh,
    AesWrap(AesWrap),
    RsaKeyPair,
    EcKeyPair,
}

/// How a key is wrapped in an AES key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AesWrap {
    /// RFC 3394.
    Plain,
    /// RFC 5649.
    Padded,
    /// PKCS#11 2.40 meant RFC 5649 by this number, 3.0 means RFC 3394 over PKCS#7 padding. What is unwrapped tells
    /// which it was.
    Either,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Mechanism {
    pub number: CK_MECHANISM_TYPE,
    pub kind: Kind,
    /// What it may be used for: CKF_SIGN and its like.
    pub uses: CK_FLAGS,
}

const fn row(number: CK_MECHANISM_TYPE, kind: Kind, uses: CK_FLAGS) -> Mechanism {
    Mechanism { number, kind, uses }
}

/// Everything we do.
pub(crate) static TABLE: &[Mechanism] = &[
    row(CKM_RSA_PKCS, Kind::RsaPkcs(None), CKF_SIGN | CKF_VERIFY | CKF_ENCRYPT | CKF_DECRYPT | CKF_UNWRAP),
    row(CKM_RSA_X_509, Kind::RsaRaw, CKF_SIGN | CKF_VERIFY | CKF_ENCRYPT | CKF_DECRYPT),
    row(CKM_SHA1_RSA_PKCS, Kind::RsaPkcs(Some(Hash::Sha1)), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA224_RSA_PKCS, Kind::RsaPkcs(Some(Hash::Sha224)), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA256_RSA_PKCS, Kind::RsaPkcs(Some(Hash::Sha256)), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA384_RSA_PKCS, Kind::RsaPkcs(Some(Hash::Sha384)), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA512_RSA_PKCS, Kind::RsaPkcs(Some(Hash::Sha512)), CKF_SIGN | CKF_VERIFY),
    row(CKM_RSA_PKCS_PSS, Kind::RsaPss(None), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA1_RSA_PKCS_PSS, Kind::RsaPss(Some(Hash::Sha1)), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA224_RSA_PKCS_PSS, Kind::RsaPss(Some(Hash::Sha224)), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA256_RSA_PKCS_PSS, Kind::RsaPss(Some(Hash::Sha256)), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA384_RSA_PKCS_PSS, Kind::RsaPss(Some(Hash::Sha384)), CKF_SIGN | CKF_VERIFY),
    row(CKM_SHA512_RSA_PKCS_PSS, Kind::RsaPss(Some(Hash::Sha512)), CKF_SIGN | CKF_VERIFY),
    row(CKM_RSA_PKCS_OAEP, Kind::RsaOaep, CKF_ENCRYPT | CKF_DECRYPT | CKF_UNWRAP),
    row(CKM_ECDSA, Kind::Ecdsa(None), CKF_SIGN | CKF_VERIFY),
    row(CKM_ECDSA_SHA1, Kind::Ecdsa(Some(Hash::Sha1)), CKF_SIGN | CKF_VERIFY),
    row(CKM_ECDSA_SHA224, Kind::Ecdsa(Some(Hash::Sha224)), CKF_SIGN | CKF_VERIFY),
    row(CKM_ECDSA_SHA256, Kind::Ecdsa(Some(Hash::Sha256)), CKF_SIGN | CKF_VERIFY),
    row(CKM_ECDSA_SHA384, Kind::Ecdsa(Some(Hash::Sha384)), CKF_SIGN | CKF_VERIFY),
    row(CKM_ECDSA_SHA512, Kind::Ecdsa(Some(Hash::Sha512)), CKF_SIGN | CKF_VERIFY),
    row(CKM_ECDH1_DERIVE, Kind::Ecdh, CKF_DERIVE),
    row(CKM_ECDH1_COFACTOR_DERIVE, Kind::Ecdh, CKF_DERIVE),
    row(CKM_AES_KEY_WRAP, Kind::AesWrap(AesWrap::Plain), CKF_UNWRAP),
    row(CKM_AES_KEY_WRAP_PAD, Kind::AesWrap(AesWrap::Either), CKF_UNWRAP),
    row(CKM_AES_KEY_WRAP_KWP, Kind::AesWrap(AesWrap::Padded), CKF_UNWRAP),
    row(CKM_RSA_PKCS_KEY_PAIR_GEN, Kind::RsaKeyPair, CKF_GENERATE_KEY_PAIR),
    row(CKM_EC_KEY_PAIR_GEN, Kind::EcKeyPair, CKF_GENERATE_KEY_PAIR),
    row(CKM_MD5, Kind::Digest(Hash::Md5), CKF_DIGEST),
    row(CKM_SHA_1, Kind::Digest(Hash::Sha1), CKF_DIGEST),
    row(CKM_SHA224, Kind::Digest(Hash::Sha224), CKF_DIGEST),
    row(CKM_SHA256, Kind::Digest(Hash::Sha256), CKF_DIGEST),
    row(CKM_SHA384, Kind::Digest(Hash::Sha384), CKF_DIGEST),
    row(CKM_SHA512, Kind::Digest(Hash::Sha512), CKF_DIGEST),
];

impl Mechanism {
    /// The row of this number that may be used for `uses`.
    pub(crate) fn find(number: CK_MECHANISM_TYPE, uses: CK_FLAGS) -> Result<&'static Self, Error> {
        let row = TABLE.iter().find(|row| row.number == number && row.uses & uses == uses);
        row.ok_or(Error::MechanismInvalid)
    }

    /// What C_GetMechanismInfo tells. CKF_HW where the card takes part: pkcs11-tool asks for it (rule R13).
    pub(crate) fn info(&self, family: Family) -> CK_MECHANISM_INFO {
        let (min, max, flags) = match self.key_type() {
            None => (0, 0, 0),
            Some(CKK_RSA) if self.makes_keys() => {
                (2048, if Algorithm::Rsa4096.is_of(family) { 4096 } else { 2048 }, CKF_HW)
            }
            Some(CKK_AES) => (16, 32, 0),
            Some(CKK_RSA) => (1024, 4096, CKF_HW),
            Some(_) => (256, 384, CKF_HW | CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS),
        };
        CK_MECHANISM_INFO { ulMinKeySize: min, ulMaxKeySize: max, flags: self.uses | flags }
    }

    /// The type of key it needs; none for a digest.
    pub(crate) fn key_type(&self) -> Option<CK_KEY_TYPE> {
        match self.kind {
            Kind::Digest(_) => None,
            Kind::AesWrap(_) => Some(CKK_AES),
            Kind::Ecdsa(_) | Kind::Ecdh | Kind::EcKeyPair => Some(CKK_EC),
            _ => Some(CKK_RSA),
        }
    }

    /// The hash the provider makes of what is signed.
    pub(crate) fn hash(&self) -> Option<Hash> {
        match self.kind {
            Kind::RsaPkcs(hash) | Kind::RsaPss(hash) | Kind::Ecdsa(hash) => hash,
            Kind::Digest(hash) => Some(hash),
            Kind::RsaRaw | Kind::RsaOaep | Kind::Ecdh | Kind::AesWrap(_) => None,
            Kind::RsaKeyPair | Kind::EcKeyPair => None,
        }
    }

    /// Whether the card makes keys with it.
    pub(crate) fn makes_keys(&self) -> bool {
        self.uses & CKF_GENERATE_KEY_PAIR != 0
    }
}

/// A mechanism as a call names it, its parameter read out of the program's memory.
pub struct Given {
    /// Its number, CKM_...
    pub number: CK_MECHANISM_TYPE,
    /// Its parameter.
    pub parameter: Parameter,
}

/// The parameter of a mechanism.
pub enum Parameter {
    /// No parameter.
    Absent,
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss(CK_RSA_PKCS_PSS_PARAMS),
    /// CK_RSA_PKCS_OAEP_PARAMS, and the label its source points to.
    Oaep(CK_RSA_PKCS_OAEP_PARAMS, Vec<u8>),
    /// CK_ECDH1_DERIVE_PARAMS, and what its pointers lead to.
    Ecdh {
        /// The key derivation function, CKD_...
        kdf: CK_EC_KDF_TYPE,
        /// The data both sides share.
        shared: Vec<u8>,
        /// The public key of the other side.
        point: Vec<u8>,
    },
    /// Something that does not belong to this mechanism.
    Other,
}

impl Parameter {
    pub(crate) fn none(&self) -> Result<(), Error> {
        if matches!(self, Self::Absent) { Ok(()) } else { Err(Error::MechanismParameter) }
    }

    /// The parameter of PSS. A mechanism that hashes has one hash, and the parameter must name the same.
    pub(crate) fn pss(&self, hashed: Option<Hash>) -> Result<Pss, Error> {
        let Self::Pss(given) = self else { return Err(Error::MechanismParameter) };
        let (hash, mgf) = (Hash::from_mechanism(given.hashAlg), Hash::from_mgf(given.mgf));
        let (Some(hash), Some(mgf), Ok(salt_len)) = (hash, mgf, usize::try_from(given.sLen)) else {
            return Err(Error::MechanismParameter);
        };
        if hashed.is_some_and(|hashed| hashed != hash) {
            return Err(Error::MechanismParameter);
        }
        Ok(Pss { hash, mgf, salt_len })
    }

    /// The parameter of OAEP. Some programs leave the source at 0 when there is no label.
    pub(crate) fn oaep(&self) -> Result<Oaep, Error> {
        let Self::Oaep(given, label) = self else { return Err(Error::MechanismParameter) };
        if given.source != CKZ_DATA_SPECIFIED && !(given.source == 0 && label.is_empty()) {
            return Err(Error::MechanismParameter);
        }
        match (Hash::from_mechanism(given.hashAlg), Hash::from_mgf(given.mgf)) {
            (Some(hash), Some(mgf)) => Ok(Oaep { hash, mgf, label: label.clone() }),
            _ => Err(Error::MechanismParameter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_there_once() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(TABLE[at + 1..].iter().all(|other| other.number != row.number));
        }
    }

    #[test]
    fn rows_are_found_by_number_and_use() {
        assert!(Mechanism::find(CKM_RSA_PKCS, CKF_DECRYPT).is_ok());
        assert!(matches!(Mechanism::find(CKM_ECDSA, CKF_DECRYPT), Err(Error::MechanismInvalid)));
        assert!(matches!(Mechanism::find(CKM_AES_CBC, CKF_SIGN), Err(Error::MechanismInvalid)));
        assert_eq!(
            Mechanism::find(CKM_RSA_PKCS, CKF_SIGN).unwrap().info(Family::Standard).flags,
            CKF_HW | CKF_SIGN | CKF_VERIFY | CKF_ENCRYPT | CKF_DECRYPT | CKF_UNWRAP
        );
    }
}
