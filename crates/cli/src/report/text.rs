//! A report for people.

use std::fmt::Write;

use super::{Content, Item, KeyItem, Machine};
use crate::{
    devices::sign_and_word,
    output::{plain, table},
};

pub(super) fn page(content: &Content) -> String {
    let mut page = machine(&content.machine);
    if let Some(problem) = &content.problem {
        let _ = writeln!(page, "! The readers cannot be asked: {}", plain(problem));
    }
    if content.devices.is_empty() && content.problem.is_none() {
        page.push_str("No reader and no key is connected.\n");
    }
    for item in &content.devices {
        page.push('\n');
        page.push_str(&device(item));
    }
    let kept = &content.cache;
    let _ = writeln!(page, "\nKept between uses: {} bytes of {} cards", kept.bytes, kept.cards);
    page
}

fn machine(machine: &Machine) -> String {
    let list = |list: &[String]| if list.is_empty() { "none".to_owned() } else { plain(list.join(", ")) };
    let rows = [
        row("crescendo", machine.crescendo.to_owned()),
        row("System", machine.system.as_ref().map_or_else(|| "unknown".to_owned(), plain)),
        row("Kernel", plain(&machine.kernel)),
        row("Module in p11-kit", list(&machine.registrations)),
        row("Settings", list(&machine.settings)),
    ];
    format!("Crescendo report\n{}", table(&rows))
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![format!("  {name}"), value]
}

fn device(item: &Item) -> String {
    let (sign, word) = sign_and_word(item.state);
    let mut rows = vec![row("Reader", plain(&item.reader)), row("State", format!("{sign} {word}"))];
    let mut add = |name: &str, value: Option<String>| rows.extend(value.map(|value| row(name, plain(value))));
    add("Problem", item.problem.clone());
    add("ATR", item.atr.clone());
    add("Device ID", item.id.clone());
    add("Serial number", item.serial.clone());
    add("Label", item.label.clone());
    if item.pin.is_some() {
        let vci = if item.vci { ", virtual contact interface" } else { "" };
        let connection = if item.contactless { "contactless" } else { "contact" };
        add("Connection", Some(format!("{connection}{vci}")));
    }
    add("PIN", item.pin.clone());
    add("PIN policy", item.pin_policy.clone());
    add("Free memory", item.free_memory.map(|bytes| format!("{bytes} bytes")));
    for application in &item.applications {
        let version = application.version.as_ref().map(|version| format!(", {version}")).unwrap_or_default();
        let found = if application.found { "found" } else { "not found" };
        add(&application.name, Some(format!("{found}{version}")));
    }
    add("Applications", item.not_asked.map(|why| format!("not looked for: {why}")));
    add("PIV properties", item.properties.clone());
    for key in &item.certificates {
        let mark = key.mark.map(|mark| format!("! {mark}"));
        let known = [key.algorithm.clone(), mark, key.problem.clone()];
        let text = known.into_iter().flatten().collect::<Vec<_>>().join(", ");
        add(&format!("Certificate {}", key.key), Some(text));
    }
    item.key.iter().for_each(|key| key_rows(key, &mut add));
    format!("{}\n{}", plain(&item.name), table(&rows))
}

fn key_rows(key: &KeyItem, add: &mut impl FnMut(&str, Option<String>)) {
    add("Key side", Some(format!("{}, USB {}", key.path, key.usb)));
    add("Key serial", key.serial.clone());
    add("Key make", key.aaguid.clone());
    add("Key firmware", key.firmware.clone());
    add("Key problem", key.problem.clone());
}
