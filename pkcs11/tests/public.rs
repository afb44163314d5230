//! Verification and encryption with public keys: on the host, against what the card signs and decrypts.

mod common;

use common::{Bench, Buffer, plain};
use crescendo_pkcs11::{Error, Function, Given, Input, Parameter, rv};
use cryptoki_sys::*;
use sim::{Personality, fixture};

fn pss(
    number: CK_MECHANISM_TYPE,
    hash: CK_MECHANISM_TYPE,
    mgf: CK_RSA_PKCS_MGF_TYPE,
    salt: CK_ULONG,
) -> Given {
    let parameter = CK_RSA_PKCS_PSS_PARAMS { hashAlg: hash, mgf, sLen: salt };
    Given { number, parameter: Parameter::Pss(parameter) }
}

fn verify(
    bench: &Bench,
    session: CK_SESSION_HANDLE,
    given: &Given,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
    signature: &[u8],
) -> CK_RV {
    let code = |function, error: Error| rv(function, &error);
    if let Err(error) = bench.provider.verify_init(session, Some(given), key) {
        return code(Function::VerifyInit, error);
    }
    let verified = bench.provider.verify(session, &Input::borrowed(data), &Input::borrowed(signature));
    verified.map_or_else(|error| code(Function::Verify, error), |()| CKR_OK)
}

/// Signed by the private half, verified by the public one; nothing else is.
fn check(bench: &Bench, session: CK_SESSION_HANDLE, id: u8, given: &Given, data: &[u8]) {
    let (private, public) =
        (bench.object(session, CKO_PRIVATE_KEY, id), bench.object(session, CKO_PUBLIC_KEY, id));
    let mut signature = bench.sign(session, given, private, data).unwrap();
    bench.apdus();
    let verdict = |data: &[u8], signature: &[u8]| verify(bench, session, given, public, data, signature);
    assert_eq!(verdict(data, &signature), CKR_OK, "{:#x}", given.number);
    let mut other = data.to_vec();
    other[0] ^= 1;
    assert_eq!(verdict(&other, &signature), CKR_SIGNATURE_INVALID);
    assert_eq!(verdict(data, &signature[1..]), CKR_SIGNATURE_LEN_RANGE);
    assert_eq!(verdict(data, &vec![0xFF; signature.len()]), CKR_SIGNATURE_INVALID);
    signature[9] ^= 1;
    assert_eq!(verdict(data, &signature), CKR_SIGNATURE_INVALID);
    assert_eq!(bench.apdus(), 0);
}

#[test]
fn rsa_signatures() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let hashed = [
        CKM_SHA1_RSA_PKCS,
        CKM_SHA224_RSA_PKCS,
        CKM_SHA256_RSA_PKCS,
        CKM_SHA384_RSA_PKCS,
        CKM_SHA512_RSA_PKCS,
        CKM_RSA_PKCS,
        CKM_RSA_X_509,
    ];
    for number in hashed {
        check(&bench, session, 1, &plain(number), b"a text to sign");
    }
    for salt in [0, 7, 222] {
        check(&bench, session, 1, &pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA1, salt), b"text");
    }
    check(&bench, session, 1, &pss(CKM_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48), &[7; 48]);
    let public = bench.object(session, CKO_PUBLIC_KEY, 1);
    let short = pss(CKM_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48);
    assert_eq!(verify(&bench, session, &short, public, &[7; 47], &[1; 256]), CKR_DATA_LEN_RANGE);
    assert_eq!(
        verify(&bench, session, &plain(CKM_RSA_PKCS), public, &[7; 246], &[1; 256]),
        CKR_DATA_LEN_RANGE
    );
}

#[test]
fn ecdsa_signatures_on_both_curves() {
    let bench = Bench::new(Personality::piv());
    bench.card.install(0x9A, fixture::named("p-384").unwrap()).unwrap();
    let session = bench.login();
    for id in [1, 4] {
        for number in [CKM_ECDSA_SHA1, CKM_ECDSA_SHA224, CKM_ECDSA_SHA256, CKM_ECDSA_SHA384, CKM_ECDSA_SHA512]
        {
            check(&bench, session, id, &plain(number), b"a text to sign");
        }
        check(&bench, session, id, &plain(CKM_ECDSA), &[7; 20]);
    }
}

#[test]
fn signatures_are_verified_before_login_and_in_parts() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let (private, public) =
        (bench.object(session, CKO_PRIVATE_KEY, 4), bench.object(session, CKO_PUBLIC_KEY, 4));
    let given = plain(CKM_ECDSA_SHA256);
    let signature = bench.sign(session, &given, private, b"a text to sign").unwrap();
    bench.provider.verify_init(session, Some(&given), public).unwrap();
    assert!(matches!(bench.provider.verify_init(session, Some(&given), public), Err(Error::OperationActive)));
    for part in [&b"a text "[..], b"to sign"] {
        bench.provider.verify_update(session, &Input::borrowed(part)).unwrap();
    }
    let whole = bench.provider.verify(session, &Input::borrowed(b""), &Input::borrowed(&signature));
    assert!(matches!(whole, Err(Error::OperationMissing)));
    bench.provider.verify_final(session, &Input::borrowed(&signature)).unwrap();
    let over = bench.provider.verify_final(session, &Input::borrowed(&signature));
    assert!(matches!(over, Err(Error::OperationMissing)));
    bench.provider.verify_init(session, Some(&given), public).unwrap();
    bench.provider.session_cancel(session, CKF_VERIFY).unwrap();
    bench.provider.verify_init(session, Some(&given), public).unwrap();
    bench.provider.verify_init(session, None, 0).unwrap();
    for (key, expected) in [(private, CKR_KEY_HANDLE_INVALID), (0x7777, CKR_KEY_HANDLE_INVALID)] {
        assert_eq!(verify(&bench, session, &given, key, b"", &signature), expected);
    }
    let rsa = bench.object(session, CKO_PUBLIC_KEY, 1);
    assert_eq!(verify(&bench, session, &given, rsa, b"", &signature), CKR_KEY_TYPE_INCONSISTENT);
    let management = bench.object(session, CKO_PUBLIC_KEY, 3);
    let refused = verify(&bench, session, &plain(CKM_RSA_PKCS), management, b"", &[0; 256]);
    assert_eq!(refused, CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn what_is_encrypted_here_the_card_decrypts() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let (private, public) =
        (bench.object(session, CKO_PRIVATE_KEY, 3), bench.object(session, CKO_PUBLIC_KEY, 3));
    let oaep = |hash, mgf, label: &[u8]| {
        let parameter = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: hash,
            mgf,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: std::ptr::null_mut(),
            ulSourceDataLen: 0,
        };
        Given { number: CKM_RSA_PKCS_OAEP, parameter: Parameter::Oaep(parameter, label.to_vec()) }
    };
    for given in [
        plain(CKM_RSA_PKCS),
        oaep(CKM_SHA_1, CKG_MGF1_SHA1, b""),
        oaep(CKM_SHA256, CKG_MGF1_SHA256, b"a label"),
        oaep(CKM_SHA512, CKG_MGF1_SHA1, b""),
    ] {
        let mut query = Buffer::query();
        bench.provider.encrypt_init(session, Some(&given), public).unwrap();
        bench.apdus();
        bench.provider.encrypt(session, &Input::borrowed(b"a secret"), &mut query).unwrap();
        let mut out = Buffer::of(query.needed);
        bench.provider.encrypt(session, &Input::borrowed(b"a secret"), &mut out).unwrap();
        assert_eq!((out.taken.len(), bench.apdus()), (256, 0));
        assert_eq!(bench.decrypt(session, &given, private, &out.taken).unwrap(), b"a secret");
    }
    let mut out = Buffer::of(256);
    bench.provider.encrypt_init(session, Some(&plain(CKM_RSA_X_509)), public).unwrap();
    for part in [&[1][..], &[2; 100], &[]] {
        bench.provider.encrypt_update(session, &Input::borrowed(part), &mut Buffer::of(0)).unwrap();
    }
    bench.provider.encrypt_final(session, &mut out).unwrap();
    let raw = bench.decrypt(session, &plain(CKM_RSA_X_509), private, &out.taken).unwrap();
    assert_eq!((&raw[..155], &raw[155..156], &raw[156..]), (&[0; 155][..], &[1][..], &[2; 100][..]));
    bench.provider.encrypt_init(session, Some(&plain(CKM_RSA_PKCS)), public).unwrap();
    let long = bench.provider.encrypt(session, &Input::borrowed(&[0; 246]), &mut out);
    assert!(matches!(long, Err(Error::DataLength)));
    let over = bench.provider.encrypt(session, &Input::borrowed(&[0; 9]), &mut out);
    assert!(matches!(over, Err(Error::OperationMissing)));
    let signs = bench.object(session, CKO_PUBLIC_KEY, 4);
    let refused = bench.provider.encrypt_init(session, Some(&plain(CKM_RSA_PKCS)), signs);
    assert!(matches!(refused, Err(Error::KeyType)));
}
