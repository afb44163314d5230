//! Handles of nothing, in every function there is.

use super::abuse::{Room, ecdh, with_parameter};
use super::*;

const NONE: CK_SESSION_HANDLE = 0x7777;

#[test]
fn every_function_knows_a_session_that_is_none() {
    let _alone = Alone::with_card();
    open();
    let mut room = Room::new();
    let (at, len, handle) = (room.at(), room.len(), room.handle());
    let mut given = mechanism(CKM_SHA256);
    let (given, no) = (&raw mut given, null_mut::<u8>());
    let mut info = CK_SESSION_INFO::default();
    all_refuse! { CKR_SESSION_HANDLE_INVALID;
        C_CloseSession(NONE);
        C_GetSessionInfo(NONE, &raw mut info);
        C_Login(NONE, CKU_USER, at, 6);
        C_LoginUser(NONE, CKU_USER, at, 6, no, 0);
        C_Logout(NONE);
        C_InitPIN(NONE, at, 6);
        C_SetPIN(NONE, at, 6, at, 6);
        C_SessionCancel(NONE, CKF_SIGN);
        C_GetOperationState(NONE, at, len);
        C_SetOperationState(NONE, at, 6, 0, 0);
        C_CreateObject(NONE, null_mut(), 0, handle);
        C_CopyObject(NONE, 1, null_mut(), 0, handle);
        C_DestroyObject(NONE, 1);
        C_GetObjectSize(NONE, 1, len);
        C_GetAttributeValue(NONE, 1, null_mut(), 0);
        C_SetAttributeValue(NONE, 1, null_mut(), 0);
        C_FindObjectsInit(NONE, null_mut(), 0);
        C_FindObjects(NONE, handle, 1, len);
        C_FindObjectsFinal(NONE);
        C_EncryptInit(NONE, given, 1);
        C_Encrypt(NONE, at, 1, at, len);
        C_EncryptUpdate(NONE, at, 1, at, len);
        C_EncryptFinal(NONE, at, len);
        C_DecryptInit(NONE, given, 1);
        C_Decrypt(NONE, at, 1, at, len);
        C_DecryptUpdate(NONE, at, 1, at, len);
        C_DecryptFinal(NONE, at, len);
        C_DigestInit(NONE, given);
        C_Digest(NONE, at, 1, at, len);
        C_DigestUpdate(NONE, at, 1);
        C_DigestKey(NONE, 1);
        C_DigestFinal(NONE, at, len);
        C_SignInit(NONE, given, 1);
        C_Sign(NONE, at, 1, at, len);
        C_SignUpdate(NONE, at, 1);
        C_SignFinal(NONE, at, len);
        C_SignRecoverInit(NONE, given, 1);
        C_SignRecover(NONE, at, 1, at, len);
        C_VerifyInit(NONE, given, 1);
        C_Verify(NONE, at, 1, at, 1);
        C_VerifyUpdate(NONE, at, 1);
        C_VerifyFinal(NONE, at, 1);
        C_VerifyRecoverInit(NONE, given, 1);
        C_VerifyRecover(NONE, at, 1, at, len);
        C_DigestEncryptUpdate(NONE, at, 1, at, len);
        C_DecryptDigestUpdate(NONE, at, 1, at, len);
        C_SignEncryptUpdate(NONE, at, 1, at, len);
        C_DecryptVerifyUpdate(NONE, at, 1, at, len);
        C_GenerateKey(NONE, given, null_mut(), 0, handle);
        C_GenerateKeyPair(NONE, given, null_mut(), 0, null_mut(), 0, handle, handle);
        C_WrapKey(NONE, given, 1, 1, at, len);
        C_UnwrapKey(NONE, given, 1, at, 1, null_mut(), 0, handle);
        C_DeriveKey(NONE, given, 1, null_mut(), 0, handle);
        C_SeedRandom(NONE, at, 1);
        C_GenerateRandom(NONE, at, 1);
        C_GetFunctionStatus(NONE);
        C_CancelFunction(NONE);
    }
    all_refuse! { CKR_SESSION_HANDLE_INVALID;
        C_MessageEncryptInit(NONE, given, 1);
        C_EncryptMessage(NONE, null_mut(), 0, no, 0, at, 1, at, len);
        C_EncryptMessageBegin(NONE, null_mut(), 0, no, 0);
        C_EncryptMessageNext(NONE, null_mut(), 0, at, 1, at, len, 0);
        C_MessageEncryptFinal(NONE);
        C_MessageDecryptInit(NONE, given, 1);
        C_DecryptMessage(NONE, null_mut(), 0, no, 0, at, 1, at, len);
        C_DecryptMessageBegin(NONE, null_mut(), 0, no, 0);
        C_DecryptMessageNext(NONE, null_mut(), 0, at, 1, at, len, 0);
        C_MessageDecryptFinal(NONE);
        C_MessageSignInit(NONE, given, 1);
        C_SignMessage(NONE, null_mut(), 0, at, 1, at, len);
        C_SignMessageBegin(NONE, null_mut(), 0);
        C_SignMessageNext(NONE, null_mut(), 0, at, 1, at, len);
        C_MessageSignFinal(NONE);
        C_MessageVerifyInit(NONE, given, 1);
        C_VerifyMessage(NONE, null_mut(), 0, at, 1, at, 1);
        C_VerifyMessageBegin(NONE, null_mut(), 0);
        C_VerifyMessageNext(NONE, null_mut(), 0, at, 1, at, 1);
        C_MessageVerifyFinal(NONE);
        C_EncapsulateKey(NONE, given, 1, null_mut(), 0, at, len, handle);
        C_DecapsulateKey(NONE, given, 1, null_mut(), 0, at, 1, handle);
        C_VerifySignatureInit(NONE, given, 1, at, 1);
        C_VerifySignature(NONE, at, 1);
        C_VerifySignatureUpdate(NONE, at, 1);
        C_VerifySignatureFinal(NONE);
        C_GetSessionValidationFlags(NONE, 1, len);
        C_AsyncComplete(NONE, no, null_mut());
        C_AsyncGetID(NONE, no, len);
        C_AsyncJoin(NONE, no, 0, at, 1);
        C_WrapKeyAuthenticated(NONE, given, 1, 1, at, 1, at, len);
        C_UnwrapKeyAuthenticated(NONE, given, 1, at, 1, null_mut(), 0, at, 1, handle);
    }
    all_refuse! { CKR_SLOT_ID_INVALID;
        C_GetSlotInfo(NONE, &mut CK_SLOT_INFO::default());
        C_GetTokenInfo(NONE, &mut CK_TOKEN_INFO::default());
        C_GetMechanismList(NONE, null_mut(), len);
        C_GetMechanismInfo(NONE, CKM_RSA_PKCS, &mut CK_MECHANISM_INFO::default());
        C_OpenSession(NONE, CKF_SERIAL_SESSION, null_mut(), None, handle);
        C_CloseAllSessions(NONE);
        C_InitToken(NONE, at, 1, at);
    }
}

#[test]
fn every_function_knows_an_object_that_is_none() {
    let _alone = Alone::with_card();
    let session = open();
    login(session);
    let mut room = Room::new();
    let (at, len, handle) = (room.at(), room.len(), room.handle());
    let (mut rsa, mut aes) = (mechanism(CKM_RSA_PKCS), mechanism(CKM_AES_KEY_WRAP));
    let mut point = [0u8; 65];
    let mut parameter = ecdh(&mut point);
    let mut agree = with_parameter(CKM_ECDH1_DERIVE, &mut parameter);
    let (rsa, aes, agree) = (&raw mut rsa, &raw mut aes, &raw mut agree);
    for object in [0, 0x7777, CK_ULONG::MAX] {
        all_refuse! { CKR_OBJECT_HANDLE_INVALID;
            C_GetAttributeValue(session, object, null_mut(), 0);
            C_SetAttributeValue(session, object, null_mut(), 0);
            C_GetObjectSize(session, object, len);
            C_CopyObject(session, object, null_mut(), 0, handle);
            C_DestroyObject(session, object);
        }
        all_refuse! { CKR_KEY_HANDLE_INVALID;
            C_SignInit(session, rsa, object);
            C_VerifyInit(session, rsa, object);
            C_EncryptInit(session, rsa, object);
            C_DecryptInit(session, rsa, object);
            C_DeriveKey(session, agree, object, null_mut(), 0, handle);
        }
        all_refuse! { CKR_UNWRAPPING_KEY_HANDLE_INVALID;
            C_UnwrapKey(session, rsa, object, at, 256, null_mut(), 0, handle);
            C_UnwrapKey(session, aes, object, at, 24, null_mut(), 0, handle);
        }
    }
    assert_eq!(call!(C_CloseSession(session)), CKR_OK);
    assert_eq!(call!(C_CloseSession(session)), CKR_SESSION_HANDLE_INVALID);
}
