//! `crescendo cert import` and `delete`: certificates and keys that come from elsewhere, and those that go.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use device::{Credential, Devices, FileError};
use serde::Serialize;
use zeroize::Zeroizing;

use super::arguments::{Delete, Import};
use crate::{
    confirm::confirm,
    failure::Failure,
    output::{Output, Owner, plain},
    secret,
};

/// A file that is longer brings nothing for a card.
const LONGEST: u64 = 1024 * 1024;

#[derive(Serialize)]
struct Imported {
    device: Owner,
    imported: Parts,
}

#[derive(Serialize)]
struct Deleted {
    device: Owner,
    deleted: Parts,
}

#[derive(Serialize)]
struct Parts {
    key: String,
    certificate: bool,
    private_key: bool,
}

pub(super) fn import(output: &Output, devices: &Devices, asked: &Import) -> Result<(), Failure> {
    let Credential { certificate, key: private, others } = credential(asked)?;
    let private = private.filter(|_| !asked.certificate_only);
    let place = &asked.place;
    let mut device = devices.select(place.which.device.as_deref())?;
    let key = place.key;
    confirm(place.yes, &device.losses(key)?.sentences(key, private.is_some()))?;
    let needs = device.needs_to_import(key, private.is_some());
    let held = place.source.ask(&mut device, needs)?;
    match (&private, &certificate) {
        (Some(private), certificate) => {
            device.import_key(&held.rights(), key, private, certificate.as_deref(), asked.unconfirmed)?;
        }
        (None, Some(der)) => device.import_certificate(&held.rights(), key, der)?,
        (None, None) => return Err(Failure::Credential(asked.file.clone(), FileError::Empty)),
    }
    let parts =
        Parts { key: key.to_string(), certificate: certificate.is_some(), private_key: private.is_some() };
    let imported = Imported { device: Owner::of(&device), imported: parts };
    output.show(&imported, || {
        let what = named(&imported.imported);
        let rest = match others {
            0 => String::new(),
            1 => "One further certificate of the file was left out: a card has no place for it.\n".to_owned(),
            many => format!(
                "{many} further certificates of the file were left out: a card has no place for them.\n"
            ),
        };
        let next = if certificate.is_none() {
            format!(
                "It has no certificate yet: crescendo cert self-sign --existing --key {key}, or request\n"
            )
        } else {
            String::new()
        };
        format!("{what} written to {key} of {}\n{rest}{next}", plain(device.name()))
    })
}

pub(super) fn delete(output: &Output, devices: &Devices, asked: &Delete) -> Result<(), Failure> {
    let place = &asked.place;
    let mut device = devices.select(place.which.device.as_deref())?;
    let (key, losses) = (place.key, device.losses(place.key)?);
    confirm(place.yes, &losses.of_deleting(key, asked.with_key)?)?;
    let needs = device.needs_to_delete(asked.with_key);
    let held = place.source.ask(&mut device, needs)?;
    if asked.with_key {
        device.delete_key(&held.rights(), key, asked.unconfirmed)?;
    } else {
        device.delete_certificate(&held.rights(), key)?;
    }
    let parts = Parts {
        key: key.to_string(),
        certificate: losses.certificate.is_some(),
        private_key: asked.with_key,
    };
    let deleted = Deleted { device: Owner::of(&device), deleted: parts };
    output.show(&deleted, || {
        format!("{} deleted from {key} of {}\n", named(&deleted.deleted), plain(device.name()))
    })
}

fn named(parts: &Parts) -> &'static str {
    match (parts.certificate, parts.private_key) {
        (true, true) => "Key and certificate",
        (false, true) => "Key",
        _ => "Certificate",
    }
}

fn credential(asked: &Import) -> Result<Credential, Failure> {
    let file = read(&asked.file).map_err(|error| Failure::Unreadable(asked.file.clone(), error))?;
    let refused = |error| Failure::Credential(asked.file.clone(), error);
    match Credential::read(&file, None) {
        Err(FileError::PassphraseNeeded) => {
            let question = format!("Passphrase of {}: ", plain(asked.file.display()));
            let phrase = secret::text(asked.passphrase_env.as_deref(), asked.passphrase_fd, &question)?;
            Credential::read(&file, Some(&phrase)).map_err(refused)
        }
        other => other.map_err(refused),
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
    if path == Path::new("-") {
        io::stdin().lock().take(LONGEST).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
