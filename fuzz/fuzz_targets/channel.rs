//! Answers to one protected command, and to a key establishment: no bytes are the card's, save by forging a checksum.
#![no_main]

use std::sync::LazyLock;

use piv::{
    Command, Response, StatusWord,
    channel::{Cvc, Establishment, Suite},
};
use rand_core::{CryptoRng, RngCore};

/// The host's key and the card's answer in a recorded session of a test card (NIST Special Database 33, card 4).
const KEY: &str = "BB056FD3BE53E7463A1D3E91BF377A5780E10D047896A4A702E7CCED41A70D81";
const ANSWER: &str = "\
    7C81F78281F4007C9BBC6AE2CBBC6406DC759AF75A1AB946CD5E20AECFE49BC266C397C4870DA47F2181CF5F290180420819\
    05976BDDCA823D5F2010A4EB5A0966C34F3E83F3B77E0EE96A257F494D06082A8648CE3D030107864104F57AF811BF34404D\
    138E0A0A89778E7317D1494C30AF68416EC0A610B8FEF90920B822944A60FD26C960BDC05FF55629195C1E44B5B8141068FD\
    6999F993FCD35F4C01005F37573055300A06082A8648CE3D04030203470030440220137E2076285EDBB4DAAB1D43E0153B6D\
    30E4C0B4EC87FB72E8A980A586676A4D022008BE3A44C327769717CB207ADA9E968D5956E7F6DE0BC11CB8AF676B0547F171";
/// Where the certificate begins in the answer.
const CERTIFICATE: usize = 39;

static RECORDED: LazyLock<Vec<u8>> = LazyLock::new(|| hex(ANSWER));

libfuzzer_sys::fuzz_target!(|answer: &[u8]| {
    let guid = Cvc::parse(&RECORDED[CERTIFICATE..]).unwrap().guid();
    let start = || Establishment::start(Suite::Cs2, &mut Recorded).unwrap().1;
    if answer != &RECORDED[..] {
        assert!(start().finish(&response(answer), guid).is_err());
    }
    let (mut channel, _) =
        start().finish(&response(&RECORDED), guid).unwrap_or_else(|error| panic!("{error}"));
    let data = vec![0x5C, 0x03, 0x5F, 0xC1, 0x02].into();
    channel.protect(Command { cla: 0, ins: 0xCB, p1: 0x3F, p2: 0xFF, data, expect: Some(0), long: false }).unwrap();
    assert!(channel.unprotect(response(answer)).is_err());
    assert!(!channel.is_open());
});

fn response(data: &[u8]) -> Response {
    Response { data: data.to_vec().into(), status: StatusWord::OK }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Gives the key of the session.
struct Recorded;

impl RngCore for Recorded {
    fn next_u32(&mut self) -> u32 {
        0
    }

    fn next_u64(&mut self) -> u64 {
        0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&hex(KEY));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Recorded {}
