//! What a user may set.

mod common;

use common::{Bench, PIN, plain};
use crescendo_pkcs11::{Function, Input, Settings, rv};
use cryptoki_sys::*;
use sim::{Personality, SimCard};

fn bench(settings: Settings) -> Bench {
    Bench::with_settings(SimCard::new(Personality::piv()), settings)
}

fn sign(bench: &Bench, session: CK_SESSION_HANDLE, id: u8) -> CK_RV {
    let key = bench.object(session, CKO_PRIVATE_KEY, id);
    let number = if id == 2 { CKM_ECDSA } else { CKM_RSA_PKCS };
    let signed = bench.sign(session, &plain(number), key, &[7; 32]);
    signed.map_or_else(|error| rv(Function::Sign, &error), |_| CKR_OK)
}

#[test]
fn without_a_remembered_pin_a_lost_login_is_over() {
    let bench = bench(Settings { remember_pin: false, ..Settings::default() });
    let session = bench.login();
    assert_eq!(sign(&bench, session, 1), CKR_OK);
    bench.card.reset();
    let verifies = bench.card.counts().verifies;
    assert_eq!(sign(&bench, session, 1), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(bench.card.counts().verifies, verifies);
    assert_eq!(bench.provider.session_info(session).unwrap().state, CKS_RW_PUBLIC_SESSION);
    bench.provider.login(session, CKU_USER, &Input::borrowed(PIN)).unwrap();
    assert_eq!(sign(&bench, session, 1), CKR_OK);
}

#[test]
fn a_replayed_pin_serves_programs_that_never_ask() {
    let bench = bench(Settings { replay_pin: true, ..Settings::default() });
    let session = bench.login();
    bench.find(session, &[]);
    assert_eq!(sign(&bench, session, 2), CKR_OK);
    for _ in 0..2 {
        bench.apdus();
        assert_eq!(sign(&bench, session, 2), CKR_OK);
        assert_eq!(
            bench.apdus(),
            5,
            "refused; SELECT, VERIFY without and with the PIN, GENERAL AUTHENTICATE"
        );
    }
    bench.card.reset();
    assert_eq!(sign(&bench, session, 2), CKR_OK);
    bench.provider.logout(session).unwrap();
    bench.provider.login(session, CKU_USER, &Input::borrowed(PIN)).unwrap();
    assert_eq!(sign(&bench, session, 1), CKR_OK);
    assert_eq!(sign(&bench, session, 2), CKR_OK);
}

/// OpenSSH does not even try a key that asks each time where it cannot ask a person.
#[test]
fn with_a_replayed_pin_the_signature_key_does_not_ask() {
    for (replay_pin, asks) in [(false, CK_TRUE), (true, CK_FALSE)] {
        let bench = bench(Settings { replay_pin, ..Settings::default() });
        let session = bench.login();
        let key = bench.object(session, CKO_PRIVATE_KEY, 2);
        let object = bench.provider.object(session, key).unwrap();
        assert_eq!(object.attribute(CKA_ALWAYS_AUTHENTICATE).unwrap(), [asks]);
    }
}

#[test]
fn a_pin_is_not_replayed_where_it_is_not_kept_or_someone_guesses() {
    let forgetful = bench(Settings { replay_pin: true, remember_pin: false, ..Settings::default() });
    let session = forgetful.login();
    forgetful.find(session, &[]);
    assert_eq!(sign(&forgetful, session, 1), CKR_OK);
    assert_eq!(sign(&forgetful, session, 2), CKR_USER_NOT_LOGGED_IN);
    let bench = bench(Settings { replay_pin: true, ..Settings::default() });
    let session = bench.login();
    assert_eq!(sign(&bench, session, 1), CKR_OK);
    bench.card.transmit(b"\x00\xA4\x04\x00\x0B\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00");
    bench.card.transmit(b"\x00\x20\x00\x80\x08999999\xFF\xFF");
    assert_eq!(bench.card.tries().pin, 2);
    assert_eq!(sign(&bench, session, 2), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(bench.card.tries().pin, 2);
}
