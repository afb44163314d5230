//! Changing and unblocking a PIN: what each costs, what is left of it when the card goes away, and that no try is spent
//! beyond what a person entered.

mod lab;

use lab::{Lab, pin, sign};
use piv::{Cryptogram, Error, KeyReference, Pin, PinPolicy, PinState, PukState, XauthKey};
use sim::{AdministrationKey, Fault, Faults, Personality, What};

const AES: [u8; 16] = *b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F";

fn puk(text: &str) -> Pin {
    Pin::puk(text.as_bytes()).unwrap()
}

fn cards() -> [Personality; 4] {
    [Personality::key_v3(), Personality::c2300(), Personality::piv(), Personality::piv_extended()]
}

/// A Crescendo whose administration key is known.
fn managed_by(personality: Personality) -> Lab {
    Lab::new(Personality { xauth: AdministrationKey::Key(AES.to_vec()), ..personality })
}

fn key() -> XauthKey {
    XauthKey::new(&AES).ok().unwrap()
}

#[test]
fn every_card_tells_its_policy_while_nobody_is_logged_in() {
    let policy = |personality| Lab::new(personality).token().pin_policy().unwrap();
    assert_eq!(policy(Personality::key_v3()), Some(PinPolicy { min: 6, max: 8, digits: true }));
    assert_eq!(policy(Personality::c2300()), Some(PinPolicy { min: 4, max: 8, digits: true }));
    assert_eq!(policy(Personality::piv()), Some(PinPolicy::STANDARD));
    let lab = Lab::key_v3();
    let mut user = lab.user();
    assert_eq!(user.pin_policy().unwrap(), None, "another application would end the login");
    assert_eq!(lab.token().pin_policy().unwrap(), None);
    assert!(lab.card.verified());
    user.logout().unwrap();
    assert!(user.pin_policy().unwrap().is_some());
    user.login(&pin("123456")).unwrap();
    assert!(user.pin_policy().unwrap().is_some(), "it is remembered");
}

#[test]
fn a_changed_pin_is_the_pin_here_and_in_other_programs() {
    for personality in cards() {
        let lab = Lab::new(personality);
        let mut other = lab.user();
        let mut token = lab.user();
        let tries = lab.card.tries().pin;
        token.change_pin(&pin("123456"), &pin("654321")).unwrap();
        assert!(token.logged_in());
        let authentication = KeyReference::PIV_AUTHENTICATION;
        for key in [&mut token, &mut other] {
            key.certificate(authentication).unwrap();
        }
        lab.card.reset();
        assert!(sign(&mut token, authentication, &[1; 256], None).is_ok(), "the new one is kept");
        lab.card.reset();
        let refused = sign(&mut other, authentication, &[1; 256], None);
        assert!(matches!(refused, Err(Error::NotLoggedIn)), "{refused:?}");
        assert_eq!(lab.card.tries().pin, tries, "the old one was not sent");
        other.login(&pin("654321")).unwrap();
    }
}

#[test]
fn a_pin_that_the_card_refuses_costs_nothing_and_a_wrong_old_one_costs_one() {
    for personality in cards() {
        let lab = Lab::new(personality);
        let tries = lab.card.tries().pin;
        let mut token = lab.token();
        let short = PinPolicy::LOOSEST.pin(b"123").is_err() && PinPolicy::LOOSEST.pin(b"12345\xFF").is_err();
        assert!(short, "not even made");
        let bad = PinPolicy::LOOSEST.pin(b"ab!5").unwrap();
        let refused = token.change_pin(&pin("123456"), &bad);
        let is_refused = matches!(&refused, Err(Error::Refused { status: piv::StatusWord(0x6A80), .. }));
        assert!(is_refused, "{refused:?}");
        assert_eq!(lab.card.tries().pin, tries);
        for _ in 0..3 {
            let wrong = token.change_pin(&pin("999999"), &pin("654321"));
            assert!(matches!(wrong, Err(Error::WrongPin { retries }) if retries == tries - 1), "{wrong:?}");
        }
        assert_eq!(lab.card.tries().pin, tries - 1);
        lab.card.block_pin();
        assert!(matches!(token.change_pin(&pin("123456"), &pin("654321")), Err(Error::Blocked)));
    }
}

#[test]
fn the_puk_is_asked_about_at_no_cost() {
    let state = |personality| Lab::new(personality).token().puk_state().unwrap();
    assert_eq!(state(Personality::key_v3()), PukState::Absent);
    assert_eq!(state(Personality::c2300()), PukState::Absent);
    let with_puk = Personality { puk: Some("12345678".into()), ..Personality::key_v3() };
    let lab = Lab::new(with_puk);
    assert_eq!(lab.token().puk_state().unwrap(), PukState::Tries(lab.card.tries().puk.unwrap()));
    for personality in [Personality::piv(), Personality::piv_extended()] {
        let lab = Lab::new(personality);
        let told = lab.token().puk_state().unwrap();
        assert!(matches!(told, PukState::Tries(_) | PukState::Untold), "{told:?}");
        lab.card.block_puk();
        let told = lab.token().puk_state().unwrap();
        assert!(matches!(told, PukState::Blocked | PukState::Untold), "{told:?}");
    }
}

#[test]
fn a_puk_lifts_a_block_and_a_wrong_one_costs_one_try_however_often_it_is_sent() {
    let lab = Lab::new(Personality::piv());
    let tries = lab.card.tries().puk.unwrap();
    lab.card.block_pin();
    let mut token = lab.token();
    for _ in 0..3 {
        let wrong = token.unblock_pin(&puk("87654321"), &pin("246810"));
        assert!(matches!(wrong, Err(Error::WrongPin { retries }) if retries == tries - 1), "{wrong:?}");
    }
    assert_eq!(lab.card.tries().puk, Some(tries - 1));
    token.unblock_pin(&puk("12345678"), &pin("246810")).unwrap();
    assert!(!lab.card.verified(), "unblocked is not logged in");
    assert!(matches!(token.state().unwrap().pin, PinState::Tries(3)));
    token.login(&pin("246810")).unwrap();
    token.change_puk(&puk("12345678"), &puk("87654321")).unwrap();
    assert!(matches!(token.change_puk(&puk("12345678"), &puk("11111111")), Err(Error::WrongPin { .. })));
}

#[test]
fn a_crescendo_is_not_sent_a_puk_without_permission() {
    for personality in [Personality::key_v3(), Personality::c2300()] {
        let lab = Lab::new(Personality { puk: Some("12345678".into()), ..personality });
        lab.card.block_pin();
        let mut token = lab.token();
        let refused = token.unblock_pin(&puk("12345678"), &pin("246810"));
        assert!(matches!(refused, Err(Error::Unconfirmed(_))), "{refused:?}");
        assert!(!lab.card.has_seen(&[0x00, 0x2C]));
    }
}

#[test]
fn the_administration_key_lifts_a_block() {
    for personality in [Personality::c2300(), Personality::key_v3()] {
        let lab = managed_by(personality);
        lab.card.block_pin();
        let mut token = lab.token();
        token.permit_unconfirmed(true);
        token.unlock_pin(&pin("246810"), |challenge| key().answer(challenge)).unwrap();
        assert_eq!(lab.card.card_rights(), (false, false), "the card was reset");
        assert_eq!(token.state().unwrap().pin, PinState::Tries(6));
        token.login(&pin("246810")).unwrap();
        assert_eq!(lab.card.unlock_tries(), Some(10));
    }
}

#[test]
fn a_wrong_answer_costs_nothing_and_no_unlock_try() {
    let lab = managed_by(Personality::c2300());
    lab.card.block_pin();
    let mut token = lab.token();
    let wrong = token.unlock_pin(&pin("246810"), |_| Cryptogram::new(&[0; 16]).ok_or(Error::KeyKind));
    assert!(matches!(wrong, Err(Error::WrongKey)), "{wrong:?}");
    let short = token.unlock_pin(&pin("246810"), |_| Cryptogram::new(&[0; 8]).ok_or(Error::KeyKind));
    assert!(matches!(short, Err(Error::KeyKind)), "{short:?}");
    let given_up = token.unlock_pin(&pin("246810"), |_| Err(Error::NotLoggedIn));
    assert!(matches!(given_up, Err(Error::NotLoggedIn)));
    assert_eq!((lab.card.unlock_tries(), lab.card.tries().pin), (Some(10), 0));
    assert!(!lab.card.has_seen(&[0x00, 0x2C, 0x02, 0x00]));
    token.unlock_pin(&pin("246810"), |challenge| key().answer(challenge)).unwrap();
}

#[test]
fn a_card_without_such_a_key_says_so() {
    let lab = Lab::new(Personality { xauth: AdministrationKey::Absent, ..Personality::c2300() });
    let none = lab.token().unlock_pin(&pin("246810"), |_| Cryptogram::new(&[0; 8]).ok_or(Error::KeyKind));
    assert!(matches!(none, Err(Error::NoAdministrationKey)), "{none:?}");
    let standard = Lab::new(Personality::piv());
    let none = standard.token().unlock_pin(&pin("246810"), |challenge| key().answer(challenge));
    assert!(matches!(none, Err(Error::Unsupported(_))), "{none:?}");
    let unconfirmed = managed_by(Personality::key_v3());
    let none = unconfirmed.token().unlock_pin(&pin("246810"), |_| panic!("nobody is asked in vain"));
    assert!(matches!(none, Err(Error::Unconfirmed(_))), "{none:?}");
}

/// Cuts the work at every APDU, before the card sees it and after; `check` looks at the card that was put back.
fn cut(
    lab: impl Fn() -> Lab,
    work: impl Fn(&mut piv::Token) -> Result<(), Error>,
    check: impl Fn(&Lab, &Result<(), Error>, bool),
) -> u32 {
    let mut cuts = 0;
    for what in [What::Pull, What::LoseAnswer, What::Reset] {
        for at in 1.. {
            let lab = lab();
            let mut token = lab.token();
            token.permit_unconfirmed(true);
            token.state().unwrap();
            lab.card.zero();
            lab.card.set_faults(Faults(vec![Fault { at, what: what.clone() }]));
            let result = work(&mut token);
            if lab.card.is_present() && what != What::Reset || lab.card.counts().apdus + 2 < u64::from(at) {
                result.unwrap();
                break;
            }
            let is_sent = token.was_committed();
            lab.card.set_faults(Faults::none());
            lab.card.insert();
            check(&lab, &result, is_sent);
            cuts += 1;
        }
    }
    cuts
}

/// The one PIN of the two that is right, found out as a person would who was told to try the new one first.
fn right_one(lab: &Lab, new: &str, old: Option<&str>) -> String {
    let mut token = lab.token();
    match (token.login(&pin(new)), old) {
        (Ok(()), _) => new.to_owned(),
        (Err(_), Some(old)) => {
            token.login(&pin(old)).unwrap();
            old.to_owned()
        }
        (Err(error), None) => panic!("{error}"),
    }
}

#[test]
fn a_change_that_is_cut_anywhere_leaves_the_old_pin_or_the_new_one_and_spends_no_try() {
    for personality in cards() {
        let full = Lab::new(personality.clone()).card.tries().pin;
        let cuts = cut(
            || Lab::new(personality.clone()),
            |token| token.change_pin(&pin("123456"), &pin("654321")),
            |lab, result, is_sent| {
                assert_eq!(lab.card.tries().pin, full);
                let right = right_one(lab, "654321", Some("123456"));
                assert_eq!(lab.card.tries().pin, full, "the right one restores them");
                if result.is_ok() {
                    assert_eq!(right, "654321");
                } else if !is_sent {
                    assert_eq!(right, "123456", "nothing was sent");
                }
            },
        );
        assert!(cuts >= 6, "{cuts}");
    }
}

#[test]
fn an_unblocking_that_is_cut_anywhere_is_done_by_the_next_one() {
    let blocked = || {
        let lab = Lab::new(Personality::piv());
        lab.card.block_pin();
        lab
    };
    let full = blocked().card.tries().puk;
    let unblock = |token: &mut piv::Token| token.unblock_pin(&puk("12345678"), &pin("246810"));
    let cuts = cut(blocked, unblock, |lab, _, _| {
        assert_eq!(lab.card.tries().puk, full, "no try of the PUK is spent");
        unblock(&mut lab.token()).unwrap();
        assert_eq!(lab.card.tries().puk, full);
        assert_eq!(right_one(lab, "246810", None), "246810");
    });
    assert!(cuts >= 6, "{cuts}");
}

#[test]
fn an_unlocking_that_is_cut_anywhere_is_done_by_the_next_one_and_leaves_no_right_behind() {
    for personality in [Personality::c2300(), Personality::key_v3()] {
        let blocked = || {
            let lab = managed_by(personality.clone());
            lab.card.block_pin();
            lab
        };
        let unlock =
            |token: &mut piv::Token| token.unlock_pin(&pin("246810"), |challenge| key().answer(challenge));
        let cuts = cut(blocked, unlock, |lab, _, _| {
            assert_eq!(lab.card.card_rights(), (false, false));
            assert_eq!(lab.card.unlock_tries(), Some(10), "no try of UNLOCK is spent");
            let mut token = lab.token();
            token.permit_unconfirmed(true);
            unlock(&mut token).unwrap();
            assert_eq!(lab.card.unlock_tries(), Some(10));
            assert_eq!(right_one(lab, "246810", None), "246810");
        });
        assert!(cuts >= 12, "{cuts}");
    }
}
