//! C_CreateObject, C_DestroyObject and C_SetAttributeValue: certificates and private keys come onto the card and go, and a key
//! that has no certificate yet takes the CKA_ID that a program gives it.

use std::sync::Arc;

use cryptoki_sys::*;
use piv::{Certificate, KeyReference, PrivateKey, PublicKey};

use crate::{
    Error, Provider, Template,
    generate::ecc,
    object::{Bare, Object, reference_of},
    session::Session,
    slot::Held,
};

impl Provider {
    /// C_CreateObject: a certificate, which replaces the one its key had, or a private key, which replaces key and
    /// certificate. CKA_ID says of which key; a certificate with another CKA_ID goes to the key it belongs to.
    ///
    /// # Errors
    /// [`Error::ReadOnlySession`]; what is wrong with the template, before the card is asked: [`Error::TemplateInconsistent`]
    /// also for a certificate of another key; without a right to write, that nobody is logged in; of the card.
    pub fn create_object(
        &self,
        session: CK_SESSION_HANDLE,
        template: &Template,
    ) -> Result<CK_OBJECT_HANDLE, Error> {
        let session = self.recent_session(session)?;
        let class = template.number(CKA_CLASS)?.ok_or(Error::TemplateIncomplete)?;
        match class {
            CKO_CERTIFICATE => {
                let wanted = WantedCertificate::read(template)?;
                self.demand_writable(&session)?;
                wanted.create(&session)
            }
            CKO_PRIVATE_KEY => {
                let (place, key) = wanted_key(template)?;
                self.demand_writable(&session)?;
                self.import(&session, place, &key)
            }
            // Public keys go with their certificates; secret keys and data have no place on the card.
            _ => Err(Error::AttributeValue),
        }
    }

    /// C_DestroyObject: what was derived or unwrapped; a certificate; a private key, its certificate with it, where the token
    /// can.
    ///
    /// # Errors
    /// [`Error::ObjectInvalid`]; [`Error::Prohibited`] for any other object of the card; [`Error::ReadOnlySession`]; of the
    /// card.
    pub fn destroy_object(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Result<(), Error> {
        let found = self.object(session, object)?;
        let session = self.session(session)?;
        if found.class == CKO_SECRET_KEY {
            let mut destroyed = false;
            session.slot.change(session.insertion, |view| destroyed = view.destroy(object));
            return if destroyed { Ok(()) } else { Err(Error::ObjectInvalid) };
        }
        let key = found.key.as_ref().filter(|_| found.class != CKO_PUBLIC_KEY).ok_or(Error::Prohibited)?;
        self.demand_writable(&session)?;
        if found.class == CKO_CERTIFICATE {
            return session.write(key.reference, |held| {
                held.administer(|token, authority| token.write_certificate(authority, key.reference, None))
            });
        }
        let unconfirmed = self.seams.settings.unconfirmed;
        session.write(key.reference, |held| {
            held.administer(|token, authority| token.delete_key(authority, key.reference, unconfirmed))
        })
    }

    /// C_SetAttributeValue: a key without a certificate may be given another CKA_ID, as NSS and Java do with each key they have
    /// had made. It holds until the key has its certificate.
    ///
    /// # Errors
    /// [`Error::ObjectInvalid`], [`Error::ReadOnlySession`]; [`Error::Prohibited`] for everything else.
    pub fn set_attribute_value(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Result<(), Error> {
        let found = self.object(session, object)?;
        let session = self.session(session)?;
        let is_bare = found.key.as_ref().is_some_and(|key| key.is_bare());
        let is_harmless = template.iter().all(|(kind, _)| [CKA_ID, CKA_LABEL, CKA_SUBJECT].contains(&kind));
        if !is_bare || !is_harmless {
            return Err(Error::Prohibited);
        }
        if !session.writable {
            return Err(Error::ReadOnlySession);
        }
        let Some(id) = template.find(CKA_ID) else { return Ok(()) };
        let settings = self.seams.settings;
        let mut renamed = false;
        session.slot.change(session.insertion, |view| renamed = view.rename_bare(object, id, settings));
        if renamed { Ok(()) } else { Err(Error::ObjectInvalid) }
    }

    fn demand_writable(&self, session: &Session) -> Result<(), Error> {
        if !session.writable {
            return Err(Error::ReadOnlySession);
        }
        self.demand_presence(session)
    }

    fn import(
        &self,
        session: &Session,
        place: KeyReference,
        key: &PrivateKey,
    ) -> Result<CK_OBJECT_HANDLE, Error> {
        let settings = self.seams.settings;
        session.write(place, |held| {
            held.administer(|token, authority| token.import_key(authority, place, key, settings.unconfirmed))
        })?;
        let bare = Bare::new(key.public().clone(), None)?;
        session.show_bare(place, bare, settings).map(|[_, private]| private)
    }
}

/// A certificate that a program wants on the card.
struct WantedCertificate {
    der: Vec<u8>,
    public: PublicKey,
    reference: Option<KeyReference>,
}

impl WantedCertificate {
    fn read(template: &Template) -> Result<Self, Error> {
        if template.number(CKA_CERTIFICATE_TYPE)?.is_some_and(|kind| kind != CKC_X_509) {
            return Err(Error::AttributeValue);
        }
        let is_lasting = template.flag(CKA_TOKEN)? == Some(true);
        if !is_lasting
            || template.flag(CKA_PRIVATE)? == Some(true)
            || template.flag(CKA_TRUSTED)? == Some(true)
        {
            return Err(Error::TemplateInconsistent);
        }
        let der = template.find(CKA_VALUE).ok_or(Error::TemplateIncomplete)?;
        let certificate = Certificate::parse(der).map_err(|_| Error::AttributeValue)?;
        for (kind, stated) in [
            (CKA_SUBJECT, &certificate.subject),
            (CKA_ISSUER, &certificate.issuer),
            (CKA_SERIAL_NUMBER, &certificate.serial),
        ] {
            // Java gives the serial number without its tag and length.
            let fits = |given: &[u8]| given == stated.as_slice() || stated.get(2..) == Some(given);
            if template.find(kind).is_some_and(|given| !given.is_empty() && !fits(given)) {
                return Err(Error::TemplateInconsistent);
            }
        }
        let reference = match template.find(CKA_ID) {
            Some([id]) => Some(reference_of(*id).ok_or(Error::AttributeValue)?),
            _ => None,
        };
        Ok(Self { der: der.to_vec(), public: certificate.key, reference })
    }

    fn create(&self, session: &Session) -> Result<CK_OBJECT_HANDLE, Error> {
        session.slot.with_held(session.insertion, |held| held.demand_right())?;
        let place = match self.reference {
            Some(place) => self.fits(session, place)?.then_some(place).ok_or(Error::TemplateInconsistent),
            None => self.find(session),
        };
        let place = place?;
        session.write(place, |held| {
            held.administer(|token, authority| token.write_certificate(authority, place, Some(&self.der)))
        })?;
        session.slot.read(session.insertion, &[place])?;
        let view = session.slot.view();
        let is_it = |object: &&Arc<Object>| object.class == CKO_CERTIFICATE && object.is_of(place);
        let found = view.objects().find(is_it);
        found.map(|object| object.handle).ok_or(Error::Card(piv::Error::NotAsWritten))
    }

    /// Whether it belongs to this key: as far as the card tells, or the key can be used now; else as far as is shown.
    fn fits(&self, session: &Session, place: KeyReference) -> Result<bool, Error> {
        let view = session.slot.view();
        if let Some(known) = view.bare_keys().find(|key| key.reference == place) {
            return Ok(*known.public() == self.public);
        }
        session.slot.with_held(session.insertion, |held| {
            let shown = shown(held, place)?;
            if shown.as_ref() == Some(&self.public) {
                return Ok(true);
            }
            match held.token.holds_for_user(place, &self.public) {
                // Nobody may use the key now, and the card does not tell.
                Err(piv::Error::NotLoggedIn) => Ok(shown.is_none()),
                other => other,
            }
        })
    }

    /// The key it belongs to, for a program that has numbers of its own: by what is shown first, because that costs nothing.
    fn find(&self, session: &Session) -> Result<KeyReference, Error> {
        let view = session.slot.view();
        if let Some(known) = view.bare_keys().find(|key| *key.public() == self.public) {
            return Ok(known.reference);
        }
        let found = session.slot.with_held(session.insertion, |held| {
            held.token.state()?;
            let keys = held.token.keys();
            for key in &keys {
                if shown(held, *key)?.as_ref() == Some(&self.public) {
                    return Ok(Some(*key));
                }
            }
            for key in KeyReference::CURRENT {
                match held.token.holds_for_user(key, &self.public) {
                    Ok(true) => return Ok(Some(key)),
                    Err(error) if error.is_transport() => return Err(error),
                    _ => {}
                }
            }
            Ok(None)
        })?;
        found.ok_or(Error::TemplateIncomplete)
    }
}

/// The public key that the certificate of this key shows.
fn shown(held: &mut Held, key: KeyReference) -> Result<Option<PublicKey>, piv::Error> {
    match held.token.certificate(key) {
        Err(error) if error.is_transport() => Err(error),
        Err(_) => Ok(None),
        Ok(certificate) => Ok(certificate.map(|certificate| certificate.key.clone())),
    }
}

/// A private key that a program wants on the card, and where.
fn wanted_key(template: &Template) -> Result<(KeyReference, PrivateKey), Error> {
    let is_lasting = template.flag(CKA_TOKEN)? == Some(true);
    let is_open =
        template.flag(CKA_SENSITIVE)? == Some(false) || template.flag(CKA_EXTRACTABLE)? == Some(true);
    if !is_lasting || is_open {
        return Err(Error::TemplateInconsistent);
    }
    let place = match template.find(CKA_ID).ok_or(Error::TemplateIncomplete)? {
        [id] => reference_of(*id).ok_or(Error::AttributeValue)?,
        _ => return Err(Error::AttributeValue),
    };
    let part = |kind| template.find(kind).ok_or(Error::TemplateIncomplete);
    let key = match template.number(CKA_KEY_TYPE)?.ok_or(Error::TemplateIncomplete)? {
        CKK_RSA => PrivateKey::from_numbers([
            part(CKA_MODULUS)?,
            template.find(CKA_PUBLIC_EXPONENT).unwrap_or(&[1, 0, 1]),
            part(CKA_PRIVATE_EXPONENT)?,
            part(CKA_PRIME_1)?,
            part(CKA_PRIME_2)?,
            part(CKA_EXPONENT_1)?,
            part(CKA_EXPONENT_2)?,
            part(CKA_COEFFICIENT)?,
        ]),
        CKK_EC => PrivateKey::from_scalar(ecc(template)?, part(CKA_VALUE)?),
        _ => return Err(Error::AttributeValue),
    };
    Ok((place, key.map_err(|_| Error::AttributeValue)?))
}
