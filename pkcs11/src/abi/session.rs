//! Shells: sessions, logins, PINs, random numbers.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::{
    buffer::{Place, input, put_bytes},
    enter,
};
use crate::{Error, Function, Input};

/// The notification callback is never called: that would take a thread of our own.
pub(super) unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    _application: *mut c_void,
    _notify: CK_NOTIFY,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    enter(Function::OpenSession, |provider| {
        // SAFETY: the caller's room for it, or null.
        unsafe { Place::new(session) }?.put(provider.open_session(slot, flags)?);
        Ok(())
    })
}

pub(super) extern "C" fn C_CloseSession(session: CK_SESSION_HANDLE) -> CK_RV {
    enter(Function::CloseSession, |provider| provider.close_session(session))
}

pub(super) extern "C" fn C_CloseAllSessions(slot: CK_SLOT_ID) -> CK_RV {
    enter(Function::CloseAllSessions, |provider| provider.close_all_sessions(slot))
}

pub(super) unsafe extern "C" fn C_GetSessionInfo(
    session: CK_SESSION_HANDLE,
    info: *mut CK_SESSION_INFO,
) -> CK_RV {
    enter(Function::GetSessionInfo, |provider| {
        // SAFETY: the caller's room for it, or null.
        unsafe { Place::new(info) }?.put(provider.session_info(session)?);
        Ok(())
    })
}

pub(super) extern "C" fn C_SessionCancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) -> CK_RV {
    enter(Function::SessionCancel, |provider| provider.session_cancel(session, flags))
}

pub(super) unsafe extern "C" fn C_Login(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
) -> CK_RV {
    enter(Function::Login, |provider| {
        // SAFETY: the caller's PIN, as long as it says, or null.
        provider.login(session, user, &unsafe { pin_input(pin, pin_len) })
    })
}

pub(super) unsafe extern "C" fn C_LoginUser(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
    name: *mut CK_UTF8CHAR,
    name_len: CK_ULONG,
) -> CK_RV {
    enter(Function::LoginUser, |provider| {
        // SAFETY: the caller's PIN and name, as long as it says, or null.
        let (pin, name) = unsafe { (pin_input(pin, pin_len), input(name, name_len)) };
        provider.login_named(session, user, &pin, &name)
    })
}

pub(super) extern "C" fn C_Logout(session: CK_SESSION_HANDLE) -> CK_RV {
    enter(Function::Logout, |provider| provider.logout(session))
}

pub(super) unsafe extern "C" fn C_SetPIN(
    session: CK_SESSION_HANDLE,
    old: *mut CK_UTF8CHAR,
    old_len: CK_ULONG,
    new: *mut CK_UTF8CHAR,
    new_len: CK_ULONG,
) -> CK_RV {
    enter(Function::SetPIN, |provider| {
        // SAFETY: the caller's PINs, as long as it says, or null.
        let (old, new) = unsafe { (pin_input(old, old_len), pin_input(new, new_len)) };
        provider.set_pin(session, &old, &new)
    })
}

pub(super) unsafe extern "C" fn C_InitPIN(
    session: CK_SESSION_HANDLE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's PIN, as long as it says, or null.
    enter(Function::InitPIN, |provider| provider.init_pin(session, &unsafe { pin_input(pin, pin_len) }))
}

/// Null asks for a PIN pad, and there is none: it is no empty PIN.
///
/// # Safety
/// As [`input`].
unsafe fn pin_input<'a>(pin: *const CK_UTF8CHAR, len: CK_ULONG) -> Input<'a> {
    // SAFETY: passed on.
    if pin.is_null() { Input::missing() } else { unsafe { input(pin, len) } }
}

pub(super) unsafe extern "C" fn C_SeedRandom(
    session: CK_SESSION_HANDLE,
    seed: *mut CK_BYTE,
    len: CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller's seed, as long as it says, or null.
    enter(Function::SeedRandom, |provider| provider.seed_random(session, &unsafe { input(seed, len) }))
}

/// More than anyone asks for in one call; the bytes are made in memory of ours first.
const MOST_RANDOM: CK_ULONG = 1 << 24;

pub(super) unsafe extern "C" fn C_GenerateRandom(
    session: CK_SESSION_HANDLE,
    out: *mut CK_BYTE,
    len: CK_ULONG,
) -> CK_RV {
    enter(Function::GenerateRandom, |provider| {
        if len > MOST_RANDOM {
            return Err(Error::ArgumentsBad);
        }
        // The caller's memory may be uninitialised, so it is only ever written to.
        let mut random = vec![0; usize::try_from(len).map_err(|_| Error::ArgumentsBad)?];
        provider.generate_random(session, &mut random)?;
        // SAFETY: the caller's room of so many bytes, or null.
        unsafe { put_bytes(&random, out) }
    })
}
