//! Keys that have no certificate yet, for a program that has just had one made; and what the PIN of a login is good for besides
//! using keys: on a Crescendo it administers. The PIN stays here: who asks for it is lent it, by the rules of [`crate::login`].

use zeroize::Zeroizing;

use super::{Start, Token, proof::is_refusal};
use crate::{Error, KeyReference, Pin, PublicKey, public_key};

impl Token {
    /// Lends the PIN of the login, which is kept and which the card shows as many tries for as ever.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] where no PIN is kept, or someone entered a wrong one in between; of `work`.
    pub fn as_user<T>(&mut self, work: impl FnOnce(&mut Self, &Pin) -> Result<T, Error>) -> Result<T, Error> {
        let pin = self.kept_pin()?;
        work(self, &pin)
    }

    /// As [`Token::sign`], with a key that has no certificate: `public` is what [`Token::uncertified`] knows.
    ///
    /// # Errors
    /// As [`Token::sign`].
    pub fn sign_uncertified(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Vec<u8>, Error> {
        let answer = self.use_uncertified(key, public, input, consent)?;
        let algorithm = public.algorithm();
        if algorithm.is_rsa() {
            return Ok(answer);
        }
        public_key::raw_signature(algorithm, &answer).ok_or(Error::Malformed("signature"))
    }

    /// As [`Token::decipher`], with such a key.
    ///
    /// # Errors
    /// As [`Token::decipher`].
    pub fn decipher_uncertified(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !public.algorithm().is_rsa() {
            return Err(Error::Unsupported("decryption with an ECC key"));
        }
        self.use_uncertified(key, public, input, consent).map(Zeroizing::new)
    }

    /// The public key of a key that has no certificate, as it was told when the key was made or brought: here, or by another
    /// program of this user, on a card that has a name. Nothing is sent.
    #[must_use]
    pub fn uncertified(&self, key: KeyReference) -> Option<PublicKey> {
        self.known.public(key)
    }

    /// Keeps the public key of a key for [`Token::uncertified`], or forgets it.
    pub(super) fn keep_public(&mut self, key: KeyReference, public: Option<&PublicKey>) {
        self.known.keep_public(key, public);
        self.known.save();
    }

    /// A key that turns out to be another one, or none, is forgotten.
    fn use_uncertified(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Vec<u8>, Error> {
        match self.with_consent(key, consent, |token, pin| token.prove(key, public, input, pin)) {
            Err(error) if is_refusal(&error) || matches!(error, Error::KeyChanged(_)) => {
                self.keep_public(key, None);
                Err(Error::KeyChanged(key))
            }
            other => other,
        }
    }

    /// Whether the key on the card is the private half of `public`, as [`Token::holds`] finds out, with the PIN of the login
    /// where that counts for this key.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`] where the card does not tell and this has no right to use the key; of [`Token::holds`].
    pub fn holds_for_user(&mut self, key: KeyReference, public: &PublicKey) -> Result<bool, Error> {
        match self.with_consent(key, None, |token, pin| token.holds(key, public, pin)) {
            Err(Error::NotLoggedIn) => self.holds(key, public, None),
            other => other,
        }
    }

    /// Where the PIN of the login counts for this key, or where it came for this use.
    fn with_consent<T>(
        &mut self,
        key: KeyReference,
        consent: Option<&Pin>,
        work: impl FnOnce(&mut Self, Option<&Pin>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !key.needs_pin() || consent.is_some() {
            return work(self, consent);
        }
        if !self.logged_in() || key.always_authenticates() && !self.known.login.replays {
            return Err(Error::NotLoggedIn);
        }
        match self.kept_pin() {
            Ok(pin) => work(self, Some(&pin)),
            // None is kept, but the card may still be open.
            Err(Error::NotLoggedIn) => work(self, None),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// As [`Token::as_user`].
    pub(super) fn kept_pin(&mut self) -> Result<Pin, Error> {
        self.state()?;
        self.with_piv(Start::Select, |known, piv| known.kept_pin(piv))
    }
}
