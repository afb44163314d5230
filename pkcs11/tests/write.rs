//! Writing: keys made and brought, certificates stored, both destroyed; what every session and every other program sees of it,
//! and what an interruption leaves.

mod common;

use common::{Bench, PIN, plain, writing::*};
use crescendo_pkcs11::{Function, Settings, rv};
use cryptoki_sys::*;
use sim::{Faults, Personality, SimCard, What, fixture};

#[test]
fn a_key_is_made_used_given_a_certificate_and_used_again() {
    for personality in everywhere() {
        let (bench, session) = writer(personality);
        let tries = bench.card.tries().pin;
        let old = bench.object(session, CKO_CERTIFICATE, 1);
        let [public, private] = make(&bench, session, 1).unwrap();
        assert!(bench.provider.object(session, old).is_err(), "the certificate of the old key is gone");
        assert_eq!((count(&bench, session, CKO_CERTIFICATE, 1), stored(&bench.card)), (0, None));
        assert_eq!(bench.object(session, CKO_PUBLIC_KEY, 1), public);
        assert_eq!(bench.object(session, CKO_PRIVATE_KEY, 1), private);
        for kind in [CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_SIGN, CKA_PRIVATE] {
            assert_eq!(bench.attribute(session, private, kind), [CK_TRUE]);
        }
        let signature = bench.sign(session, &plain(CKM_ECDSA), private, &[7; 32]).unwrap();
        assert!(bench.verify_p256(session, 1, &[7; 32], &signature));

        let certificate = certificate_of(&bench, session, public);
        let made = store(&bench, session, &[1], &certificate).unwrap();
        assert_eq!(bench.object(session, CKO_CERTIFICATE, 1), made);
        assert_eq!(bench.attribute(session, made, CKA_VALUE), certificate);
        assert!(stored(&bench.card).unwrap().windows(certificate.len()).any(|part| part == certificate));
        let private = bench.object(session, CKO_PRIVATE_KEY, 1);
        let signature = bench.sign(session, &plain(CKM_ECDSA), private, &[8; 32]).unwrap();
        assert!(bench.verify_p256(session, 1, &[8; 32], &signature));

        // Another program of this user, which knew the old one from its cache.
        let other = bench.another();
        let theirs = other.open();
        let shown = other.object(theirs, CKO_CERTIFICATE, 1);
        assert_eq!(other.attribute(theirs, shown, CKA_VALUE), certificate);

        assert_eq!(destroy(&bench, session, bench.object(session, CKO_CERTIFICATE, 1)), CKR_OK);
        assert_eq!((count(&bench, session, CKO_CERTIFICATE, 1), stored(&bench.card)), (0, None));
        assert_eq!(count(&bench, session, CKO_PRIVATE_KEY, 1), 1, "the key is still there");
        assert_eq!(bench.card.tries().pin, tries);
    }
}

#[test]
fn what_writing_costs() {
    for (personality, key, certificate) in
        [(Personality::key_v3(), 9, 18), (Personality::c2300(), 9, 19), (Personality::piv(), 10, 19)]
    {
        let (bench, session) = writer(personality);
        bench.object(session, CKO_CERTIFICATE, 1);
        bench.apdus();
        let [public, _] = make(&bench, session, 1).unwrap();
        assert_eq!(bench.apdus(), key);
        let der = certificate_of(&bench, session, public);
        store(&bench, session, &[1], &der).unwrap();
        assert_eq!(bench.apdus(), certificate);
    }
}

#[test]
fn keys_of_every_kind_are_made_where_the_token_has_them() {
    for (personality, largest) in
        [(Personality::key_v3(), 4096), (Personality::c2300(), 2048), (Personality::piv_extended(), 4096)]
    {
        let (bench, session) = writer(personality);
        let info = bench.provider.mechanism_info(0, CKM_RSA_PKCS_KEY_PAIR_GEN).unwrap();
        assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), (2048, largest));
        assert_eq!(info.flags, CKF_GENERATE_KEY_PAIR | CKF_HW);
        let private = template(&[(CKA_TOKEN, &[CK_TRUE]), (CKA_ID, &[3])]);
        for bits in [2048, 3072, 4096] {
            let public = template(&[(CKA_MODULUS_BITS, &CK_ULONG::to_ne_bytes(bits))]);
            let given = plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
            let made = bench.provider.generate_key_pair(session, Some(&given), &public, &private);
            if bits > largest {
                assert_eq!(code(Function::GenerateKeyPair, made), CKR_ATTRIBUTE_VALUE_INVALID);
                continue;
            }
            let [public, _] = made.unwrap();
            assert_eq!(bench.attribute(session, public, CKA_MODULUS_BITS), CK_ULONG::to_ne_bytes(bits));
        }
        let public = template(&[(CKA_EC_PARAMS, P384)]);
        let given = plain(CKM_EC_KEY_PAIR_GEN);
        let made = bench.provider.generate_key_pair(session, Some(&given), &public, &private);
        assert_eq!(bench.attribute(session, made.unwrap()[0], CKA_EC_PARAMS), P384);
    }
}

#[test]
fn a_certificate_of_another_key_is_refused() {
    for personality in everywhere() {
        let (bench, session) = writer(personality);
        let before = stored(&bench.card);
        let der = fixture::named("9d").unwrap().certificate;
        let put = store(&bench, session, &[1], der);
        assert_eq!(code(Function::CreateObject, put), CKR_TEMPLATE_INCONSISTENT);
        assert_eq!(stored(&bench.card), before);
        make(&bench, session, 1).unwrap();
        let put = store(&bench, session, &[1], fixture::named("9a").unwrap().certificate);
        assert_eq!(code(Function::CreateObject, put), CKR_TEMPLATE_INCONSISTENT);
        assert_eq!(stored(&bench.card), None);
    }
}

/// NSS numbers keys by a hash of the public key, Java by the alias: the card knows neither.
#[test]
fn a_certificate_finds_its_key() {
    let (bench, session) = writer(Personality::key_v3());
    let [public, private] = make(&bench, session, 1).unwrap();
    let id = b"twenty bytes of hash";
    for object in [public, private] {
        bench.provider.set_attribute_value(session, object, &template(&[(CKA_ID, id)])).unwrap();
        assert_eq!(bench.attribute(session, object, CKA_ID), id);
    }
    assert_eq!(bench.find(session, &[(CKA_ID, id)]).len(), 2);
    let certificate = certificate_of(&bench, session, public);
    let made = store(&bench, session, id, &certificate).unwrap();
    assert_eq!(bench.attribute(session, made, CKA_ID), [1]);
    // In the next program nobody knows the number, and the key itself tells.
    assert_eq!(destroy(&bench, session, made), CKR_OK);
    bench.provider.close_session(session).unwrap();
    let other = bench.another();
    let theirs = other.login();
    let made = store(&other, theirs, id, &certificate).unwrap();
    assert_eq!(other.attribute(theirs, made, CKA_ID), [1]);
    let lost = store(&other, theirs, id, &certificate_of_nobody());
    assert_eq!(code(Function::CreateObject, lost), CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn a_program_that_names_no_key_gets_a_free_one_or_the_one_its_user_has_set() {
    // A token that tells what is free.
    let bench = Bench::new(Personality::blank_key_v3());
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_USER, b"000000"), CKR_OK);
    let [public, _] = make_with(&bench, session, &[]).unwrap();
    assert_eq!(bench.attribute(session, public, CKA_ID), [1]);
    let [public, _] = make_with(&bench, session, &[(CKA_SIGN, &[0]), (CKA_DECRYPT, &[1])]).unwrap();
    assert_eq!(bench.attribute(session, public, CKA_ID), [3]);
    let [public, _] = make_with(&bench, session, &[(CKA_ID, b"mine")]).unwrap();
    assert_eq!(bench.attribute(session, public, CKA_ID), b"mine");
    assert_eq!(bench.attribute(session, public, CKA_LABEL), b"SIGN pubkey");
    // One that does not.
    let (bench, session) = writer(Personality::piv());
    assert_eq!(code(Function::GenerateKeyPair, make_with(&bench, session, &[])), CKR_TEMPLATE_INCOMPLETE);
    let settings = Settings { new_key: piv::KeyReference::from_number(0x9D), ..Settings::default() };
    let bench = Bench::with_settings(SimCard::new(Personality::piv()), settings);
    let session = bench.open();
    assert_eq!(login(&bench, session, CKU_USER, &[PIN, b":", KEY].concat()), CKR_OK);
    let [public, _] = make_with(&bench, session, &[]).unwrap();
    assert_eq!(bench.attribute(session, public, CKA_ID), [3]);
}

#[test]
fn a_private_key_is_brought_where_that_is_published() {
    for personality in [Personality::c2300(), Personality::piv_extended()] {
        let (bench, session) = writer(personality);
        let private = bring(&bench, session, 1).unwrap();
        assert_eq!(bench.attribute(session, private, CKA_LOCAL), [CK_FALSE]);
        let signature = bench.sign(session, &plain(CKM_ECDSA), private, &[7; 32]).unwrap();
        assert!(bench.verify_p256(session, 1, &[7; 32], &signature));
        assert_eq!(stored(&bench.card), None, "the certificate of the old key is gone");
    }
    for personality in [Personality::key_v3(), Personality::piv()] {
        let (bench, session) = writer(personality);
        bench.apdus();
        let brought = bring(&bench, session, 1);
        assert_eq!(bench.apdus(), 2, "SELECT, and GET VERSION or VERIFY without a PIN");
        assert_eq!(code(Function::CreateObject, brought), CKR_FUNCTION_NOT_SUPPORTED);
        assert!(stored(&bench.card).is_some());
        assert_eq!(count(&bench, session, CKO_CERTIFICATE, 1), 1);
    }
    let settings = Settings { unconfirmed: true, ..Settings::default() };
    let bench = Bench::with_settings(SimCard::new(Personality::key_v3()), settings);
    let session = bench.login();
    bring(&bench, session, 1).unwrap();
}

#[test]
fn a_private_key_is_destroyed_where_that_is_published() {
    let (bench, session) = writer(Personality::piv_extended());
    assert_eq!(destroy(&bench, session, bench.object(session, CKO_PRIVATE_KEY, 1)), CKR_OK);
    for class in [CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE] {
        assert_eq!(count(&bench, session, class, 1), 0);
    }
    for personality in [Personality::key_v3(), Personality::c2300(), Personality::piv()] {
        let (bench, session) = writer(personality);
        let private = bench.object(session, CKO_PRIVATE_KEY, 1);
        bench.apdus();
        assert_eq!(destroy(&bench, session, private), CKR_ACTION_PROHIBITED);
        assert_eq!(bench.apdus(), 2, "SELECT, and GET VERSION or VERIFY without a PIN");
        assert_eq!(count(&bench, session, CKO_PRIVATE_KEY, 1), 1);
        assert!(stored(&bench.card).is_some());
    }
}

#[test]
fn every_session_sees_what_one_has_written() {
    let (bench, session) = writer(Personality::key_v3());
    let other = bench.open();
    let theirs = bench.object(other, CKO_CERTIFICATE, 1);
    let [public, _] = make(&bench, session, 1).unwrap();
    assert!(bench.provider.object(other, theirs).is_err());
    assert_eq!(bench.object(other, CKO_PUBLIC_KEY, 1), public);
    bench.provider.close_session(session).unwrap();
    assert_eq!(bench.object(other, CKO_PUBLIC_KEY, 1), public, "it goes with the card");
    bench.card.pull();
    bench.card.insert();
    assert_eq!(bench.provider.slot_list(true), [0]);
    let session = bench.open();
    assert_eq!(count(&bench, session, CKO_PUBLIC_KEY, 1), 1, "or later");
}

/// Made in one program, asked for in the next: pkcs11-tool does nothing else.
#[test]
fn a_key_without_a_certificate_is_known_to_later_programs() {
    for personality in [Personality::key_v3(), Personality::c2300(), Personality::piv()] {
        let (bench, session) = writer(personality);
        let [public, _] = make(&bench, session, 1).unwrap();
        let info = bench.attribute(session, public, CKA_PUBLIC_KEY_INFO);
        bench.provider.finalize();
        let next = bench.another();
        let session = next.login();
        let [public, private] = [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY].map(|class| next.object(session, class, 1));
        assert_eq!(next.attribute(session, public, CKA_PUBLIC_KEY_INFO), info);
        assert_eq!(next.attribute(session, private, CKA_LOCAL), [CK_FALSE], "nobody remembers that");
        let signature = next.sign(session, &plain(CKM_ECDSA), private, &[7; 32]).unwrap();
        assert!(next.verify_p256(session, 1, &[7; 32], &signature));
        // And when another machine has had another key made, no signature comes of the old one.
        bench.card.install(0x9A, fixture::named("retired-02").unwrap()).unwrap();
        bench.card.set_object(0x5F_C105, None);
        let refused = next.sign(session, &plain(CKM_ECDSA), private, &[7; 32]);
        assert_eq!(code(Function::Sign, refused), CKR_DEVICE_ERROR);
        assert_eq!(count(&next, session, CKO_PRIVATE_KEY, 1), 0);
        let last = next.another();
        assert_eq!(count(&last, last.open(), CKO_PUBLIC_KEY, 1), 0);
    }
}

#[test]
fn no_key_is_made_over_contactless() {
    let bench = Bench::contactless(|_| {});
    let listed = bench.provider.mechanism_list(0).unwrap();
    assert!(!listed.contains(&CKM_EC_KEY_PAIR_GEN) && listed.contains(&CKM_ECDSA));
    assert!(bench.provider.mechanism_info(0, CKM_RSA_PKCS_KEY_PAIR_GEN).is_err());
    let session = bench.open();
    assert_eq!(
        login(&bench, session, CKU_SO, KEY),
        CKR_FUNCTION_NOT_SUPPORTED,
        "and no key goes over the air"
    );
}

/// Whatever happens at whichever APDU: no try is lost, no certificate is shown that is not there, and doing it all again works.
#[test]
fn interrupted_anywhere_it_can_be_done_again() {
    let mut delivered = Personality::key_v3();
    delivered.xauth = sim::AdministrationKey::Factory;
    let by_key = [PIN, b":", FACTORY].concat();
    let others = [Personality::key_v3(), Personality::c2300(), Personality::piv()];
    let others = others.map(|personality| (personality.clone(), entered(&personality)));
    for (personality, entered) in others.into_iter().chain([(delivered, by_key)]) {
        for what in [What::Pull, What::LoseAnswer, What::Reset, What::Status(0x6F00)] {
            for at in 1.. {
                assert!(at < 60, "it ends");
                let (bench, session) = writer_who_enters(personality.clone(), &entered);
                let full = bench.card.tries().pin;
                bench.card.set_faults(Faults::at(at, what.clone()));
                bench.apdus();
                let done = make(&bench, session, 1).and_then(|[public, _]| {
                    let der = certificate_of(&bench, session, public);
                    store(&bench, session, &[1], &der)
                });
                if bench.apdus() < u64::from(at) && done.is_ok() {
                    assert!(at > 10, "{what:?} at {at}");
                    break;
                }
                if let Err(error) = &done {
                    let told = rv(Function::GenerateKeyPair, error);
                    assert!(told != CKR_GENERAL_ERROR && told != CKR_FUNCTION_FAILED, "{error} at {at}");
                }
                bench.card.set_faults(Faults::none());
                bench.card.insert();
                let fresh = bench.another();
                let again = fresh.open();
                let shown = count(&fresh, again, CKO_CERTIFICATE, 1) == 1;
                assert_eq!(shown, stored(&bench.card).is_some(), "{what:?} at {at}");
                assert_eq!(bench.card.tries().pin, full, "{what:?} at {at}");
                assert_eq!(bench.provider.slot_list(true), [0]);
                let here = bench.open();
                assert_eq!(shown, count(&bench, here, CKO_CERTIFICATE, 1) == 1, "{what:?} at {at}");
                assert_eq!(login(&fresh, again, CKU_USER, &entered), CKR_OK, "{what:?} at {at}");
                let [public, _] = make(&fresh, again, 1).unwrap();
                store(&fresh, again, &[1], &certificate_of(&fresh, again, public)).unwrap();
            }
        }
    }
}
