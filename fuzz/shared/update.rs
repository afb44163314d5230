// Shared by the fuzz target `update` and the test that replays its corpus.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use firmware::{
    Allow, Description, Flow, Machine, PrivateKey, SignedImage, Trust, UPDATE_MODE_IDS, install, sign,
};
use link::{Clock, Entry, HidDevice, HidDevices, HidLink, LinkError, Store};

const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIBERERERERERERERERERERERERERERERERERERERERER
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA0EqyMnQrtKs6E2i9RhXk5tAiSrcaAWuvhSCjMsl3hzc=
-----END PUBLIC KEY-----
";

/// Updates a key that does what these bytes say: it may do anything, and the update has to end.
pub(crate) fn run(script: &[u8]) {
    let key = Key(Arc::new(Mutex::new(Inside { script: script.to_vec(), ..Inside::default() })));
    let pause = |time: Duration| key.0.lock().unwrap().now += time;
    let machine =
        Machine { devices: &key, clock: &key, store: &key, pause: &pause, update_ids: UPDATE_MODE_IDS };
    let keys = machine.keys().unwrap();
    let mut trust = Trust::default();
    trust.add(PUBLIC).unwrap();
    for info in keys.iter().filter_map(|found| found.firmware()) {
        let description = Description {
            model: info.model.clone(),
            version: "9.0.0".parse().unwrap(),
            counter: u32::MAX,
            bootloader: Default::default(),
            hardware: (0..=255).collect(),
            header_size: 32,
        };
        let file = sign(&[0x5A; 600], &description, &[PrivateKey::from_pem(PRIVATE).unwrap()]).unwrap();
        let image = SignedImage::check(file, &trust).unwrap();
        if let Ok(image) = image.fit(info, Allow { same: true, older: true }) {
            let result = install(&machine, &image, &mut |_| key.0.lock().unwrap().wants());
            let key = key.0.lock().unwrap();
            assert!(result.is_err() || key.command == 0x66, "success without CONFIRM");
            assert!(key.now < Duration::from_secs(600), "an update that does not end");
        }
    }
    let _ = machine.confirm_remembered();
}

#[derive(Clone)]
struct Key(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    script: Vec<u8>,
    place: usize,
    now: Duration,
    /// The message of the host that is coming in.
    sent: Vec<u8>,
    channel: [u8; 4],
    command: u8,
    length: usize,
    ready: Vec<[u8; 64]>,
    kept: Option<Vec<u8>>,
}

impl Inside {
    /// The next byte of the script; at its end there is nothing more.
    fn next(&mut self) -> Option<u8> {
        let byte = self.script.get(self.place).copied();
        self.place += 1;
        byte
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map_while(|_| self.next()).collect()
    }

    fn wants(&self) -> Flow {
        let stop = self.script.get(self.place).is_some_and(|byte| *byte == 0xEE);
        if stop { Flow::Cancel } else { Flow::Continue }
    }

    fn take(&mut self, report: &[u8; 64]) {
        if report[4] & 0x80 != 0 {
            self.channel = [report[0], report[1], report[2], report[3]];
            self.command = report[4] & 0x7F;
            self.length = usize::from(u16::from_be_bytes([report[5], report[6]]));
            self.sent = report[7..].to_vec();
        } else {
            self.sent.extend_from_slice(&report[5..]);
        }
        if self.sent.len() >= self.length {
            self.sent.truncate(self.length);
            self.answer();
        }
    }

    /// One byte of the script says how; then come length and content, or a part of either.
    fn answer(&mut self) {
        let how = self.next();
        let length = self.next().map_or(0, usize::from);
        let content = match how {
            Some(0xF0..) => self.bytes(length),
            Some(_) => self.usual(length),
            None => return,
        };
        let command = match how {
            Some(0xE0) => 0x3B,
            Some(0xE1) => 0x3F,
            Some(0xE2) => self.next().unwrap_or(0) & 0x7F,
            _ => self.command,
        };
        let mut reports = frames(self.channel, command, &content);
        if how == Some(0xE3) && !reports.is_empty() {
            reports.remove(0);
        }
        self.ready.extend(reports);
    }

    /// What a good key might say, in so far as the host sees what it needs to go on.
    fn usual(&mut self, length: usize) -> Vec<u8> {
        match self.command {
            0x06 => [&self.sent[..], &[1, 2, 3, 4, 2, 0, 0, 0, 4]].concat(),
            0x10 => {
                let head = b"\x00\xA2\x03\x50crescendo-fuzz-1\x15\x81\x1B\x9C\x4D\x1E\x7A\x52\xB8\xF0\x63";
                head.to_vec()
            }
            0x60 => {
                let mode = self.next().unwrap_or(0) & 1;
                let head: &[u8] = &[1, mode, 3, b'a', b'.', b'b', 1];
                let numbers: &[u8] = &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0];
                [head, numbers, &[7; 16], &[0; 16]].concat()
            }
            0x62 => vec![0; 4],
            0x63 => {
                let offset = self.sent.first_chunk().map_or(0, |offset| u32::from_be_bytes(*offset));
                (offset + self.sent.len().saturating_sub(4) as u32).to_be_bytes().to_vec()
            }
            _ => self.bytes(length.min(1)),
        }
    }
}

fn frames(channel: [u8; 4], command: u8, message: &[u8]) -> Vec<[u8; 64]> {
    let (first, rest) = message.split_at(message.len().min(57));
    let head = [0x80 | command, (message.len() >> 8) as u8, message.len() as u8];
    let mut frames = vec![frame(channel, &head, first)];
    frames.extend(rest.chunks(59).zip(0u8..).map(|(part, number)| frame(channel, &[number], part)));
    frames
}

fn frame(channel: [u8; 4], head: &[u8], part: &[u8]) -> [u8; 64] {
    let mut frame = [0; 64];
    let bytes = channel.iter().chain(head).chain(part);
    frame.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    frame
}

impl HidLink for Key {
    fn write(&mut self, report: &[u8; 64]) -> io::Result<()> {
        let mut key = self.0.lock().unwrap();
        key.now += Duration::from_millis(1);
        key.take(report);
        Ok(())
    }

    fn read(&mut self, report: &mut [u8; 64], limit: Duration) -> io::Result<bool> {
        let mut key = self.0.lock().unwrap();
        if key.ready.is_empty() {
            key.now += limit;
            return Ok(false);
        }
        key.now += Duration::from_millis(1);
        *report = key.ready.remove(0);
        Ok(true)
    }
}

impl HidDevices for Key {
    /// A key, in one mode or the other, or none, as the script has it.
    fn list(&self) -> Result<Vec<HidDevice>, LinkError> {
        let mut key = self.0.lock().unwrap();
        let device = |vendor, product, usage_page| HidDevice {
            path: "key".to_owned(),
            vendor,
            product,
            usage_page,
            usage: 1,
            serial: None,
            channel: None,
        };
        Ok(match key.next() {
            Some(0xFF) | None => vec![],
            Some(byte) if byte & 1 == 0 => vec![device(0x1209, 1, 0xF1D0)],
            Some(_) => vec![device(0x1209, 2, 0xFFC0)],
        })
    }

    fn open(&self, _: &str) -> Result<Box<dyn HidLink>, LinkError> {
        self.0.lock().unwrap().ready.clear();
        Ok(Box::new(self.clone()))
    }
}

impl Clock for Key {
    fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    fn date(&self) -> Duration {
        self.now()
    }
}

impl Store for Key {
    fn load(&self, _: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().kept.clone()
    }

    fn update(&self, _: &str, change: &mut dyn FnMut(Option<Vec<u8>>) -> Option<Vec<u8>>) {
        let mut key = self.0.lock().unwrap();
        if let Some(kept) = change(key.kept.clone()) {
            key.kept = Some(kept);
        }
    }

    fn remove(&self, _: &str) {
        self.0.lock().unwrap().kept = None;
    }

    fn entries(&self) -> Vec<Entry> {
        let length = self.0.lock().unwrap().kept.as_ref().map_or(0, Vec::len) as u64;
        vec![Entry { key: "firmware-".to_owned(), length, idle: None }]
    }

    fn generation(&self) -> u64 {
        0
    }
}
