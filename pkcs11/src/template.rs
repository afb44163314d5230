//! Templates: the attributes a search asks for, and what a program wants of a new key.

use cryptoki_sys::*;
use piv::KeyReference;
use zeroize::Zeroize;

use crate::{
    Error,
    data::{
        CONTAINERS, Container, bare_identifier, certificate_identifier, certificate_label, unreadable_label,
    },
    object::{Object, id, label},
};

/// What data objects have.
const DATA: [CK_ATTRIBUTE_TYPE; 11] = [
    CKA_CLASS,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_LABEL,
    CKA_UNIQUE_ID,
    CKA_APPLICATION,
    CKA_OBJECT_ID,
    CKA_VALUE,
];

/// Attributes, copied out of the program's memory. They may be a private key, so they are wiped.
#[derive(Default)]
pub struct Template(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Drop for Template {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl FromIterator<(CK_ATTRIBUTE_TYPE, Vec<u8>)> for Template {
    fn from_iter<I: IntoIterator<Item = (CK_ATTRIBUTE_TYPE, Vec<u8>)>>(attributes: I) -> Self {
        let bare = |(kind, value): (CK_ATTRIBUTE_TYPE, Vec<u8>)| match kind {
            CKA_OBJECT_ID => (kind, bare_identifier(&value).to_vec()),
            _ => (kind, value),
        };
        Self(attributes.into_iter().map(bare).collect())
    }
}

impl Template {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, &[u8])> {
        self.0.iter().map(|(kind, value)| (*kind, value.as_slice()))
    }

    pub(crate) fn find(&self, kind: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.0.iter().find(|(here, _)| *here == kind).map(|(_, value)| value.as_slice())
    }

    /// A number, which has to be as wide as numbers are.
    pub(crate) fn number(&self, kind: CK_ATTRIBUTE_TYPE) -> Result<Option<CK_ULONG>, Error> {
        let number = |value: &[u8]| value.try_into().map(CK_ULONG::from_ne_bytes);
        self.find(kind).map(number).transpose().map_err(|_| Error::AttributeValue)
    }

    /// CK_TRUE or CK_FALSE.
    pub(crate) fn flag(&self, kind: CK_ATTRIBUTE_TYPE) -> Result<Option<bool>, Error> {
        match self.find(kind) {
            None => Ok(None),
            Some([CK_FALSE]) => Ok(Some(false)),
            Some([CK_TRUE]) => Ok(Some(true)),
            Some(_) => Err(Error::AttributeValue),
        }
    }

    /// Nearly every search names a class, and that stands in the object itself: most are told apart by it alone.
    pub(crate) fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|(kind, value)| match *kind {
            CKA_CLASS => *value == object.class.to_ne_bytes(),
            kind => object.attribute(kind).is_ok_and(|here| here == value),
        })
    }

    /// The keys whose objects this may find. None at all for a class we never have (rule R18: browsers ask for trust
    /// objects and root lists hundreds of times), and for what no object here ever is.
    pub(crate) fn keys(&self, logged_in: bool) -> Vec<KeyReference> {
        if self.is_never_of_a_card() {
            return Vec::new();
        }
        let classes: Vec<_> = [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY]
            .into_iter()
            .filter(|class| self.may_be(CKA_CLASS, &class.to_ne_bytes()))
            .collect();
        let may_show = |key: KeyReference, class: &CK_OBJECT_CLASS| {
            let visible = *class != CKO_PRIVATE_KEY || logged_in || !key.needs_pin();
            visible && self.find(CKA_LABEL).is_none_or(|wanted| wanted == label(key, *class).as_bytes())
        };
        let wants_data = self.can_match_data();
        KeyReference::all()
            .filter(|key| {
                self.may_be(CKA_ID, &[id(*key)]) && classes.iter().any(|class| may_show(*key, class))
                    || wants_data && self.may_show_container(*key)
            })
            .collect()
    }

    /// The containers without a key that this may find.
    pub(crate) fn containers(&self) -> Vec<&'static Container> {
        let all = if self.can_match_data() { CONTAINERS } else { &[] };
        all.iter().filter(|container| self.may_show(container)).collect()
    }

    /// Whether every attribute asked for is one that data objects have, and none says something they never are.
    fn can_match_data(&self) -> bool {
        let has = |(kind, _): (CK_ATTRIBUTE_TYPE, &[u8])| DATA.contains(&kind);
        self.may_be(CKA_CLASS, &CKO_DATA.to_ne_bytes())
            && self.may_be(CKA_PRIVATE, &[CK_FALSE])
            && !self.is_never_of_a_card()
            && self.iter().all(has)
    }

    fn may_show_container(&self, key: KeyReference) -> bool {
        let mut names = [CKA_LABEL, CKA_APPLICATION].into_iter().filter_map(|kind| self.find(kind));
        let is_called = |name: &[u8]| {
            name == certificate_label(key).as_bytes() || name == unreadable_label(key).as_bytes()
        };
        let identifier = self.find(CKA_OBJECT_ID);
        names.all(is_called) && identifier.is_none_or(|wanted| wanted == certificate_identifier(key))
    }

    fn may_show(&self, container: &Container) -> bool {
        let is_called = |kind| self.may_be(kind, container.label.as_bytes());
        let identifier = self.find(CKA_OBJECT_ID);
        is_called(CKA_LABEL)
            && is_called(CKA_APPLICATION)
            && identifier.is_none_or(|wanted| wanted == container.identifier())
    }

    /// Whether an object with this attribute can match.
    fn may_be(&self, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> bool {
        self.find(kind).is_none_or(|wanted| wanted == value)
    }

    fn is_never_of_a_card(&self) -> bool {
        let never = [(CKA_TOKEN, CK_FALSE), (CKA_TRUSTED, CK_TRUE), (CKA_MODIFIABLE, CK_TRUE)];
        never.into_iter().any(|(kind, never)| self.find(kind).is_some_and(|value| value == [never]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(attributes: &[(CK_ATTRIBUTE_TYPE, &[u8])], logged_in: bool) -> Vec<u8> {
        let template: Template = attributes.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
        template.keys(logged_in).into_iter().map(KeyReference::number).collect()
    }

    #[test]
    fn only_what_can_match_is_read() {
        let class = |class: CK_OBJECT_CLASS| class.to_ne_bytes();
        assert_eq!(keys(&[], false).len(), 24);
        assert_eq!(keys(&[(CKA_ID, &[2])], false), [0x9C]);
        assert_eq!(keys(&[(CKA_ID, &[0x10])], false), [0x87]);
        assert_eq!(keys(&[(CKA_LABEL, b"KEY MAN pubkey")], false), [0x9D]);
        assert_eq!(keys(&[(CKA_LABEL, b"KEY MAN pubkey"), (CKA_CLASS, &class(CKO_CERTIFICATE))], false), []);
        assert_eq!(keys(&[(CKA_CLASS, &class(CKO_PRIVATE_KEY))], false), [0x9E]);
        assert_eq!(keys(&[(CKA_CLASS, &class(CKO_PRIVATE_KEY))], true).len(), 24);
        for nothing in [CKO_PROFILE, CKO_SECRET_KEY, CKO_TRUST, CKO_VENDOR_DEFINED | 0x4E53_4351] {
            assert_eq!(keys(&[(CKA_CLASS, &class(nothing))], true), []);
        }
        assert_eq!(keys(&[(CKA_TOKEN, &[CK_FALSE])], true), []);
        assert_eq!(keys(&[(CKA_CLASS, &[1])], true), [], "a class of the wrong size");
    }

    #[test]
    fn data_objects_are_probed_only_when_asked_for() {
        let containers = |attributes: &[(CK_ATTRIBUTE_TYPE, &[u8])]| -> Vec<&'static str> {
            let template: Template = attributes.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
            template.containers().into_iter().map(|container| container.label).collect()
        };
        let class = |class: CK_OBJECT_CLASS| class.to_ne_bytes();
        assert_eq!(containers(&[(CKA_CLASS, &class(CKO_DATA))]).len(), 7);
        assert_eq!(containers(&[]).len(), 7);
        for never in [CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKO_TRUST] {
            assert!(containers(&[(CKA_CLASS, &class(never))]).is_empty());
        }
        assert!(containers(&[(CKA_ID, &[1])]).is_empty());
        assert!(containers(&[(CKA_SUBJECT, b"x"), (CKA_TOKEN, &[CK_TRUE])]).is_empty());
        assert!(containers(&[(CKA_LABEL, b"PIV AUTH key")]).is_empty());
        assert_eq!(containers(&[(CKA_APPLICATION, b"Discovery Object")]), ["Discovery Object"]);
        let nine_a = certificate_identifier(KeyReference::PIV_AUTHENTICATION);
        assert!(containers(&[(CKA_OBJECT_ID, &nine_a)]).is_empty());
        assert_eq!(keys(&[(CKA_OBJECT_ID, &nine_a), (CKA_CLASS, &class(CKO_DATA))], false), [0x9A]);
        let unreadable = b"X.509 Certificate for Key Management (unreadable)";
        assert_eq!(keys(&[(CKA_LABEL, unreadable)], false), [0x9D]);
    }

    #[test]
    fn flags_and_numbers_have_their_size() {
        let template: Template = [(CKA_WRAP, vec![2]), (CKA_VALUE_LEN, vec![16, 0])].into_iter().collect();
        assert!(matches!(template.flag(CKA_WRAP), Err(Error::AttributeValue)));
        assert!(matches!(template.number(CKA_VALUE_LEN), Err(Error::AttributeValue)));
        assert!(matches!(template.flag(CKA_DERIVE), Ok(None)));
    }
}
