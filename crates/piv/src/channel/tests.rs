//! Secure messaging against the worked vectors, two real sessions, a card's half of it, and whatever else may come.

mod certificates;
mod chains;
mod real;
mod session;
mod signatures;
mod vectors;

use rand_core::{CryptoRng, RngCore};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Establishment, Suite};
use crate::{
    apdu::{Command, Response, StatusWord},
    tlv,
};

/// A random number generator that gives these bytes, and then zeros.
pub(super) struct Replay(pub(super) Vec<u8>);

impl RngCore for Replay {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        let given = self.0.len().min(bytes.len());
        bytes[..given].copy_from_slice(&self.0[..given]);
        self.0.drain(..given);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Replay {}

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_whitespace().collect();
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// A file of vectors.
fn file(suite: Suite) -> Value {
    let text = match suite {
        Suite::Cs2 => include_str!("vectors/vci-cs2.json"),
        Suite::Cs7 => include_str!("vectors/vci-cs7.json"),
    };
    serde_json::from_str(text).unwrap()
}

/// The bytes at a path such as `/cvc/C_ICC`.
fn at(value: &Value, path: &str) -> Vec<u8> {
    hex(value.pointer(path).unwrap_or_else(|| panic!("no {path}")).as_str().unwrap())
}

fn response(data: Vec<u8>, status: u16) -> Response {
    Response { data: Zeroizing::new(data), status: StatusWord(status) }
}

/// A short command APDU, or a chain of them, as the command they carry.
fn command(apdus: &[Vec<u8>]) -> Command {
    let mut data = Vec::new();
    let mut expect = None;
    for apdu in apdus {
        let length = apdu.get(4).map_or(0, |length| usize::from(*length));
        let part = apdu.get(5..5 + length).unwrap_or_default();
        data.extend_from_slice(part);
        expect = (apdu.len() == 6 + length || apdu.len() == 5).then_some(0);
    }
    let last = apdus.last().unwrap();
    Command { cla: last[0], expect, ..Command::new(last[1], last[2], last[3]) }.data(Zeroizing::new(data))
}

/// The keys of the vectors, agreed on as their host does it.
fn establish(vectors: &Value, suite: Suite) -> (super::SecureChannel, super::Peer) {
    let (_, pending) = start(vectors, suite);
    let answer = response(at(vectors, "/key_establishment/response"), 0x9000);
    pending.finish(&answer, Some(GUID)).unwrap()
}

fn start(vectors: &Value, suite: Suite) -> (Command, Establishment) {
    let host = at(vectors, "/key_establishment/ID_sH").try_into().unwrap();
    Establishment::start_as(host, suite, &mut Replay(at(vectors, "/keys/d_eH"))).unwrap()
}

/// The card of the vectors.
const GUID: [u8; 16] =
    [0x6F, 0x1C, 0x0B, 0x5E, 0x6A, 0x3D, 0x4C, 0x2F, 0x9E, 0x77, 0x48, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5];
const SUITES: [Suite; 2] = [Suite::Cs2, Suite::Cs7];
