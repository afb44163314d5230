//! The C side: one shell for each function of PKCS#11 2.40, 3.0 and 3.2, the lists of them, and the one static.
//!
//! Every shell goes through `enter`: a panic never reaches C, and a forked child is a process that has not called
//! C_Initialize, whatever its parent did.

#![allow(unsafe_code, non_snake_case)]

mod absent;
mod buffer;
mod crypto;
mod general;
mod list;
mod object;
mod session;
#[cfg(test)]
mod tests;

use std::{
    ffi::c_void,
    hint,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicPtr, Ordering},
    },
};

use cryptoki_sys::*;
use parking_lot::RwLock;
use piv::{Environment, MessagingPolicy};

use crate::{Error, Function, Provider, Settings, rv};

pub use list::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};

/// The library of one process.
struct Library {
    pid: u32,
    provider: RwLock<Option<Arc<Provider>>>,
}

/// Null, or a `Library` that is never freed: one for each process that ever called C_Initialize. A forked child leaves
/// its parent's alone, because a lock in it may have been held in the moment of the fork.
static LIBRARY: AtomicPtr<Library> = AtomicPtr::new(null_mut());

/// The library behind the static, if it is this process's.
fn library(pointer: *mut Library) -> Option<&'static Library> {
    // SAFETY: the static only ever holds null or a leaked box.
    let library = unsafe { pointer.as_ref() }?;
    (library.pid == process::id()).then_some(library)
}

/// This process's library, made if need be.
fn own_library() -> &'static Library {
    let found = LIBRARY.load(Ordering::Acquire);
    if let Some(library) = library(found) {
        return library;
    }
    let fresh = Box::into_raw(Box::new(Library { pid: process::id(), provider: RwLock::new(None) }));
    match LIBRARY.compare_exchange(found, fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: it was leaked above and is never freed from here on.
        Ok(_) => unsafe { &*fresh },
        Err(_) => {
            // SAFETY: another thread was faster, so nobody else has seen this one.
            drop(unsafe { Box::from_raw(fresh) });
            own_library()
        }
    }
}

/// What C_Initialize does once its arguments are good, with a provider over any seams.
///
/// # Errors
/// [`Error::AlreadyInitialized`].
pub fn install(provider: impl FnOnce() -> Arc<Provider>) -> Result<(), Error> {
    let mut place = own_library().provider.write();
    if place.is_some() {
        return Err(Error::AlreadyInitialized);
    }
    *place = Some(provider());
    Ok(())
}

/// No call goes deeper than this, in bytes.
const DEEP: usize = 48 * 1024;

/// Runs one function over the provider of this process.
fn enter(function: Function, call: impl FnOnce(&Provider) -> Result<(), Error>) -> CK_RV {
    guard(function, || {
        let library = library(LIBRARY.load(Ordering::Acquire)).ok_or(Error::NotInitialized)?;
        let provider = library.provider.read().clone().ok_or(Error::NotInitialized)?;
        call(&provider)
    })
}

/// Turns an error into its code, and a panic into CKR_GENERAL_ERROR.
fn guard(function: Function, call: impl FnOnce() -> Result<(), Error>) -> CK_RV {
    let result = catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Error::Panic));
    if function.touches_secrets() {
        wipe_stack();
    }
    match result {
        Ok(()) => CKR_OK,
        Err(error) => {
            tracing::debug!(?function, %error);
            rv(function, &error)
        }
    }
}

/// Overwrites what calls have left on the stack below: the schedules of session keys are moved there by the code that makes
/// them. It takes about a microsecond.
#[inline(never)]
fn wipe_stack() {
    hint::black_box(&mut [0_u8; DEEP]);
}

unsafe extern "C" fn C_Initialize(args: *mut c_void) -> CK_RV {
    guard(Function::Initialize, || {
        // SAFETY: null, or the caller's CK_C_INITIALIZE_ARGS.
        if let Some(args) = unsafe { args.cast::<CK_C_INITIALIZE_ARGS>().as_ref() } {
            check_arguments(args)?;
        }
        install(|| {
            host::begin_log();
            let settings = Settings::from_environment();
            Arc::new(Provider::with_settings(host::readers(), environment(), settings))
        })
    })
}

/// What tokens need of this machine.
fn environment() -> Environment {
    let host::Messaging { anchors, first_use, contactless_is_contact, always } = host::messaging();
    let policy = MessagingPolicy::with_anchors(&anchors);
    Environment {
        store: host::store(),
        signers: host::signers(),
        codes: host::codes(),
        clock: host::clock(),
        messaging: Arc::new(MessagingPolicy { first_use, contactless_is_contact, always, ..policy }),
    }
}

/// We lock with the system's locks, always. Whoever offers only mutexes of its own cannot be served.
fn check_arguments(args: &CK_C_INITIALIZE_ARGS) -> Result<(), Error> {
    let mutexes = [
        args.CreateMutex.is_some(),
        args.DestroyMutex.is_some(),
        args.LockMutex.is_some(),
        args.UnlockMutex.is_some(),
    ];
    let given = mutexes.iter().filter(|given| **given).count();
    if !args.pReserved.is_null() || (given != 0 && given != mutexes.len()) {
        return Err(Error::ArgumentsBad);
    }
    if given != 0 && args.flags & CKF_OS_LOCKING_OK == 0 { Err(Error::CantLock) } else { Ok(()) }
}

unsafe extern "C" fn C_Finalize(reserved: *mut c_void) -> CK_RV {
    guard(Function::Finalize, || {
        let library = library(LIBRARY.load(Ordering::Acquire)).ok_or(Error::NotInitialized)?;
        if !reserved.is_null() {
            return Err(Error::ArgumentsBad);
        }
        let provider = library.provider.write().take().ok_or(Error::NotInitialized)?;
        provider.finalize();
        Ok(())
    })
}
