//! Objects and their attributes, as programs ask for them.

mod common;

use common::Bench;
use crescendo_pkcs11::Error;
use cryptoki_sys::*;
use sim::{Personality, fixture};

fn text(field: &[u8]) -> &str {
    std::str::from_utf8(field).unwrap().trim_end()
}

#[test]
fn the_token_tells_who_it_is() {
    let bench = Bench::new(Personality::key_v3());
    let info = bench.provider.token_info(0).unwrap();
    assert_eq!((text(&info.model), text(&info.manufacturerID)), ("C4000-KEY", "piv_II"));
    assert!(!text(&info.label).is_empty() && !text(&info.label).contains(':'));
    assert_eq!(text(&info.serialNumber).len(), 16);
    assert_eq!((info.ulMinPinLen, info.ulMaxPinLen), (6, 8));
    let wanted = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_RNG;
    assert_eq!(info.flags, wanted);
    let again = bench.provider.token_info(0).unwrap();
    assert_eq!(again.label, info.label);
}

#[test]
fn a_blank_token_is_a_token() {
    let bench = Bench::new(Personality::blank_key_v3());
    let info = bench.provider.token_info(0).unwrap();
    assert_eq!((text(&info.label), text(&info.serialNumber).len()), ("PIV_II", 16));
    let session = bench.open();
    assert_eq!(bench.find(session, &[]).len(), 3, "profiles");
}

#[test]
fn a_certificate_is_the_card_s() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let object = bench.object(session, CKO_CERTIFICATE, 1);
    let get = |kind| bench.attribute(session, object, kind);
    assert_eq!(get(CKA_VALUE), fixture::named("9a").unwrap().certificate);
    assert_eq!(get(CKA_LABEL), b"Certificate for PIV Authentication");
    assert_eq!(get(CKA_CLASS), CKO_CERTIFICATE.to_ne_bytes());
    assert_eq!(get(CKA_CERTIFICATE_TYPE), CKC_X_509.to_ne_bytes());
    assert_eq!(get(CKA_CERTIFICATE_CATEGORY), CK_CERTIFICATE_CATEGORY_TOKEN_USER.to_ne_bytes());
    assert_eq!((get(CKA_TOKEN), get(CKA_PRIVATE)), (vec![CK_TRUE], vec![CK_FALSE]));
    for kind in [CKA_TRUSTED, CKA_MODIFIABLE, CKA_COPYABLE] {
        assert_eq!(get(kind), [CK_FALSE]);
    }
    assert_eq!(get(CKA_DESTROYABLE), [CK_TRUE]);
    assert_eq!(get(CKA_SERIAL_NUMBER)[0], 0x02);
    assert_eq!((get(CKA_SUBJECT)[0], get(CKA_ISSUER)[0], get(CKA_PUBLIC_KEY_INFO)[0]), (0x30, 0x30, 0x30));
    assert_eq!(get(CKA_START_DATE), b"20260101");
    assert_eq!(get(CKA_CHECK_VALUE).len(), 3);
    assert!(matches!(
        bench.provider.object(session, object).unwrap().attribute(CKA_MODULUS),
        Err(Error::AttributeUnknown)
    ));
}

#[test]
fn programs_find_a_certificate_by_its_parts() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let object = bench.object(session, CKO_CERTIFICATE, 3);
    for kind in [CKA_VALUE, CKA_SUBJECT, CKA_LABEL, CKA_SERIAL_NUMBER, CKA_UNIQUE_ID] {
        let value = bench.attribute(session, object, kind);
        let found = bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes()), (kind, &value)]);
        // Several certificates are for the same person.
        assert!(found.contains(&object) && (found.len() == 1 || kind == CKA_SUBJECT), "{kind:#x}");
    }
    let trusted =
        bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes()), (CKA_TRUSTED, &[CK_TRUE])]);
    assert!(trusted.is_empty());
}

#[test]
fn a_private_key_shows_its_public_parts_and_no_other() {
    let bench = Bench::new(Personality::piv());
    let session = bench.login();
    let (rsa, ecc) = (bench.object(session, CKO_PRIVATE_KEY, 1), bench.object(session, CKO_PRIVATE_KEY, 2));
    let get = |object, kind| bench.attribute(session, object, kind);
    assert_eq!((get(rsa, CKA_MODULUS).len(), get(rsa, CKA_PUBLIC_EXPONENT)), (256, vec![1, 0, 1]));
    assert_eq!(get(rsa, CKA_KEY_TYPE), CKK_RSA.to_ne_bytes());
    let point = get(ecc, CKA_EC_POINT);
    assert_eq!((point.len(), &point[..3]), (67, &[4, 65, 4][..]));
    assert_eq!(get(ecc, CKA_EC_PARAMS), b"\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07");
    assert_eq!(
        (get(rsa, CKA_ALWAYS_AUTHENTICATE), get(ecc, CKA_ALWAYS_AUTHENTICATE)),
        (vec![CK_FALSE], vec![CK_TRUE])
    );
    assert_eq!((get(rsa, CKA_SENSITIVE), get(rsa, CKA_EXTRACTABLE)), (vec![CK_TRUE], vec![CK_FALSE]));
    let mechanisms = get(ecc, CKA_ALLOWED_MECHANISMS);
    assert!(mechanisms.chunks(size_of::<CK_ULONG>()).any(|number| number == CKM_ECDSA.to_ne_bytes()));
    let object = bench.provider.object(session, rsa).unwrap();
    for kind in [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_COEFFICIENT, CKA_VALUE] {
        assert!(matches!(object.attribute(kind), Err(Error::AttributeSensitive)));
    }
    assert!(matches!(object.attribute(CKA_PARAMETER_SET), Err(Error::AttributeUnknown)));
}

#[test]
fn the_key_for_logging_in_comes_first() {
    let bench = Bench::new(Personality { retired: 2, ..Personality::piv() });
    let session = bench.open();
    let found = bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())]);
    let ids: Vec<_> = found.iter().map(|object| bench.attribute(session, *object, CKA_ID)[0]).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn keys_and_certificates_share_ids() {
    let bench = Bench::new(Personality { retired: 20, ..Personality::piv() });
    let session = bench.login();
    let ids = |class: CK_OBJECT_CLASS| -> Vec<u8> {
        let found = bench.find(session, &[(CKA_CLASS, &class.to_ne_bytes())]);
        let mut ids: Vec<_> =
            found.iter().map(|object| bench.attribute(session, *object, CKA_ID)[0]).collect();
        ids.sort_unstable();
        ids
    };
    let certificates = ids(CKO_CERTIFICATE);
    assert_eq!(certificates.len(), 24);
    assert_eq!((&ids(CKO_PUBLIC_KEY), &ids(CKO_PRIVATE_KEY)), (&certificates, &certificates));
}

#[test]
fn a_certificate_that_cannot_be_read_hides_no_other() {
    let bench = Bench::new(Personality::piv());
    bench.card.set_object(0x5F_C10A, Some(vec![0x53, 0x04, 0x70, 0x02, 0x30, 0x00]));
    let session = bench.open();
    assert_eq!(bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())]).len(), 3);
}

#[test]
fn objects_do_not_change() {
    let bench = Bench::new(Personality::piv());
    let session = bench.open();
    let object = bench.object(session, CKO_CERTIFICATE, 1);
    assert!(matches!(bench.provider.refuse_change(session, object), Error::Prohibited));
    assert!(matches!(bench.provider.refuse_change(session, 0x7777), Error::ObjectInvalid));
    assert!(bench.provider.object_size(session, object).unwrap() > 1000);
}
