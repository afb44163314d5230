//! The function lists, and the three functions that hand them out: the only symbols of the library.

use std::{ffi::CStr, slice};

use cryptoki_sys::*;

use super::{
    C_Finalize, C_Initialize,
    absent::*,
    buffer::{Place, put_list},
    crypto::*,
    general::*,
    guard,
    object::*,
    session::*,
};
use crate::{Error, Function};

macro_rules! lists {
    (2.40: $($first:ident)*; 3.0: $($second:ident)*; 3.2: $($third:ident)*;) => {
        static LIST_2_40: CK_FUNCTION_LIST =
            CK_FUNCTION_LIST { version: CK_VERSION { major: 2, minor: 40 }, $($first: Some($first)),* };
        static LIST_3_0: CK_FUNCTION_LIST_3_0 = CK_FUNCTION_LIST_3_0 {
            version: CK_VERSION { major: 3, minor: 0 }, $($first: Some($first),)* $($second: Some($second)),*
        };
        static LIST_3_2: CK_FUNCTION_LIST_3_2 = CK_FUNCTION_LIST_3_2 {
            version: CK_VERSION { major: 3, minor: 2 },
            $($first: Some($first),)* $($second: Some($second),)* $($third: Some($third)),*
        };
    };
}

lists! {
    2.40:
    C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo C_GetTokenInfo C_GetMechanismList
    C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo
    C_GetOperationState C_SetOperationState C_Login C_Logout C_CreateObject C_CopyObject C_DestroyObject
    C_GetObjectSize C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit C_FindObjects C_FindObjectsFinal
    C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DecryptInit C_Decrypt C_DecryptUpdate C_DecryptFinal
    C_DigestInit C_Digest C_DigestUpdate C_DigestKey C_DigestFinal C_SignInit C_Sign C_SignUpdate C_SignFinal
    C_SignRecoverInit C_SignRecover C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit
    C_VerifyRecover C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate
    C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey C_DeriveKey C_SeedRandom C_GenerateRandom
    C_GetFunctionStatus C_CancelFunction C_WaitForSlotEvent;
    3.0:
    C_GetInterfaceList C_GetInterface C_LoginUser C_SessionCancel C_MessageEncryptInit C_EncryptMessage
    C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal C_MessageDecryptInit C_DecryptMessage
    C_DecryptMessageBegin C_DecryptMessageNext C_MessageDecryptFinal C_MessageSignInit C_SignMessage
    C_SignMessageBegin C_SignMessageNext C_MessageSignFinal C_MessageVerifyInit C_VerifyMessage C_VerifyMessageBegin
    C_VerifyMessageNext C_MessageVerifyFinal;
    3.2:
    C_EncapsulateKey C_DecapsulateKey C_VerifySignatureInit C_VerifySignature C_VerifySignatureUpdate
    C_VerifySignatureFinal C_GetSessionValidationFlags C_AsyncComplete C_AsyncGetID C_AsyncJoin
    C_WrapKeyAuthenticated C_UnwrapKeyAuthenticated;
}

/// The name of every interface here.
const NAME: &CStr = c"PKCS 11";

struct Interfaces([CK_INTERFACE; 3]);

// SAFETY: its pointers lead to statics that nobody writes.
unsafe impl Sync for Interfaces {}

/// The newest first: it is the default.
static INTERFACES: Interfaces = Interfaces([
    interface((&raw const LIST_3_2).cast()),
    interface((&raw const LIST_3_0).cast()),
    interface((&raw const LIST_2_40).cast()),
]);

/// Fork-safe: a child may use the library after it has called C_Initialize itself, and until then nothing in it works.
const fn interface(list: *const CK_VERSION) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: list.cast_mut().cast(),
        flags: CKF_INTERFACE_FORK_SAFE,
    }
}

/// C_GetFunctionList: the functions of PKCS#11 2.40.
///
/// # Safety
/// `list` is null, or a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    guard(Function::GetFunctionList, || {
        // SAFETY: the caller's room for it, or null.
        unsafe { Place::new(list) }?.put((&raw const LIST_2_40).cast_mut());
        Ok(())
    })
}

/// C_GetInterfaceList.
///
/// # Safety
/// `count` is null or a number; `interfaces` is null or has room for so many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(interfaces: *mut CK_INTERFACE, count: *mut CK_ULONG) -> CK_RV {
    // SAFETY: the caller's room for as many as it says, or null.
    guard(Function::GetInterfaceList, || unsafe { put_list(&INTERFACES.0, interfaces, count) })
}

/// C_GetInterface: the first that has this name, this version and at least these flags. Null: any.
///
/// # Safety
/// `name` is null or a C string; `version` is null or a version; `interface` is null, or a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    name: *mut CK_UTF8CHAR,
    version: *mut CK_VERSION,
    interface: *mut *mut CK_INTERFACE,
    flags: CK_FLAGS,
) -> CK_RV {
    guard(Function::GetInterface, || {
        // SAFETY: the caller's room for it, or null.
        let place = unsafe { Place::new(interface) }?;
        // SAFETY: the caller's string, or null.
        let is_named = name.is_null() || unsafe { CStr::from_ptr(name.cast()) } == NAME;
        // SAFETY: the caller's version, or null.
        let version = unsafe { version.as_ref() };
        let fits = |offered: &&CK_INTERFACE| {
            let has_version =
                version.is_none_or(|version| version_of(offered) == (version.major, version.minor));
            is_named && has_version && offered.flags & flags == flags
        };
        let found = INTERFACES.0.iter().find(fits).ok_or(Error::ArgumentsBad)?;
        place.put(slice::from_ref(found).as_ptr().cast_mut());
        Ok(())
    })
}

fn version_of(interface: &CK_INTERFACE) -> (u8, u8) {
    // SAFETY: every function list begins with its version, and these are statics.
    let version = unsafe { *interface.pFunctionList.cast::<CK_VERSION>() };
    (version.major, version.minor)
}
