//! The Card Holder Unique Identifier (SP 800-73 part 1, 3.1.2), signed as an issuer signs it.

use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerInfos};
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Decode, Encode};
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::{SignatureEncoding, Signer};
use sha2::{Digest, Sha256};

use crate::fixture::{CHUID_CMS, CONTENT_SIGNER_KEY};
use crate::tlv::tlv;

const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// What stands inside 53.
pub(super) fn chuid(guid: &[u8; 16]) -> Vec<u8> {
    let before = [tlv(0x30, &fasc_n(1)), tlv(0x34, guid), tlv(0x35, b"20451231")].concat();
    let end = tlv(0xFE, &[]);
    let signature = signature(&[&before[..], &end].concat()).expect("the fixture is a CMS signature");
    [before, tlv(0x3E, &signature), end].concat()
}

/// The fixture's signature, made anew over this content: only the digest and the signature value change.
fn signature(content: &[u8]) -> der::Result<Vec<u8>> {
    let mut info = ContentInfo::from_der(CHUID_CMS)?;
    let mut signed: SignedData = info.content.decode_as()?;
    let mut signer = signed.signer_infos.0.get(0).expect("one signer").clone();

    let mut attributes = signer.signed_attrs.take().expect("signed attributes").into_vec();
    let digest = attributes.iter_mut().find(|attribute| attribute.oid == MESSAGE_DIGEST).expect("a digest");
    let value = Any::encode_from(&OctetString::new(Sha256::digest(content).to_vec())?)?;
    digest.values = SetOfVec::try_from(vec![value])?;
    let attributes = SetOfVec::try_from(attributes)?;

    let key = RsaPrivateKey::from_pkcs8_der(CONTENT_SIGNER_KEY).expect("the fixture is an RSA key");
    let value = SigningKey::<Sha256>::new(key).sign(&attributes.to_der()?);
    signer.signature = OctetString::new(value.to_vec())?;
    signer.signed_attrs = Some(attributes);

    signed.signer_infos = SignerInfos(SetOfVec::try_from(vec![signer])?);
    info.content = Any::encode_from(&signed)?;
    info.to_der()
}

/// A FASC-N of agency 9999, which is none: so the GUID names the card (NIST, PACS 2.3, 2.1).
fn fasc_n(credential: u32) -> Vec<u8> {
    const START: u8 = 0b11010;
    const SEPARATOR: u8 = 0b10110;
    const END: u8 = 0b11111;
    let digits = |text: &str| text.bytes().map(with_parity).collect::<Vec<_>>();
    let fields = [
        vec![START],
        digits("9999"),
        vec![SEPARATOR],
        digits("9999"),
        vec![SEPARATOR],
        digits(&format!("{credential:06}")),
        vec![SEPARATOR],
        digits("1"),
        vec![SEPARATOR],
        digits("1"),
        vec![SEPARATOR],
        digits("0000000001199991"),
        vec![END],
    ];
    let mut symbols = fields.concat();
    symbols.push(longitudinal_check(&symbols));
    pack(&symbols)
}

/// A digit in 5 bits, least significant first, with odd parity.
fn with_parity(digit: u8) -> u8 {
    let value = (digit - b'0').reverse_bits() >> 4;
    value << 1 | u8::from(value.count_ones().is_multiple_of(2))
}

/// The exclusive or of the four data bits of all symbols, with a parity of its own.
fn longitudinal_check(symbols: &[u8]) -> u8 {
    let value = symbols.iter().fold(0, |sum, symbol| sum ^ symbol >> 1);
    value << 1 | u8::from(value.count_ones().is_multiple_of(2))
}

fn pack(symbols: &[u8]) -> Vec<u8> {
    symbols
        .chunks_exact(8)
        .flat_map(|eight| {
            eight.iter().fold(0u64, |bits, symbol| bits << 5 | u64::from(*symbol)).to_be_bytes()[3..].to_vec()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fasc_n_has_25_bytes_that_begin_and_end_like_a_real_one() {
        let bytes = fasc_n(1);
        assert_eq!(bytes.len(), 25);
        // Start sentinel, then 9999 and a separator: the first bytes of every card that is not federal.
        assert_eq!(bytes[..4], [0xD4, 0xE7, 0x39, 0xDA]);
        assert_eq!(u16::from_be_bytes([bytes[23], bytes[24]]) >> 5 & 0x1F, 0b11111);
    }

    #[test]
    fn digits_have_odd_parity() {
        for digit in b'0'..=b'9' {
            assert_eq!(with_parity(digit).count_ones() % 2, 1);
        }
        assert_eq!(with_parity(b'1'), 0b10000);
        assert_eq!(with_parity(b'9'), 0b10011);
    }

    #[test]
    fn two_guids_give_two_signatures_of_a_realistic_size() {
        let (one, two) = (chuid(&[1; 16]), chuid(&[2; 16]));
        assert_ne!(one[one.len() - 60..], two[two.len() - 60..]);
        assert!((1500..1900).contains(&one.len()), "{}", one.len());
    }
}
