//! The certificates of the keys: read once, parsed once.

use std::{collections::BTreeMap, sync::Arc};

use super::{Known, LISTING};
use crate::{Certificate, Error, KeyReference, ObjectId, StatusWord, object, piv::Piv};

pub(super) type Certificates = BTreeMap<KeyReference, Option<Arc<Certificate>>>;

impl Known {
    /// Reads the certificates of these keys, each once. One that the card refuses twice hides no other; it is asked again
    /// when a listing would look again.
    pub(crate) fn read(&mut self, piv: &mut Piv<'_>, keys: &[KeyReference]) -> Result<(), Error> {
        for &key in keys.iter().filter(|key| !self.has_read(**key)).collect::<Vec<_>>() {
            let object = key.certificate();
            self.refused.remove(&key);
            let answer = match self.fresh(piv, object) {
                Err(error) if !error.is_transport() => self.fresh(piv, object),
                read => read,
            };
            match answer {
                Err(Error::Refused { status, .. }) => drop(self.refused.insert(key, (status, self.now()))),
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Whether the card was asked for the certificate of this key, and has answered.
    pub(crate) fn has_read(&self, key: KeyReference) -> bool {
        self.cache.get(key.certificate()).is_some() || self.refusal(key).is_some()
    }

    /// The card's answer, if it refused to show this certificate moments ago.
    fn refusal(&self, key: KeyReference) -> Option<StatusWord> {
        let (status, at) = self.refused.get(&key)?;
        (self.now().saturating_sub(*at) < LISTING).then_some(*status)
    }

    /// The certificate of a key whose container has been read.
    pub(crate) fn certificate(&mut self, key: KeyReference) -> Result<Option<Arc<Certificate>>, Error> {
        if let Some(status) = self.refusal(key) {
            return Err(Error::refused("GET DATA", status));
        }
        if let Some(certificate) = self.certificates.get(&key) {
            return Ok(certificate.clone());
        }
        let der = self.certificate_der(key)?;
        let certificate = der.map(|der| Certificate::parse(&der).map(Arc::new)).transpose()?;
        self.certificates.insert(key, certificate.clone());
        Ok(certificate)
    }

    /// The certificate of a key whose container has been read, as it is.
    pub(crate) fn certificate_der(&self, key: KeyReference) -> Result<Option<Vec<u8>>, Error> {
        if let Some(status) = self.refusal(key) {
            return Err(Error::refused("GET DATA", status));
        }
        self.content(key.certificate()).flatten().map(|content| object::certificate(&content)).transpose()
    }

    /// What is parsed of an object that is another one by now.
    pub(super) fn forget_parsed(&mut self, object: ObjectId) {
        self.certificates.retain(|key, _| key.certificate() != object);
    }
}
