//! `crescendo devices`: every reader, and what is in it.

use std::{
    io::{self, Write},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use device::{Device, Devices, State};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{Output, hex, plain, table},
};

/// How long nothing is shown at all.
const PATIENCE: Duration = Duration::from_millis(150);

#[derive(Serialize)]
struct List {
    devices: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    state: &'static str,
    name: Option<String>,
    id: Option<String>,
    label: Option<String>,
    reader: String,
    atr: Option<String>,
    problem: Option<String>,
}

pub(crate) fn list(output: &Output, devices: &Devices) -> Result<(), Failure> {
    let mut devices = devices.list()?;
    let preview = text(&items(&devices));
    load(&mut devices, || if output.to_person() { Preview::show(&preview) } else { Preview::default() });
    let list = List { devices: items(&devices) };
    output.show(&list, || text(&list.devices))
}

/// Loads all at once, so that a slow device does not hold up the others. What `meanwhile` makes is kept until it is
/// done; it is asked for only if somebody has to wait.
fn load<T>(devices: &mut [Device], meanwhile: impl FnOnce() -> T) {
    let (done, all_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        for device in devices {
            let done = done.clone();
            scope.spawn(move || {
                device.load();
                drop(done);
            });
        }
        drop(done);
        // Nothing is ever sent: the channel ends with the last thread.
        if all_done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _shown = meanwhile();
            let _ = all_done.recv();
        }
    });
}

/// The list as far as it is known, on the terminal until the whole one takes its place.
#[derive(Default)]
struct Preview {
    lines: usize,
}

impl Preview {
    fn show(text: &str) -> Self {
        // Lines are cut at the margin, not wrapped, so that their number is known.
        write(&format!("\x1b[?7l{text}\x1b[?7h"));
        Self { lines: text.lines().count() }
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        if self.lines > 0 {
            write(&format!("\x1b[{}A\x1b[J", self.lines));
        }
    }
}

/// A preview that cannot be written is none.
fn write(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn items(devices: &[Device]) -> Vec<Item> {
    devices.iter().map(item).collect()
}

fn item(device: &Device) -> Item {
    Item {
        state: state_name(device.state()),
        name: device.atr().map(|_| device.name()),
        id: device.id().map(str::to_owned),
        label: device.label().map(str::to_owned),
        reader: device.reader().to_owned(),
        atr: device.atr().map(|atr| hex(atr, "")),
        problem: match device.state() {
            State::Unreadable(error) => Some(error.to_string()),
            _ => None,
        },
    }
}

/// A state's name for programs.
fn state_name(state: &State) -> &'static str {
    match state {
        State::Empty => "empty",
        State::Unread => "unread",
        State::Recognised => "recognised",
        State::Factory => "factory",
        State::OtherPiv => "other-piv",
        State::NotPiv => "not-piv",
        State::Unreadable(_) => "unreadable",
    }
}

/// A state for people: a sign of its own and a word, so that nothing hangs on colour.
fn sign_and_word(state: &str) -> (&'static str, &'static str) {
    match state {
        "empty" => ("○", "reader empty"),
        "recognised" => ("●", "recognised"),
        "factory" => ("◇", "factory state, to be personalized"),
        "other-piv" => ("?", "unknown PIV card"),
        "not-piv" => ("?", "unknown token, no PIV card"),
        "unreadable" => ("!", "cannot be read"),
        _ => ("…", "not read yet"),
    }
}

fn text(items: &[Item]) -> String {
    if items.is_empty() {
        return "No reader and no key is connected.\nPlug in a key, or a reader with a card.\n".to_owned();
    }
    let head = ["", "DEVICE", "ID", "LABEL", "STATE", "READER"].map(str::to_owned).to_vec();
    let rows: Vec<_> = [head].into_iter().chain(items.iter().map(row)).collect();
    let mut text = table(&rows);
    if items.iter().all(|item| item.state == "empty") {
        text.push_str("Insert a card, or lay it on the reader.\n");
    }
    text
}

fn row(item: &Item) -> Vec<String> {
    let (sign, word) = sign_and_word(item.state);
    let cell = |text: &Option<String>| text.as_ref().map_or_else(|| "-".to_owned(), plain);
    let state = item
        .problem
        .as_ref()
        .map_or_else(|| word.to_owned(), |problem| format!("{word}: {}", plain(problem)));
    vec![sign.to_owned(), cell(&item.name), cell(&item.id), cell(&item.label), state, plain(&item.reader)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::json;

    fn some() -> Vec<Item> {
        let item = |state, name: Option<&str>, id: Option<&str>, reader: &str| Item {
            state,
            name: name.map(str::to_owned),
            id: id.map(str::to_owned),
            label: None,
            reader: reader.to_owned(),
            atr: name.map(|_| "3B80".to_owned()),
            problem: (state == "unreadable").then(|| "the card was removed".to_owned()),
        };
        vec![
            item("recognised", Some("Crescendo C4000-KEY"), Some("8A11"), "Key 00 00"),
            item("factory", Some("Crescendo C2300"), None, "R 01 00"),
            item("unreadable", Some("R"), None, "R 02 00"),
            item("empty", None, None, "R\x1b 03 00"),
        ]
    }

    #[test]
    fn each_state_has_a_sign_and_a_word() {
        let expected = [
            "   DEVICE               ID    LABEL  STATE                                 READER",
            "●  Crescendo C4000-KEY  8A11  -      recognised                            Key 00 00",
            "◇  Crescendo C2300      -     -      factory state, to be personalized     R 01 00",
            "!  R                    -     -      cannot be read: the card was removed  R 02 00",
            "○  -                    -     -      reader empty                          R\u{FFFD} 03 00",
        ];
        assert_eq!(text(&some()).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_reader_and_only_empty_ones_say_what_to_do() {
        assert!(text(&[]).contains("Plug in"));
        assert!(text(&some()[3..]).contains("Insert a card"));
    }

    #[test]
    fn json_of_an_empty_reader() {
        let list = List { devices: some().split_off(3) };
        let object: serde_json::Value = serde_json::from_str(&json(&list).unwrap()).unwrap();
        let expected = serde_json::json!({"schema": 1, "devices": [{
            "state": "empty", "name": null, "id": null, "label": null, "reader": "R\u{1b} 03 00", "atr": null, "problem": null,
        }]});
        assert_eq!(object, expected);
    }
}
