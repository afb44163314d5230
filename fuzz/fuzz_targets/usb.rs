//! The USB device under any host: whatever transfers it is sent, and any bytes after them, it never panics, the stay on the
//! bus ends with the wire, and the next host finds it whole. To be run with `-detect_leaks=0`: threads that have just ended
//! pass for leaks.
#![no_main]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;

use sim::key::Profile;
use sim::usb::UsbKey;
use sim::{Personality, SimCard};

static KEY: LazyLock<UsbKey> =
    LazyLock::new(|| UsbKey::new(Profile::reference(1), &SimCard::new(Personality::key_v3())));

/// Endpoint and direction, SETUP, data or room; and what is no transfer at all.
type Script = (Vec<(u8, [u8; 8], Vec<u8>)>, Vec<u8>);

libfuzzer_sys::fuzz_target!(|script: Script| {
    let (transfers, rest) = script;
    let mut wire = Vec::new();
    for (number, (address, setup, data)) in (1u32..).zip(transfers) {
        let is_in = u32::from(address >> 7);
        let endpoint = u32::from(address & 0x0F);
        let length = if is_in == 1 { 271 } else { data.len() as u32 };
        let words = [1, number, 0, is_in, endpoint, 0, length, 0, u32::MAX, 0];
        wire.extend(words.into_iter().flat_map(u32::to_be_bytes));
        wire.extend(setup);
        if is_in == 0 {
            wire.extend(data);
        }
    }
    wire.extend(rest);
    wire.truncate(0x1_0000);
    play(&wire);
    // GET_STATUS of the device.
    let mut status = [1u32, 7, 0, 1, 0, 0, 2, 0, u32::MAX, 0].map(u32::to_be_bytes).concat();
    status.extend([0x80, 0, 0, 0, 0, 0, 2, 0]);
    let answers = play(&status);
    let is_answered = |answer: &[u8]| answer[..8] == [0, 0, 0, 3, 0, 0, 0, 7] && answer[48..] == [0, 0];
    assert!(answers.windows(50).any(is_answered), "{answers:02X?}");
});

fn play(said: &[u8]) -> Vec<u8> {
    let (device, mut host) = UnixStream::pair().unwrap();
    host.write_all(said).unwrap();
    host.shutdown(Shutdown::Write).unwrap();
    KEY.card().insert();
    KEY.plug();
    KEY.serve(device).unwrap();
    let mut answers = Vec::new();
    host.read_to_end(&mut answers).unwrap();
    answers
}
