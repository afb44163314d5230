//! `crescendo cert request` and `self-sign`: a key is made on the card, or the one that is there is used, and it signs what is
//! said about it.

use std::{
    io::{self, IsTerminal},
    time::SystemTime,
};

use device::{Algorithm, Device, Devices, Held, Needs, PublicKey, SelfSigned, Subject};
use serde::Serialize;

use super::{
    arguments::{Request, SelfSign, Wanted},
    form, write,
};
use crate::{
    arguments::Format,
    confirm::confirm,
    failure::Failure,
    output::{Output, Owner, hex, plain},
};

#[derive(Serialize)]
struct Requested {
    device: Owner,
    request: File,
}

#[derive(Serialize)]
struct File {
    key: String,
    algorithm: String,
    /// Whether the key was made for it.
    made: bool,
    format: &'static str,
    pem: Option<String>,
    file: Option<String>,
}

#[derive(Serialize)]
struct Signed {
    device: Owner,
    certificate: Item,
}

#[derive(Serialize)]
struct Item {
    key: String,
    algorithm: String,
    made: bool,
    not_before: String,
    not_after: String,
    sha256: String,
}

pub(super) fn request(output: &Output, devices: &Devices, request: &Request) -> Result<(), Failure> {
    let subject = subject(&request.wanted)?;
    // Text inside JSON is PEM, as JSON holds no bytes.
    let inside = output.json && request.output.is_none();
    let format = if inside { Format::Pem } else { request.format };
    super::demand_place(format, request.output.as_deref(), request.force)?;
    let (mut device, held, public) = key(output, devices, &request.wanted, false)?;
    let key = request.wanted.place.key;
    let bytes = device
        .request(key, &public, &subject, held.pin.as_ref(), form(format))
        .map_err(|error| error.after_making(!request.wanted.existing))?;
    match &request.output {
        Some(path) => write(path, &bytes, request.force)?,
        None if !output.json => return output.bytes(&bytes),
        None => {}
    }
    let file = File {
        key: key.to_string(),
        algorithm: public.algorithm().to_string(),
        made: !request.wanted.existing,
        format: if format == Format::Pem { "pem" } else { "der" },
        pem: inside.then(|| String::from_utf8_lossy(&bytes).into_owned()),
        file: request.output.as_ref().map(|path| path.display().to_string()),
    };
    let requested = Requested { device: Owner::of(&device), request: file };
    output.show(&requested, || {
        let file = requested.request.file.as_deref().map(plain).unwrap_or_default();
        format!(
            "Request for key {key} written to {file}\nPut what the issuer answers onto the card with: crescendo cert \
             import --key {key} FILE\n"
        )
    })
}

pub(super) fn self_sign(output: &Output, devices: &Devices, asked: &SelfSign) -> Result<(), Failure> {
    let subject = subject(&asked.wanted)?;
    let (mut device, held, public) = key(output, devices, &asked.wanted, true)?;
    let key = asked.wanted.place.key;
    let SelfSigned { validity, fingerprint, .. } = device
        .self_sign(&held.rights(), key, &public, &subject, SystemTime::now(), asked.days)
        .map_err(|error| error.after_making(!asked.wanted.existing))?;
    let item = Item {
        key: key.to_string(),
        algorithm: public.algorithm().to_string(),
        made: !asked.wanted.existing,
        not_before: validity.not_before.to_string(),
        not_after: validity.not_after.to_string(),
        sha256: hex(&fingerprint, ""),
    };
    let signed = Signed { device: Owner::of(&device), certificate: item };
    output.show(&signed, || {
        let Item { algorithm, not_after, .. } = &signed.certificate;
        let day = not_after.split('T').next().unwrap_or_default();
        format!("Key {key} ({algorithm}) has a certificate that it signed itself, valid until {day}\n")
    })
}

fn subject(wanted: &Wanted) -> Result<Subject, Failure> {
    let mut subject = Subject::new(&wanted.subject).map_err(Failure::Subject)?;
    wanted.san.iter().try_for_each(|name| subject.add(name)).map_err(Failure::Subject)?;
    Ok(subject)
}

/// The key to be certified: a new one, or the one that is there.
fn key(
    output: &Output,
    devices: &Devices,
    wanted: &Wanted,
    writes: bool,
) -> Result<(Device, Held, PublicKey), Failure> {
    let place = &wanted.place;
    let mut device = devices.select(place.which.device.as_deref())?;
    let key = place.key;
    let replaced = if wanted.existing && !writes {
        Vec::new()
    } else {
        device.losses(key)?.sentences(key, !wanted.existing)
    };
    confirm(place.yes, &replaced)?;
    let held = place.source.ask(&mut device, Needs::of_key(key, writes || !wanted.existing))?;
    if wanted.existing {
        let public = device.public_key(key, held.pin.as_ref())?;
        return Ok((device, held, public));
    }
    let kind = wanted.kind();
    tell(output, kind);
    let public = device.generate(&held.rights(), key, kind)?;
    Ok((device, held, public))
}

/// It can take a while, and nothing else shows.
fn tell(output: &Output, kind: Algorithm) {
    if !output.json && kind.is_rsa() && io::stderr().is_terminal() {
        eprintln!("The card is making an {kind} key, which can take up to a minute. Leave it where it is.");
    }
}
