//! `crescendo info`: what a device tells of itself.

use device::{Devices, Info, Key, PinReference, PinState, purpose};
use serde::Serialize;

use crate::{
    arguments::Which,
    failure::Failure,
    output::{Output, hex, plain, table},
};

#[derive(Serialize)]
struct Shown {
    device: Item,
}

#[derive(Serialize)]
struct Item {
    name: String,
    id: Option<String>,
    label: Option<String>,
    reader: String,
    atr: String,
    family: Option<String>,
    contactless: bool,
    guid: Option<String>,
    expiry: Option<String>,
    vci: bool,
    pin: Pin,
    keys: Vec<KeyItem>,
}

#[derive(Serialize)]
struct Pin {
    state: &'static str,
    tries: Option<u8>,
    reference: &'static str,
}

#[derive(Serialize)]
struct KeyItem {
    key: String,
    purpose: String,
    algorithm: Option<String>,
    problem: Option<String>,
}

pub(crate) fn show(output: &Output, devices: &Devices, which: &Which) -> Result<(), Failure> {
    let device = item(devices.select(which.device.as_deref())?.info()?);
    let shown = Shown { device };
    output.show(&shown, || text(&shown.device))
}

fn item(info: Info) -> Item {
    Item {
        pin: pin(&info),
        name: info.name,
        id: info.id,
        label: info.label,
        reader: info.reader,
        atr: hex(&info.atr, ""),
        family: info.family,
        contactless: info.contactless,
        guid: info.guid.map(uuid),
        expiry: info.expiry,
        vci: info.vci,
        keys: info.keys.into_iter().map(key).collect(),
    }
}

fn pin(info: &Info) -> Pin {
    let (state, tries) = match info.pin {
        PinState::Verified => ("verified", None),
        PinState::Tries(tries) => ("not-verified", Some(tries)),
        PinState::Blocked => ("blocked", Some(0)),
        PinState::ContactOnly => ("contact-only", Some(0)),
        PinState::Absent => ("absent", None),
    };
    let reference = if info.pin_reference == PinReference::Global { "global" } else { "application" };
    Pin { state, tries, reference }
}

fn key(key: Key) -> KeyItem {
    let (algorithm, problem) = match key.algorithm {
        Ok(algorithm) => (Some(algorithm.to_string()), None),
        Err(error) => (None, Some(error.to_string())),
    };
    KeyItem { key: key.reference.to_string(), purpose: purpose(key.reference), algorithm, problem }
}

/// As in `C4000C4E-5CE4-4D01-8A11-000000000001` (RFC 9562).
fn uuid(bytes: [u8; 16]) -> String {
    [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(|part| hex(part, "")).join("-")
}

fn text(item: &Item) -> String {
    let or_none = |text: &Option<String>| text.as_ref().map_or_else(|| "none".to_owned(), plain);
    let mut rows = vec![
        row("Device ID", or_none(&item.id)),
        row("Label", or_none(&item.label)),
        row("Family", item.family.as_ref().map_or_else(|| "unknown PIV card".to_owned(), plain)),
        row("Reader", plain(&item.reader)),
        row("Connection", if item.contactless { "contactless" } else { "contact" }.to_owned()),
        row("ATR", plain(&item.atr)),
        row("GUID", or_none(&item.guid)),
        row("Card expires", or_none(&item.expiry)),
        row("PIN", pin_text(&item.pin)),
    ];
    if item.guid.is_none() && item.family.is_some() {
        rows.push(row("State", "◇ factory state, to be personalized".to_owned()));
    }
    let keys = if item.keys.is_empty() {
        "No key has a certificate.\n".to_owned()
    } else {
        table(&item.keys.iter().map(key_row).collect::<Vec<_>>())
    };
    format!("{}\n{}\n{keys}", plain(&item.name), table(&rows))
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![format!("  {name}"), value]
}

fn key_row(item: &KeyItem) -> Vec<String> {
    let problem = item.problem.as_ref().map(|problem| format!("! {}", plain(problem)));
    let algorithm = item.algorithm.clone().or(problem).unwrap_or_default();
    vec![format!("  {}", item.key), item.purpose.clone(), algorithm]
}

fn pin_text(pin: &Pin) -> String {
    let which = if pin.reference == "global" { "global PIN" } else { "PIV PIN" };
    let state = match (pin.state, pin.tries) {
        ("verified", _) => "verified; how many tries a wrong one has is not told".to_owned(),
        (_, Some(0)) => "! blocked; unblock it with the PUK or through the help desk".to_owned(),
        (_, Some(1)) => "! one try left".to_owned(),
        (_, Some(tries)) => format!("{tries} tries left"),
        _ => "none on this card".to_owned(),
    };
    format!("{which}: {state}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(state: &'static str, tries: Option<u8>) -> Pin {
        Pin { state, tries, reference: "application" }
    }

    #[test]
    fn pins_in_words() {
        assert_eq!(pin_text(&pin("not-verified", Some(3))), "PIV PIN: 3 tries left");
        assert!(pin_text(&pin("blocked", Some(0))).contains("unblock"));
        assert!(pin_text(&pin("verified", None)).contains("verified"));
        assert!(pin_text(&pin("absent", None)).contains("none"));
    }

    #[test]
    fn uuids_in_five_groups() {
        assert_eq!(uuid(*b"0123456789abcdef"), "30313233-3435-3637-3839-616263646566");
    }
}
