//! The hashes, under all the numbers the standard has for each.

use cryptoki_sys::*;
use digest::{Digest, DynDigest};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// A hash in progress.
pub(crate) type Hasher = Box<dyn DynDigest + Send>;

impl Hash {
    /// By its mechanism, as `hashAlg` of PSS and OAEP names it.
    pub(crate) fn from_mechanism(number: CK_MECHANISM_TYPE) -> Option<Self> {
        Some(match number {
            CKM_SHA_1 => Self::Sha1,
            CKM_SHA224 => Self::Sha224,
            CKM_SHA256 => Self::Sha256,
            CKM_SHA384 => Self::Sha384,
            CKM_SHA512 => Self::Sha512,
            _ => return None,
        })
    }

    /// By its mask generation function.
    pub(crate) fn from_mgf(number: CK_RSA_PKCS_MGF_TYPE) -> Option<Self> {
        Some(match number {
            CKG_MGF1_SHA1 => Self::Sha1,
            CKG_MGF1_SHA224 => Self::Sha224,
            CKG_MGF1_SHA256 => Self::Sha256,
            CKG_MGF1_SHA384 => Self::Sha384,
            CKG_MGF1_SHA512 => Self::Sha512,
            _ => return None,
        })
    }

    pub(crate) fn hasher(self) -> Hasher {
        match self {
            Self::Md5 => Box::new(md5::Md5::new()),
            Self::Sha1 => Box::new(sha1::Sha1::new()),
            Self::Sha224 => Box::new(sha2::Sha224::new()),
            Self::Sha256 => Box::new(sha2::Sha256::new()),
            Self::Sha384 => Box::new(sha2::Sha384::new()),
            Self::Sha512 => Box::new(sha2::Sha512::new()),
        }
    }

    /// The hash of these parts, one after the other.
    pub(crate) fn of(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut hasher = self.hasher();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize().into_vec()
    }

    pub(crate) fn len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// What comes before the hash in a DigestInfo (RFC 8017, 9.2, note 1).
    pub(crate) fn digest_info(self) -> &'static [u8] {
        match self {
            Self::Md5 => b"\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10",
            Self::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            Self::Sha224 => b"\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04\x1c",
            Self::Sha256 => b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
            Self::Sha384 => b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
            Self::Sha512 => b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_prefixes_agree() {
        for hash in [Hash::Md5, Hash::Sha1, Hash::Sha224, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let prefix = hash.digest_info();
            assert_eq!(hash.of(&[b"a", b"bc"]).len(), hash.len());
            assert_eq!(usize::from(*prefix.last().unwrap()), hash.len());
            assert_eq!(usize::from(prefix[1]), prefix.len() - 2 + hash.len());
        }
    }
}
