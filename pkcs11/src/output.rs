//! What crosses the edge of a call: bytes in, bytes out, without a raw pointer.

use std::borrow::Cow;

use crate::Error;

/// The bytes a call brings. A null pointer with a length is told only when the bytes are needed, because most calls
/// end their operation over it, and a length query does not need them.
pub struct Input<'a>(Option<Cow<'a, [u8]>>);

impl<'a> Input<'a> {
    /// Bytes that stay where they are.
    #[must_use]
    pub fn borrowed(bytes: &'a [u8]) -> Self {
        Self(Some(Cow::Borrowed(bytes)))
    }

    /// Bytes copied out of a buffer that the result may overwrite.
    #[must_use]
    pub fn copied(bytes: &[u8]) -> Self {
        Self(Some(Cow::Owned(bytes.to_vec())))
    }

    /// A null pointer that was given a length.
    #[must_use]
    pub fn missing() -> Self {
        Self(None)
    }

    pub(crate) fn bytes(&self) -> Result<&[u8], Error> {
        self.0.as_deref().ok_or(Error::ArgumentsBad)
    }
}

/// Where a result goes. `accepts` answers false for a length query, and fails for a buffer too small; in both cases the
/// caller learns the length needed. Ask before the card is asked.
pub trait Output {
    /// Whether a result of this length may be put.
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], or [`Error::ArgumentsBad`] when there is no place for the length itself.
    fn accepts(&mut self, len: usize) -> Result<bool, Error>;

    /// Puts the result, which may be shorter than what was accepted.
    ///
    /// # Errors
    /// As [`Output::accepts`].
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error>;
}

/// Takes the operation out, unless the call only asks for the length or brings too small a buffer: then it stays
/// (PKCS#11, 5.2). Whatever else happens, the operation is over.
pub(crate) fn take<T>(
    operation: &mut Option<T>,
    len: usize,
    out: &mut dyn Output,
) -> Result<Option<T>, Error> {
    match out.accepts(len) {
        Ok(false) => Ok(None),
        Err(Error::BufferTooSmall) => Err(Error::BufferTooSmall),
        asked => {
            let taken = operation.take();
            asked.map(|_| taken)
        }
    }
}
