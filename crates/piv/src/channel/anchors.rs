//! Who may vouch for cards: the certificates that the owner of this machine has installed, and the way from a content signer
//! up to one of them (RFC 5280, chapter 6, without policies, names and revocation).

use std::fmt;

use const_oid::{AssociatedOid, ObjectIdentifier, db::rfc5280::ANY_EXTENDED_KEY_USAGE};
use der::{
    Decode, Encode, Sequence,
    asn1::{Any, BitString},
    pem,
};
use spki::AlgorithmIdentifierOwned;
use x509_cert::{
    TbsCertificate,
    ext::pkix::{BasicConstraints, CertificatePolicies, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier},
};

use super::signature;
use crate::PublicKey;

/// id-PIV-content-signing, and the same of PIV-I cards.
const CONTENT_SIGNING: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.6.7"),
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.8.7"),
];
/// How many certificates a chain may have, the content signer's and the anchor's included.
const CHAIN: usize = 4;
/// A file with more certificates than this is no list of anchors.
const LIMIT: usize = 256;
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const LABEL: &str = "CERTIFICATE";

/// The certificates that vouch for content signers. With none, nobody does.
///
/// Each is an anchor; where the issuer of one is installed too, the chain is followed up to it and everything in it checked.
#[derive(Debug, Default)]
pub struct Anchors(Vec<Certified>);

impl Anchors {
    /// Adds the certificates of one file: PEM, one or more, with any text between them. All of them, or on an error none.
    ///
    /// # Errors
    /// Which certificate, and what is wrong with it.
    pub fn add_pem(&mut self, text: &str) -> Result<(), AnchorError> {
        let mut added = Vec::new();
        let mut rest = text;
        while rest.contains(BEGIN) {
            let error = |what| AnchorError { certificate: added.len() + 1, what };
            let (block, after) = cut(rest).ok_or(error("is cut short"))?;
            if added.len() == LIMIT {
                return Err(error("is one too many"));
            }
            rest = after;
            let certificate = read(block).map_err(error)?;
            added.push(certificate);
        }
        if added.is_empty() {
            return Err(AnchorError { certificate: 0, what: "is missing" });
        }
        self.0.extend(added);
        Ok(())
    }

    /// Whether none is installed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a chain of at most four certificates leads from this content signer to an anchor. `now` in seconds since 1970.
    pub(super) fn vouch_for(&self, signer: &Certified, now: u64) -> Result<(), &'static str> {
        signer.may_sign_content()?;
        signer.is_valid_at(now)?;
        self.climb(signer, 1, now)
    }

    /// The way up from a certificate that is good by itself, `length` certificates long so far.
    fn climb(&self, current: &Certified, length: usize, now: u64) -> Result<(), &'static str> {
        let is_issuer =
            |anchor: &&Certified| anchor.tbs.subject == current.tbs.issuer && anchor.der != current.der;
        let is_installed = self.0.iter().any(|anchor| anchor.der == current.der);
        let mut issuers = self.0.iter().filter(is_issuer).peekable();
        if is_installed && (current.is_self_issued() || issuers.peek().is_none()) {
            return Ok(());
        }
        if length == CHAIN {
            return Err("its chain is longer than four certificates");
        }
        let mut result = Err("no installed anchor has issued its signer");
        for issuer in issuers {
            result =
                issuer.may_issue(current, length, now).and_then(|()| self.climb(issuer, length + 1, now));
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

/// The first block of `text`, and what follows it.
fn cut(text: &str) -> Option<(&str, &str)> {
    let block = &text[text.find(BEGIN)?..];
    let end = block.find(END)? + END.len();
    let line = block[end..].find(DASHES)? + DASHES.len();
    Some(block.split_at(end + line))
}

fn read(block: &str) -> Result<Certified, &'static str> {
    let (label, der) =
        pem::decode_vec(block.as_bytes()).map_err(|_| "is not PEM with 64 characters a line")?;
    if label != LABEL {
        return Err("is not a certificate but something else");
    }
    Certified::parse(&der).map_err(|_| "is not an X.509 certificate with a key that can be used")
}

/// A file of anchors that cannot be used. Nothing of it is.
#[derive(Debug, PartialEq, Eq)]
pub struct AnchorError {
    /// Which certificate of the file, from 1; 0 if there is none.
    certificate: usize,
    what: &'static str,
}

/// As in `certificate 2 is not PEM`.
impl fmt::Display for AnchorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.certificate {
            0 => write!(f, "a certificate {}", self.what),
            number => write!(f, "certificate {number} {}", self.what),
        }
    }
}

impl std::error::Error for AnchorError {}

/// A certificate with all that a chain asks of it.
#[derive(Clone, Debug)]
pub(super) struct Certified {
    pub(super) der: Vec<u8>,
    pub(super) key: PublicKey,
    signed: Signed,
    tbs: TbsCertificate,
}

fn includes_content(purpose: &ObjectIdentifier) -> bool {
    CONTENT_SIGNING.contains(purpose) || *purpose == ANY_EXTENDED_KEY_USAGE
}

/// What every signed thing of X.509 looks like; the first field is signed as it is encoded.
#[derive(Clone, Debug, Sequence)]
struct Signed {
    tbs: Any,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

impl Certified {
    pub(super) fn parse(der: &[u8]) -> Result<Self, crate::Error> {
        let malformed = |_| crate::Error::Malformed("certificate");
        let signed = Signed::from_der(der).map_err(malformed)?;
        let tbs = TbsCertificate::from_der(&signed.tbs.to_der().map_err(malformed)?).map_err(malformed)?;
        let info = tbs.subject_public_key_info.to_der().map_err(malformed)?;
        if tbs.signature != signed.algorithm {
            return Err(crate::Error::Malformed("certificate"));
        }
        Ok(Self { der: der.to_vec(), key: PublicKey::parse(&info)?, signed, tbs })
    }

    /// The left 8 bytes of the subject key identifier.
    pub(super) fn key_id(&self) -> Option<[u8; 8]> {
        let id = self.extension::<SubjectKeyIdentifier>().ok()??;
        id.0.as_bytes().first_chunk().copied()
    }

    fn is_self_issued(&self) -> bool {
        self.tbs.subject == self.tbs.issuer
    }

    fn is_valid_at(&self, now: u64) -> Result<(), &'static str> {
        let validity = &self.tbs.validity;
        if now < validity.not_before.to_unix_duration().as_secs() {
            return Err("a certificate of its chain is not valid yet");
        }
        if now > validity.not_after.to_unix_duration().as_secs() {
            return Err("a certificate of its chain has expired");
        }
        Ok(())
    }

    /// Whether this may sign what is on cards.
    pub(super) fn may_sign_content(&self) -> Result<(), &'static str> {
        self.has_no_unknown_condition()?;
        let usage = self.extension::<KeyUsage>()?;
        if usage.is_some_and(|usage| !usage.digital_signature()) {
            return Err("its signer may not make signatures");
        }
        let purposes = self.extension::<ExtendedKeyUsage>()?;
        if !purposes
            .is_some_and(|purposes| purposes.0.iter().any(|purpose| CONTENT_SIGNING.contains(purpose)))
        {
            return Err("its signer is not one of PIV content");
        }
        Ok(())
    }

    /// Whether this has issued a certificate, and might, with `below` certificates between it and the card.
    fn may_issue(&self, issued: &Self, below: usize, now: u64) -> Result<(), &'static str> {
        self.is_valid_at(now)?;
        self.has_no_unknown_condition()?;
        let constraints = self.extension::<BasicConstraints>()?.filter(|constraints| constraints.ca);
        let usage = self.extension::<KeyUsage>()?;
        let Some(constraints) = constraints.filter(|_| usage.is_none_or(|usage| usage.key_cert_sign()))
        else {
            return Err("a certificate of its chain is not one of an issuer");
        };
        if constraints.path_len_constraint.is_some_and(|most| usize::from(most) < below - 1) {
            return Err("its chain is longer than an issuer allows");
        }
        let purposes = self.extension::<ExtendedKeyUsage>()?;
        if purposes.is_some_and(|purposes| !purposes.0.iter().any(includes_content)) {
            return Err("an issuer of its chain is one for other things");
        }
        let Signed { tbs, algorithm, signature } = &issued.signed;
        let tbs = tbs.to_der().map_err(|_| "a certificate of its chain cannot be read")?;
        if !signature.as_bytes().is_some_and(|bytes| signature::verifies(&self.key, algorithm, &tbs, bytes)) {
            return Err("a signature in its chain is wrong");
        }
        Ok(())
    }

    /// A critical extension that nobody looks at here may say anything (RFC 5280, 4.2).
    fn has_no_unknown_condition(&self) -> Result<(), &'static str> {
        let known = [
            BasicConstraints::OID,
            KeyUsage::OID,
            ExtendedKeyUsage::OID,
            CertificatePolicies::OID,
            SubjectKeyIdentifier::OID,
        ];
        let mut extensions = self.tbs.extensions.iter().flatten();
        if extensions.any(|extension| extension.critical && !known.contains(&extension.extn_id)) {
            return Err("a certificate of its chain has a condition that is not understood here");
        }
        Ok(())
    }

    /// The extension of this kind; one that comes twice is none that may be trusted.
    fn extension<'a, E: AssociatedOid + Decode<'a>>(&'a self) -> Result<Option<E>, &'static str> {
        self.tbs
            .get::<E>()
            .map(|found| found.map(|(_, extension)| extension))
            .map_err(|_| "a certificate of its chain cannot be read")
    }
}
