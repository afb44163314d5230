//! Putting a private key onto a card and taking one away, which the standard knows nothing of: HID's INJECT PKI KEY in both
//! dialects (inject-pki-key of HID's low-level API pages), and IMPORT, MOVE KEY and GET METADATA that YubiKeys, PivApplet and
//! others have in common, on cards that say so when asked.

use p256::pkcs8::EncodePrivateKey;
use zeroize::Zeroizing;

use crate::{
    Algorithm, Error, Family, KeyReference, Piv, PrivateKey, PublicKey, Response, StatusWord,
    apdu::Command,
    crescendo::CardCommand,
    private_key::{Crt, Parts},
    tlv, write,
};

/// Of HID's cards, with CLA 80.
const INJECT_KEY: u8 = 0xD8;
/// P1 of INJECT: more parts of this key follow.
const MORE: u8 = 0x80;

/// Of the common vendor extensions.
const MOVE_KEY: u8 = 0xF6;
const GET_METADATA: u8 = 0xF7;
const GET_VERSION: u8 = 0xFD;
const IMPORT_KEY: u8 = 0xFE;
/// P1 of MOVE KEY: nowhere.
const NOWHERE: u8 = 0xFF;

/// A part of a private key.
type Number = Zeroizing<Vec<u8>>;

/// What a card with the common vendor extensions tells of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Its public half, if it is of a kind that is known here.
    pub public: Option<PublicKey>,
    /// It was made on the card, and so nobody has another copy; `None`: the card does not tell.
    pub generated: Option<bool>,
}

impl Piv<'_> {
    /// Whether the card has the common vendor extensions: GET VERSION, which changes nothing. A Crescendo is not asked: none
    /// has them.
    ///
    /// # Errors
    /// Of the link alone.
    pub fn has_extensions(&mut self) -> Result<bool, Error> {
        if self.family() != Family::Standard {
            return Ok(false);
        }
        let answer = self.exchange(Command::new(GET_VERSION, 0x00, 0x00).expect(0))?;
        Ok(answer.status == StatusWord::OK && answer.data.len() == 3)
    }

    /// GET METADATA of a key, on cards that have it. `None`: there is no such key, or the card does not tell.
    ///
    /// # Errors
    /// Of the link alone.
    pub fn metadata(&mut self, key: KeyReference) -> Result<Option<Metadata>, Error> {
        if self.family() != Family::Standard {
            return Ok(None);
        }
        let answer = self.exchange(Command::new(GET_METADATA, 0x00, key.number()).expect(0))?;
        Ok((answer.status == StatusWord::OK).then(|| metadata(&answer.data)))
    }

    /// Puts a key onto the card; the one that was there is gone.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the card has no command for it, [`Error::Unconfirmed`] where the command is known by
    /// inference alone and `unconfirmed` is false; [`Error::NoSuchKind`]; [`Error::Refused`] with 6982 without the right.
    pub fn import_key(
        &mut self,
        key: KeyReference,
        private: &PrivateKey,
        unconfirmed: bool,
    ) -> Result<(), Error> {
        let algorithm = private.algorithm();
        match self.family() {
            Family::Standard => return self.import_extended(key, private),
            family => CardCommand::InjectKey.permit(family, unconfirmed)?,
        }
        if !algorithm.is_of(self.family()) {
            return Err(Error::NoSuchKind(key, algorithm));
        }
        let parts = self.injected(private)?;
        let last = parts.len() - 1;
        for (at, (tag, part)) in parts.iter().enumerate() {
            let more = if at < last { MORE } else { 0 };
            self.inject(key, algorithm, more, value(*tag, part))?;
        }
        Ok(())
    }

    /// Takes a key away, and nothing else: its certificate stays.
    ///
    /// # Errors
    /// As [`Piv::import_key`]; [`Error::NotFound`] where there is none.
    pub fn delete_key(
        &mut self,
        key: KeyReference,
        algorithm: Algorithm,
        unconfirmed: bool,
    ) -> Result<(), Error> {
        match self.family() {
            Family::Standard => self.delete_extended(key),
            family => {
                CardCommand::DeleteKey.permit(family, unconfirmed)?;
                let tag = if family == Family::C4000 { 0x00 } else { self.tags(algorithm)[0] };
                self.inject(key, algorithm, 0, Zeroizing::new(vec![0x00, tag, 0x00]))
            }
        }
    }

    fn inject(
        &mut self,
        key: KeyReference,
        algorithm: Algorithm,
        more: u8,
        data: Zeroizing<Vec<u8>>,
    ) -> Result<(), Error> {
        let kind = match (self.family(), algorithm.is_rsa()) {
            (Family::C2300, true) => 0x00,
            (Family::C2300, false) => 0x03,
            (family, _) => algorithm.identifier(family),
        };
        self.commit();
        let command = Command { cla: 0x80, ..Command::new(INJECT_KEY, kind | more, key.number()) };
        let answer = self.exchange(command.data(data))?;
        written("INJECT PKI KEY", key, algorithm, &answer)
    }

    /// The parts of a key in the order in which this family takes them, each with its name.
    fn injected(&self, private: &PrivateKey) -> Result<Vec<(u8, Number)>, Error> {
        let tags = self.tags(private.algorithm());
        let parts = match &private.parts {
            Parts::Ecc(scalar) => vec![pkcs8(private.algorithm(), scalar)?],
            Parts::Rsa(crt) => {
                let Crt { p, q, dp, dq, coefficient } = &**crt;
                let order = match self.family() {
                    Family::C2300 => [p, q, dp, dq, coefficient],
                    _ => [p, q, coefficient, dp, dq],
                };
                order.map(Clone::clone).into()
            }
        };
        Ok(tags.iter().copied().zip(parts).collect())
    }

    fn tags(&self, algorithm: Algorithm) -> &'static [u8] {
        match (self.family(), algorithm.is_rsa()) {
            (Family::C2300, true) => &[0xA3; 5],
            (Family::C2300, false) => &[0xB1],
            (_, true) => &[0xA4, 0xA5, 0xA6, 0xA7, 0xA8],
            (_, false) => &[0x00],
        }
    }

    fn import_extended(&mut self, key: KeyReference, private: &PrivateKey) -> Result<(), Error> {
        self.demand_extensions("importing keys")?;
        let algorithm = private.algorithm();
        let numbers: Vec<(u32, &[u8])> = match &private.parts {
            Parts::Ecc(scalar) => vec![(0x06, scalar)],
            Parts::Rsa(crt) => {
                let Crt { p, q, dp, dq, coefficient } = &**crt;
                vec![(0x01, p), (0x02, q), (0x03, dp), (0x04, dq), (0x05, coefficient)]
            }
        };
        let length = numbers.iter().map(|(_, number)| number.len() + 4).sum();
        let mut data = Zeroizing::new(Vec::with_capacity(length));
        numbers.into_iter().for_each(|(tag, number)| tlv::push(&mut data, tag, number));
        let command = Command::new(IMPORT_KEY, algorithm.identifier(Family::Standard), key.number());
        self.commit();
        let answer = self.exchange(command.data(data))?;
        written("IMPORT ASYMMETRIC KEY", key, algorithm, &answer)
    }

    fn delete_extended(&mut self, key: KeyReference) -> Result<(), Error> {
        self.demand_extensions("deleting keys")?;
        self.commit();
        let answer = self.exchange(Command::new(MOVE_KEY, NOWHERE, key.number()))?;
        match answer.status {
            StatusWord::OK => Ok(()),
            StatusWord::REFERENCE_NOT_FOUND | StatusWord::NOT_FOUND => Err(Error::NotFound),
            status if status.is_unknown_command() => Err(Error::Unsupported("deleting keys, on this token,")),
            status => Err(Error::refused("MOVE KEY", status)),
        }
    }

    fn demand_extensions(&mut self, what: &'static str) -> Result<(), Error> {
        if self.has_extensions()? { Ok(()) } else { Err(Error::Unsupported(what)) }
    }
}

/// `00 tag L { L' part } 00`, as INJECT has each part.
fn value(tag: u8, part: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut data = Zeroizing::new(Vec::with_capacity(part.len() + 16));
    data.extend([0x00, tag]);
    tlv::push_length(&mut data, tlv::length_of_length(part.len()) + part.len());
    tlv::push_length(&mut data, part.len());
    data.extend_from_slice(part);
    data.push(0x00);
    data
}

/// A key on a curve as PKCS#8 PrivateKeyInfo.
fn pkcs8(algorithm: Algorithm, scalar: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let malformed = Error::Input("this is no private key that can be written");
    let document = match algorithm {
        Algorithm::EccP384 => {
            p384::SecretKey::from_slice(scalar).ok().and_then(|key| key.to_pkcs8_der().ok())
        }
        _ => p256::SecretKey::from_slice(scalar).ok().and_then(|key| key.to_pkcs8_der().ok()),
    };
    document.map(|document| document.to_bytes()).ok_or(malformed)
}

fn written(
    during: &'static str,
    key: KeyReference,
    algorithm: Algorithm,
    answer: &Response,
) -> Result<(), Error> {
    match answer.status {
        StatusWord::OK => Ok(()),
        StatusWord::REFERENCE_NOT_FOUND => Err(Error::NotFound),
        StatusWord::WRONG_DATA | StatusWord::WRONG_PARAMETERS => Err(Error::NoSuchKind(key, algorithm)),
        StatusWord::NO_MEMORY => Err(Error::NoRoom),
        status if status.is_unknown_command() => Err(Error::Unsupported("importing keys, on this token,")),
        status => Err(Error::refused(during, status)),
    }
}

/// 01 algorithm, 03 origin, 04 public key.
fn metadata(answer: &[u8]) -> Metadata {
    let byte = |tag| tlv::find(answer, tag).and_then(|value| value.first().copied());
    let algorithm = byte(0x01).and_then(Algorithm::from_identifier);
    let public = algorithm
        .zip(tlv::find(answer, 0x04))
        .and_then(|(algorithm, fields)| write::key_of_template(algorithm, fields).ok());
    // PivApplet counts from 0, YubiKeys from 1.
    let generated = match byte(0x03) {
        Some(0x01) => Some(true),
        Some(0x02) => Some(false),
        _ => None,
    };
    Metadata { public, generated }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one literal length in the manual: 128 bytes of a prime make Lc 87.
    #[test]
    fn a_part_of_a_key_as_the_manual_has_it() {
        let data = value(0xA3, &[0x55; 128]);
        assert_eq!(data.len(), 0x87);
        assert_eq!(data[..6], [0x00, 0xA3, 0x81, 0x82, 0x81, 0x80]);
        assert_eq!(data[0x86], 0x00);
        assert_eq!(value(0xB1, &[7; 3])[..4], [0x00, 0xB1, 0x04, 0x03]);
    }

    #[test]
    fn metadata_of_cards_that_tell_and_of_others() {
        let point = {
            let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap();
            use p256::elliptic_curve::sec1::ToEncodedPoint;
            secret.public_key().to_encoded_point(false).as_bytes().to_vec()
        };
        let answer = [
            &tlv::object(0x01, &[0x11])[..],
            &tlv::object(0x02, &[2, 1]),
            &tlv::object(0x03, &[1]),
            &tlv::object(0x04, &tlv::object(0x86, &point)),
        ]
        .concat();
        let told = metadata(&answer);
        assert_eq!(told.generated, Some(true));
        assert_eq!(told.public.map(|key| key.algorithm()), Some(Algorithm::EccP256));
        assert_eq!(metadata(&[0x01, 0x01, 0xE0]), Metadata { public: None, generated: None });
        for length in 0..answer.len() {
            let _ = metadata(&answer[..length]);
        }
    }
}
