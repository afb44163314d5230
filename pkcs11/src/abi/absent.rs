//! Shells of functions we do not have. No pointer in a function list may be null, so each answers: first whether the
//! library and the session are there, then that it is not supported.

use std::ffi::c_void;

use cryptoki_sys::*;

use super::enter;
use crate::{Error, Function};

macro_rules! absent {
    ($($name:ident = $function:ident($($argument:ty),*);)*) => {
        $(
            pub(super) extern "C" fn $name(session: CK_SESSION_HANDLE, $(_: $argument),*) -> CK_RV {
                refuse(Function::$function, session, Error::NotSupported)
            }
        )*
    };
}

fn refuse(function: Function, session: CK_SESSION_HANDLE, error: Error) -> CK_RV {
    enter(function, |provider| Err(provider.refuse(session, error)))
}

type Attributes = *mut CK_ATTRIBUTE;
type Bytes = *mut CK_BYTE;
type Handle = *mut CK_OBJECT_HANDLE;
type Length = *mut CK_ULONG;
type Mechanism = *mut CK_MECHANISM;
type Parameter = *mut c_void;

absent! {
    C_SetOperationState = SetOperationState(Bytes, CK_ULONG, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE);
    C_SignRecoverInit = SignRecoverInit(Mechanism, CK_OBJECT_HANDLE);
    C_SignRecover = SignRecover(Bytes, CK_ULONG, Bytes, Length);
    C_VerifyRecoverInit = VerifyRecoverInit(Mechanism, CK_OBJECT_HANDLE);
    C_VerifyRecover = VerifyRecover(Bytes, CK_ULONG, Bytes, Length);
    C_DigestEncryptUpdate = DigestEncryptUpdate(Bytes, CK_ULONG, Bytes, Length);
    C_DecryptDigestUpdate = DecryptDigestUpdate(Bytes, CK_ULONG, Bytes, Length);
    C_SignEncryptUpdate = SignEncryptUpdate(Bytes, CK_ULONG, Bytes, Length);
    C_DecryptVerifyUpdate = DecryptVerifyUpdate(Bytes, CK_ULONG, Bytes, Length);
    C_GenerateKey = GenerateKey(Mechanism, Attributes, CK_ULONG, Handle);
    C_WrapKey = WrapKey(Mechanism, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE, Bytes, Length);

    C_MessageEncryptInit = MessageEncryptInit(Mechanism, CK_OBJECT_HANDLE);
    C_EncryptMessage = EncryptMessage(Parameter, CK_ULONG, Bytes, CK_ULONG, Bytes, CK_ULONG, Bytes, Length);
    C_EncryptMessageBegin = EncryptMessageBegin(Parameter, CK_ULONG, Bytes, CK_ULONG);
    C_EncryptMessageNext = EncryptMessageNext(Parameter, CK_ULONG, Bytes, CK_ULONG, Bytes, Length, CK_FLAGS);
    C_MessageEncryptFinal = MessageEncryptFinal();
    C_MessageDecryptInit = MessageDecryptInit(Mechanism, CK_OBJECT_HANDLE);
    C_DecryptMessage = DecryptMessage(Parameter, CK_ULONG, Bytes, CK_ULONG, Bytes, CK_ULONG, Bytes, Length);
    C_DecryptMessageBegin = DecryptMessageBegin(Parameter, CK_ULONG, Bytes, CK_ULONG);
    C_DecryptMessageNext = DecryptMessageNext(Parameter, CK_ULONG, Bytes, CK_ULONG, Bytes, Length, CK_FLAGS);
    C_MessageDecryptFinal = MessageDecryptFinal();
    C_MessageSignInit = MessageSignInit(Mechanism, CK_OBJECT_HANDLE);
    C_SignMessage = SignMessage(Parameter, CK_ULONG, Bytes, CK_ULONG, Bytes, Length);
    C_SignMessageBegin = SignMessageBegin(Parameter, CK_ULONG);
    C_SignMessageNext = SignMessageNext(Parameter, CK_ULONG, Bytes, CK_ULONG, Bytes, Length);
    C_MessageSignFinal = MessageSignFinal();
    C_MessageVerifyInit = MessageVerifyInit(Mechanism, CK_OBJECT_HANDLE);
    C_VerifyMessage = VerifyMessage(Parameter, CK_ULONG, Bytes, CK_ULONG, Bytes, CK_ULONG);
    C_VerifyMessageBegin = VerifyMessageBegin(Parameter, CK_ULONG);
    C_VerifyMessageNext = VerifyMessageNext(Parameter, CK_ULONG, Bytes, CK_ULONG, Bytes, CK_ULONG);
    C_MessageVerifyFinal = MessageVerifyFinal();

    C_EncapsulateKey = EncapsulateKey(Mechanism, CK_OBJECT_HANDLE, Attributes, CK_ULONG, Bytes, Length, Handle);
    C_DecapsulateKey = DecapsulateKey(Mechanism, CK_OBJECT_HANDLE, Attributes, CK_ULONG, Bytes, CK_ULONG, Handle);
    C_VerifySignatureInit = VerifySignatureInit(Mechanism, CK_OBJECT_HANDLE, Bytes, CK_ULONG);
    C_VerifySignature = VerifySignature(Bytes, CK_ULONG);
    C_VerifySignatureUpdate = VerifySignatureUpdate(Bytes, CK_ULONG);
    C_VerifySignatureFinal = VerifySignatureFinal();
    C_GetSessionValidationFlags = GetSessionValidationFlags(CK_SESSION_VALIDATION_FLAGS_TYPE, *mut CK_FLAGS);
    C_AsyncComplete = AsyncComplete(*mut CK_UTF8CHAR, *mut CK_ASYNC_DATA);
    C_AsyncGetID = AsyncGetID(*mut CK_UTF8CHAR, Length);
    C_AsyncJoin = AsyncJoin(*mut CK_UTF8CHAR, CK_ULONG, Bytes, CK_ULONG);
    C_WrapKeyAuthenticated =
        WrapKeyAuthenticated(Mechanism, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE, Bytes, CK_ULONG, Bytes, Length);
    C_UnwrapKeyAuthenticated = UnwrapKeyAuthenticated(
        Mechanism, CK_OBJECT_HANDLE, Bytes, CK_ULONG, Attributes, CK_ULONG, Bytes, CK_ULONG, Handle
    );
}

pub(super) extern "C" fn C_GetOperationState(session: CK_SESSION_HANDLE, _: Bytes, _: Length) -> CK_RV {
    refuse(Function::GetOperationState, session, Error::Unsaveable)
}

pub(super) extern "C" fn C_GetFunctionStatus(session: CK_SESSION_HANDLE) -> CK_RV {
    refuse(Function::GetFunctionStatus, session, Error::NotParallel)
}

pub(super) extern "C" fn C_CancelFunction(session: CK_SESSION_HANDLE) -> CK_RV {
    refuse(Function::CancelFunction, session, Error::NotParallel)
}
