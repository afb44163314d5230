//! C_DeriveKey: key agreement with a key of the card, and the session key that comes of it.

use cryptoki_sys::*;
use piv::PublicKey;

use crate::{
    Error, Provider, Template,
    mechanism::{Given, Mechanism, Parameter},
    object::Object,
    secret::{Kdf, Secret, Wanted},
    session::Session,
    sign::private_key,
};

impl Provider {
    /// C_DeriveKey.
    ///
    /// # Errors
    /// What is wrong with mechanism, key or template, before the card is asked; of the card.
    pub fn derive_key(
        &self,
        handle: CK_SESSION_HANDLE,
        given: Option<&Given>,
        base: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Result<CK_OBJECT_HANDLE, Error> {
        let session = self.recent_session(handle)?;
        let given = given.ok_or(Error::ArgumentsBad)?;
        Mechanism::find(given.number, CKF_DERIVE)?;
        let key = private_key(&session, base)?;
        let PublicKey::Ecc { algorithm, .. } = key.public() else { return Err(Error::KeyType) };
        if !key.usage.derive {
            return Err(Error::KeyFunction);
        }
        let Agreement { kdf, shared, point } = Agreement::read(&given.parameter, algorithm.field_length())?;
        let wanted = Wanted::read(template, key.reference.needs_pin())?;
        let len = kdf.length(&wanted, algorithm.field_length())?;
        self.demand_presence(&session)?;
        let agreed = session
            .slot
            .with_token(session.insertion, |token| token.agree(key.reference, key.public(), point))?;
        let secret = wanted.secret(kdf.derive(&agreed, shared, len));
        self.keep_secret(handle, &session, &wanted, secret)
    }

    /// Makes a session object of a secret. It goes with the session it was made in.
    pub(crate) fn keep_secret(
        &self,
        handle: CK_SESSION_HANDLE,
        session: &Session,
        wanted: &Wanted,
        secret: Secret,
    ) -> Result<CK_OBJECT_HANDLE, Error> {
        let mut made = None;
        session.slot.change(session.insertion, |view| {
            made = Some(view.keep_secret(handle, |object| Object::of_secret(object, wanted, secret)));
        });
        // A session that another thread closed in the meantime has taken nothing with it.
        if let Err(error) = self.session(handle) {
            session.slot.drop_secrets(|owner| owner == handle);
            return Err(error);
        }
        made.ok_or(Error::Removed)
    }
}

/// CK_ECDH1_DERIVE_PARAMS, checked.
struct Agreement<'a> {
    kdf: Kdf,
    shared: &'a [u8],
    point: &'a [u8],
}

impl<'a> Agreement<'a> {
    fn read(parameter: &'a Parameter, field: usize) -> Result<Self, Error> {
        let Parameter::Ecdh { kdf, shared, point } = parameter else { return Err(Error::MechanismParameter) };
        let kdf = Kdf::from_number(*kdf).ok_or(Error::MechanismParameter)?;
        let point = bare_point(point, field).ok_or(Error::MechanismParameter)?;
        if kdf == Kdf::Null && !shared.is_empty() {
            return Err(Error::MechanismParameter);
        }
        Ok(Self { kdf, shared, point })
    }
}

/// An uncompressed point, as it is or in a DER OCTET STRING: programs are not of one mind (NSS tries both). The two
/// differ in length, and a point is at most 97 bytes, so the length of the string is one byte.
fn bare_point(data: &[u8], field: usize) -> Option<&[u8]> {
    let len = 1 + 2 * field;
    let point = match data {
        [0x04, inside, point @ ..] if data.len() == len + 2 && usize::from(*inside) == len => point,
        whole => whole,
    };
    (point.len() == len && point[0] == 0x04).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_bare_and_wrapped() {
        let bare = [&[4][..], &[7; 64]].concat();
        let wrapped = [&[4, 65][..], &bare].concat();
        assert_eq!(bare_point(&bare, 32), Some(&bare[..]));
        assert_eq!(bare_point(&wrapped, 32), Some(&bare[..]));
        for bad in [&bare[1..], &wrapped[..66], &[2; 33], &[]] {
            assert_eq!(bare_point(bad, 32), None);
        }
        assert_eq!(bare_point(&bare, 48), None);
    }
}
