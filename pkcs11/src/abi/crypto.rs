//! Shells: signing, verifying, encrypting, decrypting, digesting. They come in a few shapes, so each shape is written once.

use cryptoki_sys::*;

use super::{
    buffer::{OutBuffer, copied, input, mechanism},
    enter,
};
use crate::Function;

/// `C_xInit(session, mechanism, key)`.
macro_rules! init {
    ($name:ident = $function:ident, $method:ident) => {
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            given: *mut CK_MECHANISM,
            key: CK_OBJECT_HANDLE,
        ) -> CK_RV {
            enter(Function::$function, |provider| {
                // SAFETY: the caller's mechanism and its parameter, or null.
                provider.$method(session, unsafe { mechanism(given) }.as_ref(), key)
            })
        }
    };
}

/// `C_x(session, in, in_len, out, out_len)`.
macro_rules! whole {
    ($name:ident = $function:ident, $method:ident) => {
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            data: *mut CK_BYTE,
            data_len: CK_ULONG,
            out: *mut CK_BYTE,
            out_len: *mut CK_ULONG,
        ) -> CK_RV {
            enter(Function::$function, |provider| {
                // SAFETY: the caller's data and buffer, as long as it says, or null.
                let (data, mut out) = unsafe { (copied(data, data_len), OutBuffer::new(out, out_len)) };
                provider.$method(session, &data, &mut out)
            })
        }
    };
}

/// `C_xUpdate(session, in, in_len)`.
macro_rules! update {
    ($name:ident = $function:ident, $method:ident) => {
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            part: *mut CK_BYTE,
            part_len: CK_ULONG,
        ) -> CK_RV {
            enter(Function::$function, |provider| {
                // SAFETY: the caller's data, as long as it says, or null.
                provider.$method(session, &unsafe { input(part, part_len) })
            })
        }
    };
}

/// `C_xFinal(session, out, out_len)`.
macro_rules! last {
    ($name:ident = $function:ident, $method:ident) => {
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            out: *mut CK_BYTE,
            out_len: *mut CK_ULONG,
        ) -> CK_RV {
            enter(Function::$function, |provider| {
                // SAFETY: the caller's buffer, as long as it says, or null.
                provider.$method(session, &mut unsafe { OutBuffer::new(out, out_len) })
            })
        }
    };
}

init!(C_SignInit = SignInit, sign_init);
whole!(C_Sign = Sign, sign);
update!(C_SignUpdate = SignUpdate, sign_update);
last!(C_SignFinal = SignFinal, sign_final);

init!(C_DecryptInit = DecryptInit, decrypt_init);
whole!(C_Decrypt = Decrypt, decrypt);
whole!(C_DecryptUpdate = DecryptUpdate, decrypt_update);
last!(C_DecryptFinal = DecryptFinal, decrypt_final);

init!(C_VerifyInit = VerifyInit, verify_init);
update!(C_VerifyUpdate = VerifyUpdate, verify_update);
update!(C_VerifyFinal = VerifyFinal, verify_final);

pub(super) unsafe extern "C" fn C_Verify(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: CK_ULONG,
) -> CK_RV {
    enter(Function::Verify, |provider| {
        // SAFETY: the caller's data and signature, as long as it says, or null.
        let (data, signature) = unsafe { (input(data, data_len), input(signature, signature_len)) };
        provider.verify(session, &data, &signature)
    })
}

init!(C_EncryptInit = EncryptInit, encrypt_init);
whole!(C_Encrypt = Encrypt, encrypt);
whole!(C_EncryptUpdate = EncryptUpdate, encrypt_update);
last!(C_EncryptFinal = EncryptFinal, encrypt_final);

whole!(C_Digest = Digest, digest);
update!(C_DigestUpdate = DigestUpdate, digest_update);
last!(C_DigestFinal = DigestFinal, digest_final);

pub(super) unsafe extern "C" fn C_DigestInit(session: CK_SESSION_HANDLE, given: *mut CK_MECHANISM) -> CK_RV {
    enter(Function::DigestInit, |provider| {
        // SAFETY: the caller's mechanism and its parameter, or null.
        provider.digest_init(session, unsafe { mechanism(given) }.as_ref())
    })
}

pub(super) extern "C" fn C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> CK_RV {
    enter(Function::DigestKey, |provider| Err(provider.digest_key(session, key)))
}
