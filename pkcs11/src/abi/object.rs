//! Shells: objects and searches.

use cryptoki_sys::*;

use super::{
    buffer::{Place, fill, input, mechanism, put_list, template},
    enter,
};
use crate::{Error, Function};

pub(super) unsafe extern "C" fn C_GetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    enter(Function::GetAttributeValue, |provider| {
        let object = provider.object(session, object)?;
        // SAFETY: the caller's attributes, as many and as large as they say.
        unsafe { fill(&object, attributes, count) }
    })
}

pub(super) unsafe extern "C" fn C_GetObjectSize(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    size: *mut CK_ULONG,
) -> CK_RV {
    enter(Function::GetObjectSize, |provider| {
        // SAFETY: the caller's room for it, or null.
        unsafe { Place::new(size) }?.put(provider.object_size(session, object)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_FindObjectsInit(
    session: CK_SESSION_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    enter(Function::FindObjectsInit, |provider| {
        // SAFETY: the caller's attributes, as many and as large as they say.
        provider.find_objects_init(session, &unsafe { template(attributes, count) }?)
    })
}

pub(super) unsafe extern "C" fn C_FindObjects(
    session: CK_SESSION_HANDLE,
    objects: *mut CK_OBJECT_HANDLE,
    most: CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    enter(Function::FindObjects, |provider| {
        if objects.is_null() || count.is_null() {
            return Err(provider.refuse(session, Error::ArgumentsBad));
        }
        let found = provider.find_objects(session, usize::try_from(most).unwrap_or(usize::MAX))?;
        // SAFETY: the caller's place for the count, and its room for `most` handles.
        unsafe {
            count.write(most);
            put_list(&found, objects, count)
        }
    })
}

pub(super) extern "C" fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    enter(Function::FindObjectsFinal, |provider| provider.find_objects_final(session))
}

pub(super) extern "C" fn C_CopyObject(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    _: *mut CK_ATTRIBUTE,
    _: CK_ULONG,
    _: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    enter(Function::CopyObject, |provider| Err(provider.refuse_change(session, object)))
}

pub(super) extern "C" fn C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> CK_RV {
    enter(Function::DestroyObject, |provider| provider.destroy_object(session, object))
}

pub(super) unsafe extern "C" fn C_DeriveKey(
    session: CK_SESSION_HANDLE,
    given: *mut CK_MECHANISM,
    base: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    enter(Function::DeriveKey, |provider| {
        // SAFETY: the caller's room for it, its mechanism and its attributes, as long as they say, or null.
        let (place, given, template) =
            unsafe { (Place::new(key)?, mechanism(given), template(attributes, count)?) };
        place.put(provider.derive_key(session, given.as_ref(), base, &template)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_UnwrapKey(
    session: CK_SESSION_HANDLE,
    given: *mut CK_MECHANISM,
    unwrapping: CK_OBJECT_HANDLE,
    wrapped: *mut CK_BYTE,
    wrapped_len: CK_ULONG,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    enter(Function::UnwrapKey, |provider| {
        // SAFETY: the caller's room for it, its mechanism and its attributes, as long as they say, or null.
        let (place, given, template) =
            unsafe { (Place::new(key)?, mechanism(given), template(attributes, count)?) };
        // SAFETY: the caller's wrapped key, as long as it says, or null.
        let wrapped = unsafe { input(wrapped, wrapped_len) };
        place.put(provider.unwrap_key(session, given.as_ref(), unwrapping, &wrapped, &template)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_SetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    enter(Function::SetAttributeValue, |provider| {
        // SAFETY: the caller's attributes, as many and as large as they say.
        provider.set_attribute_value(session, object, &unsafe { template(attributes, count) }?)
    })
}

pub(super) unsafe extern "C" fn C_CreateObject(
    session: CK_SESSION_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    object: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    enter(Function::CreateObject, |provider| {
        // SAFETY: the caller's room for it, and its attributes, as many and as large as they say.
        let (place, template) = unsafe { (Place::new(object)?, template(attributes, count)?) };
        place.put(provider.create_object(session, &template)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_GenerateKeyPair(
    session: CK_SESSION_HANDLE,
    given: *mut CK_MECHANISM,
    public: *mut CK_ATTRIBUTE,
    public_count: CK_ULONG,
    private: *mut CK_ATTRIBUTE,
    private_count: CK_ULONG,
    public_key: *mut CK_OBJECT_HANDLE,
    private_key: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    enter(Function::GenerateKeyPair, |provider| {
        // SAFETY: the caller's room for both, or null.
        let places = unsafe { [Place::new(public_key)?, Place::new(private_key)?] };
        // SAFETY: the caller's mechanism, as long as it says, or null.
        let given = unsafe { mechanism(given) };
        // SAFETY: the caller's attributes, as many and as large as they say.
        let (public, private) =
            unsafe { (template(public, public_count)?, template(private, private_count)?) };
        let handles = provider.generate_key_pair(session, given.as_ref(), &public, &private)?;
        places.into_iter().zip(handles).for_each(|(place, handle)| place.put(handle));
        Ok(())
    })
}
