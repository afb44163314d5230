//! C_GenerateKeyPair: the card makes a key. CKA_ID says which one; what was there, key and certificate, is gone.
//!
//! The new key has no certificate, and a PIV card shows no key without one. So its two objects are shown from what the card
//! answered when it made the key: by this process, and by those that this user starts after it, from what is kept of the card.
//! Another machine, another user and a card without a name see the key when it has its certificate.

use cryptoki_sys::*;
use piv::{Algorithm, KeyReference, PublicKey};

use crate::{
    Error, Provider, Settings, Template,
    attributes::curve,
    login::explain,
    mechanism::{Given, Kind, Mechanism},
    object::{Bare, reference_of},
    session::Session,
    slot::Held,
};

/// What may stand in the templates of a key pair, and changes nothing: the card decides, or the certificate.
const WITHOUT_MEANING: [CK_ATTRIBUTE_TYPE; 24] = [
    CKA_LABEL,
    CKA_SUBJECT,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_TRUSTED,
    CKA_ENCRYPT,
    CKA_VERIFY,
    CKA_VERIFY_RECOVER,
    CKA_WRAP,
    CKA_SIGN,
    CKA_SIGN_RECOVER,
    CKA_DECRYPT,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_WRAP_WITH_TRUSTED,
    CKA_ALLOWED_MECHANISMS,
    CKA_WRAP_TEMPLATE,
    CKA_UNWRAP_TEMPLATE,
];

/// What is looked at.
const WITH_MEANING: [CK_ATTRIBUTE_TYPE; 10] = [
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_ID,
    CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT,
    CKA_EC_PARAMS,
];

impl Provider {
    /// C_GenerateKeyPair. Answers public and private key.
    ///
    /// # Errors
    /// [`Error::ReadOnlySession`]; what is wrong with mechanism or templates, before the card is asked; without a right to
    /// write, that nobody (or only the user, on a card by the standard) is logged in; of the card.
    pub fn generate_key_pair(
        &self,
        session: CK_SESSION_HANDLE,
        given: Option<&Given>,
        public: &Template,
        private: &Template,
    ) -> Result<[CK_OBJECT_HANDLE; 2], Error> {
        let session = self.recent_session(session)?;
        let given = given.ok_or(Error::ArgumentsBad)?;
        let mechanism = Mechanism::find(given.number, CKF_GENERATE_KEY_PAIR)?;
        given.parameter.none()?;
        let wanted = WantedPair::read(mechanism, public, private)?;
        if !session.writable {
            return Err(Error::ReadOnlySession);
        }
        self.demand_presence(&session)?;
        let settings = self.seams.settings;
        let place = session.place(wanted.reference, |held| wanted.choose(held, settings))?;
        let made = session.write(place, |held| {
            held.administer(|token, authority| token.generate(authority, place, wanted.algorithm))
        });
        let bare = Bare::new(made?, Some(mechanism.number))?;
        session.show_bare(place, Bare { id: wanted.alias, ..bare }, settings)
    }
}

impl Bare {
    pub(crate) fn new(public: PublicKey, made_by: Option<CK_MECHANISM_TYPE>) -> Result<Self, Error> {
        Ok(Self { info: public.info()?, public, id: None, made_by })
    }
}

impl Session {
    /// The named key, or the one that is chosen by asking the card.
    fn place(
        &self,
        named: Option<KeyReference>,
        choose: impl FnOnce(&mut Held) -> Result<Option<KeyReference>, piv::Error>,
    ) -> Result<KeyReference, Error> {
        let result = self.slot.with_held(self.insertion, |held| {
            held.token.state()?;
            held.demand_right()?;
            named.map_or_else(|| choose(held), |named| Ok(Some(named)))
        });
        explain(&result);
        result?.ok_or_else(|| {
            tracing::error!("the program names no key (CKA_ID), and the card does not tell which are free: set CRESCENDO_NEW_KEY");
            Error::TemplateIncomplete
        })
    }

    /// Writes, and has everybody look again at what was written, whatever came of it.
    pub(crate) fn write<T>(
        &self,
        key: KeyReference,
        work: impl FnOnce(&mut Held) -> Result<T, piv::Error>,
    ) -> Result<T, Error> {
        let result = self.slot.with_held(self.insertion, work);
        let was_tried = !matches!(
            result,
            Err(Error::Card(
                piv::Error::NotLoggedIn
                    | piv::Error::ManagementKeyNeeded
                    | piv::Error::Managed
                    | piv::Error::Unconfirmed(_)
                    | piv::Error::WrongKey
            ))
        );
        if was_tried {
            self.slot.change(self.insertion, |view| view.note_write(key));
        }
        explain(&result);
        result
    }

    /// Shows a key that has no certificate yet.
    pub(crate) fn show_bare(
        &self,
        key: KeyReference,
        bare: Bare,
        settings: Settings,
    ) -> Result<[CK_OBJECT_HANDLE; 2], Error> {
        let mut handles = None;
        self.slot.change(self.insertion, |view| handles = Some(view.show_bare(key, bare, settings)));
        handles.ok_or(Error::Removed)
    }
}

/// What a program wants of a new key pair.
struct WantedPair {
    algorithm: Algorithm,
    /// Which key it is to be, if CKA_ID says so.
    reference: Option<KeyReference>,
    /// A CKA_ID that is none of ours: the program finds its key by it again.
    alias: Option<Vec<u8>>,
    /// It is to decrypt or agree, and not to sign.
    for_secrets: bool,
}

impl WantedPair {
    fn read(mechanism: &Mechanism, public: &Template, private: &Template) -> Result<Self, Error> {
        for (kind, _) in public.iter().chain(private.iter()) {
            // What only the card makes.
            if [CKA_MODULUS, CKA_EC_POINT, CKA_VALUE, CKA_LOCAL, CKA_KEY_GEN_MECHANISM].contains(&kind) {
                return Err(Error::TemplateInconsistent);
            }
            let is_known = WITH_MEANING.contains(&kind) || WITHOUT_MEANING.contains(&kind);
            if !is_known && kind & CKA_VENDOR_DEFINED == 0 {
                return Err(Error::AttributeUnknown);
            }
        }
        let key_type = if mechanism.kind == Kind::RsaKeyPair { CKK_RSA } else { CKK_EC };
        for (template, class) in [(public, CKO_PUBLIC_KEY), (private, CKO_PRIVATE_KEY)] {
            let is = |given: Option<CK_ULONG>, expected| given.is_none_or(|given| given == expected);
            if !is(template.number(CKA_CLASS)?, class) || !is(template.number(CKA_KEY_TYPE)?, key_type) {
                return Err(Error::TemplateInconsistent);
            }
        }
        // Keys of a session are for TLS and the like, every day anew: none of those may ever replace a key of the card.
        let is_lasting = private.flag(CKA_TOKEN)? == Some(true);
        let is_open =
            private.flag(CKA_SENSITIVE)? == Some(false) || private.flag(CKA_EXTRACTABLE)? == Some(true);
        if !is_lasting || is_open {
            return Err(Error::TemplateInconsistent);
        }
        let algorithm = if key_type == CKK_RSA { rsa(public)? } else { ecc(public)? };
        let (reference, alias) = Self::place(public, private)?;
        let [signs, decrypts, derives] =
            [CKA_SIGN, CKA_DECRYPT, CKA_DERIVE].map(|kind| private.flag(kind).map(|flag| flag == Some(true)));
        let (signs, for_secrets) = (signs?, decrypts? | derives?);
        if reference.is_some_and(|reference| reference.needs_pin())
            && private.flag(CKA_PRIVATE)? == Some(false)
        {
            return Err(Error::TemplateInconsistent);
        }
        Ok(Self { algorithm, reference, alias, for_secrets: for_secrets && !signs })
    }

    /// One byte is a key of the card, as it is numbered here. Anything longer a program has made up, for its own use.
    fn place(
        public: &Template,
        private: &Template,
    ) -> Result<(Option<KeyReference>, Option<Vec<u8>>), Error> {
        let named = [public, private].map(|template| template.find(CKA_ID).filter(|id| !id.is_empty()));
        match named {
            [Some(one), Some(other)] if one != other => Err(Error::TemplateInconsistent),
            [Some([id]), _] | [_, Some([id])] => {
                reference_of(*id).map(|reference| (Some(reference), None)).ok_or(Error::AttributeValue)
            }
            [alias, other] => Ok((None, alias.or(other).map(<[u8]>::to_vec))),
        }
    }

    /// The key to be made where the program names none: as the user has set; else the first that the card says is free. Never
    /// one that works without a PIN. `None`: the card does not tell.
    fn choose(&self, held: &mut Held, settings: Settings) -> Result<Option<KeyReference>, piv::Error> {
        if settings.new_key.is_some() {
            return Ok(settings.new_key);
        }
        let first: &[KeyReference] = match self.for_secrets {
            true => &[KeyReference::KEY_MANAGEMENT],
            false => &[KeyReference::PIV_AUTHENTICATION, KeyReference::DIGITAL_SIGNATURE],
        };
        let retired = (1..=KeyReference::RETIRED).filter_map(KeyReference::retired);
        let wanted: Vec<_> = first.iter().copied().chain(retired).collect();
        let token = &mut held.token;
        let free: Vec<_> = match token.places()? {
            Some(places) => {
                let free = places.into_iter().filter(|place| place.content == piv::crescendo::Content::Empty);
                free.map(|place| place.key).collect()
            }
            None if token.has_metadata()? => wanted.clone(),
            None => return Ok(None),
        };
        for key in wanted.into_iter().filter(|key| free.contains(key)) {
            if token.certificate_der(key)?.is_none() && token.metadata(key)?.is_none() {
                return Ok(Some(key));
            }
        }
        Err(piv::Error::NoRoom)
    }
}

fn rsa(public: &Template) -> Result<Algorithm, Error> {
    if public.find(CKA_PUBLIC_EXPONENT).is_some_and(|exponent| !is_65537(exponent)) {
        return Err(Error::AttributeValue);
    }
    match public.number(CKA_MODULUS_BITS)?.ok_or(Error::TemplateIncomplete)? {
        2048 => Ok(Algorithm::Rsa2048),
        3072 => Ok(Algorithm::Rsa3072),
        4096 => Ok(Algorithm::Rsa4096),
        _ => Err(Error::AttributeValue),
    }
}

fn is_65537(exponent: &[u8]) -> bool {
    let zeros = exponent.iter().take_while(|byte| **byte == 0).count();
    exponent[zeros..] == [1, 0, 1]
}

/// Curves come as object identifiers; explicit parameters are given to nobody any more.
pub(crate) fn ecc(public: &Template) -> Result<Algorithm, Error> {
    let parameters = public.find(CKA_EC_PARAMS).ok_or(Error::TemplateIncomplete)?;
    let known =
        [Algorithm::EccP256, Algorithm::EccP384].into_iter().find(|known| curve(*known) == parameters);
    let is_named = matches!(parameters, [0x06, len, oid @ ..] if usize::from(*len) == oid.len());
    known.ok_or(if is_named { Error::Curve } else { Error::DomainParameters })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Attributes<'a> = &'a [(CK_ATTRIBUTE_TYPE, &'a [u8])];

    fn read(
        number: CK_MECHANISM_TYPE,
        public: Attributes<'_>,
        private: Attributes<'_>,
    ) -> Result<WantedPair, Error> {
        let template = |of: Attributes<'_>| of.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
        let lasting = [private, &[(CKA_TOKEN, &[CK_TRUE])]].concat();
        let mechanism = Mechanism::find(number, CKF_GENERATE_KEY_PAIR).unwrap();
        WantedPair::read(mechanism, &template(public), &template(&lasting))
    }

    const P256: &[u8] = b"\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07";

    #[test]
    fn the_id_names_the_key() {
        let of = |public, private| {
            let public = [&[(CKA_EC_PARAMS, P256)][..], public].concat();
            read(CKM_EC_KEY_PAIR_GEN, &public, private)
        };
        let named = of(&[(CKA_ID, &[3])], &[(CKA_ID, &[3])]).unwrap();
        assert_eq!(
            (named.reference, named.algorithm),
            (Some(KeyReference::KEY_MANAGEMENT), Algorithm::EccP256)
        );
        assert_eq!(of(&[], &[(CKA_ID, &[0x10])]).unwrap().reference, KeyReference::retired(6));
        assert!(matches!(of(&[], &[(CKA_ID, &[0x0A])]), Err(Error::AttributeValue)));
        assert!(matches!(of(&[(CKA_ID, &[1])], &[(CKA_ID, &[2])]), Err(Error::TemplateInconsistent)));
        let alias = of(&[], &[(CKA_ID, b"mine")]).unwrap();
        assert_eq!((alias.reference, alias.alias.as_deref()), (None, Some(&b"mine"[..])));
        assert!(matches!(of(&[], &[(CKA_ID, &[1]), (CKA_PRIVATE, &[0])]), Err(Error::TemplateInconsistent)));
        assert!(of(&[], &[(CKA_ID, &[4]), (CKA_PRIVATE, &[0])]).is_ok());
        assert!(of(&[], &[(CKA_DERIVE, &[1]), (CKA_SIGN, &[0])]).unwrap().for_secrets);
    }

    #[test]
    fn templates_that_no_card_can_follow() {
        let bits = |bits: CK_ULONG| bits.to_ne_bytes();
        let rsa = |public: Attributes<'_>, private: Attributes<'_>| {
            read(CKM_RSA_PKCS_KEY_PAIR_GEN, public, private).map(|wanted| wanted.algorithm)
        };
        assert_eq!(rsa(&[(CKA_MODULUS_BITS, &bits(3072))], &[]).unwrap(), Algorithm::Rsa3072);
        assert!(matches!(rsa(&[], &[]), Err(Error::TemplateIncomplete)));
        assert!(matches!(rsa(&[(CKA_MODULUS_BITS, &bits(1024))], &[]), Err(Error::AttributeValue)));
        let sized = [(CKA_MODULUS_BITS, &bits(2048)[..])];
        for (attribute, wrong) in [
            ((CKA_EXTRACTABLE, &[CK_TRUE][..]), Error::TemplateInconsistent),
            ((CKA_SENSITIVE, &[CK_FALSE]), Error::TemplateInconsistent),
            ((CKA_VALUE, &[1]), Error::TemplateInconsistent),
            ((CKA_CLASS, &CKO_PUBLIC_KEY.to_ne_bytes()), Error::TemplateInconsistent),
            ((CKA_KEY_TYPE, &CKK_EC.to_ne_bytes()), Error::TemplateInconsistent),
            ((CKA_ISSUER, &[]), Error::AttributeUnknown),
            ((CKA_SIGN, &[2]), Error::AttributeValue),
        ] {
            let refused = rsa(&sized, &[attribute]).unwrap_err();
            assert_eq!(format!("{refused:?}"), format!("{wrong:?}"), "{:#x}", attribute.0);
        }
        let exponent = [sized[0], (CKA_PUBLIC_EXPONENT, &[3])];
        assert!(matches!(rsa(&exponent, &[]), Err(Error::AttributeValue)));
        assert!(rsa(&[sized[0], (CKA_PUBLIC_EXPONENT, &[0, 1, 0, 1])], &[]).is_ok());
        let ecc = |parameters| read(CKM_EC_KEY_PAIR_GEN, &[(CKA_EC_PARAMS, parameters)], &[]).err();
        assert!(matches!(ecc(b"\x06\x05\x2B\x81\x04\x00\x23"), Some(Error::Curve)));
        assert!(matches!(ecc(b"\x30\x00"), Some(Error::DomainParameters)));
        assert!(matches!(read(CKM_EC_KEY_PAIR_GEN, &[], &[]), Err(Error::TemplateIncomplete)));
    }

    #[test]
    fn a_key_of_a_session_is_never_made() {
        let template = |of: Attributes<'_>| of.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
        let public: Template = template(&[(CKA_EC_PARAMS, P256)]);
        let mechanism = Mechanism::find(CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR).unwrap();
        for private in [&[][..], &[(CKA_TOKEN, &[CK_FALSE][..])]] {
            let read = WantedPair::read(mechanism, &public, &template(private));
            assert!(matches!(read, Err(Error::TemplateInconsistent)));
        }
    }
}
