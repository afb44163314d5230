//! The C table from the side of C: null pointers, lengths, handles, panics. One library a process, so one test at a time.

use std::{
    ffi::c_void,
    panic,
    ptr::{null, null_mut},
    sync::{
        Arc,
        atomic::{AtomicPtr, Ordering},
    },
    time::Duration,
};

use cryptoki_sys::*;
use link::{Card, LinkError, Reader, Readers};
use parking_lot::{Mutex, MutexGuard, RwLock};
use piv::Environment;
use sim::{Personality, SimCard, SimReaders};

use super::{
    C_GetFunctionList, C_GetInterface, C_GetInterfaceList, Library, check_arguments, guard, install, library,
};
use crate::{Error, Function, Provider};

/// Calls a function of the newest interface.
macro_rules! call {
    ($name:ident($($argument:expr),* $(,)?)) => {{
        let function = list().$name.unwrap();
        // SAFETY: the pointers are this test's own, and as long as it says.
        unsafe { function($($argument),*) }
    }};
}

/// Calls functions that all have to answer the same.
macro_rules! all_refuse {
    ($expected:expr; $($name:ident($($argument:expr),* $(,)?);)*) => {
        $(assert_eq!(call!($name($($argument),*)), $expected, "{}", stringify!($name($($argument),*)));)*
    };
}

mod abuse;
mod handles;
mod keys;

fn list() -> &'static CK_FUNCTION_LIST_3_2 {
    let mut interface = null_mut();
    // SAFETY: a place for a pointer; the rest is null.
    unsafe {
        assert_eq!(C_GetInterface(null_mut(), null_mut(), &raw mut interface, 0), CKR_OK);
        &*(*interface).pFunctionList.cast()
    }
}

fn environment() -> Environment {
    Environment::new(Arc::new(sim::SimStore::default()), Arc::new(sim::SimClock::default()))
}

/// An initialised library, to itself.
struct Alone(#[allow(dead_code)] MutexGuard<'static, ()>);

impl Alone {
    fn over(readers: Arc<dyn Readers>) -> Self {
        static ONE: Mutex<()> = Mutex::new(());
        let alone = Self(ONE.lock());
        install(|| Arc::new(Provider::new(readers, environment()))).unwrap();
        alone
    }

    fn with_card() -> Self {
        Self::over(Arc::new(SimReaders::with("Reader", &SimCard::new(Personality::piv()))))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        call!(C_Finalize(null_mut()));
    }
}

fn open() -> CK_SESSION_HANDLE {
    let mut session = 0;
    assert_eq!(call!(C_OpenSession(0, CKF_SERIAL_SESSION, null_mut(), None, &raw mut session)), CKR_OK);
    session
}

fn login(session: CK_SESSION_HANDLE) {
    let mut pin = *b"123456";
    assert_eq!(call!(C_Login(session, CKU_USER, pin.as_mut_ptr(), 6)), CKR_OK);
}

/// The first object of this class with this CKA_ID.
fn find(session: CK_SESSION_HANDLE, mut class: CK_OBJECT_CLASS, mut id: u8) -> CK_OBJECT_HANDLE {
    let mut template = [
        CK_ATTRIBUTE {
            type_: CKA_CLASS,
            pValue: (&raw mut class).cast(),
            ulValueLen: size_of_val(&class) as CK_ULONG,
        },
        CK_ATTRIBUTE { type_: CKA_ID, pValue: (&raw mut id).cast(), ulValueLen: 1 },
    ];
    let (mut object, mut count) = (0, 0);
    assert_eq!(call!(C_FindObjectsInit(session, template.as_mut_ptr(), 2)), CKR_OK);
    assert_eq!(call!(C_FindObjects(session, &raw mut object, 1, &raw mut count)), CKR_OK);
    assert_eq!(call!(C_FindObjectsFinal(session)), CKR_OK);
    assert_eq!(count, 1);
    object
}

fn mechanism(number: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism: number, pParameter: null_mut(), ulParameterLen: 0 }
}

#[test]
fn interfaces_newest_first() {
    let mut count = 0;
    // SAFETY: room for as many as it says.
    unsafe {
        assert_eq!(C_GetInterfaceList(null_mut(), null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(C_GetInterfaceList(null_mut(), &raw mut count), CKR_OK);
        assert_eq!(count, 3);
        let mut few = [CK_INTERFACE { pInterfaceName: null_mut(), pFunctionList: null_mut(), flags: 0 }; 3];
        count = 2;
        assert_eq!(C_GetInterfaceList(few.as_mut_ptr(), &raw mut count), CKR_BUFFER_TOO_SMALL);
        assert_eq!(count, 3);
        assert_eq!(C_GetInterfaceList(few.as_mut_ptr(), &raw mut count), CKR_OK);
        assert!(few.iter().all(|interface| interface.flags == CKF_INTERFACE_FORK_SAFE));
    }
    assert_eq!((list().version.major, list().version.minor), (3, 2));
}

#[test]
fn interfaces_by_name_version_and_flags() {
    let get = |name: Option<&std::ffi::CStr>, version: Option<(u8, u8)>, flags| {
        let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let version = version.as_mut().map_or(null_mut(), |version| version as *mut _);
        let name = name.map_or(null(), |name| name.as_ptr()).cast_mut().cast();
        let mut interface = null_mut();
        // SAFETY: C strings, versions and a place for a pointer, or null.
        unsafe {
            match C_GetInterface(name, version, &raw mut interface, flags) {
                CKR_OK => Ok((*(*interface).pFunctionList.cast::<CK_VERSION>()).minor),
                code => Err(code),
            }
        }
    };
    assert_eq!(get(None, None, 0), Ok(2));
    assert_eq!(get(Some(c"PKCS 11"), None, CKF_INTERFACE_FORK_SAFE), Ok(2));
    assert_eq!(get(Some(c"PKCS 11"), Some((3, 0)), 0), Ok(0));
    assert_eq!(get(None, Some((2, 40)), 0), Ok(40));
    assert_eq!(get(Some(c"PKCS 11"), Some((3, 1)), 0), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(get(Some(c"Vendor NSS FIPS Interface"), None, 0), Err(CKR_ARGUMENTS_BAD));
    assert_eq!(get(None, None, 0x80), Err(CKR_ARGUMENTS_BAD));
    let mut old = null_mut();
    // SAFETY: a place for a pointer, or null.
    unsafe {
        assert_eq!(C_GetFunctionList(null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(C_GetFunctionList(&raw mut old), CKR_OK);
        assert_eq!(((*old).version.major, (*old).version.minor), (2, 40));
    }
}

#[test]
fn no_function_is_null() {
    let words = |list: *const c_void, size: usize| {
        // SAFETY: a function list is its version and then pointers, all as wide as a word.
        let words = unsafe { std::slice::from_raw_parts(list.cast::<usize>(), size / size_of::<usize>()) };
        assert!(words[1..].iter().all(|word| *word != 0));
    };
    words((&raw const *list()).cast(), size_of::<CK_FUNCTION_LIST_3_2>());
    let mut old = null_mut();
    // SAFETY: a place for a pointer.
    assert_eq!(unsafe { C_GetFunctionList(&raw mut old) }, CKR_OK);
    words(old.cast_const().cast(), size_of::<CK_FUNCTION_LIST>());
}

#[test]
fn initialised_once() {
    let alone = Alone::with_card();
    assert!(matches!(install(|| unreachable!()), Err(Error::AlreadyInitialized)));
    let mut not_null = 0;
    assert_eq!(call!(C_Finalize((&raw mut not_null).cast())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_Finalize(null_mut())), CKR_OK);
    assert_eq!(call!(C_Finalize(null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(call!(C_GetInfo(null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(call!(C_EncryptInit(1, null_mut(), 1)), CKR_CRYPTOKI_NOT_INITIALIZED);
    drop(alone);
}

#[test]
fn null_pointers_are_bad_arguments() {
    let _alone = Alone::with_card();
    assert_eq!(call!(C_GetInfo(null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_GetSlotList(CK_TRUE, null_mut(), null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_GetSlotInfo(0, null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_GetTokenInfo(0, null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_GetMechanismInfo(0, CKM_RSA_PKCS, null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_OpenSession(0, CKF_SERIAL_SESSION, null_mut(), None, null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_WaitForSlotEvent(CKF_DONT_BLOCK, null_mut(), null_mut())), CKR_ARGUMENTS_BAD);
    let session = open();
    assert_eq!(call!(C_GetSessionInfo(session, null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_Login(session, CKU_USER, null_mut(), 0)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_FindObjectsInit(session, null_mut(), 1)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_FindObjects(session, null_mut(), 1, null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_GenerateRandom(session, null_mut(), 1)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_FindObjectsInit(session, null_mut(), 0)), CKR_OK);
    assert_eq!(call!(C_FindObjectsInit(session, null_mut(), 0)), CKR_OPERATION_ACTIVE);
}

#[test]
fn lists_tell_their_length() {
    let _alone = Alone::with_card();
    let mut count = 0;
    assert_eq!(call!(C_GetMechanismList(0, null_mut(), &raw mut count)), CKR_OK);
    let mut mechanisms = vec![0; count as usize];
    let mut short = count - 1;
    assert_eq!(call!(C_GetMechanismList(0, mechanisms.as_mut_ptr(), &raw mut short)), CKR_BUFFER_TOO_SMALL);
    assert_eq!(short, count);
    assert_eq!(call!(C_GetMechanismList(0, mechanisms.as_mut_ptr(), &raw mut count)), CKR_OK);
    assert!(mechanisms.contains(&CKM_RSA_PKCS_PSS));
    assert_eq!(call!(C_GetMechanismList(9, null_mut(), &raw mut count)), CKR_SLOT_ID_INVALID);
}

#[test]
fn attributes_are_filled_whatever_is_wrong_with_others() {
    let _alone = Alone::with_card();
    let session = open();
    login(session);
    let key = find(session, CKO_PRIVATE_KEY, 1);
    let (mut id, mut secret, mut label) = ([0u8; 4], [0u8; 8], [0u8; 3]);
    let attribute = |type_, value: &mut [u8]| CK_ATTRIBUTE {
        type_,
        pValue: value.as_mut_ptr().cast(),
        ulValueLen: value.len() as CK_ULONG,
    };
    let mut template = [
        attribute(CKA_PARAMETER_SET, &mut []),
        attribute(CKA_PRIME_1, &mut secret),
        attribute(CKA_LABEL, &mut label),
        attribute(CKA_ID, &mut id),
        CK_ATTRIBUTE { type_: CKA_MODULUS, pValue: null_mut(), ulValueLen: 0 },
    ];
    let len = template.len() as CK_ULONG;
    assert_eq!(call!(C_GetAttributeValue(session, key, template.as_mut_ptr(), len)), CKR_ATTRIBUTE_SENSITIVE);
    let lengths = template.map(|attribute| attribute.ulValueLen);
    let none = CK_UNAVAILABLE_INFORMATION;
    assert_eq!(lengths, [none, none, none, 1, 256]);
    assert_eq!((id[0], secret, label), (1, [0; 8], [0; 3]));
    let one = &raw mut template[0];
    assert_eq!(call!(C_GetAttributeValue(session, key, one, 1)), CKR_ATTRIBUTE_TYPE_INVALID);
    let mut short = [attribute(CKA_LABEL, &mut label)];
    assert_eq!(call!(C_GetAttributeValue(session, key, short.as_mut_ptr(), 1)), CKR_BUFFER_TOO_SMALL);
    assert_eq!(call!(C_GetAttributeValue(session, 0x7777, null_mut(), 0)), CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(call!(C_DestroyObject(session, key)), CKR_SESSION_READ_ONLY);
}

#[test]
fn writing_looks_at_its_pointers_first() {
    let _alone = Alone::with_card();
    let session = open();
    let (mut given, mut one, mut other) = (mechanism(CKM_EC_KEY_PAIR_GEN), 0, 0);
    let make = |given: *mut CK_MECHANISM, one: *mut CK_ULONG, other: *mut CK_ULONG, count: CK_ULONG| {
        let none: *mut CK_ATTRIBUTE = null_mut();
        call!(C_GenerateKeyPair(session, given, none, count, none, 0, one, other))
    };
    let (one, other) = (&raw mut one, &raw mut other);
    assert_eq!(make(&raw mut given, null_mut(), other, 0), CKR_ARGUMENTS_BAD);
    assert_eq!(make(&raw mut given, one, null_mut(), 0), CKR_ARGUMENTS_BAD);
    assert_eq!(make(&raw mut given, one, other, 1), CKR_ARGUMENTS_BAD);
    assert_eq!(make(null_mut(), one, other, 0), CKR_ARGUMENTS_BAD);
    assert_eq!(make(&raw mut given, one, other, 0), CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(call!(C_CreateObject(session, null_mut(), 0, null_mut())), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_CreateObject(session, null_mut(), 3, one)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_CreateObject(session, null_mut(), 0, one)), CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(call!(C_SetAttributeValue(session, 1, null_mut(), 2)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_SetAttributeValue(session, 1, null_mut(), 0)), CKR_ACTION_PROHIBITED);
}

#[test]
fn signing_by_the_table() {
    let _alone = Alone::with_card();
    let session = open();
    login(session);
    let key = find(session, CKO_PRIVATE_KEY, 1);
    let mut given = mechanism(CKM_SHA256_RSA_PKCS);
    let (mut data, mut signature, mut len) = (*b"text", [0; 256], 0);
    let mut sign = |out: *mut u8, len: *mut CK_ULONG| call!(C_Sign(session, data.as_mut_ptr(), 4, out, len));
    assert_eq!(sign(signature.as_mut_ptr(), &raw mut len), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(call!(C_SignInit(session, &raw mut given, key)), CKR_OK);
    assert_eq!(sign(null_mut(), &raw mut len), CKR_OK);
    assert_eq!(len, 256);
    len = 255;
    assert_eq!(sign(signature.as_mut_ptr(), &raw mut len), CKR_BUFFER_TOO_SMALL);
    assert_eq!(len, 256);
    assert_eq!(sign(signature.as_mut_ptr(), &raw mut len), CKR_OK);
    assert_ne!(signature, [0; 256]);
    // Anything else ends the operation.
    assert_eq!(call!(C_SignInit(session, &raw mut given, key)), CKR_OK);
    assert_eq!(sign(signature.as_mut_ptr(), null_mut()), CKR_ARGUMENTS_BAD);
    assert_eq!(sign(signature.as_mut_ptr(), &raw mut len), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(call!(C_SignInit(session, &raw mut given, key)), CKR_OK);
    let missing = call!(C_Sign(session, null_mut(), 4, signature.as_mut_ptr(), &raw mut len));
    assert_eq!(missing, CKR_ARGUMENTS_BAD);
    assert_eq!(sign(signature.as_mut_ptr(), &raw mut len), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn pss_parameters_have_their_size() {
    let _alone = Alone::with_card();
    let session = open();
    login(session);
    let key = find(session, CKO_PRIVATE_KEY, 1);
    let mut parameter = CK_RSA_PKCS_PSS_PARAMS { hashAlg: CKM_SHA256, mgf: CKG_MGF1_SHA256, sLen: 32 };
    let mut given = CK_MECHANISM {
        mechanism: CKM_RSA_PKCS_PSS,
        pParameter: (&raw mut parameter).cast(),
        ulParameterLen: size_of_val(&parameter) as CK_ULONG - 1,
    };
    assert_eq!(call!(C_SignInit(session, &raw mut given, key)), CKR_MECHANISM_PARAM_INVALID);
    given.ulParameterLen += 1;
    assert_eq!(call!(C_SignInit(session, &raw mut given, key)), CKR_OK);
    assert_eq!(call!(C_SignInit(session, null_mut(), key)), CKR_OK, "cancelled");
    given.pParameter = null_mut();
    assert_eq!(call!(C_SignInit(session, &raw mut given, key)), CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn a_result_may_lie_over_its_input() {
    let _alone = Alone::with_card();
    let session = open();
    let mut given = mechanism(CKM_SHA256);
    let (mut place, mut len) = ([7u8; 32], 32);
    assert_eq!(call!(C_DigestInit(session, &raw mut given)), CKR_OK);
    let at = place.as_mut_ptr();
    assert_eq!(call!(C_Digest(session, at, 32, at, &raw mut len)), CKR_OK);
    assert_ne!(place, [7; 32]);
}

#[test]
fn what_we_do_not_have_says_so() {
    let _alone = Alone::with_card();
    assert_eq!(call!(C_VerifyRecoverInit(77, null_mut(), 1)), CKR_SESSION_HANDLE_INVALID);
    let session = open();
    assert_eq!(call!(C_VerifyRecoverInit(session, null_mut(), 1)), CKR_FUNCTION_NOT_SUPPORTED);
    assert_eq!(call!(C_MessageSignFinal(session)), CKR_FUNCTION_NOT_SUPPORTED);
    assert_eq!(call!(C_AsyncJoin(session, null_mut(), 0, null_mut(), 0)), CKR_FUNCTION_NOT_SUPPORTED);
    assert_eq!(call!(C_GetFunctionStatus(session)), CKR_FUNCTION_NOT_PARALLEL);
    assert_eq!(call!(C_CancelFunction(session)), CKR_FUNCTION_NOT_PARALLEL);
    assert_eq!(call!(C_GetOperationState(session, null_mut(), null_mut())), CKR_STATE_UNSAVEABLE);
    assert_eq!(call!(C_OpenSession(0, 0, null_mut(), None, &mut 0)), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    assert_eq!(call!(C_InitToken(0, null_mut(), 0, null_mut())), CKR_FUNCTION_NOT_SUPPORTED);
}

/// A reader service with a bug.
struct Buggy;

impl Readers for Buggy {
    fn list(&self) -> Result<Vec<Reader>, LinkError> {
        panic!("a bug")
    }

    fn connect(&self, _: &str) -> Result<Box<dyn Card>, LinkError> {
        panic!("a bug")
    }

    fn wait(&self, _: &[Reader], _: Option<Duration>) -> Result<Vec<Reader>, LinkError> {
        panic!("a bug")
    }

    fn cancel(&self) {}
}

#[test]
fn a_panic_does_not_reach_c_and_locks_nothing() {
    let _alone = Alone::over(Arc::new(Buggy));
    let mut count = 0;
    for _ in 0..2 {
        assert_eq!(call!(C_GetSlotList(CK_TRUE, null_mut(), &raw mut count)), CKR_GENERAL_ERROR);
    }
    assert_eq!(guard(Function::Sign, || panic::panic_any(7)), CKR_GENERAL_ERROR);
}

#[test]
fn mutexes_come_all_or_none() {
    unsafe extern "C" fn create(_: *mut *mut c_void) -> CK_RV {
        CKR_OK
    }
    unsafe extern "C" fn other(_: *mut c_void) -> CK_RV {
        CKR_OK
    }
    let mut args = CK_C_INITIALIZE_ARGS { flags: CKF_LIBRARY_CANT_CREATE_OS_THREADS, ..Default::default() };
    assert!(check_arguments(&args).is_ok());
    args.CreateMutex = Some(create);
    assert!(matches!(check_arguments(&args), Err(Error::ArgumentsBad)));
    args.DestroyMutex = Some(other);
    args.LockMutex = Some(other);
    args.UnlockMutex = Some(other);
    assert!(matches!(check_arguments(&args), Err(Error::CantLock)));
    args.flags |= CKF_OS_LOCKING_OK;
    assert!(check_arguments(&args).is_ok());
    args.pReserved = (&raw mut args.flags).cast();
    assert!(matches!(check_arguments(&args), Err(Error::ArgumentsBad)));
}

#[test]
fn a_library_of_another_process_is_none() {
    let parent = AtomicPtr::new(Box::into_raw(Box::new(Library { pid: 0, provider: RwLock::new(None) })));
    assert!(library(parent.load(Ordering::Acquire)).is_none());
    assert!(library(null_mut()).is_none());
    // SAFETY: made above, and not shared.
    drop(unsafe { Box::from_raw(parent.into_inner()) });
}
