//! What a key without a certificate can prove: that it is there, and whose public half is whose. Every use is checked with that
//! public half on the host, or is not returned.

use p256::elliptic_curve::{rand_core::OsRng, sec1::ToEncodedPoint};
use subtle::ConstantTimeEq;

use super::{Start, Token, keys::not_logged_in};
use crate::{
    Algorithm, Error, KeyReference, Metadata, Pin, PinState, PublicKey, StatusWord, known::Known,
    messaging::Access, piv::Piv,
};

impl Token {
    /// Signs with a key whose certificate is not on the card yet, as for the request for one. `input` as for
    /// [`Token::sign`]; the answer as the card gives it: for ECC in DER. `pin` is what the key wants, if it wants any; it is
    /// verified right before, and not verified any more after.
    ///
    /// # Errors
    /// [`Error::KeyChanged`] where the key is not the private half of `public`; of VERIFY; [`Error::Refused`].
    pub fn prove(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        pin: Option<&Pin>,
    ) -> Result<Vec<u8>, Error> {
        let algorithm = public.algorithm();
        if input.len() != algorithm.field_length() {
            return Err(Error::Input("the input is not as long as the key"));
        }
        self.with_key(key, pin, |piv| {
            let answer = piv.sign(key, algorithm, input)?;
            if public.fits(input, &answer) { Ok(answer) } else { Err(Error::KeyChanged(key)) }
        })
    }

    /// Whether the key on the card is the private half of `public`: by what the card tells of it, else by using it. Some keys
    /// only decrypt or agree.
    ///
    /// # Errors
    /// Of VERIFY, where the key has to be used; of the link.
    pub fn holds(&mut self, key: KeyReference, public: &PublicKey, pin: Option<&Pin>) -> Result<bool, Error> {
        if let Some(Metadata { public: Some(told), .. }) = self.metadata(key)? {
            return Ok(told == *public);
        }
        let algorithm = public.algorithm();
        let input = probe(algorithm);
        let signed = match self.prove(key, public, &input, pin) {
            Err(error) if key.is_key_management() && !algorithm.is_rsa() && is_refusal(&error) => {
                self.with_key(key, pin, |piv| agrees(piv, key, public))
            }
            other => other.map(|_| true),
        };
        match signed {
            Err(error) if is_refusal(&error) => Ok(false),
            Err(Error::KeyChanged(_)) => Ok(false),
            other => other,
        }
    }

    /// What the card tells of a key, over contacts and where it has the common vendor extensions.
    ///
    /// # Errors
    /// Of the link.
    pub fn metadata(&mut self, key: KeyReference) -> Result<Option<Metadata>, Error> {
        self.state()?;
        if self.known.access() != Access::Contact {
            return Ok(None);
        }
        self.with_piv(Start::Select, |_, piv| piv.metadata(key))
    }

    /// Whether the card tells of its keys in that way.
    ///
    /// # Errors
    /// Of the link.
    pub fn has_metadata(&mut self) -> Result<bool, Error> {
        self.state()?;
        if self.known.access() != Access::Contact {
            return Ok(false);
        }
        self.with_piv(Start::Select, |_, piv| piv.has_extensions())
    }

    /// Uses a key, its PIN verified right before.
    pub(super) fn with_key<T>(
        &mut self,
        key: KeyReference,
        pin: Option<&Pin>,
        work: impl Fn(&mut Piv<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.state()?;
        let pin = pin.filter(|_| key.needs_pin());
        if key.needs_pin() && pin.is_none() && !self.logged_in() {
            return Err(Error::NotLoggedIn);
        }
        if let Some(pin) = pin {
            self.known.login.refuse_again(pin, self.known.now())?;
        }
        self.with_piv(Start::Select, |known, piv| {
            known.demand_use(key)?;
            let Some(pin) = pin else { return work(piv).map_err(not_logged_in) };
            let was_verified = known.login.ask(piv)? == PinState::Verified;
            let now = known.now();
            known.login.verify(piv, pin, now)?;
            let result = work(piv);
            match &result {
                Err(error) if error.is_transport() => {}
                _ => leave(known, piv, was_verified)?,
            }
            result
        })
    }
}

/// The PIN stays as it was found.
fn leave(known: &mut Known, piv: &mut Piv<'_>, was_verified: bool) -> Result<(), Error> {
    if was_verified || known.login.is_user() { Ok(()) } else { known.login.clear(piv) }
}

/// ECDH with a key made for the purpose: both sides know the product.
fn agrees(piv: &mut Piv<'_>, key: KeyReference, public: &PublicKey) -> Result<bool, Error> {
    let (PublicKey::Ecc { point, algorithm }, malformed) = (public, Error::Malformed("public key")) else {
        return Ok(false);
    };
    let (ours, expected) = match algorithm {
        Algorithm::EccP384 => {
            let secret = p384::ecdh::EphemeralSecret::random(&mut OsRng);
            let theirs = p384::PublicKey::from_sec1_bytes(point).map_err(|_| malformed)?;
            let product = secret.diffie_hellman(&theirs).raw_secret_bytes().to_vec();
            (secret.public_key().to_encoded_point(false).as_bytes().to_vec(), product)
        }
        _ => {
            let secret = p256::ecdh::EphemeralSecret::random(&mut OsRng);
            let theirs = p256::PublicKey::from_sec1_bytes(point).map_err(|_| malformed)?;
            let product = secret.diffie_hellman(&theirs).raw_secret_bytes().to_vec();
            (secret.public_key().to_encoded_point(false).as_bytes().to_vec(), product)
        }
    };
    let answer = piv.agree(key, *algorithm, &ours)?;
    Ok(answer.ct_eq(&expected).into())
}

/// Something to sign that says nothing: padded as a signature by PKCS #1 has it, for cards that look.
fn probe(algorithm: Algorithm) -> Vec<u8> {
    let length = algorithm.field_length();
    if !algorithm.is_rsa() {
        return vec![0x5A; length];
    }
    let mut block = vec![0xFF; length];
    block[0] = 0x00;
    block[1] = 0x01;
    block[length - 33] = 0x00;
    block[length - 32..].fill(0x5A);
    block
}

/// The card has no such key, or it does not do that.
pub(super) fn is_refusal(error: &Error) -> bool {
    let refused = [StatusWord::WRONG_DATA, StatusWord::WRONG_PARAMETERS, StatusWord::REFERENCE_NOT_FOUND];
    error.status().is_some_and(|status| refused.contains(&status) || status == StatusWord(0x6985))
}
