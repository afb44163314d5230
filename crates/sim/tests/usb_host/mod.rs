//! A host at the other end of the wire: as much of a kernel's virtual host controller as it takes to speak to the device.
//! Numbers of USB/IP are big-endian, those of USB little-endian.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crescendo_sim::usb::UsbKey;

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const STALL: i32 = -32;

/// The ports a key is plugged into, one after the other.
pub(crate) struct Host(Receiver<UnixStream>);

impl Host {
    pub(crate) fn new(key: &UsbKey) -> Self {
        let (cables, host) = channel();
        let key = key.clone();
        std::thread::spawn(move || {
            key.run(|| {
                let (device, kernel) = UnixStream::pair()?;
                cables.send(kernel).map_err(io::Error::other)?;
                Ok(device)
            })
        });
        Self(host)
    }

    /// The next time the device appears.
    pub(crate) fn port(&self) -> Port {
        let stream = self.0.recv_timeout(LIMIT).expect("a device appears");
        Port::new(stream)
    }

    /// Whether nothing appears for a while.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.recv_timeout(Duration::from_millis(600)).is_err()
    }
}

/// A device on the bus.
pub(crate) struct Port {
    pub(crate) stream: UnixStream,
    next: u32,
    done: HashMap<u32, (i32, Vec<u8>)>,
}

/// Data or bytes taken, or an errno.
pub(crate) type Outcome = Result<Vec<u8>, i32>;

impl Port {
    pub(crate) fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Self { stream, next: 1, done: HashMap::new() }
    }

    /// A transfer, which may take as long as it likes: its number.
    pub(crate) fn submit(&mut self, address: u8, room: u32, setup: [u8; 8], data: &[u8]) -> u32 {
        let (is_in, endpoint) = (address >> 7, address & 0x0F);
        let length = if is_in == 1 { room } else { data.len() as u32 };
        let words =
            [1, self.next, 0x1_0001, u32::from(is_in), u32::from(endpoint), 0, length, 0, u32::MAX, 0];
        let mut header: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        header.extend(setup);
        header.extend_from_slice(data);
        self.stream.write_all(&header).unwrap();
        self.next += 1;
        self.next - 1
    }

    /// The end of a transfer.
    pub(crate) fn end_of(&mut self, number: u32) -> Outcome {
        loop {
            if let Some((status, data)) = self.done.remove(&number) {
                return if status == 0 { Ok(data) } else { Err(status) };
            }
            self.listen().expect("the device is there");
        }
    }

    /// One answer. Transfers to the device have no data in it, so their count is all there is.
    fn listen(&mut self) -> io::Result<()> {
        let mut header = [0; 48];
        self.stream.read_exact(&mut header)?;
        let word = |n: usize| u32::from_be_bytes(header[4 * n..][..4].try_into().unwrap());
        let (kind, number, status) = (word(0), word(1), word(5) as i32);
        let mut data = vec![0; if kind == 3 && self.was_in(number) { word(6) as usize } else { 0 }];
        self.stream.read_exact(&mut data)?;
        self.done.insert(number, (status, data));
        Ok(())
    }

    /// Odd as it is, an answer does not say which direction it is for: this host gives transfers to the device even numbers.
    fn was_in(&self, number: u32) -> bool {
        number % 2 == 1
    }

    fn even(&mut self, even: bool) {
        self.next += u32::from(self.next.is_multiple_of(2) != even);
    }

    /// Asks an endpoint for data, and does not wait.
    pub(crate) fn poll(&mut self, endpoint: u8, room: u32) -> u32 {
        self.even(false);
        self.submit(0x80 | endpoint, room, [0; 8], &[])
    }

    pub(crate) fn read(&mut self, endpoint: u8, room: u32) -> Outcome {
        let number = self.poll(endpoint, room);
        self.end_of(number)
    }

    pub(crate) fn write(&mut self, endpoint: u8, data: &[u8]) -> Outcome {
        self.even(true);
        let number = self.submit(endpoint, 0, [0; 8], data);
        self.end_of(number)
    }

    /// A control transfer: bmRequestType, bRequest, wValue, wIndex, and wLength or what is sent.
    pub(crate) fn control(&mut self, kind: u8, request: u8, value: u16, index: u16, length: u16) -> Outcome {
        self.even(kind & 0x80 == 0);
        let mut setup = [kind, request, 0, 0, 0, 0, 0, 0];
        setup[2..4].copy_from_slice(&value.to_le_bytes());
        setup[4..6].copy_from_slice(&index.to_le_bytes());
        setup[6..].copy_from_slice(&length.to_le_bytes());
        let number = self.submit(kind & 0x80, length.into(), setup, &[]);
        self.end_of(number)
    }

    pub(crate) fn descriptor(&mut self, kind: u8, index: u8, language: u16) -> Outcome {
        self.control(0x80, 0x06, u16::from_be_bytes([kind, index]), language, 255)
    }

    pub(crate) fn string(&mut self, index: u8) -> String {
        let descriptor = self.descriptor(3, index, 0x0409).unwrap();
        let units: Vec<u16> =
            descriptor[2..].chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
        String::from_utf16(&units).unwrap()
    }

    /// Vendor and product.
    pub(crate) fn ids(&mut self) -> [u16; 2] {
        let device = self.descriptor(1, 0, 0).unwrap();
        [8, 10].map(|at| u16::from_le_bytes([device[at], device[at + 1]]))
    }

    /// Unlinks a transfer: the status of that.
    pub(crate) fn unlink(&mut self, of: u32) -> i32 {
        self.even(true);
        let words = [2, self.next, 0x1_0001, 0, 0, of, 0, 0, 0, 0, 0, 0];
        let header: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        self.stream.write_all(&header).unwrap();
        self.next += 1;
        let number = self.next - 1;
        self.end_of(number).map_or_else(|status| status, |_| 0)
    }

    /// Whether the device has left, once everything it said is read.
    pub(crate) fn leaves(mut self) -> bool {
        loop {
            match self.listen() {
                Ok(()) => {}
                Err(error) => return error.kind() == io::ErrorKind::UnexpectedEof,
            }
        }
    }
}

/// CTAPHID.
impl Port {
    /// A message, and the command and data of its answer; KEEPALIVEs are passed over.
    pub(crate) fn call(&mut self, channel: u32, command: u8, data: &[u8]) -> (u8, Vec<u8>) {
        self.say(channel, command, data);
        loop {
            let (command, data) = self.hear();
            if command != 0x3B {
                return (command, data);
            }
        }
    }

    pub(crate) fn say(&mut self, channel: u32, command: u8, data: &[u8]) {
        let (first, rest) = data.split_at(data.len().min(57));
        let head = [0x80 | command, (data.len() >> 8) as u8, data.len() as u8];
        self.report(channel, &head, first);
        for (sequence, part) in (0..).zip(rest.chunks(59)) {
            self.report(channel, &[sequence], part);
        }
    }

    fn report(&mut self, channel: u32, head: &[u8], part: &[u8]) {
        let mut report = [&channel.to_be_bytes()[..], head, part].concat();
        report.resize(64, 0);
        self.write(1, &report).unwrap();
    }

    pub(crate) fn hear(&mut self) -> (u8, Vec<u8>) {
        let first = self.read(1, 64).unwrap();
        let length = usize::from(u16::from_be_bytes([first[5], first[6]]));
        let mut data = first[7..].to_vec();
        while data.len() < length {
            data.extend_from_slice(&self.read(1, 64).unwrap()[5..]);
        }
        data.truncate(length);
        (first[4] & 0x7F, data)
    }

    /// A channel of its own.
    pub(crate) fn channel(&mut self) -> u32 {
        let (command, answer) = self.call(0xFFFF_FFFF, 0x06, b"a nonce!");
        assert_eq!((command, &answer[..8]), (0x06, &b"a nonce!"[..]));
        u32::from_be_bytes(answer[8..12].try_into().unwrap())
    }
}

/// CCID.
impl Port {
    /// A message, and its answer whole.
    pub(crate) fn ccid(&mut self, kind: u8, number: u8, special: [u8; 3], data: &[u8]) -> Vec<u8> {
        self.ccid_send(kind, number, special, data);
        self.read(2, 271).unwrap()
    }

    pub(crate) fn ccid_send(&mut self, kind: u8, number: u8, special: [u8; 3], data: &[u8]) {
        let mut message = vec![kind];
        message.extend((data.len() as u32).to_le_bytes());
        message.extend([0, number]);
        message.extend(special);
        message.extend_from_slice(data);
        self.write(2, &message).unwrap();
    }

    /// A T=1 block, and the one that answers it.
    pub(crate) fn block(&mut self, pcb: u8, information: &[u8]) -> (u8, Vec<u8>) {
        let answer = self.ccid(0x6F, 0, [0; 3], &block(pcb, information));
        unblock(&answer)
    }
}

pub(crate) fn block(pcb: u8, information: &[u8]) -> Vec<u8> {
    let mut block = [&[0, pcb, information.len() as u8], information].concat();
    block.push(block.iter().fold(0, |sum, byte| sum ^ byte));
    block
}

/// PCB and information of the block in an RDR_to_PC_DataBlock.
pub(crate) fn unblock(message: &[u8]) -> (u8, Vec<u8>) {
    assert_eq!((message[0], message[7] & 0xC0), (0x80, 0), "{message:02X?}");
    let block = &message[10..];
    assert_eq!(block.iter().fold(0, |sum, byte| sum ^ byte), 0, "the LRC");
    (block[1], block[3..block.len() - 1].to_vec())
}
