//! Card verifiable certificates and who vouches for them (SP 800-73 part 2, 4.1.5; part 1, 3.3.7), good and bad.

mod common;

use std::io::Read;

use common::terminal::{Terminal, point};
use common::{SELECT_PIV, bytes, object, say, tlv, value};
use crescendo_sim::fixture;
use crescendo_sim::{Personality, Signer, SimCard, Suite};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::pkcs8::DecodePublicKey;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};
use x509_cert::Certificate;
use x509_cert::der::{Decode, DecodePem, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectKeyIdentifier};

const CONTENT_SIGNING: &str = "2.16.840.1.101.3.6.7";
const SUITES: [Suite; 2] = [Suite::Cs2, Suite::Cs7];

/// The parts of a card verifiable certificate.
struct Cvc {
    body: Vec<u8>,
    issuer: Vec<u8>,
    subject: Vec<u8>,
    key: Vec<u8>,
    role: u8,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// One object with a tag of one or two bytes, and what follows it.
fn split(bytes: &[u8]) -> (u16, &[u8], &[u8]) {
    let two = bytes[0] & 0x1F == 0x1F;
    let tag = if two { u16::from_be_bytes([bytes[0], bytes[1]]) } else { u16::from(bytes[0]) };
    let rest = &bytes[1 + usize::from(two)..];
    let (length, rest) = match rest[0] {
        0x81 => (usize::from(rest[1]), &rest[2..]),
        0x82 => (usize::from(u16::from_be_bytes([rest[1], rest[2]])), &rest[3..]),
        short => (usize::from(short), &rest[1..]),
    };
    (tag, &rest[..length], &rest[length..])
}

impl Cvc {
    fn read(whole: &[u8]) -> Self {
        let (0x7F21, content, []) = split(whole) else { panic!("a certificate") };
        let mut fields = Vec::new();
        let mut rest = content;
        while !rest.is_empty() {
            let (tag, field, after) = split(rest);
            fields.push((tag, field));
            if tag == 0x5F37 {
                break;
            }
            rest = after;
        }
        let [
            (0x5F29, [0x80]),
            (0x42, issuer),
            (0x5F20, subject),
            (0x7F49, _),
            (0x5F4C, [role]),
            (0x5F37, signature),
        ] = fields[..]
        else {
            panic!("the fields in their order")
        };
        let (0x30, signature, []) = split(signature) else { panic!("a DigitalSignature") };
        let (0x30, algorithm, bits) = split(signature) else { panic!("an AlgorithmIdentifier") };
        let (0x03, [0, signature @ ..], []) = split(bits) else { panic!("a BIT STRING") };
        Self {
            body: content[..content.len() - rest.len()].to_vec(),
            issuer: issuer.to_vec(),
            subject: subject.to_vec(),
            key: point(whole).to_vec(),
            role: *role,
            algorithm: algorithm.to_vec(),
            signature: signature.to_vec(),
        }
    }

    fn is_signed_by(&self, key: &[u8]) -> bool {
        match key.len() {
            65 => {
                let signature = p256::ecdsa::Signature::from_der(&self.signature).unwrap();
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).unwrap();
                assert_eq!(self.algorithm, bytes("06082A8648CE3D040302"));
                key.verify_prehash(&Sha256::digest(&self.body), &signature).is_ok()
            }
            97 => {
                let signature = p384::ecdsa::Signature::from_der(&self.signature).unwrap();
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).unwrap();
                assert_eq!(self.algorithm, bytes("06082A8648CE3D040303"));
                key.verify_prehash(&Sha384::digest(&self.body), &signature).is_ok()
            }
            _ => panic!("no key on a curve"),
        }
    }

    fn is_signed_by_rsa(&self, signer: &Certificate) -> bool {
        let key = signer.tbs_certificate.subject_public_key_info.to_der().unwrap();
        let key = RsaPublicKey::from_public_key_der(&key).unwrap();
        assert_eq!(self.algorithm, bytes("06092A864886F70D01010B0500"));
        key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&self.body), &self.signature).is_ok()
    }
}

/// What a card shows: its own certificate, the content signer's, and an Intermediate CVC.
struct Shown {
    guid: [u8; 16],
    card: Cvc,
    signer: Certificate,
    intermediate: Option<Cvc>,
}

fn show(suite: Suite, signer: Signer, compressed: bool) -> Shown {
    let mut personality = Personality { compressed, ..Personality::piv_dual() };
    personality.secure_messaging.suite = Some(suite);
    personality.secure_messaging.signer = signer;
    let guid = personality.guid;
    let card = SimCard::new(personality);
    say(&card, SELECT_PIV);
    let (container, status) = object(&card, 0x5FC122);
    assert_eq!((status, container.len() <= 2471), (0x9000, true));
    let (0x70, certificate, rest) = split(value(0x53, &container)) else { panic!("a certificate") };
    let (0x71, [info], rest) = split(rest) else { panic!("CertInfo") };
    let certificate = if *info == 1 { inflated(certificate) } else { certificate.to_vec() };
    let intermediate = (rest != [0xFE, 0]).then(|| {
        let (0x7F21, intermediate, [0xFE, 0]) = split(rest) else { panic!("an Intermediate CVC") };
        assert!(intermediate.len() <= 601);
        Cvc::read(&rest[..rest.len() - 2])
    });
    let (_, introduction) = Terminal::agree(&card, suite, 7).unwrap();
    let signer = Certificate::from_der(&certificate).unwrap();
    Shown { guid, card: Cvc::read(&introduction.cvc), signer, intermediate }
}

fn inflated(stream: &[u8]) -> Vec<u8> {
    let mut certificate = Vec::new();
    flate2::read::GzDecoder::new(stream).read_to_end(&mut certificate).unwrap();
    certificate
}

fn identifier(certificate: &Certificate) -> Vec<u8> {
    let (_, identifier) = certificate.tbs_certificate.get::<SubjectKeyIdentifier>().unwrap().unwrap();
    identifier.0.as_bytes()[..8].to_vec()
}

fn public_key(certificate: &Certificate) -> Vec<u8> {
    certificate.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes().to_vec()
}

fn is_issued_by(certificate: &Certificate, issuer: &str) -> bool {
    let issuer = Certificate::from_pem(issuer).unwrap();
    let key = issuer.tbs_certificate.subject_public_key_info.to_der().unwrap();
    let key = RsaPublicKey::from_public_key_der(&key).unwrap();
    let body = Sha256::digest(certificate.tbs_certificate.to_der().unwrap());
    key.verify(Pkcs1v15Sign::new::<Sha256>(), &body, certificate.signature.raw_bytes()).is_ok()
        && certificate.tbs_certificate.issuer == issuer.tbs_certificate.subject
}

fn signs_content(certificate: &Certificate) -> bool {
    let usage = certificate.tbs_certificate.get::<ExtendedKeyUsage>().unwrap();
    usage.is_some_and(|(_, usage)| usage.0.iter().any(|usage| usage.to_string() == CONTENT_SIGNING))
}

fn years(certificate: &Certificate) -> (u16, u16) {
    let validity = &certificate.tbs_certificate.validity;
    (validity.not_before.to_date_time().year(), validity.not_after.to_date_time().year())
}

#[test]
fn a_content_signer_on_the_curve_signs_directly() {
    for suite in SUITES {
        for compressed in [false, true] {
            let shown = show(suite, Signer::Direct, compressed);
            assert!(shown.intermediate.is_none());
            assert_eq!((shown.card.role, &shown.card.subject[..]), (0x00, &shown.guid[..]));
            assert_eq!(shown.card.issuer, identifier(&shown.signer));
            assert!(shown.card.is_signed_by(&public_key(&shown.signer)));
            assert!(is_issued_by(&shown.signer, fixture::vci_anchor()) && signs_content(&shown.signer));
            assert_eq!(years(&shown.signer), (2026, 2046));
        }
    }
}

#[test]
fn an_rsa_content_signer_signs_an_intermediate_certificate_under_both_suites() {
    for suite in SUITES {
        for kind in [Signer::Intermediate, Signer::IntermediateEcdsa] {
            let shown = show(suite, kind, false);
            let between = shown.intermediate.unwrap();
            assert_eq!((between.role, between.key.len()), (0x12, shown.card.key.len()));
            assert_eq!(between.issuer, identifier(&shown.signer));
            assert_eq!(between.subject, Sha1::digest(tlv(0x86, &between.key))[..8], "SHA-1 with CS7 too");
            assert_eq!((&shown.card.issuer, &shown.card.subject[..]), (&between.subject, &shown.guid[..]));
            assert!(shown.card.is_signed_by(&between.key));
            assert!(is_issued_by(&shown.signer, fixture::vci_anchor()) && signs_content(&shown.signer));
            if kind == Signer::Intermediate {
                assert!(between.is_signed_by_rsa(&shown.signer));
            } else {
                assert!(between.is_signed_by(&public_key(&shown.signer)));
            }
        }
    }
}

#[test]
fn signers_to_be_refused_are_wrong_in_one_thing_each() {
    for suite in SUITES {
        let good = show(suite, Signer::Direct, false);
        for kind in [Signer::Expired, Signer::NoUsage, Signer::NoCa, Signer::OtherRoot] {
            let shown = show(suite, kind, false);
            assert!(shown.card.is_signed_by(&public_key(&shown.signer)));
            assert_eq!(identifier(&shown.signer), identifier(&good.signer), "only the path tells them apart");
            assert_eq!(signs_content(&shown.signer), kind != Signer::NoUsage);
            assert_eq!(
                years(&shown.signer),
                if kind == Signer::Expired { (2020, 2025) } else { (2026, 2046) }
            );
            let issuer = match kind {
                Signer::NoCa => fixture::vci_issuer_without_ca(),
                Signer::OtherRoot => fixture::vci_other_root(),
                _ => fixture::vci_anchor(),
            };
            assert!(is_issued_by(&shown.signer, issuer), "{kind:?}");
        }
    }
    let issuer = Certificate::from_pem(fixture::vci_issuer_without_ca()).unwrap();
    assert!(is_issued_by(&issuer, fixture::vci_anchor()));
    assert!(issuer.tbs_certificate.get::<BasicConstraints>().unwrap().is_none());
    let anchor = Certificate::from_pem(fixture::vci_anchor()).unwrap();
    assert!(anchor.tbs_certificate.get::<BasicConstraints>().unwrap().unwrap().1.ca);
}

#[test]
fn a_certificate_of_another_card_names_another_guid() {
    let shown = show(Suite::Cs2, Signer::OtherCard, false);
    assert!(shown.card.is_signed_by(&public_key(&shown.signer)));
    assert_ne!(shown.card.subject, shown.guid);
    assert_eq!(shown.card.subject.len(), 16);
}

#[test]
fn the_command_prints_the_anchor() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_crescendo-sim")).arg("anchor").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), fixture::vci_anchor());
}
