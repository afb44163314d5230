//! What secure messaging costs the host. `cargo test --release -p crescendo-piv --test channel_cost -- --ignored --nocapture`

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use p256::ecdsa::signature::hazmat::PrehashSigner;
use piv::{
    Algorithm, Command, PublicKey, Response, StatusWord,
    channel::{Anchors, ContentSigner, Cvc, Establishment, Peer, SecureChannel, Suite, Trust},
};
use rand_core::{CryptoRng, RngCore};
use serde_json::Value;
use zeroize::Zeroizing;

const SUITES: [(Suite, &str, &str); 2] = [
    (Suite::Cs2, "CS2", include_str!("../src/channel/vectors/vci-cs2.json")),
    (Suite::Cs7, "CS7", include_str!("../src/channel/vectors/vci-cs7.json")),
];
/// 2026-06-01.
const NOW: u64 = 1_780_272_000;

/// What one suite costs. Told as `CS2 NAME NUMBER`, a line each.
struct Cost {
    name: &'static str,
    verification: Duration,
    establishment: Duration,
    /// The mean over a session, and its longest.
    exchange: (Duration, Duration),
}

#[test]
#[ignore = "measures; run it optimised and alone"]
fn an_establishment_costs_at_most_four_verifications_and_an_exchange_30_us() {
    let costs = SUITES.map(|(suite, name, text)| cost(suite, name, text));
    // All are told before one is judged.
    costs.iter().for_each(Cost::tell);
    for cost in costs {
        assert!(cost.ratio() <= 4.0, "{}: {:.2} verifications", cost.name, cost.ratio());
        assert!(cost.exchange.0 < Duration::from_micros(30), "{}: {:?}", cost.name, cost.exchange.0);
    }
}

fn cost(suite: Suite, name: &'static str, text: &str) -> Cost {
    let vectors: Value = serde_json::from_str(text).unwrap();
    Cost {
        name,
        verification: verification(suite),
        establishment: median(30, || drop(black_box(establish(&vectors, suite)))),
        exchange: exchange(&vectors, suite),
    }
}

impl Cost {
    fn ratio(&self) -> f64 {
        self.establishment.as_secs_f64() / self.verification.as_secs_f64()
    }

    fn tell(&self) {
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        for (what, number) in [
            ("verification_us", us(self.verification)),
            ("establishment_us", us(self.establishment)),
            ("establishment_ratio", self.ratio()),
            ("exchange_us", us(self.exchange.0)),
            ("longest_exchange_us", us(self.exchange.1)),
        ] {
            println!("{} {what} {number:.3}", self.name);
        }
    }
}

fn median(times: usize, mut work: impl FnMut()) -> Duration {
    let mut measured: Vec<_> = (0..times)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    measured.sort();
    measured[times / 2]
}

fn verification(suite: Suite) -> Duration {
    let hash = [0x5A; 48];
    let (point, signature) = match suite {
        Suite::Cs2 => {
            let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
            let signature: p256::ecdsa::Signature = key.sign_prehash(&hash[..32]).unwrap();
            (key.verifying_key().to_encoded_point(false).as_bytes().to_vec(), signature.to_vec())
        }
        Suite::Cs7 => {
            let key = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
            let signature: p384::ecdsa::Signature = key.sign_prehash(&hash).unwrap();
            (key.verifying_key().to_encoded_point(false).as_bytes().to_vec(), signature.to_vec())
        }
    };
    let (algorithm, length) = match suite {
        Suite::Cs2 => (Algorithm::EccP256, 32),
        Suite::Cs7 => (Algorithm::EccP384, 48),
    };
    let key = PublicKey::Ecc { point, algorithm };
    median(30, || assert!(key.verifies(black_box(&hash[..length]), &signature)))
}

/// All that the host does until it knows whom it talks to, the reading of the certificates included.
fn establish(vectors: &Value, suite: Suite) -> (SecureChannel, Peer) {
    let host = at(vectors, "/key_establishment/ID_sH").try_into().unwrap();
    let (_, pending) = Establishment::start_as(host, suite, &mut Replay(at(vectors, "/keys/d_eH"))).unwrap();
    let answer = response(at(vectors, "/key_establishment/response"));
    let guid = Cvc::parse(&at(vectors, "/cvc/C_ICC")).unwrap().guid();
    let (mut channel, peer) = pending.finish(&answer, guid).unwrap_or_else(|error| panic!("{error}"));
    let object = at(vectors, "/cvc/object_5FC122");
    let signer = ContentSigner::parse(&object[4..]).unwrap();
    assert_eq!(Trust::of(&peer, &signer, &Anchors::default(), None, NOW), Trust::FirstUse);
    channel.trust();
    (channel, peer)
}

/// The mean over a session, and its longest exchange: a certificate, or an RSA signature.
fn exchange(vectors: &Value, suite: Suite) -> (Duration, Duration) {
    let exchanges = vectors["exchange"].as_array().unwrap();
    let mut channels: Vec<_> = (0..30).map(|_| establish(vectors, suite).0).collect();
    let times: Vec<_> = exchanges
        .iter()
        .map(|exchange| {
            let answer = at(exchange, "/response/sm_data_field");
            let mut channels = channels.iter_mut();
            median(30, || {
                let channel = channels.next().unwrap();
                black_box(channel.protect(plain(exchange)).unwrap());
                black_box(channel.unprotect(response(answer.clone())).unwrap());
            })
        })
        .collect();
    let mean = times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap();
    (mean, times.into_iter().max().unwrap())
}

/// The plain command, its parts put together.
fn plain(exchange: &Value) -> Command {
    let (mut data, mut expect) = (Zeroizing::new(Vec::new()), None);
    let apdus = exchange["plain_command"].as_array().unwrap();
    let last = hex(apdus.last().unwrap().as_str().unwrap());
    for apdu in apdus {
        let apdu = hex(apdu.as_str().unwrap());
        let length = apdu.get(4).map_or(0, |length| usize::from(*length));
        data.extend_from_slice(apdu.get(5..5 + length).unwrap_or_default());
        expect = (apdu.len() == 6 + length).then_some(0);
    }
    Command { cla: 0, ins: last[1], p1: last[2], p2: last[3], data, expect, long: false }
}

fn response(data: Vec<u8>) -> Response {
    Response { data: Zeroizing::new(data), status: StatusWord::OK }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn at(value: &Value, path: &str) -> Vec<u8> {
    hex(value.pointer(path).unwrap().as_str().unwrap())
}

/// Gives the private key of the vectors.
struct Replay(Vec<u8>);

impl RngCore for Replay {
    fn next_u32(&mut self) -> u32 {
        0
    }

    fn next_u64(&mut self) -> u64 {
        0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Replay {}
