//! What changes a card's content: PUT DATA and GENERATE ASYMMETRIC KEY PAIR (SP 800-73-5 part 2, 3.3), as every PIV card
//! has them. Both need a right that [`crate::Authority`] proves first; both replace what is there without a question.

use zeroize::Zeroizing;

use crate::{
    Algorithm, Error, Family, KeyReference, ObjectId, Piv, PublicKey, StatusWord, apdu::Command, tlv,
};

const PUT_DATA: u8 = 0xDB;
const GENERATE: u8 = 0x47;

/// Of a data object, so that nothing longer is ever sent: a facial image is the longest the standard knows.
const LONGEST: usize = 16 * 1024;

impl Piv<'_> {
    /// PUT DATA: replaces the content of a data object, which is given without its wrapper. Nothing: empties it.
    ///
    /// # Errors
    /// [`Error::NoRoom`] where the content is longer than the card takes, [`Error::NotFound`] where it has no such object;
    /// [`Error::Refused`] with 6982 without the right.
    pub fn put_data(&mut self, object: ObjectId, content: &[u8]) -> Result<(), Error> {
        if content.len() > LONGEST {
            return Err(Error::NoRoom);
        }
        self.commit();
        let mut command = Command::new(PUT_DATA, 0x3F, 0xFF).data(written(object, content));
        if self.family() != Family::Standard {
            // As in HID's own sample.
            command = command.expect(0);
        }
        match self.exchange(command)?.status {
            StatusWord::OK => Ok(()),
            StatusWord::NO_MEMORY => Err(Error::NoRoom),
            StatusWord::NOT_FOUND => Err(Error::NotFound),
            status => Err(Error::refused("PUT DATA", status)),
        }
    }

    /// GENERATE ASYMMETRIC KEY PAIR: the card makes a key in this place, and the one that was there is gone. Takes seconds
    /// for ECC and up to a minute for RSA.
    ///
    /// # Errors
    /// [`Error::NoSuchKind`] where the card makes no such keys in this place, [`Error::NotFound`] where it has no such place;
    /// [`Error::Refused`] with 6982 without the right.
    pub fn generate(&mut self, key: KeyReference, algorithm: Algorithm) -> Result<PublicKey, Error> {
        if !algorithm.is_of(self.family()) {
            return Err(Error::NoSuchKind(key, algorithm));
        }
        let identifier = algorithm.identifier(self.family());
        let template = tlv::object(0xAC, &tlv::object(0x80, &[identifier]));
        let command = Command::new(GENERATE, 0x00, key.number()).data(template).expect(0);
        self.commit();
        let response = self.exchange(command)?;
        match response.status {
            StatusWord::OK => public_key(algorithm, &response.data),
            StatusWord::REFERENCE_NOT_FOUND => Err(Error::NotFound),
            StatusWord::WRONG_DATA | StatusWord::WRONG_PARAMETERS => Err(Error::NoSuchKind(key, algorithm)),
            status => Err(Error::refused("GENERATE ASYMMETRIC KEY PAIR", status)),
        }
    }
}

/// The data field of PUT DATA. Two objects name themselves by their own tag.
fn written(object: ObjectId, content: &[u8]) -> Zeroizing<Vec<u8>> {
    let wrapper = object.wrapper();
    let list = if wrapper == 0x53 { object.tag_list() } else { Vec::new() };
    let mut data = Zeroizing::new(Vec::with_capacity(list.len() + content.len() + 8));
    data.extend(list);
    tlv::push(&mut data, wrapper, content);
    data
}

/// The public key template 7F49: 81 modulus and 82 exponent, or 86 the point.
pub(crate) fn public_key(algorithm: Algorithm, answer: &[u8]) -> Result<PublicKey, Error> {
    let template = tlv::find(answer, 0x7F49).ok_or(Error::Malformed("new public key"))?;
    key_of_template(algorithm, template)
}

/// The public key in the fields 81 and 82, or 86.
pub(crate) fn key_of_template(algorithm: Algorithm, fields: &[u8]) -> Result<PublicKey, Error> {
    let field = |tag| tlv::find(fields, tag).ok_or(Error::Malformed("new public key"));
    if algorithm.is_rsa() {
        PublicKey::rsa(algorithm, field(0x81)?, field(0x82)?)
    } else {
        PublicKey::ecc(algorithm, field(0x86)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_wrapped_as_the_standard_says() {
        let chuid = written(ObjectId::CHUID, &[1, 2]);
        assert_eq!(**chuid, [0x5C, 0x03, 0x5F, 0xC1, 0x02, 0x53, 0x02, 1, 2]);
        assert_eq!(**written(ObjectId::DISCOVERY, &[1]), [0x7E, 0x01, 1]);
        assert_eq!(**written(ObjectId::CHUID, &[]), [0x5C, 0x03, 0x5F, 0xC1, 0x02, 0x53, 0x00]);
    }

    #[test]
    fn a_new_key_is_read_only_if_it_is_what_was_asked_for() {
        let point = [&[4][..], &[7; 64]].concat();
        let answer = |fields: &[u8]| tlv::object(0x7F49, fields);
        let of = |tag, value: &[u8]| answer(&tlv::object(tag, value));
        let curve = of(0x86, &point);
        assert!(public_key(Algorithm::EccP256, &curve).is_err(), "not a point of the curve");
        assert!(public_key(Algorithm::EccP384, &curve).is_err());
        assert!(public_key(Algorithm::Rsa2048, &curve).is_err());
        let rsa = |modulus: &[u8]| [&tlv::object(0x81, modulus)[..], &tlv::object(0x82, &[1, 0, 1])].concat();
        let modulus = [&[0][..], &[0x91; 256]].concat();
        assert!(public_key(Algorithm::Rsa2048, &answer(&rsa(&modulus))).is_ok(), "with a leading zero");
        assert!(public_key(Algorithm::Rsa2048, &answer(&rsa(&modulus[..200]))).is_err());
        assert!(public_key(Algorithm::Rsa2048, &answer(&rsa(&[0x11; 256]))).is_err(), "too small a number");
    }
}
