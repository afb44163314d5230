//! The data objects of the PIV data model (SP 800-73-5 part 1, chapter 3 and table 3): names, and what is inside.

use std::{
    fmt,
    io::{Read, Write},
};

use flate2::{Compression, write::GzEncoder};

use crate::{Error, KeyReference, PinReference, tlv};

/// The BER-TLV tag of a data object, as GET DATA names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(u32);

impl ObjectId {
    /// Card Holder Unique Identifier.
    pub const CHUID: Self = Self(0x5F_C102);
    /// Key History Object.
    pub const KEY_HISTORY: Self = Self(0x5F_C10C);
    /// Discovery Object.
    pub const DISCOVERY: Self = Self(0x7E);
    /// X.509 Certificate for PIV Authentication.
    pub const CERTIFICATE_PIV_AUTHENTICATION: Self = Self(0x5F_C105);
    /// X.509 Certificate for Digital Signature.
    pub const CERTIFICATE_DIGITAL_SIGNATURE: Self = Self(0x5F_C10A);
    /// X.509 Certificate for Key Management.
    pub const CERTIFICATE_KEY_MANAGEMENT: Self = Self(0x5F_C10B);
    /// X.509 Certificate for Card Authentication.
    pub const CERTIFICATE_CARD_AUTHENTICATION: Self = Self(0x5F_C101);

    /// What Crescendo 2300 returns its PIV properties under.
    pub(crate) const PIV_PROPERTIES: Self = Self(0xFF_FF7F);

    /// Retired X.509 Certificate for Key Management, `index` from 0.
    pub(crate) const fn retired_certificate(index: u8) -> Self {
        Self(0x5F_C10D + index as u32)
    }

    /// The data object with this tag.
    #[must_use]
    pub const fn from_tag(tag: u32) -> Self {
        Self(tag)
    }

    /// Whether anyone may read it over contact, and so whether it may be remembered: everything but biometrics, printed
    /// information and the pairing code (SP 800-73-5 part 1, table 2).
    #[must_use]
    pub const fn is_public(self) -> bool {
        !matches!(self.0, 0x5F_C103 | 0x5F_C108 | 0x5F_C109 | 0x5F_C121 | 0x5F_C123)
    }

    /// The tag as a number.
    #[must_use]
    pub const fn tag(self) -> u32 {
        self.0
    }

    /// The tag list (5C) that names this object in GET DATA.
    pub(crate) fn tag_list(self) -> Vec<u8> {
        let tag: Vec<u8> = self.0.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        let mut list = Vec::with_capacity(5);
        tlv::push(&mut list, 0x5C, &tag);
        list
    }

    /// The tag around the content: 53, save for the two objects that are returned as they are.
    pub(crate) fn wrapper(self) -> u32 {
        match self.0 {
            0x7E | 0x7F61 => self.0,
            _ => 0x53,
        }
    }

    /// What is inside the wrapper. `None`: the object exists and is empty. An answer that is longer or shorter than its
    /// wrapper says has lost or gained bytes on the way, and is not believed.
    pub(crate) fn content(self, answer: &[u8]) -> Result<Option<&[u8]>, Error> {
        let content = tlv::only(answer, self.wrapper()).ok_or(Error::Malformed("data object"))?;
        Ok((!content.is_empty()).then_some(content))
    }
}

/// As in `5FC105`.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

/// Who a card is, by the first bytes of its CHUID (SP 800-73-5 part 1, 3.1.2). The signature behind them is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    fasc_n: Option<[u8; 25]>,
    guid: Option<[u8; 16]>,
    expiry: Option<[u8; 8]>,
}

impl Identity {
    /// How many bytes of the data object tell the identity: wrapper, FASC-N, GUID and expiry fit in 80 bytes.
    pub(crate) const HEAD: u8 = 0x50;

    /// Reads the start of a CHUID, wrapper included; it may end anywhere.
    pub(crate) fn parse(head: &[u8]) -> Self {
        let mut identity = Self { fasc_n: None, guid: None, expiry: None };
        for (tag, value) in tlv::fields(tlv::start_of_value(head)) {
            match tag {
                0x30 => identity.fasc_n = value.try_into().ok(),
                0x34 => identity.guid = value.try_into().ok(),
                0x35 => identity.expiry = value.try_into().ok(),
                _ => {}
            }
        }
        identity
    }

    /// The card UUID.
    #[must_use]
    pub fn guid(&self) -> Option<[u8; 16]> {
        self.guid.filter(|guid| *guid != [0; 16])
    }

    /// The expiry date of the card as `YYYYMMDD`.
    #[must_use]
    pub fn expiry(&self) -> Option<&str> {
        self.expiry.as_ref().and_then(|date| std::str::from_utf8(date).ok())
    }

    /// Whether the FASC-N was given by a federal agency: its agency code is not 9999.
    #[must_use]
    pub fn is_federal(&self) -> bool {
        // Start sentinel, four digits of 5 bits each: 9999 packs to these bits.
        self.fasc_n.is_some_and(|fasc_n| {
            fasc_n[0] != 0 && (fasc_n[0], fasc_n[1], fasc_n[2], fasc_n[3] & 0x80) != (0xD4, 0xE7, 0x39, 0x80)
        })
    }

    /// The serial number a token shows: the last 16 hex digits of the FASC-N, or of the GUID on cards that are not
    /// federal (as OpenSC has it).
    #[must_use]
    pub fn serial(&self) -> Option<String> {
        let bytes: Vec<u8> = match (self.is_federal(), self.fasc_n, self.guid()) {
            (true, Some(fasc_n), _) => fasc_n[17..].to_vec(),
            (_, _, Some(guid)) => guid[8..].to_vec(),
            _ => return None,
        };
        Some(hex(&bytes))
    }
}

/// Upper-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// How many retired keys there are (SP 800-73-5 part 1, 3.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyHistory {
    /// Keys with certificates on the card, from 82 upwards.
    pub on_card: u8,
    /// Keys with certificates elsewhere, from 95 downwards.
    pub off_card: u8,
}

impl KeyHistory {
    pub(crate) fn parse(content: &[u8]) -> Self {
        let count = |wanted| {
            tlv::fields(content)
                .find(|(tag, value)| *tag == wanted && value.len() == 1)
                .map_or(0, |(_, value)| value[0].min(KeyReference::RETIRED))
        };
        Self { on_card: count(0xC1), off_card: count(0xC2) }
    }

    /// The content of the object with these counts, the rest as it is in `before`.
    pub(crate) fn write(self, before: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        tlv::push(&mut content, 0xC1, &[self.on_card]);
        tlv::push(&mut content, 0xC2, &[self.off_card]);
        let rest = tlv::fields(before).filter(|(tag, _)| !matches!(tag, 0xC1 | 0xC2 | 0xFE));
        rest.for_each(|(tag, value)| tlv::push(&mut content, tag, value));
        tlv::push(&mut content, 0xFE, &[]);
        content
    }
}

/// The PIN usage policy (SP 800-73-5 part 1, 3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discovery {
    policy: [u8; 2],
}

impl Discovery {
    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let policy = tlv::find(content, 0x5F2F)?.try_into().ok()?;
        Some(Self { policy })
    }

    /// The PIN to ask for first.
    #[must_use]
    pub fn pin_reference(&self) -> PinReference {
        if self.policy[0] & 0x20 != 0 && self.policy[1] == 0x20 {
            PinReference::Global
        } else {
            PinReference::Application
        }
    }

    /// Whether the card implements the virtual contact interface.
    #[must_use]
    pub fn vci(&self) -> bool {
        self.policy[0] & 0x08 != 0
    }

    /// Whether the virtual contact interface waits for the pairing code.
    #[must_use]
    pub fn wants_pairing_code(&self) -> bool {
        self.vci() && self.policy[0] & 0x04 == 0
    }
}

/// The greatest certificate that is believed, inflated.
const CERTIFICATE_LIMIT: u64 = 64 * 1024;

/// The DER certificate in a certificate container, inflated if it was compressed (SP 800-73-5 part 1, 3.2.1 and
/// appendix A, table 10 note).
pub(crate) fn certificate(content: &[u8]) -> Result<Vec<u8>, Error> {
    let field = |wanted| tlv::fields(content).find(|(tag, _)| *tag == wanted).map(|(_, value)| value);
    let stored =
        field(0x70).filter(|der| !der.is_empty()).ok_or(Error::Malformed("certificate container"))?;
    let compressed = field(0x71).is_some_and(|info| info.first().is_some_and(|bits| bits & 0x81 != 0));
    if !compressed && !stored.starts_with(&[0x1F, 0x8B]) {
        return Ok(stored.to_vec());
    }
    let mut der = Vec::new();
    flate2::read::GzDecoder::new(stored)
        .take(CERTIFICATE_LIMIT)
        .read_to_end(&mut der)
        .map_err(|_| Error::Malformed("compressed certificate"))?;
    Ok(der)
}

/// A certificate container with this certificate, DER, in plain or as gzip.
pub(crate) fn certificate_container(der: &[u8], compressed: bool) -> Result<Vec<u8>, Error> {
    let mut content = Vec::with_capacity(der.len() + 16);
    if compressed {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let written = gzip.write_all(der).and_then(|()| gzip.finish());
        tlv::push(&mut content, 0x70, &written.map_err(|_| Error::Input("this cannot be compressed"))?);
    } else {
        tlv::push(&mut content, 0x70, der);
    }
    tlv::push(&mut content, 0x71, &[compressed.into()]);
    tlv::push(&mut content, 0xFE, &[]);
    Ok(content)
}

#[cfg(test)]
mod tests {

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    /// The first 80 bytes of a signed CHUID of 1.7 kB.
    fn chuid_head(fasc_n: &str) -> Vec<u8> {
        let mut fields = Vec::new();
        tlv::push(&mut fields, 0x30, &bytes(&format!("{fasc_n:0<50}")));
        tlv::push(&mut fields, 0x34, &bytes("A4EB5A0966C34F3E83F3B77E0EE96A25"));
        tlv::push(&mut fields, 0x35, b"20411231");
        fields.extend(bytes("3E820692308206"));
        [&bytes("538206E5")[..], &fields, &[0x5A; 14]].concat()[..80].to_vec()
    }

    #[test]
    fn the_head_of_a_chuid_is_enough() {
        let identity = Identity::parse(&chuid_head("D4E7398"));
        assert_eq!(hex(&identity.guid().unwrap()), "A4EB5A0966C34F3E83F3B77E0EE96A25");
        assert_eq!(identity.expiry(), Some("20411231"));
        assert!(!identity.is_federal(), "agency code 9999");
        assert_eq!(identity.serial().unwrap(), "83F3B77E0EE96A25");
        let federal = Identity::parse(&chuid_head("D650185B3C"));
        assert!(federal.is_federal());
        assert_eq!(federal.serial().unwrap(), "0000000000000000");
    }

    #[test]
    fn policies() {
        let policy =
            |hex: &str| Discovery::parse(&bytes(&format!("4F0BA0000003080000100001005F2F02{hex}"))).unwrap();
        assert_eq!(policy("4000").pin_reference(), PinReference::Application);
        assert_eq!(policy("6820").pin_reference(), PinReference::Global);
        assert_eq!(policy("6810").pin_reference(), PinReference::Application);
        assert!(policy("4800").vci());
        assert!(!policy("4000").vci());
    }

    #[test]
    fn certificates_plain_and_compressed() {
        let der = vec![0x30; 500];
        let container = |stored: &[u8], info: &[u8]| {
            let mut content = Vec::new();
            tlv::push(&mut content, 0x70, stored);
            tlv::push(&mut content, 0x71, info);
            tlv::push(&mut content, 0xFE, &[]);
            content
        };
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&der).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(certificate(&container(&der, &[0])).unwrap(), der);
        assert_eq!(certificate(&container(&gzip, &[1])).unwrap(), der);
        assert_eq!(certificate(&container(&gzip, &[0])).unwrap(), der, "told by its magic");
        assert!(certificate(&container(&der, &[1])).is_err());
        assert!(certificate(&[]).is_err());
    }

    #[test]
    fn key_history_counts_are_bounded() {
        assert_eq!(KeyHistory::parse(&bytes("C10102C20101FE00")), KeyHistory { on_card: 2, off_card: 1 });
        assert_eq!(KeyHistory::parse(&bytes("C101FF")).on_card, 20);
        assert_eq!(KeyHistory::parse(&[]), KeyHistory::default());
    }
}
