//! `crescendo info`: what a device tells of itself.

use device::{
    Application, Devices, Info, Key, Offer, Overview, PinReference, PinState, WhyNot, purpose, uuid,
};
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
    serial: Option<String>,
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
    /// What a Crescendo tells beside PIV; null on other cards, and where it was not asked.
    beside: Option<Beside>,
    actions: Vec<OfferItem>,
}

#[derive(Serialize)]
struct Beside {
    applications: Vec<ApplicationItem>,
    free_memory: Option<u32>,
    pin_policy: Option<Policy>,
}

#[derive(Serialize)]
struct ApplicationItem {
    name: String,
    version: Option<String>,
}

#[derive(Serialize)]
struct Policy {
    min: u8,
    max: u8,
    digits: bool,
}

/// What can be done with it; where it cannot, why.
#[derive(Serialize)]
struct OfferItem {
    action: &'static str,
    offered: bool,
    reason: Option<&'static str>,
    explanation: Option<String>,
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
        serial: info.serial,
        label: info.label,
        reader: info.reader,
        atr: hex(&info.atr, ""),
        family: info.family,
        contactless: info.contactless,
        guid: info.guid.as_ref().map(uuid),
        expiry: info.expiry,
        vci: info.vci,
        keys: info.keys.into_iter().map(key).collect(),
        beside: info.overview.map(beside),
        actions: info.offers.into_iter().map(offer).collect(),
    }
}

fn beside(overview: Overview) -> Beside {
    let found = overview.applications.into_iter().filter(|application| application.found);
    let item =
        |application: Application| ApplicationItem { name: application.name, version: application.version };
    Beside {
        applications: found.map(item).collect(),
        free_memory: overview.free_memory,
        pin_policy: overview.pin_policy.map(|policy| Policy {
            min: policy.min,
            max: policy.max,
            digits: policy.digits,
        }),
    }
}

fn offer((action, why): Offer) -> OfferItem {
    OfferItem {
        action: action.name(),
        offered: why.is_none(),
        reason: why.map(WhyNot::name),
        explanation: why.map(|why| why.to_string()),
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

fn text(item: &Item) -> String {
    let or_none = |text: &Option<String>| text.as_ref().map_or_else(|| "none".to_owned(), plain);
    let mut rows = vec![
        row("Device ID", or_none(&item.id)),
        row("Token serial", or_none(&item.serial)),
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
    rows.extend(item.beside.iter().flat_map(beside_rows));
    let keys = if item.keys.is_empty() {
        "No key has a certificate.\n".to_owned()
    } else {
        table(&item.keys.iter().map(key_row).collect::<Vec<_>>())
    };
    let actions = table(&action_rows(&item.actions));
    format!("{}\n{}\n{keys}\n{actions}", plain(&item.name), table(&rows))
}

fn beside_rows(beside: &Beside) -> Vec<Vec<String>> {
    let policy = beside.pin_policy.as_ref().map(|Policy { min, max, digits }| {
        let kind = if *digits { "digits" } else { "letters, digits or signs" };
        row("PIN policy", format!("{min} to {max} {kind}"))
    });
    let memory = beside.free_memory.map(|bytes| row("Free memory", format!("{bytes} bytes")));
    let applications = beside.applications.iter().map(|application| match &application.version {
        Some(version) => plain(format!("{} {version}", application.name)),
        None => plain(&application.name),
    });
    let list = applications.collect::<Vec<_>>().join(", ");
    policy.into_iter().chain(memory).chain([row("Applications", list)]).collect()
}

/// What can be done in one line, and a line with the reason for all that cannot.
fn action_rows(actions: &[OfferItem]) -> Vec<Vec<String>> {
    let words = |item: &OfferItem| item.action.replace('-', " ");
    let offered: Vec<_> = actions.iter().filter(|item| item.offered).map(words).collect();
    let mut rows = vec![row("Can do", offered.join(", "))];
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for item in actions {
        let Some(why) = &item.explanation else { continue };
        match reasons.iter_mut().find(|(reason, _)| reason == why) {
            Some((_, list)) => list.push(words(item)),
            None => reasons.push((why, vec![words(item)])),
        }
    }
    rows.extend(reasons.into_iter().map(|(why, list)| row("Cannot", format!("{}: {why}", list.join(", ")))));
    rows
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

    #[test]
    fn what_can_be_done_and_what_cannot_with_one_reason_for_all_of_a_kind() {
        let item = |action, why: Option<&str>| OfferItem {
            action,
            offered: why.is_none(),
            reason: None,
            explanation: why.map(str::to_owned),
        };
        let rows = action_rows(&[
            item("change-pin", None),
            item("show-puk", Some("no")),
            item("recycle", Some("no")),
            item("pairing-code", Some("none")),
            item("certificates", None),
        ]);
        let expected = "  Can do  change pin, certificates\n  Cannot  show puk, recycle: no\n  Cannot  pairing code: none\n";
        assert_eq!(table(&rows), expected);
    }

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
}
