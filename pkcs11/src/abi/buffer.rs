//! Raw pointers to inputs, outputs and templates: the null, length and size rules of PKCS#11 5.2, once.

use std::{
    ffi::c_void,
    ptr::{self, NonNull},
    slice,
};

use cryptoki_sys::*;

use crate::{Error, Given, Input, Object, Output, Parameter, Template};

/// The caller's memory as a slice. Null with no length is an empty one; no object is larger than `isize::MAX`.
///
/// # Safety
/// Null, or that many readable elements that stay as they are for `'a`.
unsafe fn slice<'a, T>(data: *const T, len: CK_ULONG) -> Option<&'a [T]> {
    let len = usize::try_from(len).ok().filter(|len| *len <= isize::MAX as usize / size_of::<T>().max(1))?;
    match (data.is_null(), len) {
        (_, 0) => Some(&[]),
        (true, _) => None,
        // SAFETY: the caller's promise, and the length fits.
        (false, _) => Some(unsafe { slice::from_raw_parts(data, len) }),
    }
}

/// Bytes the call reads and nobody writes.
///
/// # Safety
/// As [`slice`].
pub(super) unsafe fn input<'a>(data: *const CK_BYTE, len: CK_ULONG) -> Input<'a> {
    // SAFETY: passed on.
    unsafe { slice(data, len) }.map_or_else(Input::missing, Input::borrowed)
}

/// Bytes copied out, because the result may be written over them (PKCS#11 5.2: "may be in the same place").
///
/// # Safety
/// As [`slice`].
pub(super) unsafe fn copied(data: *const CK_BYTE, len: CK_ULONG) -> Input<'static> {
    // SAFETY: passed on.
    unsafe { slice(data, len) }.map_or_else(Input::missing, Input::copied)
}

/// A place for one value.
pub(super) struct Place<T>(NonNull<T>);

impl<T> Place<T> {
    /// # Safety
    /// Null, or room for a `T` until the call returns.
    pub(super) unsafe fn new(pointer: *mut T) -> Result<Self, Error> {
        NonNull::new(pointer).map(Self).ok_or(Error::ArgumentsBad)
    }

    pub(super) fn put(self, value: T) {
        // SAFETY: there is room, as `new` was promised.
        unsafe { self.0.write(value) };
    }
}

/// A buffer and the place of its length.
pub(super) struct OutBuffer {
    data: *mut CK_BYTE,
    len: *mut CK_ULONG,
}

impl OutBuffer {
    /// # Safety
    /// `len` is null or readable and writable; `data` is null or has room for `*len` bytes. Until the call returns.
    pub(super) unsafe fn new(data: *mut CK_BYTE, len: *mut CK_ULONG) -> Self {
        Self { data, len }
    }
}

impl Output for OutBuffer {
    fn accepts(&mut self, needed: usize) -> Result<bool, Error> {
        let needed = needed as CK_ULONG;
        // SAFETY: as `new` was promised.
        let len = unsafe { self.len.as_mut() }.ok_or(Error::ArgumentsBad)?;
        if !self.data.is_null() && *len >= needed {
            return Ok(true);
        }
        *len = needed;
        if self.data.is_null() { Ok(false) } else { Err(Error::BufferTooSmall) }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.accepts(bytes.len())? {
            // SAFETY: there is room, and `bytes` is ours, so they do not overlap.
            unsafe {
                ptr::copy_nonoverlapping(bytes.as_ptr(), self.data, bytes.len());
                *self.len = bytes.len() as CK_ULONG;
            }
        }
        Ok(())
    }
}

/// Writes bytes where the caller has said that there is room for them.
///
/// # Safety
/// Null, or room for so many bytes.
pub(super) unsafe fn put_bytes(bytes: &[u8], out: *mut CK_BYTE) -> Result<(), Error> {
    if bytes.is_empty() {
        return Ok(());
    }
    let out = NonNull::new(out).ok_or(Error::ArgumentsBad)?;
    // SAFETY: there is room, and `bytes` is ours, so they do not overlap.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), out.as_ptr(), bytes.len()) };
    Ok(())
}

/// Writes a list and its length, as C_GetSlotList and C_GetMechanismList do.
///
/// # Safety
/// As [`OutBuffer::new`], for elements instead of bytes.
pub(super) unsafe fn put_list<T: Copy>(items: &[T], out: *mut T, count: *mut CK_ULONG) -> Result<(), Error> {
    // SAFETY: as promised.
    let count = unsafe { count.as_mut() }.ok_or(Error::ArgumentsBad)?;
    let room = *count;
    *count = items.len() as CK_ULONG;
    if out.is_null() {
        return Ok(());
    }
    if room < *count {
        return Err(Error::BufferTooSmall);
    }
    // SAFETY: there is room.
    unsafe { ptr::copy_nonoverlapping(items.as_ptr(), out, items.len()) };
    Ok(())
}

/// Copies a template out.
///
/// # Safety
/// Null, or that many CK_ATTRIBUTE whose values are null or as long as they say.
pub(super) unsafe fn template(attributes: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Template, Error> {
    // SAFETY: passed on.
    let attributes = unsafe { slice(attributes, count) }.ok_or(Error::ArgumentsBad)?;
    let value = |attribute: &CK_ATTRIBUTE| {
        // SAFETY: passed on.
        let value = unsafe { slice(attribute.pValue.cast::<u8>(), attribute.ulValueLen) };
        Ok((attribute.type_, value.ok_or(Error::ArgumentsBad)?.to_vec()))
    };
    attributes.iter().map(value).collect()
}

/// Fills in the attributes of an object: all that can be, whatever is wrong with the others (rule R16). The worst of what
/// was wrong is returned.
///
/// # Safety
/// Null, or that many writable CK_ATTRIBUTE whose values are null or have room as they say.
pub(super) unsafe fn fill(
    object: &Object,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> Result<(), Error> {
    // SAFETY: passed on; one after the other, because values may point anywhere, only not into the array.
    let len = unsafe { slice(attributes, count) }.ok_or(Error::ArgumentsBad)?.len();
    let mut worst = Ok(());
    for at in 0..len {
        // SAFETY: within the array.
        let attribute = unsafe { &mut *attributes.add(at) };
        // SAFETY: passed on.
        let filled = unsafe { fill_one(object, attribute) };
        worst = match (worst, filled) {
            (Err(Error::AttributeSensitive), _) => Err(Error::AttributeSensitive),
            (worst, Ok(()) | Err(Error::BufferTooSmall)) if worst.is_err() => worst,
            (_, filled) => filled,
        };
    }
    worst
}

/// # Safety
/// The value is null or has room as it says.
unsafe fn fill_one(object: &Object, attribute: &mut CK_ATTRIBUTE) -> Result<(), Error> {
    let value = object.attribute(attribute.type_).inspect_err(|_| {
        attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    })?;
    let len = value.len() as CK_ULONG;
    if !attribute.pValue.is_null() && attribute.ulValueLen < len {
        attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return Err(Error::BufferTooSmall);
    }
    attribute.ulValueLen = len;
    if !attribute.pValue.is_null() {
        // SAFETY: there is room.
        unsafe { ptr::copy_nonoverlapping(value.as_ptr(), attribute.pValue.cast(), value.len()) };
    }
    Ok(())
}

/// Reads a mechanism; `None` for a null pointer. A parameter is read only where its mechanism and its size are known.
///
/// # Safety
/// Null, or a CK_MECHANISM whose parameter is as long as it says.
pub(super) unsafe fn mechanism(mechanism: *const CK_MECHANISM) -> Option<Given> {
    // SAFETY: passed on.
    let given = unsafe { mechanism.as_ref() }?;
    let (at, len) = (given.pParameter.cast_const(), given.ulParameterLen);
    let parameter = match given.mechanism {
        CKM_RSA_PKCS_OAEP => {
            // SAFETY: passed on.
            unsafe { read(at, len).map_or(Parameter::Other, |parameter| oaep(parameter)) }
        }
        CKM_RSA_PKCS_PSS
        | CKM_SHA1_RSA_PKCS_PSS
        | CKM_SHA224_RSA_PKCS_PSS
        | CKM_SHA256_RSA_PKCS_PSS
        | CKM_SHA384_RSA_PKCS_PSS
        | CKM_SHA512_RSA_PKCS_PSS => {
            // SAFETY: passed on.
            unsafe { read(at, len) }.map_or(Parameter::Other, Parameter::Pss)
        }
        CKM_ECDH1_DERIVE | CKM_ECDH1_COFACTOR_DERIVE => {
            // SAFETY: passed on.
            unsafe { read(at, len).map_or(Parameter::Other, |parameter| ecdh(parameter)) }
        }
        _ if len == 0 => Parameter::Absent,
        _ => Parameter::Other,
    };
    Some(Given { number: given.mechanism, parameter })
}

/// # Safety
/// The source is null or as long as it says.
unsafe fn oaep(parameter: CK_RSA_PKCS_OAEP_PARAMS) -> Parameter {
    // SAFETY: passed on.
    let label = unsafe { slice(parameter.pSourceData.cast::<u8>().cast_const(), parameter.ulSourceDataLen) };
    label.map_or(Parameter::Other, |label| Parameter::Oaep(parameter, label.to_vec()))
}

/// # Safety
/// Shared data and point are null or as long as they say.
unsafe fn ecdh(parameter: CK_ECDH1_DERIVE_PARAMS) -> Parameter {
    // SAFETY: passed on.
    let shared = unsafe { slice(parameter.pSharedData.cast_const(), parameter.ulSharedDataLen) };
    // SAFETY: passed on.
    let point = unsafe { slice(parameter.pPublicData.cast_const(), parameter.ulPublicDataLen) };
    match (shared, point) {
        (Some(shared), Some(point)) => {
            Parameter::Ecdh { kdf: parameter.kdf, shared: shared.to_vec(), point: point.to_vec() }
        }
        _ => Parameter::Other,
    }
}

/// # Safety
/// Null, or `len` readable bytes that are a `T` if they are as many.
unsafe fn read<T: Copy>(at: *const c_void, len: CK_ULONG) -> Option<T> {
    let fits = !at.is_null() && usize::try_from(len) == Ok(size_of::<T>());
    // SAFETY: it is there, in its size; nothing is assumed of where it lies.
    fits.then(|| unsafe { ptr::read_unaligned(at.cast()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_query_and_a_small_buffer_learn_the_length() {
        let mut len = 7;
        // SAFETY: no data, and a length.
        let mut query = unsafe { OutBuffer::new(ptr::null_mut(), &raw mut len) };
        assert!(matches!(query.accepts(32), Ok(false)));
        assert_eq!(len, 32);
        let (mut data, mut len) = ([0; 8], 8);
        // SAFETY: eight bytes.
        let mut small = unsafe { OutBuffer::new(data.as_mut_ptr(), &raw mut len) };
        assert!(matches!(small.accepts(9), Err(Error::BufferTooSmall)));
        assert_eq!(len, 9);
        len = 8;
        // SAFETY: eight bytes.
        let mut out = unsafe { OutBuffer::new(data.as_mut_ptr(), &raw mut len) };
        assert!(out.put(b"abc").is_ok());
        assert_eq!((&data[..3], len), (&b"abc"[..], 3));
        // SAFETY: nothing at all.
        let mut nowhere = unsafe { OutBuffer::new(data.as_mut_ptr(), ptr::null_mut()) };
        assert!(matches!(nowhere.accepts(1), Err(Error::ArgumentsBad)));
    }

    #[test]
    fn null_with_a_length_is_missing() {
        // SAFETY: null.
        let (none, missing) = unsafe { (input(ptr::null(), 0), input(ptr::null(), 3)) };
        assert!(none.bytes().unwrap().is_empty());
        assert!(matches!(missing.bytes(), Err(Error::ArgumentsBad)));
        // SAFETY: the length is refused before anything is read.
        assert!(matches!(unsafe { input(&7, CK_ULONG::MAX) }.bytes(), Err(Error::ArgumentsBad)));
    }
}
