//! Session keys by the C table, with parameters and templates as C programs write them.

use p256::elliptic_curve::sec1::ToEncodedPoint;

use super::abuse::{Room, ecdh, with_parameter};
use super::*;

fn value_of(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> Vec<u8> {
    let mut value = [0u8; 64];
    let mut template = CK_ATTRIBUTE { type_: CKA_VALUE, pValue: value.as_mut_ptr().cast(), ulValueLen: 64 };
    assert_eq!(call!(C_GetAttributeValue(session, object, &raw mut template, 1)), CKR_OK);
    value[..template.ulValueLen as usize].to_vec()
}

#[test]
fn derived_unwrapped_and_destroyed() {
    let personality = Personality { retired: 2, ..Personality::piv() };
    let _alone = Alone::over(Arc::new(SimReaders::with("Reader", &SimCard::new(personality))));
    let session = open();
    login(session);
    let key = find(session, CKO_PRIVATE_KEY, 6);
    let other = p256::ecdh::EphemeralSecret::random(&mut rand_core::OsRng);
    let mut point = other.public_key().to_encoded_point(false).as_bytes().to_vec();
    let (mut room, mut shared, mut len) = (Room::new(), *b"shared", 16 as CK_ULONG);
    let mut parameter = CK_ECDH1_DERIVE_PARAMS {
        kdf: CKD_SHA256_KDF,
        ulSharedDataLen: 6,
        pSharedData: shared.as_mut_ptr(),
        ..ecdh(&mut point)
    };
    let mut agree = with_parameter(CKM_ECDH1_DERIVE, &mut parameter);
    let mut length = CK_ATTRIBUTE {
        type_: CKA_VALUE_LEN,
        pValue: (&raw mut len).cast(),
        ulValueLen: size_of_val(&len) as CK_ULONG,
    };
    let made = room.handle();
    assert_eq!(call!(C_DeriveKey(session, &raw mut agree, key, &raw mut length, 1, made)), CKR_OK);
    let derived = room.made();
    let kek = value_of(session, derived);
    assert_eq!(kek.len(), 16);
    let mut wrapped = aes_kw::KekAes128::try_from(kek.as_slice()).unwrap().wrap_vec(&[7; 16]).unwrap();
    let (mut unwrap, made) = (mechanism(CKM_AES_KEY_WRAP), room.handle());
    let from = wrapped.as_mut_ptr();
    let unwrapped = call!(C_UnwrapKey(session, &raw mut unwrap, derived, from, 24, &raw mut length, 1, made));
    assert_eq!(unwrapped, CKR_OK);
    assert_eq!(value_of(session, room.made()), [7; 16]);
    for object in [derived, room.made()] {
        assert_eq!(call!(C_DestroyObject(session, object)), CKR_OK);
        assert_eq!(call!(C_DestroyObject(session, object)), CKR_OBJECT_HANDLE_INVALID);
    }
}
