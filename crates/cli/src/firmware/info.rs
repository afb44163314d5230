//! `crescendo firmware info`: the keys, and what they say of their firmware.

use device::firmware::{Error, Firmware, Key, Keys, Mode};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{Output, plain, table},
};

#[derive(Serialize)]
struct Shown {
    keys: Vec<Item>,
}

#[derive(Default, Serialize)]
struct Item {
    path: String,
    usb: String,
    updatable: bool,
    serial: Option<String>,
    model: Option<String>,
    mode: Option<&'static str>,
    version: Option<String>,
    bootloader: Option<String>,
    counter: Option<u32>,
    hardware: Option<u8>,
    interrupted: bool,
    unconfirmed: bool,
    aaguid: Option<String>,
    fido: Vec<String>,
    fido_firmware: Option<u64>,
    problem: Option<String>,
}

pub(super) fn show(output: &Output, keys: &Keys, wanted: Option<&str>) -> Result<(), Failure> {
    let keys = keys.list()?;
    let shown: Vec<_> = keys.iter().filter(|key| wanted.is_none_or(|wanted| key.goes_by(wanted))).collect();
    match wanted {
        Some(wanted) if shown.is_empty() => Err(Error::NoSuchKey { wanted: wanted.to_owned(), keys }.into()),
        _ => {
            let shown = Shown { keys: shown.into_iter().map(item).collect() };
            output.show(&shown, || text(&shown.keys))
        }
    }
}

fn item(key: &Key) -> Item {
    let device = &key.device;
    let usb = format!("{:04x}:{:04x}", device.vendor, device.product);
    let known = Item { path: device.path.clone(), usb, ..Item::default() };
    match &key.firmware {
        Firmware::Updatable(info) => Item {
            updatable: true,
            serial: Some(info.serial.to_string()),
            model: Some(info.model.clone()),
            mode: Some(if info.mode == Mode::Update { "update" } else { "normal" }),
            version: Some(info.version.to_string()),
            bootloader: Some(info.bootloader.to_string()),
            counter: Some(info.counter),
            hardware: Some(info.hardware),
            interrupted: info.interrupted,
            unconfirmed: info.unconfirmed,
            ..known
        },
        Firmware::NotSupported { aaguid, version, fido } => {
            Item { aaguid: Some(aaguid.to_string()), fido: fido.clone(), fido_firmware: *version, ..known }
        }
        Firmware::Silent(why) => Item { problem: Some(why.clone()), ..known },
    }
}

fn text(items: &[Item]) -> String {
    if items.is_empty() {
        return "No security key is connected.\n".to_owned();
    }
    items.iter().map(block).collect::<Vec<_>>().join("\n")
}

fn block(item: &Item) -> String {
    let row = |name: &str, value: String| vec![format!("  {name}"), value];
    let or_none = |value: &Option<String>| value.as_ref().map(plain).unwrap_or_default();
    let at = row("At", format!("{}, USB {}", plain(&item.path), item.usb));
    if let Some(problem) = &item.problem {
        return "Security key\n".to_owned() + &table(&[at]) + &format!("  ! {}\n", plain(problem));
    }
    if !item.updatable {
        let version = item.fido_firmware.map_or_else(|| "not told".to_owned(), |version| version.to_string());
        let rows = [
            row("Make", or_none(&item.aaguid)),
            row("Speaks", plain(item.fido.join(", "))),
            row("Firmware", version),
            at,
        ];
        let note = "  Firmware update not supported by this program\n";
        return "FIDO key\n".to_owned() + &table(&rows) + note;
    }
    let rows = [
        row("Serial", or_none(&item.serial)),
        row("Firmware", format!("{}{}", or_none(&item.version), marks(item))),
        row("Bootloader", or_none(&item.bootloader)),
        row("Counter", item.counter.unwrap_or_default().to_string()),
        row("Hardware", item.hardware.unwrap_or_default().to_string()),
        at,
    ];
    or_none(&item.model) + "\n" + &table(&rows)
}

fn marks(item: &Item) -> String {
    let marks = [
        (item.mode == Some("update"), "in update mode"),
        (item.interrupted, "an update was interrupted: run it again"),
        (item.unconfirmed, "not confirmed: it goes back at its next start"),
    ];
    marks.iter().filter(|(is, _)| *is).map(|(_, words)| format!("  ! {words}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updatable() -> Item {
        Item {
            path: "/dev/hidraw3".to_owned(),
            usb: "1209:0001".to_owned(),
            updatable: true,
            serial: Some("c5".to_owned()),
            model: Some("a.b".to_owned()),
            mode: Some("normal"),
            version: Some("1.0.0+0".to_owned()),
            bootloader: Some("1.0.0".to_owned()),
            counter: Some(1),
            hardware: Some(1),
            ..Item::default()
        }
    }

    #[test]
    fn a_key_in_words() {
        let expected = "a.b
  Serial      c5
  Firmware    1.0.0+0
  Bootloader  1.0.0
  Counter     1
  Hardware    1
  At          /dev/hidraw3, USB 1209:0001
";
        assert_eq!(text(&[updatable()]), expected);
        let unfinished = Item { interrupted: true, unconfirmed: true, ..updatable() };
        assert!(
            block(&unfinished).contains("! an update was interrupted")
                && block(&unfinished).contains("! not confirmed")
        );
    }

    #[test]
    fn one_that_cannot_be_updated_says_so() {
        let item = Item { updatable: false, aaguid: Some("2d3b".to_owned()), ..updatable() };
        assert!(block(&item).ends_with("  Firmware update not supported by this program\n"));
        let item = Item { problem: Some("this user may not\u{1b} open the key".to_owned()), ..updatable() };
        assert!(block(&item).contains("! this user may not\u{FFFD} open"));
        assert_eq!(text(&[]), "No security key is connected.\n");
    }
}
