//! Another program changes the card, before each call of a program that holds it and between two programs: no signature and
//! no RSA plaintext is returned that does not fit the certificate the token shows, and the change is shown in time.
//!
//! What cannot be told apart by a look is a certificate of the same serial number and the same length: it is shown once
//! its key was used.

mod common;

use std::time::Duration;

use common::{Bench, Buffer, PIN, READER, plain};
use crescendo_pkcs11::{Error, Given, Input, Parameter, Provider, Template};
use cryptoki_sys::*;
use rsa::{Pkcs1v15Encrypt, Pkcs1v15Sign, RsaPublicKey, pkcs8::DecodePublicKey};
use sha2::{Digest, Sha256};
use sim::{Personality, Replacement, SimCard, fixture};
use x509_cert::der::{Decode, Encode};

const TEXT: &[u8] = b"text";
const MINUTE: Duration = Duration::from_secs(61);
/// Keys of the card by CKA_ID, with their containers.
const KEYS: [(u8, u32); 5] = [(1, 0x5F_C105), (2, 0x5F_C10A), (3, 0x5F_C10B), (4, 0x5F_C101), (6, 0x5F_C10E)];

/// What another program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    RenewsCertificate,
    ReplacesKey,
    ReplacesKeyUnderTheSameSerial,
    AddsRetiredKey,
    RecyclesAndPersonalizes,
    SwapsForATwin,
}

const CHANGES: [Change; 6] = [
    Change::RenewsCertificate,
    Change::ReplacesKey,
    Change::ReplacesKeyUnderTheSameSerial,
    Change::AddsRetiredKey,
    Change::RecyclesAndPersonalizes,
    Change::SwapsForATwin,
];

/// A card, another one that shows the same CHUID, and the programs of one machine.
struct World {
    card: SimCard,
    twin: SimCard,
    program: Bench,
}

impl World {
    fn new() -> Self {
        let card = || SimCard::new(Personality { retired: 2, ..Personality::piv() });
        let (card, twin) = (card(), card());
        all_keys_anew(&twin);
        Self { program: Bench::over(card.clone()), card, twin }
    }

    /// A new program.
    fn program(&self) -> Bench {
        self.program.another()
    }

    fn happens(&self, change: Change) {
        let card = &self.card;
        match change {
            Change::RenewsCertificate => [0x9A, 0x9D, 0x9E]
                .into_iter()
                .for_each(|key| card.replace(key, Replacement::SameKey).unwrap()),
            Change::ReplacesKey => {
                [0x9A, 0x9D, 0x9E].into_iter().for_each(|key| card.replace(key, Replacement::NewKey).unwrap())
            }
            Change::ReplacesKeyUnderTheSameSerial => card.replace(0x9A, Replacement::SameSerial).unwrap(),
            Change::AddsRetiredKey => {
                card.install(0x84, fixture::retired(3).unwrap()).unwrap();
                let history = card.object(0x5F_C10C).unwrap();
                let at = history.windows(3).position(|field| field == [0xC1, 1, 2]).unwrap();
                let mut history = history;
                history[at + 2] = 3;
                card.set_object(0x5F_C10C, Some(history));
            }
            Change::RecyclesAndPersonalizes => {
                all_keys_anew(card);
                let mut chuid = card.object(0x5F_C102).unwrap();
                let at = chuid.windows(2).position(|field| field == [0x34, 16]).unwrap();
                chuid[at + 2] ^= 0x55;
                card.set_object(0x5F_C102, Some(chuid));
                card.reset();
            }
            Change::SwapsForATwin => self.program.readers.put(READER, &self.twin),
        }
    }

    /// The certificates that are on the card in the reader, by CKA_ID.
    fn there(&self) -> Vec<(u8, String)> {
        let card = if self.card.is_present() { &self.card } else { &self.twin };
        let certificate = |(id, tag): (u8, u32)| {
            let object = card.object(tag)?;
            let start = object.windows(2).position(|bytes| bytes == [0x30, 0x82])?;
            let length = 4 + usize::from(u16::from_be_bytes([object[start + 2], object[start + 3]]));
            Some((id, fingerprint(&object[start..start + length])))
        };
        KEYS.into_iter().chain([(7, 0x5F_C10F)]).filter_map(certificate).collect()
    }
}

fn all_keys_anew(card: &SimCard) {
    for key in [0x9A, 0x9C, 0x9D, 0x9E] {
        card.replace(key, Replacement::NewKey).unwrap();
    }
}

/// A program that judges whatever it gets by the certificate it was shown.
struct Judge<'b> {
    bench: &'b Bench,
    session: CK_SESSION_HANDLE,
    before: Box<dyn FnMut(u32) + 'b>,
    calls: u32,
    done: u32,
}

impl<'b> Judge<'b> {
    fn over(bench: &'b Bench, before: impl FnMut(u32) + 'b) -> Self {
        Self { bench, session: CK_INVALID_HANDLE, before: Box::new(before), calls: 0, done: 0 }
    }

    fn call<T>(&mut self, call: impl FnOnce(&Provider, CK_SESSION_HANDLE) -> Result<T, Error>) -> Option<T> {
        self.calls += 1;
        (self.before)(self.calls);
        call(&self.bench.provider, self.session).ok()
    }

    /// {list, login, sign, decrypt, derive, sign}, and how many operations gave something.
    fn run(mut self) -> (u32, u32) {
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        self.call(|provider, _| Ok(provider.slot_list(true)));
        self.session = self.call(|provider, _| provider.open_session(0, flags)).unwrap_or(CK_INVALID_HANDLE);
        self.find(&[]);
        self.call(|provider, session| provider.login(session, CKU_USER, &Input::borrowed(PIN)));
        self.sign_rsa();
        self.decrypt();
        self.derive();
        self.sign_p256();
        (self.calls, self.done)
    }

    fn find(&mut self, template: &[(CK_ATTRIBUTE_TYPE, &[u8])]) -> Vec<CK_OBJECT_HANDLE> {
        let template: Template = template.iter().map(|(kind, value)| (*kind, value.to_vec())).collect();
        self.call(|provider, session| provider.find_objects_init(session, &template));
        let found = self.call(|provider, session| provider.find_objects(session, 100));
        self.call(|provider, session| provider.find_objects_final(session));
        found.unwrap_or_default()
    }

    /// The certificate and the private key the token shows under this CKA_ID.
    fn shown(&mut self, id: u8) -> Option<(Vec<u8>, CK_OBJECT_HANDLE)> {
        let of = |class: CK_OBJECT_CLASS| class.to_ne_bytes();
        let certificate = *self.find(&[(CKA_CLASS, &of(CKO_CERTIFICATE)), (CKA_ID, &[id])]).first()?;
        let key = *self.find(&[(CKA_CLASS, &of(CKO_PRIVATE_KEY)), (CKA_ID, &[id])]).first()?;
        let object = self.call(|provider, session| provider.object(session, certificate))?;
        Some((object.attribute(CKA_VALUE).ok()?.to_vec(), key))
    }

    fn sign(&mut self, key: CK_OBJECT_HANDLE, given: &Given, data: &[u8]) -> Option<Vec<u8>> {
        self.call(|provider, session| provider.sign_init(session, Some(given), key))?;
        let mut out = Buffer::of(512);
        self.call(|provider, session| provider.sign(session, &Input::borrowed(data), &mut out))?;
        self.done += 1;
        Some(out.taken)
    }

    fn sign_rsa(&mut self) -> Option<()> {
        let (certificate, key) = self.shown(1)?;
        let signature = self.sign(key, &plain(CKM_SHA256_RSA_PKCS), TEXT)?;
        let verified =
            rsa_key(&certificate).verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(TEXT), &signature);
        verified.expect("a signature that the shown certificate does not verify");
        Some(())
    }

    fn sign_p256(&mut self) -> Option<()> {
        use p256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
        let (certificate, key) = self.shown(4)?;
        let hash = Sha256::digest(TEXT);
        let signature = self.sign(key, &plain(CKM_ECDSA), &hash)?;
        let public = VerifyingKey::from_public_key_der(&public_key(&certificate)).unwrap();
        let verified = public.verify_prehash(&hash, &Signature::from_slice(&signature).unwrap());
        verified.expect("a signature that the shown certificate does not verify");
        Some(())
    }

    fn decrypt(&mut self) -> Option<()> {
        let (certificate, key) = self.shown(3)?;
        let sealed = rsa_key(&certificate).encrypt(&mut rand_core::OsRng, Pkcs1v15Encrypt, TEXT).unwrap();
        self.call(|provider, session| provider.decrypt_init(session, Some(&plain(CKM_RSA_PKCS)), key))?;
        let mut out = Buffer::of(512);
        let decrypt =
            |provider: &Provider, session| provider.decrypt(session, &Input::borrowed(&sealed), &mut out);
        self.call(decrypt)?;
        assert_eq!(out.taken, TEXT, "a plaintext of another key");
        self.done += 1;
        Some(())
    }

    fn derive(&mut self) -> Option<()> {
        let (certificate, key) = self.shown(6)?;
        let public = p256::PublicKey::from_public_key_der(&public_key(&certificate)).unwrap();
        let mine = p256::ecdh::EphemeralSecret::random(&mut rand_core::OsRng);
        let point = p256::EncodedPoint::from(mine.public_key()).as_bytes().to_vec();
        let parameter = Parameter::Ecdh { kdf: CKD_NULL, shared: Vec::new(), point };
        let given = Given { number: CKM_ECDH1_DERIVE, parameter };
        let made = self.call(|provider, session| {
            provider.derive_key(session, Some(&given), key, &Template::default())
        })?;
        let secret = self.call(|provider, session| provider.object(session, made))?;
        // Nobody can verify a key agreement but the two who agree. Its certificate was looked at, so what may have
        // changed it since is what no look shows.
        assert_eq!(
            secret.attribute(CKA_VALUE).unwrap()[..],
            mine.diffie_hellman(&public).raw_secret_bytes()[..]
        );
        self.done += 1;
        Some(())
    }
}

fn public_key(certificate: &[u8]) -> Vec<u8> {
    let certificate = x509_cert::Certificate::from_der(certificate).unwrap();
    certificate.tbs_certificate.subject_public_key_info.to_der().unwrap()
}

fn rsa_key(certificate: &[u8]) -> RsaPublicKey {
    RsaPublicKey::from_public_key_der(&public_key(certificate)).unwrap()
}

/// The start of a hash, for people to compare.
fn fingerprint(certificate: &[u8]) -> String {
    Sha256::digest(certificate)[..4].iter().map(|byte| format!("{byte:02X}")).collect()
}

/// What a listing shows now: certificates by CKA_ID. A program that is told that its card was removed starts again.
fn listing(bench: &Bench) -> Vec<(u8, String)> {
    let start = || {
        assert_eq!(bench.provider.slot_list(true), [0]);
        let session = bench.provider.open_session(0, CKF_SERIAL_SESSION)?;
        bench.provider.find_objects_init(session, &Template::default())?;
        bench.provider.find_objects_final(session)?;
        Ok::<_, Error>(session)
    };
    let session = start().or_else(|_| start()).unwrap();
    let certificates = bench.find(session, &[(CKA_CLASS, &CKO_CERTIFICATE.to_ne_bytes())]);
    let mut shown: Vec<_> = certificates
        .into_iter()
        .map(|object| {
            let value = bench.attribute(session, object, CKA_VALUE);
            (bench.attribute(session, object, CKA_ID)[0], fingerprint(&value))
        })
        .filter(|(id, _)| *id != 5)
        .collect();
    shown.sort();
    shown
}

fn calls() -> u32 {
    let world = World::new();
    let (calls, done) = Judge::over(&world.program(), |_| ()).run();
    assert_eq!(done, 4, "two signatures, a plaintext, a secret");
    calls
}

/// Whether a look shows this change: else the use of the key does.
fn shows_by_looks(change: Change) -> bool {
    change != Change::ReplacesKeyUnderTheSameSerial
}

#[test]
fn a_change_before_any_call_never_gives_what_does_not_fit_and_is_shown_in_time() {
    let calls = calls();
    for change in CHANGES {
        for at in 1..=calls {
            let world = World::new();
            let bench = world.program();
            let happens = |call| {
                if call == at {
                    world.happens(change)
                }
            };
            Judge::over(&bench, happens).run();
            let told = format!("{change:?} before call {at}");
            world.program.clock.pass(MINUTE);
            if shows_by_looks(change) {
                assert_eq!(listing(&bench), world.there(), "{told}, a minute later");
            }
            let (_, done) = Judge::over(&bench, |_| ()).run();
            let (_, again) = Judge::over(&bench, |_| ()).run();
            // A key under the same serial number is found out by its first use, which fails.
            assert!(done >= 3 && again == 4, "{told}: {done}, then {again} of four operations");
            assert_eq!(listing(&bench), world.there(), "{told}, after use");
        }
    }
}

#[test]
fn a_change_between_two_programs_is_shown_to_both() {
    for change in CHANGES {
        for insertion in [false, true] {
            let world = World::new();
            let (first, second) = (world.program(), world.program());
            Judge::over(&first, |_| ()).run();
            Judge::over(&second, |_| ()).run();
            world.happens(change);
            let there = if change == Change::SwapsForATwin { &world.twin } else { &world.card };
            if insertion {
                there.pull();
                there.insert();
            } else {
                world.program.clock.pass(MINUTE);
            }
            for bench in [&first, &second, &world.program()] {
                if shows_by_looks(change) {
                    assert_eq!(listing(bench), world.there(), "{change:?}, insertion: {insertion}");
                }
                Judge::over(bench, |_| ()).run();
                let (_, done) = Judge::over(bench, |_| ()).run();
                assert_eq!((done, listing(bench)), (4, world.there()), "{change:?}, insertion: {insertion}");
            }
        }
    }
}

#[test]
fn a_twin_that_comes_and_goes_is_never_taken_for_the_other() {
    let world = World::new();
    let bench = world.program();
    for _ in 0..3 {
        for card in [&world.twin, &world.card] {
            world.program.readers.put(READER, card);
            assert_eq!(listing(&bench), world.there());
            assert_eq!(Judge::over(&bench, |_| ()).run().1, 4);
            assert_eq!(listing(&world.program()), world.there(), "in a new program");
        }
    }
}
