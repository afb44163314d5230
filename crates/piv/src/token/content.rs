//! Changing what is on a card: keys made there, brought there and taken away, certificates, other data objects. By a right that
//! is proved in the same transaction; our memory of the card forgets exactly what was changed, and takes up what is read back.
//!
//! A certificate never outlives its key: it is taken away before the key is replaced, so that an interruption leaves a key
//! without a certificate, which can be seen, and never a certificate that belongs to another key, which cannot.

use std::{cell::Cell, sync::Arc};

use super::{Start, Token};
use crate::{
    Algorithm, Authority, Error, Family, KeyReference, ObjectId, PrivateKey, PublicKey,
    crescendo::{self, CardCommand},
    messaging::Access,
    object::{self, KeyHistory},
    piv::Piv,
};

/// What was on the card before, wrapper excluded.
type Before = Option<Arc<[u8]>>;

impl Token {
    /// Writes a data object, given without its wrapper; nothing empties it.
    ///
    /// # Errors
    /// Of [`Token::administer`] and [`Piv::put_data`]; [`Error::NotAsWritten`].
    pub fn write_object(
        &mut self,
        authority: &Authority<'_>,
        object: ObjectId,
        content: &[u8],
    ) -> Result<(), Error> {
        self.change(&[object], authority, |piv| piv.put_data(object, content))?;
        let is_known = object.is_public() && object != ObjectId::CHUID;
        let expected = (!content.is_empty()).then_some(content);
        match self.known.content(object) {
            Some(read) if is_known && read.as_deref() != expected => Err(Error::NotAsWritten),
            _ => Ok(()),
        }
    }

    /// Writes the certificate of a key, DER, compressed where it does not fit otherwise; `None` takes it away. Key History
    /// counts it if it is a retired key's. Whether it belongs to the key is for [`Token::holds`] to find out before.
    ///
    /// # Errors
    /// As [`Token::write_object`].
    pub fn write_certificate(
        &mut self,
        authority: &Authority<'_>,
        key: KeyReference,
        der: Option<&[u8]>,
    ) -> Result<(), Error> {
        let object = key.certificate();
        let Some(der) = der else {
            let shown = self.certificate(key).ok().flatten();
            self.write_object(authority, object, &[])?;
            self.keep_public(key, shown.as_ref().map(|certificate| &certificate.key));
            return Ok(());
        };
        self.find_retired()?;
        let history = self.extended_history(key)?;
        let changed = [ObjectId::KEY_HISTORY, object];
        let changed = if history.is_some() { &changed[..] } else { &changed[1..] };
        let plain = object::certificate_container(der, false)?;
        let compressed = object::certificate_container(der, true)?;
        self.change(changed, authority, |piv| {
            if let Some(history) = &history {
                put_history(piv, history)?;
            }
            put_certificate(piv, object, &plain, &compressed)
        })?;
        let Some(read) = self.known.content(object) else { return Ok(()) };
        let read = read.ok_or(Error::NotAsWritten)?;
        if object::certificate(&read)? == der { Ok(()) } else { Err(Error::NotAsWritten) }
    }

    /// Has the card make a key. What was there, key and certificate, is gone.
    ///
    /// # Errors
    /// Of [`Token::administer`] and [`Piv::generate`]; after a refusal of the latter the certificate is back.
    pub fn generate(
        &mut self,
        authority: &Authority<'_>,
        key: KeyReference,
        algorithm: Algorithm,
    ) -> Result<PublicKey, Error> {
        if !algorithm.is_of(self.family()) {
            return Err(Error::NoSuchKind(key, algorithm));
        }
        let made = self.replace(authority, key, |piv| piv.generate(key, algorithm))?;
        self.keep_public(key, Some(&made));
        Ok(made)
    }

    /// Puts a private key onto the card. What was there, key and certificate, is gone.
    ///
    /// # Errors
    /// Of [`Token::administer`] and [`Piv::import_key`]; after a refusal of the latter the certificate is back.
    pub fn import_key(
        &mut self,
        authority: &Authority<'_>,
        key: KeyReference,
        private: &PrivateKey,
        unconfirmed: bool,
    ) -> Result<(), Error> {
        self.demand_command(CardCommand::InjectKey, unconfirmed, "importing keys")?;
        if !private.algorithm().is_of(self.family()) {
            return Err(Error::NoSuchKind(key, private.algorithm()));
        }
        self.replace(authority, key, |piv| piv.import_key(key, private, unconfirmed))?;
        self.keep_public(key, Some(private.public()));
        Ok(())
    }

    /// Takes a key away, and its certificate with it.
    ///
    /// # Errors
    /// Of [`Token::administer`] and [`Piv::delete_key`]; after a refusal of the latter the certificate is back.
    pub fn delete_key(
        &mut self,
        authority: &Authority<'_>,
        key: KeyReference,
        unconfirmed: bool,
    ) -> Result<(), Error> {
        self.demand_command(CardCommand::DeleteKey, unconfirmed, "deleting keys")?;
        let told = self.place(key)?.and_then(|place| place.algorithm);
        let shown = self.certificate(key).ok().flatten().map(|certificate| certificate.key.algorithm());
        // Cards by the standard are not told the kind.
        let algorithm = told.or(shown).unwrap_or(Algorithm::Rsa2048);
        self.replace(authority, key, |piv| piv.delete_key(key, algorithm, unconfirmed))?;
        self.keep_public(key, None);
        Ok(())
    }

    /// What the card tells of the place of a key; only a Crescendo tells.
    ///
    /// # Errors
    /// Of the link.
    pub fn place(&mut self, key: KeyReference) -> Result<Option<crescendo::Place>, Error> {
        Ok(self.places()?.and_then(|places| places.into_iter().find(|place| place.key == key)))
    }

    /// All places for keys; `None` where the card does not tell, as only a Crescendo does, and over contacts.
    ///
    /// # Errors
    /// Of the link.
    pub fn places(&mut self) -> Result<Option<Vec<crescendo::Place>>, Error> {
        self.state()?;
        if self.family() == Family::Standard || self.known.access() != Access::Contact {
            return Ok(None);
        }
        self.with_piv(Start::Select, |_, piv| {
            Ok(piv.properties()?.map(|properties| crescendo::places(&properties)))
        })
    }

    /// Nothing that is known of this card holds any longer: it was reset to the state of delivery.
    pub fn forget_card(&mut self) {
        self.known.forget_card();
    }

    /// Before a certificate goes for a key that cannot be replaced.
    fn demand_command(
        &mut self,
        command: CardCommand,
        unconfirmed: bool,
        what: &'static str,
    ) -> Result<(), Error> {
        self.state()?;
        match self.family() {
            Family::Standard if self.has_metadata()? => Ok(()),
            Family::Standard => Err(Error::Unsupported(what)),
            family => command.permit(family, unconfirmed),
        }
    }

    /// Changes a key: its certificate goes first, and comes back if the card refuses the rest.
    fn replace<T>(
        &mut self,
        authority: &Authority<'_>,
        key: KeyReference,
        work: impl Fn(&mut Piv<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let object = key.certificate();
        self.see(key)?;
        let before: Before = self.known.content(object).flatten();
        let done = self.change(&[object], authority, |piv| {
            let Some(before) = &before else { return work(piv) };
            piv.put_data(object, &[])?;
            work(piv).inspect_err(|error| {
                if !error.is_transport()
                    && !matches!(error, Error::Malformed(_))
                    && let Err(error) = piv.put_data(object, before)
                {
                    tracing::warn!(%error, "the certificate is gone though its key is not");
                }
            })
        });
        // Nobody knows which key it is now.
        if matches!(&done, Err(error) if error.is_transport() || matches!(error, Error::Malformed(_))) {
            self.keep_public(key, None);
        }
        done
    }

    /// Works by a right, and brings what is known of these objects up to date, whatever came of it.
    fn change<T>(
        &mut self,
        objects: &[ObjectId],
        authority: &Authority<'_>,
        work: impl Fn(&mut Piv<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let begun = Cell::new(false);
        let done = self.administer(authority, |piv| {
            begun.set(true);
            work(piv)
        });
        if !begun.get() {
            return done;
        }
        objects.iter().for_each(|object| self.known.note_write(*object));
        // The card has said what became of it: whether it can be read back is another matter.
        let read = self.with_piv(Start::Select, |known, piv| {
            objects.iter().try_for_each(|object| known.read_back(piv, *object))
        });
        if let Err(error) = read {
            tracing::debug!(%error, "what was written is not read back");
            self.known.save();
        }
        done
    }

    /// Key History as it has to be once this retired key has a certificate; `None` if it is right already, or does not matter.
    fn extended_history(&mut self, key: KeyReference) -> Result<Option<Vec<u8>>, Error> {
        let Some(number) = key.retired_number() else { return Ok(None) };
        let history = self.state()?.history.unwrap_or_default();
        if number <= history.on_card {
            return Ok(None);
        }
        if number + history.off_card > KeyReference::RETIRED {
            return Err(Error::Input(
                "the certificate of this retired key is kept elsewhere, as Key History says",
            ));
        }
        let content = self.object(ObjectId::KEY_HISTORY)?;
        Ok(Some(KeyHistory { on_card: number, ..history }.write(content.as_deref().unwrap_or_default())))
    }
}

/// A card without a place for Key History is listed without one.
fn put_history(piv: &mut Piv<'_>, history: &[u8]) -> Result<(), Error> {
    match piv.put_data(ObjectId::KEY_HISTORY, history) {
        Err(Error::NotFound) => Ok(()),
        other => other,
    }
}

/// Plain if it fits, because everybody reads that.
fn put_certificate(
    piv: &mut Piv<'_>,
    object: ObjectId,
    plain: &[u8],
    compressed: &[u8],
) -> Result<(), Error> {
    let capacity = match piv.family() {
        Family::C2300 => piv.properties()?.and_then(|properties| crescendo::capacity(&properties, object)),
        _ => None,
    };
    // Tag and length of the wrapper.
    if capacity.is_some_and(|capacity| plain.len() + 4 > capacity) {
        return piv.put_data(object, compressed);
    }
    match piv.put_data(object, plain) {
        Err(Error::NoRoom) => piv.put_data(object, compressed),
        other => other,
    }
}
