//! Shells: the library, slots and mechanisms.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::{
    buffer::{Place, put_list},
    enter,
};
use crate::{Error, Function};

pub(super) unsafe extern "C" fn C_GetInfo(info: *mut CK_INFO) -> CK_RV {
    enter(Function::GetInfo, |provider| {
        // SAFETY: the caller's room for it, or null.
        unsafe { Place::new(info) }?.put(provider.info());
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_GetSlotList(
    with_token: CK_BBOOL,
    slots: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    enter(Function::GetSlotList, |provider| {
        let list = provider.slot_list(with_token != CK_FALSE);
        // SAFETY: the caller's room for as many as it says, or null.
        unsafe { put_list(&list, slots, count) }
    })
}

pub(super) unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    enter(Function::GetSlotInfo, |provider| {
        // SAFETY: the caller's room for it, or null.
        unsafe { Place::new(info) }?.put(provider.slot_info(slot)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) -> CK_RV {
    enter(Function::GetTokenInfo, |provider| {
        // SAFETY: the caller's room for it, or null.
        unsafe { Place::new(info) }?.put(provider.token_info(slot)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_GetMechanismList(
    slot: CK_SLOT_ID,
    mechanisms: *mut CK_MECHANISM_TYPE,
    count: *mut CK_ULONG,
) -> CK_RV {
    enter(Function::GetMechanismList, |provider| {
        let list = provider.mechanism_list(slot)?;
        // SAFETY: the caller's room for as many as it says, or null.
        unsafe { put_list(&list, mechanisms, count) }
    })
}

pub(super) unsafe extern "C" fn C_GetMechanismInfo(
    slot: CK_SLOT_ID,
    mechanism: CK_MECHANISM_TYPE,
    info: *mut CK_MECHANISM_INFO,
) -> CK_RV {
    enter(Function::GetMechanismInfo, |provider| {
        // SAFETY: the caller's room for it, or null.
        unsafe { Place::new(info) }?.put(provider.mechanism_info(slot, mechanism)?);
        Ok(())
    })
}

pub(super) unsafe extern "C" fn C_WaitForSlotEvent(
    flags: CK_FLAGS,
    slot: *mut CK_SLOT_ID,
    reserved: *mut c_void,
) -> CK_RV {
    enter(Function::WaitForSlotEvent, |provider| {
        // SAFETY: the caller's room for it, or null.
        let place = unsafe { Place::new(slot) }?;
        if !reserved.is_null() {
            return Err(Error::ArgumentsBad);
        }
        place.put(provider.wait_for_slot_event(flags & CKF_DONT_BLOCK == 0)?);
        Ok(())
    })
}

pub(super) extern "C" fn C_InitToken(
    slot: CK_SLOT_ID,
    _: *mut CK_UTF8CHAR,
    _: CK_ULONG,
    _: *mut CK_UTF8CHAR,
) -> CK_RV {
    enter(Function::InitToken, |provider| provider.slot_info(slot).and(Err(Error::NotSupported)))
}
