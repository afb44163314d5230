//! By what right a card is administered: how each is proved, what a wrong one costs, and that it ends.

mod lab;

use lab::{Lab, READER, pin};
use link::Readers;
use piv::{Authority, Error, Exchange, Family, ManagementKey, ObjectId, Piv, XauthKey};
use sim::{AdministrationKey, Fault, Faults, Form, Personality, What};

const PRINTED: ObjectId = ObjectId::from_tag(0x5F_C109);
const NAME: &[u8] = b"\x01\x03Zoe\xFE\x00";
const AES: &str = "000102030405060708090A0B0C0D0E0F";
const TRIPLE_DES: &str = "0123456789ABCDEF 23456789ABCDEF01 456789ABCDEF0123";
const USUAL: &str = "010203040506070801020304050607080102030405060708";

fn xauth(text: &str) -> XauthKey {
    XauthKey::from_hex(text).ok().unwrap()
}

fn management(text: &str) -> ManagementKey {
    ManagementKey::from_hex(text).ok().unwrap()
}

fn write(lab: &Lab, authority: &Authority<'_>) -> Result<(), Error> {
    lab.token().administer(authority, |piv| piv.put_data(PRINTED, NAME))
}

fn crescendos() -> [Personality; 3] {
    [Personality::key_v3(), Personality::c2300(), Personality::c2300_key()]
}

fn with_key(key: &str, personality: Personality) -> Lab {
    let bytes = (0..key.replace(' ', "").len() / 2)
        .map(|at| u8::from_str_radix(&key.replace(' ', "")[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    Lab::new(Personality { xauth: AdministrationKey::Key(bytes), ..personality })
}

#[test]
fn the_pin_administers_a_standalone_crescendo_and_no_other_card() {
    for personality in crescendos() {
        let lab = Lab::new(personality);
        write(&lab, &Authority::Pin(&pin("123456"))).unwrap();
        assert!(!lab.card.verified(), "the right is gone");
        assert_eq!(lab.card.card_rights(), (false, false));
    }
    let lab = Lab::new(Personality::piv());
    let refused = write(&lab, &Authority::Pin(&pin("123456")));
    assert!(matches!(refused, Err(Error::ManagementKeyNeeded)), "{refused:?}");
    assert!(!lab.card.verified());
}

#[test]
fn a_login_that_was_there_before_stays() {
    let lab = Lab::key_v3();
    let mut token = lab.user();
    token.administer(&Authority::Pin(&pin("123456")), |piv| piv.put_data(PRINTED, NAME)).unwrap();
    assert!(lab.card.verified() && token.logged_in());
}

#[test]
fn a_wrong_pin_costs_one_try_and_nothing_is_written() {
    let lab = Lab::key_v3();
    let mut token = lab.token();
    for _ in 0..3 {
        let result = token.administer(&Authority::Pin(&pin("999999")), |piv| piv.put_data(PRINTED, NAME));
        assert!(matches!(result, Err(Error::WrongPin { retries: 5 })), "{result:?}");
    }
    assert_eq!(lab.card.tries().pin, 5);
}

#[test]
fn a_managed_token_says_so_after_the_right_pin() {
    for personality in crescendos() {
        let lab = Lab::new(Personality { managed: true, ..personality });
        let refused = write(&lab, &Authority::Pin(&pin("123456")));
        assert!(matches!(refused, Err(Error::Managed)), "{refused:?}");
    }
}

#[test]
fn the_management_key_of_every_kind() {
    let keys = [(0x03, "00".repeat(24)), (0x03, USUAL.to_owned()), (0x0A, USUAL.to_owned())];
    let longer = [(0x08, AES.to_owned()), (0x0C, AES.repeat(2))];
    for (algorithm, text) in keys.into_iter().chain(longer) {
        for personality in [Personality::piv(), Personality::piv_extended()] {
            let kind = ["3des", "aes-128", "aes-192", "aes-256"]
                [[0x03, 0x08, 0x0A, 0x0C].iter().position(|known| *known == algorithm).unwrap()];
            let key = sim::ManagementKey::read(&format!("{kind}:{text}")).unwrap();
            let lab = Lab::new(Personality { management: key, ..personality });
            write(&lab, &Authority::ManagementKey(&management(&text))).unwrap();
            assert!(!lab.card.managed_by_key(), "the right is gone");
        }
    }
}

#[test]
fn a_wrong_management_key_is_tried_once() {
    for (personality, wrong) in [(Personality::piv(), TRIPLE_DES), (Personality::piv_extended(), TRIPLE_DES)]
    {
        let lab = Lab::new(personality);
        let refused = write(&lab, &Authority::ManagementKey(&management(wrong)));
        assert!(matches!(refused, Err(Error::WrongKey)), "{refused:?}");
    }
    for wrong in [AES.to_owned(), AES.repeat(2)] {
        let lab = Lab::new(Personality::piv());
        let refused = write(&lab, &Authority::ManagementKey(&management(&wrong)));
        assert!(matches!(refused, Err(Error::KeyKind)), "{refused:?}");
    }
}

#[test]
fn a_crescendo_has_no_management_key() {
    let lab = Lab::new(Personality::c2300());
    let refused = write(&lab, &Authority::ManagementKey(&management(USUAL)));
    assert!(matches!(refused, Err(Error::Unsupported(_))), "{refused:?}");
}

#[test]
fn the_administration_key_in_both_kinds_and_as_delivered() {
    for personality in crescendos() {
        for key in [AES, TRIPLE_DES] {
            let lab = with_key(key, personality.clone());
            write(&lab, &Authority::Xauth(&xauth(key))).unwrap();
            assert_eq!(lab.card.card_rights(), (false, false), "the card was reset");
        }
    }
    for form in [Form::Standard, Form::Fips, Form::Iclass] {
        for personality in crescendos() {
            let lab = Lab::new(Personality { form, ..personality });
            let [short, long] = ["00".repeat(24), "00".repeat(16)].map(|text| {
                let key = xauth(&text);
                assert!(key.is_factory());
                write(&lab, &Authority::Xauth(&key))
            });
            let other = if short.is_ok() { long } else { short };
            assert!(matches!(other, Err(Error::KeyKind)), "{other:?}");
        }
    }
}

#[test]
fn a_wrong_administration_key_and_none() {
    let lab = with_key(AES, Personality::c2300());
    let wrong = write(&lab, &Authority::Xauth(&xauth(&"07".repeat(16))));
    assert!(matches!(wrong, Err(Error::WrongKey)), "{wrong:?}");
    let lab = Lab::new(Personality { xauth: AdministrationKey::Absent, ..Personality::key_v3() });
    let none = write(&lab, &Authority::Xauth(&xauth(&"00".repeat(24))));
    assert!(matches!(none, Err(Error::NoAdministrationKey)), "{none:?}");
    let lab = Lab::new(Personality::piv());
    let (apdus, nothing) = lab.apdus(|| {
        let mut token = lab.token();
        token.state().unwrap();
        let before = lab.card.counts().apdus;
        let result = token.administer(&Authority::Xauth(&xauth(AES)), |_| Ok(()));
        assert!(lab.card.counts().apdus - before <= 2, "SELECT and an empty VERIFY");
        result
    });
    assert!(apdus > 0 && matches!(nothing, Err(Error::Unsupported(_))), "{nothing:?}");
}

#[test]
fn nothing_is_done_twice_over_a_reset() {
    let right = pin("123456");
    let key = xauth(AES);
    for authority in [Authority::Pin(&right), Authority::Xauth(&key)] {
        let mut told = 0;
        for at in 1..12 {
            let lab = with_key(AES, Personality::key_v3());
            let mut token = lab.token();
            token.state().unwrap();
            lab.card.zero();
            lab.card.set_faults(Faults(vec![Fault { at, what: What::Reset }]));
            let runs = std::cell::Cell::new(0);
            let result = token.administer(&authority, |piv| {
                runs.set(runs.get() + 1);
                piv.put_data(PRINTED, NAME)
            });
            assert!(runs.get() <= 1, "APDU {at}");
            assert_eq!(lab.card.tries().pin, 6);
            assert_eq!(lab.card.card_rights(), (false, false));
            told += u32::from(matches!(result, Err(Error::Link(link::LinkError::Reset))));
            assert!(result.is_ok() || matches!(result, Err(Error::Link(_))), "APDU {at}: {result:?}");
        }
        assert!(told >= 2, "once a proof is on its way, a reset is told");
    }
}

#[test]
fn the_right_ends_even_if_the_work_fails_or_the_card_is_pulled() {
    let key = xauth(AES);
    let lab = with_key(AES, Personality::key_v3());
    let failed: Result<(), Error> =
        lab.token().administer(&Authority::Xauth(&key), |_| Err(Error::Unsupported("this")));
    assert!(matches!(failed, Err(Error::Unsupported("this"))));
    assert_eq!(lab.card.card_rights(), (false, false));
    for at in 1..12 {
        let lab = with_key(AES, Personality::key_v3());
        let mut token = lab.token();
        token.state().unwrap();
        lab.card.set_faults(Faults::at(at, What::Pull));
        let result = token.administer(&Authority::Xauth(&key), |piv| piv.put_data(PRINTED, NAME));
        assert_eq!(result.is_err(), !lab.card.is_present());
        lab.card.insert();
        assert_eq!(lab.card.card_rights(), (false, false));
    }
}

#[test]
fn a_card_that_cannot_prove_its_management_key_is_not_written_to() {
    let lab = Lab::new(Personality::piv());
    let mut token = lab.token();
    token.state().unwrap();
    // SELECT, empty VERIFY, metadata, witness, and then the card's own proof.
    lab.card.set_faults(Faults::at(5, What::Truncated));
    let refused =
        token.administer(&Authority::ManagementKey(&management(USUAL)), |piv| piv.put_data(PRINTED, NAME));
    assert!(matches!(refused, Err(Error::Malformed(_) | Error::WrongKey)), "{refused:?}");
}

/// The bytes of the vendor's manual, one after the other.
#[test]
fn the_access_control_application_byte_by_byte() {
    let lab = with_key(AES, Personality { pin: "000000".into(), ..Personality::key_v3() });
    let mut card = lab.readers.connect(READER).unwrap();
    let mut held = card.begin().unwrap();
    let mut piv = Piv::select(Exchange::new(&mut *held.link), Family::C4000).unwrap();
    let mut aca = piv::crescendo::Aca::select(&mut piv).unwrap();
    let policy = aca.properties().unwrap().unwrap();
    assert_eq!((policy.min, policy.max, policy.digits), (6, 8, true));
    aca.verify(&pin("000000")).unwrap();
    aca.change(&pin("000000"), &pin("123456"), true).unwrap();
    aca.set_properties(&piv::PinPolicy { min: 7, ..policy }, true).unwrap();
    assert_eq!(aca.properties().unwrap().unwrap().min, 7);
    lab.card.set_challenge(b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF");
    let challenge = aca.challenge().unwrap();
    aca.authenticate(&xauth(AES).answer(&challenge).ok().unwrap()).unwrap();
    aca.unlock(&pin("2468101"), true).unwrap();
    aca.put_key(Some(&xauth(TRIPLE_DES)), true).unwrap();
    aca.put_key(None, true).unwrap();
    aca.reset(true).unwrap();
    let sent = [
        "00 56 02 00 01 31",
        "00 20 00 00 08 30 30 30 30 30 30 FF FF",
        "00 24 01 00 10 30 30 30 30 30 30 FF FF 31 32 33 34 35 36 FF FF",
        "00 26 08 00 06 01 07 08 00 00 A5",
        "00 84 00 01 00",
        "00 82 00 01 10 69 C4 E0 D8 6A 7B 04 30 D8 CD B7 80 70 B4 C5 5A",
        "00 2C 02 00 08 32 34 36 38 31 30 31 FF",
        "00 D8 01 00 1D 00 03 19 18 01 23 45 67",
        "00 D8 01 00 04 00 03 00 00",
        "00 38 00 00",
    ];
    for text in sent {
        let bytes: Vec<u8> = text.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        assert!(lab.card.has_seen(&bytes), "{text}");
    }
}

#[test]
fn unlock_is_never_sent_without_a_proof_and_needs_permission_where_nobody_published_it() {
    let lab = Lab::new(Personality::c2300());
    let mut card = lab.readers.connect(READER).unwrap();
    let mut held = card.begin().unwrap();
    let mut piv = Piv::select(Exchange::new(&mut *held.link), Family::C2300).unwrap();
    let mut aca = piv::crescendo::Aca::select(&mut piv).unwrap();
    assert!(matches!(aca.unlock(&pin("246810"), false), Err(Error::NotLoggedIn)));
    drop(held);
    assert_eq!(lab.card.unlock_tries(), Some(10));
    let key_v3 = Lab::key_v3();
    let mut card = key_v3.readers.connect(READER).unwrap();
    let mut held = card.begin().unwrap();
    let mut piv = Piv::select(Exchange::new(&mut *held.link), Family::C4000).unwrap();
    let mut aca = piv::crescendo::Aca::select(&mut piv).unwrap();
    assert!(matches!(aca.put_key(None, false), Err(Error::Unconfirmed(_))));
    assert!(matches!(aca.unlock(&pin("246810"), false), Err(Error::Unconfirmed(_))));
    assert!(matches!(aca.change(&pin("123456"), &pin("246810"), false), Err(Error::Unconfirmed(_))));
    drop(held);
    assert_eq!(key_v3.card.unlock_tries(), Some(10));
}
