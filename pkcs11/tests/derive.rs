//! Key agreement and unwrapping: session keys, checked against other people's code.

mod common;

use aes_kw::KekAes128;
use common::{Bench, PIN, plain};
use crescendo_pkcs11::{Error, Function, Given, Input, Parameter, Template, rv};
use cryptoki_sys::*;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use rand_core::OsRng;
use rsa::{Oaep, Pkcs1v15Encrypt};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use sim::{Personality, fixture};

const P256: u8 = 6;

fn ecdh(kdf: CK_EC_KDF_TYPE, shared: &[u8], point: &[u8]) -> Given {
    let parameter = Parameter::Ecdh { kdf, shared: shared.to_vec(), point: point.to_vec() };
    Given { number: CKM_ECDH1_DERIVE, parameter }
}

fn template(attributes: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Template {
    attributes.iter().map(|(kind, value)| (*kind, value.to_vec())).collect()
}

fn number(value: CK_ULONG) -> [u8; 8] {
    value.to_ne_bytes()
}

/// What NSS asks for when it opens mail.
fn nss(len: CK_ULONG) -> Template {
    template(&[
        (CKA_CLASS, &number(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, &number(CKK_AES)),
        (CKA_WRAP, &[CK_TRUE]),
        (CKA_VALUE_LEN, &number(len)),
    ])
}

/// A logged-in session and the retired key 83 on P-256, and what somebody else agrees on with it.
struct Agreed {
    bench: Bench,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
    point: Vec<u8>,
    secret: Vec<u8>,
}

impl Agreed {
    fn new() -> Self {
        let bench = Bench::new(Personality { retired: 2, ..Personality::piv() });
        let session = bench.login();
        let key = bench.object(session, CKO_PRIVATE_KEY, P256);
        let point = bench.attribute(session, key, CKA_EC_POINT);
        let ours = p256::PublicKey::from_sec1_bytes(&point[2..]).unwrap();
        let other = p256::ecdh::EphemeralSecret::random(&mut OsRng);
        let secret = other.diffie_hellman(&ours).raw_secret_bytes().to_vec();
        let point = other.public_key().to_encoded_point(false).as_bytes().to_vec();
        Self { bench, session, key, point, secret }
    }

    fn derive(&self, given: &Given, template: &Template) -> Result<CK_OBJECT_HANDLE, Error> {
        self.bench.provider.derive_key(self.session, Some(given), self.key, template)
    }

    fn value(&self, given: &Given, template: &Template) -> Vec<u8> {
        let key = self.derive(given, template).unwrap();
        self.bench.attribute(self.session, key, CKA_VALUE)
    }
}

#[test]
fn the_bare_secret_whole_and_cut() {
    let agreed = Agreed::new();
    let bare = ecdh(CKD_NULL, b"", &agreed.point);
    assert_eq!(agreed.value(&bare, &Template::default()), agreed.secret);
    assert_eq!(agreed.value(&bare, &template(&[(CKA_VALUE_LEN, &number(20))])), agreed.secret[12..]);
    assert_eq!(agreed.value(&bare, &nss(16)), agreed.secret[16..]);
    let wrapped = [&[4, 65][..], &agreed.point].concat();
    assert_eq!(agreed.value(&ecdh(CKD_NULL, b"", &wrapped), &Template::default()), agreed.secret);
    let cofactor = Given { number: CKM_ECDH1_COFACTOR_DERIVE, ..bare };
    assert_eq!(agreed.value(&cofactor, &Template::default()), agreed.secret);
}

#[test]
fn x963_with_every_hash() {
    let agreed = Agreed::new();
    let shared = b"shared information";
    fn blocks<D: Digest>(secret: &[u8], shared: &[u8]) -> Vec<u8> {
        let block = |counter: u8| D::digest([secret, &[0, 0, 0, counter], shared].concat()).to_vec();
        [block(1), block(2)].concat()
    }
    for (kdf, expected) in [
        (CKD_SHA1_KDF, blocks::<Sha1>(&agreed.secret, shared)),
        (CKD_SHA224_KDF, blocks::<sha2::Sha224>(&agreed.secret, shared)),
        (CKD_SHA256_KDF, blocks::<Sha256>(&agreed.secret, shared)),
        (CKD_SHA384_KDF, blocks::<Sha384>(&agreed.secret, shared)),
        (CKD_SHA512_KDF, blocks::<Sha512>(&agreed.secret, shared)),
    ] {
        let given = ecdh(kdf, shared, &agreed.point);
        assert_eq!(agreed.value(&given, &nss(32)), expected[..32], "{kdf}");
        let long = template(&[(CKA_VALUE_LEN, &number(40))]);
        assert_eq!(agreed.value(&given, &long), expected[..40], "{kdf}");
    }
}

#[test]
fn p384_and_9d() {
    let bench = Bench::new(Personality::piv());
    bench.card.install(0x9D, fixture::named("p-384-agree").unwrap()).unwrap();
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 3);
    assert_eq!(bench.attribute(session, key, CKA_DERIVE), [CK_TRUE]);
    let ours = p384::PublicKey::from_sec1_bytes(&bench.attribute(session, key, CKA_EC_POINT)[2..]).unwrap();
    let other = p384::ecdh::EphemeralSecret::random(&mut OsRng);
    let given = ecdh(CKD_NULL, b"", other.public_key().to_encoded_point(false).as_bytes());
    let made = bench.provider.derive_key(session, Some(&given), key, &Template::default()).unwrap();
    let expected = other.diffie_hellman(&ours).raw_secret_bytes().to_vec();
    assert_eq!(bench.attribute(session, made, CKA_VALUE), expected);
}

#[test]
fn an_agreement_costs_two_and_what_is_wrong_costs_nothing() {
    let agreed = Agreed::new();
    let given = ecdh(CKD_SHA256_KDF, b"", &agreed.point);
    agreed.bench.apdus();
    agreed.derive(&given, &nss(16)).unwrap();
    assert_eq!(agreed.bench.apdus(), 2, "SELECT, GENERAL AUTHENTICATE");
    agreed.bench.clock.pass(std::time::Duration::from_secs(10));
    agreed.derive(&given, &nss(16)).unwrap();
    assert_eq!(agreed.bench.apdus(), 3, "and a look at the certificate after 10 seconds");
    let code = |given: &Given, template: &Template| {
        rv(Function::DeriveKey, &agreed.derive(given, template).unwrap_err())
    };
    let mut off_curve = agreed.point.clone();
    off_curve[64] ^= 1;
    let parameters = [
        ecdh(CKD_SHA256_KDF, b"", &agreed.point[1..]),
        ecdh(CKD_SHA256_KDF, b"", &off_curve),
        ecdh(CKD_SHA256_KDF, b"", &[]),
        ecdh(CKD_NULL, b"shared", &agreed.point),
        ecdh(CKD_SHA1_KDF_SP800, b"", &agreed.point),
        plain(CKM_ECDH1_DERIVE),
    ];
    for given in parameters {
        assert_eq!(code(&given, &nss(16)), CKR_MECHANISM_PARAM_INVALID);
    }
    assert_eq!(code(&plain(CKM_ECDSA), &nss(16)), CKR_MECHANISM_INVALID);
    assert_eq!(code(&given, &Template::default()), CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(code(&given, &nss(17)), CKR_KEY_SIZE_RANGE);
    assert_eq!(code(&given, &template(&[(CKA_TOKEN, &[CK_TRUE])])), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(code(&given, &template(&[(CKA_PRIME, &[1])])), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_eq!(agreed.bench.apdus(), 0);
}

#[test]
fn other_keys_agree_on_nothing() {
    let Agreed { bench, session, point, .. } = Agreed::new();
    let given = ecdh(CKD_NULL, b"", &point);
    let derive = |key| {
        let derived = bench.provider.derive_key(session, Some(&given), key, &Template::default());
        rv(Function::DeriveKey, &derived.unwrap_err())
    };
    assert_eq!(derive(bench.object(session, CKO_PRIVATE_KEY, 1)), CKR_KEY_TYPE_INCONSISTENT);
    assert_eq!(derive(bench.object(session, CKO_PRIVATE_KEY, 4)), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(derive(bench.object(session, CKO_PUBLIC_KEY, P256)), CKR_KEY_HANDLE_INVALID);
    assert_eq!(derive(0x7777), CKR_KEY_HANDLE_INVALID);
    let key = bench.object(session, CKO_PRIVATE_KEY, P256);
    bench.provider.logout(session).unwrap();
    assert_eq!(derive(key), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn a_session_key_is_an_object_while_its_session_lives() {
    let agreed = Agreed::new();
    let Agreed { bench, session, .. } = &agreed;
    let secrets = |session| bench.find(session, &[(CKA_CLASS, &number(CKO_SECRET_KEY))]);
    let given = ecdh(CKD_SHA256_KDF, b"", &agreed.point);
    let other = bench.open();
    let made = bench.provider.derive_key(other, Some(&given), agreed.key, &nss(16)).unwrap();
    assert_eq!(secrets(*session), [made], "every session sees it");
    let get = |kind| bench.attribute(*session, made, kind);
    for (kind, value) in [
        (CKA_TOKEN, CK_FALSE),
        (CKA_SENSITIVE, CK_FALSE),
        (CKA_EXTRACTABLE, CK_TRUE),
        (CKA_LOCAL, CK_FALSE),
        (CKA_DESTROYABLE, CK_TRUE),
        (CKA_UNWRAP, CK_TRUE),
    ] {
        assert_eq!(get(kind), [value], "{kind:#x}");
    }
    assert_eq!((get(CKA_KEY_TYPE), get(CKA_VALUE_LEN)), (number(CKK_AES).into(), number(16).into()));
    bench.provider.close_session(other).unwrap();
    assert!(secrets(*session).is_empty());
    assert!(matches!(bench.provider.object(*session, made), Err(Error::ObjectInvalid)));
    let again = agreed.derive(&given, &nss(16)).unwrap();
    assert_ne!(again, made);
    bench.provider.destroy_object(*session, again).unwrap();
    assert!(matches!(bench.provider.destroy_object(*session, again), Err(Error::ObjectInvalid)));
    let card_s = bench.provider.destroy_object(*session, agreed.key).unwrap_err();
    assert_eq!(
        rv(Function::DestroyObject, &card_s),
        CKR_USER_NOT_LOGGED_IN,
        "the user of such a card writes nothing"
    );
    agreed.derive(&given, &nss(16)).unwrap();
    let public = template(&[(CKA_VALUE_LEN, &number(16)), (CKA_PRIVATE, &[CK_FALSE])]);
    let public = agreed.derive(&given, &public).unwrap();
    bench.provider.logout(*session).unwrap();
    bench.provider.login(*session, CKU_USER, &Input::borrowed(PIN)).unwrap();
    assert_eq!(secrets(*session), [public], "private ones go with the login");
    bench.card.pull();
    bench.card.insert();
    assert!(secrets(bench.login()).is_empty());
}

#[test]
fn a_sensitive_session_key_keeps_its_value() {
    let agreed = Agreed::new();
    let given = ecdh(CKD_NULL, b"", &agreed.point);
    for hides in [(CKA_SENSITIVE, CK_TRUE), (CKA_EXTRACTABLE, CK_FALSE)] {
        let made = agreed.derive(&given, &template(&[(hides.0, &[hides.1])])).unwrap();
        let object = agreed.bench.provider.object(agreed.session, made).unwrap();
        assert!(matches!(object.attribute(CKA_VALUE), Err(Error::AttributeSensitive)));
    }
}

/// As NSS opens mail to a P-256 key, each step in a session of its own.
#[test]
fn mail_to_an_ecc_key() {
    let agreed = Agreed::new();
    let Agreed { bench, session, .. } = &agreed;
    let kek = agreed.derive(&ecdh(CKD_SHA256_KDF, b"ECC-CMS-SharedInfo", &agreed.point), &nss(16)).unwrap();
    let content_key = [7; 32];
    let value = bench.attribute(*session, kek, CKA_VALUE);
    let wrapped = KekAes128::try_from(value.as_slice()).unwrap().wrap_vec(&content_key).unwrap();
    let other = bench.open();
    bench.apdus();
    let unwrap = |given: &Given, key, wrapped: &[u8], template: &Template| {
        bench.provider.unwrap_key(other, Some(given), key, &Input::borrowed(wrapped), template)
    };
    let given = plain(CKM_AES_KEY_WRAP);
    let made = unwrap(&given, kek, &wrapped, &nss(32)).unwrap();
    assert_eq!(bench.attribute(*session, made, CKA_VALUE), content_key);
    let code = |result: Result<_, Error>| rv(Function::UnwrapKey, &result.unwrap_err());
    assert_eq!(code(unwrap(&given, kek, &wrapped, &nss(16))), CKR_WRAPPED_KEY_INVALID);
    assert_eq!(code(unwrap(&given, kek, &wrapped[8..], &nss(32))), CKR_WRAPPED_KEY_INVALID);
    assert_eq!(code(unwrap(&given, kek, &wrapped[1..], &nss(32))), CKR_WRAPPED_KEY_LEN_RANGE);
    assert_eq!(code(unwrap(&given, agreed.key, &wrapped, &nss(32))), CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    assert_eq!(code(unwrap(&given, 0x7777, &wrapped, &nss(32))), CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    assert_eq!(code(unwrap(&plain(CKM_AES_CBC), kek, &wrapped, &nss(32))), CKR_MECHANISM_INVALID);
    assert_eq!(bench.apdus(), 0);
}

#[test]
fn keys_unwrapped_by_an_rsa_key() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 3);
    let public = bench.public(session, 3);
    let unwrap = |given: &Given, wrapped: &[u8], len| {
        let made =
            bench.provider.unwrap_key(session, Some(given), key, &Input::borrowed(wrapped), &nss(len))?;
        Ok(bench.attribute(session, made, CKA_VALUE))
    };
    let pkcs1 = public.encrypt(&mut OsRng, Pkcs1v15Encrypt, &[7; 16]).unwrap();
    assert_eq!(unwrap(&plain(CKM_RSA_PKCS), &pkcs1, 16).unwrap(), [7; 16]);
    let parameter = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: std::ptr::null_mut(),
        ulSourceDataLen: 0,
    };
    let given = Given { number: CKM_RSA_PKCS_OAEP, parameter: Parameter::Oaep(parameter, Vec::new()) };
    let oaep = public.encrypt(&mut OsRng, Oaep::new::<Sha256>(), &[8; 32]).unwrap();
    assert_eq!(unwrap(&given, &oaep, 32).unwrap(), [8; 32]);
    for (wrapped, len) in [(&pkcs1, 32), (&oaep, 32)] {
        let refused: Result<Vec<u8>, Error> = unwrap(&plain(CKM_RSA_PKCS), wrapped, len);
        assert_eq!(rv(Function::UnwrapKey, &refused.unwrap_err()), CKR_WRAPPED_KEY_INVALID);
    }
    let short: Result<Vec<u8>, Error> = unwrap(&plain(CKM_RSA_PKCS), &pkcs1[1..], 16);
    assert_eq!(rv(Function::UnwrapKey, &short.unwrap_err()), CKR_WRAPPED_KEY_LEN_RANGE);
}
