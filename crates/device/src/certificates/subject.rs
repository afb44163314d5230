//! Who a certificate is for: a name by RFC 4514, and the other names a person, a machine or a login goes by.

use std::{fmt, net::IpAddr, str::FromStr};

use der::{
    Tag, Tagged,
    asn1::{Any, Ia5String, Ia5StringRef, ObjectIdentifier, OctetString, PrintableStringRef, Utf8StringRef},
};
use x509_cert::{
    ext::pkix::name::{GeneralName, OtherName},
    name::RdnSequence,
};

/// A user principal name, by which Windows finds whose certificate it is.
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// Who a certificate is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub(super) name: RdnSequence,
    pub(super) others: Vec<GeneralName>,
}

/// Why something is no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectError(&'static str);

impl Subject {
    /// A name as in `CN=Ada Lovelace,O=Example`, the most particular part first (RFC 4514). Blanks after commas do not count.
    ///
    /// # Errors
    /// [`SubjectError`] for what is no such name, or an empty one.
    pub fn new(name: &str) -> Result<Self, SubjectError> {
        let wrong = SubjectError("a name looks like CN=Ada Lovelace,O=Example");
        let name = RdnSequence::from_str(&tight(name)).map_err(|_| wrong.clone())?;
        let is_sound =
            name.0.iter().flat_map(|part| part.0.iter()).all(|attribute| is_sound(&attribute.value));
        if is_sound && !name.0.is_empty() { Ok(Self { name, others: Vec::new() }) } else { Err(wrong) }
    }

    /// Another name: `email:`, `dns:`, `ip:`, `uri:` or `upn:` and what follows.
    ///
    /// # Errors
    /// [`SubjectError`] for anything else.
    pub fn add(&mut self, name: &str) -> Result<(), SubjectError> {
        self.others.push(other(name)?);
        Ok(())
    }
}

/// Whether the text is not empty, and has nothing in it that its kind of text cannot have.
fn is_sound(value: &Any) -> bool {
    let has_form = match value.tag() {
        Tag::PrintableString => PrintableStringRef::try_from(value).is_ok(),
        Tag::Ia5String => Ia5StringRef::try_from(value).is_ok(),
        Tag::Utf8String => Utf8StringRef::try_from(value).is_ok(),
        _ => true,
    };
    has_form && !value.value().is_empty()
}

fn other(name: &str) -> Result<GeneralName, SubjectError> {
    const WRONG: SubjectError =
        SubjectError("another name is email:, dns:, ip:, uri: or upn: and what follows");
    let (kind, value) = name.split_once(':').filter(|(_, value)| !value.is_empty()).ok_or(WRONG)?;
    let ascii = || Ia5String::new(value).map_err(|_| SubjectError("this name may have ASCII letters alone"));
    Ok(match kind {
        "email" => GeneralName::Rfc822Name(ascii()?),
        "dns" => GeneralName::DnsName(ascii()?),
        "uri" => GeneralName::UniformResourceIdentifier(ascii()?),
        "ip" => match value.parse().map_err(|_| SubjectError("this is no IP address"))? {
            IpAddr::V4(address) => GeneralName::IpAddress(octets(&address.octets())?),
            IpAddr::V6(address) => GeneralName::IpAddress(octets(&address.octets())?),
        },
        "upn" => {
            let value =
                Utf8StringRef::new(value).and_then(|text| Any::encode_from(&text)).map_err(|_| WRONG)?;
            GeneralName::OtherName(OtherName { type_id: UPN, value })
        }
        _ => return Err(WRONG),
    })
}

fn octets(bytes: &[u8]) -> Result<OctetString, SubjectError> {
    OctetString::new(bytes).map_err(|_| SubjectError("this is no IP address"))
}

/// Without the blanks that people put between the parts of a name.
fn tight(name: &str) -> String {
    let (mut out, mut escaped, mut start) = (String::new(), false, true);
    for c in name.trim().chars() {
        if !(start && c == ' ') {
            out.push(c);
            start = !escaped && matches!(c, ',' | '+');
        }
        escaped = c == '\\' && !escaped;
    }
    out
}

impl fmt::Display for SubjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for SubjectError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_write_them() {
        let name = |text: &str| Subject::new(text).map(|subject| subject.name.to_string());
        assert_eq!(name("CN=Ada, O=Example").as_deref(), Ok("CN=Ada,O=Example"));
        assert_eq!(name("CN=Lovelace\\, Ada,C=GB").as_deref(), Ok("CN=Lovelace\\, Ada,C=GB"));
        assert_eq!(name("CN=Zoë").as_deref(), Ok("CN=Zoë"));
        for wrong in ["", "Ada", "CN", "X=1", ",", "CN=a,", "CN=\\", "CN=", "CN=a,C=ÄÖ"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_names() {
        for right in ["email:a@example.org", "dns:example.org", "ip:::1", "ip:192.0.2.1", "upn:a@example.org"]
        {
            assert!(other(right).is_ok(), "{right}");
        }
        for wrong in ["", "email", "email:", "ip:x", "x:y", "dns:ü.example"] {
            assert!(other(wrong).is_err(), "{wrong}");
        }
    }
}
