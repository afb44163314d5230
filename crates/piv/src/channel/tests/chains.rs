//! Chains from a content signer to an anchor, each with one thing wrong.

use std::str::FromStr;

use const_oid::{
    AssociatedOid, ObjectIdentifier,
    db::rfc5912::{ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384},
};
use der::{
    Encode,
    asn1::{BitString, OctetString},
    flagset::FlagSet,
};
use p256::ecdsa::{DerSignature, SigningKey, signature::Signer};
use spki::{AlgorithmIdentifierOwned, EncodePublicKey, SubjectPublicKeyInfoOwned};
use x509_cert::{
    Certificate, TbsCertificate, Version,
    ext::{
        Extension,
        pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages},
    },
    name::Name,
    serial_number::SerialNumber,
    time::{Time, Validity},
};

use crate::channel::{AnchorError, Anchors, anchors::Certified};

const NOW: u64 = 1_800_000_000;
const CONTENT_SIGNING: &str = "2.16.840.1.101.3.6.7";
const SERVER: &str = "1.3.6.1.5.5.7.3.1";

/// A certificate to be made. Names stand for keys: who issues is whose name is there, with that name's key.
#[derive(Clone)]
struct Draft {
    subject: &'static str,
    issuer: &'static str,
    /// Whose key signs, if it is not the issuer's.
    signer: &'static str,
    /// What the certificate says it is signed with; it is signed with ECDSA and SHA-256.
    algorithm: ObjectIdentifier,
    validity: [u64; 2],
    extensions: Vec<Extension>,
}

fn key(name: &str) -> SigningKey {
    let mut bytes = [7; 32];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_slice(&bytes).unwrap()
}

fn extension<E: AssociatedOid + Encode>(content: &E, critical: bool) -> Extension {
    let extn_value = OctetString::new(content.to_der().unwrap()).unwrap();
    Extension { extn_id: E::OID, critical, extn_value }
}

fn usage(usages: impl Into<FlagSet<KeyUsages>>) -> Extension {
    extension(&KeyUsage(usages.into()), true)
}

fn purpose(oid: &str) -> Extension {
    extension(&ExtendedKeyUsage(vec![ObjectIdentifier::new(oid).unwrap()]), true)
}

fn constraints(ca: bool, path_len_constraint: Option<u8>) -> Extension {
    extension(&BasicConstraints { ca, path_len_constraint }, true)
}

/// A content signer.
fn leaf(issuer: &'static str) -> Draft {
    let extensions = vec![usage(KeyUsages::DigitalSignature), purpose(CONTENT_SIGNING)];
    Draft { subject: "leaf", extensions, ..ca("leaf", issuer) }
}

fn ca(subject: &'static str, issuer: &'static str) -> Draft {
    let extensions = vec![constraints(true, None), usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign)];
    let validity = [NOW - 100, NOW + 100];
    Draft { subject, issuer, signer: issuer, algorithm: ECDSA_WITH_SHA_256, validity, extensions }
}

impl Draft {
    fn with(mut self, extensions: &[Extension]) -> Self {
        self.extensions = extensions.to_vec();
        self
    }

    fn der(&self) -> Vec<u8> {
        let name = |name: &str| Name::from_str(&format!("CN={name}")).unwrap();
        let time = |seconds| {
            Time::UtcTime(
                der::asn1::UtcTime::from_unix_duration(std::time::Duration::from_secs(seconds)).unwrap(),
            )
        };
        let algorithm = AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None };
        let public = key(self.subject).verifying_key().to_public_key_der().unwrap();
        let tbs = TbsCertificate {
            version: Version::V3,
            serial_number: SerialNumber::new(&[1]).unwrap(),
            signature: AlgorithmIdentifierOwned { oid: self.algorithm, parameters: None },
            issuer: name(self.issuer),
            validity: Validity { not_before: time(self.validity[0]), not_after: time(self.validity[1]) },
            subject: name(self.subject),
            subject_public_key_info: SubjectPublicKeyInfoOwned::try_from(public.as_bytes()).unwrap(),
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(self.extensions.clone()),
        };
        let signature: DerSignature = key(self.signer).sign(&tbs.to_der().unwrap());
        let signature = BitString::from_bytes(signature.as_bytes()).unwrap();
        Certificate { tbs_certificate: tbs, signature_algorithm: algorithm, signature }.to_der().unwrap()
    }

    fn pem(&self) -> String {
        der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &self.der()).unwrap()
    }
}

fn vouch(leaf: &Draft, installed: &[Draft]) -> Result<(), &'static str> {
    let mut anchors = Anchors::default();
    for draft in installed {
        anchors.add_pem(&draft.pem()).unwrap();
    }
    anchors.vouch_for(&Certified::parse(&leaf.der()).unwrap(), NOW)
}

#[test]
fn chains_of_one_to_four_certificates() {
    assert_eq!(vouch(&leaf("leaf"), &[leaf("leaf")]), Ok(()), "the signer itself is installed");
    assert_eq!(vouch(&leaf("root"), &[leaf("root")]), Ok(()), "and its issuer is not");
    assert_eq!(vouch(&leaf("root"), &[ca("root", "root")]), Ok(()));
    assert_eq!(vouch(&leaf("a"), &[ca("a", "root")]), Ok(()), "an anchor need not be a root");
    let three = [ca("root", "root"), ca("a", "root")];
    assert_eq!(vouch(&leaf("a"), &three), Ok(()));
    let four = [ca("b", "a"), ca("root", "root"), ca("a", "root")];
    assert_eq!(vouch(&leaf("b"), &four), Ok(()));
    let five = [ca("c", "b"), ca("b", "a"), ca("a", "root"), ca("root", "root")];
    assert_eq!(vouch(&leaf("c"), &five), Err("its chain is longer than four certificates"));
    assert_eq!(vouch(&leaf("c"), &five[..3]), Ok(()), "c, b and a, which is the highest installed");
}

#[test]
fn chains_that_lead_nowhere() {
    let nowhere = Err("no installed anchor has issued its signer");
    assert_eq!(vouch(&leaf("root"), &[]), nowhere);
    assert_eq!(vouch(&leaf("root"), &[ca("other", "other")]), nowhere);
    assert_eq!(vouch(&leaf("leaf"), &[ca("root", "root")]), nowhere, "signed by itself");
    let circle = [ca("a", "b"), ca("b", "a")];
    assert_eq!(vouch(&leaf("a"), &circle), Err("its chain is longer than four certificates"));
}

#[test]
fn every_certificate_of_a_chain_has_to_be_valid() {
    let chain = [leaf("a"), ca("a", "root"), ca("root", "root")];
    for wrong in 0..3 {
        for (validity, why) in [
            ([NOW - 100, NOW - 1], "a certificate of its chain has expired"),
            ([NOW + 1, NOW + 100], "a certificate of its chain is not valid yet"),
        ] {
            let mut chain = chain.clone();
            chain[wrong].validity = validity;
            assert_eq!(vouch(&chain[0], &chain[1..]), Err(why), "certificate {wrong}");
        }
    }
}

#[test]
fn every_signature_of_a_chain_has_to_be_right() {
    let chain = [leaf("a"), ca("a", "root"), ca("root", "root")];
    for wrong in 0..2 {
        let mut chain = chain.clone();
        chain[wrong].signer = "mallory";
        assert_eq!(vouch(&chain[0], &chain[1..]), Err("a signature in its chain is wrong"), "{wrong}");
    }
}

#[test]
fn a_certificate_tells_one_signature_algorithm() {
    let leaf = Draft { algorithm: ECDSA_WITH_SHA_384, ..leaf("root") };
    assert!(Certified::parse(&leaf.der()).is_err());
}

#[test]
fn an_issuer_is_marked_as_one() {
    let why = Err("a certificate of its chain is not one of an issuer");
    let issuer = ca("root", "root");
    for extensions in [
        &[][..],
        &[usage(KeyUsages::KeyCertSign)],
        &[constraints(false, None), usage(KeyUsages::KeyCertSign)],
        &[constraints(true, None), usage(KeyUsages::DigitalSignature)],
    ] {
        assert_eq!(vouch(&leaf("root"), &[issuer.clone().with(extensions)]), why);
    }
    assert_eq!(vouch(&leaf("root"), &[issuer.clone().with(&[constraints(true, None)])]), Ok(()));
    assert_eq!(
        vouch(&leaf("leaf2"), &[leaf("leaf2"), Draft { subject: "leaf2", ..leaf("leaf2") }]),
        why,
        "a signer is none"
    );
}

#[test]
fn path_lengths_are_kept() {
    let with_length = |length| ca("root", "root").with(&[constraints(true, Some(length))]);
    let why = Err("its chain is longer than an issuer allows");
    assert_eq!(vouch(&leaf("root"), &[with_length(0)]), Ok(()));
    assert_eq!(vouch(&leaf("a"), &[ca("a", "root"), with_length(0)]), why);
    assert_eq!(vouch(&leaf("a"), &[ca("a", "root"), with_length(1)]), Ok(()));
    assert_eq!(vouch(&leaf("b"), &[ca("b", "a"), ca("a", "root"), with_length(1)]), why);
    assert_eq!(vouch(&leaf("b"), &[ca("b", "a"), ca("a", "root"), with_length(2)]), Ok(()));
}

#[test]
fn a_signer_is_one_of_piv_content() {
    let root = [ca("root", "root")];
    let vouch = |extensions: &[Extension]| vouch(&leaf("root").with(extensions), &root);
    assert_eq!(vouch(&[purpose(CONTENT_SIGNING)]), Ok(()), "key usage may be missing");
    assert_eq!(vouch(&[purpose("2.16.840.1.101.3.8.7")]), Ok(()), "PIV-I");
    let why = Err("its signer is not one of PIV content");
    assert_eq!(vouch(&[]), why);
    assert_eq!(vouch(&[purpose(SERVER)]), why);
    assert_eq!(vouch(&[purpose("2.5.29.37.0")]), why, "anything is not enough");
    let why = Err("its signer may not make signatures");
    assert_eq!(vouch(&[purpose(CONTENT_SIGNING), usage(KeyUsages::KeyEncipherment)]), why);
}

#[test]
fn an_issuer_for_other_things_does_not_count() {
    let issuer = |oid| ca("root", "root").with(&[constraints(true, None), purpose(oid)]);
    assert_eq!(vouch(&leaf("root"), &[issuer(CONTENT_SIGNING)]), Ok(()));
    assert_eq!(vouch(&leaf("root"), &[issuer("2.5.29.37.0")]), Ok(()));
    assert_eq!(
        vouch(&leaf("root"), &[issuer(SERVER)]),
        Err("an issuer of its chain is one for other things")
    );
}

#[test]
fn conditions_that_are_not_understood_are_not_met() {
    let why = Err("a certificate of its chain has a condition that is not understood here");
    let condition = |critical| Extension {
        extn_id: ObjectIdentifier::new_unwrap("2.5.29.30"),
        critical,
        extn_value: OctetString::new([0x30, 0x00]).unwrap(),
    };
    let root = [ca("root", "root")];
    for (critical, expected) in [(true, why), (false, Ok(()))] {
        let mut signer = leaf("root");
        signer.extensions.push(condition(critical));
        assert_eq!(vouch(&signer, &root), expected);
        let mut issuer = ca("root", "root");
        issuer.extensions.push(condition(critical));
        assert_eq!(vouch(&leaf("root"), &[issuer]), expected);
    }
    let twice = leaf("root").with(&[purpose(CONTENT_SIGNING), purpose(CONTENT_SIGNING)]);
    assert_eq!(vouch(&twice, &root), Err("a certificate of its chain cannot be read"));
}

#[test]
fn of_two_issuers_with_one_name_the_right_one_counts() {
    let old = ca("root", "root").with(&[]);
    assert_eq!(vouch(&leaf("root"), &[old.clone(), ca("root", "root")]), Ok(()));
    assert_eq!(vouch(&leaf("root"), &[ca("root", "root"), old]), Ok(()));
}

#[test]
fn every_flipped_bit_of_a_signer_is_refused() {
    let mut anchors = Anchors::default();
    anchors.add_pem(&ca("root", "root").pem()).unwrap();
    let der = leaf("root").der();
    for bit in 0..der.len() * 8 {
        let mut der = der.clone();
        der[bit / 8] ^= 1 << (bit % 8);
        let vouched = Certified::parse(&der).map(|signer| anchors.vouch_for(&signer, NOW));
        assert!(!matches!(vouched, Ok(Ok(()))), "bit {bit}");
    }
}

#[test]
fn anchors_are_read_from_pem() {
    let mut anchors = Anchors::default();
    let text =
        format!("Root of all\n{}\n\nand another\n{}\n", ca("root", "root").pem(), ca("a", "root").pem());
    anchors.add_pem(&text).unwrap();
    assert_eq!(anchors.vouch_for(&Certified::parse(&leaf("a").der()).unwrap(), NOW), Ok(()));
    let windows = ca("root", "root").pem().replace('\n', "\r\n");
    assert_eq!(Anchors::default().add_pem(&windows), Ok(()));
}

#[test]
fn an_unusable_file_of_anchors_is_named_and_adds_nothing() {
    let good = ca("root", "root").pem();
    let key = good.replace("CERTIFICATE", "PRIVATE KEY");
    let broken = good.replacen("\nM", "\n!", 1);
    let other = der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, b"none").unwrap();
    for (text, message) in [
        (String::new(), "a certificate is missing"),
        ("nothing".to_owned(), "a certificate is missing"),
        (format!("{good}{key}"), "certificate 2 is not a certificate but something else"),
        (format!("{good}{broken}"), "certificate 2 is not PEM with 64 characters a line"),
        (other, "certificate 1 is not an X.509 certificate with a key that can be used"),
        (format!("{good}{}", &good[..200]), "certificate 2 is cut short"),
    ] {
        let mut anchors = Anchors::default();
        let error: AnchorError = anchors.add_pem(&text).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(anchors.is_empty());
    }
}
