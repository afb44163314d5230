//! openssl as the judge of what the card signed.

use std::path::{Path, PathBuf};

use crate::files::fixture;
use crate::lab::Lab;

/// How a signature over SHA-256 was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RSA, PKCS#1 v1.5.
    Pkcs1,
    /// RSA-PSS, with MGF1 of the same hash.
    Pss,
    /// ECDSA, in the DER form.
    Ecdsa,
    /// ECDSA as PKCS#11 has it: r and s side by side.
    EcdsaRaw,
}

/// Whether openssl accepts a signature over `data` by the key of a fixture, such as `9a`.
#[must_use]
pub fn accepts(lab: &Lab, name: &str, scheme: Scheme, data: &Path, signature: &[u8]) -> bool {
    let signature = if scheme == Scheme::EcdsaRaw { der(signature) } else { signature.to_vec() };
    let signature = lab.file("judged", signature);
    let public =
        lab.program("openssl").args(&["x509", "-noout", "-pubkey", "-in"]).arg(certificate(lab, name));
    let public = lab.file("judged.pub", public.succeed().bytes);
    let padding: &[&str] = match scheme {
        Scheme::Pss => &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-2"],
        _ => &[],
    };
    let openssl = lab.program("openssl").args(&["dgst", "-sha256", "-verify"]).arg(public).args(padding);
    openssl.arg("-signature").arg(signature).arg(data).run().out.contains("Verified OK")
}

/// The certificate of a fixture as PEM, in the lab's folder.
#[must_use]
pub fn certificate(lab: &Lab, name: &str) -> PathBuf {
    let path = lab.path(&format!("{name}.pem"));
    let openssl = lab.program("openssl").args(&["x509", "-inform", "DER", "-in"]);
    let _ = openssl.arg(fixture(&format!("{name}.der"))).arg("-out").arg(&path).succeed();
    path
}

/// The CA of all certificates.
#[must_use]
pub fn ca() -> PathBuf {
    fixture("ca.pem")
}

/// SEQUENCE of two INTEGERs, for curves up to 384 bits, so that every length fits one byte.
fn der(raw: &[u8]) -> Vec<u8> {
    let (r, s) = raw.split_at(raw.len() / 2);
    let integers = [integer(r), integer(s)].concat();
    [vec![0x30, short(integers.len())], integers].concat()
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
    let mut value = bytes[start..].to_vec();
    if value[0] & 0x80 != 0 {
        value.insert(0, 0);
    }
    [vec![0x02, short(value.len())], value].concat()
}

fn short(length: usize) -> u8 {
    u8::try_from(length)
        .ok()
        .filter(|length| *length < 0x80)
        .expect("a signature of at most 384 bits a number")
}
