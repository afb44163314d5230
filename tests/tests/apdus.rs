//! How many APDUs a call may cost (architecture: part 7), counted by the card behind pcscd: a contact card, short APDUs.
//!
//! The first signature of a key may cost one more, for the look at its certificate. None is due if it was read whole in
//! this process.

#![forbid(unsafe_code)]

use crescendo_tests::{Client, Lab, PIN, Scheme, accepts, alone, key, pin};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism::Ecdsa, MechanismType};
use cryptoki::object::{Attribute, AttributeType};
use cryptoki::session::{Session, UserType};

#[test]
fn starting_costs_nothing() {
    alone("starting_costs_nothing", &[], |lab| {
        let (apdus, _client) = lab.apdus(|| {
            let client = Client::start();
            let session = client.session();
            (client, session)
        });
        assert_eq!(apdus, 0);
    });
}

#[test]
fn a_login_costs_two() {
    alone("a_login_costs_two", &[], |lab| {
        let client = Client::start();
        let session = client.session();
        // What every client does before: it loads the token.
        let _ = client.library.get_token_info(client.slot()).unwrap();
        let (apdus, login) = lab.apdus(|| session.login(UserType::User, Some(&pin(PIN))));
        login.unwrap();
        assert_eq!(apdus, 2);
    });
}

#[test]
fn p_256_costs_one_and_its_look_the_first_time() {
    alone("p_256_costs_one_and_its_look_the_first_time", &[], |lab| {
        let client = Client::start();
        let session = client.session();
        let key = key(&session, 4);
        let data = lab.file("data", "data");
        let hash = lab.program("openssl").args(&["dgst", "-sha256", "-binary"]).arg(&data).succeed().bytes;
        let counts = [(); 4].map(|()| {
            let (apdus, signature) = lab.apdus(|| session.sign(&Ecdsa, key, &hash));
            assert!(accepts(&lab, "9e", Scheme::EcdsaRaw, &data, &signature.unwrap()));
            apdus
        });
        assert!(counts[0] <= 2 && counts[1..] == [1, 1, 1], "{counts:?}");
    });
}

#[test]
fn rsa_2048_costs_three_and_its_look_the_first_time() {
    alone("rsa_2048_costs_three_and_its_look_the_first_time", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        let key = key(&session, 1);
        let data = lab.file("data", "data");
        let counts = [(); 3].map(|()| {
            let (apdus, signature) = lab.apdus(|| session.sign(&Mechanism::Sha256RsaPkcs, key, b"data"));
            assert!(accepts(&lab, "9a", Scheme::Pkcs1, &data, &signature.unwrap()));
            apdus
        });
        assert!(counts[0] <= 4 && counts[1..] == [3, 3], "{counts:?}");
        let pss = Mechanism::Sha256RsaPkcsPss(PkcsPssParams {
            hash_alg: MechanismType::SHA256,
            mgf: PkcsMgfType::MGF1_SHA256,
            s_len: 32.into(),
        });
        let (apdus, signature) = lab.apdus(|| session.sign(&pss, key, b"data"));
        assert!(accepts(&lab, "9a", Scheme::Pss, &data, &signature.unwrap()));
        assert_eq!(apdus, 3);
    });
}

#[test]
fn a_key_that_wants_its_pin_each_time_costs_two_more() {
    alone("a_key_that_wants_its_pin_each_time_costs_two_more", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        let key = key(&session, 2);
        let sign = || {
            let (query, begun) = lab.apdus(|| session.sign_init(&Mechanism::EcdsaSha256, key));
            begun.unwrap();
            assert_eq!(query, 0, "C_SignInit");
            let (login, given) = lab.apdus(|| session.login(UserType::ContextSpecific, Some(&pin(PIN))));
            given.unwrap();
            let (sign, signature) = lab.apdus(|| {
                session.sign_update(b"data")?;
                session.sign_final()
            });
            let data = lab.file("data", "data");
            assert!(accepts(&lab, "9c", Scheme::EcdsaRaw, &data, &signature.unwrap()));
            (login, sign)
        };
        let counts = [(); 3].map(|()| sign());
        // The look may be had with the PIN, but never between the PIN and the signature.
        assert!(counts[0].0 <= 3 && counts[0].1 == 1, "{counts:?}");
        assert_eq!(counts[1..], [(2, 1), (2, 1)], "{counts:?}");
    });
}

#[test]
fn what_was_read_once_is_not_read_again() {
    alone("what_was_read_once_is_not_read_again", &[], |lab| {
        let client = Client::start();
        let session = client.session();
        let first = everything(&session);
        let (apdus, second) = lab.apdus(|| everything(&session));
        assert_eq!(apdus, 0);
        assert_eq!(first, second);
        let (apdus, _other) = lab.apdus(|| everything(&client.session()));
        assert_eq!(apdus, 0, "in another session");
        let slot = client.slot();
        let _ = client.library.get_token_info(slot).unwrap();
        let (apdus, again) = lab.apdus(|| client.library.get_token_info(slot));
        again.unwrap();
        assert_eq!(apdus, 0, "C_GetTokenInfo");
    });
}

/// For a program that wants one key, the others' certificates need not be read: at 10 kB/s that is what one waits for.
/// Loading a token is 5 APDUs, each certificate 6 or 7; 9A's is read for the token's label.
#[test]
fn one_key_costs_one_certificate() {
    alone("one_key_costs_one_certificate", &[], |lab| {
        let client = Client::start();
        let session = client.session();
        let (one, _) = lab.apdus(|| key(&session, 4));
        let (all, _) = lab.apdus(|| everything(&session));
        assert!(one <= 19 && all >= 14, "one key: {one} APDUs, the others: {all}");
    });
}

/// Every object with its class, label and id.
fn everything(session: &Session) -> Vec<Vec<Attribute>> {
    let wanted = [AttributeType::Class, AttributeType::Label, AttributeType::Id];
    let objects = session.find_objects(&[]).unwrap();
    let read: Vec<_> =
        objects.iter().map(|object| session.get_attributes(*object, &wanted).unwrap()).collect();
    assert!(read.len() >= 9, "{read:?}");
    read
}

#[test]
fn idle_costs_nothing() {
    alone("idle_costs_nothing", &[], |lab: Lab| {
        let client = Client::start();
        let session = client.logged_in();
        let (apdus, ()) = lab.apdus(|| std::thread::sleep(std::time::Duration::from_secs(3)));
        assert_eq!(apdus, 0);
        drop(session);
    });
}
