//! Card verifiable certificates, the object they are checked with, and what is decided and remembered.

use proptest::prelude::*;

use super::*;
use crate::channel::{Anchors, ContentSigner, Cvc, LearntSigner, Peer, Trust};

/// 2026-06-01, within the validity of the signers of the vectors.
const NOW: u64 = 1_780_272_000;
const DIRECT: &str = "/cvc";
const INTERMEDIATE: &str = "/cvc_with_intermediate";

fn cvc(suite: Suite, chain: &str) -> Vec<u8> {
    at(&file(suite), &format!("{chain}/C_ICC"))
}

/// The content of 5FC122.
fn object(suite: Suite, chain: &str) -> Vec<u8> {
    tlv::only(&at(&file(suite), &format!("{chain}/object_5FC122")), 0x53).unwrap().to_vec()
}

fn signer(suite: Suite, chain: &str) -> ContentSigner {
    ContentSigner::parse(&object(suite, chain)).unwrap()
}

fn peer(cvc: &[u8]) -> Peer {
    Peer { cvc: Cvc::card(cvc).unwrap() }
}

fn anchored(signer: &ContentSigner) -> Anchors {
    let mut anchors = Anchors::default();
    let pem = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, signer.certificate());
    anchors.add_pem(&pem.unwrap()).unwrap();
    anchors
}

fn trust(cvc: &[u8], signer: &ContentSigner) -> Trust {
    Trust::of(&peer(cvc), signer, &Anchors::default(), None, NOW)
}

/// `content`, with the first occurrence of `from` replaced, and as a certificate again.
fn changed(cvc: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (content, from) = (tlv::only(cvc, 0x7F21).unwrap(), hex(from));
    let position = content.windows(from.len()).position(|window| window == from).unwrap();
    let after = &content[position + from.len()..];
    tlv::object(0x7F21, &[&content[..position], &hex(to), after].concat()).to_vec()
}

#[test]
fn the_certificates_of_the_vectors_are_signed_by_their_signers() {
    for suite in SUITES {
        for chain in [DIRECT, INTERMEDIATE] {
            let card = cvc(suite, chain);
            let read = Cvc::parse(&card).unwrap();
            assert_eq!((read.guid(), read.suite(), read.encoded()), (Some(GUID), suite, &card[..]));
            assert_eq!(trust(&card, &signer(suite, chain)), Trust::FirstUse);
        }
        let id = at(&file(suite), "/cvc_with_intermediate/ID_sICC");
        assert_eq!(Cvc::parse(&cvc(suite, INTERMEDIATE)).unwrap().id()[..], id);
    }
}

#[test]
fn a_certificate_is_not_signed_by_another_signer() {
    let refused = Trust::Refused("its certificate is not signed by its signer");
    for suite in SUITES {
        assert_eq!(trust(&cvc(suite, DIRECT), &signer(suite, INTERMEDIATE)), refused);
        assert_eq!(trust(&cvc(suite, INTERMEDIATE), &signer(suite, DIRECT)), refused);
    }
    assert_eq!(trust(&cvc(Suite::Cs2, DIRECT), &signer(Suite::Cs7, DIRECT)), refused);
    assert_eq!(trust(&cvc(Suite::Cs7, INTERMEDIATE), &signer(Suite::Cs2, INTERMEDIATE)), refused);
}

#[test]
fn a_right_signature_under_another_name_does_not_count() {
    let key = |chain: &str| {
        let der = at(&file(Suite::Cs2), &format!("{chain}/content_signer_certificate"));
        crate::Certificate::parse(&der).unwrap().key
    };
    let card = Cvc::card(&cvc(Suite::Cs2, DIRECT)).unwrap();
    assert!(card.is_signed_by(id("2D2FAAF21C6CEE61"), &key(DIRECT)));
    assert!(!card.is_signed_by(id("2D2FAAF21C6CEE62"), &key(DIRECT)));
    let intermediate = at(&file(Suite::Cs2), "/cvc_with_intermediate/intermediate_CVC");
    let intermediate = Cvc::intermediate(&intermediate).unwrap();
    assert!(intermediate.is_signed_by_rsa(id("4DE266E4DF885311"), &key(INTERMEDIATE)));
    assert!(!intermediate.is_signed_by_rsa(id("4DE266E4DF885312"), &key(INTERMEDIATE)));
}

fn id(text: &str) -> [u8; 8] {
    hex(text).try_into().unwrap()
}

#[test]
fn every_flipped_bit_of_a_certificate_is_refused() {
    for suite in SUITES {
        for chain in [DIRECT, INTERMEDIATE] {
            let (card, signer) = (cvc(suite, chain), signer(suite, chain));
            let step = if (suite, chain) == (Suite::Cs2, DIRECT) { 1 } else { 9 };
            for bit in (0..card.len() * 8).step_by(step) {
                let mut card = card.clone();
                card[bit / 8] ^= 1 << (bit % 8);
                let Ok(cvc) = Cvc::card(&card) else { continue };
                let trust = Trust::of(&Peer { cvc }, &signer, &Anchors::default(), None, NOW);
                assert!(matches!(trust, Trust::Refused(_)), "bit {bit}");
            }
        }
    }
}

#[test]
fn every_flipped_bit_of_an_intermediate_certificate_is_refused() {
    for suite in SUITES {
        let (card, content) = (cvc(suite, INTERMEDIATE), object(suite, INTERMEDIATE));
        let start = content.len() - 2 - at(&file(suite), "/cvc_with_intermediate/intermediate_CVC").len();
        for bit in start * 8..(content.len() - 2) * 8 {
            let mut content = content.clone();
            content[bit / 8] ^= 1 << (bit % 8);
            let Ok(signer) = ContentSigner::parse(&content) else { continue };
            assert!(matches!(trust(&card, &signer), Trust::Refused(_)), "bit {bit}");
        }
    }
}

#[test]
fn there_is_one_form_of_a_certificate() {
    let card = cvc(Suite::Cs2, DIRECT);
    assert!(Cvc::parse(&changed(&card, "5F290180", "5F290180")).is_ok());
    for (what, from, to) in [
        ("a long length", "5F290180", "5F29810180"),
        ("another profile", "5F290180", "5F290181"),
        ("no profile", "5F290180", ""),
        ("a field twice", "5F290180", "5F2901805F290180"),
        ("another role", "5F4C0100", "5F4C0101"),
        ("the role of a signer", "5F4C0100", "5F4C0112"),
        ("a compressed point", "864104", "864102"),
        ("another curve", "06082A8648CE3D030107", "06052B8104000A"),
        ("a short issuer", "42082D2FAAF21C6CEE61", "42072D2FAAF21C6CEE"),
        ("no signature algorithm", "300A06082A8648CE3D040302", ""),
        ("a field after the key", "5F4C0100", "86005F4C0100"),
    ] {
        assert!(Cvc::parse(&changed(&card, from, to)).is_err(), "{what}");
    }
    for length in 0..card.len() {
        assert!(Cvc::parse(&card[..length]).is_err());
    }
    assert!(Cvc::parse(&[&card[..], &[0]].concat()).is_err());
    let content = tlv::only(&card, 0x7F21).unwrap();
    assert!(Cvc::parse(&tlv::object(0x7F21, &[content, &[0]].concat())).is_err());
    let intermediate = at(&file(Suite::Cs2), "/cvc_with_intermediate/intermediate_CVC");
    assert!(Cvc::parse(&intermediate).is_ok());
    assert!(Cvc::card(&intermediate).is_err() && Cvc::intermediate(&card).is_err());
    let other = changed(&intermediate, "5F200848C94A02", "5F200848C94A03");
    assert!(Cvc::parse(&other).is_err(), "its name is the hash of its key");
}

#[test]
fn a_certificate_for_another_card_or_suite_ends_the_establishment() {
    let vectors = file(Suite::Cs2);
    for guid in [Some([0x11; 16]), Some([0; 16]), None] {
        let (_, pending) = start(&vectors, Suite::Cs2);
        let answer = response(at(&vectors, "/key_establishment/response"), 0x9000);
        let result = pending.finish(&answer, guid);
        assert_eq!(result.err().unwrap().to_string(), super::super::ChannelError::OtherCard.to_string());
    }
    let (_, pending) = start(&vectors, Suite::Cs2);
    let content = [&[0; 33][..], &cvc(Suite::Cs7, DIRECT)].concat();
    let answer = response(tlv::object(0x7C, &tlv::object(0x82, &content)).to_vec(), 0x9000);
    let result = pending.finish(&answer, Some(GUID));
    assert_eq!(result.err().unwrap().to_string(), super::super::ChannelError::OtherSuite.to_string());
}

#[test]
fn every_flipped_bit_of_an_establishment_is_refused() {
    let vectors = file(Suite::Cs2);
    let answer = at(&vectors, "/key_establishment/response");
    for bit in 0..answer.len() * 8 {
        let mut answer = answer.clone();
        answer[bit / 8] ^= 1 << (bit % 8);
        let (_, pending) = start(&vectors, Suite::Cs2);
        assert!(pending.finish(&response(answer, 0x9000), Some(GUID)).is_err(), "bit {bit}");
    }
    let (_, pending) = start(&vectors, Suite::Cs2);
    let refused = pending.finish(&response(vec![], 0x6A80), Some(GUID));
    assert_eq!(refused.err().unwrap().to_string(), "key establishment: 6A80, wrong data field");
}

#[test]
fn the_signer_object_is_read_in_its_forms_only() {
    for suite in SUITES {
        let plain = object(suite, DIRECT);
        let certificate = signer(suite, DIRECT).certificate().to_vec();
        let intermediate = object(suite, INTERMEDIATE);
        let with = |tail: &str| [&tlv::object(0x70, &certificate)[..], &hex(tail)].concat();
        assert!(ContentSigner::parse(&with("")).is_ok());
        assert!(ContentSigner::parse(&with("710100")).is_ok());
        assert!(ContentSigner::parse(&with("FE00")).is_ok());
        for tail in ["710100710100FE00", "7101", "720100FE00", "FE0000", "710101FE00", "7F2100FE00"] {
            assert!(ContentSigner::parse(&with(tail)).is_err(), "{tail}");
        }
        for length in 0..plain.len() - 5 {
            assert!(ContentSigner::parse(&plain[..length]).is_err());
        }
        let last = tlv::object(0x70, signer(suite, INTERMEDIATE).certificate()).len() + 3;
        for length in last + 1..intermediate.len() - 2 {
            assert!(ContentSigner::parse(&intermediate[..length]).is_err());
        }
        assert!(ContentSigner::parse(&hex("710100FE00")).is_err());
    }
}

#[test]
fn the_signer_object_may_be_compressed() {
    use std::io::Write;
    let card = cvc(Suite::Cs7, DIRECT);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(signer(Suite::Cs7, DIRECT).certificate()).unwrap();
    let mut content = Vec::new();
    tlv::push(&mut content, 0x70, &gzip.finish().unwrap());
    content.extend(hex("710101FE00"));
    assert_eq!(trust(&card, &ContentSigner::parse(&content).unwrap()), Trust::FirstUse);
}

#[test]
fn trust_is_closed_by_default() {
    let (card, ours) = (cvc(Suite::Cs2, DIRECT), signer(Suite::Cs2, DIRECT));
    let (other_card, others) = (cvc(Suite::Cs2, INTERMEDIATE), signer(Suite::Cs2, INTERMEDIATE));
    let learnt = LearntSigner::learn(&peer(&card), &ours).unwrap();
    let (none, right, wrong) = (Anchors::default(), anchored(&ours), anchored(&others));
    let decide = |cvc: &[u8], signer, anchors, learnt| Trust::of(&peer(cvc), signer, anchors, learnt, NOW);

    assert_eq!(decide(&card, &ours, &none, None), Trust::FirstUse);
    assert_eq!(decide(&card, &ours, &right, None), Trust::Anchored);
    assert_eq!(decide(&card, &ours, &none, Some(&learnt)), Trust::Learnt);
    assert_eq!(decide(&card, &ours, &wrong, Some(&learnt)), Trust::Learnt);
    assert_eq!(
        decide(&card, &ours, &wrong, None),
        Trust::Refused("no installed anchor has issued its signer"),
        "with anchors, first use is not offered"
    );
    assert_eq!(
        decide(&other_card, &others, &none, Some(&learnt)),
        Trust::Refused("it shows another key than when it was seen over contact"),
        "the same GUID, another signer"
    );
    assert_eq!(decide(&other_card, &others, &wrong, Some(&learnt)), Trust::Anchored, "issued anew");
    assert_eq!(LearntSigner::learn(&peer(&card), &others), None);
}

#[test]
fn an_anchored_signer_expires() {
    let (card, ours) = (cvc(Suite::Cs7, DIRECT), signer(Suite::Cs7, DIRECT));
    let anchors = anchored(&ours);
    let at = |now| Trust::of(&peer(&card), &ours, &anchors, None, now);
    // 2026-01-01 to 2045-01-01.
    assert_eq!(at(1_767_225_599), Trust::Refused("a certificate of its chain is not valid yet"));
    assert_eq!(at(1_767_225_600), Trust::Anchored);
    assert_eq!(at(2_366_841_600), Trust::Anchored);
    assert_eq!(at(2_366_841_601), Trust::Refused("a certificate of its chain has expired"));
}

#[test]
fn what_was_learnt_is_read_back_whole_or_not_at_all() {
    let learnt = LearntSigner::learn(&peer(&cvc(Suite::Cs2, DIRECT)), &signer(Suite::Cs2, DIRECT)).unwrap();
    assert_eq!(learnt.guid(), GUID);
    let bytes = learnt.to_bytes();
    assert_eq!(LearntSigner::from_bytes(&bytes).unwrap(), learnt);
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(LearntSigner::from_bytes(&damaged).is_err());
    }
    for length in 0..bytes.len() {
        assert!(LearntSigner::from_bytes(&bytes[..length]).is_err());
    }
    assert!(LearntSigner::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = (Cvc::parse(&bytes), ContentSigner::parse(&bytes), LearntSigner::from_bytes(&bytes));
        let _ = (Cvc::parse(&tlv::object(0x7F21, &bytes)), ContentSigner::parse(&tlv::object(0x70, &bytes)));
    }

    #[test]
    fn any_change_to_the_signer_object_is_read_or_refused(
        position in 0usize..400,
        bytes in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut content = object(Suite::Cs2, DIRECT);
        let end = (position + bytes.len()).min(content.len());
        content.splice(position.min(end)..end, bytes);
        if let Ok(signer) = ContentSigner::parse(&content) {
            let _ = trust(&cvc(Suite::Cs2, DIRECT), &signer);
        }
    }
}
