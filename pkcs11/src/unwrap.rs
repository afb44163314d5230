//! C_UnwrapKey: a key in an AES key of a session, or in an RSA key of the card.
//!
//! With this NSS opens mail to an ECC key: it unwraps the content key with what C_DeriveKey made, reads it, and does the
//! rest itself.

use aes_kw::{KekAes128, KekAes192, KekAes256};
use cryptoki_sys::*;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    Error, Input, Provider, Template,
    mechanism::{AesWrap, Given, Kind, Mechanism},
    operation::Decrypting,
    secret::{Secret, Wanted},
    session::Session,
    sign::private_key,
};

/// The initial value of RFC 3394, 2.2.3.1, which comes before what was wrapped.
const SEMIBLOCK: usize = 8;

impl Provider {
    /// C_UnwrapKey.
    ///
    /// # Errors
    /// What is wrong with mechanism, key or template; [`Error::EncryptedInvalid`] for whatever does not unwrap to a key
    /// such as the template wants; of the card.
    pub fn unwrap_key(
        &self,
        handle: CK_SESSION_HANDLE,
        given: Option<&Given>,
        key: CK_OBJECT_HANDLE,
        wrapped: &Input<'_>,
        template: &Template,
    ) -> Result<CK_OBJECT_HANDLE, Error> {
        let session = self.recent_session(handle)?;
        let given = given.ok_or(Error::ArgumentsBad)?;
        let mechanism = Mechanism::find(given.number, CKF_UNWRAP)?;
        let wrapped = wrapped.bytes()?;
        let wanted = Wanted::read(template, session.slot.view().logged_in)?;
        let value = match mechanism.kind {
            Kind::AesWrap(form) => {
                given.parameter.none()?;
                unwrap_by_secret(&session, key, form, wrapped)?
            }
            _ => self.unwrap_by_card(&session, mechanism, given, key, wrapped)?,
        };
        if !wanted.fits(value.len()) || wanted.len.is_some_and(|len| len != value.len()) {
            return Err(Error::EncryptedInvalid);
        }
        let secret = wanted.secret(value);
        self.keep_secret(handle, &session, &wanted, secret)
    }

    fn unwrap_by_card(
        &self,
        session: &Session,
        mechanism: &'static Mechanism,
        given: &Given,
        key: CK_OBJECT_HANDLE,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut decrypting = Decrypting::begin(mechanism, given, private_key(session, key)?)?;
        decrypting.message.update(wrapped).map_err(|_| Error::EncryptedLength)?;
        self.finish_decrypting(session, decrypting)
    }
}

fn unwrap_by_secret(
    session: &Session,
    key: CK_OBJECT_HANDLE,
    form: AesWrap,
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let view = session.slot.view();
    let object = view.object(key).ok_or(Error::KeyInvalid)?;
    let secret = object.secret.as_ref().ok_or(Error::KeyType)?;
    if !secret.unwrap {
        return Err(Error::KeyFunction);
    }
    Kek::new(secret)?.unwrap(form, wrapped)
}

/// A key that encrypts keys.
enum Kek {
    Aes128(KekAes128),
    Aes192(KekAes192),
    Aes256(KekAes256),
}

impl Kek {
    /// NSS says AES of such a key, pkcs11-provider says generic.
    fn new(secret: &Secret) -> Result<Self, Error> {
        let value = secret.value.as_slice();
        Ok(match value.len() {
            16 => Self::Aes128(KekAes128::try_from(value).map_err(|_| Error::KeyType)?),
            24 => Self::Aes192(KekAes192::try_from(value).map_err(|_| Error::KeyType)?),
            32 => Self::Aes256(KekAes256::try_from(value).map_err(|_| Error::KeyType)?),
            _ => return Err(Error::KeyType),
        })
    }

    fn unwrap(&self, form: AesWrap, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !wrapped.len().is_multiple_of(SEMIBLOCK) || wrapped.len() < 2 * SEMIBLOCK {
            return Err(Error::EncryptedLength);
        }
        match form {
            AesWrap::Plain => self.plain(wrapped),
            AesWrap::Padded => self.padded(wrapped),
            AesWrap::Either => self.plain(wrapped).and_then(without_pkcs7).or_else(|_| self.padded(wrapped)),
        }
    }

    /// RFC 3394.
    fn plain(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let unwrapped = match self {
            Self::Aes128(kek) => kek.unwrap_vec(wrapped),
            Self::Aes192(kek) => kek.unwrap_vec(wrapped),
            Self::Aes256(kek) => kek.unwrap_vec(wrapped),
        };
        unwrapped.map(Zeroizing::new).map_err(|_| Error::EncryptedInvalid)
    }

    /// RFC 5649.
    fn padded(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let unwrapped = match self {
            Self::Aes128(kek) => kek.unwrap_with_padding_vec(wrapped),
            Self::Aes192(kek) => kek.unwrap_with_padding_vec(wrapped),
            Self::Aes256(kek) => kek.unwrap_with_padding_vec(wrapped),
        };
        unwrapped.map(Zeroizing::new).map_err(|_| Error::EncryptedInvalid)
    }
}

/// Takes PKCS#7 padding for blocks of 8 bytes off. What RFC 3394 unwrapped is authentic, so its padding tells nobody
/// anything.
fn without_pkcs7(mut padded: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let fill = padded.last().copied().filter(|fill| (1..=SEMIBLOCK as u8).contains(fill));
    let fill = fill.ok_or(Error::EncryptedInvalid)?;
    let end = padded.len().checked_sub(fill.into()).ok_or(Error::EncryptedInvalid)?;
    if bool::from(padded[end..].ct_eq(&vec![fill; fill.into()])) {
        padded.truncate(end);
        Ok(padded)
    } else {
        Err(Error::EncryptedInvalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    fn kek(value: &str) -> Kek {
        Kek::new(&Secret { value: Zeroizing::new(hex(value)), readable: true, unwrap: true }).unwrap()
    }

    const KEK_128: &str = "000102030405060708090A0B0C0D0E0F";
    const KEK_192: &str = "000102030405060708090A0B0C0D0E0F1011121314151617";
    const KEK_256: &str = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";

    #[test]
    fn the_vectors_of_rfc_3394() {
        let vectors = [
            (KEK_128, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
            (KEK_192, "96778B25AE6CA435F92B5B97C050AED2468AB8A17AD84E5D"),
            (KEK_256, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
        ];
        for (key, wrapped) in vectors {
            let plain = kek(key).unwrap(AesWrap::Plain, &hex(wrapped)).unwrap();
            assert_eq!(*plain, hex("00112233445566778899AABBCCDDEEFF"));
        }
        let long = "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21";
        let plain = kek(KEK_256).unwrap(AesWrap::Plain, &hex(long)).unwrap();
        assert_eq!(*plain, hex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F"));
        let mut damaged = hex(long);
        damaged[9] ^= 1;
        assert!(matches!(kek(KEK_256).unwrap(AesWrap::Plain, &damaged), Err(Error::EncryptedInvalid)));
        assert!(matches!(kek(KEK_256).unwrap(AesWrap::Plain, &damaged[1..]), Err(Error::EncryptedLength)));
        assert!(kek(KEK_256).unwrap(AesWrap::Plain, &[]).is_err());
    }

    #[test]
    fn the_vectors_of_rfc_5649() {
        let key = kek("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
        let long = hex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a");
        let short = hex("afbeb0f07dfbf5419200f2ccb50bb24f");
        for form in [AesWrap::Padded, AesWrap::Either] {
            let unwrapped = key.unwrap(form, &long).unwrap();
            assert_eq!(*unwrapped, hex("c37b7e6492584340bed12207808941155068f738"));
            assert_eq!(*key.unwrap(form, &short).unwrap(), hex("466f7250617369"));
        }
        assert!(matches!(key.unwrap(AesWrap::Plain, &long), Err(Error::EncryptedInvalid)));
    }

    #[test]
    fn the_older_meaning_of_padding() {
        let padded = [&[9; 20][..], &[4; 4]].concat();
        let wrapped = KekAes128::try_from(hex(KEK_128).as_slice()).unwrap().wrap_vec(&padded).unwrap();
        assert_eq!(*kek(KEK_128).unwrap(AesWrap::Either, &wrapped).unwrap(), [9; 20]);
        assert!(matches!(kek(KEK_128).unwrap(AesWrap::Padded, &wrapped), Err(Error::EncryptedInvalid)));
        for bad in [&[9, 0][..], &[9, 9], &[], &[3, 2, 3, 3, 3, 3, 3, 4]] {
            assert!(without_pkcs7(Zeroizing::new(bad.to_vec())).is_err());
        }
    }
}
