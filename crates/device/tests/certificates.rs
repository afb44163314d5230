//! Certificates of a device: what is shown and exported of any, and what is made, brought and taken away.

use std::{sync::Arc, time::SystemTime};

use crescendo_device::{
    Algorithm, Authority, Device, Devices, Error, Format, KeyReference, ManagementKey, Pin, PrivateKey,
    Rights, Subject,
};
use piv::Environment;
use sim::{Faults, Personality, Profile, SimCard, SimClock, SimReaders, SimStore, What, fixture};

const AUTHENTICATION: KeyReference = KeyReference::PIV_AUTHENTICATION;
const EDWARDS: &[u8] = include_bytes!("files/ed25519.der");

fn one(personality: Personality) -> (SimCard, Device) {
    let card = SimCard::new(personality);
    let readers = SimReaders::with("HID Crescendo Key 00 00", &card);
    let environment = Environment::new(Arc::new(SimStore::default()), Arc::new(SimClock::default()));
    (card, Devices::new(Arc::new(readers), environment).select(None).unwrap())
}

/// A certificate container.
fn container(der: &[u8]) -> Vec<u8> {
    let mut content = vec![0x70, 0x82];
    content.extend((der.len() as u16).to_be_bytes());
    content.extend(der);
    content.extend([0x71, 0x01, 0x00, 0xFE, 0x00]);
    let mut object = vec![0x53, 0x82];
    object.extend((content.len() as u16).to_be_bytes());
    object.extend(content);
    object
}

#[test]
fn a_certificate_for_a_kind_of_key_that_piv_does_not_have_is_exported_and_shown_all_the_same() {
    let (card, mut device) = one(Personality::piv());
    card.set_object(0x5F_C105, Some(container(EDWARDS)));
    assert_eq!(device.export(AUTHENTICATION, Format::Der).unwrap(), EDWARDS);
    assert!(
        device.export(AUTHENTICATION, Format::Pem).unwrap().starts_with(b"-----BEGIN CERTIFICATE-----\n")
    );
    let shown = device.certificates(SystemTime::now()).unwrap().remove(0).certificate.unwrap();
    assert_eq!((&shown.subject[..], &shown.algorithm[..]), ("CN=Edwards Curve,O=Example", "Ed25519"));
    assert_eq!(&shown.der[..], EDWARDS);
}

/// A card, what administers it, and a machine that remembers it.
struct Scene {
    card: SimCard,
    devices: Devices,
    key: Option<ManagementKey>,
    pin: Pin,
}

impl Scene {
    fn new(personality: Personality) -> Self {
        let standard = matches!(personality.profile, Profile::Piv | Profile::PivExtended);
        let key = "010203040506070801020304050607080102030405060708";
        let key = standard.then(|| ManagementKey::from_hex(key).unwrap());
        let card = SimCard::new(personality);
        let readers = SimReaders::with("HID Crescendo Key 00 00", &card);
        let environment = Environment::new(Arc::new(SimStore::default()), Arc::new(SimClock::default()));
        let devices = Devices::new(Arc::new(readers), environment);
        Self { card, devices, key, pin: Pin::new(b"123456").unwrap() }
    }

    fn device(&self) -> Device {
        self.devices.select(None).unwrap()
    }

    fn rights(&self) -> Rights<'_> {
        let authority = self.key.as_ref().map_or(Authority::Pin(&self.pin), Authority::ManagementKey);
        Rights { authority: Some(authority), pin: Some(&self.pin) }
    }

    /// A new key, and a certificate that it signs itself.
    fn renew(&self, device: &mut Device) -> Result<(), Error> {
        let public = device.generate(&self.rights(), AUTHENTICATION, Algorithm::EccP256)?;
        self.self_sign(device, &public)
    }

    fn self_sign(&self, device: &mut Device, public: &crescendo_device::PublicKey) -> Result<(), Error> {
        let subject = Subject::new("CN=Ada").unwrap();
        let now = SystemTime::now();
        device.self_sign(&self.rights(), AUTHENTICATION, public, &subject, now, 30).map(drop)
    }

    /// What is on the card is what is shown, by a program that begins now.
    fn shown(&self) -> Option<Vec<u8>> {
        let shown = self.device().export(AUTHENTICATION, Format::Der).ok();
        let stored = self.card.object(0x5F_C105).filter(|object| object.len() > 2);
        assert_eq!(shown.is_some(), stored.is_some());
        if let (Some(shown), Some(stored)) = (&shown, &stored) {
            assert!(stored.windows(shown.len()).any(|part| part == shown));
        }
        shown
    }
}

fn all() -> [Personality; 4] {
    [Personality::key_v3(), Personality::c2300(), Personality::piv(), Personality::piv_extended()]
}

#[test]
fn pulled_anywhere_between_key_and_certificate_the_next_command_goes_on() {
    for what in [What::Pull, What::LoseAnswer, What::Reset] {
        for personality in all() {
            for step in 1.. {
                assert!(step < 80, "it ends");
                let scene = Scene::new(personality.clone());
                let mut device = scene.device();
                device.load();
                scene.card.set_faults(Faults::at(step, what.clone()));
                scene.card.zero();
                let done = scene.renew(&mut device);
                let apdus = scene.card.counts().apdus;
                scene.card.set_faults(Faults::none());
                scene.card.insert();
                assert!(
                    scene.card.tries().pin >= 3 && !scene.card.verified(),
                    "nothing is spent, nobody is logged in"
                );
                go_on(&scene, done.is_ok());
                if done.is_ok() && u64::from(step) > apdus {
                    break;
                }
            }
        }
    }
}

/// There is either a certificate that fits its key, or a key that can be certified as it is.
fn go_on(scene: &Scene, done: bool) {
    let mut device = scene.device();
    match scene.shown() {
        Some(der) => {
            let public = piv::Certificate::parse(&der).unwrap().key;
            let request = device.request(
                AUTHENTICATION,
                &public,
                &Subject::new("CN=Ada").unwrap(),
                Some(&scene.pin),
                Format::Der,
            );
            assert!(request.is_ok(), "{request:?}");
        }
        None => {
            assert!(!done);
            let told = scene.key.is_none() || device.losses(AUTHENTICATION).unwrap().key.is_some();
            let bare = device.bare_keys().unwrap();
            assert_eq!(bare.iter().any(|bare| bare.key == AUTHENTICATION), told, "{bare:?}");
            let public = device.public_key(AUTHENTICATION, Some(&scene.pin)).unwrap();
            scene.self_sign(&mut device, &public).unwrap();
            assert!(scene.shown().is_some());
        }
    }
    scene.renew(&mut device).unwrap();
}

#[test]
fn pulled_anywhere_while_a_key_is_brought_it_is_brought_by_the_next_command() {
    let brought = fixture::named("9d-new-key").unwrap();
    let private = PrivateKey::from_der(brought.key).unwrap();
    for what in [What::Pull, What::LoseAnswer, What::Reset] {
        for personality in [Personality::key_v3(), Personality::c2300(), Personality::piv_extended()] {
            for step in 1.. {
                assert!(step < 80, "it ends");
                let scene = Scene::new(personality.clone());
                let mut device = scene.device();
                device.load();
                scene.card.set_faults(Faults::at(step, what.clone()));
                scene.card.zero();
                let bring = |device: &mut Device| {
                    let certificate = Some(brought.certificate);
                    device.import_key(&scene.rights(), AUTHENTICATION, &private, certificate, true)
                };
                let done = bring(&mut device);
                let apdus = scene.card.counts().apdus;
                scene.card.set_faults(Faults::none());
                scene.card.insert();
                assert!(scene.card.tries().pin >= 3 && !scene.card.verified());
                if let Some(der) = scene.shown() {
                    let mut device = scene.device();
                    let public = piv::Certificate::parse(&der).unwrap().key;
                    let subject = Subject::new("CN=Ada").unwrap();
                    let fits =
                        device.request(AUTHENTICATION, &public, &subject, Some(&scene.pin), Format::Der);
                    assert!(fits.is_ok(), "no certificate belongs to another key: {fits:?}");
                }
                bring(&mut scene.device()).unwrap();
                assert_eq!(scene.shown().as_deref(), Some(brought.certificate));
                if done.is_ok() && u64::from(step) > apdus {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_key_that_signs_nothing_is_told_from_one_that_is_not_there() {
    let scene = Scene::new(Personality::piv());
    let mut device = scene.device();
    let key = KeyReference::KEY_MANAGEMENT;
    let public = device.generate(&scene.rights(), key, Algorithm::EccP256).unwrap();
    let subject = Subject::new("CN=Ada").unwrap();
    let refused = device.request(key, &public, &subject, Some(&scene.pin), Format::Der);
    assert!(matches!(refused, Err(Error::SignsNothing(_))), "{refused:?}");
    let crescendo = Scene::new(Personality::key_v3());
    let mut other = crescendo.device();
    other.generate(&crescendo.rights(), key, Algorithm::EccP256).unwrap();
    let untold = other.public_key(key, Some(&crescendo.pin));
    assert!(matches!(untold, Err(Error::SignsNothing(_))), "{untold:?}");
    let none = other.public_key(KeyReference::retired(1).unwrap(), Some(&crescendo.pin));
    assert!(matches!(none, Err(Error::NoKey(_))), "{none:?}");
    let der = fixture::named("9d").unwrap().certificate;
    let refused = device.import_certificate(&scene.rights(), key, der);
    assert!(matches!(refused, Err(Error::NotItsCertificate(_))), "{refused:?}");
}
