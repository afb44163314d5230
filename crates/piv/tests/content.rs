//! Changing what is on a card: keys made and brought, certificates written, all of it taken away; what is remembered of it here
//! and in other processes, and what an interruption leaves.

mod lab;

use std::time::Duration;

use lab::{Lab, pin, sign};
use piv::{
    Algorithm, Authority, Error, KeyReference, ManagementKey, ObjectId, Pin, PrivateKey, Token, XauthKey,
};
use sim::{Faults, Personality, What, fixture};

const AUTHENTICATION: KeyReference = KeyReference::PIV_AUTHENTICATION;
const SIGNATURE: KeyReference = KeyReference::DIGITAL_SIGNATURE;
const MANAGEMENT: KeyReference = KeyReference::KEY_MANAGEMENT;
const BY_DEFAULT: &str = "010203040506070801020304050607080102030405060708";

/// A card, and what opens its administration.
struct Scene {
    lab: Lab,
    key: Option<ManagementKey>,
    pin: Pin,
}

impl Scene {
    fn new(personality: Personality) -> Self {
        let standard = matches!(personality.profile, sim::Profile::Piv | sim::Profile::PivExtended);
        let key = standard.then(|| ManagementKey::from_hex(BY_DEFAULT).unwrap());
        Self { lab: Lab::new(personality), key, pin: pin("123456") }
    }

    fn all() -> Vec<Self> {
        [Personality::key_v3(), Personality::c2300(), Personality::piv(), Personality::piv_extended()]
            .map(Self::new)
            .into()
    }

    fn authority(&self) -> Authority<'_> {
        self.key.as_ref().map_or(Authority::Pin(&self.pin), Authority::ManagementKey)
    }

    fn name(&self) -> String {
        format!("{:?}", self.lab.token().family())
    }
}

fn der(name: &str) -> &'static [u8] {
    fixture::named(name).unwrap().certificate
}

fn private(name: &str) -> PrivateKey {
    PrivateKey::from_der(fixture::named(name).unwrap().key).unwrap()
}

fn subject(token: &mut Token, key: KeyReference) -> Option<Vec<u8>> {
    token.certificate(key).unwrap().map(|certificate| certificate.der.to_vec())
}

#[test]
fn a_key_is_made_and_proves_itself_on_every_card() {
    for scene in Scene::all() {
        let mut token = scene.lab.token();
        for (key, algorithm, input) in [
            (AUTHENTICATION, Algorithm::EccP256, 32),
            (SIGNATURE, Algorithm::EccP384, 48),
            (MANAGEMENT, Algorithm::Rsa2048, 256),
        ] {
            let public = token.generate(&scene.authority(), key, algorithm).unwrap();
            assert_eq!(public.algorithm(), algorithm, "{}", scene.name());
            assert_eq!(subject(&mut token, key), None, "no certificate outlives its key");
            let input = vec![1; input];
            assert!(token.prove(key, &public, &input, Some(&scene.pin)).is_ok());
            assert!(token.holds(key, &public, Some(&scene.pin)).unwrap());
            let other = match algorithm {
                Algorithm::EccP256 => "9a-p-256",
                Algorithm::EccP384 => "9c-p-384",
                _ => "9c-rsa-3072",
            };
            let other = piv::Certificate::parse(der(other)).unwrap().key;
            assert!(!token.holds(key, &other, Some(&scene.pin)).unwrap());
            assert!(!scene.lab.card.verified(), "the PIN is as it was");
        }
        assert_eq!(scene.lab.card.tries().pin, scene.lab.card.tries().pin.max(3), "none was lost");
    }
}

#[test]
fn a_key_that_only_agrees_is_known_by_agreeing() {
    let scene = Scene::new(Personality::piv());
    let mut token = scene.lab.token();
    for algorithm in [Algorithm::EccP256, Algorithm::EccP384] {
        let first = token.generate(&scene.authority(), MANAGEMENT, algorithm).unwrap();
        let signed = token.prove(MANAGEMENT, &first, &vec![1; algorithm.field_length()], Some(&scene.pin));
        assert!(matches!(signed, Err(Error::Refused { .. })), "{signed:?}");
        assert!(token.holds(MANAGEMENT, &first, Some(&scene.pin)).unwrap());
        let second = token.generate(&scene.authority(), MANAGEMENT, algorithm).unwrap();
        assert!(token.holds(MANAGEMENT, &second, Some(&scene.pin)).unwrap());
        assert!(!token.holds(MANAGEMENT, &first, Some(&scene.pin)).unwrap(), "it is another one now");
    }
}

#[test]
fn a_written_certificate_is_shown_at_once_here_and_at_the_next_look_elsewhere() {
    for scene in Scene::all() {
        let lab = &scene.lab;
        let (mut ours, mut other) = (lab.token(), lab.token());
        let before = subject(&mut other, AUTHENTICATION).unwrap();
        assert_eq!(subject(&mut ours, AUTHENTICATION), Some(before.clone()));
        let new = der("9a-new-key");
        assert_ne!(before, new);
        ours.write_certificate(&scene.authority(), AUTHENTICATION, Some(new)).unwrap();
        assert_eq!(lab.apdus(|| subject(&mut ours, AUTHENTICATION)), (0, Some(new.to_vec())));
        assert_eq!(subject(&mut lab.token(), AUTHENTICATION), Some(new.to_vec()), "a process that begins");
        lab.clock.pass(Duration::from_secs(60));
        let (apdus, looked) = lab.apdus(|| {
            other.look().unwrap();
            subject(&mut other, AUTHENTICATION)
        });
        assert_eq!(looked, Some(new.to_vec()), "{}", scene.name());
        assert!(apdus > 0, "its other certificates were due");
    }
}

#[test]
fn another_process_never_signs_for_a_certificate_that_is_gone() {
    for scene in Scene::all() {
        let mut other = scene.lab.user();
        sign(&mut other, AUTHENTICATION, &[1; 256], None).unwrap();
        let mut ours = scene.lab.token();
        ours.generate(&scene.authority(), AUTHENTICATION, Algorithm::Rsa2048).unwrap();
        let stale = sign(&mut other, AUTHENTICATION, &[1; 256], None);
        assert!(matches!(stale, Err(Error::KeyChanged(_) | Error::NotLoggedIn)), "{stale:?}");
    }
}

#[test]
fn what_was_written_is_forgotten_and_nothing_else() {
    let scene = Scene::new(Personality::key_v3());
    let mut token = scene.lab.token();
    token.read_certificates(&KeyReference::CURRENT).unwrap();
    token.write_certificate(&scene.authority(), AUTHENTICATION, Some(der("9a-same-key"))).unwrap();
    let (apdus, ()) = scene.lab.apdus(|| token.read_certificates(&KeyReference::CURRENT).unwrap());
    assert_eq!(apdus, 0, "the other three are known, and the new one was read back");
}

#[test]
fn a_certificate_is_taken_away() {
    for scene in Scene::all() {
        let mut token = scene.lab.token();
        token.write_certificate(&scene.authority(), SIGNATURE, None).unwrap();
        assert_eq!(subject(&mut token, SIGNATURE), None);
        assert_eq!(subject(&mut scene.lab.token(), SIGNATURE), None);
        assert!(subject(&mut token, AUTHENTICATION).is_some());
    }
}

#[test]
fn the_right_is_wanted_and_told_by_name() {
    let plain = Scene::new(Personality::piv());
    let by_pin = plain.lab.token().generate(&Authority::Pin(&plain.pin), AUTHENTICATION, Algorithm::EccP256);
    assert!(matches!(by_pin, Err(Error::ManagementKeyNeeded)), "{by_pin:?}");
    assert!(subject(&mut plain.lab.token(), AUTHENTICATION).is_some(), "nothing was lost");
    let wrong = ManagementKey::new(&[9; 24]).unwrap();
    let by_other =
        plain.lab.token().generate(&Authority::ManagementKey(&wrong), AUTHENTICATION, Algorithm::EccP256);
    assert!(matches!(by_other, Err(Error::WrongKey)), "{by_other:?}");

    let managed = Scene::new(Personality { managed: true, ..Personality::key_v3() });
    let refused = managed.lab.token().generate(&managed.authority(), AUTHENTICATION, Algorithm::EccP256);
    assert!(matches!(refused, Err(Error::Managed)), "{refused:?}");
    assert!(subject(&mut managed.lab.token(), AUTHENTICATION).is_some());
}

#[test]
fn the_administration_key_of_a_crescendo_opens_keys_and_certificates_too() {
    let scene = Scene::new(Personality::key_v3());
    let key = XauthKey::new(&[0; 24]).unwrap();
    let mut token = scene.lab.token();
    let public = token.generate(&Authority::Xauth(&key), AUTHENTICATION, Algorithm::EccP256).unwrap();
    assert!(token.holds(AUTHENTICATION, &public, Some(&scene.pin)).unwrap());
    token.write_certificate(&Authority::Xauth(&key), AUTHENTICATION, Some(der("9a"))).unwrap();
    assert_eq!(scene.lab.card.card_rights(), (false, false), "the right is gone with the transaction");
}

#[test]
fn a_kind_of_key_that_the_card_does_not_make_costs_nothing() {
    for (personality, algorithm) in [
        (Personality::c2300(), Algorithm::Rsa4096),
        (Personality::key_v3(), Algorithm::Rsa1024),
        (Personality::piv(), Algorithm::Rsa4096),
    ] {
        let scene = Scene::new(personality);
        let refused = scene.lab.token().generate(&scene.authority(), AUTHENTICATION, algorithm);
        assert!(matches!(refused, Err(Error::NoSuchKind(..))), "{refused:?}");
        let mut token = scene.lab.token();
        assert!(subject(&mut token, AUTHENTICATION).is_some(), "the certificate is back");
        let mut user = scene.lab.user();
        assert!(sign(&mut user, AUTHENTICATION, &[1; 256], None).is_ok(), "and fits its key");
    }
}

#[test]
fn a_certificate_that_does_not_fit_is_compressed() {
    let scene = Scene::new(Personality::c2300());
    let mut token = scene.lab.token();
    // Longer than the container, and easily made shorter.
    let long = long_certificate(der("9a"), 2500);
    token.write_certificate(&scene.authority(), AUTHENTICATION, Some(&long)).unwrap();
    let stored = scene.lab.card.object(0x5F_C105).unwrap();
    assert!(stored.len() <= 1909 && stored.windows(5).any(|window| window == [0x71, 0x01, 0x01, 0xFE, 0x00]));
    assert_eq!(token.certificate_der(AUTHENTICATION).unwrap().unwrap(), long);
    let mut seed = 1u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    let random: Vec<u8> = (0..3000).map(|_| noise()).collect();
    let refused = token.write_certificate(&scene.authority(), AUTHENTICATION, Some(&random));
    assert!(matches!(refused, Err(Error::NoRoom)), "{refused:?}");
}

/// A certificate with so many zeros behind its signature: what a card keeps, it does not read.
fn long_certificate(der: &[u8], length: usize) -> Vec<u8> {
    let mut long = vec![0x30, 0x82];
    long.extend(((length - 4) as u16).to_be_bytes());
    long.extend(&der[4..]);
    long.resize(length, 0);
    long
}

#[test]
fn a_retired_certificate_is_counted_in_key_history() {
    for personality in [Personality::piv(), Personality::key_v3(), Personality::c2300()] {
        let scene = Scene::new(personality);
        let second = KeyReference::retired(2).unwrap();
        let mut token = scene.lab.token();
        token.write_certificate(&scene.authority(), second, Some(der("9d"))).unwrap();
        assert_eq!(token.state().unwrap().history.unwrap().on_card, 2);
        assert!(token.keys().contains(&second));
        assert!(scene.lab.token().certificate(second).unwrap().is_some());
        let (apdus, ()) = scene.lab.apdus(|| {
            token
                .write_certificate(&scene.authority(), KeyReference::retired(1).unwrap(), Some(der("9d")))
                .unwrap();
        });
        assert_eq!(token.state().unwrap().history.unwrap().on_card, 2, "{apdus}");
    }
}

#[test]
fn keys_come_from_elsewhere_where_the_card_takes_them() {
    for (personality, unconfirmed) in
        [(Personality::c2300(), false), (Personality::key_v3(), true), (Personality::piv_extended(), false)]
    {
        let scene = Scene::new(personality);
        let mut token = scene.lab.token();
        for (key, name) in [(MANAGEMENT, "9d-new-key"), (AUTHENTICATION, "9a-p-256"), (SIGNATURE, "9c-p-384")]
        {
            let private = private(name);
            token.import_key(&scene.authority(), key, &private, unconfirmed).unwrap();
            assert!(token.holds(key, private.public(), Some(&scene.pin)).unwrap(), "{name} {}", scene.name());
            assert_eq!(subject(&mut token, key), None);
            token.write_certificate(&scene.authority(), key, Some(der(name))).unwrap();
        }
        let mut user = scene.lab.user();
        assert!(sign(&mut user, AUTHENTICATION, &[1; 32], None).is_ok());
    }
}

#[test]
fn long_rsa_keys_come_in_several_parts() {
    let scene = Scene::new(Personality::key_v3());
    for name in ["9c-rsa-3072", "9c-rsa-4096"] {
        let private = private(name);
        let mut token = scene.lab.token();
        token.import_key(&scene.authority(), MANAGEMENT, &private, true).unwrap();
        assert!(token.holds(MANAGEMENT, private.public(), Some(&scene.pin)).unwrap(), "{name}");
    }
}

#[test]
fn commands_that_nobody_has_published_take_permission() {
    let scene = Scene::new(Personality::key_v3());
    let mut token = scene.lab.token();
    let refused = token.import_key(&scene.authority(), MANAGEMENT, &private("9d"), false);
    assert!(matches!(refused, Err(Error::Unconfirmed(_))), "{refused:?}");
    let refused = token.delete_key(&scene.authority(), MANAGEMENT, false);
    assert!(matches!(refused, Err(Error::Unconfirmed(_))), "{refused:?}");
    assert!(subject(&mut token, MANAGEMENT).is_some(), "the certificate is there as before");
    assert!(!scene.lab.card.has_seen(&[0x80, 0xD8, 0x87, 0x9D]), "and none was sent");

    let plain = Scene::new(Personality::piv());
    let mut token = plain.lab.token();
    let refused = token.import_key(&plain.authority(), MANAGEMENT, &private("9d"), true);
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
    assert!(
        !plain.lab.card.has_seen(&[0x00, 0xFE, 0x07, 0x9D]),
        "a card is asked whether it knows the extensions"
    );
    assert!(subject(&mut token, MANAGEMENT).is_some());
}

#[test]
fn keys_are_deleted() {
    for personality in [Personality::c2300(), Personality::key_v3(), Personality::piv_extended()] {
        let scene = Scene::new(personality);
        let mut token = scene.lab.token();
        let public = token.certificate(AUTHENTICATION).unwrap().unwrap().key.clone();
        token.delete_key(&scene.authority(), AUTHENTICATION, true).unwrap();
        assert!(!scene.lab.card.keys().contains(&0x9A), "{}", scene.name());
        assert!(!token.holds(AUTHENTICATION, &public, Some(&scene.pin)).unwrap());
        assert_eq!(subject(&mut token, AUTHENTICATION), None);
    }
}

#[test]
fn the_public_half_of_a_key_without_a_certificate_is_found_out_by_using_it() {
    for scene in Scene::all() {
        let mut token = scene.lab.token();
        for (key, algorithm) in [
            (AUTHENTICATION, Algorithm::EccP256),
            (SIGNATURE, Algorithm::EccP384),
            (MANAGEMENT, Algorithm::Rsa2048),
        ] {
            let public = token.generate(&scene.authority(), key, algorithm).unwrap();
            assert_eq!(
                token.recover(key, Some(&scene.pin)).unwrap(),
                Some(public),
                "{algorithm} {}",
                scene.name()
            );
        }
    }
    let empty = Scene::new(Personality::key_v3().as_delivered());
    assert_eq!(empty.lab.token().recover(AUTHENTICATION, Some(&pin("000000"))).unwrap(), None);
}

#[test]
fn a_card_pulled_at_any_apdu_of_making_a_key_has_a_key_and_no_foreign_certificate() {
    for what in [What::Pull, What::LoseAnswer, What::Reset] {
        for personality in [Personality::key_v3(), Personality::piv()] {
            for steps in 1.. {
                assert!(steps < 60, "it ends");
                let scene = Scene::new(personality.clone());
                let lab = &scene.lab;
                let tries = lab.card.tries().pin;
                let mut token = lab.token();
                token.read_certificates(&KeyReference::CURRENT).unwrap();
                lab.card.set_faults(Faults::at(steps, what.clone()));
                let made =
                    token.generate(&scene.authority(), AUTHENTICATION, Algorithm::EccP256).and_then(|_| {
                        token.write_certificate(&scene.authority(), AUTHENTICATION, Some(der("9a-p-256")))
                    });
                lab.card.set_faults(Faults::none());
                lab.card.insert();
                assert_eq!(lab.card.tries().pin, tries, "no try is spent");
                check_after(&scene, made.is_ok());
                if made.is_ok() && steps > 14 {
                    break;
                }
            }
        }
    }
}

/// Whatever is on the card, it is shown as it is, and the same again comes to its end.
fn check_after(scene: &Scene, done: bool) {
    let mut token = scene.lab.token();
    let shown = token.certificate_der(AUTHENTICATION).unwrap();
    let stored = scene.lab.card.object(0x5F_C105).filter(|object| object.len() > 2);
    assert_eq!(shown.is_some(), stored.is_some());
    if let (Some(shown), Some(stored)) = (&shown, &stored) {
        assert!(stored.windows(shown.len()).any(|window| window == shown));
    }
    assert!(!done || shown.is_some());
    if shown.is_some() && !done {
        let public = token.certificate(AUTHENTICATION).unwrap().unwrap().key.clone();
        let written = shown.as_deref() == Some(der("9a-p-256"));
        assert!(
            written || token.holds(AUTHENTICATION, &public, Some(&scene.pin)).unwrap(),
            "it fits its key"
        );
    }
    let public = token.generate(&scene.authority(), AUTHENTICATION, Algorithm::EccP256).unwrap();
    assert!(token.holds(AUTHENTICATION, &public, Some(&scene.pin)).unwrap());
}

#[test]
fn a_new_chuid_makes_another_card_of_it() {
    let scene = Scene::new(Personality::piv());
    let mut token = scene.lab.token();
    let old = token.state().unwrap().identity.clone().unwrap().guid().unwrap();
    let mut content = token.object(ObjectId::CHUID).unwrap().unwrap().to_vec();
    let at = content.windows(16).position(|window| window == old).unwrap();
    content[at] ^= 0x55;
    token.write_object(&scene.authority(), ObjectId::CHUID, &content).unwrap();
    let new = token.state().unwrap().identity.clone().unwrap().guid().unwrap();
    assert_ne!(old, new);
    assert!(token.certificate(AUTHENTICATION).unwrap().is_some());
}
