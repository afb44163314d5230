//! A program's whole day: it lists, logs in, signs, decrypts, derives and leaves, whatever it is answered. Each code is
//! one that tells a program what is wrong, and each result is right, or the journey ends in a panic.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock};

use crescendo_pkcs11::{Error, Function, Given, Input, Parameter, Provider, Template, rv};
use cryptoki_sys::*;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::pkcs8::DecodePrivateKey;
use rand_core::OsRng;
use rsa::{Pkcs1v15Encrypt, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use sim::fixture;

use super::{Bench, Buffer, PIN, plain};

/// What a fault may be told as. Nothing about PIN, arguments, mechanisms or data, which are right; no CKR_GENERAL_ERROR
/// and no CKR_FUNCTION_FAILED, after which a program knows nothing.
const TELLING: &[CK_RV] = &[
    CKR_OK,
    CKR_DEVICE_ERROR,
    CKR_DEVICE_REMOVED,
    CKR_TOKEN_NOT_PRESENT,
    CKR_TOKEN_NOT_RECOGNIZED,
    CKR_SESSION_HANDLE_INVALID,
    CKR_USER_NOT_LOGGED_IN,
    CKR_OBJECT_HANDLE_INVALID,
    CKR_KEY_HANDLE_INVALID,
    CKR_OPERATION_NOT_INITIALIZED,
];
const NO_HANDLE: CK_OBJECT_HANDLE = 0x7777;
const TEXT: &[u8] = b"text";
/// The certificates of a card with two retired keys, by CKA_ID.
const CERTIFICATES: [&str; 6] = ["9a", "9c", "9d", "9e", "retired-01", "retired-02"];

/// What somebody who knows the card's keys expects of it.
struct Truth {
    rsa: RsaPublicKey,
    sealed: Vec<u8>,
    point: Vec<u8>,
    agreed: Vec<u8>,
    /// Signatures that were verified. The card's are always the same, and journeys are many.
    fitting: Mutex<HashSet<(&'static str, Vec<u8>)>>,
}

impl Truth {
    fn fits(&self, name: &'static str, hash: &[u8], signature: Vec<u8>) -> bool {
        let known = (name, signature);
        if self.fitting.lock().unwrap().contains(&known) {
            return true;
        }
        let key = p256::ecdsa::VerifyingKey::from(p256_key(name));
        let parsed = p256::ecdsa::Signature::from_slice(&known.1);
        let fits = parsed.is_ok_and(|signature| key.verify_prehash(hash, &signature).is_ok());
        if fits {
            self.fitting.lock().unwrap().insert(known);
        }
        fits
    }
}

fn truth() -> &'static Truth {
    static TRUTH: OnceLock<Truth> = OnceLock::new();
    TRUTH.get_or_init(|| {
        let rsa =
            |name| RsaPrivateKey::from_pkcs8_der(fixture::named(name).unwrap().key).unwrap().to_public_key();
        let other = p256::ecdh::EphemeralSecret::random(&mut OsRng);
        Truth {
            rsa: rsa("9a"),
            sealed: rsa("9d").encrypt(&mut OsRng, Pkcs1v15Encrypt, TEXT).unwrap(),
            point: other.public_key().to_encoded_point(false).as_bytes().to_vec(),
            agreed: other.diffie_hellman(&p256_key("retired-02")).raw_secret_bytes().to_vec(),
            fitting: Mutex::default(),
        }
    })
}

fn p256_key(name: &str) -> p256::PublicKey {
    p256::SecretKey::from_pkcs8_der(fixture::named(name).unwrap().key).unwrap().public_key()
}

/// One journey, and what was answered on the way.
pub(crate) struct Journey<'b> {
    bench: &'b Bench,
    before: Box<dyn FnMut(u32) + 'b>,
    pub(crate) codes: Vec<(Function, CK_RV)>,
    /// What was shown and right: a certificate, a serial number.
    shown: usize,
}

impl<'b> Journey<'b> {
    pub(crate) fn over(bench: &'b Bench) -> Self {
        Self { bench, before: Box::new(|_| ()), codes: Vec::new(), shown: 0 }
    }

    /// What happens before each call: they are counted from 1.
    pub(crate) fn before(self, before: impl FnMut(u32) + 'b) -> Self {
        Self { before: Box::new(before), ..self }
    }

    pub(crate) fn run(mut self) -> Self {
        self.call(Function::GetSlotList, |provider| Ok(provider.slot_list(true)));
        self.call(Function::GetSlotInfo, |provider| provider.slot_info(0));
        if let Some(info) = self.call(Function::GetTokenInfo, |provider| provider.token_info(0)) {
            self.show(info.serialNumber == *b"8A11000000000002");
        }
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let session = self.call(Function::OpenSession, |provider| provider.open_session(0, flags));
        let session = session.unwrap_or(NO_HANDLE);
        self.read(session);
        self.call(Function::Login, |provider| provider.login(session, CKU_USER, &Input::borrowed(PIN)));
        self.sign(session);
        self.decrypt(session);
        self.derive(session);
        self.digest(session);
        self.call(Function::Logout, |provider| provider.logout(session));
        self.call(Function::CloseSession, |provider| provider.close_session(session));
        self
    }

    /// Everything was answered, and everything was there.
    #[track_caller]
    pub(crate) fn is_complete(&self) {
        let refused: Vec<_> = self.codes.iter().filter(|(_, code)| *code != CKR_OK).collect();
        assert!(refused.is_empty(), "refused: {refused:x?}");
        assert_eq!(self.shown, 1 + CERTIFICATES.len(), "a serial number and the certificates");
    }

    pub(crate) fn calls(&self) -> u32 {
        self.codes.len() as u32
    }

    fn call<T>(&mut self, function: Function, call: impl FnOnce(&Provider) -> Result<T, Error>) -> Option<T> {
        let number = self.calls() + 1;
        (self.before)(number);
        let result = call(&self.bench.provider);
        let code = result.as_ref().map_or_else(|error| rv(function, error), |_| CKR_OK);
        self.codes.push((function, code));
        let told = function.permits(code) && TELLING.contains(&code);
        assert!(told, "{:?} after {:x?}", result.err(), self.codes);
        result.ok()
    }

    #[track_caller]
    fn show(&mut self, is_right: bool) {
        assert!(is_right, "wrong after {:x?}", self.codes);
        self.shown += 1;
    }

    fn read(&mut self, session: CK_SESSION_HANDLE) {
        self.find(session, Template::default());
        let certificates = self.find(session, template(&[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())]));
        for certificate in certificates {
            let object =
                self.call(Function::GetAttributeValue, |provider| provider.object(session, certificate));
            let Some(object) = object else { continue };
            let id = usize::from(object.attribute(CKA_ID).unwrap()[0]);
            let expected = fixture::named(CERTIFICATES[id - 1]).unwrap().certificate;
            self.show(object.attribute(CKA_VALUE).unwrap() == expected);
        }
    }

    fn sign(&mut self, session: CK_SESSION_HANDLE) {
        let hash = Sha256::digest(TEXT);
        if let Some(signature) = self.sign_with(session, 1, CKM_SHA256_RSA_PKCS, TEXT, false) {
            let judged = truth().rsa.verify(Pkcs1v15Sign::new::<Sha256>(), &hash, &signature);
            judged.expect("a signature of 9A that its certificate does not verify");
        }
        for (id, name, asks) in [(4, "9e", false), (2, "9c", true)] {
            if let Some(signature) = self.sign_with(session, id, CKM_ECDSA, &hash, asks) {
                assert!(truth().fits(name, &hash, signature), "a wrong signature of {name}");
            }
        }
    }

    fn sign_with(
        &mut self,
        session: CK_SESSION_HANDLE,
        id: u8,
        mechanism: CK_MECHANISM_TYPE,
        data: &[u8],
        asks: bool,
    ) -> Option<Vec<u8>> {
        let key = self.key(session, id);
        let given = plain(mechanism);
        self.call(Function::SignInit, |provider| provider.sign_init(session, Some(&given), key));
        if asks {
            let pin = Input::borrowed(PIN);
            self.call(Function::Login, |provider| provider.login(session, CKU_CONTEXT_SPECIFIC, &pin));
        }
        let mut out = Buffer::of(256);
        self.call(Function::Sign, |provider| provider.sign(session, &Input::borrowed(data), &mut out))?;
        Some(out.taken)
    }

    fn decrypt(&mut self, session: CK_SESSION_HANDLE) {
        let key = self.key(session, 3);
        let given = plain(CKM_RSA_PKCS);
        self.call(Function::DecryptInit, |provider| provider.decrypt_init(session, Some(&given), key));
        let (sealed, mut out) = (Input::borrowed(&truth().sealed), Buffer::of(256));
        if self.call(Function::Decrypt, |provider| provider.decrypt(session, &sealed, &mut out)).is_some() {
            assert_eq!(out.taken, TEXT);
        }
    }

    fn derive(&mut self, session: CK_SESSION_HANDLE) {
        let key = self.key(session, 6);
        let point = truth().point.clone();
        let parameter = Parameter::Ecdh { kdf: CKD_NULL, shared: Vec::new(), point };
        let given = Given { number: CKM_ECDH1_DERIVE, parameter };
        let made = self.call(Function::DeriveKey, |provider| {
            provider.derive_key(session, Some(&given), key, &Template::default())
        });
        let made = made.unwrap_or(NO_HANDLE);
        if let Some(object) =
            self.call(Function::GetAttributeValue, |provider| provider.object(session, made))
        {
            assert_eq!(object.attribute(CKA_VALUE).unwrap()[..], truth().agreed);
        }
    }

    fn digest(&mut self, session: CK_SESSION_HANDLE) {
        let given = plain(CKM_SHA256);
        self.call(Function::DigestInit, |provider| provider.digest_init(session, Some(&given)));
        let mut out = Buffer::of(32);
        let text = Input::borrowed(TEXT);
        if self.call(Function::Digest, |provider| provider.digest(session, &text, &mut out)).is_some() {
            assert_eq!(out.taken, Sha256::digest(TEXT)[..]);
        }
    }

    /// The private key with this CKA_ID; a handle of nothing, if it is not found.
    fn key(&mut self, session: CK_SESSION_HANDLE, id: u8) -> CK_OBJECT_HANDLE {
        let wanted = template(&[(CKA_CLASS, &CKO_PRIVATE_KEY.to_ne_bytes()), (CKA_ID, &[id])]);
        self.find(session, wanted).first().copied().unwrap_or(NO_HANDLE)
    }

    fn find(&mut self, session: CK_SESSION_HANDLE, template: Template) -> Vec<CK_OBJECT_HANDLE> {
        self.call(Function::FindObjectsInit, |provider| provider.find_objects_init(session, &template));
        let found = self.call(Function::FindObjects, |provider| provider.find_objects(session, 100));
        self.call(Function::FindObjectsFinal, |provider| provider.find_objects_final(session));
        found.unwrap_or_default()
    }
}

fn template(attributes: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Template {
    attributes.iter().map(|(kind, value)| (*kind, value.to_vec())).collect()
}
