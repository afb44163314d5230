//! The devices of the view, each in its place for as long as it is there; those that are being read are with a thread of their
//! own meanwhile.

use std::{collections::BTreeSet, mem, sync::mpsc::Sender, thread};

use device::{Device, join};
use link::LinkError;

use super::{
    Event, Machine,
    tile::{Lock, Tile},
};
use crate::failure::Failure;

/// All devices. Tiles and seats are in the same order.
pub(super) struct Seats {
    seats: Vec<Seat>,
    tiles: Vec<Tile>,
    events: Sender<Event>,
    next: u64,
    /// Readers at whose cards somebody authenticated here: their connections are kept.
    ours: BTreeSet<String>,
    /// Why the readers cannot be asked.
    problem: Option<String>,
}

struct Seat {
    number: u64,
    /// `None`: it is being read.
    device: Option<Device>,
    /// What it was when the reading began: to find it again in a list.
    place: Place,
}

/// What tells one stay of a device from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    reader: Option<(String, Option<Vec<u8>>, u32)>,
    key: Option<String>,
}

impl Place {
    fn of(device: &Device) -> Self {
        Self {
            reader: device.stay().map(|reader| (reader.name.clone(), reader.atr.clone(), reader.events)),
            key: device.key_side().map(|key| key.device.path.clone()),
        }
    }

    /// Whether the same card, or the same key where that is alone, is meant.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.reader, &other.reader) {
            (Some(one), Some(two)) => one == two,
            (None, None) => self.key == other.key,
            _ => false,
        }
    }
}

impl Seats {
    pub(super) fn new(events: Sender<Event>) -> Self {
        Self { seats: Vec::new(), tiles: Vec::new(), events, next: 0, ours: BTreeSet::new(), problem: None }
    }

    pub(super) fn tiles(&self) -> &[Tile] {
        &self.tiles
    }

    /// Whether nothing is being read.
    pub(super) fn is_settled(&self) -> bool {
        self.seats.iter().all(|seat| seat.device.is_some())
    }

    pub(super) fn take(&mut self, event: Event, machine: &Machine) -> Result<(), Failure> {
        match event {
            Event::Read(read) => self.put_back(*read),
            Event::Changed => match machine.devices.list() {
                Ok(now) => {
                    self.problem = None;
                    self.renew(now);
                }
                Err(device::Error::Link(error)) => self.lose(machine, &error),
                Err(error) => return Err(error.into()),
            },
            Event::Lost(error) => self.lose(machine, &error),
        }
        Ok(())
    }

    /// Without the reader service there are the keys.
    fn lose(&mut self, machine: &Machine, error: &LinkError) {
        self.problem = Some(error.to_string());
        self.renew(machine.devices.keys());
    }

    /// Why the readers cannot be asked.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Takes up what is there now. What is new is read; what is still there stays as it is.
    pub(super) fn renew(&mut self, now: Vec<Device>) {
        let (cards, keys): (Vec<_>, Vec<_>) = now.into_iter().partition(Device::has_card_side);
        let mut before: Vec<_> =
            mem::take(&mut self.seats).into_iter().zip(mem::take(&mut self.tiles)).collect();
        cards.into_iter().for_each(|card| self.seat(card, &mut before));
        for key in keys {
            let path = Place::of(&key).key;
            // A key that is a part of a device here has no place of its own.
            if !self.seats.iter().any(|seat| seat.place.reader.is_some() && seat.place.key == path) {
                self.seat(key, &mut before);
            }
        }
    }

    fn seat(&mut self, device: Device, before: &mut Vec<(Seat, Tile)>) {
        let place = Place::of(&device);
        if let Some(at) = before.iter().position(|(seat, _)| seat.place.is_same(&place)) {
            let (seat, tile) = before.remove(at);
            self.seats.push(seat);
            self.tiles.push(tile);
            return;
        }
        self.ours.remove(device.reader());
        self.tiles.push(Tile::of(&device));
        self.seats.push(Seat { number: self.next, device: Some(device), place });
        self.next += 1;
        self.read(self.seats.len() - 1);
    }

    /// Reads a device once more.
    pub(super) fn reload(&mut self, at: usize) {
        self.read(at);
    }

    fn read(&mut self, at: usize) {
        let Some(seat) = self.seats.get_mut(at) else { return };
        let (Some(mut device), number) = (seat.device.take(), seat.number) else { return };
        let is_ours = self.ours.contains(device.reader());
        let events = self.events.clone();
        thread::spawn(move || {
            let pin = if is_ours {
                // Its connection is the login.
                device.lock().ok()
            } else {
                device.reload();
                device.seen_pin()
            };
            let tile = Tile::read(&mut device, pin, is_ours);
            if tile.lock != Lock::Authenticated {
                device.let_go();
            }
            // Nobody is left to show it to when this fails.
            let _ = events.send(Event::Read(Box::new((number, device, tile))));
        });
    }

    fn put_back(&mut self, (number, device, tile): (u64, Device, Tile)) {
        // It may have gone meanwhile.
        let Some(at) = self.seats.iter().position(|seat| seat.number == number) else { return };
        if tile.lock != Lock::Authenticated {
            self.ours.remove(device.reader());
        }
        self.seats[at].device = Some(device);
        self.tiles[at] = tile;
        if self.is_settled() {
            self.join();
        }
    }

    /// Puts the two sides of one key together, once both were read.
    fn join(&mut self) {
        let before = self.seats.len();
        let numbers: Vec<_> = self.seats.iter().map(|seat| (seat.number, seat.place.clone())).collect();
        let devices: Vec<_> = self.seats.drain(..).filter_map(|seat| seat.device).collect();
        let mut tiles = mem::take(&mut self.tiles);
        let mut places: Vec<Place> = numbers.iter().map(|(_, place)| place.clone()).collect();
        let mut numbers: Vec<u64> = numbers.into_iter().map(|(number, _)| number).collect();
        for device in join(devices) {
            let place = Place::of(&device);
            let Some(at) = places.iter().position(|before| before.is_same(&place)) else { continue };
            let (number, _, mut tile) = (numbers.remove(at), places.remove(at), tiles.remove(at));
            let fresh = Tile::of(&device);
            (tile.firmware, tile.key, tile.offers) = (fresh.firmware, fresh.key, fresh.offers);
            tile.problem = tile.problem.or(fresh.problem);
            self.seats.push(Seat { number, device: Some(device), place });
            self.tiles.push(tile);
        }
        debug_assert!(self.seats.len() <= before);
    }

    /// The device in a place, if it is not being read.
    pub(super) fn device(&mut self, at: usize) -> Option<&mut Device> {
        self.seats.get_mut(at)?.device.as_mut()
    }

    /// From now on the connection to this device is kept: somebody has authenticated over it.
    pub(super) fn keep(&mut self, at: usize) {
        if let Some(device) = self.device(at) {
            let reader = device.reader().to_owned();
            self.ours.insert(reader);
        }
    }

    /// Ends what was authenticated here.
    pub(super) fn leave(&mut self) {
        for device in self.seats.iter_mut().filter_map(|seat| seat.device.as_mut()) {
            if self.ours.contains(device.reader()) {
                let _ = device.end_authentication();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc, Mutex,
            mpsc::{self, Receiver},
        },
        time::Duration,
    };

    use device::{Devices, Environment};
    use link::{Card, HidDevice, HidDevices, HidLink, LinkError, Reader, Readers, Transaction, Transmit};

    use super::*;

    /// A reader with a card that is no PIV card, and a security key that nobody may open, at the same place or not.
    struct Desk {
        there: Mutex<(bool, bool)>,
        place: Option<u32>,
    }

    impl Readers for Desk {
        fn list(&self) -> Result<Vec<Reader>, LinkError> {
            let reader = Reader { name: "R".to_owned(), atr: Some(vec![0x3B, 0]), events: 1 };
            Ok(if self.there.lock().unwrap().0 { vec![reader] } else { Vec::new() })
        }

        fn connect(&self, _: &str) -> Result<Box<dyn Card>, LinkError> {
            Ok(Box::new(Plugged(self.place)))
        }

        fn wait(&self, _: &[Reader], _: Option<Duration>) -> Result<Vec<Reader>, LinkError> {
            Readers::list(self)
        }

        fn cancel(&self) {}
    }

    impl HidDevices for Desk {
        fn list(&self) -> Result<Vec<HidDevice>, LinkError> {
            let key = HidDevice {
                path: "/dev/hidraw3".to_owned(),
                vendor: 1,
                product: 1,
                usage_page: 0xF1D0,
                usage: 1,
                serial: None,
                channel: Some(0x0113),
            };
            Ok(if self.there.lock().unwrap().1 { vec![key] } else { Vec::new() })
        }

        fn open(&self, _: &str) -> Result<Box<dyn HidLink>, LinkError> {
            Err(LinkError::Removed)
        }
    }

    struct Plugged(Option<u32>);

    impl Card for Plugged {
        fn atr(&self) -> &[u8] {
            &[0x3B, 0]
        }

        fn reader(&self) -> &'static str {
            "R"
        }

        fn insertion(&self) -> Option<&str> {
            None
        }

        fn channel(&self) -> Option<u32> {
            self.0
        }

        fn begin(&mut self) -> Result<Transaction<'_>, LinkError> {
            Ok(Transaction { link: Box::new(Strange), was_reset: false })
        }

        fn alone(&mut self) -> Result<bool, LinkError> {
            Ok(true)
        }
    }

    /// An empty PIV application, of which all is absent.
    struct Strange;

    impl Transmit for Strange {
        fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, LinkError> {
            Ok(if apdu[1] == 0xA4 { vec![0x90, 0x00] } else { vec![0x6A, 0x82] })
        }
    }

    fn watch(place: Option<u32>) -> (Machine, Seats, Receiver<Event>, Arc<Desk>) {
        let desk = Arc::new(Desk { there: Mutex::new((true, true)), place });
        let environment = Environment::new(host::store(), host::clock());
        let devices = Devices::new(desk.clone(), environment).with_keys(desk.clone());
        let (events, arrived) = mpsc::channel();
        let machine = Machine { readers: desk.clone(), keys: desk.clone(), devices };
        let mut seats = Seats::new(events);
        seats.renew(machine.devices.list().unwrap());
        (machine, seats, arrived, desk)
    }

    fn settle(machine: &Machine, seats: &mut Seats, arrived: &Receiver<Event>) {
        while !seats.is_settled() {
            seats.take(arrived.recv().unwrap(), machine).unwrap();
        }
    }

    #[test]
    fn tiles_are_there_at_once_and_the_two_sides_of_a_key_become_one() {
        let (machine, mut seats, arrived, _) = watch(Some(0x0113));
        assert_eq!(seats.tiles().len(), 2, "nothing was read yet");
        settle(&machine, &mut seats, &arrived);
        let joined: Vec<_> = seats.tiles().iter().map(|tile| tile.key.as_deref()).collect();
        assert_eq!(joined, [Some("/dev/hidraw3")]);
        seats.take(Event::Changed, &machine).unwrap();
        assert!(
            seats.is_settled() && seats.tiles().len() == 1,
            "nothing is read again, and nothing comes twice"
        );
    }

    #[test]
    fn sides_at_other_places_stay_two_and_what_goes_leaves_the_other() {
        let (machine, mut seats, arrived, desk) = watch(Some(0x0114));
        settle(&machine, &mut seats, &arrived);
        assert_eq!(seats.tiles().len(), 2);
        *desk.there.lock().unwrap() = (false, true);
        seats.take(Event::Changed, &machine).unwrap();
        assert!(seats.is_settled() && seats.tiles().len() == 1);
        assert_eq!(seats.tiles()[0].state, "key");
    }

    #[test]
    fn a_key_that_lost_its_reader_is_a_device_of_its_own() {
        let (machine, mut seats, arrived, desk) = watch(Some(0x0113));
        settle(&machine, &mut seats, &arrived);
        *desk.there.lock().unwrap() = (false, true);
        seats.take(Event::Changed, &machine).unwrap();
        settle(&machine, &mut seats, &arrived);
        assert_eq!((seats.tiles().len(), seats.tiles()[0].state), (1, "key"));
        seats.take(Event::Lost(LinkError::NoService), &machine).unwrap();
        assert!(seats.problem().is_some_and(|why| why.contains("pcscd")) && seats.tiles().len() == 1);
    }
}
