//! Every mechanism, its results checked by other people's code.

mod common;

use common::{Bench, Buffer, PIN, plain};
use crescendo_pkcs11::{Error, Given, Input, Parameter};
use cryptoki_sys::*;
use rand_core::OsRng;
use rsa::{Oaep, Pkcs1v15Encrypt, Pkcs1v15Sign, Pss, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
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

fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, label: &[u8]) -> Given {
    let parameter = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: std::ptr::null_mut(),
        ulSourceDataLen: 0,
    };
    Given { number: CKM_RSA_PKCS_OAEP, parameter: Parameter::Oaep(parameter, label.to_vec()) }
}

/// A logged-in session and the RSA key 9A.
fn rsa_bench() -> (Bench, CK_SESSION_HANDLE, CK_OBJECT_HANDLE, RsaPublicKey) {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    let public = bench.public(session, 1);
    (bench, session, key, public)
}

#[test]
fn rsa_pkcs1_with_every_hash() {
    let (bench, session, key, public) = rsa_bench();
    let text = b"a text to sign";
    let check = |number, padding, hash: &[u8]| {
        let signature = bench.sign(session, &plain(number), key, text).unwrap();
        public.verify(padding, hash, &signature).unwrap();
    };
    check(CKM_SHA1_RSA_PKCS, Pkcs1v15Sign::new::<Sha1>(), &Sha1::digest(text));
    check(CKM_SHA224_RSA_PKCS, Pkcs1v15Sign::new::<Sha224>(), &Sha224::digest(text));
    check(CKM_SHA256_RSA_PKCS, Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text));
    check(CKM_SHA384_RSA_PKCS, Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(text));
    check(CKM_SHA512_RSA_PKCS, Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(text));
    check(CKM_RSA_PKCS, Pkcs1v15Sign::new_unprefixed(), text);
    assert!(matches!(bench.sign(session, &plain(CKM_RSA_PKCS), key, &[0; 246]), Err(Error::DataLength)));
    assert!(matches!(bench.sign(session, &plain(CKM_RSA_X_509), key, &[0xFF; 256]), Err(Error::DataInvalid)));
    assert!(matches!(bench.sign(session, &plain(CKM_RSA_X_509), key, &[0; 257]), Err(Error::DataLength)));
    assert_eq!(bench.sign(session, &plain(CKM_RSA_X_509), key, &[2; 255]).unwrap().len(), 256);
}

#[test]
fn rsa_pss_with_every_hash_and_odd_salts() {
    let (bench, session, key, public) = rsa_bench();
    let text = b"a text to sign";
    let check = |given: Given, padding, data: &[u8], hash: &[u8]| {
        let signature = bench.sign(session, &given, key, data).unwrap();
        public.verify(padding, hash, &signature).unwrap();
    };
    let (sha1, sha256, sha384) = (Sha1::digest(text), Sha256::digest(text), Sha384::digest(text));
    check(pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32), Pss::new::<Sha256>(), &sha256, &sha256);
    check(pss(CKM_RSA_PKCS_PSS, CKM_SHA_1, CKG_MGF1_SHA1, 20), Pss::new::<Sha1>(), &sha1, &sha1);
    for salt in [0, 7, 222] {
        let padding = Pss::new_with_salt::<Sha256>(salt as usize);
        check(pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, salt), padding, text, &sha256);
    }
    check(pss(CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48), Pss::new::<Sha384>(), text, &sha384);
    let too_much_salt = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 223);
    let another_hash = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA256, 32);
    for bad in [too_much_salt, another_hash, plain(CKM_SHA256_RSA_PKCS_PSS)] {
        let refused = bench.sign(session, &bad, key, text);
        assert!(matches!(refused, Err(Error::MechanismParameter)));
    }
    let short = bench.sign(session, &pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32), key, &sha1);
    assert!(matches!(short, Err(Error::DataLength)));
}

#[test]
fn larger_rsa_keys() {
    for (name, len) in [("rsa-3072", 384), ("rsa-4096", 512)] {
        let bench = Bench::new(Personality::key_v3());
        bench.card.install(0x9A, fixture::named(name).unwrap()).unwrap();
        let session = bench.login();
        let key = bench.object(session, CKO_PRIVATE_KEY, 1);
        let given = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
        let signature = bench.sign(session, &given, key, b"text").unwrap();
        assert_eq!(signature.len(), len);
        bench.public(session, 1).verify(Pss::new::<Sha256>(), &Sha256::digest(b"text"), &signature).unwrap();
    }
}

#[test]
fn ecdsa_raw_and_hashed() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let key = bench.object(session, CKO_PRIVATE_KEY, 4);
    let check = |number, data: &[u8], hash: &[u8]| {
        let signature = bench.sign(session, &plain(number), key, data).unwrap();
        assert!(bench.verify_p256(session, 4, hash, &signature), "{number:#x}");
    };
    let text = b"a text to sign";
    check(CKM_ECDSA_SHA256, text, &Sha256::digest(text));
    check(CKM_ECDSA_SHA384, text, &Sha384::digest(text)[..32]);
    check(CKM_ECDSA_SHA512, text, &Sha512::digest(text)[..32]);
    check(CKM_ECDSA_SHA1, text, &[&[0; 12], &Sha1::digest(text)[..]].concat());
    check(CKM_ECDSA, &Sha256::digest(text), &Sha256::digest(text));
    check(CKM_ECDSA, &Sha1::digest(text), &[&[0; 12], &Sha1::digest(text)[..]].concat());
    check(CKM_ECDSA, &[9; 64], &[9; 32]);
    assert!(matches!(bench.sign(session, &plain(CKM_SHA256_RSA_PKCS), key, text), Err(Error::KeyType)));
    assert!(matches!(bench.sign(session, &plain(CKM_ECDH1_DERIVE), key, text), Err(Error::MechanismInvalid)));
}

#[test]
fn ecdsa_on_p384() {
    use p384::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
    let bench = Bench::new(Personality::key_v3());
    bench.card.install(0x9A, fixture::named("p-384").unwrap()).unwrap();
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 1);
    let signature = bench.sign(session, &plain(CKM_ECDSA_SHA384), key, b"text").unwrap();
    let point = bench.attribute(session, key, CKA_EC_POINT);
    let public = VerifyingKey::from_sec1_bytes(&point[2..]).unwrap();
    public.verify_prehash(&Sha384::digest(b"text"), &Signature::from_slice(&signature).unwrap()).unwrap();
}

#[test]
fn a_text_in_parts() {
    let (bench, session, key, public) = rsa_bench();
    bench.provider.sign_init(session, Some(&plain(CKM_SHA256_RSA_PKCS)), key).unwrap();
    bench.provider.sign_update(session, &Input::borrowed(b"a text ")).unwrap();
    bench.provider.sign_update(session, &Input::borrowed(b"to sign")).unwrap();
    let whole = bench.provider.sign(session, &Input::borrowed(b""), &mut Buffer::of(256));
    assert!(matches!(whole, Err(Error::OperationMissing)));
    let mut query = Buffer::query();
    bench.provider.sign_final(session, &mut query).unwrap();
    let mut out = Buffer::of(query.needed);
    bench.provider.sign_final(session, &mut out).unwrap();
    public.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(b"a text to sign"), &out.taken).unwrap();
    assert!(matches!(bench.provider.sign_final(session, &mut out), Err(Error::OperationMissing)));
}

/// A logged-in session and the RSA key 9D.
fn decrypt_bench() -> (Bench, CK_SESSION_HANDLE, CK_OBJECT_HANDLE, RsaPublicKey) {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let key = bench.object(session, CKO_PRIVATE_KEY, 3);
    let public = bench.public(session, 3);
    (bench, session, key, public)
}

#[test]
fn decryption_with_every_padding() {
    let (bench, session, key, public) = decrypt_bench();
    let pkcs1 = public.encrypt(&mut OsRng, Pkcs1v15Encrypt, b"a secret").unwrap();
    assert_eq!(bench.decrypt(session, &plain(CKM_RSA_PKCS), key, &pkcs1).unwrap(), b"a secret");
    let raw = bench.decrypt(session, &plain(CKM_RSA_X_509), key, &pkcs1).unwrap();
    assert_eq!((raw.len(), &raw[..2], &raw[247..]), (256, &[0, 2][..], &b"\0a secret"[..]));
    let sha1 = public.encrypt(&mut OsRng, Oaep::new::<Sha1>(), b"a secret").unwrap();
    assert_eq!(
        bench.decrypt(session, &oaep(CKM_SHA_1, CKG_MGF1_SHA1, b""), key, &sha1).unwrap(),
        b"a secret"
    );
    let mixed = Oaep::new_with_mgf_hash_and_label::<Sha512, Sha1, _>("a label");
    let mixed = public.encrypt(&mut OsRng, mixed, b"").unwrap();
    assert_eq!(
        bench.decrypt(session, &oaep(CKM_SHA512, CKG_MGF1_SHA1, b"a label"), key, &mixed).unwrap(),
        b""
    );
    let label = bench.decrypt(session, &oaep(CKM_SHA512, CKG_MGF1_SHA1, b"another"), key, &mixed);
    assert!(matches!(label, Err(Error::EncryptedInvalid)));
}

#[test]
fn wrong_padding_is_one_error_and_the_length_tells_nothing() {
    let (bench, session, key, public) = decrypt_bench();
    let pss = public.encrypt(&mut OsRng, Oaep::new::<Sha1>(), b"a secret").unwrap();
    for given in [plain(CKM_RSA_PKCS), oaep(CKM_SHA256, CKG_MGF1_SHA256, b"")] {
        assert!(matches!(bench.decrypt(session, &given, key, &pss), Err(Error::EncryptedInvalid)));
    }
    let short = bench.decrypt(session, &plain(CKM_RSA_PKCS), key, &pss[1..]);
    assert!(matches!(short, Err(Error::EncryptedLength)));
    bench.provider.decrypt_init(session, Some(&plain(CKM_RSA_PKCS)), key).unwrap();
    let mut query = Buffer::query();
    bench.apdus();
    bench.provider.decrypt(session, &Input::borrowed(&pss), &mut query).unwrap();
    assert_eq!((query.needed, bench.apdus()), (256, 0));
}

#[test]
fn ciphertext_in_parts() {
    let (bench, session, key, public) = decrypt_bench();
    let secret = public.encrypt(&mut OsRng, Pkcs1v15Encrypt, b"a secret").unwrap();
    bench.provider.decrypt_init(session, Some(&plain(CKM_RSA_PKCS)), key).unwrap();
    for part in secret.chunks(100) {
        bench.provider.decrypt_update(session, &Input::borrowed(part), &mut Buffer::of(0)).unwrap();
    }
    let mut out = Buffer::of(256);
    bench.provider.decrypt_final(session, &mut out).unwrap();
    assert_eq!(out.taken, b"a secret");
}

#[test]
fn keys_do_what_their_certificates_say() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let (management, signature) =
        (bench.object(session, CKO_PRIVATE_KEY, 3), bench.object(session, CKO_PRIVATE_KEY, 2));
    assert_eq!(bench.attribute(session, management, CKA_SIGN), [CK_FALSE]);
    let signed = bench.sign(session, &plain(CKM_RSA_PKCS), management, b"text");
    assert!(matches!(signed, Err(Error::KeyFunction)));
    let decrypted = bench.decrypt(session, &plain(CKM_RSA_PKCS), signature, &[0; 256]);
    assert!(matches!(decrypted, Err(Error::KeyType)));
    let public = bench.object(session, CKO_PUBLIC_KEY, 1);
    assert!(matches!(bench.sign(session, &plain(CKM_RSA_PKCS), public, b"text"), Err(Error::KeyInvalid)));
    bench.provider.close_all_sessions(0).unwrap();
    assert!(matches!(
        bench.provider.login(session, CKU_USER, &Input::borrowed(PIN)),
        Err(Error::SessionInvalid)
    ));
}

#[test]
fn digests_need_no_card() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    for (number, expected) in [
        (CKM_SHA_1, Sha1::digest(b"abc").to_vec()),
        (CKM_SHA224, Sha224::digest(b"abc").to_vec()),
        (CKM_SHA256, Sha256::digest(b"abc").to_vec()),
        (CKM_SHA384, Sha384::digest(b"abc").to_vec()),
        (CKM_SHA512, Sha512::digest(b"abc").to_vec()),
        (CKM_MD5, md5::Md5::digest(b"abc").to_vec()),
    ] {
        let (mut whole, mut parts) = (Buffer::of(64), Buffer::of(64));
        bench.provider.digest_init(session, Some(&plain(number))).unwrap();
        bench.provider.digest(session, &Input::borrowed(b"abc"), &mut whole).unwrap();
        bench.provider.digest_init(session, Some(&plain(number))).unwrap();
        bench.provider.digest_update(session, &Input::borrowed(b"a")).unwrap();
        bench.provider.digest_update(session, &Input::borrowed(b"bc")).unwrap();
        bench.provider.digest_final(session, &mut parts).unwrap();
        assert_eq!((&whole.taken, &parts.taken), (&expected, &expected));
    }
    let mut random = [0; 32];
    bench.provider.generate_random(session, &mut random).unwrap();
    assert_ne!(random, [0; 32]);
    bench.provider.seed_random(session, &Input::borrowed(&random)).unwrap();
    assert_eq!(bench.apdus(), 0);
}

#[test]
fn an_operation_can_be_cancelled() {
    let (bench, session, key, _) = rsa_bench();
    bench.provider.sign_init(session, Some(&plain(CKM_RSA_PKCS)), key).unwrap();
    let again = bench.provider.sign_init(session, Some(&plain(CKM_RSA_PKCS)), key);
    assert!(matches!(again, Err(Error::OperationActive)));
    bench.provider.session_cancel(session, CKF_DECRYPT).unwrap();
    assert!(bench.provider.sign_init(session, Some(&plain(CKM_RSA_PKCS)), key).is_err());
    bench.provider.session_cancel(session, CKF_SIGN | CKF_DIGEST).unwrap();
    bench.provider.sign_init(session, Some(&plain(CKM_RSA_PKCS)), key).unwrap();
}
