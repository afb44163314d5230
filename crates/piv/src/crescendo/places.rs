//! GET PIV PROPERTIES: which keys a Crescendo has room for, and which of those places are taken. HID's low-level API pages, and
//! one measured answer of a Crescendo 2300. With or without a wrapper 53, and unknown tags anywhere.

use crate::{Algorithm, KeyReference, ObjectId, tlv};

/// A place for a key, as the card tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The key it is for.
    pub key: KeyReference,
    /// What is in it.
    pub content: Content,
    /// The kind of the key; of an empty place this says nothing.
    pub algorithm: Option<Algorithm>,
    /// How long its certificate container may be, in bytes, the wrapper included; only the 2300 family tells.
    pub capacity: Option<usize>,
}

/// What is in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// No key.
    Empty,
    /// A key that was made on the card.
    Generated,
    /// A key that was put onto the card, so that there may be copies.
    Injected,
}

/// The places in an answer to GET PIV PROPERTIES: a template 51 for each; 48 its reference, 43 algorithm, length, and the
/// status of private and public half, 42 the capacity. An empty place still shows an algorithm, so only the status counts.
pub(crate) fn places(properties: &[u8]) -> Vec<Place> {
    let body = tlv::only(properties, 0x53).unwrap_or(properties);
    let templates = tlv::ber(body).filter(|(tag, _)| *tag == 0x51);
    templates.filter_map(|(_, template)| place(template)).collect()
}

fn place(template: &[u8]) -> Option<Place> {
    let parameters = tlv::find(template, 0x43)?;
    let content = match parameters.get(2..4)? {
        [0, 0] => Content::Empty,
        [private, public] if (private | public) & 0x80 != 0 => Content::Injected,
        _ => Content::Generated,
    };
    let capacity = tlv::find(template, 0x42).and_then(|bytes| bytes.try_into().ok());
    Some(Place {
        key: KeyReference::from_number(*tlv::find(template, 0x48)?.first()?)?,
        content,
        algorithm: Algorithm::from_identifier(parameters[0]),
        capacity: capacity.map(|bytes| u16::from_le_bytes(bytes).into()),
    })
}

/// The keys that are there.
pub(crate) fn occupied(properties: &[u8]) -> Vec<KeyReference> {
    let taken = |place: &Place| place.content != Content::Empty;
    places(properties).into_iter().filter(taken).map(|place| place.key).collect()
}

/// How long this object may be, wrapper included, as far as the card tells: 47 the tag of a container, 42 its capacity.
pub(crate) fn capacity(properties: &[u8], object: ObjectId) -> Option<usize> {
    let body = tlv::only(properties, 0x53).unwrap_or(properties);
    let templates = tlv::ber(body).filter(|(tag, _)| matches!(tag, 0x50 | 0x51));
    let of_object = |template: &&[u8]| {
        let named =
            tlv::find(template, 0x47).map(|tag| tag.iter().fold(0, |tag, byte| tag << 8 | u32::from(*byte)));
        named == Some(object.tag())
    };
    let template = templates.map(|(_, template)| template).find(of_object)?;
    let bytes = tlv::find(template, 0x42)?.try_into().ok()?;
    Some(u16::from_le_bytes(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a card that was never written answered.
    const MEASURED: &str = "5381B9010521030003063901153A07A00000007910003B00500C47035FC1022601034202680B500C47035FC1092601014202F800500C47035FC10C26010142020A00511547035FC10526010148019A43040720000042027507511547035FC10A26010148019C43040720000042027507511547035FC10B26010148019D43040720000042027507511547035FC10D26010148018243040720000042027507511547035FC10E260101480183430407200000420275074505D688838000";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_places_of_a_crescendo_2300() {
        let properties = bytes(MEASURED);
        let places = places(&properties);
        let keys: Vec<_> = places.iter().map(|place| place.key.to_string()).collect();
        assert_eq!(keys, ["9A", "9C", "9D", "82", "83"], "and no 9E");
        assert!(places.iter().all(|place| place.content == Content::Empty && place.capacity == Some(1909)));
        assert_eq!(occupied(&properties), []);
        assert_eq!(capacity(&properties, ObjectId::CHUID), Some(2920));
        assert_eq!(capacity(&properties, KeyReference::KEY_MANAGEMENT.certificate()), Some(1909));
        assert_eq!(capacity(&properties, KeyReference::CARD_AUTHENTICATION.certificate()), None);
        for length in 0..properties.len() {
            let _ = (super::places(&properties[..length]), capacity(&properties[..length], ObjectId::CHUID));
        }
    }

    #[test]
    fn properties_of_both_dialects() {
        let c4000 = b"\x01\x06\x21\x04\x00\x00\x01\x02\x51\x0A\x48\x01\x9A\x43\x05\x11\x04\x01\x01\x00\x51\x0A\x48\x01\x82\x43\x05\x07\x20\x00\x00\x00";
        assert_eq!(occupied(c4000), [KeyReference::PIV_AUTHENTICATION]);
        let first = places(c4000)[0];
        assert_eq!((first.content, first.algorithm), (Content::Generated, Some(Algorithm::EccP256)));
        let block =
            b"\x51\x15\x47\x03\x5F\xC1\x0D\x26\x01\x01\x48\x01\x82\x43\x04\x07\x20\x81\x81\x42\x02\x75\x07";
        let mut c2300 = Vec::new();
        tlv::push(&mut c2300, 0x53, block);
        assert_eq!(occupied(&c2300), [KeyReference::retired(1).unwrap()]);
        assert_eq!(places(&c2300)[0].content, Content::Injected);
    }
}
