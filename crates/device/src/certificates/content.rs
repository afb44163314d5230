//! What changes the keys and certificates of a device, and what is lost by it.

use piv::{
    Algorithm, Authority, Family, KeyReference, Metadata, Pin, PrivateKey, PublicKey, Token,
    crescendo::{Content, Place},
};

use super::name;
use crate::{Device, Error};

/// By what right a device is changed, and the PIN that its keys want to be used.
pub struct Rights<'a> {
    /// What allows the change; nothing where nothing is to be changed.
    pub authority: Option<Authority<'a>>,
    /// What a key wants that signs its own request; on a standalone Crescendo the same PIN.
    pub pin: Option<&'a Pin>,
}

/// What a device is changed with by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Administration {
    /// The PIN: a Crescendo, as long as it is not managed. Its administration key (XAUTH) does it too.
    Pin,
    /// The management key (9B): cards by the standard.
    ManagementKey,
}

impl Administration {
    /// Whether keys of the kinds that were given are such that administer this device: an administration key (XAUTH, or a
    /// PUK or master key that stands for one), a management key (9B). What would be left unused in silence is refused.
    ///
    /// # Errors
    /// [`piv::Error::Unsupported`]
    pub fn takes(self, xauth: bool, management: bool) -> Result<(), Error> {
        match self {
            Self::Pin if management => {
                Err(piv::Error::Unsupported("administration with a management key (9B), on a Crescendo,")
                    .into())
            }
            Self::ManagementKey if xauth => Err(piv::Error::Unsupported(
                "administration with an administration key (XAUTH), on a card that is no Crescendo,",
            )
            .into()),
            _ => Ok(()),
        }
    }
}

impl Rights<'_> {
    pub(super) fn authority(&self) -> Result<&Authority<'_>, Error> {
        self.authority.as_ref().ok_or(Error::Card(piv::Error::NotLoggedIn))
    }

    /// For what HID's cards take a PIN for alone: keys that come or go.
    fn of_keys(&self) -> Result<Authority<'_>, Error> {
        match *self.authority()? {
            Authority::Pin(pin) => Ok(Authority::Pin(pin)),
            Authority::ManagementKey(key) => Ok(Authority::ManagementKey(key)),
            Authority::Xauth(_) => {
                let pin = self.pin.ok_or(Error::Card(piv::Error::NotLoggedIn))?;
                Ok(Authority::Pin(pin))
            }
        }
    }
}

/// A key that has no certificate, as far as the card tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bare {
    /// Which one.
    pub key: KeyReference,
    /// Its kind.
    pub algorithm: Option<Algorithm>,
    /// It was made on the card, so that nobody has a copy; `None`: the card does not tell.
    pub generated: Option<bool>,
}

/// What is in a place, and lost if it is used again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Whose certificate is there (RFC 4514), or that there is one which cannot be read.
    pub certificate: Option<String>,
    /// Whether there is a key; `None`: the card does not tell.
    pub key: Option<bool>,
    /// Its kind, if it is known.
    pub algorithm: Option<Algorithm>,
}

impl Losses {
    /// Whether nothing is lost for certain.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.certificate.is_none() && self.key == Some(false)
    }
}

impl Device {
    /// Whether it speaks one of HID's dialects.
    #[must_use]
    pub fn is_crescendo(&self) -> bool {
        self.administration() == Administration::Pin
    }

    /// What it is changed with.
    #[must_use]
    pub fn administration(&self) -> Administration {
        match self.atr().map(Family::of) {
            Some(Family::C2300 | Family::C4000) => Administration::Pin,
            _ => Administration::ManagementKey,
        }
    }

    /// The keys that have no certificate. A card by the standard without vendor extensions tells of none.
    ///
    /// # Errors
    /// As [`Device::certificates`].
    pub fn bare_keys(&mut self) -> Result<Vec<Bare>, Error> {
        self.with_token(bare_keys)
    }

    /// What is in the place of this key.
    ///
    /// # Errors
    /// As [`Device::certificates`].
    pub fn losses(&mut self, key: KeyReference) -> Result<Losses, Error> {
        self.with_token(|token| losses(token, key))
    }

    /// Has the card make a key in this place. What was there is gone.
    ///
    /// # Errors
    /// [`Error::Card`].
    pub fn generate(
        &mut self,
        rights: &Rights<'_>,
        key: KeyReference,
        algorithm: Algorithm,
    ) -> Result<PublicKey, Error> {
        let authority = rights.authority()?;
        self.with_token(|token| token.generate(authority, key, algorithm))
    }

    /// The public half of the key that is there: as the card tells it, as its certificate shows it, or found out by using
    /// it.
    ///
    /// # Errors
    /// [`Error::NoKey`]; [`Error::SignsNothing`] where it cannot be found out; [`Error::Card`].
    pub fn public_key(&mut self, key: KeyReference, pin: Option<&Pin>) -> Result<PublicKey, Error> {
        let found = self.with_token(|token| {
            if let Some(Metadata { public: Some(told), .. }) = token.metadata(key)? {
                return Ok(Some(told));
            }
            match token.certificate(key) {
                Ok(Some(shown)) => Ok(Some(shown.key.clone())),
                Ok(None) | Err(piv::Error::Malformed(_) | piv::Error::Unsupported(_)) => {
                    token.recover(key, pin)
                }
                Err(error) => Err(error),
            }
        })?;
        match found {
            Some(public) => Ok(public),
            // The card says that there is one, and lets it sign nothing by which it could be found out.
            None if self.losses(key)?.key == Some(true) => Err(Error::SignsNothing(key)),
            None => Err(Error::NoKey(key)),
        }
    }

    /// Puts a certificate onto the card, DER, if it belongs to the key that is there.
    ///
    /// # Errors
    /// [`Error::NotItsCertificate`]; [`Error::Card`].
    pub fn import_certificate(
        &mut self,
        rights: &Rights<'_>,
        key: KeyReference,
        der: &[u8],
    ) -> Result<(), Error> {
        let public = piv::Certificate::parse(der)?.key;
        let fits = self.with_token(|token| token.holds(key, &public, rights.pin))?;
        if !fits {
            return Err(Error::NotItsCertificate(key));
        }
        self.write(rights, key, Some(der))
    }

    /// Puts a private key onto the card, and the certificate that belongs to it.
    ///
    /// # Errors
    /// [`Error::NotItsCertificate`] before anything is sent; [`Error::Card`].
    pub fn import_key(
        &mut self,
        rights: &Rights<'_>,
        key: KeyReference,
        private: &PrivateKey,
        certificate: Option<&[u8]>,
        unconfirmed: bool,
    ) -> Result<(), Error> {
        if let Some(der) = certificate
            && piv::Certificate::parse(der)?.key != *private.public()
        {
            return Err(Error::NotItsCertificate(key));
        }
        let authority = rights.of_keys()?;
        self.with_token(|token| token.import_key(&authority, key, private, unconfirmed))?;
        certificate.map_or(Ok(()), |der| self.write(rights, key, Some(der)))
    }

    /// Takes the certificate of a key away; the key stays.
    ///
    /// # Errors
    /// [`Error::NoCertificate`]; [`Error::Card`].
    pub fn delete_certificate(&mut self, rights: &Rights<'_>, key: KeyReference) -> Result<(), Error> {
        if self.losses(key)?.certificate.is_none() {
            return Err(Error::NoCertificate(key));
        }
        self.write(rights, key, None)
    }

    pub(super) fn write(
        &mut self,
        rights: &Rights<'_>,
        key: KeyReference,
        der: Option<&[u8]>,
    ) -> Result<(), Error> {
        let authority = rights.authority()?;
        self.with_token(|token| token.write_certificate(authority, key, der))
    }

    /// Takes a key and its certificate away.
    ///
    /// # Errors
    /// [`Error::NoKey`]; [`Error::Card`].
    pub fn delete_key(
        &mut self,
        rights: &Rights<'_>,
        key: KeyReference,
        unconfirmed: bool,
    ) -> Result<(), Error> {
        if self.losses(key)?.key == Some(false) {
            return Err(Error::NoKey(key));
        }
        let authority = rights.of_keys()?;
        self.with_token(|token| token.delete_key(&authority, key, unconfirmed))
    }
}

fn bare_keys(token: &mut Token) -> Result<Vec<Bare>, piv::Error> {
    let keys = token.keys();
    token.read_certificates(&keys)?;
    let mut bare = Vec::new();
    if let Some(places) = token.places()? {
        for Place { key, content, algorithm, .. } in places {
            if content != Content::Empty && token.certificate_der(key)?.is_none() {
                bare.push(Bare { key, algorithm, generated: Some(content == Content::Generated) });
            }
        }
        return Ok(bare);
    }
    for key in keys {
        if token.certificate_der(key).is_ok_and(|der| der.is_none())
            && let Some(Metadata { public, generated }) = token.metadata(key)?
        {
            bare.push(Bare { key, algorithm: public.map(|public| public.algorithm()), generated });
        }
    }
    Ok(bare)
}

fn losses(token: &mut Token, key: KeyReference) -> Result<Losses, piv::Error> {
    token.see(key)?;
    let shown = match token.certificate(key) {
        Ok(shown) => shown,
        Err(error) if error.is_transport() => return Err(error),
        Err(_) => {
            let certificate = Some("one that cannot be read".to_owned());
            return Ok(Losses { certificate, key: None, algorithm: None });
        }
    };
    let certificate = shown.as_ref().map(|shown| name(&shown.subject));
    let known = shown.map(|shown| shown.key.algorithm());
    if let Some(place) = token.place(key)? {
        let taken = place.content != Content::Empty;
        return Ok(Losses { certificate, key: Some(taken), algorithm: place.algorithm.filter(|_| taken) });
    }
    Ok(match token.metadata(key)? {
        Some(told) => {
            Losses { certificate, key: Some(true), algorithm: told.public.map(|key| key.algorithm()) }
        }
        None if token.has_metadata()? => Losses { certificate, key: Some(false), algorithm: None },
        None => Losses { key: certificate.is_some().then_some(true), certificate, algorithm: known },
    })
}
