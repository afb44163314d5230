//! Images, good ones and bad ones, made by the simulated key's own builder.

#![forbid(unsafe_code)]

use firmware::{
    Allow, BootloaderVersion, Description, Error, Info, KeyHash, Mode, PrivateKey, Serial, Signature,
    SignedImage, Trust, VerifiedImage, sign,
};
use proptest::prelude::*;
use sim::key::{Draft, MODEL, TestKey, Version};

const NEW: Version = Version::new(3, 1, 4, 7);
const ALL_TLVS: [u16; 7] = [0x50, 0xA0, 0xA1, 0xA2, 0x10, 0x01, 0x24];

fn trust(keys: &[TestKey]) -> Trust {
    trust_requiring(1, keys)
}

fn trust_requiring(signatures: usize, keys: &[TestKey]) -> Trust {
    let mut trust = Trust::requiring(signatures);
    for key in keys {
        trust.add(&key.public_pem()).unwrap();
    }
    trust
}

fn check(draft: &Draft) -> Result<SignedImage, Error> {
    SignedImage::check(draft.build(), &trust(&[TestKey::VENDOR]))
}

#[track_caller]
fn malformed(draft: &Draft, what: &str) {
    match check(draft) {
        Err(Error::Malformed(found)) => assert!(found.contains(what), "{found:?} is not {what:?}"),
        other => panic!("expected {what:?}: {other:?}"),
    }
}

fn draft() -> Draft {
    Draft::new(NEW).counter(12)
}

fn key() -> Info {
    Info {
        mode: Mode::Normal,
        model: MODEL.to_owned(),
        hardware: 1,
        version: "3.1.4+6".parse().unwrap(),
        bootloader: "1.0.0".parse().unwrap(),
        counter: 12,
        slot: 0x80000,
        write_block: 4096,
        interrupted: false,
        unconfirmed: false,
        serial: Serial([7; 16]),
        nonce: [0; 16],
    }
}

fn fit(draft: &Draft, key: &Info) -> Result<VerifiedImage, Error> {
    check(draft).unwrap().fit(key, Allow::default())
}

#[test]
fn a_good_image_tells_what_it_is() {
    let image = check(&draft().hardware(&[1, 2])).unwrap();
    assert_eq!(
        (image.model(), image.version().to_string(), image.counter()),
        (MODEL, "3.1.4+7".to_owned(), 12)
    );
    assert_eq!(image.bootloader(), Some(BootloaderVersion { major: 1, minor: 0, revision: 0 }));
    assert_eq!(image.hardware(), Some(&[1, 2][..]));
    assert_eq!(image.signers(), [KeyHash(TestKey::VENDOR.hash())]);
}

#[test]
fn an_image_cut_short_anywhere_is_refused() {
    let good = draft().payload(700).build();
    for length in 0..good.len() {
        let result = SignedImage::check(good[..length].to_vec(), &trust(&[TestKey::VENDOR]));
        assert!(matches!(result, Err(Error::Malformed(_))), "{length}: {result:?}");
    }
}

#[test]
fn a_bit_that_flipped_anywhere_is_noticed() {
    let good = draft().payload(300).build();
    for at in 0..good.len() {
        let result = check(&draft().payload(300).spoil(at));
        assert!(result.is_err(), "{at}");
    }
}

#[test]
fn bytes_behind_the_end_are_refused() {
    malformed(&draft().trailing(&[0]), "behind its end");
}

#[test]
fn another_magic_number_or_none_is_refused() {
    malformed(&draft().magic(0x96F3_B83C), "not an MCUboot image");
    malformed(&draft().area_magics(0x6907, 0x6907), "protected TLVs");
    malformed(&draft().area_magics(0x6908, 0x6908), "TLVs are missing");
}

#[test]
fn an_encrypted_image_is_refused() {
    for flag in [0x04, 0x08] {
        assert!(matches!(check(&draft().flags(flag)), Err(Error::Encrypted)));
    }
    assert!(check(&draft().flags(0x01)).is_ok(), "position independent code is nobody's business here");
}

#[test]
fn sizes_that_do_not_fit_are_refused_before_anything_is_read() {
    for size in [0, 1, 4095, 4097, 0x7FFF_FFFF, 0xFFFF_FDFF, 0xFFFF_FE00, 0xFFFF_FFFF] {
        assert!(matches!(check(&draft().image_size(size)), Err(Error::Malformed(_))), "{size}");
    }
    for size in [0, 3, 4, 0xFFFF] {
        assert!(matches!(check(&draft().protected_size(size)), Err(Error::Malformed(_))), "{size}");
    }
    for size in [0, 31] {
        malformed(&draft().header_size(size), "sizes in its header");
    }
    malformed(&draft().payload(0), "sizes in its header");
    malformed(&draft().header_size(6900), "longer than the protocol can carry");
    assert!(check(&draft().header_size(32)).is_ok());
}

#[test]
fn every_tlv_that_must_be_there_is_missed() {
    malformed(&draft().without(0x50), "no security counter");
    malformed(&draft().without(0xA0), "names no model");
    malformed(&draft().without(0x10), "no SHA-256");
    malformed(&draft().without(0x01), "pairs");
    malformed(&draft().without(0x24), "pairs");
    assert!(matches!(check(&draft().signed_by(&[])), Err(Error::Signature(Signature::Missing))));
}

#[test]
fn without_minimum_bootloader_or_hardware_an_image_is_for_all() {
    let image = check(&draft().without(0xA1).without(0xA2)).unwrap();
    assert_eq!((image.bootloader(), image.hardware()), (None, None));
    assert!(image.fit(&Info { hardware: 200, ..key() }, Allow::default()).is_ok());
}

#[test]
fn every_tlv_that_is_there_twice_is_refused() {
    for tag in ALL_TLVS {
        malformed(&draft().twice(tag), if matches!(tag, 0x01 | 0x24) { "pairs" } else { "twice" });
    }
}

#[test]
fn every_tlv_of_another_length_is_refused() {
    for tag in [0x50, 0xA1, 0x10, 0x01, 0x24] {
        for length in [0, 1, 3, 5, 31, 33, 63, 65] {
            malformed(&draft().value(tag, &vec![0; length]), "another length");
        }
    }
    for tag in ALL_TLVS {
        malformed(&draft().length(tag, 0xFFFF), "cut short");
        assert!(matches!(check(&draft().length(tag, 0)), Err(Error::Malformed(_))), "{tag:02X}");
    }
    malformed(&draft().value(0xA2, &[]), "no hardware revision");
    malformed(&draft().value(0xA0, &[]), "reverse domain name");
    malformed(&draft().value(0xA0, &[b'a'; 256]), "reverse domain name");
    malformed(&draft().value(0xA0, b"a\nb"), "reverse domain name");
    malformed(&draft().value(0xA0, b"\xFF"), "reverse domain name");
    malformed(&draft().value(0xA2, &[0; 7000]), "longer than the protocol can carry");
}

#[test]
fn unknown_tlvs_matter_only_where_they_are_protected() {
    malformed(&draft().protected(0x60, b"?"), "unknown TLV");
    assert!(check(&draft().unprotected(0x60, b"?")).is_ok());
}

#[test]
fn the_pure_form_of_signature_is_refused() {
    malformed(&draft().unprotected(0x25, &[1]), "pure form");
}

#[test]
fn a_wrong_hash_is_told_from_a_wrong_signature() {
    let file = draft().build();
    assert!(matches!(check(&draft().spoil(0x200)), Err(Error::Hash)));
    assert!(matches!(check(&draft().value(0x10, &[0; 32])), Err(Error::Hash)));
    let wrong = check(&draft().spoil(file.len() - 1));
    assert!(matches!(wrong, Err(Error::Signature(Signature::Wrong))), "{wrong:?}");
    let zero = check(&draft().value(0x24, &[0; 64]));
    assert!(matches!(zero, Err(Error::Signature(Signature::Wrong))), "{zero:?}");
}

#[test]
fn unknown_and_revoked_keys_do_not_count() {
    let file = draft().build();
    let vendor = KeyHash(TestKey::VENDOR.hash());
    let unknown = SignedImage::check(file.clone(), &trust(&[TestKey::STRANGER]));
    assert!(matches!(unknown, Err(Error::Signature(Signature::Unknown(hash))) if hash == vendor));
    let nobody = SignedImage::check(file.clone(), &Trust::default());
    assert!(matches!(nobody, Err(Error::Signature(Signature::Unknown(_)))));
    let mut revoking = trust(&[TestKey::VENDOR]);
    revoking.revoke(&vendor.to_string()).unwrap();
    let revoked = SignedImage::check(file, &revoking);
    assert!(matches!(revoked, Err(Error::Signature(Signature::Revoked(hash))) if hash == vendor));
}

#[test]
fn k_signatures_are_by_k_different_keys() {
    use TestKey as Key;
    let both = [Key::VENDOR, Key::SECOND];
    let of =
        |signers: &[Key]| SignedImage::check(draft().signed_by(signers).build(), &trust_requiring(2, &both));
    assert_eq!(of(&both).unwrap().signers().len(), 2);
    assert!(of(&[Key::STRANGER, Key::VENDOR, Key::SECOND]).is_ok(), "a stranger in between does no harm");
    for too_few in [&[Key::VENDOR][..], &[Key::VENDOR, Key::VENDOR], &[Key::VENDOR, Key::STRANGER]] {
        let result = of(too_few);
        let expected = Signature::TooFew { good: 1, required: 2 };
        assert!(matches!(result, Err(Error::Signature(found)) if found == expected), "{result:?}");
    }
    let mut revoking = trust_requiring(2, &both);
    revoking.revoke(&KeyHash(Key::SECOND.hash()).to_string()).unwrap();
    assert!(SignedImage::check(draft().signed_by(&both).build(), &revoking).is_err());
}

#[test]
fn an_image_has_to_fit_the_key() {
    assert!(fit(&draft(), &key()).is_ok());
    assert!(matches!(fit(&draft().model("org.crescendo.other"), &key()), Err(Error::WrongModel { .. })));
    assert!(matches!(fit(&draft().hardware(&[2, 3]), &key()), Err(Error::WrongHardware { key: 1 })));
    assert!(matches!(fit(&draft().bootloader(1, 0, 1), &key()), Err(Error::OldBootloader { .. })));
    let small = Info { slot: 4096, ..key() };
    assert!(matches!(fit(&draft(), &small), Err(Error::TooLarge { slot: 4096, .. })));
    let exact = Info { slot: draft().build().len() as u32, ..key() };
    assert!(fit(&draft(), &exact).is_ok());
}

#[test]
fn a_lower_counter_never_fits() {
    let allow = Allow { same: true, older: true };
    let lower = check(&draft().counter(11)).unwrap().fit(&key(), allow);
    assert!(matches!(lower, Err(Error::Counter { image: 11, key: 12 })));
    assert!(check(&draft().counter(13)).unwrap().fit(&key(), allow).is_ok());
}

#[test]
fn the_same_version_and_an_older_one_are_for_those_who_ask() {
    let with = |version: &str, allow| {
        check(&draft()).unwrap().fit(&Info { version: version.parse().unwrap(), ..key() }, allow)
    };
    let (same, older) = (Allow { same: true, older: false }, Allow { same: false, older: true });
    assert!(matches!(with("3.1.4+7", Allow::default()), Err(Error::SameVersion(_))));
    assert!(matches!(with("3.1.4+7", older), Err(Error::SameVersion(_))));
    assert!(with("3.1.4+7", same).is_ok());
    assert!(matches!(with("3.1.4+8", Allow::default()), Err(Error::OlderVersion { .. })));
    assert!(matches!(with("3.1.4+8", same), Err(Error::OlderVersion { .. })));
    assert!(with("3.1.4+8", older).is_ok());
}

#[test]
fn an_update_that_was_begun_need_not_be_asked_for_again() {
    let version = "3.1.4+7".parse().unwrap();
    assert!(fit(&draft(), &Info { unconfirmed: true, version, ..key() }).is_ok());
    assert!(fit(&draft(), &Info { mode: Mode::Update, version, ..key() }).is_ok());
}

fn description() -> Description {
    Description {
        model: MODEL.to_owned(),
        version: "3.1.4+7".parse().unwrap(),
        counter: 12,
        bootloader: "1.0.0".parse().unwrap(),
        hardware: vec![1],
        header_size: 0x200,
    }
}

fn private(key: TestKey) -> PrivateKey {
    PrivateKey::from_pem(&key.private_pem()).unwrap()
}

#[test]
fn what_is_signed_here_is_verified_here_by_any_of_its_keys() {
    let keys = [private(TestKey::VENDOR), private(TestKey::SECOND)];
    let file = sign(&[0xA5; 1000], &description(), &keys).unwrap();
    for trusted in [TestKey::VENDOR, TestKey::SECOND] {
        let image = SignedImage::check(file.clone(), &trust(&[trusted])).unwrap();
        assert_eq!((image.version().to_string(), image.counter()), ("3.1.4+7".to_owned(), 12));
    }
    let both = trust_requiring(2, &[TestKey::VENDOR, TestKey::SECOND]);
    assert!(SignedImage::check(file, &both).is_ok());
}

/// Two programs that share no line: the signer here, and the builder of the virtual key, which follows imgtool.
#[test]
fn what_is_signed_here_is_byte_for_byte_what_the_virtual_key_s_maker_makes() {
    let description = Description { header_size: 32, ..description() };
    let payload: Vec<u8> = draft().build()[0x200..0x200 + 4096].to_vec();
    let ours = sign(&payload, &description, &[private(TestKey::VENDOR)]).unwrap();
    assert_eq!(ours, draft().header_size(32).build());
}

#[test]
fn nothing_is_signed_that_nobody_would_take() {
    let key = [private(TestKey::VENDOR)];
    for wrong in [
        Description { model: "a b".to_owned(), ..description() },
        Description { hardware: Vec::new(), ..description() },
        Description { header_size: 31, ..description() },
        Description { header_size: 7000, ..description() },
        Description { hardware: vec![1; 70_000], ..description() },
    ] {
        assert!(matches!(sign(b"payload", &wrong, &key), Err(Error::Malformed(_))));
    }
    assert!(matches!(sign(b"", &description(), &key), Err(Error::Malformed(_))));
    assert!(matches!(PrivateKey::from_pem(&TestKey::VENDOR.public_pem()), Err(Error::PrivateKey)));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_and_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(SignedImage::check(bytes, &trust(&[TestKey::VENDOR])).is_err());
    }

    #[test]
    fn any_change_of_one_byte_is_refused(at in 0usize..700, byte in any::<u8>()) {
        let mut file = draft().payload(100).build();
        let at = at % file.len();
        prop_assume!(file[at] != byte);
        file[at] = byte;
        prop_assert!(SignedImage::check(file, &trust(&[TestKey::VENDOR])).is_err());
    }
}
