//! The PUK that a person may look up: in the Printed Information container (5FC109, SP 800-73-5 part 1, 3.3.5), which is
//! read after the PIN alone, under a tag that the standard leaves free. Our own scheme; the rest of the container stays.

use zeroize::Zeroizing;

use crate::{Error, ObjectId, Piv, tlv};

const OBJECT: ObjectId = ObjectId::from_tag(0x5F_C109);
pub(crate) const PUK: u32 = 0x88;
/// The management key of a card by the standard whose owner is alone with it.
pub(crate) const MANAGEMENT_KEY: u32 = 0x89;

impl Piv<'_> {
    /// The PUK kept on the card, after the PIN. `None`: none is kept.
    ///
    /// # Errors
    /// Of [`Piv::get_data`].
    pub fn kept_puk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.kept(PUK)
    }

    /// What is kept under a tag, after the PIN.
    pub(crate) fn kept(&mut self, wanted: u32) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let answer = self.get_data(OBJECT)?.map(Zeroizing::new);
        let Some(content) = answer.as_deref().map(|answer| OBJECT.content(answer)).transpose()?.flatten()
        else {
            return Ok(None);
        };
        let found = tlv::fields(content).find(|(tag, value)| *tag == wanted && !value.is_empty());
        Ok(found.map(|(_, value)| Zeroizing::new(value.to_vec())))
    }

    /// Keeps a PUK on the card in place of what was kept; `None` keeps none. What else is in the container stays. `false`:
    /// there was nothing to change.
    ///
    /// # Errors
    /// Of [`Piv::get_data`] and [`Piv::put_data`].
    pub fn keep_puk(&mut self, puk: Option<&[u8]>) -> Result<bool, Error> {
        self.keep(&[(PUK, puk.unwrap_or_default())])
    }

    /// Keeps these in place of what was kept under their tags; an empty one is not kept.
    pub(crate) fn keep(&mut self, copies: &[(u32, &[u8])]) -> Result<bool, Error> {
        let answer = Zeroizing::new(self.get_data(OBJECT)?.unwrap_or_default());
        let content = if answer.is_empty() { None } else { OBJECT.content(&answer)? }.unwrap_or_default();
        let new = with(content, copies);
        if **new == *content {
            return Ok(false);
        }
        self.put_data(OBJECT, &new).map(|()| true)
    }
}

/// The container with these in it, and with no others under their tags.
fn with(content: &[u8], copies: &[(u32, &[u8])]) -> Zeroizing<Vec<u8>> {
    let added: usize = copies.iter().map(|(_, copy)| copy.len() + 4).sum();
    let mut new = Zeroizing::new(Vec::with_capacity(content.len() + added));
    tlv::fields(content)
        .filter(|(tag, _)| copies.iter().all(|(copied, _)| copied != tag))
        .for_each(|(tag, value)| tlv::push(&mut new, tag, value));
    let filled = copies.iter().filter(|(_, copy)| !copy.is_empty());
    filled.for_each(|(tag, copy)| tlv::push(&mut new, *tag, copy));
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_container_stays() {
        let printed = b"\x01\x03Zoe\x04\x0920411231x\xFE\x00";
        let with = with(printed, &[(PUK, b"12345678")]);
        assert_eq!(**with, [&printed[..], b"\x88\x0812345678"].concat());
        assert_eq!(**super::with(&with, &[(PUK, b"87654321")]), [&printed[..], b"\x88\x0887654321"].concat());
        assert_eq!(**super::with(&with, &[(PUK, b"")]), printed[..]);
        assert!(super::with(&[], &[(PUK, b"")]).is_empty());
    }
}
