//! `crescendo devices`: every reader and what is in it, and every security key; the two sides of one key in one line.

use std::{
    io::{self, Write},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use device::{
    Device, Devices, KeySide, State,
    firmware::{Firmware, Mode},
    join,
};
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
    serial: Option<String>,
    label: Option<String>,
    reader: String,
    atr: Option<String>,
    key: Option<Key>,
    problem: Option<String>,
}

/// The key side of a device.
#[derive(Serialize)]
struct Key {
    path: String,
    usb: String,
    /// The version that runs, of a key that tells.
    firmware: Option<String>,
    updatable: bool,
    update_mode: bool,
    problem: Option<String>,
}

pub(crate) fn list(output: &Output, devices: &Devices) -> Result<(), Failure> {
    let mut devices = devices.list()?;
    let preview = text(&items(&devices));
    load(&mut devices, || if output.to_person() { Preview::show(&preview) } else { Preview::default() });
    let list = List { devices: items(&join(devices)) };
    output.show(&list, || text(&list.devices))
}

/// Loads all at once, so that a slow device does not hold up the others. What `meanwhile` makes is kept until it is
/// done; it is asked for only if somebody has to wait.
pub(crate) fn load<T>(devices: &mut [Device], meanwhile: impl FnOnce() -> T) {
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
        name: (device.atr().is_some() || !device.has_card_side()).then(|| device.name()),
        id: device.id().map(str::to_owned),
        serial: device.serial().map(str::to_owned),
        label: device.label().map(str::to_owned),
        reader: device.reader().to_owned(),
        atr: device.atr().map(|atr| hex(atr, "")),
        key: device.key_side().map(key),
        problem: match device.state() {
            State::Unreadable(error) => Some(error.to_string()),
            _ => None,
        },
    }
}

fn key(side: &KeySide) -> Key {
    let device = &side.device;
    let mut key = Key {
        path: device.path.clone(),
        usb: format!("{:04x}:{:04x}", device.vendor, device.product),
        firmware: None,
        updatable: false,
        update_mode: false,
        problem: None,
    };
    match &side.firmware {
        Some(Firmware::Updatable(info)) => {
            key.firmware = Some(info.version.to_string());
            (key.updatable, key.update_mode) = (true, info.mode == Mode::Update);
        }
        Some(Firmware::NotSupported { version, .. }) => {
            key.firmware = version.map(|version| version.to_string());
        }
        Some(Firmware::Silent(why)) => key.problem = Some(why.clone()),
        None => {}
    }
    key
}

/// A state's name for programs.
pub(crate) fn state_name(state: &State) -> &'static str {
    match state {
        State::Empty => "empty",
        State::Unread => "unread",
        State::Recognised => "recognised",
        State::Factory => "factory",
        State::OtherPiv => "other-piv",
        State::NotPiv => "not-piv",
        State::Unreadable(_) => "unreadable",
        State::Key => "key",
    }
}

/// A state for people: a sign of its own and a word, so that nothing hangs on colour.
pub(crate) fn sign_and_word(state: &str) -> (&'static str, &'static str) {
    match state {
        "empty" => ("○", "reader empty"),
        "recognised" => ("●", "recognised"),
        "factory" => ("◇", "factory state, to be personalized"),
        "other-piv" => ("?", "unknown PIV card"),
        "not-piv" => ("?", "unknown token, no PIV card"),
        "unreadable" => ("!", "cannot be read"),
        "key" => ("▪", "security key without a card side"),
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
    let problem = item.problem.as_ref().or(item.key.as_ref().and_then(|key| key.problem.as_ref()));
    let state = problem.map_or_else(|| word.to_owned(), |problem| format!("{word}: {}", plain(problem)));
    vec![sign.to_owned(), cell(&item.name), cell(&item.id), cell(&item.label), state, plain(&item.reader)]
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Condvar, Mutex};

    use device::Environment;
    use link::{Card, LinkError, Reader, Readers, Transaction, Transmit};

    use super::*;
    use crate::output::json;

    fn some() -> Vec<Item> {
        let item = |state, name: Option<&str>, id: Option<&str>, reader: &str| Item {
            state,
            name: name.map(str::to_owned),
            id: id.map(str::to_owned),
            serial: None,
            label: None,
            reader: reader.to_owned(),
            atr: name.map(|_| "3B80".to_owned()),
            key: None,
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
            "state": "empty", "name": null, "id": null, "serial": null, "label": null, "reader": "R\u{1b} 03 00", "atr": null,
            "key": null, "problem": null,
        }]});
        assert_eq!(object, expected);
    }

    /// Time that passes when everybody who is there waits for it.
    struct Hours {
        state: Mutex<(Duration, Vec<Duration>, usize)>,
        moved: Condvar,
    }

    impl Hours {
        /// Of so many who will wait, once each.
        fn of(waiting: usize) -> Arc<Self> {
            Arc::new(Self { state: Mutex::new((Duration::ZERO, Vec::new(), waiting)), moved: Condvar::new() })
        }

        fn now(&self) -> Duration {
            self.state.lock().unwrap().0
        }

        fn wait(&self, time: Duration) {
            let mut state = self.state.lock().unwrap();
            let until = state.0 + time;
            state.1.push(until);
            while state.0 < until {
                if state.1.len() == state.2 {
                    Self::go_on(&mut state);
                    self.moved.notify_all();
                } else {
                    // Whoever is not there within that time does not come at the same time.
                    let (now, late) = self.moved.wait_timeout(state, Duration::from_secs(5)).unwrap();
                    state = now;
                    if late.timed_out() && state.0 < until {
                        Self::go_on(&mut state);
                        self.moved.notify_all();
                    }
                }
            }
            state.2 -= 1;
            let all_wait = !state.1.is_empty() && state.1.len() == state.2;
            if all_wait {
                Self::go_on(&mut state);
            }
            self.moved.notify_all();
        }

        /// To the next moment somebody waits for.
        fn go_on(state: &mut (Duration, Vec<Duration>, usize)) {
            if let Some(next) = state.1.iter().min().copied() {
                state.0 = next.max(state.0);
                state.1.retain(|until| *until > next);
            }
        }
    }

    /// Eight readers, each with a card that takes its time and is no PIV card.
    struct Slow(Arc<Hours>);

    const DELAYS: [u64; 8] = [300, 100, 800, 200, 500, 700, 400, 600];

    impl Readers for Slow {
        fn list(&self) -> Result<Vec<Reader>, LinkError> {
            let reader =
                |delay: u64| Reader { name: format!("R {delay}"), atr: Some(vec![0x3B, 0]), events: 0 };
            Ok(DELAYS.map(reader).to_vec())
        }

        fn connect(&self, name: &str) -> Result<Box<dyn Card>, LinkError> {
            let delay = Duration::from_millis(name[2..].parse().unwrap());
            Ok(Box::new(SlowCard { hours: self.0.clone(), name: name.to_owned(), delay: Some(delay) }))
        }

        fn wait(&self, _: &[Reader], _: Option<Duration>) -> Result<Vec<Reader>, LinkError> {
            self.list()
        }

        fn cancel(&self) {}
    }

    struct SlowCard {
        hours: Arc<Hours>,
        name: String,
        delay: Option<Duration>,
    }

    impl Card for SlowCard {
        fn atr(&self) -> &[u8] {
            &[0x3B, 0]
        }

        fn reader(&self) -> &str {
            &self.name
        }

        fn insertion(&self) -> Option<&str> {
            None
        }

        fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
            Ok(Transaction { link: Box::new(Answer(self)), was_reset: false })
        }

        fn alone(&mut self) -> Result<bool, LinkError> {
            Ok(true)
        }
    }

    struct Answer<'c>(&'c mut SlowCard);

    impl Transmit for Answer<'_> {
        fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, LinkError> {
            if let Some(delay) = self.0.delay.take() {
                self.0.hours.wait(delay);
            }
            Ok(vec![0x6A, 0x82])
        }
    }

    #[test]
    fn eight_slow_readers_are_done_when_the_slowest_is() {
        let hours = Hours::of(DELAYS.len());
        let environment = Environment::new(host::store(), host::clock());
        let devices = Devices::new(Arc::new(Slow(hours.clone())), environment);
        let mut list = devices.list().unwrap();
        assert_eq!((list.len(), hours.now()), (8, Duration::ZERO), "they are all there at once");
        load(&mut list, || ());
        assert!(list.iter().all(|device| matches!(device.state(), State::NotPiv)));
        assert_eq!(hours.now(), Duration::from_millis(800));
    }
}
