//! Certificates and keys as C has them: listed, exported, made, brought and deleted.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::{mem, ptr};

use crescendo::{crescendo_question_kind as Kind, crescendo_status as Status, *};
use lab::{Lab, Opened, PIN, Person, fails, items, ok, read, taken, text, text_if};
use sim::{AdministrationKey, Personality, SimCard};

const MANAGEMENT: &str = "010203040506070801020304050607080102030405060708";
const AUTHENTICATION: u8 = 0x9A;
const CREDENTIAL: &[u8] = include_bytes!("../../crates/device/tests/files/credential.p12");

fn three() -> [Personality; 3] {
    [Personality::key_v3(), Personality::c2300(), Personality::piv()]
}

/// Nothing is given.
fn no_rights() -> crescendo_rights {
    crescendo_rights { size: size_of::<crescendo_rights>(), ..unsafe { mem::zeroed() } }
}

/// The PIN, and the management key where that is the right.
fn rights(card: &Personality) -> crescendo_rights {
    let (pin, pin_length) = text(PIN);
    let is_standard = card.puk.is_some();
    let (management_key, management_key_length) = text_if(is_standard.then_some(MANAGEMENT));
    crescendo_rights { pin, pin_length, management_key, management_key_length, ..no_rights() }
}

fn wanted(subject: &'static str) -> crescendo_certificate_options {
    let (subject, subject_length) = text(subject);
    let size = size_of::<crescendo_certificate_options>();
    crescendo_certificate_options { size, subject, subject_length, ..unsafe { mem::zeroed() } }
}

/// What is shown of a certificate.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    key: u8,
    name: String,
    subject: Option<String>,
    der: Vec<u8>,
    problem: Option<String>,
}

fn listed(device: &Opened) -> Vec<Shown> {
    let mut list = ptr::null();
    ok(unsafe { crescendo_certificates_list(device.get(), &mut list) });
    let all = unsafe { items((*list).count, (*list).items) };
    let shown = all.iter().map(|item| {
        let is_read = !item.der.is_null();
        assert_eq!(is_read, item.not_before < item.not_after);
        assert_eq!(is_read, item.fingerprint != [0; 32]);
        for text in [item.subject, item.issuer, item.serial, item.algorithm] {
            assert_eq!(read(text).is_some(), is_read);
        }
        assert!(read(item.purpose).is_some());
        let der =
            if is_read { unsafe { std::slice::from_raw_parts(item.der, item.der_length) } } else { &[] };
        Shown {
            key: item.key,
            name: read(item.key_name).unwrap(),
            subject: read(item.subject),
            der: der.to_vec(),
            problem: read(item.problem),
        }
    });
    let shown = shown.collect();
    unsafe { crescendo_certificates_free(list) };
    shown
}

fn exported(device: &Opened, format: crescendo_format) -> Vec<u8> {
    let mut buffer = ptr::null_mut();
    ok(unsafe { crescendo_certificate_export(device.get(), AUTHENTICATION, format as i32, &mut buffer) });
    taken(buffer)
}

fn bare(device: &Opened) -> Vec<(u8, crescendo_key_origin)> {
    let mut list = ptr::null();
    ok(unsafe { crescendo_bare_keys_list(device.get(), &mut list) });
    let all = unsafe { items((*list).count, (*list).items) };
    let found = all.iter().map(|item| {
        assert!(read(item.key_name).is_some() && read(item.purpose).is_some());
        (item.key, item.origin)
    });
    let found = found.collect();
    unsafe { crescendo_bare_keys_free(list) };
    found
}

#[test]
fn certificates_are_listed_and_exported_without_a_pin() {
    for (personality, count) in three().into_iter().zip([4, 3, 4]) {
        let (lab, card) = Lab::new(personality);
        let device = lab.device();
        let shown = listed(&device);
        assert_eq!(shown.len(), count);
        assert_eq!((shown[0].key, &shown[0].name[..]), (AUTHENTICATION, "9A"));
        assert!(shown[0].subject.as_ref().unwrap().contains("CN="));
        assert_eq!(exported(&device, crescendo_format::Der), shown[0].der);
        let pem = exported(&device, crescendo_format::Pem);
        assert!(pem.starts_with(b"-----BEGIN CERTIFICATE-----\n"));
        assert!(bare(&device).is_empty());
        assert_eq!(card.counts().verifies, 0);
    }
}

#[test]
fn one_that_cannot_be_read_is_listed_with_the_reason() {
    let (lab, _) = Lab::new(Personality { garbage: [AUTHENTICATION].into(), ..Personality::key_v3() });
    let shown = listed(&lab.device());
    assert!(shown[0].problem.is_some() && shown[0].der.is_empty());
    assert!(shown[1].problem.is_none());
}

#[test]
fn a_key_is_made_and_certified_by_itself() {
    for personality in three() {
        let (lab, card) = Lab::new(personality.clone());
        let (device, rights, mut buffer) = (lab.device(), rights(&personality), ptr::null_mut());
        let person = Person::saying(&[]).consenting();
        let callbacks = person.callbacks();
        ok(unsafe {
            crescendo_key_generate(
                device.get(),
                AUTHENTICATION,
                crescendo_algorithm::P384 as i32,
                &rights,
                false,
                &callbacks,
                &mut buffer,
            )
        });
        assert_eq!(taken(buffer).len(), 120, "a SubjectPublicKeyInfo of P-384");
        let lines = person.lines().join("\n");
        assert!(lines.contains("certificate of 9A (CN=") && lines.contains("key in 9A"), "{lines}");
        if personality.puk.is_none() {
            assert_eq!(bare(&device), [(AUTHENTICATION, crescendo_key_origin::Generated)]);
        }

        let names = [c"email:ada@example.org".as_ptr(), c"upn:ada@example.org".as_ptr()];
        let (names, name_count) = (names.as_ptr(), names.len());
        let options = crescendo_certificate_options {
            names,
            name_count,
            existing: 1,
            days: 30,
            ..wanted("CN=Ada, O=Example")
        };
        let key = AUTHENTICATION;
        let request = |format: crescendo_format| {
            let (get, format, mut buffer) = (device.get(), format as i32, ptr::null_mut());
            // Nothing is lost, so that nobody is asked.
            ok(unsafe {
                crescendo_certificate_request(
                    get,
                    key,
                    &options,
                    format,
                    &rights,
                    false,
                    ptr::null(),
                    &mut buffer,
                )
            });
            taken(buffer)
        };
        assert!(request(crescendo_format::Pem).starts_with(b"-----BEGIN CERTIFICATE REQUEST-----\n"));
        let der = request(crescendo_format::Der);
        assert!(der[0] == 0x30 && der.windows(15).any(|part| part == b"ada@example.org"));

        ok(unsafe {
            crescendo_certificate_self_sign(
                device.get(),
                key,
                &options,
                &rights,
                true,
                ptr::null(),
                &mut buffer,
            )
        });
        let signed = taken(buffer);
        assert_eq!(exported(&device, crescendo_format::Der), signed);
        assert_eq!(listed(&device)[0].subject.as_deref(), Some("CN=Ada,O=Example"));
        assert!(!card.verified(), "nobody is logged in");
    }
}

#[test]
fn a_new_key_that_could_not_be_certified_is_told_of() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let (device, rights, mut buffer) = (lab.device(), rights(&Personality::key_v3()), ptr::null_mut());
    let algorithm = crescendo_algorithm::P256 as i32;
    let options = crescendo_certificate_options { algorithm, ..wanted("CN=Ada") };
    let refused = unsafe {
        crescendo_certificate_self_sign(device.get(), 0x9D, &options, &rights, true, ptr::null(), &mut buffer)
    };
    let last = fails(refused, Status::SignsNothing);
    assert!(last.message.starts_with("the new key is on the card, but has no certificate: "), "{last:?}");
    assert!(buffer.is_null() && card.keys().contains(&0x9D));
}

/// Each call that loses something, for a program that has given its rights.
fn each(device: &Opened, rights: &crescendo_rights, callbacks: *const crescendo_callbacks) -> [Status; 6] {
    let (options, mut buffer, mut imported) = (wanted("CN=Ada"), ptr::null_mut(), ptr::null());
    let (device, key) = (device.get(), AUTHENTICATION);
    let (phrase, phrase_length) = text("passphrase");
    let (file, length) = (CREDENTIAL.as_ptr(), CREDENTIAL.len());
    unsafe {
        [
            crescendo_key_generate(device, key, 0, rights, false, callbacks, &mut buffer),
            crescendo_certificate_request(device, key, &options, 2, rights, false, callbacks, &mut buffer),
            crescendo_certificate_self_sign(device, key, &options, rights, false, callbacks, &mut buffer),
            crescendo_certificate_import(
                device,
                key,
                file,
                length,
                phrase,
                phrase_length,
                false,
                rights,
                false,
                callbacks,
                &mut imported,
            ),
            crescendo_certificate_delete(device, key, rights, false, callbacks),
            crescendo_key_delete(device, key, rights, false, callbacks),
        ]
    }
}

#[test]
fn nothing_is_done_that_nobody_has_said_yes_to() {
    for personality in three() {
        let (lab, card) = Lab::new(personality.clone());
        let (device, rights) = (lab.device(), rights(&personality));
        let before = card.object(0x5F_C105);
        card.zero();
        assert_eq!(each(&device, &rights, ptr::null()), [Status::NoCallback; 6]);
        let person = Person::saying(&[]);
        assert_eq!(each(&device, &rights, &person.callbacks()), [Status::Cancelled; 6]);
        assert_eq!(person.lines().iter().filter(|line| line.contains("The certificate of 9A")).count(), 6);
        assert_eq!((card.object(0x5F_C105), card.counts().verifies), (before, 0));
        assert!(!card.has_seen(&[0x00, 0x47]) && !card.has_seen(&[0x00, 0xDB]), "no key, no object");
        assert!(person.asked().is_empty());
    }
}

#[test]
fn what_was_cancelled_before_is_not_begun() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let (device, mut cancel) = (lab.device(), ptr::null_mut());
    ok(unsafe { crescendo_cancel_new(&mut cancel) });
    ok(unsafe { crescendo_cancel_now(cancel) });
    let person = Person::saying(&[]).consenting().with_cancel(cancel);
    let rights = rights(&Personality::key_v3());
    card.zero();
    assert_eq!(each(&device, &rights, &person.callbacks()), [Status::Cancelled; 6]);
    assert_eq!(card.counts().verifies, 0);
    unsafe { crescendo_cancel_free(cancel) };
}

#[test]
fn what_is_not_given_is_asked_for_and_a_wrong_pin_costs_one_try() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let (device, options, mut buffer) = (lab.device(), wanted("CN=Ada"), ptr::null_mut());
    let full = card.tries().pin;
    let mut sign = |person: &Person<'_>| unsafe {
        let (callbacks, key) = (person.callbacks(), AUTHENTICATION);
        let no_rights = ptr::null();
        crescendo_certificate_self_sign(
            device.get(),
            key,
            &options,
            no_rights,
            false,
            &callbacks,
            &mut buffer,
        )
    };
    let person = Person::saying(&["12", lab::WRONG]).consenting();
    let last = fails(sign(&person), Status::WrongPin);
    assert_eq!((last.tries, card.tries().pin), (i32::from(full) - 1, full - 1));
    assert!(!last.message.contains(lab::WRONG));
    assert!(person.asked()[1].problem.is_some(), "what can be no PIN is asked for again");
    let person = Person::saying(&[PIN]).consenting();
    ok(sign(&person));
    assert_eq!((person.kinds(), card.tries().pin), (vec![Kind::Pin], full));
    taken(buffer);
}

#[test]
fn a_card_by_the_standard_wants_its_management_key_in_its_form() {
    let (lab, card) = Lab::new(Personality::piv());
    let device = lab.device();
    let person = Person::saying(&["0102", MANAGEMENT]).consenting();
    let callbacks = person.callbacks();
    let delete =
        |key, rights| unsafe { crescendo_certificate_delete(device.get(), key, rights, false, &callbacks) };
    ok(delete(0x9E, ptr::null()));
    assert_eq!(person.kinds(), [Kind::ManagementKey; 2]);
    assert!(person.asked()[1].problem.is_some());
    assert_eq!(listed(&device).len(), 3);
    fails(delete(0x9E, ptr::null()), Status::NoCertificate);

    let (management_key, management_key_length) = text("01020304");
    let short = crescendo_rights { management_key, management_key_length, ..no_rights() };
    fails(delete(AUTHENTICATION, &short), Status::KeyFormat);
    let (management_key, management_key_length) = text("020202020202020202020202020202020202020202020202");
    let wrong = crescendo_rights { management_key, management_key_length, ..no_rights() };
    let last = fails(delete(AUTHENTICATION, &wrong), Status::WrongKey);
    assert!(!last.message.contains("0202"));
    assert!(card.counts().verifies == 0 && listed(&device).len() == 3);
}

#[test]
fn a_right_that_the_device_does_not_take_is_refused_before_anybody_is_asked() {
    let of = |right: crescendo_right| crescendo_rights { right: right as i32, ..no_rights() };
    for (personality, right) in [
        (Personality::key_v3(), crescendo_right::ManagementKey),
        (Personality::key_v3(), crescendo_right::Puk),
        (Personality::piv(), crescendo_right::AdministrationKey),
    ] {
        let (lab, card) = Lab::new(personality);
        let (device, person) = (lab.device(), Person::saying(&[]).consenting());
        assert_eq!(each(&device, &of(right), &person.callbacks()), [Status::Unsupported; 6]);
        assert!(person.asked().is_empty() && person.lines().is_empty() && card.counts().verifies == 0);
    }
    let xauth = AdministrationKey::Key(vec![7; 16]);
    let (lab, _) = Lab::new(Personality { xauth, ..Personality::key_v3() });
    let (device, person) = (lab.device(), Person::saying(&[&"07".repeat(16)]).consenting());
    let (callbacks, right) = (person.callbacks(), of(crescendo_right::AdministrationKey));
    ok(unsafe { crescendo_certificate_delete(device.get(), 0x9E, &right, false, &callbacks) });
    assert_eq!(person.kinds(), [Kind::AdministrationKey]);
}

/// What was imported: certificate, private key, left out.
fn import(
    device: &Opened,
    passphrase: Option<&str>,
    certificate_only: bool,
    rights: &crescendo_rights,
    person: &Person<'_>,
) -> Result<(bool, bool, usize), Status> {
    let (phrase, phrase_length) = text_if(passphrase);
    let (callbacks, mut imported) = (person.callbacks(), ptr::null());
    let status = unsafe {
        crescendo_certificate_import(
            device.get(),
            AUTHENTICATION,
            CREDENTIAL.as_ptr().cast(),
            CREDENTIAL.len(),
            phrase,
            phrase_length,
            certificate_only,
            rights,
            false,
            &callbacks,
            &mut imported,
        )
    };
    if status != Status::Ok {
        assert!(imported.is_null());
        return Err(status);
    }
    let told = unsafe { ((*imported).certificate, (*imported).private_key, (*imported).left_out) };
    unsafe { crescendo_imported_free(imported) };
    Ok(told)
}

#[test]
fn a_key_is_brought_with_its_certificate() {
    for personality in [Personality::key_v3(), Personality::c2300(), Personality::piv_extended()] {
        let (lab, card) = Lab::new(personality.clone());
        let (device, rights) = (lab.device(), rights(&personality));
        ok(unsafe { crescendo_device_permit_unconfirmed(device.get(), true) });
        let refusing = Person::saying(&[]);
        let of = |phrase, only| import(&device, phrase, only, &rights, &refusing);
        assert_eq!(of(Some("other"), false), Err(Status::WrongPassphrase));
        assert_eq!(of(Some("passphrase"), false), Err(Status::Cancelled));
        let before = card.object(0x5F_C105);
        let person = Person::saying(&["other", "passphrase"]).consenting();
        assert_eq!(import(&device, None, false, &rights, &person), Ok((true, true, 1)));
        assert_eq!(person.kinds(), [Kind::Passphrase; 2]);
        assert!(person.asked()[1].problem.is_some());
        assert_ne!(card.object(0x5F_C105), before);
        assert!(!card.verified());
        let person = Person::saying(&[]).consenting();
        let again = import(&device, Some("passphrase"), true, &rights, &person);
        assert_eq!(again, Ok((true, false, 1)));
        assert!(!person.lines().join("\n").contains("key in 9A"), "it stays");
    }
}

#[test]
fn a_certificate_of_another_key_is_not_taken() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let before = card.object(0x5F_C105);
    let rights = rights(&Personality::key_v3());
    let person = Person::saying(&[]).consenting();
    let refused = import(&lab.device(), Some("passphrase"), true, &rights, &person);
    assert_eq!((refused, card.object(0x5F_C105)), (Err(Status::NotItsCertificate), before));
}

#[test]
fn a_key_is_deleted_where_the_device_has_a_way() {
    for personality in [Personality::key_v3(), Personality::c2300()] {
        let (lab, card) = Lab::new(personality.clone());
        let (device, rights) = (lab.device(), rights(&personality));
        let delete =
            || unsafe { crescendo_key_delete(device.get(), AUTHENTICATION, &rights, true, ptr::null()) };
        ok(unsafe { crescendo_device_permit_unconfirmed(device.get(), true) });
        ok(delete());
        assert!(!card.keys().contains(&AUTHENTICATION) && listed(&device)[0].key != AUTHENTICATION);
        fails(delete(), Status::NoKey);
    }
    let (lab, card) = Lab::new(Personality::piv());
    let (device, rights) = (lab.device(), rights(&Personality::piv()));
    let refused = unsafe { crescendo_key_delete(device.get(), AUTHENTICATION, &rights, true, ptr::null()) };
    fails(refused, Status::Unsupported);
    assert!(card.keys().contains(&AUTHENTICATION));
}

/// Nothing was sent that changes the card.
fn is_untouched(card: &SimCard) {
    assert_eq!(card.counts().verifies, 0);
    assert!(!card.has_seen(&[0x00, 0x47]) && !card.has_seen(&[0x00, 0xDB]));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_done() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let (device, rights, key) = (lab.device(), rights(&Personality::key_v3()), AUTHENTICATION);
    let (get, none, mut buffer) = (device.get(), ptr::null(), ptr::null_mut());
    let mut sign = |key, options: *const crescendo_certificate_options, rights| unsafe {
        crescendo_certificate_self_sign(get, key, options, rights, true, none, &mut buffer)
    };
    let good = wanted("CN=Ada");
    fails(sign(0x9B, &good, &rights), Status::InvalidValue);
    fails(sign(key, ptr::null(), &rights), Status::NullPointer);
    let small = crescendo_certificate_options { size: 8, ..good };
    fails(sign(key, &small, &rights), Status::InvalidSize);
    let both = crescendo_certificate_options { existing: 1, algorithm: 1, ..good };
    fails(sign(key, &both, &rights), Status::InvalidValue);
    let unknown = crescendo_certificate_options { algorithm: 99, ..good };
    fails(sign(key, &unknown, &rights), Status::InvalidValue);
    let forever = crescendo_certificate_options { days: 40_000, ..good };
    fails(sign(key, &forever, &rights), Status::InvalidValue);
    let names = crescendo_certificate_options { name_count: 1, ..good };
    fails(sign(key, &names, &rights), Status::NullPointer);
    fails(sign(key, &wanted("Ada"), &rights), Status::NameFormat);
    fails(sign(key, &good, &crescendo_rights { size: 1, ..rights }), Status::InvalidSize);
    fails(sign(key, &good, &crescendo_rights { right: 9, ..rights }), Status::InvalidValue);

    let nowhere = ptr::null_mut();
    fails(unsafe { crescendo_key_generate(get, key, 0, &rights, true, none, nowhere) }, Status::NullPointer);
    let signed = unsafe { crescendo_certificate_self_sign(get, key, &good, &rights, true, none, nowhere) };
    fails(signed, Status::NullPointer);
    fails(unsafe { crescendo_certificate_export(get, key, 3, &mut buffer) }, Status::InvalidValue);
    fails(unsafe { crescendo_certificate_export(get, 0x83, 1, &mut buffer) }, Status::NoCertificate);
    let mut imported = ptr::null();
    let (file, length) = text("no certificate");
    let refused = unsafe {
        crescendo_certificate_import(
            get,
            key,
            file.cast(),
            length,
            ptr::null(),
            0,
            false,
            &rights,
            true,
            none,
            &mut imported,
        )
    };
    fails(refused, Status::File);
    is_untouched(&card);
}
