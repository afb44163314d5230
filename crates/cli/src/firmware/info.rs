//! `crescendo firmware info`: the keys and cards, and what they say of their firmware.

use device::{
    Devices,
    firmware::{Card, Error, Firmware, Key, Keys, Mode, cards},
};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{Output, plain, table},
};

#[derive(Serialize)]
struct Shown {
    keys: Vec<Item>,
    cards: Vec<CardItem>,
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

#[derive(Default, Serialize)]
struct CardItem {
    name: String,
    id: Option<String>,
    reader: String,
    aaguid: Option<String>,
    fido: Vec<String>,
    fido_firmware: Option<u64>,
    problem: Option<String>,
}

pub(super) fn show(
    output: &Output,
    keys: &Keys,
    devices: &Devices,
    wanted: Option<&str>,
) -> Result<(), Failure> {
    let all = keys.list()?;
    let keys: Vec<_> =
        all.iter().filter(|key| wanted.is_none_or(|wanted| key.goes_by(wanted))).map(item).collect();
    // A key that is named is no reason to touch a card.
    let cards = if wanted.is_some() && !keys.is_empty() { Vec::new() } else { cards(devices, wanted)? };
    match wanted {
        Some(wanted) if keys.is_empty() && cards.is_empty() => {
            Err(Error::NoSuchKey { wanted: wanted.to_owned(), keys: all }.into())
        }
        _ => {
            let shown = Shown { keys, cards: cards.iter().map(card_item).collect() };
            output.show(&shown, || text(&shown))
        }
    }
}

fn card_item(card: &Card) -> CardItem {
    let Card { name, id, reader, firmware } = card.clone();
    let known = CardItem { name, id, reader, ..CardItem::default() };
    match firmware {
        Firmware::NotSupported { aaguid, version, fido } => {
            CardItem { aaguid: Some(aaguid.to_string()), fido, fido_firmware: version, ..known }
        }
        Firmware::Silent(why) => CardItem { problem: Some(why), ..known },
        // Cards have no update protocol.
        Firmware::Updatable(_) => known,
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

fn text(shown: &Shown) -> String {
    if shown.keys.is_empty() && shown.cards.is_empty() {
        return "No security key is connected.\n".to_owned();
    }
    shown.keys.iter().map(block).chain(shown.cards.iter().map(card_block)).collect::<Vec<_>>().join("\n")
}

fn row(name: &str, value: String) -> Vec<String> {
    vec![format!("  {name}"), value]
}

fn or_none(value: &Option<String>) -> String {
    value.as_ref().map(plain).unwrap_or_default()
}

fn card_block(item: &CardItem) -> String {
    let title = format!("{}, as a card\n", plain(&item.name));
    let mut at = vec![row("At", plain(&item.reader))];
    at.extend(item.id.as_ref().map(|id| row("Device ID", plain(id))));
    match &item.problem {
        Some(problem) => title + &silent(&at, problem),
        None => title + &fido(&item.aaguid, &item.fido, item.fido_firmware, at),
    }
}

fn silent(at: &[Vec<String>], problem: &str) -> String {
    table(at) + &format!("  ! {}\n", plain(problem))
}

/// What an authenticator says of itself, and that this is all that can be done with it here.
fn fido(aaguid: &Option<String>, versions: &[String], firmware: Option<u64>, at: Vec<Vec<String>>) -> String {
    let firmware = firmware.map_or_else(|| "not told".to_owned(), |version| version.to_string());
    let mut rows = vec![
        row("Make", or_none(aaguid)),
        row("Speaks", plain(versions.join(", "))),
        row("Firmware", firmware),
    ];
    rows.extend(at);
    table(&rows) + "  Firmware update not supported by this program\n"
}

fn block(item: &Item) -> String {
    let at = row("At", format!("{}, USB {}", plain(&item.path), item.usb));
    if let Some(problem) = &item.problem {
        return "Security key\n".to_owned() + &silent(&[at], problem);
    }
    if !item.updatable {
        return "FIDO key\n".to_owned() + &fido(&item.aaguid, &item.fido, item.fido_firmware, vec![at]);
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
        assert_eq!(text(&Shown { keys: vec![updatable()], cards: vec![] }), expected);
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
        assert_eq!(text(&Shown { keys: vec![], cards: vec![] }), "No security key is connected.\n");
    }

    #[test]
    fn a_card_in_words() {
        let card = CardItem {
            name: "Crescendo C4000".to_owned(),
            id: Some("8A11".to_owned()),
            reader: "Reader 00 00".to_owned(),
            aaguid: Some("7991".to_owned()),
            fido: vec!["FIDO_2_0".to_owned(), "FIDO_2_1".to_owned()],
            fido_firmware: Some(262_400),
            problem: None,
        };
        let expected = "Crescendo C4000, as a card
  Make       7991
  Speaks     FIDO_2_0, FIDO_2_1
  Firmware   262400
  At         Reader 00 00
  Device ID  8A11
  Firmware update not supported by this program
";
        assert_eq!(card_block(&card), expected);
        let silent = CardItem { problem: Some("it was not asked".to_owned()), ..card };
        assert!(card_block(&silent).ends_with("8A11\n  ! it was not asked\n"), "{}", card_block(&silent));
    }
}
