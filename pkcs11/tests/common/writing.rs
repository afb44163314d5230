//! What the tests of writing share: who may, what is written, and what the card has of it.

use crescendo_pkcs11::{Error, Function, Input, Template, rv};
use cryptoki_sys::*;
use sim::{Personality, SimCard, fixture};

use super::{Bench, PIN, plain};

/// The management key of the simulated cards by the standard, and another one.
pub(crate) const KEY: &[u8] = b"010203040506070801020304050607080102030405060708";
pub(crate) const OTHER_KEY: &[u8] = b"0102030405060708010203040506070801020304050607FF";
/// The administration key a Crescendo is delivered with.
pub(crate) const FACTORY: &[u8] = b"000000000000000000000000000000000000000000000000";
pub(crate) const PUK: &[u8] = b"12345678";
pub(crate) const P256: &[u8] = b"\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07";
pub(crate) const P384: &[u8] = b"\x06\x05\x2B\x81\x04\x00\x22";

pub(crate) type Attributes<'a> = &'a [(CK_ATTRIBUTE_TYPE, &'a [u8])];

pub(crate) fn template(attributes: Attributes<'_>) -> Template {
    attributes.iter().map(|(kind, value)| (*kind, value.to_vec())).collect()
}

pub(crate) fn login(bench: &Bench, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &[u8]) -> CK_RV {
    code(Function::Login, bench.provider.login(session, user, &Input::borrowed(pin)))
}

pub(crate) fn code<T>(function: Function, result: Result<T, Error>) -> CK_RV {
    result.map_or_else(|error| rv(function, &error), |_| CKR_OK)
}

/// What a program wants that has one P-256 key made.
pub(crate) fn make(
    bench: &Bench,
    session: CK_SESSION_HANDLE,
    id: u8,
) -> Result<[CK_OBJECT_HANDLE; 2], Error> {
    make_with(bench, session, &[(CKA_ID, &[id])])
}

pub(crate) fn make_with(
    bench: &Bench,
    session: CK_SESSION_HANDLE,
    more: Attributes<'_>,
) -> Result<[CK_OBJECT_HANDLE; 2], Error> {
    let public = template(&[(CKA_TOKEN, &[CK_TRUE]), (CKA_EC_PARAMS, P256)]);
    let private = template(&[more, &[(CKA_TOKEN, &[CK_TRUE]), (CKA_PRIVATE, &[CK_TRUE])]].concat());
    bench.provider.generate_key_pair(session, Some(&plain(CKM_EC_KEY_PAIR_GEN)), &public, &private)
}

pub(crate) fn store(
    bench: &Bench,
    session: CK_SESSION_HANDLE,
    id: &[u8],
    der: &[u8],
) -> Result<CK_OBJECT_HANDLE, Error> {
    let class = CKO_CERTIFICATE.to_ne_bytes();
    let wanted = [(CKA_CLASS, &class[..]), (CKA_TOKEN, &[CK_TRUE]), (CKA_ID, id), (CKA_VALUE, der)];
    bench.provider.create_object(session, &template(&wanted))
}

pub(crate) fn destroy(bench: &Bench, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> CK_RV {
    code(Function::DestroyObject, bench.provider.destroy_object(session, object))
}

/// A bench with somebody logged in who may write, and may use the keys, too.
pub(crate) fn writer(personality: Personality) -> (Bench, CK_SESSION_HANDLE) {
    let entered = entered(&personality);
    writer_who_enters(personality, &entered)
}

pub(crate) fn writer_who_enters(personality: Personality, entered: &[u8]) -> (Bench, CK_SESSION_HANDLE) {
    let bench = Bench::new(personality);
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_USER, entered), CKR_OK);
    (bench, session)
}

pub(crate) fn everywhere() -> [Personality; 4] {
    [Personality::key_v3(), Personality::c2300(), Personality::piv(), Personality::piv_extended()]
}

/// Of 9A, as the certificate in its container shows it, or nothing.
pub(crate) fn stored(card: &SimCard) -> Option<Vec<u8>> {
    card.object(0x5F_C105).filter(|object| object.len() > 2)
}

pub(crate) fn count(bench: &Bench, session: CK_SESSION_HANDLE, class: CK_OBJECT_CLASS, id: u8) -> usize {
    bench.find(session, &[(CKA_CLASS, &class.to_ne_bytes()), (CKA_ID, &[id])]).len()
}

/// A certificate for a public key on P-256: that of 9C, with the key and nothing else exchanged. Nobody verifies it.
pub(crate) fn certificate_of(bench: &Bench, session: CK_SESSION_HANDLE, public: CK_OBJECT_HANDLE) -> Vec<u8> {
    let mut der = fixture::named("9c").unwrap().certificate.to_vec();
    let point = bench.attribute(session, public, CKA_EC_POINT);
    let head = b"\x2A\x86\x48\xCE\x3D\x03\x01\x07\x03\x42\x00";
    let at = der.windows(head.len()).position(|part| part == head).unwrap() + head.len();
    der[at..at + 65].copy_from_slice(&point[2..]);
    der
}

pub(crate) fn certificate_of_nobody() -> Vec<u8> {
    let mut der = fixture::named("9c").unwrap().certificate.to_vec();
    let head = b"\x2A\x86\x48\xCE\x3D\x03\x01\x07\x03\x42\x00";
    let at = der.windows(head.len()).position(|part| part == head).unwrap() + head.len();
    let foreign = fixture::named("retired-02").unwrap().certificate;
    let theirs = foreign.windows(head.len()).position(|part| part == head).unwrap() + head.len();
    der[at..at + 65].copy_from_slice(&foreign[theirs..theirs + 65]);
    der
}

/// A private key, as pkcs11-tool brings it.
pub(crate) fn bring(bench: &Bench, session: CK_SESSION_HANDLE, id: u8) -> Result<CK_OBJECT_HANDLE, Error> {
    use p256::pkcs8::DecodePrivateKey;
    let key = p256::SecretKey::from_pkcs8_der(fixture::named("9c").unwrap().key).unwrap();
    bench.provider.create_object(
        session,
        &template(&[
            (CKA_CLASS, &CKO_PRIVATE_KEY.to_ne_bytes()),
            (CKA_KEY_TYPE, &CKK_EC.to_ne_bytes()),
            (CKA_TOKEN, &[CK_TRUE]),
            (CKA_ID, &[id]),
            (CKA_EC_PARAMS, P256),
            (CKA_VALUE, &key.to_bytes()),
        ]),
    )
}

/// What a user enters who may write.
pub(crate) fn entered(personality: &Personality) -> Vec<u8> {
    match personality.profile {
        sim::Profile::Piv | sim::Profile::PivExtended => [PIN, b":", KEY].concat(),
        _ => PIN.to_vec(),
    }
}
