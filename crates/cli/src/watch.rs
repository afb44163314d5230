//! `crescendo devices --watch`: the devices as they come, go and change, until it is ended.
//!
//! Nothing is asked of a device but when it appears, after something was done with it here, and when a person says so; and
//! no connection is kept to a card (that would keep other programs from logging out), but to one that is authenticated here.

mod actions;
#[cfg(test)]
mod picture;
mod screen;
mod seats;
mod tile;
mod view;

use std::{
    io::Write,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use device::{Device, Devices};
use link::{HidDevices, LinkError, Readers};
use serde::Serialize;

use self::{seats::Seats, tile::Tile};
use crate::{
    failure::Failure,
    output::{Output, plain},
};

/// How often it is looked whether a security key came or went: HID has nobody who tells.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// What leads to the devices of this machine.
pub(crate) struct Machine {
    pub(crate) readers: Arc<dyn Readers>,
    pub(crate) keys: Arc<dyn HidDevices>,
    pub(crate) devices: Devices,
}

/// What happens while somebody watches.
enum Event {
    /// Something came or went.
    Changed,
    /// A device was read.
    Read(Box<(u64, Device, Tile)>),
    /// The readers cannot be asked any more.
    Lost(LinkError),
}

#[derive(Serialize)]
struct Shown<'t> {
    devices: Vec<&'t Tile>,
}

/// On a terminal tiles and single keys; else, and with `--plain`, a line for each device that changed; with `--json` an object
/// on a line for each change.
pub(crate) fn run(output: &Output, machine: Machine, is_plain: bool) -> Result<(), Failure> {
    let (events, arrived) = mpsc::channel();
    let mut seats = Seats::new(events.clone());
    seats.renew(machine.devices.list()?);
    look_out(&machine, events);
    if is_plain || !output.to_person() {
        lines(output, &machine, &mut seats, &arrived)
    } else {
        screen::run(&machine, &mut seats, &arrived)
    }
}

/// Waits for readers and keys to come and go, in a thread that ends with the program.
fn look_out(machine: &Machine, events: Sender<Event>) {
    let (readers, keys) = (machine.readers.clone(), machine.keys.clone());
    thread::spawn(move || {
        let (mut known, mut plugged) = (readers.list().unwrap_or_default(), keys.list().unwrap_or_default());
        loop {
            let now = match readers.wait(&known, Some(BETWEEN_LOOKS)) {
                Ok(now) => now,
                Err(error) => {
                    // pcscd comes back: until then there are the keys.
                    thread::sleep(BETWEEN_LOOKS);
                    if events.send(Event::Lost(error)).is_err() {
                        return;
                    }
                    Vec::new()
                }
            };
            let now_plugged = keys.list().unwrap_or_default();
            if (now != known || now_plugged != plugged) && events.send(Event::Changed).is_err() {
                return;
            }
            (known, plugged) = (now, now_plugged);
        }
    });
}

/// For those who listen, and for programs: nothing is written twice, and nothing is drawn.
fn lines(
    output: &Output,
    machine: &Machine,
    seats: &mut Seats,
    arrived: &Receiver<Event>,
) -> Result<(), Failure> {
    let (mut said, mut lost): (Vec<Tile>, Option<String>) = (Vec::new(), None);
    loop {
        if seats.problem() != lost.as_deref() {
            lost = seats.problem().map(str::to_owned);
            if let (Some(problem), false) = (&lost, output.json) {
                output.bytes(format!("! {}\n", plain(problem)).as_bytes())?;
            }
        }
        // What is being read is not news yet.
        if seats.is_settled() {
            let now: Vec<Tile> = seats.tiles().to_vec();
            if now != said || said.is_empty() && now.is_empty() {
                say(output, &said, &now)?;
                said = now;
            }
        }
        match arrived.recv() {
            Ok(event) => seats.take(event, machine)?,
            Err(_) => return Ok(()),
        }
    }
}

fn say(output: &Output, before: &[Tile], now: &[Tile]) -> Result<(), Failure> {
    if output.json {
        let text = output.object(&Shown { devices: now.iter().collect() })?;
        return output.bytes(text.as_bytes());
    }
    let text = news(before, now);
    output.bytes(text.as_bytes())?;
    std::io::stdout().flush().map_err(Failure::Output)
}

/// What changed, in sentences of a line each.
fn news(before: &[Tile], now: &[Tile]) -> String {
    if now.is_empty() {
        return "No reader and no key is connected.\n".to_owned();
    }
    let is_new = |tile: &&Tile| !before.contains(tile);
    let is_gone = |tile: &&Tile| !now.iter().any(|other| other.target == tile.target);
    let gone =
        before.iter().filter(is_gone).map(|tile| format!("{} is gone from {}\n", tile.title(), tile.reader));
    gone.chain(now.iter().filter(is_new).map(|tile| tile.line() + "\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::{picture::some, *};

    #[test]
    fn only_what_changed_is_said() {
        let before = some();
        assert_eq!(news(&before, &before), "");
        let mut now = before.clone();
        now[0].lock = tile::Lock::Authenticated;
        let text = news(&before, &now);
        assert!(text.contains("authenticated (open)") && text.lines().count() == 1, "{text}");
        let text = news(&now, &now[1..]);
        assert_eq!(text, "Crescendo C4000-KEY is gone from HID Crescendo Key 00 00\n");
        assert!(news(&now, &[]).contains("No reader"));
    }
}
