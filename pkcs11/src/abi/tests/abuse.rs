//! Whatever a C program may pass: null at every pointer, lengths that cannot be, templates full of unknown attributes,
//! and a fork.

use super::*;

/// A length no memory has: refused before anything is read.
const HUGE: CK_ULONG = CK_ULONG::MAX;

/// Room for anything, and a length for it.
pub(super) struct Room {
    bytes: [u8; 1024],
    len: CK_ULONG,
    handle: CK_OBJECT_HANDLE,
}

impl Room {
    pub(super) fn new() -> Self {
        Self { bytes: [0; 1024], len: 1024, handle: 0 }
    }

    pub(super) fn at(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    pub(super) fn len(&mut self) -> *mut CK_ULONG {
        self.len = 1024;
        &raw mut self.len
    }

    pub(super) fn handle(&mut self) -> *mut CK_OBJECT_HANDLE {
        &raw mut self.handle
    }

    /// What a call has written to [`Room::handle`].
    pub(super) fn made(&self) -> CK_OBJECT_HANDLE {
        self.handle
    }
}

fn attribute(type_: CK_ATTRIBUTE_TYPE, value: &mut [u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_, pValue: value.as_mut_ptr().cast(), ulValueLen: value.len() as CK_ULONG }
}

pub(super) fn ecdh(point: &mut [u8]) -> CK_ECDH1_DERIVE_PARAMS {
    CK_ECDH1_DERIVE_PARAMS {
        kdf: CKD_NULL,
        ulSharedDataLen: 0,
        pSharedData: null_mut(),
        ulPublicDataLen: point.len() as CK_ULONG,
        pPublicData: point.as_mut_ptr(),
    }
}

pub(super) fn with_parameter<T>(number: CK_MECHANISM_TYPE, parameter: &mut T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: number,
        pParameter: (parameter as *mut T).cast(),
        ulParameterLen: size_of::<T>() as CK_ULONG,
    }
}

#[test]
fn null_where_something_has_to_be() {
    let _alone = Alone::with_card();
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    assert_eq!(call!(C_OpenSession(0, flags, null_mut(), None, &raw mut session)), CKR_OK);
    login(session);
    let mut room = Room::new();
    let (at, len, handle) = (room.at(), room.len(), room.handle());
    let (no, nowhere) = (null_mut::<u8>(), null_mut::<CK_ULONG>());
    let mut given = mechanism(CKM_AES_KEY_WRAP);
    let given = &raw mut given;
    let (mut reserved, mut pin) = (0, *b"123456");
    all_refuse! { CKR_ARGUMENTS_BAD;
        C_Finalize((&raw mut reserved).cast());
        C_GetInfo(null_mut());
        C_GetSlotList(CK_FALSE, nowhere, nowhere);
        C_GetSlotInfo(0, null_mut());
        C_GetTokenInfo(0, null_mut());
        C_GetMechanismList(0, nowhere, nowhere);
        C_GetMechanismInfo(0, CKM_RSA_PKCS, null_mut());
        C_WaitForSlotEvent(CKF_DONT_BLOCK, nowhere, null_mut());
        C_WaitForSlotEvent(CKF_DONT_BLOCK, len, (&raw mut reserved).cast());
        C_OpenSession(0, CKF_SERIAL_SESSION, null_mut(), None, nowhere);
        C_GetSessionInfo(session, null_mut());
        C_SetPIN(session, no, 6, at, 6);
        C_SetPIN(session, pin.as_mut_ptr(), 6, no, 6);
        C_LoginUser(session, CKU_USER, at, 6, no, 5);
        C_GetAttributeValue(session, 1, null_mut(), 1);
        C_GetObjectSize(session, 1, nowhere);
        C_FindObjectsInit(session, null_mut(), 1);
        C_FindObjects(session, nowhere, 1, len);
        C_FindObjects(session, handle, 1, nowhere);
        C_SeedRandom(session, no, 1);
        C_GenerateRandom(session, no, 1);
        C_DeriveKey(session, null_mut(), 1, null_mut(), 0, handle);
        C_DeriveKey(session, given, 1, null_mut(), 1, handle);
        C_DeriveKey(session, given, 1, null_mut(), 0, nowhere);
        C_UnwrapKey(session, null_mut(), 1, at, 24, null_mut(), 0, handle);
        C_UnwrapKey(session, given, 1, no, 24, null_mut(), 0, handle);
        C_UnwrapKey(session, given, 1, at, 24, null_mut(), 1, handle);
        C_UnwrapKey(session, given, 1, at, 24, null_mut(), 0, nowhere);
    }
    assert_eq!(call!(C_Logout(session)), CKR_OK);
    all_refuse! { CKR_ARGUMENTS_BAD;
        C_Login(session, CKU_USER, no, 0);
        C_Login(session, CKU_USER, no, 6);
        C_Login(session, CKU_SO, no, 8);
    }
    let mut puk = *b"12345678";
    assert_eq!(call!(C_Login(session, CKU_SO, puk.as_mut_ptr(), 8)), CKR_OK);
    assert_eq!(call!(C_InitPIN(session, no, 6)), CKR_ARGUMENTS_BAD);
}

/// Begins the operation anew before each call, because each call ends it.
macro_rules! each_ends {
    ($begin:expr; $expected:expr; $($name:ident($($argument:expr),* $(,)?);)*) => {
        $(
            assert_eq!($begin, CKR_OK);
            assert_eq!(call!($name($($argument),*)), $expected, "{}", stringify!($name($($argument),*)));
        )*
        assert_eq!($begin, CKR_OK, "nothing is left of it");
    };
}

#[test]
fn null_in_the_middle_of_an_operation_ends_it() {
    let _alone = Alone::with_card();
    let session = open();
    login(session);
    let mut room = Room::new();
    let (at, len) = (room.at(), room.len());
    let (no, nowhere) = (null_mut::<u8>(), null_mut::<CK_ULONG>());
    let (private, public) = (find(session, CKO_PRIVATE_KEY, 1), find(session, CKO_PUBLIC_KEY, 1));
    let (opens, seals) = (find(session, CKO_PRIVATE_KEY, 3), find(session, CKO_PUBLIC_KEY, 3));
    let (mut rsa, mut sha) = (mechanism(CKM_RSA_PKCS), mechanism(CKM_SHA256));
    let (rsa, sha) = (&raw mut rsa, &raw mut sha);
    each_ends! { call!(C_SignInit(session, rsa, private)); CKR_ARGUMENTS_BAD;
        C_Sign(session, no, 1, at, len);
        C_Sign(session, at, HUGE, at, len);
        C_Sign(session, at, 1, at, nowhere);
        C_SignUpdate(session, no, 1);
        C_SignUpdate(session, at, HUGE);
        C_SignFinal(session, at, nowhere);
    }
    each_ends! { call!(C_VerifyInit(session, rsa, public)); CKR_ARGUMENTS_BAD;
        C_Verify(session, no, 1, at, 256);
        C_Verify(session, at, HUGE, at, 256);
        C_Verify(session, at, 1, no, 256);
        C_Verify(session, at, 1, at, HUGE);
        C_VerifyUpdate(session, no, 1);
        C_VerifyFinal(session, no, 256);
    }
    each_ends! { call!(C_EncryptInit(session, rsa, seals)); CKR_ARGUMENTS_BAD;
        C_Encrypt(session, no, 1, at, len);
        C_Encrypt(session, at, HUGE, at, len);
        C_Encrypt(session, at, 1, at, nowhere);
        C_EncryptUpdate(session, no, 1, at, len);
        C_EncryptFinal(session, at, nowhere);
    }
    each_ends! { call!(C_DecryptInit(session, rsa, opens)); CKR_ARGUMENTS_BAD;
        C_Decrypt(session, no, 256, at, len);
        C_Decrypt(session, at, HUGE, at, len);
        C_Decrypt(session, at, 256, at, nowhere);
        C_DecryptUpdate(session, no, 1, at, len);
        C_DecryptFinal(session, at, nowhere);
    }
    each_ends! { call!(C_DigestInit(session, sha)); CKR_ARGUMENTS_BAD;
        C_Digest(session, no, 1, at, len);
        C_Digest(session, at, HUGE, at, len);
        C_Digest(session, at, 1, at, nowhere);
        C_DigestUpdate(session, no, 1);
        C_DigestFinal(session, at, nowhere);
    }
}

#[test]
fn parameters_of_every_wrong_size_and_with_null_inside() {
    let _alone = Alone::with_card();
    let session = open();
    login(session);
    let mut room = Room::new();
    let handle = room.handle();
    let (signs, opens) = (find(session, CKO_PRIVATE_KEY, 1), find(session, CKO_PRIVATE_KEY, 3));
    let mut bytes = [0u8; 128];
    for len in (1..=128).filter(|len| {
        ![size_of::<CK_RSA_PKCS_PSS_PARAMS>(), size_of::<CK_RSA_PKCS_OAEP_PARAMS>()].contains(len)
    }) {
        let mut given = CK_MECHANISM {
            mechanism: CKM_RSA_PKCS_PSS,
            pParameter: bytes.as_mut_ptr().cast(),
            ulParameterLen: len as CK_ULONG,
        };
        let mut refused = |number| {
            given.mechanism = number;
            let key = if number == CKM_RSA_PKCS_OAEP { opens } else { signs };
            let given = &raw mut given;
            match number {
                CKM_RSA_PKCS_OAEP => call!(C_DecryptInit(session, given, key)),
                _ => call!(C_SignInit(session, given, key)),
            }
        };
        for number in [CKM_RSA_PKCS_PSS, CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS] {
            assert_eq!(refused(number), CKR_MECHANISM_PARAM_INVALID, "{number:#x} {len}");
        }
    }
    let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: null_mut(),
        ulSourceDataLen: 3,
    };
    let mut given = with_parameter(CKM_RSA_PKCS_OAEP, &mut oaep);
    assert_eq!(call!(C_DecryptInit(session, &raw mut given, opens)), CKR_MECHANISM_PARAM_INVALID);
    let mut point = [4u8; 65];
    for damage in [
        |parameter: &mut CK_ECDH1_DERIVE_PARAMS| parameter.pPublicData = null_mut(),
        |parameter: &mut CK_ECDH1_DERIVE_PARAMS| parameter.ulPublicDataLen = HUGE,
        |parameter: &mut CK_ECDH1_DERIVE_PARAMS| parameter.ulSharedDataLen = 9,
    ] {
        let mut parameter = ecdh(&mut point);
        damage(&mut parameter);
        let mut given = with_parameter(CKM_ECDH1_DERIVE, &mut parameter);
        // An RSA key: what is wrong with the parameter must not be read on the way to that.
        let refused = call!(C_DeriveKey(session, &raw mut given, signs, null_mut(), 0, handle));
        assert_eq!(refused, CKR_KEY_TYPE_INCONSISTENT);
    }
}

#[test]
fn templates_of_unknown_attributes() {
    let _alone = Alone::with_card();
    let session = open();
    let certificate = find(session, CKO_CERTIFICATE, 1);
    let mut value = [0u8; 8];
    let mut unknown: Vec<_> =
        (0..64u64).map(|at| attribute((CKA_VENDOR_DEFINED | at) as CK_ATTRIBUTE_TYPE, &mut value)).collect();
    let mut id = [0u8; 4];
    unknown.push(attribute(CKA_ID, &mut id));
    let (template, count) = (unknown.as_mut_ptr(), unknown.len() as CK_ULONG);
    let asked = call!(C_GetAttributeValue(session, certificate, template, count));
    assert_eq!(asked, CKR_ATTRIBUTE_TYPE_INVALID);
    assert!(unknown[..64].iter().all(|here| here.ulValueLen == CK_UNAVAILABLE_INFORMATION));
    assert_eq!((unknown[64].ulValueLen, id[0]), (1, 1), "the rest is there (rule R16)");
    let mut wanted = [attribute(CKA_VENDOR_DEFINED, &mut value)];
    let (mut found, mut count) = (0, 9);
    assert_eq!(call!(C_FindObjectsInit(session, wanted.as_mut_ptr(), 1)), CKR_OK);
    assert_eq!(call!(C_FindObjects(session, &raw mut found, 1, &raw mut count)), CKR_OK);
    assert_eq!((call!(C_FindObjectsFinal(session)), count), (CKR_OK, 0));
    let mut lengths = [
        CK_ATTRIBUTE { type_: CKA_LABEL, pValue: null_mut(), ulValueLen: 9 },
        CK_ATTRIBUTE { type_: CKA_LABEL, pValue: value.as_mut_ptr().cast(), ulValueLen: HUGE },
    ];
    for bad in &mut lengths {
        assert_eq!(call!(C_FindObjectsInit(session, bad, 1)), CKR_ARGUMENTS_BAD);
    }
    assert_eq!(call!(C_FindObjectsInit(session, lengths.as_mut_ptr(), HUGE)), CKR_ARGUMENTS_BAD);
    assert_eq!(
        call!(C_GetAttributeValue(session, certificate, lengths.as_mut_ptr(), HUGE)),
        CKR_ARGUMENTS_BAD
    );
    assert_eq!(call!(C_GenerateRandom(session, value.as_mut_ptr(), HUGE)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_SeedRandom(session, value.as_mut_ptr(), HUGE)), CKR_ARGUMENTS_BAD);
}

#[test]
fn a_forked_child_starts_anew() {
    let _alone = Alone::with_card();
    let session = open();
    login(session);
    // SAFETY: the child calls this library alone, and ends without unwinding into the tests.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let code = panic::catch_unwind(|| {
            let mut info = CK_SESSION_INFO::default();
            let uninitialised = [
                call!(C_GetInfo(&mut CK_INFO::default())),
                call!(C_GetSessionInfo(session, &raw mut info)),
                call!(C_Finalize(null_mut())),
            ];
            let readers = SimReaders::with("Reader", &SimCard::new(Personality::piv()));
            let again = install(|| Arc::new(Provider::new(Arc::new(readers), environment())));
            login(open());
            i32::from(uninitialised != [CKR_CRYPTOKI_NOT_INITIALIZED; 3] || again.is_err())
        });
        // SAFETY: ends this process, at once.
        unsafe { libc::_exit(code.unwrap_or(2)) };
    }
    let mut status = -1;
    // SAFETY: a child of ours, and a place for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(call!(C_GetSessionInfo(session, &raw mut info)), CKR_OK);
    assert_eq!(info.state, CKS_RO_USER_FUNCTIONS);
}
