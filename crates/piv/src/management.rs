//! The card management key (9B): mutual authentication, after which PUT DATA and GENERATE are allowed on cards by the standard
//! (SP 800-73-5 part 2, 3.2.4). It has no retry counter; a wrong key is tried once all the same.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    Error, Family, StatusWord,
    apdu::{Command, Response},
    piv::Piv,
    symmetric::{Cipher, KeyBytes},
    tlv,
};

const GENERAL_AUTHENTICATE: u8 = 0x87;
/// Of YubiKeys and PivApplet: what kind of key it is.
const GET_METADATA: u8 = 0xF7;
/// Of the common vendor extensions.
const SET_MANAGEMENT_KEY: u8 = 0xFF;
const REFERENCE: u8 = 0x9B;
const FORMAT: &str = "a management key has 32, 48 or 64 hexadecimal digits";

/// A card management key: 3DES or AES-192 (24 bytes), AES-128 (16) or AES-256 (32).
///
/// It cannot be printed or copied, and is wiped when dropped.
pub struct ManagementKey(KeyBytes);

impl ManagementKey {
    /// A key of 16, 24 or 32 bytes.
    ///
    /// # Errors
    /// [`Error::KeyFormat`] for another length.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        KeyBytes::new(bytes).and_then(Self::of).ok_or(Error::KeyFormat(FORMAT))
    }

    /// From 32, 48 or 64 hexadecimal digits; spaces and colons between them do not count.
    ///
    /// # Errors
    /// As [`ManagementKey::new`].
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        KeyBytes::from_hex(text).and_then(Self::of).ok_or(Error::KeyFormat(FORMAT))
    }

    fn of(key: KeyBytes) -> Option<Self> {
        matches!(key.bytes().len(), 16 | 24 | 32).then_some(Self(key))
    }

    /// The ciphers it may be for, the likelier one first.
    fn ciphers(&self) -> &'static [Cipher] {
        match self.0.bytes().len() {
            16 => &[Cipher::Aes128],
            24 => &[Cipher::TripleDes, Cipher::Aes192],
            _ => &[Cipher::Aes256],
        }
    }

    /// Proves this key to the card, and has the card prove it too. The right lasts until another application is selected.
    ///
    /// # Errors
    /// [`Error::KeyKind`] where the card's key is of another kind, [`Error::WrongKey`], [`Error::Unsupported`].
    pub(crate) fn prove(&self, piv: &mut Piv<'_>) -> Result<(), Error> {
        piv.commit();
        let told = if piv.family() == Family::Standard { told(piv)? } else { None };
        let mut refusal = Error::KeyKind;
        for cipher in self.ciphers().iter().filter(|cipher| told.is_none_or(|told| told == **cipher)) {
            match witness(piv, *cipher)? {
                Ok(witness) => return self.finish(piv, *cipher, &witness),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    /// Makes this the card's key, of the kind that the card's key is: SET MANAGEMENT KEY, after [`ManagementKey::prove`], on
    /// cards with the common vendor extensions.
    ///
    /// # Errors
    /// [`Error::KeyKind`] where this key is of another length; [`Error::Refused`].
    pub(crate) fn install(&self, piv: &mut Piv<'_>) -> Result<(), Error> {
        let told = told(piv)?.unwrap_or(Cipher::TripleDes);
        if !self.ciphers().contains(&told) {
            return Err(Error::KeyKind);
        }
        let key = self.0.bytes();
        let mut data = Zeroizing::new(Vec::with_capacity(key.len() + 3));
        data.extend([told.identifier(), REFERENCE, key.len() as u8]);
        data.extend_from_slice(key);
        piv.commit();
        match piv.exchange(Command::new(SET_MANAGEMENT_KEY, 0xFF, 0xFF).data(data))?.status {
            StatusWord::OK => Ok(()),
            status => Err(Error::refused("SET MANAGEMENT KEY", status)),
        }
    }

    fn finish(&self, piv: &mut Piv<'_>, cipher: Cipher, witness: &[u8]) -> Result<(), Error> {
        let mut challenge = vec![0; cipher.block()];
        getrandom::getrandom(&mut challenge).map_err(|_| Error::Unsupported("randomness on this machine"))?;
        let mut inner = Zeroizing::new(Vec::new());
        tlv::push(&mut inner, 0x80, &self.0.decrypt(cipher, witness)?);
        tlv::push(&mut inner, 0x81, &challenge);
        tlv::push(&mut inner, 0x82, &[]);
        let answer = authenticate(piv, cipher, &inner)?;
        match answer.status {
            StatusWord::OK => {}
            StatusWord(0x6982 | 0x6A80 | 0x6300) => return Err(Error::WrongKey),
            status => return Err(Error::refused("GENERAL AUTHENTICATE 9B", status)),
        }
        let proof = element(&answer, 0x82).ok_or(Error::Malformed("proof of its management key"))?;
        let expected = self.0.encrypt(cipher, &challenge)?;
        if bool::from(expected.ct_eq(proof)) { Ok(()) } else { Err(Error::WrongKey) }
    }
}

/// The cipher of the card's key, where the card tells.
fn told(piv: &mut Piv<'_>) -> Result<Option<Cipher>, Error> {
    let answer = piv.exchange(Command::new(GET_METADATA, 0x00, REFERENCE).expect(0))?;
    let algorithm = (answer.status == StatusWord::OK).then(|| tlv::find(&answer.data, 0x01)).flatten();
    Ok(algorithm.and_then(|algorithm| Cipher::from_identifier(*algorithm.first()?)))
}

/// What the card wants deciphered; the inner error if it has no such key.
fn witness(piv: &mut Piv<'_>, cipher: Cipher) -> Result<Result<Vec<u8>, Error>, Error> {
    let answer = authenticate(piv, cipher, &[0x80, 0x00])?;
    Ok(match answer.status {
        StatusWord::OK => element(&answer, 0x80)
            .filter(|witness| witness.len() == cipher.block())
            .map(<[u8]>::to_vec)
            .ok_or(Error::KeyKind),
        StatusWord(0x6A80 | 0x6A86) => Err(Error::KeyKind),
        StatusWord(0x6A88 | 0x6D00 | 0x6E00) => {
            Err(Error::Unsupported("a management key (9B) on this token"))
        }
        status => Err(Error::refused("GENERAL AUTHENTICATE 9B", status)),
    })
}

fn authenticate(piv: &mut Piv<'_>, cipher: Cipher, inner: &[u8]) -> Result<Response, Error> {
    let command = Command::new(GENERAL_AUTHENTICATE, cipher.identifier(), REFERENCE);
    piv.exchange(command.data(tlv::object(0x7C, inner)).expect(0))
}

fn element(answer: &Response, tag: u32) -> Option<&[u8]> {
    tlv::find(tlv::find(&answer.data, 0x7C)?, tag)
}
