//! The worked sessions of this project's reading of the standard, byte for byte, from the card's point of view.

use p256::pkcs8::EncodePrivateKey;
use rand_core::RngCore;
use serde_json::Value;

use super::{Identity, Messaging};
use crate::card::chip::Chip;
use crate::card::cvc;
use crate::card::key::Key;
use crate::card::messaging::{Interface, SecureMessaging, Suite};
use crate::card::personality::Personality;
use crate::fixture::{Algorithm, Fixture};
use crate::hex;

const CS2: &str = include_str!("../../../../tests/vectors/vci-cs2.json");
const CS7: &str = include_str!("../../../../tests/vectors/vci-cs7.json");

const GUID: &[u8] = b"\x6F\x1C\x0B\x5E\x6A\x3D\x4C\x2F\x9E\x77\x48\xA1\xB2\xC3\xD4\xE5";

/// What a card draws by lot, here from the file.
struct Lot(Vec<u8>);

impl RngCore for Lot {
    fn next_u32(&mut self) -> u32 {
        unreachable!("nonces are drawn whole")
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("nonces are drawn whole")
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

fn both() -> [(Suite, Algorithm, Value); 2] {
    let read = |text| serde_json::from_str(text).expect("the vectors are JSON");
    [(Suite::Cs2, Algorithm::P256, read(CS2)), (Suite::Cs7, Algorithm::P384, read(CS7))]
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("a string")).expect("hexadecimal")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").into()
}

/// A private key of the file, as a fixture is one.
fn fixture(algorithm: Algorithm, private: &Value, certificate: Vec<u8>) -> Fixture {
    let private = bytes(private);
    let key = match algorithm {
        Algorithm::P256 => {
            p256::SecretKey::from_slice(&private).unwrap().to_pkcs8_der().unwrap().as_bytes().to_vec()
        }
        Algorithm::P384 => {
            p384::SecretKey::from_slice(&private).unwrap().to_pkcs8_der().unwrap().as_bytes().to_vec()
        }
        _ => private,
    };
    Fixture { name: "from the vectors", algorithm, key: key.leak(), certificate: certificate.leak() }
}

/// The card of the file: contactless, its keys and its next nonce.
fn card(suite: Suite, curve: Algorithm, vectors: &Value) -> Chip {
    let mut personality = Personality::piv_dual();
    personality.secure_messaging = SecureMessaging {
        suite: Some(suite),
        pairing_code: text(&vectors["codes"]["pairing_code"]),
        contact_tries: 0,
        ..personality.secure_messaging
    };
    let mut chip = Chip::new(personality);
    let keys = &vectors["keys"];
    let messaging: &mut Messaging = &mut chip.piv.messaging;
    messaging.interface = Interface::Contactless;
    messaging.nonces = Box::new(Lot(bytes(&vectors["key_establishment"]["N_ICC"])));
    let key = Key::new(&fixture(curve, &keys["d_sICC"], Vec::new()));
    messaging.identity = Some(Identity { suite, key, certificate: bytes(&vectors["cvc"]["C_ICC"]) });
    chip.piv.keys.insert(0x9A, Key::new(&fixture(Algorithm::Rsa2048, &keys["key_9A_pkcs8"], Vec::new())));
    chip.piv.keys.insert(0x9C, Key::new(&fixture(curve, &keys["key_9C_d"], Vec::new())));
    chip.piv.objects.insert(0x5FC105, bytes(&vectors["exchange"][1]["plain_response_data"]));
    chip
}

/// Sends a command in these blocks and compares every part of the answer.
fn plays(chip: &mut Chip, blocks: &[Value], segments: &[Value]) {
    let (last, before) = blocks.split_last().expect("a command has blocks");
    for block in before {
        assert_eq!(hex::encode(&chip.process(&bytes(block)).0), "9000");
    }
    for segment in segments {
        let sent = &segment["sent_after"];
        let apdu = if sent == "command" { bytes(last) } else { bytes(sent) };
        let expected = text(&segment["data"]) + &text(&segment["sw"]);
        assert_eq!(hex::encode(&chip.process(&apdu).0), expected);
    }
}

fn establish(chip: &mut Chip, vectors: &Value) {
    let establishment = &vectors["key_establishment"];
    let segments = establishment["response_segments"].as_array().expect("a list");
    plays(chip, &[establishment["command"].clone()], segments);
}

#[test]
fn whole_sessions() {
    for (suite, curve, vectors) in both() {
        let mut chip = card(suite, curve, &vectors);
        establish(&mut chip, &vectors);
        for exchange in vectors["exchange"].as_array().expect("a list") {
            let blocks = exchange["command"]["apdus"].as_array().expect("a list");
            let segments = exchange["response"]["segments"].as_array().expect("a list");
            plays(&mut chip, blocks, segments);
        }
        assert_eq!(chip.piv.messaging.established, 1);
    }
}

#[test]
fn the_four_errors() {
    for (suite, curve, vectors) in both() {
        let errors = vectors["errors"].as_array().expect("a list");
        let [before, changed, without_mac, without_suite] = &errors[..] else { panic!("four cases") };
        let says = |chip: &mut Chip, case: &Value| hex::encode(&chip.process(&bytes(&case["apdu"])).0);
        let mut chip = card(suite, curve, &vectors);
        assert_eq!(says(&mut chip, before), text(&before["sw"]));
        for case in [changed, without_mac] {
            establish(&mut chip, &vectors);
            assert_eq!(says(&mut chip, case), text(&case["sw"]), "{}", case["case"]);
            assert_eq!(says(&mut chip, before), "6982", "the session is gone");
        }
        let mut chip = Chip::new(Personality::piv());
        assert_eq!(says(&mut chip, without_suite), text(&without_suite["sw"]));
    }
}

#[test]
fn the_card_verifiable_certificate_is_issued_as_in_the_file() {
    for (_, curve, vectors) in both() {
        let certificate = bytes(&vectors["cvc"]["content_signer_certificate"]);
        let signer = fixture(curve, &vectors["keys"]["content_signer_d"], certificate);
        let key = Key::new(&fixture(curve, &vectors["keys"]["d_sICC"], Vec::new()));
        let issued = cvc::issue(&key, GUID, &signer, None);
        assert_eq!(hex::encode(&issued.card), text(&vectors["cvc"]["C_ICC"]));
        let container = crate::card::objects::signer(issued, false);
        assert_eq!(hex::encode(&container), text(&vectors["cvc"]["object_5FC122"]));
    }
}

#[test]
fn select_and_discovery_announce_suite_and_policy() {
    for (suite, curve, vectors) in both() {
        let mut chip = card(suite, curve, &vectors);
        let discovery = chip.process(&bytes(&vectors["discovery"]["command"])).0;
        assert_eq!(hex::encode(&discovery), text(&vectors["discovery"]["response"]) + "9000");
        // The label before it is each card's own.
        let select = hex::encode(&chip.process(&bytes(&vectors["select"]["command"])).0);
        let expected = text(&vectors["select"]["response"]) + "9000";
        assert_eq!(select[select.len() - 20..], expected[expected.len() - 20..]);
    }
}
