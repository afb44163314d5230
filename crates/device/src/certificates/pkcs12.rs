//! What is inside a PKCS #12 file (RFC 7292), and in an encrypted private key (RFC 5958): the password-based encryption of today
//! (PBES2, RFC 8018) and the one that older programs write.

use cbc::cipher::{BlockDecryptMut, KeyInit, KeyIvInit, block_padding::Pkcs7};
use cms::{content_info::ContentInfo, encrypted_data::EncryptedData};
use der::{
    Decode, Encode, Sequence,
    asn1::{ContextSpecific, ObjectIdentifier, OctetString},
};
use hmac::{
    Hmac, Mac,
    digest::{Digest, FixedOutputReset, core_api::BlockSizeUser},
};
use pkcs5::{EncryptionScheme, pbes2::Kdf};
use pkcs12::{
    cert_type::CertBag,
    digest_info::DigestInfo,
    kdf::{Pkcs12KeyType, derive_key_utf8},
    mac_data::MacData,
    pbe_params::Pkcs12PbeParams,
    pfx::Pfx,
    safe_bag::SafeContents,
};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use super::file::FileError;

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// So many rounds take some seconds: a file that asks for more keeps us busy for its own reasons.
const MOST_ROUNDS: u32 = 10_000_000;

/// What nobody else is to see.
type Bytes = Zeroizing<Vec<u8>>;

/// What a file holds, DER.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) keys: Vec<Bytes>,
    pub(super) certificates: Vec<Vec<u8>>,
}

/// An encrypted private key (RFC 5958, 3).
#[derive(Sequence)]
struct EncryptedKey {
    algorithm: AlgorithmIdentifierOwned,
    data: OctetString,
}

/// Whether this is such a file.
pub(super) fn is_one(der: &[u8]) -> bool {
    Pfx::from_der(der).is_ok()
}

/// Whether this is an encrypted private key.
pub(super) fn is_encrypted_key(der: &[u8]) -> bool {
    EncryptedKey::from_der(der).is_ok()
}

/// A private key by itself, encrypted.
pub(super) fn decrypt_key(der: &[u8], passphrase: &str) -> Result<Bytes, FileError> {
    let key = EncryptedKey::from_der(der)?;
    decrypt(&key.algorithm, key.data.as_bytes(), passphrase)
}

/// What is in a file, once it is known that nobody has changed it.
pub(super) fn open(der: &[u8], passphrase: &str) -> Result<Contents, FileError> {
    let pfx = Pfx::from_der(der)?;
    if pfx.auth_safe.content_type != DATA {
        return Err(FileError::Unsupported("a file that is signed in place of having a passphrase"));
    }
    let content = pfx.auth_safe.content.decode_as::<OctetString>()?;
    if let Some(mac) = &pfx.mac_data {
        check(mac, content.as_bytes(), passphrase)?;
    }
    let mut contents = Contents::default();
    for part in Vec::<ContentInfo>::from_der(content.as_bytes())? {
        let bags = match part.content_type {
            DATA => Zeroizing::new(part.content.decode_as::<OctetString>()?.into_bytes()),
            ENCRYPTED_DATA => {
                let info = part.content.decode_as::<EncryptedData>()?.enc_content_info;
                let data = info.encrypted_content.ok_or(FileError::Unreadable)?;
                decrypt(&info.content_enc_alg, data.as_bytes(), passphrase)?
            }
            _ => return Err(FileError::Unsupported("a file that is encrypted for somebody's key")),
        };
        unpack(&bags, passphrase, &mut contents)?;
    }
    Ok(contents)
}

fn unpack(bags: &[u8], passphrase: &str, contents: &mut Contents) -> Result<(), FileError> {
    for bag in SafeContents::from_der(bags)? {
        let value = Zeroizing::new(bag.bag_value);
        match bag.bag_id {
            pkcs12::PKCS_12_KEY_BAG_OID => {
                let key = ContextSpecific::<der::Any>::from_der(&value)?.value;
                contents.keys.push(Zeroizing::new(key.to_der()?));
            }
            pkcs12::PKCS_12_PKCS8_KEY_BAG_OID => {
                let key = ContextSpecific::<EncryptedKey>::from_der(&value)?.value;
                contents.keys.push(decrypt(&key.algorithm, key.data.as_bytes(), passphrase)?);
            }
            pkcs12::PKCS_12_CERT_BAG_OID => {
                let bag = ContextSpecific::<CertBag>::from_der(&value)?.value;
                if bag.cert_id == pkcs12::PKCS_12_X509_CERT_OID {
                    contents.certificates.push(bag.cert_value.into_bytes());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The file was made by somebody who knows the passphrase, and is whole.
fn check(mac: &MacData, content: &[u8], passphrase: &str) -> Result<(), FileError> {
    match mac.mac.algorithm.oid {
        SHA1 => fits::<Sha1, Hmac<Sha1>>(mac, content, passphrase),
        SHA256 => fits::<Sha256, Hmac<Sha256>>(mac, content, passphrase),
        SHA384 => fits::<Sha384, Hmac<Sha384>>(mac, content, passphrase),
        SHA512 => fits::<Sha512, Hmac<Sha512>>(mac, content, passphrase),
        _ => Err(FileError::Unsupported("the check value of this file")),
    }
}

fn fits<D, M>(mac: &MacData, content: &[u8], passphrase: &str) -> Result<(), FileError>
where
    D: Digest + FixedOutputReset + BlockSizeUser,
    M: Mac + KeyInit,
{
    let DigestInfo { digest, .. } = &mac.mac;
    let length = <D as Digest>::output_size();
    let key = derive::<D>(passphrase, mac.mac_salt.as_bytes(), Pkcs12KeyType::Mac, mac.iterations, length)?;
    let checked = <M as Mac>::new_from_slice(&key).map_err(|_| FileError::Unreadable)?.chain_update(content);
    checked.verify_slice(digest.as_bytes()).map_err(|_| FileError::WrongPassphrase)
}

fn derive<D: Digest + FixedOutputReset + BlockSizeUser>(
    passphrase: &str,
    salt: &[u8],
    usage: Pkcs12KeyType,
    rounds: i32,
    length: usize,
) -> Result<Bytes, FileError> {
    if !u32::try_from(rounds).is_ok_and(|rounds| rounds <= MOST_ROUNDS) {
        return Err(FileError::Unreadable);
    }
    Ok(Zeroizing::new(derive_key_utf8::<D>(passphrase, salt, usage, rounds, length)?))
}

fn decrypt(algorithm: &AlgorithmIdentifierOwned, data: &[u8], passphrase: &str) -> Result<Bytes, FileError> {
    match algorithm.oid {
        pkcs12::PKCS_12_PBE_WITH_SHAAND3_KEY_TRIPLE_DES_CBC => {
            old::<cbc::Decryptor<des::TdesEde3>>(algorithm, data, passphrase, 24)
        }
        pkcs12::PKCS_12_PBE_WITH_SHAAND128_BIT_RC2_CBC => old_rc2(algorithm, data, passphrase, 16),
        pkcs12::PKCS_12_PBEWITH_SHAAND40_BIT_RC2_CBC => old_rc2(algorithm, data, passphrase, 5),
        _ => pbes2(algorithm, data, passphrase),
    }
}

fn pbes2(algorithm: &AlgorithmIdentifierOwned, data: &[u8], passphrase: &str) -> Result<Bytes, FileError> {
    const OTHER: FileError = FileError::Unsupported("the encryption of this file");
    let encoded = algorithm.to_der()?;
    let scheme = EncryptionScheme::from_der(&encoded).map_err(|_| OTHER)?;
    let parameters = scheme.pbes2().ok_or(OTHER)?;
    match &parameters.kdf {
        Kdf::Pbkdf2(kdf) if kdf.iteration_count <= MOST_ROUNDS => {}
        _ => return Err(OTHER),
    }
    scheme.decrypt(passphrase, data).map(Zeroizing::new).map_err(|_| FileError::WrongPassphrase)
}

/// Salt and rounds, and what is derived of them.
fn old_key(
    algorithm: &AlgorithmIdentifierOwned,
    passphrase: &str,
    length: usize,
) -> Result<(Bytes, Bytes), FileError> {
    let parameters = algorithm.parameters.as_ref().ok_or(FileError::Unreadable)?;
    let Pkcs12PbeParams { salt, iterations } = parameters.decode_as()?;
    let derive = |usage, length| derive::<Sha1>(passphrase, salt.as_bytes(), usage, iterations, length);
    Ok((derive(Pkcs12KeyType::EncryptionKey, length)?, derive(Pkcs12KeyType::Iv, 8)?))
}

fn old<C: KeyIvInit + BlockDecryptMut>(
    algorithm: &AlgorithmIdentifierOwned,
    data: &[u8],
    passphrase: &str,
    length: usize,
) -> Result<Bytes, FileError> {
    let (key, iv) = old_key(algorithm, passphrase, length)?;
    let cipher = C::new_from_slices(&key, &iv).map_err(|_| FileError::Unreadable)?;
    plain(cipher, data)
}

/// Of old files, whose certificates are encrypted more weakly than their keys.
fn old_rc2(
    algorithm: &AlgorithmIdentifierOwned,
    data: &[u8],
    passphrase: &str,
    length: usize,
) -> Result<Bytes, FileError> {
    use cbc::cipher::InnerIvInit;
    let (key, iv) = old_key(algorithm, passphrase, length)?;
    let cipher = rc2::Rc2::new_with_eff_key_len(&key, length * 8);
    let cipher = cbc::Decryptor::inner_iv_slice_init(cipher, &iv).map_err(|_| FileError::Unreadable)?;
    plain(cipher, data)
}

fn plain(cipher: impl BlockDecryptMut, data: &[u8]) -> Result<Bytes, FileError> {
    let plain = cipher.decrypt_padded_vec_mut::<Pkcs7>(data);
    plain.map(Zeroizing::new).map_err(|_| FileError::WrongPassphrase)
}
