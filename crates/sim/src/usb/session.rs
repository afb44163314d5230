//! One stay on the bus, from the moment the device appears until it leaves: transfers of the host to the endpoints, and what
//! key and card have for the host back to it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::UsbKey;
use super::ccid::slot_change;
use super::descriptors::{BULK, HID, Identity, NOTICE, NOTICES, PACKET};
use super::pipe::{Answer, InPipe};
use super::reader::{self, Event};
use super::requests::{Reply, Requests};
use super::usbip::{HEADER, Submit, Urb, submitted, unlinked};
use crate::bell::locked;
use crate::key::{Mode, Opened};

/// Status of a transfer: errno of the kernel, negative.
const NO_ENDPOINT: i32 = -2;
const INVALID: i32 = -22;
const STALLED: i32 = -32;
const PROTOCOL: i32 = -71;
const UNLINKED: i32 = -104;

/// Messages on their way to the reader; the host waits beyond that, as for a device that answers NAK.
const QUEUE: usize = 16;

/// A host that takes no answer for so long never will.
const DEAF: Duration = Duration::from_secs(5);
/// How long the host may take to see that the device has left.
const HANGING_UP: Duration = Duration::from_secs(1);

/// A report that is followed by nothing so soon is part of a message: it has to wake nobody, and half of an update are such
/// reports. When the message is given up is known since its first one.
const SOON: Duration = Duration::from_millis(200);

pub(super) struct Session<'u> {
    device: &'u UsbKey,
    identity: Identity,
    listener: u64,
    stream: UnixStream,
    wire: Mutex<Wire>,
}

/// What goes back to the host, one answer at a time.
struct Wire {
    stream: UnixStream,
    requests: Requests,
    hid: InPipe,
    bulk: InPipe,
    notices: InPipe,
    left: bool,
}

impl<'u> Session<'u> {
    pub(super) fn new(device: &'u UsbKey, opened: Opened, stream: UnixStream) -> io::Result<Self> {
        let Opened { listener, device: hid, mode } = opened;
        let identity = Identity::new(hid, mode);
        stream.set_write_timeout(Some(DEAF))?;
        let wire = Wire {
            stream: stream.try_clone()?,
            requests: Requests::new(identity.clone()),
            hid: InPipe::new(PACKET),
            bulk: InPipe::new(PACKET),
            notices: InPipe::new(NOTICE),
            left: false,
        };
        Ok(Self { device, identity, listener, stream, wire: Mutex::new(wire) })
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        self.identity.name()
    }

    /// Until the device leaves; a host that hangs up, or speaks no USB/IP, has pulled it out.
    pub(super) fn serve(&self) {
        let (events, inbox) = sync_channel(QUEUE);
        std::thread::scope(|scope| {
            scope.spawn(|| self.watch());
            if self.identity.mode == Mode::Normal {
                let results = events.clone();
                scope.spawn(move || reader::run(self, &self.device.card, &results, &inbox));
            }
            // Why it ended does not matter: nothing more can be heard.
            let _ = self.listen(&events);
            if !locked(&self.wire).left {
                self.device.key.pull();
            }
            self.leave();
            self.drain();
            let _ = events.send(Event::Closed);
            self.device.key.close(self.listener);
        });
    }

    /// Says nothing more.
    fn leave(&self) {
        locked(&self.wire).left = true;
        let _ = self.stream.shutdown(Shutdown::Write);
        self.device.bell.ring();
    }

    /// The kernel hangs up in its own time: one that is cut off while it sends has been seen to wait for ever for
    /// transfers of its own.
    fn drain(&self) {
        let _ = self.stream.set_read_timeout(Some(HANGING_UP));
        let _ = io::copy(&mut &self.stream, &mut io::sink());
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// From the host.
impl Session<'_> {
    fn listen(&self, events: &SyncSender<Event>) -> io::Result<()> {
        let mut stream = &self.stream;
        let mut header = [0; HEADER];
        loop {
            stream.read_exact(&mut header)?;
            match Urb::parse(&header).map_err(io::Error::other)? {
                Urb::Unlink { number, of } => self.unlink(number, of)?,
                Urb::Submit(submit) if submit.is_sane() => {
                    let mut data = vec![0; if submit.is_in { 0 } else { submit.length as usize }];
                    stream.read_exact(&mut data)?;
                    self.submit(&submit, data, events)?;
                }
                Urb::Submit(submit) => {
                    io::copy(&mut stream.take(submit.following()), &mut io::sink())?;
                    self.answer([submitted(submit.number, INVALID, 0, &[])])?;
                }
            }
        }
    }

    fn unlink(&self, number: u32, of: u32) -> io::Result<()> {
        let mut wire = locked(&self.wire);
        let Wire { hid, bulk, notices, .. } = &mut *wire;
        let waited = hid.cancel(of) | bulk.cancel(of) | notices.cancel(of);
        wire.send([unlinked(number, if waited { UNLINKED } else { 0 })])
    }

    fn submit(&self, urb: &Submit, data: Vec<u8>, events: &SyncSender<Event>) -> io::Result<()> {
        let address = urb.endpoint | u8::from(urb.is_in) << 7;
        if locked(&self.wire).requests.is_halted(address) {
            return self.answer([submitted(urb.number, STALLED, 0, &[])]);
        }
        let has_reader = self.identity.mode == Mode::Normal;
        match (urb.endpoint, urb.is_in) {
            (0, _) => self.control(urb, &data, events),
            (HID, true) => {
                self.poll(urb, |wire| &mut wire.hid)?;
                self.device.bell.ring();
                Ok(())
            }
            (HID, false) => {
                let status = self.report(&data);
                self.taken(urb, status)
            }
            (BULK, true) if has_reader => self.poll(urb, |wire| &mut wire.bulk),
            (NOTICES, true) if has_reader => self.poll(urb, |wire| &mut wire.notices),
            (BULK, false) if has_reader => {
                self.taken(urb, 0)?;
                events.send(Event::Bytes(data)).map_err(io::Error::other)
            }
            _ => self.answer([submitted(urb.number, NO_ENDPOINT, 0, &[])]),
        }
    }

    fn control(&self, urb: &Submit, data: &[u8], events: &SyncSender<Event>) -> io::Result<()> {
        let reply = locked(&self.wire).requests.answer(urb.setup, data);
        match reply {
            Reply::Done(data) if urb.is_in => {
                let room =
                    usize::from(u16::from_le_bytes([urb.setup[6], urb.setup[7]])).min(urb.length as usize);
                let data = &data[..data.len().min(room)];
                self.answer([submitted(urb.number, 0, data.len(), data)])
            }
            Reply::Done(_) => self.taken(urb, 0),
            Reply::Report(report) => {
                let status = self.report(&report);
                self.taken(urb, status)
            }
            Reply::Abort(number) => {
                events.send(Event::Abort(number)).map_err(io::Error::other)?;
                self.taken(urb, 0)
            }
            Reply::Stall => self.answer([submitted(urb.number, STALLED, 0, &[])]),
        }
    }

    /// A report for the key, and the status of its transfer. One that is short is filled up.
    fn report(&self, data: &[u8]) -> i32 {
        let mut report = [0; PACKET];
        let Some(place) = report.get_mut(..data.len()) else { return PROTOCOL };
        place.copy_from_slice(data);
        let is_first = report[4] & 0x80 != 0;
        if is_first {
            let length = u16::from_be_bytes([report[5], report[6]]);
            self.device.card.mark(&format!("CTAPHID {:02X}, {length} bytes", report[4] & 0x7F));
        }
        let (sent, idle) = self.device.key.send(self.listener, &report);
        if is_first || idle.is_none_or(|idle| idle < SOON) {
            self.device.bell.ring();
        }
        if sent.is_ok() { 0 } else { PROTOCOL }
    }

    fn poll(&self, urb: &Submit, pipe: impl Fn(&mut Wire) -> &mut InPipe) -> io::Result<()> {
        let mut wire = locked(&self.wire);
        let answers = pipe(&mut wire).ask(urb.number, urb.length as usize);
        wire.send(answers)
    }

    fn taken(&self, urb: &Submit, status: i32) -> io::Result<()> {
        let done = if status == 0 { urb.length as usize } else { 0 };
        self.answer([submitted(urb.number, status, done, &[])])
    }
}

/// To the host.
impl Session<'_> {
    /// Reports of the key as the host asks for them, and the comings and goings of the card; ends the stay when the key
    /// has left.
    fn watch(&self) {
        let UsbKey { card, bell, .. } = self.device;
        let mut moves = card.epoch().moves;
        self.notify();
        loop {
            let seen = bell.rings();
            if locked(&self.wire).left {
                return;
            }
            let now = card.epoch().moves;
            if now != std::mem::replace(&mut moves, now) {
                self.notify();
            }
            let Ok(idle) = self.pump() else { return self.leave() };
            bell.wait(seen, idle.map(|idle| Instant::now() + idle));
        }
    }

    /// Answers the transfers that wait for reports, and tells how long nothing more will happen by itself. Without such
    /// a transfer reports stay with the key.
    ///
    /// # Errors
    /// The key has left.
    fn pump(&self) -> io::Result<Option<Duration>> {
        let mut wire = locked(&self.wire);
        loop {
            let polled = wire.hid.is_polled();
            let (report, idle) = self.device.key.receive(self.listener, polled);
            let answers = match report {
                Ok(Some(report)) => wire.hid.offer(report.to_vec()),
                Ok(None) => return Ok(idle),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Err(error),
                Err(_) => wire.hid.fail().into_iter().collect(),
            };
            wire.tell(answers);
        }
    }

    fn notify(&self) {
        let change = slot_change(self.device.card.is_present());
        let mut wire = locked(&self.wire);
        let answers = wire.notices.offer(change);
        wire.tell(answers);
    }

    /// A message of the reader.
    pub(super) fn tell(&self, message: Vec<u8>) {
        let mut wire = locked(&self.wire);
        let answers = wire.bulk.offer(message);
        wire.tell(answers);
    }

    fn answer(&self, answers: impl IntoIterator<Item = Answer>) -> io::Result<()> {
        locked(&self.wire).send(answers)
    }
}

impl Wire {
    /// For those who do not listen to the wire: whoever does finds out that nothing can be said any more.
    fn tell(&mut self, answers: Vec<Answer>) {
        if self.send(answers).is_err() {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    fn send(&mut self, answers: impl IntoIterator<Item = Answer>) -> io::Result<()> {
        answers.into_iter().try_for_each(|answer| self.stream.write_all(&answer))
    }
}
