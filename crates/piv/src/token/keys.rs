//! Using the card's private keys. What a key answers is verified against what its certificate showed, wherever that can be
//! done, and is not returned if it does not fit.

use std::time::Duration;

use zeroize::Zeroizing;

use super::{Start, Token};
use crate::{Error, KeyReference, Pin, PublicKey, StatusWord, known::Known, piv::Piv, public_key};

/// How old a look at a certificate may be before a key agreement, whose result the host cannot verify.
const AGREEMENT: Duration = Duration::from_secs(10);

impl Token {
    /// Signs with the private half of `public`, which is what this key's certificate showed. RSA: `input` is the padded
    /// block, as long as the modulus, and so is the answer. ECC: `input` is the hash, as long as a coordinate, and the
    /// answer is `r || s`. It fits the certificate, or is not returned.
    ///
    /// `consent`: for 9C, the PIN of [`Token::consent`], to be sent again if it was lost.
    ///
    /// # Errors
    /// [`Error::NotLoggedIn`], [`Error::KeyChanged`], [`Error::Refused`].
    pub fn sign(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Vec<u8>, Error> {
        let algorithm = public.algorithm();
        let answer = self.challenge(key, public, input, consent)?;
        if algorithm.is_rsa() {
            return Ok(answer.to_vec());
        }
        public_key::raw_signature(algorithm, &answer).ok_or(Error::Malformed("signature"))
    }

    /// The raw private operation of RSA, padding still in. Encrypted again the result is `input`, or it is not returned.
    ///
    /// # Errors
    /// As [`Token::sign`].
    pub fn decipher(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !public.algorithm().is_rsa() {
            return Err(Error::Unsupported("decryption with an ECC key"));
        }
        self.challenge(key, public, input, consent)
    }

    /// ECDH with a point (`04 || X || Y`): the x-coordinate of the product. Nothing about it can be verified on the host,
    /// so SELECT and a fresh look at the certificate come first.
    ///
    /// # Errors
    /// As [`Token::sign`].
    pub fn agree(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        point: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let algorithm = public.algorithm();
        let is_whole = point.len() == 1 + 2 * algorithm.field_length();
        if !is_whole || !public_key::is_on_curve(algorithm, point) {
            return Err(Error::Input("not a point on the curve of this key"));
        }
        self.demand_shown(key, public)?;
        self.demand_login(key, None)?;
        self.with_piv(Start::Select, |known, piv| {
            known.demand_use(key)?;
            let object = key.certificate();
            let is_due = known.is_unseen(object) || known.is_due(object, AGREEMENT);
            if is_due && known.look(piv, &[object])? {
                return Err(Error::KeyChanged(key));
            }
            let secret = match piv.agree(key, algorithm, point) {
                Err(error) if lost_login(&error) => {
                    known.restore_login(piv)?;
                    piv.agree(key, algorithm, point)
                }
                other => other,
            };
            secret.map_err(not_logged_in)
        })
        .and_then(|secret| match secret.len() == algorithm.field_length() {
            true => Ok(secret),
            false => Err(Error::Malformed("shared secret")),
        })
    }

    /// The caller's idea of the key must still be what the card's certificate shows.
    fn demand_shown(&mut self, key: KeyReference, public: &PublicKey) -> Result<(), Error> {
        let certificate = self.certificate(key)?.ok_or(Error::KeyChanged(key))?;
        if certificate.key == *public { Ok(()) } else { Err(Error::KeyChanged(key)) }
    }

    /// A key that needs a PIN is not even asked when nobody has entered one in this process.
    fn demand_login(&mut self, key: KeyReference, consent: Option<&Pin>) -> Result<(), Error> {
        self.known.login.touch(self.known.now());
        if key.needs_pin() && !self.logged_in() && consent.is_none() {
            return Err(Error::NotLoggedIn);
        }
        Ok(())
    }

    /// GENERAL AUTHENTICATE with a challenge, verified. Without SELECT if it goes well; anything that does not is tried
    /// once more after SELECT, and after the PIN where the rules of [`crate::login`] allow.
    fn challenge(
        &mut self,
        key: KeyReference,
        public: &PublicKey,
        input: &[u8],
        consent: Option<&Pin>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let algorithm = public.algorithm();
        if input.len() != algorithm.field_length() {
            return Err(Error::Input("the input is not as long as the key"));
        }
        self.demand_shown(key, public)?;
        self.demand_login(key, consent)?;
        let attempt = |piv: &mut Piv<'_>| {
            let answer = piv.decipher(key, algorithm, input)?;
            if public.fits(input, &answer) { Ok(answer) } else { Err(Error::KeyChanged(key)) }
        };
        self.with_piv(Start::Assume, |known, piv| {
            known.demand_use(key)?;
            let fresh = piv.is_selected() || piv.is_protected();
            let first = attempt(piv);
            let answer = match first {
                Ok(_) => first,
                Err(error) if error.is_transport() => Err(error),
                Err(error) => again(known, piv, key, consent, error, fresh, attempt),
            };
            finish(known, piv, key, public, answer)
        })
    }
}

/// The second attempt of a private operation. For 9C it needs the PIN in hand, because each attempt uses one up.
fn again(
    known: &mut Known,
    piv: &mut Piv<'_>,
    key: KeyReference,
    consent: Option<&Pin>,
    error: Error,
    fresh: bool,
    attempt: impl Fn(&mut Piv<'_>) -> Result<Zeroizing<Vec<u8>>, Error>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if key.always_authenticates() {
        let doubtful = !fresh && matches!(error, Error::Refused { .. });
        match consent {
            Some(pin) => known.login.verify(piv, pin, known.now()).map_err(|_| Error::NotLoggedIn)?,
            None if known.login.replays && known.login.is_user() => known.replay_login(piv)?,
            None => return Err(if doubtful { Error::NotLoggedIn } else { not_logged_in(error) }),
        }
        return attempt(piv);
    }
    let second = if fresh {
        Err(error)
    } else {
        piv.reselect()?;
        attempt(piv)
    };
    match second {
        Err(error) if lost_login(&error) && key.needs_pin() => {
            known.restore_login(piv)?;
            attempt(piv)
        }
        other => other,
    }
}

/// The look at the certificate that the first private operation of a process owes, right after it: so it never comes
/// between a PIN and the key that asks for it, and needs no SELECT. A result that does not fit makes us read again.
fn finish(
    known: &mut Known,
    piv: &mut Piv<'_>,
    key: KeyReference,
    public: &PublicKey,
    answer: Result<Zeroizing<Vec<u8>>, Error>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let object = key.certificate();
    match answer {
        Ok(answer) if known.is_unseen(object) && known.look(piv, &[object])? => {
            known.read(piv, &[key])?;
            let renewed = known.certificate(key)?.is_some_and(|certificate| certificate.key == *public);
            if renewed { Ok(answer) } else { Err(Error::KeyChanged(key)) }
        }
        Err(Error::KeyChanged(_)) => {
            known.doubt(object);
            Err(Error::KeyChanged(key))
        }
        // Perhaps it is a key of another kind by now.
        Err(error @ Error::Refused { .. }) if !lost_login(&error) && known.look(piv, &[object])? => {
            tracing::debug!(%error, "and another certificate");
            known.read(piv, &[key])?;
            Err(Error::KeyChanged(key))
        }
        other => other.map_err(not_logged_in),
    }
}

fn lost_login(error: &Error) -> bool {
    error.status() == Some(StatusWord::SECURITY_STATUS_NOT_SATISFIED)
}

/// 6982 means that the PIN is missing, whatever we believed.
pub(super) fn not_logged_in(error: Error) -> Error {
    if lost_login(&error) { Error::NotLoggedIn } else { error }
}
