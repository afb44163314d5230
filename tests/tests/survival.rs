//! What a process goes through: cards pulled, pcscd restarted, other programs, wrong PINs, fork, unloading.

#![forbid(unsafe_code)]

use std::time::Duration;

use crescendo_tests::{Client, Files, Lab, PIN, Scheme, accepts, alone, key, pin};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::session::{Session, UserType};

/// The applet of another vendor's tool: selecting it ends the login.
const FOREIGN: &str = "A000000308000010000100";

#[test]
fn a_card_pulled_and_put_back() {
    alone("a_card_pulled_and_put_back", &[], |mut lab| {
        let client = Client::start();
        let (slot, session) = (client.slot(), client.logged_in());
        let held = key(&session, 1);
        sign(&lab, &session);
        lab.pull();
        let pulled = session.sign(&Mechanism::Sha256RsaPkcs, held, b"data").unwrap_err();
        assert!(is(&pulled, &[RvError::DeviceRemoved, RvError::SessionHandleInvalid]), "C_Sign: {pulled}");
        client.gone();
        let absent = client.library.get_token_info(slot).unwrap_err();
        assert!(is(&absent, &[RvError::TokenNotPresent]), "C_GetTokenInfo: {absent}");
        let late = session.find_objects(&[]).unwrap_err();
        assert!(is(&late, &[RvError::SessionHandleInvalid]), "C_FindObjectsInit: {late}");
        lab.insert();
        assert_eq!(client.slot(), slot, "slots keep their numbers");
        sign(&lab, &client.logged_in());
    });
}

#[test]
fn a_card_that_comes_later() {
    alone("a_card_that_comes_later", &["--absent"], |mut lab| {
        let client = Client::start();
        client.gone();
        lab.insert();
        sign(&lab, &client.logged_in());
    });
}

#[test]
fn pcscd_restarted() {
    alone("pcscd_restarted", &[], |mut lab| {
        let client = Client::start();
        let slot = client.slot();
        let session = client.logged_in();
        sign(&lab, &session);
        lab.restart_pcscd();
        // The old session is gone, or it works again: a new one has to.
        let again = session.find_objects(&[]);
        assert!(again.as_ref().map_or_else(|error| is(error, GONE), |_| true), "{again:?}");
        drop(session);
        assert_eq!(client.slot(), slot, "slots keep their numbers");
        sign(&lab, &client.logged_in());
    });
}

/// The codes by which a session may say that its card, or pcscd, went away.
const GONE: &[RvError] =
    &[RvError::DeviceError, RvError::DeviceRemoved, RvError::SessionHandleInvalid, RvError::TokenNotPresent];

#[test]
fn a_wrong_pin_costs_one_try() {
    alone("a_wrong_pin_costs_one_try", &[], |lab| {
        let client = Client::start();
        let session = client.session();
        for _ in 0..3 {
            let refused = session.login(UserType::User, Some(&pin("654321"))).unwrap_err();
            assert!(is(&refused, &[RvError::PinIncorrect]), "{refused}");
        }
        assert_eq!(lab.tries(), 5, "the same wrong PIN is not sent again");
        let refused = session.login(UserType::User, Some(&pin("654322"))).unwrap_err();
        assert!(is(&refused, &[RvError::PinIncorrect]), "{refused}");
        assert_eq!(lab.tries(), 4);
        session.login(UserType::User, Some(&pin(PIN))).unwrap();
        assert_eq!(lab.tries(), 6);
    });
}

#[test]
fn a_pin_that_cannot_be_one_costs_none() {
    alone("a_pin_that_cannot_be_one_costs_none", &[], |lab| {
        let client = Client::start();
        let session = client.session();
        for digits in ["", "12345", "123456789"] {
            let refused = session.login(UserType::User, Some(&pin(digits))).unwrap_err();
            assert!(is(&refused, &[RvError::PinIncorrect, RvError::PinLenRange]), "{digits:?}: {refused}");
        }
        assert_eq!(lab.tries(), 6);
    });
}

#[test]
fn a_blocked_pin_says_so() {
    alone("a_blocked_pin_says_so", &[], |lab| {
        let client = Client::start();
        let session = client.session();
        let _ = lab.card("block-pin");
        let refused = session.login(UserType::User, Some(&pin(PIN))).unwrap_err();
        assert!(is(&refused, &[RvError::PinLocked]), "{refused}");
        let info = client.library.get_token_info(client.slot()).unwrap();
        assert!(info.user_pin_locked(), "CKF_USER_PIN_LOCKED");
    });
}

#[test]
fn the_last_try_is_announced() {
    alone("the_last_try_is_announced", &[], |lab| {
        let client = Client::start();
        let session = client.session();
        for wrong in 1..=5 {
            let _ = session.login(UserType::User, Some(&pin(&format!("99999{wrong}")))).unwrap_err();
        }
        assert_eq!(lab.tries(), 1);
        let info = client.library.get_token_info(client.slot()).unwrap();
        assert!(info.user_pin_final_try() && info.user_pin_count_low() && !info.user_pin_locked());
    });
}

#[test]
fn another_program_that_selects_its_applet() {
    alone("another_program_that_selects_its_applet", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        sign(&lab, &session);
        for _ in 0..2 {
            let _ = lab.card(&format!("select {FOREIGN}"));
            sign(&lab, &session);
        }
        assert_eq!(lab.tries(), 6);
    });
}

#[test]
fn another_program_that_resets_the_card() {
    alone("another_program_that_resets_the_card", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        sign(&lab, &session);
        let _ = lab.card("reset");
        sign(&lab, &session);
        let stranger = lab.program("opensc-tool").arg("--reset").run();
        assert_eq!(stranger.status, Some(0), "{stranger}");
        sign(&lab, &session);
        assert_eq!(lab.tries(), 6);
    });
}

#[test]
fn another_module_on_the_same_card() {
    alone("another_module_on_the_same_card", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        sign(&lab, &session);
        let opensc =
            lab.program("pkcs11-tool").args(&["--module", "opensc-pkcs11.so", "--login", "--pin", PIN]);
        let objects = opensc.arg("-O").succeed();
        assert_eq!(objects.count("Private Key Object"), 4, "{objects}");
        sign(&lab, &session);
    });
}

#[test]
fn a_logout_ends_the_login_in_the_card() {
    alone("a_logout_ends_the_login_in_the_card", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        assert_eq!(lab.card("verified"), "true");
        session.logout().unwrap();
        assert_eq!(lab.card("verified"), "false");
        session.login(UserType::User, Some(&pin(PIN))).unwrap();
        session.close().unwrap();
        assert_eq!(lab.card("verified"), "false", "closing the last session is a logout");
    });
}

#[test]
fn a_new_certificate_is_seen() {
    alone("a_new_certificate_is_seen", &[], |lab| {
        let client = Client::start();
        let session = client.logged_in();
        let old = key(&session, 1);
        sign(&lab, &session);
        let _ = lab.card("replace 9A new-key");
        let refused = session.sign(&Mechanism::Sha256RsaPkcs, old, b"data").unwrap_err();
        let codes = [RvError::DeviceError, RvError::KeyHandleInvalid];
        assert!(is(&refused, &codes), "a signature that the shown certificate does not verify: {refused}");
        let signature = session.sign(&Mechanism::Sha256RsaPkcs, key(&session, 1), b"data").unwrap();
        let data = lab.file("data", "data");
        assert!(accepts(&lab, "9a-new-key", Scheme::Pkcs1, &data, &signature));
    });
}

#[test]
fn a_blocking_wait_ends_with_the_card() {
    alone("a_blocking_wait_ends_with_the_card", &[], |mut lab| {
        let client = Client::start();
        let slot = client.slot();
        while client.library.get_slot_event().unwrap().is_some() {}
        let library = client.library.clone();
        let waiting = std::thread::spawn(move || library.wait_for_slot_event());
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished(), "nothing has happened yet");
        lab.pull();
        assert_eq!(waiting.join().unwrap().unwrap(), slot);
    });
}

/// The C program tells what it saw: see strangers/fork.c.
#[test]
fn a_forked_child_starts_anew() {
    let lab = Lab::start(&[]);
    let said = stranger(&lab, "fork").succeed();
    said.says("child before C_Initialize: 0x190").says("child after C_Initialize: 0, then 0, tokens 1");
    said.says("parent afterwards: 0, tokens 1");
}

#[test]
fn the_library_can_be_unloaded() {
    let lab = Lab::start(&[]);
    stranger(&lab, "unload").succeed().says("mapped after dlclose: 0").says("rounds: 3");
}

/// Compiles one of the C programs, which load the module as any C program does.
fn stranger(lab: &Lab, name: &str) -> crescendo_tests::Program {
    let (source, program) =
        (concat!(env!("CARGO_MANIFEST_DIR"), "/strangers/"), lab.path(&format!("stranger-{name}")));
    let gcc = lab.program("gcc").args(&["-Wall", "-Werror", "-o"]).arg(&program);
    let _ = gcc.arg(format!("{source}{name}.c")).arg("-ldl").succeed();
    lab.program(program).arg(&Files::get().module)
}

#[track_caller]
fn sign(lab: &Lab, session: &Session) {
    let signature = session.sign(&Mechanism::Sha256RsaPkcs, key(session, 1), b"data").expect("C_Sign");
    assert!(accepts(lab, "9a", Scheme::Pkcs1, &lab.file("data", "data"), &signature));
}

fn is(error: &Error, codes: &[RvError]) -> bool {
    matches!(error, Error::Pkcs11(code, _) if codes.iter().any(|known| format!("{known:?}") == format!("{code:?}")))
}
