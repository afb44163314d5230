//! What is around a device, as C has it: what is kept of it, whether it has the key of delivery, what can be done with it.

#![allow(unsafe_code, clippy::undocumented_unsafe_blocks)]

mod lab;

use std::ptr;

use crescendo::{crescendo_status as Status, *};
use lab::{Lab, Opened, PIN, READER, fails, items, ok, read, text, text_if};
use sim::{AdministrationKey, Interface, ManagementKey, Personality, administration_key};

const GUID: &str = "C4000C4E-5CE4-4D01-8A11-000000000001";

fn kept(lab: &Lab) -> Vec<(String, Option<String>, u64, i64)> {
    let mut entries = ptr::null();
    ok(unsafe { crescendo_cache_list(lab.context(), &mut entries) });
    let list = unsafe { &*entries };
    let item = |it: &crescendo_cache_entry| (read(it.guid).unwrap(), read(it.label), it.bytes, it.idle);
    let kept = items(list.count, list.items).into_iter().map(item).collect();
    unsafe { crescendo_cache_entries_free(entries) };
    kept
}

fn clear(lab: &Lab, name: Option<&str>) -> Result<bool, Status> {
    let (name, length) = text_if(name);
    let mut found = false;
    let status = unsafe { crescendo_cache_clear(lab.context(), name, length, &mut found) };
    if status == Status::Ok { Ok(found) } else { Err(status) }
}

fn audit(device: &Opened) -> Result<i32, Status> {
    let mut key = 0;
    let status = unsafe { crescendo_device_audit(device.get(), &mut key) };
    if status == Status::Ok { Ok(key) } else { Err(status) }
}

fn offers(device: &Opened) -> Vec<(crescendo_action, crescendo_why_not, Option<String>)> {
    let mut offers = ptr::null();
    ok(unsafe { crescendo_device_offers(device.get(), &mut offers) });
    let list = unsafe { &*offers };
    let item = |it: &crescendo_offer| (it.action, it.why_not, read(it.sentence));
    let offered = items(list.count, list.items).into_iter().map(item).collect();
    unsafe { crescendo_offers_free(offers) };
    offered
}

fn why_not(device: &Opened, action: crescendo_action) -> crescendo_why_not {
    offers(device).into_iter().find(|(offered, ..)| *offered == action).unwrap().1
}

fn authenticate(device: &Opened) {
    let (pin, length) = text(PIN);
    ok(unsafe { crescendo_device_authenticate(device.get(), pin, length, ptr::null()) });
}

#[test]
fn what_is_kept_is_listed_and_cleared_by_name() {
    let (lab, _) = Lab::new(Personality::key_v3());
    assert!(kept(&lab).is_empty());
    let label = lab.device().summary(|it| read(it.label));
    let (guid, seen, bytes, idle) = kept(&lab).remove(0);
    assert_eq!((&guid[..], &seen, idle), (GUID, &label, -1));
    assert!(bytes > 100, "{bytes}");
    assert_eq!(clear(&lab, Some("nothing like it")), Err(Status::NoSuchDevice));
    lab.readers.pull(READER);
    assert_eq!(clear(&lab, Some(&GUID[..18])), Ok(true), "of a card that is not here, too");
    assert!(kept(&lab).is_empty());
    lab.readers.insert(READER);
    assert_eq!(clear(&lab, Some(READER)), Ok(true), "looking for it has read it");
    assert_eq!(clear(&lab, Some("\u{0}")), Err(Status::NoSuchDevice));
}

#[test]
fn of_several_one_has_to_be_named_and_all_can_be_cleared() {
    let (lab, _) = Lab::new(Personality::key_v3());
    let other = "Another Reader 01 00";
    lab.insert(other, Personality::piv());
    assert_eq!(clear(&lab, None), Err(Status::Ambiguous));
    assert_eq!(lab::last().candidates.len(), 2);
    for name in [READER, other] {
        lab.open(Some(name)).summary(|_| ());
    }
    assert_eq!(kept(&lab).len(), 2);
    ok(unsafe { crescendo_cache_clear_all(lab.context()) });
    assert!(kept(&lab).is_empty());
}

#[test]
fn clearing_a_device_reads_it_once_more() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let device = lab.device();
    let id = device.id();
    authenticate(&device);
    card.zero();
    ok(unsafe { crescendo_device_clear_cache(device.get()) });
    assert!(card.counts().apdus > 0 && kept(&lab).len() == 1);
    assert_eq!(device.id(), id);
    assert!(!card.verified(), "and nobody stays logged in");
}

#[test]
fn the_key_of_delivery_is_found() {
    let seen = |personality| audit(&Lab::new(personality).0.device());
    let with = |xauth, of: Personality| seen(Personality { xauth, ..of });
    let key = || administration_key("2B7E151628AED2A6ABF7158809CF4F3C").unwrap();
    for of in [Personality::key_v3, Personality::c2300] {
        assert_eq!(with(AdministrationKey::Factory, of()), Ok(crescendo_administration_key::Factory as i32));
        assert_eq!(with(key(), of()), Ok(crescendo_administration_key::Own as i32));
        assert_eq!(with(AdministrationKey::Absent, of()), Ok(crescendo_administration_key::Absent as i32));
    }
    assert_eq!(seen(Personality::piv()), Ok(crescendo_administration_key::Factory as i32));
    let management = ManagementKey { key: vec![7; 24], ..ManagementKey::triple_des() };
    assert_eq!(
        seen(Personality { management, ..Personality::piv() }),
        Ok(crescendo_administration_key::Own as i32)
    );
}

#[test]
fn an_audit_disturbs_nobody_and_spends_nothing() {
    let (lab, card) = Lab::new(Personality::c2300());
    let (device, tries) = (lab.device(), card.tries());
    authenticate(&device);
    assert_eq!(audit(&device), Err(Status::InUse));
    assert!(card.verified());
    ok(unsafe { crescendo_device_end_authentication(device.get()) });
    assert!(audit(&device).is_ok() && card.tries() == tries);
    card.zero();
    fails(unsafe { crescendo_device_audit(device.get(), ptr::null_mut()) }, Status::NullPointer);
    assert_eq!(card.counts().apdus, 0);
    let (air, card) = Lab::new(Personality::piv_dual());
    card.set_interface(Interface::Contactless);
    assert_eq!(audit(&air.device()), Err(Status::NotOffered));
}

#[test]
fn what_cannot_be_done_has_its_reason() {
    let (lab, card) = Lab::new(Personality::key_v3());
    let device = lab.device();
    let offered = offers(&device);
    assert_eq!(offered.len(), 12);
    for (action, why_not, sentence) in offered {
        assert_eq!(sentence.is_none(), why_not == crescendo_why_not::Offered, "{action:?}");
    }
    assert_eq!(why_not(&device, crescendo_action::ChangePin), crescendo_why_not::Offered);
    assert_eq!(why_not(&device, crescendo_action::Personalize), crescendo_why_not::NotFactory);
    authenticate(&device);
    assert_eq!(why_not(&device, crescendo_action::Authenticate), crescendo_why_not::Authenticated);
    ok(unsafe { crescendo_device_end_authentication(device.get()) });
    assert_eq!(why_not(&device, crescendo_action::Authenticate), crescendo_why_not::Offered);
    card.block_pin();
    let blocked = lab.device();
    assert_eq!(why_not(&blocked, crescendo_action::ChangePin), crescendo_why_not::Blocked);
    assert_eq!(why_not(&blocked, crescendo_action::Unblock), crescendo_why_not::Offered);
    let (lab, _) = Lab::new(Personality::blank_key_v3());
    assert_eq!(why_not(&lab.device(), crescendo_action::ChangePin), crescendo_why_not::Factory);
    let (lab, _) = Lab::new(Personality::piv());
    assert_eq!(why_not(&lab.device(), crescendo_action::Otp), crescendo_why_not::NoCrescendo);
}
