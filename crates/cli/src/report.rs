//! `crescendo report`: one page for whoever is asked for help: versions, readers, cards, applications, what is kept. It
//! changes nothing, holds no secret, and names nobody: serial numbers and names are left out unless they are asked for. It
//! is shown before it is saved.

mod machine;
mod text;

use std::{collections::BTreeMap, path::PathBuf, time::SystemTime};

use clap::Args;
use device::{
    Cache, Certificate, Device, Devices, Entry, KeySide, Mark, Overview, PinState, State, firmware::Firmware,
    join,
};
use serde::Serialize;

use self::machine::Machine;
use crate::{
    cert,
    confirm::confirm,
    devices::{load, state_name},
    failure::Failure,
    output::{Output, hex, plain},
};

#[derive(Args, Debug)]
pub(crate) struct Report {
    /// Save it to this file, too, after it was shown
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Name serial numbers, device IDs and labels; without it they are left out
    #[arg(long)]
    with_serials: bool,
    /// Save it without a question
    #[arg(long, requires = "output")]
    yes: bool,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    force: bool,
}

#[derive(Serialize)]
struct Shown {
    report: Content,
}

#[derive(Serialize)]
struct Content {
    machine: Machine,
    /// Why the readers could not be asked.
    problem: Option<String>,
    devices: Vec<Item>,
    cache: Kept,
}

#[derive(Serialize)]
struct Kept {
    cards: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct Item {
    name: String,
    reader: String,
    state: &'static str,
    problem: Option<String>,
    atr: Option<String>,
    id: Option<String>,
    serial: Option<String>,
    label: Option<String>,
    contactless: bool,
    vci: bool,
    pin: Option<String>,
    /// Why the applications were not looked for.
    not_asked: Option<&'static str>,
    applications: Vec<Application>,
    free_memory: Option<u32>,
    pin_policy: Option<String>,
    properties: Option<String>,
    certificates: Vec<Key>,
    key: Option<KeyItem>,
}

#[derive(Serialize)]
struct Application {
    name: String,
    found: bool,
    version: Option<String>,
}

#[derive(Serialize)]
struct Key {
    key: String,
    algorithm: Option<String>,
    mark: Option<&'static str>,
    problem: Option<String>,
}

#[derive(Serialize)]
struct KeyItem {
    path: String,
    usb: String,
    serial: Option<String>,
    aaguid: Option<String>,
    firmware: Option<String>,
    problem: Option<String>,
}

/// What tells one thing from another stays told apart, by a number.
struct Redactor {
    is_off: bool,
    known: BTreeMap<String, usize>,
}

pub(crate) fn run(output: &Output, devices: &Devices, cache: &Cache, asked: &Report) -> Result<(), Failure> {
    let shown = Shown { report: content(devices, cache, asked.with_serials) };
    output.show(&shown, || text::page(&shown.report))?;
    let Some(file) = &asked.output else { return Ok(()) };
    confirm(asked.yes, &[format!("This is what is saved to {}.", file.display())])?;
    let bytes = if output.json { output.object(&shown)? } else { text::page(&shown.report) };
    cert::write(file, bytes.as_bytes(), asked.force)
}

fn content(devices: &Devices, cache: &Cache, with_serials: bool) -> Content {
    let mut redactor = Redactor { is_off: with_serials, known: BTreeMap::new() };
    let (mut listed, problem) = match devices.list() {
        Ok(listed) => (listed, None),
        // The keys are still there.
        Err(error) => (devices.keys(), Some(error.to_string())),
    };
    load(&mut listed, || ());
    let items = join(listed).iter_mut().map(|device| item(device, &mut redactor)).collect();
    let kept = cache.list();
    let kept = Kept { cards: kept.len(), bytes: kept.iter().map(|kept| kept.size).sum() };
    Content { machine: machine::here(), problem, devices: items, cache: kept }
}

fn item(device: &mut Device, redactor: &mut Redactor) -> Item {
    let overview = if device.is_piv() { device.look_around().ok() } else { None };
    let not_asked = match &overview {
        Some(None) => Some("somebody is logged in, or it lies on a contactless reader"),
        _ => None,
    };
    let certificates = if device.is_piv() { device.certificates(SystemTime::now()) } else { Ok(Vec::new()) };
    let Overview { applications, free_memory, pin_policy, properties, .. } =
        overview.flatten().unwrap_or_default();
    Item {
        name: device.name(),
        reader: redactor.reader(device.reader()),
        state: state_name(device.state()),
        problem: match device.state() {
            State::Unreadable(error) => Some(error.to_string()),
            _ => certificates.as_ref().err().map(ToString::to_string),
        },
        atr: device.atr().map(|atr| hex(atr, "")),
        id: device.id().map(|id| redactor.hide("ID", id)),
        serial: device.serial().map(|serial| redactor.hide("serial", serial)),
        label: device.label().map(|label| redactor.hide("label", label)),
        contactless: device.is_contactless(),
        vci: device.has_vci(),
        pin: device.seen_pin().map(pin),
        not_asked,
        applications: applications
            .into_iter()
            .map(|device::Application { name, found, version }| Application { name, found, version })
            .collect(),
        free_memory,
        pin_policy: pin_policy.map(|policy| {
            let kind = if policy.digits { "digits" } else { "any characters" };
            format!("{} to {}, {kind}", policy.min, policy.max)
        }),
        properties: properties.map(|properties| hex(&properties, "")),
        certificates: certificates.unwrap_or_default().iter().map(key).collect(),
        key: device.key_side().map(|side| key_item(side, redactor)),
    }
}

fn pin(state: PinState) -> String {
    match state {
        PinState::Verified => "verified".to_owned(),
        PinState::Tries(tries) => format!("not verified, {tries} tries left"),
        PinState::Blocked => "blocked".to_owned(),
        PinState::ContactOnly => "no tries left without contacts".to_owned(),
        PinState::Absent => "none".to_owned(),
    }
}

/// Of a certificate: nothing that names somebody.
fn key(entry: &Entry) -> Key {
    let mark = |certificate: &Certificate| match certificate.mark? {
        Mark::NotYetValid => Some("not-yet-valid"),
        Mark::ExpiresWithinMonth => Some("expires-within-a-month"),
        Mark::Expired => Some("expired"),
    };
    let read = entry.certificate.as_ref();
    Key {
        key: entry.key.to_string(),
        algorithm: read.ok().map(|certificate| certificate.algorithm.to_string()),
        mark: read.ok().and_then(mark),
        problem: read.err().map(ToString::to_string),
    }
}

fn key_item(side: &KeySide, redactor: &mut Redactor) -> KeyItem {
    let device = &side.device;
    let mut item = KeyItem {
        path: device.path.clone(),
        usb: format!("{:04x}:{:04x}", device.vendor, device.product),
        serial: device.serial.as_ref().map(|serial| redactor.hide("serial", serial)),
        aaguid: None,
        firmware: None,
        problem: None,
    };
    match &side.firmware {
        Some(Firmware::Updatable(info)) => {
            item.firmware = Some(format!("{} {}", info.model, info.version));
            item.serial = Some(redactor.hide("serial", &info.serial.to_string()));
        }
        Some(Firmware::NotSupported { aaguid, version, .. }) => {
            item.aaguid = Some(aaguid.to_string());
            item.firmware = version.map(|version| version.to_string());
        }
        Some(Firmware::Silent(why)) => item.problem = Some(why.clone()),
        None => {}
    }
    item
}

impl Redactor {
    /// Equal ones get equal numbers, so that they can be told to be the same.
    fn hide(&mut self, what: &str, text: &str) -> String {
        if self.is_off {
            return plain(text);
        }
        let next = self.known.len() + 1;
        let number = *self.known.entry(text.to_owned()).or_insert(next);
        format!("({what} {number}, left out)")
    }

    /// A reader's name without what a driver puts in brackets there: often its serial number.
    fn reader(&mut self, name: &str) -> String {
        let hidden = name.split_inclusive(')').map(|part| match part.split_once('(') {
            Some((before, inside)) if inside.bytes().filter(u8::is_ascii_digit).count() >= 4 => {
                format!("{before}{}", self.hide("serial", inside))
            }
            _ => part.to_owned(),
        });
        let hidden: String = hidden.collect();
        if self.is_off { plain(name) } else { plain(hidden) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_still_told_apart() {
        let mut redactor = Redactor { is_off: false, known: BTreeMap::new() };
        assert_eq!(redactor.hide("ID", "47900503708900123456"), "(ID 1, left out)");
        assert_eq!(redactor.hide("label", "Ada"), "(label 2, left out)");
        assert_eq!(redactor.hide("ID", "47900503708900123456"), "(ID 1, left out)");
        assert_eq!(redactor.reader("ACME Key (00012345) 00 00"), "ACME Key (serial 3, left out) 00 00");
        assert_eq!(redactor.reader("Reader [CCID] (x) 00 00"), "Reader [CCID] (x) 00 00");
        let mut open = Redactor { is_off: true, known: BTreeMap::new() };
        assert_eq!(open.hide("label", "Ada"), "Ada");
        assert_eq!(open.reader("ACME Key (00012345) 00 00"), "ACME Key (00012345) 00 00");
    }
}
